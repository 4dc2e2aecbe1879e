//! Plates with letters on them, and where there is room for them.
//!
//! Promises: a plate lies inside the picture, and its text is cut to fit, never the plate; beside a thing it covers no
//!   other plate, and other things only when it is as short as can be; without room there is none.
//! Leaves to others: what the letters say (`draw`).

use super::canvas::{Canvas, Zoomed};
use super::colour::letters_on;
use embedded_graphics::mono_font::iso_8859_1::{FONT_6X10, FONT_7X13_BOLD, FONT_9X15_BOLD, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{DrawTarget, Drawable, OriginDimensions, Point, Size};
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::text::{Baseline, Text};

/// Sizes of letters and strokes for a picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    font: &'static MonoFont<'static>,
    zoom: u32,
    /// Width of a stroke that matters, pixels.
    pub(super) thick: u32,
    /// Width of one that matters less.
    pub(super) thin: u32,
}

impl Style {
    /// For a picture of `size`: about fifty lines of letters would fit one above the other, half as many in small ones.
    pub(super) fn of(size: Size) -> Self {
        let (font, zoom, thick) = match size.width.min(size.height) {
            ..300 => (&FONT_6X10, 1, 2),
            300..600 => (&FONT_7X13_BOLD, 1, 2),
            600..900 => (&FONT_9X15_BOLD, 1, 3),
            900..1500 => (&FONT_10X20, 1, 4),
            _ => (&FONT_10X20, 2, 6),
        };
        Self { font, zoom, thick, thin: (thick / 2).max(1) }
    }

    /// Lines of alerts at the top: small pictures have little room.
    pub(super) fn banners(self) -> usize {
        if self.plate_height() < 14 { 2 } else { 4 }
    }

    fn padding(self) -> u32 {
        self.thin
    }

    fn advance(self) -> u32 {
        (self.font.character_size.width + self.font.character_spacing) * self.zoom
    }

    /// Height of a plate, pixels.
    pub(super) fn plate_height(self) -> u32 {
        self.font.character_size.height * self.zoom + 2 * self.padding()
    }
}

/// Plates laid so far.
#[derive(Debug)]
pub(super) struct Plates {
    style: Style,
    picture: Size,
    taken: Vec<Rectangle>,
    /// What had better stay in sight.
    things: Vec<Rectangle>,
}

/// A thing of more than one part in so many of the picture cannot be kept in sight.
const THING_SHARE: u64 = 16;

impl Plates {
    /// None yet.
    pub(super) fn new(style: Style, picture: Size) -> Self {
        Self { style, picture, taken: Vec::new(), things: Vec::new() }
    }

    /// Lays a plate with its upper left corner at `at`, moved so far that it is in the picture.
    pub(super) fn at(&mut self, canvas: &mut Canvas, at: Point, text: &str, colour: Rgb888) {
        let text = self.cut(text);
        let plate = self.inside(Rectangle::new(at, self.size(&text)));
        self.lay(canvas, plate, &text, colour);
    }

    /// A thing that had better stay in sight.
    pub(super) fn keep_in_sight(&mut self, thing: Rectangle) {
        let area = |size: Size| u64::from(size.width) * u64::from(size.height);
        if area(thing.size) * THING_SHARE <= area(self.picture) {
            self.things.push(thing);
        }
    }

    /// Lays a plate beside `thing`: the first of `texts`, longest first, for which there is room; false without any.
    pub(super) fn beside(
        &mut self,
        canvas: &mut Canvas,
        thing: Rectangle,
        texts: &[String],
        colour: Rgb888,
    ) -> bool {
        let in_sight = |plates: &Self, plate: &Rectangle| {
            plates.things.iter().all(|other| *other == thing || other.intersection(plate).is_zero_sized())
        };
        let spot = thing.intersection(&Rectangle::new(Point::zero(), self.picture));
        let spot = if spot.is_zero_sized() { thing } else { spot };
        let shortest = texts.last().into_iter().map(|text| (text, false));
        for (text, keeps) in texts.iter().map(|text| (text, true)).chain(shortest) {
            let text = self.cut(text);
            let size = self.size(&text);
            let mut found = places(spot, size).map(|at| Rectangle::new(at, size));
            if let Some(plate) = found.find(|p| self.is_free(p) && (!keeps || in_sight(self, p))) {
                self.lay(canvas, plate, &text, colour);
                return true;
            }
        }
        false
    }

    fn is_free(&self, plate: &Rectangle) -> bool {
        let picture = Rectangle::new(Point::zero(), self.picture);
        picture.intersection(plate) == *plate
            && self.taken.iter().all(|taken| taken.intersection(plate).is_zero_sized())
    }

    fn lay(&mut self, canvas: &mut Canvas, plate: Rectangle, text: &str, colour: Rgb888) {
        let Ok(()) = canvas.fill_solid(&plate, colour);
        let padding = i32::try_from(self.style.padding()).unwrap_or(1);
        let origin = plate.top_left + Point::new(2 * padding, padding);
        let letters = MonoTextStyle::new(self.style.font, letters_on(colour));
        let mut zoomed = Zoomed { canvas, origin, zoom: self.style.zoom };
        let Ok(_) = Text::with_baseline(text, Point::zero(), letters, Baseline::Top).draw(&mut zoomed);
        self.taken.push(plate);
    }

    fn size(&self, text: &str) -> Size {
        let chars = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let width = chars.saturating_mul(self.style.advance()) + 4 * self.style.padding();
        Size::new(width, self.style.plate_height())
    }

    /// As much of `text` as fits into the picture's width; two dots stand for the rest.
    fn cut(&self, text: &str) -> String {
        let room = self.picture.width.saturating_sub(4 * self.style.padding()) / self.style.advance().max(1);
        let room = room as usize;
        if text.chars().count() <= room {
            return text.to_owned();
        }
        text.chars().take(room.saturating_sub(2)).chain("..".chars().take(room)).collect()
    }

    fn inside(&self, plate: Rectangle) -> Rectangle {
        let far = |picture: u32, own: u32| i32::try_from(picture.saturating_sub(own)).unwrap_or(0);
        let x = plate.top_left.x.clamp(0, far(self.picture.width, plate.size.width));
        let y = plate.top_left.y.clamp(0, far(self.picture.height, plate.size.height));
        Rectangle::new(Point::new(x, y), plate.size)
    }
}

/// Where a plate may stand at a thing: above it, below, inside at the top and bottom, and these to its other side.
fn places(thing: Rectangle, size: Size) -> impl Iterator<Item = Point> {
    let (width, height) = (size.width.cast_signed(), size.height.cast_signed());
    let left = thing.top_left.x;
    let right = left + thing.size.width.cast_signed();
    let top = thing.top_left.y;
    let bottom = top + thing.size.height.cast_signed();
    let rows = [top - height, bottom, top, bottom - height];
    let columns = [left, right - width];
    let along = rows.into_iter().flat_map(move |y| columns.into_iter().map(move |x| Point::new(x, y)));
    along.chain([Point::new(right, top), Point::new(left - width, top)])
}

/// A picture's plates, empty.
pub(super) fn plates(canvas: &Canvas) -> (Style, Plates) {
    let style = Style::of(canvas.size());
    (style, Plates::new(style, canvas.size()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::pixelcolor::RgbColor;

    /// Lays plates of these texts beside one thing in 320 × 240; where they are, and that no letter is lost.
    fn check(thing: (i32, i32, u32, u32), texts: &[&[&str]], expected: &[(i32, i32, u32)]) {
        let mut canvas = Canvas::new(320, 240, Vec::new());
        let (_, mut plates) = plates(&canvas);
        let thing = Rectangle::new(Point::new(thing.0, thing.1), Size::new(thing.2, thing.3));
        for texts in texts {
            let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
            plates.beside(&mut canvas, thing, &texts, Rgb888::RED);
        }
        let got: Vec<_> =
            plates.taken.iter().map(|plate| (plate.top_left.x, plate.top_left.y, plate.size.width)).collect();
        assert_eq!(got, expected, "{texts:?}");
    }

    #[test]
    fn plates_find_room() {
        check((50, 50, 30, 60), &[&["person"]], &[(50, 38, 40)]);
        check((50, 50, 30, 60), &[&["person"], &["person"]], &[(50, 38, 40), (50, 110, 40)]);
        check((50, 5, 30, 60), &[&["person"]], &[(50, 65, 40)]);
        check((300, 50, 20, 60), &[&["person"]], &[(280, 38, 40)]);
        check((-20, -20, 900, 900), &[&["person"]], &[(0, 0, 40)]);
        check((0, 0, 320, 240), &[&["person"]], &[(0, 0, 40)]);
        let long = "x".repeat(100);
        check((50, 50, 30, 60), &[&[long.as_str(), "#1"]], &[(50, 38, 16)]);
        check((50, 50, 30, 60), &[&[long.as_str()]], &[]);
    }

    #[test]
    fn other_things_stay_in_sight() {
        let mut canvas = Canvas::new(320, 240, Vec::new());
        let (_, mut plates) = plates(&canvas);
        let thing = |x, y| Rectangle::new(Point::new(x, y), Size::new(20, 40));
        let (own, above) = (thing(100, 100), thing(105, 60));
        [own, above].into_iter().for_each(|thing| plates.keep_in_sight(thing));
        plates.keep_in_sight(Rectangle::new(Point::zero(), canvas.size()));
        assert!(plates.beside(&mut canvas, own, &["person".to_owned()], Rgb888::RED));
        assert_eq!(plates.taken, [Rectangle::new(Point::new(100, 140), Size::new(40, 12))]);
    }

    #[test]
    fn letters_grow_with_the_picture() {
        for (width, height, expected) in
            [(320, 240, 12), (640, 360, 15), (1280, 720, 17), (1920, 1080, 24), (3840, 2160, 46)]
        {
            assert_eq!(Style::of(Size::new(width, height)).plate_height(), expected);
        }
    }
}
