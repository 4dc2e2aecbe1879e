//! When the detector looks at a frame, and when tracks are held where they are instead.
//!
//! Promises: pure; whatever moves is looked at; what stands still is looked at again and again, so that it is neither lost nor
//!   kept when it is gone.
//! Leaves to others: what moves (`gate`), following (`track`).
//!
//! | the detector looks | because |
//! |---|---|
//! | something moves, and [`AFTER_MOTION_US`] after | a new object needs two or three looks to become a track, and one more where it stops |
//! | something differs from the background, but has not moved for [`STILL_US`], and [`STILL_LOOK_US`] have passed, or a tenth of the time since the last motion if that is longer | what stopped stays different until the gate has taken it for background, which takes minutes; a car that parked is not looked at with every frame |
//! | the light changed, or the gate learns | then the gate knows nothing |
//! | a track was not seen in the last look, or a detection is no track yet, within [`ASKING_US`] of the last motion | it is found again, or it is over: waiting tells neither; a thing that is detected now and then does not keep the detector busy for ever |
//! | something is followed and [`SECOND_LOOK_US`] have passed, or a quarter of the time since the last motion if that is longer | who stands still does not move, and the gate takes what stays for background after a while: a second look confirms it, or ends it after the tracker's 3 s of looking in vain; a parked car is not looked at all night |
//! | nothing is followed and [`IDLE_LOOK_US`] have passed | something came in while the picture was bad, or so slowly that it never moved |

use crate::gate::Motion;
use nvr_base::Rect;
use nvr_base::scene::Scene;

/// Time the detector goes on looking after the last motion, µs.
pub const AFTER_MOTION_US: i64 = 1_000_000;
/// What keeps its place for so long has stopped, µs.
pub const STILL_US: i64 = 1_500_000;
/// Longest time that what has stopped is not looked at, µs.
pub const STILL_LOOK_US: i64 = 1_000_000;
/// Two boxes that overlap by more are one place.
const SAME_PLACE_IOU: f32 = 0.75;
/// Longest time that something followed is not looked at, µs.
pub const SECOND_LOOK_US: i64 = 2_000_000;
/// The same when nothing has moved for long, µs.
pub const STILL_LOOK_US_MAX: i64 = 5_000_000;
/// For so long after the last motion, what was lost or is not sure yet is looked at with every frame, µs.
pub const ASKING_US: i64 = 10_000_000;
/// Longest time that nothing is looked at, µs.
pub const IDLE_LOOK_US: i64 = 10_000_000;

/// What the last looks found.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// Places that differ from the background, and since when none was added or left.
    places: Vec<Rect>,
    placed_us: i64,
    moved_us: Option<i64>,
    /// The first frame.
    began_us: Option<i64>,
    looked_us: Option<i64>,
    asks: bool,
}

impl Look {
    /// Whether the detector looks at the frame at `at_us`.
    pub fn decide(&mut self, at_us: i64, motion: &Motion, is_following: bool) -> bool {
        let differs = motion.share > 0.0;
        if differs && !self.has_stopped(at_us, &motion.boxes) {
            self.moved_us = Some(at_us);
        }
        let passed = |since: Option<i64>| since.map_or(i64::MAX, |us| at_us.saturating_sub(us));
        let began_us = *self.began_us.get_or_insert(at_us);
        let still_us = at_us.saturating_sub(self.moved_us.unwrap_or(began_us)).max(0);
        let rest = match (differs, is_following) {
            (true, _) => (still_us / 10).clamp(STILL_LOOK_US, STILL_LOOK_US_MAX),
            (false, true) => (still_us / 4).clamp(SECOND_LOOK_US, IDLE_LOOK_US),
            (false, false) => IDLE_LOOK_US,
        };
        let asks = self.asks && still_us <= ASKING_US;
        let (moved, looked) = (passed(self.moved_us), passed(self.looked_us));
        // A time that runs backwards: another timeline.
        let strange = moved < 0 || looked < 0;
        let unsure = motion.learning || motion.light_changed || asks || strange;
        unsure || moved <= AFTER_MOTION_US || looked >= rest
    }

    /// Whether what differs from the background has long been where it is. It is compared with where it was when it was new:
    /// from picture to picture, nobody who walks moves far.
    fn has_stopped(&mut self, at_us: i64, boxes: &[Rect]) -> bool {
        let is_known = |new: &Rect| self.places.iter().any(|old| old.iou(new) > SAME_PLACE_IOU);
        let since = at_us.saturating_sub(self.placed_us);
        if boxes.is_empty() || since < 0 || !boxes.iter().all(is_known) {
            (self.places, self.placed_us) = (boxes.to_vec(), at_us);
            return false;
        }
        since >= STILL_US
    }

    /// The detector looked and this is what is followed now.
    pub fn looked(&mut self, scene: &Scene, is_following: bool) {
        self.looked_us = Some(scene.at_us);
        let is_candidate = is_following && scene.tracks.is_empty();
        self.asks = is_candidate || scene.tracks.iter().any(|track| !track.observed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::scene::{Track, TrackId};
    use nvr_base::{Label, Rect};

    /// Frames every 500 ms: something moves with `m`, stands with `s`; `l` learns, `.` does not; the tracks a look finds: `-` none, `o` one that is seen,
    /// `u` one that is not, `c` a candidate. Out: `X` where the detector looks.
    fn check(frames: &str, found: char, expected: &str) {
        assert_eq!(looks(frames, found), expected, "{frames} {found}");
    }

    fn looks(frames: &str, found: char) -> String {
        let mut look = Look::default();
        let mut said = String::new();
        for (at_us, frame) in (0..).step_by(500_000).zip(frames.chars()) {
            let motion = Motion {
                share: if matches!(frame, 'm' | 's') { 0.1 } else { 0.0 },
                boxes: match frame {
                    'm' => vec![Rect { x: at_us as f32 / 1e7, y: 0.2, w: 0.1, h: 0.3 }],
                    's' => vec![Rect { x: 0.5, y: 0.2, w: 0.1, h: 0.3 }],
                    _ => Vec::new(),
                },
                learning: frame == 'l',
                ..Motion::default()
            };
            let looks = look.decide(at_us, &motion, found != '-');
            if looks {
                let track = Track {
                    id: TrackId(1),
                    label: Label::PERSON,
                    score: 0.5,
                    rect: Rect::default(),
                    velocity: (0.0, 0.0),
                    first_seen_us: 0,
                    last_seen_us: at_us,
                    observed: found == 'o',
                };
                let tracks = if matches!(found, 'o' | 'u') { vec![track] } else { Vec::new() };
                look.looked(&Scene { at_us, tracks, ..Scene::default() }, found != '-');
            }
            said.push(if looks { 'X' } else { '.' });
        }
        said
    }

    #[test]
    fn when_the_detector_looks() {
        check("lll.....m......", '-', "XXX.....XXX....");
        check("lll.....m......", 'o', "XXX...X.XXX...X");
        check("lll..ssssssss", '-', "XXX..XXXXX.X.");
        check("lll..mmmmmmmm", '-', "XXX..XXXXXXXX");
        check("lll..ssssssms", '-', "XXX..XXXXX.XX");
        check("lll.......", 'u', "XXXXXXXXXX");
        check("lll.......", 'c', "XXXXXXXXXX");
        check("........................", '-', "X...................X...");
        check("............", 'o', "X...X...X...");
    }

    #[test]
    fn what_stands_for_long_is_looked_at_less_and_less() {
        let count = |frame: &str, found: char| -> Vec<usize> {
            let frames = format!("lll{}", frame.repeat(237));
            let said = looks(&frames, found);
            said.as_bytes().chunks(60).map(|part| part.iter().filter(|c| **c == b'X').count()).collect()
        };
        assert_eq!(count(".", 'o'), [10, 3, 3, 3]);
        assert_eq!(count("s", 'o'), [25, 7, 6, 6]);
        // Not seen, or not sure: with every frame for 10 s, then as all else.
        assert_eq!(count(".", 'u'), [24, 3, 3, 3]);
    }
}
