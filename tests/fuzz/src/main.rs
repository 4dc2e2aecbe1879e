//! Fuzz targets, one a parser of bytes from outside: camera, disk, configuration, client, child process.
//!
//! Promises: no input panics, hangs or takes unbounded memory (`run` sets libFuzzer's limits).
//! Leaves to others: whether a parsed value is right (the parsers' own tests).
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

/// The parsers by name; `NVR_FUZZ_TARGET` chooses one.
const TARGETS: &[(&str, fn(&[u8]))] = &[
    ("configuration", configuration),
    ("segment", nvr_store::mp4::scan_bytes),
    ("journal", journal),
    ("parameter-sets", parameter_sets),
    ("sdp", sdp),
    ("child-message", child_message),
    ("socket-frame", socket_frame),
    ("overlays", overlays),
];

fuzz_target!(|bytes: &[u8]| {
    static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("NVR_FUZZ_TARGET").expect("NVR_FUZZ_TARGET names a target");
        TARGETS.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("no fuzz target `{name}`")).1
    });
    target(bytes);
});

fn configuration(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let (config, findings) = nvr_base::config::parse_text(text);
        let texts = nvr_base::text::texts();
        for finding in &findings {
            let shown = finding.message(texts) + &finding.remedy(texts);
            assert!(!shown.contains('\u{1b}'), "a control character reached the terminal");
        }
        assert!(config.is_some() || !findings.is_empty(), "refused without a word");
    }
}

/// What a replay saw, as the child that draws it reads it.
fn overlays(bytes: &[u8]) {
    let Ok((_, mut reader)) = nvr_base::overlay::OverlayReader::new(bytes) else { return };
    while let Ok(Some(_)) = reader.next_overlay() {}
}

fn journal(bytes: &[u8]) {
    nvr_store::journal_file::scan_bytes(bytes);
}

fn parameter_sets(bytes: &[u8]) {
    let _ = nvr_ingest::format::h264_reorder_depth(bytes);
    let _ = nvr_ingest::format::h265_reorder_depth(bytes);
    for codec in [nvr_base::Codec::H264, nvr_base::Codec::H265, nvr_base::Codec::Mjpeg] {
        let _ = nvr_ingest::format::key(codec, bytes);
    }
}

/// What a camera's SDP says of its codec, as retina hands it over.
fn sdp(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for (media, encoding, rate) in [("video", "h264", 90_000), ("video", "h265", 90_000), ("audio", "mpeg4-generic", 48_000)] {
        let Ok(mut depacketizer) = retina::codec::Depacketizer::new(media, encoding, rate, None, Some(text)) else { continue };
        match depacketizer.parameters() {
            Some(retina::codec::ParametersRef::Video(video)) => drop(nvr_ingest::format::video(video)),
            Some(retina::codec::ParametersRef::Audio(audio)) => drop(nvr_ingest::format::audio(encoding, audio)),
            _ => {}
        }
        let _ = depacketizer.pull();
    }
}

fn child_message(bytes: &[u8]) {
    let _ = nvr_base::media_protocol::decode_to_child(bytes);
    for has_memfd in [false, true] {
        let _ = nvr_base::media_protocol::decode_from_child(bytes, has_memfd);
    }
}

fn socket_frame(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some(frame)) = nvr_gateway::frame::read(&mut rest) {
        if let nvr_gateway::frame::Frame::Json(json) = frame {
            let _ = serde_json::from_slice::<nvr_gateway::Request>(&json);
        }
    }
}
