//! The manifest beside a plugin's library: who made it, what it looks for, what it needs, and the library's hash.
//!
//! Promises: [`Manifest::parse`] returns a manifest whose every word is on a closed list, or the sentence why not; one
//!   that asks for faces, biometrics, emotions or re-identification is refused whatever else it says.
//! Leaves to others: whether the hash is right (`staging`), whether the descriptor agrees (`worker`).

use crate::vocabulary;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest manifest, in bytes.
pub const MANIFEST_LEN_MAX: usize = 64 * 1024;
/// Longest text in a manifest, in bytes.
pub const TEXT_LEN_MAX: usize = 256;
/// Most entries of a list.
pub const LIST_LEN_MAX: usize = 32;
/// The ABI's major version this host speaks.
pub const ABI_MAJOR: u16 = 0;

/// Under which law a plugin may be armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    /// One of the eight situations of decree 2023-828.
    EventEight,
    /// Counts only, nothing about one person.
    Statistics,
    /// Not in a public place: the narrowest.
    #[default]
    PrivateSite,
}

/// SHA-256 of a library, in the manifest as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// From its 64 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok().map(|()| Self(bytes))
    }

    /// The first 12 digits, for names and sentences.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({})", self.short())
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.to_string())
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("sha256 is not 64 hexadecimal digits"))
    }
}

/// What `NAME.toml` says of `libNAME.so`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The plugin's id, which rules name as their situation: lower case, digits and dashes.
    pub id: String,
    /// The plugin's own version.
    pub version: String,
    /// The ABI it was built for, `major.minor`.
    pub abi: String,
    /// One of [`vocabulary::SITUATIONS`].
    pub situation: String,
    /// What it asks of the host: `tracks`, `frames-gray`, `frames-rgb`, `history`, `inference:MODEL`.
    #[serde(default)]
    pub needs: Vec<String>,
    /// The only event types it may emit; empty for a plugin that counts alone.
    #[serde(default)]
    pub event_types: Vec<String>,
    /// Under which law it may be armed.
    pub regime: Regime,
    /// SHA-256 of the library.
    pub sha256: Hash,
    /// Who answers for it.
    #[serde(default)]
    pub author: String,
}

/// Why a manifest is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Too long to be read.
    #[error("the manifest is longer than {MANIFEST_LEN_MAX} bytes")]
    Long,
    /// Not TOML, a key is missing, unknown or of the wrong type.
    #[error("the manifest cannot be read: {0}")]
    Format(String),
    /// It asks for what no plugin may have.
    #[error(
        "`{key}` asks for `{word}`: faces, biometrics, emotions and re-identification are refused, whoever signs"
    )]
    Forbidden {
        /// In which key.
        key: &'static str,
        /// The word found.
        word: &'static str,
    },
    /// A value that is on no closed list, or beyond a limit.
    #[error("`{key}`: {why}")]
    Value {
        /// In which key.
        key: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// The first thing that is wrong; what is forbidden comes before what is merely unknown.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        if text.len() > MANIFEST_LEN_MAX {
            return Err(ManifestError::Long);
        }
        let manifest: Self = toml::from_str(text).map_err(|e| {
            // One line: the place is in toml's drawing, the sentence is what people need.
            ManifestError::Format(nvr_base::media_protocol::bounded_text(e.message()))
        })?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The text to put beside the library.
    ///
    /// # Errors
    /// The manifest is one that [`Self::parse`] would refuse.
    pub fn to_toml(&self) -> Result<String, ManifestError> {
        self.check()?;
        toml::to_string(self).map_err(|e| ManifestError::Format(e.to_string()))
    }

    fn check(&self) -> Result<(), ManifestError> {
        self.check_forbidden()?;
        let value = |key, why: String| ManifestError::Value { key, why };
        let texts = [("version", &self.version), ("author", &self.author)];
        for (key, text) in texts {
            if text.len() > TEXT_LEN_MAX || text.chars().any(char::is_control) {
                return Err(value(
                    key,
                    format!("longer than {TEXT_LEN_MAX} bytes, or with control characters"),
                ));
            }
        }
        if !is_id(&self.id) {
            return Err(value("id", "1 to 64 lower-case letters, digits and dashes".into()));
        }
        let major = self.abi.split_once('.').and_then(|(major, minor)| {
            minor.parse::<u16>().ok()?;
            major.parse::<u16>().ok()
        });
        match major {
            Some(ABI_MAJOR) => {}
            Some(other) => {
                return Err(value("abi", format!("built for ABI {other}, this host speaks {ABI_MAJOR}")));
            }
            None => return Err(value("abi", "`major.minor` is expected".into())),
        }
        if !vocabulary::is_situation(&self.situation) {
            let list = vocabulary::SITUATIONS.join(", ");
            return Err(value("situation", format!("`{}` is none of {list}", cut(&self.situation))));
        }
        if self.regime == Regime::EventEight && !vocabulary::is_of_the_eight(&self.situation) {
            let why = format!("event-eight, but `{}` is not one of the eight situations", self.situation);
            return Err(value("regime", why));
        }
        check_list("needs", &self.needs, vocabulary::is_need)?;
        check_list("event_types", &self.event_types, vocabulary::is_event_type)
    }

    fn check_forbidden(&self) -> Result<(), ManifestError> {
        let single = [("id", &self.id), ("situation", &self.situation)];
        let needs = self.needs.iter().map(|n| ("needs", n));
        let types = self.event_types.iter().map(|t| ("event_types", t));
        for (key, text) in types.chain(needs).chain(single) {
            if let Some(word) = vocabulary::forbidden(text) {
                return Err(ManifestError::Forbidden { key, word });
            }
        }
        Ok(())
    }
}

fn check_list(key: &'static str, list: &[String], known: fn(&str) -> bool) -> Result<(), ManifestError> {
    if list.len() > LIST_LEN_MAX {
        return Err(ManifestError::Value { key, why: format!("more than {LIST_LEN_MAX} entries") });
    }
    match list.iter().find(|entry| !known(entry)) {
        Some(unknown) => {
            let why = format!("`{}` is not on the closed list", cut(unknown));
            Err(ManifestError::Value { key, why })
        }
        None => Ok(()),
    }
}

/// True for a plugin's id.
pub fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !id.starts_with('-')
}

fn cut(text: &str) -> String {
    text.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(change: &[(&str, &str)]) -> String {
        let hash = format!("\"{}\"", "ab".repeat(32));
        let mut keys = vec![
            ("id", "\"zone-entry\""),
            ("version", "\"0.1.0\""),
            ("abi", "\"0.1\""),
            ("situation", "\"zone-entry\""),
            ("needs", "[\"tracks\"]"),
            ("event_types", "[\"zone-entry\"]"),
            ("regime", "\"event-eight\""),
            ("sha256", &hash),
            ("author", "\"Town of Example\""),
        ];
        for (key, value) in change {
            keys.retain(|(k, _)| k != key);
            if !value.is_empty() {
                keys.push((key, value));
            }
        }
        keys.iter().map(|(k, v)| format!("{k} = {v}\n")).collect()
    }

    fn check(change: &[(&str, &str)], expected: &str) {
        let got = Manifest::parse(&text(change)).map_or_else(|e| e.to_string(), |m| format!("ok {}", m.id));
        assert!(got.contains(expected), "{change:?}: {got}");
    }

    #[test]
    fn manifests() {
        check(&[], "ok zone-entry");
        check(&[("author", ""), ("needs", ""), ("event_types", "")], "ok zone-entry");
        check(&[("regime", "\"private-site\""), ("situation", "\"loitering\"")], "ok");
        check(&[("network", "true")], "unknown field `network`");
        check(&[("regime", "")], "missing field `regime`");
        check(&[("regime", "\"secret\"")], "unknown variant `secret`");
        check(&[("sha256", "\"12\"")], "64 hexadecimal digits");
        check(&[("id", "\"../etc\"")], "`id`: 1 to 64");
        check(&[("abi", "\"9.0\"")], "built for ABI 9");
        check(&[("abi", "\"zero\"")], "`major.minor`");
        check(&[("situation", "\"jaywalking\"")], "`jaywalking` is none of");
        check(&[("situation", "\"counting\"")], "not one of the eight");
        check(&[("event_types", "[\"lateness\"]")], "`lateness` is not on the closed list");
        check(&[("needs", "[\"network\"]")], "`network` is not on the closed list");
    }

    #[test]
    fn what_the_law_forbids_is_refused_before_all_else() {
        check(&[("event_types", "[\"face-match\"]")], "`event_types` asks for `face`");
        check(&[("event_types", "[\"zone-entry\", \"biometric-id\"]")], "asks for `biometr`");
        check(&[("needs", "[\"inference:emotion-net\"]")], "`needs` asks for `emotion`");
        check(&[("id", "\"re-identification\"")], "`id` asks for `reidentif`");
        check(&[("situation", "\"facial-recognition\""), ("abi", "\"9.9\"")], "asks for `facial`");
    }

    #[test]
    fn what_is_written_is_read() {
        let manifest = Manifest::parse(&text(&[])).unwrap();
        assert_eq!(Manifest::parse(&manifest.to_toml().unwrap()).unwrap(), manifest);
    }

    #[test]
    fn a_long_one_is_not_read() {
        assert_eq!(Manifest::parse(&"#".repeat(MANIFEST_LEN_MAX + 1)), Err(ManifestError::Long));
    }
}
