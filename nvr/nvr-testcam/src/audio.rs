//! Sound of the fake cameras: a µ-law tone, raw µ-law, AAC of ADTS files.
//!
//! Promises: G.711 in packets of 20 ms at 8 kHz (RFC 3551 §4.5.14), AAC frames as they are.
//! Leaves to others: AAC in MP4 (`mp4`).

use crate::media::{Media, SLOTS_MAX, Slot, Unit};
use nvr_base::Codec;

/// G.711 samples a second.
const G711_HZ: u32 = 8000;
/// G.711 samples a packet: 20 ms.
const G711_PACKET_SAMPLES: usize = 160;
/// Sampling rates by index (ISO/IEC 14496-3 Table 1.18).
const AAC_RATES_HZ: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// One second of a 400 Hz tone.
pub(crate) fn tone() -> Media {
    let samples: Vec<u8> = (0..G711_HZ)
        .map(|n| {
            let phase = f64::from(n) * 400.0 * std::f64::consts::TAU / f64::from(G711_HZ);
            ulaw((phase.sin() * 8000.0) as i16)
        })
        .collect();
    packets(&samples)
}

/// µ-law code of a 16-bit sample (G.711 Table 2).
fn ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80u8 } else { 0 };
    let magnitude = u32::from(sample.unsigned_abs().min(32_635)) + 132;
    let segment = (31 - magnitude.leading_zeros()).saturating_sub(7);
    let mantissa = (magnitude >> (segment + 3) & 15) as u8;
    !(sign | (segment as u8) << 4 | mantissa)
}

fn packets(samples: &[u8]) -> Media {
    let units: Vec<Unit> = samples
        .chunks_exact(G711_PACKET_SAMPLES)
        .map(|c| Unit { parts: vec![c.to_vec()], key: true })
        .collect();
    let tick = |n: usize| (n * G711_PACKET_SAMPLES) as i64;
    Media {
        codec: Codec::Ulaw,
        clock_hz: G711_HZ,
        channels: 1,
        config: Vec::new(),
        size: None,
        slots: (0..units.len()).map(|unit| Slot { unit, dts: tick(unit), pts: tick(unit) }).collect(),
        loop_ticks: tick(units.len()),
        units,
    }
}

/// Raw µ-law, 8 kHz, mono.
pub(crate) fn parse_ulaw(data: &[u8]) -> Result<Media, String> {
    if data.len() / G711_PACKET_SAMPLES > SLOTS_MAX {
        return Err(format!("more than {SLOTS_MAX} packets; use a shorter file"));
    }
    packets(data).start_at_key()
}

/// AAC in ADTS frames (ISO/IEC 13818-7 §6.2).
pub(crate) fn parse_adts(data: &[u8]) -> Result<Media, String> {
    let (mut units, mut rest) = (Vec::new(), data);
    let mut stream = None;
    while let Some((&[_, b1, b2, b3, b4, b5, _], _)) = rest.split_first_chunk() {
        if !is_adts(rest) {
            return Err(format!("frame {} has no ADTS header", units.len()));
        }
        let len = usize::from(b3 & 3) << 11 | usize::from(b4) << 3 | usize::from(b5) >> 5;
        let head = if b1 & 1 == 1 { 7 } else { 9 };
        let frame = rest.get(head..len).ok_or("its last frame is cut short")?;
        let rate_hz = *AAC_RATES_HZ
            .get(usize::from(b2 >> 2 & 15))
            .ok_or_else(|| format!("frame {} has no sampling rate", units.len()))?;
        let channels = (b2 & 1) << 2 | b3 >> 6;
        // AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1): object type, rate index, channels.
        let (object, rate) = ((b2 >> 6) + 1, b2 >> 2 & 15);
        let config = vec![object << 3 | rate >> 1, rate << 7 | channels << 3];
        let (_, _, first) = stream.get_or_insert((rate_hz, channels, config.clone()));
        if *first != config {
            return Err(format!("frame {} has another format than the first; use one format", units.len()));
        }
        units.push(Unit { parts: vec![frame.to_vec()], key: true });
        if units.len() > SLOTS_MAX {
            return Err(format!("more than {SLOTS_MAX} frames; use a shorter file"));
        }
        rest = rest.get(len..).unwrap_or_default();
    }
    let (clock_hz, channels, config) = stream.ok_or("it has no ADTS frame")?;
    Media {
        codec: Codec::Aac,
        clock_hz,
        channels: u16::from(channels.max(1)),
        config: vec![config],
        size: None,
        slots: (0..units.len())
            .map(|unit| Slot { unit, dts: unit as i64 * 1024, pts: unit as i64 * 1024 })
            .collect(),
        loop_ticks: units.len() as i64 * 1024,
        units,
    }
    .start_at_key()
}

/// The bytes start with an ADTS sync word.
pub(crate) fn is_adts(data: &[u8]) -> bool {
    matches!(data, [0xff, b, ..] if b & 0xf6 == 0xf0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulaw_codes() {
        // Known codes of G.711: silence, the extremes, one segment border.
        for (sample, code) in [(0, 0xff), (-1, 0x7f), (32_635, 0x80), (i16::MIN, 0x00), (1000, 0xce)] {
            assert_eq!(ulaw(sample), code, "{sample}");
        }
        assert_eq!(tone().units.len(), 50);
        assert_eq!(tone().loop_ticks, 8000);
    }

    fn adts(payload: &[u8]) -> Vec<u8> {
        let len = payload.len() + 7;
        let mut f =
            vec![0xff, 0xf1, 0x4c, 0x80 | (len >> 11) as u8, (len >> 3) as u8, (len << 5) as u8 | 0x1f, 0xfc];
        f.extend(payload);
        f
    }

    #[test]
    fn adts_frames() {
        let m = parse_adts(&[adts(&[1, 2, 3]), adts(&[4])].concat()).unwrap();
        assert_eq!((m.clock_hz, m.channels), (48_000, 2));
        assert_eq!(m.config, [vec![0x11, 0x90]]);
        assert_eq!(m.units[0].parts, [vec![1, 2, 3]]);
        assert_eq!(m.loop_ticks, 2048);
        let frame = adts(&[1, 2, 3]);
        for cut in 0..frame.len() {
            assert!(parse_adts(&frame[..cut]).is_err(), "cut at {cut}");
        }
        assert!(parse_adts(&[0xff, 0xf1, 0x4c, 0x80, 0, 0, 0]).is_err(), "frame length 0");
    }
}
