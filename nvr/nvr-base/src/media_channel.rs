//! One end of the `SOCK_SEQPACKET` pair between the recorder and a child: datagrams, and memfds beside them.
//!
//! Promises: a datagram arrives whole or is refused; a descriptor that arrives is a memfd sealed against every change,
//!   of the length that was promised, or it is closed unread.
//! Leaves to others: what the bytes mean (`media_protocol`), waiting (the recorder polls, the child blocks).

use crate::media_protocol::{
    FromChild, INLINE_LEN_MAX, MESSAGE_LEN_MAX, ProtocolError, SAMPLE_LEN_MAX, decode_from_child, encode,
};
pub use crate::packet_socket::ChannelError;
use crate::packet_socket::{PacketSocket, io};
use rustix::fs::{MemfdFlags, SealFlags};
use serde::Serialize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Seals of a sample's memfd: nobody can change what the receiver reads.
const SEALS: SealFlags =
    SealFlags::from_bits_retain(SealFlags::WRITE.bits() | SealFlags::GROW.bits() | SealFlags::SHRINK.bits());

/// One end.
#[derive(Debug)]
pub struct MediaChannel(PacketSocket);

impl AsFd for MediaChannel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl MediaChannel {
    /// The end that was handed over as `fd`.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self(fd.into())
    }

    /// A pair: the recorder's end, and the child's as a plain descriptor.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn pair() -> Result<(Self, OwnedFd), ChannelError> {
        let (ours, theirs) = PacketSocket::pair()?;
        Ok((Self(ours), theirs))
    }

    /// Sends a message without data.
    ///
    /// # Errors
    /// The peer is gone, or does not read within the socket's send timeout.
    pub fn send<T: Serialize>(&self, message: &T) -> Result<(), ChannelError> {
        self.0.send(&encode(message)?, &[], None, true)
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
        self.send_all(message, data, true)
    }

    /// As [`Self::send_data`], without waiting.
    ///
    /// # Errors
    /// [`ChannelError::WouldBlock`] when the other end does not keep up; as [`Self::send`].
    pub fn try_send_data<T: Serialize>(&self, message: &T, data: &[u8]) -> Result<(), ChannelError> {
        self.send_all(message, data, false)
    }

    /// Sends a message with a descriptor beside it.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_beside<T: Serialize>(&self, message: &T, fd: BorrowedFd<'_>) -> Result<(), ChannelError> {
        self.0.send(&encode(message)?, &[], Some(fd), true)
    }

    fn send_all<T: Serialize>(&self, message: &T, data: &[u8], is_patient: bool) -> Result<(), ChannelError> {
        let header = encode(message)?;
        if data.len() <= INLINE_LEN_MAX && header.len() + data.len() <= MESSAGE_LEN_MAX {
            return self.0.send(&header, data, None, is_patient);
        }
        let memfd = rustix::fs::memfd_create("nvr-sample", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
            .map_err(io("make a memfd"))?;
        let mut left = data;
        while !left.is_empty() {
            let n = rustix::io::write(&memfd, left).map_err(io("write a memfd"))?;
            left = left.get(n..).unwrap_or_default();
        }
        rustix::fs::fcntl_add_seals(&memfd, SEALS | SealFlags::SEAL).map_err(io("seal a memfd"))?;
        self.0.send(&header, &[], Some(memfd.as_fd()), is_patient)
    }

    /// Takes one datagram into `buffer` (at least [`MESSAGE_LEN_MAX`] bytes) and its descriptor, without waiting.
    /// Returns the datagram's length.
    ///
    /// # Errors
    /// [`ChannelError::WouldBlock`] when none waits; [`ChannelError::Closed`]; a datagram or a descriptor list that
    /// was cut.
    pub fn receive(&self, buffer: &mut [u8]) -> Result<(usize, Option<OwnedFd>), ChannelError> {
        self.0.receive(buffer)
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
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
    use std::io::IoSlice;
    use std::mem::MaybeUninit;

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
