//! `nvr-perceive models`: the answers of `nvr models`, which starts it.
//!
//! Promises: standard output carries the answer alone, lines for people or one JSON object; exit code 0 when all is well,
//!   1 when something failed or is wrong, 2 when started wrongly.
//! Leaves to others: the command line people write (`nvr models`), the network (`models/fetch`), the models (`model`).

mod order;
mod report;

use crate::model::catalogue::{Import, verify, verify_library};
use crate::model::{Catalogue, Manifest, ModelError, Presence, Runtime, bench_for};
use nvr_base::table::table;
use nvr_base::text::{Arg, printable, text};
use order::{Order, What};
use report::as_json;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Duration;

/// The argument that chooses this.
pub const ARGUMENT: &str = "models";

/// What is printed, and whether all is well.
struct Answer {
    lines: Vec<String>,
    json: Value,
    is_well: bool,
}

/// Runs it on the arguments behind [`ARGUMENT`]; its exit code.
pub fn run(arguments: &[OsString]) -> u8 {
    let order = match Order::read(arguments) {
        Ok(order) => order,
        Err(why) => {
            complain(&format!("{why}; `nvr models` starts this program"));
            return 2;
        }
    };
    match answer(&order) {
        Ok(answer) => match print(&answer, order.json) {
            Ok(()) => u8::from(!answer.is_well),
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => 0, // `nvr models list | head`
            Err(e) => {
                complain(&e.to_string());
                1
            }
        },
        Err(why) => {
            complain(&why.to_string());
            1
        }
    }
}

fn print(answer: &Answer, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        return writeln!(out, "{}", answer.json);
    }
    answer.lines.iter().try_for_each(|line| writeln!(out, "{}", printable(line)))
}

fn complain(sentence: &str) {
    // Nobody is left to tell when standard error is gone.
    let _ = writeln!(io::stderr(), "nvr: {}", printable(sentence));
}

fn answer(order: &Order) -> Result<Answer, ModelError> {
    let folder = order.folder.as_path();
    // A folder that is not there yet knows the shipped models.
    let catalogue = if folder.is_dir() { Catalogue::open(folder)? } else { Catalogue::shipped()? };
    match &order.what {
        What::List => list(order, &catalogue),
        What::Verify { default_only } => check(order, &catalogue, *default_only),
        What::Import { from } => import(order, &catalogue, from),
        What::Bench { id, seconds } => measure(order, &catalogue, id.as_deref(), *seconds),
    }
}

fn word(presence: &Presence) -> &'static str {
    match presence {
        Presence::Present => "present",
        Presence::Absent => "absent",
        Presence::Wrong { .. } => "wrong",
    }
}

fn list(order: &Order, catalogue: &Catalogue) -> Result<Answer, ModelError> {
    let library = verify_library(&order.folder)?;
    let best = catalogue.best_detector(&order.folder)?.map(|m| m.id.clone());
    let mut rows = vec![
        ["models-id", "models-kind", "models-there", "models-input", "models-cost", "models-licence"]
            .map(|id| text(id, &[])),
    ];
    let mut all = Vec::new();
    let mut accuracy = Vec::new();
    for manifest in catalogue.manifests() {
        let presence = verify(manifest, &order.folder)?;
        let used = best.as_ref() == Some(&manifest.id);
        rows.push(report::row(manifest, word(&presence), used));
        if let Some(said) = &manifest.measured.accuracy {
            accuracy.push(format!("{}: {said}", manifest.id));
        }
        let mut of = as_json(manifest);
        if let Some(of) = of.as_object_mut() {
            of.insert("state".into(), json!(word(&presence)));
            of.insert("used".into(), json!(used));
        }
        all.push(of);
    }
    let mut lines = vec![order.folder.display().to_string()];
    lines.extend(table(&rows, usize::MAX));
    lines.push(text(&format!("models-library-{}", word(&library)), &[]));
    lines.extend(accuracy);
    let json =
        json!({"folder": order.folder, "onnxruntime": word(&library), "detector": best, "models": all});
    Ok(Answer { lines, json, is_well: true })
}

fn check(order: &Order, catalogue: &Catalogue, default_only: bool) -> Result<Answer, ModelError> {
    let folder = order.folder.as_path();
    let mut lines = Vec::new();
    let mut all = Vec::new();
    let mut is_well = true;
    let library = verify_library(folder)?;
    is_well &= library == Presence::Present;
    lines.push(text(&format!("models-library-{}", word(&library)), &[]));
    let wanted = |m: &&Manifest| !default_only || m.default;
    for manifest in catalogue.manifests().iter().filter(wanted) {
        let presence = verify(manifest, folder)?;
        let fine = match presence {
            Presence::Present => true,
            Presence::Absent => !default_only,
            Presence::Wrong { .. } => false,
        };
        is_well &= fine;
        let args = [("id", Arg::from(manifest.id.as_str())), ("file", Arg::from(manifest.file.as_str()))];
        lines.push(text(&format!("models-file-{}", word(&presence)), &args));
        let sha256 = match &presence {
            Presence::Wrong { sha256 } => Some(sha256.clone()),
            Presence::Present | Presence::Absent => None,
        };
        all.push(json!({"id": manifest.id, "file": manifest.file, "state": word(&presence), "found_sha256": sha256}));
    }
    let detector = catalogue.best_detector(folder)?.map(|m| m.id.clone());
    is_well &= detector.is_some();
    // The library of the right hash may still not load: another C library, another processor.
    let loads = match library {
        Presence::Present => Runtime::load_from_folder(folder).err().map(|e| e.to_string()),
        Presence::Absent | Presence::Wrong { .. } => None,
    };
    is_well &= loads.is_none();
    lines.extend(loads.clone());
    lines.push(match &detector {
        Some(id) => text("models-detector", &[("id", Arg::from(id.as_str()))]),
        None => text("models-no-detector", &[]),
    });
    let json = json!({
        "ok": is_well, "folder": folder, "onnxruntime": word(&library), "does_not_load": loads,
        "detector": detector, "models": all,
    });
    Ok(Answer { lines, json, is_well })
}

fn import(order: &Order, catalogue: &Catalogue, from: &std::path::Path) -> Result<Answer, ModelError> {
    let imports = catalogue.import(from, &order.folder)?;
    let mut lines = Vec::new();
    let mut all = Vec::new();
    let mut known = 0_usize;
    for one in &imports {
        let (file, kind, id) = match one {
            Import::Taken(i) => (&i.from, "taken", Some(&i.id)),
            Import::There { from, id } => (from, "there", Some(id)),
            Import::Unknown { from } => (from, "unknown", None),
        };
        known += usize::from(id.is_some());
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let args = [("file", Arg::from(name)), ("id", Arg::from(id.map(String::as_str).unwrap_or_default()))];
        lines.push(text(&format!("models-import-{kind}"), &args));
        all.push(json!({"file": file, "result": kind, "id": id}));
    }
    if known == 0 {
        lines.push(text("models-import-none", &[("folder", Arg::from(from.display().to_string()))]));
    }
    let json = json!({"ok": known > 0, "folder": order.folder, "files": all});
    Ok(Answer { lines, json, is_well: known > 0 })
}

fn measure(
    order: &Order,
    catalogue: &Catalogue,
    id: Option<&str>,
    seconds: u32,
) -> Result<Answer, ModelError> {
    let folder = order.folder.as_path();
    let known = || catalogue.manifests().iter().map(|m| m.id.as_str()).collect::<Vec<_>>().join(", ");
    let all = catalogue.manifests().iter().filter(|m| id.is_none_or(|id| m.id == id));
    let mut there = Vec::new();
    for manifest in all {
        if id.is_some() || verify(manifest, folder)? == Presence::Present {
            there.push(manifest);
        }
    }
    if there.is_empty() {
        let why = match id {
            Some(id) => text("models-unknown", &[("id", Arg::from(id)), ("known", Arg::from(known()))]),
            None => text("models-none-there", &[("folder", Arg::from(folder.display().to_string()))]),
        };
        return Ok(Answer {
            lines: vec![why.clone()],
            json: json!({"ok": false, "why": why}),
            is_well: false,
        });
    }
    let runtime = Runtime::load_from_folder(folder)?;
    let mut lines = Vec::new();
    let mut results = Vec::new();
    for manifest in there {
        complain(&text(
            "models-measuring",
            &[("id", Arg::from(manifest.id.as_str())), ("seconds", Arg::from(seconds))],
        ));
        let file = folder.join(&manifest.file);
        let (times, frames) = bench_for(&runtime, manifest, &file, 1, Duration::from_secs(seconds.into()))?;
        let ms = |d: Duration| (d.as_secs_f64() * 1e4).round() / 10.0;
        let (median, least) = (ms(times.median), ms(times.least));
        let args = [
            ("id", Arg::from(manifest.id.as_str())),
            ("median", Arg::from(median.to_string())),
            ("least", Arg::from(least.to_string())),
            ("frames", Arg::from(frames)),
        ];
        lines.push(text("models-bench", &args));
        results.push(json!({
            "id": manifest.id, "frame_ms_median": median, "frame_ms_least": least, "frames": frames, "threads": 1,
            "stated_frame_ms": manifest.measured.frame_ms_1thread.map(report::tenths),
        }));
    }
    Ok(Answer { lines, json: json!({"ok": true, "models": results}), is_well: true })
}
