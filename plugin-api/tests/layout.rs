//! The mirror against the header: a C compiler says the size and every offset of every struct, and every constant.
//!
//! Promises: fails when a field moves on either side, and when there is no C compiler. Leaves to others: meaning.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

mod c;

use nvr_base::label::{Class, Label};
use nvr_plugin_api::abi;
use nvr_plugin_api::closed::{
    Direction, EventType, Format, Level, Phase, Regime, Region, ResultKind, Series, class_from_number,
    class_number,
};
use std::mem::{offset_of, size_of};

/// What C shall evaluate, and what the mirror says it is.
type Pairs = Vec<(String, i128)>;

/// C compiles and prints each expression; all must be as the mirror says.
fn check(pairs: &Pairs) {
    let dir = tempfile::tempdir().unwrap();
    let (source, program) = (dir.path().join("layout.c"), dir.path().join("layout"));
    let mut text = String::from(
        "#include <stddef.h>\n#include <stdio.h>\n#include \"nvr_plugin.h\"\nint main(void) {\n",
    );
    for (expression, _) in pairs {
        text += &format!("    printf(\"%lld\\n\", (long long)({expression}));\n");
    }
    text += "    return 0;\n}\n";
    std::fs::write(&source, text).unwrap();
    c::cc(&[], &source, &program);
    let said = c::run(&program);
    assert_eq!(said.lines().count(), pairs.len());
    let wrong: Vec<String> = (pairs.iter().zip(said.lines()))
        .filter(|((_, mirror), header)| mirror.to_string() != *header)
        .map(|((what, mirror), header)| format!("{what}: header {header}, mirror {mirror}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Size and offsets of one struct; a field with another name in the header is written `mirror = header`.
macro_rules! layout {
    ($c:literal, $rust:ident { $($field:ident $(= $header:ident)?),* $(,)? }) => {{
        let mut pairs: Pairs = vec![(format!("sizeof({})", $c), size_of::<abi::$rust>() as i128)];
        $(
            let name = [stringify!($field) $(, stringify!($header))?].last().copied().unwrap_or("");
            pairs.push((format!("offsetof({}, {name})", $c), offset_of!(abi::$rust, $field) as i128));
        )*
        check(&pairs);
    }};
}

#[test]
fn plain_structs() {
    layout!("nvr_str_t", Str { ptr, len });
    layout!("nvr_buf_t", Buf { ptr, cap, len });
    layout!("nvr_labels_t", Labels { bits });
}

#[test]
fn needs() {
    layout!("nvr_inference_need_t", InferenceNeed { model, region, min_score, labels, per_s_max, reserved });
    layout!("nvr_frame_need_t", FrameNeed { format, width, height, fps_max });
    layout!(
        "nvr_needs_t",
        Needs { labels, min_score, fps, fps_min, history_s, gray, rgb, inference, inference_len }
    );
}

#[test]
fn input() {
    layout!(
        "nvr_track_t",
        Track { id, first_seen_us, last_seen_us, x, y, w, h, vx, vy, score, label, flags }
    );
    layout!("nvr_frame_t", Frame { data, len, width, height, stride, format });
    layout!("nvr_inference_t", Inference { model, track_id, at_us, kind, rank, dims, x, y, w, h, data, len });
    layout!(
        "nvr_input_t",
        Input {
            at_us,
            wall_us,
            sequence,
            picture_w,
            picture_h,
            flags,
            motion,
            tracks,
            tracks_len,
            ended,
            ended_len,
            gray,
            rgb,
            inference,
            inference_len
        }
    );
}

#[test]
fn output() {
    layout!("nvr_event_t", Event {
        kind = type, phase, object, since_us, start_us, end_us, x, y, w, h, score, measured, threshold, reserved,
        detail
    });
    layout!("nvr_sample_t", Sample { series, class = cls, direction, n, at_us });
    layout!("nvr_host_t", Host { ctx, emit, emit_sample, ask, log, get_extension });
}

#[test]
fn calls() {
    layout!("nvr_detector_t", Detector {
        this = self, needs, start, process, reset, stop, destroy, get_extension
    });
    layout!(
        "nvr_descriptor_t",
        Descriptor {
            id,
            name,
            version,
            situation,
            texts,
            config_schema,
            event_types,
            event_types_len,
            needs,
            regime,
            outputs,
            warmup_s,
            min_px_per_m,
            process_budget_us,
            reserved
        }
    );
    layout!("nvr_detector_factory_t", Factory { descriptor, create });
    layout!("nvr_plugin_entry_t", Entry { abi_major, abi_minor, init, deinit, get_factory });
}

#[test]
fn limits_and_flags() {
    let c = |name: &str, value: i128| (format!("NVR_{name}"), value);
    check(&vec![
        c("ABI_MAJOR", abi::ABI_MAJOR.into()),
        c("ABI_MINOR", abi::ABI_MINOR.into()),
        c("ERR_BYTES_MAX", abi::ERR_BYTES_MAX as i128),
        c("DETAIL_BYTES_MAX", abi::DETAIL_BYTES_MAX as i128),
        c("LOG_BYTES_MAX", abi::LOG_BYTES_MAX as i128),
        c("EVENTS_PER_CALL_MAX", abi::EVENTS_PER_CALL_MAX as i128),
        c("TRACKS_MAX", abi::TRACKS_MAX as i128),
        c("INFERENCES_MAX", abi::INFERENCES_MAX as i128),
        c("MODELS_MAX", abi::MODELS_MAX as i128),
        c("EVENT_TYPES_MAX", abi::EVENT_TYPES_MAX as i128),
        c("SCHEMA_BYTES_MAX", abi::SCHEMA_BYTES_MAX as i128),
        c("CONFIG_BYTES_MAX", abi::CONFIG_BYTES_MAX as i128),
        c("RELEASE_US", abi::RELEASE_US.into()),
        c("OK", abi::OK.into()),
        c("ERR", abi::ERR.into()),
        c("ERR_LIMIT", abi::ERR_LIMIT.into()),
        c("ERR_CLOSED", abi::ERR_CLOSED.into()),
        c("ERR_INVALID", abi::ERR_INVALID.into()),
        c("ERR_STATE", abi::ERR_STATE.into()),
        c("OUTPUT_EVENTS", abi::OUTPUT_EVENTS.into()),
        c("OUTPUT_SAMPLES", abi::OUTPUT_SAMPLES.into()),
        c("TRACK_OBSERVED", abi::TRACK_OBSERVED.into()),
        c("TRACK_CONFIRMED", abi::TRACK_CONFIRMED.into()),
        c("INPUT_HISTORY", abi::INPUT_HISTORY.into()),
        c("INPUT_GAP", abi::INPUT_GAP.into()),
        (format!("sizeof(NVR_FACTORY_DETECTOR) - 1 == {}", abi::FACTORY_DETECTOR.len()), 1),
    ]);
}

/// `NVR_EVENT_ZONE_ENTRY` of `zone-entry`.
fn constant(prefix: &str, name: &str) -> String {
    format!("NVR_{prefix}_{}", name.to_uppercase().replace(['-', ' '], "_"))
}

#[test]
fn closed_lists() {
    let mut pairs = Pairs::new();
    macro_rules! list {
        ($prefix:literal, $list:ident) => {
            for item in $list::ALL {
                pairs.push((constant($prefix, item.name()), item.number().into()));
                assert_eq!($list::from_number(item.number()), Some(*item));
                assert_eq!($list::from_name(item.name()), Some(*item));
            }
            assert_eq!($list::from_number(-1), None);
        };
    }
    list!("EVENT", EventType);
    list!("PHASE", Phase);
    list!("SERIES", Series);
    list!("DIRECTION", Direction);
    list!("REGIME", Regime);
    list!("RESULT", ResultKind);
    list!("REGION", Region);
    list!("FORMAT", Format);
    list!("LOG", Level);
    for label in Label::all() {
        pairs.push((constant("LABEL", label.name()), label.index() as i128));
    }
    for class in [Class::Vehicle, Class::Bag, Class::Animal] {
        pairs.push((constant("CLASS", &class.to_string()), class_number(class).into()));
    }
    for class in
        [Class::Person, Class::Bicycle, Class::Vehicle, Class::Bag, Class::Animal, Class::Only(Label::CAR)]
    {
        assert_eq!(class_from_number(class_number(class)), Some(class));
    }
    assert_eq!(class_from_number(80), None);
    check(&pairs);
}
