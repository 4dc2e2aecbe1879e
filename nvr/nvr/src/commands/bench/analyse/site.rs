//! The configuration that is measured: cameras, and one rule of each plugin on each.
//!
//! Promises: pure; rules that a plugin accepts without knowing the scene.
//! Leaves to others: reading it (`nvr_base::config`).

use crate::commands::bench::rules::keys;
use nvr_base::rule::Situation;
use std::fmt::Write;
use std::path::Path;

/// Fake cameras of one process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stand {
    /// How many.
    pub(super) count: u32,
    /// Where.
    pub(super) port: u16,
}

/// What is configured.
#[derive(Debug)]
pub(super) struct Site<'a> {
    /// Of store and socket.
    pub(super) folder: &'a Path,
    /// Of plugins.
    pub(super) plugins: &'a Path,
    /// Of models.
    pub(super) models: &'a Path,
    /// Id of the detector; none: the best that is there.
    pub(super) detector: Option<&'a str>,
    /// Of each plugin.
    pub(super) situations: &'a [Situation],
    /// The cameras.
    pub(super) stands: &'a [Stand],
    /// Whether main streams are recorded beside the sub-streams.
    pub(super) records: bool,
}

impl Site<'_> {
    /// As `nvr.toml`.
    pub(super) fn to_toml(&self) -> String {
        // Rust's quotes are TOML's, but for what paths of tools do not hold.
        let path = |path: &Path| format!("{:?}", path.display().to_string());
        let mut toml = format!(
            "[storage]\npath = {}\nkeep_free_percent = 0\n[server]\nsocket = {}\n[site]\nregime = \"private-site\"\n\
             [plugins]\npath = {}\nallow_unsigned = true\n[models]\npath = {}\n",
            path(&self.folder.join("store")),
            path(&self.folder.join("nvr.sock")),
            path(self.plugins),
            path(self.models),
        );
        // Writing to a string does not fail.
        if let Some(detector) = self.detector {
            let _ = writeln!(toml, "detector = {detector:?}");
        }
        let ports = self.stands.iter().flat_map(|stand| (0..stand.count).map(|n| (n, stand.port)));
        for (camera, (number, port)) in ports.enumerate() {
            let url = format!("rtsp://127.0.0.1:{port}/cam{number}");
            let _ = writeln!(toml, "[[camera]]\nid = \"cam{camera}\"\nurl = \"{url}\"");
            if self.records {
                let _ = writeln!(toml, "sub_url = \"{url}/sub\"");
            }
            for situation in self.situations {
                let _ = write!(
                    toml,
                    "[[rule]]\nid = \"cam{camera}-{situation}\"\ncamera = \"cam{camera}\"\nsituation = \"{situation}\"\n{}",
                    keys(*situation)
                );
            }
        }
        toml
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_rule_a_plugin_and_camera() {
        let situations = [Situation::Counting, Situation::CameraTamper];
        let stands = [Stand { count: 1, port: 7 }, Stand { count: 1, port: 8 }];
        let site = Site {
            folder: Path::new("/t"),
            plugins: Path::new("/p"),
            models: Path::new("/m"),
            detector: Some("d"),
            situations: &situations,
            stands: &stands,
            records: true,
        };
        let expected = r#"[storage]
path = "/t/store"
keep_free_percent = 0
[server]
socket = "/t/nvr.sock"
[site]
regime = "private-site"
[plugins]
path = "/p"
allow_unsigned = true
[models]
path = "/m"
detector = "d"
[[camera]]
id = "cam0"
url = "rtsp://127.0.0.1:7/cam0"
sub_url = "rtsp://127.0.0.1:7/cam0/sub"
[[rule]]
id = "cam0-counting"
camera = "cam0"
situation = "counting"
line = [[0.0, 0.5], [1.0, 0.5]]
[[rule]]
id = "cam0-camera-tamper"
camera = "cam0"
situation = "camera-tamper"
[[camera]]
id = "cam1"
url = "rtsp://127.0.0.1:8/cam0"
sub_url = "rtsp://127.0.0.1:8/cam0/sub"
[[rule]]
id = "cam1-counting"
camera = "cam1"
situation = "counting"
line = [[0.0, 0.5], [1.0, 0.5]]
[[rule]]
id = "cam1-camera-tamper"
camera = "cam1"
situation = "camera-tamper"
"#;
        assert_eq!(site.to_toml(), expected);
        let bare = Site { detector: None, situations: &[], records: false, ..site };
        assert!(!bare.to_toml().contains("sub_url") && !bare.to_toml().contains("rule"));
    }
}
