//! Words and figures that all reports share, so that the terminal, the comment, the page and the sign-off say the same.
//!
//! Everything here is plain text, and what comes from outside is in it as it came: each report escapes in its own way.

use std::collections::BTreeSet;

use voiceflow_record::{Clock, OperationId};

use crate::compare::model::{CallSiteDelta, Comparison, Metric, Row, Verdict, Waived};
use crate::units;

/// How many functions, places and commits the terminal and the comment list below a row: what moved an operation is
/// almost always among the first few, and ten flagged rows still fit on two screens. The page and the JSON have more.
pub(crate) const TOP: usize = 5;

/// How many callers up a place in the source is told by.
const FRAMES: usize = 4;

/// How many ids a sentence names.
const NAMED: usize = 3;

/// In the place of a figure that does not exist.
pub(crate) const NONE: &str = "—";

/// The word for a verdict.
pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Void => "void",
        Verdict::Regressed => "regressed",
        Verdict::NotComparable => "not comparable",
        Verdict::NotResolved => "not resolved",
        Verdict::Layout => "layout",
        Verdict::Improved => "improved",
        Verdict::Ok => "ok",
        Verdict::Identical => "identical",
    }
}

/// The verdict of a row as far as it stands: times of a void run are in parentheses, and what is waived says so.
pub(crate) fn standing(comparison: &Comparison, row: &Row) -> String {
    let word = verdict(row.verdict);
    if is_void(comparison, row) {
        format!("({word})")
    } else if is_waived(comparison, row) {
        format!("{word}, waived")
    } else {
        word.to_owned()
    }
}

/// Whether somebody answers for this row.
pub(crate) fn is_waived(comparison: &Comparison, row: &Row) -> bool {
    let is_about = |waived: &Waived| waived.id == row.id && waived.metric == row.metric;
    row.verdict == Verdict::Regressed && comparison.waived.iter().any(is_about)
}

/// Whether a placebo took away what is said of this row.
pub(crate) fn is_void(comparison: &Comparison, row: &Row) -> bool {
    comparison.verdict == Verdict::Void && row.metric == Metric::Time
}

/// Whether a slowdown of the margin is excluded.
pub(crate) fn is_within_margin(row: &Row) -> bool {
    matches!(row.verdict, Verdict::Ok | Verdict::Improved | Verdict::Identical)
}

/// Whether the candidate was made slower here on purpose.
pub(crate) fn is_planted(comparison: &Comparison, row: &Row) -> bool {
    row.planted_percent != 0.0 || (row.metric == Metric::Time && comparison.settings.planted.contains(&row.id))
}

/// The operation, marked where something was planted in it.
pub(crate) fn name(comparison: &Comparison, row: &Row) -> String {
    let mark = if is_planted(comparison, row) { " (planted)" } else { "" };
    format!("{}{mark}", row.id)
}

/// What a row compares; of a time also the clock it is judged by.
pub(crate) fn metric(row: &Row) -> &'static str {
    match (row.metric, row.clock) {
        (Metric::Time, Some(Clock::Cpu)) => "processor time",
        (Metric::Time, Some(Clock::Wall)) => "wall time",
        (metric, _) => metric_name(metric),
    }
}

/// The word for a metric.
pub(crate) fn metric_name(metric: Metric) -> &'static str {
    match metric {
        Metric::Time => "time",
        Metric::Instructions => "instructions",
        Metric::Blocks => "blocks",
        Metric::Bytes => "bytes",
        Metric::PeakBytes => "peak bytes",
    }
}

/// One side's figure.
pub(crate) fn figure(metric: Metric, value: Option<f64>) -> String {
    match value.filter(|value| value.is_finite()) {
        None => NONE.to_owned(),
        Some(nanoseconds) if metric == Metric::Time => units::duration(nanoseconds),
        Some(count) => units::count(count.round() as u64),
    }
}

/// The change of a row.
pub(crate) fn changed(row: &Row) -> String {
    if is_from_nothing(row) {
        "from 0".to_owned()
    } else {
        change(row.change)
    }
}

/// From nothing to something there is no ratio.
fn is_from_nothing(row: &Row) -> bool {
    row.metric != Metric::Time && row.baseline == Some(0.0) && differs(row)
}

/// Whether a count is not what it was.
pub(crate) fn differs(row: &Row) -> bool {
    row.baseline != row.candidate
}

/// A change with its sign.
pub(crate) fn change(value: Option<f64>) -> String {
    match value.filter(|value| value.is_finite()) {
        None => NONE.to_owned(),
        // Half of the last digit that is shown.
        Some(value) if value.abs() < 0.000_05 => "0.00 %".to_owned(),
        Some(value) => units::percent(value),
    }
}

/// The 95 % interval of a row's change.
pub(crate) fn interval(row: &Row) -> String {
    match (row.metric, row.low, row.high) {
        (Metric::Time, Some(low), Some(high)) => span(low, high),
        (Metric::Time, _, _) => NONE.to_owned(),
        _ if row.change.is_some() => "exact".to_owned(),
        _ => NONE.to_owned(),
    }
}

/// From one change to another.
pub(crate) fn span(low: f64, high: f64) -> String {
    format!("{} to {}", change(Some(low)), change(Some(high)))
}

/// A percentage without a sign and without needless zeros: `2 %`, `0.5 %`.
pub(crate) fn percentage(ratio: f64) -> String {
    let digits = format!("{:.2}", ratio * 100.0);
    format!("{} %", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// The change above which a row is flagged.
pub(crate) fn threshold(row: &Row) -> String {
    match row.metric {
        Metric::Bytes | Metric::PeakBytes => "not judged".to_owned(),
        Metric::Time | Metric::Instructions | Metric::Blocks => match row.threshold {
            threshold if !threshold.is_finite() => NONE.to_owned(),
            threshold if threshold <= 0.0 => "any".to_owned(),
            threshold => percentage(threshold),
        },
    }
}

/// The smallest slowdown that would have been flagged.
pub(crate) fn smallest_detectable(row: &Row) -> String {
    match row.smallest_detectable.filter(|change| change.is_finite()) {
        // Measured, but in too few rounds for a look.
        None if row.change.is_some() => "nothing".to_owned(),
        None => NONE.to_owned(),
        Some(change) if change <= 0.0 => "any".to_owned(),
        Some(change) if change < 0.000_1 => "< 0.01 %".to_owned(),
        Some(change) => format!("{:.2} %", change * 100.0),
    }
}

/// The rounds a verdict rests on; counts need none.
pub(crate) fn rounds(row: &Row) -> String {
    match row.rounds {
        0 => NONE.to_owned(),
        rounds => rounds.to_string(),
    }
}

/// A count's difference, with what it was.
pub(crate) fn delta(baseline: u64, candidate: u64) -> String {
    let sign = if candidate < baseline { '-' } else { '+' };
    format!(
        "{sign}{} from {}",
        units::count(candidate.abs_diff(baseline)),
        units::count(baseline)
    )
}

/// A place in the source and who called it.
pub(crate) fn place(delta: &CallSiteDelta) -> String {
    let frames: Vec<&str> = delta.site.iter().take(FRAMES).map(String::as_str).collect();
    frames.join(" ← ")
}

/// Rows a reader has to look at, in the order of reports.
pub(crate) fn flagged(comparison: &Comparison) -> Vec<&Row> {
    rows(comparison, Row::is_flagged)
}

/// Whether nothing needs to be said of a row.
pub(crate) fn is_unremarkable(row: &Row) -> bool {
    matches!(row.verdict, Verdict::Ok | Verdict::Identical)
}

/// Some rows in the order of reports: by verdict, the largest changes first, then by name.
pub(crate) fn rows(comparison: &Comparison, wanted: impl Fn(&Row) -> bool) -> Vec<&Row> {
    let size = |row: &Row| match row.change {
        _ if is_from_nothing(row) => f64::INFINITY,
        change => change.map_or(0.0, f64::abs),
    };
    let mut rows: Vec<&Row> = comparison.operations.iter().filter(|row| wanted(row)).collect();
    rows.sort_by(|a, b| {
        rank(a.verdict)
            .cmp(&rank(b.verdict))
            .then_with(|| size(b).total_cmp(&size(a)))
            .then_with(|| (&a.id, a.metric).cmp(&(&b.id, b.metric)))
    });
    rows
}

fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Void => 0,
        Verdict::Regressed => 1,
        Verdict::NotComparable => 2,
        Verdict::Layout => 3,
        Verdict::Improved => 4,
        Verdict::NotResolved => 5,
        Verdict::Ok => 6,
        Verdict::Identical => 7,
    }
}

/// The operations of some rows.
pub(crate) fn ids(comparison: &Comparison, wanted: impl Fn(&Row) -> bool) -> BTreeSet<&OperationId> {
    comparison
        .operations
        .iter()
        .filter(|row| wanted(row))
        .map(|row| &row.id)
        .collect()
}

/// The same, with those that needed no measuring.
pub(crate) fn with_identical(comparison: &Comparison, wanted: impl Fn(&Row) -> bool) -> BTreeSet<&OperationId> {
    let mut found = ids(comparison, wanted);
    found.extend(&comparison.identical);
    found
}

/// `1 operation`, `2 operations`.
pub(crate) fn operations(number: usize) -> String {
    match number {
        1 => "1 operation".to_owned(),
        number => format!("{number} operations"),
    }
}

/// The first few of them by name.
pub(crate) fn named(ids: &BTreeSet<&OperationId>) -> String {
    let mut words: Vec<String> = ids.iter().take(NAMED).map(ToString::to_string).collect();
    if ids.len() > NAMED {
        words.push(format!("and {} more", ids.len() - NAMED));
    }
    words.join(", ")
}

/// Text from outside on one line, without characters that steer a terminal or turn the direction of writing.
pub(crate) fn one_line(text: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let harmless: String = text.chars().map(|c| if steers(c) { ' ' } else { c }).collect();
    harmless.split_whitespace().collect::<Vec<_>>().join(" ")
}
