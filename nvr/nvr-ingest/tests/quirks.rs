//! Every fault of the field, played by a fake camera: what comes out, and that nothing else is touched.
//!
//! Promises: waits are for conditions, with a deadline; the order of events is checked in every test.
//! Leaves to others: the faults themselves (`nvr-testcam`), what is recorded (`tests/` of the workspace).

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking, its helpers too

mod rig;

use nvr_base::{CameraState, Codec, GapReason, StreamKind};
use nvr_ingest::session::Patience;
use nvr_ingest::{Secret, Transport};
use nvr_testcam::{AuthScheme, Credentials, Quirk};
use rig::{Rig, Seen, quirky};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const IMPATIENT: Patience = Patience { connect: SECOND, stall: SECOND };

/// Plays `quirk`, waits for `until` and gives what was seen. Nothing may have panicked.
fn play(quirk: Quirk, until: impl Fn(&Seen) -> bool) -> Seen {
    play_over(Transport::Tcp, quirk, until)
}

fn play_over(transport: Transport, quirk: Quirk, until: impl Fn(&Seen) -> bool) -> Seen {
    let rig = Rig::new(quirky(&[quirk]));
    let session = rig.session(0, |config| {
        config.transport = transport;
        config.patience.stall = 3 * SECOND;
    });
    let seen = session.wait(&format!("{quirk} over {transport:?}"), until);
    assert_eq!(session.handle.panics(), 0, "{quirk}");
    seen
}

/// Runs `check` on all cases at once: they wait more than they work.
fn each<T: Copy + Send>(cases: &[T], check: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        for case in cases.iter().copied() {
            let check = &check;
            scope.spawn(move || check(case));
        }
    });
}

/// A fault that must not show: one epoch, no outage.
fn check_unnoticed(quirk: Quirk, samples: usize) {
    let seen = play(quirk, |s| s.samples.len() >= samples);
    assert_eq!((seen.formats.len(), &seen.downs[..]), (1, &[][..]), "{quirk}");
    let late = seen.behind_now_s();
    assert!(late.abs() < 2.0, "{quirk}: media time is {late} s behind the clock");
}

/// A fault that ends the session with `reason`.
fn check_down(quirk: Quirk, reason: GapReason, state: CameraState, why: &str) {
    let rig = Rig::new(quirky(&[quirk]));
    let session = rig.session(0, |config| config.patience = IMPATIENT);
    let seen = session.wait(&quirk.to_string(), |s| s.downs.contains(&reason));
    assert!(seen.samples.is_empty(), "{quirk}");
    let status = session.wait_state(state);
    let text = status.why.unwrap_or_default();
    assert!(text.contains(why) && text.contains("cam0"), "{quirk}: {text}");
    assert_eq!(session.handle.panics(), 0, "{quirk}");
}

#[test]
fn faults_that_do_not_show() {
    let cases = [
        (Quirk::ClockAhead(7), 50),
        (Quirk::RtpWrap, 90),
        (Quirk::BackwardsTimestamps, 80),
        (Quirk::NoRtpInfo, 30),
        (Quirk::NoSprop, 30),
        (Quirk::TeardownIgnored, 30),
    ];
    each(&cases, |(quirk, samples)| check_unnoticed(quirk, samples));
}

#[test]
fn durations_survive_a_wrap() {
    let seen = play(Quirk::RtpWrap, |s| s.samples.len() >= 90);
    assert!(seen.samples.windows(2).all(|w| w[1].dts.since(w[0].dts) == 3_600));
}

#[test]
fn a_long_gop_and_a_start_between_key_frames() {
    let seen = play(Quirk::LongGop(4), |s| s.samples.len() >= 80);
    assert!(seen.samples[0].key);
    assert_eq!((seen.samples.iter().filter(|s| s.key).count(), seen.formats.len()), (1, 1));
    let seen = play(Quirk::NoIdrFirst, |s| s.samples.iter().any(|s| s.key));
    assert!(!seen.samples[0].key, "frames before the first key frame are recorded");
    assert_eq!(seen.formats.len(), 1);
}

#[test]
fn changed_parameters_and_sizes() {
    let seen = play(Quirk::SpsChange(1), |s| s.formats.len() >= 3);
    assert_eq!(seen.downs, []);
    assert!(seen.formats.windows(2).all(|w| w[0].0.video != w[1].0.video && w[1].1.is_none()));
    let seen = play(Quirk::ResolutionChange(1), |s| s.formats.len() >= 3);
    assert!(seen.formats.windows(2).all(|w| w[0].0.video.width != w[1].0.video.width));
    assert!(seen.key_starts >= 2, "a new size begins with a key frame");
}

#[test]
fn a_wrong_session_description_is_corrected_by_the_stream() {
    let seen = play(Quirk::WrongSdp, |s| s.samples.len() >= 30);
    assert_eq!(seen.formats.last().unwrap().0.video.width, 1920);
    assert_eq!(seen.formats.len(), 1, "the first key frame came with the right ones");
}

#[test]
fn jumping_timestamps_are_epochs_and_lose_nothing() {
    let seen = play(Quirk::TimestampJump(1), |s| s.formats.len() >= 3 && s.samples.len() >= 70);
    let reasons: Vec<_> = seen.formats.iter().map(|f| f.1).collect();
    assert_eq!(reasons, [None, Some(GapReason::CameraClockStep), Some(GapReason::CameraClockStep)]);
    let stats = seen.samples.len();
    assert!(
        seen.samples.windows(2).all(|w| (w[1].pts.since(w[0].pts) - 3_600).abs() < 9_000),
        "{stats} samples"
    );
}

#[test]
fn silence_is_a_stall_and_is_reconnected() {
    let seen = play(Quirk::SilentAfter(1), |s| s.formats.len() >= 2);
    assert_eq!(seen.downs, [GapReason::CameraStalled]);
}

#[test]
fn a_flapping_camera_comes_back() {
    let seen = play(Quirk::Flap(1), |s| s.formats.len() >= 3);
    assert!(seen.downs.iter().all(|d| *d == GapReason::CameraDown) && seen.downs.len() >= 2);
}

#[test]
fn a_huge_unit_costs_its_camera_alone_and_bounded_memory() {
    let mut config = quirky(&[Quirk::HugeUnit(100)]);
    config.count = 2;
    let rig = Rig::new(config);
    let healthy = Rig::new(quirky(&[]));
    let before = rig::rss_kib();
    let one = rig.session(0, |_| ());
    let other = rig.session_at(&healthy.url(0), "healthy", StreamKind::Main, |_| ());
    let seen = one.wait("a huge unit", |s| s.downs.contains(&GapReason::CameraBroken));
    assert!(seen.samples.len() >= 20, "what came before was recorded: {}", seen.samples.len());
    one.wait("the camera again", |s| s.formats.len() >= 2);
    let grown = rig::rss_kib().saturating_sub(before);
    assert!(grown < 96 * 1024, "{grown} KiB");
    let (seen, now) = (other.seen(), other.handle.status());
    assert_eq!((seen.downs.len(), seen.formats.len(), now.state), (0, 1, CameraState::Live));
    assert!(seen.samples.windows(2).all(|w| w[1].dts.since(w[0].dts) == 3_600), "no frame missing");
}

#[test]
fn broken_packets_cost_their_frames() {
    let cases = [
        (Transport::Tcp, Quirk::ZeroUnit),
        (Transport::Udp, Quirk::ZeroUnit),
        (Transport::Tcp, Quirk::Reorder),
        (Transport::Udp, Quirk::Reorder),
        (Transport::Tcp, Quirk::PacketLoss(5)),
        (Transport::Udp, Quirk::PacketLoss(5)),
    ];
    each(&cases, |(transport, quirk)| {
        let rig = Rig::new(quirky(&[quirk]));
        let session = rig.session(0, |config| config.transport = transport);
        let seen = session.wait(&format!("{quirk} over {transport:?}"), |s| s.samples.len() >= 40);
        assert_eq!(seen.downs, [], "{quirk} over {transport:?}");
        let status = session.handle.status();
        assert!(status.packets_lost + session.handle.skipped() > 0, "{quirk} over {transport:?}: counted");
    });
}

#[test]
fn garbage_between_packets_is_contained() {
    let seen = play(Quirk::Garbage, |s| s.downs.contains(&GapReason::CameraBroken) && s.formats.len() >= 2);
    assert!(seen.samples.len() >= 20);
}

#[test]
fn cameras_that_never_play() {
    let cases = [
        (Quirk::HalfOpen, GapReason::CameraDown, CameraState::Backoff, "no connection"),
        (Quirk::SlowTrickle(50), GapReason::CameraDown, CameraState::Backoff, "no connection"),
        (Quirk::BadSdp, GapReason::CameraBroken, CameraState::Backoff, "DESCRIBE"),
        (Quirk::UnknownCodec, GapReason::UnsupportedCodec, CameraState::UnsupportedCodec, "H.264"),
        (Quirk::RedirectLoop, GapReason::CameraBroken, CameraState::Backoff, "DESCRIBE"),
    ];
    each(&cases, |(quirk, reason, state, why)| check_down(quirk, reason, state, why));
}

#[test]
fn nobody_at_home() {
    let rig = Rig::new(quirky(&[]));
    let session = rig.session_at("rtsp://127.0.0.1:1/cam0", "cam0", StreamKind::Main, |_| ());
    session.wait("a refused connection", |s| s.downs == [GapReason::CameraDown]);
    let why = session.wait_state(CameraState::Backoff).why.unwrap_or_default();
    assert!(why.contains("127.0.0.1:1") && why.contains("check"), "{why}");
}

#[test]
fn credentials() {
    for scheme in [AuthScheme::Basic, AuthScheme::Digest] {
        let mut config = quirky(&[]);
        config.credentials = Some(Credentials { user: "u".into(), password: "hunter2".into(), scheme });
        let rig = Rig::new(config);
        let right = rig.session(0, |config| {
            config.user = Some("u".into());
            config.password = Some(Secret::new("hunter2"));
        });
        right.wait(&format!("{scheme:?}"), |s| s.samples.len() >= 3);
    }
}

#[test]
fn refused_credentials_are_tried_once() {
    let mut config = quirky(&[Quirk::AuthLock(1800)]);
    config.credentials =
        Some(Credentials { user: "u".into(), password: "hunter2".into(), scheme: AuthScheme::Digest });
    let rig = Rig::new(config);
    for (user, password) in [(Some("u"), "wrong-secret"), (None, "")] {
        let session = rig.session(0, |config| {
            config.user = user.map(str::to_owned);
            config.password = Some(Secret::new(password));
        });
        session.wait("refusal", |s| s.downs == [GapReason::CredentialsRefused]);
        let why = session.wait_state(CameraState::CredentialsRefused).why.unwrap_or_default();
        assert!(!why.contains("wrong-secret"), "{why}");
        assert!(user.is_none() || why.contains("credentials refused or connections exhausted"), "{why}");
    }
    assert_eq!(rig.cameras.stats().unwrap().connections, 2, "one attempt each");
}

#[test]
fn a_locked_address_is_retried_when_asked() {
    let rig = Rig::new(quirky(&[Quirk::AlwaysUnauthorized]));
    let session = rig.session(0, |config| config.user = Some("u".into()));
    session.wait("refusal", |s| s.downs == [GapReason::CredentialsRefused]);
    session.wait_state(CameraState::CredentialsRefused);
    session.handle.retry_now();
    session.wait("a second attempt", |_| rig.cameras.stats().unwrap().connections == 2);
}

#[test]
fn a_camera_with_too_few_sessions() {
    let rig = Rig::new(quirky(&[Quirk::ConnectionLimit(1)]));
    let first = rig.session_at(&rig.url(0), "a", StreamKind::Main, |_| ());
    first.wait("the first", |s| !s.samples.is_empty());
    let second = rig.session_at(&rig.url(0), "b", StreamKind::Main, |_| ());
    second.wait("the second", |s| s.downs == [GapReason::CredentialsRefused]);
    let why = second.wait_state(CameraState::CredentialsRefused).why.unwrap_or_default();
    assert!(why.contains("no session left"), "{why}");
    assert!(first.handle.stop(GapReason::StoppedByPolicy));
    second.wait("a free session", |s| {
        second.handle.retry_now();
        !s.samples.is_empty()
    });
}

#[test]
fn two_sessions_a_camera_and_no_more() {
    let rig = Rig::new(quirky(&[]));
    let sessions: Vec<_> =
        (0..2).map(|_| rig.session_at(&rig.url(0), "gate", StreamKind::Main, |_| ())).collect();
    for session in &sessions {
        session.wait("two", |s| !s.samples.is_empty());
    }
    let third = rig.session_at(&rig.url(0), "gate", StreamKind::Main, |_| ());
    assert_eq!(rig.ingest.sessions_of(&"gate".parse().unwrap()), 2);
    assert_eq!(third.handle.status().state, CameraState::Connecting);
    assert!(sessions[0].handle.stop(GapReason::StoppedByPolicy));
    third.wait("its turn", |s| !s.samples.is_empty());
    assert_eq!(rig.ingest.sessions_of(&"gate".parse().unwrap()), 2);
}

#[test]
fn sound_only_where_it_is_allowed() {
    let rig = Rig::new(quirky(&[Quirk::SendsAudio]));
    let silent = rig.session(0, |_| ());
    let seen = silent.wait("no sound", |s| s.samples.len() >= 30);
    assert!(silent.handle.status().sends_audio);
    assert!(seen.formats[0].0.audio.is_none() && seen.sounds.is_empty());
    let loud = rig.session_at(&rig.url(0), "loud", StreamKind::Main, |config| config.audio = true);
    let seen = loud.wait("sound", |s| s.sounds.len() >= 20);
    assert_eq!(seen.formats[0].0.audio.as_ref().map(|a| (a.codec, a.rate_hz)), Some((Codec::Ulaw, 8_000)));
    assert!(seen.sounds.windows(2).all(|w| w[1].dts.since(w[0].dts) > 0 && w[0].duration_ticks > 0));
}

#[test]
fn stopping_is_the_last_event() {
    let rig = Rig::new(quirky(&[]));
    let session = rig.session(0, |_| ());
    session.wait("live", |s| s.samples.len() >= 3);
    assert!(session.handle.stop(GapReason::Reconfigured));
    let seen = session.seen();
    assert!(seen.ended, "the sink was dropped");
    assert_eq!(seen.downs, [GapReason::Reconfigured]);
    assert_eq!(session.handle.status().state, CameraState::Stopped);
}

#[test]
fn a_panic_in_one_session_is_contained() {
    let rig = Rig::new(quirky(&[]));
    let other = rig.session_at(&rig.url(0), "other", StreamKind::Main, |_| ());
    let session = rig.panicking_session("panics", 5);
    let seen = session.wait("a restart", |s| s.formats.len() >= 2);
    assert_eq!(session.handle.panics(), 1);
    assert_eq!(seen.downs, [GapReason::CameraBroken]);
    let seen = other.wait("the other", |s| s.samples.len() >= 30);
    assert_eq!((seen.downs.len(), seen.formats.len()), (0, 1));
}
