//! Alerts: what a person handles, and the journal's entries that it is made of.
//!
//! Promises: an alert is the sum of its entries; an entry that is read twice changes nothing.
//! Leaves to others: raising (`nvr_alerts::desk`), who may do what (`nvr_alerts::act`), keeping entries (`nvr-store`).

mod kept;

pub use kept::{Alerts, KEPT_MAX};

use crate::{CameraId, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Footage before a condition became true and after it ended that belongs to the alert's clip, µs.
pub const CLIP_AROUND_US: i64 = 5_000_000;

/// Number of an alert: the run that raised it, and its number in that run. Written `12-34`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId {
    /// The run.
    pub run: u32,
    /// From 1.
    pub number: u32,
}

/// Why a text is no alert id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no alert id such as 12-34")]
pub struct AlertIdError(String);

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.run, self.number))
    }
}

impl std::str::FromStr for AlertId {
    type Err = AlertIdError;
    fn from_str(text: &str) -> Result<Self, AlertIdError> {
        let parts =
            text.split_once('-').and_then(|(run, number)| Some((run.parse().ok()?, number.parse().ok()?)));
        let id = parts.map(|(run, number)| Self { run, number }).filter(|id| id.to_string() == text);
        id.ok_or_else(|| AlertIdError(text.chars().take(40).collect()))
    }
}

impl Serialize for AlertId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AlertId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $type:ident: $($(#[$each:meta])* $name:ident = $text:literal,)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $type { $($(#[$each])* $name,)* }

        impl $type {
            /// All of them, for texts and options.
            pub const ALL: &'static [$type] = &[$(Self::$name,)*];

            /// The word in JSON and on the command line.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                let found = Self::ALL.iter().find(|one| one.as_str() == text).copied();
                found.ok_or_else(|| {
                    let all: Vec<&str> = Self::ALL.iter().map(|one| one.as_str()).collect();
                    format!("one of {}", all.join(", "))
                })
            }
        }
    };
}

words! {
    /// How far an alert is handled.
    AlertState:
    /// Nobody has looked.
    Raised = "raised",
    /// Someone has looked.
    Seen = "seen",
    /// Someone handles it.
    Taken = "taken",
    /// It is confirmed or rejected.
    Decided = "decided",
    /// Nothing is left to do.
    Closed = "closed",
}

words! {
    /// What a person found.
    Verdict:
    /// It is what the rule looks for.
    Confirmed = "confirmed",
    /// It is not.
    Rejected = "rejected",
}

words! {
    /// What a person does with an alert.
    Action:
    /// Says that it was looked at.
    Seen = "seen",
    /// Takes it.
    Take = "take",
    /// Gives it back.
    Release = "release",
    /// Decides that it is what the rule looks for.
    Confirm = "confirm",
    /// Decides that it is not.
    Reject = "reject",
    /// Closes it.
    Close = "close",
    /// Takes back what the same person did last.
    Undo = "undo",
}

/// How an alert stands with those who handle it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handling {
    /// How far.
    pub state: AlertState,
    /// Who has it, or had the last word.
    pub by: Option<String>,
    /// What was found.
    pub verdict: Option<Verdict>,
    /// Why, in that person's words.
    pub reason: Option<String>,
}

impl Default for Handling {
    fn default() -> Self {
        Self { state: AlertState::Raised, by: None, verdict: None, reason: None }
    }
}

/// What was measured, and where. Numbers are rounded to four decimals, so that text and number are the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// What was measured, at its most.
    pub measured: f64,
    /// What it was compared with.
    pub threshold: f64,
    /// The surest it was, 0..1.
    pub score: f64,
    /// Where: x, y, width, height of the picture.
    #[serde(rename = "box")]
    pub place: [f64; 4],
}

/// Rounds to four decimals; what is not finite is 0.
pub fn rounded(value: f32) -> f64 {
    if value.is_finite() { (f64::from(value) * 1e4).round() / 1e4 } else { 0.0 }
}

/// What an alert is about. References only: the clip and the picture stay with the footage and expire with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Raised {
    /// Its number.
    pub id: AlertId,
    /// The rule's id.
    pub rule: String,
    /// What the rule looks for.
    pub situation: String,
    /// Name of the plugin's event.
    pub event: String,
    /// The camera.
    pub camera: CameraId,
    /// 1 urgent, 2, 3 note.
    pub severity: u8,
    /// What to do, as the rule said then.
    pub instruction: Option<String>,
    /// When it was raised, dwell included.
    pub start: Utc,
    /// When the condition became true.
    pub since: Utc,
    /// Measurement.
    #[serde(flatten)]
    pub measured: Measured,
    /// Plugin, version and hash.
    pub plugin: String,
    /// First instant of the clip.
    pub clip_from: Utc,
    /// Moment of the picture.
    pub picture_at: Utc,
}

/// What the journal keeps of alerts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// An alert is there.
    Raised(Box<Raised>),
    /// It lasts, and more was measured.
    Updated {
        /// Which.
        id: AlertId,
        /// Number of this entry among those of the situation, from 1.
        n: u32,
        /// At its most.
        #[serde(flatten)]
        measured: Measured,
    },
    /// Its situation is over.
    Ended {
        /// Which.
        id: AlertId,
        /// As [`Entry::Updated`].
        n: u32,
        /// When its condition was last true.
        end: Utc,
        /// At its most.
        #[serde(flatten)]
        measured: Measured,
        /// Nobody saw the end: the plugin, the camera or the analysis went away.
        interrupted: bool,
    },
    /// Its situation goes on after an interruption.
    Resumed {
        /// Which.
        id: AlertId,
        /// As [`Entry::Updated`].
        n: u32,
    },
    /// A person did something with it.
    Handled {
        /// Which.
        id: AlertId,
        /// How many times someone did something with it, this time included.
        acts: u32,
        /// Who: a Unix account.
        who: String,
        /// What.
        action: Action,
        /// How it stands now.
        after: Handling,
    },
}

impl Entry {
    /// The alert it is about.
    pub fn id(&self) -> AlertId {
        match self {
            Self::Raised(raised) => raised.id,
            Self::Updated { id, .. }
            | Self::Ended { id, .. }
            | Self::Resumed { id, .. }
            | Self::Handled { id, .. } => *id,
        }
    }
}

/// What a person may take back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastAct {
    /// When.
    pub at: Utc,
    /// Who.
    pub who: String,
    /// What.
    pub action: Action,
    /// How it stood before.
    pub before: Handling,
}

/// An alert: the sum of its entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// What it is about.
    #[serde(flatten)]
    pub raised: Raised,
    /// When its condition was last true; none while it lasts.
    pub end: Option<Utc>,
    /// Nobody saw the end.
    #[serde(default)]
    pub interrupted: bool,
    /// Number of the situation's last entry.
    #[serde(default)]
    pub n: u32,
    /// How it stands.
    pub handling: Handling,
    /// How many times someone did something with it.
    pub acts: u32,
    /// What was done last.
    pub last_act: Option<LastAct>,
}

impl Alert {
    /// One that was just raised.
    pub fn new(raised: Raised) -> Self {
        let handling = Handling::default();
        Self { raised, end: None, interrupted: false, n: 0, handling, acts: 0, last_act: None }
    }

    /// The clip: from, and to once it ended.
    pub fn clip(&self) -> (Utc, Option<Utc>) {
        (self.raised.clip_from, self.end.map(|end| end.plus_micros(CLIP_AROUND_US)))
    }

    /// An entry may stand twice in the journal after a failed flush, and an older one may come again after a newer one.
    fn apply(&mut self, at: Utc, entry: &Entry) {
        match entry {
            Entry::Updated { n, .. } | Entry::Ended { n, .. } | Entry::Resumed { n, .. } if *n <= self.n => {
                return;
            }
            Entry::Updated { n, .. } | Entry::Ended { n, .. } | Entry::Resumed { n, .. } => self.n = *n,
            _ => {}
        }
        match entry {
            Entry::Raised(_) => {}
            Entry::Updated { measured, .. } => self.raised.measured = *measured,
            Entry::Ended { end, measured, interrupted, .. } => {
                self.end = Some(*end);
                self.raised.measured = *measured;
                self.interrupted = *interrupted;
            }
            Entry::Resumed { .. } => (self.end, self.interrupted) = (None, false),
            Entry::Handled { acts, .. } if *acts <= self.acts => {}
            Entry::Handled { acts, who, action, after, .. } => {
                let before = std::mem::replace(&mut self.handling, after.clone());
                self.acts = *acts;
                self.last_act = Some(LastAct { at, who: who.clone(), action: *action, before });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn raised(number: u32) -> Raised {
        Raised {
            id: AlertId { run: 1, number },
            rule: "r".into(),
            situation: "fire".into(),
            event: "fire".into(),
            camera: "gate".parse().unwrap(),
            severity: 2,
            instruction: None,
            start: Utc(5_000_000),
            since: Utc(4_000_000),
            measured: Measured { measured: 1.0, threshold: 0.5, score: 0.25, place: [0.0, 0.1, 0.2, 0.3] },
            plugin: "fire 1.0 (0123)".into(),
            clip_from: Utc(0),
            picture_at: Utc(5_000_000),
        }
    }

    pub(super) fn handled(number: u32, acts: u32, state: AlertState) -> Entry {
        let after = Handling { state, by: Some("anna".into()), ..Handling::default() };
        Entry::Handled {
            id: AlertId { run: 1, number },
            acts,
            who: "anna".into(),
            action: Action::Take,
            after,
        }
    }

    #[test]
    fn entries_travel_as_text_and_are_idempotent() {
        let id = AlertId { run: 1, number: 1 };
        let measured = Measured { measured: 0.1234, threshold: 0.5, score: 0.9, place: [0.1; 4] };
        let entries = [
            Entry::Raised(Box::new(raised(1))),
            Entry::Updated { id, n: 1, measured },
            handled(1, 1, AlertState::Taken),
            handled(1, 2, AlertState::Closed),
            Entry::Ended { id, n: 2, end: Utc(9_000_000), measured, interrupted: false },
        ];
        let mut once = Alerts::default();
        for entry in &entries {
            let text = serde_json::to_string(entry).unwrap();
            assert_eq!(&serde_json::from_str::<Entry>(&text).unwrap(), entry, "{text}");
            once.apply(Utc(7000), entry);
        }
        let mut twice = once.clone();
        entries.iter().for_each(|entry| twice.apply(Utc(8), entry));
        assert_eq!(twice, once);
        let alert = once.get(id).unwrap();
        assert_eq!(
            (alert.handling.state, alert.acts, alert.end),
            (AlertState::Closed, 2, Some(Utc(9_000_000)))
        );
        assert_eq!(alert.clip(), (Utc(0), Some(Utc(14_000_000))));
        let text = serde_json::to_string(alert).unwrap();
        assert_eq!(&serde_json::from_str::<Alert>(&text).unwrap(), alert, "{text}");
    }

    #[test]
    fn ids() {
        let check = |text: &str, good: bool| assert_eq!(text.parse::<AlertId>().is_ok(), good, "{text}");
        check("12-34", true);
        for text in ["", "12", "12-", "-1", "1-2-3", "01-2", "+1-2", "4294967296-1"] {
            check(text, false);
        }
    }
}
