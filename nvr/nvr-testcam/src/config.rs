//! What fake cameras are told to be.
//!
//! Promises: defaults for everything but the source; contradictions are refused with the remedy.
//! Leaves to others: the command line (`args`).

use crate::error::TestcamError;
use crate::media::Media;
use crate::quirk::Quirk;
use crate::synthetic::Synthetic;
use crate::track::Track;
use crate::{audio, file};
use nvr_base::Codec;
use std::path::PathBuf;

/// Most cameras of one server.
pub const CAMERAS_MAX: u32 = 2000;

/// Where pictures come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A file that is looped: MP4, Annex B H.264 or H.265, concatenated JPEG.
    File(PathBuf),
    /// A stream made without an encoder.
    Synthetic(Synthetic),
}

/// Where sound comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sound {
    /// A 400 Hz tone in G.711 µ-law.
    Tone,
    /// A file that is looped: AAC in MP4 or ADTS, else raw µ-law.
    File(PathBuf),
}

/// How passwords are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthScheme {
    /// RFC 7617.
    Basic,
    /// RFC 2617 and 7616, MD5.
    Digest,
    /// RFC 7616, SHA-256.
    DigestSha256,
}

/// Who may watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Name.
    pub user: String,
    /// Password.
    pub password: String,
    /// How it is asked for.
    pub scheme: AuthScheme,
}

/// How an access unit is handed to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pacing {
    /// One send an access unit.
    Frame,
    /// One send an RTP packet, without delay, as many cameras do.
    Packet,
}

/// What follows the last of [`TestcamConfig::frames_max`] frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFrames {
    /// The connection stays open, silent.
    Silence,
    /// The connection is closed once everything is sent.
    Close,
}

/// Everything about the fake cameras of one server.
#[derive(Debug, Clone)]
pub struct TestcamConfig {
    /// Pictures of `/camN`.
    pub source: Source,
    /// A second file for `sps-change` and `resolution-change`.
    pub second: Option<PathBuf>,
    /// Pictures of `/camN/sub`.
    pub sub: Option<Source>,
    /// Number of cameras.
    pub count: u32,
    /// TCP port on 127.0.0.1; 0 for a free one.
    pub port: u16,
    /// Frames a second of files without times.
    pub fps: f64,
    /// A second track.
    pub sound: Option<Sound>,
    /// Who may watch; everyone when absent.
    pub credentials: Option<Credentials>,
    /// One send a frame or a packet.
    pub pacing: Pacing,
    /// Sessions start with the next frame instead of the next key frame.
    pub mid_gop: bool,
    /// Pictures a session gets.
    pub frames_max: Option<u64>,
    /// What follows them.
    pub after_frames: AfterFrames,
    /// Faults.
    pub quirks: Vec<Quirk>,
    /// Gives SSRCs, first sequence numbers, timestamps and losses.
    pub seed: u64,
    /// How many times faster than real time frames are sent; timestamps stay the camera's.
    pub speed: f64,
    /// Bytes that wait for a slow client before frames are dropped to the next key frame. A first frame always
    /// waits, whatever its size.
    pub backlog_bytes_max: usize,
}

impl TestcamConfig {
    /// One camera playing `source` on a free port.
    pub fn new(source: Source) -> Self {
        Self {
            source,
            second: None,
            sub: None,
            count: 1,
            port: 0,
            fps: 25.0,
            sound: None,
            credentials: None,
            pacing: Pacing::Frame,
            mid_gop: false,
            frames_max: None,
            after_frames: AfterFrames::Silence,
            quirks: Vec::new(),
            seed: 1,
            speed: 1.0,
            backlog_bytes_max: 2 << 20,
        }
    }

    /// One camera with a synthetic stream of `kbps`.
    pub fn synthetic(kbps: u32) -> Self {
        Self::new(Source::Synthetic(Synthetic::new(kbps)))
    }

    /// One camera playing a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::new(Source::File(path.into()))
    }

    /// Reads and packetises the tracks of the main streams and of the sub-streams.
    pub(crate) fn load(&self) -> Result<Vec<Vec<Track>>, TestcamError> {
        self.check()?;
        let mut kinds = vec![self.pictures(&self.source, true)?];
        if self.quirks.contains(&Quirk::WrongSdp) && kinds.iter().any(|k| k.codec != Codec::H264) {
            return Err(TestcamError::Config("the quirk wrong-sdp needs an H.264 stream".into()));
        }
        if let Some(sub) = &self.sub {
            kinds.push(self.pictures(sub, false)?);
        }
        let sound = match &self.sound {
            Some(Sound::File(path)) => Some(file::sound(path)?),
            Some(Sound::Tone) => Some(audio::tone()),
            None if self.quirks.contains(&Quirk::SendsAudio) => Some(audio::tone()),
            None => None,
        };
        Ok(kinds
            .iter()
            .map(|pictures| std::iter::once(pictures).chain(&sound).map(Track::new).collect())
            .collect())
    }

    fn check(&self) -> Result<(), TestcamError> {
        let refuse = |why: String| Err(TestcamError::Config(why));
        if self.count == 0 || self.count > CAMERAS_MAX {
            return refuse(format!("--count {} is not between 1 and {CAMERAS_MAX}", self.count));
        }
        if !(0.1..=240.0).contains(&self.fps) {
            return refuse(format!("--fps {} is not between 0.1 and 240", self.fps));
        }
        if !(0.01..=1000.0).contains(&self.speed) {
            return refuse(format!("--speed {} is not between 0.01 and 1000", self.speed));
        }
        if self.quirks.iter().any(|q| matches!(q, Quirk::AuthLock(_))) && self.credentials.is_none() {
            return refuse("the quirk 401-lock needs --user and --password".into());
        }
        Ok(())
    }

    fn pictures(&self, source: &Source, main: bool) -> Result<Media, TestcamError> {
        let change = self.quirks.iter().find_map(|q| match q {
            Quirk::SpsChange(s) => Some((*q, *s)),
            Quirk::ResolutionChange(s) => Some((*q, *s)),
            _ => None,
        });
        let config = |why: String| TestcamError::Config(why);
        match source {
            Source::File(path) => {
                let media = file::video(path, self.fps)?;
                let Some((quirk, seconds)) = change.filter(|_| main) else { return Ok(media) };
                let Some(second) = &self.second else {
                    return Err(config(format!("the quirk {quirk} needs a second file: --file2")));
                };
                let other = file::video(second, self.fps)?;
                if matches!(quirk, Quirk::ResolutionChange(_)) && media.size == other.size {
                    return Err(config(format!(
                        "the quirk {quirk} needs files of different picture size; `{}` and `{}` have the same",
                        path.display(),
                        second.display()
                    )));
                }
                media
                    .alternate(other, seconds)
                    .map_err(|why| TestcamError::Media { path: second.clone(), why })
            }
            Source::Synthetic(s) => {
                let mut s = *s;
                if let Some(gap) = self.quirks.iter().find_map(|q| match q {
                    Quirk::LongGop(gap) => Some(*gap),
                    _ => None,
                }) {
                    s.gop_s = f64::from(gap);
                }
                let media = s.media().map_err(config)?;
                let Some((quirk, seconds)) = change.filter(|_| main) else { return Ok(media) };
                let other = if matches!(quirk, Quirk::ResolutionChange(_)) {
                    let smaller = if s.width > 640 { (640, 360) } else { (1280, 720) };
                    Synthetic { width: smaller.0, height: smaller.1, ..s }
                } else {
                    Synthetic { variant: !s.variant, ..s }
                };
                let other = other.media().map_err(config)?;
                media.alternate(other, seconds).map_err(config)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl Fn(&mut TestcamConfig), expected_error: Option<&str>) {
        let mut c = TestcamConfig::synthetic(200);
        change(&mut c);
        match (c.load(), expected_error) {
            (Ok(_), None) => {}
            (Err(e), Some(part)) => assert!(e.to_string().contains(part), "{e}"),
            (got, want) => panic!("{got:?}, expected {want:?}"),
        }
    }

    #[test]
    fn contradictions_are_refused() {
        check(|_| {}, None);
        check(|c| c.count = 0, Some("--count"));
        check(|c| c.fps = f64::NAN, Some("--fps"));
        check(|c| c.speed = 0.0, Some("--speed"));
        check(|c| c.quirks = vec![Quirk::AuthLock(5)], Some("--user"));
        check(|c| c.quirks = vec![Quirk::SpsChange(1)], None);
        check(|c| c.source = Source::File("/nonexistent".into()), Some("/nonexistent"));
    }

    #[test]
    fn tracks() {
        let mut c = TestcamConfig::synthetic(200);
        c.sub = Some(Source::Synthetic(Synthetic { width: 640, height: 360, ..Synthetic::new(100) }));
        c.quirks = vec![Quirk::SendsAudio];
        let kinds = c.load().unwrap();
        assert_eq!(kinds.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
    }
}
