//! The terminal: the verdict first, then what needs looking at, then everything else in a line each.

use super::facts::{absences, budgets, facts, folded, not_judged, side_short, waivers};
use super::headline::headline;
use super::notes::notes;
use super::table::{Column, Line, table};
use super::words::{
    TOP, changed, delta, figure, flagged, interval, metric, name, one_line, percentage, place, rounds, rows,
    smallest_detectable, standing, threshold,
};
use crate::compare::model::{Comparison, Explanation, Row, Verdict};

/// Everything a person at a terminal wants to know, the most important first.
pub(crate) fn text(comparison: &Comparison) -> String {
    let blocks = [
        head(comparison),
        flagged_rows(comparison),
        not_resolved(comparison),
        rest(comparison),
        absent(comparison),
        list("WAIVERS TO LOOK AT", &comparison.problems),
        list("WAIVERS IN FORCE", &waivers(comparison)),
        list("BUDGETS", &budgets(comparison)),
        list("THE BUILDS DIFFER BESIDES THE CODE", &comparison.differences),
        closing(comparison),
    ];
    let blocks: Vec<String> = blocks.into_iter().filter(|block| !block.is_empty()).collect();
    blocks.join("\n")
}

fn head(comparison: &Comparison) -> String {
    format!(
        "{}\n{} → {}; a positive change means slower, or more\n",
        headline(comparison).line(),
        one_line(&side_short(&comparison.baseline)),
        one_line(&side_short(&comparison.candidate))
    )
}

const FLAGGED: [Column; 10] = [
    Column::words("operation"),
    Column::words("metric"),
    Column::figures("baseline"),
    Column::figures("candidate"),
    Column::figures("change"),
    Column::figures("95 % interval"),
    Column::figures("threshold"),
    Column::figures("smallest detectable"),
    Column::figures("rounds"),
    Column::words("verdict"),
];

fn flagged_rows(comparison: &Comparison) -> String {
    let lines: Vec<Line> = flagged(comparison)
        .into_iter()
        .map(|row| Line {
            cells: vec![
                name(comparison, row),
                metric(row).to_owned(),
                figure(row.metric, row.baseline),
                figure(row.metric, row.candidate),
                changed(row),
                interval(row),
                threshold(row),
                smallest_detectable(row),
                rounds(row),
                standing(comparison, row),
            ],
            remarks: remarks(comparison, row),
        })
        .collect();
    table(&FLAGGED, &lines)
}

fn remarks(comparison: &Comparison, row: &Row) -> Vec<String> {
    let mut remarks: Vec<String> = notes(comparison, row).iter().map(|note| one_line(note)).collect();
    if let Some(explanation) = &row.explanation {
        remarks.extend(functions(explanation));
        remarks.extend(call_sites(explanation));
        remarks.extend(commits(explanation));
        remarks.push(format!("measure again: {}", one_line(&explanation.reproduce)));
    }
    remarks
}

const FUNCTIONS: [Column; 3] = [
    Column::figures("self"),
    Column::figures("inclusive"),
    Column::words("instructions of one call, by function"),
];

fn functions(explanation: &Explanation) -> Vec<String> {
    let (shown, rest) = top(&explanation.functions);
    let lines: Vec<Line> = shown
        .iter()
        .map(|function| {
            Line::plain(vec![
                delta(function.self_baseline, function.self_candidate),
                delta(function.inclusive_baseline, function.inclusive_candidate),
                one_line(&function.function),
            ])
        })
        .collect();
    with_rest(table(&FUNCTIONS, &lines).lines().map(str::to_owned).collect(), rest)
}

const CALL_SITES: [Column; 3] = [
    Column::figures("blocks"),
    Column::figures("bytes"),
    Column::words("heap use of one call, by place"),
];

fn call_sites(explanation: &Explanation) -> Vec<String> {
    let (shown, rest) = top(&explanation.call_sites);
    let lines: Vec<Line> = shown
        .iter()
        .map(|site| {
            Line::plain(vec![
                delta(site.blocks_baseline, site.blocks_candidate),
                delta(site.bytes_baseline, site.bytes_candidate),
                one_line(&place(site)),
            ])
        })
        .collect();
    with_rest(table(&CALL_SITES, &lines).lines().map(str::to_owned).collect(), rest)
}

fn commits(explanation: &Explanation) -> Vec<String> {
    let (shown, rest) = top(&explanation.commits);
    let lines = shown
        .iter()
        .map(|line| {
            format!(
                "commit {} {}",
                one_line(Comparison::short(&line.commit)),
                one_line(&line.subject)
            )
        })
        .collect();
    with_rest(lines, rest)
}

fn top<T>(items: &[T]) -> (&[T], usize) {
    let (shown, rest) = items.split_at(items.len().min(TOP));
    (shown, rest.len())
}

fn with_rest(mut lines: Vec<String>, rest: usize) -> Vec<String> {
    if rest > 0 {
        lines.push(format!("and {rest} more in the JSON"));
    }
    lines
}

const NOT_RESOLVED: [Column; 5] = [
    Column::words("not resolved"),
    Column::words("metric"),
    Column::figures("change"),
    Column::figures("95 % interval"),
    Column::figures("smallest detectable"),
];

fn not_resolved(comparison: &Comparison) -> String {
    let lines: Vec<Line> = rows(comparison, |row| row.verdict == Verdict::NotResolved)
        .into_iter()
        .map(|row| Line {
            cells: vec![
                name(comparison, row),
                metric(row).to_owned(),
                changed(row),
                interval(row),
                smallest_detectable(row),
            ],
            remarks: row.reason.iter().map(|reason| one_line(reason)).collect(),
        })
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    format!(
        "{}neither slower nor within {} could be shown of these\n",
        table(&NOT_RESOLVED, &lines),
        percentage(comparison.settings.margin)
    )
}

fn rest(comparison: &Comparison) -> String {
    let mut lines = vec![folded(comparison)];
    lines.extend(not_judged(comparison));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn absent(comparison: &Comparison) -> String {
    absences(comparison)
        .iter()
        .map(|absence| {
            let lines: Vec<String> = absence
                .operations
                .iter()
                .map(|(id, reason)| match *reason {
                    "" => id.to_string(),
                    reason => format!("{id}: {reason}"),
                })
                .collect();
            list(&format!("{} ({})", absence.word, absence.meaning), &lines)
        })
        .collect()
}

/// A heading with its number of lines, and the lines below; nothing where there are none.
fn list(heading: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines_below: String = lines.iter().map(|line| format!("    {}\n", one_line(line))).collect();
    format!("{heading}: {}\n{lines_below}", lines.len())
}

fn closing(comparison: &Comparison) -> String {
    facts(comparison)
        .iter()
        .map(|fact| format!("{:<10}  {}\n", fact.label, one_line(&fact.value)))
        .collect()
}
