//! What a worker said, after it was checked.
//!
//! Promises: plain data; an event here is of a type that the worker's descriptor declares.
//! Leaves to others: checking it (`worker`), what it means (`nvr-alerts`).

use crate::protocol::{Done, Event, InstanceId, Needs, Sample};

/// What a worker said, checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// An instance runs.
    Created(InstanceId, Needs),
    /// An instance cannot be made, for the plugin's reason.
    Refused(InstanceId, String),
    /// An event of a declared type, with the number of its input.
    Event(InstanceId, u64, Event),
    /// A count.
    Sample(InstanceId, u64, Sample),
    /// Crops wanted: model and tracks.
    Ask(InstanceId, String, Vec<u64>),
    /// An input was answered.
    Done(Done),
    /// A log line: level 1 error … 4 debug.
    Log(i32, String),
    /// The sandbox refused it something, by name.
    Denied(String),
    /// An instance is gone.
    Destroyed(InstanceId),
}

/// Whether an input was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// It is under way.
    Sent,
    /// Dropped and counted: the last one is not answered yet.
    Busy,
}

/// The worker is gone, for this reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Ended(pub String);
