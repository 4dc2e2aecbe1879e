//! The thread that serves: one epoll, one heap of due frames.
//!
//! Promises: frames leave at their time or, on a late machine, as soon after as it can; only streams that someone
//! watches cost anything; connections are bounded.
//! Leaves to others: everything a session is (`session`, `dialogue`, `player`).

use crate::config::TestcamConfig;
use crate::dialogue::{Dialogue, Effect, Reply, Route, Site};
use crate::error::TestcamError;
use crate::player::{Player, Playing};
use crate::quirk::Quirk;
use crate::request::Request;
use crate::session::{Network, Session};
use crate::stats::{SESSIONS_LISTED_MAX, Stats};
use crate::track::{Position, Track};
use nvr_base::{Clock, SystemClock, Utc};
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

/// Most connections at once.
const CONNECTIONS_MAX: usize = 8192;
/// Kernel buffer of a connection, in bytes.
const SEND_BUFFER_BYTES: usize = 1 << 20;
/// Frames due within this time leave together: fewer wake-ups.
const WAKE_US: u64 = 1000;
/// After an accept that failed (no file descriptors left), the next one.
const ACCEPT_PAUSE_US: u64 = 100_000;
/// How long a client may take to close a session that has ended.
const LINGER_US: u64 = 5_000_000;
/// UDP packets read away at once.
const UDP_READS_AT_ONCE: usize = 64;

const TOKEN_LISTENER: u64 = 0;
const TOKEN_WAKE: u64 = 1;
const TOKEN_RTP: u64 = 2;
const TOKEN_RTCP: u64 = 3;
const TOKEN_SESSIONS: u64 = 16;

/// What the handle asks of the thread.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send the counters.
    Stats(SyncSender<Stats>),
    /// End.
    Stop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Frame { stream: usize, track: usize },
    Drip(u64),
    Linger(u64),
    Accept,
}

/// A camera's stream: where each of its tracks is, and who plays it.
#[derive(Debug)]
struct Stream {
    kind: usize,
    phase_s: f64,
    cursors: Vec<Option<Position>>,
    players: Vec<u64>,
}

/// Everything the thread owns.
#[derive(Debug)]
pub(crate) struct Server {
    epoll: OwnedFd,
    listener: TcpListener,
    wake: UnixStream,
    commands: Receiver<Command>,
    kinds: Vec<Vec<Track>>,
    streams: Vec<Stream>,
    sessions: HashMap<u64, Session>,
    site: Site,
    network: Network,
    playing: Playing,
    due: BinaryHeap<Reverse<(u64, Due)>>,
    epoch: Instant,
    /// The cameras' wall clock at `epoch`; it runs at `speed`, too, so that sender reports of all tracks agree.
    epoch_utc: Utc,
    speed: f64,
    rng: fastrand::Rng,
    drip_us: Option<u64>,
    half_open: bool,
    next_token: u64,
    done: Stats,
}

impl Server {
    /// Prepares everything; nothing is served before [`Self::run`].
    pub(crate) fn new(
        config: &TestcamConfig,
        kinds: Vec<Vec<Track>>,
        site: Site,
        udp: (UdpSocket, UdpSocket),
        listener: TcpListener,
        wake: UnixStream,
        commands: Receiver<Command>,
    ) -> Result<Self, TestcamError> {
        let system = |step| move |e: rustix::io::Errno| TestcamError::System { step, source: e.into() };
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(system("epoll_create"))?;
        let sources = [
            (listener.as_fd(), TOKEN_LISTENER),
            (wake.as_fd(), TOKEN_WAKE),
            (udp.0.as_fd(), TOKEN_RTP),
            (udp.1.as_fd(), TOKEN_RTCP),
        ];
        for (source, token) in sources {
            epoll::add(&epoll, source, EventData::new_u64(token), EventFlags::IN)
                .map_err(system("epoll_ctl"))?;
        }
        let streams = site
            .streams
            .iter()
            .map(|info| {
                let kind = usize::from(info.name.ends_with("/sub"));
                let tracks = kinds.get(kind).map_or(&[][..], Vec::as_slice);
                let phase_s = tracks.first().map_or(0.0, |t| phase_s(info.camera, t));
                Stream { kind, phase_s, cursors: vec![None; tracks.len()], players: Vec::new() }
            })
            .collect();
        let quirk = |f: fn(&Quirk) -> Option<u32>| config.quirks.iter().find_map(f);
        let drip_us = quirk(|q| if let Quirk::SlowTrickle(n) = q { Some(*n) } else { None })
            .map(|n| (1_000_000 / u64::from(n)).max(1));
        let ahead_min = quirk(|q| if let Quirk::ClockAhead(n) = q { Some(*n) } else { None }).unwrap_or(0);
        Ok(Self {
            epoll,
            listener,
            wake,
            commands,
            kinds,
            streams,
            sessions: HashMap::new(),
            network: Network {
                rtp: udp.0,
                rtcp: udp.1,
                pacing: config.pacing,
                backlog_bytes_max: config.backlog_bytes_max,
                after_frames: config.after_frames,
                clock_ahead_us: i64::from(ahead_min) * 60_000_000,
                trickle: drip_us.is_some(),
            },
            playing: Playing {
                mid_gop: config.mid_gop,
                frames_max: config.frames_max,
                quirks: config.quirks.clone(),
            },
            due: BinaryHeap::new(),
            epoch: Instant::now(),
            epoch_utc: SystemClock.utc(),
            speed: config.speed,
            rng: fastrand::Rng::with_seed(config.seed),
            drip_us,
            half_open: config.quirks.contains(&Quirk::HalfOpen),
            next_token: TOKEN_SESSIONS,
            done: Stats::default(),
            site,
        })
    }

    /// Serves until told to stop; returns the counters.
    pub(crate) fn run(mut self) -> Stats {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(256);
        loop {
            self.run_due();
            events.clear();
            let timeout = self.timeout();
            let buffer = rustix::buffer::spare_capacity(&mut events);
            if let Err(e) = epoll::wait(&self.epoll, buffer, timeout.as_ref())
                && e != rustix::io::Errno::INTR
            {
                break;
            }
            for i in 0..events.len() {
                let Some(event) = events.get(i).copied() else { break };
                let (token, flags) = (event.data.u64(), event.flags);
                match token {
                    TOKEN_LISTENER => self.accept(),
                    TOKEN_WAKE => {
                        if !self.obey() {
                            return self.stats();
                        }
                    }
                    TOKEN_RTP => drain(&self.network.rtp),
                    TOKEN_RTCP => drain(&self.network.rtcp),
                    token => self.event(token, flags),
                }
            }
        }
        self.stats()
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn timeout(&self) -> Option<Timespec> {
        let Reverse((due, _)) = self.due.peek()?;
        let wait = Duration::from_micros(due.saturating_sub(self.now_us()).max(WAKE_US));
        Some(Timespec { tv_sec: wait.as_secs().min(3600) as i64, tv_nsec: i64::from(wait.subsec_nanos()) })
    }

    fn run_due(&mut self) {
        loop {
            let now = self.now_us();
            let Some(&Reverse((at, due))) = self.due.peek() else { return };
            if at > now {
                return;
            }
            self.due.pop();
            match due {
                Due::Frame { stream, track } => {
                    self.done.late_ms_max = self.done.late_ms_max.max((now - at) / 1000);
                    self.frame(stream, track);
                }
                Due::Drip(token) => {
                    if let (Some(s), Some(us)) = (self.sessions.get_mut(&token), self.drip_us) {
                        s.drip();
                        self.due.push(Reverse((at.saturating_add(us), due)));
                        self.settle(token);
                    }
                }
                Due::Linger(token) => {
                    if let Some(s) = self.sessions.get_mut(&token) {
                        s.hang_up();
                    }
                    self.settle(token);
                }
                Due::Accept => {
                    let data = EventData::new_u64(TOKEN_LISTENER);
                    if epoll::add(&self.epoll, &self.listener, data, EventFlags::IN).is_err() {
                        self.due.push(Reverse((now + ACCEPT_PAUSE_US, Due::Accept)));
                    }
                }
            }
        }
    }

    /// Sends the frame of a track that is due, and schedules the next.
    fn frame(&mut self, stream: usize, index: usize) {
        let Some(s) = self.streams.get_mut(stream) else { return };
        let Some(track) = self.kinds.get_mut(s.kind).and_then(|k| k.get_mut(index)) else { return };
        let Some(cursor) = s.cursors.get_mut(index) else { return };
        let Some(at) = cursor.take() else { return };
        let watched = |token: &u64| {
            self.sessions
                .get(token)
                .and_then(|s| s.player.as_ref())
                .is_some_and(|p| p.tracks.iter().any(|t| t.track == index) && !p.is_complete())
        };
        if !s.players.iter().any(watched) {
            return; // nobody watches: the cursor rests until PLAY
        }
        let utc = self.epoch_utc.plus_micros(((seconds(track, at) - s.phase_s) * 1e6) as i64);
        let players = s.players.clone();
        for token in &players {
            if let Some(session) = self.sessions.get_mut(token) {
                session.frame(index, track, at, &self.network, utc);
            }
        }
        let next = track.next(at);
        *cursor = Some(next);
        let due = due_us(track, next, s.phase_s, self.speed);
        self.due.push(Reverse((due, Due::Frame { stream, track: index })));
        for token in players {
            self.settle(token);
        }
    }

    fn accept(&mut self) {
        loop {
            let (socket, peer) = match self.listener.accept() {
                Ok(accepted) => accepted,
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    // Out of file descriptors: stop asking for a moment instead of spinning.
                    if epoll::delete(&self.epoll, &self.listener).is_ok() {
                        self.due.push(Reverse((self.now_us() + ACCEPT_PAUSE_US, Due::Accept)));
                    }
                    return;
                }
            };
            if self.sessions.len() >= CONNECTIONS_MAX {
                self.done.connections_refused += 1;
                continue;
            }
            let token = self.next_token;
            let flags = if self.half_open { EventFlags::RDHUP } else { EventFlags::IN };
            // Both options are an optimisation; a socket without them still works.
            let _ = socket.set_nodelay(true);
            let _ = rustix::net::sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER_BYTES);
            if socket.set_nonblocking(true).is_err()
                || epoll::add(&self.epoll, &socket, EventData::new_u64(token), flags).is_err()
            {
                continue;
            }
            self.next_token += 1;
            self.done.connections += 1;
            let dialogue = Dialogue::new(peer.ip(), format!("{:016X}", self.rng.u64(..)));
            self.sessions.insert(token, Session::new(socket, dialogue, self.drip_us.is_some()));
            if self.drip_us.is_some() {
                self.due.push(Reverse((self.now_us(), Due::Drip(token))));
            }
        }
    }

    fn event(&mut self, token: u64, flags: EventFlags) {
        let Some(session) = self.sessions.get_mut(&token) else { return };
        if self.half_open && flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR) {
            session.hang_up();
            return self.settle(token);
        }
        if flags.contains(EventFlags::OUT) {
            session.flush();
            let kind = session.dialogue.stream.and_then(|s| self.streams.get(s)).map(|s| s.kind);
            if let Some(tracks) = kind.and_then(|k| self.kinds.get(k)) {
                session.pump_huge(tracks, &self.network);
            }
        }
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            for request in session.read() {
                self.request(token, &request);
            }
        }
        self.settle(token);
    }

    fn request(&mut self, token: u64, request: &Request) {
        let Some(session) = self.sessions.get_mut(&token) else { return };
        let (reply, effect) = session.dialogue.step(request, &mut self.site, Instant::now());
        if let Some(info) = session.dialogue.stream.and_then(|s| self.site.streams.get(s)) {
            session.stats.stream.clone_from(&info.name);
            let udp = session.dialogue.routes.values().any(|r| matches!(r, Route::Udp { .. }));
            session.stats.transport = if udp { "udp" } else { "tcp" }.into();
        }
        match effect {
            Effect::None => {
                if let Some(reply) = reply {
                    session.reply(&reply);
                }
            }
            Effect::Play => self.play(token, reply, request),
            Effect::Pause | Effect::Close => {
                if let Some(reply) = reply {
                    session.reply(&reply);
                }
                if effect == Effect::Close {
                    session.finish();
                }
                session.player = None;
                if let Some(s) = session.dialogue.stream.and_then(|s| self.streams.get_mut(s)) {
                    s.players.retain(|p| *p != token);
                }
            }
        }
    }

    fn play(&mut self, token: u64, reply: Option<Reply>, request: &Request) {
        let (now_us, seed) = (self.now_us(), self.rng.u64(..));
        let Some(session) = self.sessions.get_mut(&token) else { return };
        let Some(stream) = session.dialogue.stream else { return };
        let Some(s) = self.streams.get_mut(stream) else { return };
        let Some(tracks) = self.kinds.get(s.kind) else { return };
        let changes = |q: &Quirk| matches!(q, Quirk::SpsChange(_) | Quirk::ResolutionChange(_));
        if self.playing.quirks.iter().any(changes) && s.cursors.iter().all(Option::is_none) {
            // The first viewer gets what the session description says; the change comes after.
            s.phase_s = -(now_us as f64 / 1e6 * self.speed);
        }
        let mut at = Vec::new();
        for (&index, &route) in &session.dialogue.routes {
            let (Some(track), Some(cursor)) = (tracks.get(index), s.cursors.get_mut(index)) else { continue };
            let position = *cursor.get_or_insert_with(|| {
                let seconds = now_us as f64 / 1e6 * self.speed + s.phase_s;
                let position = track.locate((seconds * f64::from(track.clock_hz)).ceil() as i64);
                let due = due_us(track, position, s.phase_s, self.speed);
                self.due.push(Reverse((due, Due::Frame { stream, track: index })));
                position
            });
            at.push((index, route, position));
        }
        let Some(mut reply) = reply else { return };
        if session.player.is_none() {
            let (player, info) = Player::new(&self.playing, seed, tracks, &at);
            if !self.playing.quirks.contains(&Quirk::NoRtpInfo) {
                let base = request.url.trim_end_matches('/');
                let entries: Vec<String> = info
                    .iter()
                    .map(|(track, seq, time)| format!("url={base}/track{track};seq={seq};rtptime={time}"))
                    .collect();
                reply = reply.with("RTP-Info", entries.join(","));
            }
            session.player = Some(player);
            s.players.push(token);
        }
        session.reply(&reply);
    }

    /// After anything happened to a session: watch for room, or forget it.
    fn settle(&mut self, token: u64) {
        let linger_until = self.now_us().saturating_add(LINGER_US);
        let Some(session) = self.sessions.get_mut(&token) else { return };
        if session.shut_down() {
            self.due.push(Reverse((linger_until, Due::Linger(token))));
        }
        if session.is_over() {
            if let Some(s) = session.dialogue.stream.and_then(|s| self.streams.get_mut(s)) {
                s.players.retain(|p| *p != token);
            }
            session.dialogue.end(&mut self.site);
            let list = self.done.sessions.len() < SESSIONS_LISTED_MAX;
            self.done.add(&session.stats(), list);
            self.sessions.remove(&token);
            return;
        }
        let wants = session.wants_room();
        if wants != session.watched && !self.half_open {
            let flags = if wants { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
            session.watched = wants;
            if epoll::modify(&self.epoll, &session.socket, EventData::new_u64(token), flags).is_err() {
                session.hang_up();
            }
        }
    }

    /// False when told to stop.
    fn obey(&mut self) -> bool {
        let mut buffer = [0; 64];
        if matches!(std::io::Read::read(&mut &self.wake, &mut buffer), Ok(0)) {
            return false; // the handle is gone
        }
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Stop => return false,
                Command::Stats(reply) => {
                    // Who asked may have given up; then nobody wants the answer.
                    let _ = reply.try_send(self.stats());
                }
            }
        }
        true
    }

    fn stats(&self) -> Stats {
        let mut all = self.done.clone();
        let mut open: Vec<_> = self.sessions.iter().collect();
        open.sort_by_key(|(token, _)| **token);
        for (_, session) in open {
            all.add(&session.stats(), true);
        }
        all
    }
}

/// Cameras start at different places of the clip: key frames spread evenly over a GOP, frames over a frame's time.
fn phase_s(camera: usize, track: &Track) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let keys = (track.loop_ticks() as f64 / f64::from(track.clock_hz) / track.gop_s).round().max(1.0);
    ((camera as f64 * GOLDEN).fract() + camera as f64 % keys) * track.gop_s
}

fn due_us(track: &Track, at: Position, phase_s: f64, speed: f64) -> u64 {
    ((seconds(track, at) - phase_s) / speed * 1e6).max(0.0) as u64
}

fn seconds(track: &Track, at: Position) -> f64 {
    track.dts(at) as f64 / f64::from(track.clock_hz)
}

fn drain(socket: &UdpSocket) {
    let mut buffer = [0; 2048];
    for _ in 0..UDP_READS_AT_ONCE {
        if socket.recv_from(&mut buffer).is_err() {
            return;
        }
    }
}
