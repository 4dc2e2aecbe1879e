//! What the quirks do to one session's frames and packets.
//!
//! Promises: decides from media time and a seed alone, so that a run repeats; leaves numbering continuous.
//! Leaves to others: faults of the dialogue (`dialogue`, `sdp`), sending.

use crate::packetize::Template;
use crate::quirk::Quirk;

/// One packet in so many changes places under `reorder`.
const REORDER_ONE_IN: u32 = 20;
/// Most random bytes at once under `garbage`.
const GARBAGE_BYTES_MAX: u32 = 64;

/// A frame that is about to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// It is a picture, not sound.
    pub(crate) video: bool,
    /// A decoder can start here.
    pub(crate) key: bool,
    /// Milliseconds since the session's first frame.
    pub(crate) elapsed_ms: i64,
}

/// What happens to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is sent, its timestamp moved by so many milliseconds.
    Send {
        /// Milliseconds, mostly 0.
        shift_ms: i64,
    },
    /// It is not sent.
    Skip,
    /// It is not sent; instead a NAL unit of so many bytes.
    Huge(u64),
    /// The connection is closed.
    Close,
}

/// Faults of one session.
#[derive(Debug)]
pub(crate) struct Faults {
    quirks: Vec<Quirk>,
    rng: fastrand::Rng,
    last_key_ms: Option<i64>,
    huge_sent: bool,
    second: i64,
    zero_turn: u8,
}

impl Faults {
    /// Faults that repeat for the same `seed`.
    pub(crate) fn new(quirks: &[Quirk], seed: u64) -> Self {
        Self {
            quirks: quirks.to_vec(),
            rng: fastrand::Rng::with_seed(seed),
            last_key_ms: None,
            huge_sent: false,
            second: 0,
            zero_turn: 0,
        }
    }

    /// Decides on a frame.
    pub(crate) fn frame(&mut self, f: Frame) -> Fate {
        let mut shift_ms = 0;
        let new_second = f.video && f.elapsed_ms / 1000 > self.second;
        for quirk in &self.quirks {
            match *quirk {
                Quirk::Flap(s) if f.elapsed_ms >= i64::from(s) * 1000 => return Fate::Close,
                Quirk::SilentAfter(s) if f.elapsed_ms >= i64::from(s) * 1000 => return Fate::Skip,
                Quirk::LongGop(s) if f.video && f.key => {
                    if self.last_key_ms.is_some_and(|last| f.elapsed_ms - last < i64::from(s) * 1000) {
                        return Fate::Skip;
                    }
                    self.last_key_ms = Some(f.elapsed_ms);
                }
                Quirk::NoIdrFirst if f.video && f.key && f.elapsed_ms == 0 => return Fate::Skip,
                Quirk::HugeUnit(mb) if f.video && !self.huge_sent && f.elapsed_ms >= 1000 => {
                    self.huge_sent = true;
                    return Fate::Huge(u64::from(mb) * 1_000_000);
                }
                Quirk::TimestampJump(s) if f.elapsed_ms / (i64::from(s) * 1000) == 1 => shift_ms += 3_600_000,
                Quirk::BackwardsTimestamps if new_second => shift_ms -= 1000,
                _ => {}
            }
        }
        if f.video {
            self.second = self.second.max(f.elapsed_ms / 1000);
        }
        Fate::Send { shift_ms }
    }

    /// Packets of a frame must go through [`Self::packets`].
    pub(crate) fn on_packets(&self) -> bool {
        self.quirks
            .iter()
            .any(|q| matches!(q, Quirk::PacketLoss(_) | Quirk::Reorder | Quirk::Garbage | Quirk::ZeroUnit))
    }

    /// The numbered packets of a frame as this session gets them, each with its interleaving header. `tick` says
    /// that a second has begun. A packet that is not `$`-framed is garbage for TCP and nothing over UDP.
    pub(crate) fn packets(&mut self, template: &Template, tick: bool) -> Vec<Vec<u8>> {
        let mut out: Vec<Vec<u8>> = template.packets().map(<[u8]>::to_vec).collect();
        for quirk in &self.quirks {
            match *quirk {
                Quirk::PacketLoss(percent) => out.retain(|_| self.rng.u32(0..100) >= percent),
                Quirk::Reorder => {
                    for i in 1..out.len() {
                        if self.rng.u32(0..REORDER_ONE_IN) == 0 {
                            out.swap(i - 1, i);
                        }
                    }
                }
                Quirk::Garbage if tick => {
                    let mut bytes = vec![0; self.rng.u32(1..=GARBAGE_BYTES_MAX) as usize];
                    self.rng.fill(&mut bytes);
                    out.push(bytes);
                }
                Quirk::ZeroUnit if tick => {
                    if let Some(last) = out.last_mut() {
                        // In turn: no payload at all, an aggregate with a NAL unit of no bytes (RFC 6184
                        // §5.7.1), a fragment without bytes.
                        let payload: &[u8] = match self.zero_turn % 3 {
                            0 => &[],
                            1 => &[0x78, 0, 0],
                            _ => &[0x7c, 0xc5],
                        };
                        self.zero_turn = self.zero_turn.wrapping_add(1);
                        last.truncate(16);
                        last.extend_from_slice(payload);
                        if let Some(len) = last.get_mut(2..4) {
                            len.copy_from_slice(&(12 + payload.len() as u16).to_be_bytes());
                        }
                    }
                }
                _ => {}
            }
        }
        out
    }
}

/// A NAL unit made on the fly, a few packets at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HugeUnit {
    left: u64,
    started: bool,
}

impl HugeUnit {
    /// A unit of `bytes`.
    pub(crate) fn new(bytes: u64) -> Self {
        Self { left: bytes.max(2), started: false }
    }

    /// The next packets of it, at most `packets_max`; `None` once it is complete.
    pub(crate) fn next(&mut self, payload_type: u8, header: &[u8], packets_max: usize) -> Option<Template> {
        if self.left == 0 {
            return None;
        }
        let fill = [0xffu8; crate::packetize::PAYLOAD_BYTES_MAX - 3];
        let mut t = Template::default();
        for _ in 0..packets_max {
            let n = usize::try_from(self.left).unwrap_or(usize::MAX).min(fill.len());
            self.left -= n as u64;
            let end = self.left == 0;
            let head = crate::packetize::fragment_head(header, !self.started, end);
            t.packet(payload_type, end, &[&head, fill.get(..n).unwrap_or_default()]);
            self.started = true;
            if end {
                break;
            }
        }
        Some(t)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fates of video frames 40 ms apart, a key frame every second.
    fn check(quirk: Quirk, frames: i64, expected: impl Fn(i64, bool) -> Fate) {
        let mut faults = Faults::new(&[quirk], 1);
        for n in 0..frames {
            let (elapsed_ms, key) = (n * 40, n % 25 == 0);
            let got = faults.frame(Frame { video: true, key, elapsed_ms });
            assert_eq!(got, expected(elapsed_ms, key), "{quirk} at {elapsed_ms} ms");
        }
    }

    const SEND: Fate = Fate::Send { shift_ms: 0 };

    #[test]
    fn frames() {
        check(Quirk::Flap(2), 100, |ms, _| if ms < 2000 { SEND } else { Fate::Close });
        check(Quirk::SilentAfter(1), 100, |ms, _| if ms < 1000 { SEND } else { Fate::Skip });
        check(Quirk::LongGop(3), 200, |ms, key| if key && ms % 3000 != 0 { Fate::Skip } else { SEND });
        check(Quirk::NoIdrFirst, 50, |ms, _| if ms == 0 { Fate::Skip } else { SEND });
        check(Quirk::HugeUnit(2), 60, |ms, _| if ms == 1000 { Fate::Huge(2_000_000) } else { SEND });
        check(Quirk::TimestampJump(1), 100, |ms, _| Fate::Send {
            shift_ms: if (1000..2000).contains(&ms) { 3_600_000 } else { 0 },
        });
        check(Quirk::BackwardsTimestamps, 100, |ms, _| Fate::Send {
            shift_ms: if ms > 0 && ms % 1000 == 0 { -1000 } else { 0 },
        });
    }

    fn template(packets: usize) -> Template {
        let mut t = Template::default();
        for n in 0..packets {
            t.packet(96, false, &[&[n as u8]]);
        }
        t
    }

    #[test]
    fn packets() {
        let t = template(1000);
        let lost = 1000 - Faults::new(&[Quirk::PacketLoss(10)], 7).packets(&t, false).len();
        assert!((50..150).contains(&lost), "{lost} of 1000 lost");
        let mut shuffled = Faults::new(&[Quirk::Reorder], 7).packets(&t, false);
        assert!(!shuffled.iter().map(Vec::as_slice).eq(t.packets()));
        shuffled.sort();
        let mut sorted: Vec<Vec<u8>> = t.packets().map(<[u8]>::to_vec).collect();
        sorted.sort();
        assert_eq!(shuffled, sorted, "none lost");
        assert_eq!(Faults::new(&[Quirk::Garbage], 7).packets(&t, true).len(), 1001);
        let zero = Faults::new(&[Quirk::ZeroUnit], 7).packets(&template(1), true);
        assert_eq!(zero[0].len(), 16);
        assert_eq!(zero[0][2..4], [0, 12]);
    }

    #[test]
    fn a_huge_unit_has_its_bytes_and_one_end() {
        let mut unit = HugeUnit::new(1_000_000);
        let (mut bytes, mut ends, mut calls) = (0, 0, 0);
        while let Some(t) = unit.next(96, &[0x65], 10) {
            assert!(t.bytes.len() < 16_000);
            for p in t.packets() {
                bytes += p.len() - 18;
                ends += usize::from(p[17] & 0x40 != 0);
            }
            calls += 1;
        }
        assert_eq!((bytes, ends), (1_000_000, 1));
        assert!(calls > 70);
    }
}
