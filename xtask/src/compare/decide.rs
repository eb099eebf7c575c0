//! From rounds to verdicts on times: pure, so that the same code decides a run, its replay, and ten thousand resampled
//! suites.
//!
//! The unit of evidence is the log-ratio of one round. Across rounds: trimmed mean with Yuen's standard error, variance
//! moderated over the suite, Student t against "slower by at most the tolerance", looked at after a fixed schedule of
//! rounds that shares the family-wise error out. A suspicion is confirmed by rounds of its own before it is a
//! regression. `METHODOLOGY.md` explains it to users.

use std::collections::BTreeMap;

use voiceflow_record::paired::Round;
use voiceflow_record::{Clock, OperationId};

use crate::stats::location::paired_log_ratio;
use crate::stats::moderated::{Moderated, Prior};
use crate::stats::multiplicity::{benjamini_hochberg, holm};
use crate::stats::sequential::Looks;
use crate::stats::trimmed::Trimmed;

/// What is to be shown, and how surely. Changes are ratios minus one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Policy {
    /// `ok` excludes a slowdown of this much.
    pub(crate) margin: f64,
    /// A slowdown up to this is nobody's business: `regressed` excludes it.
    pub(crate) tolerance: f64,
    /// Chance of one false suspicion over all rows and looks.
    pub(crate) family_alpha: f64,
    /// Chance that rounds without a slowdown confirm one, a row.
    pub(crate) confirm_alpha: f64,
    /// Rounds after which suspicions may arise.
    pub(crate) looks: Vec<u32>,
    /// Rounds after which a suspicion may be confirmed.
    pub(crate) confirm_looks: Vec<u32>,
    /// Whether a row that was shown to be ok is measured on to the last look.
    pub(crate) to_the_end: bool,
}

/// What one sixth of the way to the last look costs more in width is little; a confirmation needs few.
pub(crate) const CONFIRM_LOOKS: [u32; 4] = [6, 8, 12, 16];

/// The chance with which `ok` may be wrong about one row, over all looks: of a slowdown as large as the margin.
const OK_ALPHA: f64 = 0.005;

/// The probability with which a change of the smallest detectable size is flagged.
const POWER: f64 = 0.95;

/// The expected share of wrong ones among the improvements that are listed.
const FALSE_DISCOVERY_RATE: f64 = 0.05;

/// The evidence on one operation so far.
#[derive(Clone, Debug)]
struct Series {
    clock: Clock,
    judge: Vec<f64>,
    confirm: Vec<f64>,
    standing: Standing,
    /// Nothing more will come: out of time, or failed.
    closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Open,
    WithinMargin,
    Suspect,
    Confirmed,
    NotConfirmed,
}

/// The operations of one run, on their way to verdicts.
#[derive(Clone, Debug)]
pub(crate) struct Suite {
    policy: Policy,
    looks: Looks,
    ok_looks: Looks,
    confirm_looks: Looks,
    series: BTreeMap<OperationId, Series>,
    /// Fixed at the first look, so that a verdict does not hang on when others were decided.
    priors: BTreeMap<ClockKey, Prior>,
}

/// Processor time and wall time have noise of their own.
type ClockKey = bool;

fn key(clock: Clock) -> ClockKey {
    clock == Clock::Wall
}

/// What is said of one operation's time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) id: OperationId,
    pub(crate) clock: Clock,
    pub(crate) verdict: TimeVerdict,
    pub(crate) estimate: Estimate,
    pub(crate) rounds: u32,
    pub(crate) confirmation: Option<Confirmed>,
    /// Against "slower by at most the tolerance", adjusted by Holm over the suite.
    pub(crate) p_adjusted: f64,
    pub(crate) smallest_detectable: f64,
}

/// The verdicts that times alone can give; [`super::rules`] combines them with counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeVerdict {
    Regressed,
    /// Suspected, and not confirmed under other layouts, where it is clearly smaller.
    GoneWhenShuffled,
    /// Neither slower nor within the margin could be shown.
    NotResolved,
    Improved,
    Ok,
}

/// A change with its 95 % interval, as ratios minus one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) change: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// What the confirming rounds found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Confirmed {
    pub(crate) agrees: bool,
    pub(crate) rounds: u32,
    pub(crate) estimate: Estimate,
}

/// The log-ratio of a round by one clock; `None` where a batch took no time at all.
pub(crate) fn log_ratio(round: &Round, clock: Clock) -> Option<f64> {
    paired_log_ratio(
        round.baseline.of(clock),
        round.candidate.of(clock),
        &round.baseline_first,
    )
}

impl Suite {
    /// A suite of so many rows; the family-wise error is shared out over them from the start.
    pub(crate) fn new(policy: Policy, rows: usize) -> Self {
        Self {
            looks: Looks::new(&policy.looks, policy.family_alpha, rows.max(1)),
            ok_looks: Looks::new(&policy.looks, OK_ALPHA, 1),
            confirm_looks: Looks::new(&policy.confirm_looks, policy.confirm_alpha, 1),
            policy,
            series: BTreeMap::new(),
            priors: BTreeMap::new(),
        }
    }

    /// Adds a round's log-ratio.
    pub(crate) fn judge(&mut self, id: &OperationId, clock: Clock, log_ratio: f64) {
        self.series_of(id, clock).judge.push(log_ratio);
    }

    /// Adds a confirming round's log-ratio.
    pub(crate) fn confirm(&mut self, id: &OperationId, clock: Clock, log_ratio: f64) {
        self.series_of(id, clock).confirm.push(log_ratio);
    }

    fn series_of(&mut self, id: &OperationId, clock: Clock) -> &mut Series {
        self.series.entry(id.clone()).or_insert_with(|| Series {
            clock,
            judge: Vec::new(),
            confirm: Vec::new(),
            standing: Standing::Open,
            closed: false,
        })
    }

    /// No more rounds will come for this operation.
    pub(crate) fn close(&mut self, id: &OperationId) {
        if let Some(series) = self.series.get_mut(id) {
            series.closed = true;
        }
    }

    /// Forgets an operation that turned out not to be comparable.
    pub(crate) fn remove(&mut self, id: &OperationId) {
        self.series.remove(id);
    }

    /// Whether another judging round is wanted.
    pub(crate) fn wants_judging(&self, id: &OperationId) -> bool {
        let last = self.policy.looks.last().copied().unwrap_or(0) as usize;
        self.series.get(id).is_none_or(|series| {
            let undecided = series.standing == Standing::Open
                || (self.policy.to_the_end && series.standing == Standing::WithinMargin);
            !series.closed && undecided && series.judge.len() < last
        })
    }

    /// Whether it is suspected and wants a confirming round.
    pub(crate) fn wants_confirming(&self, id: &OperationId) -> bool {
        let last = self.policy.confirm_looks.last().copied().unwrap_or(0) as usize;
        self.series
            .get(id)
            .is_some_and(|series| series.standing == Standing::Suspect && series.confirm.len() < last)
    }

    /// Looks at whatever has reached a look. Call it after every pass over the open operations.
    pub(crate) fn look(&mut self) {
        self.fit_priors();
        for series in self.series.values_mut() {
            let prior = self.priors.get(&key(series.clock)).copied().unwrap_or(Prior::none());
            match series.standing {
                Standing::Open | Standing::WithinMargin => {
                    look_at(series, &self.policy, &self.looks, &self.ok_looks, &prior)
                }
                Standing::Suspect => look_at_confirmation(series, &self.policy, &self.confirm_looks),
                Standing::Confirmed | Standing::NotConfirmed => {}
            }
        }
    }

    /// From the rounds up to the first look, once all that are still measured have taken them.
    fn fit_priors(&mut self) {
        let first = self.policy.looks.first().copied().unwrap_or(1) as usize;
        for wall in [false, true] {
            if self.priors.contains_key(&wall) {
                continue;
            }
            let of_clock = || self.series.values().filter(|series| key(series.clock) == wall);
            if of_clock().any(|series| !series.closed && series.judge.len() < first) {
                continue;
            }
            let variances: Vec<(f64, f64)> = of_clock()
                .filter_map(|series| Trimmed::of(series.judge.get(..first)?))
                .map(|trimmed| (trimmed.variance, trimmed.df))
                .collect();
            if !variances.is_empty() {
                self.priors
                    .insert(wall, Prior::fit(&variances).unwrap_or(Prior::none()));
            }
        }
    }

    /// Whether equal code looks different, in either direction: what a placebo must not do. The error of this look is
    /// the family's, shared over the rows.
    pub(crate) fn alarms(&self, id: &OperationId) -> bool {
        let Some(series) = self.series.get(id) else {
            return false;
        };
        let Some(found) = self.estimate(series) else {
            return false;
        };
        let alpha = self.looks.alpha_in_all();
        let tolerance = self.policy.tolerance.ln_1p();
        found.p_above(tolerance) < alpha || found.p_below(-tolerance) < alpha
    }

    /// The verdicts, by operation. What has too few rounds for an estimate is left out.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let rows: Vec<(&OperationId, &Series, Moderated)> = self
            .series
            .iter()
            .filter_map(|(id, series)| Some((id, series, self.estimate(series)?)))
            .collect();
        let tolerance = self.policy.tolerance.ln_1p();
        let slower: Vec<f64> = rows.iter().map(|(_, _, found)| found.p_above(tolerance)).collect();
        let faster: Vec<f64> = rows.iter().map(|(_, _, found)| found.p_below(-tolerance)).collect();
        let (slower, faster) = (holm(&slower), benjamini_hochberg(&faster));
        rows.iter()
            .zip(slower.iter().zip(&faster))
            .map(|((id, series, found), (&p_adjusted, &p_faster))| {
                self.finding(id, series, found, p_adjusted, p_faster)
            })
            .collect()
    }

    fn finding(&self, id: &OperationId, series: &Series, found: &Moderated, p_adjusted: f64, p_faster: f64) -> Finding {
        let confirmation = self.confirmation(series);
        let estimate = Estimate::of(found);
        let is_ok = found.upper(1.0 - self.ok_looks.alpha_at(self.last_look(series))) < self.policy.margin.ln_1p();
        let gone = confirmation.is_some_and(|confirmed| confirmed.estimate.high < estimate.low);
        let verdict = match series.standing {
            Standing::Confirmed => TimeVerdict::Regressed,
            Standing::NotConfirmed | Standing::Suspect if gone => TimeVerdict::GoneWhenShuffled,
            Standing::NotConfirmed | Standing::Suspect => TimeVerdict::NotResolved,
            Standing::Open | Standing::WithinMargin if p_faster < FALSE_DISCOVERY_RATE => TimeVerdict::Improved,
            Standing::Open | Standing::WithinMargin if is_ok => TimeVerdict::Ok,
            Standing::Open | Standing::WithinMargin => TimeVerdict::NotResolved,
        };
        Finding {
            id: id.clone(),
            clock: series.clock,
            verdict,
            estimate,
            rounds: u32::try_from(series.judge.len()).unwrap_or(u32::MAX),
            confirmation,
            p_adjusted,
            smallest_detectable: self.smallest_detectable(series, found),
        }
    }

    /// The look that was reached, or the first where none was.
    fn last_look(&self, series: &Series) -> usize {
        let is_reached = |&look: &u32| look as usize <= series.judge.len();
        self.policy.looks.iter().rposition(is_reached).unwrap_or(0)
    }

    fn estimate(&self, series: &Series) -> Option<Moderated> {
        let prior = self.priors.get(&key(series.clock)).copied().unwrap_or(Prior::none());
        Some(prior.moderate(&Trimmed::of(&series.judge)?))
    }

    fn confirmation(&self, series: &Series) -> Option<Confirmed> {
        let found = Prior::none().moderate(&Trimmed::of(&series.confirm)?);
        Some(Confirmed {
            agrees: series.standing == Standing::Confirmed,
            rounds: u32::try_from(series.confirm.len()).unwrap_or(u32::MAX),
            estimate: Estimate::of(&found),
        })
    }

    /// At the level of the last look that was reached: what this run, as long as it was, would have suspected.
    fn smallest_detectable(&self, series: &Series, found: &Moderated) -> f64 {
        let reached = self
            .policy
            .looks
            .iter()
            .rposition(|&look| look as usize <= series.judge.len());
        let Some(reached) = reached else { return f64::INFINITY };
        found
            .smallest_detectable(self.looks.alpha_at(reached), POWER, self.policy.tolerance.ln_1p())
            .exp_m1()
    }
}

impl Estimate {
    fn of(found: &Moderated) -> Self {
        let (low, high) = found.interval(0.95);
        Self {
            change: found.mean.exp_m1(),
            low: low.exp_m1(),
            high: high.exp_m1(),
        }
    }
}

fn look_at(series: &mut Series, policy: &Policy, looks: &Looks, ok_looks: &Looks, prior: &Prior) {
    let rounds = u32::try_from(series.judge.len()).unwrap_or(u32::MAX);
    let (Some(look), Some(trimmed)) = (looks.look_after(rounds), Trimmed::of(&series.judge)) else {
        return;
    };
    let found = prior.moderate(&trimmed);
    if found.p_above(policy.tolerance.ln_1p()) < looks.alpha_at(look) {
        series.standing = Standing::Suspect;
    } else if found.upper(1.0 - ok_looks.alpha_at(look)) < policy.margin.ln_1p() {
        series.standing = Standing::WithinMargin;
    } else {
        series.standing = Standing::Open;
    }
}

/// Layouts differ from round to round, so the spread of these rounds holds what layout does; the suite's usual spread
/// does not, and is not leant on.
fn look_at_confirmation(series: &mut Series, policy: &Policy, looks: &Looks) {
    let rounds = u32::try_from(series.confirm.len()).unwrap_or(u32::MAX);
    let (Some(look), Some(trimmed)) = (looks.look_after(rounds), Trimmed::of(&series.confirm)) else {
        return;
    };
    let found = Prior::none().moderate(&trimmed);
    let tolerance = policy.tolerance.ln_1p();
    let is_last = look + 1 == looks.rounds().len();
    if found.p_above(tolerance) < looks.alpha_at(look) {
        series.standing = Standing::Confirmed;
    } else if is_last || found.upper(1.0 - OK_ALPHA) < tolerance {
        series.standing = Standing::NotConfirmed;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;
    use crate::stats::sequential::STANDARD_LOOKS;

    pub(crate) fn policy() -> Policy {
        Policy {
            margin: 0.02,
            tolerance: 0.005,
            family_alpha: 0.01,
            confirm_alpha: 0.001,
            looks: STANDARD_LOOKS.to_vec(),
            confirm_looks: CONFIRM_LOOKS.to_vec(),
            to_the_end: false,
        }
    }

    fn id(number: usize) -> OperationId {
        format!("a/b/{number}").parse().expect("valid")
    }

    /// The sum of twelve uniform draws is near enough to a normal one.
    fn normal(random: &mut StdRng) -> f64 {
        (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
    }

    /// Runs a suite to its end on made-up rounds: operation `i` is slower by `changes[i]`.
    fn run(changes: &[f64], spread: f64, shuffled_changes: &[f64], seed: u64) -> Vec<Finding> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut suite = Suite::new(policy(), changes.len());
        loop {
            let mut went_on = false;
            for index in 0..changes.len() {
                let id = id(index);
                if suite.wants_judging(&id) {
                    suite.judge(&id, Clock::Cpu, changes[index].ln_1p() + spread * normal(&mut random));
                    went_on = true;
                } else if suite.wants_confirming(&id) {
                    suite.confirm(
                        &id,
                        Clock::Cpu,
                        shuffled_changes[index].ln_1p() + spread * normal(&mut random),
                    );
                    went_on = true;
                }
            }
            suite.look();
            if !went_on {
                return suite.findings();
            }
        }
    }

    #[test]
    fn equal_code_is_ok_and_a_slowdown_is_confirmed() {
        let mut changes = vec![0.0; 20];
        changes[3] = 0.03;
        for seed in 0..20 {
            let findings = run(&changes, 0.004, &changes, seed);
            for (index, finding) in findings.iter().enumerate() {
                let expected = if finding.id == id(3) {
                    TimeVerdict::Regressed
                } else {
                    TimeVerdict::Ok
                };
                assert_eq!(finding.verdict, expected, "seed {seed}, row {index}: {finding:?}");
            }
        }
    }

    #[test]
    fn a_slowdown_that_shuffled_layouts_do_not_show_is_no_regression() {
        let changes = [0.05, 0.0, 0.0, 0.0, 0.0];
        let findings = run(&changes, 0.003, &[0.0; 5], 1);
        assert_eq!(findings[0].verdict, TimeVerdict::GoneWhenShuffled);
        assert!(findings[0].confirmation.is_some_and(|confirmed| !confirmed.agrees));
    }

    #[test]
    fn noise_beyond_the_margin_is_not_resolved_and_says_what_could_have_been_seen() {
        let findings = run(&[0.0; 5], 0.2, &[0.0; 5], 2);
        for finding in findings {
            assert_eq!(finding.verdict, TimeVerdict::NotResolved);
            assert_eq!(finding.rounds, 32);
            assert!(finding.smallest_detectable > 0.02, "{finding:?}");
        }
    }

    #[test]
    fn swapping_the_sides_turns_a_regression_into_an_improvement() {
        let slower = run(&[0.05, 0.0, 0.0, 0.0], 0.003, &[0.05, 0.0, 0.0, 0.0], 3);
        let faster = run(&[-0.05, 0.0, 0.0, 0.0], 0.003, &[0.0; 4], 3);
        assert_eq!(slower[0].verdict, TimeVerdict::Regressed);
        assert_eq!(faster[0].verdict, TimeVerdict::Improved);
    }

    #[test]
    fn family_wise_false_suspicions_stay_below_one_in_a_hundred() {
        // Heavy-tailed rounds: one in twenty is five times as wide.
        let mut random = StdRng::seed_from_u64(4);
        let suites = 2000;
        let alarms = (0..suites)
            .filter(|_| {
                let mut suite = Suite::new(policy(), 20);
                for _ in 0..32 {
                    for index in 0..20 {
                        let wide = if random.random::<f64>() < 0.05 { 5.0 } else { 1.0 };
                        suite.judge(
                            &id(index),
                            Clock::Cpu,
                            0.005_f64.ln_1p() + 0.005 * wide * normal(&mut random),
                        );
                    }
                    suite.look();
                }
                (0..20).any(|index| suite.wants_confirming(&id(index)))
            })
            .count();
        // At the boundary itself, where most can go wrong: at most 1 % of 2000, and three standard deviations.
        assert!(alarms <= 34, "{alarms} of {suites} suites");
    }
}
