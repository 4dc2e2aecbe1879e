//! Retina's stream parameters as formats, and what a unit's bytes say of themselves.
//!
//! Promises: pure; nothing here trusts the bytes; a format that cannot be recorded is none.
//! Leaves to others: getting the parameters (`rtsp`), new epochs when they change (`assembler`).
//!
//! Sources: avcC and hvcC as retina makes them (ISO/IEC 14496-15 §5.3.3, §8.3.3); H.264 §E.1.1
//! `max_num_reorder_frames`; H.265 §7.3.2.2 `sps_max_num_reorder_pics`; NAL types H.264 table 7-1, H.265 table 7-1.

use crate::reorder::REORDER_MAX;
use h264_reader::nal::sps::SeqParameterSet;
use h264_reader::rbsp::{BitRead, BitReader, BitReaderError, ByteReader};
use nvr_base::{AudioFormat, Codec, VideoFormat};
use retina::codec::{AudioParameters, VideoParameters, VideoParametersCodec};
use std::num::NonZeroUsize;

/// Profile, tier and level of the general layer, in bits (H.265 §7.3.3).
const H265_GENERAL_PROFILE_BITS: u32 = 2 + 1 + 5 + 32 + 4 + 43 + 1 + 8;
/// Most sub-layers that a sequence parameter set may have (H.265 §7.4.3.2.1).
const H265_SUB_LAYERS_MAX: u32 = 7;

/// The codec that RTP calls `encoding`, when it is one that is recorded.
pub fn codec(encoding: &str) -> Option<Codec> {
    match encoding {
        "h264" => Some(Codec::H264),
        "h265" => Some(Codec::H265),
        "jpeg" => Some(Codec::Mjpeg),
        "mpeg4-generic" => Some(Codec::Aac),
        "pcmu" => Some(Codec::Ulaw),
        "pcma" => Some(Codec::Alaw),
        _ => None,
    }
}

/// A video track's format; `None` when a size or codec is none that can be written.
pub fn video(params: &VideoParameters) -> Option<VideoFormat> {
    let (codec, config, reorder_depth) = match params.codec_params() {
        VideoParametersCodec::H264 { sps, .. } => {
            (Codec::H264, params.extra_data().to_vec(), h264_reorder_depth(sps))
        }
        VideoParametersCodec::H265 { sps, .. } => {
            (Codec::H265, params.extra_data().to_vec(), h265_reorder_depth(sps))
        }
        VideoParametersCodec::Jpeg => (Codec::Mjpeg, Vec::new(), 0),
        _ => return None,
    };
    let (width, height) = params.pixel_dimensions();
    let (width, height) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
    (width > 0 && height > 0).then_some(VideoFormat { codec, width, height, config, reorder_depth })
}

/// An audio track's format; `None` when it is no codec that is recorded.
pub fn audio(encoding: &str, params: &AudioParameters) -> Option<AudioFormat> {
    let codec = codec(encoding)?;
    let config = match codec {
        Codec::Aac if !params.extra_data().is_empty() => params.extra_data().to_vec(),
        // RFC 3551 §4.5.14: G.711 may have any rate; its sample entries mean 8 kHz.
        Codec::Ulaw | Codec::Alaw if params.clock_rate() == 8_000 => Vec::new(),
        _ => return None,
    };
    Some(AudioFormat { codec, rate_hz: params.clock_rate(), channels: params.channels().get(), config })
}

/// Whether a decoder can start at this access unit; `None` when it holds no coded picture at all.
pub fn key(codec: Codec, unit: &[u8]) -> Option<bool> {
    let mut key = None;
    let mut rest = unit;
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (nal, tail) = tail.split_at(length.min(tail.len()));
        rest = tail;
        let Some(first) = nal.first() else { continue };
        let picture = match codec {
            Codec::H264 => match first & 0x1f {
                5 => Some(true),
                1..=4 => Some(false),
                _ => None,
            },
            Codec::H265 => match (first >> 1) & 0x3f {
                16..=23 => Some(true),
                0..=15 => Some(false),
                _ => None,
            },
            _ => return (!unit.is_empty()).then_some(true),
        };
        if let Some(picture) = picture {
            // One slice that is no key makes the picture none.
            key = Some(key.unwrap_or(true) && picture);
        }
    }
    match codec {
        Codec::H264 | Codec::H265 => key,
        _ => (!unit.is_empty()).then_some(true),
    }
}

/// `max_num_reorder_frames` of an H.264 SPS NAL unit, 0 when it does not say or cannot be read.
pub fn h264_reorder_depth(sps: &[u8]) -> u8 {
    let reader = BitReader::new(ByteReader::skipping_h264_header(sps));
    let depth = SeqParameterSet::from_bits(reader)
        .ok()
        .and_then(|sps| sps.vui_parameters)
        .and_then(|vui| vui.bitstream_restrictions)
        .map_or(0, |limits| limits.max_num_reorder_frames);
    cut(depth)
}

/// `sps_max_num_reorder_pics` of the highest sub-layer of an H.265 SPS NAL unit, 0 when it cannot be read.
pub fn h265_reorder_depth(sps: &[u8]) -> u8 {
    read_h265_reorder_depth(sps).map_or(0, cut)
}

fn cut(depth: u32) -> u8 {
    u8::try_from(depth).unwrap_or(u8::MAX).min(REORDER_MAX)
}

fn read_h265_reorder_depth(sps: &[u8]) -> Result<u32, BitReaderError> {
    const HEADER: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);
    let mut r = BitReader::new(ByteReader::skipping_bytes(sps, HEADER));
    r.skip(4, "sps_video_parameter_set_id")?;
    let sub_layers = r.read::<u8>(3, "sps_max_sub_layers_minus1")?;
    let sub_layers = u32::from(sub_layers).min(H265_SUB_LAYERS_MAX - 1);
    r.skip(1, "sps_temporal_id_nesting_flag")?;
    skip_profile_tier_level(&mut r, sub_layers)?;
    r.read_ue("sps_seq_parameter_set_id")?;
    if r.read_ue("chroma_format_idc")? == 3 {
        r.skip(1, "separate_colour_plane_flag")?;
    }
    r.read_ue("pic_width_in_luma_samples")?;
    r.read_ue("pic_height_in_luma_samples")?;
    if r.read_bool("conformance_window_flag")? {
        for _ in 0..4 {
            r.read_ue("conf_win_offset")?;
        }
    }
    r.read_ue("bit_depth_luma_minus8")?;
    r.read_ue("bit_depth_chroma_minus8")?;
    r.read_ue("log2_max_pic_order_cnt_lsb_minus4")?;
    let all = r.read_bool("sps_sub_layer_ordering_info_present_flag")?;
    let mut depth = 0;
    for _ in if all { 0 } else { sub_layers }..=sub_layers {
        r.read_ue("sps_max_dec_pic_buffering_minus1")?;
        depth = r.read_ue("sps_max_num_reorder_pics")?;
        r.read_ue("sps_max_latency_increase_plus1")?;
    }
    Ok(depth)
}

fn skip_profile_tier_level(r: &mut impl BitRead, sub_layers: u32) -> Result<(), BitReaderError> {
    r.skip(H265_GENERAL_PROFILE_BITS, "general_profile_tier_level")?;
    let mut present = Vec::with_capacity(H265_SUB_LAYERS_MAX as usize);
    for _ in 0..sub_layers {
        let profile = r.read_bool("sub_layer_profile_present_flag")?;
        present.push((profile, r.read_bool("sub_layer_level_present_flag")?));
    }
    if sub_layers > 0 {
        r.skip(2 * (8 - sub_layers), "reserved_zero_2bits")?;
    }
    for (profile, level) in present {
        r.skip(if profile { 88 } else { 0 }, "sub_layer_profile")?;
        r.skip(if level { 8 } else { 0 }, "sub_layer_level_idc")?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
