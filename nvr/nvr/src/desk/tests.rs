//! What plugins say, and what the journal and the socket then say of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop on what it did not expect")]

use super::*;
use crate::answers::{self, Wanted};
use crate::operations::Subject;
use nvr_base::alert::{Action as Acting, AlertState};
use nvr_base::config::parse_text;
use nvr_base::geometry::Rect;
use nvr_base::{FakeClock, StreamId, StreamKind};
use nvr_store::{RealDisk, StoreConfig};
use serde_json::Value;

struct Site {
    dir: tempfile::TempDir,
    clock: Arc<FakeClock>,
    config: Config,
}

const RULES: &str = r#"
[site]
regime = "private-site"
[[camera]]
id = "gate"
url = "rtsp://192.0.2.1/main"
[[rule]]
id = "quay"
situation = "zone-entry"
camera = "gate"
severity = 1
instruction = "Call 4410"
[[rule]]
id = "count"
situation = "counting"
camera = "gate"
"#;

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FakeClock::new("2026-11-24T05:00:00Z".parse().unwrap()));
        let config = parse_text(&format!("storage.path = \"/s\"\n{RULES}")).0.unwrap();
        Self { dir, clock, config }
    }

    fn open(&self) -> (Store, Arc<Desk>) {
        let config = StoreConfig {
            disks: vec![self.dir.path().join("d")],
            reserve_bytes: 0,
            ..StoreConfig::default()
        };
        let store = Store::open(config, self.clock.clone(), Arc::new(RealDisk::default())).unwrap();
        drop(store.recorder(StreamId::new(camera(), StreamKind::Main)));
        let desk = Desk::start(store.clone(), self.clock.clone(), &self.config).unwrap();
        (store, desk)
    }

    /// Media time is 100 s behind the seconds since the start.
    fn moment(&self) -> Moment {
        Moment { at_us: 100_000_000, utc: self.clock.utc() }
    }
}

fn camera() -> CameraId {
    "gate".parse().unwrap()
}

fn event(phase: Phase, at_us: i64) -> Event {
    Event {
        kind: 4,
        phase,
        object: 1,
        since_us: at_us - 2_000_000,
        start_us: at_us,
        end_us: (phase == Phase::End).then_some(at_us),
        rect: Rect { x: 0.25, y: 0.5, w: 0.125, h: 0.25 },
        score: 0.75,
        measured: 2.0,
        threshold: 1.0,
        detail: String::new(),
    }
}

fn crossing(n: u32, direction: i32, at_us: i64) -> Sample {
    Sample { series: 1, class: 0, direction, n, at_us }
}

fn ask(site: &Site, store: &Store, desk: Option<&Desk>, wanted: &Wanted) -> Vec<Value> {
    let subject = Subject { store, config: &site.config, live: None, desk };
    let answer = answers::alerts(&subject, wanted).unwrap();
    answer["alerts"].as_array().unwrap().clone()
}

#[test]
fn an_event_is_an_alert_that_is_handled_and_outlives_the_recorder() {
    let site = Site::new();
    let (store, desk) = site.open();
    desk.event("quay", &camera(), "zone-entry 1.0 (0123)", site.moment(), &event(Phase::Begin, 99_000_000));
    desk.event("quay", &camera(), "zone-entry 1.0 (0123)", site.moment(), &event(Phase::Begin, 99_000_000));
    desk.event("gone", &camera(), "zone-entry 1.0 (0123)", site.moment(), &event(Phase::Begin, 99_000_000));
    let first_count = Event { kind: 11, ..event(Phase::Begin, 99_000_000) };
    desk.event("count", &camera(), "counting 1.0 (0123)", site.moment(), &first_count);
    let alerts = ask(&site, &store, Some(&desk), &Wanted::default());
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    for (field, expected) in [
        ("rule", "\"quay\""),
        ("situation", "\"zone-entry\""),
        ("event", "\"zone-entry\""),
        ("camera", "\"gate\""),
        ("severity", "1"),
        ("instruction", "\"Call 4410\""),
        ("start", "\"2026-11-24T04:59:59.000Z\""),
        ("end", "null"),
        ("measured", "2.0"),
        ("threshold", "1.0"),
        ("score", "0.75"),
        ("box", "[0.25,0.5,0.125,0.25]"),
        ("state", "\"raised\""),
        ("by", "null"),
        ("decision", "null"),
        ("reason", "null"),
        ("plugin", "\"zone-entry 1.0 (0123)\""),
        ("clip", r#"{"camera":"gate","from":"2026-11-24T04:59:52.000Z","to":null}"#),
        ("picture", r#"{"at":"2026-11-24T04:59:59.000Z","camera":"gate"}"#),
    ] {
        assert_eq!(alert[field].to_string(), expected, "{field}");
    }
    let id = alert["id"].as_str().unwrap().parse().unwrap();
    let subject = Subject { store: &store, config: &site.config, live: None, desk: Some(&desk) };
    let act = |action, reason| answers::handle(&subject, "anna", id, action, reason);
    assert_eq!(act(Acting::Take, None).unwrap()["by"], "anna");
    assert!(act(Acting::Reject, None).unwrap_err().contains("--reason"));
    assert_eq!(act(Acting::Reject, Some("a fox")).unwrap()["decision"], "rejected");
    site.clock.advance(Duration::from_secs(5));
    desk.close();
    store.close().unwrap();
    drop((store, desk));

    let (store, desk) = site.open();
    let wanted = |state| Wanted { state: Some(state), ..Wanted::default() };
    assert!(ask(&site, &store, None, &wanted(AlertState::Raised)).is_empty());
    let alerts = ask(&site, &store, None, &wanted(AlertState::Decided));
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!((&alert["reason"], &alert["end"]), (&"a fox".into(), &"2026-11-24T05:00:05.000Z".into()));
    assert_eq!(alert["interrupted"], true);
    let from = "2026-11-24T05:00:00Z".parse().ok();
    assert_eq!(
        ask(&site, &store, None, &Wanted { from, ..Wanted::default() }),
        alerts,
        "out of the journal too"
    );
    let yard = Wanted { camera: "yard".parse().ok(), ..Wanted::default() };
    assert!(ask(&site, &store, None, &yard).is_empty());
    desk.close();
    store.close().unwrap();
}

#[test]
fn counts_are_there_at_once_and_once() {
    let site = Site::new();
    let (store, desk) = site.open();
    let shown = |minutes| {
        let subject = Subject { store: &store, config: &site.config, live: None, desk: Some(&desk) };
        let from = "2026-11-24T04:00:00Z".parse().ok();
        let answer = answers::counts(&subject, &Wanted { from, ..Wanted::default() }, minutes).unwrap();
        let row = |r: &Value| {
            format!("{} {} {} {} {}", r["at"], r["class"], r["direction"], r["n"], r["max"]).replace('"', "")
        };
        answer["counts"].as_array().unwrap().iter().map(row).collect::<Vec<_>>()
    };
    desk.sample("count", &camera(), site.moment(), &crossing(2, 1, 100_000_000));
    desk.sample("count", &camera(), site.moment(), &crossing(0, 2, 100_000_000));
    desk.sample("count", &camera(), site.moment(), &crossing(9, 7, 100_000_000));
    desk.sample("gone", &camera(), site.moment(), &crossing(9, 1, 100_000_000));
    assert_eq!(shown(1), ["2026-11-24T05:00:00.000Z person forward 2 null"]);
    desk.sample("count", &camera(), site.moment(), &crossing(1, 1, 100_000_000));
    for n in [3, 5, 2] {
        let sample = Sample { series: 2, direction: 0, ..crossing(n, 0, 100_000_000) };
        desk.sample("count", &camera(), site.moment(), &sample);
    }
    let both = ["2026-11-24T05:00:00.000Z person forward 3 null", "2026-11-24T05:00:00.000Z person null 2 5"];
    assert_eq!(shown(1), both);
    site.clock.advance(Duration::from_secs(120));
    desk.sample("count", &camera(), site.moment(), &crossing(4, 1, 100_000_000));
    assert_eq!(shown(60)[0], "2026-11-24T05:00:00.000Z person forward 7 null");
    assert_eq!(shown(1).len(), 3);
    desk.close();
    store.close().unwrap();
}

#[test]
fn rules_are_blind_for_a_reason_until_they_go() {
    let mut site = Site::new();
    let (store, desk) = site.open();
    let pass = |site: &Site| site.clock.advance(Duration::from_secs(10));
    desk.blind("quay", &camera(), Some(BlindReason::Starting));
    desk.blind("quay", &camera(), Some(BlindReason::Starting));
    pass(&site);
    desk.blind("quay", &camera(), None);
    pass(&site);
    desk.blind("quay", &camera(), Some(BlindReason::PluginDown));
    desk.blind("gone", &camera(), Some(BlindReason::PluginDown));
    pass(&site);
    site.config = parse_text(&format!("storage.path = \"/s\"\n{}", RULES.replace("quay", "pier"))).0.unwrap();
    desk.configure(&site.config);
    let subject = Subject { store: &store, config: &site.config, live: None, desk: Some(&desk) };
    let from = "2026-11-24T05:00:00Z".parse().ok();
    let answer = answers::blind(&subject, &Wanted { from, ..Wanted::default() }).unwrap();
    let row = |b: &Value| format!("{} {} {}", b["reason"], b["from"], b["to"]).replace(['"', 'Z'], "");
    let rows: Vec<String> = answer["blind"].as_array().unwrap().iter().map(row).collect();
    assert_eq!(
        rows,
        [
            "starting 2026-11-24T05:00:00.000 2026-11-24T05:00:10.000",
            "plugin-down 2026-11-24T05:00:20.000 2026-11-24T05:00:30.000",
        ]
    );
    assert!(store.watches().is_empty());
    desk.close();
    store.close().unwrap();
}

#[test]
fn the_same_trouble_is_said_once_a_minute() {
    let site = Site::new();
    let (store, desk) = site.open();
    for _ in 0..3 {
        desk.system("plugin fire", "crashed\u{1b}[2J");
    }
    site.clock.advance(Duration::from_secs(61));
    desk.system("plugin fire", "crashed\u{1b}[2J");
    assert_eq!(held(&desk.state).troubles.get("plugin fire").unwrap().0, "crashed[2J");
    desk.close();
    store.close().unwrap();
}
