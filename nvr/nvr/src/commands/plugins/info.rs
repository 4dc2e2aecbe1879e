//! `nvr plugins info`: what a plugin says of itself, its keys in a rule, and what it got and did in a self-test.
//!
//! Promises: shows what can be had: of a plugin that does not load the manifest and the reason.
//! Leaves to others: the steps of the examination (`verify`), keys as rows (`keys`).

use super::shelf::{Item, find};
use super::source::Source;
use super::verify::{Examined, examine};
use super::{keys, layer_words, word};
use crate::args::{Cli, FolderArgs};
use crate::commands::verdict::{Level, Verdict};
use crate::terminal::{print_json, print_line};
use nvr_base::Label;
use nvr_base::text::{Arg, text};
use nvr_plugins::descriptor::{Descriptor, FrameNeed, Needs};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Most labels that are named.
const LABELS_SHOWN_MAX: usize = 10;

/// Runs it.
pub(super) fn run(cli: &Cli, name: &str, args: &FolderArgs) -> anyhow::Result<ExitCode> {
    let item = find(&Source::new(&cli.config, args), name)?;
    let mut steps: Vec<Verdict> = Vec::new();
    let examined = examine(&item, &mut |verdict| {
        steps.push(verdict);
        Ok(())
    })?;
    let failed = steps.iter().find(|v| v.level == Level::Fail);
    if cli.json {
        print_json(&as_json(&item, &examined, failed))?;
    } else {
        lines(&item, &examined, failed).iter().try_for_each(|line| print_line(line))?;
    }
    Ok(if failed.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn lines(item: &Item, examined: &Examined, failed: Option<&Verdict>) -> Vec<String> {
    let mut out = Vec::new();
    let mut rows: Vec<[String; 2]> = Vec::new();
    let mut row = |id: &str, what: String| {
        if !what.is_empty() {
            rows.push([text(id, &[]), what]);
        }
    };
    if let Some(m) = &item.manifest {
        out.push(format!("{} {}", m.id, m.version));
        row("info-situation", m.situation.clone());
        row("info-regime", word(&m.regime));
        row("info-abi", m.abi.clone());
        row("info-events", m.event_types.join(", "));
        row("info-author", m.author.clone());
        row("info-hash", m.sha256.to_string());
    } else {
        out.push(item.name.clone());
    }
    row("info-state", text(&format!("plugin-{}", word(&item.state)), &[]));
    row("info-library", item.library().display().to_string());
    if let Some(d) = &examined.descriptor {
        for (language, words) in texts_of(d) {
            row("info-text", format!("{language}: {words}"));
        }
        needs(&d.needs).into_iter().for_each(|need| row("info-need", need));
        let gate = Arg::from(format!("{}", d.min_px_per_m));
        row("info-gate", text(if d.min_px_per_m > 0.0 { "gate-px" } else { "gate-none" }, &[("px", gate)]));
        row("info-warmup", format!("{} s", d.warmup_s));
        row("info-budget", format!("{} µs", d.process_budget_us));
    }
    if let Some(c) = &examined.counters {
        let mean = c.took_us.checked_div(c.done).unwrap_or(0);
        let args =
            [("mean", Arg::from(mean)), ("most", Arg::from(c.took_us_max)), ("scenes", Arg::from(c.done))];
        row("info-took", text("took", &args));
    }
    examined.layers.iter().for_each(|layer| row("info-sandbox", layer_words(layer).0));
    if let Some(failed) = failed {
        row("info-failed", failed.what.clone());
    }
    out.extend(keys::table(&rows));
    if let Some(d) = &examined.descriptor {
        let own = keys::rows(&d.config_schema);
        out.push(text(if own.is_empty() { "info-no-keys" } else { "info-keys" }, &[]));
        if !own.is_empty() {
            let head = ["key-name", "key-kind", "key-default", "key-about"].map(|id| text(id, &[]));
            let all: Vec<[String; 4]> = std::iter::once(head).chain(own).collect();
            out.extend(keys::table(&all));
        }
    }
    out
}

/// Language and words of a descriptor's texts.
fn texts_of(descriptor: &Descriptor) -> Vec<(String, String)> {
    let texts: Value = serde_json::from_str(&descriptor.texts).unwrap_or_default();
    let words = |of: &Value| {
        let words = ["name", "alert"].iter().filter_map(|key| of.get(key)?.as_str());
        words.collect::<Vec<_>>().join(" · ")
    };
    texts.as_object().into_iter().flatten().map(|(language, of)| (language.clone(), words(of))).collect()
}

/// One sentence a need.
fn needs(needs: &Needs) -> Vec<String> {
    let labels = |bits: [u64; 2]| {
        let set = u128::from(bits[0]) | u128::from(bits[1]) << 64;
        let of: Vec<&str> = Label::all().filter(|l| set & (1 << l.index()) != 0).map(Label::name).collect();
        let more = of.len().saturating_sub(LABELS_SHOWN_MAX);
        let named = of.into_iter().take(LABELS_SHOWN_MAX).collect::<Vec<_>>().join(", ");
        if more > 0 { format!("{named} … +{more}") } else { named }
    };
    let mut all = Vec::new();
    let number = |n: f32| Arg::from(format!("{n}"));
    if needs.labels != [0, 0] {
        let args = [("labels", Arg::from(labels(needs.labels))), ("score", number(needs.min_score))];
        all.push(text("need-tracks", &args));
    }
    all.push(text("need-rate", &[("fps", number(needs.fps)), ("least", number(needs.fps_min))]));
    let frame = |id: &str, of: &FrameNeed| {
        let args =
            [("width", Arg::from(of.width)), ("height", Arg::from(of.height)), ("fps", number(of.fps_max))];
        text(id, &args)
    };
    all.extend(needs.gray.as_ref().map(|of| frame("need-gray", of)));
    all.extend(needs.rgb.as_ref().map(|of| frame("need-rgb", of)));
    if needs.history_s > 0.0 {
        all.push(text("need-history", &[("seconds", number(needs.history_s))]));
    }
    for model in &needs.inference {
        let args = [("model", Arg::from(model.model.as_str())), ("rate", number(model.per_s_max))];
        all.push(text("need-model", &args));
    }
    all
}

fn as_json(item: &Item, examined: &Examined, failed: Option<&Verdict>) -> Value {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let d = examined.descriptor.as_ref();
    let layers: Vec<Value> = examined
        .layers
        .iter()
        .map(|layer| json!({"layer": format!("{:?}", layer.kind), "state": layer.state}))
        .collect();
    let measured = examined.counters.map(|c| {
        json!({
            "scenes": c.done, "took_us_mean": c.took_us.checked_div(c.done), "took_us_max": c.took_us_max,
            "over_budget": c.over_budget, "memory_kib": c.memory_kib,
        })
    });
    json!({
        "name": item.name, "library": item.library(), "state": item.state, "signed": item.signed,
        "manifest": item.manifest, "texts": d.map(|d| parsed(&d.texts)),
        "config_schema": d.map(|d| parsed(&d.config_schema)), "needs": d.map(|d| &d.needs),
        "min_px_per_m": d.map(|d| d.min_px_per_m), "warmup_s": d.map(|d| d.warmup_s),
        "process_budget_us": d.map(|d| d.process_budget_us), "emits_events": d.map(|d| d.emits_events),
        "emits_samples": d.map(|d| d.emits_samples), "sandbox": layers, "measured": measured, "failed": failed,
    })
}
