//! From byte offsets to lines and columns.
//!
//! Promises: both count from 1; columns count characters; any offset is answered.
//! Leaves to others: where offsets come from (the parser's spans).

use super::finding::Place;

/// Starts of the lines of a text.
#[derive(Debug)]
pub(crate) struct LineIndex<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    /// Finds the lines of `text`.
    pub(crate) fn new(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
        Self { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// Line and column of a byte offset; one beyond the end is the end.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text.as_bytes().get(start..offset).unwrap_or_default();
        // Bytes that continue a character are 10xxxxxx (RFC 3629 §3).
        let chars = column.iter().filter(|b| *b & 0xC0 != 0x80).count();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place { line: number(line), column: number(chars + 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let text = "ab\né = 1\r\n\nx";
        for (offset, line, column) in
            [(0, 1, 1), (2, 1, 3), (3, 2, 1), (5, 2, 2), (11, 3, 1), (12, 4, 1), (13, 4, 2), (99, 4, 2)]
        {
            assert_eq!(LineIndex::new(text).place(offset), Place { line, column }, "{offset}");
        }
        assert_eq!(LineIndex::new("").place(0), Place { line: 1, column: 1 });
    }
}
