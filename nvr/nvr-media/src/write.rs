//! Pictures into a file that is open already: H.264 in MP4, or one PNG.
//!
//! Promises: every picture that is pushed is in the file with its time; nothing but the descriptor is written; elements
//!   are loaded before the sandbox; at most [`QUEUE_LEN_MAX`] pictures wait, then pushing waits.
//! Leaves to others: the sandbox (the process that calls: load first, enter it, then push), what is drawn on them.

use crate::failure::Failure;
use crate::load::{error_of, load, make, make_app, unsupported};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;
use nvr_base::media_protocol::FatalCause;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Pictures that wait for the encoder.
const QUEUE_LEN_MAX: u64 = 4;
/// Longest wait for the end of the file, once all pictures are in.
const FINISH_WAIT_MAX: Duration = Duration::from_secs(60);
/// Ticks a second of the film's track: the ones RTP and MPEG use.
const TIMESCALE: u32 = 90_000;
/// Pictures from one key frame to the next: players jump to these.
const GOP: u32 = 50;
/// x264's constant quality; lower is better, 23 is its default. Letters of two pixels' width stay sharp at 20.
const QUALITY: u32 = 20;
/// How long the last picture is shown when it is the only one, µs; else as long as the one before.
const LAST_SHOWN_US: u64 = 40_000;
/// Bits for a pixel and second with an encoder that knows no constant quality.
const BITS_PER_PIXEL: u32 = 3;

/// Software encoders, the better one first. A device node is none of this process's business.
const ENCODERS: [(&str, &str); 2] = [("x264", "x264enc"), ("openh264", "openh264enc")];

/// A picture without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Media time, µs; rises.
    pub at_us: i64,
    /// Width in pixels; of a film: even, and the same in all.
    pub width: u32,
    /// Height in pixels; of a film: even, and the same in all.
    pub height: u32,
    /// Row by row, R, G, B.
    pub rgb: Vec<u8>,
}

/// A file being written.
#[derive(Debug)]
pub struct PictureWriter {
    encoder: &'static str,
    pipeline: gst::Pipeline,
    source: AppSrc,
    element: gst::Element,
    size: Option<(u32, u32)>,
    /// The last one that was pushed: how long it is shown is known with the next.
    held: Option<Picture>,
    shown_us: Arc<AtomicU64>,
    /// The file: the pipeline writes its descriptor.
    _file: OwnedFd,
}

impl PictureWriter {
    /// Loads an encoder and prepares to write a film into `file`, which must be one that can be sought in.
    ///
    /// # Errors
    /// GStreamer or one of its plugins is not installed.
    pub fn film(file: OwnedFd) -> Result<Self, Failure> {
        init()?;
        let installed = ENCODERS.iter().find(|(plugin, element)| load(plugin, element));
        let (plugin, encoder) = installed.ok_or_else(|| {
            unsupported("no H.264 encoder is installed; install gstreamer1.0-plugins-ugly or -bad")
        })?;
        Self::film_with(file, plugin, encoder)
    }

    fn film_with(file: OwnedFd, plugin: &str, encoder: &'static str) -> Result<Self, Failure> {
        let element = make(plugin, encoder)?;
        if encoder == "x264enc" {
            element.set_property_from_str("speed-preset", "veryfast");
            element.set_property_from_str("pass", "qual");
            element.set_property("quantizer", QUALITY);
            // No reordering: a film with times that do not rise evenly stays simple.
            element.set_property("bframes", 0_u32);
            element.set_property("key-int-max", GOP);
        } else {
            element.set_property("gop-size", GOP);
            element.set_property_from_str("rate-control", "bitrate");
        }
        let parse = make("videoparsersbad", "h264parse")?;
        let mux = make("isomp4", "mp4mux")?;
        let track = mux.request_pad_simple("video_%u").ok_or_else(|| {
            unsupported("GStreamer's mp4mux takes no video; install gstreamer1.0-plugins-good")
        })?;
        track.set_property("trak-timescale", TIMESCALE);
        let shown_us = Arc::new(AtomicU64::new(LAST_SHOWN_US));
        last_as_long_as_the_one_before(&track, shown_us.clone());
        Self::new(file, encoder, element, &[parse, mux], shown_us)
    }

    /// Prepares to write one PNG picture into `file`.
    ///
    /// # Errors
    /// As [`Self::film`].
    pub fn picture(file: OwnedFd) -> Result<Self, Failure> {
        init()?;
        let element = make("png", "pngenc")?;
        element.set_property("snapshot", true);
        Self::new(file, "pngenc", element, &[], Arc::default())
    }

    fn new(
        file: OwnedFd,
        encoder: &'static str,
        element: gst::Element,
        behind: &[gst::Element],
        shown_us: Arc<AtomicU64>,
    ) -> Result<Self, Failure> {
        let source: AppSrc = make_app("appsrc")?;
        source.set_format(gst::Format::Time);
        source.set_max_buffers(QUEUE_LEN_MAX);
        source.set_block(true);
        let convert = make("videoconvertscale", "videoconvert")?;
        let filter = make("coreelements", "capsfilter")?;
        // 4:2:0, which every player knows; x264 would keep what it is given.
        let format = if encoder == "pngenc" { "RGB" } else { "I420" };
        filter.set_property("caps", gst::Caps::builder("video/x-raw").field("format", format).build());
        let sink = make("coreelements", "fdsink")?;
        sink.set_property("fd", file.as_raw_fd());
        sink.set_property("sync", false);
        let pipeline = gst::Pipeline::new();
        let mut chain = vec![source.clone().upcast(), convert, filter, element.clone()];
        chain.extend_from_slice(behind);
        chain.push(sink);
        let fail = |e: gst::glib::BoolError| unsupported(format!("cannot build the encoder: {e}"));
        pipeline.add_many(&chain).map_err(fail)?;
        gst::Element::link_many(&chain).map_err(fail)?;
        Ok(Self { encoder, pipeline, source, element, size: None, held: None, shown_us, _file: file })
    }

    /// GStreamer's name of the encoder.
    pub fn encoder(&self) -> &'static str {
        self.encoder
    }

    /// Takes the next picture.
    ///
    /// # Errors
    /// The encoder failed, or the file cannot be written; the picture is not of the size that it says, or of another
    /// than the first.
    pub fn push(&mut self, picture: Picture) -> Result<(), Failure> {
        let size = (picture.width, picture.height);
        let len = u64::from(size.0) * u64::from(size.1) * 3;
        if self.size.is_some_and(|first| first != size) || picture.rgb.len() as u64 != len || len == 0 {
            return Err(self.failed("a picture of another size"));
        }
        if self.size.is_none() {
            self.start(size)?;
        }
        if let Some(held) = self.held.take() {
            let shown_us = u64::try_from(picture.at_us.saturating_sub(held.at_us)).unwrap_or(0);
            self.shown_us.store(shown_us, Ordering::Relaxed);
            self.give(&held)?;
            if let Some(why) = error_of(&self.pipeline) {
                return Err(self.failed(&why));
            }
        }
        self.held = Some(picture);
        Ok(())
    }

    fn give(&mut self, picture: &Picture) -> Result<(), Failure> {
        let mut buffer = gst::Buffer::from_slice(rows(picture));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_useconds(u64::try_from(picture.at_us).unwrap_or(0)));
        }
        self.source.push_buffer(buffer).map(|_| ()).map_err(|_| self.refused())
    }

    fn start(&mut self, size: (u32, u32)) -> Result<(), Failure> {
        let px = |side: u32| i32::try_from(side).unwrap_or(i32::MAX);
        // Frames have times of their own, no rate.
        let caps = gst::Caps::builder("video/x-raw")
            .field("format", "RGB")
            .field("width", px(size.0))
            .field("height", px(size.1))
            .field("framerate", gst::Fraction::new(0, 1));
        self.source.set_caps(Some(&caps.build()));
        if self.encoder == "openh264enc" {
            self.element
                .set_property("bitrate", size.0.saturating_mul(size.1).saturating_mul(BITS_PER_PIXEL));
        }
        self.size = Some(size);
        match self.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(()),
            Err(_) => Err(self.refused()),
        }
    }

    /// Lets everything that waits be written, and ends the file.
    ///
    /// # Errors
    /// As [`Self::push`]; no picture was pushed; the end does not come.
    pub fn finish(mut self) -> Result<(), Failure> {
        let last = self.held.take().ok_or_else(|| self.failed("no picture was given"))?;
        // The bus is asked once, below: looking for an error takes an end of stream off it, and a PNG may be there already.
        self.give(&last)?;
        // One picture may have ended a PNG already.
        let _ = self.source.end_of_stream();
        let wait = gst::ClockTime::try_from(FINISH_WAIT_MAX).ok();
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        let message = self.pipeline.bus().and_then(|bus| bus.timed_pop_filtered(wait, &ends));
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Eos(_)) => Ok(()),
            Some(gst::MessageView::Error(error)) => Err(self.failed(&error.error().to_string())),
            _ => Err(self.failed("it does not end")),
        }
    }

    fn refused(&self) -> Failure {
        self.failed(&error_of(&self.pipeline).unwrap_or_else(|| "it takes no more pictures".into()))
    }

    fn failed(&self, why: &str) -> Failure {
        let what = format!("{}: the file cannot be written: {why}; is there room on its disk?", self.encoder);
        Failure::new(FatalCause::Encoder, what)
    }
}

impl Drop for PictureWriter {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// With no rate, x264's headers count in nanoseconds and the parser takes one for a picture's length. The next one's time
/// puts that right, but for the last: without a length players leave it out.
fn last_as_long_as_the_one_before(track: &gst::Pad, shown_us: Arc<AtomicU64>) {
    track.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data {
            let shown = gst::ClockTime::from_useconds(shown_us.load(Ordering::Relaxed));
            buffer.make_mut().set_duration(shown);
        }
        gst::PadProbeReturn::Ok
    });
}

fn init() -> Result<(), Failure> {
    gst::init().map_err(|e| unsupported(format!("GStreamer does not start: {e}")))
}

/// The picture with rows of a multiple of four bytes, as GStreamer lays RGB out.
fn rows(picture: &Picture) -> Vec<u8> {
    let row = picture.width as usize * 3;
    let padding = row.next_multiple_of(4) - row;
    if padding == 0 {
        return picture.rgb.clone();
    }
    let padded =
        picture.rgb.chunks(row).flat_map(|row| row.iter().copied().chain([0; 3].into_iter().take(padding)));
    padded.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;
    use crate::frames::FrameReader;

    /// A picture of one grey.
    fn gray(width: u32, height: u32, value: u8, at_us: i64) -> Picture {
        Picture { at_us, width, height, rgb: vec![value; (width * height * 3) as usize] }
    }

    fn check(encoder: (&str, &'static str), (width, height): (u32, u32), times: &[i64]) {
        let file = tempfile::NamedTempFile::new().unwrap();
        init().unwrap();
        if !load(encoder.0, encoder.1) {
            #[allow(clippy::print_stderr)] // a test that is left out says so
            {
                eprintln!("skipped: no {}", encoder.1);
            }
            return;
        }
        let mut writer =
            PictureWriter::film_with(file.reopen().unwrap().into(), encoder.0, encoder.1).unwrap();
        for (n, at_us) in times.iter().enumerate() {
            writer.push(gray(width, height, 40 + 10 * n as u8, *at_us)).unwrap();
        }
        writer.finish().unwrap();
        let mut reader = FrameReader::new(file.reopen().unwrap().into()).unwrap();
        let mut got = Vec::new();
        while let Some(frame) = reader.next_frame().unwrap() {
            assert_eq!((frame.width, frame.height), (width as usize, height as usize));
            let middle = frame.planes[0][frame.planes[0].len() / 2];
            let expected = 16.0 + f64::from(40 + 10 * got.len() as u32) * 219.0 / 255.0;
            assert!((f64::from(middle) - expected).abs() < 6.0, "{encoder:?}: frame {}: {middle}", got.len());
            got.push((frame.at_us + 500) / 1000);
        }
        assert_eq!(got, times.iter().map(|us| us / 1000).collect::<Vec<_>>(), "{encoder:?}");
    }

    #[test]
    fn films_hold_every_picture_at_its_time() {
        for encoder in ENCODERS {
            check(encoder, (322, 242), &[0, 40_000, 120_000, 133_000, 1_000_000, 1_040_000]);
            check(encoder, (64, 64), &[0]);
        }
    }

    #[test]
    fn one_picture_of_any_size() {
        for (width, height) in [(33, 17), (320, 240), (1, 1)] {
            let file = tempfile::NamedTempFile::new().unwrap();
            let mut writer = PictureWriter::picture(file.reopen().unwrap().into()).unwrap();
            writer.push(gray(width, height, 90, 0)).unwrap();
            writer.finish().unwrap();
            let bytes = std::fs::read(file.path()).unwrap();
            // The size stands in the IHDR chunk (PNG specification §11.2.2), the file ends with IEND.
            let side = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
            assert_eq!((&bytes[1..4], side(16), side(20)), (&b"PNG"[..], width, height));
            assert_eq!(&bytes[bytes.len() - 8..bytes.len() - 4], b"IEND");
        }
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let writer = || PictureWriter::picture(tempfile::tempfile().unwrap().into()).unwrap();
        assert!(writer().push(Picture { rgb: vec![0; 5], ..gray(4, 4, 0, 0) }).is_err());
        assert!(writer().push(gray(0, 0, 0, 0)).is_err());
        assert!(writer().finish().is_err());
    }
}
