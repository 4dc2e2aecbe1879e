//! Cameras without a model: which frames plugins get, in which sizes, with which bytes.

#![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

use super::*;
use crate::model::{Shelf, Wanted};
use nvr_base::geometry::Polygon;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

fn engine() -> Engine {
    let nothing = Wanted::Only(BTreeSet::new());
    Engine::new(Arc::new(Shelf::read(Path::new("/nowhere"), false, None, &nothing).unwrap())).unwrap()
}

/// A frame whose luma is the number of its pixel.
fn frame(at_ms: i64, width: usize, height: usize, full_range: bool) -> Frame {
    let chroma = vec![128; width.div_ceil(2) * height.div_ceil(2)];
    let luma = (0..width * height).map(|n| (n % 256) as u8).collect();
    Frame { at_us: at_ms * 1000, width, height, full_range, planes: [luma, chroma.clone(), chroma] }
}

fn order(ring: u16, format: FrameFormat, width: u32, height: u32, fps_max: f32) -> FrameOrder {
    FrameOrder { ring, format, width, height, fps_max }
}

/// Orders and the sizes in which a picture of 32 × 16 comes, with each frame's first gray bytes or RGB pixels.
fn check(orders: Vec<FrameOrder>, masks: Vec<Polygon>, is_full: bool, expected: &[(u32, u32, &[u8])]) {
    let rings = Rings::default();
    let readers = [rings.make(0, 1 << 16).unwrap(), rings.make(1, 1 << 16).unwrap()];
    let rings_of: Vec<_> = orders.iter().map(|o| usize::from(o.ring)).collect();
    let camera = CameraOrder { fps: 10.0, frames: orders, masks, ..CameraOrder::default() };
    camera.check().unwrap();
    let frame = frame(0, 32, 16, is_full);
    let mut camera = Camera::new(5, camera);
    let room = camera.room(&frame);
    assert!(rings.fit(&room));
    let analysed = camera.analyse(&frame, &mut engine(), &rings, true).unwrap();
    analysed.check().unwrap();
    assert_eq!((analysed.camera, analysed.sequence, analysed.picture), (5, 0, (32, 16)));
    assert_eq!(analysed.frames.len(), expected.len());
    for (((delivered, (width, height, bytes)), ring), (_, len)) in
        analysed.frames.iter().zip(expected).zip(rings_of).zip(room)
    {
        let at = delivered.frame;
        assert_eq!((at.width, at.height), (*width, *height));
        assert_eq!((u64::from(at.stride) * u64::from(at.height), at.offset % 64), (len, 0));
        let mut got = vec![0; bytes.len()];
        rustix::io::pread(&readers[ring], &mut got, at.offset).unwrap();
        assert_eq!(&got, bytes, "{delivered:?}");
        rings.release(ring as u16, at.offset);
    }
    assert!(rings.are_idle());
}

#[test]
fn pictures() {
    use FrameFormat::{Gray8, Rgb8};
    let whole: Vec<u8> = (0..=255).chain(0..=255).collect();
    check(vec![order(0, Gray8, 1920, 1920, 10.0)], vec![], true, &[(32, 16, &whole)]);
    // Luma of cameras runs from 16 to 235; plugins get 0 to 255.
    let stretched: Vec<u8> =
        (0..32_i32).map(|n| ((n - 16).max(0) as f32 * 255.0 / 219.0).round() as u8).collect();
    check(vec![order(1, Gray8, 32, 16, 10.0)], vec![], false, &[(32, 16, &stretched)]);
    let left = Polygon([[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]].map(Into::into).to_vec());
    let mut masked = whole.clone();
    masked.chunks_mut(32).for_each(|row| row[..16].fill(crate::mask::MASK_GREY));
    let grey = [crate::mask::MASK_GREY; 48];
    check(
        vec![order(0, Gray8, 64, 64, 10.0), order(0, Rgb8, 32, 16, 10.0), order(1, Gray8, 32, 16, 10.0)],
        vec![left],
        true,
        &[(32, 16, &masked), (32, 16, &grey), (32, 16, &masked)],
    );
    // The shape is kept.
    check(
        vec![order(0, Rgb8, 8, 8, 1.0), order(0, Gray8, 100, 4, 1.0)],
        vec![],
        true,
        &[(8, 4, &[]), (8, 4, &[])],
    );
}

#[test]
fn rates_and_full_rings() {
    let orders = vec![order(0, FrameFormat::Gray8, 32, 16, 5.0), order(0, FrameFormat::Gray8, 16, 16, 2.0)];
    let mut camera = Camera::new(0, CameraOrder { fps: 10.0, frames: orders, ..CameraOrder::default() });
    let rings = Rings::default();
    let (_reader, mut engine) = (rings.make(0, 2048).unwrap(), engine());
    let mut got = Vec::new();
    for n in 0..20 {
        let frame = frame(n * 50, 32, 16, true);
        if !camera.due(frame.at_us) {
            continue;
        }
        let analysed = camera.analyse(&frame, &mut engine, &rings, false).unwrap();
        let orders: Vec<_> = analysed.frames.iter().map(|f| f.order.to_string()).collect();
        got.push(format!("{}:{}", analysed.sequence, orders.join("+")));
        if n < 10 {
            analysed.frames.iter().for_each(|f| rings.release(0, f.frame.offset));
        }
    }
    // From 0.5 s on nothing is given back: three frames of 512 bytes and one of 128 find room.
    assert_eq!(got.join(" "), "0:0+1 1: 2:0 3: 4:0 5:1 6:0 7: 8:0 9:");
    assert_eq!(rings.dropped(), 0);
    for n in 20..30 {
        let frame = frame(n * 50, 32, 16, true);
        if camera.due(frame.at_us) {
            camera.analyse(&frame, &mut engine, &rings, false).unwrap();
        }
    }
    assert_eq!(rings.dropped(), 2);
}

#[test]
fn boxes_end_at_the_edge() {
    let check = |from: [f32; 4], to: [f32; 4]| {
        let rect = |[x, y, w, h]: [f32; 4]| Rect { x, y, w, h };
        assert_eq!(in_picture(rect(from)), rect(to));
    };
    check([0.25, 0.25, 0.5, 0.5], [0.25, 0.25, 0.5, 0.5]);
    check([-0.25, 0.75, 0.5, 0.5], [0.0, 0.75, 0.25, 0.25]);
    check([1.5, -1.0, 0.5, 0.5], [1.0, 0.0, 0.0, 0.0]);
}
