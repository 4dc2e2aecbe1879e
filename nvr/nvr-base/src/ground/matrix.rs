//! The algebra of a calibration: 3×3 matrices, and the vector that equations send to 0.
//!
//! Promises: pure; what has no answer is `None`.
//! Leaves to others: what the numbers mean (`ground`).

/// Rows.
pub(super) type Matrix = [[f64; 3]; 3];

/// Smallest pivot of an elimination; equations with a smaller one have more than one answer.
const PIVOT_MIN: f64 = 1e-9;

pub(super) fn apply(m: &Matrix, [x, y]: [f64; 2]) -> [f64; 3] {
    m.map(|[a, b, c]| a * x + b * y + c)
}

pub(super) fn product(m: &Matrix, n: &Matrix) -> Matrix {
    let [n0, n1, n2] = n;
    m.map(|[a, b, c]| {
        let mut row = [0.0; 3];
        for (r, ((x, y), z)) in row.iter_mut().zip(n0.iter().zip(n1).zip(n2)) {
            *r = a * x + b * y + c * z;
        }
        row
    })
}

/// By the adjugate; `None` when it has none.
pub(super) fn inverse(m: &Matrix) -> Option<Matrix> {
    let [[a, b, c], [d, e, f], [g, h, i]] = *m;
    let (p, q, r) = (e * i - f * h, f * g - d * i, d * h - e * g);
    let determinant = a * p + b * q + c * r;
    let adjugate = [
        [p, c * h - b * i, b * f - c * e],
        [q, a * i - c * g, c * d - a * f],
        [r, b * g - a * h, a * e - b * d],
    ];
    determinant.is_normal().then(|| adjugate.map(|row| row.map(|n| n / determinant)))
}

/// Moves points to their centre and scales them to the mean distance √2.
pub(super) fn normaliser(points: &[[f64; 2]]) -> Matrix {
    let count = points.len().max(1) as f64;
    let cx = points.iter().map(|p| p[0]).sum::<f64>() / count;
    let cy = points.iter().map(|p| p[1]).sum::<f64>() / count;
    let mean = points.iter().map(|[x, y]| (x - cx).hypot(y - cy)).sum::<f64>() / count;
    let s = if mean > 0.0 { std::f64::consts::SQRT_2 / mean } else { 1.0 };
    [[s, 0.0, -s * cx], [0.0, s, -s * cy], [0.0, 0.0, 1.0]]
}

/// The vector that the equations send nearest to 0. Eight of them: exactly. More: by their normal equations, whose pivots lie
/// on the diagonal, so that what is solved is least squares with the last unknown held.
pub(super) fn solve(rows: Vec<[f64; 9]>) -> Option<[f64; 9]> {
    if rows.len() <= 8 {
        return null_vector(rows);
    }
    let mut normal = vec![[0.0; 9]; 9];
    for row in &rows {
        for (line, a) in normal.iter_mut().zip(row) {
            line.iter_mut().zip(row).for_each(|(n, b)| *n += a * b);
        }
    }
    null_vector(normal)
}

/// A vector that equations of rank eight in nine unknowns send to 0, by Gauss elimination with full pivoting; `None` when there is
/// more than one.
fn null_vector(mut rows: Vec<[f64; 9]>) -> Option<[f64; 9]> {
    let mut order: [usize; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
    for step in 0..8 {
        let candidates = (step..rows.len()).flat_map(|r| (step..9).map(move |c| (r, c)));
        let size = |(r, c): (usize, usize)| rows.get(r).and_then(|row| row.get(c)).map_or(0.0, |n| n.abs());
        let (r, c) = candidates.max_by(|a, b| size(*a).total_cmp(&size(*b)))?;
        if size((r, c)) < PIVOT_MIN {
            return None;
        }
        rows.swap(step, r);
        rows.iter_mut().for_each(|row| row.swap(step, c));
        order.swap(step, c);
        let pivot = *rows.get(step)?;
        let lead = *pivot.get(step)?;
        for row in rows.iter_mut().skip(step + 1) {
            let factor = row.get(step).copied()? / lead;
            row.iter_mut().zip(&pivot).for_each(|(n, p)| *n -= factor * p);
        }
    }
    let mut solved = [0.0; 9];
    solved[8] = 1.0;
    for step in (0..8).rev() {
        let row = rows.get(step)?;
        let rest: f64 = row.iter().zip(&solved).skip(step + 1).map(|(a, b)| a * b).sum();
        *solved.get_mut(step)? = -rest / row.get(step)?;
    }
    let mut vector = [0.0; 9];
    for (from, to) in solved.iter().zip(order) {
        *vector.get_mut(to)? = *from;
    }
    Some(vector)
}
