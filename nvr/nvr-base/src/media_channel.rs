//! One end of the `SOCK_SEQPACKET` pair between the recorder and a child: datagrams, and memfds beside them.
//!
//! Promises: a datagram arrives whole or is refused; a descriptor that arrives is a memfd sealed against every change,
//!   of the length that was promised, or it is closed unread.
//! Leaves to others: what the bytes mean (`media_protocol`), waiting (the recorder polls, the child blocks).

use crate::media_protocol::{
    FromChild, INLINE_LEN_MAX, MESSAGE_LEN_MAX, ProtocolError, SAMPLE_LEN_MAX, decode_from_child, encode,
};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use serde::Serialize;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Seals of a sample's memfd: nobody can change what the receiver reads.
const SEALS: SealFlags =
    SealFlags::from_bits_retain(SealFlags::WRITE.bits() | SealFlags::GROW.bits() | SealFlags::SHRINK.bits());

/// Why nothing was sent or received.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The other end is closed.
    #[error("the other process closed its end")]
    Closed,
    /// Nothing waits (a non-blocking receive), or the peer does not read (a timed send).
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

fn io(what: &'static str) -> impl FnOnce(Errno) -> ChannelError {
    move |source| match source {
        Errno::AGAIN => ChannelError::WouldBlock,
        Errno::PIPE | Errno::CONNRESET => ChannelError::Closed,
        source => ChannelError::Io { what, source },
    }
}

/// One end.
#[derive(Debug)]
pub struct MediaChannel(OwnedFd);

impl AsFd for MediaChannel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl MediaChannel {
    /// The end that was handed over as `fd`.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

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

    /// Sends a message without data.
    ///
    /// # Errors
    /// The peer is gone, or does not read within the socket's send timeout.
    pub fn send<T: Serialize>(&self, message: &T) -> Result<(), ChannelError> {
        self.send_with(&encode(message)?, &[], None, SendFlags::empty())
    }

    /// Sends a sample: inside the datagram when it is short, else in a sealed memfd.
    ///
    /// # Errors
    /// As [`Self::send`]; or the sample is empty or longer than the protocol allows.
    pub fn send_sample(&self, pts: crate::Mono, key: bool, data: &[u8]) -> Result<(), ChannelError> {
        let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
        if len == 0 || len > SAMPLE_LEN_MAX {
            return Err(ProtocolError::Limit("sample length").into());
        }
        self.send_data(&FromChild::Sample { pts, key, len }, data)
    }

    /// Sends a message and its data: inside the datagram when both fit, else in a sealed memfd.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_data<T: Serialize>(&self, message: &T, data: &[u8]) -> Result<(), ChannelError> {
        self.send_all(message, data, SendFlags::empty())
    }

    /// As [`Self::send_data`], without waiting.
    ///
    /// # Errors
    /// [`ChannelError::WouldBlock`] when the other end does not keep up; as [`Self::send`].
    pub fn try_send_data<T: Serialize>(&self, message: &T, data: &[u8]) -> Result<(), ChannelError> {
        self.send_all(message, data, SendFlags::DONTWAIT)
    }

    /// Sends a message with a descriptor beside it.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_beside<T: Serialize>(&self, message: &T, fd: BorrowedFd<'_>) -> Result<(), ChannelError> {
        self.send_with(&encode(message)?, &[], Some(fd), SendFlags::empty())
    }

    fn send_all<T: Serialize>(&self, message: &T, data: &[u8], flags: SendFlags) -> Result<(), ChannelError> {
        let header = encode(message)?;
        if data.len() <= INLINE_LEN_MAX && header.len() + data.len() <= MESSAGE_LEN_MAX {
            return self.send_with(&header, data, None, flags);
        }
        let memfd = rustix::fs::memfd_create("nvr-sample", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
            .map_err(io("make a memfd"))?;
        let mut left = data;
        while !left.is_empty() {
            let n = rustix::io::write(&memfd, left).map_err(io("write a memfd"))?;
            left = left.get(n..).unwrap_or_default();
        }
        rustix::fs::fcntl_add_seals(&memfd, SEALS | SealFlags::SEAL).map_err(io("seal a memfd"))?;
        self.send_with(&header, &[], Some(memfd.as_fd()), flags)
    }

    fn send_with(
        &self,
        header: &[u8],
        data: &[u8],
        fd: Option<BorrowedFd<'_>>,
        flags: SendFlags,
    ) -> Result<(), ChannelError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = fd.as_slice();
        if !fds.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(fds));
        }
        let parts = [IoSlice::new(header), IoSlice::new(data)];
        loop {
            match rustix::net::sendmsg(&self.0, &parts, &mut control, flags | SendFlags::NOSIGNAL) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(e) => return Err(io("send a message")(e)),
            }
        }
    }

    /// Takes one datagram into `buffer` (at least [`MESSAGE_LEN_MAX`] bytes) and its descriptor, without waiting.
    /// Returns the datagram's length.
    ///
    /// # Errors
    /// [`ChannelError::WouldBlock`] when none waits; [`ChannelError::Closed`]; a datagram or a descriptor list that
    /// was cut.
    pub fn receive(&self, buffer: &mut [u8]) -> Result<(usize, Option<OwnedFd>), ChannelError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let got = loop {
            match rustix::net::recvmsg(&self.0, &mut [IoSliceMut::new(buffer)], &mut control, flags) {
                Ok(got) => break got,
                Err(Errno::INTR) => {}
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

    /// Takes one checked message of a child, with the bytes of a sample.
    ///
    /// # Errors
    /// As [`Self::receive`]; or the message, or its memfd, breaks the protocol.
    pub fn receive_from_child(&self, buffer: &mut [u8]) -> Result<(FromChild, Vec<u8>), ChannelError> {
        let (len, memfd) = self.receive(buffer)?;
        let datagram = buffer.get(..len).unwrap_or_default();
        let (message, inline) = decode_from_child(datagram, memfd.is_some())?;
        match (&message, memfd) {
            (FromChild::Sample { len, .. }, Some(memfd)) => {
                let data = read_memfd(memfd, *len as usize)?;
                Ok((message, data))
            }
            _ => {
                let data = inline.to_vec();
                Ok((message, data))
            }
        }
    }
}

/// The data of a message that promises `len` bytes: those inside its datagram, or those of its memfd.
pub(crate) fn data_of(len: u32, inline: &[u8], memfd: Option<OwnedFd>) -> Result<Vec<u8>, ChannelError> {
    match memfd {
        Some(memfd) if inline.is_empty() => read_memfd(memfd, len as usize),
        None if inline.len() == len as usize => Ok(inline.to_vec()),
        _ => Err(ProtocolError::Limit("promised length and data disagree").into()),
    }
}

/// Reads all of a sealed memfd that must be `len` bytes long; `len` was checked against the protocol's limit.
fn read_memfd(memfd: OwnedFd, len: usize) -> Result<Vec<u8>, ChannelError> {
    // Only memfds have seals: a pipe, a device or a file on a slow disk is refused here, before any read.
    let seals =
        rustix::fs::fcntl_get_seals(&memfd).map_err(|_| ProtocolError::Limit("descriptor is no memfd"))?;
    if !seals.contains(SEALS) {
        return Err(ProtocolError::Limit("memfd is not sealed").into());
    }
    let stat = rustix::fs::fstat(&memfd).map_err(io("look at a memfd"))?;
    if usize::try_from(stat.st_size).ok() != Some(len) {
        return Err(ProtocolError::Limit("memfd length and sample length disagree").into());
    }
    let mut data = vec![0; len];
    let mut done = 0;
    while let Some(rest) = data.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(&memfd, rest, done as u64).map_err(io("read a memfd"))? {
            0 => return Err(ProtocolError::Limit("memfd ends early").into()),
            n => done += n,
        }
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Mono;

    fn receive(ours: &MediaChannel) -> Result<(FromChild, Vec<u8>), ChannelError> {
        ours.receive_from_child(&mut vec![0; MESSAGE_LEN_MAX])
    }

    #[test]
    fn samples_of_every_size_arrive() {
        let (ours, theirs) = MediaChannel::pair().unwrap();
        let child = MediaChannel::from_fd(theirs);
        for len in [1, INLINE_LEN_MAX, INLINE_LEN_MAX + 1, 3 << 20] {
            let data: Vec<u8> = (0..len).map(|i| i as u8).collect();
            child.send_sample(Mono(7), true, &data).unwrap();
            let (message, got) = receive(&ours).unwrap();
            assert_eq!(message, FromChild::Sample { pts: Mono(7), key: true, len: len as u32 });
            assert!(got == data, "{len} bytes differ");
        }
        assert!(matches!(receive(&ours), Err(ChannelError::WouldBlock)));
        assert!(child.send_sample(Mono(7), true, &[]).is_err());
        drop(child);
        assert!(matches!(receive(&ours), Err(ChannelError::Closed)));
    }

    /// Sends a sample header of `len` bytes with `fd` beside it and expects the refusal.
    fn check_hostile(fds: &[BorrowedFd<'_>], len: u32, refusal: &str) {
        let (ours, theirs) = MediaChannel::pair().unwrap();
        let header = encode(&FromChild::Sample { pts: Mono(1), key: true, len }).unwrap();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(fds));
        rustix::net::sendmsg(&theirs, &[IoSlice::new(&header)], &mut control, SendFlags::empty()).unwrap();
        let error = receive(&ours).unwrap_err().to_string();
        assert!(error.contains(refusal), "{error}");
    }

    #[test]
    fn hostile_descriptors_are_refused() {
        let (reader, _writer) = rustix::pipe::pipe().unwrap();
        check_hostile(&[reader.as_fd()], 100_000, "no memfd");
        let open = rustix::fs::memfd_create("x", MemfdFlags::ALLOW_SEALING).unwrap();
        rustix::fs::ftruncate(&open, 100_000).unwrap();
        check_hostile(&[open.as_fd()], 100_000, "not sealed");
        rustix::fs::fcntl_add_seals(&open, SEALS).unwrap();
        check_hostile(&[open.as_fd()], 100_001, "disagree");
        check_hostile(&[open.as_fd(), open.as_fd()], 100_000, "do not fit");
        check_hostile(&[open.as_fd(); 4], 100_000, "do not fit");
    }

    #[test]
    fn a_datagram_longer_than_the_buffer_is_refused() {
        let (ours, theirs) = MediaChannel::pair().unwrap();
        rustix::net::send(&theirs, &vec![1; MESSAGE_LEN_MAX + 1], SendFlags::empty()).unwrap();
        assert!(receive(&ours).unwrap_err().to_string().contains("do not fit"));
    }
}
