//! Alerts, blind intervals and counts in the journal, with real threads and files.
//!
//! Promises: no sleeps; what is answered after a restart is what was said before it.
//! Leaves to others: power cuts (`src/sim/talk.rs`), what an alert means (`nvr-alerts`).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

use nvr_base::alert::{Action, Alert, AlertId, AlertState, Entry, Handling, Measured, Raised};
use nvr_base::blind::BlindReason;
use nvr_base::count::{Count, CountKey, Series, Way};
use nvr_base::{CameraId, Clock, FakeClock, StreamId, StreamKind, Utc};
use nvr_store::record::Record;
use nvr_store::{RealDisk, Store, StoreConfig, StoreError};
use std::sync::Arc;
use std::time::Duration;

struct Site {
    _dir: tempfile::TempDir,
    clock: Arc<FakeClock>,
    config: StoreConfig,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FakeClock::new("2026-11-24T05:00:00Z".parse().unwrap()));
        let mut config =
            StoreConfig { disks: vec![dir.path().join("d")], reserve_bytes: 0, ..StoreConfig::default() };
        config.retention.keep_free_percent = 0;
        config.journal_file_bytes_max = 2000;
        Self { _dir: dir, clock, config }
    }

    /// Opens the store; `records` says whether a run begins.
    fn open(&self, records: bool) -> Store {
        let store =
            Store::open(self.config.clone(), self.clock.clone(), Arc::new(RealDisk::default())).unwrap();
        if records {
            drop(store.recorder(StreamId::new(camera(), StreamKind::Main)));
        }
        store
    }

    fn pass(&self, s: u64) -> Utc {
        self.clock.advance(Duration::from_secs(s));
        self.clock.utc()
    }
}

fn camera() -> CameraId {
    "gate".parse().unwrap()
}

fn raised(store: &Store, number: u32, at: Utc) -> AlertId {
    let id = AlertId { run: store.run(), number };
    let measured = Measured { measured: 1.0, threshold: 0.5, score: 0.7, place: [0.1, 0.2, 0.3, 0.4] };
    let raised = Raised {
        id,
        rule: "r".into(),
        situation: "fire".into(),
        event: "fire".into(),
        camera: camera(),
        severity: 1,
        instruction: Some("Call 4410".into()),
        start: at,
        since: at,
        measured,
        plugin: "fire 1.0 (0123)".into(),
        clip_from: at,
        picture_at: at,
    };
    store.note(Record::Alert { entry: Entry::Raised(Box::new(raised)) });
    id
}

fn take(alert: &Alert) -> Entry {
    let after = Handling { state: AlertState::Taken, by: Some("anna".into()), ..Handling::default() };
    let acts = alert.acts + 1;
    Entry::Handled { id: alert.raised.id, acts, who: "anna".into(), action: Action::Take, after }
}

#[test]
fn alerts_outlive_the_recorder() {
    let site = Site::new();
    let store = site.open(true);
    let ids: Vec<AlertId> = (1..=20).map(|n| raised(&store, n, site.pass(60))).collect();
    let taken = store.handle(ids[4], |alert, _| Ok(take(alert))).unwrap();
    assert_eq!((taken.handling.state, taken.handling.by.as_deref()), (AlertState::Taken, Some("anna")));
    let refused = store.handle(ids[4], |_, _| Err("no".into()));
    assert!(matches!(refused, Err(StoreError::Refused(why)) if why == "no"));
    let stranger = AlertId { run: 99, number: 1 };
    assert!(matches!(store.handle(stranger, |a, _| Ok(take(a))), Err(StoreError::NoAlert(_))));
    store.close().unwrap();
    let ended = site.clock.utc();

    // A command that opens the store sees the same, and so does the next run, where all that lasted is over.
    site.pass(100);
    let store = site.open(false);
    assert_eq!(store.alerts().len(), 20);
    assert_eq!(store.alerts()[4].handling, taken.handling);
    store.close().unwrap();
    let store = site.open(true);
    let alert = &store.alerts()[4];
    assert_eq!((alert.end, alert.interrupted), (Some(ended), true));
    // The journal has been through several files by now, and gives what it is asked for.
    let since = alert.raised.start;
    let before = store.alerts_since(since, 1000).unwrap();
    assert_eq!(before.len(), 20, "they all lasted until the end of the run");
    assert_eq!(before, store.alerts());
    assert_eq!(store.alerts_since(since, 3).unwrap().len(), 3);
    assert_eq!(store.alerts_since(site.pass(1), 1000).unwrap(), []);
}

#[test]
fn blind_intervals_go_on_across_runs() {
    let site = Site::new();
    let store = site.open(true);
    let mut number = 0;
    let mut watch = |store: &Store, rule: &str, blind: Option<BlindReason>| {
        number += 1;
        let (rule, camera, from) = (rule.to_owned(), camera(), site.clock.utc());
        store.note(Record::RuleWatch { number, rule, camera, from, blind });
    };
    let began = site.clock.utc();
    watch(&store, "r", Some(BlindReason::Starting));
    site.pass(10);
    watch(&store, "r", None);
    site.pass(50);
    watch(&store, "s", Some(BlindReason::PluginDown));
    store.close().unwrap();
    let stopped = site.clock.utc();
    site.pass(100);
    let shown = |store: &Store, from: Utc, running: bool| -> Vec<String> {
        let at = |t: Utc| t.micros_since(began) / 1_000_000;
        let blind = store.blind_since(from, running).unwrap();
        let one = |b: &nvr_store::Blind| {
            format!(
                "{} {} {}-{}",
                b.rule,
                b.reason,
                at(b.from),
                b.to.map_or("".into(), |t| at(t).to_string())
            )
        };
        blind.iter().map(one).collect()
    };
    let store = site.open(false);
    assert_eq!(
        shown(&store, began, false),
        ["r starting 0-10", "r analysis-down 60-", "s plugin-down 60-"],
        "nobody watches while no recorder runs"
    );
    store.close().unwrap();
    let store = site.open(true);
    watch(&store, "r", None);
    site.pass(5);
    assert_eq!(
        shown(&store, began, true),
        ["r starting 0-10", "s plugin-down 60-", "r analysis-down 60-160"]
    );
    assert_eq!(shown(&store, stopped, true), ["s plugin-down 60-", "r analysis-down 60-160"]);
    let standing: Vec<bool> = store.watches().iter().map(|w| w.blind.is_none()).collect();
    assert_eq!(standing, [true, false]);
}

#[test]
fn counts_count_once() {
    let site = Site::new();
    let store = site.open(true);
    let key = CountKey { series: Series::Crossings, class: "person".into(), direction: Some(Way::Forward) };
    let counted = |store: &Store, number: u64, minute: Utc| {
        let counts = vec![Count { key: key.clone(), n: 2, max: None }];
        store.note(Record::Counted { number, rule: "c".into(), camera: camera(), minute, counts });
    };
    let first = site.clock.utc();
    (1..=9).for_each(|number| counted(&store, number, site.pass(60)));
    counted(&store, 9, site.clock.utc());
    let sum = |store: &Store, from: Utc| {
        let mut sum = 0;
        store.counted_since(from, &mut |c| sum += c.counts.iter().map(|c| c.n).sum::<u64>()).unwrap();
        sum
    };
    assert_eq!((sum(&store, first), sum(&store, site.clock.utc())), (18, 2));
    store.close().unwrap();
    let store = site.open(true);
    counted(&store, 1, site.pass(60));
    assert_eq!(sum(&store, first), 20, "another run counts from 1 again");
}
