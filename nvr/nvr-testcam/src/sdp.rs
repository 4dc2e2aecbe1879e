//! Session descriptions (RFC 4566, and `fmtp` of RFC 6184, 7798, 3640).
//!
//! Promises: what a client needs to play, unless a quirk says otherwise.
//! Leaves to others: sending it (`dialogue`).

use crate::quirk::Quirk;
use crate::synthetic::Synthetic;
use crate::track::Track;
use base64::Engine;
use nvr_base::Codec;

fn base64(data: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(data)
}

/// The description of a stream with these tracks.
pub(crate) fn describe(name: &str, tracks: &[Track], quirks: &[Quirk]) -> String {
    if quirks.contains(&Quirk::BadSdp) {
        return "v=0\r\nm=\u{1}video x RTP\r\n\u{fffd}=a=rtpmap\r\no=\r\n\r\nm=video 0 RTP/AVP 96 \r\na=control\r\n".into();
    }
    let mut s = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns={name}\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\na=range:npt=now-\r\n"
    );
    for (i, track) in tracks.iter().enumerate() {
        let pt = track.payload_type;
        let kind = if track.is_video() { "video" } else { "audio" };
        let encoding = if track.is_video() && quirks.contains(&Quirk::UnknownCodec) {
            "VP8/90000".to_owned()
        } else {
            encoding(track)
        };
        s += &format!("m={kind} 0 RTP/AVP {pt}\r\na=rtpmap:{pt} {encoding}\r\n");
        if let Some(fmtp) = fmtp(track, quirks) {
            s += &format!("a=fmtp:{pt} {fmtp}\r\n");
        }
        if track.is_video() {
            s += &format!("a=framerate:{:.3}\r\n", track.fps);
        }
        s += &format!("a=control:track{i}\r\n");
    }
    s
}

fn encoding(track: &Track) -> String {
    match track.codec {
        Codec::H264 => "H264/90000".into(),
        Codec::H265 => "H265/90000".into(),
        Codec::Mjpeg => "JPEG/90000".into(),
        Codec::Aac => format!("MPEG4-GENERIC/{}/{}", track.clock_hz, track.channels),
        Codec::Ulaw => "PCMU/8000".into(),
        Codec::Alaw => "PCMA/8000".into(),
    }
}

fn fmtp(track: &Track, quirks: &[Quirk]) -> Option<String> {
    if track.is_video() && quirks.contains(&Quirk::UnknownCodec) {
        return None;
    }
    let no_sprop = quirks.contains(&Quirk::NoSprop);
    let config = &track.config;
    match track.codec {
        Codec::H264 => {
            let wrong = Synthetic { width: 352, height: 288, ..Synthetic::new(0) };
            let sets = if quirks.contains(&Quirk::WrongSdp) {
                vec![wrong.sps(), wrong.pps()]
            } else {
                config.clone()
            };
            let level = sets.first().and_then(|s| s.get(1..4)).map(hex::encode_upper)?;
            let sprop = if no_sprop {
                String::new()
            } else {
                let sets: Vec<String> = sets.iter().map(|s| base64(s)).collect();
                format!(";sprop-parameter-sets={}", sets.join(","))
            };
            Some(format!("packetization-mode=1;profile-level-id={level}{sprop}"))
        }
        Codec::H265 if !no_sprop => {
            let of = |kind: u8| {
                let sets: Vec<String> =
                    config.iter().filter(|s| crate::h265::kind(s) == kind).map(|s| base64(s)).collect();
                sets.join(",")
            };
            Some(format!("sprop-vps={};sprop-sps={};sprop-pps={}", of(32), of(33), of(34)))
        }
        Codec::Aac => Some(format!(
            "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config={}",
            config.first().map(hex::encode_upper)?
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TestcamConfig;

    fn check(quirks: &[Quirk], has: &[&str], has_not: &[&str]) {
        let mut c = TestcamConfig::synthetic(100);
        c.quirks = quirks.to_vec();
        let sdp = describe("cam0", &c.load().unwrap()[0], quirks);
        for part in has {
            assert!(sdp.contains(part), "{part} in {sdp}");
        }
        for part in has_not {
            assert!(!sdp.contains(part), "no {part} in {sdp}");
        }
    }

    #[test]
    fn descriptions() {
        check(
            &[],
            &["H264/90000", "profile-level-id=42C028;sprop-parameter-sets=Z0LA", "framerate:25.000"],
            &["audio"],
        );
        check(&[Quirk::NoSprop], &["profile-level-id=42C028"], &["sprop"]);
        check(&[Quirk::UnknownCodec], &["VP8/90000"], &["H264", "fmtp"]);
        check(&[Quirk::SendsAudio], &["m=audio 0 RTP/AVP 0", "PCMU/8000", "control:track1"], &[]);
        check(&[Quirk::BadSdp], &[], &["H264"]);
    }
}
