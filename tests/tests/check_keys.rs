//! `nvr check` and the keys of a rule that belong to its plugin.
//!
//! Promises: what the plugin's schema does not take is an error with line, key and remedy; a plugin that is not there, or
//!   crashes when it is loaded, is a warning, and `nvr check` outlives it. Leaves to others: every kind of mistake
//!   (`nvr_plugins::rule_schema`), what the recorder does with such a rule (`nvr_plugins::service`).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

use nvr_tests::plugins::{build, copy, packed, zoo_manifest};
use nvr_tests::recorder::Recorder;
use serde_json::Value;
use std::path::Path;

/// A configuration with one rule of `keys`; severity, id and key of each finding about the rule, with the text of its line.
fn check(plugins: &Path, keys: &str, expected: &[(&str, &str, &str, &str)]) {
    let recorder = Recorder::new(&[]);
    let text = format!(
        "[site]\nregime = \"private-site\"\n[plugins]\npath = \"{}\"\nallow_unsigned = true\n\
         [[camera]]\nid = \"gate\"\nurl = \"rtsp://192.0.2.1/m\"\n\
         [[rule]]\nid = \"a\"\ncamera = \"gate\"\nsituation = \"zone-entry\"\n{keys}",
        plugins.display()
    );
    recorder.configure(&recorder.storage(), &text);
    let out = recorder.json(&["check"]);
    let file = std::fs::read_to_string(recorder.config()).unwrap();
    let text_of = |f: &Value| f["line"].as_u64().and_then(|n| file.lines().nth(n as usize - 1)).unwrap_or("");
    let of = |f: &Value, name: &str| f[name].as_str().unwrap_or_default().to_owned();
    let all = out["findings"].as_array().unwrap();
    let about_rule = all.iter().filter(|f| of(f, "key").starts_with("rule["));
    let found: Vec<_> = about_rule
        .map(|f| {
            assert!(!of(f, "remedy").is_empty(), "{f}");
            (of(f, "severity"), of(f, "id"), of(f, "key"), text_of(f).to_owned())
        })
        .collect();
    let found: Vec<_> =
        found.iter().map(|(s, i, k, t)| (s.as_str(), i.as_str(), k.as_str(), t.as_str())).collect();
    assert_eq!(found, expected, "{keys}\n{out:#}");
    let is_ok = expected.iter().all(|(severity, ..)| *severity != "error");
    assert_eq!(out["ok"], is_ok, "{out:#}");
}

#[test]
fn keys_of_a_plugin_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    check(&plugins, "most = 0\n", &[("warning", "plugin-missing", "rule[a].situation", "[[rule]]")]);

    copy(&packed(folder.path(), "keys", 1), &plugins);
    check(&plugins, "most = 3\nshare = 0.5\nmode = \"far\"\n", &[]);
    check(
        &plugins,
        "mots = 3\nshare = 0.9\nmode = 1\n",
        &[
            ("error", "missing-key", "rule[a].most", "[[rule]]"),
            ("error", "unknown-key", "rule[a].mots", "mots = 3"),
            ("error", "out-of-limits", "rule[a].share", "share = 0.9"),
            ("error", "not-a-choice", "rule[a].mode", "mode = 1"),
        ],
    );

    // One that may not even be loaded, in the place of the good one.
    std::fs::remove_dir_all(&plugins).unwrap();
    std::fs::create_dir(&plugins).unwrap();
    let library = plugins.join("libbad.so");
    build("nvr/nvr-worker/tests/zoo/socket_load.c", &[], &library);
    std::fs::write(plugins.join("bad.toml"), zoo_manifest("zone-entry", "\"tracks\"", &library)).unwrap();
    check(&plugins, "mots = 3\n", &[("warning", "plugin-not-started", "rule[a].situation", "[[rule]]")]);
}
