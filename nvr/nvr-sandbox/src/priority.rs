//! Idle priority for a child whose work may wait: analysis never takes a core from recording.
//!
//! Promises: the calling thread, and every thread it starts later, runs when nothing else wants to.
//! Leaves to others: saying so where it is refused.

/// The lowest priority of those that share.
const NICE: i32 = 19;

/// Lowers this thread's priority for good. Before the sandbox, which refuses the calls.
///
/// # Errors
/// What the system refuses.
pub fn idle() -> Result<(), String> {
    rustix::process::setpriority_process(None, NICE).map_err(|e| format!("nice {NICE}: {e}"))?;
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the pointer is to a value that lives through the call; pid 0 is the calling thread.
    #[allow(unsafe_code)]
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &parameters) };
    if result == 0 { Ok(()) } else { Err(format!("SCHED_IDLE: {}", std::io::Error::last_os_error())) }
}
