//! How a child begins: its socket, and signals that are not for it.
//!
//! Promises: a child that was not started by the recorder notices at once.
//! Leaves to others: everything after that.

pub use nvr_base::packet_socket::CHANNEL_FD;
use std::os::fd::{AsRawFd, OwnedFd};

/// The socket to the parent, moved from standard input, where the parent puts it, to [`CHANNEL_FD`]; standard input is
/// empty from then on. (A descriptor of another number would need code between `fork` and `exec`, and so a copy of all the
/// recorder's memory tables for every child.) Call it once, first of all.
///
/// # Errors
/// Standard input is no socket of sequenced packets: not started by the recorder.
pub fn take_channel() -> Result<OwnedFd, String> {
    let refusal = || "standard input is no socket of the recorder: `nvr` starts this program".to_owned();
    let given = rustix::stdio::stdin();
    let kind = rustix::net::sockopt::socket_type(given).map_err(|_| refusal())?;
    if kind != rustix::net::SocketType::SEQPACKET {
        return Err(refusal());
    }
    // Helpers that libraries start before the sandbox must not get it.
    let channel = rustix::io::fcntl_dupfd_cloexec(given, CHANNEL_FD).map_err(|e| e.to_string())?;
    if channel.as_raw_fd() != CHANNEL_FD {
        return Err(format!("descriptor {CHANNEL_FD} is taken: `nvr` starts this program"));
    }
    let nothing = std::fs::File::open("/dev/null").map_err(|e| format!("/dev/null: {e}"))?;
    rustix::stdio::dup2_stdin(nothing).map_err(|e| e.to_string())?;
    Ok(channel)
}

/// Signals that stop a service, or Ctrl-C, reach its children too; they end with their socket, after the recorder
/// has taken leave of them, so that a stop is not mistaken for a fault. A broken pipe is an error, not the end.
pub fn ignore_stop_signals() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGPIPE] {
        // SAFETY: `SIG_IGN` installs no handler, so no code of ours can run in a signal's context.
        #[allow(unsafe_code)]
        unsafe {
            libc::signal(signal, libc::SIG_IGN);
        }
    }
}
