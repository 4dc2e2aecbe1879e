//! The life of the still child: take an encoded key frame, load a decoder, sandbox, decode, answer with a JPEG.
//!
//! Promises: no C code sees the key frame's bytes before the sandbox is up; no device is opened: for one picture a
//!   software decoder is done before a graphics driver has started; all ends within `DECODE_WAIT_MAX`.
//! Leaves to others: starting it and killing it (`nvr picture`).

use crate::child::{await_order, prepare, report};
use crate::failure::Failure;
use crate::load::{error_of, load, make, make_app, unsupported};
use crate::sandbox;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use nvr_base::media_channel::MediaChannel;
use nvr_base::media_protocol::{FatalCause, FromChild, MESSAGE_LEN_MAX, SIDE_PX_MAX};
use nvr_base::still_protocol::{DECODE_WAIT_MAX, receive_order};
use nvr_base::{Codec, Format, Mono, VideoFormat};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::time::Instant;

/// Processor time, in seconds: what a decoder in an endless loop may take.
const CPU_S_MAX: u64 = 10;
/// Memory that can be written, in bytes: pictures of 8192 × 8192 in a few copies.
const DATA_BYTES_MAX: u64 = 1 << 30;
/// JPEG quality: artefacts of the encoder stay below those of the camera's.
const QUALITY: i32 = 90;
/// ITU-R BT.601 with full range, as JPEG viewers expect (JFIF 1.02); cameras send BT.709 with limited range.
const JPEG_COLORIMETRY: &str = "1:4:7:1";
/// GStreamer's conversion of colours is exact to a level in 16 bits; in 8 bits it makes white grey (249 of 255).
const DEEP_FORMAT: &str = "AYUV64";

/// A software decoder.
#[derive(Debug, Clone, Copy)]
struct Decoder {
    plugin: &'static str,
    element: &'static str,
    /// How often the key frame is put in: openh264 shows a picture when the next key frame begins.
    times: usize,
}

/// Decoders, the one that starts fastest first: libav's takes everything, and 100 ms to load. Debian has them in
/// gstreamer1.0-plugins-bad and gstreamer1.0-libav.
const OPENH264: Decoder = Decoder { plugin: "openh264", element: "openh264dec", times: 2 };
const LIBDE265: Decoder = Decoder { plugin: "de265", element: "libde265dec", times: 1 };
const AVDEC_H264: Decoder = Decoder { plugin: "libav", element: "avdec_h264", times: 1 };
const AVDEC_H265: Decoder = Decoder { plugin: "libav", element: "avdec_h265", times: 1 };

/// Decoders for `format`, in the order of trying.
fn decoders(format: &VideoFormat) -> &'static [Decoder] {
    match format.codec {
        Codec::H264 => &[OPENH264, AVDEC_H264],
        Codec::H265 if is_plain(&format.config) => &[LIBDE265, AVDEC_H265],
        // GStreamer's libde265 takes ten bits for eight and shows wrong colours.
        Codec::H265 => &[AVDEC_H265],
        Codec::Mjpeg | Codec::Aac | Codec::Ulaw | Codec::Alaw => &[],
    }
}

/// An `hvcC` body that says 4:2:0 and eight bits (ISO/IEC 14496-15 §8.3.3.1.2).
fn is_plain(hvcc: &[u8]) -> bool {
    let low_bits = |at: usize, mask: u8| hvcc.get(at).map(|byte| byte & mask);
    (low_bits(16, 3), low_bits(17, 7), low_bits(18, 7)) == (Some(1), Some(0), Some(0))
}

/// Runs the child on the socket to the process that wants the picture.
///
/// # Errors
/// Why there is none; the other end was told, if it still listens.
pub fn run(channel: MediaChannel) -> Result<(), Failure> {
    let channel = prepare(channel)?;
    report(&channel, answer(&channel))
}

fn answer(channel: &MediaChannel) -> Result<(), Failure> {
    await_order(channel)?;
    let (order, data) = receive_order(channel, &mut vec![0; MESSAGE_LEN_MAX])?;
    gst::init().map_err(|e| unsupported(format!("GStreamer does not start: {e}")))?;
    let mut installed = decoders(&order.format).iter().filter(|d| load(d.plugin, d.element));
    let first = installed.next().ok_or_else(|| {
        unsupported(format!("no decoder for this {:?}; install gstreamer1.0-libav", order.format.codec))
    })?;
    let first = Still::new(*first, &order.format)?;
    limits()?;
    let layers = sandbox::enter(&[]);
    channel.send(&FromChild::Hello { layers, how: first.decoder.element.to_owned() })?;
    let deadline = Instant::now() + DECODE_WAIT_MAX;
    let decoded = first.decode(data.clone(), deadline).or_else(|why| {
        // A decoder that does not even end is not asked twice: nor is another, with no time left.
        let second = installed.next().filter(|_| Instant::now() < deadline);
        second.map_or(Err(why), |second| Still::new(*second, &order.format)?.decode(data, deadline))
    });
    let (video, jpeg) = decoded?;
    channel.send(&FromChild::Format(Format { video, audio: None }))?;
    Ok(channel.send_sample(Mono(0), true, &jpeg)?)
}

/// Limits beside the sandbox's own.
fn limits() -> Result<(), Failure> {
    for (resource, value) in [(Resource::Cpu, CPU_S_MAX), (Resource::Data, DATA_BYTES_MAX)] {
        let limit = Rlimit { current: Some(value), maximum: Some(value) };
        setrlimit(resource, limit)
            .map_err(|e| Failure::new(FatalCause::Internal, format!("cannot limit {resource:?}: {e}")))?;
    }
    Ok(())
}

/// Only pictures with JPEG's colours in `format` pass.
fn filter(format: &str) -> Result<gst::Element, Failure> {
    let filter = make("coreelements", "capsfilter")?;
    let caps = gst::Caps::builder("video/x-raw").field("format", format);
    filter.set_property("caps", caps.field("colorimetry", JPEG_COLORIMETRY).build());
    Ok(filter)
}

/// A decoder with what comes before and after it, not started.
#[derive(Debug)]
struct Still {
    decoder: Decoder,
    pipeline: gst::Pipeline,
    source: AppSrc,
    sink: AppSink,
}

impl Still {
    /// Loads everything that decoding `format` takes.
    fn new(decoder: Decoder, format: &VideoFormat) -> Result<Self, Failure> {
        let link = |e: gst::glib::BoolError| unsupported(format!("{}: {e}", decoder.element));
        // The parser brings parameter sets in band and tells the decoder the picture's colours and shape.
        let (media, form, parser) = match format.codec {
            Codec::H265 => ("video/x-h265", "hvc1", "h265parse"),
            _ => ("video/x-h264", "avc", "h264parse"),
        };
        let encoded = gst::Caps::builder(media)
            .field("stream-format", form)
            .field("alignment", "au")
            .field("codec_data", gst::Buffer::from_mut_slice(format.config.clone()))
            .build();
        let source: AppSrc = make_app("appsrc")?;
        source.set_caps(Some(&encoded));
        source.set_format(gst::Format::Time);
        let sink: AppSink = make_app("appsink")?;
        sink.set_property("sync", false);
        let jpeg = make("jpeg", "jpegenc")?;
        jpeg.set_property("quality", QUALITY);
        let elements = [
            source.clone().upcast(),
            make("videoparsersbad", parser)?,
            make(decoder.plugin, decoder.element)?,
            make("videoconvertscale", "videoconvert")?,
            filter(DEEP_FORMAT)?,
            make("videoconvertscale", "videoconvert")?,
            filter("I420")?,
            jpeg,
            sink.clone().upcast(),
        ];
        let pipeline = gst::Pipeline::new();
        pipeline.add_many(&elements).map_err(link)?;
        gst::Element::link_many(&elements).map_err(link)?;
        Ok(Self { decoder, pipeline, source, sink })
    }

    /// Decodes one access unit; the picture's format and its JPEG.
    fn decode(&self, data: Vec<u8>, deadline: Instant) -> Result<(VideoFormat, Vec<u8>), Failure> {
        let fail = |why: &str| {
            let decoder = self.decoder.element;
            unsupported(format!("the key frame cannot be decoded ({decoder}: {why}); choose another moment"))
        };
        let mut buffer = gst::Buffer::from_mut_slice(data);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::ZERO);
        }
        let started = self.pipeline.set_state(gst::State::Playing).is_ok()
            && (0..self.decoder.times).all(|_| self.source.push_buffer(buffer.clone()).is_ok())
            && self.source.end_of_stream().is_ok();
        let wait = gst::ClockTime::try_from(deadline.saturating_duration_since(Instant::now())).ok();
        let Some(sample) = started.then(|| self.sink.try_pull_sample(wait)).flatten() else {
            let why = if self.sink.is_eos() { "it holds no picture" } else { "no answer" };
            return Err(fail(error_of(&self.pipeline).as_deref().unwrap_or(why)));
        };
        let side = |name| {
            let side = sample.caps()?.structure(0)?.get::<i32>(name).ok()?;
            u16::try_from(side).ok().filter(|side| (1..=SIDE_PX_MAX).contains(side))
        };
        let (Some(width), Some(height)) = (side("width"), side("height")) else {
            return Err(fail("its size is out of range"));
        };
        let jpeg =
            sample.buffer().and_then(|b| b.map_readable().ok()).ok_or_else(|| fail("no data"))?.to_vec();
        let video = VideoFormat { codec: Codec::Mjpeg, width, height, config: Vec::new(), reorder_depth: 0 };
        Ok((video, jpeg))
    }
}
