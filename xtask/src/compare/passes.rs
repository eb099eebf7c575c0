//! Pass after pass over the operations that are still open, a round of each in an order drawn anew, until every one is
//! decided or has used up its time.
//!
//! Passes spread the rounds of one operation over minutes, so that a busy spell of the machine is a few rounds of many
//! operations and not all rounds of one. Where all of it has to end in time, short operations come before long ones: one
//! round of a dictation takes as long as all rounds of an operation of microseconds.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use voiceflow_record::paired::{Purpose, Round};
use voiceflow_record::{Clock, OperationId, write_file};

use super::decide::{self, Suite};
use super::model::Problem;
use super::progress::Progress;
use super::rounds::{self, Contender, Outcome, Plan, Shape, Span};

/// Both sides of one operation, as they are paired for one purpose.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) baseline: Contender,
    pub(crate) candidate: Contender,
}

/// Where the programs of a round come from.
pub(crate) trait Programs {
    /// The pair for judging round `number` of an operation, and the seed of its layouts where they are shuffled.
    fn judge(&mut self, id: &OperationId, number: u32) -> anyhow::Result<(Pair, Option<u64>)>;
    /// The baseline and its copy.
    fn placebo(&mut self, id: &OperationId) -> anyhow::Result<Pair>;
    /// The pair for confirming round `number`, each round with layouts of its own.
    fn confirm(&mut self, id: &OperationId, number: u32) -> anyhow::Result<(Pair, Option<u64>)>;
}

/// One operation on its way.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    pub(crate) id: OperationId,
    /// A slowdown planted in the candidate, in per cent.
    pub(crate) plant_percent: f64,
    /// As it is declared.
    is_long: bool,
    /// Who comes first where there is not time for all.
    place: usize,
    shape: Option<Shape>,
}

impl Course {
    /// Before its first round.
    pub(crate) fn new(id: OperationId, plant_percent: f64, is_long: bool) -> Self {
        Self {
            id,
            plant_percent,
            is_long,
            place: 0,
            shape: None,
        }
    }
}

/// Placebo rounds stop here: enough for the third look.
const PLACEBO_ROUNDS: u32 = 8;

/// What measuring needs.
pub(crate) struct Run<'a> {
    pub(crate) programs: &'a mut dyn Programs,
    /// No judging round begins after this; suspicions are confirmed all the same.
    pub(crate) deadline: Option<Instant>,
    /// Rounds as they are taken to confirm, of every operation that nobody suspects.
    pub(crate) shuffled_rounds: u32,
    /// Where rounds go, each as it ends.
    pub(crate) rounds_folder: PathBuf,
    pub(crate) scratch: PathBuf,
    pub(crate) seed: u64,
}

/// What measuring left besides the suites' evidence.
#[derive(Default)]
pub(crate) struct Measured {
    /// By operation: typical nanoseconds a call on both sides, and the change by the other clock.
    pub(crate) levels: BTreeMap<OperationId, Vec<Level>>,
    pub(crate) failed: Vec<Problem>,
    pub(crate) not_comparable: Vec<Problem>,
    /// What they need is not on this machine.
    pub(crate) skipped: Vec<Problem>,
    pub(crate) placebo_rounds: u32,
    /// There was no time left for a first round.
    pub(crate) unmeasured: Vec<OperationId>,
}

/// What one round says besides its log-ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Level {
    pub(crate) baseline_ns: f64,
    pub(crate) candidate_ns: f64,
    pub(crate) other_clock: Option<f64>,
}

impl Level {
    /// Medians of the batches, a call; and the log-ratio by the clock that does not judge.
    pub(crate) fn of(round: &Round) -> Self {
        let calls = round.calls as f64;
        let other = match round.clock {
            Clock::Cpu => Clock::Wall,
            Clock::Wall => Clock::Cpu,
        };
        Self {
            baseline_ns: median(round.baseline.of(round.clock)) / calls,
            candidate_ns: median(round.candidate.of(round.clock)) / calls,
            other_clock: decide::log_ratio(round, other),
        }
    }
}

fn median(samples: &[u64]) -> f64 {
    crate::stats::SortedSamples::new(samples.iter().map(|&sample| sample as f64).collect())
        .map_or(f64::NAN, |sorted| sorted.median())
}

/// Measures until every course is decided or out of time: those that come first in `courses` before others, where there is
/// not time for all. `placebos` holds the courses that are taken beside them with the baseline on both sides.
pub(crate) fn measure(
    run: &mut Run<'_>,
    courses: Vec<Course>,
    suite: &mut Suite,
    placebos: Vec<Course>,
    placebo_suite: &mut Suite,
) -> anyhow::Result<Measured> {
    let mut random = StdRng::seed_from_u64(run.seed);
    let mut measured = Measured::default();
    let mut open: Vec<(Purpose, Course)> = courses
        .into_iter()
        .enumerate()
        .map(|(place, course)| (Purpose::Judge, Course { place, ..course }))
        .chain(placebos.into_iter().map(|course| (Purpose::Placebo, course)))
        .collect();
    let short_at_once = run
        .deadline
        .map(|deadline| short_at_once(deadline.saturating_duration_since(Instant::now())));
    let judged: Vec<Course> = open
        .iter()
        .filter(|(purpose, _)| *purpose == Purpose::Judge)
        .map(|(_, course)| course.clone())
        .collect();
    let mut counts: BTreeMap<(OperationId, Purpose), u32> = BTreeMap::new();
    let progress = Progress::new(open.len());
    while !open.is_empty() {
        open.shuffle(&mut random);
        let admitted = short_at_once.map(|most| admitted(&open, &counts, most));
        let mut still_open = Vec::new();
        for (kind, mut course) in open {
            let suite = if kind == Purpose::Placebo {
                &mut *placebo_suite
            } else {
                &mut *suite
            };
            let Some(purpose) = next_purpose(kind, &course, suite, &counts) else {
                progress.ends();
                continue;
            };
            // Confirmations are owed to whoever is suspected, however long the suspicion took.
            if purpose != Purpose::Confirm {
                if run.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    if rounds_of(&counts, &course, kind) > 0 {
                        suite.close(&course.id);
                        still_open.push((kind, course));
                    } else {
                        if kind == Purpose::Judge {
                            measured.unmeasured.push(course.id);
                        }
                        progress.ends();
                    }
                    continue;
                }
                if admitted
                    .as_ref()
                    .is_some_and(|admitted| !admitted.contains(&(course.id.clone(), kind)))
                {
                    still_open.push((kind, course));
                    continue;
                }
            }
            progress.starts(&course.id, purpose);
            let number = counts.entry((course.id.clone(), purpose)).or_default();
            let taken = take(run, &mut course, purpose, *number, random.random())?;
            *number += 1;
            match taken {
                Taken::Round(round) => {
                    let Some(log_ratio) = decide::log_ratio(&round, round.clock) else {
                        measured
                            .failed
                            .push(problem(&course, "a batch took no time by its clock"));
                        suite.remove(&course.id);
                        progress.ends();
                        continue;
                    };
                    let level = Level::of(&round);
                    match purpose {
                        Purpose::Confirm => suite.confirm(&course.id, round.clock, log_ratio),
                        Purpose::Judge | Purpose::Placebo => {
                            suite.judge(&course.id, round.clock, log_ratio);
                            suite.took(&course.id, level.baseline_ns, decide::duration(&round));
                        }
                    }
                    match purpose {
                        Purpose::Judge => measured.levels.entry(course.id.clone()).or_default().push(level),
                        Purpose::Placebo => measured.placebo_rounds += 1,
                        Purpose::Confirm => {}
                    }
                    still_open.push((kind, course));
                }
                // What judging showed is not lost with it.
                Taken::Failed(reason) if purpose == Purpose::Confirm => {
                    measured
                        .failed
                        .push(problem(&course, &format!("while confirming, {reason}")));
                    suite.give_up_confirming(&course.id);
                    progress.ends();
                }
                Taken::Failed(reason) => {
                    let of_placebo = if kind == Purpose::Placebo { "as a placebo, " } else { "" };
                    measured.failed.push(problem(&course, &format!("{of_placebo}{reason}")));
                    suite.remove(&course.id);
                    progress.ends();
                }
                Taken::Unavailable(reason) => {
                    if kind == Purpose::Judge {
                        measured.skipped.push(problem(&course, &reason));
                    }
                    suite.remove(&course.id);
                    progress.ends();
                }
                Taken::OtherInputs(reason) => {
                    measured.not_comparable.push(problem(&course, &reason));
                    suite.remove(&course.id);
                    progress.ends();
                }
            }
        }
        open = still_open;
        suite.look();
        placebo_suite.look();
    }
    progress.finish();
    placebo_suite.lean_on(suite);
    shuffled_rounds(run, judged, &counts, &mut random)?;
    Ok(measured)
}

/// Takes the rounds that nobody suspects anything for; they are kept with the others, and judge nothing.
fn shuffled_rounds(
    run: &mut Run<'_>,
    mut courses: Vec<Course>,
    counts: &BTreeMap<(OperationId, Purpose), u32>,
    random: &mut StdRng,
) -> anyhow::Result<()> {
    courses.retain(|course| !counts.contains_key(&(course.id.clone(), Purpose::Confirm)));
    for number in 0..run.shuffled_rounds {
        courses.shuffle(random);
        for course in &mut courses {
            take(run, course, Purpose::Confirm, number, random.random())?;
        }
    }
    Ok(())
}

fn next_purpose(
    kind: Purpose,
    course: &Course,
    suite: &Suite,
    counts: &BTreeMap<(OperationId, Purpose), u32>,
) -> Option<Purpose> {
    let rounds = rounds_of(counts, course, kind);
    if kind == Purpose::Placebo {
        return (rounds < PLACEBO_ROUNDS && (rounds == 0 || suite.wants_judging(&course.id))).then_some(kind);
    }
    if suite.wants_confirming(&course.id) {
        return Some(Purpose::Confirm);
    }
    suite.wants_judging(&course.id).then_some(Purpose::Judge)
}

fn rounds_of(counts: &BTreeMap<(OperationId, Purpose), u32>, course: &Course, kind: Purpose) -> u32 {
    counts.get(&(course.id.clone(), kind)).copied().unwrap_or(0)
}

/// Long operations that are taken in turn until each has what a first look needs. With more of them at once, none might
/// get there.
const LONG_AT_ONCE: usize = 4;

/// What a short operation usually takes until it is decided: about twelve rounds.
const USUALLY_DECIDED_IN: Duration = Duration::from_secs(4);

/// Even where there is time for fewer: a prior is fitted to what they have in common.
const LEAST_AT_ONCE: usize = 12;

/// How many short operations are taken in turn in a run that has this much time. With more of them, all would end after a
/// few rounds each, and none be decided.
fn short_at_once(time: Duration) -> usize {
    ((time.as_secs_f64() / USUALLY_DECIDED_IN.as_secs_f64()) as usize).max(LEAST_AT_ONCE)
}

/// Who takes part in the next pass of a run that has to end in time: as many short ones as there is time to decide, then a
/// few of the long ones that have not reached their first look, and then all. Those that have begun go on before others
/// begin; placebos always take part, for without them no time counts.
fn admitted(
    open: &[(Purpose, Course)],
    counts: &BTreeMap<(OperationId, Purpose), u32>,
    short_at_once: usize,
) -> BTreeSet<(OperationId, Purpose)> {
    let named = |(kind, course): &&(Purpose, Course)| (course.id.clone(), *kind);
    let rounds = |(kind, course): &&(Purpose, Course)| rounds_of(counts, course, *kind);
    let turn = |one: &&(Purpose, Course)| (Reverse(rounds(one)), one.1.place);
    let is_judged = |one: &&(Purpose, Course)| one.0 == Purpose::Judge;
    let mut short: Vec<_> = open.iter().filter(|one| !one.1.is_long && is_judged(one)).collect();
    if !short.is_empty() {
        short.sort_by_key(turn);
        let placebos = open.iter().filter(|one| !one.1.is_long && !is_judged(one));
        return short
            .into_iter()
            .take(short_at_once)
            .chain(placebos)
            .map(|one| named(&one))
            .collect();
    }
    let mut waiting: Vec<_> = open.iter().filter(|one| rounds(one) < decide::LEAST_ROUNDS).collect();
    waiting.sort_by_key(turn);
    waiting.truncate(LONG_AT_ONCE);
    if waiting.is_empty() {
        open.iter().map(|one| named(&one)).collect()
    } else {
        waiting.into_iter().map(|one| named(&one)).collect()
    }
}

enum Taken {
    Round(Box<Round>),
    Failed(String),
    OtherInputs(String),
    Unavailable(String),
}

fn take(run: &mut Run<'_>, course: &mut Course, purpose: Purpose, number: u32, seed: u64) -> anyhow::Result<Taken> {
    let programs = match purpose {
        Purpose::Judge => run.programs.judge(&course.id, number),
        Purpose::Placebo => run.programs.placebo(&course.id).map(|pair| (pair, None)),
        Purpose::Confirm => run.programs.confirm(&course.id, number),
    };
    let (pair, layout_seed) = match programs {
        Ok(programs) => programs,
        Err(error) => return Ok(Taken::Failed(format!("{error:#}"))),
    };
    let plan = Plan {
        operation: course.id.clone(),
        purpose,
        number,
        shape: course.shape,
        layout_seed,
        plant_percent: if purpose == Purpose::Placebo {
            0.0
        } else {
            course.plant_percent
        },
        seed,
        span: Span::COMPARISON,
    };
    let outcome = rounds::take(&plan, &pair.baseline, &pair.candidate, &run.scratch)?;
    Ok(match outcome {
        Outcome::Taken(round, shape) => {
            course.shape = Some(shape);
            save(&run.rounds_folder, &round)?;
            Taken::Round(round)
        }
        Outcome::Failed(failed) => Taken::Failed(format!("{}: {}", failed.side, failed.reason)),
        Outcome::OtherInputs(reason) => Taken::OtherInputs(reason),
        Outcome::Unavailable(reason) => Taken::Unavailable(reason),
    })
}

fn problem(course: &Course, reason: &str) -> Problem {
    Problem {
        id: course.id.clone(),
        reason: reason.to_owned(),
    }
}

/// Writes a round as `<subsystem>/<operation>/<variant>/<purpose>-<number>.json`, whole or not at all.
fn save(folder: &Path, round: &Round) -> anyhow::Result<()> {
    let [subsystem, operation, variant] = round.operation.parts();
    let name = format!("{}-{:03}.json", round.purpose.as_str(), round.number);
    let path = folder.join(subsystem).join(operation).join(variant).join(name);
    let text = serde_json::to_string(round)?;
    write_file(&path, text.as_bytes()).with_context(|| format!("cannot keep a round of {}", round.operation))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(id: &str, is_long: bool, place: usize) -> (Purpose, Course) {
        let course = Course::new(id.parse().expect("valid"), 0.0, is_long);
        (Purpose::Judge, Course { place, ..course })
    }

    fn ids(admitted: &BTreeSet<(OperationId, Purpose)>) -> Vec<&str> {
        admitted.iter().map(|(id, _)| id.as_str()).collect()
    }

    #[test]
    fn short_operations_are_decided_before_long_ones_begin() {
        let open = [
            course("a/long/1", true, 0),
            course("a/short/1", false, 1),
            course("a/short/2", false, 2),
        ];
        assert_eq!(ids(&admitted(&open, &BTreeMap::new(), 9)), ["a/short/1", "a/short/2"]);
    }

    #[test]
    fn of_more_short_ones_than_there_is_time_for_the_first_go_on_before_others_begin() {
        let mut open: Vec<_> = (1..=4)
            .map(|number| course(&format!("a/short/{number}"), false, 4 - number))
            .collect();
        open.push((Purpose::Placebo, open[0].1.clone()));
        let begun = BTreeMap::from([((open[1].1.id.clone(), Purpose::Judge), 1)]);
        let admitted = admitted(&open, &begun, 2);
        assert_eq!(
            ids(&admitted),
            ["a/short/1", "a/short/2", "a/short/4"],
            "the placebo, the begun, the first"
        );
        assert_eq!(short_at_once(Duration::from_secs(90)), 22);
        assert_eq!(short_at_once(Duration::from_secs(5)), LEAST_AT_ONCE);
    }

    #[test]
    fn few_long_ones_go_on_to_their_first_look_before_others_begin() {
        let open: Vec<_> = (1..=6)
            .map(|number| course(&format!("a/long/{number}"), true, number))
            .collect();
        let of = |number: usize| (open[number].1.id.clone(), Purpose::Judge);
        let counts = BTreeMap::from([(of(5), 3), (of(4), 1), (of(0), decide::LEAST_ROUNDS)]);
        let first = admitted(&open, &counts, 9);
        assert_eq!(ids(&first), ["a/long/2", "a/long/3", "a/long/5", "a/long/6"]);
        let seen = (0..6).map(|number| (of(number), decide::LEAST_ROUNDS)).collect();
        assert_eq!(
            admitted(&open, &seen, 9).len(),
            6,
            "all go on when each had its first look"
        );
    }
}
