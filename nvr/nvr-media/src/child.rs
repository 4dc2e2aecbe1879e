//! The life of the capture child: take the order, load libraries, open the device, sandbox, capture.
//!
//! Promises: the order above, so that the device's bytes are touched behind the sandbox only; whatever ends it is told
//!   to the recorder as the last message.
//! Leaves to others: starting it and starting it again (`nvr-ingest`).

use crate::capture::Capture;
use crate::choice::{Path, Wish, choose, path};
use crate::device::Device;
use crate::encoder;
use crate::failure::Failure;
use crate::sandbox;
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{
    FatalCause, FromChild, MESSAGE_LEN_MAX, Start, ToChild, bounded_text, decode_to_child,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for the recorder's order.
const START_WAIT_MAX: Duration = Duration::from_secs(10);
/// Longest time the recorder may leave a message unread.
const SEND_WAIT_MAX: Duration = Duration::from_secs(10);

/// Runs the child on the socket to the recorder, to its end.
///
/// # Errors
/// Why it gave up; the recorder was told, if it still listens.
pub fn run(channel: MediaChannel) -> Result<(), Failure> {
    let channel = prepare(channel)?;
    report(&channel, order(&channel).and_then(|start| capture(&start, &channel)))
}

/// Bounds sends, and has panics told.
///
/// # Errors
/// The system refuses the bound.
pub(crate) fn prepare(channel: MediaChannel) -> Result<Arc<MediaChannel>, Failure> {
    sandbox::ignore_stop_signals();
    let timeout = rustix::net::sockopt::Timeout::Send;
    rustix::net::sockopt::set_socket_timeout(&channel, timeout, Some(SEND_WAIT_MAX))
        .map_err(|e| Failure::new(FatalCause::Internal, format!("cannot set a send timeout: {e}")))?;
    let channel = Arc::new(channel);
    tell_panics(&channel);
    Ok(channel)
}

/// Tells a failure as the last message.
pub(crate) fn report(channel: &MediaChannel, result: Result<(), Failure>) -> Result<(), Failure> {
    if let Err(failure) = &result {
        // The recorder may be gone: then nobody is left to tell.
        let _ = channel.send(&fatal(failure));
    }
    result
}

fn fatal(failure: &Failure) -> FromChild {
    FromChild::Fatal { cause: failure.cause, what: bounded_text(&failure.what) }
}

/// A panic, also on an encoder's thread, ends the process after it was told.
fn tell_panics(channel: &Arc<MediaChannel>) {
    let channel = channel.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let _ = channel.send(&fatal(&Failure::new(FatalCause::Internal, format!("nvr-media: {panic}"))));
        std::process::abort();
    }));
}

/// Waits for the order, [`START_WAIT_MAX`] at most; without one, receiving it tells.
pub(crate) fn await_order(channel: &MediaChannel) -> Result<(), Failure> {
    let wait = Timespec { tv_sec: i64::try_from(START_WAIT_MAX.as_secs()).unwrap_or(10), tv_nsec: 0 };
    poll(&mut [PollFd::new(channel, PollFlags::IN)], Some(&wait))
        .map(drop)
        .map_err(|e| Failure::new(FatalCause::Internal, format!("cannot wait: {e}")))
}

fn order(channel: &MediaChannel) -> Result<Start, Failure> {
    let fail = |what: String| Failure::new(FatalCause::Internal, what);
    await_order(channel)?;
    let mut message = vec![0; MESSAGE_LEN_MAX];
    let (len, _) = channel.receive(&mut message).map_err(|e| match e {
        ChannelError::WouldBlock => fail("no order from the recorder".into()),
        e => e.into(),
    })?;
    match decode_to_child(message.get(..len).unwrap_or_default()) {
        Ok(ToChild::Start(start)) => Ok(start),
        Ok(ToChild::Stop) => Err(fail("stopped before it was started".into())),
        Err(error) => Err(fail(error.to_string())),
    }
}

fn capture(start: &Start, channel: &Arc<MediaChannel>) -> Result<(), Failure> {
    let device = Device::open(&start.device)?;
    let wish = Wish { width: start.width, height: start.height, fps: start.fps, fourcc: start.fourcc };
    if let Some(fourcc) = start.fourcc.filter(|fourcc| path(*fourcc).is_none()) {
        let name = String::from_utf8_lossy(&fourcc);
        let what = format!("{}: {name} from a device is not recorded; choose another `format`", start.device);
        return Err(Failure::new(FatalCause::Unsupported, what));
    }
    let Some(choice) = choose(&device.offers()?, wish) else {
        let wanted = start
            .fourcc
            .map_or("H264, MJPG or a raw format".into(), |f| String::from_utf8_lossy(&f).into_owned());
        let what = format!("{}: the device offers no {wanted}; choose another `format`", start.device);
        return Err(Failure::new(FatalCause::Unsupported, what));
    };
    // A camera whose samples are passed through needs no GStreamer at all.
    let candidates = if choice.path == Path::Raw {
        gstreamer::init()
            .map_err(|e| Failure::new(FatalCause::Encoder, format!("GStreamer does not start: {e}")))?;
        encoder::candidates()
    } else {
        Vec::new()
    };
    let layers = sandbox::enter(&encoder::device_nodes(&candidates));
    let setting = device.set(choice)?;
    let capture = Capture::new(&start.device, &device, setting, &candidates, start.kbit_s, channel)?;
    channel.send(&FromChild::Hello { layers, how: bounded_text(&capture.how()) })?;
    capture.run()
}
