//! The sentences below a flagged row: why, how sure, and what its neighbours say.

use voiceflow_record::Clock;

use super::words::{change, figure, is_planted, is_void, metric_name, percentage, span};
use crate::compare::model::{Comparison, Confirmation, Metric, Row, Verdict};
use crate::units;

/// What a flagged row needs said besides its figures.
pub(crate) fn notes(comparison: &Comparison, row: &Row) -> Vec<String> {
    let mut notes = Vec::new();
    if is_void(comparison, row) {
        notes.push("void: a placebo alarmed, so this verdict does not hold".to_owned());
    }
    notes.extend(row.reason.clone());
    if is_planted(comparison, row) {
        let percent = if row.planted_percent == 0.0 {
            comparison.settings.plant_percent
        } else {
            row.planted_percent
        };
        notes.push(format!("planted: the candidate was made slower here by {percent} %"));
    }
    notes.extend(row.confirmation.as_ref().map(|found| confirmation(comparison, found)));
    notes.extend(other_clock(row));
    notes.extend(rates(row));
    notes.extend(p_value(comparison, row));
    notes.extend(heap(comparison, row));
    notes
}

fn confirmation(comparison: &Comparison, found: &Confirmation) -> String {
    let word = if found.agrees { "confirmed" } else { "not confirmed" };
    let how = if comparison.layout.shuffled {
        "fresh processes and shuffled layouts"
    } else {
        "fresh processes, layouts not shuffled"
    };
    format!(
        "{word}: {} ({}) over {} rounds of {how}",
        change(Some(found.change)),
        span(found.low, found.high),
        found.rounds
    )
}

fn other_clock(row: &Row) -> Option<String> {
    let clock = match row.clock? {
        Clock::Cpu => "wall time",
        Clock::Wall => "processor time",
    };
    row.other_clock_change
        .map(|found| format!("by {clock} the change is {}", change(Some(found))))
}

fn rates(row: &Row) -> Option<String> {
    let throughput = row.throughput.filter(|_| row.metric == Metric::Time)?;
    let baseline = row.baseline.filter(|&nanoseconds| nanoseconds > 0.0)?;
    let candidate = row.candidate.filter(|&nanoseconds| nanoseconds > 0.0)?;
    Some(format!(
        "throughput {} → {}",
        units::rate(throughput, baseline),
        units::rate(throughput, candidate)
    ))
}

fn p_value(comparison: &Comparison, row: &Row) -> Option<String> {
    if row.verdict == Verdict::Improved {
        return None;
    }
    let p = row.p_adjusted?;
    let p = if p < 0.000_1 {
        "< 0.0001".to_owned()
    } else {
        format!("{p:.4}")
    };
    Some(format!(
        "p {p} against \"slower by at most {}\", adjusted by Holm over all rows",
        percentage(comparison.settings.tolerance)
    ))
}

/// Bytes beside blocks: they say how large the blocks are.
fn heap(comparison: &Comparison, row: &Row) -> Option<String> {
    if row.metric != Metric::Blocks {
        return None;
    }
    let parts: Vec<String> = [Metric::Bytes, Metric::PeakBytes]
        .into_iter()
        .filter_map(|metric| {
            let beside = comparison
                .operations
                .iter()
                .find(|other| other.id == row.id && other.metric == metric)?;
            Some(format!(
                "{} {} → {}",
                metric_name(metric),
                figure(metric, beside.baseline),
                figure(metric, beside.candidate)
            ))
        })
        .collect();
    (!parts.is_empty()).then(|| format!("not judged: {}", parts.join(", ")))
}
