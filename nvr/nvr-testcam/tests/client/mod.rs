//! A tiny RTSP client that shows everything, for tests of the fake cameras.
//!
//! Promises: blocking reads with a deadline; packets as they came.
//! Leaves to others: judging them.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(missing_debug_implementations, reason = "test helper")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Client {
    pub socket: TcpStream,
    input: Vec<u8>,
    cseq: u32,
    pub session: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|l| {
            let (n, v) = l.split_once(':')?;
            n.eq_ignore_ascii_case(name).then(|| v.trim())
        })
    }
}

/// One RTP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rtp {
    pub channel: u8,
    pub marker: bool,
    pub payload_type: u8,
    pub seq: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: Vec<u8>,
}

pub fn rtp(channel: u8, p: &[u8]) -> Rtp {
    assert!(p.len() >= 12, "RTP packet of {} bytes", p.len());
    Rtp {
        channel,
        marker: p[1] & 128 != 0,
        payload_type: p[1] & 127,
        seq: u16::from_be_bytes([p[2], p[3]]),
        timestamp: u32::from_be_bytes([p[4], p[5], p[6], p[7]]),
        ssrc: u32::from_be_bytes([p[8], p[9], p[10], p[11]]),
        payload: p[12..].to_vec(),
    }
}

/// One access unit.
#[derive(Debug, Clone)]
pub struct Frame {
    pub timestamp: u32,
    /// NAL unit types (H.264) of its packets; fragments once.
    pub kinds: Vec<u8>,
    pub seq_first: u16,
}

impl Frame {
    pub fn is_key(&self) -> bool {
        self.kinds.contains(&5)
    }
}

impl Client {
    pub fn connect(addr: SocketAddr) -> Self {
        let socket = TcpStream::connect(addr).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self { socket, input: Vec::new(), cseq: 0, session: None }
    }

    pub fn send(&mut self, method: &str, url: &str, headers: &[&str]) {
        self.cseq += 1;
        let mut text = format!("{method} {url} RTSP/1.0\r\nCSeq: {}\r\n", self.cseq);
        for h in headers {
            text += &format!("{h}\r\n");
        }
        if let Some(s) = &self.session {
            text += &format!("Session: {s}\r\n");
        }
        self.socket.write_all(format!("{text}\r\n").as_bytes()).unwrap();
    }

    /// Sends a request and waits for its response; packets before it are thrown away.
    pub fn request(&mut self, method: &str, url: &str, headers: &[&str]) -> Response {
        self.send(method, url, headers);
        self.response()
    }

    pub fn response(&mut self) -> Response {
        loop {
            if self.peek() == Some(b'$') {
                self.packet();
                continue;
            }
            let end = loop {
                if let Some(i) = self.input.windows(4).position(|w| w == b"\r\n\r\n") {
                    break i;
                }
                assert!(self.fill(), "closed instead of a response");
            };
            let head = String::from_utf8(self.input.drain(..end + 4).collect()).unwrap();
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            let mut r = Response { status, head, body: String::new() };
            let len: usize = r.header("content-length").map_or(0, |v| v.parse().unwrap());
            while self.input.len() < len {
                assert!(self.fill(), "closed inside a body");
            }
            r.body = String::from_utf8_lossy(&self.input.drain(..len).collect::<Vec<_>>()).into_owned();
            if let Some(s) = r.header("session") {
                self.session = Some(s.split(';').next().unwrap().to_owned());
            }
            return r;
        }
    }

    /// DESCRIBE, SETUP of the first `tracks` tracks over TCP, PLAY. Returns the responses to the first and the last.
    pub fn play(&mut self, url: &str, tracks: usize) -> (Response, Response) {
        let describe = self.request("DESCRIBE", url, &["Accept: application/sdp"]);
        assert_eq!(describe.status, 200, "{}", describe.head);
        for i in 0..tracks {
            let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={}-{}", i * 2, i * 2 + 1);
            let r = self.request("SETUP", &format!("{url}/track{i}"), &[&transport]);
            assert_eq!(r.status, 200, "{}", r.head);
        }
        let play = self.request("PLAY", url, &["Range: npt=now-"]);
        assert_eq!(play.status, 200, "{}", play.head);
        (describe, play)
    }

    fn fill(&mut self) -> bool {
        let mut b = [0; 65536];
        match self.socket.read(&mut b) {
            Ok(0) => false,
            Ok(n) => {
                self.input.extend(&b[..n]);
                true
            }
            Err(e) if e.kind() == ErrorKind::ConnectionReset => false,
            Err(e) => panic!("no bytes within {PATIENCE:?}: {e}"),
        }
    }

    pub fn peek(&mut self) -> Option<u8> {
        if self.input.is_empty() && !self.fill() {
            return None;
        }
        self.input.first().copied()
    }

    /// The next interleaved packet; `None` at the end.
    pub fn packet(&mut self) -> Option<(u8, Vec<u8>)> {
        while self.input.len() < 4 || self.input.len() < 4 + self.packet_len() {
            if !self.fill() {
                return None;
            }
        }
        assert_eq!(self.input[0], b'$', "lost interleaving");
        let len = self.packet_len();
        let channel = self.input[1];
        let data = self.input[4..4 + len].to_vec();
        self.input.drain(..4 + len);
        Some((channel, data))
    }

    fn packet_len(&self) -> usize {
        usize::from(u16::from_be_bytes([self.input[2], self.input[3]]))
    }

    /// The next RTP packet on `channel`.
    pub fn rtp(&mut self, channel: u8) -> Option<Rtp> {
        loop {
            let (c, data) = self.packet()?;
            if c == channel {
                return Some(rtp(c, &data));
            }
        }
    }

    /// The next `n` access units of H.264 on channel 0; fewer at the end.
    pub fn frames(&mut self, n: usize) -> Vec<Frame> {
        let mut out = Vec::new();
        while out.len() < n {
            let Some(f) = self.frame() else { break };
            out.push(f);
        }
        out
    }

    pub fn frame(&mut self) -> Option<Frame> {
        let mut frame: Option<Frame> = None;
        loop {
            let p = self.rtp(0)?;
            let f =
                frame.get_or_insert(Frame { timestamp: p.timestamp, kinds: Vec::new(), seq_first: p.seq });
            match p.payload.as_slice() {
                [] => {}
                [h, fu, ..] if h & 31 == 28 => {
                    if fu & 128 != 0 {
                        f.kinds.push(fu & 31);
                    }
                }
                [h, ..] => f.kinds.push(h & 31),
            }
            if p.marker {
                return frame;
            }
        }
    }

    /// The other side has closed; what came before is thrown away.
    pub fn wait_closed(&mut self) {
        while self.fill() {
            self.input.clear();
        }
    }
}

/// A pair of UDP sockets for RTP and RTCP.
pub fn udp_pair() -> (UdpSocket, UdpSocket, String) {
    let open = || {
        let s = UdpSocket::bind("127.0.0.1:0").unwrap();
        s.set_read_timeout(Some(PATIENCE)).unwrap();
        s
    };
    let (a, b) = (open(), open());
    let header = format!(
        "Transport: RTP/AVP;unicast;client_port={}-{}",
        a.local_addr().unwrap().port(),
        b.local_addr().unwrap().port()
    );
    (a, b, header)
}
