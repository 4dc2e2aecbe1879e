//! Overlays: what a replay saw of a film, frame by frame, as a file that is written while it runs and drawn afterwards.
//!
//! ```text
//! magic, then records: [length, u32 little-endian][postcard]: one Head, an Overlay for each analysed frame, length 0
//! ```
//!
//! Promises: a record is at most [`RECORD_LEN_MAX`] bytes and a file [`FILE_LEN_MAX`]; a file that is cut, goes on after
//!   its end, goes back in time or breaks a limit is an error that names it; numbers read are finite.
//! Leaves to others: what is drawn of it (`nvr-perception`), which words it holds (`nvr replay`).

use crate::analysis::MASKS_MAX;
use crate::geometry::{Line, Point, Polygon, Rect};
use crate::label::Label;
use crate::media_protocol::TEXT_LEN_MAX;
use crate::rule::{RULES_MAX, ZONE_POINTS_MAX};
use crate::scene::{TRACKS_MAX, Track, TrackId};
use crate::weather::Weather;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// First bytes of a file; the digit is its version.
const MAGIC: &[u8; 12] = b"nvr-overlay2";
/// Longest record, in bytes: the geometry of every rule a file may have.
pub const RECORD_LEN_MAX: usize = 1 << 20;
/// Longest file, in bytes: some days of film.
pub const FILE_LEN_MAX: u64 = 1 << 30;
/// Most alerts of one frame; more are counted.
pub const ALERTS_MAX: usize = 32;
/// Most lines of text of one frame beside its alerts.
pub const NOTES_MAX: usize = 8;
/// The furthest a coordinate may lie from the picture's corner, in pictures.
const FAR_MAX: f32 = 16.0;

/// Why an overlay file is not written or read.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// The system's answer.
    #[error("cannot {what} the overlay file: {source}; make room in the folder for temporary files")]
    Io {
        /// Which operation.
        what: &'static str,
        /// The answer.
        source: io::Error,
    },
    /// It ends before its end.
    #[error("the overlay file is cut")]
    Cut,
    /// Not one, or of another version.
    #[error("this is no overlay file of this version; install nvr-perceive of the same build as nvr")]
    Foreign,
    /// No record.
    #[error("a record of the overlay file cannot be read: {0}")]
    Malformed(String),
    /// A value beyond its limit.
    #[error("the overlay file breaks a limit: {0}")]
    Limit(&'static str),
}

/// A rule's geometry.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Shape {
    /// The rule's id.
    pub name: String,
    /// Where.
    pub zone: Option<Polygon>,
    /// What is crossed.
    pub line: Option<Line>,
    /// Whether crossings onto the forward side, and off it, matter.
    pub directions: (bool, bool),
    /// Allowed direction of motion, a vector in the picture.
    pub allowed: Option<Point>,
}

/// What is the same in every frame.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Head {
    /// The rules, in the file's order.
    pub shapes: Vec<Shape>,
    /// What was not looked at.
    pub masks: Vec<Polygon>,
    /// Weather that was laid over the film.
    pub weather: Option<Weather>,
}

/// A track's box.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// The track.
    pub id: TrackId,
    /// What it is.
    pub label: Label,
    /// How sure, 0..1.
    pub score: f32,
    /// Where.
    pub rect: Rect,
    /// Seen in this frame, not predicted.
    pub observed: bool,
}

impl From<&Track> for Mark {
    fn from(track: &Track) -> Self {
        let Track { id, label, score, rect, observed, .. } = *track;
        Self { id, label, score, rect, observed }
    }
}

/// An alert that lasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flag {
    /// Which of [`Head::shapes`] raised it.
    pub rule: u16,
    /// Where.
    pub rect: Rect,
    /// What a person reads.
    pub text: String,
}

/// One analysed frame.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Overlay {
    /// Media time, µs.
    pub at_us: i64,
    /// Its tracks.
    pub marks: Vec<Mark>,
    /// Its alerts.
    pub flags: Vec<Flag>,
    /// Alerts beyond [`ALERTS_MAX`].
    pub more: u32,
    /// Other lines of text.
    pub notes: Vec<String>,
}

fn limit(holds: bool, what: &'static str) -> Result<(), OverlayError> {
    if holds { Ok(()) } else { Err(OverlayError::Limit(what)) }
}

fn near(numbers: &[f32]) -> Result<(), OverlayError> {
    limit(numbers.iter().all(|n| n.abs() <= FAR_MAX), "coordinate")
}

fn near_points(points: &[Point]) -> Result<(), OverlayError> {
    limit(points.len() <= ZONE_POINTS_MAX, "points of a polygon")?;
    points.iter().try_for_each(|p| near(&[p.x, p.y]))
}

impl Head {
    fn check(&self) -> Result<(), OverlayError> {
        limit(self.shapes.len() <= RULES_MAX, "number of rules")?;
        limit(self.masks.len() <= MASKS_MAX, "number of masks")?;
        self.masks.iter().try_for_each(|mask| near_points(&mask.0))?;
        self.shapes.iter().try_for_each(|shape| {
            limit(shape.name.len() <= TEXT_LEN_MAX, "text length")?;
            let own = shape.zone.iter().flat_map(|zone| zone.0.iter().copied()).collect::<Vec<_>>();
            near_points(&own)?;
            let ends = shape.line.iter().flat_map(|line| [line.a, line.b]);
            near_points(&ends.chain(shape.allowed).collect::<Vec<_>>())
        })
    }
}

impl Overlay {
    fn check(&self, shapes: usize) -> Result<(), OverlayError> {
        limit(self.marks.len() <= TRACKS_MAX, "number of tracks")?;
        limit(self.flags.len() <= ALERTS_MAX, "number of alerts")?;
        limit(self.notes.len() <= NOTES_MAX, "number of notes")?;
        let texts = self.flags.iter().map(|flag| &flag.text).chain(&self.notes);
        limit(texts.into_iter().all(|text| text.len() <= TEXT_LEN_MAX), "text length")?;
        limit(self.flags.iter().all(|flag| usize::from(flag.rule) < shapes), "number of a rule")?;
        limit(self.marks.iter().all(|mark| mark.score.is_finite()), "score")?;
        let rects = self.marks.iter().map(|mark| mark.rect).chain(self.flags.iter().map(|flag| flag.rect));
        rects.into_iter().try_for_each(|r| near(&[r.x, r.y, r.w, r.h]))
    }
}

/// Writes a file.
#[derive(Debug)]
pub struct OverlayWriter<W> {
    to: W,
    len: u64,
}

impl<W: Write> OverlayWriter<W> {
    /// Begins it.
    ///
    /// # Errors
    /// The system's; a value beyond its limit.
    pub fn new(mut to: W, head: &Head) -> Result<Self, OverlayError> {
        head.check()?;
        to.write_all(MAGIC).map_err(|source| OverlayError::Io { what: "write", source })?;
        let mut writer = Self { to, len: MAGIC.len() as u64 };
        writer.record(head)?;
        Ok(writer)
    }

    /// Adds a frame, later than the one before.
    ///
    /// # Errors
    /// As [`Self::new`]; the file is as long as one may be.
    pub fn add(&mut self, overlay: &Overlay) -> Result<(), OverlayError> {
        self.record(overlay)
    }

    /// Ends it.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> Result<W, OverlayError> {
        self.to
            .write_all(&0_u32.to_le_bytes())
            .and_then(|()| self.to.flush())
            .map_err(|source| OverlayError::Io { what: "write", source })?;
        Ok(self.to)
    }

    fn record<T: Serialize>(&mut self, record: &T) -> Result<(), OverlayError> {
        let bytes = postcard::to_stdvec(record).map_err(|e| OverlayError::Malformed(e.to_string()))?;
        limit(bytes.len() <= RECORD_LEN_MAX, "length of a record")?;
        self.len = self.len.saturating_add(4 + bytes.len() as u64);
        // Room for the end.
        limit(self.len.saturating_add(4) <= FILE_LEN_MAX, "length of the file; annotate a shorter film")?;
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.to
            .write_all(&len.to_le_bytes())
            .and_then(|()| self.to.write_all(&bytes))
            .map_err(|source| OverlayError::Io { what: "write", source })
    }
}

/// Reads a file that is not trusted.
#[derive(Debug)]
pub struct OverlayReader<R> {
    from: R,
    len: u64,
    shapes: usize,
    last_us: Option<i64>,
    is_over: bool,
}

impl<R: Read> OverlayReader<R> {
    /// Reads what is the same in every frame.
    ///
    /// # Errors
    /// What makes it no file.
    pub fn new(mut from: R) -> Result<(Head, Self), OverlayError> {
        let mut magic = [0; MAGIC.len()];
        read(&mut from, &mut magic)?;
        if &magic != MAGIC {
            return Err(OverlayError::Foreign);
        }
        let mut reader = Self { from, len: magic.len() as u64, shapes: 0, last_us: None, is_over: false };
        let head: Head = reader.record()?.ok_or(OverlayError::Cut)?;
        head.check()?;
        reader.shapes = head.shapes.len();
        Ok((head, reader))
    }

    /// The next frame; none after the last.
    ///
    /// # Errors
    /// What makes it none.
    pub fn next_overlay(&mut self) -> Result<Option<Overlay>, OverlayError> {
        if self.is_over {
            return Ok(None);
        }
        let Some(overlay) = self.record::<Overlay>()? else {
            self.is_over = true;
            let more =
                self.from.read(&mut [0]).map_err(|source| OverlayError::Io { what: "read", source })?;
            limit(more == 0, "bytes after its end")?;
            return Ok(None);
        };
        overlay.check(self.shapes)?;
        limit(self.last_us.is_none_or(|last| overlay.at_us > last), "order of times")?;
        self.last_us = Some(overlay.at_us);
        Ok(Some(overlay))
    }

    fn record<T: DeserializeOwned>(&mut self) -> Result<Option<T>, OverlayError> {
        let mut len = [0; 4];
        read(&mut self.from, &mut len)?;
        let len = u32::from_le_bytes(len) as usize;
        if len == 0 {
            return Ok(None);
        }
        limit(len <= RECORD_LEN_MAX, "length of a record")?;
        self.len = self.len.saturating_add(4 + len as u64);
        limit(self.len <= FILE_LEN_MAX, "length of the file")?;
        let mut bytes = vec![0; len];
        read(&mut self.from, &mut bytes)?;
        let (record, rest) =
            postcard::take_from_bytes(&bytes).map_err(|e| OverlayError::Malformed(e.to_string()))?;
        limit(rest.is_empty(), "bytes after a record")?;
        Ok(Some(record))
    }
}

fn read(from: &mut impl Read, bytes: &mut [u8]) -> Result<(), OverlayError> {
    from.read_exact(bytes).map_err(|source| match source.kind() {
        io::ErrorKind::UnexpectedEof => OverlayError::Cut,
        _ => OverlayError::Io { what: "read", source },
    })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may stop on what it did not expect"
    )]

    use super::*;

    fn head() -> Head {
        let line = Line { a: Point { x: 0.0, y: 0.5 }, b: Point { x: 1.0, y: 0.5 } };
        let shape = Shape { name: "quay".into(), line: Some(line), ..Shape::default() };
        Head { shapes: vec![shape], masks: vec![Polygon::picture()], weather: None }
    }

    fn overlay(at_us: i64) -> Overlay {
        let rect = Rect { x: 0.1, y: 0.2, w: 0.1, h: 0.3 };
        let mark = Mark { id: TrackId(3), label: Label::PERSON, score: 0.8, rect, observed: true };
        let flag = Flag { rule: 0, rect, text: "quay".into() };
        Overlay { at_us, marks: vec![mark], flags: vec![flag], more: 0, notes: vec!["person 3".into()] }
    }

    fn file(head: &Head, overlays: &[Overlay]) -> Vec<u8> {
        let mut writer = OverlayWriter::new(Vec::new(), head).unwrap();
        overlays.iter().for_each(|overlay| writer.add(overlay).unwrap());
        writer.finish().unwrap()
    }

    fn read_all(bytes: &[u8]) -> Result<(Head, Vec<Overlay>), OverlayError> {
        let (head, mut reader) = OverlayReader::new(bytes)?;
        let mut all = Vec::new();
        while let Some(overlay) = reader.next_overlay()? {
            all.push(overlay);
        }
        Ok((head, all))
    }

    fn check(bytes: &[u8], expected: &str) {
        let got = read_all(bytes).expect_err(expected).to_string();
        assert!(got.contains(expected), "{got}, expected {expected}");
    }

    #[test]
    fn what_is_written_is_read() {
        let all = [overlay(0), overlay(40_000)];
        assert_eq!(read_all(&file(&head(), &all)).unwrap(), (head(), all.to_vec()));
        assert_eq!(read_all(&file(&Head::default(), &[])).unwrap(), (Head::default(), vec![]));
    }

    #[test]
    fn every_cut_is_noticed() {
        let whole = file(&head(), &[overlay(0), overlay(1)]);
        (0..whole.len()).for_each(|len| check(&whole[..len], "cut"));
        check(&[whole.as_slice(), b"x"].concat(), "after its end");
    }

    #[test]
    fn hostile_files_are_refused() {
        check(b"nvr-overlay1 and more", "no overlay file");
        check(&[MAGIC.as_slice(), &u32::MAX.to_le_bytes()].concat(), "length of a record");
        check(&[MAGIC.as_slice(), &4_u32.to_le_bytes(), &[0, 0, 0, 9]].concat(), "after a record");
        check(&[MAGIC.as_slice(), &5_u32.to_le_bytes(), &[0xff; 5]].concat(), "cannot be read");
        check(&file(&head(), &[overlay(1), overlay(1)]), "order of times");
        check(&file(&Head::default(), &[overlay(1)]), "number of a rule");
        let with = |change: fn(&mut Overlay)| {
            let mut one = overlay(1);
            change(&mut one);
            file(&head(), &[one])
        };
        check(&with(|o| o.marks[0].rect.x = f32::NAN), "coordinate");
        check(&with(|o| o.flags[0].rect.w = 1e9), "coordinate");
        check(&with(|o| o.marks[0].score = f32::INFINITY), "score");
        check(&with(|o| o.marks = vec![o.marks[0]; TRACKS_MAX + 1]), "number of tracks");
        check(&with(|o| o.flags = vec![o.flags[0].clone(); ALERTS_MAX + 1]), "number of alerts");
        check(&with(|o| o.notes = vec!["x".repeat(TEXT_LEN_MAX + 1)]), "text length");
        check(&with(|o| o.notes = vec![String::new(); NOTES_MAX + 1]), "number of notes");
    }
}
