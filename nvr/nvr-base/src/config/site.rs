//! `[site]`: what kind of place this is.
//!
//! Promises: a closed list of regimes; none unless the configuration says so.
//! Leaves to others: what a regime allows (arming of rules).

use super::claim::ClaimKind;
use super::finding::{FindingId, quote};
use super::section::{Report, Section};
use serde::{Deserialize, Serialize};

/// Longest name, in characters.
pub(crate) const NAME_CHARS_MAX: usize = 100;

/// Longest name of a time zone, in characters.
const TIMEZONE_CHARS_MAX: usize = 64;

/// Law a site works under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    /// A school, factory or shop.
    PrivateSite,
    /// A public place under the event law and decree 2023-828: eight situations.
    EventEight,
    /// A public place, counting only.
    Statistics,
}

const REGIMES: [(&str, Regime); 3] = [
    ("private-site", Regime::PrivateSite),
    ("event-eight", Regime::EventEight),
    ("statistics", Regime::Statistics),
];

impl Regime {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PrivateSite => "private-site",
            Self::EventEight => "event-eight",
            Self::Statistics => "statistics",
        }
    }
}

/// `[site]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Site {
    /// Name on screens and reports.
    pub name: Option<String>,
    /// The law it works under.
    pub regime: Option<Regime>,
    /// IANA time zone of screens; the system's when absent.
    pub timezone: Option<String>,
}

impl Site {
    /// Reads `[site]`.
    pub(crate) fn read(mut section: Section<'_>, report: &mut Report<'_>) -> Self {
        let name = section.text(report, "name", NAME_CHARS_MAX).map(|t| crate::text::printable(t.text));
        let regime = section.choice(report, "regime", &REGIMES);
        let timezone = section.text(report, "timezone", usize::MAX).and_then(|text| {
            let plain = text.text.chars().all(|c| c.is_ascii_alphanumeric() || "/_+-".contains(c));
            if plain && text.text.len() <= TIMEZONE_CHARS_MAX && !text.text.starts_with('/') {
                report.claim(text.at, &text.key, ClaimKind::Timezone(text.text.to_owned()));
                return Some(text.text.to_owned());
            }
            report.add(text.at, &text.key, FindingId::BadTimezone, vec![("value", quote(text.text))]);
            None
        });
        section.finish(report, |_| None);
        Self { name, regime, timezone }
    }
}
