//! The life of the still child: take an encoded key frame, load a decoder, sandbox, decode, answer with a JPEG.
//!
//! Promises: no C code sees the key frame's bytes before the sandbox is up; no device is opened: for one picture a
//!   software decoder is done before a graphics driver has started. Everything ends within `DECODE_WAIT_MAX`.
//! Leaves to others: starting it and killing it (`nvr picture`), the units' lengths (`byte_stream`).

use crate::byte_stream::byte_stream;
use crate::child::{ORDER_WAIT_MAX, await_order, prepare, report};
use crate::failure::Failure;
use crate::sandbox;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use nvr_base::media_channel::MediaChannel;
use nvr_base::media_protocol::{FatalCause, FromChild, MESSAGE_LEN_MAX, SIDE_PX_MAX, bounded_text};
use nvr_base::still_protocol::{DECODE_WAIT_MAX, StillOrder, receive_order};
use nvr_base::{Codec, Format, Mono, VideoFormat};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::path::PathBuf;
use std::time::Instant;

/// Processor time, in seconds: what a decoder in an endless loop may take.
const CPU_S_MAX: u64 = 10;
/// Memory that can be written, in bytes: pictures of 8192 × 8192 in a few copies.
const DATA_BYTES_MAX: u64 = 1 << 30;
/// JPEG quality: artefacts of the encoder stay below those of the camera's.
const QUALITY: i32 = 90;
/// ITU-R BT.601 with full range: what JPEG viewers expect (JFIF 1.02), while cameras send BT.709 with limited range.
const JPEG_COLORIMETRY: &str = "1:4:7:1";
/// Plugins that every picture needs: elements of the pipeline.
const PLUGINS: [&str; 4] = ["coreelements", "app", "videoconvertscale", "jpeg"];

/// A decoder: plugin, element, and the Debian package that has it.
type Decoder = (&'static str, &'static str);

/// Decoders, best first.
fn decoders(codec: Codec) -> &'static [Decoder] {
    match codec {
        Codec::H264 => &[("libav", "avdec_h264"), ("openh264", "openh264dec")],
        Codec::H265 => &[("libav", "avdec_h265"), ("de265", "libde265dec")],
        Codec::Mjpeg | Codec::Aac | Codec::Ulaw | Codec::Alaw => &[],
    }
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
    let mut message = vec![0; MESSAGE_LEN_MAX];
    let (order, data) = receive_order(channel, &mut message)?;
    let still = Still::load(&order)?;
    limits()?;
    let layers = sandbox::enter(&[]);
    channel.send(&FromChild::Hello { layers, how: still.decoder.to_owned() })?;
    let (width, height, jpeg) = still.decode(&order.format, &data)?;
    let video = VideoFormat { codec: Codec::Mjpeg, width, height, config: Vec::new(), reorder_depth: 0 };
    channel.send(&FromChild::Format(Format { video, audio: None }))?;
    Ok(channel.send_sample(Mono(0), true, &jpeg)?)
}
