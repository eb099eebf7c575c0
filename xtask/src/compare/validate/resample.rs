//! Suites drawn from stored rounds of equal code, and decided as a live run decides them.
//!
//! For every operation of a suite a run is drawn, its sides are swapped or not, and its judging rounds come in an order
//! drawn anew. What the rounds of one run have in common, a bias that lasts included, they keep; what is drawn has the
//! spread and the tails of what was measured, and no slowdown. A planted one is added to every log-ratio of one
//! operation. Confirmations are drawn from rounds with shuffled layouts, whoever took them.
//!
//! Once the priors are fitted, the operations of a [`Suite`] do not see each other. So they are fitted on the first
//! looks of all, and every operation is then followed alone: that decides the same, and looks at a row only when it is
//! new.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde::Serialize;
use voiceflow_record::paired::{Purpose, Round};
use voiceflow_record::{Clock, OperationId};

use super::measured::Rows;
use super::{ByClock, in_parallel};
use crate::compare::decide::{self, Policy, Suite, TimeVerdict};
use crate::stats::SortedSamples;

/// With fewer rounds an operation is left out: alarms come from the tails, and these are not in a handful.
pub(crate) const LEAST_ROUNDS: usize = 16;

/// Suites whose rows are looked at one by one; of the others it is enough to know whether there was an alarm.
const LOOKED_INTO: usize = 1000;

/// Whether both sides of a round ran the same code as it was linked for judging.
pub(crate) fn is_equal_code(round: &Round) -> bool {
    matches!(round.purpose, Purpose::Judge | Purpose::Placebo) && round.plant_percent == 0.0
}

/// The rounds of one operation, as far as suites are drawn from them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pool {
    pub(crate) id: OperationId,
    pub(crate) clock: Clock,
    /// The judging rounds of each run, as log-ratios.
    pub(crate) series: Vec<Vec<f64>>,
    /// The rounds with shuffled layouts of all runs.
    pub(crate) shuffled: Vec<f64>,
    /// What a call and a round of it take: how many rounds there is time for depends on them.
    pub(crate) call_ns: f64,
    pub(crate) round: Duration,
}

impl Pool {
    /// The rounds of one run in an order of their own, perhaps with the sides swapped.
    fn deal(&self, random: &mut StdRng) -> Vec<f64> {
        let mut series = self.series[random.random_range(0..self.series.len())].clone();
        series.shuffle(random);
        if random.random::<bool>() {
            series.iter_mut().for_each(|log_ratio| *log_ratio = -*log_ratio);
        }
        series
    }

    /// A confirming round. Where none was taken with shuffled layouts, it is drawn from the others.
    fn confirming(&self, random: &mut StdRng) -> f64 {
        let drawn = match self.shuffled.len() {
            0 => {
                let series = &self.series[random.random_range(0..self.series.len())];
                series[random.random_range(0..series.len())]
            }
            taken => self.shuffled[random.random_range(0..taken)],
        };
        // Layouts differ on both sides and from round to round, so no bias lasts.
        if random.random::<bool>() { drawn } else { -drawn }
    }

    fn judge(&self, suite: &mut Suite, log_ratio: f64) {
        suite.judge(&self.id, self.clock, log_ratio);
        suite.took(&self.id, self.call_ns, self.round);
    }
}

/// Rounds of equal code, run by run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gathered {
    operations: BTreeMap<OperationId, Seen>,
}

#[derive(Clone, Debug)]
struct Seen {
    clock: Clock,
    series: Vec<Vec<f64>>,
    shuffled: Vec<f64>,
    /// Of each round.
    call_ns: Vec<f64>,
    took_ms: u64,
}

impl Gathered {
    /// Adds the rounds of one run.
    pub(crate) fn add(&mut self, rounds: &[Round]) {
        let mut begun: BTreeSet<&OperationId> = BTreeSet::new();
        let is_drawn_from = |round: &&Round| round.purpose != Purpose::Placebo && round.plant_percent == 0.0;
        for round in rounds.iter().filter(is_drawn_from) {
            let Some(log_ratio) = decide::log_ratio(round, round.clock) else {
                continue;
            };
            let seen = self.operations.entry(round.operation.clone()).or_insert_with(|| Seen {
                clock: round.clock,
                series: Vec::new(),
                shuffled: Vec::new(),
                call_ns: Vec::new(),
                took_ms: 0,
            });
            if round.purpose == Purpose::Confirm {
                seen.shuffled.push(log_ratio);
                continue;
            }
            if begun.insert(&round.operation) {
                seen.series.push(Vec::new());
            }
            if let Some(series) = seen.series.last_mut() {
                series.push(log_ratio);
            }
            let batches = round.baseline.of(round.clock);
            seen.call_ns
                .push(median(batches.iter().map(|&ns| ns as f64).collect()) / round.calls as f64);
            seen.took_ms += round.conditions.took_ms;
        }
    }

    /// The operations with enough rounds, and those without.
    pub(crate) fn pools(&self) -> (Vec<Pool>, Vec<OperationId>) {
        let (mut pools, mut left_out) = (Vec::new(), Vec::new());
        for (id, seen) in &self.operations {
            if seen.call_ns.len() < LEAST_ROUNDS {
                left_out.push(id.clone());
                continue;
            }
            pools.push(Pool {
                id: id.clone(),
                clock: seen.clock,
                series: seen.series.clone(),
                shuffled: seen.shuffled.clone(),
                call_ns: median(seen.call_ns.clone()),
                round: Duration::from_millis(seen.took_ms / seen.call_ns.len() as u64),
            });
        }
        (pools, left_out)
    }
}

fn median(values: Vec<f64>) -> f64 {
    SortedSamples::new(values).map_or(0.0, |sorted| sorted.median())
}

/// The first look of a suite.
struct Drawn {
    /// With the priors of that look, and no rows.
    suite: Suite,
    /// The judging rounds of every operation, those of the first look before the others.
    dealt: Vec<Vec<f64>>,
}

impl Drawn {
    fn new(policy: &Policy, pools: &[Pool], random: &mut StdRng) -> Self {
        let mut suite = Suite::new(policy.clone(), pools.len());
        let look = policy.looks.first().copied().unwrap_or(1);
        let mut dealt = Vec::with_capacity(pools.len());
        for pool in pools {
            let series = pool.deal(random);
            for &log_ratio in series.iter().take(look as usize) {
                if suite.wants_judging(&pool.id) {
                    pool.judge(&mut suite, log_ratio);
                }
            }
            // A run that ended before its first look says nothing of the noise, and must not keep the others waiting.
            suite.close(&pool.id);
            dealt.push(series);
        }
        suite.look();
        for pool in pools {
            suite.remove(&pool.id);
        }
        Self { suite, dealt }
    }

    /// Follows one operation to its end, with a slowdown of `shift` in every log-ratio.
    fn follow(&self, index: usize, pool: &Pool, shift: f64, random: &mut StdRng) -> Followed {
        let mut suite = self.suite.clone();
        let mut suspected = false;
        let mut judged = 0_u32;
        loop {
            if suite.wants_confirming(&pool.id) {
                suspected = true;
                suite.confirm(&pool.id, pool.clock, shift + pool.confirming(random));
            } else if suite.wants_judging(&pool.id) {
                match self.dealt[index].get(judged as usize) {
                    Some(log_ratio) => {
                        pool.judge(&mut suite, shift + log_ratio);
                        judged += 1;
                    }
                    // The run that was drawn went no further.
                    None => suite.close(&pool.id),
                }
            } else {
                return Followed {
                    suite,
                    suspected,
                    rounds: judged,
                };
            }
            suite.look();
        }
    }
}

/// An operation at its end.
struct Followed {
    suite: Suite,
    suspected: bool,
    rounds: u32,
}

/// What is said of it.
#[derive(Clone, Copy, Debug)]
struct Ended {
    verdict: TimeVerdict,
    suspected: bool,
    rounds: u32,
    smallest_detectable: f64,
}

impl Followed {
    /// With too few rounds for an estimate nothing is resolved.
    fn ended(&self) -> Ended {
        let findings = self.suite.findings();
        let found = findings.first();
        Ended {
            verdict: found.map_or(TimeVerdict::NotResolved, |finding| finding.verdict),
            suspected: self.suspected,
            rounds: self.rounds,
            smallest_detectable: found.map_or(f64::INFINITY, |finding| finding.smallest_detectable),
        }
    }
}

/// Suites without a slowdown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Null {
    pub(crate) suites: u64,
    /// With at least one false suspicion.
    pub(crate) suspected: u64,
    /// With at least one that was confirmed.
    pub(crate) confirmed: u64,
    /// Over the first thousand suites.
    pub(crate) rows: ByClock<Rows>,
    /// Operations judged by processor time; then those of them whose typical smallest detectable slowdown is 2 % or
    /// less, and 3 % or less.
    pub(crate) processor_operations: u64,
    pub(crate) resolving_2_percent: u64,
    pub(crate) resolving_3_percent: u64,
}

struct NullSuite {
    suspected: bool,
    confirmed: bool,
    /// By operation; empty where nobody looks into it.
    rows: Vec<Ended>,
}

/// Draws so many suites without a slowdown.
pub(crate) fn null(policy: &Policy, pools: &[Pool], suites: u32, seed: u64) -> Null {
    let drawn = in_parallel(suites as usize, |number| {
        let mut random = generator(seed, number);
        null_suite(policy, pools, number < LOOKED_INTO, &mut random)
    });
    let mut null = Null {
        suites: u64::from(suites),
        ..Null::default()
    };
    let mut detectable: Vec<Vec<f64>> = vec![Vec::new(); pools.len()];
    for suite in &drawn {
        null.suspected += u64::from(suite.suspected);
        null.confirmed += u64::from(suite.confirmed);
        for ((row, pool), detectable) in suite.rows.iter().zip(pools).zip(&mut detectable) {
            null.rows.of(pool.clock).add(row.verdict, row.smallest_detectable);
            detectable.push(row.smallest_detectable);
        }
    }
    for (pool, detectable) in pools.iter().zip(detectable) {
        if pool.clock == Clock::Cpu && !detectable.is_empty() {
            let typical = median(detectable);
            null.processor_operations += 1;
            null.resolving_2_percent += u64::from(typical <= 0.02);
            null.resolving_3_percent += u64::from(typical <= 0.03);
        }
    }
    null
}

fn null_suite(policy: &Policy, pools: &[Pool], looked_into: bool, random: &mut StdRng) -> NullSuite {
    let drawn = Drawn::new(policy, pools, random);
    let mut suite = NullSuite {
        suspected: false,
        confirmed: false,
        rows: Vec::new(),
    };
    for (index, pool) in pools.iter().enumerate() {
        let followed = drawn.follow(index, pool, 0.0, random);
        if looked_into || followed.suspected {
            let ended = followed.ended();
            suite.suspected |= ended.suspected;
            suite.confirmed |= ended.verdict == TimeVerdict::Regressed;
            if looked_into {
                suite.rows.push(ended);
            }
        }
    }
    suite
}

/// One size of slowdown, planted in one operation at a time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Planted {
    /// As a ratio minus one.
    pub(crate) slowdown: f64,
    pub(crate) fates: ByClock<Fate>,
}

/// What became of the operations a slowdown was planted in.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Fate {
    pub(crate) trials: u64,
    /// Confirmed: regressed.
    pub(crate) found: u64,
    /// Suspected at least.
    pub(crate) suspected: u64,
    pub(crate) not_resolved: u64,
    /// Said to be within the margin, or faster.
    pub(crate) ok: u64,
    /// Where the report on the same rounds without it would have said that a slowdown of this size is found.
    pub(crate) promised: u64,
    pub(crate) promised_found: u64,
    /// How many trials took so many judging rounds.
    pub(crate) rounds: BTreeMap<u32, u64>,
}

impl Fate {
    /// Adds a trial; `promise` is the smallest detectable slowdown that was printed where nothing was planted.
    fn add(&mut self, ended: &Ended, slowdown: f64, promise: f64) {
        let found = ended.verdict == TimeVerdict::Regressed;
        self.trials += 1;
        self.found += u64::from(found);
        self.suspected += u64::from(ended.suspected);
        match ended.verdict {
            TimeVerdict::Ok | TimeVerdict::Improved => self.ok += 1,
            TimeVerdict::NotResolved | TimeVerdict::Suspected | TimeVerdict::GoneWhenShuffled => self.not_resolved += 1,
            TimeVerdict::Regressed => {}
        }
        if promise <= slowdown {
            self.promised += 1;
            self.promised_found += u64::from(found);
        }
        *self.rounds.entry(ended.rounds).or_default() += 1;
    }

    /// Takes in what became of others.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.trials += other.trials;
        self.found += other.found;
        self.suspected += other.suspected;
        self.not_resolved += other.not_resolved;
        self.ok += other.ok;
        self.promised += other.promised;
        self.promised_found += other.promised_found;
        for (rounds, trials) in &other.rounds {
            *self.rounds.entry(*rounds).or_default() += trials;
        }
    }

    /// The middle of the judging rounds.
    pub(crate) fn median_rounds(&self) -> Option<u32> {
        let mut seen = 0;
        self.rounds
            .iter()
            .find(|(_, trials)| {
                seen += **trials;
                2 * seen >= self.trials
            })
            .map(|(rounds, _)| *rounds)
    }
}

/// Draws so many suites, and plants each of these slowdowns in each operation of each suite, the others left alone.
pub(crate) fn planted(policy: &Policy, pools: &[Pool], slowdowns: &[f64], trials: u32, seed: u64) -> Vec<Planted> {
    let by_trial = in_parallel(trials as usize, |number| {
        let mut random = generator(seed, number);
        let drawn = Drawn::new(policy, pools, &mut random);
        let mut fates: Vec<ByClock<Fate>> = vec![ByClock::default(); slowdowns.len()];
        for (index, pool) in pools.iter().enumerate() {
            let promise = drawn.follow(index, pool, 0.0, &mut random).ended().smallest_detectable;
            for (&slowdown, fates) in slowdowns.iter().zip(&mut fates) {
                let followed = drawn.follow(index, pool, slowdown.ln_1p(), &mut random);
                fates.of(pool.clock).add(&followed.ended(), slowdown, promise);
            }
        }
        fates
    });
    slowdowns
        .iter()
        .enumerate()
        .map(|(index, &slowdown)| {
            let mut fates: ByClock<Fate> = ByClock::default();
            for trial in &by_trial {
                fates.processor.merge(&trial[index].processor);
                fates.wall.merge(&trial[index].wall);
            }
            Planted { slowdown, fates }
        })
        .collect()
}

/// Every suite has a generator of its own, so that who draws it does not matter.
fn generator(seed: u64, number: usize) -> StdRng {
    StdRng::seed_from_u64((seed << 32) | number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::decide::TimeLimits;
    use crate::compare::decide::tests::policy;
    use crate::compare::validate::testing::{normal, quiet_round};

    /// Rounds with a spread of half a per cent and, one in twenty, of twice that.
    fn pools(operations: usize) -> Vec<Pool> {
        let mut random = StdRng::seed_from_u64(7);
        let mut log_ratio = || {
            let wide = if random.random::<f64>() < 0.05 { 2.0 } else { 1.0 };
            0.005 * wide * normal(&mut random)
        };
        (0..operations)
            .map(|number| Pool {
                id: format!("a/b/{number}").parse().expect("valid"),
                clock: Clock::Cpu,
                series: (0..3).map(|_| (0..32).map(|_| log_ratio()).collect()).collect(),
                shuffled: (0..30).map(|_| log_ratio()).collect(),
                call_ns: 1e3,
                round: Duration::from_millis(100),
            })
            .collect()
    }

    #[test]
    fn suites_without_a_slowdown_seldom_alarm_and_end_ok() {
        let null = null(&policy(), &pools(20), 500, 1);
        assert_eq!(null.suites, 500);
        assert!(null.suspected <= 5, "{null:?}");
        assert!(null.confirmed <= null.suspected);
        assert_eq!(null.rows.processor.all, 500 * 20);
        assert!(null.rows.processor.ok > 9900, "{null:?}");
        assert_eq!(null.processor_operations, 20);
        assert!(null.resolving_2_percent <= null.resolving_3_percent);
    }

    #[test]
    fn a_slowdown_of_five_per_cent_is_found_and_never_called_ok() {
        let planted = planted(&policy(), &pools(20), &[0.05], 20, 1);
        let fate = &planted[0].fates.processor;
        assert_eq!(fate.trials, 20 * 20);
        assert!(fate.found >= 396, "{fate:?}");
        assert_eq!(fate.ok, 0);
        assert_eq!(fate.found + fate.not_resolved, fate.trials);
        assert!(fate.promised_found <= fate.promised && fate.promised <= fate.trials);
        assert!(
            fate.median_rounds().is_some_and(|rounds| (4..=8).contains(&rounds)),
            "{fate:?}"
        );
        assert_eq!(planted[0].fates.wall.trials, 0);
    }

    #[test]
    fn the_same_seed_draws_the_same_suites_and_another_one_others() {
        let draw = |seed| planted(&policy(), &pools(4), &[0.01], 10, seed);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn an_operation_followed_alone_is_decided_as_in_its_suite() {
        let (policy, pools) = (policy(), pools(6));
        let mut random = generator(3, 0);
        let drawn = Drawn::new(&policy, &pools, &mut random);
        let series = drawn.dealt.clone();
        let mut suite = Suite::new(policy.clone(), pools.len());
        for number in 0..32 {
            for (pool, series) in pools.iter().zip(&series) {
                if suite.wants_judging(&pool.id) {
                    pool.judge(&mut suite, series[number]);
                }
            }
            suite.look();
        }
        for (index, (pool, together)) in pools.iter().zip(suite.findings()).enumerate() {
            let followed = drawn.follow(index, pool, 0.0, &mut generator(4, index));
            let ended = followed.ended();
            assert_eq!(ended.rounds, together.rounds, "{}", pool.id);
            assert_eq!(ended.verdict, together.verdict, "{}", pool.id);
            assert_eq!(ended.smallest_detectable, together.smallest_detectable, "{}", pool.id);
        }
    }

    #[test]
    fn an_operation_without_time_for_a_first_look_resolves_nothing() {
        let mut pools = pools(5);
        pools[0].round = Duration::from_secs(3);
        let limits = TimeLimits {
            short: None,
            long: Some(Duration::from_secs(5)),
        };
        let policy = Policy { limits, ..policy() };
        let planted = planted(&policy, &pools[..1], &[0.05], 3, 1);
        let fate = &planted[0].fates.processor;
        assert_eq!((fate.trials, fate.not_resolved, fate.promised), (3, 3, 0));
        // The others are decided without it.
        assert!(null(&policy, &pools, 5, 1).rows.processor.ok >= 4 * 5 - 1);
    }

    #[test]
    fn rounds_are_gathered_by_operation_and_too_few_are_left_out() {
        let mut random = StdRng::seed_from_u64(1);
        let mut gathered = Gathered::default();
        for run in 0..2 {
            let mut rounds: Vec<Round> = (0..12)
                .map(|number| quiet_round("a/b/many", Purpose::Judge, number, &mut random))
                .collect();
            rounds.push(quiet_round("a/b/many", Purpose::Placebo, 0, &mut random));
            rounds.push(quiet_round("a/b/many", Purpose::Confirm, 0, &mut random));
            rounds.push(quiet_round("a/b/few", Purpose::Judge, run, &mut random));
            gathered.add(&rounds);
        }
        let (pools, left_out) = gathered.pools();
        assert_eq!(pools.len(), 1);
        let lengths: Vec<usize> = pools[0].series.iter().map(Vec::len).collect();
        assert_eq!((lengths, pools[0].shuffled.len()), (vec![12, 12], 2));
        assert_eq!(pools[0].round, Duration::from_millis(100));
        assert_eq!(left_out, ["a/b/few".parse::<OperationId>().expect("valid")]);
    }
}
