//! Capture and encode V4L2 cameras, and decode still pictures, in sandboxed child processes of the recorder.
//!
//! Promises: the only crate linking GStreamer and v4l; camera bytes are touched only behind the sandbox; whatever is
//!   lost is said. Data flow: `device` → `choice` → `sandbox` → `capture` → `loss` → (`jpeg` | `annexb` | `encoder`)
//!   → `output` → the recorder; one still picture: `sandbox` → `still` → `nvr picture`;
//!   a file for the analysis: `frames` → `nvr-perceive`, cameras for it: `decode` → `nvr-perceive`; what that draws:
//!   `write` → a file.
//! Leaves to others: starting the child, restarting it, and gaps (`nvr-ingest`), the protocol (`nvr-base`).

pub mod annexb;
pub mod capture;
pub mod child;
pub mod choice;
pub mod decode;
pub mod device;
pub mod encoder;
pub mod failure;
pub mod frames;
pub mod jpeg;
mod load;
pub mod loss;
pub mod output;
mod parameters;
pub mod picture;
pub mod sandbox;
pub mod still;
pub mod syscalls;
pub mod write;
