//! Did you mean: the nearest of a few names.
//!
//! Promises: bounded work; nothing when no name is near.
//! Leaves to others: asking (`section`).

/// Longest text that is compared, in characters; a longer one is no typing mistake.
const COMPARED_CHARS_MAX: usize = 40;

/// The name nearest to `text`, when it is near enough to be meant: at most a third of its letters differ.
pub fn nearest<'a>(text: &str, names: &[&'a str]) -> Option<&'a str> {
    if text.chars().count() > COMPARED_CHARS_MAX {
        return None;
    }
    let text = text.to_lowercase().replace('-', "_");
    names
        .iter()
        .map(|name| (distance(&text, &name.replace('-', "_")), *name))
        .filter(|(d, name)| *d <= name.len().max(3) / 3)
        .min_by_key(|(d, _)| *d)
        .map(|(_, name)| name)
}

/// Edit distance where swapping neighbours costs one (optimal string alignment; Damerau 1964).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX / 2);
            let mut cost =
                (at(&last, j) + usize::from(ca != cb)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(cb) && b.get(j - 1) == Some(ca);
            if swapped {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        let names = ["keep_days", "sub_keep_days", "keep_free_percent", "url", "sub_url", "id", "name"];
        for (text, expected) in [
            ("keepdays", Some("keep_days")),
            ("keep-days", Some("keep_days")),
            ("Keep_Days", Some("keep_days")),
            ("kepe_days", Some("keep_days")),
            ("ulr", Some("url")),
            ("nmae", Some("name")),
            ("resolution", None),
            ("", None),
            (&"x".repeat(5000), None),
        ] {
            assert_eq!(nearest(text, &names), expected, "{text:.20}");
        }
    }
}
