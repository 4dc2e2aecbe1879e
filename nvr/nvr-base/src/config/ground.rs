//! `ground_points` or `ground_heights` of a camera: its calibration.
//!
//! Promises: a camera has one way of calibration or none; what is no calibration is an error with its remedy.
//! Leaves to others: the algebra (`crate::ground`), what a calibration is for (plugins, the calibration gate).

use super::finding::FindingId;
use super::section::{Entry, Report, Section};
use crate::geometry::Point;
use crate::ground::{Ground, GroundError, Height, POINTS, VIEW_DEG_DEFAULT};
use crate::text::Arg;
use toml::de::DeValue;

/// Width over height of a picture that nothing is said of.
const ASPECT_DEFAULT: f64 = 16.0 / 9.0;

/// The keys that belong to heights only.
const OF_HEIGHTS: [&str; 2] = ["ground_view_deg", "ground_aspect"];

/// Reads `ground_points = [[x, y, east_m, north_m], …]`, or `ground_heights = [[x_foot, y_foot, y_head, height_m], …]` with
/// `ground_view_deg` and `ground_aspect`.
pub(crate) fn read(section: &mut Section<'_>, report: &mut Report<'_>) -> Option<Ground> {
    let points = section.entry("ground_points");
    let heights = section.entry("ground_heights");
    let view_deg = section.number(report, "ground_view_deg", 5.0..=170.0).unwrap_or(VIEW_DEG_DEFAULT);
    let aspect = section.number(report, "ground_aspect", 0.2..=5.0).unwrap_or(ASPECT_DEFAULT);
    for key in OF_HEIGHTS.into_iter().filter(|key| section.has(key) && heights.is_none()) {
        let args = vec![("name", Arg::from(key)), ("other", Arg::from("ground_heights"))];
        report.add(section.key_at(key), &section.key(key), FindingId::KeyWithout, args);
    }
    let (entry, is_points) = match (points, heights) {
        (Some(_), Some(heights)) => {
            let args = vec![("one", Arg::from("ground_points")), ("other", Arg::from("ground_heights"))];
            report.add(heights.at, &heights.key, FindingId::ExclusiveKeys, args);
            return None;
        }
        (Some(points), None) => (points, true),
        (None, Some(heights)) => (heights, false),
        (None, None) => return None,
    };
    let (at, key) = (entry.at, entry.key.clone());
    let kind = if is_points { "points" } else { "heights" };
    let rows: Vec<[f64; 4]> = rows(entry, kind, report)?;
    let ground = if is_points {
        let points: Vec<_> =
            rows.into_iter().map(|[x, y, east, north]| (point(x, y), [east, north])).collect();
        Ground::from_points(&points)
    } else {
        let height =
            |[x, foot, head, metres]: [f64; 4]| Height { foot: point(x, foot), head: point(x, head), metres };
        let heights: Vec<_> = rows.into_iter().map(height).collect();
        match <&[Height; 2]>::try_from(heights.as_slice()) {
            Ok(two) => Ground::from_heights(two, aspect, view_deg),
            Err(_) => Err(GroundError::Count(heights.len())),
        }
    };
    match ground {
        Ok(ground) => Some(ground),
        Err(error) => {
            let (why, number) = why(error);
            let args =
                vec![("why", Arg::from(why)), ("number", Arg::from(number)), ("kind", Arg::from(kind))];
            report.add(at, &key, FindingId::BadGround, args);
            None
        }
    }
}

fn point(x: f64, y: f64) -> Point {
    Point { x: x as f32, y: y as f32 }
}

/// Rows of four numbers; what is none is reported.
fn rows(entry: Entry<'_>, kind: &'static str, report: &mut Report<'_>) -> Option<Vec<[f64; 4]>> {
    let mut all = Some(Vec::new());
    for (i, row) in entry.list(report, *POINTS.end())?.iter().enumerate() {
        match four(row) {
            Some(row) => all.as_mut()?.push(row),
            None => {
                let args =
                    vec![("why", Arg::from("row")), ("number", Arg::from(i + 1)), ("kind", Arg::from(kind))];
                report.add(row.at, &row.key, FindingId::BadGround, args);
                return None;
            }
        }
    }
    all
}

fn four(entry: &Entry<'_>) -> Option<[f64; 4]> {
    let DeValue::Array(row) = entry.value else { return None };
    let number = |i: usize| match row.get(i)?.get_ref() {
        DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok().map(|n| n as f64),
        DeValue::Float(n) => n.as_str().parse().ok(),
        _ => None,
    };
    (row.len() == 4).then_some([number(0)?, number(1)?, number(2)?, number(3)?])
}

/// The word of the text, and which point or height it is about; 0: all.
fn why(error: GroundError) -> (&'static str, usize) {
    match error {
        GroundError::Count(n) => ("count", n),
        GroundError::Value(n) => ("value", n),
        GroundError::Fit(n) => ("fit", n),
        GroundError::NotUpright(n) => ("upright", n),
        GroundError::Order => ("order", 0),
        GroundError::SameDistance => ("distance", 0),
        GroundError::Collinear | GroundError::Matrix | GroundError::View => ("line", 0),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use crate::config::{parse_rules, parse_text};
    use crate::text::{Locale, Texts};

    /// Keys of a camera: calibrated, or the finding and a part of what it says. The same in both files.
    #[track_caller]
    fn check(keys: &str, expected: Result<bool, (&str, &str)>) {
        let rules = format!("[camera]\n{keys}\n");
        let config = format!(
            "storage.path = \"/a\"\n[[camera]]\nid = \"gate\"\nurl = \"rtsp://192.0.2.1/m\"\n{keys}\n"
        );
        let (config, one) = parse_text(&config);
        let (rules, two) = parse_rules("r.toml".as_ref(), &rules);
        let texts = Texts::new(Locale::En);
        for (ground, findings, path) in [
            (config.map(|c| c.cameras.into_iter().next().and_then(|c| c.ground)), one, "camera[gate]."),
            (rules.map(|r| r.camera.ground), two, "camera."),
        ] {
            let said: Vec<String> = findings
                .iter()
                .map(|f| format!("{} {} {}", f.key, f.id.as_str(), f.message(&texts)))
                .collect();
            match expected {
                Ok(is_calibrated) => assert_eq!(ground.unwrap().is_some(), is_calibrated, "{keys}: {said:?}"),
                Err((id, part)) => {
                    let found =
                        said.iter().any(|s| s.starts_with(path) && s.contains(id) && s.contains(part));
                    assert!(found, "{keys}: {said:?}");
                }
            }
        }
    }

    #[test]
    fn calibrations() {
        let points = "[0.2, 0.9, 0, 0], [0.8, 0.9, 6, 0], [0.65, 0.4, 6, 15.5], [0.35, 0.4, 0, 15.5]";
        check("", Ok(false));
        check(&format!("ground_points = [{points}]"), Ok(true));
        check("ground_heights = [[0.5, 0.8, 0.5, 1.8], [0.5, 0.5, 0.38, 1.8]]", Ok(true));
        check(
            "ground_heights = [[0.5, 0.8, 0.5, 1.8], [0.5, 0.5, 0.38, 1.8]]\nground_view_deg = 60\nground_aspect = 1.33",
            Ok(true),
        );
        check(&format!("ground_points = [{points}]\nground_heights = []"), Err(("exclusive-keys", "")));
        check("ground_points = [[0.2, 0.9, 0, 0]]", Err(("bad-ground", "1 point")));
        check("ground_points = [[0.2, 0.9, 0]]", Err(("bad-ground", "number 1")));
        check("ground_points = 7", Err(("wrong-type", "")));
        let line = "[0.2, 0.2, 0, 0], [0.4, 0.4, 1, 0], [0.6, 0.6, 2, 0], [0.8, 0.8, 3, 0]";
        check(&format!("ground_points = [{line}]"), Err(("bad-ground", "on one line")));
        check(
            &format!("ground_points = [{}]", points.replace("0.65, 0.4", "1.65, 0.4")),
            Err(("bad-ground", "number 3")),
        );
        let swapped = "[0.2, 0.9, 0, 0], [0.8, 0.9, 6, 0], [0.65, 0.4, 0, 15.5], [0.35, 0.4, 6, 15.5]";
        check(&format!("ground_points = [{swapped}]"), Err(("bad-ground", "order")));
        check(&format!("ground_points = [{points}, [0.5, 0.9, 6, 15]]"), Err(("bad-ground", "does not fit")));
        check(
            "ground_heights = [[0.5, 0.8, 0.5, 1.8], [0.2, 0.8, 0.5, 1.8]]",
            Err(("bad-ground", "distance")),
        );
        check("ground_heights = [[0.5, 0.8, 0.9, 1.8], [0.2, 0.5, 0.4, 1.8]]", Err(("bad-ground", "stand")));
        check("ground_heights = [[0.5, 0.8, 0.5, 1.8]]", Err(("bad-ground", "1 height")));
        check(&format!("ground_points = [{points}]\nground_view_deg = 60"), Ok(true)); // and a warning
        check("ground_view_deg = 600", Err(("out-of-range", "")));
    }
}
