//! How a child begins: its socket, and signals that are not for it.
//!
//! Promises: a child that was not started by the recorder notices at once.
//! Leaves to others: everything after that.

pub use nvr_base::packet_socket::CHANNEL_FD;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};

/// The socket to the parent. Call it once, first of all.
///
/// # Errors
/// Descriptor 3 is not open, or is no socket of sequenced packets: not started by the recorder.
pub fn take_channel() -> Result<OwnedFd, String> {
    let refusal = || "descriptor 3 is no socket of the recorder: `nvr` starts this program".to_owned();
    // SAFETY: borrowed for this look only; a descriptor that is not open gives EBADF, not undefined behaviour.
    #[allow(unsafe_code)]
    let probe = unsafe { BorrowedFd::borrow_raw(CHANNEL_FD) };
    let kind = rustix::net::sockopt::socket_type(probe).map_err(|_| refusal())?;
    if kind != rustix::net::SocketType::SEQPACKET {
        return Err(refusal());
    }
    // Helpers that libraries start before the sandbox must not get it.
    rustix::io::fcntl_setfd(probe, rustix::io::FdFlags::CLOEXEC).map_err(|e| e.to_string())?;
    // SAFETY: it is open, as just seen, and nothing else in this process owns descriptor 3: `main` calls this
    // once, first of all.
    #[allow(unsafe_code)]
    Ok(unsafe { OwnedFd::from_raw_fd(CHANNEL_FD) })
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
