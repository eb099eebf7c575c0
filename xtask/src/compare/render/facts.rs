//! The run besides its rows: revisions, machine, settings, placebo, layout, and what was not compared.

use std::collections::BTreeSet;

use voiceflow_record::OperationId;

use super::words::{
    NONE, change, changed, differs, figure, ids, is_unremarkable, metric_name, named, operations, percentage, rows,
};
use crate::compare::model::{BudgetLine, Comparison, Metric, PlaceboRow, Problem, Side, Verdict, Waived};
use crate::stats::SortedSamples;
use crate::stats::cluster::geometric_mean_interval;
use crate::units;

/// One revision in a few words.
pub(crate) fn side_short(side: &Side) -> String {
    let dirty = if side.dirty { ", with changes" } else { "" };
    format!("{} ({}{dirty})", side.name, Comparison::short(&side.commit))
}

/// One revision.
pub(crate) fn side(side: &Side) -> String {
    let dirty = if side.dirty { ", with changes" } else { "" };
    let toolchain = match side.toolchain.as_str() {
        "" => "toolchain not told",
        toolchain => toolchain,
    };
    format!(
        "{}: commit {}{dirty}, \"{}\", {toolchain}",
        side.name, side.commit, side.subject
    )
}

/// Something about the run, under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) label: &'static str,
    pub(crate) value: String,
}

/// What, where, when and how it was measured, and what kept it honest.
pub(crate) fn facts(comparison: &Comparison) -> Vec<Fact> {
    let nothing_differs = "the two builds differ in nothing but the code".to_owned();
    [
        ("baseline", Some(side(&comparison.baseline))),
        ("candidate", Some(side(&comparison.candidate))),
        ("builds", comparison.differences.is_empty().then_some(nothing_differs)),
        ("measured", Some(format!("for {}", lasting(comparison.measured_s)))),
        ("asked for", Some(settings(comparison))),
        ("suite", suite(comparison)),
        ("placebo", Some(placebo(comparison))),
        ("planted", planted(comparison)),
        ("layout", Some(layout(comparison))),
        ("host", Some(host(comparison))),
        ("conditions", Some(conditions(comparison))),
        (
            "raw data",
            comparison.raw_sha256.as_ref().map(|digest| format!("SHA-256 {digest}")),
        ),
    ]
    .into_iter()
    .filter_map(|(label, value)| Some(Fact { label, value: value? }))
    .collect()
}

/// All times together: a drift that no single row shows. Operations are the clusters, however many rounds each has.
fn suite(comparison: &Comparison) -> Option<String> {
    let times = comparison.operations.iter().filter(|row| row.metric == Metric::Time);
    let log_ratios: Vec<f64> = times.filter_map(|row| row.change).map(f64::ln_1p).collect();
    let (mean, low, high) = geometric_mean_interval(&log_ratios, 0.95)?;
    Some(format!(
        "geometric mean of {} times {}, 95 % interval {} to {}",
        log_ratios.len(),
        change(Some(mean - 1.0)),
        change(Some(low - 1.0)),
        change(Some(high - 1.0))
    ))
}

/// What the run was asked to show.
pub(crate) fn settings(comparison: &Comparison) -> String {
    let settings = &comparison.settings;
    let looks: Vec<String> = settings.looks.iter().map(u32::to_string).collect();
    let mut words = vec![
        format!("effort {}", settings.effort),
        format!("ok excludes a slowdown of {} (the margin)", percentage(settings.margin)),
        format!(
            "regressed excludes one of {} (the tolerance)",
            percentage(settings.tolerance)
        ),
        format!(
            "chance of one false suspicion {} over all rows, of confirming it {}",
            percentage(settings.family_alpha),
            percentage(settings.confirm_alpha)
        ),
        format!("looks after {} rounds", looks.join(", ")),
    ];
    words.extend(settings.filter.as_ref().map(|filter| format!("filter {filter}")));
    if settings.all {
        words.push("identical operations measured too".to_owned());
    }
    if settings.kit_overlay {
        words.push("the baseline's libraries under the candidate's operations".to_owned());
    }
    words.join("; ")
}

/// What the baseline against a copy of itself showed.
pub(crate) fn placebo(comparison: &Comparison) -> String {
    let placebo = &comparison.placebo;
    let total = placebo.operations.len();
    if total == 0 {
        return "none was measured, so this run does not know its own false alarms".to_owned();
    }
    let most = placebo_rows(comparison)
        .first()
        .map(|row| format!("; largest change {} ({})", change(Some(row.change)), row.id))
        .unwrap_or_default();
    let smallest = placebo.operations.iter().filter_map(|row| row.smallest_detectable);
    let power = SortedSamples::new(smallest.collect())
        .map(|smallest| {
            format!(
                "; half of them would have shown {} or more",
                percentage(smallest.median())
            )
        })
        .unwrap_or_default();
    let measured = format!(
        "of {} against a copy of itself, {} rounds{power}",
        operations(total),
        placebo.rounds
    );
    match placebo.alarms {
        0 => format!("quiet: 0 alarms {measured}{most}"),
        1 => format!("ALARMED: 1 alarm {measured}{most}; no time verdict of this run holds"),
        alarms => format!("ALARMED: {alarms} alarms {measured}{most}; no time verdict of this run holds"),
    }
}

/// The placebos, alarmed ones and large changes first.
pub(crate) fn placebo_rows(comparison: &Comparison) -> Vec<&PlaceboRow> {
    let mut rows: Vec<&PlaceboRow> = comparison.placebo.operations.iter().collect();
    rows.sort_by(|a, b| {
        b.alarmed
            .cmp(&a.alarmed)
            .then_with(|| b.change.abs().total_cmp(&a.change.abs()))
            .then_with(|| a.id.cmp(&b.id))
    });
    rows
}

/// Whether what was planted was found.
pub(crate) fn planted(comparison: &Comparison) -> Option<String> {
    let planted: BTreeSet<&OperationId> = comparison.settings.planted.iter().collect();
    if planted.is_empty() {
        return None;
    }
    let found = ids(comparison, |row| {
        row.metric == Metric::Time && row.verdict == Verdict::Regressed && planted.contains(&row.id)
    });
    let missed: BTreeSet<&OperationId> = planted.difference(&found).copied().collect();
    let missed = if missed.is_empty() {
        String::new()
    } else {
        format!(", missed {}", named(&missed))
    };
    Some(format!(
        "a slowdown of {} % was planted in {}, {} found{missed}",
        comparison.settings.plant_percent,
        operations(planted.len()),
        found.len()
    ))
}

/// What was done so that places in memory do not look like changes of speed.
pub(crate) fn layout(comparison: &Comparison) -> String {
    let layout = &comparison.layout;
    let matched = if layout.matched {
        format!(
            "{} of {} functions in the same places on both sides",
            units::count(layout.functions_matched as u64),
            units::count(layout.functions as u64)
        )
    } else {
        "functions NOT put in the same places".to_owned()
    };
    let shuffled = if layout.shuffled {
        "suspicions confirmed under shuffled layouts"
    } else {
        "layouts NOT shuffled for confirmations"
    };
    let note = layout.note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
    format!("{matched}; {shuffled}{note}")
}

/// The machine.
pub(crate) fn host(comparison: &Comparison) -> String {
    let host = &comparison.host;
    let memory = match host.memory_bytes {
        0 => "memory not told".to_owned(),
        bytes => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
    };
    format!(
        "{}, {} cores, {memory}, {} {} {}, governor {}, {}, {}, class {}",
        host.cpu_model,
        host.cores,
        host.os,
        host.arch,
        host.kernel,
        host.governor.as_deref().unwrap_or("not told"),
        host.libc,
        host.valgrind.as_deref().unwrap_or("no valgrind"),
        host.class
    )
}

/// What the machine was doing meanwhile.
pub(crate) fn conditions(comparison: &Comparison) -> String {
    let conditions = &comparison.conditions;
    let load = match conditions.load_average {
        Some([start, end]) => format!("load average {start:.2} at the start and {end:.2} at the end"),
        None => "load average not told".to_owned(),
    };
    let steal = match conditions.steal {
        Some(share) => format!("steal {}", percentage(share)),
        None => "steal not told".to_owned(),
    };
    format!(
        "from {}, {} from the first round to the last, {load}, {steal}",
        utc(conditions.started_unix_ms),
        lasting(conditions.took_ms as f64 / 1000.0)
    )
}

/// `5 min 12 s`.
fn lasting(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..120 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// `2026-11-24 15:19 UTC`. From days to a date as `civil_from_days` does in Howard Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms": years begin in March, so that a leap day is the last.
fn utc(unix_ms: u64) -> String {
    let minutes = unix_ms / 60_000;
    let days = minutes / (24 * 60) + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_since_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_since_march + 2) / 5 + 1;
    let month = (months_since_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02} UTC",
        minutes / 60 % 24,
        minutes % 60
    )
}

/// Operations of the same fate that were not compared, with reasons where there are any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Absence<'a> {
    pub(crate) word: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) operations: Vec<(&'a OperationId, &'a str)>,
}

/// Failed, removed, added and skipped operations; only what there is.
pub(crate) fn absences(comparison: &Comparison) -> Vec<Absence<'_>> {
    [
        (
            "FAILED",
            "crashed, hung or answered wrongly, on one side at least",
            problems(&comparison.failed),
        ),
        (
            "REMOVED",
            "only the baseline has it",
            without_reason(&comparison.removed),
        ),
        ("ADDED", "only the candidate has it", without_reason(&comparison.added)),
        (
            "SKIPPED",
            "something for it is not on this machine",
            problems(&comparison.skipped),
        ),
    ]
    .into_iter()
    .filter(|(_, _, operations)| !operations.is_empty())
    .map(|(word, meaning, operations)| Absence {
        word,
        meaning,
        operations,
    })
    .collect()
}

fn problems(problems: &[Problem]) -> Vec<(&OperationId, &str)> {
    let mut found: Vec<(&OperationId, &str)> = problems
        .iter()
        .map(|problem| (&problem.id, problem.reason.as_str()))
        .collect();
    found.sort_unstable();
    found
}

fn without_reason(ids: &[OperationId]) -> Vec<(&OperationId, &str)> {
    let mut found: Vec<(&OperationId, &str)> = ids.iter().map(|id| (id, "")).collect();
    found.sort_unstable();
    found
}

/// Operations that needed no measuring.
pub(crate) fn identical_ids(comparison: &Comparison) -> BTreeSet<&OperationId> {
    comparison.identical.iter().collect()
}

/// What needs no table: rows that are ok, and operations that were not measured because nothing that runs differs.
pub(crate) fn folded(comparison: &Comparison) -> String {
    let judged = [Metric::Time, Metric::Instructions, Metric::Blocks];
    let number = |metric: Metric| rows(comparison, |row| row.metric == metric && is_unremarkable(row)).len();
    let by_metric = judged.map(|metric| format!("{} by {}", number(metric), metric_name(metric)));
    let all: usize = judged.into_iter().map(number).sum();
    let parentheses = if comparison.verdict == Verdict::Void {
        " (the times void)"
    } else {
        ""
    };
    format!(
        "ok: {all} rows ({}){parentheses}; identical, not measured: {}",
        by_metric.join(", "),
        operations(comparison.identical.len())
    )
}

/// What happened to figures that no verdict hangs on, where anything did.
pub(crate) fn not_judged(comparison: &Comparison) -> Option<String> {
    let moved = rows(comparison, |row| {
        matches!(row.metric, Metric::Bytes | Metric::PeakBytes) && differs(row)
    });
    let most = moved.first()?;
    let ids: BTreeSet<&OperationId> = moved.iter().map(|row| &row.id).collect();
    Some(format!(
        "shown, not judged: heap bytes changed in {}, most {} ({} {})",
        operations(ids.len()),
        most.id,
        metric_name(most.metric),
        changed(most)
    ))
}

/// Waivers in force, a line each.
pub(crate) fn waivers(comparison: &Comparison) -> Vec<String> {
    let mut waived: Vec<&Waived> = comparison.waived.iter().collect();
    waived.sort_by(|a, b| (&a.id, a.metric).cmp(&(&b.id, b.metric)));
    waived.into_iter().map(waiver).collect()
}

fn waiver(waived: &Waived) -> String {
    format!(
        "{} {}: {}, accepted up to {}: {} ({}, until {})",
        waived.id,
        metric_name(waived.metric),
        change(Some(waived.change)),
        change(Some(waived.bound)),
        waived.reason,
        waived.owner,
        waived.expires
    )
}

/// Budgets, a line each, exceeded ones first.
pub(crate) fn budgets(comparison: &Comparison) -> Vec<String> {
    let mut budgets: Vec<&BudgetLine> = comparison.budgets.iter().collect();
    budgets.sort_by(|a, b| (budget_rank(a), &a.id, &a.metric).cmp(&(budget_rank(b), &b.id, &b.metric)));
    budgets.into_iter().map(budget).collect()
}

fn budget_rank(budget: &BudgetLine) -> u8 {
    match budget.within {
        Some(false) => 0,
        None => 1,
        Some(true) => 2,
    }
}

fn budget(budget: &BudgetLine) -> String {
    let quantity = |value: f64| {
        let metric = if budget.metric.starts_with("time") {
            Metric::Time
        } else {
            Metric::Bytes
        };
        figure(metric, Some(value))
    };
    let standing = match budget.within {
        Some(true) => "within",
        Some(false) => "OVER BUDGET",
        None => "not judged",
    };
    format!(
        "{standing}: {} {}, {} of {}",
        budget.id,
        budget.metric,
        budget.value.map_or_else(|| NONE.to_owned(), quantity),
        quantity(budget.limit)
    )
}

/// How many budgets are exceeded.
pub(crate) fn over_budget(comparison: &Comparison) -> usize {
    comparison
        .budgets
        .iter()
        .filter(|budget| budget.within == Some(false))
        .count()
}
