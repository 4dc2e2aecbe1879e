//! Masks: parts of the picture that analysis must not look at.
//!
//! Promises: polygons of 3 to 64 points, normalised, inside the picture, origin top left.
//! Leaves to others: applying them (analysis).

use super::finding::FindingId;
use super::section::{Entry, Report};
use crate::geometry::{Point, Polygon};
use crate::text::Arg;
use toml::de::DeValue;

/// Most masks of a camera.
pub const MASKS_MAX: usize = 32;

/// Most points of a mask.
pub const MASK_POINTS_MAX: usize = 64;

/// Reads `masks = [[[x, y], …], …]`.
pub(crate) fn read(report: &mut Report<'_>, entry: Entry<'_>) -> Option<Vec<Polygon>> {
    let polygons = entry.list(report, MASKS_MAX)?;
    let mut masks = Vec::new();
    for (i, polygon) in polygons.into_iter().enumerate() {
        let (at, key) = (polygon.at, polygon.key.clone());
        let points = polygon.list(report, MASK_POINTS_MAX)?;
        let points: Option<Vec<Point>> = points.iter().map(point).collect();
        match points {
            Some(points) if points.len() >= 3 => masks.push(Polygon(points)),
            _ => report.add(at, &key, FindingId::BadMask, vec![("number", Arg::from(i + 1))]),
        }
    }
    Some(masks)
}

/// A point `[x, y]` inside the picture.
pub(crate) fn point(entry: &Entry<'_>) -> Option<Point> {
    let DeValue::Array(pair) = entry.value else { return None };
    let number = |i: usize| {
        let value = match pair.get(i)?.get_ref() {
            DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok()? as f64,
            DeValue::Float(n) => n.as_str().parse().ok()?,
            _ => return None,
        };
        (0.0..=1.0).contains(&value).then_some(value as f32)
    };
    (pair.len() == 2).then_some(Point { x: number(0)?, y: number(1)? })
}
