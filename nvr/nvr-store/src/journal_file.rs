//! Journal lines and files as bytes: `crc32c-hex SP json LF`.
//!
//! Promises: a damaged line is counted and skipped; what follows the last line feed is a torn tail.
//! Leaves to others: what lines say (`record`), when they are written (`journal`).

use crate::disk::Disk;
use crate::record::Line;
use nvr_base::Utc;
use std::io;
use std::path::{Path, PathBuf};

/// Longest line, bytes; a checkpoint with every lock and gap may be long.
pub const LINE_LEN_MAX: usize = 8 << 20;
/// Longest journal file that is read, bytes.
pub(crate) const FILE_BYTES_MAX: u64 = 256 << 20;

/// Bytes of a line's checksum and time.
const FIRST_LEN: usize = 48;

/// A line as text, `None` when it is too long.
pub(crate) fn encode(line: &Line) -> Option<Vec<u8>> {
    let json = serde_json::to_string(line).ok()?;
    let text = format!("{:08x} {json}\n", crc32c::crc32c(json.as_bytes()));
    (text.len() <= LINE_LEN_MAX).then(|| text.into_bytes())
}

#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) lines: Vec<Line>,
    /// Bytes up to the end of the last line feed.
    pub(crate) whole: u64,
    pub(crate) damaged: u64,
}

/// Whole lines of `bytes`; damaged ones are counted, kinds of a later version are left out.
pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    let mut out = Parsed::default();
    for text in bytes.split_inclusive(|b| *b == b'\n') {
        let Some(body) = text.strip_suffix(b"\n") else { break };
        out.whole += text.len() as u64;
        match check_line(body) {
            None => out.damaged += 1,
            Some(json) => out.lines.extend(serde_json::from_slice::<Line>(json).ok()),
        }
    }
    out
}

/// For fuzzing: reads `bytes` as a journal file, and as one record without its checksum; a record that is one is
/// written and read again.
pub fn scan_bytes(bytes: &[u8]) {
    let parsed = parse(bytes);
    debug_assert!(parsed.whole <= bytes.len() as u64, "more than there is");
    if let Ok(line) = serde_json::from_slice::<Line>(bytes)
        && let Some(text) = encode(&line)
    {
        debug_assert_eq!(parse(&text).damaged, 0, "a line of our own is damaged");
    }
}

/// The JSON of a line whose checksum holds.
fn check_line(body: &[u8]) -> Option<&[u8]> {
    let (sum, json) = (body.get(..8)?, body.get(9..)?);
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    (body.get(8) == Some(&b' ') && crc32c::crc32c(json) == sum).then_some(json)
}

pub(crate) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}.log"))
}

/// When the first line of a file was written; `None` when it cannot be told.
pub(crate) fn first_at(disk: &dyn Disk, path: &Path) -> Option<Utc> {
    let mut bytes = [0; FIRST_LEN];
    let read = disk.open_read(path).ok()?.read_at(&mut bytes, 0).ok()?;
    let text = std::str::from_utf8(bytes.get(..read)?).ok()?;
    text.split_once("{\"at\":\"")?.1.split_once('"')?.0.parse().ok()
}

/// Numbers of the journal files, ascending.
pub(crate) fn files(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<u64>> {
    let number = |name: String| name.strip_suffix(".log").filter(|n| n.len() == 8)?.parse().ok();
    let mut numbers: Vec<u64> = disk.list(folder)?.into_iter().filter_map(|e| number(e.name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The highest run that the last two journal files name; 0 without any.
pub(crate) fn highest_run(disk: &dyn Disk, folder: &Path) -> u32 {
    let numbers = files(disk, folder).unwrap_or_default();
    let runs = |number: &u64| {
        let bytes = disk.read(&path(folder, *number), FILE_BYTES_MAX).unwrap_or_default();
        parse(&bytes).lines.iter().map(|l| l.run.0).max()
    };
    numbers.iter().rev().take(2).filter_map(runs).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_alerts_are_read_as_they_were_written() {
        // The seed of the fuzz target: one line of each kind, as they stand in journals.
        let bytes = include_bytes!("../../../tests/fuzz/seeds/journal/alerts");
        let parsed = parse(bytes);
        assert_eq!((parsed.lines.len(), parsed.damaged, parsed.whole), (11, 0, bytes.len() as u64));
        let again: Vec<u8> = parsed.lines.iter().filter_map(encode).flatten().collect();
        assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(bytes));
    }
}
