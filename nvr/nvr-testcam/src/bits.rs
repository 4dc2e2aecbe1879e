//! Bits of parameter sets and slice headers, read and written.
//!
//! Promises: reading past the end is `None`, never a panic; writing adds emulation prevention bytes.
//! Leaves to others: what the bits mean (`h264`, `h265`, `synthetic`).

/// Removes emulation prevention bytes (H.264 §7.4.1: `00 00 03` becomes `00 00`), looking at `bytes_max` bytes.
pub(crate) fn rbsp(nal: &[u8], bytes_max: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(nal.len().min(bytes_max));
    let mut zeros = 0;
    for &b in nal.iter().take(bytes_max) {
        if zeros >= 2 && b == 3 {
            zeros = 0;
            continue;
        }
        zeros = if b == 0 { zeros + 1 } else { 0 };
        out.push(b);
    }
    out
}

/// Reads bits, most significant first.
#[derive(Debug)]
pub(crate) struct BitReader<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    /// Starts at the first bit of `data`, which holds no emulation prevention any more.
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// One bit.
    pub(crate) fn bit(&mut self) -> Option<u32> {
        let byte = self.data.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(u32::from(bit))
    }

    /// One bit as a flag.
    pub(crate) fn flag(&mut self) -> Option<bool> {
        Some(self.bit()? == 1)
    }

    /// `n` bits, at most 32.
    pub(crate) fn bits(&mut self, n: u32) -> Option<u32> {
        let mut v = 0u32;
        for _ in 0..n.min(32) {
            v = v << 1 | self.bit()?;
        }
        Some(v)
    }

    /// Moves on by `n` bits.
    pub(crate) fn skip(&mut self, n: usize) -> Option<()> {
        self.at = self.at.checked_add(n)?;
        (self.at <= self.data.len() * 8).then_some(())
    }

    /// Unsigned Exp-Golomb code (H.264 §9.1).
    pub(crate) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.bits(zeros)?;
        Some(((1u64 << zeros) - 1) as u32 + rest)
    }

    /// Signed Exp-Golomb code (H.264 §9.1.1).
    pub(crate) fn se(&mut self) -> Option<i32> {
        let k = i64::from(self.ue()?);
        Some(if k % 2 == 0 { -(k / 2) } else { (k + 1) / 2 } as i32)
    }
}

/// Writes bits, most significant first.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    data: Vec<u8>,
    free: u32,
}

impl BitWriter {
    /// The `n` low bits of `v`.
    pub(crate) fn bits(&mut self, n: u32, v: u32) -> &mut Self {
        for i in (0..n).rev() {
            if self.free == 0 {
                self.data.push(0);
                self.free = 8;
            }
            self.free -= 1;
            if let Some(last) = self.data.last_mut() {
                *last |= ((v >> i & 1) as u8) << self.free;
            }
        }
        self
    }

    /// Unsigned Exp-Golomb code; `v` below 2^31.
    pub(crate) fn ue(&mut self, v: u32) -> &mut Self {
        let len = 32 - (v + 1).leading_zeros();
        self.bits(len - 1, 0).bits(len, v + 1)
    }

    /// Signed Exp-Golomb code.
    pub(crate) fn se(&mut self, v: i32) -> &mut Self {
        self.ue(if v > 0 { v as u32 * 2 - 1 } else { v.unsigned_abs() * 2 })
    }

    /// The NAL unit: `header`, then the bits with their stop bit and emulation prevention.
    pub(crate) fn nal(&mut self, header: u8) -> Vec<u8> {
        self.bits(1, 1);
        let mut out = vec![header];
        let mut zeros = 0;
        for &b in &self.data {
            if zeros >= 2 && b <= 3 {
                out.push(3);
                zeros = 0;
            }
            zeros = if b == 0 { zeros + 1 } else { 0 };
            out.push(b);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut w = BitWriter::default();
        for v in [0, 1, 2, 7, 8, 255, 65_535, 8159] {
            w.ue(v);
        }
        for v in [0, 1, -1, 25, -26] {
            w.se(v);
        }
        w.bits(32, 0);
        let nal = w.nal(0x67);
        assert!(!nal.windows(3).any(|w| w[..2] == [0, 0] && w[2] < 3), "no start code inside {nal:02x?}");
        let raw = rbsp(&nal[1..], 1000);
        let mut r = BitReader::new(&raw);
        for v in [0, 1, 2, 7, 8, 255, 65_535, 8159] {
            assert_eq!(r.ue(), Some(v));
        }
        for v in [0, 1, -1, 25, -26] {
            assert_eq!(r.se(), Some(v));
        }
        assert_eq!(r.bits(32), Some(0));
        assert_eq!(r.flag(), Some(true), "stop bit");
    }

    #[test]
    fn the_end_is_none() {
        assert_eq!(BitReader::new(&[]).bit(), None);
        assert_eq!(BitReader::new(&[0; 9]).ue(), None);
        assert_eq!(BitReader::new(&[1]).skip(9), None);
    }
}
