//! Samples that ffmpeg makes, as a camera's stream has them: one access unit each, with its times.
//!
//! Promises: decoding order, media time of presentation, the parameters an MP4 would have.
//! Leaves to others: what is done with them (`decode`, and the live tests of `nvr-perception`).
#![allow(dead_code, reason = "each test uses a part of it")]

use nvr_base::{Codec, VideoFormat};
use std::process::{Command, Stdio};

/// One access unit.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) at_us: i64,
    pub(crate) key: bool,
    pub(crate) data: Vec<u8>,
}

fn be(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

/// The boxes of one level: name and body.
fn boxes(mut data: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut out = Vec::new();
    while data.len() >= 8 {
        let len = be(&data[..4]) as usize;
        assert!(len >= 8, "ffmpeg writes short boxes");
        out.push((&data[4..8], &data[8..len]));
        data = &data[len..];
    }
    out
}

/// The body of the first box called `name`, anywhere.
fn body<'a>(file: &'a [u8], name: &[u8; 4]) -> &'a [u8] {
    let at = file.windows(4).position(|window| window == name).unwrap();
    &file[at + 4..at - 4 + be(&file[at - 4..at]) as usize]
}

/// Decoding time and offset of presentation of a fragment of one sample, in the track's units.
fn presented(moof: &[u8]) -> i64 {
    let (tfdt, trun) = (body(moof, b"tfdt"), body(moof, b"trun"));
    let decoded = if tfdt[0] == 1 { be(&tfdt[4..12]) } else { be(&tfdt[4..8]) } as i64;
    let flags = be(&trun[1..4]);
    let fields = [0x1, 0x4, 0x100, 0x200, 0x400].iter().filter(|bit| flags & **bit != 0).count();
    let offset = trun.get(8 + fields * 4..12 + fields * 4).filter(|_| flags & 0x800 != 0);
    decoded + offset.map_or(0, |bytes| i64::from(be(bytes) as u32 as i32))
}

fn is_key(codec: Codec, data: &[u8]) -> bool {
    let mut rest = data;
    while rest.len() > 4 {
        let len = be(&rest[..4]) as usize;
        let key = match codec {
            Codec::H264 => rest[4] & 0x1f == 5,
            _ => (16..24).contains(&(rest[4] >> 1 & 0x3f)),
        };
        if key {
            return true;
        }
        rest = &rest[4 + len..];
    }
    false
}

/// Samples of `source` (of ffmpeg's lavfi) encoded with `options`.
pub(crate) fn made(codec: Codec, size: (u16, u16), source: &str, options: &str) -> (VideoFormat, Vec<Made>) {
    made_of(codec, size, &format!("-f lavfi -i {source}"), options)
}

/// Samples of any input of ffmpeg, given by its arguments, encoded with `options`.
pub(crate) fn made_of(
    codec: Codec,
    (width, height): (u16, u16),
    input: &str,
    options: &str,
) -> (VideoFormat, Vec<Made>) {
    let tag = if codec == Codec::H265 { "-tag:v hvc1 " } else { "" };
    let arguments = format!(
        "-v error -nostdin {input} {options} {tag}-video_track_timescale 1000000 -use_editlist 0 \
         -movflags empty_moov+default_base_moof+frag_every_frame -f mp4 -"
    );
    let out = Command::new("ffmpeg").args(arguments.split_whitespace()).stdin(Stdio::null()).output();
    let out = out.expect("ffmpeg, of Debian's package ffmpeg");
    assert!(out.status.success(), "{arguments}: {}", String::from_utf8_lossy(&out.stderr));
    let config = match codec {
        Codec::H264 => body(&out.stdout, b"avcC").to_vec(),
        Codec::H265 => body(&out.stdout, b"hvcC").to_vec(),
        _ => Vec::new(),
    };
    let mut at_us = 0;
    let mut samples = Vec::new();
    for (name, inside) in boxes(&out.stdout) {
        match name {
            b"moof" => at_us = presented(inside),
            b"mdat" => {
                let key = codec == Codec::Mjpeg || is_key(codec, inside);
                samples.push(Made { at_us, key, data: inside.to_vec() });
            }
            _ => {}
        }
    }
    (VideoFormat { codec, width, height, config, reorder_depth: 0 }, samples)
}
