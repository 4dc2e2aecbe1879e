//! One end of the `SOCK_SEQPACKET` pair between the host and a worker.
//!
//! Promises: a datagram arrives whole or is refused; from a worker, which has nothing to hand over, a descriptor is
//!   closed unread and an error; waiting has an end.
//! Leaves to others: what the bytes mean (`protocol`), what an error costs (`worker`).

use crate::protocol::{MESSAGE_LEN_MAX, ProtocolError, encode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use serde::Serialize;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Why nothing was sent or received.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The other end is closed.
    #[error("the other process closed its end")]
    Closed,
    /// Its buffer is full: the other process does not read.
    #[error("the other process does not read")]
    Full,
    /// The system refused an operation.
    #[error("cannot {what}: {source}")]
    Io {
        /// Which operation.
        what: &'static str,
        /// The system's answer.
        source: Errno,
    },
    /// The datagram breaks the protocol.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
}

fn io(what: &'static str) -> impl FnOnce(Errno) -> ChannelError {
    move |source| match source {
        Errno::AGAIN => ChannelError::Full,
        Errno::PIPE | Errno::CONNRESET => ChannelError::Closed,
        source => ChannelError::Io { what, source },
    }
}

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
    socket: OwnedFd,
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
        Self { socket, buffer: vec![0; MESSAGE_LEN_MAX] }
    }

    /// A pair: the host's end, and the worker's as a plain descriptor.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn pair() -> Result<(Self, OwnedFd), ChannelError> {
        let kind = SocketType::SEQPACKET;
        let (ours, theirs) = rustix::net::socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)
            .map_err(io("make a socket pair"))?;
        Ok((Self::from_fd(ours), theirs))
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
        let bytes = encode(message)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = fd.as_slice();
        if !fds.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(fds));
        }
        let flags = if is_patient { SendFlags::NOSIGNAL } else { SendFlags::NOSIGNAL | SendFlags::DONTWAIT };
        loop {
            match rustix::net::sendmsg(&self.socket, &[IoSlice::new(&bytes)], &mut control, flags) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(e) => return Err(io("send a message")(e)),
            }
        }
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
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let parts = &mut [IoSliceMut::new(&mut self.buffer)];
        let got = match rustix::net::recvmsg(&self.socket, parts, &mut control, flags) {
            Ok(got) => got,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
            Err(e) => return Err(io("receive a message")(e)),
        };
        let mut fds = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                fds.extend(received);
            }
        }
        if got.bytes == 0 {
            return Err(ChannelError::Closed);
        }
        if got.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) || fds.len() > 1 {
            return Err(ProtocolError::Limit("datagram or descriptors do not fit").into());
        }
        Ok(Some(Datagram { bytes: self.buffer.get(..got.bytes).unwrap_or_default(), fd: fds.pop() }))
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
        assert!(matches!(full, Some(ChannelError::Full)));
    }
}
