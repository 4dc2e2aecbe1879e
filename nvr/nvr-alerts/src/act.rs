//! Acting: what a person does with an alert. The one function through which every operator action goes.
//!
//! Promises: pure; an action that is allowed gives one journal entry with who, what and why; one that is not is refused
//! in a sentence with the remedy; what a person did last can be taken back within [`UNDO_WITHIN_US`].
//! Leaves to others: roles (`nvr-gateway`), keeping the entry (`nvr-store`).

use nvr_base::Utc;
use nvr_base::alert::{Action, Alert, AlertState, Entry, Handling, Verdict};

/// How long the last action can be taken back, µs.
pub const UNDO_WITHIN_US: i64 = 10_000_000;

/// Longest reason, in bytes.
pub const REASON_LEN_MAX: usize = 500;

/// Why an action is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another person has it.
    #[error("alert {id} is taken by {by}: {by} handles it, or release it first, with a --reason")]
    Taken {
        /// Which.
        id: String,
        /// By whom.
        by: String,
    },
    /// The alert is not in a state for it.
    #[error("alert {id} is {state}: {remedy}")]
    State {
        /// Which.
        id: String,
        /// How it stands.
        state: AlertState,
        /// What to do.
        remedy: &'static str,
    },
    /// This action needs a reason.
    #[error("alert {0}: say why, with --reason")]
    Reason(String),
    /// The reason is too long.
    #[error("alert {0}: the reason has more than {REASON_LEN_MAX} bytes; shorten it")]
    Long(String),
    /// There is nothing to take back.
    #[error(
        "alert {0}: nothing of yours to take back; only the last action of the same person can be, within 10 s"
    )]
    Undo(String),
}

/// What `who` wants, `at` a time, for a `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act<'a> {
    /// A Unix account.
    pub who: &'a str,
    /// What.
    pub action: Action,
    /// Why.
    pub reason: Option<&'a str>,
    /// Now.
    pub at: Utc,
}

/// The journal entry of an action on `alert`.
///
/// # Errors
/// Why it is refused.
pub fn act(alert: &Alert, act: &Act<'_>) -> Result<Entry, Refused> {
    let id = || alert.raised.id.to_string();
    let is = &alert.handling;
    let state = |remedy| Err(Refused::State { id: id(), state: is.state, remedy });
    let reason =
        act.reason.map(nvr_base::text::printable).map(|r| r.trim().to_owned()).filter(|r| !r.is_empty());
    if reason.as_ref().is_some_and(|r| r.len() > REASON_LEN_MAX) {
        return Err(Refused::Long(id()));
    }
    let mine = is.by.as_deref() == Some(act.who);
    let others = is.state == AlertState::Taken && !mine;
    let taken = || Refused::Taken { id: id(), by: is.by.clone().unwrap_or_default() };
    let by = Some(act.who.to_owned());
    let after = match (act.action, is.state) {
        (Action::Undo, _) => {
            let last = alert.last_act.as_ref().filter(|last| {
                let age = act.at.micros_since(last.at);
                last.who == act.who && last.action != Action::Undo && (0..=UNDO_WITHIN_US).contains(&age)
            });
            last.ok_or_else(|| Refused::Undo(id()))?.before.clone()
        }
        (_, AlertState::Closed) => return state("nothing is left to do"),
        (Action::Seen, AlertState::Raised) => Handling { state: AlertState::Seen, by, ..Handling::default() },
        (Action::Seen, _) => return state("it was looked at already"),
        (Action::Take, AlertState::Decided) => return state("close it"),
        (Action::Take, _) if others => return Err(taken()),
        (Action::Take, AlertState::Taken) => return state("you have it already"),
        (Action::Take, _) => Handling { state: AlertState::Taken, by, ..Handling::default() },
        (Action::Release, AlertState::Taken) if others && reason.is_none() => {
            return Err(Refused::Reason(id()));
        }
        (Action::Release, AlertState::Taken) => {
            Handling { state: AlertState::Seen, by: None, verdict: None, reason }
        }
        (Action::Release, _) => return state("nobody has taken it"),
        (Action::Confirm | Action::Reject, _) if others => return Err(taken()),
        (Action::Confirm | Action::Reject, AlertState::Decided) => return state("close it"),
        (Action::Reject, _) if reason.is_none() => return Err(Refused::Reason(id())),
        (Action::Confirm, _) => {
            Handling { state: AlertState::Decided, by, verdict: Some(Verdict::Confirmed), reason }
        }
        (Action::Reject, _) => {
            Handling { state: AlertState::Decided, by, verdict: Some(Verdict::Rejected), reason }
        }
        (Action::Close, AlertState::Decided) => {
            let reason = reason.or_else(|| is.reason.clone());
            Handling { state: AlertState::Closed, by, verdict: is.verdict, reason }
        }
        (Action::Close, _) => return state("confirm or reject it first"),
    };
    let acts = alert.acts.saturating_add(1);
    Ok(Entry::Handled { id: alert.raised.id, acts, who: act.who.to_owned(), action: act.action, after })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]
    use super::*;
    use nvr_base::alert::Alerts;

    /// Words `anna.take`, `bob.reject:why`, `+9` (seconds go by); what follows is the last outcome.
    fn check(words: &str, expected: &str) {
        let mut alerts = Alerts::default();
        let raised = crate::desk::example(1);
        let id = raised.id;
        alerts.apply(Utc(0), &Entry::Raised(Box::new(raised)));
        let (mut at, mut outcome) = (Utc(0), String::new());
        for word in words.split_whitespace() {
            if let Some(seconds) = word.strip_prefix('+') {
                at = at.plus_micros(seconds.parse::<i64>().unwrap() * 1_000_000);
                continue;
            }
            let (who, action) = word.split_once('.').unwrap();
            let (action, reason) = action.split_once(':').map_or((action, None), |(a, r)| (a, Some(r)));
            let wanted = Act { who, action: action.parse().unwrap(), reason, at };
            outcome = match act(alerts.get(id).unwrap(), &wanted) {
                Ok(entry) => {
                    alerts.apply(at, &entry);
                    let is = &alerts.get(id).unwrap().handling;
                    let shown = [is.by.clone(), is.verdict.map(|v| v.to_string()), is.reason.clone()];
                    let shown: Vec<String> = shown.into_iter().flatten().collect();
                    format!("{} {}", is.state, shown.join(" ")).trim().to_owned()
                }
                Err(why) => format!("! {}", why.to_string().split(": ").last().unwrap_or_default()),
            };
        }
        assert_eq!(outcome, expected, "{words}");
    }

    #[test]
    fn the_way_of_an_alert() {
        check("anna.seen", "seen anna");
        check("anna.take", "taken anna");
        check("anna.seen bob.take", "taken bob");
        check("anna.take anna.confirm", "decided anna confirmed");
        check("anna.take anna.reject:fox", "decided anna rejected fox");
        check("anna.confirm:seen anna.close", "closed anna confirmed seen");
        check("anna.confirm bob.close:done", "closed bob confirmed done");
        check("anna.take anna.release", "seen");
        check("anna.take bob.release:shift", "seen shift");
        check("anna.take bob.release:shift bob.take", "taken bob");
    }

    #[test]
    fn what_is_refused() {
        check("anna.take bob.take", "! anna handles it, or release it first, with a --reason");
        check("anna.take bob.confirm", "! anna handles it, or release it first, with a --reason");
        check("anna.take bob.release", "! say why, with --reason");
        check("anna.reject", "! say why, with --reason");
        check("anna.close", "! confirm or reject it first");
        check("anna.release", "! nobody has taken it");
        check("anna.seen anna.seen", "! it was looked at already");
        check("anna.confirm anna.reject:x", "! close it");
        check("anna.confirm anna.take", "! close it");
        check("anna.confirm anna.close anna.take", "! nothing is left to do");
        check("anna.take anna.take", "! you have it already");
        let long = format!("anna.reject:{}", "x".repeat(REASON_LEN_MAX + 1));
        check(&long, "! the reason has more than 500 bytes; shorten it");
    }

    #[test]
    fn the_last_action_can_be_taken_back_for_ten_seconds() {
        let none =
            "! nothing of yours to take back; only the last action of the same person can be, within 10 s";
        check("anna.take +10 anna.undo", "raised");
        check("anna.take +11 anna.undo", none);
        check("anna.take bob.undo", none);
        check("anna.undo", none);
        check("anna.take anna.undo anna.undo", none);
        check("anna.confirm anna.close anna.undo", "decided anna confirmed");
        check("anna.take anna.reject:x anna.undo anna.confirm", "decided anna confirmed");
    }
}
