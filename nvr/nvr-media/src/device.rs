//! A V4L2 capture device: what it offers, setting what was chosen, and its mapped buffers.
//!
//! Promises: single-planar capture through `v4l`'s mapped buffers; every wait ends after a stated time; what goes wrong
//!   is a [`Failure`] that names the device.
//! Leaves to others: choosing (`choice`), judging buffers (`loss`), running (`capture`).

use crate::choice::{Choice, Offer, Sizes, path};
use crate::failure::Failure;
use crate::loss::Buffer;
use nvr_base::media_protocol::FatalCause;
use nvr_base::{Clock, Mono, SystemClock};
use rustix::time::{ClockId, clock_gettime};
use std::io;
use std::time::Duration;
use v4l::buffer::{Flags, Metadata, Type};
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::io::mmap::Stream;
use v4l::io::traits::CaptureStream;
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{FourCC, Fraction};

/// Buffers that are mapped: at 30 frames a second, this process may be late by 100 ms.
const BUFFERS: u32 = 4;
/// Longest wait for the first frame: some webcams take seconds to set their exposure.
const FIRST_FRAME_MAX: Duration = Duration::from_secs(8);

/// An open device.
pub struct Device {
    path: String,
    device: v4l::Device,
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What the device was set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// As the device accepted it.
    pub choice: Choice,
    /// Bytes from one row to the next, of the first plane.
    pub stride: u32,
    /// Bytes of a whole picture.
    pub size: u32,
}

impl Device {
    /// Opens the node at `path`.
    ///
    /// # Errors
    /// It is not there, busy, or not permitted.
    pub fn open(path: &str) -> Result<Self, Failure> {
        if path.contains('\0') {
            return Err(Failure::new(FatalCause::Unsupported, "a device path with a zero byte"));
        }
        let device =
            v4l::Device::with_path(path).map_err(|e| Failure::device(path, "open the device", &e))?;
        Ok(Self { path: path.to_owned(), device })
    }

    fn failure(&self, step: &str, error: &io::Error) -> Failure {
        Failure::device(&self.path, step, error)
    }

    /// Everything the device offers in formats that can be recorded.
    ///
    /// # Errors
    /// It went away.
    pub fn offers(&self) -> Result<Vec<Offer>, Failure> {
        let formats = self.device.enum_formats().map_err(|e| self.failure("list its formats", &e))?;
        let mut offers = Vec::new();
        for fourcc in formats.iter().map(|f| f.fourcc).filter(|f| path(f.repr).is_some()) {
            // Drivers that list no sizes have one: the current one.
            let Ok(sizes) = self.device.enum_framesizes(fourcc) else {
                if let Ok(now) = self.device.format() {
                    offers.push(self.offer(fourcc, Sizes::One(now.width, now.height)));
                }
                continue;
            };
            offers.extend(sizes.into_iter().map(|size| {
                let sizes = match size.size {
                    FrameSizeEnum::Discrete(one) => Sizes::One(one.width, one.height),
                    FrameSizeEnum::Stepwise(s) => Sizes::Range(
                        (s.min_width, s.min_height),
                        (s.max_width, s.max_height),
                        (s.step_width, s.step_height),
                    ),
                };
                self.offer(fourcc, sizes)
            }));
        }
        Ok(offers)
    }

    fn offer(&self, fourcc: FourCC, sizes: Sizes) -> Offer {
        let (Sizes::One(width, height) | Sizes::Range(_, (width, height), _)) = sizes;
        let intervals = self.device.enum_frameintervals(fourcc, width, height).unwrap_or_default();
        let shortest = intervals.iter().map(|i| match &i.interval {
            FrameIntervalEnum::Discrete(interval) => hundredths(*interval),
            FrameIntervalEnum::Stepwise(range) => hundredths(range.min),
        });
        Offer { fourcc: fourcc.repr, sizes, fps_max_hundredths: shortest.max().unwrap_or(0) }
    }

    /// Sets format, size and rate; the device may round them.
    ///
    /// # Errors
    /// It refuses, or answers with another format.
    pub fn set(&self, choice: Choice) -> Result<Setting, Failure> {
        let wanted = v4l::Format::new(choice.width, choice.height, FourCC::new(&choice.fourcc));
        let got = self.device.set_format(&wanted).map_err(|e| self.failure("set its format", &e))?;
        if got.fourcc.repr != choice.fourcc || got.width == 0 || got.height == 0 {
            let what = format!(
                "{}: the device answers {} with {}; choose another `format`",
                self.path, wanted.fourcc, got.fourcc
            );
            return Err(Failure::new(FatalCause::Unsupported, what));
        }
        // Not every device has a rate to set.
        let fps = match self.device.set_params(&Parameters::with_fps(choice.fps)) {
            Ok(set) => hundredths(set.interval).div_ceil(100),
            Err(_) => self.device.params().map_or(0, |now| hundredths(now.interval).div_ceil(100)),
        };
        let fps = if fps == 0 { choice.fps } else { fps };
        let choice = Choice { width: got.width, height: got.height, fps, ..choice };
        Ok(Setting { choice, stride: got.stride, size: got.size })
    }

    /// Maps buffers; the first [`Frames::take`] starts the device.
    ///
    /// # Errors
    /// The device gives no buffers.
    pub fn frames(&self) -> Result<Frames<'_>, Failure> {
        let mut stream = Stream::with_buffers(&self.device, Type::VideoCapture, BUFFERS)
            .map_err(|e| self.failure("map its buffers", &e))?;
        stream.set_timeout(FIRST_FRAME_MAX);
        // Never dropped: `v4l` panics when a device that goes away refuses to stop. The process ends instead.
        Ok(Frames { device: self, stream: std::mem::ManuallyDrop::new(stream), started: false })
    }
}

fn hundredths(interval: Fraction) -> u32 {
    let fps = u64::from(interval.denominator) * 100 / u64::from(interval.numerator.max(1));
    if interval.numerator == 0 { 0 } else { u32::try_from(fps).unwrap_or(u32::MAX) }
}

/// Frames of a running device.
pub struct Frames<'a> {
    device: &'a Device,
    stream: std::mem::ManuallyDrop<Stream<'a>>,
    started: bool,
}

impl std::fmt::Debug for Frames<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frames").field("device", &self.device.path).finish_non_exhaustive()
    }
}

impl Frames<'_> {
    /// The next frame and what the driver says of it; `None` when none came within `wait`.
    ///
    /// # Errors
    /// The device went away or reported an error. It cannot be used any more.
    pub fn take(&mut self, wait: Duration) -> Result<Option<(&[u8], Buffer)>, Failure> {
        let path = &self.device.path;
        if self.started {
            let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
            match self.stream.handle().poll(libc::POLLIN, wait_ms) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(None),
                Err(e) => return Err(Failure::device(path, "wait for a frame", &e)),
            }
        }
        let (bytes, meta) = match self.stream.next() {
            Ok(frame) => frame,
            Err(e) if e.kind() == io::ErrorKind::TimedOut => {
                let s = FIRST_FRAME_MAX.as_secs();
                let what = format!("{path}: no first frame within {s} s; plug the camera out and in again");
                return Err(Failure::new(FatalCause::Device, what));
            }
            Err(e) => return Err(Failure::device(path, "take a frame", &e)),
        };
        self.started = true;
        let used = usize::try_from(meta.bytesused).unwrap_or(usize::MAX).min(bytes.len());
        let whole = used > 0;
        Ok(Some((bytes.get(..used).unwrap_or_default(), describe(meta, whole))))
    }
}

fn describe(meta: &Metadata, whole: bool) -> Buffer {
    let arrived = SystemClock.mono();
    // Drivers stamp with CLOCK_MONOTONIC; the recorder's clock goes on while the machine sleeps.
    let monotonic = clock_gettime(ClockId::Monotonic);
    let asleep_us = arrived.0.saturating_sub(micros(monotonic.tv_sec, monotonic.tv_nsec / 1000));
    let stamp_us = micros(meta.timestamp.sec, meta.timestamp.usec);
    let stamped = meta.flags.contains(Flags::TIMESTAMP_MONOTONIC) && stamp_us > 0;
    Buffer {
        sequence: meta.sequence,
        error: meta.flags.contains(Flags::ERROR),
        stamp: stamped.then_some(Mono(stamp_us.saturating_add(asleep_us))),
        arrived,
        whole,
    }
}

fn micros(s: i64, us: i64) -> u64 {
    u64::try_from(s.saturating_mul(1_000_000).saturating_add(us)).unwrap_or(0)
}
