//! What the rules of every situation share, as pure state machines: keys, dwell and release, crossing, continuity.
//!
//! Promises: no clock, no memory of more than a few seconds; times are media times. The meaning is the one every rule has:
//! see each file. Leaves to others: the situation itself (`plugins/*/src/rule.rs`).

mod crossing;
mod episode;
mod inside;
mod keys;
mod pose;
mod relay;
mod rider;
mod watch;

pub use crossing::Crossing;
pub use episode::{Change, Episode, Holds};
pub use inside::{CONFIRM_US_MAX, Inside};
pub use keys::{CommonKeys, LineDirection, class_of};
pub use pose::{Joint, POSE_FLOATS, POSES_MAX, Pose};
pub use relay::{Held, Relay};
pub use rider::{is_rider, is_watched, rides};
pub use watch::{Look, Measure, Watch};
