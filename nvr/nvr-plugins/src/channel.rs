//! One end of the `SOCK_SEQPACKET` pair between the host and a worker.
//!
//! Promises: a datagram arrives whole or is refused; from a worker, which has nothing to hand over, a descriptor is
//!   closed unread and an error; waiting has an end.
//! Leaves to others: what the bytes mean (`protocol`), what an error costs (`worker`).

use crate::protocol::{MESSAGE_LEN_MAX, encode};
pub use nvr_base::packet_socket::ChannelError;
use nvr_base::packet_socket::{PacketSocket, io};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde::Serialize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// A datagram as it came.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// The descriptor beside it.
    pub fd: Option<OwnedFd>,
}

/// One end.
#[derive(Debug)]
pub struct Channel {
    socket: PacketSocket,
    buffer: Vec<u8>,
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Channel {
    /// The end that was handed over.
    pub fn from_fd(socket: OwnedFd) -> Self {
        Self { socket: socket.into(), buffer: vec![0; MESSAGE_LEN_MAX] }
    }

    /// A pair: the host's end, and the worker's as a plain descriptor.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn pair() -> Result<(Self, OwnedFd), ChannelError> {
        let (ours, theirs) = PacketSocket::pair()?;
        Ok((Self { socket: ours, buffer: vec![0; MESSAGE_LEN_MAX] }, theirs))
    }

    /// Sends a message, and a descriptor beside it; waits for room when `is_patient`.
    ///
    /// # Errors
    /// The peer is gone, or there is no room.
    pub fn send<T: Serialize>(
        &self,
        message: &T,
        fd: Option<BorrowedFd<'_>>,
        is_patient: bool,
    ) -> Result<(), ChannelError> {
        self.socket.send(&encode(message)?, &[], fd, is_patient)
    }

    /// Waits for a datagram, `wait` at most (for ever without one), and takes it. `None` when none came.
    ///
    /// # Errors
    /// The peer is gone; the datagram was cut or brought more than one descriptor.
    pub fn receive(&mut self, wait: Option<Duration>) -> Result<Option<Datagram<'_>>, ChannelError> {
        let wait = wait.map(|w| Timespec {
            tv_sec: i64::try_from(w.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(w.subsec_nanos()),
        });
        match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], wait.as_ref()) {
            Ok(0) | Err(Errno::INTR) => return Ok(None),
            Ok(_) => {}
            Err(e) => return Err(io("wait for a message")(e)),
        }
        match self.socket.receive(&mut self.buffer) {
            Ok((len, fd)) => Ok(Some(Datagram { bytes: self.buffer.get(..len).unwrap_or_default(), fd })),
            Err(ChannelError::WouldBlock) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{FromWorker, decode_from_worker};

    #[test]
    fn messages_arrive_and_an_end_is_seen() {
        let (mut ours, theirs) = Channel::pair().unwrap();
        let worker = Channel::from_fd(theirs);
        assert!(ours.receive(Some(Duration::ZERO)).unwrap().is_none());
        let message = FromWorker::Destroyed { instance: 3 };
        worker.send(&message, None, true).unwrap();
        let datagram = ours.receive(Some(Duration::ZERO)).unwrap().unwrap();
        assert_eq!(decode_from_worker(datagram.bytes).unwrap(), message);
        drop(worker);
        assert!(matches!(ours.receive(None), Err(ChannelError::Closed)));
    }

    #[test]
    fn a_peer_that_does_not_read_is_not_waited_for() {
        let (ours, _theirs) = Channel::pair().unwrap();
        let full = (0..100_000).find_map(|n| ours.send(&FromWorker::Denied { call: n }, None, false).err());
        assert!(matches!(full, Some(ChannelError::WouldBlock)));
    }
}
