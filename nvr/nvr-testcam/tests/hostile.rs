//! Hostile clients do not stop the fake cameras.
//!
//! Promises: after each of them the server still serves.
//! Leaves to others: the parser's tables (`request`).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod client;

use client::Client;
use nvr_testcam::{Testcam, TestcamConfig};
use std::io::Write;

/// Sends `bytes`, then another client plays.
fn check(what: &str, bytes: &[u8]) {
    let cams = Testcam::start(TestcamConfig { speed: 20.0, ..TestcamConfig::synthetic(200) }).unwrap();
    let mut bad = Client::connect(cams.addr());
    // The server may close in the middle of it.
    let _ = bad.socket.write_all(bytes);
    let mut good = Client::connect(cams.addr());
    good.play(&cams.url(0), 1);
    assert_eq!(good.frames(3).len(), 3, "{what}");
    drop(good);
    cams.stop().unwrap_or_else(|e| panic!("{what}: {e}"));
}

#[test]
fn the_server_survives() {
    check("nothing", b"");
    check("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    check("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    check("an endless line", &vec![b'a'; 2 << 20]);
    check("endless headers", "X: y\r\n".repeat(200_000).as_bytes());
    check("a huge body", b"SET_PARAMETER x RTSP/1.0\r\nContent-Length: 999999999999\r\n\r\n");
    check("a negative body", b"SET_PARAMETER x RTSP/1.0\r\nContent-Length: -1\r\n\r\n");
    check("interleaved packets", &b"$\x01\x00\x04abcd".repeat(10_000));
    check("half a packet", b"$\x01\xff\xffabcd");
    check("play without setup", b"PLAY rtsp://x/cam0 RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    check("strange tracks", b"SETUP rtsp://x/cam0/track99999999999999999999 RTSP/1.0\r\n\r\n");
    check(
        "strange channels",
        b"SETUP rtsp://x/cam0/track0 RTSP/1.0\r\nTransport: RTP/AVP/TCP;interleaved=99999-1\r\n\r\n",
    );
    check(
        "strange ports",
        b"SETUP rtsp://x/cam0/track0 RTSP/1.0\r\nTransport: RTP/AVP;client_port=65535-65536\r\n\r\n",
    );
    let describe = "DESCRIBE rtsp://x/cam0 RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(50_000);
    check("requests whose replies are not read", describe.as_bytes());
    check("many requests", "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(20_000).as_bytes());
    check("not UTF-8", b"DESCRIBE rtsp://x/\xff\xfe RTSP/1.0\r\n\xff: \xfe\r\n\r\n");
    let mut rng = fastrand::Rng::with_seed(7);
    for n in 0..20 {
        let mut noise = vec![0; 5000];
        rng.fill(&mut noise);
        check(&format!("noise {n}"), &noise);
    }
}

#[test]
fn many_connections_come_and_go() {
    let cams = Testcam::start(TestcamConfig { speed: 20.0, ..TestcamConfig::synthetic(200) }).unwrap();
    for _ in 0..20 {
        let clients: Vec<Client> = (0..20).map(|_| Client::connect(cams.addr())).collect();
        drop(clients);
    }
    let mut good = Client::connect(cams.addr());
    good.play(&cams.url(0), 1);
    assert_eq!(good.frames(3).len(), 3);
    drop(good);
    assert_eq!(cams.stop().unwrap().connections, 401);
}
