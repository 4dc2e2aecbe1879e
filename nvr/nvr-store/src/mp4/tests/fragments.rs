//! Fragments: where they close, and what they cost.

use crate::mp4::testing::*;
use crate::mp4::*;
use nvr_base::{Sample, Track};

/// Pictures given; (pictures, starts with a key frame, span in ticks) of each fragment expected.
fn check(samples: Vec<Sample>, expected: &[(usize, bool, i64)]) {
    let all = fragments(&samples);
    let got: Vec<_> = all.iter().map(|f| (f.video.len(), f.key_first, f.end.since(f.start))).collect();
    assert_eq!(got, expected);
    let video: Vec<_> = all.iter().flat_map(|f| &f.video).cloned().collect();
    let given: Vec<_> = samples.into_iter().filter(|s| s.track == Track::Video).collect();
    assert_eq!(video, given, "every sample once, in order");
}

#[test]
fn where_fragments_close() {
    // A key frame a second: a fragment a second.
    check(pictures(0, 75, 25, 100), &[(25, true, 90_000), (25, true, 90_000), (25, true, 90_000)]);
    // A key frame every 0.2 s: those within the first half second stay inside.
    check(pictures(0, 30, 5, 100), &[(15, true, 54_000), (15, true, 54_000)]);
    // A long GOP: 1.5 s each, between key frames.
    check(pictures(0, 80, 1000, 100), &[(38, true, 136_800), (38, false, 136_800), (4, false, 14_400)]);
    // Heavy pictures: 512 KiB.
    check(
        pictures(0, 7, 1000, 200_000),
        &[(2, true, 7200), (2, false, 7200), (2, false, 7200), (1, false, 3600)],
    );
    // One heavier than the limit is a fragment of its own.
    check(pictures(0, 2, 1000, 600_000), &[(1, true, 3600), (1, false, 3600)]);
    // A single picture of which nothing is known lasts 1/25 s.
    check(pictures(0, 1, 1, 10), &[(1, true, 3600)]);
    // One picture every 5 s: its duration is the distance to the next; the last repeats it.
    let slow: Vec<_> = (0..3).map(|i| picture(i * 450_000, i * 450_000, true, 10)).collect();
    check(slow, &[(1, true, 450_000), (1, true, 450_000), (1, true, 450_000)]);
}

#[test]
fn a_flood_of_tiny_samples_closes_at_the_limit() {
    let samples: Vec<_> = (0..2500).map(|i| picture(i, i, i == 0, 1)).collect();
    assert!(fragments(&samples).iter().all(|f| f.samples() <= 1000));
}

#[test]
fn sound_alone_closes_too_and_spans_nothing() {
    let sound: Vec<_> = pictures(0, 100, 1, 160)
        .into_iter()
        .map(|s| Sample { track: Track::Audio, duration_ticks: 1800, ..s })
        .collect();
    let all = fragments(&sound);
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|f| f.video.is_empty() && f.start == f.end && !f.key_first));
}

#[test]
fn overhead_at_4_mbit_s_is_at_most_0_08_percent() {
    // 25 pictures a second, 500,000 bytes: a key frame of 68,000, then 18,000 each.
    let second: Vec<_> = (0..250)
        .map(|i| picture(i * 3600, i * 3600, i % 25 == 0, if i % 25 == 0 { 68_000 } else { 18_000 }))
        .collect();
    let written = segment(&h264(), &second);
    assert_eq!(written.infos.len(), 10);
    let payload: u64 = written.infos.iter().map(FragmentInfo::payload_bytes).sum();
    assert_eq!(payload, 5_000_000);
    let headers: u64 = written.infos.iter().map(|i| u64::from(i.header_len)).sum();
    assert!(headers * 10_000 <= payload * 8, "headers: {headers} bytes over {payload}");
    // The whole file, head and trailer of 60 s included.
    let file = written.bytes.len() as u64 - payload;
    let minute = file - headers + headers * 6;
    assert!(minute * 10_000 <= payload * 6 * 8, "all boxes of a minute: {minute} bytes");
}

/// A picture every 5 s, sound all the time: sound closes the fragments, and the pictures' durations still hold.
#[test]
fn a_slow_camera_with_sound() {
    let pictures = (0..4).map(|i| picture(i * 450_000, i * 450_000, true, 10));
    let sound = (0..1000).map(|i| Sample {
        track: Track::Audio,
        duration_ticks: 1800,
        ..picture(i * 1800, i * 1800, true, 160)
    });
    let all = fragments(&interleave(pictures.chain(sound).collect()));
    let ends: Vec<_> = all.iter().filter(|f| !f.video.is_empty()).map(|f| f.end.since(START)).collect();
    assert_eq!(ends, [3600, 900_000, 1_350_000, 1_800_000], "the first is not known yet");
    let heard: usize = all.iter().map(|f| f.audio.len()).sum();
    assert_eq!(heard, 1000);
}
