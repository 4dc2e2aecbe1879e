//! Whether the box's clock is kept right: footage carries its time.
//!
//! Promises: asks the system's own time service; where there is none to ask, it says that it cannot tell.
//! Leaves to others: setting the clock.

use super::child::answer;
use crate::commands::verdict::Verdict;
use nvr_base::text::text;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Longest wait for the time service.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// Made by systemd-timesyncd at the first synchronisation after the start.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

/// Examines it.
pub(super) fn examine() -> Verdict {
    let mut command = Command::new("timedatectl");
    command.args(["show", "--property=NTPSynchronized", "--value"]);
    let said = answer(&mut command, WAIT_MAX);
    judge(said.as_ref().ok().map(|(_, text)| text.trim()), Path::new(SYNCHRONIZED).exists())
}

/// `said` is timedatectl's word.
fn judge(said: Option<&str>, was_synchronized: bool) -> Verdict {
    let remedy = || text("clock-remedy", &[]);
    match (said, was_synchronized) {
        (Some("yes"), _) | (_, true) => Verdict::ok("clock", text("clock-right", &[])),
        (Some("no"), false) => Verdict::warn("clock", text("clock-free", &[]), remedy()),
        _ => Verdict::warn("clock", text("clock-unknown", &[]), remedy()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::verdict::Level;

    #[test]
    fn words_of_the_time_service() {
        let check = |said, was, level| assert_eq!(judge(said, was).level, level, "{said:?} {was}");
        check(Some("yes"), false, Level::Ok);
        check(Some("no"), true, Level::Ok);
        check(Some("no"), false, Level::Warn);
        check(Some(""), false, Level::Warn);
        check(None, false, Level::Warn);
    }
}
