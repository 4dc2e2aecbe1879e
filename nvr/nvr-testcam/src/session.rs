//! One connection: its socket, its dialogue, what it plays and what it was sent.
//!
//! Promises: never blocks; bounded input and backlog; an error of the socket ends the connection and nothing else.
//! Leaves to others: when frames are due (`server`), which are sent (`player`).

use crate::config::{AfterFrames, Pacing};
use crate::dialogue::{Dialogue, Reply, Route};
use crate::outbox::{Kind, Outbox};
use crate::packetize::Template;
use crate::player::{Player, Verdict};
use crate::request::{self, MESSAGE_BYTES_MAX, Message, Request};
use crate::rtp::{interleave, rtp_part};
use crate::stats::SessionStats;
use crate::track::{Position, Track};
use nvr_base::{Codec, Utc};
use std::io::{ErrorKind, Read};
use std::net::{TcpStream, UdpSocket};

/// Packets of a huge unit made at once.
const HUGE_PACKETS_AT_ONCE: usize = 64;
/// Packets of a huge unit made for one frame's time.
const HUGE_PACKETS_A_FRAME: usize = 1024;
/// Replies that may wait for a client that asks and does not read.
const REPLIES_WAITING_MAX: usize = 64;
/// Bytes taken off a socket at once.
const READ_BYTES: usize = 16 << 10;

/// What all sessions of a server share when they send.
#[derive(Debug)]
pub(crate) struct Network {
    /// RTP over UDP.
    pub(crate) rtp: UdpSocket,
    /// RTCP over UDP.
    pub(crate) rtcp: UdpSocket,
    /// One send a frame or a packet.
    pub(crate) pacing: Pacing,
    /// Bytes that may wait.
    pub(crate) backlog_bytes_max: usize,
    /// What follows the last frame.
    pub(crate) after_frames: AfterFrames,
    /// Sender reports run ahead by so many microseconds.
    pub(crate) clock_ahead_us: i64,
    /// Over UDP, one packet a second.
    pub(crate) trickle: bool,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    /// Its socket.
    pub(crate) socket: TcpStream,
    /// Its state.
    pub(crate) dialogue: Dialogue,
    /// What it plays.
    pub(crate) player: Option<Player>,
    /// What it was sent.
    pub(crate) stats: SessionStats,
    /// It is watched for room to send.
    pub(crate) watched: bool,
    outbox: Outbox,
    input: Vec<u8>,
    closing: bool,
    shut: bool,
    gone: bool,
}

impl Session {
    /// A fresh connection; with `by_drops` it is sent bytes one by one.
    pub(crate) fn new(socket: TcpStream, dialogue: Dialogue, by_drops: bool) -> Self {
        Self {
            socket,
            dialogue,
            player: None,
            stats: SessionStats { open: true, ..SessionStats::default() },
            watched: false,
            outbox: Outbox::new(by_drops),
            input: Vec::new(),
            closing: false,
            shut: false,
            gone: false,
        }
    }

    /// It can be forgotten.
    pub(crate) fn is_over(&self) -> bool {
        self.gone
    }

    /// After [`Self::finish`], once all is sent: tells the client so. True the one time it does. The client closes
    /// then; closing first could destroy what it has not read yet.
    pub(crate) fn shut_down(&mut self) -> bool {
        if self.gone || self.shut || !self.closing || self.outbox.bytes() > 0 {
            return false;
        }
        self.shut = true;
        self.gone = self.socket.shutdown(std::net::Shutdown::Write).is_err();
        !self.gone
    }

    /// It must be watched for room to send.
    pub(crate) fn wants_room(&self) -> bool {
        self.outbox.wants_room()
    }

    /// What it was sent, as of now.
    pub(crate) fn stats(&self) -> SessionStats {
        let unsent = self.outbox.frames();
        SessionStats { frames_unsent: unsent, open: !self.gone && !self.closing, ..self.stats.clone() }
    }

    /// The other side closed, or an error came.
    pub(crate) fn hang_up(&mut self) {
        self.gone = true;
    }

    /// No more requests; it ends when all is sent.
    pub(crate) fn finish(&mut self) {
        self.closing = true;
        self.player = None;
    }

    /// Takes what came and returns the requests in it.
    pub(crate) fn read(&mut self) -> Vec<Request> {
        let mut requests = Vec::new();
        let mut buffer = [0; READ_BYTES];
        // One read an event: a client that floods us does not hold up the others.
        match self.socket.read(&mut buffer) {
            Ok(0) => self.hang_up(),
            Ok(n) => self.input.extend_from_slice(buffer.get(..n).unwrap_or_default()),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.hang_up(),
        }
        if self.closing {
            self.input.clear();
        }
        let mut used = 0;
        while !self.closing && !self.gone {
            let rest = self.input.get(used..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            match request::take(rest) {
                Ok(Some((n, message))) => {
                    used += n;
                    if let Message::Request(r) = message {
                        requests.push(r);
                    }
                }
                Ok(None) if rest.len() <= MESSAGE_BYTES_MAX => break,
                Ok(None) => self.hang_up(),
                Err(e) => {
                    let status = match e {
                        request::RequestError::TooLarge => "413 Request Entity Too Large",
                        request::RequestError::Malformed => "400 Bad Request",
                    };
                    self.reply(&Reply::bare(status, "0"));
                    self.finish();
                }
            }
        }
        self.input.drain(..used.min(self.input.len()));
        requests
    }

    /// Sends a reply.
    pub(crate) fn reply(&mut self, reply: &Reply) {
        self.send(reply.text().as_bytes(), Kind::Reply);
        if self.outbox.replies() > REPLIES_WAITING_MAX {
            self.hang_up();
        }
    }

    /// The socket has room.
    pub(crate) fn flush(&mut self) {
        let sent = self.outbox.flush(&mut &self.socket);
        self.gone |= sent.is_err();
    }

    /// One byte leaves.
    pub(crate) fn drip(&mut self) {
        let sent = self.outbox.drip(&mut &self.socket);
        self.gone |= sent.is_err();
    }

    fn send(&mut self, data: &[u8], kind: Kind) {
        if !self.gone {
            let sent = self.outbox.send(&mut &self.socket, data, kind);
            self.gone |= sent.is_err();
        }
    }

    /// A frame of the track `index` is due; `now` is the camera's wall clock.
    pub(crate) fn frame(&mut self, index: usize, track: &mut Track, at: Position, net: &Network, now: Utc) {
        let full = self.outbox.bytes() > net.backlog_bytes_max;
        let Some(player) = &mut self.player else { return };
        let Some(n) = player.tracks.iter().position(|t| t.track == index) else { return };
        let video = track.is_video();
        let (timestamp, report, second) = match player.frame(n, track, at, full) {
            Verdict::Send { timestamp, report, second } => (timestamp, report, second),
            Verdict::Skip => return,
            Verdict::Drop => {
                self.stats.frames_dropped += u64::from(video);
                return;
            }
            Verdict::Huge => {
                self.stats.frames_dropped += 1;
                return self.pump(n, track, net);
            }
            Verdict::Close => return self.hang_up(),
        };
        let Some(state) = player.tracks.get_mut(n) else { return };
        let route = state.route;
        let report = report.map(|at| state.sender.report(now.plus_micros(net.clock_ahead_us), at));
        let channel = match route {
            Route::Interleaved(channel) => channel,
            Route::Udp { .. } => 0,
        };
        let Some(template) = track.template_mut(at) else { return };
        state.sender.number(template, channel, timestamp);
        let altered = player.faults.on_packets().then(|| player.faults.packets(template, second));
        let complete = player.is_complete();
        let kind = if video { Kind::FrameEnd } else { Kind::Media };
        if video {
            self.stats.frames += 1;
            self.stats.bytes += template.payload_bytes;
            self.stats.timestamp_first.get_or_insert(timestamp);
            self.stats.timestamp_last = Some(timestamp);
        } else {
            self.stats.audio_frames += 1;
        }
        if let Some(report) = report {
            self.send_report(&report, route, net);
        }
        match altered {
            Some(packets) => {
                self.send_packets(packets.iter().map(Vec::as_slice), packets.len(), route, net, second, kind);
            }
            None if net.pacing == Pacing::Frame && matches!(route, Route::Interleaved(_)) => {
                self.stats.packets += template.offsets.len() as u64;
                self.send(&template.bytes, kind);
            }
            None => {
                let count = template.offsets.len();
                self.send_packets(template.packets(), count, route, net, second, kind);
            }
        }
        if complete && net.after_frames == AfterFrames::Close {
            self.finish();
        }
    }

    fn send_report(&mut self, report: &[u8], route: Route, net: &Network) {
        match route {
            Route::Interleaved(channel) => {
                self.send(&interleave(channel.wrapping_add(1), report), Kind::Media)
            }
            Route::Udp { rtcp, .. } => {
                // A lost report is as good as one the network lost.
                let _ = net.rtcp.send_to(report, rtcp);
            }
        }
    }

    fn send_packets<'a>(
        &mut self,
        packets: impl Iterator<Item = &'a [u8]>,
        count: usize,
        route: Route,
        net: &Network,
        second: bool,
        last: Kind,
    ) {
        match route {
            Route::Interleaved(_) if net.pacing == Pacing::Frame => {
                let all: Vec<u8> = packets.flatten().copied().collect();
                self.stats.packets += count as u64;
                self.send(&all, last);
            }
            Route::Interleaved(_) => {
                for (i, packet) in packets.enumerate() {
                    self.stats.packets += 1;
                    self.send(packet, if i + 1 == count { last } else { Kind::Media });
                }
            }
            Route::Udp { rtp, .. } => {
                let most = match (net.trickle, second) {
                    (false, _) => usize::MAX,
                    (true, true) => 1,
                    (true, false) => 0,
                };
                for packet in packets.filter(|p| p.first() == Some(&b'$')).take(most) {
                    match net.rtp.send_to(rtp_part(packet), rtp) {
                        Ok(_) => self.stats.packets += 1,
                        Err(_) => self.stats.packets_dropped += 1,
                    }
                }
            }
        }
    }

    /// Goes on with a huge unit as far as the client takes it.
    pub(crate) fn pump_huge(&mut self, tracks: &[Track], net: &Network) {
        let Some(player) = &self.player else { return };
        if player.huge.is_none() {
            return;
        }
        for n in 0..player.tracks.len() {
            let index = self.player.as_ref().and_then(|p| p.tracks.get(n)).map(|t| t.track);
            if let Some(track) = index.and_then(|i| tracks.get(i)).filter(|t| t.is_video()) {
                self.pump(n, track, net);
            }
        }
    }

    fn pump(&mut self, n: usize, track: &Track, net: &Network) {
        let header: &[u8] = if track.codec == Codec::H265 { &[0x02, 0x01] } else { &[0x41] };
        for _ in 0..HUGE_PACKETS_A_FRAME / HUGE_PACKETS_AT_ONCE {
            if self.outbox.bytes() > 0 || self.gone {
                return;
            }
            let Some(player) = &mut self.player else { return };
            let Some(state) = player.tracks.get_mut(n) else { return };
            let Some(unit) = &mut player.huge else { return };
            let Some(mut part) = unit.next(track.payload_type, header, HUGE_PACKETS_AT_ONCE) else {
                player.huge = None;
                return;
            };
            let route = state.route;
            let channel = if let Route::Interleaved(c) = route { c } else { 0 };
            state.sender.number(&mut part, channel, player.huge_timestamp);
            let Template { offsets, .. } = &part;
            let count = offsets.len();
            self.send_packets(part.packets(), count, route, net, true, Kind::Media);
        }
    }
}
