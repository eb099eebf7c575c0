//! What a validation found, as tables for people and as JSON. Nothing is decided here; figures are rounded here alone.

use std::fmt::Write as _;

use serde::Serialize;
use voiceflow_record::OperationId;

use super::ByClock;
use super::measured::{Histogram, Measured, NoOps, Rows, upper_bound};
use super::resample::{Fate, LEAST_ROUNDS, Null, Planted};
use super::roc::{Entry, FAIR_ALARMS, Point, SLOWDOWNS};
use crate::compare::model::Verdict;
use crate::stats::proportion::wilson;

/// The version of the JSON document.
pub(crate) const VALIDATION_FORMAT: u32 = 1;

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Validation {
    /// Always [`VALIDATION_FORMAT`].
    pub(crate) format: u32,
    /// What made it.
    pub(crate) command: String,
    /// Of the machine the runs were taken on.
    pub(crate) host_class: String,
    /// The day of the evaluation: `2026-11-24`.
    pub(crate) date: String,
    /// Of HEAD against itself.
    pub(crate) runs: u64,
    /// Those of them whose rows ended once they were decided.
    pub(crate) runs_as_used: u64,
    /// Of equal code, judging and placebo, over all runs that took every row to its end.
    pub(crate) rounds: u64,
    /// Operations that suites are drawn of.
    pub(crate) operations: u64,
    /// Operations with too few rounds for that.
    pub(crate) left_out: Vec<OperationId>,
    pub(crate) margin: f64,
    pub(crate) tolerance: f64,
    pub(crate) family_alpha: f64,
    pub(crate) measured: Measured,
    pub(crate) no_ops: NoOps,
    /// `None` where no operation has enough rounds.
    pub(crate) drawn: Option<Drawn>,
}

/// What was found by drawing suites.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Drawn {
    /// Of the random numbers.
    pub(crate) seed: u64,
    pub(crate) null: Null,
    pub(crate) planted: Vec<Planted>,
    pub(crate) rules: Vec<Entry>,
}

/// The stable JSON.
pub(crate) fn json(validation: &Validation) -> serde_json::Result<String> {
    serde_json::to_string_pretty(validation)
}

/// For the terminal.
pub(crate) fn text(validation: &Validation) -> String {
    let mut text = format!("{}\n", made_by(validation));
    for section in sections(validation) {
        let _ = write!(text, "\n{}\n\n{}", section.title, section.table.aligned());
        for note in &section.notes {
            let _ = write!(text, "\n{note}\n");
        }
    }
    text
}

/// For `METHODOLOGY.md`; `plot` is where the picture lies, seen from there.
pub(crate) fn markdown(validation: &Validation, plot: &str) -> String {
    let mut text = format!("{}\n", made_by(validation));
    for section in sections(validation) {
        let _ = write!(text, "\n**{}**\n\n{}", section.title, section.table.piped());
        for note in &section.notes {
            let _ = write!(text, "\n{note}\n");
        }
        if section.has_plot {
            let _ = write!(text, "\n![Slowdowns found against false alarms, by rule]({plot})\n");
        }
    }
    text
}

fn made_by(validation: &Validation) -> String {
    let Validation {
        command,
        date,
        host_class,
        runs,
        rounds,
        operations,
        ..
    } = validation;
    format!(
        "Made by `{command}` on {date} from {runs} runs of HEAD against itself on `{host_class}`: {rounds} rounds of \
         equal code; suites are drawn of {operations} operations."
    )
}

struct Section {
    title: String,
    table: Table,
    notes: Vec<String>,
    has_plot: bool,
}

impl Section {
    fn new(title: &str, table: Table, notes: Vec<String>) -> Self {
        Self {
            title: title.to_owned(),
            table,
            notes,
            has_plot: false,
        }
    }
}

fn sections(validation: &Validation) -> Vec<Section> {
    let mut sections = vec![measured(&validation.measured, validation.runs_as_used)];
    if validation.no_ops.commits > 0 {
        sections.push(no_ops(&validation.no_ops));
    }
    match &validation.drawn {
        Some(drawn) => {
            sections.push(null(validation, drawn));
            sections.push(planted(validation, &drawn.planted));
            sections.push(rules(&drawn.rules));
        }
        None => {
            if let Some(last) = sections.last_mut() {
                last.notes.push(format!(
                    "No suites were drawn: every operation has too few rounds, {LEAST_ROUNDS} are the least; take more \
                     runs."
                ));
            }
        }
    }
    sections
}

fn measured(measured: &Measured, as_used: u64) -> Section {
    let bounded = |alarms: u64| {
        format!(
            "{alarms} of {}; at most {} (95 %, exact)",
            measured.suites,
            percent(upper_bound(alarms, measured.suites, 0.95))
        )
    };
    let mut table = Table::new(&["of equal code, as measured", "seen"]);
    table.row("suites with a false suspicion", bounded(measured.suspected));
    table.row("suites with a confirmed false alarm", bounded(measured.confirmed));
    table.row("suites voided by a placebo", bounded(measured.voided));
    table.row(
        "placebos that alarmed",
        format!("{} of {}", measured.placebo_alarms, measured.placebo_rows),
    );
    how_rows_ended(&mut table, &measured.rows);
    table.row("p-values in tenths", histogram(&measured.p_values));
    table.row(
        "p-values below 1 %",
        part(measured.p_values.below_one_percent, measured.p_values.all()),
    );
    Section::new(
        "Equal code, as measured",
        table,
        vec![format!(
            "In {} of the runs every row was measured to its end, in the others until it was decided, as a user's \
                 is. The runs are decided from their rounds by the rules as they are now. A p-value is the one-sided \
                 one of \"not slower at all\" after an operation's first look; of equal code each tenth holds about as \
                 many.",
            measured.suites - as_used
        )],
    )
}

fn how_rows_ended(table: &mut Table, rows: &ByClock<Rows>) {
    for (words, rows) in [("processor time", rows.processor), ("wall time", rows.wall)] {
        table.row(
            &format!("rows by {words}: ok / not resolved / regressed"),
            format!(
                "{} / {} / {} of {}",
                share(rows.ok, rows.all),
                share(rows.not_resolved, rows.all),
                share(rows.regressed, rows.all),
                rows.all
            ),
        );
        table.row(
            &format!("rows by {words}: smallest detectable slowdown at most 2 % / 3 %"),
            format!(
                "{} / {}",
                share(rows.resolving_2_percent, rows.all),
                share(rows.resolving_3_percent, rows.all)
            ),
        );
    }
}

fn histogram(p_values: &Histogram) -> String {
    let tenths: Vec<String> = p_values.tenths.iter().map(u64::to_string).collect();
    tenths.join(" ")
}

fn no_ops(no_ops: &NoOps) -> Section {
    let bounded = |alarms: u64| {
        format!(
            "{alarms} of {}; at most {} (95 %, exact)",
            no_ops.commits,
            percent(upper_bound(alarms, no_ops.commits, 0.95))
        )
    };
    let mut table = Table::new(&["commits that change nothing", "seen"]);
    for (verdict, runs) in &no_ops.verdicts {
        table.row(&format!("runs that said {}", word(*verdict)), runs.to_string());
    }
    table.row(
        "runs with matching layouts",
        format!("{} of {}", no_ops.matched, no_ops.commits),
    );
    table.row("runs with a false suspicion", bounded(no_ops.suspected));
    table.row("runs with a confirmed false alarm", bounded(no_ops.confirmed));
    how_rows_ended(&mut table, &no_ops.rows);
    let sizes = no_ops.median_size().zip(no_ops.size_of_19_in_20());
    table.row(
        "size of the change of rows by processor time: median / 19 in 20 below",
        sizes.map_or_else(
            || "none".to_owned(),
            |(middle, most)| format!("{} / {}", percent(middle), percent(most)),
        ),
    );
    Section::new(
        "Commits that change nothing",
        table,
        vec![
            "A comment more, an unused function more, or two modules declared in the other order. What a run said as a \
             whole includes counts and is as it was told then; suspicions and alarms are of times."
                .to_owned(),
        ],
    )
}

fn null(validation: &Validation, drawn: &Drawn) -> Section {
    let null = &drawn.null;
    let mut table = Table::new(&["suites without a slowdown", "seen"]);
    table.row("suites with a false suspicion", part(null.suspected, null.suites));
    table.row("suites with a confirmed false alarm", part(null.confirmed, null.suites));
    how_rows_ended(&mut table, &null.rows);
    table.row(
        "operations by processor time that typically detect 2 % / 3 %",
        format!(
            "{} / {} of {}",
            share(null.resolving_2_percent, null.processor_operations),
            share(null.resolving_3_percent, null.processor_operations),
            null.processor_operations
        ),
    );
    let mut notes = vec![format!(
        "{} suites, random numbers from seed {}. For each operation of a suite one of the runs is drawn, its sides are \
         swapped or not, and its rounds come in an order drawn anew, so that a bias that lasts for a run stays; looks, \
         priors and limits on the time of an operation are those of a live run. Confirmations are drawn from rounds \
         with shuffled layouts. Allowed are false suspicions in {} of suites. Not modelled: operations of one run share \
         its minutes, and are drawn from different ones; the limit on all operations together.",
        null.suites,
        drawn.seed,
        percent(validation.family_alpha)
    )];
    if !validation.left_out.is_empty() {
        let ids: Vec<&str> = validation.left_out.iter().map(OperationId::as_str).collect();
        notes.push(format!(
            "Left out for having fewer than {LEAST_ROUNDS} rounds: {}.",
            ids.join(", ")
        ));
    }
    Section::new("Suites drawn from those rounds", table, notes)
}

fn planted(validation: &Validation, planted: &[Planted]) -> Section {
    let mut table = Table::new(&[
        "planted",
        "rows by",
        "trials",
        "found",
        "suspected",
        "not resolved",
        "said ok",
        "median rounds",
        "promised",
        "found of promised",
    ]);
    for planted in planted {
        for (words, fate) in [
            ("processor time", &planted.fates.processor),
            ("wall time", &planted.fates.wall),
        ] {
            if fate.trials > 0 {
                table
                    .rows
                    .push(planted_row(planted.slowdown, words, fate, validation.margin));
            }
        }
    }
    Section::new(
        "Planted slowdowns",
        table,
        vec![format!(
            "Added to the log-ratios of one operation at a time. Found is confirmed as a regression. To say ok of a \
             slowdown above the margin of {} is wrong. Promised are the trials whose report names a smallest \
             detectable slowdown of at most the planted one when nothing is planted; 95 % of them are to be found. A slowdown of {} is within \
             the tolerance, and to find it is an alarm at its edge.",
            percent(validation.margin),
            percent(validation.tolerance)
        )],
    )
}

fn planted_row(slowdown: f64, words: &str, fate: &Fate, margin: f64) -> Vec<String> {
    let wrong = if slowdown > margin && fate.ok > 0 {
        ", wrong"
    } else {
        ""
    };
    vec![
        percent(slowdown),
        words.to_owned(),
        fate.trials.to_string(),
        part(fate.found, fate.trials),
        share(fate.suspected, fate.trials),
        share(fate.not_resolved, fate.trials),
        format!("{}{wrong}", share(fate.ok, fate.trials)),
        fate.median_rounds()
            .map_or_else(String::new, |rounds| rounds.to_string()),
        share(fate.promised, fate.trials),
        part(fate.promised_found, fate.promised),
    ]
}

fn rules(entries: &[Entry]) -> Section {
    let mut header = vec!["rule".to_owned(), "processes".to_owned(), "operations".to_owned()];
    header.push("suites with an alarm, as set".to_owned());
    let sizes: Vec<String> = SLOWDOWNS.iter().map(|&slowdown| percent(slowdown)).collect();
    header.push(format!("finds {}, as set", sizes.join(" / ")));
    header.push(format!(
        "finds {}, at {} alarms",
        sizes.join(" / "),
        percent(FAIR_ALARMS)
    ));
    let mut table = Table {
        header,
        rows: Vec::new(),
    };
    for entry in entries {
        let mut row = vec![
            entry.name.clone(),
            entry.processes.clone(),
            entry.operations.to_string(),
        ];
        match &entry.figures {
            Some(figures) => {
                let alarms = figures.as_set.first().map_or(0.0, |point| point.family_alarms);
                row.extend([percent(alarms), finds(&figures.as_set), finds(&figures.at_fair_alarms)]);
            }
            None => row.extend(["too few rounds".to_owned(), String::new(), String::new()]),
        }
        table.rows.push(row);
    }
    let mut notes = vec![format!(
        "Rules of other tools are re-implementations, fed the same rounds and the same clock. An alarm is at least one \
         operation of a suite told slower though its code is equal. The last column lowers or raises each rule's own \
         threshold until at most {} of suites alarm: only there can rules be compared. Processes are of each side and \
         operation; sequential ones of a side run one after the other, the others in turn.",
        percent(FAIR_ALARMS)
    )];
    let mut sources: Vec<&str> = entries.iter().map(|entry| entry.source.as_str()).collect();
    sources.dedup();
    notes.extend(sources.into_iter().map(|source| format!("- {source}.")));
    Section {
        has_plot: true,
        ..Section::new("The rules of others on the same rounds", table, notes)
    }
}

fn finds(points: &[Point]) -> String {
    let shares: Vec<String> = points.iter().map(|point| percent(point.found)).collect();
    shares.join(" / ")
}

/// The verdict as people read it.
fn word(verdict: Verdict) -> String {
    match serde_json::to_value(verdict) {
        Ok(serde_json::Value::String(word)) => word.replace('_', " "),
        _ => format!("{verdict:?}"),
    }
}

/// A share with its 95 % interval by Wilson: `0.10 % (0.04 to 0.23 %)`.
fn part(some: u64, all: u64) -> String {
    if all == 0 {
        return "none to count".to_owned();
    }
    let (low, high) = wilson(some, all, 0.95);
    format!("{} ({} to {})", share(some, all), percent(low), percent(high))
}

fn share(some: u64, all: u64) -> String {
    if all == 0 {
        return "–".to_owned();
    }
    percent(some as f64 / all as f64)
}

/// With more digits towards both ends, where they matter: what is not none is not shown as none, nor what is not all as
/// all.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.005 {
        return "< 0.01 %".to_owned();
    }
    if percent < 100.0 && percent > 99.995 {
        return "> 99.99 %".to_owned();
    }
    let from_end = percent.min(100.0 - percent);
    let decimals = match from_end {
        end if end <= 0.0 => 0,
        end if end < 1.0 => 2,
        end if end < 10.0 => 1,
        _ => 0,
    };
    format!("{percent:.decimals$} %")
}

/// Cells of text.
struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(header: &[&str]) -> Self {
        Self {
            header: header.iter().map(|&cell| cell.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    fn row(&mut self, what: &str, figure: String) {
        self.rows.push(vec![what.to_owned(), figure]);
    }

    fn aligned(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.header]);
            cells
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        let mut text = String::new();
        for row in [&self.header].into_iter().chain(&self.rows) {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, &width)| format!("{cell:<width$}"))
                .collect();
            let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        }
        text
    }

    fn piped(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule = vec!["---".to_owned(); self.header.len()];
        let mut text = line(&self.header);
        text.push_str(&line(&rule));
        for row in &self.rows {
            text.push_str(&line(row));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validation() -> Validation {
        Validation {
            format: VALIDATION_FORMAT,
            command: "cargo xtask validate-compare".to_owned(),
            host_class: "linux-x86_64-test-2core".to_owned(),
            date: "2026-11-24".to_owned(),
            runs: 12,
            runs_as_used: 8,
            rounds: 5000,
            operations: 0,
            left_out: vec!["a/b/c".parse().expect("valid")],
            margin: 0.02,
            tolerance: 0.005,
            family_alpha: 0.01,
            measured: Measured {
                suites: 12,
                ..Measured::default()
            },
            no_ops: NoOps::default(),
            drawn: None,
        }
    }

    fn with_suites() -> Validation {
        let fate = Fate {
            trials: 1000,
            found: 990,
            suspected: 995,
            not_resolved: 8,
            ok: 2,
            promised: 900,
            promised_found: 890,
            rounds: [(4, 600), (6, 400)].into(),
        };
        let entry = Entry {
            name: "benchstat, n = 20".to_owned(),
            source: "whose and what".to_owned(),
            processes: "20".to_owned(),
            sequential: false,
            operations: 0,
            figures: None,
        };
        Validation {
            drawn: Some(Drawn {
                seed: 1,
                null: Null {
                    suites: 10_000,
                    suspected: 10,
                    ..Null::default()
                },
                planted: vec![Planted {
                    slowdown: 0.03,
                    fates: ByClock {
                        processor: fate,
                        wall: Fate::default(),
                    },
                }],
                rules: vec![entry],
            }),
            ..validation()
        }
    }

    #[test]
    fn shares_near_the_ends_have_digits_and_only_all_is_a_hundred() {
        let cases = [
            (0.0, "0 %"),
            (0.000_8, "0.08 %"),
            (0.05, "5.0 %"),
            (0.5, "50 %"),
            (0.999_5, "99.95 %"),
            (0.000_01, "< 0.01 %"),
            (0.999_99, "> 99.99 %"),
            (1.0, "100 %"),
        ];
        for (share, text) in cases {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn the_report_says_what_made_it_and_from_how_much() {
        let text = text(&validation());
        assert!(text.contains("`cargo xtask validate-compare`"), "{text}");
        assert!(
            text.contains("12 runs") && text.contains("5000 rounds") && text.contains("2026-11-24"),
            "{text}"
        );
        assert!(text.contains("0 of 12; at most 22 % (95 %, exact)"), "{text}");
        assert!(text.contains("too few rounds"), "{text}");
    }

    #[test]
    fn ok_above_the_margin_is_called_wrong_and_a_rule_without_rounds_has_no_figure() {
        let text = text(&with_suites());
        assert!(text.contains("0.20 %, wrong"), "{text}");
        assert!(text.contains("too few rounds"), "{text}");
        assert!(text.contains("a/b/c"), "{text}");
    }

    #[test]
    fn every_line_of_a_markdown_table_has_the_cells_of_its_header() {
        let text = markdown(&with_suites(), "docs/validation-roc.svg");
        let mut bars = 0;
        for line in text.lines() {
            let here = line.matches('|').count();
            if here > 0 && bars > 0 {
                assert_eq!(here, bars, "{line}");
            }
            bars = here;
        }
        assert!(text.contains("](docs/validation-roc.svg)"), "{text}");
    }

    #[test]
    fn the_json_keeps_figures_unrounded() {
        let json = json(&with_suites()).expect("encodes");
        let value: serde_json::Value = serde_json::from_str(&json).expect("reads");
        assert_eq!(value["format"], 1);
        assert_eq!(value["drawn"]["planted"][0]["fates"]["processor"]["found"], 990);
        assert_eq!(value["drawn"]["rules"][0]["figures"], serde_json::Value::Null);
    }
}
