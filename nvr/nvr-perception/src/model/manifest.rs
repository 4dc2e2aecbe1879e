//! A model's manifest: where its file comes from, what goes in, what comes out, what it was measured to do.
//!
//! Promises: parsing any text gives a sound manifest or an error that names the key; families, labels and layouts come
//! from closed lists; file names stay inside their folder; every number has a limit.
//! Leaves to others: finding and hashing files (`catalogue`), running them (`session`).

use super::error::ModelError;
use nvr_base::label::Label;
use serde::Deserialize;

/// Longest manifest, bytes.
pub const MANIFEST_BYTES_MAX: usize = 64 * 1024;
/// Longest id.
const ID_CHARS_MAX: usize = 64;
/// Longest text of a manifest.
const TEXT_CHARS_MAX: usize = 1024;
/// Longest side of a model's input, pixels.
const INPUT_SIDE_MAX: usize = 2048;
/// Most tensors a model gives.
const TENSORS_MAX: usize = 16;
/// Most labels.
const LABELS_MAX: usize = 256;
/// Largest file of a model.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// How the output is read. A closed list: no family gives faces, embeddings or identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Score maps and distance distributions per stride (NanoDet: generalised focal loss, Li et al. 2020).
    Nanodet,
    /// One map of box, objectness, scores (YOLOX, Ge et al. 2021).
    Yolox,
    /// Boxes and softmaxed scores, no suppression yet (SSD, Liu et al. 2016).
    Ssd,
    /// Six people with joints (MoveNet multipose).
    Movenet,
    /// A map whose sum is a count (MCNN, Zhang et al. 2016).
    Density,
}

impl Family {
    /// Its name in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nanodet => "nanodet",
            Self::Yolox => "yolox",
            Self::Ssd => "ssd",
            Self::Movenet => "movenet",
            Self::Density => "density",
        }
    }

    /// Whether it gives labelled boxes.
    pub fn detects(self) -> bool {
        matches!(self, Self::Nanodet | Self::Yolox | Self::Ssd)
    }
}

/// Order of the axes of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Planes.
    Nchw,
    /// Interleaved.
    Nhwc,
}

/// Number type of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Number {
    /// 32-bit float.
    #[default]
    F32,
    /// 32-bit integer.
    I32,
}

/// Channels of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
    /// One channel (Rec. 601 luma).
    Gray,
}

impl Order {
    /// How many channels.
    pub fn channels(self) -> usize {
        if self == Self::Gray { 1 } else { 3 }
    }
}

/// How a frame of another shape is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Pulled to the input's shape.
    Stretch,
    /// Scaled alike in both directions to the top left, the rest filled with `pad`.
    Letterbox,
}

/// What goes in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Name of the tensor.
    pub tensor: String,
    /// Order of its axes.
    pub layout: Layout,
    /// Its number type.
    #[serde(default, rename = "type")]
    pub number: Number,
    /// Pixels a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Channels.
    pub order: Order,
    /// Other shapes.
    pub fit: Fit,
    /// What fills the rest of a letterbox, 0..255.
    #[serde(default)]
    pub pad: u8,
    /// Taken off each channel, in the order of the channels, of 0..255.
    #[serde(default)]
    pub mean: Vec<f32>,
    /// Each channel is then divided by this.
    #[serde(default)]
    pub std: Vec<f32>,
}

/// What comes out.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// How it is read.
    pub family: Family,
    /// Names of the tensors, in the family's order.
    pub tensors: Vec<String>,
    /// Pixels of the input a cell of each map covers.
    #[serde(default)]
    pub strides: Vec<usize>,
    /// What the classes are.
    labels: Labels,
    /// Detections below it are not given, 0..1.
    #[serde(default = "score_min_default")]
    pub score_min: f32,
    /// Boxes of one label that overlap more are one, 0..1.
    #[serde(default = "nms_iou_default")]
    pub nms_iou: f32,
    /// Detectors: what its scores mean to the tracker.
    #[serde(default)]
    pub scores: Scores,
}

/// What a detector's scores mean to the tracker, each 0..1; absent ones are the tracker's own. Detectors differ in how
/// sure they say they are.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scores {
    /// From which a detection is sure.
    pub sure: Option<f32>,
    /// From which an unsure detection may go on with a track.
    pub unsure: Option<f32>,
    /// From which a detection may begin a candidate.
    pub candidate: Option<f32>,
    /// That a candidate must have had once to be a track.
    pub new: Option<f32>,
}

fn score_min_default() -> f32 {
    0.3
}

fn nms_iou_default() -> f32 {
    0.6
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum Labels {
    Set(String),
    List(Vec<String>),
}

/// What the model was measured to do; absent figures were not measured.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Measured {
    /// One frame of the manifest's input size on one thread, preparation and reading included, ms.
    pub frame_ms_1thread: Option<f32>,
    /// The model alone, ms.
    pub model_ms_1thread: Option<f32>,
    /// On what, and when.
    pub machine: Option<String>,
    /// How good it is, and on what that was measured.
    pub accuracy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    id: String,
    about: String,
    #[serde(default)]
    default: bool,
    #[serde(default)]
    rank: u32,
    source: String,
    file: String,
    bytes: u64,
    sha256: String,
    licence: String,
    input: Input,
    output: Output,
    #[serde(default)]
    measured: Measured,
}

/// A sound manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Name of the model.
    pub id: String,
    /// What it is, in a line.
    pub about: String,
    /// Whether `models/fetch` gets it.
    pub default: bool,
    /// Which detector is taken where none is named: the highest that is there; 0: none.
    pub rank: u32,
    /// Where it comes from: `npm:`, `github:owner/repo@commit:path`, with the conversion.
    pub source: String,
    /// File in the models folder.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Its hash, 64 lower-case hex digits.
    pub sha256: String,
    /// Under what it may be used.
    pub licence: String,
    /// What goes in.
    pub input: Input,
    /// What comes out.
    pub output: Output,
    /// One per class of the model; `None`: never said.
    pub labels: Vec<Option<Label>>,
    /// What it was measured to do.
    pub measured: Measured,
}

impl Manifest {
    /// Reads a manifest; `name` is the file's, for the message.
    pub fn parse(name: &str, text: &str) -> Result<Self, ModelError> {
        let wrong = |why: String| ModelError::Manifest { name: short(name), why };
        if text.len() > MANIFEST_BYTES_MAX {
            return Err(wrong(format!("longer than {MANIFEST_BYTES_MAX} bytes")));
        }
        let t: Text = toml::from_str(text).map_err(|e| wrong(short(&e.to_string())))?;
        let labels = t.output.labels.resolve().map_err(&wrong)?;
        let manifest = Self {
            id: t.id,
            about: t.about,
            default: t.default,
            rank: t.rank,
            source: t.source,
            file: t.file,
            bytes: t.bytes,
            sha256: t.sha256,
            licence: t.licence,
            input: t.input,
            output: t.output,
            labels,
            measured: t.measured,
        };
        manifest.check().map_err(wrong)?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        let id = |s: &str| {
            !s.is_empty()
                && s.len() <= ID_CHARS_MAX
                && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        ensure(id(&self.id), "id: lower-case letters, digits and hyphens, at most 64")?;
        let stem = self.file.strip_suffix(".onnx").unwrap_or("");
        ensure(id(stem), "file: lower-case letters, digits and hyphens, then .onnx")?;
        for (key, text) in [("about", &self.about), ("source", &self.source), ("licence", &self.licence)] {
            let fine = !text.trim().is_empty() && text.chars().count() <= TEXT_CHARS_MAX;
            ensure(fine && !text.chars().any(char::is_control), &format!("{key}: one line of text"))?;
        }
        let hex = |s: &str| s.len() == 64 && s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        ensure(hex(&self.sha256), "sha256: 64 lower-case hex digits")?;
        ensure((1..=FILE_BYTES_MAX).contains(&self.bytes), "bytes: 1 to 1 GiB")?;
        self.check_input()?;
        self.check_output()
    }

    fn check_input(&self) -> Result<(), String> {
        let i = &self.input;
        ensure(!i.tensor.is_empty() && i.tensor.len() <= ID_CHARS_MAX, "input.tensor: 1 to 64 bytes")?;
        let sides = 1..=INPUT_SIDE_MAX;
        ensure(sides.contains(&i.width) && sides.contains(&i.height), "input.width, height: 1 to 2048")?;
        for (key, values) in [("mean", &i.mean), ("std", &i.std)] {
            let fits = values.is_empty() || values.len() == i.order.channels();
            ensure(fits && values.iter().all(|v| v.is_finite()), &format!("input.{key}: one a channel"))?;
        }
        ensure(i.std.iter().all(|v| *v > 1e-3), "input.std: above 0.001")?;
        let plain = i.mean.is_empty() && i.std.is_empty();
        ensure(i.number == Number::F32 || plain, "input.mean, std: only with type f32")
    }

    fn check_output(&self) -> Result<(), String> {
        let o = &self.output;
        ensure((1..=TENSORS_MAX).contains(&o.tensors.len()), "output.tensors: 1 to 16")?;
        let named = o.tensors.iter().all(|t| !t.is_empty() && t.len() <= ID_CHARS_MAX);
        ensure(named, "output.tensors: 1 to 64 bytes each")?;
        for (key, value) in [("score_min", o.score_min), ("nms_iou", o.nms_iou)] {
            ensure((0.0..=1.0).contains(&value), &format!("output.{key}: 0 to 1"))?;
        }
        let scores = [o.scores.unsure, o.scores.candidate, o.scores.sure, o.scores.new];
        let scores: Vec<f32> = scores.into_iter().flatten().collect();
        ensure(scores.iter().all(|s| (0.0..=1.0).contains(s)), "output.scores: 0 to 1")?;
        ensure(scores.is_empty() || o.family.detects(), "output.scores: for detectors only")?;
        let count = match o.family {
            Family::Nanodet => 2 * o.strides.len(),
            Family::Ssd => 2,
            Family::Yolox | Family::Movenet | Family::Density => 1,
        };
        ensure(o.tensors.len() == count, &format!("output.tensors: family {} has {count}", o.family.name()))?;
        let mapped = matches!(o.family, Family::Nanodet | Family::Yolox);
        ensure(
            mapped != o.strides.is_empty(),
            "output.strides: for families nanodet and yolox, and only they",
        )?;
        let divides = |s: &usize| {
            *s > 0 && [self.input.width, self.input.height].iter().all(|side| side.is_multiple_of(*s))
        };
        ensure(o.strides.iter().all(divides), "output.strides: each divides the input's sides")?;
        ensure(!self.labels.is_empty(), "output.labels: at least one")
    }
}

impl Labels {
    fn resolve(&self) -> Result<Vec<Option<Label>>, String> {
        match self {
            Self::Set(name) if name == "coco80" => Ok(Label::all().map(Some).collect()),
            Self::Set(name) => {
                Err(format!("output.labels: \"{}\" is no set; there is \"coco80\"", short(name)))
            }
            Self::List(names) if names.len() > LABELS_MAX => {
                Err(format!("output.labels: above {LABELS_MAX}"))
            }
            Self::List(names) => names
                .iter()
                .map(|n| if n.is_empty() { Ok(None) } else { n.parse().map(Some) })
                .map(|l| l.map_err(|_| "output.labels: a name outside the closed list".to_owned()))
                .collect(),
        }
    }
}

fn ensure(fine: bool, what: &str) -> Result<(), String> {
    if fine { Ok(()) } else { Err(what.to_owned()) }
}

fn short(text: &str) -> String {
    text.chars().take(300).collect()
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
