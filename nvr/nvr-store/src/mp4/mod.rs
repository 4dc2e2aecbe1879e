//! Samples into bytes and bytes back into knowledge: fragmented MP4 segments, their scan, their export.
//!
//! Promises: pure: no threads, no clock, no files but through [`ReadAt`]; hostile bytes never panic and never
//! allocate more than a named limit.
//! Leaves to others: when to write, flush, roll and delete (`nvr-store`'s writer, recovery and retention).
//!
//! A segment is `ftyp moov uuid(segment identity)`, then fragments `prft uuid(fragment identity) moof mdat`, then,
//! once closed in good order, `uuid(index) mfra`.

mod bytes;
mod checksum;
pub mod encode;
pub mod entry;
pub mod export;
pub mod fragment;
pub mod fragmenter;
mod header;
pub mod identity;
pub mod init;
pub mod key;
mod moof;
mod movie;
pub mod name;
pub mod plan;
pub mod read;
mod run;
pub mod samples;
pub mod scan;
mod sets;
mod table;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod trailer;
mod trak;
mod walk;

pub use encode::{EncodeError, FragmentContext, encode_fragment};
pub use export::{Chunk, ExportError, ExportFile, ExportGap, ExportPlan, SegmentSource};
pub use fragment::{Fragment, FragmentInfo};
pub use fragmenter::{FragmentLimits, Fragmenter};
pub use init::{InitContext, encode_init};
pub use key::{KeyRef, key_before};
pub use name::{NameError, SegmentName};
pub use plan::plan;
pub use read::ReadAt;
pub use samples::{SampleRef, samples};
pub use scan::{Depth, ScanError, SegmentScan, Tail, scan, scan_bytes};
pub use trailer::encode_trailer;
