//! Crossing a line: by the foot point, through the segment, 0.1 of the box's height beyond it, once per direction.
//!
//! Promises: a box that trembles on the line, stands on it or turns round before it is beyond crosses nothing; who walks
//! round an end of the line does not cross it. Distances are those of the picture as seen, not of its normalised square.
//! Leaves to others: which track continues which (`relay`), which directions count (`keys`).

use crate::closed::Direction;
use nvr_base::geometry::{Line, Point, Rect};

/// Beyond the line by so much of the box's height.
const BEYOND: f32 = 0.1;

/// One object at one line.
#[derive(Debug, Clone, Copy, Default)]
pub struct Crossing {
    /// Last foot point off the line, and on which side: the sign.
    last: Option<(Point, f32)>,
    /// The side it belongs to until it is beyond the other: the sign.
    home: f32,
    /// Whether its last change of side went through the segment.
    through: bool,
    forward: bool,
    backward: bool,
}

impl Crossing {
    /// Where it was seen (not predicted) now; `aspect` is width over height of the picture.
    pub fn update(&mut self, line: &Line, rect: &Rect, aspect: f32) -> Option<Direction> {
        let seen = |p: Point| Point { x: p.x * aspect, y: p.y };
        let line = Line { a: seen(line.a), b: seen(line.b) };
        let foot = seen(rect.foot());
        let side = line.side(foot);
        if !side.is_finite() || side == 0.0 {
            return None;
        }
        match self.last {
            None => self.home = side.signum(),
            Some((from, was)) if was.signum() != side.signum() => {
                let share = was / (was - side);
                let at =
                    Point { x: from.x + share * (foot.x - from.x), y: from.y + share * (foot.y - from.y) };
                self.through = (0.0..=1.0).contains(&line.along(at));
            }
            Some(_) => {}
        }
        self.last = Some((foot, side));
        if side.signum() == self.home || side.abs() < BEYOND * rect.h {
            return None;
        }
        self.home = side.signum();
        let (direction, done) = if side > 0.0 {
            (Direction::Forward, &mut self.forward)
        } else {
            (Direction::Backward, &mut self.backward)
        };
        (self.through && !std::mem::replace(done, true)).then_some(direction)
    }

    /// Whether it is at home on the side a crossing in this direction leads to.
    pub fn is_beyond(&self, direction: Direction) -> bool {
        match direction {
            Direction::Forward => self.home > 0.0,
            Direction::Backward => self.home < 0.0,
            Direction::None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feet of a box 0.2 high, one a step; out: the step and direction of each crossing.
    fn check(line: [[f32; 2]; 2], aspect: f32, feet: &[[f32; 2]], expected: &[(usize, Direction)]) {
        let line = Line::from(line.map(Point::from));
        let mut crossing = Crossing::default();
        let box_at = |[x, y]: [f32; 2]| Rect { x: x - 0.05, y: y - 0.2, w: 0.1, h: 0.2 };
        let found: Vec<_> = feet
            .iter()
            .enumerate()
            .filter_map(|(n, foot)| crossing.update(&line, &box_at(*foot), aspect).map(|d| (n, d)))
            .collect();
        assert_eq!(found, expected, "{feet:?}");
    }

    const ACROSS: [[f32; 2]; 2] = [[0.0, 0.5], [1.0, 0.5]];
    const SHORT: [[f32; 2]; 2] = [[0.4, 0.5], [0.6, 0.5]];

    fn down(steps: &[f32]) -> Vec<[f32; 2]> {
        steps.iter().map(|y| [0.5, *y]).collect()
    }

    #[test]
    fn counts_beyond_the_line() {
        check(ACROSS, 1.0, &down(&[0.4, 0.49, 0.51, 0.519, 0.53, 0.6]), &[(4, Direction::Forward)]);
        check(ACROSS, 1.0, &down(&[0.6, 0.49, 0.47]), &[(2, Direction::Backward)]);
        check(ACROSS, 1.0, &down(&[0.2, 0.9]), &[(1, Direction::Forward)]);
        check([[1.0, 0.5], [0.0, 0.5]], 1.0, &down(&[0.2, 0.9]), &[(1, Direction::Backward)]);
    }

    #[test]
    fn trembling_and_turning_round_count_nothing() {
        check(ACROSS, 1.0, &down(&[0.49, 0.51, 0.495, 0.515, 0.49, 0.518, 0.4]), &[]);
        check(ACROSS, 1.0, &down(&[0.5, 0.5, 0.5]), &[]);
        check(ACROSS, 1.0, &down(&[0.4, 0.51, 0.47]), &[]);
    }

    #[test]
    fn once_per_direction() {
        let there_and_back = down(&[0.4, 0.6, 0.4, 0.6, 0.4]);
        check(ACROSS, 1.0, &there_and_back, &[(1, Direction::Forward), (2, Direction::Backward)]);
    }

    #[test]
    fn the_ends_matter() {
        check(SHORT, 1.0, &[[0.2, 0.4], [0.2, 0.6], [0.5, 0.7]], &[]);
        check(SHORT, 1.0, &[[0.2, 0.4], [0.5, 0.45], [0.5, 0.6]], &[(2, Direction::Forward)]);
        // Round the end, then back through it.
        check(SHORT, 1.0, &[[0.2, 0.4], [0.2, 0.6], [0.5, 0.6], [0.5, 0.4]], &[(3, Direction::Backward)]);
    }

    #[test]
    fn distance_is_the_one_seen() {
        // A line from top to bottom: in a picture twice as wide as high, 0.01 of its width is 0.02 of its height.
        let upright = [[0.5, 0.0], [0.5, 1.0]];
        check(upright, 1.0, &[[0.6, 0.5], [0.485, 0.5]], &[]);
        check(upright, 2.0, &[[0.6, 0.5], [0.485, 0.5]], &[(1, Direction::Forward)]);
    }
}
