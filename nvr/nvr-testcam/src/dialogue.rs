//! One connection's RTSP dialogue (RFC 2326 §10): what is asked, what is answered, what happens then.
//!
//! Promises: a pure step per request; any request gets at most one reply and never a panic.
//! Leaves to others: bytes (`request`), sockets (`session`), sequence numbers for RTP-Info (`server`).

use crate::auth::Guard;
use crate::quirk::Quirk;
use crate::request::Request;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// A stream that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamInfo {
    /// `cam0`, `cam0/sub`.
    pub(crate) name: String,
    /// Number of the camera it belongs to.
    pub(crate) camera: usize,
    /// Its tracks.
    pub(crate) tracks: usize,
    /// Its session description.
    pub(crate) sdp: String,
}

/// What all dialogues of a server share.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) streams: Vec<StreamInfo>,
    pub(crate) by_name: HashMap<String, usize>,
    pub(crate) quirks: Vec<Quirk>,
    pub(crate) guard: Guard,
    /// Server ports of RTP and RTCP over UDP.
    pub(crate) udp_ports: (u16, u16),
    /// Sessions set up, by camera.
    pub(crate) sessions: HashMap<usize, u32>,
}

/// Where a track's packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// This channel and the next of the RTSP connection.
    Interleaved(u8),
    /// These addresses.
    Udp {
        /// RTP.
        rtp: SocketAddr,
        /// RTCP.
        rtcp: SocketAddr,
    },
}

/// What a request makes happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// Media starts.
    Play,
    /// Media stops.
    Pause,
    /// The connection closes once the reply is sent.
    Close,
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    status: &'static str,
    cseq: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl Reply {
    /// A reply to nothing in particular.
    pub(crate) fn bare(status: &'static str, cseq: &str) -> Self {
        // Nothing of a client may end a header.
        let cseq = cseq.chars().filter(char::is_ascii_digit).take(10).collect();
        Self { status, cseq, headers: Vec::new(), body: None }
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The reply as text.
    pub(crate) fn text(&self) -> String {
        let mut t = format!("RTSP/1.0 {}\r\nCSeq: {}\r\n", self.status, self.cseq);
        for (name, value) in &self.headers {
            t += &format!("{name}: {value}\r\n");
        }
        match &self.body {
            Some(body) => t + &format!("Content-Length: {}\r\n\r\n{body}", body.len()),
            None => t + "\r\n",
        }
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Dialogue {
    peer: IpAddr,
    session: String,
    /// The stream that was set up.
    pub(crate) stream: Option<usize>,
    /// Its tracks that were set up.
    pub(crate) routes: BTreeMap<usize, Route>,
}

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN";

impl Dialogue {
    /// `session` is the identifier this connection's session will have.
    pub(crate) fn new(peer: IpAddr, session: String) -> Self {
        Self { peer, session, stream: None, routes: BTreeMap::new() }
    }

    /// Answers one request. `None` is silence.
    pub(crate) fn step(&mut self, r: &Request, site: &mut Site, now: Instant) -> (Option<Reply>, Effect) {
        let reply = |status| Reply::bare(status, r.header("cseq").unwrap_or("0"));
        let answer = |reply: Reply| (Some(reply), Effect::None);
        let admitted = if r.method == "OPTIONS" {
            !site.guard.locked(self.peer, now)
        } else {
            site.guard.admits(&r.method, r.header("authorization"), self.peer, now)
        };
        if !admitted {
            return answer(reply("401 Unauthorized").with("WWW-Authenticate", site.guard.challenge()));
        }
        let session = format!("{};timeout=60", self.session);
        let ours = r.header("session").is_none_or(|s| s.split(';').next() == Some(self.session.as_str()));
        let ok = reply("200 OK");
        match r.method.as_str() {
            "OPTIONS" => answer(ok.with("Public", METHODS)),
            "GET_PARAMETER" | "SET_PARAMETER" => answer(ok.with("Session", session)),
            "DESCRIBE" => answer(self.describe(r, site, ok, reply)),
            "SETUP" => answer(match self.setup(r, site) {
                Ok(transport) => ok.with("Transport", transport).with("Session", session),
                Err(status) => reply(status),
            }),
            "PLAY" | "PAUSE" if self.stream.is_none() => answer(reply("455 Method Not Valid in This State")),
            "PLAY" | "PAUSE" | "TEARDOWN" if !ours => answer(reply("454 Session Not Found")),
            "PLAY" => (Some(ok.with("Session", session).with("Range", "npt=now-")), Effect::Play),
            "PAUSE" => (Some(ok.with("Session", session)), Effect::Pause),
            "TEARDOWN" if site.quirks.contains(&Quirk::TeardownIgnored) => (None, Effect::None),
            "TEARDOWN" => (Some(ok.with("Session", session)), Effect::Close),
            _ => answer(reply("501 Not Implemented").with("Public", METHODS)),
        }
    }

    fn describe(&self, r: &Request, site: &Site, ok: Reply, reply: impl Fn(&'static str) -> Reply) -> Reply {
        let Some(stream) = site.by_name.get(r.path()).and_then(|i| site.streams.get(*i)) else {
            return reply("404 Not Found");
        };
        let url = r.url.trim_end_matches('/');
        if site.quirks.contains(&Quirk::RedirectLoop) {
            return reply("302 Moved Temporarily").with("Location", url);
        }
        let ok = ok.with("Content-Type", "application/sdp").with("Content-Base", format!("{url}/"));
        Reply { body: Some(stream.sdp.clone()), ..ok }
    }

    fn setup(&mut self, r: &Request, site: &mut Site) -> Result<String, &'static str> {
        let path = r.path();
        let (name, track) = match path.rsplit_once('/') {
            Some((name, last)) if last.starts_with("track") => {
                (name, last.trim_start_matches("track").parse().map_err(|_| "404 Not Found")?)
            }
            _ => (path, 0usize),
        };
        let index = *site.by_name.get(name).ok_or("404 Not Found")?;
        let stream = site.streams.get(index).ok_or("404 Not Found")?;
        if track >= stream.tracks {
            return Err("404 Not Found");
        }
        if self.stream.is_some_and(|s| s != index) {
            return Err("455 Method Not Valid in This State");
        }
        let (route, transport) = route(r.header("transport").unwrap_or(""), track, self.peer, site.udp_ports)
            .ok_or("461 Unsupported Transport")?;
        if self.stream.is_none() {
            let sessions = site.sessions.entry(stream.camera).or_default();
            let full = |q: &Quirk| matches!(q, Quirk::ConnectionLimit(n) if *sessions >= *n);
            if site.quirks.iter().any(full) {
                return Err("453 Not Enough Bandwidth");
            }
            *sessions += 1;
            self.stream = Some(index);
        }
        self.routes.insert(track, route);
        Ok(transport)
    }

    /// The connection is gone: its session no longer counts.
    pub(crate) fn end(&mut self, site: &mut Site) {
        if let Some(stream) = self.stream.take().and_then(|i| site.streams.get(i))
            && let Some(n) = site.sessions.get_mut(&stream.camera)
        {
            *n = n.saturating_sub(1);
        }
    }
}

/// The first transport of the header that is served, and the header of the reply (RFC 2326 §12.39).
fn route(header: &str, track: usize, peer: IpAddr, udp_ports: (u16, u16)) -> Option<(Route, String)> {
    header.split(',').find_map(|spec| {
        let mut fields = spec.trim().split(';').map(str::trim);
        let profile = fields.next()?.to_ascii_uppercase();
        let rest: Vec<&str> = fields.collect();
        let pair = |name: &str| -> Option<(u16, u16)> {
            let value = rest.iter().find_map(|f| f.strip_prefix(name)?.strip_prefix('='))?;
            let (first, second) = value.split_once('-').unwrap_or((value, ""));
            let first: u16 = first.trim().parse().ok()?;
            Some((first, second.trim().parse().ok().unwrap_or(first.checked_add(1)?)))
        };
        match profile.as_str() {
            "RTP/AVP/TCP" => {
                let wanted = pair("interleaved").map_or(track as u16 * 2, |(first, _)| first);
                let channel = u8::try_from(wanted).ok().filter(|c| *c < 255)?;
                let text = format!("RTP/AVP/TCP;unicast;interleaved={channel}-{}", channel + 1);
                Some((Route::Interleaved(channel), text))
            }
            "RTP/AVP" | "RTP/AVP/UDP" if !rest.contains(&"multicast") => {
                let (rtp, rtcp) = pair("client_port").filter(|(a, b)| *a > 0 && *b > 0)?;
                let text = format!(
                    "RTP/AVP;unicast;client_port={rtp}-{rtcp};server_port={}-{}",
                    udp_ports.0, udp_ports.1
                );
                Some((Route::Udp { rtp: (peer, rtp).into(), rtcp: (peer, rtcp).into() }, text))
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Message, take};

    fn site(quirks: &[Quirk]) -> Site {
        let info =
            |name: &str, camera| StreamInfo { name: name.into(), camera, tracks: 2, sdp: "v=0\r\n".into() };
        let streams = vec![info("cam0", 0), info("cam0/sub", 0), info("cam1", 1)];
        Site {
            by_name: streams.iter().enumerate().map(|(i, s)| (s.name.clone(), i)).collect(),
            streams,
            quirks: quirks.to_vec(),
            guard: Guard::new(None, quirks.contains(&Quirk::AlwaysUnauthorized), None, "n".into()),
            udp_ports: (6000, 6001),
            sessions: HashMap::new(),
        }
    }

    fn dialogue() -> Dialogue {
        Dialogue::new(IpAddr::from([127, 0, 0, 1]), "ABC".into())
    }

    fn step(d: &mut Dialogue, site: &mut Site, request: &str) -> (String, Effect) {
        let text = format!("{request}\r\n\r\n").replace('|', "\r\n");
        let Ok(Some((_, Message::Request(r)))) = take(text.as_bytes()) else { panic!("{text}") };
        let (reply, effect) = d.step(&r, site, Instant::now());
        (reply.map_or("silence".into(), |r| r.text()), effect)
    }

    /// Requests of one connection and what their replies contain.
    fn check(quirks: &[Quirk], steps: &[(&str, &str, Effect)]) {
        let (mut site, mut d) = (site(quirks), dialogue());
        for (request, part, effect) in steps {
            let (text, got) = step(&mut d, &mut site, request);
            assert!(text.contains(part), "{request}: {text}, expected {part}");
            assert_eq!(got, *effect, "{request}");
        }
    }

    const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=4-5";

    #[test]
    fn a_session() {
        let none = Effect::None;
        check(
            &[],
            &[
                ("OPTIONS * RTSP/1.0|CSeq: 7", "CSeq: 7\r\nPublic: OPTIONS", none),
                (
                    "DESCRIBE rtsp://h/cam0 RTSP/1.0",
                    "Content-Base: rtsp://h/cam0/\r\nContent-Length: 5\r\n\r\nv=0",
                    none,
                ),
                ("DESCRIBE rtsp://h/cam9 RTSP/1.0", "404", none),
                ("PLAY rtsp://h/cam0 RTSP/1.0", "455", none),
                (
                    &format!("SETUP rtsp://h/cam0/track0 RTSP/1.0|{TCP}"),
                    "interleaved=4-5\r\nSession: ABC;timeout=60",
                    none,
                ),
                (&format!("SETUP rtsp://h/cam0/track7 RTSP/1.0|{TCP}"), "404", none),
                (&format!("SETUP rtsp://h/cam1/track0 RTSP/1.0|{TCP}"), "455", none),
                ("PLAY rtsp://h/cam0 RTSP/1.0|Session: XYZ", "454", none),
                ("PLAY rtsp://h/cam0 RTSP/1.0|Session: ABC", "200 OK", Effect::Play),
                ("PAUSE rtsp://h/cam0 RTSP/1.0|Session: ABC", "200 OK", Effect::Pause),
                ("GET_PARAMETER rtsp://h/cam0 RTSP/1.0", "200 OK", none),
                ("RECORD rtsp://h/cam0 RTSP/1.0", "501", none),
                ("TEARDOWN rtsp://h/cam0 RTSP/1.0|Session: ABC;timeout=60", "200 OK", Effect::Close),
            ],
        );
        check(&[Quirk::TeardownIgnored], &[("TEARDOWN rtsp://h/cam0 RTSP/1.0", "silence", none)]);
        check(&[Quirk::AlwaysUnauthorized], &[("OPTIONS * RTSP/1.0", "401", none)]);
        check(
            &[Quirk::RedirectLoop],
            &[("DESCRIBE rtsp://h/cam0 RTSP/1.0", "Location: rtsp://h/cam0\r\n", none)],
        );
    }

    #[test]
    fn sessions_of_a_camera_are_counted() {
        let mut site = site(&[Quirk::ConnectionLimit(2)]);
        let setup = format!("SETUP rtsp://h/cam0/sub/track1 RTSP/1.0|{TCP}");
        let (mut a, mut b, mut c) = (dialogue(), dialogue(), dialogue());
        assert!(step(&mut a, &mut site, &setup).0.contains("200"));
        assert!(step(&mut a, &mut site, &setup).0.contains("200"), "a second track is no second session");
        assert!(step(&mut b, &mut site, &setup).0.contains("200"));
        assert!(step(&mut c, &mut site, &setup).0.contains("453"));
        a.end(&mut site);
        a.end(&mut site);
        assert!(step(&mut c, &mut site, &setup).0.contains("200"));
    }

    #[test]
    fn transports() {
        let check = |header: &str, expected: Option<&str>| {
            let got = route(header, 1, IpAddr::from([127, 0, 0, 1]), (6000, 6001));
            assert_eq!(got.map(|(_, text)| text).as_deref(), expected, "{header}");
        };
        check("RTP/AVP/TCP;unicast;interleaved=2-3", Some("RTP/AVP/TCP;unicast;interleaved=2-3"));
        check("rtp/avp/tcp", Some("RTP/AVP/TCP;unicast;interleaved=2-3"));
        check("RTP/AVP/TCP;interleaved=255-256", None);
        check(
            "RTP/AVP;unicast;client_port=5000-5001",
            Some("RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001"),
        );
        check("RTP/AVP;multicast,RTP/AVP/TCP;interleaved=0-1", Some("RTP/AVP/TCP;unicast;interleaved=0-1"));
        check("RTP/AVP;unicast;client_port=65535", None);
        check("RTP/AVP;unicast;client_port=x", None);
        check("RTP/AVP;unicast", None);
        check("", None);
    }

    #[test]
    fn a_client_cannot_write_headers() {
        assert_eq!(Reply::bare("200 OK", "1\r\nX: y").text(), "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n");
    }
}
