//! One page that needs nothing besides itself: no script, no font, no network. Light or dark as the reader's system is,
//! and legible on a telephone.

use super::facts::{
    absences, budgets, facts, folded, identical_ids, not_judged, placebo, placebo_rows, side_short, waivers,
};
use super::forest::{class, forest, mark};
use super::headline::{Headline, Tone, headline};
use super::notes::notes;
use super::words::{
    change, changed, delta, differs, figure, interval, metric, name, one_line, place, rounds, rows,
    smallest_detectable, span, standing, threshold, verdict,
};
use crate::compare::model::{Comparison, Explanation, Metric, Row, Verdict};

const STYLE: &str = include_str!("style.css");

/// How many functions, places and commits a flagged row lists: more than anybody reads, and no page of megabytes.
const MOST: usize = 40;

/// Cells longer than this may be broken over lines.
const WIDE: usize = 48;

/// The page.
pub(crate) fn html(comparison: &Comparison) -> String {
    let headline = headline(comparison);
    let body = [
        header(comparison, &headline),
        tally(comparison),
        times(comparison),
        explanations(comparison),
        counts(comparison),
        absent(comparison),
        list("Budgets", &budgets(comparison)),
        list("Waivers to look at", &comparison.problems),
        list("Waivers in force", &waivers(comparison)),
        list(
            "What differs between the builds besides the code",
            &comparison.differences,
        ),
        placebos(comparison),
        about(comparison),
    ]
    .concat();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}: {} against {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n\
         </html>\n",
        headline.word,
        escape(&comparison.candidate.name),
        escape(&comparison.baseline.name)
    )
}

fn header(comparison: &Comparison, headline: &Headline) -> String {
    let (class, mark) = match headline.tone {
        Tone::Good => ("good", "✓"),
        Tone::Unclear => ("unclear", "?"),
        Tone::Bad => ("bad", "✕"),
    };
    format!(
        "<header class=\"{class}\">\n<h1><b><span aria-hidden=\"true\">{mark}</span> {}</b> {}</h1>\n<p>{} → \
         {}</p>\n<p>A positive change means slower, or more.</p>\n</header>\n",
        headline.word,
        escape(&headline.sentence),
        escape(&side_short(&comparison.baseline)),
        escape(&side_short(&comparison.candidate))
    )
}

/// The verdicts a row can have, the most pressing first.
const VERDICTS: [Verdict; 7] = [
    Verdict::Regressed,
    Verdict::NotComparable,
    Verdict::Layout,
    Verdict::Improved,
    Verdict::NotResolved,
    Verdict::Ok,
    Verdict::Identical,
];

/// The key figures.
fn tally(comparison: &Comparison) -> String {
    let mut items: Vec<String> = VERDICTS
        .into_iter()
        .filter_map(|of| {
            let number = rows(comparison, |row| row.verdict == of).len();
            (number > 0).then(|| {
                format!(
                    "<li class=\"{}\"><b>{} {number}</b> rows {}</li>\n",
                    class(of),
                    mark(of),
                    verdict(of)
                )
            })
        })
        .collect();
    items.extend(
        absences(comparison)
            .iter()
            .map(|absence| format!("<li><b>{}</b> {}</li>\n", absence.operations.len(), absence.word)),
    );
    items.push(format!(
        "<li><b>{}</b> placebo alarms of {}</li>\n",
        comparison.placebo.alarms,
        comparison.placebo.operations.len()
    ));
    format!(
        "<ul class=\"tally\">\n{}</ul>\n<p>{}</p>\n",
        items.concat(),
        escape(&folded(comparison))
    )
}

fn times(comparison: &Comparison) -> String {
    let legend: String = VERDICTS
        .into_iter()
        .map(|of| format!("<li class=\"{}\"><b>{}</b> {}</li>\n", class(of), mark(of), verdict(of)))
        .collect();
    let lines: Vec<Vec<String>> = rows(comparison, |row| row.metric == Metric::Time)
        .into_iter()
        .map(|row| time_cells(comparison, row))
        .collect();
    let table = table(
        "Times",
        &[
            "operation",
            "verdict",
            "metric",
            "baseline",
            "candidate",
            "change",
            "95 % interval",
            "threshold",
            "smallest detectable",
            "rounds",
        ],
        &lines,
    );
    let void = if comparison.verdict == Verdict::Void {
        "<p>A placebo alarmed: verdicts in parentheses do not hold.</p>\n"
    } else {
        ""
    };
    format!(
        "<section>\n<h2>Times</h2>\n{void}<figure>\n{}<figcaption>\n<ul class=\"legend\">\n{legend}</ul>\n</figcaption>\n\
         </figure>\n{}</section>\n",
        forest(comparison),
        details("The same figures as a table", &table)
    )
}

fn time_cells(comparison: &Comparison, row: &Row) -> Vec<String> {
    vec![
        name(comparison, row),
        marked(comparison, row),
        metric(row).to_owned(),
        figure(row.metric, row.baseline),
        figure(row.metric, row.candidate),
        changed(row),
        interval(row),
        threshold(row),
        smallest_detectable(row),
        rounds(row),
    ]
}

fn marked(comparison: &Comparison, row: &Row) -> String {
    format!("{} {}", mark(row.verdict), standing(comparison, row))
}

fn explanations(comparison: &Comparison) -> String {
    let articles: String = rows(comparison, |row| row.is_flagged() || row.reason.is_some())
        .into_iter()
        .map(|row| article(comparison, row))
        .collect();
    if articles.is_empty() {
        return String::new();
    }
    format!("<section>\n<h2>What is flagged, and why</h2>\n{articles}</section>\n")
}

fn article(comparison: &Comparison, row: &Row) -> String {
    let explanation = row.explanation.as_ref().map(explanation).unwrap_or_default();
    format!(
        "<article class=\"{}\">\n<h3>{} {}, {}: {}</h3>\n<p>{} → {}, {} ({})</p>\n{}{explanation}</article>\n",
        class(row.verdict),
        mark(row.verdict),
        escape(&name(comparison, row)),
        metric(row),
        standing(comparison, row),
        figure(row.metric, row.baseline),
        figure(row.metric, row.candidate),
        changed(row),
        escape(&interval(row)),
        bullets(&notes(comparison, row))
    )
}

fn explanation(explanation: &Explanation) -> String {
    let functions: Vec<Vec<String>> = explanation
        .functions
        .iter()
        .take(MOST)
        .map(|function| {
            vec![
                function.function.clone(),
                delta(function.self_baseline, function.self_candidate),
                delta(function.inclusive_baseline, function.inclusive_candidate),
            ]
        })
        .collect();
    let call_sites: Vec<Vec<String>> = explanation
        .call_sites
        .iter()
        .take(MOST)
        .map(|site| {
            vec![
                place(site),
                delta(site.blocks_baseline, site.blocks_candidate),
                delta(site.bytes_baseline, site.bytes_candidate),
            ]
        })
        .collect();
    let commits: Vec<Vec<String>> = explanation
        .commits
        .iter()
        .take(MOST)
        .map(|line| vec![Comparison::short(&line.commit).to_owned(), line.subject.clone()])
        .collect();
    let all = [
        explanation.functions.len(),
        explanation.call_sites.len(),
        explanation.commits.len(),
    ];
    let rest: usize = all.iter().map(|number| number.saturating_sub(MOST)).sum();
    let rest = match rest {
        0 => String::new(),
        rest => format!("<p>and {rest} more lines in the JSON</p>\n"),
    };
    format!(
        "{}{}{}{rest}<p>Measure again:</p>\n<pre><code>{}</code></pre>\n",
        table(
            "Instructions of one call",
            &["function", "self", "inclusive"],
            &functions
        ),
        table("Heap use of one call", &["place", "blocks", "bytes"], &call_sites),
        table(
            "Commits between the two that touch it",
            &["commit", "message"],
            &commits
        ),
        escape(&explanation.reproduce)
    )
}

fn counts(comparison: &Comparison) -> String {
    let is_count = |row: &Row| row.metric != Metric::Time;
    let differing = rows(comparison, |row| is_count(row) && differs(row));
    let same = rows(comparison, |row| is_count(row) && !differs(row));
    if differing.is_empty() && same.is_empty() {
        return String::new();
    }
    let headings = [
        "operation",
        "verdict",
        "metric",
        "baseline",
        "candidate",
        "change",
        "threshold",
    ];
    let cells = |rows: &[&Row]| -> Vec<Vec<String>> { rows.iter().map(|row| count_cells(comparison, row)).collect() };
    let bytes = not_judged(comparison)
        .map(|line| format!("<p>{}</p>\n", escape(&line)))
        .unwrap_or_default();
    format!(
        "<section>\n<h2>Counts</h2>\n{bytes}{}{}</section>\n",
        table("Counts that differ", &headings, &cells(&differing)),
        details(
            &format!("{} counts that are the same", same.len()),
            &table("Counts that are the same", &headings, &cells(&same))
        )
    )
}

fn count_cells(comparison: &Comparison, row: &Row) -> Vec<String> {
    vec![
        name(comparison, row),
        marked(comparison, row),
        metric(row).to_owned(),
        figure(row.metric, row.baseline),
        figure(row.metric, row.candidate),
        changed(row),
        threshold(row),
    ]
}

/// The census: what was not compared.
fn absent(comparison: &Comparison) -> String {
    let mut lines: Vec<Vec<String>> = Vec::new();
    for absence in absences(comparison) {
        for (id, reason) in absence.operations {
            let reason = if reason.is_empty() { absence.meaning } else { reason };
            lines.push(vec![id.to_string(), absence.word.to_owned(), reason.to_owned()]);
        }
    }
    let identical: Vec<String> = identical_ids(comparison).iter().map(ToString::to_string).collect();
    if lines.is_empty() && identical.is_empty() {
        return String::new();
    }
    format!(
        "<section>\n<h2>Not measured</h2>\n{}{}</section>\n",
        table("Failed, removed, added, skipped", &["operation", "what", "why"], &lines),
        details(
            &format!("{} identical: same machine code and inputs", identical.len()),
            &bullets(&identical)
        )
    )
}

fn placebos(comparison: &Comparison) -> String {
    let lines: Vec<Vec<String>> = placebo_rows(comparison)
        .into_iter()
        .map(|row| {
            vec![
                row.id.to_string(),
                if row.alarmed { "✕ ALARMED" } else { "● quiet" }.to_owned(),
                change(Some(row.change)),
                span(row.low, row.high),
                row.rounds.to_string(),
            ]
        })
        .collect();
    let headings = ["operation", "verdict", "change", "95 % interval", "rounds"];
    format!(
        "<section>\n<h2>Placebo</h2>\n<p>{}</p>\n{}</section>\n",
        escape(&placebo(comparison)),
        table("The baseline against a copy of itself", &headings, &lines)
    )
}

fn about(comparison: &Comparison) -> String {
    let facts: String = facts(comparison)
        .iter()
        .map(|fact| format!("<dt>{}</dt>\n<dd>{}</dd>\n", fact.label, escape(&fact.value)))
        .collect();
    format!("<section>\n<h2>The run</h2>\n<dl>\n{facts}</dl>\n</section>\n")
}

fn list(title: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    format!("<section>\n<h2>{title}</h2>\n{}</section>\n", bullets(lines))
}

fn bullets(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let items: String = lines
        .iter()
        .map(|line| format!("<li>{}</li>\n", escape(line)))
        .collect();
    format!("<ul>\n{items}</ul>\n")
}

fn details(summary: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<details>\n<summary>{summary}</summary>\n{content}</details>\n")
}

/// A table of plain text under its caption; nothing where there are no lines. The first cell heads its line.
fn table(caption: &str, headings: &[&str], lines: &[Vec<String>]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let headings: String = headings
        .iter()
        .map(|heading| format!("<th scope=\"col\">{heading}</th>"))
        .collect();
    let body: String = lines.iter().map(|cells| table_line(cells)).collect();
    format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\">\n<table>\n\
         <caption>{caption}</caption>\n<thead><tr>{headings}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>\n"
    )
}

fn table_line(cells: &[String]) -> String {
    let cells: String = cells
        .iter()
        .enumerate()
        .map(|(index, cell)| {
            let class = if cell.chars().count() > WIDE {
                " class=\"wide\""
            } else {
                ""
            };
            match index {
                0 => format!("<th scope=\"row\">{}</th>", escape(cell)),
                _ => format!("<td{class}>{}</td>", escape(cell)),
            }
        })
        .collect();
    format!("<tr>{cells}</tr>\n")
}

/// Text from outside as text.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
