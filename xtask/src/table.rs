//! A table as plain text: words to the left, figures to the right. Pure.

use std::fmt::Write as _;

/// Lines of cells, the headings among them; columns are as wide as their widest cell.
pub(crate) fn table(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let mut row = String::from(" ");
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let space = " ".repeat(width - cell.chars().count());
            let padded = if column == 0 {
                format!(" {cell}{space}")
            } else {
                format!("  {space}{cell}")
            };
            row.push_str(&padded);
        }
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_nothing_trails() {
        let lines = [vec!["name", "µs"], vec!["a", "1000"], vec!["longer", ""]]
            .map(|line| line.into_iter().map(str::to_owned).collect());
        assert_eq!(table(&lines), "  name      µs\n  a       1000\n  longer\n");
        assert_eq!(table(&[]), "");
    }
}
