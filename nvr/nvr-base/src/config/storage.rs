//! `[storage]`: where footage goes, how long it stays, how much room it may take.
//!
//! Promises: at least one path; days above the legal maximum only with a stated basis.
//! Leaves to others: retention itself (`nvr-store`), looking at the folders (`files`).

use super::claim::ClaimKind;
use super::finding::{FindingId, quote};
use super::section::{Report, Section, Text};
use crate::text::Arg;
use std::path::{Path, PathBuf};
use toml::de::DeValue;

/// Days kept by default: the legal maximum for public places in France (Code de la sécurité intérieure, L252-5).
pub const KEEP_DAYS_DEFAULT: u32 = 30;

/// Most days, with whatever basis: ten years.
pub const KEEP_DAYS_MAX: u32 = 3650;

/// Share of a disk that stays free by default, percent.
pub const KEEP_FREE_PERCENT_DEFAULT: u32 = 5;

/// Most storage paths.
pub const STORAGE_PATHS_MAX: usize = 16;

/// Longest path, in characters.
pub(crate) const PATH_CHARS_MAX: usize = 1024;

/// Longest legal basis, in characters.
pub(crate) const BASIS_CHARS_MAX: usize = 500;

/// `[storage]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Folders, one per disk; the first also holds the index and the journal.
    pub paths: Vec<PathBuf>,
    /// Days main streams are kept.
    pub keep_days: u32,
    /// Days sub-streams are kept.
    pub sub_keep_days: u32,
    /// Percent of each disk that stays free.
    pub keep_free_percent: u32,
    /// Most bytes of footage, over all paths.
    pub max_bytes: Option<u64>,
    /// Why footage may be kept longer than [`KEEP_DAYS_DEFAULT`].
    pub legal_basis: Option<String>,
}

impl Storage {
    /// Reads `[storage]`. What is missing or wrong is reported and replaced by its default.
    pub(crate) fn read(mut section: Section<'_>, report: &mut Report<'_>) -> Self {
        let paths = read_paths(&mut section, report);
        let legal_basis = section
            .text(report, "legal_basis", BASIS_CHARS_MAX)
            .map(|basis| crate::text::printable(basis.text));
        let keep = keep_days(&mut section, report, "keep_days", legal_basis.is_some());
        let sub_keep = keep_days(&mut section, report, "sub_keep_days", legal_basis.is_some());
        let keep_days = keep.unwrap_or(KEEP_DAYS_DEFAULT);
        let storage = Self {
            paths,
            keep_days,
            sub_keep_days: sub_keep.unwrap_or(keep_days),
            keep_free_percent: section
                .count(report, "keep_free_percent", 0..=90)
                .unwrap_or(KEEP_FREE_PERCENT_DEFAULT),
            max_bytes: read_size(&mut section, report),
            legal_basis,
        };
        section.finish(report, |_| None);
        storage
    }
}

/// A number of days; above the legal maximum it needs a basis, which stands in `[storage]`.
pub(crate) fn keep_days(
    section: &mut Section<'_>,
    report: &mut Report<'_>,
    key: &'static str,
    has_basis: bool,
) -> Option<u32> {
    let days = section.count(report, key, 1..=KEEP_DAYS_MAX)?;
    if days > KEEP_DAYS_DEFAULT && !has_basis {
        let at = section.entry(key).map_or(section.at, |e| e.at);
        let args = vec![("days", Arg::from(days)), ("max", Arg::from(KEEP_DAYS_DEFAULT))];
        report.add(at, &section.key(key), FindingId::KeepNeedsBasis, args);
    }
    Some(days)
}

fn read_paths(section: &mut Section<'_>, report: &mut Report<'_>) -> Vec<PathBuf> {
    let mut texts: Vec<Text<'_>> = Vec::new();
    let many = section.has("paths");
    match section.entry("path") {
        Some(entry) if many => {
            let args = vec![("one", Arg::from("path")), ("other", Arg::from("paths"))];
            report.add(entry.at, &entry.key, FindingId::ExclusiveKeys, args);
        }
        Some(entry) => texts.extend(entry.text(report, PATH_CHARS_MAX)),
        None if !many => section.missing(report, "path"),
        None => {}
    }
    if let Some(entry) = section.entry("paths") {
        let (at, key) = (entry.at, entry.key.clone());
        let entries = entry.list(report, STORAGE_PATHS_MAX);
        if entries.as_ref().is_some_and(Vec::is_empty) {
            report.add(at, &key, FindingId::EmptyText, vec![]);
        }
        texts.extend(entries.into_iter().flatten().filter_map(|e| e.text(report, PATH_CHARS_MAX)));
    }
    let mut paths: Vec<PathBuf> = Vec::new();
    for text in texts {
        // `components` drops `.` and doubled or trailing slashes, so that spelling does not hide an overlap.
        let path: PathBuf = Path::new(text.text).components().collect();
        if let Some(other) = paths.iter().find(|p| p.starts_with(&path) || path.starts_with(p)) {
            let args = vec![("path", quote(text.text)), ("other", quote(&other.to_string_lossy()))];
            report.add(text.at, &text.key, FindingId::StorageOverlap, args);
            continue;
        }
        report.claim(text.at, &text.key, ClaimKind::Storage(path.clone()));
        paths.push(path);
    }
    paths
}

fn read_size(section: &mut Section<'_>, report: &mut Report<'_>) -> Option<u64> {
    let entry = section.entry("max_bytes")?;
    let (size, shown) = match entry.value {
        DeValue::Integer(n) => (u64::from_str_radix(n.as_str(), n.radix()).ok(), n.as_str().to_owned()),
        DeValue::String(text) => (parse_size(text), text.to_string()),
        _ => {
            entry.wrong_type(report, "size");
            return None;
        }
    };
    let size = size.filter(|bytes| *bytes > 0);
    if size.is_none() {
        report.add(entry.at, &entry.key, FindingId::BadSize, vec![("value", quote(&shown))]);
    }
    size
}

/// `500 GB`, `1.5 TB`, `512 MiB`, `1000000`: bytes, rounded down.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split)?;
    let (k, ki) = (1000_u64, 1024_u64);
    let scale = match unit.trim() {
        "" | "B" => 1,
        "kB" | "KB" => k,
        "MB" => k.pow(2),
        "GB" => k.pow(3),
        "TB" => k.pow(4),
        "KiB" => ki,
        "MiB" => ki.pow(2),
        "GiB" => ki.pow(3),
        "TiB" => ki.pow(4),
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(scale);
    }
    let bytes = number.parse::<f64>().ok()? * scale as f64;
    (bytes.is_finite() && bytes < u64::MAX as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("500 GB", Some(500_000_000_000)),
            ("1.5TB", Some(1_500_000_000_000)),
            ("512 MiB", Some(536_870_912)),
            ("1000", Some(1000)),
            ("1 gb", None),
            ("GB", None),
            ("", None),
            ("-1 GB", None),
            ("1.2.3 GB", None),
            ("99999999999999999999 TB", None),
            ("18446744073709551615 kB", None),
            ("1e9", None),
        ] {
            assert_eq!(parse_size(text), expected, "{text}");
        }
    }
}
