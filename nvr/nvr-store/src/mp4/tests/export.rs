//! Exports: the right pictures at the right times, seen through a player.

use crate::mp4::testing::*;
use crate::mp4::*;
use nvr_base::{AudioFormat, Codec, Sample, Ticks, Track};

/// `samples` cut into segments at these indices of `samples`.
fn segments(made: &Encoded, samples: &[Sample], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut from = 0;
    let ends = cuts.iter().copied().chain([samples.len()]);
    ends.map(|to| {
        let part = &samples[from..to];
        from = to;
        segment(&made.format, part).bytes
    })
    .collect()
}

/// Exports and compares with the decoded source: the pictures shown in `[from, to)`, from the one at `from`.
fn check(made: &Encoded, files: &Files, from: i64, to: i64) {
    let dir = tempfile::tempdir().unwrap();
    let whole = decoded(&segment(&made.format, &made.samples).bytes, dir.path());
    let mut times: Vec<_> = made.of(Track::Video).iter().map(|s| s.pts.since(START)).collect();
    times.sort_unstable();
    let first = times.iter().rposition(|t| *t <= from).unwrap_or(0);
    let last = times.iter().position(|t| *t >= to).unwrap_or(times.len());
    let zero = times[first];
    let to = to.min(times[times.len() - 1] + 3600);
    let expected: Vec<_> = (first..last).map(|i| (times[i] - zero, whole[i].1.clone())).collect();

    let (plan, exported) = files.export(START.plus(from), START.plus(to));
    assert_eq!(plan.gaps, []);
    let [file] = &plan.files[..] else { panic!("{} files", plan.files.len()) };
    assert_eq!((file.from, file.frames), (START.plus(zero), expected.len() as u64));
    judge(&exported[0], dir.path());
    assert_eq!(decoded(&exported[0], dir.path()), expected, "[{from}, {to})");
}

#[test]
fn any_interval_of_b_frame_footage_across_segments() {
    let made = encode("-t 6 -c:v libx264 -preset veryfast -bf 3 -g 50", Codec::H264, None);
    let files = Files(segments(&made, &made.samples, &[50, 100]));
    let first = made.of(Track::Video)[0].pts.since(START);
    for (from, to) in
        [(0, 10_000_000), (100_000, 300_000), (first + 100 * 3600, first + 101 * 3600), (266_123, 401_000)]
    {
        check(&made, &files, from.max(first), to);
    }
}

#[test]
fn any_interval_of_h265_footage_cut_between_key_frames() {
    let args = "-t 4 -c:v libx265 -x265-params log-level=none:keyint=50:min-keyint=50:open-gop=0 -tag:v hvc1";
    let made = encode(args, Codec::H265, None);
    let files = Files(segments(&made, &made.samples, &[30, 70]));
    let first = made.of(Track::Video)[0].pts.since(START);
    for (from, to) in [(0, 10_000_000), (200_000, 300_000)] {
        check(&made, &files, from.max(first), to);
    }
}

/// Key frames whose leading pictures refer to what is not there (H.265 CRA with RASL pictures).
#[test]
fn open_gops_leave_out_what_cannot_be_decoded() {
    let x265 = "log-level=none:keyint=25:min-keyint=25:open-gop=1:bframes=3:scenecut=0";
    let made = encode(&format!("-t 4 -c:v libx265 -x265-params {x265} -tag:v hvc1"), Codec::H265, None);
    let pictures = made.of(Track::Video);
    assert!(pictures.windows(2).any(|w| w[0].key && w[1].pts < w[0].pts), "leading pictures are there");
    let first = pictures[0].pts.since(START);
    let files = Files(segments(&made, &made.samples, &[60]));
    for from in [first + 30 * 3600, first + 55 * 3600 + 17, first + 80 * 3600] {
        check(&made, &files, from, first + 90 * 3600);
    }
}

#[test]
fn mjpeg_footage() {
    let made = encode("-t 2 -c:v mjpeg -pix_fmt yuvj420p", Codec::Mjpeg, None);
    check(&made, &Files(segments(&made, &made.samples, &[])), 36_000, 72_000);
}

#[test]
fn a_gap_is_closed_up_and_listed() {
    let dir = tempfile::tempdir().unwrap();
    let made = encode("-t 2 -c:v libx264 -preset veryfast -bf 2 -g 25", Codec::H264, None);
    let hole = 3_600 * 90_000;
    let files = Files(vec![
        segment(&made.format, &made.samples).bytes,
        segment(&made.format, &made.later(hole)).bytes,
    ]);
    let (plan, exported) = files.export(START, START.plus(2 * hole));
    let pts: Vec<_> = made.of(Track::Video).iter().map(|s| s.pts).collect();
    let (first, end) = (*pts.iter().min().unwrap(), pts.iter().max().unwrap().plus(3600));
    assert_eq!(
        plan.gaps,
        [
            ExportGap { from: end, to: first.plus(hole) },
            ExportGap { from: end.plus(hole), to: START.plus(2 * hole) },
        ]
    );
    assert_eq!(plan.files[0].frames, 100);
    assert_eq!(judge(&exported[0], dir.path()), [100]);
    let shown = decoded(&exported[0], dir.path());
    let times: Vec<_> = shown.iter().map(|(t, _)| *t).collect();
    assert_eq!(times, (0..100).map(|i| i * 3600).collect::<Vec<_>>());
    assert_eq!(shown[0].1, shown[50].1, "the same picture again after the gap");
}

#[test]
fn new_parameters_add_a_sample_entry_and_a_new_codec_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let a = encode("-t 2 -c:v libx264 -preset veryfast -bf 2 -g 25", Codec::H264, None);
    let mut b =
        encode("-t 2 -c:v libx264 -tune zerolatency -profile:v baseline -g 25 -s 640x360", Codec::H264, None);
    (b.format.video.width, b.format.video.height) = (640, 360);
    let c = encode("-t 2 -c:v mjpeg -pix_fmt yuvj420p", Codec::Mjpeg, None);
    let second = 2 * 90_000;
    let files = Files(vec![
        segment(&a.format, &a.samples).bytes,
        segment(&b.format, &b.later(second + 7200)).bytes,
        segment(&a.format, &a.later(2 * second + 7200)).bytes,
        segment(&c.format, &c.later(3 * second + 14_400)).bytes,
    ]);
    let (plan, exported) = files.export(START, START.plus(10 * second));
    assert_eq!(plan.files.iter().map(|f| f.frames).collect::<Vec<_>>(), [150, 50]);
    assert_eq!(judge(&exported[0], dir.path()), [150]);
    assert_eq!(judge(&exported[1], dir.path()), [50]);
    let count = |kind: &[u8]| plan.files[0].header.windows(4).filter(|w| *w == kind).count();
    assert_eq!(count(b"avc1"), 2, "two sets of parameters, used three times");
}

#[test]
fn sound_stays_with_the_picture() {
    let dir = tempfile::tempdir().unwrap();
    let made = encode("-t 5 -c:v libx264 -tune zerolatency -g 50 -c:a aac -ac 1", Codec::H264, Some(aac()));
    let hole = 600 * 90_000;
    let files = Files(vec![
        segment(&made.format, &made.samples).bytes,
        segment(&made.format, &made.later(hole)).bytes,
    ]);
    let (plan, exported) = files.export(START.plus(225_000), START.plus(hole + 225_000));
    // 2.5 s of the first segment, 2.5 s of the second.
    let shown = plan.files[0].frames;
    assert!((125..=127).contains(&shown), "{shown}");
    let counts = judge(&exported[0], dir.path());
    let heard = counts[1] as f64 * 1024.0 / 48_000.0;
    assert!((heard - shown as f64 / 25.0).abs() < 0.1, "{heard} s of sound with {shown} pictures");
}

#[test]
fn a_slow_camera_keeps_its_sound() {
    let audio = AudioFormat { codec: Codec::Ulaw, rate_hz: 8000, channels: 1, config: Vec::new() };
    let mut made =
        encode("-t 2 -c:v mjpeg -pix_fmt yuvj420p -c:a pcm_mulaw -ar 8000 -ac 1", Codec::Mjpeg, Some(audio));
    // 50 pictures, 5 s apart; sound in packets of 20 ms all the time.
    let mut slow: Vec<_> = made
        .of(Track::Video)
        .into_iter()
        .cloned()
        .enumerate()
        .map(|(i, s)| {
            let t = START.plus(i as i64 * 450_000);
            Sample { pts: t, dts: t, ..s }
        })
        .collect();
    slow.extend((0..12_500).map(|i| {
        let t = START.plus(i * 1800);
        Sample { track: Track::Audio, pts: t, dts: t, duration_ticks: 1800, key: true, data: vec![0xff; 160] }
    }));
    made.samples = interleave(slow);
    let mut first = fragments(&made.samples);
    let second = first.split_off(first.len() / 2);
    let files = Files([first, second].map(|f| write(&made.format, f, true).bytes).to_vec());
    let dir = tempfile::tempdir().unwrap();
    let (plan, exported) = files.export(START.plus(450_000), START.plus(49 * 450_000));
    assert_eq!(plan.gaps, []);
    assert_eq!(plan.files[0].frames, 48);
    assert_eq!(judge(&exported[0], dir.path()), [48, 48 * 250]);
}

#[test]
fn a_clock_set_back_shows_both_hours() {
    let made = encode("-t 4 -c:v libx264 -tune zerolatency -g 50", Codec::H264, None);
    let files =
        Files(vec![segment(&made.format, &made.samples).bytes, segment(&made.format, &made.samples).bytes]);
    let dir = tempfile::tempdir().unwrap();
    let (plan, exported) = files.export(START.plus(60 * 3600), START.plus(80 * 3600));
    assert_eq!(plan.files[0].frames, 40);
    let shown = decoded(&exported[0], dir.path());
    assert_eq!(shown.len(), 40);
    assert_eq!(shown[0].1, shown[20].1);
    assert_eq!(plan.gaps, []);
}

#[test]
fn nothing_there_is_an_empty_plan_with_one_gap() {
    let files = Files(vec![segment(&h264(), &pictures(0, 50, 25, 30)).bytes]);
    let (from, to) = (START.plus(9_000_000), START.plus(18_000_000));
    let (plan, _) = files.export(from, to);
    assert_eq!((plan.files.len(), plan.gaps), (0, vec![ExportGap { from, to }]));
    let (plan, _) = files.export(Ticks(0), Ticks(0));
    assert_eq!((plan.files.len(), plan.gaps), (0, vec![]));
}

/// Offsets beyond 4 GiB take the wide forms: 64-bit chunk offsets and a 64-bit `mdat`.
#[test]
fn an_export_beyond_4_gib_uses_wide_offsets() {
    // The same four pictures of 8 MB, as many times as it takes; a plan never reads payload.
    let heavy = segment(&h264(), &pictures(0, 4, 2, 8_000_000)).bytes;
    let one = scan(&heavy, heavy.len() as u64, Depth::Headers).unwrap();
    struct Same(Vec<u8>);
    impl SegmentSource for Same {
        fn open(&self, _: usize) -> std::io::Result<Box<dyn ReadAt + '_>> {
            Ok(Box::new(self.0.as_slice()))
        }
    }
    for (copies, wide) in [(100, false), (140, true)] {
        let scans = vec![one.clone(); copies];
        let plan = plan(&scans, &Same(heavy.clone()), START, START.plus(14_400)).unwrap();
        let file = &plan.files[0];
        assert_eq!(file.frames, 4 * copies as u64);
        let has = |kind: &[u8]| file.header.windows(4).any(|w| w == kind);
        assert_eq!((has(b"co64"), has(b"stco")), (wide, !wide));
        let tail = &file.header[file.header.len() - 16..];
        assert_eq!(tail.starts_with(b"\0\0\0\x01mdat"), wide);
    }
}
