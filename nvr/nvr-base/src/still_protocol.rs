//! The order for one still picture: an encoded key frame, to be decoded by `nvr-media still`.
//!
//! Promises: the order is one datagram of `media_protocol`'s form; an order that breaks a limit is refused with the
//!   limit's name. The child answers with `Hello`, then `Format` (a JPEG) and one `Sample`, or with `Fatal`.
//! Leaves to others: finding the key frame (`nvr-store`), starting the child (`nvr picture`), decoding (`nvr-media`).

use crate::format::{Codec, VideoFormat};
use crate::media_channel::{ChannelError, MediaChannel, data_of};
use crate::media_protocol::{CONFIG_LEN_MAX, ProtocolError, SAMPLE_LEN_MAX, decode};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The child's first argument.
pub const ARGUMENT: &str = "still";
/// What the child needs in its environment: without a registry GStreamer looks at no plugin but those that the child
/// loads by name, starts no scanner and writes no cache.
pub const ENVIRONMENT: [(&str, &str); 1] = [("GST_REGISTRY_DISABLE", "yes")];
/// Longest time the child gives itself for decoding. Its parent waits longer before it kills.
pub const DECODE_WAIT_MAX: Duration = Duration::from_secs(3);

/// A key frame to decode; its bytes follow the order, or come in a memfd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StillOrder {
    /// H.264 or H.265, with its parameter sets.
    pub format: VideoFormat,
    /// Length of the access unit, in bytes.
    pub len: u32,
}

/// Sends the order to decode `data`.
///
/// # Errors
/// The order breaks a limit, or the child is gone.
pub fn send_order(channel: &MediaChannel, format: &VideoFormat, data: &[u8]) -> Result<(), ChannelError> {
    let order = StillOrder { format: format.clone(), len: u32::try_from(data.len()).unwrap_or(u32::MAX) };
    check(&order)?;
    channel.send_data(&order, data)
}

/// Takes the order and the key frame's bytes, without waiting. `buffer` as for [`MediaChannel::receive`].
///
/// # Errors
/// As [`MediaChannel::receive`]; or the order, or its memfd, breaks the protocol.
pub fn receive_order(
    channel: &MediaChannel,
    buffer: &mut [u8],
) -> Result<(StillOrder, Vec<u8>), ChannelError> {
    let (len, memfd) = channel.receive(buffer)?;
    let (order, inline) = decode::<StillOrder>(buffer.get(..len).unwrap_or_default())?;
    check(&order)?;
    let data = data_of(order.len, inline, memfd)?;
    Ok((order, data))
}

fn check(order: &StillOrder) -> Result<(), ProtocolError> {
    if order.len == 0 || order.len > SAMPLE_LEN_MAX {
        return Err(ProtocolError::Limit("key frame length"));
    }
    if order.format.config.len() > CONFIG_LEN_MAX {
        return Err(ProtocolError::Limit("codec parameters"));
    }
    match order.format.codec {
        Codec::H264 | Codec::H265 => Ok(()),
        Codec::Mjpeg | Codec::Aac | Codec::Ulaw | Codec::Alaw => Err(ProtocolError::Limit("codec")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media_protocol::{INLINE_LEN_MAX, MESSAGE_LEN_MAX};

    /// Sends an order; what arrives, or where it is refused.
    fn check(codec: Codec, config_len: usize, len: usize, refusal: Option<&str>) {
        let (ours, theirs) = MediaChannel::pair().unwrap();
        let child = MediaChannel::from_fd(theirs);
        let format =
            VideoFormat { codec, width: 8, height: 8, config: vec![1; config_len], reorder_depth: 0 };
        let data: Vec<u8> = (0..len).map(|i| i as u8).collect();
        let sent = send_order(&ours, &format, &data);
        let Some(refusal) = refusal else {
            sent.unwrap();
            let (order, got) = receive_order(&child, &mut vec![0; MESSAGE_LEN_MAX]).unwrap();
            assert_eq!(order, StillOrder { format, len: len as u32 });
            assert!(got == data, "{len} bytes differ");
            return;
        };
        assert!(sent.unwrap_err().to_string().contains(refusal));
        // A parent that does not look is refused by the child.
        let order = StillOrder { format, len: len as u32 };
        if len > 0 && len <= INLINE_LEN_MAX - config_len {
            ours.send_data(&order, &data).unwrap();
            let error = receive_order(&child, &mut vec![0; MESSAGE_LEN_MAX]).unwrap_err();
            assert!(error.to_string().contains(refusal), "{error}");
        }
    }

    #[test]
    fn orders() {
        check(Codec::H264, 40, 1, None);
        check(Codec::H265, CONFIG_LEN_MAX, INLINE_LEN_MAX, None);
        check(Codec::H264, 0, SAMPLE_LEN_MAX as usize, None);
        check(Codec::H264, 0, SAMPLE_LEN_MAX as usize + 1, Some("length"));
        check(Codec::H264, 0, 0, Some("length"));
        check(Codec::H264, CONFIG_LEN_MAX + 1, 10, Some("parameters"));
        check(Codec::Mjpeg, 0, 10, Some("codec"));
    }
}
