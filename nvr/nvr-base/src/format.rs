//! What a stream carries: codecs and the parameters a player needs.
//!
//! Promises: closed lists; a format is comparable, so that a change is seen by `!=`.
//! Leaves to others: getting it from a camera (`nvr-ingest`), writing it as boxes (`nvr-store`).

use serde::{Deserialize, Serialize};

/// Encoded form of samples. A closed list: anything else is refused with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// ITU-T H.264, samples as 4-byte-length NAL units (ISO/IEC 14496-15 `avc1`/`avc3`).
    H264,
    /// ITU-T H.265, samples as 4-byte-length NAL units (ISO/IEC 14496-15 `hvc1`/`hev1`).
    H265,
    /// A JPEG picture per sample (`jpeg` sample entry).
    Mjpeg,
    /// MPEG-4 AAC, raw access units (`mp4a`).
    Aac,
    /// G.711 µ-law, 8 kHz (`ulaw`).
    Ulaw,
    /// G.711 A-law, 8 kHz (`alaw`).
    Alaw,
}

/// Parameters of a video track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoFormat {
    /// H264, H265 or Mjpeg.
    pub codec: Codec,
    /// Displayed width in pixels.
    pub width: u16,
    /// Displayed height in pixels.
    pub height: u16,
    /// `avcC` body (AVCDecoderConfigurationRecord), `hvcC` body, or empty for MJPEG.
    pub config: Vec<u8>,
    /// Most frames that may precede a frame in decoding order and follow it in output order
    /// (H.264 `max_num_reorder_frames`); 0 when the stream has no B-frames or does not say.
    pub reorder_depth: u8,
}

/// Parameters of an audio track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioFormat {
    /// Aac, Ulaw or Alaw.
    pub codec: Codec,
    /// Samples per second.
    pub rate_hz: u32,
    /// Channels.
    pub channels: u16,
    /// AudioSpecificConfig for AAC, else empty.
    pub config: Vec<u8>,
}

/// Everything a segment's `moov` needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// The picture.
    pub video: VideoFormat,
    /// The sound, only where the configuration allows it.
    pub audio: Option<AudioFormat>,
}
