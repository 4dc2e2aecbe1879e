//! What a changed configuration means for a running recorder.
//!
//! Promises: pure; a stream is restarted only when its own session or format changes; streams are taken
//! away before others come, so that a camera never has more sessions than before.
//! Leaves to others: doing it (`nvr serve`), refusing a configuration with errors ([`super::parse_text`]).

use super::{Config, StreamConfig};
use crate::geometry::Polygon;
use crate::ground::Ground;
use crate::{CameraId, Rule, StreamId};
use std::collections::BTreeMap;

/// One step from the old configuration to the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// End this stream's session; its footage stays.
    Remove(StreamId),
    /// End this stream's session and start it again.
    Restart {
        /// Which.
        stream: StreamId,
        /// Keys that changed.
        keys: Vec<&'static str>,
    },
    /// Start this stream.
    Add(StreamId),
    /// What the analysis has to look for differs: rules, masks, what rules are armed by. No stream is touched.
    Rules,
    /// The folder of plugins, or whose plugins may run, differs.
    Plugins,
    /// The folder of models, or the detector, differs.
    Models,
    /// A setting that takes effect without ending anything.
    Apply {
        /// Path of its key.
        key: String,
    },
    /// A setting that takes effect when the recorder is started again; until then the old one holds.
    DaemonRestart {
        /// Path of its key.
        key: String,
    },
}

/// The steps from `old` to `new`: removals, restarts, additions, settings.
pub fn plan(old: &Config, new: &Config) -> Vec<Change> {
    let old_streams: BTreeMap<StreamId, StreamConfig> =
        old.streams().into_iter().map(|s| (s.id.clone(), s)).collect();
    let new_streams: BTreeMap<StreamId, StreamConfig> =
        new.streams().into_iter().map(|s| (s.id.clone(), s)).collect();

    let removed = old_streams.keys().filter(|id| !new_streams.contains_key(*id)).cloned().map(Change::Remove);
    let restarted = new_streams.values().filter_map(|after| {
        let keys = session_keys(old_streams.get(&after.id)?, after);
        (!keys.is_empty()).then(|| Change::Restart { stream: after.id.clone(), keys })
    });
    let added = new_streams.keys().filter(|id| !old_streams.contains_key(*id)).cloned().map(Change::Add);

    let mut changes: Vec<Change> = removed.chain(restarted).chain(added).collect();
    changes.extend(applied(old, new).into_iter().map(|key| Change::Apply { key }));
    let rules = rules_of(old) != rules_of(new)
        || old.site.regime != new.site.regime
        || old.site.timezone != new.site.timezone;
    let sets = [
        (Change::Rules, rules),
        (Change::Plugins, old.plugins != new.plugins),
        (Change::Models, old.models != new.models),
    ];
    changes.extend(sets.into_iter().filter(|(_, differs)| *differs).map(|(change, _)| change));
    let (a, b) = (old, new);
    let fixed = [
        ("storage.paths", a.storage.paths != b.storage.paths),
        ("server.socket", a.server.socket != b.server.socket),
    ];
    changes.extend(changed(&fixed).map(|key| Change::DaemonRestart { key: key.to_owned() }));
    changes
}

/// Masks and calibration of a camera.
type Looks<'a> = (&'a [Polygon], Option<&'a Ground>);

/// What the analysis is ordered, wherever it stands in the file.
fn rules_of(config: &Config) -> (Vec<Rule>, BTreeMap<&CameraId, Looks<'_>>) {
    let plain = |rule: &Rule| Rule { place: None, extra_places: BTreeMap::new(), ..rule.clone() };
    let looks = config.cameras.iter().map(|c| (&c.id, (c.masks.as_slice(), c.ground.as_ref())));
    // A camera that only one of the two has counts by its rules and streams.
    let says_something = |(_, (masks, ground)): &(_, Looks<'_>)| !masks.is_empty() || ground.is_some();
    (config.rules.iter().map(plain).collect(), looks.filter(says_something).collect())
}

/// Keys of a stream that its session depends on and that differ.
fn session_keys(old: &StreamConfig, new: &StreamConfig) -> Vec<&'static str> {
    changed(&[
        ("url", old.address != new.address),
        ("password", old.password != new.password),
        ("transport", old.transport != new.transport),
        ("audio", old.audio != new.audio),
        ("v4l2", old.v4l2 != new.v4l2),
    ])
    .collect()
}

/// Paths of keys that differ and take effect at once.
fn applied(old: &Config, new: &Config) -> Vec<String> {
    let (a, b) = (&old.storage, &new.storage);
    let storage = [
        ("storage.keep_days", a.keep_days != b.keep_days),
        ("storage.sub_keep_days", a.sub_keep_days != b.sub_keep_days),
        ("storage.keep_free_percent", a.keep_free_percent != b.keep_free_percent),
        ("storage.max_bytes", a.max_bytes != b.max_bytes),
        ("storage.legal_basis", a.legal_basis != b.legal_basis),
        ("server.roles", old.server.roles != new.server.roles),
        ("site.name", old.site.name != new.site.name),
        ("site.regime", old.site.regime != new.site.regime),
        ("site.timezone", old.site.timezone != new.site.timezone),
    ];
    let mut keys: Vec<String> = changed(&storage).map(str::to_owned).collect();
    for camera in &new.cameras {
        let Some(before) = old.camera(&camera.id) else { continue };
        let own = [
            ("name", before.name != camera.name),
            ("legal_basis", before.legal_basis != camera.legal_basis),
            ("keep_days", before.keep_days != camera.keep_days),
            ("sub_keep_days", before.sub_keep_days != camera.sub_keep_days),
            ("masks", before.masks != camera.masks),
            ("ground", before.ground != camera.ground),
        ];
        keys.extend(changed(&own).map(|key| format!("camera[{}].{key}", camera.id)));
    }
    keys
}

fn changed<'a>(keys: &'a [(&'static str, bool)]) -> impl Iterator<Item = &'static str> + 'a {
    keys.iter().filter(|(_, differs)| *differs).map(|(key, _)| *key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_text;

    const BASE: &str = r#"
[storage]
path = "/a"
[[camera]]
id = "gate"
url = "rtsp://10.0.0.1/main"
sub_url = "rtsp://10.0.0.1/sub"
[[camera]]
id = "yard"
url = "rtsp://10.0.0.2/main"
"#;

    fn config(text: &str) -> Config {
        let (config, findings) = parse_text(text);
        config.unwrap_or_else(|| panic!("{findings:?}\n{text}"))
    }

    /// `edits` are replacements in the base configuration.
    fn check(edits: &[(&str, &str)], expected: &[&str]) {
        let text = edits.iter().fold(BASE.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let got: Vec<String> = plan(&config(BASE), &config(&text))
            .iter()
            .map(|change| match change {
                Change::Remove(id) => format!("remove {id}"),
                Change::Restart { stream, keys } => format!("restart {stream} {}", keys.join(",")),
                Change::Add(id) => format!("add {id}"),
                Change::Rules => "rules".to_owned(),
                Change::Plugins => "plugins".to_owned(),
                Change::Models => "models".to_owned(),
                Change::Apply { key } => format!("apply {key}"),
                Change::DaemonRestart { key } => format!("daemon {key}"),
            })
            .collect();
        assert_eq!(got, expected, "{edits:?}");
    }

    #[test]
    fn plans() {
        check(&[], &[]);
        check(&[("[storage]", "# a comment\n[storage]")], &[]);
        check(&[("10.0.0.2/main", "10.0.0.2/other")], &["restart yard/main url"]);
        check(&[("id = \"gate\"", "id = \"gate\"\nname = \"Gate\"")], &["apply camera[gate].name"]);
        check(
            &[("id = \"gate\"", "id = \"gate\"\ntransport = \"udp\"")],
            &["restart gate/main transport", "restart gate/sub transport"],
        );
        check(
            &[("id = \"gate\"", "id = \"gate\"\naudio = true\nlegal_basis = \"contract\"")],
            &["restart gate/main audio", "apply camera[gate].legal_basis"],
        );
        check(&[("sub_url = \"rtsp://10.0.0.1/sub\"\n", "")], &["remove gate/sub"]);
        check(&[("id = \"yard\"", "id = \"yard\"\nrecord = false")], &["remove yard/main"]);
        check(&[("id = \"yard\"", "id = \"quay\"")], &["remove yard/main", "add quay/main"]);
        check(
            &[("10.0.0.2/main\"", "10.0.0.2/main\"\nsub_url = \"rtsp://10.0.0.2/sub\"")],
            &["add yard/sub"],
        );
        check(
            &[("\"/a\"", "\"/a\"\nkeep_days = 7")],
            &["apply storage.keep_days", "apply storage.sub_keep_days"],
        );
        let rule = "[[rule]]\nid = \"r\"\nsituation = \"fire\"\ncamera = \"gate\"\n[storage]";
        check(&[("[storage]", rule)], &["rules"]);
        let mask = "id = \"gate\"\nmasks = [[[0,0],[1,0],[1,1]]]";
        check(&[("id = \"gate\"", mask)], &["apply camera[gate].masks", "rules"]);
        let ground = "id = \"gate\"\nground_heights = [[0.5,0.8,0.5,1.8],[0.5,0.5,0.38,1.8]]";
        check(&[("id = \"gate\"", ground)], &["apply camera[gate].ground", "rules"]);
        let regime = "[site]\nregime = \"private-site\"\n[storage]";
        check(&[("[storage]", regime)], &["apply site.regime", "rules"]);
        check(&[("[storage]", "[plugins]\nallow_unsigned = true\n[storage]")], &["plugins"]);
        check(&[("[storage]", "[models]\npath = \"/m\"\n[storage]")], &["models"]);
        check(&[("\"/a\"", "\"/b\"")], &["daemon storage.paths", "daemon server.socket"]);
        check(&[("[storage]", "[server.roles]\nviewer = [\"anna\"]\n[storage]")], &["apply server.roles"]);
    }
}
