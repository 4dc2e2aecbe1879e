//! A helper program run for its answer, for a bounded time.
//!
//! Promises: it is ended and reaped when its time is over; at most [`OUTPUT_LEN_MAX`] bytes are read of it.
//! Leaves to others: what the answer means.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Most of an answer that is read, bytes: what fits a pipe, so that a child never waits for a reader.
const OUTPUT_LEN_MAX: u64 = 64 * 1024;

/// Runs `command` for at most `wait` and returns whether it ended well, and what it printed.
///
/// # Errors
/// It does not start, or did not end in time.
pub(super) fn answer(command: &mut Command, wait: Duration) -> Result<(bool, String), String> {
    let program = command.get_program().display().to_string();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|e| format!("{program}: {e}"))?;
    let ended = i32::try_from(child.id()).ok().and_then(Pid::from_raw).is_some_and(|pid| {
        let Ok(fd) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
        let wait = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(1),
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&wait)).is_ok_and(|n| n > 0)
    });
    if !ended {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("{program}: no answer after {} s", wait.as_secs()));
    }
    let status = child.wait().map_err(|e| format!("{program}: {e}"))?;
    let mut text = Vec::new();
    if let Some(output) = child.stdout.take() {
        output.take(OUTPUT_LEN_MAX).read_to_end(&mut text).map_err(|e| format!("{program}: {e}"))?;
    }
    Ok((status.success(), String::from_utf8_lossy(&text).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(program: &str, arguments: &[&str], wait_ms: u64, expected: Result<(bool, &str), &str>) {
        let got = answer(Command::new(program).args(arguments), Duration::from_millis(wait_ms));
        match (got, expected) {
            (Ok((good, text)), Ok(expected)) => assert_eq!((good, text.trim()), expected),
            (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
            (got, _) => panic!("{program}: {got:?}"),
        }
    }

    #[test]
    fn answers() {
        check("echo", &["yes"], 10_000, Ok((true, "yes")));
        check("false", &[], 10_000, Ok((false, "")));
        check("/no/such/program", &[], 10_000, Err("No such file"));
        check("sleep", &["60"], 50, Err("no answer"));
    }
}
