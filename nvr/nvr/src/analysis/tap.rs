//! The tap: beside the recorder's own sink, the pictures of a camera with rules go into a bounded queue as well.
//!
//! Promises: the store comes first and never waits; a camera without rules costs one load of an atomic; a full queue drops to
//!   the next key frame, counted.
//! Leaves to others: what reads the queue (`feeder`), which cameras have rules (`analysis`).

use nvr_base::analysis::CameraNumber;
use nvr_base::queue::{Queue, QueueCount, QueueLimit};
use nvr_base::{Sample, SampleSink, StreamEvent, StreamId, Track, VideoFormat};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What the queue holds: some seconds of sub-streams.
const LIMIT: QueueLimit = QueueLimit { items_max: 8192, bytes_max: 32 << 20 };
/// No rule wants this stream.
const NOBODY: u32 = u32::MAX;

/// What goes through the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tapped {
    /// What the samples that follow are.
    Format(CameraNumber, VideoFormat),
    /// An access unit.
    Sample(CameraNumber, Picture),
    /// Samples were left out.
    Hole(CameraNumber),
    /// Nothing comes any more.
    Down(CameraNumber),
}

/// An access unit of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    /// Media time since the session began, µs.
    pub(super) at_us: i64,
    /// UTC, µs.
    pub(super) wall_us: i64,
    /// A decoder can start here.
    pub(super) key: bool,
    /// Its bytes.
    pub(super) data: Vec<u8>,
}

/// All taps.
#[derive(Debug)]
pub(super) struct Taps {
    queue: Queue<Tapped>,
    /// Who wants each stream, as its sinks see it.
    wanted: Mutex<BTreeMap<StreamId, Arc<AtomicU32>>>,
    dropped: AtomicU64,
}

impl Taps {
    pub(super) fn new() -> Self {
        Self { queue: Queue::new(LIMIT), wanted: Mutex::default(), dropped: AtomicU64::new(0) }
    }

    /// From now on these streams are wanted, and no others.
    pub(super) fn want(&self, streams: &BTreeMap<StreamId, CameraNumber>) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in streams.keys() {
            wanted.entry(stream.clone()).or_insert_with(|| Arc::new(AtomicU32::new(NOBODY)));
        }
        for (stream, number) in wanted.iter() {
            number.store(streams.get(stream).map_or(NOBODY, |n| u32::from(*n)), Ordering::Relaxed);
        }
    }

    /// A sink that passes everything to `store` first.
    pub(super) fn sink(self: &Arc<Self>, stream: &StreamId, store: impl SampleSink + 'static) -> Tap {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = wanted.entry(stream.clone()).or_insert_with(|| Arc::new(AtomicU32::new(NOBODY))).clone();
        Tap { store: Box::new(store), taps: self.clone(), wanted, side: Side::default() }
    }

    pub(super) fn queue(&self) -> &Queue<Tapped> {
        &self.queue
    }

    /// Samples that were left out, and the queue.
    pub(super) fn count(&self) -> (u64, QueueCount) {
        (self.dropped.load(Ordering::Relaxed), self.queue.count())
    }
}

/// The sink of one session.
pub(super) struct Tap {
    store: Box<dyn SampleSink>,
    taps: Arc<Taps>,
    wanted: Arc<AtomicU32>,
    side: Side,
}

impl SampleSink for Tap {
    fn accept(&mut self, event: StreamEvent) {
        if let StreamEvent::Format { format, .. } = &event {
            self.side.format = Some(format.video.clone());
            self.side.is_told = false;
        }
        let number = self.wanted.load(Ordering::Relaxed);
        let tapped = match CameraNumber::try_from(number) {
            Ok(number) => self.side.take(number, &event),
            Err(_) => {
                self.side.camera = None;
                Vec::new()
            }
        };
        self.store.accept(event);
        for one in tapped {
            let dropped = self.side.push(one, self.taps.queue());
            self.taps.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
    }
}

/// What the tap remembers of its session.
#[derive(Debug, Default)]
struct Side {
    format: Option<VideoFormat>,
    /// The queue has the format.
    is_told: bool,
    /// Whom the samples went to last.
    camera: Option<CameraNumber>,
    /// Nothing is of use before the next key frame.
    awaits_key: bool,
    /// The queue has to hear of what was left out.
    owes_hole: bool,
    /// UTC of media time 0, µs.
    base_us: Option<i64>,
    /// Samples left out since the last look.
    left_out: u64,
}

impl Side {
    /// What an event adds to the queue.
    fn take(&mut self, camera: CameraNumber, event: &StreamEvent) -> Vec<Tapped> {
        if self.camera != Some(camera) {
            self.camera = Some(camera);
            (self.is_told, self.awaits_key, self.owes_hole) = (false, true, false);
        }
        match event {
            StreamEvent::Format { .. } => {
                self.awaits_key = true;
                Vec::new()
            }
            StreamEvent::Down { .. } => vec![Tapped::Down(camera)],
            StreamEvent::Sample(sample) if sample.track == Track::Video => self.sample(camera, sample),
            StreamEvent::Sample(_) => Vec::new(),
        }
    }

    fn sample(&mut self, camera: CameraNumber, sample: &Sample) -> Vec<Tapped> {
        if self.awaits_key && !sample.key {
            self.left_out += u64::from(self.owes_hole);
            return Vec::new();
        }
        self.awaits_key = false;
        let mut all = Vec::new();
        if !self.is_told
            && let Some(format) = &self.format
        {
            all.push(Tapped::Format(camera, format.clone()));
        }
        if self.owes_hole {
            all.push(Tapped::Hole(camera));
        }
        let wall_us = sample.pts.to_utc().0;
        let base_us = *self.base_us.get_or_insert(wall_us);
        let (key, data) = (sample.key, sample.data.clone());
        all.push(Tapped::Sample(camera, Picture { at_us: wall_us - base_us, wall_us, key, data }));
        all
    }

    /// Puts one into the queue; how many samples were left out.
    fn push(&mut self, one: Tapped, queue: &Queue<Tapped>) -> u64 {
        let (is_format, is_hole) = (matches!(one, Tapped::Format(..)), matches!(one, Tapped::Hole(_)));
        let (is_sample, bytes) = match &one {
            Tapped::Sample(_, picture) => (true, picture.data.len() as u64),
            _ => (false, 64),
        };
        // What follows a format or a hole that had no room has none either.
        if is_sample && self.awaits_key {
            return std::mem::take(&mut self.left_out) + 1;
        }
        match queue.push(one, bytes) {
            Ok(()) => {
                self.is_told |= is_format;
                self.owes_hole &= !is_hole;
            }
            Err(_) => (self.awaits_key, self.owes_hole) = (true, true),
        }
        let own = u64::from(is_sample && self.awaits_key);
        std::mem::take(&mut self.left_out) + own
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;
    use nvr_base::{Codec, Format, GapReason, StreamKind, Ticks, Utc};
    use std::time::Duration;

    /// A letter an event: F format, k key sample, s sample, a sound, D down, W wanted, N wanted by nobody.
    fn check(events: &str, items_max: usize, expected: &str, dropped: u64) {
        let stream = StreamId::new("gate".parse().unwrap(), StreamKind::Sub);
        let queue = Queue::new(QueueLimit { items_max, bytes_max: 1 << 20 });
        let taps = Arc::new(Taps { queue, ..Taps::new() });
        let mut tap = taps.sink(&stream, Vec::new());
        let (mut seen, mut at) = (Vec::new(), 0);
        for letter in events.chars() {
            at += 9000;
            let video = VideoFormat {
                codec: Codec::H264,
                width: 640,
                height: 360,
                config: Vec::new(),
                reorder_depth: 0,
            };
            let sample = |track, key| {
                let (pts, dts, data) = (Ticks(at), Ticks(at), vec![1]);
                StreamEvent::Sample(Sample { track, pts, dts, duration_ticks: 0, key, data })
            };
            match letter {
                'W' => taps.want(&BTreeMap::from([(stream.clone(), 7)])),
                'N' => taps.want(&BTreeMap::new()),
                'F' => tap.accept(StreamEvent::Format { format: Format { video, audio: None }, after: None }),
                'k' => tap.accept(sample(Track::Video, true)),
                's' => tap.accept(sample(Track::Video, false)),
                'a' => tap.accept(sample(Track::Audio, true)),
                '.' => {
                    taps.queue().drain(&mut seen, Duration::ZERO);
                }
                _ => tap.accept(StreamEvent::Down { reason: GapReason::CameraDown, since: Utc(0) }),
            }
        }
        taps.queue().drain(&mut seen, Duration::ZERO);
        let words = seen.iter().map(|one| match one {
            Tapped::Format(..) => 'F',
            Tapped::Sample(_, picture) if picture.key => 'k',
            Tapped::Sample(..) => 's',
            Tapped::Hole(_) => 'H',
            Tapped::Down(_) => 'D',
        });
        assert_eq!(words.collect::<String>(), expected, "{events}");
        assert_eq!(taps.count().0, dropped, "{events}");
    }

    #[test]
    fn what_goes_into_the_queue() {
        check("Fkss", 99, "", 0);
        check("WFksaks", 99, "Fksks", 0);
        check("FksWsks", 99, "Fks", 0); // armed later: from the next key frame
        check("WFksFsks", 99, "FksFks", 0);
        check("WFksDks", 99, "FksDks", 0);
        check("WFksNsWsks", 99, "FksFks", 0);
        // Full: to the next key frame, and it is said.
        check("WFkss.ssks", 3, "FksHks", 3);
        check("WFkss.ks", 3, "FksHks", 1);
    }
}
