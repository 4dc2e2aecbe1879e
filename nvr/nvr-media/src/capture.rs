//! The capture loop: frames from the device, judged, made samples, sent.
//!
//! Promises: every wait is bounded, a stop is seen within [`POLL`]; every frame is sent or reported as lost; a device
//!   that is silent is reported again and again, and given up after [`SILENT_MAX`].
//! Leaves to others: the order of starting (`child`), judging (`loss`), encoding (`encoder`).

use crate::choice::Path;
use crate::device::{Device, Frames, Setting};
use crate::encoder::{Candidate, Encoder};
use crate::failure::Failure;
use crate::jpeg;
use crate::loss::{Loss, Monitor};
use crate::output::{Output, Put};
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{FatalCause, FromChild, LossCause, MESSAGE_LEN_MAX, ToChild, decode_to_child};
use nvr_base::{Clock, SystemClock};
use std::sync::Arc;
use std::time::Duration;

/// How long one wait for a frame is; between two, the recorder's word is looked for.
pub const POLL: Duration = Duration::from_millis(250);
/// No frame for this long is reported as a stall, and again after as long.
pub const STALL: Duration = Duration::from_secs(2);
/// No frame for this long: the device is given up, so that opening it again may help.
pub const SILENT_MAX: Duration = Duration::from_secs(30);

/// Where samples go.
enum Way {
    Pass(Output),
    Encode(Encoder),
}

/// One running capture.
pub struct Capture<'a> {
    path: &'a str,
    setting: Setting,
    frames: Frames<'a>,
    channel: Arc<MediaChannel>,
    way: Way,
    monitor: Monitor,
    key_next: bool,
}

impl std::fmt::Debug for Capture<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Capture")
            .field("path", &self.path)
            .field("setting", &self.setting)
            .finish_non_exhaustive()
    }
}

impl<'a> Capture<'a> {
    /// Makes ready: the encoder where one is needed, and the buffers.
    ///
    /// # Errors
    /// No encoder works; the device gives no buffers.
    pub fn new(
        path: &'a str,
        device: &'a Device,
        setting: Setting,
        candidates: &[Candidate],
        kbit_s: u32,
        channel: &Arc<MediaChannel>,
    ) -> Result<Self, Failure> {
        let way = match setting.choice.path {
            Path::Raw => Way::Encode(Encoder::start(candidates, &setting, kbit_s, channel)?),
            Path::H264 | Path::Mjpeg => Way::Pass(Output::new(channel.clone())),
        };
        Ok(Self {
            path,
            setting,
            frames: device.frames()?,
            channel: channel.clone(),
            way,
            monitor: Monitor::new(setting.choice.fps),
            key_next: true,
        })
    }

    /// What is captured and how, for status.
    pub fn how(&self) -> String {
        let choice = self.setting.choice;
        let fourcc = String::from_utf8_lossy(&choice.fourcc);
        let way = match &self.way {
            Way::Encode(encoder) => encoder.name(),
            Way::Pass(_) => "as the camera sends it",
        };
        format!("{fourcc} {}x{} at {}/s, {way}", choice.width, choice.height, choice.fps)
    }

    /// Runs until the recorder says stop.
    ///
    /// # Errors
    /// The device, the encoder or the recorder is gone.
    pub fn run(mut self) -> Result<(), Failure> {
        let mut heard = SystemClock.mono();
        let mut reported = heard;
        let mut message = vec![0; MESSAGE_LEN_MAX];
        while !stopped(&self.channel, &mut message)? {
            if self.next()? {
                heard = SystemClock.mono();
                reported = heard;
                continue;
            }
            let now = SystemClock.mono();
            if now.since(heard) >= SILENT_MAX {
                let s = SILENT_MAX.as_secs();
                let what = format!("{}: no frame for {s} s; it is opened again", self.path);
                return Err(Failure::new(FatalCause::Device, what));
            }
            if now.since(reported) >= STALL {
                reported = now;
                self.key_next = true;
                let since = self.monitor.good().unwrap_or(heard);
                self.report(Loss { cause: LossCause::Stalled, frames: 0, since })?;
            }
        }
        if let Way::Encode(encoder) = self.way {
            encoder.finish();
        }
        Ok(())
    }

    /// One frame. False: none came.
    fn next(&mut self) -> Result<bool, Failure> {
        let Some((bytes, mut buffer)) = self.frames.take(POLL)? else { return Ok(false) };
        if self.setting.choice.path == Path::Mjpeg && !buffer.error {
            buffer.whole = buffer.whole && jpeg::check(bytes).is_ok();
        }
        let before = self.monitor.good();
        let verdict = self.monitor.step(buffer);
        if let Some(loss) = verdict.loss {
            // Footage after a hole begins where a decoder can.
            self.key_next = true;
            self.channel.send(&lost(loss))?;
        }
        let Some(time) = verdict.keep else { return Ok(true) };
        let (width, height) = sides(&self.setting);
        let put = match &mut self.way {
            Way::Pass(output) if self.setting.choice.path == Path::Mjpeg => output.mjpeg(bytes, time)?,
            Way::Pass(output) => output.h264(bytes, time, width, height)?,
            Way::Encode(encoder) => {
                let taken = encoder.push(bytes, time, std::mem::take(&mut self.key_next))?;
                let broken = encoder.take_broken();
                let frames = broken.saturating_add(u32::from(!taken));
                if frames > 0 {
                    self.key_next = true;
                    let cause = if broken > 0 { LossCause::Broken } else { LossCause::Overrun };
                    self.channel.send(&lost(Loss { cause, frames, since: before.unwrap_or(time) }))?;
                }
                Put::Sent
            }
        };
        if put == Put::Broken {
            self.channel.send(&lost(Loss {
                cause: LossCause::Broken,
                frames: 1,
                since: before.unwrap_or(time),
            }))?;
        }
        Ok(true)
    }

    fn report(&self, loss: Loss) -> Result<(), Failure> {
        Ok(self.channel.send(&lost(loss))?)
    }
}

fn lost(loss: Loss) -> FromChild {
    FromChild::Lost { cause: loss.cause, frames: loss.frames, since: loss.since }
}

fn sides(setting: &Setting) -> (u16, u16) {
    let side = |px: u32| u16::try_from(px).unwrap_or(u16::MAX);
    (side(setting.choice.width), side(setting.choice.height))
}

/// Has the recorder said stop, or gone away?
fn stopped(channel: &MediaChannel, message: &mut [u8]) -> Result<bool, Failure> {
    match channel.receive(message) {
        Err(ChannelError::WouldBlock) => Ok(false),
        Err(ChannelError::Closed) => Ok(true),
        Err(error) => Err(error.into()),
        Ok((len, _)) => match decode_to_child(message.get(..len).unwrap_or_default()) {
            Ok(ToChild::Stop) => Ok(true),
            Ok(ToChild::Start(_)) => Err(Failure::new(FatalCause::Internal, "started twice by the recorder")),
            Err(error) => Err(Failure::new(FatalCause::Internal, error.to_string())),
        },
    }
}
