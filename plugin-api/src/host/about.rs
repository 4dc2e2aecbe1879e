//! A descriptor, read and copied.
//!
//! Promises: every length is bounded, every number is on its list. Leaves to others: comparing it with a manifest.

use super::{slice, text};
use crate::abi;
use crate::closed::{EventType, Format, Regime, Region};
use crate::needs::{InferenceNeed, LabelSet, Needs, frame_from_abi};

/// What a plugin says of itself. The fields are those of the header.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the header documents each field, once")]
pub struct About {
    pub id: String,
    pub name: String,
    pub version: String,
    pub situation: String,
    pub texts: String,
    pub config_schema: String,
    pub event_types: Vec<EventType>,
    pub needs: Needs,
    pub regime: Regime,
    pub emits: bool,
    pub counts: bool,
    pub warmup_s: f32,
    pub min_px_per_m: f32,
    pub process_budget_us: u32,
}

/// Bytes of an id, a name, a version.
const NAME_BYTES_MAX: usize = 128;

impl About {
    /// `Err` names what contradicts the header.
    ///
    /// # Safety
    /// `d` is null or, with all it points to, lives during the call.
    pub(super) unsafe fn read(d: *const abi::Descriptor) -> Result<Self, &'static str> {
        if d.is_null() || !d.is_aligned() {
            return Err("no descriptor");
        }
        // SAFETY: not null; the caller's promise, here and below.
        let d = unsafe { &*d };
        let name = |s: abi::Str, what| {
            // SAFETY: as above.
            let name = unsafe { text(s, NAME_BYTES_MAX) }.filter(|n| !n.trim().is_empty());
            name.map(str::to_owned).ok_or(what)
        };
        let long = |s: abi::Str, what| {
            // SAFETY: as above.
            let json = unsafe { text(s, abi::SCHEMA_BYTES_MAX) };
            let object = |t: &&str| serde_json::from_str(t).is_ok_and(|v: serde_json::Value| v.is_object());
            json.filter(object).map(str::to_owned).ok_or(what)
        };
        let id = name(d.id, "descriptor: id")?;
        if !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return Err("descriptor: id is not of a-z, 0-9, -");
        }
        // SAFETY: as above.
        let types = unsafe { slice(d.event_types, d.event_types_len, abi::EVENT_TYPES_MAX) };
        let types = types.ok_or("descriptor: too many event types")?;
        let on_list: Option<Vec<EventType>> = types.iter().map(|t| EventType::from_number(*t)).collect();
        if d.outputs & !(abi::OUTPUT_EVENTS | abi::OUTPUT_SAMPLES) != 0 {
            return Err("descriptor: an output outside the list");
        }
        if ![d.warmup_s, d.min_px_per_m].iter().all(|n| (0.0..=1e6).contains(n)) {
            return Err("descriptor: warmup_s or min_px_per_m");
        }
        Ok(Self {
            id,
            name: name(d.name, "descriptor: name")?,
            version: name(d.version, "descriptor: version")?,
            situation: name(d.situation, "descriptor: situation")?,
            texts: long(d.texts, "descriptor: texts is no JSON object")?,
            config_schema: long(d.config_schema, "descriptor: config_schema is no JSON object")?,
            event_types: on_list.ok_or("descriptor: an event type outside the list")?,
            // SAFETY: as above.
            needs: unsafe { read_needs(d.needs) }?,
            regime: Regime::from_number(d.regime).ok_or("descriptor: a regime outside the list")?,
            emits: d.outputs & abi::OUTPUT_EVENTS != 0,
            counts: d.outputs & abi::OUTPUT_SAMPLES != 0,
            warmup_s: d.warmup_s,
            min_px_per_m: d.min_px_per_m,
            process_budget_us: d.process_budget_us,
        })
    }
}

/// # Safety
/// `raw` is null or, with all it points to, lives during the call.
pub(super) unsafe fn read_needs(raw: *const abi::Needs) -> Result<Needs, &'static str> {
    if raw.is_null() || !raw.is_aligned() {
        return Err("no needs");
    }
    // SAFETY: not null; the caller's promise, here and below.
    let raw = unsafe { &*raw };
    // SAFETY: as above.
    let models = unsafe { slice(raw.inference, raw.inference_len, abi::MODELS_MAX) };
    let mut inference = Vec::new();
    for n in models.ok_or("needs: too many models")? {
        inference.push(InferenceNeed {
            // SAFETY: as above.
            model: unsafe { text(n.model, NAME_BYTES_MAX) }.ok_or("needs: model")?.to_owned(),
            region: Region::from_number(n.region).ok_or("needs: a region outside the list")?,
            labels: LabelSet::from_abi(n.labels).ok_or("needs: a label outside the list")?,
            min_score: score(n.min_score)?,
            per_s_max: rate(n.per_s_max)?,
        });
    }
    if !(0.0..=raw.fps).contains(&raw.fps_min) || !(0.0..=600.0).contains(&raw.history_s) {
        return Err("needs: fps_min or history_s");
    }
    Ok(Needs {
        labels: LabelSet::from_abi(raw.labels).ok_or("needs: a label outside the list")?,
        min_score: score(raw.min_score)?,
        fps: rate(raw.fps)?,
        fps_min: raw.fps_min,
        history_s: raw.history_s,
        gray: frame_from_abi(raw.gray, Format::Gray8)?,
        rgb: frame_from_abi(raw.rgb, Format::Rgb8)?,
        inference,
    })
}

fn score(n: f32) -> Result<f32, &'static str> {
    (0.0..=1.0).contains(&n).then_some(n).ok_or("needs: a score outside 0..1")
}

fn rate(n: f32) -> Result<f32, &'static str> {
    (n > 0.0 && n <= 1000.0).then_some(n).ok_or("needs: a rate outside 0..1000")
}
