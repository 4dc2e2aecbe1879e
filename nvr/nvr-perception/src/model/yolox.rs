//! YOLOX's output: one map over all strides of box, objectness and class scores (Ge et al. 2021, arXiv 2107.08430).
//!
//! Centre = (offset + cell) × stride, size = exp(size) × stride, score = objectness × class.
//!
//! Promises: a shape that does not fit is an error; numbers that are not finite give no box.
//! Leaves to others: overlapping boxes (`nms`).

use super::error::ModelError;
use super::letterbox::Placement;
use super::manifest::Manifest;
use super::session::View;
use nvr_base::label::Label;
use nvr_base::scene::Detection;

/// The boxes of one frame. `outputs`: one map `[1, cells of all strides, 5 + classes]`.
pub fn read(
    manifest: &Manifest,
    outputs: &[View<'_>],
    placement: Placement,
    score_min: f32,
) -> Result<Vec<Detection>, ModelError> {
    let width = 5 + manifest.labels.len();
    let (columns, rows) = (manifest.input.width, manifest.input.height);
    let cells: usize = manifest.output.strides.iter().map(|s| (columns / s) * (rows / s)).sum();
    let mut boxes = Vec::new();
    for map in outputs {
        if map.shape != [1, cells as i64, width as i64] {
            return Err(shape_error(manifest, map, "expected 1, cells, 5 + classes"));
        }
        let mut values = map.data.chunks_exact(width);
        for stride in &manifest.output.strides {
            let (columns, rows) = (columns / stride, rows / stride);
            for (cell, values) in values.by_ref().take(columns * rows).enumerate() {
                let [x, y, w, h, objectness, scores @ ..] = values else { continue };
                if *objectness < score_min {
                    continue; // no class can lift it
                }
                let Some((label, class)) = best(scores, &manifest.labels, score_min / objectness) else {
                    continue;
                };
                let scale = *stride as f32;
                let (x, y) = ((x + (cell % columns) as f32) * scale, (y + (cell / columns) as f32) * scale);
                let (w, h) = (w.exp() * scale / 2.0, h.exp() * scale / 2.0);
                if let Some(rect) = placement.to_picture(x - w, y - h, x + w, y + h) {
                    boxes.push(Detection { label, score: (objectness * class).clamp(0.0, 1.0), rect });
                }
            }
        }
    }
    Ok(boxes)
}

/// The best of a cell's scores that has a label, if it reaches `score_min`.
pub(crate) fn best(scores: &[f32], labels: &[Option<Label>], score_min: f32) -> Option<(Label, f32)> {
    let mut found: Option<(Option<Label>, f32)> = None;
    for (score, label) in scores.iter().zip(labels) {
        if *score >= score_min && found.is_none_or(|(_, most)| *score > most) {
            found = Some((*label, *score));
        }
    }
    found.and_then(|(label, score)| Some((label?, score)))
}

pub(crate) fn shape_error(manifest: &Manifest, view: &View<'_>, expected: &'static str) -> ModelError {
    let found = view.shape.to_vec();
    ModelError::Shape { id: manifest.id.clone(), tensor: view.name.to_owned(), found, expected }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop on what it did not expect")]

    use super::*;

    /// A manifest of an input of 16 × 16.
    pub(crate) fn tiny(family: &str, tensors: &[&str], labels: &str, more: &str) -> Manifest {
        let text = format!(
            "id = \"tiny\"\nabout = \"a test\"\nsource = \"none\"\nfile = \"tiny.onnx\"\nbytes = 1\nlicence = \"none\"\n\
             sha256 = \"{}\"\n[input]\ntensor = \"i\"\nlayout = \"nchw\"\nwidth = 16\nheight = 16\norder = \"bgr\"\n\
             fit = \"stretch\"\n[output]\nfamily = \"{family}\"\ntensors = {tensors:?}\nlabels = {labels}\n{more}\n",
            "0".repeat(64)
        );
        Manifest::parse("tiny", &text).unwrap()
    }

    /// Detections as (label, score, box), nearly.
    pub(crate) fn same(found: &[Detection], expected: &[(usize, f32, [f32; 4])]) {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (f, (label, score, rect)) in found.iter().zip(expected) {
            assert_eq!(f.label.index(), *label, "{f:?}");
            assert!((f.score - score).abs() < 1e-4, "{f:?} is not {score}");
            let near = f.rect.to_array().iter().zip(rect).all(|(a, b)| (a - b).abs() < 1e-4);
            assert!(near, "{f:?} is not {rect:?}");
        }
    }

    /// One cell of four (stride 8) with these seven numbers, the others silent.
    fn check(cell: usize, values: [f32; 7], expected: &[(usize, f32, [f32; 4])]) {
        let manifest = tiny("yolox", &["o"], "[\"person\", \"bicycle\"]", "strides = [8]");
        let mut data = [0.0; 28];
        data[cell * 7..cell * 7 + 7].copy_from_slice(&values);
        let view = View { name: "o", shape: &[1, 4, 7], data: &data };
        let placement = Placement { width: 16.0, height: 16.0 };
        same(&read(&manifest, &[view], placement, 0.4).unwrap(), expected);
    }

    #[test]
    fn boxes() {
        check(0, [0.0; 7], &[]);
        // Cell (1, 1), half a stride inside: centre (12, 12), one stride wide.
        check(3, [0.5, 0.5, 0.0, 0.0, 0.9, 0.8, 0.1], &[(0, 0.72, [0.5, 0.5, 0.5, 0.5])]);
        check(3, [0.5, 0.5, 0.0, 0.0, 0.9, 0.1, 0.8], &[(1, 0.72, [0.5, 0.5, 0.5, 0.5])]);
        check(3, [0.5, 0.5, 0.0, 0.0, 0.6, 0.6, 0.1], &[]); // 0.36
        check(0, [0.5, 0.5, std::f32::consts::LN_2, 0.0, 1.0, 1.0, 0.0], &[(0, 1.0, [0.0, 0.0, 0.75, 0.5])]); // clipped
        check(0, [0.5, 0.5, f32::NAN, 0.0, 1.0, 1.0, 0.0], &[]);
        check(0, [0.5, 0.5, 0.0, 0.0, f32::NAN, 1.0, 0.0], &[]);
    }

    #[test]
    fn wrong_shapes() {
        let manifest = tiny("yolox", &["o"], "[\"person\", \"bicycle\"]", "strides = [8]");
        let view = View { name: "o", shape: &[1, 28], data: &[0.0; 28] };
        let placement = Placement { width: 16.0, height: 16.0 };
        assert!(read(&manifest, &[view], placement, 0.4).is_err());
    }
}
