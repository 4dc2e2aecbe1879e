//! Non-maximum suppression: of boxes of one label that overlap, the best stays.
//!
//! Promises: the same boxes in give the same boxes out, best first, ties in the order given; never more than
//! [`DETECTIONS_MAX`]; boxes of different labels do not suppress each other.
//! Leaves to others: what a box is worth (the family's module).

use nvr_base::scene::{Detection, TRACKS_MAX};

/// Most detections of a frame.
pub const DETECTIONS_MAX: usize = TRACKS_MAX;
/// Most boxes looked at; the best are kept.
pub const CANDIDATES_MAX: usize = 1024;

/// Greedy suppression: best first, a box goes when it overlaps a kept one of its label by more than `iou_max`.
pub fn suppress(mut boxes: Vec<Detection>, iou_max: f32) -> Vec<Detection> {
    boxes.retain(|b| b.score.is_finite());
    boxes.sort_by(|a, b| b.score.total_cmp(&a.score)); // stable
    boxes.truncate(CANDIDATES_MAX);
    let mut kept: Vec<Detection> = Vec::new();
    for candidate in boxes {
        if kept.len() == DETECTIONS_MAX {
            break;
        }
        let taken = kept.iter().any(|k| k.label == candidate.label && k.rect.iou(&candidate.rect) > iou_max);
        if !taken {
            kept.push(candidate);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::geometry::Rect;
    use nvr_base::label::Label;

    fn detection(label: Label, score: f32, x: f32) -> Detection {
        Detection { label, score, rect: Rect { x, y: 0.1, w: 0.2, h: 0.4 } }
    }

    fn check(boxes: &[(Label, f32, f32)], expected: &[usize]) {
        let boxes: Vec<_> = boxes.iter().map(|(l, s, x)| detection(*l, *s, *x)).collect();
        let kept = suppress(boxes.clone(), 0.5);
        assert_eq!(kept, expected.iter().filter_map(|i| boxes.get(*i).copied()).collect::<Vec<_>>());
    }

    #[test]
    fn the_best_stays() {
        use Label as L;
        check(&[], &[]);
        check(&[(L::PERSON, 0.5, 0.1), (L::PERSON, 0.9, 0.12)], &[1]);
        check(&[(L::PERSON, 0.5, 0.1), (L::PERSON, 0.9, 0.4)], &[1, 0]); // apart
        check(&[(L::PERSON, 0.5, 0.1), (L::BICYCLE, 0.9, 0.1)], &[1, 0]); // a rider
        check(&[(L::PERSON, 0.5, 0.1), (L::PERSON, 0.5, 0.1)], &[0]); // a tie
        check(&[(L::PERSON, f32::NAN, 0.1), (L::PERSON, 0.5, 0.1)], &[1]);
        // A chain: the middle goes, so the ends stay.
        check(&[(L::PERSON, 0.9, 0.1), (L::PERSON, 0.8, 0.15), (L::PERSON, 0.7, 0.2)], &[0, 2]);
    }

    #[test]
    fn bounded() {
        let many = (0..5000).map(|i| detection(Label::PERSON, 0.5, i as f32)).collect();
        assert_eq!(suppress(many, 0.5).len(), DETECTIONS_MAX);
    }
}
