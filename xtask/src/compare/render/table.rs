//! Tables for a terminal: columns as wide as they need to be.

/// A column: its heading, and which way its cells lean.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    heading: &'static str,
    is_right: bool,
}

impl Column {
    /// Words lean to the left.
    pub(crate) const fn words(heading: &'static str) -> Self {
        Self {
            heading,
            is_right: false,
        }
    }

    /// Figures lean to the right.
    pub(crate) const fn figures(heading: &'static str) -> Self {
        Self {
            heading,
            is_right: true,
        }
    }
}

/// One row of a table, and what is to be said below it.
pub(crate) struct Line {
    pub(crate) cells: Vec<String>,
    pub(crate) remarks: Vec<String>,
}

impl Line {
    /// A row that speaks for itself.
    pub(crate) fn plain(cells: Vec<String>) -> Self {
        Self {
            cells,
            remarks: Vec::new(),
        }
    }
}

/// An aligned table under its headings; nothing where there are no lines.
pub(crate) fn table(columns: &[Column], lines: &[Line]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let headings: Vec<String> = columns.iter().map(|column| column.heading.to_owned()).collect();
    let width = |index: usize| {
        let cells = lines
            .iter()
            .filter_map(|line| line.cells.get(index))
            .chain(headings.get(index));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = aligned(columns, &widths, &headings);
    for line in lines {
        text.push_str(&aligned(columns, &widths, &line.cells));
        for remark in &line.remarks {
            text.push_str(&format!("    {remark}\n"));
        }
    }
    text
}

fn aligned(columns: &[Column], widths: &[usize], cells: &[String]) -> String {
    let padded: Vec<String> = columns
        .iter()
        .zip(widths)
        .zip(cells)
        .map(|((column, &width), cell)| {
            if column.is_right {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        })
        .collect();
    format!("{}\n", padded.join("  ").trim_end())
}
