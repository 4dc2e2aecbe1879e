//! What a detector needs of perception.
//!
//! Promises: plain data, both ways over the boundary; a set of labels holds nothing outside the closed list.
//! Leaves to others: uniting the needs of all rules and refusing what cannot be met (the planner).

use crate::abi;
use crate::closed::{Format, Region};
use nvr_base::label::{Class, Label};

/// A set of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LabelSet(u128);

impl LabelSet {
    /// None.
    pub const EMPTY: Self = Self(0);

    /// Those that belong to one of the classes.
    pub fn of_classes(classes: &[Class]) -> Self {
        Label::all().filter(|l| classes.iter().any(|c| c.contains(*l))).collect()
    }

    /// Whether a label is in it.
    pub fn contains(&self, label: Label) -> bool {
        self.0 & (1 << label.index()) != 0
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// What is in it, in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = Label> + use<> {
        let set = *self;
        Label::all().filter(move |l| set.contains(*l))
    }

    /// As it crosses the boundary.
    pub fn to_abi(self) -> abi::Labels {
        abi::Labels { bits: [self.0 as u64, (self.0 >> 64) as u64] }
    }

    /// From the boundary; `None` when a bit past the last label is set.
    pub fn from_abi(raw: abi::Labels) -> Option<Self> {
        let bits = u128::from(raw.bits[0]) | u128::from(raw.bits[1]) << 64;
        (bits >> Label::COUNT == 0).then_some(Self(bits))
    }
}

impl FromIterator<Label> for LabelSet {
    fn from_iter<I: IntoIterator<Item = Label>>(labels: I) -> Self {
        Self(labels.into_iter().fold(0, |set, l| set | 1 << l.index()))
    }
}

/// Frames of one format.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameNeed {
    /// Widest, pixels; the aspect is kept and nothing is enlarged.
    pub width: u32,
    /// Highest, pixels.
    pub height: u32,
    /// At most so many a second.
    pub fps_max: f32,
}

/// One model's results.
#[derive(Debug, Clone, PartialEq)]
pub struct InferenceNeed {
    /// Id of a model manifest.
    pub model: String,
    /// What it looks at.
    pub region: Region,
    /// Crops: of tracks with these labels. The frame: only where such a track is or was; see the header.
    pub labels: LabelSet,
    /// Crops: of tracks with at least this score.
    pub min_score: f32,
    /// Runs (frame) or crops a second, at most; more than 0.
    pub per_s_max: f32,
}

/// What an instance needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Needs {
    /// Labels of the tracks; empty: none, and no detection.
    pub labels: LabelSet,
    /// Least score of a detection that may start a track.
    pub min_score: f32,
    /// Inputs a second it works best with.
    pub fps: f32,
    /// With fewer the rule is blind.
    pub fps_min: f32,
    /// Seconds of scenes fed again after the start.
    pub history_s: f32,
    /// Luma.
    pub gray: Option<FrameNeed>,
    /// Colour.
    pub rgb: Option<FrameNeed>,
    /// Models; at most `abi::MODELS_MAX`.
    pub inference: Vec<InferenceNeed>,
}

impl Needs {
    /// Tracks of some classes at so many inputs a second, blind below a quarter of it; nothing else.
    pub fn tracks(classes: &[Class], min_score: f32, fps: f32) -> Self {
        Self {
            labels: LabelSet::of_classes(classes),
            min_score,
            fps,
            fps_min: fps / 4.0,
            history_s: 0.0,
            gray: None,
            rgb: None,
            inference: Vec::new(),
        }
    }
}

pub(crate) fn frame_to_abi(need: Option<FrameNeed>, format: Format) -> abi::FrameNeed {
    match need {
        None => abi::FrameNeed { format: Format::None.number(), width: 0, height: 0, fps_max: 0.0 },
        Some(n) => {
            abi::FrameNeed { format: format.number(), width: n.width, height: n.height, fps_max: n.fps_max }
        }
    }
}

/// `Err` names what is wrong.
pub(crate) fn frame_from_abi(raw: abi::FrameNeed, format: Format) -> Result<Option<FrameNeed>, &'static str> {
    if raw.format == Format::None.number() {
        return Ok(None);
    }
    let sized = (1..=8192).contains(&raw.width) && (1..=8192).contains(&raw.height);
    if raw.format != format.number() || !sized || !(raw.fps_max > 0.0 && raw.fps_max <= 60.0) {
        return Err("frames: format, size (1..8192) or rate (0..60)");
    }
    Ok(Some(FrameNeed { width: raw.width, height: raw.height, fps_max: raw.fps_max }))
}
