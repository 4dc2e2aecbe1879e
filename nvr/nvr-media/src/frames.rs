//! The frames of a recorded file, decoded one after the other, for the analysis.
//!
//! Promises: frames come in presentation order with their media time: presentation time minus that of the first frame
//!   shown, never index divided by a nominal rate; every run gives the same frames; one frame of at most
//!   [`SIDE_PX_MAX`] a side is in memory per queue slot; a wait is bounded by [`FRAME_WAIT_MAX`].
//! Leaves to others: the sandbox (the process that calls: load first, enter it, then read), which frames are looked at
//!   (`nvr-perception`), scaling (`picture`).

use crate::failure::Failure;
use crate::load::{error_of, load_plugin, make, make_app, unsupported};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;
use gstreamer_video::VideoFrameExt;
use nvr_base::media_protocol::SIDE_PX_MAX;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Containers, parsers and decoders that files of cameras and archives need; no other is loaded.
const PLUGINS: [&str; 10] = [
    "coreelements",
    "typefindfunctions",
    "playback",
    "isomp4",
    "avi",
    "matroska",
    "videoparsersbad",
    "libav",
    "videoconvertscale",
    "app",
];
/// Longest wait for one frame.
const FRAME_WAIT_MAX: Duration = Duration::from_secs(20);
/// Decoded frames that wait for the reader.
const QUEUE_LEN_MAX: u32 = 4;

/// A decoded picture: 4:2:0 with eight bits (I420), planes Y, U, V; the two last have half the sides, rounded up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Media time, µs since the first frame shown.
    pub at_us: i64,
    /// Width in pixels of the luma plane.
    pub width: usize,
    /// Height in pixels of the luma plane.
    pub height: usize,
    /// Values run from 0 to 255, not from 16 to 235.
    pub full_range: bool,
    /// Y, U, V: a byte a sample, row by row, without padding.
    pub planes: [Vec<u8>; 3],
}

/// A file being decoded.
#[derive(Debug)]
pub struct FrameReader {
    pipeline: gst::Pipeline,
    sink: AppSink,
    /// The file: the pipeline reads its descriptor.
    _file: OwnedFd,
    first_us: Option<i64>,
    last_us: i64,
    /// Frames without a usable presentation time, which were left out.
    pub untimed: u64,
}

impl FrameReader {
    /// Loads decoders and prepares to read `file`. Nothing of it is read yet: enter the sandbox now.
    ///
    /// # Errors
    /// GStreamer or one of its plugins is not installed.
    pub fn new(file: OwnedFd) -> Result<Self, Failure> {
        gst::init().map_err(|e| unsupported(format!("GStreamer does not start: {e}")))?;
        for plugin in PLUGINS {
            if !load_plugin(plugin) {
                return Err(unsupported(format!(
                    "GStreamer has no plugin `{plugin}`; install gstreamer1.0-plugins-base, -good, -bad and gstreamer1.0-libav"
                )));
            }
        }
        let source = make("coreelements", "fdsrc")?;
        source.set_property("fd", file.as_raw_fd());
        let decode = make("playback", "decodebin")?;
        let video = gst::Caps::builder("video/x-raw").any_features().build();
        decode.set_property("caps", video);
        decode.set_property("expose-all-streams", false);
        let convert = make("videoconvertscale", "videoconvert")?;
        let sink: AppSink = make_app("appsink")?;
        sink.set_property("sync", false);
        sink.set_max_buffers(QUEUE_LEN_MAX);
        sink.set_caps(Some(&gst::Caps::builder("video/x-raw").field("format", "I420").build()));
        let pipeline = gst::Pipeline::new();
        let fail = |e: gst::glib::BoolError| unsupported(format!("cannot build the decoder: {e}"));
        pipeline.add_many([&source, &decode, &convert, sink.upcast_ref()]).map_err(fail)?;
        source.link(&decode).map_err(fail)?;
        convert.link(&sink).map_err(fail)?;
        let input = convert.static_pad("sink").ok_or_else(|| unsupported("videoconvert has no input"))?;
        decode.connect_pad_added(move |_, pad| {
            let is_video = pad
                .current_caps()
                .is_some_and(|caps| caps.structure(0).is_some_and(|s| s.name().starts_with("video/x-raw")));
            if is_video && !input.is_linked() {
                // An error shows as no frame arriving.
                let _ = pad.link(&input);
            }
        });
        Ok(Self { pipeline, sink, _file: file, first_us: None, last_us: -1, untimed: 0 })
    }

    /// The next frame in presentation order; none at the end of the file.
    ///
    /// # Errors
    /// The file cannot be decoded: what GStreamer says of it.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Failure> {
        if self.first_us.is_none() && self.pipeline.set_state(gst::State::Playing).is_err() {
            return Err(self.failed("it does not start"));
        }
        let deadline = Instant::now() + FRAME_WAIT_MAX;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = gst::ClockTime::try_from(left.min(Duration::from_millis(200))).ok();
            let Some(sample) = self.sink.try_pull_sample(wait) else {
                if let Some(why) = error_of(&self.pipeline) {
                    return Err(self.failed(&why));
                }
                if self.sink.is_eos() {
                    return if self.first_us.is_some() {
                        Ok(None)
                    } else {
                        Err(self.failed("no frame in it"))
                    };
                }
                if left.is_zero() {
                    return Err(self.failed("no frame arrives"));
                }
                continue;
            };
            let Some(at_us) = media_time(&sample).filter(|at| *at > self.last_us) else {
                self.untimed += 1;
                continue;
            };
            self.last_us = at_us;
            let first = *self.first_us.get_or_insert(at_us);
            return frame(&sample, at_us - first)
                .map(Some)
                .ok_or_else(|| self.failed("its size is out of range"));
        }
    }

    fn failed(&self, why: &str) -> Failure {
        unsupported(format!("the file cannot be decoded: {why}; see what ffprobe says of it"))
    }
}

impl Drop for FrameReader {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Presentation time on the running time of the pipeline, µs: edit lists applied.
fn media_time(sample: &gst::Sample) -> Option<i64> {
    let pts = sample.buffer()?.pts()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let shown = segment.to_running_time(pts)?;
    i64::try_from(shown.useconds()).ok()
}

pub(crate) fn frame(sample: &gst::Sample, at_us: i64) -> Option<Frame> {
    let info = gstreamer_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    let side = |px: u32| (1..=u32::from(SIDE_PX_MAX)).contains(&px).then_some(px as usize);
    let (width, height) = (side(info.width())?, side(info.height())?);
    let view = gstreamer_video::VideoFrameRef::from_buffer_ref_readable(sample.buffer()?, &info).ok()?;
    let plane = |index: u32, columns: usize, rows: usize| -> Option<Vec<u8>> {
        let stride = usize::try_from(*view.plane_stride().get(index as usize)?).ok()?;
        let data = view.plane_data(index).ok()?;
        let mut packed = Vec::with_capacity(columns * rows);
        // What pads a row is never written: it would differ from run to run.
        for row in data.chunks(stride.max(1)).take(rows) {
            packed.extend_from_slice(row.get(..columns)?);
        }
        (packed.len() == columns * rows).then_some(packed)
    };
    let (columns, rows) = (width.div_ceil(2), height.div_ceil(2));
    let planes = [plane(0, width, height)?, plane(1, columns, rows)?, plane(2, columns, rows)?];
    let full_range = info.colorimetry().range() == gstreamer_video::VideoColorRange::Range0_255;
    Some(Frame { at_us, width, height, full_range, planes })
}
