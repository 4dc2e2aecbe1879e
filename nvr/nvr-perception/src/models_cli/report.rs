//! A manifest as a row for people and as JSON for scripts.
//!
//! Promises: pure. Leaves to others: whether its file is there.

use crate::model::Manifest;
use nvr_base::text::text;
use serde_json::{Value, json};

/// Id, family, whether it is there, input, milliseconds a frame, licence.
pub(super) fn row(manifest: &Manifest, state: &str, used: bool) -> [String; 6] {
    let there = text(&format!("models-{state}"), &[]);
    let there = if used { format!("{there}, {}", text("models-used", &[])) } else { there };
    let cost = manifest.measured.frame_ms_1thread.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
    [
        manifest.id.clone(),
        manifest.output.family.name().to_owned(),
        there,
        format!("{}×{}", manifest.input.width, manifest.input.height),
        cost,
        manifest.licence.clone(),
    ]
}

/// What a script may want of it.
pub(super) fn as_json(manifest: &Manifest) -> Value {
    let measured = &manifest.measured;
    json!({
        "id": manifest.id, "about": manifest.about, "family": manifest.output.family.name(),
        "default": manifest.default, "rank": manifest.rank, "licence": manifest.licence, "source": manifest.source,
        "file": manifest.file, "bytes": manifest.bytes, "sha256": manifest.sha256,
        "input": {"width": manifest.input.width, "height": manifest.input.height},
        "measured": {
            "frame_ms_1thread": measured.frame_ms_1thread.map(tenths), "machine": measured.machine,
            "accuracy": measured.accuracy,
        },
    })
}

/// As a manifest writes it, not as the nearest binary fraction.
pub(super) fn tenths(ms: f32) -> f64 {
    (f64::from(ms) * 10.0).round() / 10.0
}
