//! When `nvr-perceive` is started, given up and started again.
//!
//! Promises: pure; a child that does not say hello, falls silent or dies is replaced after 1, 2, 4 … 60 s; it runs only
//!   while a rule is armed; every failure is one [`Action::Down`].
//! Leaves to others: processes (`child`), what the child says (`turn`).

/// Longest time from the start to hello, in milliseconds: a model is loaded on a busy machine.
pub(super) const HELLO_MS_MAX: u64 = 60_000;
/// Longest silence after that, in milliseconds; it counts aloud every second.
pub(super) const SILENCE_MS_MAX: u64 = 15_000;
/// First wait after a failure, in milliseconds; doubled with each.
const BACKOFF_MS_MIN: u64 = 1_000;
/// Longest wait, in milliseconds.
const BACKOFF_MS_MAX: u64 = 60_000;
/// A child that was up so long has failed for the first time, in milliseconds.
const GOOD_MS: u64 = 120_000;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// Rules are armed, or none is any more.
    Wanted(bool),
    /// It said hello.
    Hello,
    /// It said something.
    Word,
    /// It is gone or was never there, and why.
    Failed(String),
    /// Time has passed.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Start it.
    Start,
    /// End it, if it is there.
    End,
    /// It can be used.
    Up,
    /// It cannot be used any more, and why; `None`: nobody wants it.
    Down(Option<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Off,
    Starting {
        since_ms: u64,
    },
    Up {
        since_ms: u64,
        word_ms: u64,
    },
    Waiting {
        until_ms: u64,
    },
}

/// The machine.
#[derive(Debug, Clone, Default)]
pub(super) struct Supervision {
    state: State,
    /// In a row.
    failures: u32,
    /// Starts since the beginning.
    pub(super) starts: u64,
    /// Failures since the beginning.
    pub(super) failed: u64,
}

impl Supervision {
    /// For lists: off, starting, up, waiting.
    pub(super) fn word(&self) -> &'static str {
        match self.state {
            State::Off => "off",
            State::Starting { .. } => "starting",
            State::Up { .. } => "up",
            State::Waiting { .. } => "waiting",
        }
    }

    /// Takes an event at `now_ms` and says what to do, in order.
    pub(super) fn step(&mut self, event: Event, now_ms: u64) -> Vec<Action> {
        match (event, self.state) {
            (Event::Wanted(true), State::Off) => self.start(now_ms),
            (Event::Wanted(false), State::Off) => Vec::new(),
            (Event::Wanted(false), _) => {
                *self = Self { state: State::Off, failures: 0, ..self.clone() };
                vec![Action::End, Action::Down(None)]
            }
            (Event::Hello, State::Starting { .. }) => {
                self.state = State::Up { since_ms: now_ms, word_ms: now_ms };
                vec![Action::Up]
            }
            (Event::Word, State::Up { since_ms, .. }) => {
                self.state = State::Up { since_ms, word_ms: now_ms };
                Vec::new()
            }
            (Event::Failed(why), State::Starting { .. } | State::Up { .. }) => self.fail(why, now_ms),
            (Event::Tick, State::Starting { since_ms }) if now_ms >= since_ms + HELLO_MS_MAX => {
                self.fail(format!("nvr-perceive was not ready after {} s", HELLO_MS_MAX / 1000), now_ms)
            }
            (Event::Tick, State::Up { word_ms, .. }) if now_ms >= word_ms + SILENCE_MS_MAX => {
                self.fail(format!("nvr-perceive said nothing for {} s", SILENCE_MS_MAX / 1000), now_ms)
            }
            (Event::Tick, State::Waiting { until_ms }) if now_ms >= until_ms => self.start(now_ms),
            _ => Vec::new(),
        }
    }

    fn start(&mut self, now_ms: u64) -> Vec<Action> {
        self.starts += 1;
        self.state = State::Starting { since_ms: now_ms };
        vec![Action::Start]
    }

    fn fail(&mut self, why: String, now_ms: u64) -> Vec<Action> {
        let was_good = matches!(self.state, State::Up { since_ms, .. } if now_ms >= since_ms + GOOD_MS);
        self.failures = if was_good { 1 } else { self.failures.saturating_add(1) };
        self.failed += 1;
        let wait_ms = BACKOFF_MS_MIN << (self.failures - 1).min(16);
        self.state = State::Waiting { until_ms: now_ms + wait_ms.min(BACKOFF_MS_MAX) };
        vec![Action::End, Action::Down(Some(why))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events in seconds, and the actions of each in words.
    fn check(turns: &[(u64, Event, &str)]) {
        let mut machine = Supervision::default();
        for (s, event, expected) in turns {
            let words: Vec<String> = machine
                .step(event.clone(), s * 1000)
                .iter()
                .map(|a| match a {
                    Action::Start => "start".to_owned(),
                    Action::End => "end".to_owned(),
                    Action::Up => "up".to_owned(),
                    Action::Down(why) => format!("down {}", why.as_deref().unwrap_or("unwanted")),
                })
                .collect();
            assert_eq!(words.join(", "), *expected, "{event:?} at {s}");
        }
    }

    #[test]
    fn turns() {
        let failed = || Event::Failed("x".into());
        check(&[
            (0, Event::Wanted(false), ""),
            (0, Event::Wanted(true), "start"),
            (1, Event::Wanted(true), ""),
            (2, Event::Hello, "up"),
            (3, failed(), "end, down x"),
            (3, Event::Tick, ""),
            (4, Event::Tick, "start"),
            (5, failed(), "end, down x"),
            (6, Event::Tick, ""),
            (7, Event::Tick, "start"),
            (67, Event::Tick, "end, down nvr-perceive was not ready after 60 s"),
            (71, Event::Tick, "start"),
            (72, Event::Hello, "up"),
            (80, Event::Word, ""),
            (94, Event::Tick, ""),
            (95, Event::Tick, "end, down nvr-perceive said nothing for 15 s"),
            (103, Event::Tick, "start"),
            (103, Event::Hello, "up"),
            // Good for two minutes: the next failure is a first one.
            (223, failed(), "end, down x"),
            (224, Event::Tick, "start"),
            (225, Event::Wanted(false), "end, down unwanted"),
            (226, Event::Tick, ""),
            (227, failed(), ""),
        ]);
    }

    #[test]
    fn waits_have_an_end() {
        let mut machine = Supervision::default();
        let mut now = 0;
        machine.step(Event::Wanted(true), now);
        for _ in 0..40 {
            machine.step(Event::Failed(String::new()), now);
            now += BACKOFF_MS_MAX;
            assert_eq!(machine.step(Event::Tick, now), [Action::Start]);
        }
        assert_eq!((machine.starts, machine.failed), (41, 40));
    }
}
