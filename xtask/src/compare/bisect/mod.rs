//! `bisect`: finds the commit that made an operation slower or costlier.
//!
//! line of commits → both ends built → what is worse → commit after commit, halving the rest → report. `search`,
//! `yardstick` and `report` are pure; `line` asks git, `site` builds and measures, `ends` chooses by what to tell
//! commits apart.

mod ends;
mod line;
mod report;
mod search;
mod site;
mod yardstick;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use voiceflow_record::{Instrument, write_file};

use self::ends::Ends;
use self::line::Commit;
use self::report::{BISECTION_FORMAT, Bisection, Causes, Ending, EvidenceRow, Figure};
use self::search::{Answer, Evidence, Found, Search};
use self::site::{Code, Site, Specimen, Timed};
use self::yardstick::Yardstick;
use super::counts::Counted;
use super::model::{CallSiteDelta, FunctionDelta};
use super::profile::{callgrind, heap};
use super::render::words::{metric_name, one_line};
use super::slot::Slot;
use crate::bench;
use crate::cli::{BisectCommand, Format};
use crate::outcome::{Outcome, found_disk_full};
use crate::setup;
use crate::workspace::Workspace;

/// Searches, prints what was found, and ends with the code that says whether it was.
pub(crate) fn bisect(workspace: &Workspace, command: &BisectCommand) -> anyhow::Result<Outcome> {
    let line = line::between(workspace, &command.good, &command.bad)?;
    let folder = bench::output_folder(workspace, "bisect", command.output_dir.clone())?;
    let bisection = find(workspace, command, &line, &folder)?;
    let json = report::json(&bisection)?;
    write_file(&folder.join("bisection.json"), json.as_bytes())?;
    match command.format {
        Format::Text => print!("{}", report::text(&bisection)),
        Format::Json => println!("{json}"),
    }
    eprintln!("everything measured: {}", folder.display());
    Ok(outcome(bisection.result))
}

fn outcome(result: Ending) -> Outcome {
    match result {
        Ending::Found => Outcome::Passed,
        Ending::NotResolved => Outcome::NotResolved,
        Ending::NothingWorse => Outcome::NothingComparable,
    }
}

fn find(workspace: &Workspace, command: &BisectCommand, line: &[Commit], folder: &Path) -> anyhow::Result<Bisection> {
    let (good, bad) = line.first().zip(line.last()).context("the line has no ends")?;
    let slot = Slot::open(workspace)?;
    setup::prepare(workspace)?;
    let overlay = command.kit_overlay.then_some(bad);
    let site = Site::open(workspace, &slot, &command.operation, overlay, folder)?;
    let ends = ends::hold(&site, good, bad)?;
    let mut bisection = Bisection {
        format: BISECTION_FORMAT,
        result: Ending::NothingWorse,
        operation: command.operation.clone(),
        good: good.clone(),
        bad: bad.clone(),
        commits: line.len() - 1,
        kit_overlay: site.has_overlay(),
        ends: ends.rows.clone(),
        metric: None,
        clock: None,
        halfway: None,
        last_good: None,
        first_bad: None,
        suspects: Vec::new(),
        evidence: Vec::new(),
        causes: Causes::default(),
        commands: Vec::new(),
        host: site.host().clone(),
    };
    if let Some(yardstick) = ends.yardstick {
        bisection.metric = Some(yardstick.metric());
        bisection.clock = yardstick.clock();
        bisection.halfway = yardstick.halfway();
        let mut oracle = Oracle::new(&site, &ends, yardstick, [good, bad]);
        let (search, figures) = search_line(&mut oracle, line)?;
        conclude(&mut bisection, line, &search, &figures);
        bisection.causes = causes_of(&site, line, &search);
    }
    Ok(bisection)
}

/// What each place that was asked about costs, where that could be told.
type Figures = BTreeMap<usize, Option<Figure>>;

/// Asks until nothing that can be asked would narrow it further.
fn search_line(oracle: &mut Oracle<'_>, line: &[Commit]) -> anyhow::Result<(Search, Figures)> {
    let mut search = Search::between(line.len(), "GOOD", "BAD");
    let [good, bad] = oracle.ends.figures();
    let mut figures = Figures::from([(0, good), (line.len() - 1, bad)]);
    let mut step = 0;
    eprintln!("bisect: told apart by {}", metric_name(oracle.yardstick.metric()));
    while let Some(place) = search.question() {
        step += 1;
        let commit = &line[place];
        eprintln!(
            "bisect: step {step}, {} suspects, {} more steps at best: {} {}",
            search.suspects(),
            search.steps_left().saturating_sub(1),
            commit.short(),
            one_line(&commit.subject)
        );
        let seen = oracle.look(commit)?;
        eprintln!(
            "bisect: {} is {}: {}",
            commit.short(),
            seen.answer.as_str(),
            oracle.words(&seen)
        );
        figures.insert(place, seen.figure);
        search.record(Evidence {
            place,
            answer: seen.answer,
            why: seen.why,
        });
    }
    Ok((search, figures))
}

/// The last place known to be good and the first known to be bad.
fn bounds(search: &Search) -> (usize, usize) {
    match search.found() {
        Found::First(place) => (place - 1, place),
        Found::Among { first, last } => (first - 1, last),
    }
}

fn conclude(bisection: &mut Bisection, line: &[Commit], search: &Search, figures: &Figures) {
    let (good, bad) = bounds(search);
    if matches!(search.found(), Found::First(_)) {
        bisection.result = Ending::Found;
        bisection.first_bad = Some(line[bad].clone());
    } else {
        bisection.result = Ending::NotResolved;
        bisection.suspects = line[good + 1..=bad].to_vec();
    }
    bisection.last_good = Some(line[good].clone());
    bisection.commands = report::commands_for(&line[good], bisection.first_bad.as_ref(), &bisection.suspects);
    bisection.evidence = search
        .evidence()
        .into_iter()
        .map(|evidence| EvidenceRow {
            commit: line[evidence.place].commit.clone(),
            subject: line[evidence.place].subject.clone(),
            answer: evidence.answer,
            why: evidence.why.clone(),
            figure: figures.get(&evidence.place).copied().flatten(),
        })
        .collect();
}

/// What one commit was found to be.
#[derive(Clone, Debug)]
struct Seen {
    answer: Answer,
    why: String,
    figure: Option<Figure>,
}

impl Seen {
    fn skipped(why: String) -> Self {
        Self {
            answer: Answer::Skipped,
            why,
            figure: None,
        }
    }
}

/// What code that was measured was found to be.
struct Known {
    code: Code,
    /// The commit it was built from.
    name: String,
    seen: Seen,
}

/// Tells of one commit after the other whether it is like the good end or like the bad one.
struct Oracle<'a> {
    site: &'a Site<'a>,
    ends: &'a Ends,
    yardstick: Yardstick,
    known: Vec<Known>,
}

impl<'a> Oracle<'a> {
    fn new(site: &'a Site<'a>, ends: &'a Ends, yardstick: Yardstick, commits: [&Commit; 2]) -> Self {
        let mut oracle = Self {
            site,
            ends,
            yardstick,
            known: Vec::new(),
        };
        let [good, bad] = ends.figures();
        for (specimen, commit, answer, figure) in [
            (&ends.good, commits[0], Answer::Good, good),
            (&ends.bad, commits[1], Answer::Bad, bad),
        ] {
            let seen = Seen {
                answer,
                why: String::new(),
                figure,
            };
            oracle.remember(Code::of(specimen, yardstick.instrument()), commit, &seen);
        }
        oracle
    }

    fn look(&mut self, commit: &Commit) -> anyhow::Result<Seen> {
        // The cache keeps the builds used last, and these two are needed to the end.
        self.ends.good.built.mark_used();
        self.ends.bad.built.mark_used();
        let built = match self.site.build(commit) {
            Ok(built) => built,
            // Nothing is wrong with the commit.
            Err(error) if found_disk_full(&error) => return Err(error),
            Err(error) => return Ok(Seen::skipped(format!("{error:#}"))),
        };
        let Some(specimen) = self.site.find(built) else {
            return Ok(Seen::skipped("it does not declare the operation".to_owned()));
        };
        let code = Code::of(&specimen, self.yardstick.instrument());
        if let Some(known) = self.known.iter().find(|known| Some(&known.code) == code.as_ref()) {
            return Ok(Seen {
                why: format!("same machine code and inputs as {}", known.name),
                ..known.seen.clone()
            });
        }
        let seen = match self.yardstick {
            Yardstick::Count { counter, good, bad } => {
                let counted = self.site.count(&specimen, &[counter.instrument])?;
                match self.site.counted(&counted, counter) {
                    Ok(count) => by_count(good, bad, count),
                    Err(reason) => Seen::skipped(reason),
                }
            }
            Yardstick::Time { change, .. } => self.time(&specimen, change)?,
        };
        self.remember(code, commit, &seen);
        Ok(seen)
    }

    fn time(&self, specimen: &Specimen, change: f64) -> anyhow::Result<Seen> {
        let policy = yardstick::policy_of_step(change);
        Ok(match self.site.time(&self.ends.good, specimen, policy)? {
            Timed::NotComparable(reason) => Seen::skipped(reason),
            Timed::Failed(reason) => Seen::skipped(format!("it fails: {reason}")),
            Timed::TooFew => Seen::skipped("not resolved: too few rounds fit the time".to_owned()),
            Timed::Found(found) => {
                let (answer, why) = yardstick::by_time(&found.finding, &found.policy);
                let figure = Figure::of_time(found.other_ns, &found.finding.estimate, found.finding.rounds);
                Seen {
                    answer,
                    why,
                    figure: Some(figure),
                }
            }
        })
    }

    /// What could not be decided is not remembered: another look may decide it.
    fn remember(&mut self, code: Option<Code>, commit: &Commit, seen: &Seen) {
        if let Some(code) = code.filter(|_| seen.answer != Answer::Skipped) {
            self.known.push(Known {
                code,
                name: commit.short().to_owned(),
                seen: seen.clone(),
            });
        }
    }

    fn words(&self, seen: &Seen) -> String {
        let why = one_line(&seen.why);
        match &seen.figure {
            Some(figure) => format!("{}, {why}", report::cost(self.yardstick.metric(), figure)),
            None => why,
        }
    }
}

fn by_count(good: u64, bad: u64, count: u64) -> Seen {
    let (answer, why) = yardstick::by_count(good, bad, count);
    Seen {
        answer,
        why,
        figure: Some(Figure::of_count(good, count)),
    }
}

/// Functions and places of each kind that are told: the first explain nearly everything.
const MOST: usize = 10;

/// What changed between the last commit known to be good and the first known to be bad. It explains what was found and
/// is not part of it, so a search does not fail for want of it.
fn causes_of(site: &Site<'_>, line: &[Commit], search: &Search) -> Causes {
    let (good, bad) = bounds(search);
    causes_between(site, &line[good], &line[bad]).unwrap_or_else(|error| {
        eprintln!("bisect: what changed cannot be told: {error:#}");
        Causes::default()
    })
}

fn causes_between(site: &Site<'_>, good: &Commit, bad: &Commit) -> anyhow::Result<Causes> {
    let (Some(good), Some(bad)) = (counts_of(site, good)?, counts_of(site, bad)?) else {
        return Ok(Causes::default());
    };
    Ok(Causes {
        functions: functions(site, &good, &bad),
        call_sites: call_sites(site, &good, &bad),
    })
}

/// The counts of a commit, with the profiles behind them; both are kept with its build.
fn counts_of(site: &Site<'_>, commit: &Commit) -> anyhow::Result<Option<Counted>> {
    let Some(specimen) = site.find(site.build(commit)?) else {
        return Ok(None);
    };
    site.count(&specimen, &[Instrument::Instructions, Instrument::Allocations])
        .map(Some)
}

fn functions(site: &Site<'_>, good: &Counted, bad: &Counted) -> Vec<FunctionDelta> {
    let read = |counted: &Counted| {
        let folder = bench::raw_folder(&counted.folder, site.id(), Instrument::Instructions);
        callgrind::read_folder(&folder).ok()
    };
    match (read(good), read(bad)) {
        (Some(old), Some(new)) => callgrind::deltas(&old, &new, MOST),
        _ => Vec::new(),
    }
}

fn call_sites(site: &Site<'_>, good: &Counted, bad: &Counted) -> Vec<CallSiteDelta> {
    let read = |counted: &Counted| {
        let folder = bench::raw_folder(&counted.folder, site.id(), Instrument::Allocations);
        let text = std::fs::read_to_string(folder.join(bench::HEAP_PROFILE)).ok()?;
        heap::call_sites(&text).ok()
    };
    match (read(good), read(bad)) {
        (Some(old), Some(new)) => heap::deltas(&old, &new, MOST),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Vec<Commit> {
        report::tests::line()
    }

    fn searched(answers: &[(usize, Answer)]) -> Search {
        let mut search = Search::between(line().len(), "GOOD", "BAD");
        for &(place, answer) in answers {
            search.record(Evidence {
                place,
                answer,
                why: "because".to_owned(),
            });
        }
        search
    }

    #[test]
    fn the_exit_code_tells_a_commit_from_a_range_and_from_nothing() {
        for (result, code) in [(Ending::Found, 0), (Ending::NotResolved, 3), (Ending::NothingWorse, 4)] {
            assert_eq!(outcome(result).code(), code);
        }
    }

    #[test]
    fn the_first_bad_commit_is_named_with_what_was_said_of_each() {
        let mut bisection = report::tests::nothing_worse();
        let search = searched(&[(2, Answer::Good), (3, Answer::Bad)]);
        let figures = Figures::from([(0, None), (2, Some(Figure::of_count(1000, 1000))), (3, None)]);
        conclude(&mut bisection, &line(), &search, &figures);
        assert_eq!(bisection.result, Ending::Found);
        assert_eq!(bisection.first_bad.as_ref(), line().get(3));
        assert_eq!(bisection.last_good.as_ref(), line().get(2));
        assert!(bisection.suspects.is_empty());
        let answers: Vec<Answer> = bisection.evidence.iter().map(|row| row.answer).collect();
        assert_eq!(answers, [Answer::Good, Answer::Good, Answer::Bad, Answer::Bad]);
        assert_eq!(
            bisection.evidence[1].figure.and_then(|figure| figure.value),
            Some(1000.0)
        );
        assert_eq!(bisection.commands, [format!("git show {}", line()[3].commit)]);
    }

    #[test]
    fn where_commits_are_skipped_the_suspects_end_with_one_that_is_bad() {
        let mut bisection = report::tests::nothing_worse();
        let search = searched(&[(2, Answer::Skipped), (1, Answer::Good), (3, Answer::Bad)]);
        conclude(&mut bisection, &line(), &search, &Figures::new());
        assert_eq!(bisection.result, Ending::NotResolved);
        assert_eq!(bisection.first_bad, None);
        assert_eq!(bisection.suspects, line()[2..=3]);
        assert!(
            bisection.commands[0].starts_with("git log "),
            "{:?}",
            bisection.commands
        );
    }
}
