//! Plans an export: which samples of which segments go into which file.
//!
//! Promises: starts at the key frame before `from` and hides what precedes `from`; ends with the picture before
//! `to`; every decodable picture between is there once; what is missing is listed. Reads headers only.
//! Leaves to others: the file's boxes (`movie`), copying payload (`export`).

use super::export::{EXPORT_SAMPLES_MAX, ExportError, ExportGap, ExportPlan, SegmentSource};
use super::movie::Movie;
use super::read::ReadAt;
use super::run::{HOLE_TICKS_MIN, Placed, Run, split};
use super::samples::{SampleRef, samples};
use super::scan::{ScanError, SegmentScan};
use nvr_base::{Ticks, Track};

/// Plans the export of what `segments`, all of one stream and in order, show in `[from, to)`.
/// Give the segments that overlap the interval and those before it back to a key frame.
///
/// # Errors
/// [`ExportError::TooLong`] over [`EXPORT_SAMPLES_MAX`], [`ExportError::Segment`] when a segment cannot be read.
pub fn plan(
    segments: &[SegmentScan],
    source: &dyn SegmentSource,
    from: Ticks,
    to: Ticks,
) -> Result<ExportPlan, ExportError> {
    let mut planner = Planner {
        reader: Reader { source, open: None },
        plan: ExportPlan::default(),
        movie: None,
        samples: 0,
    };
    let mut covered = from;
    for run in split(segments) {
        let Some(part) = planner.part(&run, from, to)? else { continue };
        let end = planner.add(&run, &part, to)?;
        planner.gap(covered, part.shown_from);
        covered = covered.max(end);
    }
    if covered < to {
        planner.gap(covered, to);
    }
    planner.close_file()?;
    Ok(planner.plan)
}

/// The part of a run that goes into the export.
struct Part {
    /// Index of the first fragment, and its key frame.
    first: usize,
    key: SampleRef,
    /// Index of the last fragment.
    last: usize,
    /// When its first shown picture begins.
    shown_from: Ticks,
}

/// Reads fragments, one open segment at a time.
struct Reader<'a> {
    source: &'a dyn SegmentSource,
    open: Option<(usize, Box<dyn ReadAt + 'a>)>,
}

impl Reader<'_> {
    fn samples(&mut self, placed: &Placed<'_>) -> Result<Vec<SampleRef>, ExportError> {
        let index = placed.segment;
        let failed = |source| ExportError::Segment { index, source };
        let file = match &self.open {
            Some((at, file)) if *at == index => file,
            _ => {
                let file = self.source.open(index);
                let file = file.map_err(|source| failed(ScanError::Io { offset: 0, source }))?;
                &self.open.insert((index, file)).1
            }
        };
        samples(&**file, placed.scan, placed.info).map_err(failed)
    }
}

struct Planner<'a> {
    reader: Reader<'a>,
    plan: ExportPlan,
    movie: Option<Movie>,
    samples: u64,
}

impl Planner<'_> {
    /// Which part of `run` shows `[from, to)`; none when it shows nothing of it that can be decoded.
    fn part(&mut self, run: &Run<'_>, from: Ticks, to: Ticks) -> Result<Option<Part>, ExportError> {
        let inside = |p: &Placed<'_>| p.info.end > from && p.info.start < to;
        let Some(begin) = run.iter().position(inside) else { return Ok(None) };
        let Some(last) = run.iter().rposition(inside) else { return Ok(None) };
        // Back to the key frame before `from`.
        for (first, placed) in run.iter().enumerate().take(begin + 1).rev() {
            if placed.info.keys == 0 || placed.info.start > from {
                continue;
            }
            let found = self.reader.samples(placed)?;
            if let Some(key) = found.iter().rev().find(|s| is_key(s) && s.pts <= from).copied() {
                let shown_from = self.shown_from(run, first, begin, &key, from)?;
                return Ok(Some(Part { first, key, last, shown_from }));
            }
        }
        // Or on to the first one: what comes before it cannot be decoded.
        for (first, placed) in run.iter().enumerate().take(last + 1) {
            if placed.info.keys == 0 {
                continue;
            }
            let found = self.reader.samples(placed)?;
            if let Some(key) = found.iter().find(|s| is_key(s) && s.pts < to).copied() {
                return Ok(Some(Part { first, key, last, shown_from: key.pts }));
            }
        }
        Ok(None)
    }

    /// When the picture that stands at `from` begins; it may be decoded one fragment later than the others.
    fn shown_from(
        &mut self,
        run: &Run<'_>,
        first: usize,
        begin: usize,
        key: &SampleRef,
        from: Ticks,
    ) -> Result<Ticks, ExportError> {
        let mut shown = key.pts;
        // Fragments between the key frame's and the one where `from` stands only hold earlier pictures.
        for placed in run.iter().take(begin + 2).skip(first.max(begin.saturating_sub(1))) {
            let found = self.reader.samples(placed)?;
            let pictures = found.iter().filter(|s| s.track == Track::Video && s.dts >= key.dts);
            shown = pictures.map(|s| s.pts).filter(|pts| *pts <= from).fold(shown, Ticks::max);
        }
        Ok(shown)
    }

    /// Adds `part` of `run` to the open file, or to a new one; returns when its last shown picture ends.
    fn add(&mut self, run: &Run<'_>, part: &Part, to: Ticks) -> Result<Ticks, ExportError> {
        let Some(format) = run.first().map(|p| &p.scan.format) else { return Ok(to) };
        if self.movie.as_ref().is_some_and(|m| !m.takes(format)) {
            self.close_file()?;
        }
        let mut movie = self.movie.take().unwrap_or_default();
        movie.begin_run(format, part.key.dts, part.key.pts, part.shown_from);
        let mut leading = true;
        for (i, placed) in run.iter().enumerate().take(part.last + 1).skip(part.first) {
            let found = self.reader.samples(placed)?;
            let shown = |s: &SampleRef| s.pts >= part.shown_from && s.pts < to;
            let pictures = found.iter().filter(|s| s.track == Track::Video && s.dts >= part.key.dts);
            // In the last fragment, nothing behind the last picture that is shown (in decoding order) is needed.
            let needed = if i == part.last {
                pictures.clone().enumerate().filter(|(_, s)| shown(s)).last().map_or(0, |(i, _)| i + 1)
            } else {
                usize::MAX
            };
            for s in pictures.take(needed) {
                // Pictures decoded after the first key frame but shown before it refer to what is not there.
                leading = leading && s.pts <= part.key.pts;
                if leading && s.pts < part.key.pts {
                    movie.skip_picture(s);
                } else {
                    movie.picture(placed.segment, s, shown(s));
                }
            }
            let heard = |s: &&SampleRef| s.pts.plus(s.duration_ticks.into()) > part.shown_from && s.pts < to;
            for s in found.iter().filter(|s| s.track == Track::Audio).filter(heard) {
                movie.sound(placed.segment, s);
            }
            if self.samples + movie.samples() > EXPORT_SAMPLES_MAX {
                return Err(ExportError::TooLong { max: EXPORT_SAMPLES_MAX });
            }
        }
        let end = movie.shown_end();
        self.movie = Some(movie);
        Ok(end)
    }

    fn gap(&mut self, from: Ticks, to: Ticks) {
        if to.since(from) > HOLE_TICKS_MIN {
            self.plan.gaps.push(ExportGap { from, to });
        }
    }

    fn close_file(&mut self) -> Result<(), ExportError> {
        if let Some(movie) = self.movie.take().filter(|m| m.samples() > 0) {
            self.samples += movie.samples();
            self.plan.files.push(movie.finish()?);
        }
        Ok(())
    }
}

fn is_key(s: &SampleRef) -> bool {
    s.track == Track::Video && s.key
}
