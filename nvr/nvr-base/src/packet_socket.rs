//! One end of a `SOCK_SEQPACKET` pair between the recorder and a child process: datagrams, and descriptors beside them.
//!
//! Promises: a datagram arrives whole, with at most one descriptor, or is refused and its descriptors are closed.
//! Leaves to others: what bytes and descriptors mean (`media_channel`, `nvr-plugins`' `channel`), waiting.

use crate::media_protocol::ProtocolError;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Times a reset is passed over, of which there is one in a connection's life.
const RESETS_MAX: u32 = 2;

/// The descriptor on which a child keeps its end, once it has taken it from standard input.
pub const CHANNEL_FD: i32 = 3;

/// Why nothing was sent or received.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The other end is closed.
    #[error("the other process closed its end")]
    Closed,
    /// Nothing waits to be received, or the other end does not read.
    #[error("the other process does not answer")]
    WouldBlock,
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

/// What the system's refusal of an operation means.
pub fn io(what: &'static str) -> impl FnOnce(Errno) -> ChannelError {
    move |source| match source {
        Errno::AGAIN => ChannelError::WouldBlock,
        Errno::PIPE | Errno::CONNRESET => ChannelError::Closed,
        source => ChannelError::Io { what, source },
    }
}

/// One end.
#[derive(Debug)]
pub struct PacketSocket(OwnedFd);

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for PacketSocket {
    /// The end that was handed over.
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl PacketSocket {
    /// A pair: the recorder's end, and the child's as a plain descriptor.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn pair() -> Result<(Self, OwnedFd), ChannelError> {
        let (ours, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .map_err(io("make a socket pair"))?;
        Ok((Self(ours), theirs))
    }

    /// Sends one datagram, `header` and `data` behind it, and a descriptor beside it; waits for room when `is_patient`.
    ///
    /// # Errors
    /// The peer is gone, or there is no room.
    pub fn send(
        &self,
        header: &[u8],
        data: &[u8],
        fd: Option<BorrowedFd<'_>>,
        is_patient: bool,
    ) -> Result<(), ChannelError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = fd.as_slice();
        if !fds.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(fds));
        }
        let flags = if is_patient { SendFlags::NOSIGNAL } else { SendFlags::NOSIGNAL | SendFlags::DONTWAIT };
        let parts = [IoSlice::new(header), IoSlice::new(data)];
        loop {
            match rustix::net::sendmsg(&self.0, &parts, &mut control, flags) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(e) => return Err(io("send a message")(e)),
            }
        }
    }

    /// Takes one datagram into `buffer` and its descriptor, without waiting. Returns the datagram's length.
    ///
    /// # Errors
    /// [`ChannelError::WouldBlock`] when none waits; [`ChannelError::Closed`]; a datagram or a descriptor list that
    /// was cut.
    pub fn receive(&self, buffer: &mut [u8]) -> Result<(usize, Option<OwnedFd>), ChannelError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let mut resets = 0;
        let got = loop {
            match rustix::net::recvmsg(&self.0, &mut [IoSliceMut::new(buffer)], &mut control, flags) {
                Ok(got) => break got,
                Err(Errno::INTR) => {}
                // The other end closed and left something unread, which is said once and first; its last words wait behind.
                Err(Errno::CONNRESET) if resets < RESETS_MAX => resets += 1,
                Err(e) => return Err(io("receive a message")(e)),
            }
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
        Ok((got.bytes, fds.pop()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Datagrams from the other end, which closes with `unread` of ours.
    fn check(last: &[&[u8]], unread: usize) {
        let (ours, theirs) = PacketSocket::pair().unwrap();
        let theirs = PacketSocket::from(theirs);
        for _ in 0..unread {
            ours.send(b"more", &[], None, false).unwrap();
        }
        for word in last {
            theirs.send(word, &[], None, false).unwrap();
        }
        drop(theirs);
        let mut buffer = [0; 64];
        for word in last {
            let (len, _) = ours.receive(&mut buffer).unwrap();
            assert_eq!(buffer.get(..len).unwrap(), *word);
        }
        assert!(matches!(ours.receive(&mut buffer), Err(ChannelError::Closed)));
    }

    #[test]
    fn last_words_are_heard() {
        check(&[], 0);
        check(&[], 3);
        check(&[b"end"], 0);
        check(&[b"end"], 1);
        check(&[b"one", b"two"], 9);
    }
}
