//! The document that goes with a release: what was compared, what was shown of it, and what was not.

use super::facts::{
    Absence, absences, budgets, conditions, host, identical_ids, layout, not_judged, placebo, placebo_rows, planted,
    settings, waivers,
};
use super::headline::headline;
use super::markdown::{bullets, code, prose};
use super::words::{
    change, changed, differs, figure, interval, is_planted, is_void, is_within_margin, metric, operations, percentage,
    rounds, rows, smallest_detectable, span, standing, threshold, verdict,
};
use crate::compare::model::{Comparison, Metric, Row, Side, Verdict};

/// The effort a sign-off is made with.
const EFFORT: &str = "signoff";

/// The document, in Markdown.
pub(crate) fn sign_off(comparison: &Comparison) -> String {
    [
        statement(comparison),
        equivalence(comparison),
        counts(comparison),
        section(
            "Budgets",
            &bullets(&budgets(comparison)),
            "No budget was held against the candidate.",
        ),
        section("Waivers to look at", &bullets(&comparison.problems), "None."),
        section("Waivers in force", &bullets(&waivers(comparison)), "None."),
        machine(comparison),
        section(
            "What differs between the builds besides the code",
            &bullets(&comparison.differences),
            "Nothing: toolchain, flags and locked dependencies are the same.",
        ),
        placebos(comparison),
        section("Layout", &bullets(&[layout(comparison)]), ""),
        limits(comparison),
        raw_data(comparison),
    ]
    .join("\n")
}

fn statement(comparison: &Comparison) -> String {
    let headline = headline(comparison);
    let (baseline, candidate) = (&comparison.baseline, &comparison.candidate);
    let effort = &comparison.settings.effort;
    let warning = if effort == EFFORT {
        String::new()
    } else {
        format!(
            "\nThis run was made with effort {}, less than a sign-off asks for.\n",
            code(effort)
        )
    };
    format!(
        "# Release sign-off: {} against {}\n\n**{}**: {}\n{warning}\nThis document states what was measured when the \
         candidate was compared with the baseline, by `cargo xtask compare`, on the machine described below. It claims \
         nothing beyond what it lists. A positive change means slower, or more.\n\n{}\n{}\n",
        prose(&candidate.name),
        prose(&baseline.name),
        headline.word,
        prose(&headline.sentence),
        sides(baseline, candidate),
        prose(&settings(comparison))
    )
}

fn sides(baseline: &Side, candidate: &Side) -> String {
    let commit = |side: &Side| {
        let dirty = if side.dirty { ", with changes" } else { "" };
        format!("{}{dirty}", code(&side.commit))
    };
    format!(
        "| | baseline | candidate |\n|---|---|---|\n| revision | {} | {} |\n| commit | {} | {} |\n| message | {} | {} \
         |\n| toolchain | {} | {} |\n",
        prose(&baseline.name),
        prose(&candidate.name),
        commit(baseline),
        commit(candidate),
        prose(&baseline.subject),
        prose(&candidate.subject),
        prose(&baseline.toolchain),
        prose(&candidate.toolchain)
    )
}

fn equivalence(comparison: &Comparison) -> String {
    let margin = percentage(comparison.settings.margin);
    let times = rows(comparison, |row| row.metric == Metric::Time);
    let shown = times.iter().filter(|row| is_shown(comparison, row)).count();
    let identical: Vec<String> = identical_ids(comparison).iter().map(|id| code(id.as_str())).collect();
    let mut text = format!(
        "## Times\n\nWithin the margin means: a slowdown of {margin} is excluded. It was shown for {shown} of \
         {} that were timed.\n",
        operations(times.len())
    );
    if !times.is_empty() {
        text.push_str(
            "\n| operation | metric | change | 95 % interval | rounds | within the margin | verdict |\n\
             |---|---|--:|--:|--:|---|---|\n",
        );
        text.extend(times.iter().map(|row| equivalence_line(comparison, row)));
    }
    if !identical.is_empty() {
        text.push_str(&format!(
            "\nNot timed, because machine code and inputs are identical: {}.\n",
            identical.join(", ")
        ));
    }
    text
}

fn is_shown(comparison: &Comparison, row: &Row) -> bool {
    is_within_margin(row) && !is_void(comparison, row)
}

fn equivalence_line(comparison: &Comparison, row: &Row) -> String {
    format!(
        "| {} | {} | {} | {} | {} | {} | {} |\n",
        name(comparison, row),
        metric(row),
        changed(row),
        interval(row),
        rounds(row),
        if is_shown(comparison, row) {
            "shown"
        } else {
            "**not shown**"
        },
        standing(comparison, row)
    )
}

fn name(comparison: &Comparison, row: &Row) -> String {
    let mark = if is_planted(comparison, row) { " (planted)" } else { "" };
    format!("{}{mark}", code(row.id.as_str()))
}

fn counts(comparison: &Comparison) -> String {
    let is_count = |row: &Row| matches!(row.metric, Metric::Instructions | Metric::Blocks);
    let counted = rows(comparison, is_count).len();
    let differing = rows(comparison, |row| is_count(row) && differs(row));
    let mut text = format!(
        "## Counts\n\n{} of {counted} exact counts (instructions and heap blocks of one call) are the same.\n",
        counted - differing.len()
    );
    if !differing.is_empty() {
        text.push_str(
            "\n| operation | metric | baseline | candidate | change | threshold | verdict |\n\
             |---|---|--:|--:|--:|--:|---|\n",
        );
        text.extend(differing.iter().map(|row| count_line(comparison, row)));
    }
    if let Some(bytes) = not_judged(comparison) {
        text.push_str(&format!("\n{}.\n", prose(&bytes)));
    }
    text
}

fn count_line(comparison: &Comparison, row: &Row) -> String {
    format!(
        "| {} | {} | {} | {} | {} | {} | {} |\n",
        name(comparison, row),
        metric(row),
        figure(row.metric, row.baseline),
        figure(row.metric, row.candidate),
        changed(row),
        threshold(row),
        standing(comparison, row)
    )
}

fn machine(comparison: &Comparison) -> String {
    let lines = [host(comparison), conditions(comparison)];
    section("Machine", &bullets(&lines), "")
}

fn placebos(comparison: &Comparison) -> String {
    let mut lines = vec![placebo(comparison)];
    lines.extend(placebo_rows(comparison).iter().map(|row| {
        format!(
            "{}: {} ({}) over {} rounds, {}",
            row.id,
            change(Some(row.change)),
            span(row.low, row.high),
            row.rounds,
            if row.alarmed { "ALARMED" } else { "quiet" }
        )
    }));
    lines.extend(planted(comparison));
    section("Placebo: the baseline against a copy of itself", &bullets(&lines), "")
}

/// What a reader must not take this document for.
fn limits(comparison: &Comparison) -> String {
    let mut lines: Vec<String> = rows(comparison, |row| {
        row.metric == Metric::Time && !is_shown(comparison, row)
    })
    .into_iter()
    .map(|row| {
        format!(
            "{}, {}: {}, {} ({}); smallest detectable slowdown {}",
            row.id,
            metric(row),
            verdict(row.verdict),
            changed(row),
            interval(row),
            smallest_detectable(row)
        )
    })
    .collect();
    lines.extend(uncounted(comparison));
    lines.extend(absences(comparison).iter().flat_map(absent));
    lines.push(format!(
        "times hold for machines of class {} and for the inputs of the operations; other machines were not asked",
        comparison.host.class
    ));
    section("What was not shown", &bullets(&lines), "")
}

/// Counts that are not comparable are as little shown as times.
fn uncounted(comparison: &Comparison) -> Vec<String> {
    rows(comparison, |row| {
        row.metric != Metric::Time && row.verdict == Verdict::NotComparable
    })
    .into_iter()
    .map(|row| format!("{}, {}: not comparable", row.id, metric(row)))
    .collect()
}

fn absent(absence: &Absence<'_>) -> Vec<String> {
    absence
        .operations
        .iter()
        .map(|&(id, reason)| {
            let reason = if reason.is_empty() { absence.meaning } else { reason };
            format!("{id}: {}, {reason}", absence.word)
        })
        .collect()
}

fn raw_data(comparison: &Comparison) -> String {
    let line = match &comparison.raw_sha256 {
        Some(digest) => format!(
            "SHA-256 over all raw rounds, in the order of their paths: {}",
            code(digest)
        ),
        None => "No raw rounds were kept.".to_owned(),
    };
    format!("## Raw data\n\n{line}\n")
}

fn section(title: &str, lines: &[String], where_there_are_none: &str) -> String {
    if lines.is_empty() {
        format!("## {title}\n\n{where_there_are_none}\n")
    } else {
        format!("## {title}\n\n{}", lines.concat())
    }
}
