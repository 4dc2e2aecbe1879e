//! The films that fake cameras play: one with people, and the same place without.
//!
//! Promises: 640 × 360 at [`FPS`] frames a second, H.264 as cameras send it: no B-frames, a key frame every two seconds.
//! Leaves to others: encoding itself (`ffmpeg`), playing (`nvr testcam`).

use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Frames a second of a sub-stream.
const FPS: u32 = 10;
/// Where Debian's opencv-doc has a film of a street: 80 s, 768 × 576 at 10 frames a second.
const DEFAULT: &str = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";
/// Four to three in sixteen to nine: the width, and the middle of the height.
const SIZE: &str = "scale=640:-2,crop=640:360";
/// The middle value of each pixel over 61 s: who walks by is gone.
const EMPTY: &str = "fps=1,tmedian=radius=30";
/// What a sensor adds at dusk.
const NOISE: &str = "noise=alls=8:allf=t";
/// Length of the film without people, seconds: a loop that no motion gate knows by heart.
const QUIET_S: &str = "30";

/// Both films, MP4: their times are in them, so that the main streams keep a rate of their own.
#[derive(Debug)]
pub(super) struct Footage {
    /// With people.
    pub(super) busy: PathBuf,
    /// Without.
    pub(super) quiet: PathBuf,
}

impl Footage {
    /// Encodes them into `folder`.
    pub(super) fn make(film: Option<&Path>, folder: &Path) -> anyhow::Result<Self> {
        let film = film.unwrap_or(Path::new(DEFAULT));
        if !film.is_file() {
            bail!("{}: no such film; apt-get install opencv-doc, or name one with --footage", film.display());
        }
        let (busy, quiet) = (folder.join("busy.mp4"), folder.join("quiet.mp4"));
        let still = folder.join("empty.png");
        ffmpeg(&[], film, &format!("{SIZE},fps={FPS}"), &encoder(), &busy)?;
        ffmpeg(&[], film, &format!("{EMPTY},{SIZE}"), &["-frames:v", "1"].map(str::to_owned), &still)?;
        let looped = ["-loop", "1", "-framerate", &FPS.to_string(), "-t", QUIET_S].map(str::to_owned);
        ffmpeg(&looped, &still, &format!("{NOISE},format=yuv420p"), &encoder(), &quiet)?;
        Ok(Self { busy, quiet })
    }
}

fn encoder() -> Vec<String> {
    let gop = (FPS * 2).to_string();
    let options =
        ["-an", "-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", &gop, "-sc_threshold", "0"];
    let rate = [
        "-b:v",
        "400k",
        "-maxrate",
        "400k",
        "-bufsize",
        "400k",
        "-x264-params",
        "repeat-headers=1",
        "-f",
        "mp4",
    ];
    options.iter().chain(&rate).map(|&word| word.to_owned()).collect()
}

fn ffmpeg(before: &[String], from: &Path, filter: &str, how: &[String], to: &Path) -> anyhow::Result<()> {
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(before)
        .arg("-i")
        .arg(from)
        .args(["-vf", filter])
        .args(how)
        .arg(to)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .context("cannot start ffmpeg; apt-get install ffmpeg")?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        bail!(
            "{}: ffmpeg cannot encode it: {}",
            from.display(),
            said.lines().next().unwrap_or("no reason given")
        );
    }
    Ok(())
}
