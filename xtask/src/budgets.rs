//! The service levels in `baselines/budgets.toml`: what an operation may cost, whatever it cost before.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use voiceflow_record::{Instrument, OperationId};

use crate::units;

/// One bound on one figure of one operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Budget {
    /// What is bounded.
    pub(crate) operation: OperationId,
    /// Which figure of it.
    pub(crate) metric: Metric,
    /// The most it may be: nanoseconds, bytes or counts.
    pub(crate) limit: f64,
}

/// A figure that a table row shows and a budget can bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Metric {
    /// Nanoseconds, the middle call.
    TimeMedian,
    /// Nanoseconds, the 95th percentile of single calls.
    TimeP95,
    /// Instructions executed.
    Instructions,
    /// Conditional branches executed.
    ConditionalBranches,
    /// Indirect branches executed.
    IndirectBranches,
    /// Heap blocks allocated.
    Blocks,
    /// Heap bytes allocated.
    Bytes,
    /// Heap bytes alive at once.
    PeakBytes,
}

impl Metric {
    /// The word in `budgets.toml` and in JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Metric::TimeMedian => "time-median",
            Metric::TimeP95 => "time-p95",
            Metric::Instructions => "instructions",
            Metric::ConditionalBranches => "conditional-branches",
            Metric::IndirectBranches => "indirect-branches",
            Metric::Blocks => "blocks",
            Metric::Bytes => "bytes",
            Metric::PeakBytes => "peak-bytes",
        }
    }

    /// The instrument that gives it.
    pub(crate) fn instrument(self) -> Instrument {
        match self {
            Metric::TimeMedian | Metric::TimeP95 => Instrument::Time,
            Metric::Instructions | Metric::ConditionalBranches | Metric::IndirectBranches => Instrument::Instructions,
            Metric::Blocks | Metric::Bytes | Metric::PeakBytes => Instrument::Allocations,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBudgets {
    #[serde(default)]
    budget: Vec<WireBudget>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBudget {
    operation: String,
    metric: Metric,
    limit: String,
    /// Why this value; for readers of the file, but it may not be left out.
    reason: String,
}

/// Reads the budgets of a folder of baselines; a missing file holds none.
pub(crate) fn read(baselines: &Path) -> anyhow::Result<Vec<Budget>> {
    let path = baselines.join("budgets.toml");
    let file = path.display().to_string();
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&file, &text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {file}")),
    }
}

/// Reads the text of such a file; `file` is how messages name it.
pub(crate) fn parse(file: &str, text: &str) -> anyhow::Result<Vec<Budget>> {
    budgets(text).with_context(|| format!("cannot read {file}"))
}

fn budgets(text: &str) -> anyhow::Result<Vec<Budget>> {
    let wire: WireBudgets = toml::from_str(text)?;
    let budgets: Vec<Budget> = wire.budget.into_iter().map(budget).collect::<anyhow::Result<_>>()?;
    for (index, budget) in budgets.iter().enumerate() {
        // A table row shows a median and a P95 of one operation and has room for one bound.
        let bounds_the_same = |other: &&Budget| {
            other.operation == budget.operation
                && (other.metric == budget.metric
                    || [other, budget]
                        .iter()
                        .all(|of| of.metric.instrument() == Instrument::Time))
        };
        if budgets[..index].iter().any(|other| bounds_the_same(&other)) {
            bail!("there are two budgets on the same figure of {}", budget.operation);
        }
    }
    Ok(budgets)
}

fn budget(wire: WireBudget) -> anyhow::Result<Budget> {
    let Some(limit) = units::parse_quantity(&wire.limit).filter(|limit| *limit > 0.0) else {
        bail!(
            "the limit `{}` of {} is no quantity: write `500 ms`, `64 KiB` or a number",
            wire.limit,
            wire.operation
        );
    };
    if wire.reason.trim().is_empty() {
        bail!("the budget of {} gives no reason", wire.operation);
    }
    Ok(Budget {
        operation: wire.operation.parse()?,
        metric: wire.metric,
        limit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_has_a_metric_a_limit_and_a_reason() {
        let text =
            "[[budget]]\noperation = \"a/b/c\"\nmetric = \"time-p95\"\nlimit = \"500 ms\"\nreason = \"target\"\n";
        let budgets = parse("budgets.toml", text).expect("parses");
        assert_eq!((budgets[0].metric, budgets[0].limit), (Metric::TimeP95, 5e8));
        for (from, to, complaint) in [
            ("500 ms", "soon", "no quantity"),
            ("target", " ", "no reason"),
            ("time-p95", "time-p96", "time-p96"),
            ("a/b/c", "a/b", "no operation id"),
            ("reason", "because", "because"),
        ] {
            let refused = parse("budgets.toml", &text.replace(from, to)).expect_err("refused");
            let error = format!("{refused:#}");
            assert!(error.contains(complaint), "{error}");
        }
    }
}
