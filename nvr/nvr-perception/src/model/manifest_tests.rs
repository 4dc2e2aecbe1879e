//! Manifests in, models or complaints out.
//!
//! Promises: every rule of a manifest is broken once. Leaves to others: the files behind them (`catalogue`).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop on what it did not expect")]

use super::*;
use crate::model::catalogue::SHIPPED;

fn shipped(name: &str) -> &'static str {
    SHIPPED.iter().find(|(n, _)| *n == name).unwrap().1
}

/// A shipped manifest with one piece of text replaced, and a word of the complaint; "" means it is fine.
fn check(name: &str, from: &str, to: &str, expected: &str) {
    let text = shipped(name).replacen(from, to, 1);
    assert!(from.is_empty() || text != shipped(name), "{from} is not in {name}");
    match Manifest::parse(name, &text) {
        Ok(_) => assert_eq!(expected, "", "{name}: {from} -> {to} was taken"),
        Err(e) => assert!(!expected.is_empty() && e.to_string().contains(expected), "{from} -> {to}: {e}"),
    }
}

#[test]
fn complaints() {
    let nano = "nanodet-g-416.toml";
    check(nano, "", "", "");
    check(nano, "id = \"nanodet-g-416\"", "id = \"../x\"", "id:");
    check(nano, "file = \"nano", "file = \"../nano", "file:");
    check(nano, "file = \"nanodet-g-416.onnx\"", "file = \".onnx\"", "file:");
    check(nano, "sha256 = \"ed21", "sha256 = \"ED21", "sha256:");
    check(nano, "bytes = 15152685", "bytes = 0", "bytes:");
    check(nano, "bytes = 15152685", "bytes = -1", "bytes");
    check(nano, "about = \"", "about = \"\\u001b[2J", "about:");
    check(nano, "width = 416", "width = 0", "input.width");
    check(nano, "width = 416", "width = 100000", "input.width");
    check(nano, "width = 416", "width = 420", "output.strides:");
    check(nano, "mean = [103.53, ", "mean = [", "input.mean:");
    check(nano, "std = [57.375", "std = [0.0", "input.std:");
    check(nano, "std = [57.375", "std = [nan", "input.std:");
    check(nano, "order = \"bgr\"", "order = \"gray\"", "input.mean:");
    check(nano, "family = \"nanodet\"", "family = \"facenet\"", "facenet");
    check(nano, "family = \"nanodet\"", "family = \"yolox\"", "output.tensors:");
    check(nano, "strides = [8, 16, 32]", "strides = [8, 16]", "output.tensors:");
    check(nano, "strides = [8, 16, 32]", "strides = [0, 16, 32]", "output.strides:");
    check(nano, "labels = \"coco80\"", "labels = \"faces\"", "coco80");
    check(nano, "labels = \"coco80\"", "labels = [\"jean dupont\"]", "closed list");
    check(nano, "labels = \"coco80\"", "labels = []", "output.labels:");
    check(nano, "score_min = 0.3", "score_min = 1.5", "output.score_min:");
    check(nano, "nms_iou = 0.45", "nms_iou = 0.45\nscores = {sure = 0.5, unsure = 0.1}", "");
    check(nano, "nms_iou = 0.45", "nms_iou = 0.45\nscores = {sure = 1.5}", "output.scores:");
    check(nano, "nms_iou = 0.45", "nms_iou = 0.45\nscores = {face = 0.5}", "face");
    check("mcnn-shtech-b.toml", "labels = [", "scores = {new = 0.5}\nlabels = [", "detectors only");
    check(nano, "default = true", "embedding = true", "embedding");
    check("movenet-multipose.toml", "pad = 0", "mean = [1.0, 1.0, 1.0]", "only with type f32");
    check("mcnn-shtech-b.toml", "tensors = [\"density\"]", "tensors = [\"a\", \"b\"]", "has 1");
    let long = "#".repeat(MANIFEST_BYTES_MAX + 1);
    assert!(Manifest::parse("long", &long).is_err());
}

#[test]
fn what_ships_is_sound() {
    for (name, text) in SHIPPED {
        let m = Manifest::parse(name, text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(*name, format!("{}.toml", m.id));
    }
    let street = Manifest::parse("", shipped("person-vehicle-bike-2002.toml")).unwrap();
    assert_eq!(street.labels, [Some(Label::CAR), Some(Label::PERSON), Some(Label::BICYCLE), None]);
}

/// Cuts and flips every shipped manifest at every place: an answer, never a panic.
#[test]
fn no_text_makes_it_panic() {
    for (name, text) in SHIPPED {
        for at in (0..text.len()).step_by(7) {
            let mut bytes = text.as_bytes().to_vec();
            let _ = Manifest::parse(name, &String::from_utf8_lossy(&bytes[..at]));
            bytes[at] ^= 1 << (at % 8);
            let _ = Manifest::parse(name, &String::from_utf8_lossy(&bytes));
            bytes.remove(at);
            let _ = Manifest::parse(name, &String::from_utf8_lossy(&bytes));
        }
    }
}
