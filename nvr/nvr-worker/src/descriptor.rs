//! What the plugin says it is and needs, copied out of its memory.
//!
//! Promises: every text, list and number is bounded and on its closed list, or the sentence why the plugin is refused.
//! Leaves to others: whether the manifest says the same (`nvr-plugins`).

use crate::borrowed::{array, one, text};
use nvr_plugin_api::abi;
use nvr_plugin_api::closed::{EventType, Regime as Closed};
use nvr_plugins::manifest::Regime;
use nvr_plugins::protocol::{Descriptor, FrameNeed, InferenceNeed, Needs};

/// Longest short text: id, name, version.
const SHORT_LEN_MAX: usize = 256;
/// Bits of the second word of a label set that stand for a label: 80 labels in all.
const SECOND_WORD: u64 = (1 << 16) - 1;

/// Reads a descriptor. `abi` are the entry's versions.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn read(ptr: *const abi::Descriptor, versions: (u32, u32)) -> Result<Descriptor, String> {
    let d = one(ptr).map_err(|e| format!("the descriptor: {e}"))?;
    let word = |what: &str, s, max| text(s, max).map_err(|e| format!("the descriptor's {what}: {e}"));
    let types = array(d.event_types, d.event_types_len, abi::EVENT_TYPES_MAX)
        .map_err(|e| format!("the descriptor's event types: {e}"))?;
    let name = |n: &i32| {
        EventType::from_number(*n)
            .map(|t| t.name().to_owned())
            .ok_or_else(|| format!("the descriptor declares event type {n}, which is not on the closed list"))
    };
    let regime = match Closed::from_number(d.regime) {
        Some(Closed::EventEight) => Regime::EventEight,
        Some(Closed::Statistics) => Regime::Statistics,
        Some(Closed::PrivateSite) => Regime::PrivateSite,
        None => return Err(format!("the descriptor's regime {} is not on the closed list", d.regime)),
    };
    let warmup_s = d.warmup_s;
    if !(0.0..=3600.0).contains(&warmup_s) || !d.min_px_per_m.is_finite() {
        return Err("the descriptor's warm-up or gate is no sensible number".into());
    }
    if d.outputs & !(abi::OUTPUT_EVENTS | abi::OUTPUT_SAMPLES) != 0 || d.reserved != 0 {
        return Err("the descriptor declares an output that is not on the closed list".into());
    }
    let template = one(d.needs).map_err(|e| format!("the descriptor's needs: {e}"))?;
    Ok(Descriptor {
        abi: versions,
        id: word("id", d.id, SHORT_LEN_MAX)?,
        name: word("name", d.name, SHORT_LEN_MAX)?,
        version: word("version", d.version, SHORT_LEN_MAX)?,
        situation: word("situation", d.situation, SHORT_LEN_MAX)?,
        texts: word("texts", d.texts, abi::SCHEMA_BYTES_MAX)?,
        config_schema: word("config_schema", d.config_schema, abi::SCHEMA_BYTES_MAX)?,
        event_types: types.iter().map(name).collect::<Result<_, _>>()?,
        regime,
        emits_events: d.outputs & abi::OUTPUT_EVENTS != 0,
        emits_samples: d.outputs & abi::OUTPUT_SAMPLES != 0,
        needs: needs(&template)?,
        warmup_s,
        min_px_per_m: d.min_px_per_m,
        process_budget_us: d.process_budget_us,
    })
}

/// Reads needs.
///
/// # Errors
/// The first thing that is wrong with them.
pub fn needs(n: &abi::Needs) -> Result<Needs, String> {
    let [_, second] = n.labels.bits;
    if second & !SECOND_WORD != 0 {
        return Err("the needs name a label that is not on the closed list".into());
    }
    let numbers = [n.min_score, n.fps, n.fps_min, n.history_s];
    if !numbers.iter().all(|x| x.is_finite() && *x >= 0.0) {
        return Err("the needs have a number that is none, or negative".into());
    }
    let models = array(n.inference, n.inference_len, abi::MODELS_MAX)
        .map_err(|e| format!("the needs' inference: {e}"))?;
    let model = |i: &abi::InferenceNeed| -> Result<InferenceNeed, String> {
        if !(1..=3).contains(&i.region) || !i.per_s_max.is_finite() || i.per_s_max <= 0.0 {
            return Err("an inference need has an unknown region or no rate".into());
        }
        let model = text(i.model, SHORT_LEN_MAX).map_err(|e| format!("a model's name: {e}"))?;
        let (min_score, labels) = (i.min_score, i.labels.bits);
        Ok(InferenceNeed { model, region: i.region, min_score, labels, per_s_max: i.per_s_max })
    };
    Ok(Needs {
        labels: n.labels.bits,
        min_score: n.min_score,
        fps: n.fps,
        fps_min: n.fps_min,
        history_s: n.history_s,
        gray: frames(&n.gray, 1)?,
        rgb: frames(&n.rgb, 2)?,
        inference: models.iter().map(model).collect::<Result<_, _>>()?,
    })
}

fn frames(need: &abi::FrameNeed, format: i32) -> Result<Option<FrameNeed>, String> {
    match need.format {
        0 => Ok(None),
        f if f == format && need.fps_max.is_finite() && need.fps_max > 0.0 => {
            Ok(Some(FrameNeed { width: need.width, height: need.height, fps_max: need.fps_max }))
        }
        _ => Err("a frame need has an unknown format or no rate".into()),
    }
}
