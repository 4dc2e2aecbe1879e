//! A cursor over bytes that may be hostile, and the boxes in them.
//!
//! Promises: every read is checked; a box never reaches beyond what holds it; nothing is allocated.
//! Leaves to others: what the boxes mean.

/// Kind of a box: four characters.
pub(super) type Kind = [u8; 4];

/// Reads big-endian fields one after the other; `None` at the end of the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// The next box: its kind and body. 32-bit sizes only, as this recorder writes them: size 0 ("to the end of
    /// the file") and 1 (64-bit) are refused.
    pub(super) fn next_box(&mut self) -> Option<(Kind, &'a [u8])> {
        let (size, kind) = box_header(self.0)?;
        let whole = self.take(usize::try_from(size).ok()?)?;
        Some((kind, whole.get(BOX_HEADER_LEN..)?))
    }
}

/// Bytes of a box header: size and kind.
pub(super) const BOX_HEADER_LEN: usize = 8;

/// Size (header included) and kind of the box that begins at `bytes`; `None` for sizes this recorder never writes.
pub(super) fn box_header(bytes: &[u8]) -> Option<(u32, Kind)> {
    let mut c = Cursor(bytes);
    let (size, kind) = (c.u32()?, c.array()?);
    (size as usize >= BOX_HEADER_LEN).then_some((size, kind))
}

/// Body of the first box of `kind` among the boxes of `bytes`.
pub(super) fn find_box(bytes: &[u8], kind: Kind) -> Option<&[u8]> {
    let mut c = Cursor(bytes);
    while let Some((k, body)) = c.next_box() {
        if k == kind {
            return Some(body);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<(&[u8; 4], usize)>) {
        let got = Cursor(bytes).next_box().map(|(kind, body)| (kind, body.len()));
        assert_eq!(got, expected.map(|(kind, len)| (*kind, len)), "{bytes:?}");
    }

    #[test]
    fn boxes() {
        check(b"\0\0\0\x0amdatxy", Some((b"mdat", 2)));
        check(b"\0\0\0\x08free", Some((b"free", 0)));
        for bad in [
            &b""[..],
            b"\0\0\0\x08fre",
            b"\0\0\0\0mdat",
            b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x10",
            b"\0\0\0\x0bmdatxy",
        ] {
            check(bad, None);
        }
        check(b"\xff\xff\xff\xffmdat", None);
    }
}
