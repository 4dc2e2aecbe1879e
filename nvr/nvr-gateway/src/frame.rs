//! Frames on the socket: `u32` length (big endian, of what follows), one kind byte, the payload.
//!
//! Promises: a length is checked against its limit before anything is allocated.
//! Leaves to others: what a payload means (`request`).

use std::io::{self, Read, Write};

/// Largest JSON payload, bytes. A month of one camera's timeline is far below.
pub const JSON_BYTES_MAX: usize = 8 << 20;
/// Largest piece of footage in one frame, bytes.
pub const CHUNK_BYTES_MAX: usize = 256 << 10;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A JSON text.
    Json(Vec<u8>),
    /// A piece of footage.
    Chunk(Vec<u8>),
}

/// Writes a JSON frame.
///
/// # Errors
/// The socket's, or `InvalidInput` when the payload is over [`JSON_BYTES_MAX`].
pub fn write_json(to: &mut impl Write, payload: &[u8]) -> io::Result<()> {
    write(to, b'J', payload, JSON_BYTES_MAX)
}

/// Writes footage, cut into frames of at most [`CHUNK_BYTES_MAX`].
///
/// # Errors
/// The socket's.
pub fn write_chunks(to: &mut impl Write, payload: &[u8]) -> io::Result<()> {
    payload.chunks(CHUNK_BYTES_MAX).try_for_each(|piece| write(to, b'B', piece, CHUNK_BYTES_MAX))
}

fn write(to: &mut impl Write, kind: u8, payload: &[u8], bytes_max: usize) -> io::Result<()> {
    if payload.len() > bytes_max {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "frame over its limit"));
    }
    let length = (payload.len() as u32 + 1).to_be_bytes();
    to.write_all(&[length[0], length[1], length[2], length[3], kind])?;
    to.write_all(payload)
}

/// Reads a frame; `None` at the end of the stream between two frames.
///
/// # Errors
/// The socket's; `InvalidData` for an unknown kind or a length over the limit of its kind.
pub fn read(from: &mut impl Read) -> io::Result<Option<Frame>> {
    let mut length = [0u8; 4];
    match from.read_exact(&mut length[..1]) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    from.read_exact(&mut length[1..])?;
    let mut kind = [0u8];
    from.read_exact(&mut kind)?;
    let bytes = (u32::from_be_bytes(length) as usize).saturating_sub(1);
    let bytes_max = match kind[0] {
        b'J' => JSON_BYTES_MAX,
        b'B' => CHUNK_BYTES_MAX,
        _ => {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "unknown kind of frame"));
        }
    };
    if bytes > bytes_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame over its limit"));
    }
    let mut payload = vec![0; bytes];
    from.read_exact(&mut payload)?;
    Ok(Some(if kind[0] == b'J' { Frame::Json(payload) } else { Frame::Chunk(payload) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Result<Option<Frame>, io::ErrorKind>) {
        assert_eq!(read(&mut &bytes[..]).map_err(|e| e.kind()), expected, "{bytes:?}");
    }

    #[test]
    fn reads_what_it_wrote_and_refuses_the_rest() {
        let mut bytes = Vec::new();
        write_json(&mut bytes, b"{}").unwrap();
        check(&bytes, Ok(Some(Frame::Json(b"{}".to_vec()))));
        check(&[], Ok(None));
        check(&[0, 0], Err(io::ErrorKind::UnexpectedEof));
        check(&[0, 0, 0, 3, b'X', 1, 2], Err(io::ErrorKind::InvalidData));
        check(&[0xff, 0xff, 0xff, 0xff, b'J'], Err(io::ErrorKind::InvalidData));
        check(&[0, 0, 0, 0, b'J'], Ok(Some(Frame::Json(vec![]))));
    }

    #[test]
    fn long_footage_is_cut() {
        let mut bytes = Vec::new();
        write_chunks(&mut bytes, &vec![7; CHUNK_BYTES_MAX + 1]).unwrap();
        let mut rest = &bytes[..];
        let mut sizes = Vec::new();
        while let Some(Frame::Chunk(piece)) = read(&mut rest).unwrap() {
            sizes.push(piece.len());
        }
        assert_eq!(sizes, [CHUNK_BYTES_MAX, 1]);
    }
}
