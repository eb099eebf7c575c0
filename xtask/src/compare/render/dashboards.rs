//! The candidate's figures in the formats of two dashboards, for those who keep a history there.
//!
//! What is not the candidate's own figure stays out: operations in which a slowdown was planted, and the times of a run
//! that a placebo voided. Identical operations are not measured, so they have no figures to give.

use std::collections::BTreeMap;

use serde::Serialize;

use super::facts::side_short;
use super::words::{changed, is_planted, is_void, metric_name, span, standing};
use crate::compare::model::{Comparison, Metric, Row};

/// Bencher Metric Format, for `bencher run --adapter json`: latency in nanoseconds, instructions, and allocations in
/// heap blocks, by operation. <https://bencher.dev/docs/reference/bencher-metric-format/>
pub(crate) fn bencher_metric_format(comparison: &Comparison) -> serde_json::Result<String> {
    let mut benchmarks: BTreeMap<&str, BTreeMap<&'static str, BencherMetric>> = BTreeMap::new();
    for figure in figures(comparison) {
        let metric = BencherMetric {
            value: figure.value,
            lower_value: figure.bounds.map(|(low, _)| low),
            upper_value: figure.bounds.map(|(_, high)| high),
        };
        let measures = benchmarks.entry(figure.row.id.as_str()).or_default();
        measures.insert(figure.measure, metric);
    }
    serde_json::to_string_pretty(&benchmarks)
}

#[derive(Serialize)]
struct BencherMetric {
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper_value: Option<f64>,
}

/// For benchmark-action/github-action-benchmark with `tool: customSmallerIsBetter`.
/// <https://github.com/benchmark-action/github-action-benchmark>
pub(crate) fn github_action_benchmark(comparison: &Comparison) -> serde_json::Result<String> {
    let mut entries: Vec<ActionEntry> = figures(comparison)
        .into_iter()
        .map(|figure| ActionEntry::new(comparison, &figure))
        .collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    serde_json::to_string_pretty(&entries)
}

#[derive(Serialize)]
struct ActionEntry {
    /// The series it belongs to: an operation has one for each metric.
    name: String,
    unit: &'static str,
    value: f64,
    /// Shown as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    /// Shown as it is, when pointed at.
    extra: String,
}

impl ActionEntry {
    fn new(comparison: &Comparison, figure: &Figure<'_>) -> Self {
        let row = figure.row;
        let half = figure
            .bounds
            .map(|(low, high)| (figure.value - low).max(high - figure.value));
        let interval = match (row.low, row.high) {
            (Some(low), Some(high)) if row.metric == Metric::Time => format!(" ({})", span(low, high)),
            _ => String::new(),
        };
        Self {
            name: format!("{} {}", row.id, metric_name(row.metric)),
            unit: figure.unit,
            value: figure.value,
            range: half.map(|half| format!("± {half:.3}")),
            extra: format!(
                "{}{interval} against {}\n{}",
                changed(row),
                side_short(&comparison.baseline),
                standing(comparison, row)
            ),
        }
    }
}

/// One figure of the candidate that a dashboard may have.
struct Figure<'a> {
    row: &'a Row,
    measure: &'static str,
    unit: &'static str,
    value: f64,
    /// Of a time: where it would lie at the ends of the change's 95 % interval.
    bounds: Option<(f64, f64)>,
}

fn figures(comparison: &Comparison) -> Vec<Figure<'_>> {
    comparison
        .operations
        .iter()
        .filter(|row| !is_planted(comparison, row) && !is_void(comparison, row))
        .filter_map(figure)
        .collect()
}

fn figure(row: &Row) -> Option<Figure<'_>> {
    let value = row.candidate.filter(|value| value.is_finite())?;
    let (measure, unit) = match row.metric {
        Metric::Time => ("latency", "ns"),
        Metric::Instructions => ("instructions", "instructions"),
        Metric::Blocks => ("allocations", "blocks"),
        Metric::Bytes | Metric::PeakBytes => return None,
    };
    let bounds = if row.metric == Metric::Time {
        bounds(row, value)
    } else {
        None
    };
    Some(Figure {
        row,
        measure,
        unit,
        value,
        bounds,
    })
}

/// The change is estimated from paired rounds and not from the two medians, so its interval is laid around the
/// candidate's median as far as it lies around the change.
fn bounds(row: &Row, value: f64) -> Option<(f64, f64)> {
    let (change, low, high) = (row.change?, row.low?, row.high?);
    let at = |bound: f64| value * (1.0 + bound) / (1.0 + change);
    let (low, high) = (at(low), at(high));
    (low.is_finite() && high.is_finite()).then_some((low, high))
}
