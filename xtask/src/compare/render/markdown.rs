//! A comment for a pull request: one line of verdict, a table of what is flagged, the rest folded away.
//!
//! The first line is a hidden marker by which a bot finds its comment to replace it. The comment never grows beyond what
//! GitHub takes: sections give way in the order of their importance, and the last line says what was left out.

use super::facts::{absences, budgets, facts, folded, identical_ids, not_judged, placebo_rows, side_short, waivers};
use super::headline::headline;
use super::notes::notes;
use super::words::{
    TOP, change, changed, delta, figure, flagged, interval, is_planted, is_unremarkable, metric, one_line, operations,
    place, rows, smallest_detectable, span, standing, threshold,
};
use crate::compare::model::{Comparison, Explanation, Row, Verdict};

/// The hidden first line.
pub(crate) const MARKER: &str = "<!-- voiceflow-compare -->";

/// GitHub refuses a comment of more than 65,536 characters; the rest is for what a bot may add around it. Counted in
/// bytes, which are never fewer than characters.
pub(crate) const LIMIT: usize = 60_000;

/// For the line that says what was left out: it names every section at most once.
const NOTE_ROOM: usize = 1_500;

/// Characters of one text from outside: more than any sentence written here has, while a name of generics within
/// generics can go on for pages, and so can what a crashed program said.
const LONGEST: usize = 1_200;

/// The comment.
pub(crate) fn markdown(comparison: &Comparison) -> String {
    let head = head(comparison);
    let sections = sections(comparison);
    let room = LIMIT.saturating_sub(head.len() + NOTE_ROOM);
    let mut comment = head;
    let mut left_out = Vec::new();
    for (section, room) in sections.iter().zip(allot(&sections, room)) {
        let (text, missing) = section.fitted(room);
        comment.push_str(&text);
        if missing > 0 {
            left_out.push(format!("{missing} {}", section.pieces_are));
        }
    }
    if !left_out.is_empty() {
        comment.push_str(&format!(
            "\n_Left out, for a comment has its limits: {}. All of it is in `comparison.json`, beside this comment in \
             the artifacts of the run._\n",
            left_out.join(", ")
        ));
    }
    comment
}

fn head(comparison: &Comparison) -> String {
    let headline = headline(comparison);
    format!(
        "{MARKER}\n**{}**: {}\n\n{} → {}. A positive change means slower, or more.\n",
        headline.word,
        prose(&headline.sentence),
        prose(&side_short(&comparison.baseline)),
        prose(&side_short(&comparison.candidate))
    )
}

/// In the order in which they are shown, which is that of their importance.
fn sections(comparison: &Comparison) -> Vec<Section> {
    vec![
        flagged_rows(comparison),
        absent(comparison),
        explanations(comparison),
        not_resolved(comparison),
        Section::folded(
            "Waivers to look at",
            "waivers to look at",
            bullets(&comparison.problems),
            5,
        ),
        Section::folded("Waivers in force", "waivers", bullets(&waivers(comparison)), 5),
        Section::folded("Budgets", "budgets", bullets(&budgets(comparison)), 5),
        about(comparison),
        Section::folded(
            "The builds differ besides the code",
            "differences of the builds",
            bullets(&comparison.differences),
            3,
        ),
        placebos(comparison),
        unremarkable(comparison),
        identical(comparison),
    ]
}

/// A part of the comment that can be shortened piece by piece.
struct Section {
    /// For the line that says how many were left out.
    pieces_are: &'static str,
    opening: String,
    pieces: Vec<String>,
    closing: String,
    /// The share of the room, in per cent, that it gets whatever the sections before it need.
    share: usize,
}

impl Section {
    fn folded(title: &str, pieces_are: &'static str, pieces: Vec<String>, share: usize) -> Self {
        Self {
            pieces_are,
            opening: format!("\n<details><summary>{title}</summary>\n\n"),
            pieces,
            closing: "\n</details>\n".to_owned(),
            share,
        }
    }

    fn folded_table(title: &str, pieces_are: &'static str, headings: &str, pieces: Vec<String>, share: usize) -> Self {
        let mut section = Self::folded(title, pieces_are, pieces, share);
        section.opening.push_str(headings);
        section
    }

    fn size(&self) -> usize {
        if self.pieces.is_empty() {
            return 0;
        }
        let pieces: usize = self.pieces.iter().map(String::len).sum();
        self.opening.len() + pieces + self.closing.len()
    }

    /// As much of it as there is room for, and how many pieces there was none for.
    fn fitted(&self, room: usize) -> (String, usize) {
        let mut text = self.opening.clone();
        let mut taken = 0;
        for piece in &self.pieces {
            if text.len() + piece.len() + self.closing.len() > room {
                break;
            }
            text.push_str(piece);
            taken += 1;
        }
        if taken == 0 {
            return (String::new(), self.pieces.len());
        }
        text.push_str(&self.closing);
        (text, self.pieces.len() - taken)
    }
}

/// The room of each section: its share first, then what is left to the most important ones.
fn allot(sections: &[Section], room: usize) -> Vec<usize> {
    let shares = sections
        .iter()
        .map(|section| section.size().min(room * section.share / 100));
    let mut allotted: Vec<usize> = shares.collect();
    let mut spare = room.saturating_sub(allotted.iter().sum::<usize>());
    for (section, given) in sections.iter().zip(&mut allotted) {
        let more = (section.size() - *given).min(spare);
        *given += more;
        spare -= more;
    }
    allotted
}

fn flagged_rows(comparison: &Comparison) -> Section {
    let rows = flagged(comparison);
    let worst = rows.iter().find(|row| row.verdict == Verdict::Regressed);
    let command = worst
        .and_then(|row| row.explanation.as_ref())
        .map(|explanation| format!("\nMeasure the first again:\n\n{}", fenced(&explanation.reproduce)))
        .unwrap_or_default();
    Section {
        pieces_are: "flagged rows",
        opening: "\n| operation | metric | base | candidate | change | 95 % interval | threshold | verdict |\n\
                  |---|---|--:|--:|--:|--:|--:|---|\n"
            .to_owned(),
        pieces: rows.iter().map(|row| figures(comparison, row)).collect(),
        closing: command,
        share: 35,
    }
}

fn figures(comparison: &Comparison, row: &Row) -> String {
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
        name(comparison, row),
        metric(row),
        figure(row.metric, row.baseline),
        figure(row.metric, row.candidate),
        changed(row),
        interval(row),
        threshold(row),
        strong(comparison, row)
    )
}

fn strong(comparison: &Comparison, row: &Row) -> String {
    let standing = standing(comparison, row);
    if row.verdict == Verdict::Regressed {
        format!("**{standing}**")
    } else {
        standing
    }
}

fn name(comparison: &Comparison, row: &Row) -> String {
    let mark = if is_planted(comparison, row) { " (planted)" } else { "" };
    format!("{}{mark}", code(row.id.as_str()))
}

fn explanations(comparison: &Comparison) -> Section {
    let pieces: Vec<String> = flagged(comparison)
        .iter()
        .filter_map(|row| explanation(comparison, row))
        .collect();
    let opening = if pieces.is_empty() { "" } else { "\n" };
    Section {
        pieces_are: "explanations",
        opening: opening.to_owned(),
        pieces,
        closing: String::new(),
        share: 20,
    }
}

fn explanation(comparison: &Comparison, row: &Row) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    let notes = bullets(&notes(comparison, row));
    parts.extend((!notes.is_empty()).then(|| notes.concat()));
    if let Some(found) = &row.explanation {
        parts.extend(functions(found));
        parts.extend(call_sites(found));
        parts.extend(commits(found));
        parts.push(format!("Measure again:\n\n{}", fenced(&found.reproduce)));
    }
    (!parts.is_empty()).then(|| {
        format!(
            "<details><summary>{} {}: {} {}</summary>\n\n{}\n</details>\n",
            code(row.id.as_str()),
            metric(row),
            standing(comparison, row),
            changed(row),
            parts.join("\n")
        )
    })
}

fn functions(explanation: &Explanation) -> Option<String> {
    let lines: Vec<String> = explanation
        .functions
        .iter()
        .take(TOP)
        .map(|function| {
            format!(
                "| {} | {} | {} |\n",
                delta(function.self_baseline, function.self_candidate),
                delta(function.inclusive_baseline, function.inclusive_candidate),
                code(&function.function)
            )
        })
        .collect();
    let headings = "| self | inclusive | instructions of one call, by function |\n|--:|--:|---|\n";
    with_rest(headings, &lines, explanation.functions.len())
}

fn call_sites(explanation: &Explanation) -> Option<String> {
    let lines: Vec<String> = explanation
        .call_sites
        .iter()
        .take(TOP)
        .map(|site| {
            format!(
                "| {} | {} | {} |\n",
                delta(site.blocks_baseline, site.blocks_candidate),
                delta(site.bytes_baseline, site.bytes_candidate),
                code(&place(site))
            )
        })
        .collect();
    let headings = "| blocks | bytes | heap use of one call, by place |\n|--:|--:|---|\n";
    with_rest(headings, &lines, explanation.call_sites.len())
}

fn commits(explanation: &Explanation) -> Option<String> {
    let lines: Vec<String> = explanation
        .commits
        .iter()
        .take(TOP)
        .map(|line| format!("- {} {}\n", code(Comparison::short(&line.commit)), code(&line.subject)))
        .collect();
    with_rest(
        "Commits between the two that touch it:\n\n",
        &lines,
        explanation.commits.len(),
    )
}

fn with_rest(opening: &str, lines: &[String], all: usize) -> Option<String> {
    if lines.is_empty() {
        return None;
    }
    let rest = match all - lines.len() {
        0 => String::new(),
        rest => format!("\nand {rest} more in the JSON\n"),
    };
    Some(format!("{opening}{}{rest}", lines.concat()))
}

/// As loud as what is slower: not folded.
fn absent(comparison: &Comparison) -> Section {
    let mut pieces = Vec::new();
    for absence in absences(comparison) {
        for (id, reason) in absence.operations {
            let reason = if reason.is_empty() { absence.meaning } else { reason };
            pieces.push(format!(
                "- **{}** {}: {}\n",
                absence.word,
                code(id.as_str()),
                prose(reason)
            ));
        }
    }
    Section {
        pieces_are: "failed, removed, added or skipped operations",
        opening: "\n".to_owned(),
        pieces,
        closing: String::new(),
        share: 10,
    }
}

fn not_resolved(comparison: &Comparison) -> Section {
    let found = rows(comparison, |row| row.verdict == Verdict::NotResolved);
    let pieces: Vec<String> = found
        .iter()
        .map(|row| {
            format!(
                "| {} | {} | {} | {} | {} | {} |\n",
                name(comparison, row),
                metric(row),
                changed(row),
                interval(row),
                smallest_detectable(row),
                prose(row.reason.as_deref().unwrap_or_default())
            )
        })
        .collect();
    Section::folded_table(
        &format!(
            "{} not resolved: neither slower nor within the margin could be shown",
            pieces.len()
        ),
        "not resolved rows",
        "| operation | metric | change | 95 % interval | smallest detectable | reason |\n|---|---|--:|--:|--:|---|\n",
        pieces,
        10,
    )
}

fn about(comparison: &Comparison) -> Section {
    let mut lines: Vec<String> = facts(comparison)
        .iter()
        .map(|fact| format!("- **{}**: {}\n", fact.label, prose(&fact.value)))
        .collect();
    lines.push(format!("- {}\n", prose(&folded(comparison))));
    lines.extend(not_judged(comparison).map(|line| format!("- {}\n", prose(&line))));
    Section::folded(
        "Revisions, machine, settings, placebo, layout",
        "facts about the run",
        lines,
        6,
    )
}

fn placebos(comparison: &Comparison) -> Section {
    let pieces = placebo_rows(comparison)
        .iter()
        .map(|row| {
            format!(
                "| {} | {} | {} | {} | {} |\n",
                code(row.id.as_str()),
                row.rounds,
                change(Some(row.change)),
                span(row.low, row.high),
                if row.alarmed { "**ALARMED**" } else { "quiet" }
            )
        })
        .collect();
    Section::folded_table(
        "Placebo: the baseline against a copy of itself",
        "placebo rows",
        "| operation | rounds | change | 95 % interval | |\n|---|--:|--:|--:|---|\n",
        pieces,
        3,
    )
}

fn unremarkable(comparison: &Comparison) -> Section {
    let found = rows(comparison, is_unremarkable);
    Section::folded_table(
        &format!("{} rows that are ok", found.len()),
        "rows that are ok",
        "| operation | metric | base | candidate | change | 95 % interval | threshold | verdict |\n\
         |---|---|--:|--:|--:|--:|--:|---|\n",
        found.iter().map(|row| figures(comparison, row)).collect(),
        0,
    )
}

fn identical(comparison: &Comparison) -> Section {
    let ids = identical_ids(comparison);
    Section::folded(
        &format!(
            "{} identical: same machine code and inputs, not measured",
            operations(ids.len())
        ),
        "identical operations",
        ids.iter().map(|id| format!("- {}\n", code(id.as_str()))).collect(),
        0,
    )
}

/// A list, an item a line.
pub(crate) fn bullets(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| format!("- {}\n", prose(line))).collect()
}

/// Text from outside as text: nothing in it is taken for Markdown, HTML, the border of a column, or a mention.
pub(crate) fn prose(text: &str) -> String {
    // A zero-width space keeps `@name` from calling somebody in.
    entities(&clip(&one_line(text))).replace("&#64;", "@&#8203;")
}

/// A name from outside as code.
pub(crate) fn code(text: &str) -> String {
    format!("<code>{}</code>", entities(&clip(&one_line(text))))
}

/// Entities stand for characters and never for markup.
fn entities(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '|' | '`' | '*' | '_' | '~' | '[' | ']' | '\\' | '#' | '!' | '$' | '@' => {
                escaped.push_str(&format!("&#{};", u32::from(c)));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

fn clip(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let kept: String = text.chars().take(LONGEST - 1).collect();
    format!("{kept}…")
}

/// A command in a block of its own, behind a fence longer than any in it.
fn fenced(command: &str) -> String {
    let command = one_line(command);
    let mut fence = "```".to_owned();
    while command.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}sh\n{command}\n{fence}\n")
}
