//! What a search found, and how it is said: on a terminal and in JSON. Pure.

use serde::Serialize;
use voiceflow_record::{Clock, Host, OperationId};

use super::line::Commit;
use super::search::Answer;
use super::yardstick::Counter;
use crate::compare::decide::Estimate;
use crate::compare::model::{CallSiteDelta, Comparison, FunctionDelta, Metric};
use crate::compare::render::table::{Column, Line, table};
use crate::compare::render::words::{NONE, change, delta, figure, metric_name, one_line, percentage, place, span};

/// The version of this document.
pub(crate) const BISECTION_FORMAT: u32 = 1;

/// Everything one search found. Changes are ratios minus one, over the good end: positive is slower, or more.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Bisection {
    /// Always [`BISECTION_FORMAT`].
    pub(crate) format: u32,
    pub(crate) result: Ending,
    pub(crate) operation: OperationId,
    pub(crate) good: Commit,
    pub(crate) bad: Commit,
    /// Commits after the good end, up to the bad one and with it.
    pub(crate) commits: usize,
    /// Whether the commits' libraries were measured by the bad end's operations and kit.
    pub(crate) kit_overlay: bool,
    /// What was compared between the ends, in this order, up to the first that is worse.
    pub(crate) ends: Vec<EndsRow>,
    /// By what the commits were told apart; `None` where nothing is worse.
    pub(crate) metric: Option<Metric>,
    /// Of a time: the clock that judged.
    pub(crate) clock: Option<Clock>,
    /// Of a count: above this a commit is bad.
    pub(crate) halfway: Option<f64>,
    pub(crate) last_good: Option<Commit>,
    /// Where it is known.
    pub(crate) first_bad: Option<Commit>,
    /// Where it is not: one of these is, and the last of them is bad.
    pub(crate) suspects: Vec<Commit>,
    /// What was said of each commit that was looked at, in the order of history, both ends included.
    pub(crate) evidence: Vec<EvidenceRow>,
    /// What changed between the last commit known to be good and the first known to be bad.
    pub(crate) causes: Causes,
    /// What shows more.
    pub(crate) commands: Vec<String>,
    pub(crate) host: Host,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    /// The first bad commit is known.
    Found,
    /// It is one of several.
    NotResolved,
    /// The bad end is not worse than the good one, so there was nothing to search for.
    NothingWorse,
}

/// One figure at both ends.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct EndsRow {
    pub(crate) metric: Metric,
    /// The count, or nanoseconds a call.
    pub(crate) good: Option<f64>,
    pub(crate) bad: Option<f64>,
    pub(crate) change: Option<f64>,
    /// 95 % interval of the change; equal to it for counts.
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    /// Rounds it rests on; zero for counts.
    pub(crate) rounds: u32,
    pub(crate) is_worse: bool,
    /// The smallest rise that would have been seen.
    pub(crate) smallest_detectable: Option<f64>,
    /// Present where it needs a word more.
    pub(crate) note: Option<String>,
}

/// One commit that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct EvidenceRow {
    pub(crate) commit: String,
    pub(crate) subject: String,
    pub(crate) answer: Answer,
    pub(crate) why: String,
    /// By the metric of the search; `None` where it could not be taken.
    pub(crate) figure: Option<Figure>,
}

/// One commit's figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Figure {
    /// The count, or nanoseconds a call.
    pub(crate) value: Option<f64>,
    /// Of a time: from rounds that paired the commit with the good end.
    pub(crate) change: Option<f64>,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) rounds: u32,
}

/// Where a change comes from, as far as the instruments can tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Causes {
    /// Functions whose instructions changed most, largest first.
    pub(crate) functions: Vec<FunctionDelta>,
    /// Places that allocate more or less, largest first.
    pub(crate) call_sites: Vec<CallSiteDelta>,
}

impl EndsRow {
    /// A count at both ends.
    pub(crate) fn of_counts(counter: Counter, good: u64, bad: u64) -> Self {
        let change = Some(ratio(good, bad));
        Self {
            metric: counter.metric,
            good: Some(good as f64),
            bad: Some(bad as f64),
            change,
            low: change,
            high: change,
            rounds: 0,
            is_worse: counter.is_costlier(good, bad),
            smallest_detectable: Some(counter.smallest_rise(good)),
            note: None,
        }
    }

    /// A figure that was not taken, and why.
    pub(crate) fn without_figures(metric: Metric, note: String) -> Self {
        Self {
            metric,
            good: None,
            bad: None,
            change: None,
            low: None,
            high: None,
            rounds: 0,
            is_worse: false,
            smallest_detectable: None,
            note: Some(note),
        }
    }

    /// The figures of the good and of the bad end.
    pub(crate) fn figures(&self) -> [Figure; 2] {
        let good = Figure {
            value: self.good,
            change: None,
            low: None,
            high: None,
            rounds: 0,
        };
        let bad = Figure {
            value: self.bad,
            change: self.change,
            low: self.low,
            high: self.high,
            rounds: self.rounds,
        };
        [good, bad]
    }
}

impl Figure {
    /// A count, where the good end has `good`.
    pub(crate) fn of_count(good: u64, count: u64) -> Self {
        let change = Some(ratio(good, count));
        Self {
            value: Some(count as f64),
            change,
            low: change,
            high: change,
            rounds: 0,
        }
    }

    /// A time, with its change from the good end.
    pub(crate) fn of_time(nanoseconds: Option<f64>, estimate: &Estimate, rounds: u32) -> Self {
        Self {
            value: nanoseconds,
            change: Some(estimate.change),
            low: Some(estimate.low),
            high: Some(estimate.high),
            rounds,
        }
    }
}

/// From nothing to something there is no ratio; what is counted from there is told by the counts.
fn ratio(good: u64, count: u64) -> f64 {
    if good == count {
        0.0
    } else {
        count as f64 / (good as f64).max(1.0) - 1.0
    }
}

/// The JSON of a search.
pub(crate) fn json(bisection: &Bisection) -> serde_json::Result<String> {
    serde_json::to_string_pretty(bisection)
}

/// Everything a person at a terminal wants to know, the most important first.
pub(crate) fn text(bisection: &Bisection) -> String {
    let blocks = [
        headline(bisection),
        suspects(bisection),
        evidence(bisection),
        ends(bisection),
        functions(&bisection.causes),
        call_sites(&bisection.causes),
        commands(bisection),
    ];
    let blocks: Vec<String> = blocks.into_iter().filter(|block| !block.is_empty()).collect();
    blocks.join("\n")
}

fn headline(bisection: &Bisection) -> String {
    match (bisection.result, &bisection.first_bad) {
        (Ending::Found, Some(commit)) => format!(
            "first bad commit: {} {}\nauthored {}, commit {}\n{}\n",
            commit.short(),
            one_line(&commit.subject),
            commit.authored,
            commit.commit,
            step(bisection, &commit.commit)
        ),
        (Ending::NothingWorse, _) => format!(
            "nothing to search for: {} was not seen to be slower or costlier at {} than at {}\n",
            bisection.operation,
            bisection.bad.short(),
            bisection.good.short()
        ),
        _ => format!(
            "not resolved: the first bad commit is one of {}\n{}\n",
            bisection.suspects.len(),
            bisection
                .suspects
                .last()
                .map_or_else(String::new, |last| step(bisection, &last.commit))
        ),
    }
}

/// What the operation costs at the first commit known to be bad, and at the last known to be good.
fn step(bisection: &Bisection, bad: &str) -> String {
    let metric = bisection.metric.unwrap_or(Metric::Time);
    let said = |commit: &str| {
        let row = bisection.evidence.iter().find(|row| row.commit == commit);
        row.and_then(|row| row.figure)
            .map_or_else(|| NONE.to_owned(), |taken| cost(metric, &taken))
    };
    let good = bisection.last_good.as_ref().map_or("", |commit| commit.commit.as_str());
    let clock = match bisection.clock {
        None => "",
        Some(Clock::Cpu) => "processor ",
        Some(Clock::Wall) => "wall ",
    };
    let halfway = bisection
        .halfway
        .map(|halfway| format!("; bad is above {}", figure(metric, Some(halfway))))
        .unwrap_or_default();
    format!(
        "{}, {clock}{}: {} at {}, {} at {}{halfway}",
        bisection.operation,
        metric_name(metric),
        said(good),
        short(good),
        said(bad),
        short(bad)
    )
}

fn short(commit: &str) -> &str {
    Comparison::short(commit)
}

/// A commit's figure, with the change from the good end.
pub(crate) fn cost(metric: Metric, taken: &Figure) -> String {
    match taken.change {
        None => figure(metric, taken.value),
        Some(_) => format!("{} ({})", figure(metric, taken.value), change(taken.change)),
    }
}

fn suspects(bisection: &Bisection) -> String {
    bisection
        .suspects
        .iter()
        .map(|commit| {
            format!(
                "    {} {} {}\n",
                commit.short(),
                commit.authored,
                one_line(&commit.subject)
            )
        })
        .collect()
}

/// The third is named after the metric.
const EVIDENCE: [Column; 7] = [
    Column::words("commit"),
    Column::words("answer"),
    Column::figures("figure"),
    Column::figures("change"),
    Column::figures("95 % interval"),
    Column::words("subject"),
    Column::words("why"),
];

/// Every commit that was looked at, in the order of history.
fn evidence(bisection: &Bisection) -> String {
    let Some(metric) = bisection.metric else {
        return String::new();
    };
    let mut columns = EVIDENCE;
    columns[2] = Column::figures(metric_name(metric));
    let lines: Vec<Line> = bisection
        .evidence
        .iter()
        .map(|row| {
            let taken = row.figure;
            Line::plain(vec![
                short(&row.commit).to_owned(),
                row.answer.as_str().to_owned(),
                figure(metric, taken.and_then(|taken| taken.value)),
                change(taken.and_then(|taken| taken.change)),
                taken.map_or_else(|| NONE.to_owned(), |taken| interval(metric, taken.low, taken.high)),
                shortened(&row.subject),
                one_line(&row.why),
            ])
        })
        .collect();
    let asked = bisection.evidence.len().saturating_sub(1);
    format!(
        "{}{asked} of {} commits after GOOD were looked at; changes are over GOOD\n",
        table(&columns, &lines),
        bisection.commits
    )
}

const ENDS: [Column; 6] = [
    Column::words("between the ends"),
    Column::figures("GOOD"),
    Column::figures("BAD"),
    Column::figures("change"),
    Column::figures("95 % interval"),
    Column::words("what it says"),
];

fn ends(bisection: &Bisection) -> String {
    let lines: Vec<Line> = bisection
        .ends
        .iter()
        .map(|row| {
            Line::plain(vec![
                metric_name(row.metric).to_owned(),
                figure(row.metric, row.good),
                figure(row.metric, row.bad),
                change(row.change),
                interval(row.metric, row.low, row.high),
                consequence(row),
            ])
        })
        .collect();
    table(&ENDS, &lines)
}

fn interval(metric: Metric, low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(low), Some(high)) if metric == Metric::Time => span(low, high),
        (Some(_), Some(_)) => "exact".to_owned(),
        _ => NONE.to_owned(),
    }
}

/// What a row of the ends says: that it is worse, or what it could have seen.
fn consequence(row: &EndsRow) -> String {
    let could_see = match (row.metric, row.smallest_detectable) {
        (Metric::Instructions, Some(rise)) => Some(format!("a rise above {} would have been seen", percentage(rise))),
        (Metric::Time, Some(rise)) => Some(format!("a slowdown of {} would have been seen", percentage(rise))),
        (_, Some(_)) => Some("one more would have been seen".to_owned()),
        (_, None) => None,
    };
    let verdict = if row.is_worse {
        Some("worse".to_owned())
    } else {
        could_see
    };
    let words: Vec<String> = verdict.into_iter().chain(row.note.as_deref().map(one_line)).collect();
    words.join("; ")
}

const FUNCTIONS: [Column; 3] = [
    Column::figures("self"),
    Column::figures("inclusive"),
    Column::words("instructions of one call, by function, from the last good commit to the first bad one"),
];

fn functions(causes: &Causes) -> String {
    let lines: Vec<Line> = causes
        .functions
        .iter()
        .map(|function| {
            Line::plain(vec![
                delta(function.self_baseline, function.self_candidate),
                delta(function.inclusive_baseline, function.inclusive_candidate),
                one_line(&function.function),
            ])
        })
        .collect();
    table(&FUNCTIONS, &lines)
}

const CALL_SITES: [Column; 3] = [
    Column::figures("blocks"),
    Column::figures("bytes"),
    Column::words("heap use of one call, by place, from the last good commit to the first bad one"),
];

fn call_sites(causes: &Causes) -> String {
    let lines: Vec<Line> = causes
        .call_sites
        .iter()
        .map(|site| {
            Line::plain(vec![
                delta(site.blocks_baseline, site.blocks_candidate),
                delta(site.bytes_baseline, site.bytes_candidate),
                one_line(&place(site)),
            ])
        })
        .collect();
    table(&CALL_SITES, &lines)
}

fn commands(bisection: &Bisection) -> String {
    bisection
        .commands
        .iter()
        .map(|command| format!("see also: {command}\n"))
        .collect()
}

/// The commands that show what came with the first bad commit, or with the suspects.
pub(crate) fn commands_for(last_good: &Commit, first_bad: Option<&Commit>, suspects: &[Commit]) -> Vec<String> {
    match (first_bad, suspects.last()) {
        (Some(commit), _) if commit.is_merge => vec![
            // Without it a merge shows nothing but its conflicts.
            format!("git show --first-parent {}", commit.commit),
            format!("git log --oneline '{0}^1..{0}^2'", commit.commit),
        ],
        (Some(commit), _) => vec![format!("git show {}", commit.commit)],
        (None, Some(last)) => vec![format!(
            "git log --first-parent --reverse --patch {}..{}",
            last_good.commit, last.commit
        )],
        (None, None) => Vec::new(),
    }
}

/// As much of a subject as a table has room for.
const SUBJECT: usize = 40;

fn shortened(text: &str) -> String {
    let line = one_line(text);
    if line.chars().count() <= SUBJECT {
        return line;
    }
    let start: String = line.chars().take(SUBJECT - 1).collect();
    format!("{}…", start.trim_end())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::yardstick::COUNTERS;
    use super::*;

    /// Five commits, the third of which is a merge.
    pub(crate) fn line() -> Vec<Commit> {
        let subjects = [
            "storage: the start",
            "docs: say more",
            "merge the new index",
            "storage: check every row twice, for good measure",
            "asr: hear better",
        ];
        subjects
            .iter()
            .zip(["a1", "b2", "c3", "d4", "e5"])
            .map(|(subject, hash)| Commit {
                commit: hash.repeat(20),
                subject: (*subject).to_owned(),
                authored: "2026-01-02T03:04:05Z".to_owned(),
                is_merge: subject.starts_with("merge"),
            })
            .collect()
    }

    fn host() -> Host {
        Host {
            class: "linux-x86_64-test-2core".to_owned(),
            os: "linux".to_owned(),
            arch: "x86_64".to_owned(),
            cpu_model: "test".to_owned(),
            cpu_features: Vec::new(),
            cores: 2,
            memory_bytes: 0,
            kernel: "6.1".to_owned(),
            governor: None,
            libc: "glibc 2.36".to_owned(),
            valgrind: None,
        }
    }

    /// A search that ended before its first question.
    pub(crate) fn nothing_worse() -> Bisection {
        let [instructions, _] = COUNTERS;
        let line = line();
        let time = EndsRow {
            good: Some(1.2e6),
            bad: Some(1.21e6),
            change: Some(0.004),
            low: Some(-0.002),
            high: Some(0.01),
            rounds: 32,
            smallest_detectable: Some(0.0123),
            note: None,
            ..EndsRow::without_figures(Metric::Time, String::new())
        };
        Bisection {
            format: BISECTION_FORMAT,
            result: Ending::NothingWorse,
            operation: "storage/get/hot".parse().expect("valid"),
            good: line[0].clone(),
            bad: line[4].clone(),
            commits: 4,
            kit_overlay: false,
            ends: vec![
                EndsRow::of_counts(instructions, 1_200_000, 1_200_000),
                EndsRow::without_figures(Metric::Blocks, "GOOD: it is not measured by allocations".to_owned()),
                time,
            ],
            metric: None,
            clock: None,
            halfway: None,
            last_good: None,
            first_bad: None,
            suspects: Vec::new(),
            evidence: Vec::new(),
            causes: Causes::default(),
            commands: Vec::new(),
            host: host(),
        }
    }

    fn row(place: usize, answer: Answer, why: &str, count: Option<u64>) -> EvidenceRow {
        let commit = &line()[place];
        EvidenceRow {
            commit: commit.commit.clone(),
            subject: commit.subject.clone(),
            answer,
            why: why.to_owned(),
            figure: count.map(|count| Figure::of_count(1_200_000, count)),
        }
    }

    fn found() -> Bisection {
        let [instructions, _] = COUNTERS;
        let line = line();
        Bisection {
            result: Ending::Found,
            ends: vec![EndsRow::of_counts(instructions, 1_200_000, 1_500_000)],
            metric: Some(Metric::Instructions),
            halfway: Some(1_350_000.0),
            last_good: Some(line[2].clone()),
            first_bad: Some(line[3].clone()),
            evidence: vec![
                row(0, Answer::Good, "GOOD", Some(1_200_000)),
                row(1, Answer::Skipped, "it does not build:\nsee above", None),
                row(2, Answer::Good, "nearer to GOOD's count", Some(1_200_600)),
                row(3, Answer::Bad, "nearer to BAD's count", Some(1_500_000)),
                row(4, Answer::Bad, "BAD", Some(1_500_000)),
            ],
            causes: Causes {
                functions: vec![FunctionDelta {
                    function: "storage::check".to_owned(),
                    self_baseline: 300_000,
                    self_candidate: 600_000,
                    inclusive_baseline: 310_000,
                    inclusive_candidate: 610_000,
                }],
                call_sites: Vec::new(),
            },
            commands: commands_for(&line[2], Some(&line[3]), &[]),
            ..nothing_worse()
        }
    }

    #[test]
    fn the_first_bad_commit_comes_first_and_every_look_is_in_the_order_of_history() {
        let expected = "\
first bad commit: d4d4d4d4d4 storage: check every row twice, for good measure
authored 2026-01-02T03:04:05Z, commit d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4
storage/get/hot, instructions: 1 200 600 (+0.05 %) at c3c3c3c3c3, 1 500 000 (+25.00 %) at d4d4d4d4d4; bad is above 1 350 000

commit      answer   instructions    change  95 % interval  subject                                   why
a1a1a1a1a1  good        1 200 000    0.00 %          exact  storage: the start                        GOOD
b2b2b2b2b2  skipped             —         —              —  docs: say more                            it does not build: see above
c3c3c3c3c3  good        1 200 600   +0.05 %          exact  merge the new index                       nearer to GOOD's count
d4d4d4d4d4  bad         1 500 000  +25.00 %          exact  storage: check every row twice, for goo…  nearer to BAD's count
e5e5e5e5e5  bad         1 500 000  +25.00 %          exact  asr: hear better                          BAD
4 of 4 commits after GOOD were looked at; changes are over GOOD

between the ends       GOOD        BAD    change  95 % interval  what it says
instructions      1 200 000  1 500 000  +25.00 %          exact  worse

                 self              inclusive  instructions of one call, by function, from the last good commit to the first bad one
+300 000 from 300 000  +300 000 from 310 000  storage::check

see also: git show d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4
";
        assert_eq!(text(&found()), expected);
    }

    #[test]
    fn a_range_names_its_suspects_and_the_command_that_lists_them() {
        let line = line();
        let suspects = line[1..=3].to_vec();
        let bisection = Bisection {
            result: Ending::NotResolved,
            last_good: Some(line[0].clone()),
            first_bad: None,
            commands: commands_for(&line[0], None, &suspects),
            suspects,
            ..found()
        };
        let text = text(&bisection);
        assert!(
            text.starts_with("not resolved: the first bad commit is one of 3\n"),
            "{text}"
        );
        assert!(
            text.contains("    c3c3c3c3c3 2026-01-02T03:04:05Z merge the new index\n"),
            "{text}"
        );
        assert!(
            text.contains("1 200 000 (0.00 %) at a1a1a1a1a1, 1 500 000 (+25.00 %) at d4d4d4d4d4"),
            "{text}"
        );
        let command = format!(
            "git log --first-parent --reverse --patch {}..{}",
            line[0].commit, line[3].commit
        );
        assert!(text.contains(&command), "{text}");
    }

    #[test]
    fn where_nothing_is_worse_it_is_said_what_could_have_been_seen() {
        let text = text(&nothing_worse());
        for words in [
            "nothing to search for: storage/get/hot was not seen to be slower or costlier at e5e5e5e5e5 than at a1a1a1a1a1",
            "a rise above 0.2 % would have been seen",
            "GOOD: it is not measured by allocations",
            "a slowdown of 1.23 % would have been seen",
            "-0.20 % to +1.00 %",
        ] {
            assert!(text.contains(words), "{words} is not in\n{text}");
        }
        assert!(!text.contains("looked at"), "{text}");
    }

    #[test]
    fn a_time_is_told_with_its_clock_and_interval() {
        let figure = Figure {
            value: Some(1.26e6),
            change: Some(0.05),
            low: Some(0.045),
            high: Some(0.055),
            rounds: 8,
        };
        let bisection = Bisection {
            metric: Some(Metric::Time),
            clock: Some(Clock::Cpu),
            halfway: None,
            evidence: vec![EvidenceRow {
                figure: Some(figure),
                ..row(3, Answer::Bad, "slower by more than 1.5 %", None)
            }],
            ..found()
        };
        let text = text(&bisection);
        assert!(
            text.contains("storage/get/hot, processor time: — at c3c3c3c3c3, 1.26 ms (+5.00 %) at d4d4d4d4d4\n"),
            "{text}"
        );
        assert!(text.contains("+4.50 % to +5.50 %"), "{text}");
    }

    #[test]
    fn a_merge_is_shown_against_its_first_parent() {
        let line = line();
        let commands = commands_for(&line[1], Some(&line[2]), &[]);
        assert!(commands[0].starts_with("git show --first-parent c3c3"), "{commands:?}");
        assert!(commands[1].contains("^1.."), "{commands:?}");
        assert!(commands_for(&line[1], None, &[]).is_empty());
    }

    #[test]
    fn the_json_has_what_the_text_says() {
        let value: serde_json::Value = serde_json::from_str(&json(&found()).expect("encodes")).expect("parses");
        assert_eq!(value["format"], BISECTION_FORMAT);
        assert_eq!(value["result"], "found");
        assert_eq!(value["metric"], "instructions");
        assert_eq!(value["first_bad"]["commit"], line()[3].commit);
        assert_eq!(value["evidence"][1]["answer"], "skipped");
        assert!(value["evidence"][1]["figure"].is_null());
        assert_eq!(value["evidence"][3]["figure"]["value"], 1_500_000.0);
        assert_eq!(value["causes"]["functions"][0]["function"], "storage::check");
        let nothing: serde_json::Value =
            serde_json::from_str(&json(&nothing_worse()).expect("encodes")).expect("parses");
        assert_eq!(nothing["result"], "nothing_worse");
        assert!(nothing["first_bad"].is_null() && nothing["metric"].is_null());
        assert_eq!(nothing["ends"][2]["smallest_detectable"], 0.0123);
    }
}
