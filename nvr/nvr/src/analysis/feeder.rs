//! The thread between the tap and the line.
//!
//! Promises: it waits for samples, never for the child; a camera that goes or comes is told at once.
//! Leaves to others: what is dropped (`tap`, `line`).

use super::bell::Bell;
use super::line::Line;
use super::tap::{Tapped, Taps};
use super::turn::Command;
use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Longest wait for a sample; nothing depends on it but the end.
const WAIT: Duration = Duration::from_millis(500);
/// Rest after a batch: a wake-up for each sample would cost more than the samples.
const REST: Duration = Duration::from_millis(10);

/// Runs until the queue is closed.
pub(super) fn run(taps: &Taps, line: &Arc<Mutex<Line>>, commands: &Sender<Command>, wake: &Bell) {
    let mut batch = Vec::new();
    let mut present = BTreeMap::new();
    while taps.queue().drain(&mut batch, WAIT) {
        let is_empty = batch.is_empty();
        for tapped in batch.drain(..) {
            let change = match &tapped {
                Tapped::Down(number) => Some((*number, false)),
                Tapped::Sample(number, _) => Some((*number, true)),
                Tapped::Format(..) | Tapped::Hole(_) => None,
            };
            if let Some((number, is_present)) = change
                && present.insert(number, is_present) != Some(is_present)
            {
                // The analysis may have ended: then this thread ends with the queue.
                let _ = commands.send(Command::Present(number, is_present));
                wake.ring();
            }
            if let Tapped::Format(number, video) = &tapped {
                let _ = commands.send(Command::Picture(*number, video.width.into()));
                wake.ring();
            }
            line.lock().unwrap_or_else(PoisonError::into_inner).feed(tapped);
        }
        if !is_empty {
            std::thread::sleep(REST);
        }
    }
}
