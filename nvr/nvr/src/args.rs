//! The command line: every command and option, as `clap` reads them.
//!
//! Promises: the spellings scripts rely on; every value is checked before a command sees it.
//! Leaves to others: what the commands do (`commands/`), the configuration (`nvr_base::config`).

mod alerts;
mod bench;
mod doctor;
mod models;
mod plugins;

pub(crate) use alerts::{AlertsArgs, AlertsListArgs, CountsArgs, DeskCommand, PeriodArg, SpanArgs};
pub(crate) use bench::{
    BenchAnalyseArgs, BenchArgs, BenchCommand, BenchRecordArgs, BenchWeatherArgs, PacingArg,
};
pub(crate) use doctor::DoctorArgs;
pub(crate) use models::{ModelsCommand, ModelsFolder};
pub(crate) use plugins::{FolderArgs, NewArgs, PluginsCommand};

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum};
use nvr_base::{CameraId, StreamKind, Utc, Weather};
use std::ffi::OsString;
use std::path::PathBuf;

/// Longest `--reason`, in bytes.
pub(crate) const REASON_LEN_MAX: usize = 500;

/// `nvr`.
#[derive(Debug, Parser)]
#[command(
    name = "nvr",
    version,
    about = "Network video recorder: records RTSP and V4L2 cameras without transcoding",
    after_help = "Examples:\n  nvr check --config nvr.toml\n  nvr serve --config nvr.toml\n  nvr status --json\n\n\
                  Times are RFC 3339, such as 2026-11-24T05:21:25.000Z.",
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// Configuration file
    #[arg(long, global = true, env = "NVR_CONFIG", default_value = "/etc/nvr/nvr.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// Print JSON for scripts, nothing else on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Log more: -v debug, -vv trace
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Record the cameras until told to stop
    #[command(after_help = "Example:\n  nvr serve --config /etc/nvr/nvr.toml")]
    Serve,

    /// Check the configuration: every error with its line and remedy
    #[command(
        after_help = "Examples:\n  nvr check --config nvr.toml\n  nvr check --probe    also asks every camera \
                            what it sends\n\nEnds with 1 when there is an error, 0 otherwise."
    )]
    Check(CheckArgs),

    /// Show what every camera is doing
    #[command(after_help = "Examples:\n  nvr status --json\n  nvr status --watch")]
    Status(StatusArgs),

    /// Show what is recorded of a camera, and what is not and why
    #[command(
        after_help = "Examples:\n  nvr timeline --camera gate\n  nvr timeline --camera gate --stream sub \
                            --from 2026-11-24T05:00:00Z --to 2026-11-24T06:00:00Z --json"
    )]
    Timeline(TimelineArgs),

    /// Write a period of a camera to an MP4 file, without transcoding
    #[command(after_help = "Example:\n  nvr export --camera gate --from 2026-11-24T05:21:25.000Z \
                            --to 2026-11-24T05:22:00.000Z --out clip.mp4 --manifest")]
    Export(ExportArgs),

    /// Check every segment against its checksums and the index
    #[command(
        after_help = "Example:\n  nvr verify --json\n\nEnds with 1 when something is bad or unindexed."
    )]
    Verify,

    /// Make the index again from the segments and the journal
    #[command(after_help = "Example:\n  nvr rebuild --config /etc/nvr/nvr.toml")]
    Rebuild,

    /// Protect a period of a camera from being deleted
    #[command(after_help = "Example:\n  nvr lock --camera gate --from 2026-11-24T05:00:00Z \
                            --to 2026-11-24T06:00:00Z --reason \"request 2026-118\"")]
    Lock(LockArgs),

    /// End the protection of a period
    #[command(after_help = "Example:\n  nvr unlock --camera gate --from 2026-11-24T05:00:00Z \
                            --to 2026-11-24T06:00:00Z --reason \"request 2026-118 closed\"")]
    Unlock(LockArgs),

    /// Write the picture of a moment to a JPEG file
    #[command(after_help = "Example:\n  nvr picture --camera gate --at 2026-11-24T05:21:25Z --out gate.jpg")]
    Picture(PictureArgs),

    /// Alerts, counts, blind intervals.
    #[command(flatten)]
    Desk(DeskCommand),

    /// Run detectors over a file and print their alerts
    #[command(after_help = "Examples:\n  nvr replay --rules rules.toml --json clip.mp4\n  \
                            nvr replay --rules rules.toml --annotate seen.mp4 clip.mp4")]
    Replay(ReplayArgs),

    /// Make, check and switch plugins
    #[command(visible_alias = "plugin", after_help = plugins::EXAMPLES)]
    Plugins {
        /// What to do.
        #[command(subcommand)]
        command: PluginsCommand,
    },

    /// Get, check and measure models
    #[command(after_help = models::EXAMPLES)]
    Models {
        /// What to do.
        #[command(subcommand)]
        command: ModelsCommand,
    },

    /// Examine this box: what works, what is missing, what to do about it
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(DoctorArgs),

    /// Measure this machine
    #[command(after_help = "Examples:\n  nvr bench record --cameras 50 --kbps 4000 --seconds 60 --json\n  \
                            nvr bench analyse --cameras 50 --json")]
    Bench(BenchArgs),

    /// Play fake RTSP cameras from a file, faults included
    #[command(after_help = testcam_help())]
    Testcam(Box<nvr_testcam::TestcamArgs>),

    /// Print the completions of a shell
    #[command(after_help = "Example:\n  nvr completions bash > /usr/share/bash-completion/completions/nvr")]
    Completions(CompletionsArgs),

    /// Print the manual page
    #[command(after_help = "Example:\n  nvr man > /usr/share/man/man1/nvr.1")]
    Man,
}

fn testcam_help() -> String {
    format!(
        "Examples:\n  nvr testcam --file clip.mp4 --count 2 --port 8554\n  \
         nvr testcam --file clip.mp4 --count 1 --port 8554 --quirk silent-after-30-s\n\n\
         Quirks, whose numbers can be changed:\n{}",
        nvr_testcam::Quirk::help()
    )
}

/// `nvr check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Also connect to every camera and say what it sends
    #[arg(long)]
    pub(crate) probe: bool,
}

/// `nvr status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Show it again every second, until interrupted
    #[arg(long)]
    pub(crate) watch: bool,
}

/// Main or sub-stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StreamArg {
    /// Full resolution
    Main,
    /// Small pictures
    Sub,
}

impl From<StreamArg> for StreamKind {
    fn from(arg: StreamArg) -> Self {
        match arg {
            StreamArg::Main => StreamKind::Main,
            StreamArg::Sub => StreamKind::Sub,
        }
    }
}

/// `nvr timeline`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TimelineArgs {
    /// Camera id
    #[arg(long, value_name = "ID")]
    pub(crate) camera: CameraId,
    /// Which of its streams
    #[arg(long, value_enum, default_value = "main")]
    pub(crate) stream: StreamArg,
    /// First instant; the oldest footage when absent
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Utc>,
    /// End; now when absent
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Utc>,
}

/// `nvr export`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExportArgs {
    /// Camera id
    #[arg(long, value_name = "ID")]
    pub(crate) camera: CameraId,
    /// First instant
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Utc,
    /// End
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Utc,
    /// File to write; a change of codec goes on in `NAME-2.mp4`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Which of the camera's streams
    #[arg(long, value_enum, default_value = "main")]
    pub(crate) stream: StreamArg,
    /// Also write `NAME.json` with hashes and gaps
    #[arg(long)]
    pub(crate) manifest: bool,
}

/// `nvr lock` and `nvr unlock`.
#[derive(Debug, Clone, Args)]
pub(crate) struct LockArgs {
    /// Camera id; both of its streams
    #[arg(long, value_name = "ID")]
    pub(crate) camera: CameraId,
    /// First instant
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Utc,
    /// End
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Utc,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT", value_parser = parse_reason)]
    pub(crate) reason: String,
}

/// `nvr picture`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PictureArgs {
    /// Camera id
    #[arg(long, value_name = "ID")]
    pub(crate) camera: CameraId,
    /// The moment
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Utc,
    /// File to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Only this stream; when absent the one that answers fastest
    #[arg(long, value_enum)]
    pub(crate) stream: Option<StreamArg>,
}

/// `nvr replay`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReplayArgs {
    /// File with the rules
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: PathBuf,
    /// The film: MP4, Matroska or AVI
    #[arg(value_name = "CLIP")]
    pub(crate) clip: PathBuf,
    /// Folder of plugins; when absent `plugins` beside the program or above it
    #[arg(long, value_name = "FOLDER", env = "NVR_PLUGINS")]
    pub(crate) plugins: Option<PathBuf>,
    /// Folder of models and ONNX Runtime; when absent `models` beside the program or above it
    #[arg(long, value_name = "FOLDER", env = "NVR_MODELS")]
    pub(crate) models: Option<PathBuf>,
    /// Detector to use; when absent the best that is there
    #[arg(long, value_name = "ID")]
    pub(crate) detector: Option<String>,
    /// When the film's first frame was taken
    #[arg(long, value_name = "TIME")]
    pub(crate) start: Option<Utc>,
    /// Bad weather to lay over the film: rain, snow, insects, headlights, flicker, shake or blocks
    #[arg(long, value_name = "KIND")]
    pub(crate) weather: Option<Weather>,
    /// With --json: at the end a line of what was done and what it took
    #[arg(long, requires = "json")]
    pub(crate) summary: bool,
    /// To see what it saw.
    #[command(flatten)]
    pub(crate) annotation: AnnotateArgs,
}

/// `nvr replay --annotate`.
#[derive(Debug, Clone, Args)]
pub(crate) struct AnnotateArgs {
    /// Draw what was seen: the whole film as .mp4, or one frame as .png: that of the first alert, else the busiest
    #[arg(long, value_name = "FILE")]
    pub(crate) annotate: Option<PathBuf>,
    /// Frame of the .png, by its media time
    #[arg(long, value_name = "SECONDS", requires = "annotate", value_parser = parse_seconds)]
    pub(crate) at: Option<f64>,
}

/// `nvr completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Seconds of a film: a day at most.
fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds is needed, such as 12.5".to_owned())?;
    (0.0..=86_400.0).contains(&seconds).then_some(seconds).ok_or_else(|| "0 to 86400 s".to_owned())
}

/// A reason goes into the journal and onto terminals: one line, not empty, bounded.
fn parse_reason(text: &str) -> Result<String, String> {
    let clean = nvr_base::text::printable(text).trim().to_owned();
    match clean.len() {
        0 => Err("a reason is needed, such as the number of the request".into()),
        n if n > REASON_LEN_MAX => Err(format!("{n} bytes are too long, at most {REASON_LEN_MAX}")),
        _ => Ok(clean),
    }
}

impl Cli {
    /// Reads a command line; the first argument is the program's name.
    ///
    /// # Errors
    /// What `clap` says of it, help and version included; and a period that ends before it starts.
    pub(crate) fn read<I, T>(args: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        let cli = Self::try_parse_from(args)?;
        if let Command::Desk(command) = &cli.command
            && let Some(why) = command.fault()
        {
            return Err(Self::command().error(clap::error::ErrorKind::ArgumentConflict, why));
        }
        let period = match &cli.command {
            Command::Timeline(TimelineArgs { from: Some(from), to: Some(to), .. }) => Some((*from, *to)),
            Command::Export(ExportArgs { from, to, .. }) => Some((*from, *to)),
            Command::Desk(command) => command.period(),
            Command::Lock(LockArgs { from, to, .. }) | Command::Unlock(LockArgs { from, to, .. }) => {
                Some((*from, *to))
            }
            _ => None,
        };
        match period {
            Some((from, to)) if from >= to => Err(Self::command().error(
                clap::error::ErrorKind::ValueValidation,
                format!("--from {from} must be earlier than --to {to}"),
            )),
            _ => Ok(cli),
        }
    }

    /// The process's own command line; ends the process with clap's message when it is wrong.
    pub(crate) fn from_env() -> Self {
        Self::read(std::env::args_os()).unwrap_or_else(|e| e.exit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T1: &str = "2026-11-24T05:21:25.000Z";
    const T2: &str = "2026-11-24T05:22:25.000Z";

    fn check(line: &str, good: bool) {
        let args = line.replace("T1", T1).replace("T2", T2);
        let got = Cli::read(args.split_whitespace());
        assert_eq!(got.is_ok(), good, "{line}: {got:?}");
    }

    #[test]
    fn command_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lines_that_scripts_use() {
        for line in [
            "nvr serve --config F",
            "nvr --config F serve -vv",
            "nvr check --config F",
            "nvr check --config F --probe --json",
            "nvr status --config F --json",
            "nvr status --watch",
            "nvr timeline --config F --camera gate --json",
            "nvr timeline --config F --camera gate --json --stream sub --from T1 --to T2",
            "nvr timeline --camera gate --from T1",
            "nvr export --config F --camera gate --from T1 --to T2 --out clip.mp4",
            "nvr export --config F --camera gate --from T1 --to T2 --out clip.mp4 --manifest --stream sub",
            "nvr verify --config F --json",
            "nvr rebuild --config F",
            "nvr lock --camera gate --from T1 --to T2 --reason request",
            "nvr unlock --camera gate --from T1 --to T2 --reason request",
            "nvr bench record --cameras 50 --kbps 4000 --seconds 60 --json",
            "nvr bench record --cameras 50 --kbps 4000 --seconds 60 --pacing packet --dir /tmp",
            "nvr testcam --file F --count 2 --port 8554",
            "nvr testcam --file F --count 2 --port 8554 --quirk long-gop --quirk no-idr-first",
            "nvr testcam --bitrate-kbps 4000 --count 2 --port 0 --pacing packet",
            "nvr picture --camera gate --at T1 --out gate.jpg",
            "nvr replay --rules F --json clip.mp4",
            "nvr replay --rules F --annotate seen.png --at 12.5 clip.mp4",
            "nvr bench analyse --cameras 50 --json",
            "nvr bench analyse --cameras 4 --seconds 30 --detector d --plugins F --models F --quiet-share 0.5 --no-record",
            "nvr completions bash",
            "nvr man",
            "nvr plugin new my-detector --dir D --api P",
            "nvr plugins verify zone-entry --json",
            "nvr plugins disable zone-entry --plugins D",
            "nvr models bench nanodet-g-416 --seconds 3",
            "nvr models import D --models M",
            "nvr doctor --json",
        ] {
            check(line, true);
        }
    }

    #[test]
    fn lines_that_are_refused() {
        for line in [
            "nvr",
            "nvr record",
            "nvr timeline",
            "nvr timeline --camera ../etc",
            "nvr timeline --camera gate --from T2 --to T1",
            "nvr timeline --camera gate --stream third",
            "nvr export --camera gate --from yesterday --to T2 --out clip.mp4",
            "nvr export --camera gate --from T1 --to T1 --out clip.mp4",
            "nvr lock --camera gate --from T1 --to T2",
            "nvr bench record --cameras 0 --kbps 4000 --seconds 60",
            "nvr testcam --file F --count 2 --port 99999",
            "nvr replay --rules F --at 12.5 clip.mp4",
            "nvr replay --rules F --annotate seen.png --at -1 clip.mp4",
            "nvr bench analyse --cameras 4 --quiet-share 1.5",
            "nvr completions klingon",
            "nvr plugins new ../etc",
            "nvr plugins info Zone",
            "nvr models bench --seconds 0",
        ] {
            check(line, false);
        }
        assert!(
            Cli::read(["nvr", "lock", "--camera", "g", "--from", T1, "--to", T2, "--reason", " \u{1b} "])
                .is_err()
        );
    }

    #[test]
    fn every_command_explains_itself_with_an_example() {
        fn visit(command: &clap::Command) {
            for sub in command.get_subcommands().filter(|c| c.get_name() != "help") {
                let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example") && help.contains("nvr "), "{}", sub.get_name());
                assert!(sub.get_about().is_some(), "{}", sub.get_name());
                visit(sub);
            }
        }
        visit(&Cli::command());
    }
}
