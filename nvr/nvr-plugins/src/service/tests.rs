//! The service as turns: what happens, what is done, in words.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop on what it did not expect")]

use super::*;
use crate::protocol::{Done, FrameNeed, InferenceNeed, Needs, Phase};
use nvr_base::analysis::{Answered, Delivered, FrameFormat, FrameRef, Inference};
use nvr_base::config::parse_rules;
use nvr_base::geometry::Rect;
use nvr_base::scene::Scene;

const NIGHT: &str = "2026-11-23T23:00";
const NOON: &str = "2026-11-23T12:00";

fn key(generation: u64) -> WorkerKey {
    WorkerKey { plugin: "zoo".into(), generation: GenerationId(generation) }
}

struct Rig {
    service: Service,
    now_ms: u64,
    sequence: u64,
    needs: Needs,
}

impl Rig {
    /// Two cameras, perception up, these rules.
    fn new(rules: &str) -> Self {
        let needs = Needs { labels: [1, 0], fps: 10.0, fps_min: 2.0, ..Needs::default() };
        let mut rig = Self { service: Service::default(), now_ms: 1000, sequence: 0, needs };
        rig.arm(rules);
        rig.step(Event::Tick(NOON.parse().unwrap()));
        rig.step(Event::AnalysisUp);
        rig
    }

    fn arm(&mut self, rules: &str) -> Vec<String> {
        let (rules, findings) = parse_rules("r.toml".as_ref(), rules);
        let file = rules.unwrap_or_else(|| panic!("{findings:?}"));
        let (mut rules, ground) = (file.rules, file.camera.ground);
        for rule in &mut rules {
            let camera = rule.id.split('-').next().unwrap();
            rule.camera = Some(camera.parse().unwrap());
        }
        let camera = |number, id: &str| {
            let (id, masks, ground) = (id.parse().unwrap(), Vec::new(), ground.clone());
            ArmedCamera { number, id, masks, ground }
        };
        self.step(Event::Armed { cameras: vec![camera(1, "one"), camera(2, "two")], rules })
    }

    fn step(&mut self, event: Event) -> Vec<String> {
        self.service.step(event, self.now_ms).iter().map(words).collect()
    }

    /// A worker of the plugin that serves these rules is there and heard.
    fn serve(&mut self, generation: u64) -> Vec<String> {
        self.take(generation);
        self.step(Event::CutOver(key(generation)))
    }

    fn take(&mut self, generation: u64) {
        let (id, label) = ("zone-entry".to_owned(), format!("zone-entry {generation}"));
        let schema = r#"{"properties": {"own": {}}}"#.to_owned();
        self.step(Event::Taken(key(generation), Plugin { id, label, schema, min_px_per_m: 20.0 }));
    }

    fn created(&mut self, generation: u64, instance: InstanceId) -> Vec<String> {
        let needs = self.needs.clone();
        self.step(Event::Said(key(generation), Said::Created(instance, needs)))
    }

    fn frame(&mut self, camera: CameraNumber) -> Vec<String> {
        self.frame_with(camera, Vec::new(), Vec::new())
    }

    fn frame_with(
        &mut self,
        camera: CameraNumber,
        frames: Vec<Delivered>,
        inferences: Vec<Answered>,
    ) -> Vec<String> {
        self.sequence += 1;
        self.now_ms += 100;
        let at_us = self.sequence as i64 * 100_000;
        let scene = Scene { at_us, ..Scene::default() };
        let (sequence, wall_us) = (self.sequence, at_us + 7);
        let analysed =
            Analysed { camera, sequence, wall_us, scene, frames, inferences, ..Analysed::default() };
        self.step(Event::Analysed(Box::new(analysed)))
    }

    fn done(&mut self, generation: u64, instance: InstanceId) -> Vec<String> {
        let done = Done { instance, sequence: self.sequence, took_us: 10, ..Done::default() };
        self.step(Event::Said(key(generation), Said::Done(done)))
    }

    fn says(&mut self, generation: u64, instance: InstanceId, phase: Phase, object: u64) -> Vec<String> {
        let at_us = self.sequence as i64 * 100_000;
        let event = PluginEvent {
            kind: 1,
            phase,
            object,
            since_us: at_us,
            start_us: at_us,
            end_us: (phase == Phase::End).then_some(at_us),
            rect: Rect { x: 0.1, y: 0.1, w: 0.2, h: 0.2 },
            score: 0.5,
            measured: 0.0,
            threshold: 0.0,
            detail: String::new(),
        };
        self.step(Event::Said(key(generation), Said::Event(instance, self.sequence, event)))
    }
}

fn words(action: &Action) -> String {
    match action {
        Action::Create(k, n, _) => format!("create {}/{n}", k.generation.0),
        Action::Destroy(k, n) => format!("destroy {}/{n}", k.generation.0),
        Action::Reset(k, n) => format!("reset {}/{n}", k.generation.0),
        Action::Offer(k, input) => {
            let gap = if input.is_after_gap { " gap" } else { "" };
            let frames = input.frames.iter().map(|f| format!(" frame {}", f.offset)).collect::<String>();
            let results = input.inferences.iter().map(|i| format!(" {}", i.model)).collect::<String>();
            format!("offer {}/{}{gap}{frames}{results}", k.generation.0, input.instance)
        }
        Action::Stop(k) => format!("stop {}", k.generation.0),
        Action::Ring { worker, ring, .. } => format!("ring {ring} {}", worker.generation.0),
        Action::DropRing(ring) => format!("drop ring {ring}"),
        Action::Camera(n, order) => {
            format!("camera {n} at {} with {} {}", order.fps, order.frames.len(), order.inference.len())
        }
        Action::Forget(n) => format!("forget {n}"),
        Action::Release(ring, offset) => format!("release {ring} {offset}"),
        Action::Ask(camera, place, tracks) => format!("ask {camera} {place} {tracks:?}"),
        Action::Say(Saying::Event { rule, event, .. }) => {
            format!("{rule} {:?} {}", event.phase, event.object)
        }
        Action::Say(Saying::Sample { rule, sample, .. }) => format!("{rule} counts {}", sample.n),
        Action::Say(Saying::Blind { rule, reason, .. }) => {
            format!("{rule} {}", reason.map_or("watched", |r| r.as_str()))
        }
        Action::Say(Saying::Interrupted { rule, .. }) => format!("{rule} interrupted"),
        Action::Say(Saying::System { what, .. }) => format!("system {what}"),
    }
}

const ONE: &str = "[[rule]]\nid = \"one-a\"\nsituation = \"zone-entry\"\n";
const TWO: &str = "[[rule]]\nid = \"two-a\"\nsituation = \"zone-entry\"\n";

#[test]
fn from_a_rule_to_an_event() {
    let mut rig = Rig::new(ONE);
    assert_eq!(rig.serve(1), ["create 1/1"]);
    assert_eq!(rig.created(1, 1), ["camera 1 at 10 with 0 0"]);
    assert_eq!(rig.frame(2), [""; 0], "another camera");
    assert_eq!(rig.frame(1), ["offer 1/1", "one-a watched"]);
    assert_eq!(rig.says(1, 1, Phase::Begin, 7), ["one-a Begin 1"]);
    assert_eq!(rig.done(1, 1), [""; 0]);
    assert_eq!(rig.frame(1), ["offer 1/1"]);
    // Busy: it misses its own, and is told.
    assert_eq!(rig.frame(1), [""; 0]);
    assert_eq!(rig.done(1, 1), [""; 0]);
    assert_eq!(rig.frame(1), ["offer 1/1 gap"]);
    assert_eq!(rig.says(1, 1, Phase::End, 7), ["one-a End 1"]);
    let report = rig.service.report();
    assert_eq!((report.rules[0].tally.missed, report.rules[0].events), (1, 2));
}

#[test]
fn another_generation_takes_over_and_no_alert_is_raised_twice() {
    let mut rig = Rig::new(ONE);
    rig.serve(1);
    rig.created(1, 1);
    rig.frame(1);
    assert_eq!(rig.says(1, 1, Phase::Begin, 7), ["one-a Begin 1"]);
    rig.done(1, 1);
    rig.take(2);
    assert_eq!(rig.step(Event::Warm(key(2))), ["create 2/1"]);
    assert_eq!(rig.created(2, 1), [""; 0]);
    assert_eq!(rig.frame(1), ["offer 1/1", "offer 2/1"]);
    assert_eq!(rig.says(2, 1, Phase::Begin, 3), [""; 0], "silent");
    rig.done(2, 1);
    // The old one still has a frame in hand: what it says of it counts.
    assert_eq!(rig.step(Event::CutOver(key(2))), [""; 0]);
    assert_eq!(rig.step(Event::Drain(key(1))), [""; 0]);
    assert_eq!(rig.frame(1), [""; 0], "nobody is given the frame between the two");
    assert_eq!(rig.says(1, 1, Phase::Begin, 8), ["one-a Begin 2"]);
    assert_eq!(rig.done(1, 1), ["one-a End 2", "stop 1"]);
    assert_eq!(rig.frame(1), ["offer 2/1 gap"]);
    assert_eq!(rig.says(2, 1, Phase::Update, 3), ["one-a Update 1"]);
    assert_eq!(rig.says(2, 1, Phase::End, 3), ["one-a End 1"]);
    rig.done(2, 1);
    // It dies and nobody is warm.
    rig.frame(1);
    assert_eq!(rig.says(2, 1, Phase::Begin, 4), ["one-a Begin 3"]);
    let ended = rig.step(Event::WorkerEnded(key(2)));
    assert_eq!(ended, ["forget 1", "one-a interrupted", "one-a plugin-down"]);
    assert_eq!(rig.serve(3), ["create 3/1"]);
    assert_eq!(rig.created(3, 1), ["camera 1 at 10 with 0 0"]);
    assert_eq!(rig.frame(1), ["offer 3/1", "one-a watched"]);
}

#[test]
fn a_generation_without_warm_up_looks_once_before_it_speaks() {
    let mut rig = Rig::new(ONE);
    rig.serve(1);
    rig.created(1, 1);
    rig.frame(1);
    assert_eq!(rig.says(1, 1, Phase::Begin, 7), ["one-a Begin 1"]);
    rig.done(1, 1);
    rig.take(2);
    assert_eq!(rig.step(Event::Warm(key(2))), ["create 2/1"]);
    assert_eq!(rig.step(Event::CutOver(key(2))), [""; 0], "the camera's order is what it was");
    assert_eq!(rig.step(Event::Drain(key(1))), [""; 0]);
    assert_eq!(rig.frame(1), ["offer 1/1"], "it is not made yet");
    rig.done(1, 1);
    rig.created(2, 1);
    assert_eq!(rig.frame(1), ["offer 1/1", "offer 2/1"]);
    assert_eq!(rig.says(2, 1, Phase::Begin, 7), [""; 0]);
    rig.done(2, 1);
    assert_eq!(rig.says(1, 1, Phase::Begin, 8), ["one-a Begin 2"]);
    assert_eq!(rig.done(1, 1), ["one-a End 2", "stop 1"]);
    assert_eq!(rig.frame(1), ["offer 2/1"]);
    assert_eq!(rig.says(2, 1, Phase::End, 7), ["one-a End 1"]);
}

#[test]
fn a_warm_successor_stands_in_for_one_that_died() {
    let mut rig = Rig::new(ONE);
    rig.serve(1);
    rig.created(1, 1);
    rig.frame(1);
    rig.says(1, 1, Phase::Begin, 7);
    rig.done(1, 1);
    rig.take(2);
    rig.step(Event::Warm(key(2)));
    rig.created(2, 1);
    rig.frame(1);
    rig.says(2, 1, Phase::Begin, 7);
    rig.done(2, 1);
    assert_eq!(rig.step(Event::WorkerEnded(key(1))), [""; 0]);
    assert_eq!(rig.step(Event::CutOver(key(2))), [""; 0]);
    rig.frame(1);
    assert_eq!(rig.says(2, 1, Phase::End, 7), ["one-a End 1"]);
    // One that is busy just then says anew what it has open: nobody can tell whether it is the same.
    assert_eq!(rig.says(2, 1, Phase::Begin, 8), ["one-a Begin 2"]);
    rig.done(2, 1);
    rig.take(3);
    rig.step(Event::Warm(key(3)));
    rig.created(3, 1);
    rig.frame(1);
    rig.says(3, 1, Phase::Begin, 8);
    let ended = rig.step(Event::WorkerEnded(key(2)));
    assert_eq!(ended, ["one-a interrupted", "one-a Begin 3"]);
}

#[test]
fn schedules_cameras_and_perception() {
    let mut rig = Rig::new(&format!("{ONE}schedule = \"22:00-06:00\"\n"));
    assert_eq!(rig.serve(1), ["create 1/1"]);
    assert_eq!(rig.created(1, 1), [""; 0], "off duty, nothing is analysed");
    assert_eq!(rig.frame(1), [""; 0]);
    assert_eq!(rig.step(Event::Tick(NIGHT.parse().unwrap())), ["camera 1 at 10 with 0 0", "one-a starting"]);
    assert_eq!(rig.frame(1), ["offer 1/1", "one-a watched"]);
    assert_eq!(rig.says(1, 1, Phase::Begin, 1), ["one-a Begin 1"]);
    assert_eq!(rig.step(Event::CameraDown(1)), ["one-a interrupted", "one-a camera-down"]);
    assert_eq!(rig.says(1, 1, Phase::Update, 1), [""; 0], "of a time that is over");
    rig.done(1, 1);
    assert_eq!(rig.step(Event::CameraUp(1)), ["one-a starting"]);
    assert_eq!(rig.frame(1), ["reset 1/1", "offer 1/1", "one-a watched"]);
    rig.done(1, 1);
    assert_eq!(rig.step(Event::AnalysisDown), ["one-a analysis-down"]);
    assert_eq!(rig.step(Event::AnalysisUp), ["camera 1 at 10 with 0 0", "one-a starting"]);
    assert_eq!(rig.frame(1), ["reset 1/1", "offer 1/1", "one-a watched"]);
    let slow = vec![Rate { camera: 1, wanted_fps: 10.0, given_fps: 1.0 }];
    assert_eq!(rig.step(Event::Rates(slow)), ["one-a rate-below-need"]);
    let good = vec![Rate { camera: 1, wanted_fps: 10.0, given_fps: 5.0 }];
    assert_eq!(rig.step(Event::Rates(good)), ["one-a watched"]);
    rig.now_ms += STALL_MS + 1;
    assert_eq!(rig.step(Event::Tick(NIGHT.parse().unwrap())), ["one-a rate-below-need"]);
    assert_eq!(rig.step(Event::Tick(NOON.parse().unwrap())), ["forget 1", "one-a off-schedule"]);
}

#[test]
fn missing_and_refusing_plugins() {
    let mut rig = Rig::new(ONE);
    let tick = || Event::Tick(NOON.parse().unwrap());
    assert_eq!(rig.step(tick()), [""; 0], "said when it was armed: starting");
    rig.now_ms += STARTING_MS;
    assert_eq!(rig.step(tick()), ["one-a plugin-down"]);
    rig.now_ms += 1;
    assert_eq!(rig.step(tick()), [""; 0]);
    // A camera of which nothing was ever heard.
    rig.serve(2);
    rig.created(2, 1);
    assert_eq!(rig.step(tick()), [""; 0]);
    rig.step(Event::WorkerEnded(key(2)));
    rig.serve(1);
    let refused = rig.step(Event::Said(key(1), Said::Refused(1, "too small".into())));
    assert_eq!(refused, ["system refuses rule `one-a`: too small", "one-a refused"]);
    let unknown = rig.arm(&format!("{ONE}strange = 1\n"));
    assert_eq!(unknown.len(), 2, "{unknown:?}");
    assert!(unknown[0].contains("`strange` (line 4) is no key"), "{unknown:?}");
    assert_eq!(rig.arm(&format!("{ONE}own = 1\n")), ["create 1/3", "one-a starting"]);
}

#[test]
fn a_worker_is_asked_for_a_few_instances_at_a_time() {
    let rule = |n| format!("[[rule]]\nid = \"one-{n:03}\"\nsituation = \"zone-entry\"\n");
    let mut rig = Rig::new(&(0..40).map(rule).collect::<String>());
    let asked = |words: Vec<String>| words.iter().filter(|w| w.starts_with("create")).count();
    let first = rig.serve(1);
    assert_eq!(asked(first), 16);
    let rest: Vec<usize> = (1..=40).map(|n| asked(rig.created(1, n))).collect();
    assert_eq!(rest.iter().sum::<usize>(), 24);
    assert!(rest.iter().all(|n| *n <= 1), "{rest:?}");
    // The same at their end.
    let ended = |words: Vec<String>| words.iter().filter(|w| w.starts_with("destroy")).count();
    assert_eq!(ended(rig.arm("")), 16);
    let destroyed = |n| Event::Said(key(1), Said::Destroyed(n));
    let rest: Vec<usize> = (1..=40).map(|n| ended(rig.step(destroyed(n)))).collect();
    assert_eq!(rest.iter().sum::<usize>(), 24);
    assert!(rest.iter().all(|n| *n <= 1), "{rest:?}");
}

#[test]
fn changed_rules_touch_only_what_changed() {
    let mut rig = Rig::new(&format!("{ONE}{TWO}"));
    assert_eq!(rig.serve(1), ["create 1/1", "create 1/2"]);
    rig.created(1, 1);
    rig.created(1, 2);
    rig.frame(1);
    rig.done(1, 1);
    rig.frame(2);
    assert_eq!(rig.says(1, 2, Phase::Begin, 1), ["two-a Begin 1"]);
    assert_eq!(rig.arm(&format!("{ONE}severity = 1\n{TWO}")), ["camera 1 at 10 with 0 0"]);
    // The second is busy: it is ended when it has answered.
    let first = "camera 1 at 10 with 0 0"; // its severity is as it was
    assert_eq!(rig.arm(ONE), ["two-a interrupted", first, "forget 2"]);
    assert_eq!(rig.done(1, 2), ["destroy 1/2"]);
    assert_eq!(
        rig.arm(&format!("{ONE}dwell_s = 2\n")),
        ["destroy 1/1", "create 1/3", "forget 1", "one-a starting"]
    );
}

#[test]
fn frames_and_results() {
    let mut rig = Rig::new(&format!("{ONE}[[rule]]\nid = \"one-b\"\nsituation = \"zone-entry\"\n"));
    rig.needs.gray = Some(FrameNeed { width: 320, height: 180, fps_max: 2.0 });
    let pose =
        InferenceNeed { model: "pose".into(), region: 3, min_score: 0.0, labels: [1, 0], per_s_max: 2.0 };
    rig.needs.inference = vec![pose];
    rig.serve(1);
    assert_eq!(rig.created(1, 1), ["ring 0 1", "camera 1 at 10 with 0 1"]);
    rig.created(1, 2);
    assert_eq!(rig.step(Event::RingReady(0)), ["camera 1 at 10 with 1 1"]);
    let frame = |offset| {
        let (format, width, height, stride) = (FrameFormat::Gray8, 320, 180, 320);
        vec![Delivered { order: 0, frame: FrameRef { format, offset, width, height, stride } }]
    };
    let watched = ["one-a watched", "one-b watched"];
    let given = ["offer 1/1 frame 64", "offer 1/2 frame 64"];
    assert_eq!(rig.frame_with(1, frame(64), Vec::new()), [given, watched].concat());
    assert_eq!(rig.step(Event::Said(key(1), Said::Ask(1, "pose".into(), vec![4]))), ["ask 1 0 [4]"]);
    assert_eq!(rig.done(1, 1), [""; 0], "the other has it still");
    assert_eq!(rig.done(1, 2), ["release 0 64"]);
    let result = |model: &str| {
        let (model, dims, data) = (model.to_owned(), vec![1], vec![0.5]);
        let inference = Inference { model, track: 4, at_us: 0, kind: 1, region: Rect::default(), dims, data };
        vec![Answered { order: 0, inference }]
    };
    assert_eq!(rig.frame_with(1, Vec::new(), result("pose")), ["offer 1/1 pose", "offer 1/2 pose"]);
    // Both are busy: the frame goes back, the result waits.
    assert_eq!(rig.frame_with(1, frame(128), result("pose")), ["release 0 128"]);
    rig.done(1, 1);
    let second = rig.step(Event::NotTaken(key(1), 2));
    assert_eq!(second, [""; 0]);
    assert_eq!(rig.frame(1), ["offer 1/1 gap pose", "offer 1/2 gap pose"]);
    // A new perception has no rings: nothing of the old one is released.
    let down = rig.step(Event::AnalysisDown);
    assert_eq!(down, ["one-a analysis-down", "one-b analysis-down"]);
    assert_eq!(rig.step(Event::AnalysisUp)[..2], ["ring 0 1", "camera 1 at 10 with 0 1"]);
    assert_eq!(rig.done(1, 1), [""; 0]);
    assert_eq!(rig.step(Event::Drain(key(1))), ["forget 1", "one-a plugin-down"]);
    assert_eq!(rig.done(1, 2), ["stop 1", "drop ring 0", "one-b plugin-down"]);
}

/// 3 m up, level, horizon at 0.3: a metre at y = 0.6 is 0.1 picture heights, so 36 pixels of a picture of 640.
const LEVEL: &str =
    "[camera]\nground_heights = [[0.5, 0.8, 0.5, 1.8], [0.5, 0.5, 0.38, 1.8]]\nground_view_deg = 60\n";

#[test]
fn a_rule_below_its_gate_is_blind() {
    let zone = "zone = [[0.2, 0.6], [0.8, 0.6], [0.5, 0.9]]\n";
    let rule = |own: &str| format!("{LEVEL}{ONE}{zone}{own}");
    let mut rig = Rig::new(&rule("min_px_per_m = 40"));
    rig.serve(1);
    assert_eq!(rig.created(1, 1), ["camera 1 at 10 with 0 0"], "nobody knows how large its pictures are");
    assert_eq!(rig.frame(1), ["offer 1/1", "one-a watched"]);
    assert_eq!(rig.says(1, 1, Phase::Begin, 7), ["one-a Begin 1"]);
    rig.done(1, 1);
    let too_small = ["forget 1", "one-a interrupted", "one-a below-gate"];
    assert_eq!(rig.step(Event::Picture(1, 640)), too_small);
    assert_eq!(rig.frame(1), [""; 0]);
    assert_eq!(rig.service.report().rules[0].px_per_m.map(f64::round), Some(36.0));
    // A larger picture, a lower need, no calibration: it looks again, from the beginning.
    assert_eq!(rig.step(Event::Picture(1, 1280)), ["camera 1 at 10 with 0 0", "one-a starting"]);
    assert_eq!(rig.frame(1), ["reset 1/1", "offer 1/1", "one-a watched"]);
    rig.done(1, 1);
    assert_eq!(rig.step(Event::Picture(1, 640)), ["forget 1", "one-a below-gate"]);
    assert_eq!(rig.arm(&rule("min_px_per_m = 30")), ["camera 1 at 10 with 0 0", "one-a starting"]);
}

#[test]
fn the_first_frame_tells_the_width_where_nothing_else_did() {
    let zone = "zone = [[0.2, 0.6], [0.8, 0.6], [0.5, 0.9]]\nmin_px_per_m = 40\n";
    let mut rig = Rig::new(&format!("{LEVEL}{ONE}{zone}"));
    rig.serve(1);
    rig.created(1, 1);
    let analysed = Analysed { camera: 1, picture: (640, 360), ..Analysed::default() };
    let done = rig.step(Event::Analysed(Box::new(analysed)));
    assert!(done.contains(&"one-a below-gate".to_owned()), "{done:?}");
}

#[test]
fn what_only_the_plugin_would_like_is_said_once() {
    let rule = |y: &str| format!("{LEVEL}{ONE}zone = [[0.2, {y}], [0.8, {y}], [0.5, 0.9]]\n");
    let mut rig = Rig::new(&rule("0.6"));
    rig.serve(1);
    rig.created(1, 1);
    let said = rig.step(Event::Picture(1, 320));
    assert!(said.len() == 1 && said[0].contains("18 pixels a metre at its far edge"), "{said:?}");
    assert_eq!(rig.step(Event::Picture(1, 320)), [""; 0]);
    assert_eq!(rig.frame(1), ["offer 1/1", "one-a watched"]);
}

#[test]
fn another_calibration_makes_the_instance_anew() {
    let mut rig = Rig::new(ONE);
    rig.serve(1);
    rig.created(1, 1);
    let made = rig.arm(&format!("{LEVEL}{ONE}"));
    assert!(made.contains(&"create 1/2".to_owned()) && made.contains(&"destroy 1/1".to_owned()), "{made:?}");
}
