//! Arming: whether a rule may look at all. The one function through which every rule is armed.
//!
//! Promises: pure; a rule is armed only by a grant in force; a refusal says why.
//! Leaves to others: schedules and what else makes a rule blind (`nvr`), authorisations of public places, which become
//! further kinds of grants.

use nvr_base::config::{Config, Regime};
use nvr_base::{Rule, Utc};
use std::fmt;

/// What allows rules to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// The configuration says that this is a private site: every rule, as long as it says so.
    PrivateSite,
}

/// Why a rule may not look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// No grant is in force.
    NoGrant,
    /// A rule of a file for `nvr replay`: it names no camera.
    NoCamera,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoGrant => {
                "no authorisation is in force: on a private site write regime = \"private-site\" in [site]"
            }
            Self::NoCamera => "the rule names no camera",
        })
    }
}

/// What [`may_arm`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arming {
    /// It may look.
    Armed {
        /// Until then; as long as the configuration stays when absent.
        until: Option<Utc>,
    },
    /// It may not.
    Refused {
        /// Why.
        why: Why,
    },
}

impl Arming {
    /// Whether it may look.
    pub fn is_armed(self) -> bool {
        matches!(self, Self::Armed { .. })
    }
}

/// The grants of a configuration. Until authorisations exist the only one is `regime = "private-site"`.
pub fn grants(config: &Config) -> Vec<Grant> {
    let private = config.site.regime == Some(Regime::PrivateSite);
    private.then_some(Grant::PrivateSite).into_iter().collect()
}

/// Whether `rule` may look at `now`.
pub fn may_arm(rule: &Rule, grants: &[Grant], _now: Utc) -> Arming {
    if rule.camera.is_none() {
        return Arming::Refused { why: Why::NoCamera };
    }
    match grants.first() {
        Some(Grant::PrivateSite) => Arming::Armed { until: None },
        None => Arming::Refused { why: Why::NoGrant },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]
    use super::*;
    use nvr_base::config::parse_text;

    #[test]
    fn only_a_grant_arms() {
        let check = |site: &str, expected: Arming| {
            let text = format!(
                "storage.path = \"/s\"\n{site}\n[[camera]]\nid = \"gate\"\nurl = \"rtsp://10.0.0.1/\"\n\
                 [[rule]]\nid = \"r\"\nsituation = \"fire\"\ncamera = \"gate\""
            );
            let config = parse_text(&text).0.unwrap();
            let rule = config.rule("r").unwrap();
            assert_eq!(may_arm(rule, &grants(&config), Utc(0)), expected, "{site}");
            let nowhere = Rule { camera: None, ..rule.clone() };
            let refused = Arming::Refused { why: Why::NoCamera };
            assert_eq!(may_arm(&nowhere, &grants(&config), Utc(0)), refused);
        };
        let refused = Arming::Refused { why: Why::NoGrant };
        check("", refused);
        check("site.regime = \"event-eight\"", refused);
        check("site.regime = \"statistics\"", refused);
        check("site.regime = \"private-site\"", Arming::Armed { until: None });
    }
}
