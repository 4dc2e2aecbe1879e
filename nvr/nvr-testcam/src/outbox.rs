//! Bytes on their way to one connection.
//!
//! Promises: order is kept; a full socket never blocks; what waits is counted in bytes, frames and replies.
//! Leaves to others: how much may wait (`session`).

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};

/// What bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A reply to a request.
    Reply,
    /// Media, with more of the frame to come, or no picture.
    Media,
    /// The end of a picture.
    FrameEnd,
}

#[derive(Debug)]
struct Chunk {
    data: Vec<u8>,
    sent: usize,
    kind: Kind,
}

/// A queue before a non-blocking socket.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    replies: usize,
    by_drops: bool,
}

impl Outbox {
    /// With `by_drops` nothing is sent but by [`Self::drip`].
    pub(crate) fn new(by_drops: bool) -> Self {
        Self { by_drops, ..Self::default() }
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The socket is to be watched for room.
    pub(crate) fn wants_room(&self) -> bool {
        !self.by_drops && self.bytes > 0
    }

    /// Frames whose end waits.
    pub(crate) fn frames(&self) -> u64 {
        self.chunks.iter().filter(|c| c.kind == Kind::FrameEnd).count() as u64
    }

    /// Replies that wait: a client that asks and never reads has many.
    pub(crate) fn replies(&self) -> usize {
        self.replies
    }

    /// Sends now what the socket takes, keeps the rest.
    pub(crate) fn send(&mut self, socket: &mut impl Write, data: &[u8], kind: Kind) -> io::Result<()> {
        let mut sent = 0;
        if self.bytes == 0 && !self.by_drops {
            sent = write(socket, data)?;
            if sent == data.len() {
                return Ok(());
            }
        }
        let data = data.get(sent..).unwrap_or_default().to_vec();
        self.bytes += data.len();
        self.replies += usize::from(kind == Kind::Reply);
        self.chunks.push_back(Chunk { data, sent: 0, kind });
        Ok(())
    }

    /// The socket has room again.
    pub(crate) fn flush(&mut self, socket: &mut impl Write) -> io::Result<()> {
        if self.by_drops {
            return Ok(());
        }
        while let Some(chunk) = self.chunks.front_mut() {
            let n = write(socket, chunk.data.get(chunk.sent..).unwrap_or_default())?;
            chunk.sent += n;
            self.bytes -= n;
            if chunk.sent < chunk.data.len() {
                break;
            }
            self.pop();
        }
        Ok(())
    }

    fn pop(&mut self) {
        let replied = self.chunks.pop_front().is_some_and(|c| c.kind == Kind::Reply);
        self.replies -= usize::from(replied);
    }

    /// Sends one byte.
    pub(crate) fn drip(&mut self, socket: &mut impl Write) -> io::Result<()> {
        let Some(chunk) = self.chunks.front_mut() else { return Ok(()) };
        let n = write(socket, chunk.data.get(chunk.sent..).and_then(|d| d.get(..1)).unwrap_or_default())?;
        chunk.sent += n;
        self.bytes -= n;
        if chunk.sent >= chunk.data.len() {
            self.pop();
        }
        Ok(())
    }
}

/// One write; a full socket takes nothing.
fn write(socket: &mut impl Write, data: &[u8]) -> io::Result<usize> {
    loop {
        match socket.write(data) {
            Ok(n) => return Ok(n),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket with limited room.
    #[derive(Default)]
    struct Socket {
        room: usize,
        got: Vec<u8>,
    }

    impl Write for Socket {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            let n = data.len().min(self.room);
            if n == 0 && !data.is_empty() {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.room -= n;
            self.got.extend(&data[..n]);
            Ok(n)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn order_and_counts() {
        let (mut s, mut o) = (Socket { room: 3, ..Socket::default() }, Outbox::default());
        o.send(&mut s, b"ab", Kind::FrameEnd).unwrap();
        o.send(&mut s, b"cde", Kind::FrameEnd).unwrap();
        o.send(&mut s, b"fg", Kind::Reply).unwrap();
        assert_eq!((s.got.as_slice(), o.bytes(), o.frames(), o.wants_room()), (&b"abc"[..], 4, 1, true));
        s.room = 3;
        o.flush(&mut s).unwrap();
        assert_eq!((s.got.as_slice(), o.bytes(), o.frames(), o.replies()), (&b"abcdef"[..], 1, 0, 1));
        s.room = 9;
        o.flush(&mut s).unwrap();
        assert_eq!(o.replies(), 0);
        assert_eq!((s.got.as_slice(), o.bytes(), o.frames(), o.wants_room()), (&b"abcdefg"[..], 0, 0, false));
    }

    #[test]
    fn drops() {
        let (mut s, mut o) = (Socket { room: 9, ..Socket::default() }, Outbox::new(true));
        o.send(&mut s, b"ab", Kind::FrameEnd).unwrap();
        o.flush(&mut s).unwrap();
        assert_eq!((s.got.len(), o.wants_room()), (0, false));
        for expected in [&b"a"[..], b"ab", b"ab"] {
            o.drip(&mut s).unwrap();
            assert_eq!(s.got, expected);
        }
        assert_eq!(o.bytes(), 0);
    }
}
