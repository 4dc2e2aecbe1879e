//! Rows in columns, as commands print them.
//!
//! Promises: columns as wide as their widest cell, up to a limit; longer cells stand as they are; no spaces at a line's end.
//! Leaves to others: what a cell says, printing.

/// Lines of two spaces and the cells of a row; a column is at most `chars_max` wide.
pub fn table<const N: usize>(rows: &[[String; N]], chars_max: usize) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).min(chars_max)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(chars_max: usize, expected: [&str; 2]) {
        let rows = [["a".to_owned(), "x".to_owned()], ["longer".to_owned(), String::new()]];
        assert_eq!(table(&rows, chars_max), expected);
    }

    #[test]
    fn columns() {
        check(usize::MAX, ["  a       x", "  longer"]);
        check(3, ["  a    x", "  longer"]);
    }
}
