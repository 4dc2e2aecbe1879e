//! The command line of `nvr bench`.
//!
//! Promises and leaves to others: as `args`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Most fake cameras of a measurement.
pub(crate) const FAKE_CAMERAS_MAX: u32 = 1000;

/// `nvr bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// What to measure.
    #[command(subcommand)]
    pub(crate) command: BenchCommand,
}

/// The measurements.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Record fake cameras of another process and measure what it costs
    #[command(
        after_help = "Example:\n  nvr bench record --cameras 50 --kbps 4000 --seconds 60 --pacing packet --json"
    )]
    Record(BenchRecordArgs),

    /// Analyse fake cameras playing real footage while they are recorded, and measure rates, latency and cost
    #[command(after_help = "Examples:\n  nvr bench analyse --cameras 50 --json\n  \
                            nvr bench analyse --cameras 50 --detector nanodet-g-416 --seconds 120 --no-record")]
    Analyse(BenchAnalyseArgs),

    /// Replay a quiet film under bad weather and count what is raised for nothing
    #[command(after_help = "Examples:\n  nvr bench weather quiet.mp4\n  \
                            nvr bench weather --rules rules.toml --json quiet.mp4\n\n\
                            Every alert is a false one: choose a film in which nothing happens.")]
    Weather(BenchWeatherArgs),
}

/// How a fake camera hands its packets to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PacingArg {
    /// All packets of a picture at once
    Frame,
    /// One send per RTP packet, as many cameras do
    Packet,
}

/// `nvr bench record`.
#[derive(Debug, Args)]
pub(crate) struct BenchRecordArgs {
    /// Number of cameras
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(FAKE_CAMERAS_MAX)))]
    pub(crate) cameras: u32,
    /// Bit rate of each, kbit/s
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(16..=200_000))]
    pub(crate) kbps: u32,
    /// How long to measure, seconds
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) seconds: u32,
    /// How the cameras send
    #[arg(long, value_enum, default_value = "frame")]
    pub(crate) pacing: PacingArg,
    /// Folder on the disk to measure; the footage in it is removed afterwards
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    pub(crate) dir: PathBuf,
}

/// `nvr bench analyse`.
#[derive(Debug, Args)]
pub(crate) struct BenchAnalyseArgs {
    /// Number of cameras
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(FAKE_CAMERAS_MAX)))]
    pub(crate) cameras: u32,
    /// How long to measure, seconds
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) seconds: u32,
    /// How long to let it settle before, seconds
    #[arg(long, value_name = "S", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) settle_s: u32,
    /// Detector to use; when absent the best that is there
    #[arg(long, value_name = "ID")]
    pub(crate) detector: Option<String>,
    /// Folder of plugins, one rule of each is armed on every camera; when absent `plugins` beside the program or above it
    #[arg(long, value_name = "FOLDER", env = "NVR_PLUGINS")]
    pub(crate) plugins: Option<PathBuf>,
    /// Folder of models and ONNX Runtime; when absent `models` beside the program or above it
    #[arg(long, value_name = "FOLDER", env = "NVR_MODELS")]
    pub(crate) models: Option<PathBuf>,
    /// Share of the cameras that see nobody: the footage without its people, with noise
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = parse_share)]
    pub(crate) quiet_share: f64,
    /// Film with people; when absent the one in Debian's opencv-doc
    #[arg(long, value_name = "FILM")]
    pub(crate) footage: Option<PathBuf>,
    /// Bit rate of each main stream, kbit/s
    #[arg(long, value_name = "K", default_value_t = 4000, value_parser = clap::value_parser!(u32).range(16..=200_000))]
    pub(crate) kbps: u32,
    /// Without main streams: only what is analysed is received
    #[arg(long)]
    pub(crate) no_record: bool,
    /// Folder for footage; what is written to it is removed afterwards
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    pub(crate) dir: PathBuf,
}

/// `nvr bench weather`.
#[derive(Debug, Args)]
pub(crate) struct BenchWeatherArgs {
    /// The film: MP4, Matroska or AVI
    #[arg(value_name = "CLIP")]
    pub(crate) clip: PathBuf,
    /// File with the rules; when absent one rule of each plugin, with its field defaults
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// Folder of plugins; when absent `plugins` beside the program or above it
    #[arg(long, value_name = "FOLDER", env = "NVR_PLUGINS")]
    pub(crate) plugins: Option<PathBuf>,
    /// Folder of models and ONNX Runtime; when absent `models` beside the program or above it
    #[arg(long, value_name = "FOLDER", env = "NVR_MODELS")]
    pub(crate) models: Option<PathBuf>,
    /// Detector to use; when absent the best that is there
    #[arg(long, value_name = "ID")]
    pub(crate) detector: Option<String>,
}

fn parse_share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a number from 0 to 1 is needed".to_owned())
}
