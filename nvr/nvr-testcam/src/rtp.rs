//! Numbering of one session's track: SSRC, sequence numbers, timestamps, sender reports (RFC 3550 §5.1, §6.4.1).
//!
//! Promises: continuous numbers, whatever is left out afterwards; everything wraps.
//! Leaves to others: which frame is sent, and how it is late, lost or shuffled (`fault`).

use crate::packetize::{INTERLEAVED_BYTES, Template};
use nvr_base::Utc;

/// Seconds from 1900 to 1970, for NTP timestamps.
const NTP_UNIX_S: i64 = 2_208_988_800;
/// Bytes of a sender report without report blocks.
pub(crate) const SENDER_REPORT_BYTES: usize = 28;

/// State of a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sender {
    /// Synchronisation source.
    pub(crate) ssrc: u32,
    /// Sequence number of the next packet.
    pub(crate) seq: u16,
    /// Added to media ticks.
    pub(crate) timestamp_base: u32,
    /// Packets so far.
    pub(crate) packets: u32,
    /// Payload bytes so far.
    pub(crate) octets: u32,
}

impl Sender {
    /// RTP timestamp of media time `ticks`.
    pub(crate) fn timestamp(&self, ticks: i64) -> u32 {
        self.timestamp_base.wrapping_add(ticks as u32)
    }

    /// Writes channel, sequence numbers, `timestamp` and SSRC into the packets of `template`.
    pub(crate) fn number(&mut self, template: &mut Template, channel: u8, timestamp: u32) {
        let [t3, t2, t1, t0] = timestamp.to_be_bytes();
        let [s3, s2, s1, s0] = self.ssrc.to_be_bytes();
        for &at in &template.offsets {
            let Some(head) = template.bytes.get_mut(at..).and_then(|b| b.first_chunk_mut::<16>()) else {
                continue;
            };
            let [q1, q0] = self.seq.to_be_bytes();
            let [_, ch, _, _, _, _, rest @ ..] = head;
            *ch = channel;
            *rest = [q1, q0, t3, t2, t1, t0, s3, s2, s1, s0];
            self.seq = self.seq.wrapping_add(1);
        }
        self.packets = self.packets.wrapping_add(template.offsets.len() as u32);
        self.octets = self.octets.wrapping_add(template.payload_bytes as u32);
    }

    /// A sender report: `now` is the wall clock at `timestamp`.
    pub(crate) fn report(&self, now: Utc, timestamp: u32) -> [u8; SENDER_REPORT_BYTES] {
        let seconds = now.0.div_euclid(1_000_000).wrapping_add(NTP_UNIX_S) as u32;
        let fraction = ((now.0.rem_euclid(1_000_000) as u64) << 32) / 1_000_000;
        let words = [0x80c8_0006, self.ssrc, seconds, fraction as u32, timestamp, self.packets, self.octets];
        let mut out = [0; SENDER_REPORT_BYTES];
        for (chunk, word) in out.chunks_exact_mut(4).zip(words) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        out
    }
}

/// An interleaved packet's RTP part.
pub(crate) fn rtp_part(packet: &[u8]) -> &[u8] {
    packet.get(INTERLEAVED_BYTES..).unwrap_or_default()
}

/// `data` behind an interleaving header.
pub(crate) fn interleave(channel: u8, data: &[u8]) -> Vec<u8> {
    let [hi, lo] = u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut out = vec![b'$', channel, hi, lo];
    out.extend_from_slice(data);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap() {
        let mut s =
            Sender { ssrc: 0x0102_0304, seq: 65_535, timestamp_base: u32::MAX - 9, packets: 0, octets: 0 };
        let mut t = Template::default();
        t.packet(96, false, &[&[7]]);
        t.packet(96, true, &[&[8, 9]]);
        let ts = s.timestamp(10);
        s.number(&mut t, 2, ts);
        assert_eq!(
            t.bytes,
            [
                &[b'$', 2, 0, 13, 0x80, 96, 255, 255, 0, 0, 0, 0, 1, 2, 3, 4, 7][..],
                &[b'$', 2, 0, 14, 0x80, 224, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 8, 9],
            ]
            .concat()
        );
        assert_eq!((s.seq, s.packets), (1, 2));
    }

    #[test]
    fn report() {
        let s = Sender { ssrc: 1, seq: 0, timestamp_base: 0, packets: 2, octets: 3 };
        assert_eq!(
            s.report(Utc(1_500_000), 9),
            [
                0x80, 200, 0, 6, 0, 0, 0, 1, 0x83, 0xaa, 0x7e, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2,
                0, 0, 0, 3
            ]
        );
    }
}
