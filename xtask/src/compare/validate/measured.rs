//! What the stored runs themselves said, decided from their rounds by the rules as they are now.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use voiceflow_record::paired::{Purpose, Round};
use voiceflow_record::{Clock, OperationId};

use super::ByClock;
use crate::compare::decide::{self, Finding, Policy, Suite, TimeVerdict};
use crate::compare::model::{Comparison, Verdict};
use crate::compare::{assemble, replay};
use crate::stats::moderated::Prior;
use crate::stats::trimmed::Trimmed;
use crate::stats::{SortedSamples, proportion};

/// Runs of HEAD against itself: every alarm is false.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Measured {
    pub(crate) suites: u64,
    /// With a suspicion, confirmed or not.
    pub(crate) suspected: u64,
    pub(crate) confirmed: u64,
    /// With a placebo that alarmed.
    pub(crate) voided: u64,
    pub(crate) rows: ByClock<Rows>,
    pub(crate) placebo_rows: u64,
    pub(crate) placebo_alarms: u64,
    pub(crate) p_values: Histogram,
}

/// How rows ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Rows {
    pub(crate) all: u64,
    /// Shown to be within the margin, or faster.
    pub(crate) ok: u64,
    pub(crate) not_resolved: u64,
    pub(crate) regressed: u64,
    /// With a printed smallest detectable slowdown of 2 % or less, and of 3 % or less.
    pub(crate) resolving_2_percent: u64,
    pub(crate) resolving_3_percent: u64,
}

/// p-values in tenths. Of equal code they are uniform: as many in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Histogram {
    pub(crate) tenths: [u64; 10],
    /// Of those in the first tenth: alarms come from here.
    pub(crate) below_one_percent: u64,
}

impl Measured {
    /// Adds one run, whose family-wise level was shared out over so many rows.
    pub(crate) fn add(&mut self, policy: &Policy, rows: usize, rounds: &[Round]) {
        let said = Said::of(policy, rows, rounds);
        self.suites += 1;
        self.suspected += u64::from(said.suspected);
        self.confirmed += u64::from(said.confirmed());
        for finding in &said.findings {
            let rows = self.rows.of(finding.clock);
            rows.add(finding.verdict, finding.smallest_detectable);
        }
        let placebos: BTreeSet<&OperationId> = rounds
            .iter()
            .filter(|round| round.purpose == Purpose::Placebo)
            .map(|round| &round.operation)
            .collect();
        // Both directions of a placebo may alarm.
        let (mut placebo, _) = replay::run(&policy.of_placebos(), placebos.len() * 2, rounds, Purpose::Placebo);
        placebo.lean_on(&said.suite);
        let placebo = assemble::placebo(&placebo, 0);
        self.placebo_rows += placebo.operations.len() as u64;
        self.placebo_alarms += u64::from(placebo.alarms);
        self.voided += u64::from(placebo.alarms > 0);
        for p in first_p_values(policy, rounds) {
            self.p_values.add(p);
        }
    }
}

impl Rows {
    /// Adds one row.
    pub(crate) fn add(&mut self, verdict: TimeVerdict, smallest_detectable: f64) {
        self.all += 1;
        match verdict {
            TimeVerdict::Ok | TimeVerdict::Improved => self.ok += 1,
            TimeVerdict::NotResolved | TimeVerdict::Suspected | TimeVerdict::GoneWhenShuffled => self.not_resolved += 1,
            TimeVerdict::Regressed => self.regressed += 1,
        }
        self.resolving_2_percent += u64::from(smallest_detectable <= 0.02);
        self.resolving_3_percent += u64::from(smallest_detectable <= 0.03);
    }
}

impl Histogram {
    /// Adds one p-value.
    pub(crate) fn add(&mut self, p: f64) {
        let tenth = ((p * 10.0) as usize).min(self.tenths.len() - 1);
        self.tenths[tenth] += 1;
        self.below_one_percent += u64::from(p < 0.01);
    }

    /// How many there are.
    pub(crate) fn all(&self) -> u64 {
        self.tenths.iter().sum()
    }
}

/// The times of one run.
struct Said {
    suite: Suite,
    findings: Vec<Finding>,
    suspected: bool,
}

impl Said {
    fn of(policy: &Policy, rows: usize, rounds: &[Round]) -> Self {
        let (suite, _) = replay::run(policy, rows, rounds, Purpose::Judge);
        let findings = suite.findings();
        // A suspicion of today's rules that the run did not have has no rounds to confirm it.
        let is_suspect = |finding: &Finding| {
            finding.verdict == TimeVerdict::Regressed
                || finding.confirmation.is_some()
                || suite.wants_confirming(&finding.id)
        };
        Self {
            suspected: findings.iter().any(is_suspect),
            findings,
            suite,
        }
    }

    fn confirmed(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.verdict == TimeVerdict::Regressed)
    }
}

/// The one-sided p of "not slower at all" after every operation's first look. Of later looks it would depend on why the
/// earlier ones decided nothing.
fn first_p_values(policy: &Policy, rounds: &[Round]) -> Vec<f64> {
    let first = policy.looks.first().copied().unwrap_or(1) as usize;
    let mut series: BTreeMap<&OperationId, (Clock, Vec<f64>)> = BTreeMap::new();
    for round in rounds.iter().filter(|round| round.purpose == Purpose::Judge) {
        if let Some(log_ratio) = decide::log_ratio(round, round.clock) {
            let (_, values) = series.entry(&round.operation).or_insert((round.clock, Vec::new()));
            values.push(log_ratio);
        }
    }
    let mut by_clock: ByClock<Vec<Trimmed>> = ByClock::default();
    for (clock, values) in series.values() {
        if let Some(trimmed) = values.get(..first).and_then(Trimmed::of) {
            by_clock.of(*clock).push(trimmed);
        }
    }
    [by_clock.processor, by_clock.wall]
        .iter()
        .flat_map(|looked_at| {
            let variances: Vec<(f64, f64)> = looked_at.iter().map(|trimmed| (trimmed.variance, trimmed.df)).collect();
            let prior = Prior::fit(&variances).unwrap_or(Prior::none());
            looked_at
                .iter()
                .map(move |trimmed| prior.moderate(trimmed).p_above(0.0))
        })
        .collect()
}

/// Runs of HEAD against commits that change nothing a user could see.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct NoOps {
    pub(crate) commits: u64,
    /// What each run said as a whole, counts included, when it was taken.
    pub(crate) verdicts: BTreeMap<Verdict, u64>,
    /// By times alone, with the rules as they are now.
    pub(crate) suspected: u64,
    pub(crate) confirmed: u64,
    pub(crate) rows: ByClock<Rows>,
    /// Runs whose functions lay in matching places.
    pub(crate) matched: u64,
    /// Sizes of the estimated changes of rows judged by processor time.
    pub(crate) sizes: Vec<f64>,
}

impl NoOps {
    /// Adds one run.
    pub(crate) fn add(&mut self, comparison: &Comparison, policy: &Policy, rounds: &[Round]) {
        let said = Said::of(policy, comparison.settings.rows, rounds);
        self.commits += 1;
        *self.verdicts.entry(comparison.verdict).or_default() += 1;
        self.suspected += u64::from(said.suspected);
        self.confirmed += u64::from(said.confirmed());
        self.matched += u64::from(comparison.layout.matched);
        for finding in &said.findings {
            let rows = self.rows.of(finding.clock);
            rows.add(finding.verdict, finding.smallest_detectable);
            if finding.clock == Clock::Cpu {
                self.sizes.push(finding.estimate.change.abs());
            }
        }
    }

    /// The size that 19 in 20 of the estimated changes stay below: the tolerance has to cover what of it is no noise.
    pub(crate) fn size_of_19_in_20(&self) -> Option<f64> {
        let mut sizes = self.sizes.clone();
        sizes.sort_by(f64::total_cmp);
        let rank = (sizes.len() * 19).div_ceil(20);
        sizes.get(rank.checked_sub(1)?).copied()
    }

    /// The middle of the sizes.
    pub(crate) fn median_size(&self) -> Option<f64> {
        SortedSamples::new(self.sizes.clone()).map(|sorted| sorted.median())
    }
}

/// The most often that something happens which was seen so often, with this one-sided confidence: the exact bound of
/// Clopper and Pearson (1934, Biometrika 26), found by halving.
pub(crate) fn upper_bound(successes: u64, trials: u64, confidence: f64) -> f64 {
    if successes == 0 {
        return proportion::upper_bound_of_none(trials, confidence);
    }
    if successes >= trials {
        return 1.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    // Sixty halvings leave less than the last digit.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if at_most(successes, trials, middle) > 1.0 - confidence {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The probability of at most so many successes; by logarithms, so that no term underflows early.
fn at_most(successes: u64, trials: u64, share: f64) -> f64 {
    let mut logarithm = trials as f64 * (-share).ln_1p();
    let mut sum = logarithm.exp();
    for seen in 1..=successes {
        let left = (trials - seen + 1) as f64;
        logarithm += (left / seen as f64).ln() + share.ln() - (-share).ln_1p();
        sum += logarithm.exp();
    }
    sum
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;
    use crate::compare::decide::tests::policy;
    use crate::compare::validate::testing::{assert_near, quiet_round, round};

    fn equal_run(operations: u32, seed: u64) -> Vec<Round> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut rounds = Vec::new();
        for operation in 0..operations {
            for number in 0..8 {
                rounds.push(quiet_round(
                    &format!("a/b/{operation}"),
                    Purpose::Judge,
                    number,
                    &mut random,
                ));
            }
        }
        rounds.push(quiet_round("a/b/0", Purpose::Placebo, 0, &mut random));
        rounds
    }

    #[test]
    fn runs_of_equal_code_are_counted_with_their_rows() {
        let mut measured = Measured::default();
        for seed in 0..5 {
            measured.add(&policy(), 10, &equal_run(10, seed));
        }
        assert_eq!((measured.suites, measured.confirmed, measured.voided), (5, 0, 0));
        assert_eq!(measured.rows.processor.all, 50);
        assert_eq!(measured.rows.wall.all, 0);
        assert_eq!(measured.p_values.all(), 50);
    }

    #[test]
    fn a_run_whose_rounds_differ_grossly_is_a_suspicion() {
        let rounds: Vec<Round> = (0..6)
            .flat_map(|operation| {
                (0..8).map(move |number| {
                    let noise = u64::from(number * 7 % 5);
                    let (old, new) = (100_000 + noise, 110_000 + 2 * noise);
                    round(
                        &format!("a/b/{operation}"),
                        Purpose::Judge,
                        number,
                        &[old; 4],
                        &[new; 4],
                    )
                })
            })
            .collect();
        let mut measured = Measured::default();
        measured.add(&policy(), 6, &rounds);
        // There are no rounds to confirm it.
        assert_eq!((measured.suspected, measured.confirmed), (1, 0));
        assert_eq!(measured.p_values.tenths[0], 6);
        assert_eq!(measured.p_values.below_one_percent, 6);
    }

    #[test]
    fn p_values_at_the_ends_are_in_the_first_and_the_last_tenth() {
        let mut histogram = Histogram::default();
        for p in [0.0, 0.05, 0.0999, 0.1, 0.95, 1.0] {
            histogram.add(p);
        }
        assert_eq!(histogram.tenths, [3, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!((histogram.below_one_percent, histogram.all()), (1, 6));
    }

    #[test]
    fn commits_that_change_nothing_are_tallied_by_their_verdicts() {
        let mut comparison = crate::compare::validate::testing::comparison_of_equal_code();
        let mut no_ops = NoOps::default();
        for (seed, verdict) in [Verdict::Ok, Verdict::Ok, Verdict::NotResolved].into_iter().enumerate() {
            comparison.verdict = verdict;
            no_ops.add(&comparison, &policy(), &equal_run(10, seed as u64));
        }
        assert_eq!(
            no_ops.verdicts,
            BTreeMap::from([(Verdict::NotResolved, 1), (Verdict::Ok, 2)])
        );
        assert_eq!((no_ops.commits, no_ops.confirmed, no_ops.matched), (3, 0, 3));
        let (middle, most) = (no_ops.median_size(), no_ops.size_of_19_in_20());
        assert!(middle < most && most < Some(0.01), "{middle:?} {most:?}");
    }

    /// 1 - 0.05^(1/300) for none; for others the equation `P(X <= k) = 0.05` solved in Python with exact binomials.
    #[test]
    fn bounds_are_those_of_clopper_and_pearson() {
        assert_near(upper_bound(0, 300, 0.95), 0.009_936_081_944, 1e-11);
        assert_near(upper_bound(1, 300, 0.95), 0.015_714_554_892, 1e-11);
        assert_near(upper_bound(3, 100, 0.95), 0.075_710_793_750, 1e-11);
        assert_near(upper_bound(1, 10, 0.95), 0.394_163_302_437, 1e-11);
        assert_eq!(upper_bound(10, 10, 0.95), 1.0);
        assert_eq!(upper_bound(0, 0, 0.95), 1.0);
    }
}
