//! The live child: the real binary, with samples that ffmpeg makes, and bytes that are none.
//!
//! Promises: what a ring holds is compared with the picture that was encoded; every wait has a deadline; without models what
//!   needs none is tested, and the rest says that it is skipped (`NVR_MODELS` names a folder with models).
//! Leaves to others: scheduling, rates, looks, waits (unit tests of `live`), the decoder (`nvr-media`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // A test fails by panicking.
#![allow(clippy::print_stderr)] // A skipped test says so.

#[path = "../../nvr-media/tests/made/mod.rs"]
mod made;

use made::{Made, made};
use nvr_base::analysis::{
    Analysed, CameraNumber, CameraOrder, FrameFormat, FrameOrder, InferenceOrder, LooksAt,
};
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{LayerKind, LayerState, MESSAGE_LEN_MAX};
use nvr_base::perceive_protocol::{
    Counters, FromPerceive, LIVE_ARGUMENT, LiveOrder, Rate, ToPerceive, receive_from_perceive,
};
use nvr_base::{Codec, VideoFormat};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Longest wait for anything.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Left half black, right half white, ten frames a second.
const HALVES: &str = "color=black:s=320x180:r=10,drawbox=x=160:w=160:h=180:c=white:t=fill";
const X264: &str = "-c:v libx264 -threads 1 -pix_fmt yuv420p -bf 0 -g 10";

/// A live child and what it said that nobody asked for yet.
struct Live {
    channel: MediaChannel,
    child: Child,
    hello: (Vec<LayerState>, String),
    analysed: Vec<Analysed>,
    troubles: Vec<(CameraNumber, Option<String>)>,
    rates: Vec<Rate>,
    counters: Counters,
    ring: Option<OwnedFd>,
}

impl Live {
    fn start(models: &str, threads: u16) -> Self {
        let (channel, theirs) = MediaChannel::pair().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_nvr-perceive"));
        command.arg(LIVE_ARGUMENT).stdin(theirs);
        let child = command.spawn().unwrap();
        drop(command);
        let mut live = Self {
            channel,
            child,
            hello: (Vec::new(), String::new()),
            analysed: Vec::new(),
            troubles: Vec::new(),
            rates: Vec::new(),
            counters: Counters::default(),
            ring: None,
        };
        let (models, detector, budget_ms_per_s) = (models.to_owned(), None, 2000.0);
        live.say(&ToPerceive::Live(LiveOrder { models, detector, threads, budget_ms_per_s }));
        live.until("hello", |live| !live.hello.0.is_empty());
        live
    }

    fn say(&self, message: &ToPerceive) {
        self.channel.send(message).unwrap();
    }

    fn camera(&self, camera: CameraNumber, order: CameraOrder, video: &VideoFormat) {
        self.say(&ToPerceive::Camera { camera, order });
        self.say(&ToPerceive::Format { camera, video: video.clone() });
    }

    fn sample(&self, camera: CameraNumber, made: &Made) {
        let (at_us, key, len) = (made.at_us, made.key, made.data.len() as u32);
        let message = ToPerceive::Sample { camera, at_us, wall_us: at_us + 1_000_000, key, len };
        self.channel.send_data(&message, &made.data).unwrap();
    }

    /// Sends samples one by one, each after the picture of the one before came, and returns those pictures.
    fn in_step(&mut self, camera: CameraNumber, samples: &[Made]) -> Vec<Analysed> {
        let mut out = Vec::new();
        for sample in samples {
            self.sample(camera, sample);
            out.push(self.next(camera, sample.at_us));
        }
        out
    }

    /// The picture of a camera at a time.
    fn next(&mut self, camera: CameraNumber, at_us: i64) -> Analysed {
        let is_it = move |a: &Analysed| a.camera == camera && a.scene.at_us == at_us;
        self.until("a picture", |live| live.analysed.iter().any(is_it));
        let at = self.analysed.iter().position(is_it).unwrap();
        self.analysed.remove(at)
    }

    /// Listens until something is so.
    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + WAIT_MAX;
        let mut buffer = vec![0; MESSAGE_LEN_MAX];
        while !is_so(self) {
            assert!(Instant::now() < deadline, "no {what}; {:?} {:?}", self.troubles, self.counters);
            let wait = Timespec { tv_sec: 1, tv_nsec: 0 };
            poll(&mut [PollFd::new(&self.channel, PollFlags::IN)], Some(&wait)).unwrap();
            match receive_from_perceive(&self.channel, &mut buffer) {
                Ok((message, fd)) => self.hear(message, fd),
                Err(ChannelError::WouldBlock) => {}
                Err(why) => panic!("{what}: {why}, {:?}", self.child.wait()),
            }
        }
    }

    fn hear(&mut self, message: FromPerceive, fd: Option<OwnedFd>) {
        match message {
            FromPerceive::Hello { layers, detector } => {
                let strict = [LayerKind::NoNewPrivs, LayerKind::Limits, LayerKind::Syscalls];
                let states = layers.into_iter().filter(|l| strict.contains(&l.kind)).map(|l| l.state);
                self.hello = (states.collect(), detector);
            }
            FromPerceive::Analysed(analysed) => self.analysed.push(*analysed),
            FromPerceive::Trouble { camera, why } => self.troubles.push((camera, why)),
            FromPerceive::Rates(rates) => self.rates.extend(rates),
            FromPerceive::Counters(counters) => self.counters = counters,
            FromPerceive::Ring { .. } => self.ring = fd,
            FromPerceive::Fatal { what } => panic!("{what}"),
            FromPerceive::End(_) => panic!("a live child has no end"),
        }
    }

    /// Closes the channel and expects the child to end by itself.
    fn end(self) {
        let Self { channel, mut child, .. } = self;
        drop(channel);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

fn order(fps: f32) -> CameraOrder {
    CameraOrder { fps, severity: 2, ..CameraOrder::default() }
}

fn gray(fps_max: f32) -> CameraOrder {
    let frame = FrameOrder { ring: 1, format: FrameFormat::Gray8, width: 160, height: 160, fps_max };
    CameraOrder { frames: vec![frame], ..order(10.0) }
}

fn later(samples: &[Made], by_us: i64) -> Vec<Made> {
    samples.iter().map(|s| Made { at_us: s.at_us + by_us, ..s.clone() }).collect()
}

#[test]
fn pictures_of_every_codec() {
    let mut live = Live::start("/nowhere", 2);
    assert!(live.hello.0.iter().all(|state| *state == LayerState::Applied), "{:?}", live.hello);
    assert_eq!(live.hello.1, "");
    for (camera, codec, options) in [
        (0, Codec::H264, X264),
        (1, Codec::H265, "-c:v libx265 -x265-params log-level=none:bframes=0:pools=none:frame-threads=1"),
        (2, Codec::Mjpeg, "-c:v mjpeg -pix_fmt yuvj420p"),
    ] {
        let (format, samples) = made(codec, (320, 180), HALVES, &format!("-frames:v 8 {options}"));
        live.camera(camera, order(10.0), &format);
        let got = live.in_step(camera, &samples);
        for ((n, sample), analysed) in (0..).zip(&samples).zip(&got) {
            assert_eq!((analysed.sequence, analysed.picture), (n, (320, 180)), "{codec:?}");
            assert_eq!((analysed.wall_us, analysed.is_after_gap), (sample.at_us + 1_000_000, false));
            assert!(analysed.scene.tracks.is_empty() && analysed.frames.is_empty());
        }
    }
    live.until("counters", |live| live.counters.analysed == 24);
    assert_eq!((live.counters.samples, live.counters.decoded, live.counters.detected), (24, 24, 0));
    assert!(live.rates.iter().all(|rate| rate.given_fps == rate.wanted_fps), "{:?}", live.rates);
    assert_eq!(live.troubles, []);
    live.end();
}

#[test]
fn frames_out_of_order() {
    let mut live = Live::start("/nowhere", 2);
    let x264 = "-c:v libx264 -threads 1 -pix_fmt yuv420p -bf 2 -g 30 -x264-params b-adapt=0";
    let x265 = "-c:v libx265 -x265-params log-level=none:bframes=2:keyint=30:pools=none:frame-threads=1 -pix_fmt yuv420p";
    for (camera, fps, codec, options) in [
        (0, 10.0, Codec::H264, x264),
        (1, 2.0, Codec::H264, x264),
        (2, 10.0, Codec::H265, x265),
        (3, 2.0, Codec::H265, x265),
    ] {
        // So long that even with every wait below used up there are pictures enough.
        let (format, samples) = made(codec, (320, 180), HALVES, &format!("-frames:v 200 {options}"));
        live.camera(camera, order(fps), &format);
        let began = samples.iter().map(|s| s.at_us).min().unwrap();
        // As many at once as a camera sends until somebody has time; the decoder may hold back a few for their order.
        for some in samples.chunks(2) {
            some.iter().for_each(|s| live.sample(camera, s));
            let seen = some[0].at_us - 800_000.max((3e6 / f64::from(fps)) as i64);
            live.until("pictures", |live| {
                seen < began || live.analysed.iter().any(|a| a.camera == camera && a.scene.at_us >= seen)
            });
        }
        let times: Vec<i64> =
            live.analysed.iter().filter(|a| a.camera == camera).map(|a| a.scene.at_us).collect();
        assert!(
            times.is_sorted() && times.iter().all(|at| samples.iter().any(|s| s.at_us == *at)),
            "{times:?}"
        );
        // Samples come faster than a camera's, and of those that wait the newest picture is looked at.
        assert!(times.len() >= 8, "{codec:?} {fps}: {times:?}");
    }
    assert_eq!(live.troubles, []);
    live.end();
}

#[test]
fn frames_in_rings() {
    let mut live = Live::start("/nowhere", 1);
    let (format, samples) = made(Codec::H264, (320, 180), HALVES, &format!("-frames:v 30 {X264}"));
    // Two frames of 160 × 90 fit, a third does not.
    let len = 2 * 160 * 90 + 100;
    live.say(&ToPerceive::Ring { ring: 1, len });
    live.until("ring", |live| live.ring.is_some());
    live.camera(7, gray(5.0), &format);
    let got = live.in_step(7, &samples[..4]);
    let delivered: Vec<usize> = got.iter().map(|a| a.frames.len()).collect();
    assert_eq!(delivered, [1, 0, 1, 0], "five of ten frames a second");
    let mut bytes = vec![0; len as usize];
    rustix::io::pread(live.ring.as_ref().unwrap(), &mut bytes, 0).unwrap();
    for frame in got.iter().flat_map(|a| &a.frames).map(|d| d.frame) {
        assert_eq!((frame.width, frame.height, frame.stride), (160, 90, 160));
        let at = |x: usize, y: usize| bytes[frame.offset as usize + y * 160 + x];
        assert!((0..90).all(|y| at(10, y) < 20 && at(70, y) < 20 && at(90, y) > 235 && at(150, y) > 235));
    }
    assert!(rustix::io::pwrite(live.ring.as_ref().unwrap(), &[1], 0).is_err(), "the ring can be written");
    // No room until one is released.
    assert!(live.in_step(7, &samples[4..8]).iter().all(|a| a.frames.is_empty()));
    live.until("counters", |live| live.counters.frames_dropped == 2);
    let offset = got[0].frames[0].frame.offset;
    live.say(&ToPerceive::Release { ring: 1, offset });
    let again = live.in_step(7, &samples[8..9]);
    assert_eq!(again[0].frames[0].frame.offset, offset);
    // The order changes: what is made does, the camera goes on.
    let rgb = FrameOrder { ring: 1, format: FrameFormat::Rgb8, width: 40, height: 40, fps_max: 10.0 };
    live.say(&ToPerceive::Release { ring: 1, offset });
    live.say(&ToPerceive::Camera { camera: 7, order: CameraOrder { frames: vec![rgb], ..order(5.0) } });
    let changed = live.in_step(7, &samples[10..11]);
    let frame = changed[0].frames[0].frame;
    assert_eq!((frame.format, frame.width, frame.height, frame.stride), (FrameFormat::Rgb8, 40, 23, 120));
    assert!(changed[0].sequence >= 9);
    live.say(&ToPerceive::DropRing { ring: 1 });
    assert!(live.in_step(7, &samples[12..13])[0].frames.is_empty());
    live.end();
}

#[test]
fn holes_jumps_and_cameras_that_go() {
    let mut live = Live::start("/nowhere", 2);
    let (format, samples) = made(Codec::H264, (320, 180), HALVES, &format!("-frames:v 20 {X264}"));
    live.camera(0, order(10.0), &format);
    live.in_step(0, &samples[..3]);
    live.say(&ToPerceive::Hole { camera: 0 });
    samples[4..10].iter().for_each(|s| live.sample(0, s));
    let after = live.in_step(0, &samples[10..12]);
    assert_eq!((after[0].sequence, after[0].is_after_gap, after[1].is_after_gap), (3, true, false));
    assert!(live.analysed.is_empty(), "nothing between the hole and the key frame");
    // A new timeline may begin anywhere.
    live.say(&ToPerceive::Format { camera: 0, video: format.clone() });
    let again = live.in_step(0, &samples[..2]);
    assert_eq!((again[0].sequence, again[0].is_after_gap), (5, true));
    // Time jumps without a word.
    live.in_step(0, &later(&samples[..2], 20_000_000));
    let back = live.in_step(0, &later(&samples[..2], 5_000_000));
    assert!(back[0].is_after_gap);
    live.in_step(0, &later(&samples[10..12], 3_600_000_000));
    // Gone; then back, as one that was never seen.
    live.say(&ToPerceive::Forget { camera: 0 });
    samples[..10].iter().for_each(|s| live.sample(0, s));
    live.camera(0, order(5.0), &format);
    let fresh = live.in_step(0, &[samples[0].clone()]);
    assert_eq!((fresh[0].sequence, fresh[0].is_after_gap), (0, false));
    // A burst: what is old is passed over, the newest picture comes, and it says that others were left out.
    let mut longer = later(&samples, 1_000_000);
    longer.extend(later(&samples, 3_000_000));
    longer.iter().for_each(|s| live.sample(0, s));
    let last = longer.iter().rev().find(|s| s.at_us % 200_000 == 0).unwrap().at_us;
    live.until("the newest", |live| live.analysed.iter().any(|a| a.scene.at_us >= last - 200_000));
    live.end();
}

#[test]
fn garbage_is_told_and_stays_with_its_camera() {
    let mut live = Live::start("/nowhere", 1);
    let (format, samples) = made(Codec::H264, (320, 180), HALVES, &format!("-frames:v 20 {X264}"));
    live.camera(0, order(10.0), &format);
    live.camera(1, order(10.0), &format);
    live.in_step(1, &samples[..1]);
    let noise: Vec<u8> = (0..20_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let garbage = |n: i64, data: &[u8]| Made { at_us: n * 100_000, key: true, data: data.to_vec() };
    let noise_of = [&20_000_u32.to_be_bytes()[..], &noise].concat();
    for n in 0..24 {
        let data = [&noise[..], &noise_of, &[0], &samples[0].data[..9]][n as usize % 4];
        live.sample(0, &garbage(n, data));
        live.in_step(1, &later(&samples[..1], (n + 1) * 100_000));
    }
    live.until("trouble", |live| live.troubles.iter().any(|(camera, why)| *camera == 0 && why.is_some()));
    let told = live.troubles.clone();
    assert_eq!(told.len(), 1, "told once: {told:?}");
    assert!(told[0].1.as_ref().unwrap().contains("profile"), "{told:?}");
    // It mends at a key frame after a while; keep sending, as a camera does.
    let mut n = 100;
    let deadline = Instant::now() + WAIT_MAX;
    while !live.troubles.contains(&(0, None)) {
        assert!(Instant::now() < deadline, "it never mends");
        later(&samples[..2], n * 100_000).iter().for_each(|s| live.sample(0, s));
        n += 2;
        live.in_step(1, &later(&samples[..1], n * 100_000));
    }
    // Parameters that are none, a picture that is none, and back to good ones.
    for broken in [
        VideoFormat { config: vec![1; 9], ..format.clone() },
        VideoFormat { codec: Codec::Mjpeg, config: Vec::new(), ..format.clone() },
        VideoFormat { codec: Codec::Aac, ..format.clone() },
        VideoFormat { codec: Codec::H265, ..format.clone() },
    ] {
        live.troubles.clear();
        live.say(&ToPerceive::Format { camera: 0, video: broken.clone() });
        later(&samples, 0).iter().for_each(|s| live.sample(0, &Made { key: true, ..s.clone() }));
        live.until("trouble", |live| live.troubles.iter().any(|(_, why)| why.is_some()));
        live.in_step(1, &later(&samples[..1], (n + 1) * 100_000));
        n += 1;
        live.say(&ToPerceive::Format { camera: 0, video: format.clone() });
        live.sample(0, &samples[0]);
        live.until("the end of it", |live| live.troubles.contains(&(0, None)));
    }
    live.end();
}

#[test]
fn what_is_not_there_is_said() {
    let mut live = Live::start("/nowhere", 1);
    let (format, samples) = made(Codec::H264, (320, 180), HALVES, &format!("-frames:v 4 {X264}"));
    let pose = InferenceOrder {
        model: "movenet-multipose".to_owned(),
        looks_at: LooksAt::Frame,
        min_score: 0.0,
        labels: [0; 2],
        per_s_max: 10.0,
    };
    for (camera, wish) in [
        (0, CameraOrder { labels: [1, 0], ..order(10.0) }),
        (1, CameraOrder { inference: vec![pose], ..order(10.0) }),
    ] {
        live.camera(camera, wish, &format);
        // It is analysed all the same: other rules may need none of it.
        assert_eq!(live.in_step(camera, &samples).len(), 4);
        live.until("trouble", |live| live.troubles.iter().any(|(c, why)| *c == camera && why.is_some()));
    }
    assert!(
        live.troubles.iter().all(|(_, why)| why.as_ref().is_some_and(|t| t.contains("models/fetch"))),
        "{:?}",
        live.troubles
    );
    live.end();
}

#[test]
fn orders_that_are_none() {
    let check = |first: &ToPerceive| {
        let (channel, theirs) = MediaChannel::pair().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_nvr-perceive"));
        command.arg(LIVE_ARGUMENT).stdin(theirs);
        let mut child = command.spawn().unwrap();
        drop(command);
        channel.send(first).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1));
        let got = receive_from_perceive(&channel, &mut vec![0; MESSAGE_LEN_MAX]).unwrap();
        assert!(matches!(got.0, FromPerceive::Fatal { .. }), "{got:?}");
    };
    check(&ToPerceive::Hole { camera: 0 });
    let (models, detector) = ("m".to_owned(), None);
    check(&ToPerceive::Live(LiveOrder { models, detector, threads: 0, budget_ms_per_s: 1.0 }));
    let (models, detector) = ("/nowhere".to_owned(), Some("face".to_owned()));
    check(&ToPerceive::Live(LiveOrder { models, detector, threads: 1, budget_ms_per_s: 1.0 }));
}

#[test]
fn detection_with_models() {
    let Some(models) = std::env::var_os("NVR_MODELS") else {
        eprintln!("skipped: NVR_MODELS names no folder with models");
        return;
    };
    let mut live = Live::start(models.to_str().unwrap(), 2);
    assert_ne!(live.hello.1, "");
    // Something that moves for 4 s, and then nothing for 8.
    let source =
        "color=gray:s=320x180:r=10[b];color=white:s=30x70:r=10[f];[b][f]overlay=x='min(t,4)*40':y=60";
    let (format, samples) = made(Codec::H264, (320, 180), source, &format!("-frames:v 120 {X264}"));
    live.camera(0, CameraOrder { labels: [u64::MAX; 2], ..order(10.0) }, &format);
    let got = live.in_step(0, &samples);
    assert!(got[5..35].iter().all(|a| a.scene.motion > 0.0), "what moves is seen");
    live.until("counters", |live| live.counters.analysed == 120);
    let detected = live.counters.detected;
    assert!((45..110).contains(&detected), "{detected} of 120 looked at");
    assert_eq!(live.troubles, []);
    live.end();
}
