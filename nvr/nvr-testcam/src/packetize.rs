//! Access units as RTP packets, made once: what is left to patch are sequence number, timestamp and SSRC.
//!
//! Promises: packets of at most [`PAYLOAD_BYTES_MAX`] payload, each behind its interleaving header (RFC 2326
//! §10.12), so that a whole access unit is one write over TCP.
//! Leaves to others: numbering (`rtp`), sending (`session`).
//!
//! Payload formats: H.264 RFC 6184 (single NAL, FU-A), H.265 RFC 7798 (single NAL, FU), JPEG RFC 2435,
//! AAC RFC 3640 (`AAC-hbr`), G.711 RFC 3551.

use crate::jpeg;
use crate::media::Unit;
use nvr_base::Codec;

/// RTP payload bytes a packet, as cameras on Ethernet send.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1400;
/// Bytes before the RTP packet when interleaved: `$`, channel, length.
pub(crate) const INTERLEAVED_BYTES: usize = 4;
/// Bytes of an RTP header without extension.
pub(crate) const RTP_BYTES: usize = 12;

/// One access unit, ready to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Template {
    /// All packets, one after the other, each with its interleaving header.
    pub(crate) bytes: Vec<u8>,
    /// Where each packet's interleaving header starts.
    pub(crate) offsets: Vec<usize>,
    /// A decoder can start here.
    pub(crate) key: bool,
    /// Size as stored: NAL units with 4-byte lengths, or the frame.
    pub(crate) payload_bytes: u64,
}

impl Template {
    /// Adds one packet.
    pub(crate) fn packet(&mut self, payload_type: u8, marker: bool, payload: &[&[u8]]) {
        let len: usize = RTP_BYTES + payload.iter().map(|p| p.len()).sum::<usize>();
        let [hi, lo] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        self.offsets.push(self.bytes.len());
        self.bytes.extend([b'$', 0, hi, lo, 0x80, payload_type & 127 | u8::from(marker) << 7]);
        self.bytes.extend([0; 10]);
        for part in payload {
            self.bytes.extend_from_slice(part);
        }
    }

    /// The packets with their interleaving headers.
    pub(crate) fn packets(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.offsets.iter().skip(1).copied().chain([self.bytes.len()]);
        self.offsets.iter().zip(ends).filter_map(|(start, end)| self.bytes.get(*start..end))
    }
}

/// Packets of `unit`.
pub(crate) fn packetize(codec: Codec, payload_type: u8, unit: &Unit) -> Template {
    let mut t = Template { key: unit.key, ..Template::default() };
    let last = unit.parts.len().saturating_sub(1);
    for (i, part) in unit.parts.iter().enumerate() {
        match codec {
            Codec::H264 => nal(&mut t, payload_type, part, i == last, 1),
            Codec::H265 => nal(&mut t, payload_type, part, i == last, 2),
            Codec::Mjpeg => picture(&mut t, payload_type, part),
            Codec::Aac => aac(&mut t, payload_type, part),
            Codec::Ulaw | Codec::Alaw => t.packet(payload_type, false, &[part]),
        }
        t.payload_bytes += part.len() as u64 + if matches!(codec, Codec::H264 | Codec::H265) { 4 } else { 0 };
    }
    t
}

/// The headers that replace a NAL header in a fragment: RFC 6184 §5.8 for one byte, RFC 7798 §4.4.3 for two.
pub(crate) fn fragment_head(nal_header: &[u8], start: bool, end: bool) -> Vec<u8> {
    let flags = u8::from(start) << 7 | u8::from(end) << 6;
    match *nal_header {
        [h] => vec![h & 0xe0 | 28, flags | h & 31],
        [h, layer] => vec![h & 0x81 | 49 << 1, layer, flags | h >> 1 & 63],
        _ => Vec::new(),
    }
}

fn nal(t: &mut Template, payload_type: u8, nal: &[u8], last: bool, header_bytes: usize) {
    if nal.len() <= PAYLOAD_BYTES_MAX {
        return t.packet(payload_type, last, &[nal]);
    }
    let (header, body) = nal.split_at(header_bytes);
    let mut chunks = body.chunks(PAYLOAD_BYTES_MAX - header_bytes - 1).peekable();
    let mut start = true;
    while let Some(chunk) = chunks.next() {
        let end = chunks.peek().is_none();
        t.packet(payload_type, last && end, &[&fragment_head(header, start, end), chunk]);
        start = false;
    }
}

/// RFC 2435 §3.1; a picture that cannot be carried was refused when the file was read.
fn picture(t: &mut Template, payload_type: u8, data: &[u8]) {
    let Ok(p) = jpeg::picture(data) else { return };
    let (mut offset, mut rest) = (0usize, p.scan);
    loop {
        let mut head = vec![0];
        head.extend((offset as u32).to_be_bytes().get(1..).unwrap_or_default());
        head.extend([p.kind, 255, p.width.div_ceil(8) as u8, p.height.div_ceil(8) as u8]);
        if p.restart_interval > 0 {
            head.extend(p.restart_interval.to_be_bytes());
            head.extend([0xff, 0xff]); // whole frame: first and last, count 0x3fff
        }
        if offset == 0 {
            head.extend([0, 0]);
            head.extend((p.tables.len() as u16).to_be_bytes());
            head.extend(&p.tables);
        }
        let (chunk, next) = rest.split_at(rest.len().min(PAYLOAD_BYTES_MAX.saturating_sub(head.len())));
        t.packet(payload_type, next.is_empty(), &[&head, chunk]);
        offset += chunk.len();
        rest = next;
        if rest.is_empty() {
            return;
        }
    }
}

/// RFC 3640 §3.3.6 with 13 bits of size and 3 of index. A frame larger than a packet is fragmented (§3.2.3).
fn aac(t: &mut Template, payload_type: u8, frame: &[u8]) {
    let [hi, lo] = ((frame.len() as u16) << 3).to_be_bytes();
    let head = [0, 16, hi, lo];
    let mut chunks = frame.chunks(PAYLOAD_BYTES_MAX - head.len()).peekable();
    while let Some(chunk) = chunks.next() {
        t.packet(payload_type, chunks.peek().is_none(), &[&head, chunk]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::tests::sample;

    /// Markers and payloads of the packets of one unit.
    fn check(codec: Codec, parts: &[&[u8]], expected: &[(bool, Vec<u8>)]) {
        let t = packetize(codec, 96, &Unit { parts: parts.iter().map(|p| p.to_vec()).collect(), key: true });
        let got: Vec<(bool, Vec<u8>)> = t
            .packets()
            .map(|p| {
                assert_eq!(p[..2], [b'$', 0]);
                assert_eq!(usize::from(u16::from_be_bytes([p[2], p[3]])), p.len() - 4);
                assert_eq!((p[4], p[5] & 127), (0x80, 96));
                assert!(p.len() <= INTERLEAVED_BYTES + RTP_BYTES + PAYLOAD_BYTES_MAX);
                (p[5] & 128 != 0, p[16..].to_vec())
            })
            .collect();
        assert_eq!(got, expected);
    }

    fn bytes(head: &[u8], fill: u8, n: usize) -> Vec<u8> {
        [head, &vec![fill; n]].concat()
    }

    #[test]
    fn h264() {
        check(Codec::H264, &[&[0x67, 1], &[0x65, 2]], &[(false, vec![0x67, 1]), (true, vec![0x65, 2])]);
        check(Codec::H264, &[&bytes(&[0x65], 7, 1399)], &[(true, bytes(&[0x65], 7, 1399))]);
        check(
            Codec::H264,
            &[&bytes(&[0x65], 7, 1400)],
            &[(false, bytes(&[0x7c, 0x85], 7, 1398)), (true, bytes(&[0x7c, 0x45], 7, 2))],
        );
        check(
            Codec::H264,
            &[&bytes(&[0x41], 7, 3000), &[0x0c, 0x80]],
            &[
                (false, bytes(&[0x5c, 0x81], 7, 1398)),
                (false, bytes(&[0x5c, 0x01], 7, 1398)),
                (false, bytes(&[0x5c, 0x41], 7, 204)),
                (true, vec![0x0c, 0x80]),
            ],
        );
    }

    #[test]
    fn h265() {
        check(Codec::H265, &[&[0x40, 1, 9]], &[(true, vec![0x40, 1, 9])]);
        check(
            Codec::H265,
            &[&bytes(&[0x26, 1], 7, 1399)],
            &[(false, bytes(&[0x62, 1, 0x93], 7, 1397)), (true, bytes(&[0x62, 1, 0x53], 7, 2))],
        );
    }

    #[test]
    fn audio() {
        check(Codec::Ulaw, &[&[1, 2]], &[(false, vec![1, 2])]);
        check(Codec::Aac, &[&[1, 2, 3]], &[(true, vec![0, 16, 0, 24, 1, 2, 3])]);
    }

    #[test]
    fn jpeg() {
        let tables = [[1u8; 64], [2; 64]].concat();
        let first = [&[0, 0, 0, 0, 1, 255, 4, 2, 0, 0, 0, 128][..], &tables].concat();
        check(Codec::Mjpeg, &[&sample(0x22, false, &[5, 6])], &[(true, [&first[..], &[5, 6]].concat())]);
        check(
            Codec::Mjpeg,
            &[&sample(0x22, false, &[5; 2000])],
            &[
                (false, bytes(&first, 5, 1400 - first.len())),
                (true, bytes(&[0, 0, 4, 236, 1, 255, 4, 2], 5, 740)),
            ],
        );
        let restart = [&[0, 0, 0, 0, 64, 255, 4, 2, 0, 5, 255, 255, 0, 0, 0, 128][..], &tables].concat();
        check(Codec::Mjpeg, &[&sample(0x21, true, &[5])], &[(true, [&restart[..], &[5]].concat())]);
    }
}
