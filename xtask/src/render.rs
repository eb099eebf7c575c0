//! From rows to text or JSON. Nothing is printed here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use voiceflow_record::{Instrument, OperationId};

use crate::anchors;
use crate::budgets::Metric;
use crate::report::{Report, Row, Verdict};
use crate::units;

/// The stable JSON of `bench` and `baseline`.
pub(crate) fn json(report: &Report) -> serde_json::Result<String> {
    serde_json::to_string_pretty(report)
}

fn metric_word(metric: Metric) -> &'static str {
    match metric {
        Metric::TimeMedian | Metric::TimeP95 => "time",
        Metric::Instructions => "instructions",
        Metric::ConditionalBranches => "conditional branches",
        Metric::IndirectBranches => "indirect branches",
        Metric::Blocks => "blocks",
        Metric::Bytes => "bytes",
        Metric::PeakBytes => "peak bytes",
    }
}

fn plain(value: f64) -> String {
    units::count(value as u64)
}

/// The table: a line an operation, its remarks below, and a line that says how it all went.
pub(crate) fn text(report: &Report) -> String {
    let mut by_operation: BTreeMap<&OperationId, Vec<&Row>> = BTreeMap::new();
    for row in &report.operations {
        by_operation.entry(&row.id).or_default().push(row);
    }
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    let mut remarks: Vec<Vec<String>> = vec![vec![]];
    for (id, rows) in &by_operation {
        lines.push(cells(id, rows));
        remarks.push(rows.iter().filter_map(|row| row.remark()).collect());
    }
    let mut text = String::new();
    let widths: [usize; COLUMNS] =
        std::array::from_fn(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0));
    for (line, remarks) in lines.iter().zip(&remarks) {
        let padded: Vec<String> = line
            .iter()
            .zip(widths)
            .enumerate()
            .map(|(column, (cell, width))| pad(column, cell, width))
            .collect();
        let _ = writeln!(text, "{}", padded.join("  ").trim_end());
        for remark in remarks {
            let _ = writeln!(text, "    {remark}");
        }
    }
    let _ = writeln!(text);
    if let Some(line) = anchors::line(&report.operations) {
        let _ = writeln!(text, "{line}");
    }
    if report.operations.iter().any(|row| row.anchor_share.is_some()) {
        let _ = writeln!(text, "{SHARES}");
    }
    for line in shared_remarks(&report.operations) {
        let _ = writeln!(text, "{line}");
    }
    let _ = writeln!(text, "{}", summary(report, by_operation.len()));
    text
}

/// What the per cent behind a throughput are of.
const SHARES: &str = "per cent behind bytes a second: of what one thread reads from memory; above 100 % not all of them came from there, or two threads read them";

const COLUMNS: usize = 9;
const HEADINGS: [&str; COLUMNS] = [
    "operation",
    "median",
    "95 % interval",
    "P95",
    "throughput",
    "instructions",
    "bytes",
    "blocks",
    "baseline, budget",
];

fn cells(id: &OperationId, rows: &[&Row]) -> [String; COLUMNS] {
    let find = |metric: Metric| rows.iter().find(|row| row.metric == Some(metric));
    let number = |metric: Metric| find(metric).and_then(|row| row.median).map_or(String::new(), plain);
    let time = find(Metric::TimeMedian);
    let interval = time.and_then(|row| {
        Some(format!(
            "{} – {}",
            units::duration(row.low?),
            units::duration(row.high?)
        ))
    });
    let rate = time.and_then(|row| {
        let rate = units::rate(row.throughput?, row.median?);
        let share = row
            .anchor_share
            .map_or_else(String::new, |share| format!(" ({:.0} %)", share * 100.0));
        Some(format!("{rate}{share}"))
    });
    [
        id.to_string(),
        time.and_then(|row| row.median).map_or(String::new(), units::duration),
        interval.unwrap_or_default(),
        time.and_then(|row| row.p95).map_or(String::new(), units::duration),
        rate.unwrap_or_default(),
        number(Metric::Instructions),
        number(Metric::Bytes),
        number(Metric::Blocks),
        standing(rows),
    ]
}

/// What the figures were held against, in a few words.
fn standing(rows: &[&Row]) -> String {
    let mut words = Vec::new();
    for row in rows {
        let (Some(median), Some(metric)) = (row.median, row.metric) else {
            continue;
        };
        if let Some(baseline) = row
            .baseline
            .filter(|_| matches!(metric, Metric::TimeMedian | Metric::Instructions))
        {
            let change = units::percent(median / baseline - 1.0);
            // A stored time is a hint, not a verdict.
            let mark = if metric == Metric::TimeMedian { "~" } else { "" };
            words.push(format!("{} {mark}{change}", metric_word(metric)));
        }
        if let Some(budget) = row.budget {
            let value = row.budgeted_figure().unwrap_or_default();
            words.push(format!("{:.0} % of {}", value / budget * 100.0, row.shown(budget)));
        }
    }
    words.join(", ")
}

/// What keeps figures from being measured or held against a baseline tends to keep many from it, and is said once, with
/// how many operations it is about.
fn shared_remarks(rows: &[Row]) -> Vec<String> {
    let mut about: BTreeMap<(&str, Instrument, &str), BTreeSet<&OperationId>> = BTreeMap::new();
    for row in rows {
        let words = match row.verdict {
            Verdict::NotComparable => "without a comparable baseline",
            Verdict::Skipped => "skipped",
            _ => continue,
        };
        let reason = row.reason.as_deref().unwrap_or_default();
        about
            .entry((words, row.instrument, reason))
            .or_default()
            .insert(&row.id);
    }
    about
        .into_iter()
        .map(|((words, instrument, reason), ids)| {
            let who = match ids.first() {
                Some(id) if ids.len() == 1 => id.to_string(),
                _ => format!("{} operations", ids.len()),
            };
            format!("{} of {who} {words}: {reason}", instrument.as_str())
        })
        .collect()
}

fn pad(column: usize, cell: &str, width: usize) -> String {
    let space = " ".repeat(width - cell.chars().count());
    // Words to the left, figures to the right.
    if column == 0 || column == COLUMNS - 1 {
        format!("{cell}{space}")
    } else {
        format!("{space}{cell}")
    }
}

fn summary(report: &Report, operations: usize) -> String {
    let count = |verdict: Verdict| report.operations.iter().filter(|row| row.verdict == verdict).count();
    let mut words = vec![format!("{operations} operations")];
    for (verdict, word) in [
        (Verdict::Failed, "FAILED"),
        (Verdict::Regressed, "figures REGRESSED"),
        (Verdict::OverBudget, "OVER BUDGET"),
        (Verdict::NotEstimable, "budgets not judged"),
        (Verdict::Improved, "figures improved"),
        (Verdict::Skipped, "skipped"),
    ] {
        if count(verdict) > 0 {
            words.push(format!("{} {word}", count(verdict)));
        }
    }
    let revision = report
        .revision
        .commit
        .as_deref()
        .and_then(|commit| commit.get(..12))
        .unwrap_or("no revision");
    let dirty = if report.revision.dirty { " with changes" } else { "" };
    format!("{} · {revision}{dirty} · {}", words.join(", "), report.host.class)
}

impl Row {
    /// What the reader should look at, if anything.
    fn remark(&self) -> Option<String> {
        let metric = self.metric.map_or(self.instrument.as_str(), metric_word);
        let reason = self.reason.as_deref().unwrap_or_default();
        let median = self.median.unwrap_or_default();
        match self.verdict {
            Verdict::Measured | Verdict::Ok | Verdict::Improved => None,
            // Said below the table.
            Verdict::NotComparable | Verdict::Skipped => None,
            Verdict::Regressed => {
                let baseline = self.baseline.unwrap_or_default();
                let change = units::percent(median / baseline - 1.0);
                Some(format!(
                    "REGRESSED: {metric} {} from {} ({change})",
                    plain(median),
                    plain(baseline)
                ))
            }
            Verdict::OverBudget => {
                let value = self.budgeted_figure().unwrap_or_default();
                let budget = self.budget.unwrap_or_default();
                Some(format!(
                    "OVER BUDGET: {metric} {} above {}",
                    self.shown(value),
                    self.shown(budget)
                ))
            }
            Verdict::NotEstimable => Some(format!("BUDGET NOT JUDGED: {reason}")),
            Verdict::Failed => Some(format!("FAILED: {metric}: {reason}")),
        }
    }

    fn shown(&self, value: f64) -> String {
        if self.instrument == Instrument::Time {
            units::duration(value)
        } else {
            plain(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use voiceflow_record::Throughput;

    use super::*;
    use crate::baseline::tests::{calls, instructions, sample_record};
    use crate::bench::{Attempt, Found};
    use crate::report::tests::{attempt, report};

    #[test]
    fn a_stored_time_is_shown_but_never_called_a_regression() {
        let slow = attempt(sample_record("a/b/c", calls(vec![2000; 100])));
        let report = report(vec![slow], vec![sample_record("a/b/c", calls(vec![1000; 100]))], &[]);
        assert_eq!(report.operations[0].verdict, Verdict::Measured);
        assert!(text(&report).contains("time ~+100.00 %"), "{}", text(&report));
    }

    #[test]
    fn what_failed_or_was_skipped_is_said_aloud() {
        let attempt = |found| Attempt {
            id: "a/b/c".parse().expect("valid"),
            instrument: Instrument::Instructions,
            found,
        };
        let failed = report(vec![attempt(Found::Failed("wrong answer: 1".to_owned()))], vec![], &[]);
        assert!(failed.has_failed());
        assert!(
            text(&failed).contains("FAILED: instructions: wrong answer: 1"),
            "{}",
            text(&failed)
        );
        let skipped = report(
            vec![attempt(Found::Skipped("valgrind missing".to_owned()))],
            vec![],
            &[],
        );
        assert!(!skipped.has_failed());
        assert_eq!(skipped.judged(), 0);
        assert!(
            text(&skipped).contains("instructions of a/b/c skipped: valgrind missing"),
            "{}",
            text(&skipped)
        );
    }

    #[test]
    fn what_keeps_many_from_being_compared_is_said_once() {
        let ids = ["a/b/c", "a/b/d", "a/b/e"];
        let now = ids.map(|id| attempt(sample_record(id, instructions(100))));
        let before = ids.map(|id| {
            let mut record = sample_record(id, instructions(100));
            record.run.build.flags.push("A=1".to_owned());
            record
        });
        let text = text(&report(now.into(), before.into(), &[]));
        let line = "instructions of 3 operations without a comparable baseline: flags no longer A=1";
        assert_eq!(text.matches(line).count(), 1, "{text}");
    }

    #[test]
    fn the_table_has_a_line_an_operation() {
        let mut time = sample_record("a/b/c", calls((1..=100).map(|k| k * 1_000_000).collect()));
        time.throughput = Some(Throughput::Bytes(1_000_000));
        let counts = sample_record("a/b/c", instructions(12_345));
        let text = text(&report(vec![attempt(time), attempt(counts)], vec![], &[]));
        let expected = "\
operation   median      95 % interval      P95  throughput  instructions  bytes  blocks  baseline, budget
a/b/c      50.5 ms  40.0 ms – 61.0 ms  95.0 ms   19.8 MB/s        12 345

1 operations · 0123456789ab with changes · linux-x86_64-test-2core
";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_json_has_the_documented_fields() {
        let report = report(vec![attempt(sample_record("a/b/c", calls(vec![5; 100])))], vec![], &[]);
        let value: serde_json::Value = serde_json::from_str(&json(&report).expect("encodes")).expect("parses");
        assert_eq!(value["host"]["class"], "linux-x86_64-test-2core");
        let row = &value["operations"][0];
        for (field, expected) in [
            ("id", "a/b/c"),
            ("instrument", "time"),
            ("unit", "ns"),
            ("verdict", "measured"),
        ] {
            assert_eq!(row[field], expected);
        }
        for field in ["median", "low", "high", "p95", "samples"] {
            assert!(row[field].is_number(), "{field}");
        }
        for field in ["anchor_share", "baseline", "budget"] {
            assert!(row[field].is_null(), "{field}");
        }
    }
}
