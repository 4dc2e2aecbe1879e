//! The sample tables of one track of a plain MP4 file, filled sample by sample.
//!
//! Promises: run-length compressed where the format allows (ISO/IEC 14496-12 §8.6 and §8.7); four bytes of memory a
//! sample at least, twelve at most with sound and key frames.
//! Leaves to others: which samples, and when (`plan`).

use mp4_atom::{
    Co64, Ctts, CttsEntry, Encode as _, Stco, Stsc, StscEntry, Stss, Stsz, StszSamples, Stts, SttsEntry,
};

/// One track's tables.
#[derive(Debug, Default)]
pub(super) struct Tables {
    sizes: Vec<u32>,
    stts: Vec<SttsEntry>,
    ctts: Vec<CttsEntry>,
    /// Numbers of the key frames, from 1.
    keys: Vec<u32>,
    /// Where each chunk begins in the payload of `mdat`.
    chunks: Vec<u64>,
    stsc: Vec<StscEntry>,
    open: Option<OpenChunk>,
}

#[derive(Debug)]
struct OpenChunk {
    entry: u32,
    samples: u32,
    end: u64,
}

impl Tables {
    /// Adds a sample of `size` bytes at `at` in the payload, described by sample entry `entry` (from 1). Its
    /// duration follows with [`Self::duration`].
    pub(super) fn sample(&mut self, at: u64, size: u32, entry: u32, composition_offset: i64, key: bool) {
        match &mut self.open {
            Some(open) if open.end == at && open.entry == entry => {
                open.samples += 1;
                open.end = at + u64::from(size);
            }
            _ => {
                self.close_chunk();
                self.chunks.push(at);
                self.open = Some(OpenChunk { entry, samples: 1, end: at + u64::from(size) });
            }
        }
        self.sizes.push(size);
        match self.ctts.last_mut() {
            Some(last) if last.sample_offset == composition_offset => last.sample_count += 1,
            _ => self.ctts.push(CttsEntry { sample_count: 1, sample_offset: composition_offset }),
        }
        if key {
            self.keys.push(self.count());
        }
    }

    /// The duration of the sample added last, in the track's units.
    pub(super) fn duration(&mut self, units: u32) {
        match self.stts.last_mut() {
            Some(last) if last.sample_delta == units => last.sample_count += 1,
            _ => self.stts.push(SttsEntry { sample_count: 1, sample_delta: units }),
        }
    }

    /// Samples so far.
    pub(super) fn count(&self) -> u32 {
        self.sizes.len() as u32 // Below EXPORT_SAMPLES_MAX.
    }

    fn close_chunk(&mut self) {
        let Some(open) = self.open.take() else { return };
        let entry = StscEntry {
            first_chunk: self.chunks.len() as u32,
            samples_per_chunk: open.samples,
            sample_description_index: open.entry,
        };
        let same = self.stsc.last().is_some_and(|last| {
            last.samples_per_chunk == entry.samples_per_chunk
                && last.sample_description_index == entry.sample_description_index
        });
        if !same {
            self.stsc.push(entry);
        }
    }

    /// No more samples.
    pub(super) fn finish(&mut self) {
        self.close_chunk();
    }

    /// Appends all tables; the payload of `mdat` begins at `payload_at` in the file, offsets are 64-bit when `wide`.
    pub(super) fn put(&self, out: &mut Vec<u8>, payload_at: u64, wide: bool) -> Result<(), mp4_atom::Error> {
        Stts { entries: self.stts.clone() }.encode(out)?;
        if self.ctts.iter().any(|e| e.sample_offset != 0) {
            Ctts { entries: self.ctts.clone() }.encode(out)?;
        }
        // Absent means that every sample is a key frame (§8.6.2).
        if self.keys.len() != self.sizes.len() {
            Stss { entries: self.keys.clone() }.encode(out)?;
        }
        Stsc { entries: self.stsc.clone() }.encode(out)?;
        let samples = match self.sizes.split_first() {
            Some((first, rest)) if *first != 0 && rest.iter().all(|s| s == first) => {
                StszSamples::Identical { count: self.count(), size: *first }
            }
            _ => StszSamples::Different { sizes: self.sizes.clone() },
        };
        Stsz { samples }.encode(out)?;
        let places = self.chunks.iter().map(|at| at + payload_at);
        if wide {
            Co64 { entries: places.collect() }.encode(out)
        } else {
            Stco { entries: places.map(|at| at as u32).collect() }.encode(out) // All fit: not `wide`.
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (at, size, entry, offset, key, duration) of samples; the runs expected of stts, ctts, stsc and the chunks.
    fn check(
        samples: &[(u64, u32, u32, i64, bool, u32)],
        stts: &[(u32, u32)],
        stsc: &[(u32, u32, u32)],
        chunks: &[u64],
    ) {
        let mut t = Tables::default();
        for &(at, size, entry, offset, key, duration) in samples {
            t.sample(at, size, entry, offset, key);
            t.duration(duration);
        }
        t.finish();
        let got: Vec<_> = t.stts.iter().map(|e| (e.sample_count, e.sample_delta)).collect();
        assert_eq!(got, stts);
        let got: Vec<_> =
            t.stsc.iter().map(|e| (e.first_chunk, e.samples_per_chunk, e.sample_description_index)).collect();
        assert_eq!(got, stsc);
        assert_eq!(t.chunks, chunks);
    }

    #[test]
    fn runs() {
        check(&[], &[], &[], &[]);
        check(
            &[
                (0, 5, 1, 0, true, 3),
                (5, 5, 1, 0, false, 3),
                (12, 1, 1, 0, false, 4),
                (13, 1, 1, 0, false, 4),
            ],
            &[(2, 3), (2, 4)],
            &[(1, 2, 1)],
            &[0, 12],
        );
        check(
            &[(0, 5, 1, 0, true, 3), (5, 5, 2, 0, true, 3), (10, 1, 2, 0, false, 4)],
            &[(2, 3), (1, 4)],
            &[(1, 1, 1), (2, 2, 2)],
            &[0, 5],
        );
    }
}
