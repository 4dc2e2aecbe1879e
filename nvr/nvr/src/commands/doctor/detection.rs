//! What detection needs: decoders, ONNX Runtime with a detector, plugins, and the sandbox their workers get.
//!
//! Promises: GStreamer is looked for as files, for this program does not link it; models are hashed by `nvr-perceive`;
//!   every plugin is examined as `nvr plugins verify` does, [`PLUGINS_MAX`] at most.
//! Leaves to others: whether a film is decoded (`nvr replay`).

use super::child::answer;
use crate::child::program;
use crate::commands::models::ARGUMENT;
use crate::commands::plugins::shelf::{Item, State, items};
use crate::commands::plugins::source::Source;
use crate::commands::plugins::verify::{examine, sandbox};
use crate::commands::verdict::{Level, Verdict};
use nvr_base::text::{Arg, text};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// GStreamer's plugins that the children load, and the package of each.
const GSTREAMER: [(&str, &str); 11] = [
    ("coreelements", "libgstreamer1.0-0"),
    ("app", "gstreamer1.0-plugins-base"),
    ("playback", "gstreamer1.0-plugins-base"),
    ("typefindfunctions", "gstreamer1.0-plugins-base"),
    ("videoconvertscale", "gstreamer1.0-plugins-base"),
    ("isomp4", "gstreamer1.0-plugins-good"),
    ("matroska", "gstreamer1.0-plugins-good"),
    ("avi", "gstreamer1.0-plugins-good"),
    ("jpeg", "gstreamer1.0-plugins-good"),
    ("videoparsersbad", "gstreamer1.0-plugins-bad"),
    ("libav", "gstreamer1.0-libav"),
];
/// Longest wait for the models to be hashed.
const MODELS_WAIT_MAX: Duration = Duration::from_secs(30);
/// Most plugins that are examined.
const PLUGINS_MAX: usize = 32;
/// No plugin is begun with after this time.
const PLUGINS_WAIT_MAX: Duration = Duration::from_secs(60);

/// Whether the decoders are installed.
pub(super) fn gstreamer() -> Verdict {
    let variable = std::env::var_os("GST_PLUGIN_PATH").unwrap_or_default();
    let standard = [
        format!("/usr/lib/{}-linux-gnu/gstreamer-1.0", std::env::consts::ARCH),
        "/usr/lib64/gstreamer-1.0".to_owned(),
        "/usr/lib/gstreamer-1.0".to_owned(),
    ];
    let folders: Vec<PathBuf> =
        std::env::split_paths(&variable).chain(standard.into_iter().map(PathBuf::from)).collect();
    let is_there = |plugin: &str| folders.iter().any(|f| f.join(format!("libgst{plugin}.so")).is_file());
    let missing: Vec<_> = GSTREAMER.iter().filter(|(plugin, _)| !is_there(plugin)).collect();
    if missing.is_empty() {
        return Verdict::ok("decoders", text("decoders-there", &[("count", Arg::from(GSTREAMER.len()))]));
    }
    let names: Vec<&str> = missing.iter().map(|(plugin, _)| *plugin).collect();
    let mut packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    let what = text("decoders-missing", &[("names", Arg::from(names.join(", ")))]);
    let remedy = text("decoders-remedy", &[("packages", Arg::from(packages.join(" ")))]);
    Verdict::fail("decoders", what, remedy)
}

/// Whether ONNX Runtime loads and a detector is there with its hash.
pub(super) fn models(folder: &Path) -> Verdict {
    let mut command = Command::new(program("nvr-perceive"));
    command.args([ARGUMENT, "verify", "--json", "--models"]).arg(folder);
    let answer = match answer(&mut command, MODELS_WAIT_MAX) {
        Ok((_, answer)) => serde_json::from_str(&answer).unwrap_or_default(),
        Err(why) => return Verdict::fail("models", why, text("programs-remedy", &[])),
    };
    judge(folder, &answer)
}

/// What `nvr-perceive models verify` said.
fn judge(folder: &Path, answer: &Value) -> Verdict {
    let word = |key: &str| answer.get(key).and_then(Value::as_str);
    let detector = word("detector");
    let args = [
        ("folder", Arg::from(folder.display().to_string())),
        ("detector", Arg::from(detector.unwrap_or_default())),
        ("reason", Arg::from(word("does_not_load").unwrap_or_default())),
    ];
    let states = answer.get("models").and_then(Value::as_array).into_iter().flatten();
    let has_wrong = states.into_iter().any(|m| m.get("state").and_then(Value::as_str) == Some("wrong"));
    let remedy = |id: &str| text(id, &args);
    match (word("onnxruntime"), word("does_not_load"), detector) {
        (Some("present"), None, Some(_)) if has_wrong => {
            Verdict::warn("models", text("doctor-models-wrong", &args), remedy("models-remedy"))
        }
        (Some("present"), None, Some(_)) => Verdict::ok("models", text("doctor-models", &args)),
        (Some("present"), Some(_), _) => {
            Verdict::fail("models", text("doctor-models-load", &args), remedy("models-remedy"))
        }
        (Some("present"), None, None) => {
            Verdict::warn("models", text("doctor-no-detector", &args), remedy("models-remedy"))
        }
        _ => Verdict::warn("models", text("doctor-no-runtime", &args), remedy("models-remedy")),
    }
}

/// One line a plugin, then the sandbox that a worker got.
pub(super) fn plugins(
    source: &Source,
    say: &mut dyn FnMut(Verdict) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let folder = source.folder.as_path();
    let path = Arg::from(folder.display().to_string());
    let all = match items(source) {
        Ok(all) => all,
        Err(why) => {
            say(Verdict::warn("plugins", format!("{why:#}"), text("plugins-none-remedy", &[])))?;
            Vec::new()
        }
    };
    let served: Vec<&Item> = all.iter().filter(|item| item.state != State::Disabled).collect();
    if served.is_empty() && folder.is_dir() {
        let what = text("plugins-empty", &[("path", path)]);
        say(Verdict::warn("plugins", what, text("plugins-none-remedy", &[])))?;
    }
    let mut layers = Vec::new();
    let (began, left) = (Instant::now(), served.len());
    for (n, item) in served.into_iter().enumerate() {
        if n >= PLUGINS_MAX || began.elapsed() > PLUGINS_WAIT_MAX {
            let what = text("plugins-left", &[("count", Arg::from(left - n))]);
            say(Verdict::warn("plugins", what, text("plugins-left-remedy", &[])))?;
            break;
        }
        let mut worst: Option<Verdict> = None;
        let examined = examine(item, &mut |verdict| {
            // The sandbox has lines of its own; unsigned is a warning only where the configuration allows it.
            let counts = verdict.step != "sandbox" && verdict.step != "signature";
            if verdict.level == Level::Fail || (counts && verdict.level == Level::Warn && worst.is_none()) {
                worst = Some(verdict);
            }
            Ok(())
        })?;
        if layers.is_empty() {
            layers = examined.layers;
        }
        let of = |what: &str| format!("{}: {what}", item.name);
        say(match worst {
            None => {
                let m = item.manifest.as_ref();
                Verdict::ok("plugins", of(m.map(|m| m.version.as_str()).unwrap_or_default()))
            }
            Some(worst) => Verdict { step: "plugins", what: of(&worst.what), ..worst },
        })?;
    }
    if layers.is_empty() {
        return say(Verdict::warn("sandbox", text("sandbox-untried", &[]), text("plugins-none-remedy", &[])));
    }
    sandbox(&layers).into_iter().try_for_each(say)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn models_answers() {
        let check = |answer: Value, level| {
            assert_eq!(judge(Path::new("M"), &answer).level, level, "{answer}");
        };
        let fine = json!({"onnxruntime": "present", "detector": "a", "does_not_load": null, "models": []});
        let with = |key: &str, value: Value| {
            let mut changed = fine.clone();
            changed[key] = value;
            changed
        };
        check(fine.clone(), Level::Ok);
        check(with("models", json!([{"state": "wrong"}])), Level::Warn);
        check(with("detector", Value::Null), Level::Warn);
        check(with("onnxruntime", json!("absent")), Level::Warn);
        check(with("does_not_load", json!("glibc")), Level::Fail);
        check(Value::Null, Level::Warn);
    }
}
