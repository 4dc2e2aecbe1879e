//! The sink of one stream: samples into fragments, fragments into the queue of a disk.
//!
//! Promises: never blocks; what does not fit is a typed gap up to the next key frame; no lock a sample.
//! Leaves to others: files (`writer`), when segments begin (`segmenter`), what a gap is (`gaps`).

use crate::gaps::Event as GapEvent;
use crate::mp4::{Fragment, FragmentLimits, Fragmenter};
use crate::placement::{Candidate, place};
use crate::segmenter::{Action, Event, SegmentLimits, Segmenter};
use crate::shared::Shared;
use crate::slot::Slot;
use crate::writer::{SegmentTag, WriterMessage};
use nvr_base::{Format, GapReason, Mono, Sample, SampleSink, StreamEvent, Track, Utc};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// Takes one stream's events on an ingest thread. Never blocks.
#[derive(Debug)]
pub struct StreamRecorder {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    fragmenter: Fragmenter,
    segmenter: Segmenter,
    format: Option<Arc<Format>>,
    tag: Option<Arc<SegmentTag>>,
    /// Both clocks at the first sample of the open fragment.
    stamp: (Utc, Mono),
    /// No sample came since the last format.
    fresh_epoch: bool,
    /// Nothing is of use before the next key frame.
    skip_to_key: bool,
}

impl StreamRecorder {
    pub(crate) fn new(shared: Arc<Shared>, slot: Arc<Slot>) -> Self {
        let limits = SegmentLimits {
            length: shared.config.segment_length,
            length_max: shared.config.segment_length_max,
        };
        let stamp = (shared.clock.utc(), shared.clock.mono());
        Self {
            fragmenter: Fragmenter::new(FragmentLimits::default()),
            segmenter: Segmenter::new(limits),
            format: None,
            tag: None,
            stamp,
            fresh_epoch: false,
            skip_to_key: false,
            shared,
            slot,
        }
    }

    fn sample(&mut self, sample: Sample) {
        if let Some(reason) = self.slot.take_lost() {
            // The writer lost what these samples build on.
            self.fragmenter.finish();
            self.lost(reason, self.slot.standing().1.unwrap_or(sample.pts.to_utc()));
        }
        let key = sample.key && sample.track == Track::Video;
        if std::mem::take(&mut self.fresh_epoch) && self.skip_to_key && !key {
            let (at, mono) = (sample.pts.to_utc(), self.shared.clock.mono());
            self.slot.enter(&self.shared, GapEvent::Missed { at, mono });
        }
        if self.skip_to_key && !key {
            return;
        }
        self.skip_to_key = false;
        let first = self.fragmenter.pending().0 == 0;
        let closed = self.fragmenter.push(sample);
        if first || closed.is_some() {
            let stamp =
                std::mem::replace(&mut self.stamp, (self.shared.clock.utc(), self.shared.clock.mono()));
            if let Some(fragment) = closed
                && !self.emit(fragment, stamp)
                && !key
            {
                self.fragmenter.finish();
                self.skip_to_key = true;
            }
        }
    }

    /// Ends the open fragment.
    fn finish(&mut self) {
        if let Some(fragment) = self.fragmenter.finish() {
            self.emit(fragment, self.stamp);
        }
    }

    /// A gap begins; what follows needs a key frame and a new segment.
    fn lost(&mut self, reason: GapReason, since: Utc) {
        self.slot.enter(&self.shared, GapEvent::Down { since, reason, mono: self.shared.clock.mono() });
        self.segment(Event::Hole);
        self.skip_to_key = true;
    }

    /// Sends a fragment to its disk; false when it was dropped.
    fn emit(&mut self, fragment: Fragment, (utc, mono): (Utc, Mono)) -> bool {
        let (from, to) = (fragment.start.to_utc(), fragment.end.to_utc());
        if !fragment.video.is_empty() && !self.slot.follows(from) {
            self.segment(Event::Hole);
        }
        if self.tag.as_ref().is_some_and(|t| t.poisoned.load(Relaxed)) {
            self.segment(Event::Poisoned);
        }
        self.segment(Event::Fragment { start: from, key_first: fragment.key_first });
        let (Some(tag), Some(disk)) = (&self.tag, self.shared.disks.get(self.slot.disk.load(Relaxed))) else {
            return false;
        };
        let bytes = fragment.bytes;
        let message = WriterMessage::Append { tag: tag.clone(), fragment: Box::new(fragment), utc, mono };
        if disk.queue.push(message, bytes).is_err() {
            self.slot.counts.lost.fetch_add(1, Relaxed);
            self.lost(GapReason::DiskSlow, from);
            self.skip_to_key = false;
            return false;
        }
        if to > from {
            self.slot.enter(&self.shared, GapEvent::Recorded { from, to, mono });
        }
        true
    }

    fn segment(&mut self, event: Event) {
        for action in self.segmenter.step(event) {
            match action {
                Action::Close => self.tag = None,
                Action::Open(_) => self.tag = self.open(),
                Action::Append => {}
            }
        }
    }

    fn open(&self) -> Option<Arc<SegmentTag>> {
        let now = self.shared.clock.mono();
        let candidates: Vec<Candidate> = self.shared.disks.iter().map(|d| d.candidate(now)).collect();
        let current = Some(self.slot.disk.load(Relaxed)).filter(|d| *d < candidates.len());
        let disk = place(self.shared.config.placement, &candidates, current, self.slot.number);
        self.slot.disk.store(disk, Relaxed);
        Some(Arc::new(SegmentTag {
            slot: self.slot.clone(),
            format: self.format.clone()?,
            poisoned: AtomicBool::new(false),
        }))
    }

    fn down(&mut self, reason: GapReason, since: Utc) {
        self.finish();
        self.slot.enter(&self.shared, GapEvent::Down { since, reason, mono: self.shared.clock.mono() });
        self.segment(Event::Stop);
    }
}

impl SampleSink for StreamRecorder {
    fn accept(&mut self, event: StreamEvent) {
        if self.shared.is_dead() || self.shared.is_closing() {
            return;
        }
        match event {
            StreamEvent::Sample(sample) if self.format.is_some() => self.sample(sample),
            // Against the contract of events: nothing can be made of samples without a format.
            StreamEvent::Sample(_) => {
                self.slot.counts.lost.fetch_add(1, Relaxed);
            }
            StreamEvent::Format { format, after } => {
                self.finish();
                self.segment(Event::Epoch);
                self.skip_to_key = false;
                if let Some(reason) = after {
                    self.slot.enter(&self.shared, GapEvent::Blame(reason));
                }
                self.fresh_epoch = true;
                self.format = Some(Arc::new(format));
            }
            StreamEvent::Down { reason, since } => self.down(reason, since),
        }
    }
}

impl Drop for StreamRecorder {
    fn drop(&mut self) {
        if self.shared.is_dead() || self.shared.is_closing() {
            return;
        }
        self.finish();
        let (open, last_end) = self.slot.standing();
        if let (None, Some(end)) = (open, last_end) {
            self.slot.enter(
                &self.shared,
                GapEvent::Down {
                    since: end,
                    reason: GapReason::RecorderStopped,
                    mono: self.shared.clock.mono(),
                },
            );
        }
        self.segment(Event::Stop);
    }
}
