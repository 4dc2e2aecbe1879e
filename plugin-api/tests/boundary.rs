//! Both sides of the boundary against each other: what arrives, and what is refused.
//!
//! Promises: one detector that does what its rule tells it, however wrong. Leaves to others: wrong libraries (the zoo).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

use nvr_plugin_api::closed::Level;
use nvr_plugin_api::glue::{DescriptorCell, Export};
use nvr_plugin_api::host::{Ask, FrameData, InferenceData, InputData, Instance, Plugin, Refusal, Said};
use nvr_plugin_api::{
    Class, Descriptor, Detector, Direction, Event, EventType, FrameNeed, InferenceNeed, Input, LabelSet,
    Needs, Output, Phase, Rect, Regime, Region, ResultKind, Sample, Scene, Series, TrackId, abi,
};
use std::sync::OnceLock;

struct Obedient(String);

static DESCRIPTOR: Descriptor = Descriptor {
    id: "obedient",
    name: "Obedient",
    version: "1.0.0",
    situation: "zone-entry",
    texts: "{}",
    config_schema: "{}",
    event_types: &[EventType::ZoneEntry],
    regime: Regime::PrivateSite,
    counts: false,
    warmup_s: 0.0,
    min_px_per_m: 0.0,
    process_budget_us: 1000,
};

impl Export for Obedient {
    fn descriptor() -> &'static DescriptorCell {
        static CELL: OnceLock<DescriptorCell> = OnceLock::new();
        CELL.get_or_init(|| DescriptorCell::new(&DESCRIPTOR, &Self::template()))
    }
}

fn event() -> Event {
    Event {
        kind: EventType::ZoneEntry,
        phase: Phase::Begin,
        object: 1,
        since_us: 5,
        start_us: 10,
        end_us: None,
        rect: Rect { x: 0.1, y: 0.2, w: 0.3, h: 0.4 },
        score: 0.5,
        measured: 1.0,
        threshold: 2.0,
        detail: "a=b".to_owned(),
    }
}

impl Detector for Obedient {
    fn template() -> Needs {
        let frame = FrameNeed { width: 320, height: 180, fps_max: 2.0 };
        let asked = InferenceNeed {
            model: "pose".to_owned(),
            region: Region::Asked,
            labels: LabelSet::EMPTY,
            min_score: 0.0,
            per_s_max: 4.0,
        };
        Needs { gray: Some(frame), inference: vec![asked], ..Needs::tracks(&[Class::Bag], 0.4, 5.0) }
    }

    fn create(config: &str) -> Result<Self, String> {
        if config == "{}" { Err("it must be told — é".to_owned()) } else { Ok(Self(config.to_owned())) }
    }

    fn needs(&self) -> Needs {
        Self::template()
    }

    fn process(&mut self, input: &Input<'_>, out: &mut Output<'_>) {
        let sample = Sample {
            series: Series::Crossings,
            class: Class::Person,
            direction: Direction::Forward,
            n: 1,
            at_us: input.scene.at_us,
        };
        match self.0.as_str() {
            "event" => out.emit(&event()),
            "undeclared" => out.emit(&Event { kind: EventType::Fire, ..event() }),
            "nan" => out.emit(&Event { score: f32::NAN, ..event() }),
            "outside" => out.emit(&Event { rect: Rect { x: 4.0, ..event().rect }, ..event() }),
            "backwards" => out.emit(&Event { since_us: 11, ..event() }),
            "long" => out.emit(&Event { detail: "x".repeat(300), ..event() }),
            "flood" => (0..1000).for_each(|object| out.emit(&Event { object, ..event() })),
            "sample" => out.emit_sample(&sample),
            "ask" => out.ask(&[TrackId(3)], "pose"),
            "ask undeclared" => out.ask(&[TrackId(3)], "faces"),
            "log" => out.log(Level::Info, &"é".repeat(400)),
            _ => {
                let sum = |f: Option<nvr_plugin_api::Frame<'_>>| {
                    f.map_or(0, |f| f.rows().flatten().map(|p| u32::from(*p)).sum::<u32>())
                };
                let results =
                    input.inference.iter().map(|r| format!("{} {:?} {:?}", r.model, r.dims, r.data));
                let text = format!(
                    "{} tracks {} ended {} gray {} rgb {} aspect {} {}",
                    input.sequence,
                    input.scene.tracks.len(),
                    input.scene.ended.len(),
                    sum(input.gray),
                    sum(input.rgb),
                    input.aspect,
                    results.collect::<String>(),
                );
                out.log(Level::Debug, &text);
            }
        }
    }

    fn reset(&mut self) {}
}

fn made(told: &str) -> Instance {
    Plugin::in_process::<Obedient>().unwrap().create(told).unwrap()
}

fn input<'a>(scene: &'a Scene, inference: &'a [InferenceData<'a>]) -> InputData<'a> {
    let plain = (1_000_000, 7, (640, 320), false, false, None, None);
    let (wall_us, sequence, picture, history, gap, gray, rgb) = plain;
    InputData { scene, wall_us, sequence, picture, history, gap, gray, rgb, inference }
}

fn said(told: &str) -> Said {
    made(told).process(&input(&Scene::default(), &[])).unwrap()
}

fn check(told: &str, expected: Result<usize, Refusal>) {
    let said = said(told);
    match expected {
        Ok(events) => assert_eq!((said.events.len(), said.refused), (events, 0), "{told}"),
        Err(refusal) => assert_eq!((said.refusal, said.samples.len()), (Some(refusal), 0), "{told}"),
    }
}

#[test]
fn what_may_be_said() {
    check("event", Ok(1));
    assert_eq!(said("event").events, [event()]);
    let ask = Ask { tracks: vec![TrackId(3)], model: "pose".to_owned() };
    assert_eq!(said("ask").asks, [ask]);
    assert_eq!(said("log").logs, [(Level::Info, "é".repeat(256))]);
}

#[test]
fn what_is_refused() {
    check("undeclared", Err(Refusal::Closed));
    check("sample", Err(Refusal::Closed));
    check("ask undeclared", Err(Refusal::Closed));
    check("nan", Err(Refusal::Invalid("not a number")));
    check("outside", Err(Refusal::Invalid("box far outside the picture")));
    check("backwards", Err(Refusal::Invalid("times out of order")));
    check("long", Err(Refusal::Closed)); // a detail past its limit is not read at all
    check("flood", Err(Refusal::Limit));
    let flood = said("flood");
    assert_eq!((flood.events.len(), flood.refused), (abi::EVENTS_PER_CALL_MAX, 936));
}

#[test]
fn a_rule_that_cannot_work_says_why() {
    let why = Plugin::in_process::<Obedient>().unwrap().create("{}").map(drop).unwrap_err();
    assert_eq!(why.to_string(), "plugin's `create` failed (1): it must be told — é");
}

#[test]
fn needs_cross_unchanged() {
    assert_eq!(made("x").needs(), &Obedient::template());
    assert_eq!(Plugin::in_process::<Obedient>().unwrap().about().needs, Obedient::template());
}

#[test]
fn frames_and_results_arrive() {
    let scene = Scene { ended: vec![TrackId(1), TrackId(2)], ..Scene::default() };
    let pixels = [1, 1, 1, 9, 2, 2, 2, 9];
    let results = [InferenceData {
        model: "pose",
        track: Some(TrackId(3)),
        at_us: 0,
        kind: ResultKind::Grid,
        dims: &[1, 2],
        region: Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 },
        data: &[0.5, 1.5],
    }];
    let gray = Some(FrameData { data: &pixels, width: 3, height: 2, stride: 4 });
    let rgb = Some(FrameData { data: &pixels, width: 1, height: 2, stride: 4 });
    let said = made("tell").process(&InputData { gray, rgb, ..input(&scene, &results) }).unwrap();
    let expected = "7 tracks 0 ended 2 gray 9 rgb 9 aspect 2 pose [1, 2] [0.5, 1.5]";
    assert_eq!(said.logs, [(Level::Debug, expected.to_owned())]);
}

#[test]
fn an_input_that_contradicts_itself_is_an_error() {
    let scene = Scene::default();
    let short = Some(FrameData { data: &[0; 4], width: 3, height: 2, stride: 4 });
    let error = made("tell").process(&InputData { gray: short, ..input(&scene, &[]) }).unwrap_err();
    assert!(error.to_string().contains("frame"), "{error}");
    let results = [InferenceData {
        model: "pose",
        track: None,
        at_us: 0,
        kind: ResultKind::Boxes,
        dims: &[2, 6],
        region: Rect::default(),
        data: &[0.5],
    }];
    let error = made("tell").process(&input(&scene, &results)).unwrap_err();
    assert!(error.to_string().contains("inference"), "{error}");
}
