//! A body's joints as a model of poses gives them: shoulders to ankles, never a face.
//!
//! Promises: pure; joints that are guesses or no numbers are absent; one side stands for both where the other is hidden.
//! Leaves to others: whose body it is, and what its pose means (the rule).

use nvr_base::geometry::Rect;

/// Numbers of one pose: twelve joints of x, y, score.
pub const POSE_FLOATS: usize = 36;
/// Most bodies the model finds: with so many it misses others and changes whom it finds from look to look.
pub const POSES_MAX: usize = 6;
/// Joints below this are guesses.
const JOINT_SCORE_MIN: f32 = 0.2;

/// A left and a right joint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// Where the torso ends above.
    Shoulder = 0,
    /// Where it ends below.
    Hip = 6,
    /// Between thigh and shin.
    Knee = 8,
    /// Over the foot.
    Ankle = 10,
}

/// One body; normalised to the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    joints: [Option<[f32; 3]>; POSE_FLOATS / 3],
}

impl Pose {
    /// Those of one look.
    pub fn all(data: &[f32]) -> impl Iterator<Item = Self> + '_ {
        data.chunks_exact(POSE_FLOATS).map(Self::read)
    }

    /// Of twelve joints: left and right shoulder, elbow, wrist, hip, knee, ankle; what is missing is absent.
    pub fn read(data: &[f32]) -> Self {
        let mut joints = [None; POSE_FLOATS / 3];
        for (joint, found) in joints.iter_mut().zip(data.chunks_exact(3)) {
            *joint = <[f32; 3]>::try_from(found)
                .ok()
                .filter(|[x, y, s]| x.is_finite() && y.is_finite() && *s >= JOINT_SCORE_MIN);
        }
        Self { joints }
    }

    /// The left and the right one: x, y.
    pub fn both(&self, joint: Joint) -> [Option<[f32; 2]>; 2] {
        let side = |n: usize| self.joints.get(joint as usize + n).copied().flatten().map(|[x, y, _]| [x, y]);
        [side(0), side(1)]
    }

    /// Their middle; one side is enough: who lies on the side hides the other.
    pub fn middle(&self, joint: Joint) -> Option<[f32; 2]> {
        match self.both(joint) {
            [Some(a), Some(b)] => Some([(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0]),
            [Some(one), None] | [None, Some(one)] => Some(one),
            [None, None] => None,
        }
    }

    /// Around all its joints, within the picture; and how sure they are, 0..1.
    pub fn extent(&self) -> (Rect, f32) {
        let known: Vec<[f32; 3]> = self.joints.iter().flatten().copied().collect();
        let least = |c: usize| known.iter().filter_map(|j| j.get(c)).copied().fold(f32::INFINITY, f32::min);
        let most =
            |c: usize| known.iter().filter_map(|j| j.get(c)).copied().fold(f32::NEG_INFINITY, f32::max);
        let (x, y) = (least(0).clamp(0.0, 1.0), least(1).clamp(0.0, 1.0));
        let rect = Rect { x, y, w: most(0).clamp(x, 1.0) - x, h: most(1).clamp(y, 1.0) - y };
        let score = known.iter().map(|j| j[2]).sum::<f32>() / known.len().max(1) as f32;
        (rect, score.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Joints by their place in the list; out: where the middle of a joint is.
    fn check(joints: &[(usize, [f32; 3])], joint: Joint, expected: Option<[f32; 2]>) {
        let mut data = [0.0; POSE_FLOATS];
        for (n, found) in joints {
            data.iter_mut().skip(n * 3).zip(found).for_each(|(to, from)| *to = *from);
        }
        assert_eq!(Pose::read(&data).middle(joint), expected, "{joints:?}");
        assert_eq!(Pose::all(&data).count(), 1);
    }

    #[test]
    fn middles() {
        let (left, right) = ([0.25, 0.5, 0.9], [0.75, 0.25, 0.4]);
        check(&[(6, left), (7, right)], Joint::Hip, Some([0.5, 0.375]));
        check(&[(10, left)], Joint::Ankle, Some([0.25, 0.5]));
        check(&[(1, right)], Joint::Shoulder, Some([0.75, 0.25]));
        check(&[(0, left)], Joint::Knee, None);
    }

    #[test]
    fn guesses_and_what_is_no_number_are_absent() {
        check(&[(8, [0.25, 0.5, 0.1])], Joint::Knee, None);
        check(&[(8, [f32::NAN, 0.5, 0.9]), (9, [0.5, 0.5, 0.9])], Joint::Knee, Some([0.5, 0.5]));
        assert_eq!(Pose::read(&[]).middle(Joint::Hip), None);
    }
}
