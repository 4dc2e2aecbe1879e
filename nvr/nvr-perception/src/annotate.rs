//! The life of the annotating child: take film, overlays and output, load decoders and an encoder, sandbox, draw.
//!
//! Promises: no byte of the film or the overlays is parsed before the sandbox is up; of the files only the output is
//!   written; every frame of the film is in the output, in order, with its time; whatever ends it is told last.
//! Leaves to others: names of files and starting it (`nvr replay`), decoding and encoding (`nvr-media`), what is drawn
//!   (`draw`), which overlay a frame has (`show`).

mod canvas;
mod colour;
mod draw;
mod label;
mod show;

use crate::weather;
use canvas::Canvas;
use nvr_base::annotate_protocol::{FromAnnotate, Make, ToAnnotate, receive_to_annotate};
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{MESSAGE_LEN_MAX, bounded_text};
use nvr_base::overlay::{Head, OverlayError, OverlayReader};
use nvr_media::failure::Failure;
use nvr_media::frames::{Frame, FrameReader};
use nvr_media::picture::{PICTURE_PX_MAX, Scaler};
use nvr_media::sandbox;
use nvr_media::write::{Picture, PictureWriter};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use show::Show;
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Longest wait for one message of the order, seconds.
const ORDER_WAIT_S_MAX: i64 = 10;
/// Longest file that is written, in bytes.
const OUTPUT_BYTES_MAX: u64 = 64 << 30;
/// Time from one word on progress to the next.
const PROGRESS: Duration = Duration::from_secs(1);

/// Why nothing is drawn.
#[derive(Debug, thiserror::Error)]
pub enum AnnotateError {
    /// The parent is gone or breaks the protocol.
    #[error("cannot talk to nvr: {0}")]
    Channel(#[from] ChannelError),
    /// The parent says something else than what is due.
    #[error("nvr sent {0:?} out of turn; install the same build of nvr and nvr-perceive")]
    OutOfTurn(ToAnnotate),
    /// The film, the encoder, or GStreamer.
    #[error(transparent)]
    Media(#[from] Failure),
    /// The overlays.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// A frame of a size that cannot be drawn on.
    #[error("a frame of {0} × {1} pixels is too large to draw on; at most {PICTURE_PX_MAX} a side")]
    Size(usize, usize),
}

/// Runs the child on the socket to `nvr replay`, to its end.
///
/// # Errors
/// Why it gave up; the other end was told, if it still listens.
pub fn run(channel: &MediaChannel) -> Result<(), AnnotateError> {
    sandbox::ignore_stop_signals();
    let result = annotate(channel);
    if let Err(why) = &result {
        let what = bounded_text(&why.to_string());
        // The parent may be gone: then nobody is left to tell.
        let _ = channel.send(&FromAnnotate::Fatal { what });
    }
    result
}

fn annotate(channel: &MediaChannel) -> Result<(), AnnotateError> {
    let buffer = &mut vec![0; MESSAGE_LEN_MAX];
    let make = match next(channel, buffer)? {
        (ToAnnotate::Make(make), _) => make,
        (other, _) => return Err(AnnotateError::OutOfTurn(other)),
    };
    let mut file = |wanted| match next(channel, buffer)? {
        (got, Some(fd)) if got == wanted => Ok(fd),
        (other, _) => Err(AnnotateError::OutOfTurn(other)),
    };
    let clip = file(ToAnnotate::Clip)?;
    let overlays: File = file(ToAnnotate::Overlays)?.into();
    let output: OwnedFd = file(ToAnnotate::Output)?;
    let reader = FrameReader::new(clip)?;
    let writer = match make {
        Make::Film => PictureWriter::film(output)?,
        Make::Picture { .. } => PictureWriter::picture(output)?,
    };
    let layers = sandbox::enter_with(&[], OUTPUT_BYTES_MAX, sandbox::FILES_MAX);
    channel.send(&FromAnnotate::Hello { layers, encoder: writer.encoder().to_owned() })?;
    let (head, overlays) = OverlayReader::new(BufReader::new(overlays))?;
    let job = Job { head, show: Show::new(overlays), reader, writer, scaler: Scaler::default() };
    let (frames, at_us) = match make {
        Make::Film => job.film(channel)?,
        Make::Picture { at_us } => job.picture(at_us)?,
    };
    channel.send(&FromAnnotate::End { frames, at_us })?;
    Ok(())
}

/// The next message; one that does not come in time shows when it is taken.
fn next(channel: &MediaChannel, buffer: &mut [u8]) -> Result<(ToAnnotate, Option<OwnedFd>), ChannelError> {
    let wait = Timespec { tv_sec: ORDER_WAIT_S_MAX, tv_nsec: 0 };
    let _ = poll(&mut [PollFd::new(channel, PollFlags::IN)], Some(&wait));
    receive_to_annotate(channel, buffer)
}

struct Job<R> {
    head: Head,
    show: Show<R>,
    reader: FrameReader,
    writer: PictureWriter,
    scaler: Scaler,
}

impl<R: Read> Job<R> {
    /// Every frame, in the size of the first; frames written and the time of the last.
    fn film(mut self, channel: &MediaChannel) -> Result<(u64, i64), AnnotateError> {
        let (mut frames, mut at_us) = (0, 0);
        let mut size = None;
        let mut said = Instant::now();
        while let Some(mut frame) = self.reader.next_frame()? {
            // 4:2:0 has even sides.
            let first = (frame.width.next_multiple_of(2), frame.height.next_multiple_of(2));
            let (width, height) = *size.get_or_insert(first);
            let drawn = self.drawn(&mut frame, width, height)?;
            self.writer.push(drawn)?;
            (frames, at_us) = (frames + 1, frame.at_us);
            if said.elapsed() >= PROGRESS {
                said = Instant::now();
                channel.send(&FromAnnotate::Drawn { frames })?;
            }
        }
        self.writer.finish()?;
        Ok((frames, at_us))
    }

    /// The frame that is shown at `wanted_us`; the first or the last when there is none.
    fn picture(mut self, wanted_us: i64) -> Result<(u64, i64), AnnotateError> {
        let mut shown: Option<Frame> = None;
        while let Some(frame) = self.reader.next_frame()? {
            if shown.is_some() && frame.at_us > wanted_us {
                break;
            }
            shown = Some(frame);
        }
        let Some(mut frame) = shown else { return Ok((0, 0)) };
        let (width, height) = (frame.width, frame.height);
        let drawn = self.drawn(&mut frame, width, height)?;
        self.writer.push(drawn)?;
        self.writer.finish()?;
        Ok((1, frame.at_us))
    }

    fn drawn(&mut self, frame: &mut Frame, width: usize, height: usize) -> Result<Picture, AnnotateError> {
        if width.max(height) > PICTURE_PX_MAX {
            return Err(AnnotateError::Size(width, height));
        }
        if let Some(kind) = self.head.weather {
            weather::over(kind, frame);
        }
        let rgb = self.scaler.rgb(frame, width, height)?;
        let mut canvas = Canvas::new(width, height, rgb);
        self.show.go_to(frame.at_us)?;
        draw::draw(&mut canvas, &self.head, &self.show, frame.at_us);
        let px = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        Ok(Picture { at_us: frame.at_us, width: px(width), height: px(height), rgb: canvas.into_rgb() })
    }
}
