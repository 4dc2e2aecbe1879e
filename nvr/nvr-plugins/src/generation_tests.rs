//! Events in, actions out.
//!
//! Promises: every turn of a plugin's life as a line of data. Leaves to others: real workers (`nvr-worker`'s tests).

use super::Event::*;
use super::*;

const A: Hash = Hash([0xaa; 32]);
const B: Hash = Hash([0xbb; 32]);

fn g(n: u64) -> GenerationId {
    GenerationId(n)
}

fn died(n: u64) -> Event {
    Died(g(n), "SIGSEGV".into())
}

fn said(action: &Action) -> String {
    let h = |hash: &Hash| hash.short().chars().take(2).collect::<String>();
    match action {
        Action::SelfTest(id, hash) => format!("test {} {}", id.0, h(hash)),
        Action::Warm(id) => format!("warm {}", id.0),
        Action::CutOver { from, to } => format!("cut {} {}", from.map_or(0, |f| f.0), to.0),
        Action::Drain(id) => format!("drain {}", id.0),
        Action::Kill(id) => format!("kill {}", id.0),
        Action::Blind(_) => "blind".into(),
        Action::Alert(why) if why.contains("quarantine") => "quarantine".into(),
        Action::Alert(why) if why.contains("last good") => "last-good".into(),
        Action::Alert(_) => "alert".into(),
        Action::Forget(hash) => format!("forget {}", h(hash)),
    }
}

/// Each step is a time, an event, and what is done about it, in order.
fn check(steps: &[(u64, Event, &str)]) -> Lifecycle {
    let mut life = Lifecycle::default();
    for (n, (now, event, expected)) in steps.iter().enumerate() {
        let got: Vec<String> = life.step(event.clone(), *now).iter().map(said).collect();
        assert_eq!(got.join(", "), *expected, "step {n}: {event:?}");
    }
    life
}

#[test]
fn a_first_copy_serves_as_soon_as_it_has_passed() {
    let life = check(&[
        (0, Offered(A), "test 1 aa"),
        (100, Passed(g(1), 5000), "cut 0 1"),
        (200, Offered(A), ""),
        (300, Withdrawn, "blind, drain 1"),
        (400, Drained(g(1)), "forget aa"),
    ]);
    assert_eq!(life.generations().count(), 0);
}

#[test]
fn a_replacement_warms_up_beside_the_old_one() {
    check(&[
        (0, Offered(A), "test 1 aa"),
        (100, Passed(g(1), 0), "cut 0 1"),
        (1000, Offered(B), "test 2 bb"),
        (1100, Passed(g(2), 5000), "warm 2"),
        (6099, Tick, ""),
        (6100, Tick, "cut 1 2, drain 1"),
        (6200, Drained(g(1)), ""),
        (90_000, Tick, "forget aa"),
    ]);
}

#[test]
fn an_old_one_that_does_not_drain_is_killed_once() {
    check(&[
        (0, Offered(A), "test 1 aa"),
        (0, Passed(g(1), 0), "cut 0 1"),
        (0, Withdrawn, "blind, drain 1"),
        (4999, Tick, ""),
        (5000, Tick, "kill 1"),
        (5001, Tick, ""),
        (5002, died(1), "forget aa"),
    ]);
}

#[test]
fn a_bad_replacement_never_serves() {
    let life = check(&[
        (0, Offered(A), "test 1 aa"),
        (0, Passed(g(1), 0), "cut 0 1"),
        (10, Offered(B), "test 2 bb"),
        (20, Failed(g(2), "hangs".into()), "quarantine"),
        (30, Offered(B), "quarantine"),
        (40, Offered(A), "forget bb"),
    ]);
    assert_eq!(life.live(), Some(g(1)));
}

#[test]
fn one_that_dies_while_warming_never_serves() {
    let life = check(&[
        (0, Offered(A), "test 1 aa"),
        (0, Passed(g(1), 0), "cut 0 1"),
        (10, Offered(B), "test 2 bb"),
        (20, Passed(g(2), 1000), "warm 2"),
        (30, died(2), "quarantine"),
    ]);
    assert_eq!(life.live(), Some(g(1)));
}

#[test]
fn an_old_one_that_dies_while_its_successor_warms_is_replaced_at_once() {
    check(&[
        (0, Offered(A), "test 1 aa"),
        (0, Passed(g(1), 0), "cut 0 1"),
        (10, Offered(B), "test 2 bb"),
        (20, Passed(g(2), 9000), "warm 2"),
        (30, died(1), "alert, cut 0 2"),
    ]);
}

#[test]
fn crashes_back_off_then_quarantine_then_the_last_good_copy() {
    let life = check(&[
        (0, Offered(A), "test 1 aa"),
        (0, Passed(g(1), 0), "cut 0 1"),
        (60_000, Tick, ""),
        (60_001, Offered(B), "test 2 bb"),
        (60_002, Passed(g(2), 0), "warm 2"),
        (60_003, Tick, "cut 1 2, drain 1"),
        (60_004, Drained(g(1)), ""),
        (61_000, died(2), "alert, blind"),
        (61_999, Tick, ""),
        (62_000, Tick, "test 3 bb"),
        (62_000, Passed(g(3), 0), "cut 0 3"),
        (62_000, died(3), "alert, blind"),
        (64_000, Tick, "test 4 bb"),
        (64_000, Failed(g(4), "crash".into()), ""),
        (68_000, Tick, "test 5 bb"),
        (68_000, Passed(g(5), 0), "cut 0 5"),
        (68_000, died(5), "alert, blind"),
        (76_000, Tick, "test 6 bb"),
        (76_000, Passed(g(6), 0), "cut 0 6"),
        (76_000, died(6), "alert, blind, quarantine, last-good, test 7 aa"),
        (76_001, Passed(g(7), 0), "cut 0 7"),
        (76_002, Released(B), "test 8 bb"),
    ]);
    assert!(life.quarantine().is_empty());
}

#[test]
fn old_crashes_are_forgiven() {
    let mut life = check(&[(0, Offered(A), "test 1 aa"), (0, Passed(g(1), 0), "cut 0 1")]);
    for n in 1..20 {
        let now = n * CRASH_WINDOW_MS;
        assert!(life.step(died(n), now).iter().all(|a| said(a) != "quarantine"));
        life.step(Tick, now + BACKOFF_MS_MIN);
        life.step(Passed(g(n + 1), 0), now + BACKOFF_MS_MIN);
    }
}

#[test]
fn late_news_of_a_generation_that_is_gone_changes_nothing() {
    check(&[
        (0, Offered(A), "test 1 aa"),
        (1, Offered(B), "kill 1, test 2 bb, forget aa"),
        (2, Passed(g(1), 0), ""),
        (3, died(1), ""),
        (4, Drained(g(1)), ""),
        (5, Passed(g(2), 0), "cut 0 2"),
    ]);
}
