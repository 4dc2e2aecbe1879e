//! Segments for tests: made of synthetic samples, or of what ffmpeg encodes.
//!
//! Promises: deterministic; ffmpeg and ffprobe are the judges, and are there since set-up installs them.
//! Leaves to others: the assertions.

use super::*;
use nvr_base::{
    AudioFormat, Codec, Format, Mono, RunEpoch, Sample, StreamId, StreamKind, Ticks, Track, VideoFormat,
};
use std::io;
use std::path::Path;
use std::process::Command;

/// 2026-11-24T05:21:25Z.
pub(super) const START: Ticks = Ticks(1_795_497_685 * 90_000);

pub(super) fn stream() -> StreamId {
    StreamId::new("gate".parse().unwrap(), StreamKind::Main)
}

pub(super) fn h264() -> Format {
    let video =
        VideoFormat { codec: Codec::H264, width: 640, height: 360, config: vec![1, 2, 3], reorder_depth: 0 };
    Format { video, audio: None }
}

pub(super) fn picture(pts: i64, dts: i64, key: bool, bytes: usize) -> Sample {
    let at = |t| START.plus(t);
    let data = (0..bytes).map(|i| (i as u64 * 31 + dts as u64) as u8).collect();
    Sample { track: Track::Video, pts: at(pts), dts: at(dts), duration_ticks: 0, key, data }
}

/// `count` pictures, one every 3600 ticks from `from`, a key frame every `gop`, `bytes` each.
pub(super) fn pictures(from: i64, count: usize, gop: usize, bytes: usize) -> Vec<Sample> {
    (0..count).map(|i| picture(from + i as i64 * 3600, from + i as i64 * 3600, i % gop == 0, bytes)).collect()
}

/// Samples of both tracks in the order of their decoding times.
pub(super) fn interleave(mut samples: Vec<Sample>) -> Vec<Sample> {
    samples.sort_by_key(|s| (s.dts, s.track == Track::Audio));
    samples
}

/// A segment file and what its writer knew of it.
pub(super) struct Written {
    pub(super) bytes: Vec<u8>,
    pub(super) infos: Vec<FragmentInfo>,
    pub(super) fragments: Vec<Fragment>,
    pub(super) init_len: u64,
}

/// The fragments of `samples` with default limits.
pub(super) fn fragments(samples: &[Sample]) -> Vec<Fragment> {
    let mut f = Fragmenter::new(FragmentLimits::default());
    let mut all: Vec<_> = samples.iter().filter_map(|s| f.push(s.clone())).collect();
    all.extend(f.finish());
    all
}

/// Writes `fragments` as one segment, as the store does.
pub(super) fn write(format: &Format, fragments: Vec<Fragment>, closed: bool) -> Written {
    let stream = stream();
    let segment_start = fragments.first().map_or(START, Fragment::first_dts);
    let run = RunEpoch(7);
    let mut bytes = encode_init(format, &InitContext { stream: &stream, run, segment_start }).unwrap();
    let init_len = bytes.len() as u64;
    let mut infos = Vec::new();
    for (i, fragment) in fragments.iter().enumerate() {
        let cx = FragmentContext {
            stream: &stream,
            run,
            mono: Mono(1_000_000 + i as u64),
            utc: fragment.start.to_utc().plus_micros(i as i64),
            sequence: i as u32 + 1,
            segment_start,
            audio_rate_hz: format.audio.as_ref().map(|a| a.rate_hz),
            offset: bytes.len() as u64,
        };
        infos.push(encode_fragment(fragment, &cx, &mut bytes).unwrap());
        fragment.payload().for_each(|p| bytes.extend_from_slice(p));
    }
    if closed {
        bytes.extend_from_slice(&encode_trailer(&infos, segment_start).unwrap());
    }
    Written { bytes, infos, fragments, init_len }
}

/// A closed segment of `samples`.
pub(super) fn segment(format: &Format, samples: &[Sample]) -> Written {
    write(format, fragments(samples), true)
}

/// Segments in memory.
pub(super) struct Files(pub(super) Vec<Vec<u8>>);

impl SegmentSource for Files {
    fn open(&self, index: usize) -> io::Result<Box<dyn ReadAt + '_>> {
        Ok(Box::new(self.0[index].as_slice()))
    }
}

impl Files {
    pub(super) fn scans(&self) -> Vec<SegmentScan> {
        self.0.iter().map(|b| scan(b, b.len() as u64, Depth::Checksums).unwrap()).collect()
    }

    /// Plans the export of `[from, to)` and writes its files.
    pub(super) fn export(&self, from: Ticks, to: Ticks) -> (ExportPlan, Vec<Vec<u8>>) {
        let plan = plan(&self.scans(), self, from, to).unwrap();
        let files = plan.files.iter().map(|f| {
            let mut out = Vec::new();
            f.write(self, &mut out, &mut |_| true).unwrap();
            assert_eq!(out.len() as u64, f.bytes);
            out
        });
        let files = files.collect();
        (plan, files)
    }
}

fn run(command: &mut Command) -> String {
    let out = command.output().expect("ffmpeg and ffprobe are installed by appliance/setup");
    let err = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && err.is_empty(), "{command:?}: {err}");
    String::from_utf8(out.stdout).unwrap()
}

/// What ffmpeg encoded: the format and the samples, at their own times from [`START`].
pub(super) struct Encoded {
    pub(super) format: Format,
    pub(super) samples: Vec<Sample>,
}

impl Encoded {
    pub(super) fn of(&self, track: Track) -> Vec<&Sample> {
        self.samples.iter().filter(|s| s.track == track).collect()
    }

    /// The same footage, `ticks` later.
    pub(super) fn later(&self, ticks: i64) -> Vec<Sample> {
        let shift = |s: &Sample| Sample { pts: s.pts.plus(ticks), dts: s.dts.plus(ticks), ..s.clone() };
        self.samples.iter().map(shift).collect()
    }
}

/// Encodes a test picture with `args` (codec options, separated by spaces) and takes the file apart by ffprobe.
pub(super) fn encode(args: &str, codec: Codec, audio: Option<AudioFormat>) -> Encoded {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made.mov");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"]);
    if audio.is_some() {
        command.args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]);
    }
    command.args(args.split_ascii_whitespace()).args(["-video_track_timescale", "90000"]).arg(&path);
    run(&mut command);
    let bytes = std::fs::read(&path).unwrap();
    let config = match codec {
        Codec::H264 => record(&bytes, b"avcC"),
        Codec::H265 => record(&bytes, b"hvcC"),
        _ => Vec::new(),
    };
    let rate = audio.as_ref().map_or(90_000, |a| i64::from(a.rate_hz));
    let entries = "packet=stream_index,pts,dts,size,pos,flags";
    let listing = run(Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_packets",
            "-ignore_editlist",
            "1",
            "-of",
            "compact=p=0:nk=0",
            "-show_entries",
            entries,
        ])
        .arg(&path));
    let mut samples = Vec::new();
    for line in listing.lines() {
        let field = |name: &str| {
            line.split('|').find_map(|f| f.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
        };
        let number = |name| field(name).parse::<i64>().unwrap_or_else(|_| panic!("{name} in {line}"));
        let track = if field("stream_index") == "0" { Track::Video } else { Track::Audio };
        let ticks =
            |t: i64| START.plus(if track == Track::Video { t } else { (t * 90_000 + rate / 2) / rate });
        let (at, size) = (number("pos") as usize, number("size") as usize);
        samples.push(Sample {
            track,
            pts: ticks(number("pts")),
            dts: ticks(number("dts")),
            duration_ticks: 0,
            key: field("flags").starts_with('K'),
            data: bytes[at..at + size].to_vec(),
        });
    }
    // A camera's decoding times are those of its presentation less the reordering; never negative here.
    let low = samples.iter().map(|s| s.dts.since(START)).min().unwrap();
    for s in &mut samples {
        (s.pts, s.dts) = (s.pts.plus(-low), s.dts.plus(-low));
    }
    let video = VideoFormat { codec, width: 320, height: 180, config, reorder_depth: 2 };
    Encoded { format: Format { video, audio }, samples: interleave(samples) }
}

fn record(file: &[u8], kind: &[u8; 4]) -> Vec<u8> {
    let at = file.windows(4).position(|w| w == kind).unwrap();
    let len = u32::from_be_bytes(file[at - 4..at].try_into().unwrap()) as usize;
    file[at + 4..at - 4 + len].to_vec()
}

pub(super) fn aac() -> AudioFormat {
    AudioFormat { codec: Codec::Aac, rate_hz: 48_000, channels: 1, config: vec![0x11, 0x88] }
}

/// What ffprobe counts and ffmpeg decodes of `bytes`, neither saying a word: packets of each track.
pub(super) fn judge(bytes: &[u8], dir: &Path) -> Vec<usize> {
    let path = dir.join("judged.mp4");
    std::fs::write(&path, bytes).unwrap();
    let counts = run(Command::new("ffprobe")
        .args(["-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"])
        .arg(&path));
    let counts = counts.split_ascii_whitespace().map(|n| n.trim_end_matches(',').parse().unwrap()).collect();
    run(Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&path).args(["-f", "null", "-"]));
    counts
}

/// Presentation times and hashes of the decoded pictures of `bytes`, as a player shows them: (seconds × 90,000, md5).
pub(super) fn decoded(bytes: &[u8], dir: &Path) -> Vec<(i64, String)> {
    let path = dir.join("decoded.mp4");
    std::fs::write(&path, bytes).unwrap();
    let list = run(Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&path).args([
        "-map",
        "0:v",
        "-fps_mode",
        "passthrough",
        "-enc_time_base",
        "1:90000",
        "-f",
        "framemd5",
        "-",
    ]));
    let frames = list.lines().filter(|l| !l.starts_with('#')).map(|l| {
        let fields: Vec<_> = l.split(',').map(str::trim).collect();
        (fields[2].parse().unwrap(), fields[5].to_owned())
    });
    frames.collect()
}
