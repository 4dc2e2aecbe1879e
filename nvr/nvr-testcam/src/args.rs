//! The command `nvr testcam`.
//!
//! Promises: serves until Ctrl-C, SIGTERM or `--seconds`; prints addresses first and one JSON line of totals last.
//! Leaves to others: everything else.

use crate::config::{AfterFrames, AuthScheme, Credentials, Pacing, Sound, Source, TestcamConfig};
use crate::error::TestcamError;
use crate::quirk::Quirk;
use crate::synthetic::Synthetic;
use crate::testcam::Testcam;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Addresses printed at most; the rest follows the same pattern.
const URLS_PRINTED_MAX: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum AuthArg {
    Basic,
    Digest,
    DigestSha256,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum PacingArg {
    Frame,
    Packet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum AfterArg {
    Silence,
    Close,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum AudioArg {
    Ulaw,
}

/// Fake RTSP cameras on 127.0.0.1, for tests and demonstrations.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = quirks_help())]
pub struct TestcamArgs {
    /// Footage to loop: MP4, H.264 or H.265 byte stream, or JPEG pictures one after the other
    #[arg(long, value_name = "FILE", required_unless_present = "bitrate_kbps")]
    file: Option<PathBuf>,
    /// A stream of this bit rate made without an encoder, instead of --file
    #[arg(long, value_name = "KBPS", conflicts_with = "file")]
    bitrate_kbps: Option<u32>,
    /// Picture size of --bitrate-kbps
    #[arg(long, value_name = "WxH", default_value = "1920x1080", value_parser = parse_size)]
    size: (u32, u32),
    /// Seconds between key frames of --bitrate-kbps
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    gop_s: f64,
    /// Second footage, for sps-change and resolution-change
    #[arg(long, value_name = "FILE")]
    file2: Option<PathBuf>,
    /// Footage of the sub-streams, /camN/sub
    #[arg(long, value_name = "FILE")]
    sub: Option<PathBuf>,
    /// Sub-streams of this bit rate (640x360) made without an encoder
    #[arg(long, value_name = "KBPS", conflicts_with = "sub")]
    sub_kbps: Option<u32>,
    /// Number of cameras: /cam0, /cam1, …
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u32,
    /// TCP port; 0 takes a free one
    #[arg(long, value_name = "P", default_value_t = 8554)]
    port: u16,
    /// Frames a second of footage without times
    #[arg(long, value_name = "FPS", default_value_t = 25.0)]
    fps: f64,
    /// Add a tone in G.711 u-law
    #[arg(long, value_enum)]
    audio: Option<AudioArg>,
    /// Add sound: AAC of an ADTS or MP4 file, else raw u-law
    #[arg(long, value_name = "FILE", conflicts_with = "audio")]
    audio_file: Option<PathBuf>,
    /// Ask for this user name
    #[arg(long, value_name = "U", requires = "password")]
    user: Option<String>,
    /// and this password
    #[arg(long, value_name = "P", requires = "user")]
    password: Option<String>,
    /// How to ask
    #[arg(long, value_enum, default_value_t = AuthArg::Digest)]
    auth: AuthArg,
    /// One send per access unit, or per RTP packet as many cameras do
    #[arg(long, value_enum, default_value_t = PacingArg::Frame)]
    pacing: PacingArg,
    /// Sessions start at the next frame instead of the next key frame
    #[arg(long)]
    mid_gop: bool,
    /// Pictures each session gets
    #[arg(long, value_name = "N")]
    frames: Option<u64>,
    /// What follows the last of --frames
    #[arg(long, value_enum, default_value_t = AfterArg::Silence)]
    after_frames: AfterArg,
    /// A fault, see below; may be given several times
    #[arg(long = "quirk", value_name = "NAME", value_parser = parse_quirk)]
    quirks: Vec<Quirk>,
    /// Makes losses, numbers and synthetic sizes repeat
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Send this many times faster than real time
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    speed: f64,
    /// Bytes that wait for a slow client before frames are dropped
    #[arg(long, value_name = "BYTES", default_value_t = 2 << 20)]
    backlog: usize,
    /// End by itself after so many seconds
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
}

fn quirks_help() -> String {
    format!("Quirks (numbers can be changed, as in silent-after-30-s):\n{}", Quirk::help())
}

fn parse_quirk(text: &str) -> Result<Quirk, String> {
    text.parse().map_err(|e: crate::QuirkError| e.to_string())
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    text.split_once('x')
        .and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)))
        .ok_or_else(|| format!("`{text}` is no size such as 1280x720"))
}

impl TestcamArgs {
    /// The configuration these arguments mean.
    pub fn config(&self) -> TestcamConfig {
        let synthetic = |kbps, (width, height)| {
            Source::Synthetic(Synthetic {
                width,
                height,
                fps: self.fps,
                gop_s: self.gop_s,
                seed: self.seed,
                ..Synthetic::new(kbps)
            })
        };
        let source = match (&self.file, self.bitrate_kbps) {
            (Some(file), _) => Source::File(file.clone()),
            (None, kbps) => synthetic(kbps.unwrap_or(0), self.size),
        };
        let sub = match (&self.sub, self.sub_kbps) {
            (Some(file), _) => Some(Source::File(file.clone())),
            (None, kbps) => kbps.map(|k| synthetic(k, (640, 360))),
        };
        let credentials = self.user.clone().zip(self.password.clone()).map(|(user, password)| Credentials {
            user,
            password,
            scheme: match self.auth {
                AuthArg::Basic => AuthScheme::Basic,
                AuthArg::Digest => AuthScheme::Digest,
                AuthArg::DigestSha256 => AuthScheme::DigestSha256,
            },
        });
        TestcamConfig {
            second: self.file2.clone(),
            sub,
            count: self.count,
            port: self.port,
            fps: self.fps,
            sound: match (&self.audio_file, self.audio) {
                (Some(file), _) => Some(Sound::File(file.clone())),
                (None, Some(AudioArg::Ulaw)) => Some(Sound::Tone),
                (None, None) => None,
            },
            credentials,
            pacing: match self.pacing {
                PacingArg::Frame => Pacing::Frame,
                PacingArg::Packet => Pacing::Packet,
            },
            mid_gop: self.mid_gop,
            frames_max: self.frames,
            after_frames: match self.after_frames {
                AfterArg::Silence => AfterFrames::Silence,
                AfterArg::Close => AfterFrames::Close,
            },
            quirks: self.quirks.clone(),
            seed: self.seed,
            speed: self.speed,
            backlog_bytes_max: self.backlog,
            ..TestcamConfig::new(source)
        }
    }

    /// Serves until Ctrl-C, SIGTERM or the time given. Addresses go to `out` at once, the totals at the end.
    ///
    /// # Errors
    /// As [`Testcam::start`], and when `out` is closed.
    pub fn run(&self, out: &mut impl Write) -> Result<(), TestcamError> {
        let system = |step| move |source| TestcamError::System { step, source };
        let written = system("writing to the standard output");
        raise_file_limit();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(system("starting the signal handler"))?;
        let cams = Testcam::start(self.config())?;
        let mut text: String =
            cams.urls().iter().take(URLS_PRINTED_MAX).map(|url| format!("{url}\n")).collect();
        if cams.urls().len() > URLS_PRINTED_MAX
            && let Some(last) = cams.urls().last()
        {
            text += &format!("… {} in all, to {last}\n", cams.urls().len());
        }
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(written)?;
        runtime.block_on(self.end()).map_err(system("waiting for a signal"))?;
        let stats = cams.stop()?;
        let json = serde_json::to_string(&stats)
            .map_err(|e| TestcamError::System { step: "writing the totals", source: e.into() })?;
        writeln!(out, "{json}").and_then(|()| out.flush()).map_err(written)
    }

    async fn end(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut term = signal(SignalKind::terminate())?;
        let time = async {
            match self.seconds {
                Some(s) => tokio::time::sleep(Duration::from_secs(s)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            r = tokio::signal::ctrl_c() => r,
            _ = term.recv() => Ok(()),
            () = time => Ok(()),
        }
    }
}

/// Hundreds of cameras need more files than the usual soft limit; what cannot be had is noticed on accept.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: TestcamArgs,
    }

    fn check(line: &str, expected: Result<impl Fn(&TestcamConfig) -> bool, &str>) {
        let parsed = Cli::try_parse_from(format!("testcam {line}").split_whitespace());
        match (parsed, expected) {
            (Ok(cli), Ok(holds)) => assert!(holds(&cli.args.config()), "{line}: {:?}", cli.args.config()),
            (Err(e), Err(part)) => assert!(e.to_string().contains(part), "{line}: {e}"),
            (got, _) => panic!("{line}: {got:?}"),
        }
    }

    fn good(line: &str, holds: impl Fn(&TestcamConfig) -> bool) {
        check(line, Ok(holds));
    }

    fn bad(line: &str, part: &str) {
        check(line, Err::<fn(&TestcamConfig) -> bool, _>(part));
    }

    #[test]
    fn command_lines() {
        good("--file a.h264 --count 3 --port 0", |c| {
            c.source == Source::File("a.h264".into()) && c.count == 3
        });
        good(
            "--bitrate-kbps 4000 --size 1280x720",
            |c| matches!(&c.source, Source::Synthetic(s) if (s.kbps, s.width, s.height) == (4000, 1280, 720)),
        );
        good("--file a --quirk long-gop-250-s --quirk no-rtp-info", |c| {
            c.quirks == [Quirk::LongGop(250), Quirk::NoRtpInfo]
        });
        good("--file a --user u --password p --auth basic", |c| {
            c.credentials.as_ref().is_some_and(|c| c.scheme == AuthScheme::Basic)
        });
        good("--file a --frames 10 --after-frames close", |c| {
            (c.frames_max, c.after_frames) == (Some(10), AfterFrames::Close)
        });
        bad("", "--file");
        bad("--file a --bitrate-kbps 5", "cannot be used with");
        bad("--file a --user u", "--password");
        bad("--file a --quirk nonsense", "no quirk; these are: long-gop-60-s");
        bad("--file a --size big", "no size");
    }

    #[test]
    fn help_names_every_quirk() {
        use clap::CommandFactory;
        let help = Cli::command().render_help().to_string();
        for q in Quirk::ALL {
            assert!(help.contains(&q.to_string()), "{q}");
        }
    }
}
