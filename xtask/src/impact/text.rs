//! The report as people read it. Pure.

use std::fmt::Write as _;

use super::curve::Point;
use super::estimate::Estimate;
use super::report::{Failed, Impact, Judged, Kind, Memory, MemoryStep, SHARE_EXPECTED, Verdict};
use crate::published::origin;
use crate::table::table;
use crate::units;

/// The whole of it.
pub(super) fn text(impact: &Impact) -> String {
    let mut text = String::new();
    for kind in &impact.kinds {
        let what = match kind.kind {
            "request" => "all of a request but its models",
            _ => "a request from end to end, short recordings",
        };
        let _ = writeln!(text, "{what}: {} blocks, levels in turn", kind.blocks);
        let _ = writeln!(text, "{}", levels(kind));
        let _ = writeln!(text, "what each step adds to a request, with its 95 % interval");
        let _ = writeln!(text, "{}", steps(kind));
    }
    if !impact.memory.is_empty() {
        let _ = writeln!(text, "memory of a process with one level alone");
        let _ = writeln!(text, "{}", memory(&impact.memory));
    }
    if !impact.memory_steps.is_empty() {
        let _ = writeln!(text, "what each step adds to it, with its 95 % interval");
        let _ = writeln!(text, "{}", memory_steps(&impact.memory_steps));
    }
    let _ = writeln!(
        text,
        "what encryption adds to a read, over the share of pages that are in memory"
    );
    let _ = writeln!(text, "{}", reads(&impact.reads));
    text.push_str(&failures(&impact.failed));
    for judged in &impact.judged {
        let _ = writeln!(text, "{}", sentence(judged));
    }
    let _ = writeln!(
        text,
        "(a share of {:.1} % was expected before anything was measured)",
        SHARE_EXPECTED * 100.0
    );
    text
}

/// The same for a page.
pub(super) fn page(impact: &Impact) -> String {
    let origin = origin(&impact.date, &impact.host, &impact.revision);
    format!("`cargo xtask impact` {origin}:\n\n```text\n{}```\n", text(impact))
}

/// What could not be measured.
pub(crate) fn failures(failed: &[Failed]) -> String {
    let mut text = String::new();
    for Failed { what, reason } in failed {
        let _ = writeln!(text, "failed: {what}: {reason}");
    }
    text
}

fn levels(kind: &Kind) -> String {
    let mut lines = vec![vec![
        "level".to_owned(),
        "median".to_owned(),
        "P95".to_owned(),
        "processor".to_owned(),
        "of it server".to_owned(),
        "connecting".to_owned(),
        "its processor".to_owned(),
        "requests".to_owned(),
    ]];
    for row in &kind.levels {
        let shown =
            |estimate: Option<Estimate>| estimate.map_or_else(String::new, |found| units::duration(found.value));
        lines.push(vec![
            row.level.to_owned(),
            shown(row.wall),
            row.wall_p95_ns.map_or_else(String::new, units::duration),
            shown(row.cpu),
            shown(row.server_cpu),
            shown(row.connect_wall),
            shown(row.connect_cpu),
            row.requests.to_string(),
        ]);
    }
    table(&lines)
}

fn steps(kind: &Kind) -> String {
    let mut lines = vec![
        [
            "step",
            "median",
            "processor",
            "of it server",
            "connecting",
            "its processor",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for step in &kind.steps {
        lines.push(vec![
            step.adds.to_owned(),
            difference(step.wall),
            difference(step.cpu),
            difference(step.server_cpu),
            difference(step.connect_wall),
            difference(step.connect_cpu),
        ]);
    }
    table(&lines)
}

fn memory(rows: &[Memory]) -> String {
    let mut lines = vec![
        [
            "requests of",
            "level",
            "first",
            "at the end",
            "peak",
            "processes apart by",
            "requests",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for row in rows {
        let mebibytes = |bytes: f64| format!("{:.2} MiB", bytes / f64::from(1 << 20));
        lines.push(vec![
            row.kind.to_owned(),
            row.level.to_owned(),
            mebibytes(row.warm_bytes),
            mebibytes(row.steady_bytes),
            mebibytes(row.peak_bytes),
            mebibytes(row.steady_spread_bytes),
            row.requests.to_string(),
        ]);
    }
    table(&lines)
}

fn memory_steps(steps: &[MemoryStep]) -> String {
    let mut lines = vec![["requests of", "step", "at the end"].map(str::to_owned).to_vec()];
    for step in steps {
        let kibibytes = |bytes: f64| format!("{:+.0}", bytes / 1024.0);
        let steady = step.steady.map_or_else(
            || "not resolved".to_owned(),
            |Estimate { value, low, high }| {
                format!("{} KiB ({} to {})", kibibytes(value), kibibytes(low), kibibytes(high))
            },
        );
        lines.push(vec![step.kind.to_owned(), step.adds.to_owned(), steady]);
    }
    table(&lines)
}

fn reads(points: &[Point]) -> String {
    if points.is_empty() {
        return "  no operations `storage/hit-ratio/keyed-…` and `plain-…` are declared\n".to_owned();
    }
    let mut lines = vec![
        ["in memory", "plain", "keyed", "overhead", "95 % interval"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for point in points {
        let percent = |ratio: f64| format!("{:+.1} %", ratio * 100.0);
        lines.push(vec![
            format!("{} %", point.hits_percent),
            units::duration(point.plain_ns),
            units::duration(point.keyed_ns),
            point
                .overhead
                .map_or_else(|| "not resolved".to_owned(), |overhead| percent(overhead.value)),
            point.overhead.map_or_else(String::new, |overhead| {
                format!("{} to {}", percent(overhead.low), percent(overhead.high))
            }),
        ]);
    }
    table(&lines)
}

fn sentence(judged: &Judged) -> String {
    let shown = |value: f64| match judged.unit {
        "ns" => units::duration(value),
        _ => format!("{:.2} %", value * 100.0),
    };
    let verdict = match judged.verdict {
        Verdict::Met => "within",
        Verdict::Missed => "BEYOND",
        Verdict::NotResolved => "not resolved against",
        Verdict::Told => "without a bound",
    };
    let bound = judged
        .bound
        .map_or_else(String::new, |bound| format!(" {}", shown(bound)));
    let Estimate { value, low, high } = judged.estimate;
    format!(
        "{}: {} ({} to {}), {verdict}{bound}",
        judged.what,
        shown(value),
        shown(low),
        shown(high)
    )
}

fn difference(estimate: Option<Estimate>) -> String {
    let Some(Estimate { value, low, high }) = estimate else {
        return "not resolved".to_owned();
    };
    format!("{} ({} to {})", signed(value), signed(low), signed(high))
}

fn signed(nanoseconds: f64) -> String {
    let sign = if nanoseconds < 0.0 { "-" } else { "+" };
    format!("{sign}{}", units::duration(nanoseconds.abs()))
}

#[cfg(test)]
mod tests {
    use super::super::estimate::Blocks;
    use super::super::estimate::tests::visits;
    use super::*;

    #[test]
    fn every_step_is_told_with_its_interval() {
        let request = Kind::new("request", &Blocks::of(&visits(20, [0, 30_000, 31_000, 90_000])));
        let table = steps(&request);
        assert_eq!(table.lines().count(), 5, "{table}");
        let encryption = table.lines().nth(1).expect("the first step");
        assert!(encryption.starts_with("  encrypted database"), "{encryption}");
        assert!(encryption.contains("+30.0 µs ("), "{encryption}");
        let levels = levels(&request);
        assert!(levels.contains("full") && levels.contains("240"), "{levels}");
    }

    #[test]
    fn what_a_step_adds_to_memory_has_its_interval() {
        let step = |steady| MemoryStep {
            kind: "request",
            adds: "tokens",
            steady,
        };
        let estimate = Estimate {
            value: 20_480.0,
            low: -1024.0,
            high: 40_960.0,
        };
        let table = memory_steps(&[step(Some(estimate)), step(None)]);
        assert!(
            table.contains("+20 KiB (-1 to +40)") && table.contains("not resolved"),
            "{table}"
        );
    }

    #[test]
    fn reads_that_are_not_declared_are_said_to_be_missing() {
        assert!(reads(&[]).contains("no operations"));
        let point = Point {
            hits_percent: 90,
            plain_ns: 5000.0,
            keyed_ns: 6000.0,
            overhead: Some(Estimate {
                value: 0.2,
                low: 0.15,
                high: 0.25,
            }),
            rounds: 6,
        };
        let expected = [
            "  in memory    plain    keyed  overhead       95 % interval",
            "  90 %       5.00 µs  6.00 µs   +20.0 %  +15.0 % to +25.0 %",
        ];
        assert_eq!(reads(&[point]).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn differences_carry_their_sign() {
        assert_eq!(
            (signed(-1500.0), signed(0.0)),
            ("-1.50 µs".to_owned(), "+0.00 ns".to_owned())
        );
        assert_eq!(difference(None), "not resolved");
    }

    #[test]
    fn what_is_judged_is_told_with_its_interval_and_bound() {
        let judged = Judged {
            what: "share",
            unit: "ratio",
            estimate: Estimate {
                value: 0.018,
                low: 0.010,
                high: 0.026,
            },
            bound: Some(0.02),
            verdict: Verdict::NotResolved,
        };
        assert_eq!(
            sentence(&judged),
            "share: 1.80 % (1.00 % to 2.60 %), not resolved against 2.00 %"
        );
    }
}
