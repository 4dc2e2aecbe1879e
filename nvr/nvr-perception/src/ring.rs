//! Rings: the memory in which frames lie for plugins, one ring a worker, written here and read there.
//!
//! Promises: what is lent is never written until it is released; a frame that finds no room is refused and counted; the
//!   other side can neither write, grow nor shrink the memory, nor map it writable.
//! Leaves to others: which frames (`analyse`), when a frame is released (the parent), reading (`nvr-worker`).

use nvr_base::analysis::{RING_LEN_MAX, RINGS_MAX, RingNumber};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Frames begin at multiples of this, for vector instructions and whole cache lines.
pub const ALIGNMENT: u64 = 64;
/// Most frames of one ring that are lent at once.
pub const LEASES_MAX: usize = 1024;

/// Why there is no ring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// Number or length.
    #[error(
        "a ring of number {ring} and {len} bytes breaks a limit ({RINGS_MAX} rings, {RING_LEN_MAX} bytes)"
    )]
    Limit {
        /// Its number.
        ring: RingNumber,
        /// Its length.
        len: u64,
    },
    /// The system refuses the memory.
    #[error("cannot {what} a frame ring of {len} bytes: {source}; is there enough memory?")]
    System {
        /// What was tried.
        what: &'static str,
        /// Its length.
        len: u64,
        /// The system's answer.
        source: Errno,
    },
}

/// Which bytes of a ring are lent: first fit, so that small and large frames share it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leases {
    len: u64,
    /// Length, by offset; multiples of [`ALIGNMENT`].
    lent: BTreeMap<u64, u64>,
}

impl Leases {
    /// A ring of `len` bytes, of which none is lent.
    pub fn new(len: u64) -> Self {
        Self { len, lent: BTreeMap::new() }
    }

    /// Lends `len` bytes: their offset, or none when there is no room.
    pub fn lease(&mut self, len: u64) -> Option<u64> {
        let wanted = len.max(1).checked_next_multiple_of(ALIGNMENT)?;
        if self.lent.len() >= LEASES_MAX {
            return None;
        }
        let mut from = 0;
        for (offset, taken) in &self.lent {
            if offset - from >= wanted {
                break;
            }
            from = offset + taken;
        }
        // Behind the last one the bytes need not be padded.
        let end = self.lent.range(from..).next().map_or(self.len, |(offset, _)| *offset);
        if from.checked_add(len.max(1))? > end {
            return None;
        }
        self.lent.insert(from, wanted);
        Some(from)
    }

    /// Takes bytes back; false when nothing was lent there.
    pub fn release(&mut self, offset: u64) -> bool {
        self.lent.remove(&offset).is_some()
    }

    /// Whether nothing is lent.
    pub fn is_idle(&self) -> bool {
        self.lent.is_empty()
    }
}

/// Mapped memory, shared with the worker.
#[derive(Debug)]
struct Memory {
    start: *mut u8,
    len: usize,
}

// SAFETY: the pointer is to a shared mapping that lives as long as this value and belongs to no thread; `write` takes
// `&mut self`.
#[allow(unsafe_code)]
unsafe impl Send for Memory {}

impl Memory {
    /// The memory, and the descriptor for the reader: sealed once the only writable mapping there will ever be is made.
    fn new(len: u64) -> Result<(Self, OwnedFd), RingError> {
        let wrong = |what| move |source| RingError::System { what, len, source };
        let fd = rustix::fs::memfd_create("nvr-frames", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
            .map_err(wrong("make"))?;
        rustix::fs::ftruncate(&fd, len).map_err(wrong("size"))?;
        let bytes = usize::try_from(len).map_err(|_| wrong("map")(Errno::NOMEM))?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping of `bytes` bytes of a file as long, at an address of the kernel's choice; it is unmapped
        // only when this value is dropped, and the file is sealed against shrinking before anybody else has it.
        #[allow(unsafe_code)]
        let start = unsafe { mmap(std::ptr::null_mut(), bytes, access, MapFlags::SHARED, &fd, 0) };
        let memory = Self { start: start.map_err(wrong("map"))?.cast(), len: bytes };
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&fd, seals).map_err(wrong("seal"))?;
        Ok((memory, fd))
    }

    /// Copies `data` to `offset`; false, and nothing is written, when it does not lie inside.
    fn write(&mut self, offset: u64, data: &[u8]) -> bool {
        let Ok(offset) = usize::try_from(offset) else { return false };
        if offset.checked_add(data.len()).is_none_or(|end| end > self.len) {
            return false;
        }
        // SAFETY: the target lies inside the mapping, as just checked, which is writable and lives as long as `self`;
        // `data` is no part of it: no reference into it is ever made. The reader has raw pointers only.
        #[allow(unsafe_code)]
        unsafe {
            std::ptr::copy_nonoverlapping(data.as_ptr(), self.start.add(offset), data.len());
        }
        true
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: start and length are those of the mapping that `new` made; nothing points into it any more.
        #[allow(unsafe_code)]
        let _ = unsafe { munmap(self.start.cast(), self.len) };
    }
}

#[derive(Debug)]
struct Ring {
    memory: Memory,
    leases: Leases,
}

#[derive(Debug, Default)]
struct State {
    rings: BTreeMap<RingNumber, Ring>,
    dropped: u64,
}

/// All rings. Cheap to clone: the clones are the same rings, for every thread that analyses.
#[derive(Debug, Clone, Default)]
pub struct Rings(Arc<Mutex<State>>);

impl Rings {
    /// Makes a ring of `len` bytes in the place of one of the same number, and returns the reader's descriptor. After a
    /// sandbox with a limit on file sizes, a ring can be no longer than that limit.
    ///
    /// # Errors
    /// It breaks a limit, or there is no memory.
    pub fn make(&self, ring: RingNumber, len: u64) -> Result<OwnedFd, RingError> {
        if usize::from(ring) >= RINGS_MAX || !(1..=RING_LEN_MAX).contains(&len) {
            return Err(RingError::Limit { ring, len });
        }
        let (memory, fd) = Memory::new(len)?;
        self.state().rings.insert(ring, Ring { memory, leases: Leases::new(len) });
        Ok(fd)
    }

    /// Gives a ring up: what is lent of it stays readable where it is mapped.
    pub fn forget(&self, ring: RingNumber) {
        self.state().rings.remove(&ring);
    }

    /// A frame of a ring is done with. A release of what is not lent is ignored: its ring was made anew.
    pub fn release(&self, ring: RingNumber, offset: u64) {
        if let Some(ring) = self.state().rings.get_mut(&ring) {
            ring.leases.release(offset);
        }
    }

    /// Lends a copy of `data`: its offset; none, and one more dropped, when the ring is full or not there.
    pub fn put(&self, ring: RingNumber, data: &[u8]) -> Option<u64> {
        let mut state = self.state();
        let lent = state.rings.get_mut(&ring).and_then(|ring| {
            let offset = ring.leases.lease(data.len() as u64)?;
            if ring.memory.write(offset, data) {
                return Some(offset);
            }
            ring.leases.release(offset);
            None
        });
        if lent.is_none() {
            state.dropped += 1;
        }
        lent
    }

    /// Whether frames of these lengths would all find room now.
    pub fn fit(&self, wanted: &[(RingNumber, u64)]) -> bool {
        let state = self.state();
        let mut trial: BTreeMap<RingNumber, Leases> = BTreeMap::new();
        wanted.iter().all(|(number, len)| {
            let Some(ring) = state.rings.get(number) else { return false };
            trial.entry(*number).or_insert_with(|| ring.leases.clone()).lease(*len).is_some()
        })
    }

    /// Whether nothing is lent.
    pub fn are_idle(&self) -> bool {
        self.state().rings.values().all(|ring| ring.leases.is_idle())
    }

    /// Frames that found no room so far.
    pub fn dropped(&self) -> u64 {
        self.state().dropped
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is whole before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;

    /// `+100` lends 100 bytes, `-64` takes back what begins at 64; out: offsets, `none`, `back`, `stray`.
    fn check(len: u64, steps: &str, expected: &str) {
        let mut leases = Leases::new(len);
        let said = steps.split_whitespace().map(|step| {
            let (what, n) = step.split_at(1);
            let n = n.parse().unwrap();
            match what {
                "+" => leases.lease(n).map_or("none".to_owned(), |at| at.to_string()),
                _ => if leases.release(n) { "back" } else { "stray" }.to_owned(),
            }
        });
        assert_eq!(said.collect::<Vec<_>>().join(" "), expected, "{steps} in {len}");
    }

    #[test]
    fn what_is_lent_is_lent_once() {
        check(256, "+64 +64 +64 +64 +1", "0 64 128 192 none");
        check(256, "+100 +100 +1", "0 128 none");
        check(256, "+256 +1 -0 +1 +1", "0 none back 0 64");
        check(200, "+100 +72 +1", "0 128 none");
        check(200, "+100 +73", "0 none");
        check(256, "+64 +64 +64 -64 +65 +64", "0 64 128 back none 64");
        check(256, "-0 -64 +64 -0 -0", "stray stray 0 back stray");
        check(64, "+65 +0 +18446744073709551615", "none 0 none");
    }

    #[test]
    fn frames_arrive_and_the_reader_cannot_write() {
        let rings = Rings::default();
        let fd = rings.make(3, 4096).unwrap();
        let frame: Vec<u8> = (0..1000).map(|n| (n % 251) as u8).collect();
        assert_eq!((rings.put(3, &frame), rings.put(3, &frame)), (Some(0), Some(1024)));
        assert!(rings.fit(&[(3, 1024), (3, 1024)]) && !rings.fit(&[(3, 1024), (3, 1025)]));
        assert_eq!((rings.put(3, &[0; 3000]), rings.put(9, &frame)), (None, None));
        assert_eq!(rings.dropped(), 2);
        // What the worker insists on.
        let seals = rustix::fs::fcntl_get_seals(&fd).unwrap();
        assert!(seals.contains(SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE));
        let mut got = vec![0; 1000];
        rustix::io::pread(&fd, &mut got, 1024).unwrap();
        assert_eq!(got, frame);
        assert!(rustix::io::pwrite(&fd, &frame, 0).is_err());
        assert!(rustix::fs::ftruncate(&fd, 8192).is_err() && rustix::fs::ftruncate(&fd, 1).is_err());
        assert!(!rings.are_idle());
        rings.release(3, 0);
        rings.release(3, 1024);
        assert!(rings.are_idle());
        rings.forget(3);
        assert_eq!(rings.put(3, &frame), None);
    }

    #[test]
    fn limits() {
        let make = |ring, len| Rings::default().make(ring, len).is_ok();
        assert_eq!(
            (make(0, 0), make(64, 1), make(0, RING_LEN_MAX + 1), make(63, 1)),
            (false, false, false, true)
        );
    }
}
