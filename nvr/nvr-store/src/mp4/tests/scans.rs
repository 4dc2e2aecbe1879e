//! Scans: what was written comes back; torn and damaged files are told apart; hostile bytes do no harm.

use crate::mp4::testing::*;
use crate::mp4::*;
use nvr_base::{AudioFormat, Codec, Format, Sample, Ticks, Track};

fn scan_at(bytes: &[u8], depth: Depth) -> SegmentScan {
    scan(&bytes, bytes.len() as u64, depth).unwrap()
}

/// Samples as a reader of the file sees them must be those that were written.
fn check_samples(format: &Format, samples: &[Sample]) {
    let written = segment(format, samples);
    for depth in [Depth::Headers, Depth::Tail, Depth::Checksums] {
        let found = scan_at(&written.bytes, depth);
        assert_eq!((found.tail, found.bad), (Tail::Clean, 0));
        assert_eq!(found.fragments, written.infos);
        assert_eq!((&found.format, &found.stream), (format, &stream()));
        for (info, fragment) in found.fragments.iter().zip(&written.fragments) {
            let refs = super::super::samples(&written.bytes, &found, info).unwrap();
            let all: Vec<_> = fragment.video.iter().chain(&fragment.audio).collect();
            assert_eq!(refs.len(), all.len());
            for (r, s) in refs.iter().zip(all) {
                let at = r.offset as usize;
                assert_eq!(&written.bytes[at..at + r.size as usize], s.data);
                assert_eq!((r.track, r.key), (s.track, s.key));
                if s.track == Track::Video {
                    assert_eq!((r.pts, r.dts), (s.pts, s.dts));
                } else {
                    // Sound is kept in units of its own rate; frames that ticks round are even again.
                    assert!((r.pts.since(s.pts)).abs() <= 90, "{:?} became {:?}", s.pts, r.pts);
                }
            }
        }
    }
}

fn with_sound(codec: Codec, rate_hz: u32, frame_units: i64) -> (Format, Vec<Sample>) {
    let config = if codec == Codec::Aac { vec![0x11, 0x88] } else { Vec::new() };
    let format = Format { audio: Some(AudioFormat { codec, rate_hz, channels: 1, config }), ..h264() };
    let frame = |i: i64| {
        let t = i * frame_units * 90_000 / i64::from(rate_hz);
        Sample { track: Track::Audio, key: true, ..picture(t, t, true, 160) }
    };
    let samples = pictures(0, 100, 25, 900).into_iter().chain((0..180).map(frame)).collect();
    (format, interleave(samples))
}

#[test]
fn what_was_written_comes_back() {
    check_samples(&h264(), &pictures(0, 100, 25, 1000));
    check_samples(&h264(), &pictures(-900_000_000, 100, 7, 1000));
    check_samples(&h264(), &pictures(0, 100, 1, 1000));
    // Uneven durations, B-frames, decoding times far below presentation.
    let uneven: Vec<_> = (0..100)
        .map(|i| {
            picture(i * 3600 + (i % 3) * 777 + 7200, i * 3600 + (i % 3) * 11, i % 30 == 0, 10 + i as usize)
        })
        .collect();
    check_samples(&h264(), &uneven);
    // Pictures of one size, so that no sizes are written.
    check_samples(&h264(), &pictures(0, 3, 3, 5));
    for (codec, rate, units) in
        [(Codec::Aac, 48_000, 1024), (Codec::Aac, 44_100, 1024), (Codec::Ulaw, 8000, 160)]
    {
        let (format, samples) = with_sound(codec, rate, units);
        check_samples(&format, &samples);
    }
}

/// Cuts a file anywhere: a torn tail, and everything before it.
#[test]
fn cut_anywhere_is_a_torn_tail_at_the_last_good_fragment() {
    let written = segment(&h264(), &pictures(0, 130, 25, 40));
    let ends: Vec<_> = written.infos.iter().map(FragmentInfo::file_end).collect();
    for cut in 0..written.bytes.len() as u64 {
        let bytes = &written.bytes[..cut as usize];
        let result = scan(&bytes, cut, Depth::Checksums);
        if cut < written.init_len {
            assert!(matches!(result, Err(ScanError::NoInit { len }) if len == cut));
            continue;
        }
        let found = result.unwrap();
        let good = ends.iter().filter(|e| **e <= cut).count();
        let end = ends[..good].last().copied().unwrap_or(written.init_len);
        assert_eq!(found.fragments, written.infos[..good], "cut at {cut}");
        assert_eq!(found.good_len, end);
        assert_eq!(found.tail, if end == cut { Tail::Open } else { Tail::Torn { at: end } });
        assert_eq!(found.bad, 0);
    }
}

/// What a power cut leaves: the length was written, the bytes were not.
#[test]
fn zeros_behind_the_last_good_fragment_are_torn() {
    let written = write(&h264(), fragments(&pictures(0, 130, 25, 40)), false);
    let torn_at = written.infos[3].offset;
    for zero_from in [torn_at, torn_at + 100, torn_at + u64::from(written.infos[3].header_len) + 3] {
        let mut bytes = written.bytes[..zero_from as usize].to_vec();
        bytes.resize(written.bytes.len() + 300_000, 0);
        for depth in [Depth::Tail, Depth::Checksums] {
            let found = scan_at(&bytes, depth);
            assert_eq!((found.tail, found.good_len), (Tail::Torn { at: torn_at }, torn_at));
            assert_eq!(found.fragments.len(), 3);
        }
    }
    let zeros = vec![0; 4096];
    assert!(matches!(scan(&zeros, 4096, Depth::Headers), Err(ScanError::NoInit { .. })));
}

#[test]
fn a_flipped_bit_anywhere_is_found_and_costs_one_fragment() {
    let written = segment(&h264(), &pictures(0, 75, 25, 30));
    let (first, last) = (written.infos[0].offset as usize, written.infos[2].file_end() as usize);
    for bit in first * 8..last * 8 {
        let mut bytes = written.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let found = scan_at(&bytes, Depth::Checksums);
        let hit = written.infos.iter().position(|i| i.file_end() as usize > bit / 8).unwrap();
        assert!(
            matches!(found.tail, Tail::Bad { offset, .. } if offset == written.infos[hit].offset),
            "bit {bit}: {found:?}"
        );
        assert_eq!((found.bad, found.fragments.len()), (1, 2));
        assert_eq!(found.good_len, written.infos[hit].offset);
    }
}

#[test]
fn a_flipped_bit_in_an_open_file_is_bad_before_good_fragments_and_torn_at_the_end() {
    let written = write(&h264(), fragments(&pictures(0, 75, 25, 30)), false);
    for (hit, torn) in [(0, false), (1, false), (2, true)] {
        let mut bytes = written.bytes.clone();
        let at = written.infos[hit].file_end() as usize - 5;
        bytes[at] ^= 1;
        for depth in [Depth::Tail, Depth::Checksums] {
            let found = scan_at(&bytes, depth);
            let offset = written.infos[hit].offset;
            match found.tail {
                Tail::Torn { at } => assert!(torn && at == offset),
                Tail::Bad { offset: at, .. } => assert!(!torn && at == offset),
                other => panic!("{other:?}"),
            }
            assert_eq!(found.fragments.len(), 2);
        }
    }
}

#[test]
fn a_flipped_bit_in_the_trailer_never_hides_footage() {
    let written = segment(&h264(), &pictures(0, 75, 25, 30));
    for bit in written.infos[2].file_end() as usize * 8..written.bytes.len() * 8 {
        let mut bytes = written.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let found = scan_at(&bytes, Depth::Headers);
        assert_eq!(found.fragments, written.infos, "bit {bit}");
        assert!(matches!(found.tail, Tail::Bad { .. } | Tail::Torn { .. }), "bit {bit}: {:?}", found.tail);
    }
}

#[test]
fn a_disk_that_fails_in_the_middle_costs_what_it_cannot_read() {
    struct Broken<'a>(&'a [u8], std::ops::Range<u64>);
    impl ReadAt for Broken<'_> {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
            let end = offset + buf.len() as u64;
            if offset < self.1.end && end > self.1.start {
                return Err(std::io::Error::from_raw_os_error(5));
            }
            self.0.read_at(buf, offset)
        }
    }
    let written = segment(&h264(), &pictures(0, 75, 25, 20_000));
    let at = written.infos[0].file_end() - 100;
    let file = Broken(&written.bytes, at..at + 10);
    let found = scan(&file, written.bytes.len() as u64, Depth::Checksums).unwrap();
    assert_eq!(found.bad, 1);
    assert!(found.fragments.contains(&written.infos[2]), "{:?}", found.tail);
}

#[test]
fn the_last_key_frame_before_a_moment() {
    let a = segment(&h264(), &pictures(0, 100, 10, 30));
    let b = segment(&h264(), &pictures(360_000, 100, 40, 30));
    let files = Files(vec![a.bytes, b.bytes]);
    let scans = files.scans();
    let check = |at: i64, expected: Option<(usize, i64)>| {
        let key = key_before(&scans, &files, START.plus(at)).unwrap();
        assert_eq!(key.map(|k| (k.segment, k.sample.pts.since(START))), expected, "at {at}");
        assert!(key.is_none_or(|k| k.sample.key));
    };
    check(-1, None);
    check(0, Some((0, 0)));
    check(35_999, Some((0, 0)));
    check(36_000, Some((0, 36_000)));
    check(359_999, Some((0, 324_000)));
    check(360_000, Some((1, 360_000)));
    check(10_000_000, Some((1, 360_000 + 80 * 3600)));
}

/// Seeded damage of a good segment: nothing panics, and scans stay honest.
#[test]
fn mutations_never_panic() {
    let (format, samples) = with_sound(Codec::Aac, 48_000, 1024);
    let good = segment(&format, &samples[..120]).bytes;
    for seed in 0..4000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut bytes = good.clone();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(0..bytes.len());
            let len = rng.usize(1..200).min(bytes.len() - at);
            match rng.u8(0..6) {
                0 => bytes[at] ^= 1 << rng.u8(0..8),
                1 => bytes.truncate(at.max(1)),
                2 => bytes.extend((0..len).map(|_| rng.u8(..))),
                3 => {
                    let part = bytes[at..at + len].to_vec();
                    bytes.splice(at..at, part);
                }
                4 => bytes[at..at + len].fill(rng.choice([0, 0xff, 1]).unwrap()),
                _ => {
                    bytes.drain(at..at + len);
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        scan_bytes(&bytes);
    }
    scan_bytes(&[]);
    scan_bytes(&good);
}

/// Hostile numbers behind checksums that hold: the reader must not rely on them.
#[test]
fn forged_numbers_do_no_harm() {
    let written = segment(&h264(), &pictures(0, 10, 5, 30));
    let info = written.infos[0];
    let (at, end) = (info.offset as usize, info.file_end() as usize);
    let crc_at = at + usize::from(info.moof_at) - 4;
    for place in at..at + info.header_len as usize - 3 {
        for value in [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
            let mut bytes = written.bytes.clone();
            bytes[place..place + 4].copy_from_slice(&u32::to_be_bytes(value));
            let sum = super::super::checksum::around(&bytes[at..end], crc_at - at);
            bytes[crc_at..crc_at + 4].copy_from_slice(&sum.to_be_bytes());
            scan_bytes(&bytes);
        }
    }
}

#[test]
fn an_index_of_fragments_with_holes_is_refused() {
    let written = segment(&h264(), &pictures(0, 75, 25, 30));
    let holed = [written.infos[0], written.infos[2]];
    assert!(matches!(encode_trailer(&holed, START), Err(EncodeError::NotContiguous(1))));
    assert!(encode_trailer(&[], Ticks(0)).is_ok());
}
