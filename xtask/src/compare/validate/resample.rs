//! Suites drawn from stored rounds of equal code, and decided as a live run decides them.
//!
//! A round is drawn with replacement from all rounds of its operation and its log-ratio gets a random sign: what is
//! drawn has the spread and the tails of what was measured, and no slowdown. A planted one is added to every log-ratio
//! of one operation. What this leaves out is said in every report: rounds of one run share a moment, and are drawn
//! apart; confirmations are drawn from the same rounds, but a live run takes them with shuffled layouts, which spread
//! wider.
//!
//! Once the priors are fitted, the operations of a [`Suite`] do not see each other. So they are fitted on the first
//! looks of all, and every operation is then followed alone: that decides the same, and looks at a row only when it is
//! new.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
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
    pub(crate) log_ratios: Vec<f64>,
    /// What a call and a round of it take: how many rounds there is time for depends on them.
    pub(crate) call_ns: f64,
    pub(crate) round: Duration,
}

impl Pool {
    fn draw(&self, random: &mut StdRng) -> f64 {
        let drawn = self.log_ratios[random.random_range(0..self.log_ratios.len())];
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
    log_ratios: Vec<f64>,
    /// Of each round.
    call_ns: Vec<f64>,
    took_ms: u64,
}

impl Gathered {
    /// Adds the rounds of one run.
    pub(crate) fn add(&mut self, rounds: &[Round]) {
        for round in rounds.iter().filter(|round| is_equal_code(round)) {
            let Some(log_ratio) = decide::log_ratio(round, round.clock) else {
                continue;
            };
            let seen = self.operations.entry(round.operation.clone()).or_insert_with(|| Seen {
                clock: round.clock,
                log_ratios: Vec::new(),
                call_ns: Vec::new(),
                took_ms: 0,
            });
            seen.log_ratios.push(log_ratio);
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
            if seen.log_ratios.len() < LEAST_ROUNDS {
                left_out.push(id.clone());
                continue;
            }
            pools.push(Pool {
                id: id.clone(),
                clock: seen.clock,
                log_ratios: seen.log_ratios.clone(),
                call_ns: median(seen.call_ns.clone()),
                round: Duration::from_millis(seen.took_ms / seen.log_ratios.len() as u64),
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
    /// What every operation has drawn for it.
    first: Vec<Vec<f64>>,
}

impl Drawn {
    fn new(policy: &Policy, pools: &[Pool], random: &mut StdRng) -> Self {
        let mut suite = Suite::new(policy.clone(), pools.len());
        let look = policy.looks.first().copied().unwrap_or(1);
        let mut first = Vec::with_capacity(pools.len());
        for pool in pools {
            let mut drawn = Vec::new();
            while drawn.len() < look as usize && suite.wants_judging(&pool.id) {
                let log_ratio = pool.draw(random);
                pool.judge(&mut suite, log_ratio);
                drawn.push(log_ratio);
            }
            first.push(drawn);
        }
        suite.look();
        for pool in pools {
            suite.remove(&pool.id);
        }
        Self { suite, first }
    }

    /// Follows one operation to its end, with a slowdown of `shift` in every log-ratio.
    fn follow(&self, index: usize, pool: &Pool, shift: f64, random: &mut StdRng) -> Followed {
        let mut suite = self.suite.clone();
        let mut suspected = false;
        let mut judged = 0_u32;
        loop {
            if suite.wants_confirming(&pool.id) {
                suspected = true;
                suite.confirm(&pool.id, pool.clock, shift + pool.draw(random));
            } else if suite.wants_judging(&pool.id) {
                let drawn = self.first[index].get(judged as usize).copied();
                let log_ratio = drawn.unwrap_or_else(|| pool.draw(random));
                pool.judge(&mut suite, shift + log_ratio);
                judged += 1;
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
    /// Where the report would have said that a slowdown of this size is found with 95 % probability.
    pub(crate) promised: u64,
    pub(crate) promised_found: u64,
    /// How many trials took so many judging rounds.
    pub(crate) rounds: BTreeMap<u32, u64>,
}

impl Fate {
    fn add(&mut self, ended: &Ended, slowdown: f64) {
        let found = ended.verdict == TimeVerdict::Regressed;
        self.trials += 1;
        self.found += u64::from(found);
        self.suspected += u64::from(ended.suspected);
        match ended.verdict {
            TimeVerdict::Ok | TimeVerdict::Improved => self.ok += 1,
            TimeVerdict::NotResolved | TimeVerdict::GoneWhenShuffled => self.not_resolved += 1,
            TimeVerdict::Regressed => {}
        }
        if ended.smallest_detectable <= slowdown {
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
            for (&slowdown, fates) in slowdowns.iter().zip(&mut fates) {
                let followed = drawn.follow(index, pool, slowdown.ln_1p(), &mut random);
                fates.of(pool.clock).add(&followed.ended(), slowdown);
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
                log_ratios: (0..60).map(|_| log_ratio()).collect(),
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
        let rounds = |pool: &Pool, index: usize| {
            let mut random = generator(4, index);
            let mut drawn = drawn.first[index].clone();
            drawn.extend((drawn.len()..32).map(|_| pool.draw(&mut random)));
            drawn
        };
        let series: Vec<Vec<f64>> = pools
            .iter()
            .enumerate()
            .map(|(index, pool)| rounds(pool, index))
            .collect();
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
        pools[0].round = Duration::from_secs(2);
        let limits = TimeLimits {
            short: Some(Duration::from_secs(5)),
            long: None,
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
        assert_eq!(pools[0].log_ratios.len(), 26);
        assert_eq!(pools[0].round, Duration::from_millis(100));
        assert_eq!(left_out, ["a/b/few".parse::<OperationId>().expect("valid")]);
    }
}
