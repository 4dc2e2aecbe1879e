//! What one playing session gets: which frames, numbered how.
//!
//! Promises: starts and restarts at key frames; decides per frame, without sockets and clocks.
//! Leaves to others: sending the packets and counting them (`session`).

use crate::dialogue::Route;
use crate::fault::{Fate, Faults, Frame, HugeUnit};
use crate::quirk::Quirk;
use crate::rtp::Sender;
use crate::track::{Position, Track};

/// Seconds between sender reports (RFC 3550 §6.2: at least 5 on average).
const REPORT_INTERVAL_S: i64 = 5;
/// Seconds after PLAY before timestamps wrap under `rtp-wrap`.
const WRAP_AFTER_S: u32 = 1;
/// Packets before sequence numbers wrap under `rtp-wrap`.
const WRAP_AFTER_PACKETS: u16 = 20;

/// One track of a session.
#[derive(Debug)]
pub(crate) struct PlayerTrack {
    /// Index of the track.
    pub(crate) track: usize,
    /// Where its packets go.
    pub(crate) route: Route,
    /// Its numbers.
    pub(crate) sender: Sender,
    wait_key: bool,
    not_before: i64,
    next_report: i64,
}

/// What is to be done with a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Send it with this timestamp; a sender report goes before it.
    Send {
        /// RTP timestamp.
        timestamp: u32,
        /// A sender report is due, with this RTP timestamp of the moment of sending.
        report: Option<u32>,
        /// A new second of the session has begun.
        second: bool,
    },
    /// Nothing; it was never promised.
    Skip,
    /// Nothing; the client was too slow, or a huge unit is under way.
    Drop,
    /// Go on with the huge unit.
    Huge,
    /// Close the connection.
    Close,
}

/// A session between PLAY and its end.
#[derive(Debug)]
pub(crate) struct Player {
    /// Tracks that were set up.
    pub(crate) tracks: Vec<PlayerTrack>,
    /// What is done to packets.
    pub(crate) faults: Faults,
    /// A unit that is being made.
    pub(crate) huge: Option<HugeUnit>,
    /// Its timestamp.
    pub(crate) huge_timestamp: u32,
    frames_left: Option<u64>,
    start_ms: Option<i64>,
    second: i64,
}

/// How sessions start and end.
#[derive(Debug, Clone)]
pub(crate) struct Playing {
    /// With the next frame instead of the next key frame.
    pub(crate) mid_gop: bool,
    /// Pictures a session gets.
    pub(crate) frames_max: Option<u64>,
    /// Faults.
    pub(crate) quirks: Vec<Quirk>,
}

impl Player {
    /// A session whose tracks start at `at` (index of the track, route, its next frame); sound starts with the
    /// picture. Returns with it, for RTP-Info (RFC 2326 §12.33), the sequence number of each track's first packet
    /// and its timestamp at the moment of the first picture.
    pub(crate) fn new(
        playing: &Playing,
        seed: u64,
        tracks: &[Track],
        at: &[(usize, Route, Position)],
    ) -> (Self, Vec<(usize, u16, u32)>) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mid_gop = playing.mid_gop || playing.quirks.contains(&Quirk::NoIdrFirst);
        let mut info = Vec::new();
        let mut out = Vec::new();
        let first_of = |track: &Track, p| if mid_gop { p } else { track.next_key(p) };
        // Decoding and presentation time of the first picture, in its ticks.
        let picture = at.iter().find_map(|&(index, _, p)| {
            let track = tracks.get(index).filter(|t| t.is_video())?;
            let first = first_of(track, p);
            Some((track.dts(first), track.pts(first), i64::from(track.clock_hz)))
        });
        for &(index, route, position) in at {
            let Some(track) = tracks.get(index) else { continue };
            let first = first_of(track, position);
            let (not_before, moment) = match picture {
                Some((dts, pts, clock_hz)) => {
                    let to_ours = |t: i64| t * i64::from(track.clock_hz) / clock_hz;
                    (to_ours(dts), to_ours(pts))
                }
                None => (i64::MIN, track.pts(first)),
            };
            let (ssrc, mut seq, mut base) = (rng.u32(..), rng.u16(..), rng.u32(..));
            if playing.quirks.contains(&Quirk::RtpWrap) {
                seq = 0u16.wrapping_sub(WRAP_AFTER_PACKETS);
                base = (track.clock_hz * WRAP_AFTER_S).wrapping_add(moment as u32).wrapping_neg();
            }
            let sender = Sender { ssrc, seq, timestamp_base: base, packets: 0, octets: 0 };
            info.push((index, seq, sender.timestamp(moment)));
            out.push(PlayerTrack {
                track: index,
                route,
                sender,
                wait_key: !mid_gop,
                not_before,
                next_report: i64::MIN,
            });
        }
        let player = Self {
            tracks: out,
            faults: Faults::new(&playing.quirks, rng.u64(..)),
            huge: None,
            huge_timestamp: 0,
            frames_left: playing.frames_max,
            start_ms: None,
            second: 0,
        };
        (player, info)
    }

    /// All pictures it was to get are sent.
    pub(crate) fn is_complete(&self) -> bool {
        self.frames_left == Some(0)
    }

    /// Decides on the frame at `position` of `track`; `n` is the index into [`Self::tracks`], `full` says that
    /// more waits for the client than may.
    pub(crate) fn frame(&mut self, n: usize, track: &Track, position: Position, full: bool) -> Verdict {
        let complete = self.is_complete();
        let Some(state) = self.tracks.get_mut(n) else { return Verdict::Skip };
        let (video, key) = (track.is_video(), track.is_key(position));
        if complete || track.dts(position) < state.not_before {
            return Verdict::Skip;
        }
        // Every picture's time moves a huge unit on, not only a key frame's.
        if self.huge.is_some() {
            state.wait_key |= video;
            return if video { Verdict::Huge } else { Verdict::Skip };
        }
        if state.wait_key && !key {
            return if self.start_ms.is_some() && video && state.sender.packets > 0 {
                Verdict::Drop
            } else {
                Verdict::Skip
            };
        }
        let to_ms = |ticks: i64| ticks * 1000 / i64::from(track.clock_hz);
        let now_ms = to_ms(track.dts(position));
        let elapsed_ms = (now_ms - *self.start_ms.get_or_insert(now_ms)).max(0);
        let second = video && elapsed_ms / 1000 > self.second;
        let shift_ms = match self.faults.frame(Frame { video, key, elapsed_ms }) {
            Fate::Send { shift_ms } => shift_ms,
            Fate::Skip => return Verdict::Skip,
            Fate::Close => return Verdict::Close,
            Fate::Huge(bytes) => {
                self.huge = Some(HugeUnit::new(bytes));
                self.huge_timestamp = state.sender.timestamp(track.pts(position));
                state.wait_key = true;
                return Verdict::Huge;
            }
        };
        if full {
            state.wait_key = video;
            return Verdict::Drop;
        }
        state.wait_key = false;
        if video {
            self.second = elapsed_ms / 1000;
            self.frames_left = self.frames_left.map(|n| n - 1);
        }
        let dts = track.dts(position);
        let shift = shift_ms * i64::from(track.clock_hz) / 1000;
        let report = (dts >= state.next_report).then(|| state.sender.timestamp(dts + shift));
        if report.is_some() {
            state.next_report = dts + REPORT_INTERVAL_S * i64::from(track.clock_hz);
        }
        let pts = track.pts(position) + shift;
        Verdict::Send { timestamp: state.sender.timestamp(pts), report, second }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Synthetic;

    /// Verdicts on the frames of a GOP of 5 frames at 5 frames a second, from the second frame on.
    fn check(playing: Playing, full: impl Fn(usize) -> bool, expected: &str) {
        let s = Synthetic { fps: 5.0, gop_s: 1.0, width: 64, height: 64, ..Synthetic::new(10) };
        let tracks = [Track::new(&s.media().unwrap())];
        let mut position = tracks[0].locate(1);
        let (mut player, info) = Player::new(&playing, 1, &tracks, &[(0, Route::Interleaved(0), position)]);
        let mut first = None;
        let got: String = (0..expected.len())
            .map(|n| {
                let verdict = player.frame(0, &tracks[0], position, full(n));
                if let Verdict::Send { timestamp, .. } = verdict {
                    player.tracks[0].sender.packets += 1;
                    first.get_or_insert(timestamp);
                }
                position = tracks[0].next(position);
                match verdict {
                    Verdict::Send { .. } => 's',
                    Verdict::Skip => '-',
                    Verdict::Drop => 'd',
                    Verdict::Huge => 'h',
                    Verdict::Close => 'c',
                }
            })
            .collect();
        assert_eq!(got, expected);
        assert_eq!(first, Some(info[0].2), "RTP-Info names the first timestamp");
    }

    fn playing(quirks: &[Quirk]) -> Playing {
        Playing { mid_gop: false, frames_max: None, quirks: quirks.to_vec() }
    }

    #[test]
    fn frames() {
        check(playing(&[]), |_| false, "----sssssssssss");
        check(Playing { mid_gop: true, ..playing(&[]) }, |_| false, "sssssss");
        check(Playing { frames_max: Some(7), ..playing(&[]) }, |_| false, "----sssssss------");
        check(playing(&[]), |n| n == 6, "----ssdddssssss");
        check(playing(&[Quirk::HugeUnit(1)]), |_| false, "----ssssshhhhhh");
        check(playing(&[Quirk::Flap(1)]), |_| false, "----sssssc");
        check(playing(&[Quirk::RtpWrap]), |_| false, "----ssss");
    }
}
