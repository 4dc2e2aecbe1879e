//! Each quirk does what its line in `--help` says, seen by a client on the wire.
//!
//! Promises: media time decides, sent faster than real time; no test measures time.
//! Leaves to others: what a recorder makes of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod client;

use client::{Client, Frame, rtp, udp_pair};
use nvr_testcam::{AuthScheme, Credentials, Quirk, SessionStats, Source, Synthetic, Testcam, TestcamConfig};

/// 25 frames and one key frame a second, sent 20 times faster.
fn config(quirks: &[&str]) -> TestcamConfig {
    let s = Synthetic { width: 320, height: 240, gop_s: 1.0, ..Synthetic::new(300) };
    let mut c = TestcamConfig::new(Source::Synthetic(s));
    c.speed = 20.0;
    c.quirks = quirks.iter().map(|q| q.parse().unwrap()).collect();
    c
}

fn start(quirks: &[&str]) -> Testcam {
    Testcam::start(config(quirks)).unwrap()
}

/// What a client gets with one quirk: its first `n` frames.
fn frames(quirks: &[&str], n: usize) -> Vec<Frame> {
    let cams = start(quirks);
    let mut client = Client::connect(cams.addr());
    client.play(&cams.url(0), 1);
    client.frames(n)
}

/// Differences of neighbouring timestamps, in ticks.
fn steps(frames: &[Frame]) -> Vec<i32> {
    frames.windows(2).map(|w| w[1].timestamp.wrapping_sub(w[0].timestamp) as i32).collect()
}

fn keys(frames: &[Frame]) -> Vec<usize> {
    (0..frames.len()).filter(|&i| frames[i].is_key()).collect()
}

#[test]
fn without_a_quirk() {
    let f = frames(&[], 80);
    assert_eq!(keys(&f), [0, 25, 50, 75]);
    assert!(steps(&f).iter().all(|s| *s == 3600));
}

#[test]
fn rtp_info_names_the_first_packet() {
    for (quirks, present) in [(&[][..], true), (&["no-rtp-info"][..], false)] {
        let cams = start(quirks);
        let mut c = Client::connect(cams.addr());
        let (_, play) = c.play(&cams.url(0), 1);
        let f = c.frame().unwrap();
        let expected = present
            .then(|| format!("url={}/track0;seq={};rtptime={}", cams.url(0), f.seq_first, f.timestamp));
        assert_eq!(play.header("rtp-info"), expected.as_deref());
    }
}

#[test]
fn long_gop() {
    let f = frames(&["long-gop-3-s"], 160);
    assert_eq!(keys(&f), [0, 75, 150]);
    assert!(steps(&f).iter().all(|s| *s == 3600), "a synthetic stream has no holes");
}

#[test]
fn no_idr_first() {
    let f = frames(&["no-idr-first"], 30);
    assert!(!f[0].is_key());
    assert_eq!(keys(&f).len(), 1);
}

#[test]
fn silent_after() {
    let cams = start(&["silent-after-2-s"]);
    let mut c = Client::connect(cams.addr());
    c.play(&cams.url(0), 1);
    assert_eq!(c.frames(50).len(), 50);
    // The connection still answers, and nothing more comes before the answer.
    c.send("GET_PARAMETER", &cams.url(0), &[]);
    assert_eq!(c.peek(), Some(b'R'));
    assert_eq!(c.response().status, 200);
    assert_eq!(cams.stop().unwrap().frames, 50);
}

#[test]
fn clock_ahead() {
    let offset = |quirks: &[&str]| {
        let cams = start(quirks);
        let mut c = Client::connect(cams.addr());
        c.play(&cams.url(0), 1);
        loop {
            let (channel, p) = c.packet().unwrap();
            if channel == 1 {
                assert_eq!(p[1], 200);
                let ntp = i64::from(u32::from_be_bytes(p[8..12].try_into().unwrap())) - 2_208_988_800;
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
                return ntp - now.as_secs() as i64;
            }
        }
    };
    assert!(offset(&[]).abs() <= 20);
    assert!((offset(&["clock+7min"]) - 420).abs() <= 20);
}

#[test]
fn parameter_sets_change() {
    let sps = |quirks: &[&str]| {
        let cams = start(quirks);
        let mut c = Client::connect(cams.addr());
        c.play(&cams.url(0), 1);
        let mut seen = Vec::new();
        while seen.len() < 6 {
            let p = c.rtp(0).unwrap();
            if p.payload.first().is_some_and(|h| h & 31 == 7) {
                seen.push(p.payload);
            }
        }
        seen
    };
    let same = sps(&[]);
    assert!(same.iter().all(|s| *s == same[0]));
    for quirk in ["sps-change-2-s", "resolution-change-2-s"] {
        let s = sps(&[quirk]);
        assert_eq!((&s[0], &s[0]), (&s[1], &s[4]), "{quirk}: two seconds of each");
        assert_eq!(s[2], s[3]);
        assert_ne!(s[1], s[2], "{quirk}");
    }
}

#[test]
fn rtp_wrap() {
    let cams = start(&["rtp-wrap"]);
    let mut c = Client::connect(cams.addr());
    c.play(&cams.url(0), 1);
    let packets: Vec<_> = (0..200).map(|_| c.rtp(0).unwrap()).collect();
    assert!(packets.windows(2).all(|w| w[1].seq == w[0].seq.wrapping_add(1)));
    assert!(packets.windows(2).any(|w| w[1].seq < w[0].seq), "sequence numbers wrap");
    assert!(packets.windows(2).any(|w| w[1].timestamp < w[0].timestamp), "timestamps wrap");
}

#[test]
fn timestamp_jump() {
    let hour = 3600 * 90_000;
    let s = steps(&frames(&["timestamp-jump-1-s"], 60));
    let jumps: Vec<(usize, i32)> = s.iter().copied().enumerate().filter(|(_, s)| *s != 3600).collect();
    assert_eq!(jumps, [(24, 3600 + hour), (49, 3600 - hour)]);
}

#[test]
fn backwards_timestamps() {
    let s = steps(&frames(&["backwards-timestamps"], 60));
    let jumps: Vec<(usize, i32)> = s.iter().copied().enumerate().filter(|(_, s)| *s != 3600).collect();
    assert_eq!(jumps, [(24, 3600 - 90_000), (25, 3600 + 90_000), (49, 3600 - 90_000), (50, 3600 + 90_000)]);
}

#[test]
fn huge_unit() {
    let cams = start(&["huge-unit-20-mb"]);
    let mut c = Client::connect(cams.addr());
    c.play(&cams.url(0), 1);
    assert_eq!(c.frames(25).len(), 25);
    let (mut bytes, mut seq) = (0, None);
    loop {
        let p = c.rtp(0).unwrap();
        assert!(seq.is_none_or(|s: u16| p.seq == s.wrapping_add(1)));
        seq = Some(p.seq);
        assert_eq!((p.payload[0] & 31, p.payload[1] & 31), (28, 1));
        assert_eq!(p.payload[1] & 128 != 0, bytes == 0, "one start");
        bytes += p.payload.len() - 2;
        if p.payload[1] & 64 != 0 {
            assert!(p.marker);
            break;
        }
    }
    assert_eq!(bytes, 20_000_000);
    assert!(c.frame().unwrap().is_key(), "it goes on with a key frame");
}

#[test]
fn zero_unit() {
    let cams = start(&["zero-unit"]);
    let mut c = Client::connect(cams.addr());
    c.play(&cams.url(0), 1);
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let p = c.rtp(0).unwrap();
        if p.payload.len() < 4 {
            seen.push(p.payload);
        }
    }
    assert_eq!(seen, [vec![], vec![0x78, 0, 0], vec![0x7c, 0xc5]]);
}

#[test]
fn slow_trickle() {
    let cams = start(&["slow-trickle-2000-bytes"]);
    let mut c = Client::connect(cams.addr());
    c.send("OPTIONS", "*", &[]);
    let mut sizes = Vec::new();
    let mut buffer = [0; 4096];
    while sizes.iter().sum::<usize>() < 40 {
        sizes.push(std::io::Read::read(&mut c.socket, &mut buffer).unwrap());
    }
    assert!(sizes.len() > 2, "in pieces: {sizes:?}");
}

#[test]
fn session_descriptions() {
    let sdp = |quirks: &[&str]| {
        let cams = start(quirks);
        let mut c = Client::connect(cams.addr());
        c.request("DESCRIBE", &cams.url(0), &[]).body
    };
    let sets =
        |sdp: &str| sdp.split("sprop-parameter-sets=").nth(1).map(|s| s.lines().next().unwrap().to_owned());
    let right = sdp(&[]);
    assert!(sets(&right).is_some());
    assert!(sets(&sdp(&["wrong-sdp"])).is_some_and(|s| Some(s) != sets(&right)));
    assert_eq!(sets(&sdp(&["no-sprop"])), None);
    assert!(!sdp(&["bad-sdp"]).contains("rtpmap:96"));
    assert!(sdp(&["unknown-codec"]).contains("VP8/90000"));
    assert!(sdp(&["sends-audio"]).contains("m=audio"));
}

#[test]
fn sends_audio() {
    let cams = start(&["sends-audio"]);
    let mut c = Client::connect(cams.addr());
    c.play(&cams.url(0), 2);
    let sound: Vec<_> = (0..10).map(|_| c.rtp(2).unwrap()).collect();
    assert!(sound.iter().all(|p| p.payload_type == 0 && p.payload.len() == 160));
    assert!(sound.windows(2).all(|w| w[1].timestamp.wrapping_sub(w[0].timestamp) == 160));
}

#[test]
fn flap() {
    let cams = start(&["flap-1-s"]);
    for _ in 0..2 {
        let mut c = Client::connect(cams.addr());
        c.play(&cams.url(0), 1);
        assert_eq!(c.frames(1000).len(), 25);
    }
    assert_eq!(cams.stop().unwrap().sessions.iter().map(|s| s.frames).collect::<Vec<_>>(), [25, 25]);
}

#[test]
fn garbage() {
    let cams = start(&["garbage"]);
    let mut c = Client::connect(cams.addr());
    c.play(&cams.url(0), 1);
    let mut first = 0;
    while c.peek() == Some(b'$') {
        c.packet();
        first += 1;
        assert!(first < 10_000, "no garbage came");
    }
    assert!(first > 25);
}

#[test]
fn packet_loss() {
    let cams = start(&["packet-loss-20"]);
    let mut c = Client::connect(cams.addr());
    c.play(&cams.url(0), 1);
    let seqs: Vec<u16> = (0..300).map(|_| c.rtp(0).unwrap().seq).collect();
    let lost: u32 = seqs.windows(2).map(|w| u32::from(w[1].wrapping_sub(w[0]) - 1)).sum();
    assert!((30..150).contains(&lost), "{lost} lost of {}", 300 + lost);
}

#[test]
fn reorder_over_udp() {
    let cams = start(&["reorder"]);
    let mut c = Client::connect(cams.addr());
    let (media, _reports, transport) = udp_pair();
    assert_eq!(c.request("SETUP", &format!("{}/track0", cams.url(0)), &[&transport]).status, 200);
    assert_eq!(c.request("PLAY", &cams.url(0), &[]).status, 200);
    let mut buffer = [0; 2000];
    let seqs: Vec<u16> = (0..500)
        .map(|_| {
            let n = media.recv(&mut buffer).unwrap();
            rtp(0, &buffer[..n]).seq
        })
        .collect();
    let back = seqs.windows(2).filter(|w| w[1] == w[0].wrapping_sub(1)).count();
    assert!(back > 3, "{back} pairs in the wrong order");
}

#[test]
fn teardown() {
    for (quirks, answered) in [(&[][..], true), (&["teardown-ignored"][..], false)] {
        let cams = start(quirks);
        let mut c = Client::connect(cams.addr());
        c.play(&cams.url(0), 1);
        c.send("TEARDOWN", &cams.url(0), &[]);
        if answered {
            assert_eq!(c.response().status, 200);
            c.wait_closed();
        } else {
            assert_eq!(c.frames(30).len(), 30, "media goes on");
        }
    }
}

#[test]
fn half_open() {
    let cams = start(&["half-open"]);
    let mut c = Client::connect(cams.addr());
    c.send("OPTIONS", "*", &[]);
    // The server thread is alive and has the connection, yet nothing was answered.
    while cams.stats().unwrap().connections == 0 {
        std::thread::yield_now();
    }
    c.socket.set_nonblocking(true).unwrap();
    let got = std::io::Read::read(&mut c.socket, &mut [0; 10]);
    assert_eq!(got.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn redirect_loop() {
    let cams = start(&["redirect-loop"]);
    let mut c = Client::connect(cams.addr());
    let r = c.request("DESCRIBE", &cams.url(0), &[]);
    assert_eq!((r.status, r.header("location")), (302, Some(cams.url(0).as_str())));
}

#[test]
fn connection_limit() {
    let cams = start(&["connection-limit-2"]);
    let url = format!("{}/track0", cams.url(0));
    let setup = |c: &mut Client| c.request("SETUP", &url, &["Transport: RTP/AVP/TCP;interleaved=0-1"]).status;
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(cams.addr())).collect();
    assert_eq!(clients.iter_mut().map(setup).collect::<Vec<_>>(), [200, 200, 453]);
    clients[0].request("TEARDOWN", &cams.url(0), &[]);
    clients[0].wait_closed();
    drop(clients.remove(0));
    while setup(&mut clients[1]) != 200 {}
}

fn with_password(quirks: &[&str]) -> Testcam {
    let mut c = config(quirks);
    c.credentials = Some(Credentials { user: "u".into(), password: "p".into(), scheme: AuthScheme::Basic });
    Testcam::start(c).unwrap()
}

#[test]
fn passwords() {
    let cams = with_password(&[]);
    let mut c = Client::connect(cams.addr());
    let mut ask = |headers: &[&str]| c.request("DESCRIBE", &cams.url(0), headers);
    let r = ask(&[]);
    assert_eq!((r.status, r.header("www-authenticate")), (401, Some("Basic realm=\"nvr testcam\"")));
    for _ in 0..5 {
        assert_eq!(ask(&["Authorization: Basic eDp5"]).status, 401);
    }
    assert_eq!(ask(&["Authorization: Basic dTpw"]).status, 200);
}

#[test]
fn lock_after_failures() {
    let cams = with_password(&["401-lock"]);
    for expected in [401, 401, 401] {
        let mut c = Client::connect(cams.addr());
        assert_eq!(c.request("OPTIONS", "*", &[]).status, 200);
        let r = c.request("DESCRIBE", &cams.url(0), &["Authorization: Basic eDp5"]);
        assert_eq!(r.status, expected);
    }
    let mut c = Client::connect(cams.addr());
    assert_eq!(
        c.request("DESCRIBE", &cams.url(0), &["Authorization: Basic dTpw"]).status,
        401,
        "right, too late"
    );
    assert_eq!(c.request("OPTIONS", "*", &[]).status, 401);
}

#[test]
fn always_refused() {
    let cams = start(&["always-401"]);
    let mut c = Client::connect(cams.addr());
    for method in ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"] {
        let r = c.request(method, &cams.url(0), &[]);
        assert_eq!(r.status, 401);
        assert!(r.header("www-authenticate").is_some_and(|h| h.starts_with("Digest realm=")));
    }
}

#[test]
fn every_quirk_serves_without_dying() {
    for quirk in Quirk::ALL {
        let mut c = config(&[&quirk.to_string()]);
        c.credentials =
            Some(Credentials { user: "u".into(), password: "p".into(), scheme: AuthScheme::Basic });
        let cams = Testcam::start(c).unwrap();
        let mut socket = Client::connect(cams.addr()).socket;
        let auth = "Authorization: Basic dTpw\r\n";
        let url = cams.url(0);
        let text = format!(
            "SETUP {url}/track0 RTSP/1.0\r\n{auth}Transport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n\
             PLAY {url} RTSP/1.0\r\n{auth}\r\n"
        );
        std::io::Write::write_all(&mut socket, text.as_bytes()).unwrap();
        while cams.stats().unwrap().connections == 0 {
            std::thread::yield_now();
        }
        cams.stop().unwrap_or_else(|e| panic!("{quirk}: {e}"));
    }
}

#[test]
fn frame_counts_agree() {
    for close in [false, true] {
        let mut c = config(&[]);
        c.frames_max = Some(40);
        if close {
            c.after_frames = nvr_testcam::AfterFrames::Close;
        }
        let cams = Testcam::start(c).unwrap();
        let mut client = Client::connect(cams.addr());
        client.play(&cams.url(0), 1);
        if close {
            assert_eq!(client.frames(1000).len(), 40);
        } else {
            assert_eq!(client.frames(40).len(), 40);
            client.send("GET_PARAMETER", &cams.url(0), &[]);
            assert_eq!(client.peek(), Some(b'R'), "silence after the last frame");
        }
        drop(client);
        let stats = cams.stop().unwrap();
        let s: Vec<(&str, &str, u64, u64, u64)> = stats
            .sessions
            .iter()
            .map(|s: &SessionStats| {
                (s.stream.as_str(), s.transport.as_str(), s.frames, s.frames_dropped, s.frames_unsent)
            })
            .collect();
        assert_eq!(s, [("cam0", "tcp", 40, 0, 0)]);
    }
}

#[test]
fn pause_and_play_again() {
    let cams = start(&[]);
    let mut c = Client::connect(cams.addr());
    c.play(&cams.url(0), 1);
    c.frames(5);
    assert_eq!(c.request("PAUSE", &cams.url(0), &[]).status, 200);
    assert_eq!(c.request("PLAY", &cams.url(0), &[]).status, 200);
    assert!(c.frame().unwrap().is_key());
}

#[test]
fn a_slow_client_loses_whole_gops() {
    let mut c = config(&[]);
    c.source = Source::Synthetic(Synthetic { width: 320, height: 240, gop_s: 1.0, ..Synthetic::new(20_000) });
    c.backlog_bytes_max = 100_000;
    let cams = Testcam::start(c).unwrap();
    let mut client = Client::connect(cams.addr());
    client.play(&cams.url(0), 1);
    // Reads nothing until frames are dropped.
    while cams.stats().unwrap().frames_dropped == 0 {
        std::thread::yield_now();
    }
    let mut last = client.frame().unwrap();
    let mut holes = 0;
    while holes == 0 {
        let f = client.frame().unwrap();
        if f.timestamp.wrapping_sub(last.timestamp) != 3600 {
            assert!(f.is_key(), "after a hole comes a key frame");
            holes += 1;
        }
        last = f;
    }
}

#[test]
fn the_second_session_is_its_own() {
    let mut c = config(&[]);
    c.count = 2;
    c.sub = Some(Source::Synthetic(Synthetic { width: 160, height: 128, ..Synthetic::new(50) }));
    let cams = Testcam::start(c).unwrap();
    let urls = ["cam0", "cam0/sub", "cam1", "cam1/sub"].map(|n| format!("rtsp://{}/{n}", cams.addr()));
    assert_eq!(cams.urls(), urls);
    let mut clients: Vec<Client> = urls.iter().chain(&urls).map(|_| Client::connect(cams.addr())).collect();
    let mut ssrcs = std::collections::HashSet::new();
    for (client, url) in clients.iter_mut().zip(urls.iter().chain(&urls)) {
        client.play(url, 1);
        ssrcs.insert(client.rtp(0).unwrap().ssrc);
    }
    assert_eq!(ssrcs.len(), 8);
    drop(clients);
    let stats = cams.stop().unwrap();
    assert_eq!(stats.streams.iter().map(|s| s.sessions).collect::<Vec<_>>(), [2, 2, 2, 2]);
}
