//! A folder of footage: is it there, may it be written, how much is free, how long a flush takes.
//!
//! Promises: writes one file of [`PROBE_BYTES`], flushes it [`FLUSHES`] times and removes it; at most [`WAIT_MAX`] is spent
//!   between flushes.
//! Leaves to others: what the recorder measures while it runs (`nvr status`).

use crate::commands::verdict::Verdict;
use nvr_base::text::{Arg, text};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// What is written before each flush, as a fragment of a camera would be.
const PROBE_BYTES: usize = 256 << 10;
/// How often.
const FLUSHES: usize = 5;
/// No more flushes after this time.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// A flush that takes longer than this leaves no room within the interval of 1.5 s.
const FLUSH_MS_GOOD_MAX: u128 = 500;

/// Examines it.
pub(super) fn examine(folder: &Path, keep_free_percent: u32) -> Verdict {
    let path = || Arg::from(folder.display().to_string());
    let fail = |why: String, remedy: &str| {
        let what = text("disk-fails", &[("path", path()), ("why", Arg::from(why))]);
        Verdict::fail("disk", what, text(remedy, &[]))
    };
    let stat = match rustix::fs::statvfs(folder) {
        Ok(stat) => stat,
        Err(error) => return fail(error.to_string(), "disk-missing-remedy"),
    };
    let free = (stat.f_bavail * 100).checked_div(stat.f_blocks).unwrap_or(0);
    let slowest = match flush(folder) {
        Ok(slowest) => slowest,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            let what = text("disk-not-ours", &[("path", path()), ("free", Arg::from(free))]);
            return Verdict::warn("disk", what, text("disk-not-ours-remedy", &[]));
        }
        Err(error) => return fail(error.to_string(), "disk-write-remedy"),
    };
    let ms = slowest.as_millis();
    let args = [
        ("path", path()),
        ("free", Arg::from(free)),
        ("ms", Arg::from(u64::try_from(ms).unwrap_or(u64::MAX))),
        ("keep", Arg::from(keep_free_percent)),
    ];
    let what = text("disk-fine", &args);
    if ms > FLUSH_MS_GOOD_MAX {
        Verdict::warn("disk", what, text("disk-slow-remedy", &[]))
    } else if free <= u64::from(keep_free_percent) {
        Verdict::warn("disk", what, text("disk-full-remedy", &args))
    } else {
        Verdict::ok("disk", what)
    }
}

fn flush(folder: &Path) -> std::io::Result<Duration> {
    let mut file = tempfile::Builder::new().prefix(".nvr-doctor-").tempfile_in(folder)?;
    let bytes = vec![0_u8; PROBE_BYTES];
    let (began, mut slowest) = (Instant::now(), Duration::ZERO);
    for _ in 0..FLUSHES {
        file.write_all(&bytes)?;
        let before = Instant::now();
        file.as_file().sync_data()?;
        slowest = slowest.max(before.elapsed());
        if began.elapsed() > WAIT_MAX {
            break;
        }
    }
    Ok(slowest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::verdict::Level;

    #[test]
    fn folders() {
        let dir = tempfile::tempdir().unwrap();
        assert_ne!(examine(dir.path(), 0).level, Level::Fail);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");
        assert_eq!(examine(dir.path(), 100).level, Level::Warn);
        assert_eq!(examine(&dir.path().join("none"), 0).level, Level::Fail);
    }
}
