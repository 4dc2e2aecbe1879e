//! What is drawn on a frame: masks, zones, lines, trails, boxes, alerts, time.
//!
//! Promises: pure; what matters more lies above what matters less, alerts on top; text stays in the picture.
//! Leaves to others: which overlay a frame has (`show`), letters (`label`).

use super::canvas::Canvas;
use super::colour::{self, ALERT, MASK, PLATE, RULE};
use super::label::{Plates, Style, plates};
use super::show::Show;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{Drawable, OriginDimensions, Point, Primitive, Size};
use embedded_graphics::primitives::{
    Line, PrimitiveStyle, PrimitiveStyleBuilder, Rectangle, StrokeAlignment, Triangle,
};
use nvr_base::overlay::{Flag, Head, Mark, Overlay, Shape};
use nvr_base::{Point as At, Polygon, Rect};

/// Share of 256 with which a mask is tinted.
const MASK_SHARE: u16 = 170;
/// Share of 256 with which a zone is tinted.
const ZONE_SHARE: u16 = 28;
/// Length of an arrow without its head, in widths of a thick stroke.
const ARROW: f32 = 10.0;
/// Length of its head, the same.
const ARROW_HEAD: f32 = 4.0;

/// Draws everything that belongs to the frame at `at_us`.
pub(super) fn draw<R>(canvas: &mut Canvas, head: &Head, show: &Show<R>, at_us: i64) {
    let (style, plates) = plates(canvas);
    let mut pen = Pen { canvas, style, plates };
    head.masks.iter().for_each(|mask| pen.mask(mask));
    head.shapes.iter().for_each(|shape| pen.shape(shape));
    for trail in show.trails() {
        let points = trail.points.iter().map(|(_, at)| *at);
        pen.path(points, colour::of(trail.label), style.thin);
    }
    let nothing = Overlay::default();
    let overlay = show.overlay().unwrap_or(&nothing);
    overlay.marks.iter().for_each(|mark| pen.mark(mark));
    overlay.flags.iter().for_each(|flag| pen.frame(flag.rect, ALERT, style.thick + style.thin));
    let rects = overlay.marks.iter().map(|mark| mark.rect).chain(overlay.flags.iter().map(|flag| flag.rect));
    rects.for_each(|rect| pen.plates.keep_in_sight(pen.rectangle(rect)));
    // Plates that stay where they are come first, those of boxes make way.
    pen.banners(overlay);
    pen.foot(overlay, at_us);
    head.shapes.iter().for_each(|shape| pen.name(shape));
    overlay.flags.iter().for_each(|flag| pen.flag(flag, head));
    overlay.marks.iter().for_each(|mark| pen.caption(mark));
}

struct Pen<'a> {
    canvas: &'a mut Canvas,
    style: Style,
    plates: Plates,
}

impl Pen<'_> {
    /// The pixel at a place of the picture.
    fn px(&self, at: At) -> Point {
        let Size { width, height } = self.canvas.size();
        let px = |share: f32, side: u32| (share * side.saturating_sub(1) as f32).round() as i32;
        Point::new(px(at.x, width), px(at.y, height))
    }

    fn rectangle(&self, rect: Rect) -> Rectangle {
        let corner = At { x: rect.right(), y: rect.bottom() };
        Rectangle::with_corners(self.px(At { x: rect.x, y: rect.y }), self.px(corner))
    }

    fn line(&mut self, from: Point, to: Point, colour: Rgb888, width: u32) {
        let Ok(()) =
            Line::new(from, to).into_styled(PrimitiveStyle::with_stroke(colour, width)).draw(self.canvas);
    }

    fn path(&mut self, points: impl Iterator<Item = At>, colour: Rgb888, width: u32) {
        let points: Vec<_> = points.map(|at| self.px(at)).collect();
        for pair in points.windows(2) {
            if let [from, to] = pair {
                self.line(*from, *to, colour, width);
            }
        }
    }

    fn frame(&mut self, rect: Rect, colour: Rgb888, width: u32) {
        let style = PrimitiveStyleBuilder::new()
            .stroke_color(colour)
            .stroke_width(width)
            .stroke_alignment(StrokeAlignment::Inside)
            .build();
        let Ok(()) = self.rectangle(rect).into_styled(style).draw(self.canvas);
    }

    fn polygon(&mut self, polygon: &Polygon, colour: Rgb888, share: u16) {
        let points: Vec<_> = polygon.0.iter().map(|at| self.px(*at)).collect();
        self.canvas.tint(&points, colour, share);
        let closed = polygon.0.iter().chain(polygon.0.first()).copied();
        self.path(closed, colour, self.style.thin);
    }

    fn mask(&mut self, mask: &Polygon) {
        self.polygon(mask, MASK, MASK_SHARE);
    }

    fn shape(&mut self, shape: &Shape) {
        if let Some(zone) = &shape.zone {
            self.polygon(zone, RULE, ZONE_SHARE);
        }
        if let Some(line) = &shape.line {
            let (a, b) = (self.px(line.a), self.px(line.b));
            self.line(a, b, RULE, self.style.thick);
            // To the right of someone walking along it, in a picture whose y points down (see `Line::side`).
            let forward = ((a.y - b.y) as f32, (b.x - a.x) as f32);
            let middle = (a + b) / 2;
            for (wanted, sign) in [(shape.directions.0, 1.0), (shape.directions.1, -1.0)] {
                if wanted {
                    self.arrow(middle, (forward.0 * sign, forward.1 * sign));
                }
            }
        }
        if let Some(allowed) = shape.allowed {
            let middle = self.middle(shape);
            let Size { width, height } = self.canvas.size();
            self.arrow(middle, (allowed.x * width as f32, allowed.y * height as f32));
        }
    }

    /// An arrow from `from` along `towards`.
    fn arrow(&mut self, from: Point, towards: (f32, f32)) {
        let length = towards.0.hypot(towards.1);
        if length.is_nan() || length <= 0.0 {
            return;
        }
        let thick = self.style.thick as f32;
        let (x, y) = (towards.0 / length * thick, towards.1 / length * thick);
        let at = |along: f32, aside: f32| {
            from + Point::new((x * along - y * aside).round() as i32, (y * along + x * aside).round() as i32)
        };
        self.line(from, at(ARROW, 0.0), RULE, self.style.thick);
        let head = Triangle::new(
            at(ARROW + ARROW_HEAD, 0.0),
            at(ARROW, ARROW_HEAD / 2.0),
            at(ARROW, -ARROW_HEAD / 2.0),
        );
        let Ok(()) = head.into_styled(PrimitiveStyle::with_fill(RULE)).draw(self.canvas);
    }

    /// Some place inside: the middle of the zone's points.
    fn middle(&self, shape: &Shape) -> Point {
        let whole = Polygon::picture();
        let points = &shape.zone.as_ref().filter(|zone| !zone.0.is_empty()).unwrap_or(&whole).0;
        let n = points.len() as f32;
        let sum = |of: fn(&At) -> f32| points.iter().map(of).sum::<f32>() / n;
        self.px(At { x: sum(|p| p.x), y: sum(|p| p.y) })
    }

    /// The rule's name: at the upper left of its zone, else at the line's beginning.
    fn name(&mut self, shape: &Shape) {
        let upper = |points: &[At]| points.iter().copied().min_by(|a, b| (a.x + a.y).total_cmp(&(b.x + b.y)));
        let zone = shape.zone.as_ref().and_then(|zone| upper(&zone.0));
        let Some(corner) = zone.or(shape.line.map(|line| line.a)) else { return };
        let spot = Rectangle::new(self.px(corner), Size::new(1, 1));
        if !self.plates.beside(self.canvas, spot, std::slice::from_ref(&shape.name), RULE) {
            self.plates.at(self.canvas, spot.top_left, &shape.name, RULE);
        }
    }

    fn mark(&mut self, mark: &Mark) {
        let width = if mark.observed { self.style.thick } else { self.style.thin };
        self.frame(mark.rect, colour::of(mark.label), width);
    }

    fn caption(&mut self, mark: &Mark) {
        let (name, id) = (mark.label.name(), mark.id);
        let whole = format!("{name} {:.2} #{id}", mark.score);
        let texts = [whole, format!("{:.2} #{id}", mark.score), format!("#{id}")];
        self.plates.beside(self.canvas, self.rectangle(mark.rect), &texts, colour::of(mark.label));
    }

    fn flag(&mut self, flag: &Flag, head: &Head) {
        let name = head.shapes.get(usize::from(flag.rule)).map_or("", |shape| shape.name.as_str());
        self.plates.beside(self.canvas, self.rectangle(flag.rect), &[name.to_owned()], ALERT);
    }

    /// Alerts in words, at the top; those that read the same on one line.
    fn banners(&mut self, overlay: &Overlay) {
        let mut lines: Vec<(&str, usize)> = Vec::new();
        for flag in &overlay.flags {
            match lines.iter_mut().find(|(text, _)| *text == flag.text) {
                Some((_, n)) => *n += 1,
                None => lines.push((&flag.text, 1)),
            }
        }
        let shown = lines.len().min(self.style.banners());
        let (shown, rest) = lines.split_at(shown);
        let rest = rest.iter().map(|(_, n)| n).sum::<usize>() + overlay.more as usize;
        let many = |(text, n): &(&str, usize)| match n {
            1 => (*text).to_owned(),
            n => format!("{n} × {text}"),
        };
        let mut y = 0;
        for text in shown.iter().map(many).chain((rest > 0).then(|| format!("+ {rest}"))) {
            self.plates.at(self.canvas, Point::new(0, y), &text, ALERT);
            y += self.style.plate_height().cast_signed();
        }
    }

    /// The time, and above it the notes, at the bottom.
    fn foot(&mut self, overlay: &Overlay, at_us: i64) {
        let lines = std::iter::once(clock(at_us)).chain(overlay.notes.iter().rev().cloned());
        let mut y = self.canvas.size().height.cast_signed();
        for text in lines {
            y -= self.style.plate_height().cast_signed();
            self.plates.at(self.canvas, Point::new(0, y), &text, PLATE);
        }
    }
}

/// Media time: `1:02:03.456`, `2:03.456`.
fn clock(at_us: i64) -> String {
    let ms = at_us.max(0).saturating_add(500) / 1000;
    let (s, m, h) = (ms / 1000 % 60, ms / 60_000 % 60, ms / 3_600_000);
    let minutes = if h > 0 { format!("{h}:{m:02}") } else { m.to_string() };
    format!("{minutes}:{s:02}.{:03}", ms % 1000)
}

#[cfg(test)]
#[path = "draw_tests.rs"]
mod tests;
