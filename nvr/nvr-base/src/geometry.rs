//! Geometry in the picture: points, boxes, polygons, lines.
//!
//! Promises: everything is normalised to the picture, 0..1, origin top left, so a sub-stream and a main stream agree;
//! no function panics, and an empty or degenerate shape has area 0 and contains nothing.
//! Leaves to others: limits on what a file may say (`rule`), metres on the ground (`ground`).

use serde::{Deserialize, Serialize};

/// A point; written `[x, y]`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "[f32; 2]", into = "[f32; 2]")]
pub struct Point {
    /// From the left, in picture widths.
    pub x: f32,
    /// From the top, in picture heights.
    pub y: f32,
}

impl From<[f32; 2]> for Point {
    fn from([x, y]: [f32; 2]) -> Self {
        Self { x, y }
    }
}

impl From<Point> for [f32; 2] {
    fn from(point: Point) -> Self {
        [point.x, point.y]
    }
}

impl Point {
    /// Whether it lies in the picture, edges included; false for what is not finite.
    pub fn in_picture(&self) -> bool {
        (0.0..=1.0).contains(&self.x) && (0.0..=1.0).contains(&self.y)
    }
}

/// An upright box; `x`, `y` are its top left corner.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Rect {
    /// Left edge, in picture widths.
    pub x: f32,
    /// Top edge, in picture heights.
    pub y: f32,
    /// Width, in picture widths.
    pub w: f32,
    /// Height, in picture heights.
    pub h: f32,
}

impl Rect {
    /// The box around a centre.
    pub fn around(centre: Point, w: f32, h: f32) -> Self {
        Self { x: centre.x - w / 2.0, y: centre.y - h / 2.0, w, h }
    }

    /// Right edge.
    pub fn right(&self) -> f32 {
        self.x + self.w
    }

    /// Bottom edge.
    pub fn bottom(&self) -> f32 {
        self.y + self.h
    }

    /// Where it stands: the middle of its bottom edge.
    pub fn foot(&self) -> Point {
        Point { x: self.x + self.w / 2.0, y: self.bottom() }
    }

    /// The middle.
    pub fn centre(&self) -> Point {
        Point { x: self.x + self.w / 2.0, y: self.y + self.h / 2.0 }
    }

    /// Share of the picture; 0 when width or height is not positive.
    pub fn area(&self) -> f32 {
        self.w.max(0.0) * self.h.max(0.0)
    }

    /// What both cover; 0 when they do not touch.
    pub fn intersection_area(&self, other: &Rect) -> f32 {
        let w = self.right().min(other.right()) - self.x.max(other.x);
        let h = self.bottom().min(other.bottom()) - self.y.max(other.y);
        w.max(0.0) * h.max(0.0)
    }

    /// Intersection over union, 0..1; 0 when both are empty.
    pub fn iou(&self, other: &Rect) -> f32 {
        let both = self.intersection_area(other);
        let either = self.area() + other.area() - both;
        if either > 0.0 { (both / either).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Whether a point is inside; left and top edge belong to it.
    pub fn contains(&self, p: Point) -> bool {
        p.x >= self.x && p.x < self.right() && p.y >= self.y && p.y < self.bottom()
    }

    /// `[x, y, w, h]`, as alerts print it.
    pub fn to_array(self) -> [f32; 4] {
        [self.x, self.y, self.w, self.h]
    }
}

/// A closed polygon, the last point joined to the first; may be concave. Where it crosses itself, even-odd decides.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Polygon(pub Vec<Point>);

impl Polygon {
    /// The whole picture.
    pub fn picture() -> Self {
        Self([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]].map(Point::from).to_vec())
    }

    /// Whether a point is inside (even-odd ray casting, Shimrat 1962) or on the outline; a foot on the lower edge of
    /// the picture is in a zone that reaches that edge. False with fewer than three points.
    pub fn contains(&self, p: Point) -> bool {
        if self.0.len() < 3 {
            return false;
        }
        let mut inside = false;
        for (a, b) in self.edges() {
            if on_edge(a, b, p) {
                return true;
            }
            if (a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x {
                inside = !inside;
            }
        }
        inside
    }

    /// Its edges in order.
    pub fn edges(&self) -> impl Iterator<Item = (Point, Point)> + '_ {
        let points = &self.0;
        points.iter().copied().zip(points.iter().copied().cycle().skip(1))
    }

    /// Share of the picture by the shoelace formula; 0 with fewer than three points.
    pub fn area(&self) -> f32 {
        if self.0.len() < 3 {
            return 0.0;
        }
        self.edges().map(|(a, b)| a.x * b.y - b.x * a.y).sum::<f32>().abs() / 2.0
    }
}

/// Nearer than this to an edge, in picture widths, is on it: rounding, not geometry.
const EDGE_EPSILON: f32 = 1e-6;

fn on_edge(a: Point, b: Point, p: Point) -> bool {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let length2 = dx * dx + dy * dy;
    let t =
        if length2 > 0.0 { (((p.x - a.x) * dx + (p.y - a.y) * dy) / length2).clamp(0.0, 1.0) } else { 0.0 };
    let (ex, ey) = (p.x - a.x - t * dx, p.y - a.y - t * dy);
    ex * ex + ey * ey <= EDGE_EPSILON * EDGE_EPSILON
}

/// A line from `a` to `b`; written `[[x, y], [x, y]]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "[Point; 2]", into = "[Point; 2]")]
pub struct Line {
    /// Where someone walking along it starts.
    pub a: Point,
    /// Where they end.
    pub b: Point,
}

impl From<[Point; 2]> for Line {
    fn from([a, b]: [Point; 2]) -> Self {
        Self { a, b }
    }
}

impl From<Line> for [Point; 2] {
    fn from(line: Line) -> Self {
        [line.a, line.b]
    }
}

impl Line {
    /// Signed distance of a point from the endless line, in normalised units: positive on the forward side, to the
    /// right of someone walking a→b in the picture as seen (below `[[0,.5],[1,.5]]`), negative behind, 0 on the line
    /// and for a line without length.
    pub fn side(&self, p: Point) -> f32 {
        let (dx, dy) = (self.b.x - self.a.x, self.b.y - self.a.y);
        let length = dx.hypot(dy);
        if length > 0.0 { (dx * (p.y - self.a.y) - dy * (p.x - self.a.x)) / length } else { 0.0 }
    }

    /// Where along the line the point's foot falls: 0 at `a`, 1 at `b`, outside 0..1 beyond the ends.
    pub fn along(&self, p: Point) -> f32 {
        let (dx, dy) = (self.b.x - self.a.x, self.b.y - self.a.y);
        let length2 = dx * dx + dy * dy;
        if length2 > 0.0 { ((p.x - self.a.x) * dx + (p.y - self.a.y) * dy) / length2 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(x: f32, y: f32) -> Point {
        Point { x, y }
    }

    fn inside(polygon: &[[f32; 2]], point: [f32; 2], expected: bool) {
        let polygon = Polygon(polygon.iter().copied().map(Point::from).collect());
        assert_eq!(polygon.contains(point.into()), expected, "{polygon:?} contains {point:?}");
    }

    #[test]
    fn polygons() {
        let square = [[0.0, 0.6], [0.6, 0.6], [0.6, 1.0], [0.0, 1.0]];
        inside(&square, [0.3, 0.8], true);
        inside(&square, [0.7, 0.8], false);
        inside(&square, [0.3, 0.59], false);
        inside(&square, [0.3, 1.0], true); // a foot on the lower edge of the picture
        inside(&square, [0.0, 0.6], true);
        let ell = [[0.0, 0.0], [1.0, 0.0], [1.0, 0.2], [0.2, 0.2], [0.2, 1.0], [0.0, 1.0]];
        inside(&ell, [0.1, 0.9], true);
        inside(&ell, [0.9, 0.9], false);
        inside(&[[0.0, 0.0], [1.0, 1.0]], [0.5, 0.5], false);
        inside(&[], [0.5, 0.5], false);
        inside(&square, [f32::NAN, 0.8], false);
        assert!((Polygon::picture().area() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn boxes() {
        let a = Rect { x: 0.0, y: 0.0, w: 0.2, h: 0.2 };
        let b = Rect { x: 0.1, y: 0.0, w: 0.2, h: 0.2 };
        assert!((a.iou(&b) - 1.0 / 3.0).abs() < 1e-6);
        assert!((a.iou(&a) - 1.0).abs() < 1e-6);
        assert_eq!(a.iou(&Rect { x: 0.5, ..a }), 0.0);
        assert_eq!(Rect::default().iou(&Rect::default()), 0.0);
        assert_eq!(Rect { w: -1.0, ..a }.area(), 0.0);
        assert_eq!(b.foot(), p(0.2, 0.2));
        assert_eq!(b.centre(), p(0.2, 0.1));
        assert_eq!(Rect::around(p(0.2, 0.1), 0.2, 0.2), b);
        assert!((b.right() - 0.3).abs() < 1e-6 && (b.bottom() - 0.2).abs() < 1e-6);
        assert!(b.contains(p(0.1, 0.0)) && !b.contains(p(0.1, 0.2)));
    }

    fn side(line: [[f32; 2]; 2], point: [f32; 2], expected: f32) {
        let line = Line::from(line.map(Point::from));
        assert!((line.side(point.into()) - expected).abs() < 1e-6, "{line:?} {point:?}");
    }

    #[test]
    fn sides_of_a_line() {
        side([[0.0, 0.5], [1.0, 0.5]], [0.3, 0.7], 0.2); // downwards is forward
        side([[0.0, 0.5], [1.0, 0.5]], [0.3, 0.4], -0.1);
        side([[1.0, 0.5], [0.0, 0.5]], [0.3, 0.7], -0.2); // the other way round
        side([[0.5, 0.0], [0.5, 1.0]], [0.2, 0.5], 0.3); // walking down, the right hand is at the left of the picture
        side([[0.5, 0.5], [0.5, 0.5]], [0.2, 0.5], 0.0);
        let line = Line { a: p(0.0, 0.5), b: p(1.0, 0.5) };
        assert!((line.along(p(0.25, 0.9)) - 0.25).abs() < 1e-6);
    }

    #[test]
    fn written_as_arrays() {
        let line = Line { a: p(0.0, 0.5), b: p(1.0, 0.5) };
        assert_eq!(serde_json::to_string(&line).ok().as_deref(), Some("[[0.0,0.5],[1.0,0.5]]"));
        assert_eq!(serde_json::from_str::<Line>("[[0,0.5],[1,0.5]]").ok(), Some(line));
        let zone = Polygon(vec![p(0.0, 0.0), p(1.0, 0.0), p(1.0, 1.0)]);
        assert_eq!(serde_json::to_string(&zone).ok().as_deref(), Some("[[0.0,0.0],[1.0,0.0],[1.0,1.0]]"));
    }
}
