//! The contract with detectors, and what makes writing one short.
//!
//! `include/nvr_plugin.h` is the contract. Read on: `detector` (what an author writes), `rule` (what the rules of every
//! situation share), `testkit` (a scripted scene in, events out). `abi` mirrors the header, `glue` is the plugin's side of
//! the boundary, `host` the other side.
//!
//! Promises: `unsafe` stands in `glue`, `host` and `output` alone; a detector has none.
//! Leaves to others: loading libraries (`nvr-worker`), events to alerts (`nvr-alerts`).
//!
//! A detector's crate is a `cdylib` (and an `rlib`, for its tests) with `unsafe_code = "deny"`, not `forbid`: the one
//! exported symbol counts as unsafe code to the compiler, and [`export_detector!`] allows exactly that one.

pub mod abi;
pub mod closed;
pub mod detector;
pub mod event;
pub mod glue;
pub mod host;
pub mod input;
pub mod needs;
pub mod output;
pub mod rule;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use closed::{Direction, EventType, Phase, Regime, Region, ResultKind, Series};
pub use detector::{Descriptor, Detector};
pub use event::{Event, Sample};
pub use input::{Frame, Inference, Input};
pub use needs::{FrameNeed, InferenceNeed, LabelSet, Needs};
pub use nvr_base::geometry::{Line, Point, Polygon, Rect};
pub use nvr_base::ground::Ground;
pub use nvr_base::label::{Class, Label};
pub use nvr_base::scene::{Scene, Track, TrackId};
pub use output::Output;
