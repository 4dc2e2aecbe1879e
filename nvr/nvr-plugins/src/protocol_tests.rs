//! Messages out, messages in, and what is refused.
//!
//! Promises: every limit of a hostile worker as a line of data. Leaves to others: sockets (`channel`).

use super::*;
use nvr_base::label::Label;
use nvr_base::media_protocol::VERSION;
use nvr_base::scene::{Track, TrackId};

fn event() -> Event {
    Event {
        kind: 4,
        phase: Phase::Begin,
        object: 1,
        since_us: 0,
        start_us: 0,
        end_us: None,
        rect: Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 },
        score: 0.5,
        measured: 1.0,
        threshold: 0.0,
        detail: String::new(),
    }
}

fn check_refused(message: FromWorker, expected: &str) {
    let error = decode_from_worker(&encode(&message).unwrap()).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn the_largest_scene_fits() {
    let track = Track {
        id: TrackId(u64::MAX),
        label: Label::PERSON,
        score: 0.5,
        rect: Rect { x: 0.1, y: 0.1, w: 0.1, h: 0.1 },
        velocity: (0.1, 0.1),
        first_seen_us: i64::MAX,
        last_seen_us: i64::MIN,
        observed: true,
    };
    let scene = Scene {
        at_us: i64::MAX,
        tracks: vec![track; TRACKS_MAX],
        ended: vec![TrackId(u64::MAX); 2 * TRACKS_MAX],
        motion: 1.0,
    };
    let inference = Inference {
        model: "m".into(),
        track: 0,
        at_us: 0,
        kind: 4,
        dims: vec![FLOATS_MAX as u32],
        region: Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 },
        data: vec![0.5; FLOATS_MAX],
    };
    let input = Input { scene, inferences: vec![inference], ..Input::default() };
    let message = ToWorker::Process(Box::new(input));
    assert_eq!(decode_to_worker(&encode(&message).unwrap()).unwrap(), message);
}

#[test]
fn what_a_hostile_worker_may_not_say() {
    let said = |change: &dyn Fn(&mut Event)| {
        let mut event = event();
        change(&mut event);
        FromWorker::Event { instance: 0, sequence: 0, event }
    };
    check_refused(said(&|e| e.score = f32::NAN), "a number of an event");
    check_refused(said(&|e| e.score = 1.5), "a number of an event");
    check_refused(said(&|e| e.rect.w = f32::INFINITY), "a number of an event");
    check_refused(said(&|e| e.detail = "x".repeat(DETAIL_LEN_MAX + 1)), "detail length");
    check_refused(FromWorker::Log { level: 1, text: "x".repeat(TEXT_LEN_MAX + 1) }, "text length");
    let asked = FromWorker::Ask { instance: 0, model: "m".into(), tracks: vec![1; TRACKS_MAX + 1] };
    check_refused(asked, "number of tracks");
    let needs = Needs { fps: -1.0, ..Needs::default() };
    check_refused(FromWorker::Created { instance: 0, needs }, "a number of the needs");
}

#[test]
fn what_is_no_message() {
    let check = |bytes: &[u8], expected: &str| {
        let error = decode_from_worker(bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&[], "0 bytes");
    check(&[9, 0], "version 9");
    check(&[VERSION, 200], "not a message");
    check(&vec![VERSION; MESSAGE_LEN_MAX + 1], "65537 bytes");
    let mut longer = encode(&FromWorker::Destroyed { instance: 1 }).unwrap();
    longer.push(0);
    check(&longer, "bytes after the message");
}

#[test]
fn needs_in_the_words_of_a_manifest() {
    let model = |m: &str| InferenceNeed {
        model: m.into(),
        region: 1,
        min_score: 0.0,
        labels: [0, 0],
        per_s_max: 1.0,
    };
    let needs = Needs {
        labels: [1, 0],
        gray: Some(FrameNeed { width: 1, height: 1, fps_max: 1.0 }),
        inference: vec![model("movenet"), model("movenet")],
        ..Needs::default()
    };
    assert_eq!(needs.words(), ["frames-gray", "inference:movenet", "tracks"]);
}
