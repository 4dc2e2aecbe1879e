//! Where a detector says what it saw.
//!
//! Promises: everything is copied before a call returns. What the host refuses (undeclared, over a limit) it counts and
//! shows; the detector goes on. Leaves to others: what a limit is (the header).

#![allow(unsafe_code, reason = "calls the host's functions")]

use crate::abi;
use crate::closed::Level;
use crate::event::{Event, Sample};
use nvr_base::scene::TrackId;

/// The host, during one call.
#[derive(Debug)]
pub struct Output<'a> {
    host: &'a abi::Host,
}

impl<'a> Output<'a> {
    /// `host` is the one `create` was given, and the call into this instance has not returned: `glue` sees to both.
    pub(crate) fn new(host: &'a abi::Host) -> Self {
        Self { host }
    }

    /// Says an event.
    pub fn emit(&mut self, event: &Event) {
        let raw = abi::Event {
            kind: event.kind.number(),
            phase: event.phase.number(),
            object: event.object,
            since_us: event.since_us,
            start_us: event.start_us,
            end_us: event.end_us.unwrap_or(-1),
            x: event.rect.x,
            y: event.rect.y,
            w: event.rect.w,
            h: event.rect.h,
            score: event.score,
            measured: event.measured,
            threshold: event.threshold,
            reserved: 0,
            detail: abi::Str::of(&event.detail),
        };
        if let Some(emit) = self.host.emit {
            // SAFETY: the host lives until `destroy`; `raw` and the detail it points to outlive the call.
            unsafe { emit(self.host.ctx, &raw) };
        }
    }

    /// Counts.
    pub fn emit_sample(&mut self, sample: &Sample) {
        let raw = abi::Sample {
            series: sample.series.number(),
            class: crate::closed::class_number(sample.class),
            direction: sample.direction.number(),
            n: sample.n,
            at_us: sample.at_us,
        };
        if let Some(emit) = self.host.emit_sample {
            // SAFETY: the host lives until `destroy`; `raw` outlives the call.
            unsafe { emit(self.host.ctx, &raw) };
        }
    }

    /// Asks for crops of tracks on the next frame; the model is one declared with `Region::Asked`.
    pub fn ask(&mut self, tracks: &[TrackId], model: &str) {
        let ids: Vec<u64> = tracks.iter().map(|t| t.0).collect();
        if let Some(ask) = self.host.ask {
            // SAFETY: the host lives until `destroy`; ids and model outlive the call.
            unsafe { ask(self.host.ctx, ids.as_ptr(), ids.len() as u64, abi::Str::of(model)) };
        }
    }

    /// A line for the log; cut at `abi::LOG_BYTES_MAX`.
    pub fn log(&mut self, level: Level, text: &str) {
        let mut end = text.len().min(abi::LOG_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        if let Some(log) = self.host.log {
            // SAFETY: the host lives until `destroy`; the text outlives the call.
            unsafe { log(self.host.ctx, level.number(), abi::Str::of(text.get(..end).unwrap_or(""))) };
        }
    }
}
