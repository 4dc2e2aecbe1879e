//! The command line of alerts: listing and handling them, counts, blind intervals.
//!
//! Promises: the spellings scripts rely on. Leaves to others: everything else (`commands/alerts.rs`).

use super::parse_reason;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use nvr_base::alert::{Action, AlertId, AlertState};
use nvr_base::{CameraId, Utc};

fn states() -> impl TypedValueParser<Value = AlertState> {
    PossibleValuesParser::new(AlertState::ALL.iter().map(|s| s.as_str())).try_map(|s| s.parse::<AlertState>())
}

/// The commands.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DeskCommand {
    /// List what the rules found, and handle it
    #[command(
        after_help = "Examples:\n  nvr alerts --state raised\n  nvr alerts --follow --json\n  nvr alerts take 12-34\n  \
                            nvr alerts reject 12-34 --reason \"a fox\""
    )]
    Alerts(AlertsArgs),

    /// Show what counting rules counted
    #[command(after_help = "Example:\n  nvr counts --rule gate-count --by hour --json")]
    Counts(CountsArgs),

    /// Show when rules were not watched, and why
    #[command(after_help = "Example:\n  nvr blind --rule quay-night --from 2026-11-24T00:00:00Z --json")]
    Blind(SpanArgs),
}

impl DeskCommand {
    /// The period asked for, when both its ends are.
    pub(crate) fn period(&self) -> Option<(Utc, Utc)> {
        let (from, to) = match self {
            Self::Alerts(args) => (args.list.from, args.list.to),
            Self::Counts(args) => (args.of.from, args.of.to),
            Self::Blind(args) => (args.from, args.to),
        };
        from.zip(to)
    }

    /// What is wrong with it as a whole. clap could refuse it itself, and `--config` before the action with it.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let Self::Alerts(AlertsArgs { command: Some(_), list }) = self else { return None };
        let AlertsListArgs { state, camera, rule, from, to, follow } = list;
        let lists = state.is_some() || camera.is_some() || rule.is_some() || from.is_some() || to.is_some();
        (lists || *follow).then_some("options of the list mean nothing for one alert")
    }
}

/// `nvr alerts`.
#[derive(Debug, Clone, Args)]
pub(crate) struct AlertsArgs {
    /// What to do with one; the list when absent.
    #[command(subcommand)]
    pub(crate) command: Option<AlertsCommand>,
    /// Which to list.
    #[command(flatten)]
    pub(crate) list: AlertsListArgs,
}

/// Which alerts to list.
#[derive(Debug, Clone, Args)]
pub(crate) struct AlertsListArgs {
    /// Only this state
    #[arg(long, value_name = "STATE", value_parser = states())]
    pub(crate) state: Option<AlertState>,
    /// Only this camera
    #[arg(long, value_name = "ID")]
    pub(crate) camera: Option<CameraId>,
    /// Only this rule
    #[arg(long, value_name = "ID")]
    pub(crate) rule: Option<String>,
    /// Those that lasted then or began later; the newest 1000 when absent
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Utc>,
    /// Those that began before
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Utc>,
    /// Go on: print each new alert, and each that changes, until interrupted
    #[arg(long, conflicts_with_all = ["from", "to"])]
    pub(crate) follow: bool,
}

/// One alert, and why.
#[derive(Debug, Clone, Args)]
pub(crate) struct AlertArgs {
    /// Its number, such as 12-34
    #[arg(value_name = "ALERT")]
    pub(crate) id: AlertId,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT", value_parser = parse_reason)]
    pub(crate) reason: Option<String>,
}

/// What a person does with an alert.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum AlertsCommand {
    /// Say that you have looked at it
    #[command(after_help = "Example:\n  nvr alerts seen 12-34")]
    Seen(AlertArgs),
    /// Take it: others see that you handle it
    #[command(after_help = "Example:\n  nvr alerts take 12-34")]
    Take(AlertArgs),
    /// Give it back
    #[command(after_help = "Example:\n  nvr alerts release 12-34 --reason \"end of shift\"")]
    Release(AlertArgs),
    /// Decide that it is what the rule looks for
    #[command(after_help = "Example:\n  nvr alerts confirm 12-34 --reason \"two persons on the quay\"")]
    Confirm(AlertArgs),
    /// Decide that it is not; needs a reason
    #[command(after_help = "Example:\n  nvr alerts reject 12-34 --reason \"a fox\"")]
    Reject(AlertArgs),
    /// Close it, once it is confirmed or rejected
    #[command(after_help = "Example:\n  nvr alerts close 12-34")]
    Close(AlertArgs),
    /// Take back what you did last, within 10 s
    #[command(after_help = "Example:\n  nvr alerts undo 12-34")]
    Undo(AlertArgs),
}

impl AlertsCommand {
    /// The action, and the alert it is for.
    pub(crate) fn parts(&self) -> (Action, &AlertArgs) {
        match self {
            Self::Seen(args) => (Action::Seen, args),
            Self::Take(args) => (Action::Take, args),
            Self::Release(args) => (Action::Release, args),
            Self::Confirm(args) => (Action::Confirm, args),
            Self::Reject(args) => (Action::Reject, args),
            Self::Close(args) => (Action::Close, args),
            Self::Undo(args) => (Action::Undo, args),
        }
    }
}

/// Length of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PeriodArg {
    /// A minute
    Minute,
    /// An hour of UTC
    Hour,
}

/// `nvr counts`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CountsArgs {
    /// Of what, and when
    #[command(flatten)]
    pub(crate) of: SpanArgs,
    /// One number for each
    #[arg(long, value_enum, default_value = "minute")]
    pub(crate) by: PeriodArg,
}

/// What rules and period `nvr counts` and `nvr blind` are about.
#[derive(Debug, Clone, Args)]
pub(crate) struct SpanArgs {
    /// Only this rule
    #[arg(long, value_name = "ID")]
    pub(crate) rule: Option<String>,
    /// Only this camera
    #[arg(long, value_name = "ID")]
    pub(crate) camera: Option<CameraId>,
    /// First instant; a day ago when absent
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Utc>,
    /// End; now when absent
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Utc>,
}

#[cfg(test)]
mod tests {
    use crate::args::Cli;

    const T1: &str = "2026-11-24T05:21:25.000Z";
    const T2: &str = "2026-11-24T05:22:25.000Z";

    fn check(line: &str, good: bool) {
        let args = line.replace("T1", T1).replace("T2", T2);
        let got = Cli::read(args.split_whitespace());
        assert_eq!(got.is_ok(), good, "{line}: {got:?}");
    }

    #[test]
    fn lines_that_scripts_use() {
        for line in [
            "nvr alerts --json --state raised --camera gate --rule quay --from T1 --to T2",
            "nvr alerts --follow --json",
            "nvr alerts take 12-34 --config F --json",
            "nvr alerts --config F --json take 12-34",
            "nvr alerts reject 12-34 --reason fox",
            "nvr counts --rule count --by hour --from T1",
            "nvr blind --camera gate --json",
        ] {
            check(line, true);
        }
    }

    #[test]
    fn lines_that_are_refused() {
        for line in [
            "nvr alerts --state open",
            "nvr alerts --from T2 --to T1",
            "nvr alerts --follow --from T1",
            "nvr alerts take",
            "nvr alerts take gate",
            "nvr alerts erase 12-34",
            "nvr alerts --state raised take 12-34",
            "nvr counts --by day",
            "nvr blind --from T2 --to T1",
        ] {
            check(line, false);
        }
    }
}
