//! The frames, mapped read-only from the memfd that perception writes.
//!
//! Promises: nothing outside the mapping is lent; a plugin that writes to a frame ends this process and changes nothing.
//! Leaves to others: which slots are leased (`nvr-perception`).

use nvr_plugin_api::abi;
use nvr_plugins::protocol::{FrameFormat, FrameRef};
use rustix::fs::SealFlags;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::os::fd::OwnedFd;

/// Longest ring, in bytes.
const RING_LEN_MAX: u64 = 256 << 20;

/// A mapped ring. Dropping it unmaps it: no call of the plugin may be under way.
#[derive(Debug)]
pub struct Ring {
    start: *const u8,
    len: u64,
}

impl Ring {
    /// Maps a memfd that can neither grow nor shrink, and into which nobody can map writable memory any more.
    ///
    /// # Errors
    /// It is no such memfd, or cannot be mapped.
    pub fn map(fd: &OwnedFd, len: u64) -> Result<Self, String> {
        let seals = rustix::fs::fcntl_get_seals(fd).map_err(|_| "the frame ring is no memfd".to_owned())?;
        if !seals.contains(SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE) {
            return Err("the frame ring is not sealed".into());
        }
        let stat = rustix::fs::fstat(fd).map_err(|e| e.to_string())?;
        if len == 0 || len > RING_LEN_MAX || u64::try_from(stat.st_size) != Ok(len) {
            return Err("the frame ring's length is not what was said".into());
        }
        let bytes = usize::try_from(len).map_err(|e| e.to_string())?;
        // SAFETY: a new mapping at an address of the kernel's choice; it is unmapped by `Drop` alone, and sealed against
        // shrinking. Its bytes change under the reader, so they are only lent to the plugin as a pointer.
        #[allow(unsafe_code)]
        let start = unsafe { mmap(std::ptr::null_mut(), bytes, ProtFlags::READ, MapFlags::SHARED, fd, 0) };
        Ok(Self { start: start.map_err(|e| format!("the frame ring cannot be mapped: {e}"))?.cast(), len })
    }

    /// A frame of the ring for the plugin; `None` when it does not lie inside.
    pub fn frame(&self, at: &FrameRef) -> Option<abi::Frame> {
        let (format, bytes) = match at.format {
            FrameFormat::Gray8 => (1, 1),
            FrameFormat::Rgb8 => (2, 3),
        };
        let row = u64::from(at.width).checked_mul(bytes)?;
        let len = u64::from(at.stride).checked_mul(u64::from(at.height))?;
        let end = at.offset.checked_add(len)?;
        if row > u64::from(at.stride) || end > self.len || len == 0 {
            return None;
        }
        let data = self.start.wrapping_add(usize::try_from(at.offset).ok()?);
        let (width, height, stride) = (at.width, at.height, at.stride);
        Some(abi::Frame { data, len, width, height, stride, format })
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let Ok(len) = usize::try_from(self.len) else { return };
        // SAFETY: the mapping of `map`, of this length, unmapped once. Frames of it are lent for one call of `process`
        // each, and none is under way while the worker takes another message.
        #[allow(unsafe_code)]
        let _ = unsafe { munmap(self.start.cast_mut().cast(), len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::MemfdFlags;

    #[test]
    fn only_what_lies_inside_is_lent() {
        let fd = rustix::fs::memfd_create("ring", MemfdFlags::ALLOW_SEALING).unwrap();
        rustix::fs::ftruncate(&fd, 4096).unwrap();
        assert!(Ring::map(&fd, 4096).unwrap_err().contains("not sealed"));
        rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE)
            .unwrap();
        assert!(Ring::map(&fd, 8192).unwrap_err().contains("length"));
        let ring = Ring::map(&fd, 4096).unwrap();
        let check = |format, offset, width, height, stride, expected| {
            let frame = ring.frame(&FrameRef { format, offset, width, height, stride });
            assert_eq!(frame.is_some(), expected);
        };
        check(FrameFormat::Gray8, 0, 64, 64, 64, true);
        check(FrameFormat::Gray8, 1, 64, 64, 64, false);
        check(FrameFormat::Rgb8, 0, 64, 64, 64, false);
        check(FrameFormat::Rgb8, 0, 16, 16, 48, true);
        check(FrameFormat::Gray8, u64::MAX, 64, 64, 64, false);
        check(FrameFormat::Gray8, 0, u32::MAX, u32::MAX, u32::MAX, false);
        check(FrameFormat::Gray8, 0, 0, 0, 0, false);
    }
}
