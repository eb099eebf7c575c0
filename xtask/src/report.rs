//! From attempts to rows: every figure beside its baseline and its budget, with what can be said of it.

use serde::Serialize;
use voiceflow_record::{Counts, Host, Instrument, Measured, OperationId, Record, Revision, Sampling, Throughput};

use crate::anchors;
use crate::baseline::{Baselines, Reference};
use crate::bench::{Attempt, Found};
use crate::budgets::{Budget, Metric};
use crate::stats::{CALLS_FOR_P95, SortedSamples};

/// Instruction counts may differ by this much: what an unrelated edit was seen to move in counts elsewhere (rustc-perf
/// and the rustls bench runner use the same floor).
pub(crate) const INSTRUCTION_FLOOR: f64 = 0.002;

/// Everything one run found, ready to be printed.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) host: Host,
    pub(crate) revision: Revision,
    pub(crate) operations: Vec<Row>,
}

/// One figure of one operation. `docs/json.md` describes the fields.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) id: OperationId,
    pub(crate) instrument: Instrument,
    pub(crate) metric: Option<Metric>,
    pub(crate) unit: &'static str,
    pub(crate) median: Option<f64>,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) p95: Option<f64>,
    pub(crate) samples: Option<usize>,
    pub(crate) throughput: Option<Throughput>,
    /// Of the bytes a second that the anchor `anchor/memread/1t` read in the same run.
    pub(crate) anchor_share: Option<f64>,
    pub(crate) baseline: Option<f64>,
    pub(crate) budget: Option<f64>,
    /// Which figure the budget bounds.
    pub(crate) budget_metric: Option<Metric>,
    pub(crate) verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// What can be said of one figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Measured, with nothing to hold it against.
    Measured,
    /// Within its budget, and not above its baseline.
    Ok,
    /// Fewer counts than the baseline.
    Improved,
    /// More counts than the baseline allows.
    Regressed,
    /// Above its budget.
    OverBudget,
    /// A budget bounds a percentile that so few calls cannot tell.
    NotEstimable,
    /// The baseline was taken under other circumstances.
    NotComparable,
    /// The instrument is not on this machine.
    Skipped,
    /// The operation crashed, hung, or answered wrongly.
    Failed,
}

impl Verdict {
    fn is_judged(self) -> bool {
        matches!(
            self,
            Verdict::Ok | Verdict::Improved | Verdict::Regressed | Verdict::OverBudget
        )
    }
}

impl Report {
    /// Holds every attempt against its baseline and budgets.
    pub(crate) fn new(
        host: Host,
        revision: Revision,
        attempts: Vec<Attempt>,
        baselines: &Baselines,
        budgets: &[Budget],
    ) -> Self {
        let mut operations: Vec<Row> = attempts
            .iter()
            .flat_map(|attempt| rows(attempt, baselines, budgets))
            .collect();
        anchors::fill_in_shares(&mut operations);
        Self {
            host,
            revision,
            operations,
        }
    }

    /// Whether an operation failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.any(&[Verdict::Failed])
    }

    /// Whether a budget could not be judged.
    pub(crate) fn has_unjudged_budgets(&self) -> bool {
        self.any(&[Verdict::NotEstimable])
    }

    /// Whether anything was measured at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.operations.iter().all(|row| row.median.is_none())
    }

    /// Whether a count regressed or a budget was broken.
    pub(crate) fn has_regressions(&self) -> bool {
        self.any(&[Verdict::Regressed, Verdict::OverBudget])
    }

    /// Whether a baseline did not fit.
    pub(crate) fn is_stale(&self) -> bool {
        self.any(&[Verdict::NotComparable])
    }

    /// How many figures were held against a baseline or a budget.
    pub(crate) fn judged(&self) -> usize {
        self.operations.iter().filter(|row| row.verdict.is_judged()).count()
    }

    /// Whether there are baselines of exact counts, and not one of them fits.
    pub(crate) fn has_only_stale_counts(&self) -> bool {
        let counts = || self.operations.iter().filter(|row| row.instrument != Instrument::Time);
        counts().any(|row| row.verdict == Verdict::NotComparable) && !counts().any(|row| row.verdict.is_judged())
    }

    fn any(&self, verdicts: &[Verdict]) -> bool {
        self.operations.iter().any(|row| verdicts.contains(&row.verdict))
    }
}

fn rows(attempt: &Attempt, baselines: &Baselines, budgets: &[Budget]) -> Vec<Row> {
    let empty = |verdict, reason: &str| {
        vec![Row {
            reason: Some(reason.to_owned()),
            ..Row::empty(attempt.id.clone(), attempt.instrument, verdict)
        }]
    };
    match &attempt.found {
        Found::Skipped(reason) => empty(Verdict::Skipped, reason),
        Found::Failed(reason) => empty(Verdict::Failed, reason),
        Found::Record(record) => {
            let reference = baselines.reference(record);
            figures(record)
                .into_iter()
                .map(|figure| judged_row(record, figure, &reference, budgets))
                .collect()
        }
    }
}

/// One figure read off a record.
struct Figure {
    metric: Metric,
    unit: &'static str,
    median: f64,
    low: f64,
    high: f64,
    p95: Option<f64>,
    samples: usize,
}

fn figures(record: &Record) -> Vec<Figure> {
    match &record.measured {
        Measured::Time(samples) => SortedSamples::new(samples.per_call_ns()).map_or_else(Vec::new, |sorted| {
            let (low, high) = sorted.median_interval();
            let singly = samples.sampling == Sampling::Calls;
            vec![Figure {
                metric: Metric::TimeMedian,
                unit: "ns",
                median: sorted.median(),
                low,
                high,
                p95: sorted.p95().filter(|_| singly),
                samples: sorted.len(),
            }]
        }),
        Measured::Instructions(counts) => exact(
            counts,
            &[
                ("Ir", Metric::Instructions, "instructions"),
                ("Bc", Metric::ConditionalBranches, "branches"),
                ("Bi", Metric::IndirectBranches, "branches"),
            ],
        ),
        Measured::Allocations(counts) => exact(
            counts,
            &[
                ("blocks", Metric::Blocks, "blocks"),
                ("bytes", Metric::Bytes, "bytes"),
                ("peak_bytes", Metric::PeakBytes, "bytes"),
            ],
        ),
    }
}

fn exact(counts: &Counts, metrics: &[(&str, Metric, &'static str)]) -> Vec<Figure> {
    let figure = |&(name, metric, unit): &(&str, Metric, &'static str)| {
        let value = *counts.get(name)? as f64;
        Some(Figure {
            metric,
            unit,
            median: value,
            low: value,
            high: value,
            p95: None,
            samples: 1,
        })
    };
    metrics.iter().filter_map(figure).collect()
}

fn judged_row(record: &Record, figure: Figure, reference: &Reference<'_>, budgets: &[Budget]) -> Row {
    let budget = budgets.iter().find(|budget| {
        let same_figure =
            budget.metric == figure.metric || (budget.metric == Metric::TimeP95 && figure.metric == Metric::TimeMedian);
        budget.operation == record.operation && same_figure
    });
    let baseline = match reference {
        Reference::Comparable(baseline) => figures(baseline)
            .into_iter()
            .find(|other| other.metric == figure.metric)
            .map(|other| other.median),
        _ => None,
    };
    let (verdict, reason) = verdict(&figure, baseline, reference, budget);
    Row {
        metric: Some(figure.metric),
        unit: figure.unit,
        median: Some(figure.median),
        low: Some(figure.low),
        high: Some(figure.high),
        p95: figure.p95,
        samples: Some(figure.samples),
        throughput: record.throughput,
        baseline,
        budget: budget.map(|budget| budget.limit),
        budget_metric: budget.map(|budget| budget.metric),
        reason,
        ..Row::empty(record.operation.clone(), record.instrument(), verdict)
    }
}

/// A broken budget outweighs everything; then the baseline speaks. A time is never called regressed against a stored
/// one: two runs at different times on a shared machine differ by more than most changes do.
fn verdict(
    figure: &Figure,
    baseline: Option<f64>,
    reference: &Reference<'_>,
    budget: Option<&Budget>,
) -> (Verdict, Option<String>) {
    let within = match budget.map(|budget| within(figure, budget)) {
        Some(Ok(false)) => return (Verdict::OverBudget, None),
        Some(Err(reason)) => return (Verdict::NotEstimable, Some(reason)),
        Some(Ok(true)) => true,
        None => false,
    };
    if let Some(baseline) = baseline {
        match against(figure, baseline) {
            Some(Verdict::Ok) | None if within => return (Verdict::Ok, None),
            Some(verdict) => return (verdict, None),
            None => {}
        }
    }
    match reference {
        _ if within => (Verdict::Ok, None),
        Reference::NotComparable(differences) => (Verdict::NotComparable, Some(differences.join("; "))),
        _ => (Verdict::Measured, None),
    }
}

fn within(figure: &Figure, budget: &Budget) -> Result<bool, String> {
    let value = match budget.metric {
        Metric::TimeP95 => figure.p95.ok_or_else(|| {
            format!(
                "a P95 needs {} single calls, there are {}",
                CALLS_FOR_P95, figure.samples
            )
        })?,
        _ => figure.median,
    };
    Ok(value <= budget.limit)
}

/// How an exact figure stands against its baseline; `None` for figures that are not gated.
fn against(figure: &Figure, baseline: f64) -> Option<Verdict> {
    let slack = match figure.metric {
        Metric::Instructions => baseline * INSTRUCTION_FLOOR,
        // A block is a block.
        Metric::Blocks => 0.0,
        _ => return None,
    };
    Some(if figure.median > baseline + slack {
        Verdict::Regressed
    } else if figure.median < baseline - slack {
        Verdict::Improved
    } else {
        Verdict::Ok
    })
}

impl Row {
    fn empty(id: OperationId, instrument: Instrument, verdict: Verdict) -> Self {
        Self {
            id,
            instrument,
            metric: None,
            unit: "",
            median: None,
            low: None,
            high: None,
            p95: None,
            samples: None,
            throughput: None,
            anchor_share: None,
            baseline: None,
            budget: None,
            budget_metric: None,
            verdict,
            reason: None,
        }
    }

    /// The figure its budget bounds: a time row holds two.
    pub(crate) fn budgeted_figure(&self) -> Option<f64> {
        match self.budget_metric? {
            Metric::TimeP95 => self.p95,
            _ => self.median,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::baseline::tests::{baselines_of, calls, instructions, sample_host, sample_record};

    pub(crate) fn attempt(record: Record) -> Attempt {
        Attempt {
            id: record.operation.clone(),
            instrument: record.instrument(),
            found: Found::Record(Box::new(record)),
        }
    }

    pub(crate) fn report(attempts: Vec<Attempt>, baselines: Vec<Record>, budgets: &[Budget]) -> Report {
        let revision = Revision {
            commit: Some("0123456789abcdef".to_owned()),
            dirty: true,
        };
        Report::new(sample_host(), revision, attempts, &baselines_of(baselines), budgets)
    }

    fn verdict_against(candidate: u64, baseline: u64) -> Verdict {
        let report = report(
            vec![attempt(sample_record("a/b/c", instructions(candidate)))],
            vec![sample_record("a/b/c", instructions(baseline))],
            &[],
        );
        report.operations[0].verdict
    }

    #[test]
    fn instructions_regress_beyond_the_floor_and_not_within_it() {
        assert_eq!(verdict_against(1_002_000, 1_000_000), Verdict::Ok);
        assert_eq!(verdict_against(1_002_001, 1_000_000), Verdict::Regressed);
        assert_eq!(verdict_against(998_000, 1_000_000), Verdict::Ok);
        assert_eq!(verdict_against(997_999, 1_000_000), Verdict::Improved);
    }

    #[test]
    fn one_block_more_is_a_regression_and_more_bytes_alone_are_not() {
        let allocations = |blocks: u64, bytes: u64| {
            let counts = [("blocks", blocks), ("bytes", bytes), ("peak_bytes", bytes)];
            Measured::Allocations(counts.map(|(name, count)| (name.to_owned(), count)).into())
        };
        let verdict = |blocks, bytes| {
            let candidate = attempt(sample_record("a/b/c", allocations(blocks, bytes)));
            report(vec![candidate], vec![sample_record("a/b/c", allocations(7, 100))], &[])
        };
        assert!(verdict(8, 100).has_regressions());
        assert!(!verdict(7, 100_000).has_regressions());
        assert_eq!(verdict(6, 100).operations[0].verdict, Verdict::Improved);
    }

    #[test]
    fn a_budget_on_a_p95_is_judged_by_the_p95() {
        let budget = Budget {
            operation: "a/b/c".parse().expect("valid"),
            metric: Metric::TimeP95,
            limit: 1500.0,
        };
        let judged = |elapsed_ns: Vec<u64>| {
            let attempts = vec![attempt(sample_record("a/b/c", calls(elapsed_ns)))];
            report(attempts, vec![], std::slice::from_ref(&budget))
        };
        let mut mostly_fast = vec![1000; 95];
        mostly_fast.extend([9000; 5]);
        assert_eq!(judged(mostly_fast.clone()).operations[0].verdict, Verdict::Ok);
        mostly_fast[0] = 9000;
        assert!(judged(mostly_fast).has_regressions());
        let too_few = judged(vec![1000; 89]);
        assert_eq!(too_few.operations[0].verdict, Verdict::NotEstimable);
        assert!(too_few.has_unjudged_budgets());
    }
}
