//! From text to configuration, or to everything that is wrong with the text.
//!
//! Promises: pure, bounded, no panic on any input; findings in the file's order; a configuration only when
//! there is no error.
//! Leaves to others: files and devices (`files`), values of one section (`storage`, `server`, `site`, `camera`,
//! `plugins`, `rules`).

use super::camera::Camera;
use super::claim::Claim;
use super::cross;
use super::finding::{Finding, FindingId};
use super::plugins::{Models, Plugins};
use super::rules::{self, read_rules};
use super::section::{Entry, Report, Section};
use super::server::Server;
use super::site::Site;
use super::storage::Storage;
use super::{CAMERAS_MAX, CONFIG_BYTES_MAX, Config};
use crate::text::Arg;
use std::path::PathBuf;
use toml::de::{DeTable, DeValue};

/// Sections that the design has and this version does not.
const LATER: [&str; 9] =
    ["api", "http", "mqtt", "metrics", "alerts", "authorisation", "perception", "console", "ledger"];

/// What reading gives: the claims also when there is no configuration.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) config: Option<Config>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) claims: Vec<Claim>,
}

/// Reads a configuration, without looking at any file. There is one exactly when no finding is an error.
pub fn parse_text(text: &str) -> (Option<Config>, Vec<Finding>) {
    let read = read(text);
    (read.config, read.findings)
}

pub(crate) fn read(text: &str) -> Read {
    let mut report = Report::new(text);
    if text.len() as u64 > CONFIG_BYTES_MAX {
        let args = vec![("bytes", Arg::from(text.len())), ("max", Arg::from(CONFIG_BYTES_MAX))];
        report.add(0, "", FindingId::FileTooBig, args);
        let (findings, claims) = report.finish();
        return Read { config: None, findings, claims };
    }
    // Editors of other systems put this mark at the start.
    let shift = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let (root, errors) = DeTable::parse_recoverable(text.get(shift..).unwrap_or_default());
    for error in errors {
        // Only the parser's own words: its `Display` quotes the line, which may hold a password.
        let detail = Arg::from(error.message().lines().next().unwrap_or_default());
        report.add(error.span().map_or(0, |s| s.start), "", FindingId::Syntax, vec![("detail", detail)]);
    }
    let config = read_root(Section::new(String::new(), root.span(), root.get_ref()), &mut report);
    let complete = !report.has_errors();
    let (findings, claims) = report.finish();
    let config = config.filter(|_| complete).map(|c| Config { claims: claims.clone(), ..c });
    Read { config, findings, claims }
}

fn read_root(mut root: Section<'_>, report: &mut Report<'_>) -> Option<Config> {
    let storage = Storage::read(root.section(report, "storage"), report);
    let server = Server::read(root.section(report, "server"), report, &storage);
    let site = Site::read(root.section(report, "site"), report);
    let plugins = Plugins::read(root.section(report, "plugins"), report);
    let models = Models::read(root.section(report, "models"), report);
    let long_storage = storage.legal_basis.is_some();

    let entries = root.entry("camera");
    let listed = entries.is_some();
    let entries = entries.and_then(|entry| entry.list(report, CAMERAS_MAX)).unwrap_or_default();
    if !listed {
        report.add(0, "camera", FindingId::NoCamera, vec![]);
    }
    let mut cameras = Vec::new();
    let mut sketches = Vec::new();
    for (i, entry) in entries.into_iter().enumerate() {
        let Entry { value: DeValue::Table(table), at, .. } = entry else {
            entry.wrong_type(report, "table");
            continue;
        };
        let section = Section::new(format!("camera[#{}]", i + 1), at..at, table);
        let (sketch, camera) = Camera::read(section, report, long_storage);
        sketches.push(sketch);
        cameras.extend(camera);
    }
    cross::check(&sketches, report);
    let rules = read_rules(&mut root, report, true);
    rules::check_armed(&rules, &site, cross::Cameras { read: &cameras, sketches: &sketches }, report);
    root.finish(report, |key| LATER.contains(&key).then_some(FindingId::LaterSection));
    let file = PathBuf::new();
    Some(Config { file, storage, server, site, plugins, models, cameras, rules, claims: Vec::new() })
}
