//! Assignment: which row gets which column so that the sum of similarities is largest.
//!
//! Promises: exact (Kuhn 1955, Munkres 1957); the same on every run: weights are whole numbers; a pair that may not be is
//! never given; no row or column twice.
//! Leaves to others: the similarities.

use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;

/// Similarity 1 as a whole number.
const SCALE: f64 = 1_000_000.0;

/// Pairs (row, column), by row. `similarity` is above 0 and at most 2, `None` for pairs that may not be.
pub(crate) fn assign(
    rows: usize,
    columns: usize,
    similarity: impl Fn(usize, usize) -> Option<f64>,
) -> Vec<(usize, usize)> {
    if rows == 0 || columns == 0 {
        return Vec::new();
    }
    // Rows and columns without any possible pair only cost time: a scene is mostly empty of them.
    let mut pairs: Vec<(usize, usize, i64)> = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            let weight = similarity(row, column).map_or(0, |s| (s.clamp(0.0, 2.0) * SCALE) as i64);
            if weight > 0 {
                pairs.push((row, column, weight));
            }
        }
    }
    let mut used_rows: Vec<usize> = pairs.iter().map(|p| p.0).collect();
    used_rows.dedup();
    let mut used_columns: Vec<usize> = pairs.iter().map(|p| p.1).collect();
    used_columns.sort_unstable();
    used_columns.dedup();
    // The method wants at least as many columns as rows.
    let turned = used_rows.len() > used_columns.len();
    let (short, long) = if turned { (&used_columns, &used_rows) } else { (&used_rows, &used_columns) };
    let mut weights = Matrix::new(short.len(), long.len(), 0_i64);
    for (row, column, weight) in &pairs {
        let (a, b) = if turned { (column, row) } else { (row, column) };
        if let (Ok(i), Ok(j)) = (short.binary_search(a), long.binary_search(b))
            && let Some(cell) = weights.get_mut((i, j))
        {
            *cell = *weight;
        }
    }
    if pairs.is_empty() {
        return Vec::new();
    }
    let (_, given) = kuhn_munkres(&weights);
    let mut found: Vec<(usize, usize)> = given
        .into_iter()
        .enumerate()
        .filter(|(i, j)| weights.get((*i, *j)).is_some_and(|weight| *weight > 0))
        .filter_map(|(i, j)| {
            let (a, b) = (*short.get(i)?, *long.get(j)?);
            Some(if turned { (b, a) } else { (a, b) })
        })
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(table: &[&[f64]], expected: &[(usize, usize)]) {
        let columns = table.first().map_or(0, |row| row.len());
        let at = |r: usize, c: usize| table.get(r).and_then(|row| row.get(c)).copied().filter(|s| *s > 0.0);
        assert_eq!(assign(table.len(), columns, at), expected, "{table:?}");
    }

    #[test]
    fn tables() {
        check(&[], &[]);
        check(&[&[0.0]], &[]);
        check(&[&[0.5]], &[(0, 0)]);
        check(&[&[0.9, 0.8], &[0.8, 0.1]], &[(0, 1), (1, 0)]); // greedy would give 0.9 + 0.1
        check(&[&[0.9, 0.0], &[0.8, 0.0]], &[(0, 0)]);
        check(&[&[0.2], &[0.7], &[0.3]], &[(1, 0)]);
        check(&[&[0.0, 0.2, 0.0, 0.3]], &[(0, 3)]);
        check(&[&[0.0, 0.0, 0.4], &[0.0, 0.0, 0.0], &[0.5, 0.0, 0.6]], &[(0, 2), (2, 0)]);
    }
}
