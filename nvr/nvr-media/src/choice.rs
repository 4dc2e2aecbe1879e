//! Which of the formats, sizes and rates that a device offers is captured.
//!
//! Promises: pure; the same offer and wish give the same choice.
//! Leaves to others: asking the device (`device`), setting what was chosen.

/// Width when nothing is wished: larger pictures must be asked for.
const WIDTH_DEFAULT: u32 = 1920;
/// Height when nothing is wished.
const HEIGHT_DEFAULT: u32 = 1080;
/// Frames per second when nothing is wished.
const FPS_DEFAULT: u32 = 25;

/// How a pixel format becomes samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// The device's H.264, stored as it is.
    H264,
    /// The device's JPEG pictures, stored as they are.
    Mjpeg,
    /// Raw pictures, encoded here.
    Raw,
}

/// Raw formats that are encoded, best first: nearest to what encoders take, then fewest bytes.
/// The second name is GStreamer's (`GstVideoFormat`).
pub const RAW_FORMATS: [(&[u8; 4], &str); 10] = [
    (b"NV12", "NV12"),
    (b"YU12", "I420"),
    (b"YUYV", "YUY2"),
    (b"UYVY", "UYVY"),
    (b"YVYU", "YVYU"),
    (b"NV21", "NV21"),
    (b"YV12", "YV12"),
    (b"GREY", "GRAY8"),
    (b"RGB3", "RGB"),
    (b"BGR3", "BGR"),
];

/// The path of a pixel format; `None`: not recorded.
pub fn path(fourcc: [u8; 4]) -> Option<Path> {
    match &fourcc {
        b"H264" => Some(Path::H264),
        b"MJPG" | b"JPEG" => Some(Path::Mjpeg),
        raw => RAW_FORMATS.iter().any(|(name, _)| *name == raw).then_some(Path::Raw),
    }
}

/// Sizes in pixels that a device offers for a pixel format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// One size.
    One(u32, u32),
    /// Every size from the first to the second in steps of the third (width, height).
    Range((u32, u32), (u32, u32), (u32, u32)),
}

/// One offer: a pixel format in a size, and its highest rate where the device says one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// V4L2 pixel format.
    pub fourcc: [u8; 4],
    /// Size or range of sizes.
    pub sizes: Sizes,
    /// Frames per second at most, in hundredths; 0 when unknown.
    pub fps_max_hundredths: u32,
}

/// What is wished for; zeros mean the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// Frames per second.
    pub fps: u16,
    /// V4L2 pixel format.
    pub fourcc: Option<[u8; 4]>,
}

/// What is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// V4L2 pixel format.
    pub fourcc: [u8; 4],
    /// How it becomes samples.
    pub path: Path,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames per second to ask the device for.
    pub fps: u32,
}

/// The best offer for the wish: first the nearest size (not larger, if one is offered), then a rate that is high
/// enough, then H.264 before MJPEG before raw, then the order of [`RAW_FORMATS`].
pub fn choose(offers: &[Offer], wish: Wish) -> Option<Choice> {
    let width = if wish.width == 0 { WIDTH_DEFAULT } else { wish.width.into() };
    let height = if wish.height == 0 { HEIGHT_DEFAULT } else { wish.height.into() };
    let fps = if wish.fps == 0 { FPS_DEFAULT } else { wish.fps.into() };
    let rated = offers.iter().filter_map(|offer| {
        let path = path(offer.fourcc)?;
        let wanted = wish.fourcc.is_none_or(|fourcc| fourcc == offer.fourcc);
        let (w, h) = nearest(offer.sizes, width, height);
        if !wanted || w == 0 || h == 0 {
            return None;
        }
        let fits = w <= width && h <= height;
        let area = u64::from(w) * u64::from(h);
        // Too large costs more than too small: below the wish larger is better, above it smaller is.
        let size_rank = if fits { (0, u64::MAX - area) } else { (1, area) };
        let offered = offer.fps_max_hundredths;
        let missing = if offered == 0 { 0 } else { (fps * 100).saturating_sub(offered) };
        let order = match path {
            Path::H264 => 0,
            Path::Mjpeg => 1,
            Path::Raw => 2 + RAW_FORMATS.iter().position(|(name, _)| **name == offer.fourcc).unwrap_or(0),
        };
        let asked = if offered == 0 { fps } else { fps.min(offered.div_ceil(100)).max(1) };
        let choice = Choice { fourcc: offer.fourcc, path, width: w, height: h, fps: asked };
        Some(((size_rank, missing, order), choice))
    });
    rated.min_by_key(|(rank, _)| *rank).map(|(_, choice)| choice)
}

fn nearest(sizes: Sizes, width: u32, height: u32) -> (u32, u32) {
    let step_down = |wish: u32, min: u32, max: u32, step: u32| {
        let value = wish.clamp(min, max.max(min));
        value - (value - min) % step.max(1)
    };
    match sizes {
        Sizes::One(w, h) => (w, h),
        Sizes::Range(min, max, step) => {
            (step_down(width, min.0, max.0, step.0), step_down(height, min.1, max.1, step.1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(fourcc: &[u8; 4], w: u32, h: u32, fps: u32) -> Offer {
        Offer { fourcc: *fourcc, sizes: Sizes::One(w, h), fps_max_hundredths: fps * 100 }
    }

    fn check(
        offers: &[Offer],
        wish: (u16, u16, u16, Option<&[u8; 4]>),
        expected: Option<(&str, u32, u32, u32)>,
    ) {
        let wish = Wish { width: wish.0, height: wish.1, fps: wish.2, fourcc: wish.3.copied() };
        let got = choose(offers, wish).map(|c| (String::from_utf8(c.fourcc.to_vec()).unwrap(), c));
        let got = got.as_ref().map(|(name, c)| (name.as_str(), c.width, c.height, c.fps));
        assert_eq!(got, expected, "{wish:?}");
    }

    #[test]
    fn a_webcam_with_jpeg_and_raw() {
        let webcam = [
            one(b"YUYV", 640, 480, 30),
            one(b"YUYV", 1920, 1080, 5),
            one(b"MJPG", 640, 480, 30),
            one(b"MJPG", 1920, 1080, 30),
            one(b"MJPG", 3840, 2160, 15),
        ];
        check(&webcam, (0, 0, 0, None), Some(("MJPG", 1920, 1080, 25)));
        check(&webcam, (0, 0, 0, Some(b"YUYV")), Some(("YUYV", 1920, 1080, 5)));
        check(&webcam, (640, 480, 10, Some(b"YUYV")), Some(("YUYV", 640, 480, 10)));
        check(&webcam, (640, 480, 60, None), Some(("MJPG", 640, 480, 30)));
        check(&webcam, (4000, 3000, 0, None), Some(("MJPG", 3840, 2160, 15)));
        check(&webcam, (1280, 720, 0, None), Some(("MJPG", 640, 480, 25)));
        check(&webcam, (320, 240, 0, Some(b"MJPG")), Some(("MJPG", 640, 480, 25)));
        check(&webcam, (0, 0, 0, Some(b"H264")), None);
    }

    #[test]
    fn devices_that_encode_and_devices_that_offer_ranges() {
        let encoder = [one(b"MJPG", 1920, 1080, 30), one(b"H264", 1920, 1080, 30)];
        check(&encoder, (0, 0, 0, None), Some(("H264", 1920, 1080, 25)));
        check(&encoder, (0, 0, 0, Some(b"MJPG")), Some(("MJPG", 1920, 1080, 25)));
        let range = Sizes::Range((48, 32), (1600, 1200), (16, 8));
        let grabber = [
            Offer { fourcc: *b"BGR3", sizes: range, fps_max_hundredths: 0 },
            Offer { fourcc: *b"NV12", sizes: range, fps_max_hundredths: 0 },
        ];
        check(&grabber, (0, 0, 0, None), Some(("NV12", 1600, 1080, 25)));
        check(&grabber, (650, 365, 10, Some(b"NV12")), Some(("NV12", 640, 360, 10)));
        check(&grabber, (1, 1, 0, None), Some(("NV12", 48, 32, 25)));
    }

    #[test]
    fn offers_nobody_can_use() {
        check(&[], (0, 0, 0, None), None);
        check(&[one(b"XYZW", 640, 480, 30)], (0, 0, 0, None), None);
        check(&[one(b"YUYV", 0, 480, 30)], (0, 0, 0, None), None);
        let broken =
            Offer { fourcc: *b"YUYV", sizes: Sizes::Range((64, 64), (0, 0), (0, 0)), fps_max_hundredths: 1 };
        check(&[broken], (0, 0, 0, None), Some(("YUYV", 64, 64, 1)));
    }

    #[test]
    fn all_raw_formats_are_known() {
        for (fourcc, _) in RAW_FORMATS {
            assert_eq!(path(*fourcc), Some(Path::Raw));
        }
        assert_eq!(path(*b"HEVC"), None);
    }
}
