//! Tables for NAL types and reorder depths.

use super::*;

/// NAL units with 4-byte lengths; each is its header byte and one more.
fn unit(nals: &[u8]) -> Vec<u8> {
    nals.iter().flat_map(|nal| [0, 0, 0, 2, *nal, 0x80]).collect()
}

#[test]
fn keys() {
    let h264: &[(&[u8], Option<bool>)] = &[
        (&[0x65], Some(true)),
        (&[0x41], Some(false)),
        (&[0x06, 0x65, 0x65], Some(true)),
        (&[0x65, 0x41], Some(false)),
        (&[0x09], None),
        (&[0x06], None),
        (&[], None),
    ];
    for (nals, expected) in h264 {
        assert_eq!(key(Codec::H264, &unit(nals)), *expected, "{nals:02x?}");
    }
    let h265: &[(&[u8], Option<bool>)] =
        &[(&[19 << 1], Some(true)), (&[21 << 1], Some(true)), (&[1 << 1], Some(false)), (&[39 << 1], None)];
    for (nals, expected) in h265 {
        assert_eq!(key(Codec::H265, &unit(nals)), *expected, "{nals:02x?}");
    }
    assert_eq!(key(Codec::Mjpeg, &[0xff, 0xd8]), Some(true));
    assert_eq!(key(Codec::Mjpeg, &[]), None);
}

#[test]
fn torn_units_do_not_panic() {
    for bytes in [&[0u8, 0, 0][..], &[0, 0, 0, 9, 0x65], &[255; 7], &[0; 4], &[0, 0, 0, 0, 0, 0, 0, 1, 0x65]]
    {
        for codec in [Codec::H264, Codec::H265, Codec::Mjpeg, Codec::Aac] {
            let _ = key(codec, bytes);
        }
    }
    assert_eq!(key(Codec::H264, &[0, 0, 0, 0, 0, 0, 0, 1, 0x65]), Some(true), "empty units are passed over");
}

#[test]
fn reorder_depths() {
    for (sps, depth) in H264_SPS {
        assert_eq!(h264_reorder_depth(sps), *depth);
    }
    for (sps, depth) in H265_SPS {
        assert_eq!(h265_reorder_depth(sps), *depth);
    }
    for cut in 0..24 {
        let _ = h264_reorder_depth(H264_SPS[0].0.get(..cut).unwrap());
        let _ = h265_reorder_depth(H265_SPS[0].0.get(..cut).unwrap());
    }
}

/// Sequence parameter sets of x264 without and with two B-frames.
const H264_SPS: &[(&[u8], u8)] = &[
    (
        &[
            0x67, 0x64, 0x00, 0x0d, 0xac, 0xb2, 0x02, 0x83, 0xf6, 0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x20,
            0x00, 0x00, 0x06, 0x41, 0xe2, 0x85, 0x49,
        ],
        0,
    ),
    (
        &[
            0x67, 0x64, 0x00, 0x0d, 0xac, 0xd1, 0x01, 0x41, 0xfb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10,
            0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x42, 0x91, 0x20,
        ],
        1,
    ),
];

/// The same of x265.
const H265_SPS: &[(&[u8], u8)] = &[
    (
        &[
            0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03,
            0x00, 0x3c, 0xa0, 0x0a, 0x08, 0x0f, 0x16, 0x59, 0x2a, 0x49, 0x32, 0xbc, 0x05, 0xa0, 0x20, 0x00,
            0x00, 0x03, 0x00, 0x20, 0x00, 0x00, 0x03, 0x03, 0x21,
        ],
        0,
    ),
    (
        &[
            0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03,
            0x00, 0x3c, 0xa0, 0x0a, 0x08, 0x0f, 0x16, 0x59, 0x11, 0x24, 0x93, 0x2b, 0xc0, 0x5a, 0x02, 0x00,
            0x00, 0x03, 0x00, 0x02, 0x00, 0x00, 0x03, 0x00, 0x32, 0x10,
        ],
        1,
    ),
];
