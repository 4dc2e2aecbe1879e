//! The samples of one camera, decoded in the thread that calls: no pipeline, no queue, no thread of its own.
//!
//! Promises: [`Decoder::push`] decodes before it returns, and at most [`PICTURES_MAX`] pictures wait to be taken, the oldest
//!   goes and is counted; a picture says the media time of its sample; nothing is decoded before a key frame; what the
//!   decoder knows to be damaged is never shown; no stream gets room for pictures larger than it announced; no samples make
//!   it panic.
//! Leaves to others: the sandbox (the process that calls: [`load`] first, enter it, then decode), which samples are worth
//!   decoding (`nvr-perception`), trying again after a failure, scaling (`picture`).
//!
//! libav's software decoders on one thread each: pads of ours are linked to the element, and a buffer that is pushed into
//! it comes out of its other end before the call returns. A decoder costs memory, and no thread: 50 cameras on two threads
//! are two threads.

use crate::failure::Failure;
use crate::frames::{Frame, frame};
use crate::jpeg;
use crate::load::{load as load_element, make, unsupported};
use crate::parameters;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video::VideoMeta;
use nvr_base::media_protocol::SIDE_PX_MAX;
use nvr_base::{Codec, VideoFormat};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Decoded pictures that wait to be taken.
pub const PICTURES_MAX: usize = 8;
/// Longest `avcC` or `hvcC` body that is believed, in bytes.
const CONFIG_LEN_MAX: usize = 64 * 1024;
/// Times given to GStreamer begin here, µs: pictures may be shown before the first sample of a stream.
const LEAD_US: i64 = 3_600_000_000;
/// A sample that is older than the newest by more begins a new timeline, µs: no stream shows frames that late.
pub const BACK_US_MAX: i64 = 1_000_000;
/// What a picture inside the stream may be larger than announced, in pixels a side: blocks that are cropped.
const SIDE_PADDING_PX_MAX: u32 = 64;
/// Most units of a sample that are looked at.
const UNITS_MAX: usize = 256;

/// Decoders of Debian's gstreamer1.0-libav.
const H264: &str = "avdec_h264";
const H265: &str = "avdec_h265";
const MJPEG: &str = "avdec_mjpeg";

/// Loads all decoders; before the sandbox, since it reads files.
///
/// # Errors
/// GStreamer or one of its plugins is not installed.
pub fn load() -> Result<(), Failure> {
    gst::init().map_err(|e| unsupported(format!("GStreamer does not start: {e}")))?;
    for element in [H264, H265, MJPEG] {
        if !load_element("libav", element) {
            return Err(unsupported(format!("GStreamer has no `{element}`; install gstreamer1.0-libav")));
        }
        // The first one of a kind opens what the library needs.
        make("libav", element)?;
    }
    make("videoconvertscale", "videoconvert").map(drop)
}

/// What came out and was not taken yet.
#[derive(Debug, Default)]
struct Shown {
    pictures: VecDeque<(gst::Buffer, gst::Caps)>,
    dropped: u64,
    /// The last complaint of an element.
    complaint: Option<String>,
}

/// A decoder of one camera's samples.
#[derive(Debug)]
pub struct Decoder {
    format: VideoFormat,
    /// Decoder and conversion to 4:2:0, which does nothing for nearly all cameras.
    elements: [gst::Element; 2],
    input: gst::Pad,
    output: gst::Pad,
    shown: Arc<Mutex<Shown>>,
    /// Media time of the first sample since the last beginning, and of the newest.
    base_us: Option<i64>,
    newest_us: Option<i64>,
    awaits_key: bool,
}

/// A decoded picture that is not copied yet.
#[derive(Debug)]
pub struct Picture {
    /// Media time of its sample, µs.
    pub at_us: i64,
    buffer: gst::Buffer,
    caps: gst::Caps,
}

impl Picture {
    /// Copies it out of the decoder.
    ///
    /// # Errors
    /// A side is 0 or above [`SIDE_PX_MAX`].
    pub fn frame(&self) -> Result<Frame, Failure> {
        let sample = gst::Sample::builder().buffer(&self.buffer).caps(&self.caps).build();
        frame(&sample, self.at_us).ok_or_else(|| unsupported("the picture's size is out of range"))
    }
}

fn lock(shown: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Decoder {
    /// A decoder for `format`.
    ///
    /// # Errors
    /// No decoder takes it, or its parameters are none.
    pub fn new(format: &VideoFormat) -> Result<Self, Failure> {
        let (name, caps) = encoded(format)?;
        let decoder = make("libav", name)?;
        // libav's picture decoder has no threads to limit.
        if decoder.has_property_with_type("max-threads", i32::static_type()) {
            decoder.set_property("max-threads", 1_i32);
        }
        if decoder.has_property_with_type("output-corrupt", bool::static_type()) {
            decoder.set_property("output-corrupt", false);
        }
        let convert = make("videoconvertscale", "videoconvert")?;
        let shown = Arc::new(Mutex::new(Shown::default()));
        // Nobody waits for this bus: one that can be waited for takes descriptors, of which the sandbox has few.
        let bus = gst::glib::Object::builder::<gst::Bus>().property("enable-async", false).build();
        let heard = shown.clone();
        bus.set_sync_handler(move |_, message| {
            let text = match message.view() {
                gst::MessageView::Error(error) => Some(error.error().to_string()),
                gst::MessageView::Warning(warning) => Some(warning.error().to_string()),
                _ => None,
            };
            if text.is_some() {
                lock(&heard).complaint = text;
            }
            // Nobody reads the bus: what stayed on it would add up.
            gst::BusSyncReply::Drop
        });
        let input = input();
        let output = output(&shown)?;
        let elements = [decoder, convert];
        let new = Self {
            format: format.clone(),
            elements,
            input,
            output,
            shown,
            base_us: None,
            newest_us: None,
            awaits_key: true,
        };
        new.start(&bus, &caps).map_err(|what| new.failed(&what))?;
        Ok(new)
    }

    fn start(&self, bus: &gst::Bus, caps: &gst::Caps) -> Result<(), String> {
        let [decoder, convert] = &self.elements;
        let pad = |element: &gst::Element, name| element.static_pad(name).ok_or("a decoder without pads");
        let link = |from: &gst::Pad, to: &gst::Pad| from.link(to).map(drop).map_err(|e| e.to_string());
        link(&self.input, &pad(decoder, "sink")?)?;
        link(&pad(decoder, "src")?, &pad(convert, "sink")?)?;
        link(&pad(convert, "src")?, &self.output)?;
        for pad in [&self.output, &self.input] {
            pad.set_active(true).map_err(|e| e.to_string())?;
        }
        for element in self.elements.iter().rev() {
            element.set_bus(Some(bus));
            element.set_state(gst::State::Playing).map_err(|e| e.to_string())?;
        }
        let begun = self.input.push_event(gst::event::StreamStart::new("camera"))
            && self.input.push_event(gst::event::Caps::new(caps))
            && self.input.push_event(segment());
        if begun { Ok(()) } else { Err("it does not take the stream's parameters".into()) }
    }

    /// What it decodes.
    pub fn format(&self) -> &VideoFormat {
        &self.format
    }

    /// Pictures that were thrown away because nobody took them.
    pub fn dropped(&self) -> u64 {
        lock(&self.shown).dropped
    }

    /// Samples were left out: what follows is of use from the next key frame on.
    pub fn hole(&mut self) {
        self.awaits_key = true;
        lock(&self.shown).pictures.clear();
    }

    /// Decodes one sample. False: it was of no use, since a key frame is awaited.
    ///
    /// # Errors
    /// The decoder gave up: make a new one at the next key frame.
    pub fn push(&mut self, at_us: i64, key: bool, data: Vec<u8>) -> Result<bool, Failure> {
        if self.newest_us.is_some_and(|newest| at_us < newest.saturating_sub(BACK_US_MAX)) {
            // Another timeline: GStreamer would go on with the old one.
            self.hole();
        }
        if self.awaits_key && !key {
            return Ok(false);
        }
        let fresh = self.awaits_key && self.base_us.is_some();
        if fresh {
            // What the decoder remembers of before the hole would show as wrong pictures.
            self.input.push_event(gst::event::FlushStart::new());
            self.input.push_event(gst::event::FlushStop::new(true));
            self.input.push_event(segment());
            lock(&self.shown).pictures.clear();
            (self.base_us, self.newest_us) = (None, None);
        }
        if self.format.codec == Codec::Mjpeg {
            check_jpeg(&data).map_err(|what| self.failed(&what))?;
        } else {
            let size = parameters::largest_in_sample(self.format.codec, &data);
            check_size(&self.format, size).map_err(|what| self.failed(&what))?;
        }
        let base_us = *self.base_us.get_or_insert(at_us);
        let pts = at_us.checked_sub(base_us).and_then(|us| us.checked_add(LEAD_US));
        let Some(pts) = pts.and_then(|us| u64::try_from(us).ok()).filter(|us| *us < u64::MAX / 4000) else {
            // A jump by centuries: a new timeline.
            self.base_us = None;
            self.awaits_key = true;
            return Err(self.failed("its time jumps"));
        };
        self.awaits_key = false;
        self.newest_us = self.newest_us.max(Some(at_us));
        let mut buffer = gst::Buffer::from_mut_slice(data);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_useconds(pts));
            let mut flags = gst::BufferFlags::empty();
            flags.set(gst::BufferFlags::DELTA_UNIT, !key);
            flags.set(gst::BufferFlags::DISCONT, fresh);
            buffer.set_flags(flags);
        }
        match self.input.push(buffer) {
            Ok(_) => Ok(true),
            Err(flow) => Err(self.failed(&flow.to_string())),
        }
    }

    /// Shows all pictures that are held back for their order; what follows is of use from the next key frame on.
    pub fn show_all(&mut self) {
        if self.format.codec != Codec::Mjpeg {
            // What it answers is of no use: pictures that came out are there.
            let _ = self.input.push_event(gst::event::SegmentDone::new(gst::ClockTime::ZERO));
            self.awaits_key = true;
        }
    }

    /// The next picture, in the order of showing; with frames out of order it comes a few samples later.
    pub fn pull(&mut self) -> Option<Picture> {
        let base_us = self.base_us?;
        let mut shown = lock(&self.shown);
        while let Some((buffer, caps)) = shown.pictures.pop_front() {
            let pts = buffer.pts().and_then(|pts| i64::try_from(pts.useconds()).ok());
            if let Some(at_us) = pts.and_then(|us| us.checked_sub(LEAD_US)?.checked_add(base_us)) {
                return Some(Picture { at_us, buffer, caps });
            }
        }
        None
    }

    /// The last complaint since the last call, of a decoder that goes on.
    pub fn take_complaint(&mut self) -> Option<String> {
        lock(&self.shown).complaint.take()
    }

    fn failed(&self, what: &str) -> Failure {
        let complaint = lock(&self.shown).complaint.take();
        let what = complaint.as_deref().unwrap_or(what);
        let codec = self.format.codec;
        unsupported(format!(
            "the camera's {codec:?} cannot be decoded: {what}; try another profile of its stream"
        ))
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        let _ = self.output.set_active(false);
        let _ = self.input.set_active(false);
        for element in &self.elements {
            let _ = element.set_state(gst::State::Null);
        }
    }
}

fn segment() -> gst::Event {
    gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())
}

/// The pad the samples leave from. They are live: otherwise libav holds back as many pictures of a stream that does not
/// say how far it is out of order as could be, up to 16.
fn input() -> gst::Pad {
    let pad = gst::Pad::builder(gst::PadDirection::Src).name("samples");
    let pad = pad.query_function(|pad, parent, query| match query.view_mut() {
        gst::QueryViewMut::Latency(latency) => {
            latency.set(true, gst::ClockTime::ZERO, gst::ClockTime::NONE);
            true
        }
        _ => gst::Pad::query_default(pad, parent, query),
    });
    pad.build()
}

/// The pad at the other end: keeps what is shown.
fn output(shown: &Arc<Mutex<Shown>>) -> Result<gst::Pad, Failure> {
    let sides = gst::IntRange::new(1, i32::from(SIDE_PX_MAX));
    let planar = gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", sides)
        .field("height", sides)
        .build();
    let template =
        gst::PadTemplate::new("pictures", gst::PadDirection::Sink, gst::PadPresence::Always, &planar)
            .map_err(|e| unsupported(format!("GStreamer makes no pad: {e}")))?;
    let kept = shown.clone();
    let pad = gst::Pad::builder_from_template(&template)
        .chain_function(move |pad, _, buffer| {
            let caps = pad.current_caps().ok_or(gst::FlowError::NotNegotiated)?;
            if buffer.flags().contains(gst::BufferFlags::CORRUPTED) {
                return Ok(gst::FlowSuccess::Ok);
            }
            let mut shown = lock(&kept);
            if shown.pictures.len() >= PICTURES_MAX {
                shown.pictures.pop_front();
                shown.dropped += 1;
            }
            shown.pictures.push_back((buffer, caps));
            Ok(gst::FlowSuccess::Ok)
        })
        .event_function(|_, _, _| true)
        .query_function(|pad, parent, query| match query.view_mut() {
            gst::QueryViewMut::Allocation(allocation) => {
                // Rows may be padded: then the decoder need not copy.
                allocation.add_allocation_meta::<VideoMeta>(None);
                true
            }
            _ => gst::Pad::query_default(pad, parent, query),
        });
    Ok(pad.build())
}

/// Decoder and input of a format.
fn encoded(format: &VideoFormat) -> Result<(&'static str, gst::Caps), Failure> {
    let sides = [format.width, format.height];
    if sides.iter().any(|side| *side > SIDE_PX_MAX) || format.config.len() > CONFIG_LEN_MAX {
        let [width, height] = sides;
        return Err(unsupported(format!(
            "a picture of {width}×{height} is above {SIDE_PX_MAX} pixels a side: set a smaller one in the camera"
        )));
    }
    check_size(format, parameters::largest_in_config(format.codec, &format.config)).map_err(unsupported)?;
    let units = |media, form| {
        gst::Caps::builder(media)
            .field("stream-format", form)
            .field("alignment", "au")
            .field("codec_data", gst::Buffer::from_mut_slice(format.config.clone()))
            .build()
    };
    match format.codec {
        Codec::H264 => Ok((H264, units("video/x-h264", "avc"))),
        Codec::H265 => Ok((H265, units("video/x-h265", "hvc1"))),
        Codec::Mjpeg => Ok((MJPEG, gst::Caps::builder("image/jpeg").field("parsed", true).build())),
        codec @ (Codec::Aac | Codec::Ulaw | Codec::Alaw) => {
            Err(unsupported(format!("{codec:?} is no picture")))
        }
    }
}

/// A decoder makes room for many pictures of the size that the stream itself asks for.
fn check_size(format: &VideoFormat, size: Option<(u32, u32)>) -> Result<(), String> {
    let Some((width, height)) = size else { return Ok(()) };
    let fits = |asked: u32, said: u16| asked <= u32::from(said).saturating_add(SIDE_PADDING_PX_MAX);
    if fits(width, format.width) && fits(height, format.height) {
        return Ok(());
    }
    Err(format!("its pictures are {width}×{height}, it announced {}×{}", format.width, format.height))
}

fn check_jpeg(data: &[u8]) -> Result<(), String> {
    let picture = jpeg::check(data).map_err(|e| e.to_string())?;
    let fits = picture.width <= SIDE_PX_MAX && picture.height <= SIDE_PX_MAX;
    if fits { Ok(()) } else { Err("the picture's size is out of range".into()) }
}

/// Whether no other sample needs this one: it may be left out when its own picture is not wanted. H.264: `nal_ref_idc` is 0
/// (§7.4.1); H.265: a sub-layer non-reference picture of a stream with one temporal layer (§7.4.2.2).
pub fn is_disposable(format: &VideoFormat, data: &[u8]) -> bool {
    let judge: fn(u8) -> Option<bool> = match format.codec {
        Codec::Mjpeg => return true,
        Codec::H264 => |header| match header & 0x1f {
            1..=4 => Some(header & 0x60 == 0),
            5 => Some(false),
            _ => None,
        },
        // `numTemporalLayers` of hvcC (ISO/IEC 14496-15 §8.3.3.1.2).
        Codec::H265 if format.config.get(21).is_some_and(|byte| byte >> 3 & 7 == 1) => {
            |header| match header >> 1 & 0x3f {
                kind @ 0..16 => Some(kind % 2 == 0),
                16..32 => Some(false),
                _ => None,
            }
        }
        _ => return false,
    };
    let (mut rest, mut pictures) = (data, 0);
    for _ in 0..UNITS_MAX {
        let Some((len, after)) = rest.split_first_chunk::<4>() else {
            return pictures > 0 && rest.is_empty();
        };
        let len = u32::from_be_bytes(*len) as usize;
        let Some(unit) = after.get(..len) else { return false };
        match unit.first().and_then(|header| judge(*header)) {
            Some(false) => return false,
            Some(true) => pictures += 1,
            None => {}
        }
        rest = after.get(len..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(codec: Codec, config: Vec<u8>, units: &[&[u8]], expected: bool) {
        let format = VideoFormat { codec, width: 64, height: 64, config, reorder_depth: 0 };
        let data: Vec<u8> =
            units.iter().flat_map(|u| [&(u.len() as u32).to_be_bytes()[..], u].concat()).collect();
        assert_eq!(is_disposable(&format, &data), expected, "{codec:?} {units:?}");
    }

    #[test]
    fn what_may_be_left_out() {
        let one_layer = [vec![0; 21], vec![0b0000_1111]].concat();
        let two_layers = [vec![0; 21], vec![0b0001_0111]].concat();
        check(Codec::H264, vec![], &[&[0x01, 1]], true);
        check(Codec::H264, vec![], &[&[6, 1], &[0x01, 1], &[0x01, 2]], true);
        check(Codec::H264, vec![], &[&[0x41, 1]], false);
        check(Codec::H264, vec![], &[&[0x65, 1]], false);
        check(Codec::H264, vec![], &[&[6, 1]], false);
        check(Codec::H264, vec![], &[], false);
        check(Codec::H265, one_layer.clone(), &[&[0, 1]], true);
        check(Codec::H265, one_layer.clone(), &[&[2, 1]], false);
        check(Codec::H265, one_layer, &[&[0x26, 1]], false);
        check(Codec::H265, two_layers, &[&[0, 1]], false);
        check(Codec::H265, vec![], &[&[0, 1]], false);
        check(Codec::Mjpeg, vec![], &[&[0xff]], true);
        let format =
            VideoFormat { codec: Codec::H264, width: 0, height: 0, config: vec![], reorder_depth: 0 };
        for broken in [&[0, 0, 0, 9, 1][..], &[0xff; 9], &[0, 0, 0, 1, 1, 0]] {
            assert!(!is_disposable(&format, broken));
        }
    }

    #[test]
    fn formats_that_are_none() {
        load().unwrap();
        for (codec, width, config) in [
            (Codec::Aac, 64, vec![]),
            (Codec::H264, SIDE_PX_MAX + 1, vec![1; 9]),
            (Codec::H264, 64, vec![0; CONFIG_LEN_MAX + 1]),
        ] {
            let format = VideoFormat { codec, width, height: 64, config, reorder_depth: 0 };
            assert!(Decoder::new(&format).is_err(), "{codec:?}");
        }
    }
}
