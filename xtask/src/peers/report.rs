//! What was found, and as text. Pure.

use std::fmt::Write as _;

use serde::Serialize;
use voiceflow_record::paired::Round;
use voiceflow_record::{Clock, Host, Revision};

use super::couples::Couple;
use super::place::Words;
use crate::compare::decide::log_ratio;
use crate::impact::Estimate;
use crate::published::origin;
use crate::stats::SortedSamples;
use crate::table::table;
use crate::units;

/// All rows of one run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Peers {
    pub(super) host: Host,
    pub(super) revision: Revision,
    pub(super) date: String,
    pub(super) rows: Vec<Row>,
    pub(super) left_out: Vec<LeftOut>,
    /// None where no speech was measured.
    pub(super) words: Option<Words>,
}

/// One couple.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    pub(super) operation: &'static str,
    pub(super) peer: &'static str,
    pub(super) version: String,
    pub(super) question: &'static str,
    /// The clock both sides are compared by.
    pub(super) clock: Clock,
    pub(super) ours: Side,
    pub(super) theirs: Side,
    /// Theirs over ours: the geometric mean over the rounds with its 95 % interval.
    pub(super) ratio: Option<Estimate>,
    pub(super) rounds: usize,
}

/// What one side took for a call, over all batches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Side {
    pub(super) median_ns: f64,
    /// Only of batches of one call, and from 90 on.
    pub(super) p95_ns: Option<f64>,
}

/// A couple without figures, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct LeftOut {
    pub(super) operation: &'static str,
    pub(super) peer: &'static str,
    pub(super) reason: String,
}

impl Row {
    /// From the rounds of a couple, this workspace's own side being the baseline. None without any.
    pub(super) fn new(couple: &Couple, version: &str, rounds: &[Round]) -> Option<Self> {
        let clock = rounds.first()?.clock;
        let log_ratios: Vec<f64> = rounds.iter().filter_map(|round| log_ratio(round, clock)).collect();
        let is_single = rounds.iter().all(|round| round.calls == 1);
        let side = |samples: fn(&Round, Clock) -> &[u64]| {
            let each = rounds
                .iter()
                .flat_map(|round| samples(round, clock).iter().map(|&ns| ns as f64 / round.calls as f64))
                .collect();
            SortedSamples::new(each).map(|sorted| Side {
                median_ns: sorted.median(),
                p95_ns: if is_single { sorted.p95() } else { None },
            })
        };
        Some(Self {
            operation: couple.operation,
            peer: couple.peer,
            version: version.to_owned(),
            question: couple.question,
            clock,
            ours: side(|round, clock| round.baseline.of(clock))?,
            theirs: side(|round, clock| round.candidate.of(clock))?,
            ratio: Estimate::of(&log_ratios).map(Estimate::exp),
            rounds: rounds.len(),
        })
    }

    fn cells(&self) -> Vec<String> {
        let p95 = |side: &Side| side.p95_ns.map_or_else(|| "-".to_owned(), units::duration);
        vec![
            self.question.to_owned(),
            format!("{} {}", self.peer, self.version),
            units::duration(self.ours.median_ns),
            units::duration(self.theirs.median_ns),
            self.ratio.map_or_else(
                || "-".to_owned(),
                |ratio| format!("{:.2} ({:.2} to {:.2})", ratio.value, ratio.low, ratio.high),
            ),
            p95(&self.ours),
            p95(&self.theirs),
        ]
    }
}

const HEADINGS: [&str; 7] = [
    "work",
    "peer",
    "here",
    "there",
    "there / here (95 %)",
    "P95 here",
    "P95 there",
];

/// For the terminal.
pub(super) fn text(peers: &Peers) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned).to_vec()];
    lines.extend(peers.rows.iter().map(Row::cells));
    let mut text = table(&lines);
    for note in notes(peers) {
        let _ = write!(text, "\n{note}\n");
    }
    text
}

/// For the README.
pub(super) fn markdown(peers: &Peers) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&HEADINGS.map(str::to_owned));
    text.push_str(&line(&HEADINGS.map(|_| "---".to_owned())));
    for row in &peers.rows {
        text.push_str(&line(&row.cells()));
    }
    for note in notes(peers) {
        let _ = write!(text, "\n{note}\n");
    }
    text
}

fn notes(peers: &Peers) -> Vec<String> {
    let mut notes = vec![format!(
        "`cargo xtask peers` {}: fresh processes of both sides in turn, batches interleaved on one machine, every answer \
         checked; medians of a call, the ratio over {} rounds and more.",
        origin(&peers.date, &peers.host, &peers.revision),
        peers.rows.iter().map(|row| row.rounds).min().unwrap_or(0)
    )];
    if let Some(words) = &peers.words {
        let errors: Vec<String> = words
            .errors
            .iter()
            .map(|(who, count)| format!("{who} {count}"))
            .collect();
        notes.push(format!(
            "Wrong words of {} in {} English recordings, all greedily decoded with the same prompt: {}.",
            words.words,
            words.clips,
            errors.join(", ")
        ));
    }
    notes.extend(peers.left_out.iter().map(|left_out| {
        format!(
            "Left out: {} beside {}: {}.",
            left_out.operation, left_out.peer, left_out.reason
        )
    }));
    notes
}

#[cfg(test)]
mod tests {
    use super::super::couples::COUPLES;
    use super::*;
    use crate::compare::rounds::tests::{round, round_of_pairs};

    #[test]
    fn the_ratio_is_theirs_over_ours_by_the_clock_of_the_operation() {
        let rounds = [round(10, 100, 300), round(10, 100, 300), round(10, 100, 300)];
        let row = Row::new(&COUPLES[0], "1.0", &rounds).expect("rounds");
        assert!((row.ratio.expect("rounds").value - 3.0).abs() < 1e-9);
        assert_eq!((row.ours.median_ns, row.theirs.median_ns), (10.0, 30.0));
        assert_eq!(row.ours.p95_ns, None, "batches of ten calls have no P95");
        assert_eq!(Row::new(&COUPLES[0], "1.0", &[]), None);
    }

    #[test]
    fn single_calls_have_a_p95_from_ninety_on() {
        let row = Row::new(&COUPLES[0], "1.0", &[round_of_pairs(90, 1, 100, 300)]).expect("a round");
        assert_eq!((row.ours.p95_ns, row.theirs.p95_ns), (Some(100.0), Some(300.0)));
        assert_eq!(row.ratio, None, "one round has no interval");
        let row = Row::new(&COUPLES[0], "1.0", &[round_of_pairs(88, 1, 100, 300)]).expect("a round");
        assert_eq!(row.ours.p95_ns, None);
    }

    #[test]
    fn what_was_left_out_is_named_and_every_line_has_the_cells_of_the_headings() {
        let peers = Peers {
            host: crate::host::this_host(),
            revision: crate::workspace::Workspace::find().expect("a checkout").revision(),
            date: "2026-11-28".to_owned(),
            rows: vec![Row::new(&COUPLES[0], "1.0", &[round(1, 100, 300), round(1, 100, 300)]).expect("rounds")],
            left_out: vec![LeftOut {
                operation: "enhance/prefill/p128",
                peer: "llama.cpp",
                reason: "not compiled".to_owned(),
            }],
            words: Some(Words {
                clips: 8,
                words: 95,
                errors: [("voiceflow".to_owned(), 3)].into(),
            }),
        };
        assert_eq!(crate::documented::missing("peers", &peers), Vec::<String>::new());
        let (text, markdown) = (text(&peers), markdown(&peers));
        for page in [&text, &markdown] {
            assert!(page.contains("llama.cpp: not compiled"), "{page}");
            assert!(page.contains("Wrong words of 95 in 8"), "{page}");
            assert!(page.contains("3.00 (3.00 to 3.00)"), "{page}");
        }
        let bars: Vec<usize> = markdown
            .lines()
            .map(|line| line.matches('|').count())
            .filter(|&bars| bars > 0)
            .collect();
        assert_eq!(bars, [8, 8, 8]);
    }
}
