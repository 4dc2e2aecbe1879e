//! The decoder of cameras' samples: real streams, holes, and bytes that are none.
//!
//! Promises: every picture is compared with the time of its sample; no thread is started.
//! Leaves to others: the sandbox and many cameras (the live tests of `nvr-perception`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // A test fails by panicking.

mod made;

use made::{Made, made};
use nvr_base::{Codec, VideoFormat};
use nvr_media::decode::{Decoder, is_disposable, load};

const SOURCE: &str = "testsrc2=size=320x180:rate=10";
const X264: &str = "-frames:v 20 -c:v libx264 -threads 1 -g 10 -pix_fmt yuv420p";

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Media times of what comes out, and the size of each.
fn shown(decoder: &mut Decoder, samples: &[Made]) -> Vec<(i64, usize, usize)> {
    let mut out = Vec::new();
    for sample in samples {
        decoder.push(sample.at_us, sample.key, sample.data.clone()).unwrap();
        while let Some(picture) = decoder.pull() {
            let frame = picture.frame().unwrap();
            let (w, h) = (frame.width.div_ceil(2), frame.height.div_ceil(2));
            assert_eq!(frame.planes.each_ref().map(Vec::len), [frame.width * frame.height, w * h, w * h]);
            out.push((picture.at_us, frame.width, frame.height));
        }
    }
    out
}

/// All frames come but the `late` last ones, at their times.
fn check(codec: Codec, size: (u16, u16), source: &str, options: &str, late: usize) {
    load().unwrap();
    let (format, samples) = made(codec, size, source, options);
    assert_eq!(samples.len(), 20);
    let before = threads();
    let mut decoder = Decoder::new(&format).unwrap();
    let got = shown(&mut decoder, &samples);
    assert!(threads() <= before, "a thread was started");
    let mut times: Vec<i64> = samples.iter().map(|s| s.at_us).collect();
    times.sort_unstable();
    times.truncate(20 - late);
    let expected: Vec<_> = times.iter().map(|at| (*at, usize::from(size.0), usize::from(size.1))).collect();
    assert_eq!(got, expected, "{codec:?} {options}");
    assert_eq!(decoder.dropped(), 0);
}

#[test]
fn streams_of_cameras() {
    check(Codec::H264, (320, 180), SOURCE, &format!("{X264} -bf 0"), 0);
    check(Codec::H264, (320, 180), SOURCE, &format!("{X264} -bf 2 -x264-params b-adapt=0"), 2);
    check(
        Codec::H264,
        (82, 62),
        "testsrc2=size=82x62:rate=10",
        "-frames:v 20 -c:v libx264 -bf 0 -pix_fmt yuv444p",
        0,
    );
    let x265 = "-frames:v 20 -c:v libx265 -x265-params log-level=none:bframes=0:pools=none:frame-threads=1 -pix_fmt yuv420p";
    check(Codec::H265, (320, 180), SOURCE, x265, 0);
    check(Codec::Mjpeg, (320, 180), SOURCE, "-frames:v 20 -c:v mjpeg -pix_fmt yuvj422p", 0);
}

/// Frames out of order come as soon as their order is known, and key frames that stand alone at once.
#[test]
fn out_of_order() {
    load().unwrap();
    for (codec, options) in [
        (Codec::H264, format!("{X264} -bf 3 -x264-params b-adapt=0:ref=1")),
        (
            Codec::H265,
            "-frames:v 20 -c:v libx265 -x265-params log-level=none:bframes=3:pools=none -pix_fmt yuv420p"
                .to_owned(),
        ),
    ] {
        let (format, samples) = made(codec, (320, 180), SOURCE, &options);
        let mut decoder = Decoder::new(&format).unwrap();
        let got = shown(&mut decoder, &samples);
        assert!(got.len() >= 16 && got.is_sorted(), "{codec:?} {got:?}");
        // Key frames that stand alone come at once.
        let key = Made { at_us: 9_000_000, ..samples[0].clone() };
        let mut decoder = Decoder::new(&format).unwrap();
        for n in 0..3 {
            decoder.push(key.at_us + n * 1_000_000, true, key.data.clone()).unwrap();
            decoder.show_all();
            assert_eq!(decoder.pull().map(|picture| picture.at_us), Some(key.at_us + n * 1_000_000));
        }
        assert!(!decoder.push(13_000_000, false, samples[1].data.clone()).unwrap());
    }
}

/// The stream asks for room for pictures that are larger than announced.
#[test]
fn larger_than_announced() {
    load().unwrap();
    for (codec, options) in [
        (Codec::H264, format!("{X264} -bf 0")),
        (Codec::H264, format!("{X264} -bf 0 -profile:v baseline")),
        (Codec::H265, "-frames:v 2 -c:v libx265 -x265-params log-level=none:bframes=0:pools=none".to_owned()),
    ] {
        let (small, _) = made(codec, (320, 180), SOURCE, &options);
        let (large, _) = made(codec, (640, 360), "testsrc2=size=640x360:rate=10", &options);
        let of = |config: &VideoFormat| VideoFormat { config: config.config.clone(), ..small.clone() };
        assert!(Decoder::new(&of(&small)).is_ok());
        let why = Decoder::new(&of(&large)).unwrap_err();
        assert!(why.what.contains("640×"), "{why:?}");
    }
    // And in a sample.
    let (format, _) = made(Codec::H264, (320, 180), SOURCE, &format!("{X264} -bf 0"));
    let options = format!("{X264} -bf 0 -bsf:v dump_extra=freq=keyframe");
    let (_, samples) = made(Codec::H264, (1280, 720), "testsrc2=size=1280x720:rate=10", &options);
    let mut decoder = Decoder::new(&format).unwrap();
    let _ = decoder.push(0, true, samples[0].data.clone());
    assert!(decoder.pull().is_none_or(|picture| picture.frame().is_ok()));
}

#[test]
fn what_no_other_frame_needs_may_be_left_out() {
    load().unwrap();
    let (format, samples) =
        made(Codec::H264, (320, 180), SOURCE, &format!("{X264} -bf 2 -x264-params b-adapt=0:b-pyramid=none"));
    let kept: Vec<Made> = samples.iter().filter(|s| !is_disposable(&format, &s.data)).cloned().collect();
    assert!(kept.len() < 12, "{} of 20 kept", kept.len());
    let all = shown(&mut Decoder::new(&format).unwrap(), &samples);
    let some = shown(&mut Decoder::new(&format).unwrap(), &kept);
    assert!(some.len() + 3 > kept.len() && some.iter().all(|one| all.contains(one)), "{some:?}");
}

#[test]
fn a_hole_waits_for_the_next_key_frame() {
    load().unwrap();
    let (format, samples) = made(Codec::H264, (320, 180), SOURCE, &format!("{X264} -bf 0"));
    let mut decoder = Decoder::new(&format).unwrap();
    assert_eq!(shown(&mut decoder, &samples[3..5]), [], "no key frame yet");
    assert_eq!(shown(&mut decoder, &samples[..3]).len(), 3);
    decoder.hole();
    let after: Vec<i64> = shown(&mut decoder, &samples[5..]).iter().map(|(at, ..)| *at).collect();
    assert_eq!(after, (10..20).map(|n| n * 100_000).collect::<Vec<i64>>());
    // Time runs back, without a word: another timeline, from a key frame on.
    let times = |shown: Vec<(i64, usize, usize)>| shown.iter().map(|(at, ..)| *at).collect::<Vec<_>>();
    assert!(shown(&mut decoder, &samples[1..4]).is_empty());
    assert_eq!(times(shown(&mut decoder, &samples[..3])), [0, 100_000, 200_000]);
    // And on by an hour.
    let later: Vec<Made> =
        samples[3..5].iter().map(|s| Made { at_us: s.at_us + 3_600_000_000, ..s.clone() }).collect();
    assert_eq!(times(shown(&mut decoder, &later)), [3_600_300_000, 3_600_400_000]);
}

/// Damaged samples are refused or not shown; a good key frame afterwards, at the latest to a new decoder, is.
fn check_hostile(format: &VideoFormat, good: &Made, data: Vec<u8>) {
    let Ok(mut decoder) = Decoder::new(format) else { panic!("the format is good") };
    let broken = decoder.push(0, true, data).is_err();
    while let Some(picture) = decoder.pull() {
        let _ = picture.frame();
    }
    if broken {
        decoder = Decoder::new(format).unwrap();
    }
    decoder.hole();
    let good = Made { at_us: 500_000, ..good.clone() };
    assert!(!shown(&mut decoder, &[good.clone(), Made { at_us: 600_000, ..good }]).is_empty());
}

#[test]
fn bytes_that_are_no_samples() {
    load().unwrap();
    for (codec, options) in [
        (Codec::H264, format!("{X264} -bf 0")),
        (Codec::H265, "-frames:v 2 -c:v libx265 -x265-params log-level=none:bframes=0:pools=none".to_owned()),
        (Codec::Mjpeg, "-frames:v 2 -c:v mjpeg -pix_fmt yuvj420p".to_owned()),
    ] {
        let (format, samples) = made(codec, (320, 180), SOURCE, &options);
        let good = &samples[0];
        check_hostile(&format, good, vec![0]);
        check_hostile(&format, good, vec![0xff; 1000]);
        check_hostile(&format, good, [0, 0, 0, 1, 0x65].repeat(1000));
        let noise: Vec<u8> = (0..50_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        check_hostile(&format, good, [&50_000_u32.to_be_bytes()[..], &noise].concat());
        check_hostile(&format, good, good.data[..good.data.len() / 2].to_vec());
        for at in (0..good.data.len().min(300)).step_by(31) {
            let mut damaged = good.data.clone();
            damaged[at] ^= 0x5a;
            check_hostile(&format, good, damaged);
        }
        for config in [vec![], vec![1; 9], vec![0xff; 300], format.config.iter().rev().copied().collect()] {
            if let Ok(mut decoder) = Decoder::new(&VideoFormat { config, ..format.clone() }) {
                let _ = decoder.push(0, true, good.data.clone());
                let _ = decoder.pull().map(|picture| picture.frame());
            }
        }
    }
    let (format, samples) = made(Codec::H264, (320, 180), SOURCE, &format!("{X264} -bf 0"));
    let mut decoder = Decoder::new(&format).unwrap();
    for at_us in [i64::MAX, i64::MIN, 0, -1, i64::MAX / 2] {
        let _ = decoder.push(at_us, true, samples[0].data.clone());
        let _ = decoder.pull();
    }
}
