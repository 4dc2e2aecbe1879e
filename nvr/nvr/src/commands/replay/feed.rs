//! What one instance is given of what perception makes: inputs at its own rate, whatever other rules need.
//!
//! Promises: pure; media time alone decides; an end of a track or a result that comes between two inputs is given with
//!   the next; what waits is bounded, the oldest goes first and is counted.
//! Leaves to others: what is made (`orders`), sending (`detectors`).

use super::orders::Share;
use nvr_base::analysis::{Analysed, FLOATS_MAX, INFERENCES_MAX, Inference};
use nvr_base::grid::Grid;
use nvr_base::scene::{Scene, TRACKS_MAX, TrackId};
use nvr_plugins::protocol::Input;
use std::collections::VecDeque;

/// The inputs of one instance.
#[derive(Debug)]
pub(super) struct Feed {
    grid: Grid,
    share: Share,
    ended: VecDeque<TrackId>,
    results: VecDeque<Inference>,
    is_after_gap: bool,
    /// Ends and results that were left out.
    left_out: u64,
}

impl Feed {
    /// Of a camera that is analysed `camera_fps` times a second.
    pub(super) fn new(share: Share, camera_fps: f32) -> Self {
        let grid = Grid::within(share.fps, camera_fps);
        let (ended, results) = (VecDeque::new(), VecDeque::new());
        Self { grid, share, ended, results, is_after_gap: false, left_out: 0 }
    }

    /// Inputs begin anew: nothing of before is given.
    pub(super) fn clear(&mut self) {
        self.ended.clear();
        self.results.clear();
        self.is_after_gap = false;
    }

    /// Ends and results that were left out for want of room.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The input of this frame, when one is due; `instance` and `wall_us` are the caller's to set.
    pub(super) fn take(&mut self, analysed: &Analysed) -> Option<Input> {
        self.ended.extend(&analysed.scene.ended);
        while self.ended.len() > 2 * TRACKS_MAX {
            self.ended.pop_front();
            self.left_out += 1;
        }
        let own = |order: u16| self.share.inferences.contains(&order);
        self.results.extend(analysed.inferences.iter().filter(|a| own(a.order)).map(|a| a.inference.clone()));
        let floats = |all: &VecDeque<Inference>| all.iter().map(|i| i.data.len()).sum::<usize>();
        while self.results.len() > INFERENCES_MAX || floats(&self.results) > FLOATS_MAX {
            self.results.pop_front();
            self.left_out += 1;
        }
        self.is_after_gap |= analysed.is_after_gap;
        let is_own = |order: u16| self.share.frames.contains(&order);
        let frames: Vec<_> = analysed.frames.iter().filter(|f| is_own(f.order)).map(|f| f.frame).collect();
        // A frame comes on the grid; should it not, it is worth an input.
        if !self.grid.takes(analysed.scene.at_us) && frames.is_empty() {
            return None;
        }
        let ended = std::mem::take(&mut self.ended).into();
        Some(Input {
            sequence: analysed.sequence,
            picture: analysed.picture,
            is_after_gap: std::mem::take(&mut self.is_after_gap),
            scene: Scene { ended, ..analysed.scene.clone() },
            frames,
            inferences: std::mem::take(&mut self.results).into(),
            ..Input::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::analysis::{Answered, Delivered, FrameFormat, FrameRef};

    fn analysed(n: u64) -> Analysed {
        let frame = FrameRef { format: FrameFormat::Gray8, offset: n, width: 1, height: 1, stride: 1 };
        let inference = Inference {
            model: "m".into(),
            track: 0,
            at_us: n as i64,
            kind: 3,
            dims: vec![1, 1, 1],
            region: nvr_base::Rect::default(),
            data: vec![0.0],
        };
        Analysed {
            sequence: n,
            is_after_gap: n == 3,
            scene: Scene { at_us: n as i64 * 100_000, ended: vec![TrackId(n)], ..Scene::default() },
            frames: vec![Delivered { order: (n % 4) as u16, frame }],
            inferences: vec![Answered { order: (n % 2) as u16, inference }],
            ..Analysed::default()
        }
    }

    /// Inputs of ten frames at 10 a second, as `sequence:ended/frames/results`.
    fn check(share: Share, expected: &str) {
        let mut feed = Feed::new(share, 10.0);
        let inputs = (0..10).filter_map(|n| feed.take(&analysed(n))).map(|i| {
            let ended: Vec<_> = i.scene.ended.iter().map(ToString::to_string).collect();
            let results: Vec<_> = i.inferences.iter().map(|r| r.at_us.to_string()).collect();
            let gap = if i.is_after_gap { "!" } else { "" };
            format!("{}{gap}:{}/{}/{}", i.sequence, ended.join("+"), i.frames.len(), results.join("+"))
        });
        assert_eq!(inputs.collect::<Vec<_>>().join(" "), expected);
        assert_eq!(feed.left_out(), 0);
    }

    #[test]
    fn inputs_at_the_own_rate() {
        let share = |fps, frames, inferences| Share { fps, frames, inferences };
        check(share(5.0, vec![], vec![]), "0:0/0/ 2:1+2/0/ 4!:3+4/0/ 6:5+6/0/ 8:7+8/0/");
        check(share(2.0, vec![], vec![1]), "0:0/0/ 5!:1+2+3+4+5/0/1+3+5");
        check(share(2.0, vec![2], vec![]), "0:0/0/ 2:1+2/1/ 5!:3+4+5/0/ 6:6/1/");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut feed = Feed::new(Share { fps: 0.01, frames: vec![], inferences: vec![0, 1] }, 10.0);
        assert!(feed.take(&analysed(0)).is_some());
        (1..800).for_each(|n| assert!(feed.take(&analysed(n % 900)).is_none()));
        assert_eq!(feed.left_out(), (799 - 2 * TRACKS_MAX as u64) + (799 - INFERENCES_MAX as u64));
        feed.clear();
        assert!(
            feed.take(&Analysed { scene: Scene { at_us: 200_000_000, ..Scene::default() }, ..analysed(1) })
                .is_some_and(|input| input.scene.ended.is_empty() && input.inferences.len() == 1)
        );
    }
}
