//! What was found, as people read it. Pure.

use std::fmt::Write as _;

use serde::Serialize;
use voiceflow_record::{Host, Revision};

use super::found::{Comparison, Curve, Side, Verdict};
use super::usl::NoFit;
use crate::impact::{Estimate, Failed, failures};
use crate::published::{Report, origin};
use crate::table::table;
use crate::units;

pub(super) const COMMAND: &str = "scale";

/// Everything one run found. `docs/json.md` describes the fields.
#[derive(Debug, Serialize)]
pub(super) struct Scale {
    pub(super) host: Host,
    pub(super) revision: Revision,
    pub(super) date: String,
    pub(super) curves: Vec<Curve>,
    pub(super) comparisons: Vec<Comparison>,
    pub(super) failed: Vec<Failed>,
}

/// In every form.
pub(super) fn published(scale: &Scale) -> anyhow::Result<Report> {
    let text = text(scale);
    Ok(Report {
        command: COMMAND,
        json: serde_json::to_string_pretty(scale)?,
        page: format!(
            "`cargo xtask scale` {}:\n\n```text\n{text}```\n",
            origin(&scale.date, &scale.host, &scale.revision)
        ),
        text,
    })
}

fn text(scale: &Scale) -> String {
    let mut text = String::new();
    for curve in &scale.curves {
        let _ = writeln!(text, "{}", curve.workload);
        let _ = write!(text, "{}", points(curve));
        let _ = writeln!(text, "  {}", law(curve));
        for (workers, reason) in &curve.left_out {
            let _ = writeln!(text, "  {workers} workers left out: {reason}");
        }
        let _ = writeln!(text);
    }
    if !scale.comparisons.is_empty() {
        let _ = writeln!(
            text,
            "on against off, in turn; changes are of the side that is on, with 95 % intervals"
        );
        let _ = writeln!(text, "{}", comparisons(&scale.comparisons));
    }
    if scale.comparisons.iter().any(|comparison| comparison.claimed.is_some()) {
        let _ = writeln!(text, "what was promised of them, and what is true here");
        let _ = write!(text, "{}", claims(&scale.comparisons));
    }
    text.push_str(&failures(&scale.failed));
    text
}

fn points(curve: &Curve) -> String {
    let mut lines = vec![
        [
            "workers",
            "a second",
            "passes",
            "efficiency",
            "processors",
            "mean",
            "median",
            "P95",
            "calls",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for point in &curve.points {
        let (low, high) = point.per_second_range;
        let shown = |value: Option<f64>| value.map_or_else(|| "unsettled".to_owned(), units::duration);
        // A settled queue without a P95 has too few calls for one.
        let p95 = match (point.median_ns, point.p95_ns) {
            (Some(_), None) => String::new(),
            (_, p95) => shown(p95),
        };
        lines.push(vec![
            point.workers.to_string(),
            figure(point.per_second),
            format!("{} to {}", figure(low), figure(high)),
            point
                .efficiency
                .map_or_else(String::new, |share| format!("{:.0} %", share * 100.0)),
            format!("{:.2}", point.processors),
            units::duration(point.mean_ns),
            shown(point.median_ns),
            p95,
            point.calls.to_string(),
        ]);
    }
    table(&lines)
}

fn law(curve: &Curve) -> String {
    let most = curve.points.last().map_or(0, |point| point.workers);
    match (&curve.law, curve.no_law) {
        (Some(fit), _) => {
            let peak = match fit.peak {
                Some((workers, throughput)) => {
                    format!("most with {workers:.0} workers, {} a second", figure(throughput))
                }
                None => format!("no peak seen within {most} workers"),
            };
            format!(
                "scalability law: contention {:.4}, coherency {:.6}, {} a second with one, residual {:.1} %: {peak}",
                fit.law.alpha,
                fit.law.beta,
                figure(fit.law.gamma),
                fit.residual * 100.0
            )
        }
        (None, Some(NoFit::DoesNotDescribe(residual))) => {
            format!(
                "the scalability law does not describe this: {:.0} % away",
                residual * 100.0
            )
        }
        _ => "too few steps for the scalability law".to_owned(),
    }
}

fn comparisons(all: &[Comparison]) -> String {
    let mut lines = vec![
        [
            "",
            "workers",
            "on",
            "off",
            "median latency",
            "on, a second",
            "off",
            "throughput",
            "memory, on",
            "off",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for comparison in all {
        let median = |side: &Side| side.median_ns.map_or_else(String::new, units::duration);
        lines.push(vec![
            comparison.name.clone(),
            comparison.workers.to_string(),
            median(&comparison.on),
            median(&comparison.off),
            change(comparison.latency_change),
            figure(comparison.on.per_second),
            figure(comparison.off.per_second),
            change(comparison.throughput_change),
            growth(&comparison.on),
            growth(&comparison.off),
        ]);
    }
    table(&lines)
}

fn claims(all: &[Comparison]) -> String {
    let headings = ["", "workers", "promised", "seen", "promise"];
    let mut lines = vec![headings.map(str::to_owned).to_vec()];
    for comparison in all {
        let Some(claimed) = comparison.claimed else { continue };
        let verdict = match claimed.verdict {
            Verdict::Holds => "holds",
            Verdict::DoesNotHold => "does not hold",
            Verdict::NotResolved => "not resolved",
        };
        let seen = match claimed.growth {
            Some(growth) => format!("{:+.2} % over {} rounds", growth * 100.0, comparison.rounds),
            None => change(comparison.latency_change),
        };
        lines.push(vec![
            comparison.name.clone(),
            comparison.workers.to_string(),
            claimed.claim.to_owned(),
            seen,
            verdict.to_owned(),
        ]);
    }
    table(&lines)
}

fn change(estimate: Option<Estimate>) -> String {
    let Some(Estimate { value, low, high }) = estimate else {
        return "not resolved".to_owned();
    };
    let percent = |ratio: f64| {
        if ratio > 10.0 {
            format!("× {:.0}", ratio + 1.0)
        } else {
            format!("{:+.1} %", ratio * 100.0)
        }
    };
    format!("{} ({} to {})", percent(value), percent(low), percent(high))
}

/// From the first to the last round.
fn growth(side: &Side) -> String {
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let (first, last) = side.resident_bytes;
    format!("{:.1} to {:.1} MiB", mebibytes(first), mebibytes(last))
}

/// Three digits, and thousands grouped.
fn figure(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => units::count(value.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::super::found::tests::step;
    use super::super::found::{Bound, Claim, Told};
    use super::*;

    fn curve(of: impl Fn(f64) -> f64) -> Curve {
        let told: Vec<Told> = [1, 2, 4, 8, 16, 32, 64]
            .map(|workers| Told::Step(step(workers, of(workers as f64))))
            .into();
        Curve::new("storage-read", &told)
    }

    const LESS: Claim = Claim {
        text: "25 % less latency",
        bound: Bound::Latency(-0.25),
    };

    #[test]
    fn what_was_promised_stands_beside_what_was_seen() {
        let told = |side: &str, place, per_second| {
            Told::Step(super::super::found::Step {
                side: Some(side.to_owned()),
                place,
                ..step(8, per_second)
            })
        };
        let rounds = [
            told("on", 0, 100.0),
            told("off", 0, 101.0),
            told("off", 1, 101.0),
            told("on", 1, 100.0),
        ];
        let of = |claim| Comparison::new("pool", claim, &rounds);
        let memory = Claim {
            text: "stable memory",
            bound: Bound::Growth(0.01),
        };
        let table = claims(&[of(Some(LESS)), of(None), of(Some(memory))]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 3, "{table}");
        assert!(
            lines[1].contains("25 % less latency") && lines[1].ends_with("does not hold"),
            "{table}"
        );
        assert!(
            lines[2].contains("stable memory") && lines[2].contains("+0.00 % over 2 rounds"),
            "{table}"
        );
    }

    #[test]
    fn every_field_of_the_json_is_documented() {
        let side = |of: &str| {
            Told::Step(super::super::found::Step {
                side: Some(of.to_owned()),
                ..step(1, 1000.0)
            })
        };
        let scale = Scale {
            host: crate::host::this_host(),
            revision: crate::workspace::Workspace::find().expect("a checkout").revision(),
            date: "2027-03-31".to_owned(),
            curves: vec![curve(|workers| 1000.0 * workers / (1.0 + 0.05 * (workers - 1.0)))],
            comparisons: vec![Comparison::new("pool", Some(LESS), &[side("on"), side("off")])],
            failed: vec![Failed::new("asr", &anyhow::anyhow!("no such file"))],
        };
        assert_eq!(crate::documented::missing("scale", &scale), Vec::<String>::new());
    }

    #[test]
    fn the_table_has_a_line_a_number_of_workers() {
        let curve = curve(|workers| 1000.0 * workers.min(2.0));
        let table = points(&curve);
        let expected = [
            "  workers  a second          passes  efficiency  processors     mean   median      P95  calls",
            "  1           1 000  1 000 to 1 000       100 %        2.00  1.00 ms  1.00 ms  1.00 ms    100",
            "  2           2 000  2 000 to 2 000       100 %        2.00  1.00 ms  1.00 ms  1.00 ms    100",
        ];
        assert_eq!(table.lines().take(3).collect::<Vec<_>>(), expected);
        assert_eq!(table.lines().count(), 8);
    }

    #[test]
    fn the_law_is_told_where_it_describes_what_was_measured_and_its_peak_within_that() {
        let with = |beta: f64| {
            law(&curve(|workers| {
                100.0 * workers / (1.0 + 0.05 * (workers - 1.0) + beta * workers * (workers - 1.0))
            }))
        };
        assert!(with(0.0008).contains("most with 34 workers"), "{}", with(0.0008));
        assert!(
            with(0.0001).contains("no peak seen within 64 workers"),
            "{}",
            with(0.0001)
        );
        let ceiling = law(&curve(|workers| 100.0 * workers.min(8.0)));
        assert!(ceiling.contains("does not describe this"), "{ceiling}");
    }

    #[test]
    fn changes_are_per_cent_and_large_ones_factors() {
        let estimate = |value: f64| {
            Some(Estimate {
                value,
                low: value,
                high: value,
            })
        };
        assert_eq!(change(estimate(-0.25)), "-25.0 % (-25.0 % to -25.0 %)");
        assert_eq!(change(estimate(99.0)), "× 100 (× 100 to × 100)");
        assert_eq!(change(None), "not resolved");
    }
}
