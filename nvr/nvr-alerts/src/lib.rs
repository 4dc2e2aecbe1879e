//! Alerts: from what plugins say to what a person handles.
//!
//! Promises: pure state machines, without clock, disk or locks.
//! Leaves to others: what plugins are (`nvr-plugins`), where alerts are kept (`nvr-store`).

pub mod act;
pub mod arm;
pub mod count;
pub mod desk;
pub mod raise;
