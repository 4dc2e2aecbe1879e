//! What was sent, for tests that compare it with what was recorded.
//!
//! Promises: pictures handed to the kernel are counted once; what waited in vain is `frames_unsent`.
//! Leaves to others: printing.

use serde::{Deserialize, Serialize};

/// Closed sessions that are listed; older ones remain in the sums.
pub const SESSIONS_LISTED_MAX: usize = 10_000;

/// One session, that is one playing connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStats {
    /// `cam0`, `cam0/sub`; empty before SETUP.
    pub stream: String,
    /// `tcp` or `udp`; empty before SETUP.
    pub transport: String,
    /// The connection is still open.
    pub open: bool,
    /// Pictures sent.
    pub frames: u64,
    /// Bytes of their NAL units with 4-byte lengths (of their JPEG pictures).
    pub bytes: u64,
    /// Sound frames sent.
    pub audio_frames: u64,
    /// RTP packets sent.
    pub packets: u64,
    /// Pictures dropped because the client was slow, up to the next key frame.
    pub frames_dropped: u64,
    /// RTP packets the network did not take (UDP).
    pub packets_dropped: u64,
    /// Pictures among `frames` that still waited when the connection closed.
    pub frames_unsent: u64,
    /// RTP timestamp of the first picture.
    pub timestamp_first: Option<u32>,
    /// RTP timestamp of the last picture.
    pub timestamp_last: Option<u32>,
}

/// All sessions of one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamStats {
    /// `cam0`, `cam0/sub`.
    pub stream: String,
    /// Sessions so far.
    pub sessions: u64,
    /// Pictures sent.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Pictures dropped because a client was slow.
    pub frames_dropped: u64,
}

/// Everything since start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Pictures sent.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Pictures dropped because a client was slow.
    pub frames_dropped: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections refused because there were too many.
    pub connections_refused: u64,
    /// Worst delay of a frame against its time, in milliseconds: how far the machine was behind.
    pub late_ms_max: u64,
    /// Sums by stream, of streams that had a session.
    pub streams: Vec<StreamStats>,
    /// Sessions that were set up, in order of closing, then the open ones.
    pub sessions: Vec<SessionStats>,
}

impl Stats {
    /// Adds a session; `list` it, too.
    pub(crate) fn add(&mut self, session: &SessionStats, list: bool) {
        if session.stream.is_empty() {
            return;
        }
        self.frames += session.frames;
        self.bytes += session.bytes;
        self.frames_dropped += session.frames_dropped;
        let at = self.streams.partition_point(|s| s.stream < session.stream);
        if self.streams.get(at).is_none_or(|s| s.stream != session.stream) {
            self.streams.insert(at, StreamStats { stream: session.stream.clone(), ..StreamStats::default() });
        }
        if let Some(s) = self.streams.get_mut(at) {
            s.sessions += 1;
            s.frames += session.frames;
            s.bytes += session.bytes;
            s.frames_dropped += session.frames_dropped;
        }
        if list {
            self.sessions.push(session.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums() {
        let s = |stream: &str, frames| SessionStats { stream: stream.into(), frames, ..Default::default() };
        let mut all = Stats::default();
        for session in [s("cam1", 5), s("cam0", 1), s("cam1", 2), s("", 100)] {
            all.add(&session, true);
        }
        assert_eq!(all.frames, 8);
        let by_stream: Vec<_> =
            all.streams.iter().map(|s| (s.stream.as_str(), s.sessions, s.frames)).collect();
        assert_eq!(by_stream, [("cam0", 1, 1), ("cam1", 2, 7)]);
        assert_eq!(all.sessions.len(), 3);
    }
}
