//! Tables for the session machine.

use super::*;
use FailureKind as K;

const T0: i64 = 1_764_000_000_000_000;

fn at(s: f64) -> Now {
    let us = (s * 1e6) as i64;
    Now { utc: Utc(T0 + us), mono: Mono((1_000_000 + us) as u64) }
}

fn failed(kind: FailureKind) -> Event {
    Event::Failed(Failure::new(kind, "why"))
}

/// Drives a machine through `script` of (second, event) and gives the actions and the state after each.
fn run(script: &[(f64, Event)]) -> Vec<(Vec<Action>, CameraState)> {
    let (mut session, first) = Session::start("gate".to_owned(), Patience::default(), 7, at(0.0));
    assert_eq!(first, [Action::Connect]);
    script.iter().map(|(s, e)| (session.step(e.clone(), at(*s)), session.state().0)).collect()
}

fn check(script: &[(f64, Event)], expected: &[(&[Action], CameraState)]) {
    let got = run(script);
    let got: Vec<(&[Action], CameraState)> = got.iter().map(|(a, s)| (a.as_slice(), *s)).collect();
    assert_eq!(got, expected, "{script:?}");
}

fn down(reason: GapReason, since_s: f64) -> Action {
    Action::Down { reason, since: at(since_s).utc }
}

#[test]
fn live_then_closed_then_live() {
    check(
        &[
            (0.1, Event::Connected),
            (0.2, Event::Sample),
            (0.3, Event::Sample),
            (5.0, failed(K::Down)),
            (6.1, Event::Timer),
            (6.2, Event::Connected),
            (6.3, Event::Sample),
            (7.0, failed(K::Down)),
        ],
        &[
            (&[], CameraState::Connecting),
            (&[], CameraState::Live),
            (&[], CameraState::Live),
            (&[down(GapReason::CameraDown, 0.3)], CameraState::Backoff),
            (&[Action::Connect], CameraState::Connecting),
            (&[], CameraState::Connecting),
            (&[], CameraState::Live),
            (&[down(GapReason::CameraDown, 6.3)], CameraState::Backoff),
        ],
    );
}

#[test]
fn an_outage_is_said_once_and_again_when_its_reason_changes() {
    check(
        &[
            (1.0, failed(K::Down)),
            (2.1, Event::Timer),
            (3.0, failed(K::Down)),
            (5.1, Event::Timer),
            (6.0, failed(K::CredentialsRefused)),
        ],
        &[
            (&[down(GapReason::CameraDown, 0.0)], CameraState::Backoff),
            (&[Action::Connect], CameraState::Connecting),
            (&[], CameraState::Backoff),
            (&[Action::Connect], CameraState::Connecting),
            (&[down(GapReason::CredentialsRefused, 6.0)], CameraState::CredentialsRefused),
        ],
    );
}

#[test]
fn a_stall_is_noticed_and_early_timers_are_not() {
    check(
        &[
            (0.1, Event::Connected),
            (1.0, Event::Sample),
            (10.9, Event::Timer),
            (11.0, Event::Timer),
            (12.1, Event::Timer),
            (12.2, Event::Connected),
            (22.2, Event::Timer),
            (42.2, Event::Timer),
        ],
        &[
            (&[], CameraState::Connecting),
            (&[], CameraState::Live),
            (&[], CameraState::Live),
            (&[Action::Disconnect, down(GapReason::CameraStalled, 1.0)], CameraState::Stalled),
            (&[Action::Connect], CameraState::Stalled),
            (&[], CameraState::Stalled),
            (&[], CameraState::Stalled),
            (&[Action::Disconnect], CameraState::Stalled),
        ],
    );
}

#[test]
fn a_long_gop_is_waited_for_and_shown_as_stalled() {
    check(
        &[(0.1, Event::Connected), (10.1, Event::Timer), (20.0, Event::Timer), (29.0, Event::Sample)],
        &[
            (&[], CameraState::Connecting),
            (&[down(GapReason::CameraStalled, 0.0)], CameraState::Stalled),
            (&[], CameraState::Stalled),
            (&[], CameraState::Live),
        ],
    );
    // The next connection that brings nothing is kept for two minutes.
    check(
        &[
            (0.0, Event::Connected),
            (10.0, Event::Timer),
            (30.0, Event::Timer),
            (31.0, Event::Timer),
            (31.0, Event::Connected),
            (41.0, Event::Timer),
            (150.9, Event::Timer),
            (151.0, Event::Timer),
        ],
        &[
            (&[], CameraState::Connecting),
            (&[down(GapReason::CameraStalled, 0.0)], CameraState::Stalled),
            (&[Action::Disconnect], CameraState::Stalled),
            (&[Action::Connect], CameraState::Stalled),
            (&[], CameraState::Stalled),
            (&[], CameraState::Stalled),
            (&[], CameraState::Stalled),
            (&[Action::Disconnect], CameraState::Stalled),
        ],
    );
}

#[test]
fn refused_credentials_wait_35_minutes_or_for_a_person() {
    let mins = |m: f64| m * 60.0;
    check(
        &[
            (1.0, failed(K::CredentialsRefused)),
            (mins(34.0), Event::Timer),
            (mins(35.0) + 1.0, Event::Timer),
            (mins(35.0) + 2.0, failed(K::CredentialsRefused)),
            (mins(36.0), Event::RetryNow),
            (mins(36.0) + 1.0, Event::Connected),
            (mins(36.0) + 2.0, Event::Sample),
        ],
        &[
            (&[down(GapReason::CredentialsRefused, 0.0)], CameraState::CredentialsRefused),
            (&[], CameraState::CredentialsRefused),
            (&[Action::Connect], CameraState::CredentialsRefused),
            (&[], CameraState::CredentialsRefused),
            (&[Action::Connect], CameraState::CredentialsRefused),
            (&[], CameraState::CredentialsRefused),
            (&[], CameraState::Live),
        ],
    );
}

#[test]
fn connecting_has_a_limit() {
    check(
        &[(19.9, Event::Timer), (20.0, Event::Timer)],
        &[
            (&[], CameraState::Connecting),
            (&[Action::Disconnect, down(GapReason::CameraDown, 0.0)], CameraState::Backoff),
        ],
    );
}

#[test]
fn stopping_says_the_last_word() {
    check(
        &[
            (0.1, Event::Connected),
            (1.0, Event::Sample),
            (2.0, Event::Stop(GapReason::RecorderStopped)),
            (3.0, Event::Sample),
            (4.0, Event::Stop(GapReason::Reconfigured)),
        ],
        &[
            (&[], CameraState::Connecting),
            (&[], CameraState::Live),
            (&[Action::Disconnect, down(GapReason::RecorderStopped, 1.0), Action::End], CameraState::Stopped),
            (&[], CameraState::Stopped),
            (&[], CameraState::Stopped),
        ],
    );
}

/// Waits before each of a row of failures of one kind, in seconds.
fn waits(kind: FailureKind, n: usize) -> Vec<f64> {
    let (mut session, _) = Session::start("gate".to_owned(), Patience::default(), 7, at(0.0));
    let mut now = at(0.0);
    (0..n)
        .map(|_| {
            session.step(failed(kind), now);
            let due = session.deadline().unwrap();
            let wait = due.since(now.mono);
            now = Now { utc: now.utc + wait, mono: due };
            assert_eq!(session.step(Event::Timer, now), [Action::Connect]);
            wait.as_secs_f64()
        })
        .collect()
}

#[test]
fn waits_grow_within_their_limits() {
    let table: &[(FailureKind, &[(f64, f64)])] = &[
        (
            K::Down,
            &[
                (0.5, 1.0),
                (1.0, 2.0),
                (2.0, 4.0),
                (4.0, 8.0),
                (8.0, 16.0),
                (16.0, 32.0),
                (30.0, 60.0),
                (30.0, 60.0),
            ],
        ),
        (K::SessionsExhausted, &[(15.0, 30.0), (30.0, 60.0), (60.0, 120.0), (120.0, 240.0), (150.0, 300.0)]),
        (K::CredentialsRefused, &[(2100.0, 2100.0), (2100.0, 2100.0)]),
        (K::UnsupportedCodec, &[(600.0, 600.0)]),
    ];
    for (kind, ranges) in table {
        for (i, (wait, (lo, hi))) in waits(*kind, ranges.len()).iter().zip(*ranges).enumerate() {
            assert!((*lo..=*hi).contains(wait), "{kind:?} {i}: {wait} not in {lo}..={hi}");
        }
    }
    assert!(waits(K::Down, 100).iter().all(|w| *w <= 60.0));
}

#[test]
fn a_stable_connection_forgets_failures_and_a_flapping_one_does_not() {
    let (mut session, _) = Session::start(
        "gate".to_owned(),
        Patience { stall: Duration::from_secs(100), ..Patience::default() },
        7,
        at(0.0),
    );
    let mut t = 0.0;
    let mut last_wait = 0.0;
    for live_s in [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 70.0] {
        for event in [Event::Connected, Event::Sample] {
            session.step(event, at(t));
        }
        t += live_s;
        session.step(failed(K::Down), at(t));
        last_wait = session.deadline().unwrap().since(at(t).mono).as_secs_f64();
        if live_s > 60.0 {
            break;
        }
        t += last_wait + 0.001;
        session.step(Event::Timer, at(t));
    }
    assert!(last_wait <= 1.0, "{last_wait}");
}
