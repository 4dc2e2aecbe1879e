//! Raw pictures to H.264 through GStreamer: a hardware encoder where one works, else x264, else openh264.
//!
//! Promises: no reordering, a key frame every [`GOP_S`] and on request, capture times kept; at most [`QUEUE_MAX`]
//!   pictures wait, more are refused and counted by the caller; the only place that names GStreamer elements.
//! Leaves to others: capture times and losses (`loss`), stored form and sending (`output`).

use crate::choice::RAW_FORMATS;
use crate::device::Setting;
use crate::failure::Failure;
use crate::output::{Output, Put};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks, AppSrc};
use gstreamer_video::{DownstreamForceKeyUnitEvent, VideoFormat, VideoFrameFlags, VideoInfo, VideoMeta};
use nvr_base::Mono;
use nvr_base::media_protocol::FatalCause;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Seconds from one key frame to the next.
pub const GOP_S: u64 = 2;
/// Pictures that may wait for the encoder.
pub const QUEUE_MAX: u64 = 4;
/// Bits for a pixel when no rate is configured: 3.6 Mbit/s for 1080p at 25 frames a second.
const BITS_PER_1000_PIXELS: u64 = 70;
/// Lowest rate chosen here, kbit/s.
const KBIT_S_MIN: u64 = 150;

/// How an encoder takes its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// `bitrate` in kbit/s and `key-int-max`; x264's names.
    X264,
    /// `bitrate` in kbit/s, `key-int-max`, `b-frames`; VA-API's names.
    Va,
    /// Controls of a V4L2 memory-to-memory device.
    V4l2,
    /// `bitrate` in bit/s and `gop-size`.
    OpenH264,
}

/// Encoders, best first: GStreamer's name, and how it is set.
const ENCODERS: [(&str, Dialect); 5] = [
    ("v4l2h264enc", Dialect::V4l2),
    ("vah264enc", Dialect::Va),
    ("vah264lpenc", Dialect::Va),
    ("x264enc", Dialect::X264),
    ("openh264enc", Dialect::OpenH264),
];

/// An encoder that this machine has.
#[derive(Debug, Clone)]
pub struct Candidate {
    name: &'static str,
    dialect: Dialect,
    element: gst::Element,
}

impl Candidate {
    /// GStreamer's name of it.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// Encoders that are installed, best first, loaded but not opened. Before the sandbox: loading reads files.
pub fn candidates() -> Vec<Candidate> {
    let make = |(name, dialect): &(&'static str, Dialect)| {
        let element = gst::ElementFactory::make(name).build().ok()?;
        Some(Candidate { name, dialect: *dialect, element })
    };
    ENCODERS.iter().filter_map(make).collect()
}

/// Device nodes that these candidates may open.
pub fn device_nodes(candidates: &[Candidate]) -> Vec<PathBuf> {
    let mut nodes = Vec::new();
    for candidate in candidates {
        match candidate.dialect {
            Dialect::V4l2 if candidate.element.has_property("device") => {
                nodes.extend(candidate.element.property::<Option<String>>("device").map(PathBuf::from));
            }
            Dialect::Va => nodes.push(PathBuf::from("/dev/dri")),
            Dialect::V4l2 | Dialect::X264 | Dialect::OpenH264 => {}
        }
    }
    nodes
}

/// A running encoder.
#[derive(Debug)]
pub struct Encoder {
    name: &'static str,
    pipeline: gst::Pipeline,
    source: AppSrc,
    layout: Layout,
    key_due: Mono,
    broken: Arc<AtomicU32>,
}

/// Rows of a picture as the device lays them out.
#[derive(Debug, Clone)]
struct Layout {
    info: VideoInfo,
    strides: Vec<i32>,
    offsets: Vec<usize>,
    size: usize,
}

impl Layout {
    fn new(setting: &Setting) -> Option<Self> {
        let choice = setting.choice;
        let name = RAW_FORMATS.iter().find(|(fourcc, _)| **fourcc == choice.fourcc)?.1;
        let format = VideoFormat::from_string(name);
        let fps = gst::Fraction::new(i32::try_from(choice.fps).ok()?, 1);
        let info = VideoInfo::builder(format, choice.width, choice.height).fps(fps).build().ok()?;
        // V4L2 gives the first plane's stride; chroma planes follow from it (V4L2 specification, planar formats).
        let first = usize::try_from(*info.stride().first()?).ok()?;
        let stride = usize::try_from(setting.stride).ok().filter(|s| *s > 0).unwrap_or(first);
        let (mut strides, mut offsets, mut at) = (Vec::new(), Vec::new(), 0usize);
        for plane in 0..info.n_planes() {
            let own = usize::try_from(*info.stride().get(plane as usize)?).ok()?;
            let of_plane = if plane == 0 { stride } else { (stride * own).div_ceil(first.max(1)) };
            let rows = info.comp_height(plane.min(2) as u8) as usize;
            strides.push(i32::try_from(of_plane).ok()?);
            offsets.push(at);
            at = at.checked_add(of_plane.checked_mul(rows)?)?;
        }
        Some(Self { info, strides, offsets, size: at })
    }
}

impl Encoder {
    /// Starts the first candidate that works on `setting`; its access units go to `output`.
    /// `kbit_s` 0: from size and rate.
    ///
    /// # Errors
    /// None works: with the last one's reason.
    pub fn start(
        candidates: &[Candidate],
        setting: &Setting,
        kbit_s: u32,
        channel: &Arc<nvr_base::media_channel::MediaChannel>,
    ) -> Result<Self, Failure> {
        let fail = |what: String| Failure::new(FatalCause::Encoder, what);
        let layout =
            Layout::new(setting).ok_or_else(|| fail("pictures of this size cannot be encoded".into()))?;
        let mut last = "no H.264 encoder is installed; install gstreamer1.0-plugins-ugly or -bad".to_owned();
        for candidate in candidates {
            let output = Output::new(channel.clone());
            match Self::start_one(candidate, setting, kbit_s, layout.clone(), output) {
                Ok(encoder) => return Ok(encoder),
                Err(error) => last = format!("{}: {error}", candidate.name),
            }
        }
        Err(fail(format!("no encoder works: {last}")))
    }

    fn start_one(
        candidate: &Candidate,
        setting: &Setting,
        kbit_s: u32,
        layout: Layout,
        output: Output,
    ) -> Result<Self, gst::glib::BoolError> {
        let choice = setting.choice;
        let pixels = u64::from(choice.width) * u64::from(choice.height);
        let own = (pixels * u64::from(choice.fps) * BITS_PER_1000_PIXELS / 1_000_000).max(KBIT_S_MIN);
        let kbit_s = if kbit_s == 0 { u32::try_from(own).unwrap_or(u32::MAX) } else { kbit_s };
        let gop = u32::try_from(u64::from(choice.fps) * GOP_S).unwrap_or(50).max(1);
        configure(&candidate.element, candidate.dialect, kbit_s, gop);

        let caps = layout.info.to_caps()?;
        let source = AppSrc::builder()
            .caps(&caps)
            .format(gst::Format::Time)
            .is_live(true)
            .max_buffers(QUEUE_MAX)
            .block(false)
            .build();
        let convert = gst::ElementFactory::make("videoconvert").build()?;
        // 4:2:0, which every player and the avcC body know; else x264 would keep 4:2:2 and RGB as they are.
        let chroma =
            gst::Caps::builder("video/x-raw").field("format", gst::List::new(["I420", "NV12"])).build();
        let chroma = gst::ElementFactory::make("capsfilter").property("caps", chroma).build()?;
        let mut encoded =
            gst::Caps::builder("video/x-h264").field("stream-format", "byte-stream").field("alignment", "au");
        if candidate.dialect == Dialect::V4l2 {
            // These devices refuse to start without a level.
            encoded = encoded.field("level", "4");
        }
        let sink = AppSink::builder().caps(&encoded.build()).sync(false).build();
        let broken = Arc::new(AtomicU32::new(0));
        sink.set_callbacks(deliver(output, setting, broken.clone()));

        let pipeline = gst::Pipeline::new();
        let elements = [source.upcast_ref(), &convert, &chroma, &candidate.element, sink.upcast_ref()];
        pipeline.add_many(elements)?;
        gst::Element::link_many(elements)?;
        if pipeline.set_state(gst::State::Playing).is_err() {
            let reason = bus_error(&pipeline).unwrap_or_else(|| "it does not start".into());
            let _ = pipeline.set_state(gst::State::Null);
            let _ = pipeline.remove(&candidate.element);
            return Err(gst::glib::bool_error!("{reason}"));
        }
        let name = candidate.name;
        Ok(Self { name, pipeline, source, layout, key_due: Mono(0), broken })
    }

    /// The encoder that runs.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Hands a picture over. False: too short to be one, or the encoder is too far behind.
    ///
    /// # Errors
    /// The encoder failed.
    pub fn push(&mut self, picture: &[u8], time: Mono, key: bool) -> Result<bool, Failure> {
        if let Some(reason) = bus_error(&self.pipeline) {
            return Err(Failure::new(FatalCause::Encoder, format!("{}: {reason}", self.name)));
        }
        if picture.len() < self.layout.size || self.source.current_level_buffers() >= QUEUE_MAX {
            return Ok(false);
        }
        // By time, not by number: a camera in the dark sends fewer frames than it promised.
        if key || time >= self.key_due {
            self.key_due = Mono(time.0 + GOP_S * 1_000_000);
            // In the stream, right before its picture: one sent upstream would meet whichever is being encoded.
            self.source.send_event(DownstreamForceKeyUnitEvent::builder().all_headers(true).build());
        }
        let mut buffer =
            gst::Buffer::from_slice(picture.get(..self.layout.size).unwrap_or_default().to_vec());
        if let Some(buffer) = buffer.get_mut() {
            // GStreamer's running time is the capture time.
            buffer.set_pts(gst::ClockTime::from_useconds(time.0));
            let info = &self.layout.info;
            let laid = VideoMeta::add_full(
                buffer,
                VideoFrameFlags::empty(),
                info.format(),
                info.width(),
                info.height(),
                &self.layout.offsets,
                &self.layout.strides,
            );
            if laid.is_err() {
                return Ok(false);
            }
        }
        match self.source.push_buffer(buffer) {
            Ok(_) => Ok(true),
            Err(flow) => Err(Failure::new(FatalCause::Encoder, format!("{}: {flow}", self.name))),
        }
    }

    /// Access units since the last call that were no pictures.
    pub fn take_broken(&self) -> u32 {
        self.broken.swap(0, Ordering::Relaxed)
    }

    /// Lets everything that waits come out, and ends.
    pub fn finish(self) {
        let _ = self.source.end_of_stream();
        if let Some(bus) = self.pipeline.bus() {
            let wait = gst::ClockTime::from_seconds(GOP_S);
            let _ = bus.timed_pop_filtered(wait, &[gst::MessageType::Eos, gst::MessageType::Error]);
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Takes access units from the encoder to the recorder, on the encoder's thread.
fn deliver(mut output: Output, setting: &Setting, broken: Arc<AtomicU32>) -> AppSinkCallbacks {
    let side = |px: u32| u16::try_from(px).unwrap_or(u16::MAX);
    let (width, height) = (side(setting.choice.width), side(setting.choice.height));
    let new_sample = move |sink: &AppSink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let segment = sample.segment().and_then(|s| s.downcast_ref::<gst::ClockTime>());
        let buffer = sample.buffer().ok_or(gst::FlowError::Error)?;
        let time = segment.and_then(|s| s.to_running_time(buffer.pts())).ok_or(gst::FlowError::Error)?;
        let bytes = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
        match output.h264(&bytes, Mono(time.useconds()), width, height) {
            Ok(Put::Sent | Put::Nothing) => Ok(gst::FlowSuccess::Ok),
            Ok(Put::Broken) => {
                broken.fetch_add(1, Ordering::Relaxed);
                Ok(gst::FlowSuccess::Ok)
            }
            Err(_) => Err(gst::FlowError::Error),
        }
    };
    AppSinkCallbacks::builder().new_sample(new_sample).build()
}

fn configure(encoder: &gst::Element, dialect: Dialect, kbit_s: u32, gop: u32) {
    match dialect {
        Dialect::X264 => {
            encoder.set_property_from_str("tune", "zerolatency");
            encoder.set_property_from_str("speed-preset", "veryfast");
            encoder.set_property("bitrate", kbit_s);
            encoder.set_property("key-int-max", gop);
            encoder.set_property("bframes", 0u32);
        }
        Dialect::Va => {
            encoder.set_property("bitrate", kbit_s);
            encoder.set_property("key-int-max", gop);
            encoder.set_property("b-frames", 0u32);
        }
        Dialect::V4l2 => {
            let controls = gst::Structure::builder("controls")
                .field("video_bitrate", i32::try_from(u64::from(kbit_s) * 1000).unwrap_or(i32::MAX))
                .field("video_gop_size", i32::try_from(gop).unwrap_or(50))
                .build();
            encoder.set_property("extra-controls", controls);
        }
        Dialect::OpenH264 => {
            encoder.set_property("bitrate", kbit_s.saturating_mul(1000));
            encoder.set_property("gop-size", gop);
            encoder.set_property_from_str("complexity", "low");
            encoder.set_property_from_str("rate-control", "bitrate");
        }
    }
}

/// What the bus says when something failed.
fn bus_error(pipeline: &gst::Pipeline) -> Option<String> {
    let message = pipeline.bus()?.pop_filtered(&[gst::MessageType::Error])?;
    match message.view() {
        gst::MessageView::Error(error) => Some(error.error().to_string()),
        _ => None,
    }
}
