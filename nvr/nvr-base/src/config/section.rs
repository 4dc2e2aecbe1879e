//! Reading one TOML table: typed values, each mistake reported with its place, unknown keys at the end.
//!
//! Promises: one finding a mistake; reading goes on after it; bounded findings.
//! Leaves to others: what the values mean (`storage`, `server`, `site`, `camera`).

use super::claim::{Claim, ClaimKind};
use super::finding::{FINDINGS_MAX, Finding, FindingId, Place, Severity, quote};
use super::line::LineIndex;
use super::suggest::nearest;
use crate::text::Arg;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What checking one text gathers.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    lines: LineIndex<'a>,
    findings: Vec<Finding>,
    cut: usize,
    /// Claims, in reading order.
    pub(crate) claims: Vec<Claim>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { lines: LineIndex::new(text), findings: Vec::new(), cut: 0, claims: Vec::new() }
    }

    /// Adds a finding at a byte offset.
    pub(crate) fn add(&mut self, at: usize, key: &str, id: FindingId, args: Vec<(&'static str, Arg)>) {
        let place = Some(self.lines.place(at));
        self.add_at(place, key, id, args);
    }

    /// Adds a finding at a place that was kept.
    pub(crate) fn add_at(
        &mut self,
        place: Option<Place>,
        key: &str,
        id: FindingId,
        args: Vec<(&'static str, Arg)>,
    ) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { file: PathBuf::new(), place, key: key.to_owned(), id, args });
        } else {
            self.cut += 1;
        }
    }

    /// Remembers a claim made at a byte offset.
    pub(crate) fn claim(&mut self, at: usize, key: &str, kind: ClaimKind) {
        self.claims.push(Claim { kind, key: key.to_owned(), place: Some(self.lines.place(at)) });
    }

    /// Line and column of a byte offset.
    pub(crate) fn place(&self, at: usize) -> Place {
        self.lines.place(at)
    }

    /// Line of a byte offset.
    pub(crate) fn line(&self, at: usize) -> i64 {
        i64::from(self.lines.place(at).line)
    }

    /// Is there an error so far?
    pub(crate) fn has_errors(&self) -> bool {
        self.cut > 0 || self.findings.iter().any(|f| f.severity() == Severity::Error)
    }

    /// The findings in the file's order, and the claims.
    pub(crate) fn finish(mut self) -> (Vec<Finding>, Vec<Claim>) {
        self.findings.sort_by_key(|f| f.place);
        if self.cut > 0 {
            self.findings.push(Finding {
                file: PathBuf::new(),
                place: None,
                key: String::new(),
                id: FindingId::TooManyFindings,
                args: vec![("count", Arg::from(self.cut))],
            });
        }
        (self.findings, self.claims)
    }
}

/// A value and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'a> {
    /// Path of the key.
    pub(crate) key: String,
    /// Offset of the value.
    pub(crate) at: usize,
    /// The value.
    pub(crate) value: &'a DeValue<'a>,
}

/// A text value and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Text<'a> {
    /// Path of the key.
    pub(crate) key: String,
    /// Offset of the value.
    pub(crate) at: usize,
    /// The value.
    pub(crate) text: &'a str,
}

/// Name of a value's type, as the texts know it.
fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        DeValue::Datetime(_) => "date",
        DeValue::Array(_) => "list",
        DeValue::Table(_) => "table",
    }
}

impl<'a> Entry<'a> {
    /// Reports that this value has the wrong type.
    pub(crate) fn wrong_type(&self, report: &mut Report<'_>, expected: &'static str) {
        let args = vec![("expected", Arg::from(expected)), ("found", Arg::from(type_of(self.value)))];
        report.add(self.at, &self.key, FindingId::WrongType, args);
    }

    /// The value as a text of 1 to `chars_max` characters.
    pub(crate) fn text(self, report: &mut Report<'_>, chars_max: usize) -> Option<Text<'a>> {
        let DeValue::String(text) = self.value else {
            self.wrong_type(report, "text");
            return None;
        };
        let length = text.chars().count();
        if text.trim().is_empty() {
            report.add(self.at, &self.key, FindingId::EmptyText, vec![]);
            return None;
        }
        if length > chars_max {
            let args = vec![("length", Arg::from(length)), ("max", Arg::from(chars_max))];
            report.add(self.at, &self.key, FindingId::TextTooLong, args);
            return None;
        }
        Some(Text { key: self.key, at: self.at, text })
    }

    /// The value as a list of at most `entries_max`.
    pub(crate) fn list(self, report: &mut Report<'_>, entries_max: usize) -> Option<Vec<Entry<'a>>> {
        let DeValue::Array(array) = self.value else {
            self.wrong_type(report, "list");
            return None;
        };
        if array.len() > entries_max {
            let args = vec![("count", Arg::from(array.len())), ("max", Arg::from(entries_max))];
            report.add(self.at, &self.key, FindingId::TooManyEntries, args);
            return None;
        }
        let key = &self.key;
        Some(
            array
                .iter()
                .map(|v| Entry { key: key.clone(), at: v.span().start, value: v.get_ref() })
                .collect(),
        )
    }
}

/// One table while it is read.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    /// Path of its key; empty for the file.
    pub(crate) path: String,
    /// Offset of the table.
    pub(crate) at: usize,
    table: Option<&'a DeTable<'a>>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// A table at `path`.
    pub(crate) fn new(path: String, span: Range<usize>, table: &'a DeTable<'a>) -> Self {
        Self { path, at: span.start, table: Some(table), known: Vec::new() }
    }

    /// The path of `key` in this table.
    pub(crate) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Offset of the key `key`, or of the table when it is absent.
    pub(crate) fn key_at(&self, key: &str) -> usize {
        self.pair(key).map_or(self.at, |(k, _)| k.span().start)
    }

    fn pair(&self, key: &str) -> Option<(&'a Spanned<std::borrow::Cow<'a, str>>, &'a Spanned<DeValue<'a>>)> {
        self.table?.iter().find(|(k, _)| k.get_ref() == key)
    }

    /// Is `key` there? Does not make it a known one.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.pair(key).is_some()
    }

    /// The value of `key`, which is a known one from now on.
    pub(crate) fn entry(&mut self, key: &'static str) -> Option<Entry<'a>> {
        self.known.push(key);
        let (_, value) = self.pair(key)?;
        Some(Entry { key: self.key(key), at: value.span().start, value: value.get_ref() })
    }

    /// Reports that `key` must be there.
    pub(crate) fn missing(&self, report: &mut Report<'_>, key: &'static str) {
        report.add(self.at, &self.key(key), FindingId::MissingKey, vec![("name", Arg::from(key))]);
    }

    /// A text.
    pub(crate) fn text(
        &mut self,
        report: &mut Report<'_>,
        key: &'static str,
        chars_max: usize,
    ) -> Option<Text<'a>> {
        self.entry(key)?.text(report, chars_max)
    }

    /// An integer within limits.
    pub(crate) fn integer(
        &mut self,
        report: &mut Report<'_>,
        key: &'static str,
        limits: RangeInclusive<i64>,
    ) -> Option<i64> {
        let entry = self.entry(key)?;
        let DeValue::Integer(integer) = entry.value else {
            entry.wrong_type(report, "integer");
            return None;
        };
        // What does not fit into 64 bits is out of range too.
        let value =
            i64::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|v| limits.contains(v));
        if value.is_none() {
            let args = vec![
                ("value", quote(integer.as_str())),
                ("min", Arg::from(*limits.start())),
                ("max", Arg::from(*limits.end())),
            ];
            report.add(entry.at, &entry.key, FindingId::OutOfRange, args);
        }
        value
    }

    /// A finite number within limits; a whole one will do.
    pub(crate) fn number(
        &mut self,
        report: &mut Report<'_>,
        key: &'static str,
        limits: RangeInclusive<f64>,
    ) -> Option<f64> {
        let entry = self.entry(key)?;
        let (value, shown) = match entry.value {
            DeValue::Integer(n) => {
                (i64::from_str_radix(n.as_str(), n.radix()).ok().map(|n| n as f64), n.as_str())
            }
            DeValue::Float(n) => (n.as_str().parse().ok(), n.as_str()),
            _ => {
                entry.wrong_type(report, "number");
                return None;
            }
        };
        let value = value.filter(|v| limits.contains(v));
        if value.is_none() {
            let limit = |n: &f64| Arg::from(n.to_string());
            let args =
                vec![("value", quote(shown)), ("min", limit(limits.start())), ("max", limit(limits.end()))];
            report.add(entry.at, &entry.key, FindingId::OutOfRange, args);
        }
        value
    }

    /// The keys that are none of `known`, with their offsets and values.
    pub(crate) fn unknown<'k>(
        &self,
        known: &'k [&'static str],
    ) -> impl Iterator<Item = (&'a str, usize, &'a DeValue<'a>)> + use<'a, 'k> {
        let pairs = self.table.into_iter().flatten();
        let found = pairs.map(|(k, v)| (k.get_ref().as_ref(), k.span().start, v.get_ref()));
        found.filter(move |(name, ..)| !known.contains(name))
    }

    /// An integer within limits, as `u32`.
    pub(crate) fn count(
        &mut self,
        report: &mut Report<'_>,
        key: &'static str,
        limits: RangeInclusive<u32>,
    ) -> Option<u32> {
        let limits = i64::from(*limits.start())..=i64::from(*limits.end());
        self.integer(report, key, limits).and_then(|v| u32::try_from(v).ok())
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, report: &mut Report<'_>, key: &'static str) -> Option<bool> {
        let entry = self.entry(key)?;
        match entry.value {
            DeValue::Boolean(value) => Some(*value),
            _ => {
                entry.wrong_type(report, "boolean");
                None
            }
        }
    }

    /// One of a closed list of words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        report: &mut Report<'_>,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let text = self.text(report, key, usize::MAX)?;
        let found = choices.iter().find(|(name, _)| *name == text.text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let args = vec![
                ("value", quote(text.text)),
                ("choices", Arg::from(names.join(", "))),
                ("suggestion", Arg::from(nearest(text.text, &names).unwrap_or("none"))),
            ];
            report.add(text.at, &text.key, FindingId::NotAChoice, args);
        }
        found
    }

    /// A table inside this one; an empty one when it is absent or no table.
    pub(crate) fn section(&mut self, report: &mut Report<'_>, key: &'static str) -> Section<'a> {
        let path = self.key(key);
        let at = self.key_at(key);
        let table = match self.entry(key) {
            Some(Entry { value: DeValue::Table(table), .. }) => Some(table),
            Some(entry) => {
                entry.wrong_type(report, "table");
                None
            }
            None => None,
        };
        Section { path, at, table, known: Vec::new() }
    }

    /// Reports every key that nobody asked for. `report_as` may name a finding of its own for some keys.
    pub(crate) fn finish(self, report: &mut Report<'_>, report_as: impl Fn(&str) -> Option<FindingId>) {
        for (key, _) in self.table.into_iter().flatten() {
            let (name, at) = (key.get_ref().as_ref(), key.span().start);
            if self.known.contains(&name) {
                continue;
            }
            let suggestion = nearest(name, &self.known).unwrap_or("none");
            let args = vec![
                ("name", quote(name)),
                ("suggestion", Arg::from(suggestion)),
                ("known", Arg::from(self.known.join(", "))),
            ];
            let id = report_as(name).unwrap_or(FindingId::UnknownKey);
            report.add(at, &self.key(&shortened(name)), id, args);
        }
    }
}

/// A key of the file as part of a path: bounded and printable.
fn shortened(name: &str) -> String {
    crate::text::printable(&name.chars().take(super::finding::QUOTE_CHARS_MAX).collect::<String>())
}
