//! Access units to the recorder: parameters first, then samples.
//!
//! Promises: `Format` before any sample and whenever it changes; begins at a key frame; nothing longer than a sample
//!   may be is sent.
//! Leaves to others: the socket (`nvr-base`), times (`loss`).

use crate::annexb::Converter;
use crate::jpeg;
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{FromChild, SAMPLE_LEN_MAX};
use nvr_base::{Codec, Format, Mono, VideoFormat};
use std::sync::Arc;

/// What became of an access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Sent.
    Sent,
    /// Not sent, and nothing is lost: parameters alone, or before the first key frame.
    Nothing,
    /// Not a picture of its format, or too long.
    Broken,
}

/// One device's way to the recorder.
#[derive(Debug)]
pub struct Output {
    channel: Arc<MediaChannel>,
    converter: Converter,
    sent: Option<VideoFormat>,
}

impl Output {
    /// Sends through `channel`.
    pub fn new(channel: Arc<MediaChannel>) -> Self {
        Self { channel, converter: Converter::default(), sent: None }
    }

    /// An access unit as an H.264 byte stream, of a picture of `width` × `height`.
    ///
    /// # Errors
    /// The recorder is gone or does not read.
    pub fn h264(&mut self, stream: &[u8], pts: Mono, width: u16, height: u16) -> Result<Put, ChannelError> {
        let unit = match self.converter.convert(stream) {
            Ok(Some(unit)) => unit,
            Ok(None) => return Ok(Put::Nothing),
            Err(_) => return Ok(Put::Broken),
        };
        let Some(config) = self.converter.avcc() else { return Ok(Put::Nothing) };
        if self.sent.is_none() && !unit.key {
            return Ok(Put::Nothing);
        }
        let video = VideoFormat { codec: Codec::H264, width, height, config, reorder_depth: 0 };
        self.send(video, pts, unit.key, &unit.data)
    }

    /// A JPEG picture.
    ///
    /// # Errors
    /// The recorder is gone or does not read.
    pub fn mjpeg(&mut self, bytes: &[u8], pts: Mono) -> Result<Put, ChannelError> {
        let Ok(picture) = jpeg::check(bytes) else { return Ok(Put::Broken) };
        let (width, height) = (picture.width, picture.height);
        let video = VideoFormat { codec: Codec::Mjpeg, width, height, config: Vec::new(), reorder_depth: 0 };
        self.send(video, pts, true, picture.data)
    }

    fn send(&mut self, video: VideoFormat, pts: Mono, key: bool, data: &[u8]) -> Result<Put, ChannelError> {
        if data.len() > SAMPLE_LEN_MAX as usize {
            return Ok(Put::Broken);
        }
        if self.sent.as_ref() != Some(&video) {
            self.channel.send(&FromChild::Format(Format { video: video.clone(), audio: None }))?;
            self.sent = Some(video);
        }
        self.channel.send_sample(pts, key, data)?;
        Ok(Put::Sent)
    }
}
