//! From rounds to verdicts on times: pure, so that the same code decides a run, its replay, and ten thousand resampled
//! suites.
//!
//! The unit of evidence is the log-ratio of one round. Across rounds: trimmed mean with Yuen's standard error, variance
//! moderated over the suite, Student t against "not slower at all" (against "slower by at most the tolerance" where the
//! row is within the margin), looked at after a fixed schedule of rounds that shares the family-wise error out. A
//! suspicion is confirmed by rounds of its own to exceed the tolerance before it is a regression. `METHODOLOGY.md`
//! explains it to users.

use std::collections::BTreeMap;
use std::time::Duration;

use voiceflow_record::paired::Round;
use voiceflow_record::{Clock, OperationId};

use super::linked::TOLERANCE_UNMATCHED;
use crate::stats::location::paired_log_ratio;
use crate::stats::moderated::{Moderated, Prior};
use crate::stats::multiplicity::{benjamini_hochberg, holm};
use crate::stats::sequential::Looks;
use crate::stats::trimmed::{self, Trimmed};

/// What is to be shown, and how surely. Changes are ratios minus one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Policy {
    /// `ok` excludes a slowdown of this much.
    pub(crate) margin: f64,
    /// A slowdown up to this is nobody's business: `regressed` excludes it.
    pub(crate) tolerance: f64,
    /// A suspicion excludes a slowdown up to this. It may be less than the tolerance, which the confirmation excludes:
    /// to suspect costs a few rounds, and to demand the tolerance twice costs what could be detected. A row that is
    /// within the margin is suspected of exceeding the tolerance only: many a harmless change is slower by a trifle.
    pub(crate) suspect_above: f64,
    /// Chance of one false suspicion over all rows and looks. A regression needs a confirmation as well: the chance of a
    /// false one is at most this times `confirm_alpha`.
    pub(crate) family_alpha: f64,
    /// Chance that rounds without a slowdown confirm one, a row.
    pub(crate) confirm_alpha: f64,
    /// Rounds after which suspicions may arise.
    pub(crate) looks: Vec<u32>,
    /// Rounds after which a suspicion may be confirmed.
    pub(crate) confirm_looks: Vec<u32>,
    /// Whether a row that was shown to be ok is measured on to the last look.
    pub(crate) to_the_end: bool,
    pub(crate) limits: TimeLimits,
}

/// The chance that one of a run's placebos alarms of nothing, over all of them and both directions. Nothing confirms it.
const PLACEBO_ALPHA: f64 = 0.01;

impl Policy {
    /// How placebos are decided, beside what this decides.
    pub(crate) fn of_placebos(&self) -> Self {
        Self {
            to_the_end: true,
            family_alpha: PLACEBO_ALPHA,
            ..self.clone()
        }
    }

    /// What is left of it where functions could not be put in matching places, or layouts not be shuffled.
    pub(crate) fn for_unmatched_layouts(self) -> Self {
        Self {
            tolerance: self.tolerance.max(TOLERANCE_UNMATCHED),
            suspect_above: self.suspect_above.max(TOLERANCE_UNMATCHED),
            margin: self.margin.max(2.0 * TOLERANCE_UNMATCHED),
            ..self
        }
    }
}

/// How long the judging rounds of one operation may take; `None` where only the looks end them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeLimits {
    /// For operations whose call takes under ten milliseconds.
    pub(crate) short: Option<Duration>,
    /// For the others.
    pub(crate) long: Option<Duration>,
}

impl TimeLimits {
    /// No limits.
    pub(crate) const NONE: Self = Self {
        short: None,
        long: None,
    };

    /// How many rounds of an operation fit when each takes as long as `round`; at least one, at most `most`.
    pub(crate) fn rounds(self, call_ns: f64, round: Duration, most: u32) -> u32 {
        let is_long = call_ns >= LONG_NS || round >= LONG_ROUND;
        let Some(limit) = (if is_long { self.long } else { self.short }) else {
            return most;
        };
        let fit = |limit: Duration| (limit.as_secs_f64() / round.as_secs_f64().max(1e-9)) as u32;
        let stretched = if is_long {
            fit(limit.mul_f64(STRETCH)).min(LEAST_ROUNDS)
        } else {
            0
        };
        fit(limit).max(stretched).clamp(1, most.max(1))
    }
}

/// From here on a call is long: fewer pairs fit a round, and the resolution that was reached is what there is.
const LONG_NS: f64 = 10e6;

/// And so is an operation whose round takes this long: preparing it, for both sides, is most of that.
const LONG_ROUND: Duration = Duration::from_millis(1250);

/// Without this many rounds there is no first look. A long operation gets them even where its time is up, within
/// [`STRETCH`].
pub(crate) const LEAST_ROUNDS: u32 = 4;
const STRETCH: f64 = 1.7;

/// Looks at a confirmation. Layouts differ from round to round and spread it wider than judging, so it may need as many
/// rounds; with fewer than six, the quantile at the share of a look is too far out to be worth one.
pub(crate) const CONFIRM_LOOKS: [u32; 6] = [6, 8, 12, 16, 24, 32];

/// The chance with which `ok` may be wrong about one row, over all looks: of a slowdown as large as the margin.
const OK_ALPHA: f64 = 0.005;

/// The probability with which a change of the smallest detectable size is suspected. The rest up to 95 % is left to the
/// confirmation, which finds a change of that size about as surely where layouts spread no wider than rounds do.
const POWER: f64 = 0.985;

/// The expected share of wrong ones among the improvements that are listed.
const FALSE_DISCOVERY_RATE: f64 = 0.05;

/// The evidence on one operation so far.
#[derive(Clone, Debug)]
struct Series {
    clock: Clock,
    judge: Vec<f64>,
    confirm: Vec<f64>,
    standing: Standing,
    /// What a call took in the first round.
    call_ns: f64,
    /// By all judging rounds.
    spent: Duration,
    /// Nothing more will come, whatever time is left.
    closed: bool,
}

impl Series {
    fn rounds(&self) -> u32 {
        u32::try_from(self.judge.len()).unwrap_or(u32::MAX)
    }

    /// How many judging rounds there is time for, when they go on as they did.
    fn rounds_in_time(&self, policy: &Policy) -> u32 {
        let most = policy.looks.last().copied().unwrap_or(0);
        let taken = self.rounds();
        if taken == 0 || self.spent.is_zero() {
            return most;
        }
        policy.limits.rounds(self.call_ns, self.spent / taken, most)
    }

    /// Whether no judging round will come any more.
    fn is_at_its_end(&self, policy: &Policy) -> bool {
        self.closed || self.rounds() >= self.rounds_in_time(policy)
    }
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
    /// Processor time and wall time have noise of their own. Fixed at the first look, so that a verdict does not hang on
    /// when others were decided.
    prior_cpu: Option<Prior>,
    prior_wall: Option<Prior>,
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
    /// Whether there were enough rounds for a first look; without, nothing can be said.
    pub(crate) was_looked_at: bool,
}

/// The verdicts that times alone can give; [`super::rules`] combines them with counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeVerdict {
    Regressed,
    /// Suspected, and under other layouts shown to be within the margin.
    GoneWhenShuffled,
    /// Suspected, and neither confirmed nor shown to be gone.
    Suspected,
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

/// What a round took, starting its processes included.
pub(crate) fn duration(round: &Round) -> Duration {
    Duration::from_millis(round.conditions.took_ms)
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
            prior_cpu: None,
            prior_wall: None,
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
            call_ns: 0.0,
            spent: Duration::ZERO,
            closed: false,
        })
    }

    /// Says what the last judging round took, and a call in it. Untold rounds take no time.
    pub(crate) fn took(&mut self, id: &OperationId, call_ns: f64, round: Duration) {
        if let Some(series) = self.series.get_mut(id) {
            // Of the first: whether an operation is a long one must not change on the way.
            if series.spent.is_zero() {
                series.call_ns = call_ns;
            }
            series.spent += round;
        }
    }

    /// No more judging rounds will come for this operation.
    pub(crate) fn close(&mut self, id: &OperationId) {
        if let Some(series) = self.series.get_mut(id) {
            series.closed = true;
        }
    }

    /// Confirming rounds cannot be taken: the suspicion stays what it is.
    pub(crate) fn give_up_confirming(&mut self, id: &OperationId) {
        if let Some(series) = self.series.get_mut(id) {
            series.standing = Standing::NotConfirmed;
        }
    }

    /// Forgets an operation that turned out not to be comparable.
    pub(crate) fn remove(&mut self, id: &OperationId) {
        self.series.remove(id);
    }

    /// Whether another judging round is wanted.
    pub(crate) fn wants_judging(&self, id: &OperationId) -> bool {
        self.series.get(id).is_none_or(|series| {
            let undecided = series.standing == Standing::Open
                || (self.policy.to_the_end && series.standing == Standing::WithinMargin);
            undecided && !series.is_at_its_end(&self.policy)
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
        let (cpu, wall) = (self.prior_of(Clock::Cpu), self.prior_of(Clock::Wall));
        for series in self.series.values_mut() {
            let prior = match series.clock {
                Clock::Cpu => cpu,
                Clock::Wall => wall,
            };
            match series.standing {
                // It was shown; a look at the same rounds by another level would not be the plan.
                Standing::WithinMargin if !self.policy.to_the_end => {}
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
        if self.prior_cpu.is_none() {
            self.prior_cpu = self.fit_prior(Clock::Cpu);
        }
        if self.prior_wall.is_none() {
            self.prior_wall = self.fit_prior(Clock::Wall);
        }
    }

    fn fit_prior(&self, clock: Clock) -> Option<Prior> {
        let first = self.first_look();
        let of_clock = || self.series.values().filter(|series| series.clock == clock);
        if of_clock().any(|series| !series.is_at_its_end(&self.policy) && series.rounds() < first) {
            return None;
        }
        let variances: Vec<(f64, f64)> = of_clock()
            .filter_map(|series| Trimmed::of(series.judge.get(..first as usize)?))
            .map(|trimmed| (trimmed.variance, trimmed.df))
            .collect();
        (!variances.is_empty()).then(|| Prior::fit(&variances).unwrap_or(Prior::none()))
    }

    fn prior_of(&self, clock: Clock) -> Prior {
        let prior = match clock {
            Clock::Cpu => self.prior_cpu,
            Clock::Wall => self.prior_wall,
        };
        prior.unwrap_or(Prior::none())
    }

    fn first_look(&self) -> u32 {
        self.policy.looks.first().copied().unwrap_or(1)
    }

    /// Takes over what another suite has learnt about the noise of this machine.
    pub(crate) fn lean_on(&mut self, other: &Self) {
        self.prior_cpu = other.prior_cpu;
        self.prior_wall = other.prior_wall;
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

    /// The smallest slowdown of equal code at which [`Suite::alarms`] would have, with the usual power.
    pub(crate) fn smallest_alarm(&self, id: &OperationId) -> Option<f64> {
        let found = self.estimate(self.series.get(id)?)?;
        let level = self.looks.alpha_in_all();
        let smallest = found.smallest_detectable(level, POWER, self.policy.tolerance.ln_1p());
        Some(smallest.exp_m1())
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
        let was_looked_at = series.rounds() >= self.first_look();
        let is_within_margin = was_looked_at
            && (series.standing == Standing::WithinMargin
                || found.upper(1.0 - self.ok_looks.alpha_at_end(series.rounds())) < self.policy.margin.ln_1p());
        let gone = confirmation.is_some_and(|confirmed| confirmed.estimate.high < self.policy.margin);
        let verdict = match series.standing {
            Standing::Confirmed => TimeVerdict::Regressed,
            // Within the margin as linked and in other layouts too.
            Standing::NotConfirmed if gone && is_within_margin => TimeVerdict::Ok,
            Standing::NotConfirmed | Standing::Suspect if gone => TimeVerdict::GoneWhenShuffled,
            Standing::NotConfirmed | Standing::Suspect => TimeVerdict::Suspected,
            Standing::Open | Standing::WithinMargin if !is_within_margin => TimeVerdict::NotResolved,
            Standing::Open | Standing::WithinMargin if p_faster < FALSE_DISCOVERY_RATE => TimeVerdict::Improved,
            Standing::Open | Standing::WithinMargin => TimeVerdict::Ok,
        };
        Finding {
            id: id.clone(),
            clock: series.clock,
            verdict,
            estimate,
            rounds: series.rounds(),
            confirmation,
            p_adjusted,
            smallest_detectable: self.smallest_detectable(series, found),
            was_looked_at,
        }
    }

    fn estimate(&self, series: &Series) -> Option<Moderated> {
        Some(self.prior_of(series.clock).moderate(&Trimmed::of(&series.judge)?))
    }

    fn confirmation(&self, series: &Series) -> Option<Confirmed> {
        let found = Prior::none().moderate(&Trimmed::of(&series.confirm)?);
        Some(Confirmed {
            agrees: series.standing == Standing::Confirmed,
            rounds: u32::try_from(series.confirm.len()).unwrap_or(u32::MAX),
            estimate: Estimate::of(&found),
        })
    }

    /// What this run would have found had it been there: suspected at the end of the time this row has, and confirmed by
    /// the most rounds that a confirmation takes, all with the spread it has shown. A slowdown below the margin might have
    /// been found ok before that.
    fn smallest_detectable(&self, series: &Series, found: &Moderated) -> f64 {
        let taken = series.rounds();
        let rounds = if series.is_at_its_end(&self.policy) {
            taken
        } else {
            series.rounds_in_time(&self.policy).max(taken)
        };
        if rounds < self.first_look() {
            return f64::INFINITY;
        }
        let beyond = |excluded: f64| {
            let level = self.looks.alpha_at_end(rounds);
            found
                .after(taken, rounds)
                .smallest_detectable(level, POWER, excluded.ln_1p())
        };
        let margin = self.policy.margin.ln_1p();
        let mut suspected = beyond(self.policy.suspect_above);
        if suspected < margin {
            // Within the margin a suspicion has to exceed the tolerance.
            suspected = beyond(self.policy.tolerance.max(self.policy.suspect_above)).min(margin);
        }
        let confirming = self.confirm_looks.rounds().last().copied().unwrap_or(rounds);
        let later = found.after(taken, confirming);
        let later = Moderated {
            // A confirmation does not lean on the suite's spread.
            df: later.df.min(trimmed::degrees_of_freedom(confirming as usize)),
            ..later
        };
        let confirmed = later.smallest_detectable(
            self.confirm_looks.alpha_at_end(confirming),
            POWER,
            self.policy.tolerance.ln_1p(),
        );
        let detectable = suspected.max(confirmed).exp_m1();
        if self.policy.to_the_end {
            detectable
        } else {
            detectable.max(self.policy.margin)
        }
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
    let rounds = series.rounds();
    let Some(trimmed) = Trimmed::of(&series.judge) else {
        return;
    };
    let first = looks.rounds().first().copied().unwrap_or(1);
    let (alpha, ok_alpha) = if series.is_at_its_end(policy) && rounds >= first {
        (looks.alpha_at_end(rounds), ok_looks.alpha_at_end(rounds))
    } else if let Some(look) = looks.look_after(rounds) {
        (looks.alpha_at(look), ok_looks.alpha_at(look))
    } else {
        return;
    };
    let found = prior.moderate(&trimmed);
    let is_ok = found.upper(1.0 - ok_alpha) < policy.margin.ln_1p();
    let excluded = if is_ok {
        policy.tolerance.max(policy.suspect_above)
    } else {
        policy.suspect_above
    };
    if found.p_above(excluded.ln_1p()) < alpha {
        series.standing = Standing::Suspect;
    } else if is_ok {
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
            suspect_above: 0.005,
            family_alpha: 0.01,
            confirm_alpha: 0.001,
            looks: STANDARD_LOOKS.to_vec(),
            confirm_looks: CONFIRM_LOOKS.to_vec(),
            to_the_end: false,
            limits: TimeLimits::NONE,
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
    fn a_trifle_within_the_margin_is_ok_and_one_beyond_the_tolerance_is_suspected_there_too() {
        let policy = Policy {
            suspect_above: 0.0,
            ..policy()
        };
        let end = |change: f64, when_shuffled: f64| {
            let mut random = StdRng::seed_from_u64(6);
            let mut suite = Suite::new(policy.clone(), 1);
            let id = id(0);
            let mut was_suspected = false;
            while suite.wants_judging(&id) || suite.wants_confirming(&id) {
                let noise = 0.0005 * normal(&mut random);
                if suite.wants_confirming(&id) {
                    was_suspected = true;
                    suite.confirm(&id, Clock::Cpu, when_shuffled.ln_1p() + noise);
                } else {
                    suite.judge(&id, Clock::Cpu, change.ln_1p() + noise);
                }
                suite.look();
            }
            (was_suspected, suite.findings()[0].verdict)
        };
        assert_eq!(end(0.003, 0.003), (false, TimeVerdict::Ok));
        assert_eq!(end(0.012, 0.012), (true, TimeVerdict::Regressed));
        assert_eq!(end(0.012, 0.0), (true, TimeVerdict::Ok), "within the margin both times");
        assert_eq!(end(0.03, 0.0), (true, TimeVerdict::GoneWhenShuffled));
    }

    #[test]
    fn what_is_slower_at_all_is_suspected_where_it_may_be_beyond_the_margin() {
        let suspected = |suspect_above: f64, seed: u64| {
            let mut random = StdRng::seed_from_u64(seed);
            let mut suite = Suite::new(
                Policy {
                    suspect_above,
                    ..policy()
                },
                1,
            );
            let id = id(0);
            while suite.wants_judging(&id) {
                suite.judge(&id, Clock::Cpu, 0.02_f64.ln_1p() + 0.03 * normal(&mut random));
                suite.look();
            }
            suite.wants_confirming(&id)
        };
        let of_forty = |suspect_above| (0..40).filter(|&seed| suspected(suspect_above, seed)).count();
        let (above_nothing, above_tolerance) = (of_forty(0.0), of_forty(0.005));
        assert!(
            above_nothing >= above_tolerance + 5,
            "{above_nothing} and {above_tolerance} of forty"
        );
    }

    #[test]
    fn to_suspect_what_is_slower_at_all_detects_less_and_never_less_than_the_confirmation() {
        let detectable = |suspect_above: f64, confirm_alpha: f64| {
            let mut suite = Suite::new(
                Policy {
                    suspect_above,
                    confirm_alpha,
                    to_the_end: true,
                    ..policy()
                },
                1,
            );
            let mut random = StdRng::seed_from_u64(7);
            while suite.wants_judging(&id(0)) {
                suite.judge(&id(0), Clock::Cpu, 0.02 * normal(&mut random));
                suite.look();
            }
            suite.findings()[0].smallest_detectable
        };
        let (at_tolerance, at_zero) = (detectable(0.005, 0.05), detectable(0.0, 0.05));
        assert!(
            (0.003..=0.006).contains(&(at_tolerance - at_zero)),
            "{at_tolerance} {at_zero}"
        );
        // The tolerance and the level of the confirmation are what is left then.
        assert!(detectable(0.0, 1e-6) > at_zero);
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

    /// Ten operations without a slowdown, each round a tenth of a second.
    fn suite_with_time_for_twelve(spread: f64) -> Suite {
        let mut random = StdRng::seed_from_u64(5);
        let limits = TimeLimits {
            short: Some(Duration::from_millis(1250)),
            long: None,
        };
        let mut suite = Suite::new(Policy { limits, ..policy() }, 10);
        while (0..10).any(|index| suite.wants_judging(&id(index))) {
            for id in (0..10).map(id) {
                if suite.wants_judging(&id) {
                    suite.judge(&id, Clock::Cpu, spread * normal(&mut random));
                    suite.took(&id, 1e3, Duration::from_millis(100));
                }
            }
            suite.look();
        }
        suite
    }

    #[test]
    fn a_row_that_ends_early_says_what_its_whole_time_would_have_shown() {
        let early = suite_with_time_for_twelve(0.01).findings();
        let quiet = suite_with_time_for_twelve(0.0001).findings();
        let stopped: Vec<&Finding> = early.iter().filter(|row| row.rounds < 12).collect();
        assert!(stopped.len() >= 3, "{early:?}");
        for row in stopped {
            // By (4.0 + 1.7) standard errors of twelve rounds beyond the tolerance; those of six would be 0.028.
            assert_eq!(row.verdict, TimeVerdict::Ok);
            assert!((0.02..0.026).contains(&row.smallest_detectable), "{row:?}");
        }
        // A slowdown below the margin would be ok, however small the spread.
        assert!(quiet.iter().all(|row| row.smallest_detectable == 0.02));
    }

    #[test]
    fn an_operation_ends_with_the_last_round_that_fits_its_time() {
        let limits = TimeLimits {
            short: Some(Duration::from_secs(5)),
            long: Some(Duration::from_secs(15)),
        };
        let rounds = |call_ns, seconds| limits.rounds(call_ns, Duration::from_secs_f64(seconds), 32);
        assert_eq!((rounds(1e3, 0.5), rounds(1e3, 0.6), rounds(1e3, 0.01)), (10, 8, 32));
        assert_eq!(rounds(1e3, 3.0), 5);
        assert_eq!(rounds(50e6, 0.6), 25);
        // A long one is let reach its first look, unless that takes far longer; a round in any case.
        assert_eq!((rounds(800e6, 6.0), rounds(800e6, 8.0), rounds(800e6, 60.0)), (4, 3, 1));
        assert_eq!(TimeLimits::NONE.rounds(800e6, Duration::from_secs(60), 32), 32);
    }

    #[test]
    fn out_of_time_means_no_more_rounds() {
        let limits = TimeLimits {
            short: Some(Duration::from_secs(1)),
            long: None,
        };
        let mut suite = Suite::new(Policy { limits, ..policy() }, 1);
        for _ in 0..2 {
            assert!(suite.wants_judging(&id(0)));
            suite.judge(&id(0), Clock::Cpu, 0.0);
            suite.took(&id(0), 1e3, Duration::from_millis(450));
        }
        assert!(!suite.wants_judging(&id(0)));
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
