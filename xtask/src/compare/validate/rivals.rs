//! The rules of other tools, on the same rounds.
//!
//! Each is a re-implementation from the source or the documents named with it, not the tool itself, and is fed the
//! clock that `compare` judges the operation by: where that is processor time, the tool as it is would read wall time,
//! which is noisier. Runs lie days apart, and no tool would compare over days, so every run is divided by its own level
//! first. Both are to the advantage of the rivals.
//!
//! A rule is a score and a threshold: a slowdown is told when the score is above it. A score is zero where the rule
//! would not tell a slowdown at any threshold. What is faster is never told.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use voiceflow_record::OperationId;
use voiceflow_record::paired::Round;

use super::mann_whitney;
use super::resample::is_equal_code;
use crate::compare::decide;
use crate::stats::{SortedSamples, moments, student};

/// Rounds kept of an operation, the earliest: enough for the rule that takes most, many times over.
const MOST_ROUNDS: usize = 256;

/// Comparisons a rule makes of one operation; neighbours share rounds where a rule takes many.
const MOST_COMPARISONS: usize = 64;

/// What one process measured: nanoseconds a call, in units of its run's level.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Process {
    samples: Vec<f64>,
    mean: f64,
    median: f64,
}

impl Process {
    /// `None` without samples, or where one is not a positive number.
    pub(crate) fn new(samples: Vec<f64>) -> Option<Self> {
        if samples.iter().any(|sample| !sample.is_finite() || *sample <= 0.0) {
            return None;
        }
        let median = SortedSamples::new(samples.clone())?.median();
        Some(Self {
            mean: moments::mean(&samples),
            median,
            samples,
        })
    }

    /// The same, with every time so many times as long.
    fn times(&self, factor: f64) -> Self {
        Self {
            samples: self.samples.iter().map(|sample| sample * factor).collect(),
            mean: self.mean * factor,
            median: self.median * factor,
        }
    }

    /// The means of so many stretches of equal length, in order; fewer where there are fewer samples.
    fn stretches(&self, most: usize) -> impl Iterator<Item = f64> {
        let length = (self.samples.len() / most).max(1);
        self.samples.chunks(length).take(most).map(moments::mean)
    }
}

/// Both sides of one operation, a process each and round, in the order in which they were taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sides {
    baseline: Vec<Process>,
    candidate: Vec<Process>,
    /// As `compare` makes them.
    log_ratios: Vec<f64>,
}

impl Sides {
    /// How many rounds there are.
    pub(crate) fn rounds(&self) -> usize {
        self.baseline.len()
    }

    /// The candidate slowed down by a ratio minus one.
    pub(crate) fn planted(&self, slowdown: f64) -> Self {
        Self {
            baseline: self.baseline.clone(),
            candidate: self
                .candidate
                .iter()
                .map(|process| process.times(1.0 + slowdown))
                .collect(),
            log_ratios: self
                .log_ratios
                .iter()
                .map(|log_ratio| log_ratio + slowdown.ln_1p())
                .collect(),
        }
    }

    /// Adds a run's rounds, divided by the middle of its processes.
    fn add_run(&mut self, mut rounds: Vec<(Process, Process, f64)>) {
        let medians = rounds
            .iter()
            .flat_map(|(baseline, candidate, _)| [baseline.median, candidate.median])
            .collect();
        let Some(level) = SortedSamples::new(medians).map(|sorted| sorted.median()) else {
            return;
        };
        rounds.truncate(MOST_ROUNDS - self.rounds());
        for (baseline, candidate, log_ratio) in rounds {
            self.baseline.push(baseline.times(1.0 / level));
            self.candidate.push(candidate.times(1.0 / level));
            self.log_ratios.push(log_ratio);
        }
    }
}

/// Rounds of equal code by operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    pub(crate) operations: BTreeMap<OperationId, Sides>,
}

impl Samples {
    /// Adds the rounds of one run.
    pub(crate) fn add(&mut self, rounds: &[Round]) {
        let mut by_operation: BTreeMap<&OperationId, Vec<&Round>> = BTreeMap::new();
        for round in rounds.iter().filter(|round| is_equal_code(round)) {
            by_operation.entry(&round.operation).or_default().push(round);
        }
        for (id, mut rounds) in by_operation {
            rounds.sort_by_key(|round| round.conditions.started_unix_ms);
            let usable = rounds.into_iter().filter_map(|round| {
                let side = |samples: &[u64]| {
                    let calls = round.calls as f64;
                    Process::new(samples.iter().map(|&ns| ns as f64 / calls).collect())
                };
                Some((
                    side(round.baseline.of(round.clock))?,
                    side(round.candidate.of(round.clock))?,
                    decide::log_ratio(round, round.clock)?,
                ))
            });
            self.operations.entry(id.clone()).or_default().add_run(usable.collect());
        }
    }
}

/// When the processes of both sides run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampling {
    /// All of the baseline, then all of the candidate: those of other rounds.
    Sequential,
    /// In turn: those of the same rounds.
    Interleaved,
}

/// A rule and how its tool samples.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    /// Whose, what, and where it was read.
    pub(crate) source: &'static str,
    pub(crate) sampling: Sampling,
    /// Of each side.
    pub(crate) processes: usize,
    /// Above this score the tool as it is set tells a slowdown.
    pub(crate) threshold: f64,
    score: Score,
}

enum Score {
    /// Of the processes of both sides.
    Processes(fn(&[Process], &[Process]) -> f64),
    /// Of the log-ratios of rounds.
    Rounds(fn(&[f64]) -> f64),
}

impl Rule {
    /// Rounds that one comparison takes.
    pub(crate) fn rounds_needed(&self) -> usize {
        match self.sampling {
            Sampling::Sequential => 2 * self.processes,
            Sampling::Interleaved => self.processes,
        }
    }

    /// The scores of comparisons over stretches of rounds that follow each other; none where there are too few rounds.
    pub(crate) fn scores(&self, sides: &Sides) -> Vec<f64> {
        starts(sides.rounds(), self.rounds_needed())
            .map(|start| {
                let middle = start + self.processes;
                let candidates = match self.sampling {
                    Sampling::Sequential => middle..middle + self.processes,
                    Sampling::Interleaved => start..middle,
                };
                match self.score {
                    Score::Processes(score) => score(&sides.baseline[start..middle], &sides.candidate[candidates]),
                    Score::Rounds(score) => score(&sides.log_ratios[start..middle]),
                }
            })
            .collect()
    }
}

/// Where stretches of so many rounds begin, evenly over all there are.
fn starts(rounds: usize, needed: usize) -> impl Iterator<Item = usize> {
    let all = (rounds + 1).saturating_sub(needed);
    let taken = all.min(MOST_COMPARISONS);
    (0..taken).map(move |number| number * all / taken)
}

/// All rules.
pub(crate) fn rules() -> Vec<Rule> {
    use Sampling::{Interleaved, Sequential};
    type OfProcesses = fn(&[Process], &[Process]) -> f64;
    let rule = |name, source, sampling, processes, threshold, score: OfProcesses| Rule {
        name,
        source,
        sampling,
        processes,
        threshold,
        score: Score::Processes(score),
    };
    vec![
        rule("criterion, sequential", CRITERION, Sequential, 1, 0.01, criterion),
        rule("criterion, interleaved", CRITERION, Interleaved, 1, 0.01, criterion),
        rule("critcmp at 5 %", CRITCMP, Sequential, 1, 0.05, mean_change),
        rule("mean ratio at 5 %", MEAN_RATIO, Interleaved, 1, 0.05, mean_change),
        rule(
            "benchstat, n = 10",
            BENCHSTAT,
            Interleaved,
            10,
            surprise(0.05),
            benchstat,
        ),
        rule(
            "benchstat, n = 20",
            BENCHSTAT,
            Interleaved,
            20,
            surprise(0.05),
            benchstat,
        ),
        rule("asv", ASV, Interleaved, 2, 0.1, asv),
        rule("pyperf, sequential", PYPERF, Sequential, 20, surprise(0.05), pyperf),
        rule("pyperf, interleaved", PYPERF, Interleaved, 20, surprise(0.05), pyperf),
        rule("tango", TANGO, Interleaved, 1, 2.6, tango),
        Rule {
            name: "paired t of 32 rounds",
            source: PAIRED_T,
            sampling: Interleaved,
            processes: 32,
            threshold: surprise(0.01),
            score: Score::Rounds(paired_t),
        },
    ]
}

/// How little a p-value is to be believed a matter of chance: -log10, so that large is clear. No p is zero here.
fn surprise(p: f64) -> f64 {
    -p.max(f64::MIN_POSITIVE).log10()
}

const CRITERION: &str = "criterion 0.8: bootstrapped t with p < 0.05, and the 95 % interval of the change of the mean \
    wholly above the noise threshold of 1 %, which is swept; read in `src/analysis/compare.rs`, `src/stats` and \
    `src/report.rs` of 0.8.2";

/// Criterion's rule for one process a side. The score is the lower end of the interval where p < 0.05. Criterion takes
/// 100,000 resamples of each kind, these are 1000 for t and 100 a side, all combined, for the mean.
fn criterion(baseline: &[Process], candidate: &[Process]) -> f64 {
    let ([old], [new]) = (baseline, candidate) else {
        return 0.0;
    };
    // The same resamples for every comparison.
    let mut random = StdRng::seed_from_u64(1);
    let low = low_end_of_change(&old.samples, &new.samples, &mut random);
    if low > 0.0 && bootstrapped_p(&old.samples, &new.samples, &mut random) < 0.05 {
        low
    } else {
        0.0
    }
}

/// The 2.5th percentile of the ratio of resampled means, minus one. Criterion too combines resamples of one side with
/// those of the other.
fn low_end_of_change(old: &[f64], new: &[f64], random: &mut StdRng) -> f64 {
    const RESAMPLES: usize = 100;
    let mut means = |samples: &[f64]| -> Vec<f64> {
        (0..RESAMPLES)
            .map(|_| {
                let sum: f64 = (0..samples.len())
                    .map(|_| samples[random.random_range(0..samples.len())])
                    .sum();
                sum / samples.len() as f64
            })
            .collect()
    };
    let (old, new) = (means(old), means(new));
    let mut changes: Vec<f64> = new
        .iter()
        .flat_map(|new| old.iter().map(move |old| new / old - 1.0))
        .collect();
    let rank = changes.len() / 40;
    let (_, low, _) = changes.select_nth_unstable_by(rank, f64::total_cmp);
    *low
}

/// Two-sided: where the t of the samples lies among the t of resamples of both together.
fn bootstrapped_p(old: &[f64], new: &[f64], random: &mut StdRng) -> f64 {
    const RESAMPLES: usize = 1000;
    if old.len() < 2 || new.len() < 2 {
        return 1.0;
    }
    let seen = welch_t(old, new);
    let together: Vec<f64> = old.iter().chain(new).copied().collect();
    let mut resample = vec![0.0; together.len()];
    let (mut finite, mut below) = (0_usize, 0_usize);
    for _ in 0..RESAMPLES {
        for drawn in &mut resample {
            *drawn = together[random.random_range(0..together.len())];
        }
        let (old, new) = resample.split_at(old.len());
        let t = welch_t(old, new);
        if t.is_finite() {
            finite += 1;
            below += usize::from(t < seen);
        }
    }
    if finite == 0 {
        return 1.0;
    }
    2.0 * below.min(finite - below) as f64 / finite as f64
}

/// Not a number, or infinite, where neither side has a spread.
fn welch_t(old: &[f64], new: &[f64]) -> f64 {
    let error = moments::variance(old) / old.len() as f64 + moments::variance(new) / new.len() as f64;
    (moments::mean(new) - moments::mean(old)) / error.sqrt()
}

const CRITCMP: &str = "critcmp: the ratio of criterion's means, in two runs one after the other; it has no test; \
    the `--threshold` of 5 % that people give it is swept; read in `src/data.rs`";

const MEAN_RATIO: &str = "nobody's in particular: the ratio of two means, interleaved; the 5 % is swept";

/// The change of the mean of one process a side.
fn mean_change(baseline: &[Process], candidate: &[Process]) -> f64 {
    let ([old], [new]) = (baseline, candidate) else {
        return 0.0;
    };
    (new.mean / old.mean - 1.0).max(0.0)
}

const BENCHSTAT: &str = "golang.org/x/perf benchstat: Mann-Whitney U on the medians of processes, interleaved as its \
    documentation asks for; `-alpha` of 0.05 is swept; as read for the project's notes on statistics";

/// Benchstat's rule. The score is the surprise of p.
fn benchstat(baseline: &[Process], candidate: &[Process]) -> f64 {
    let medians = |side: &[Process]| -> Vec<f64> { side.iter().map(|process| process.median).collect() };
    let found = mann_whitney::test(&medians(baseline), &medians(candidate));
    if found.second_is_larger() {
        surprise(found.p)
    } else {
        0.0
    }
}

const ASV: &str = "airspeed velocity: Mann-Whitney U with p < 0.002 on two processes of five samples of 10 ms a side, \
    interleaved, and a ratio of medians above `--factor`, 1.1, which is swept; read in `asv_runner` \
    (`benchmarks/time.py`) and asv's `is_different`; where the samples are too few for such a p it falls back on \
    intervals that do not overlap, here it tells nothing";

/// The rule of `asv continuous`. The score is the change of the median where p < 0.002.
fn asv(baseline: &[Process], candidate: &[Process]) -> f64 {
    const P: f64 = 0.002;
    let values = |side: &[Process]| -> Vec<f64> { side.iter().flat_map(|process| process.stretches(5)).collect() };
    let (old, new) = (values(baseline), values(candidate));
    if mann_whitney::smallest_p(old.len(), new.len()) >= P || mann_whitney::test(&old, &new).p >= P {
        return 0.0;
    }
    let middle = |values: Vec<f64>| SortedSamples::new(values).map_or(1.0, |sorted| sorted.median());
    (middle(new) / middle(old) - 1.0).max(0.0)
}

const PYPERF: &str = "pyperf `compare_to`: Student's t with pooled variance over three values of each of 20 processes \
    as if they were 60 independent ones, two-sided at 95 %, which is swept; as read for the project's notes on \
    statistics";

/// Pyperf's rule. The score is the surprise of p.
fn pyperf(baseline: &[Process], candidate: &[Process]) -> f64 {
    let values = |side: &[Process]| -> Vec<f64> { side.iter().flat_map(|process| process.stretches(3)).collect() };
    let (old, new) = (values(baseline), values(candidate));
    if old.len() < 2 || new.len() < 2 {
        return 0.0;
    }
    let (n, m) = (old.len() as f64, new.len() as f64);
    let df = n + m - 2.0;
    let pooled = ((n - 1.0) * moments::variance(&old) + (m - 1.0) * moments::variance(&new)) / df;
    let difference = moments::mean(&new) - moments::mean(&old);
    if difference > 0.0 {
        let t = difference / (pooled * (1.0 / n + 1.0 / m)).sqrt();
        surprise(2.0 * student::survival(t, df))
    } else {
        0.0
    }
}

const TANGO: &str = "tango-bench: the mean of the differences of one pair of processes at least 2.6 standard errors, \
    which is swept, and more than 0.5 %; read in `tango-bench/src/lib.rs`; as it is the two run at once, here in turn";

/// Tango's rule. The score is the number of standard errors where the change is above 0.5 %.
fn tango(baseline: &[Process], candidate: &[Process]) -> f64 {
    let ([old], [new]) = (baseline, candidate) else {
        return 0.0;
    };
    let differences: Vec<f64> = new
        .samples
        .iter()
        .zip(&old.samples)
        .map(|(new, old)| new - old)
        .collect();
    if differences.len() < 2 {
        return 0.0;
    }
    let mean = moments::mean(&differences);
    if mean / old.mean > 0.005 {
        mean / (moments::variance(&differences) / differences.len() as f64).sqrt()
    } else {
        0.0
    }
}

const PAIRED_T: &str = "nobody's: plain one-sided paired t at p < 0.01 over 32 rounds, as many as `compare` takes at \
    most and always all of them; the p is swept: what pairing alone can do";

/// The score is the surprise of p.
fn paired_t(log_ratios: &[f64]) -> f64 {
    if log_ratios.len() < 2 {
        return 0.0;
    }
    let (n, mean) = (log_ratios.len() as f64, moments::mean(log_ratios));
    if mean > 0.0 {
        let t = mean / (moments::variance(log_ratios) / n).sqrt();
        surprise(student::survival(t, n - 1.0))
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use voiceflow_record::paired::Purpose;

    use super::*;
    use crate::compare::validate::testing::{assert_near, normal, round};

    /// Forty rounds whose processes have thirty samples with a spread of 1 %, those of the candidate so much slower.
    fn sides(slowdown: f64) -> Sides {
        let mut random = StdRng::seed_from_u64(5);
        let mut process = |level: f64| {
            let samples = (0..30).map(|_| level * (1.0 + 0.01 * normal(&mut random))).collect();
            Process::new(samples).expect("positive samples")
        };
        let mut sides = Sides::default();
        for _ in 0..40 {
            let (old, new) = (process(1.0), process(1.0 + slowdown));
            sides.log_ratios.push((new.median / old.median).ln());
            sides.baseline.push(old);
            sides.candidate.push(new);
        }
        sides
    }

    fn told(rule: &Rule, sides: &Sides) -> usize {
        rule.scores(sides)
            .iter()
            .filter(|&&score| score > rule.threshold)
            .count()
    }

    #[test]
    fn grossly_slower_is_told_by_every_rule_and_faster_by_none() {
        for rule in rules() {
            let slower = rule.scores(&sides(0.3));
            assert!(!slower.is_empty(), "{}", rule.name);
            assert_eq!(told(&rule, &sides(0.3)), slower.len(), "{}", rule.name);
            assert_eq!(told(&rule, &sides(-0.3)), 0, "{}", rule.name);
        }
    }

    #[test]
    fn equal_data_are_told_by_no_rule() {
        let mut equal = sides(0.0);
        equal.candidate = equal.baseline.clone();
        equal.log_ratios = vec![0.0; equal.rounds()];
        for rule in rules().iter().filter(|rule| rule.sampling == Sampling::Interleaved) {
            assert_eq!(told(rule, &equal), 0, "{}", rule.name);
        }
    }

    #[test]
    fn a_planted_slowdown_is_that_much_more_of_everything() {
        let plain = sides(0.0);
        let planted = plain.planted(0.02);
        assert_near(planted.candidate[3].mean, 1.02 * plain.candidate[3].mean, 1e-12);
        assert_near(planted.log_ratios[3], plain.log_ratios[3] + 1.02_f64.ln(), 1e-12);
        assert_eq!(planted.baseline, plain.baseline);
    }

    #[test]
    fn the_change_of_the_mean_is_zero_for_what_is_faster() {
        let process = |samples: &[f64]| vec![Process::new(samples.to_vec()).expect("samples")];
        assert_near(mean_change(&process(&[1.0, 3.0]), &process(&[2.0, 3.0])), 0.25, 1e-15);
        assert_eq!(mean_change(&process(&[2.0, 3.0]), &process(&[1.0, 3.0])), 0.0);
    }

    /// Differences 1, 2, 3: mean 2, standard error 1 / sqrt(3).
    #[test]
    fn tango_counts_standard_errors_of_the_mean_difference() {
        let process = |samples: &[f64]| vec![Process::new(samples.to_vec()).expect("samples")];
        let score = tango(&process(&[10.0, 10.0, 10.0]), &process(&[11.0, 12.0, 13.0]));
        assert_near(score, 2.0 * 3.0_f64.sqrt(), 1e-12);
        // Ever so clear, but below half a per cent.
        let slight = tango(&process(&[1000.0, 1000.0, 1000.0]), &process(&[1001.0, 1001.1, 1001.2]));
        assert_eq!(slight, 0.0);
    }

    /// t = 2 / sqrt(2/3) = 2.449 with 4 degrees of freedom; its two-sided p is 1 - 0.9295 = 0.0705, by the closed form
    /// of the distribution for four degrees of freedom.
    #[test]
    fn the_pooled_t_is_that_of_student() {
        let process = |samples: &[f64]| vec![Process::new(samples.to_vec()).expect("samples")];
        let score = pyperf(&process(&[1.0, 2.0, 3.0]), &process(&[3.0, 4.0, 5.0]));
        let t: f64 = 2.0 / (2.0_f64 / 3.0).sqrt();
        let x = t / (4.0 + t * t).sqrt();
        let p = 1.0 - (1.5 * x - 0.5 * x.powi(3));
        assert_near(10.0_f64.powf(-score), p, 1e-12);
    }

    #[test]
    fn the_bootstrap_tells_a_clear_difference_from_none() {
        let noise = |level: f64, seed| -> Vec<f64> {
            let mut random = StdRng::seed_from_u64(seed);
            (0..100).map(|_| level + 0.01 * normal(&mut random)).collect()
        };
        let mut random = StdRng::seed_from_u64(1);
        assert!(bootstrapped_p(&noise(1.0, 1), &noise(1.02, 2), &mut random) < 0.01);
        assert!(bootstrapped_p(&noise(1.0, 1), &noise(1.0, 1), &mut random) > 0.5);
        let low = low_end_of_change(&noise(1.0, 1), &noise(1.02, 2), &mut random);
        assert!((0.012..0.022).contains(&low), "{low}");
    }

    #[test]
    fn comparisons_lie_evenly_over_all_rounds() {
        assert_eq!(starts(5, 2).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(starts(2, 3).count(), 0);
        let many: Vec<usize> = starts(1000, 40).collect();
        assert_eq!((many.len(), many[0]), (MOST_COMPARISONS, 0));
        assert!(many.iter().all(|start| start + 40 <= 1000));
        assert!(many.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn with_too_few_rounds_a_rule_makes_no_comparison() {
        let mut few = sides(0.3);
        few.baseline.truncate(8);
        few.candidate.truncate(8);
        few.log_ratios.truncate(8);
        for rule in rules() {
            let comparisons = rule.scores(&few).len();
            assert_eq!(comparisons == 0, rule.rounds_needed() > 8, "{}", rule.name);
        }
    }

    #[test]
    fn runs_at_different_levels_are_brought_together() {
        let mut samples = Samples::default();
        for level in [100_000, 150_000] {
            let rounds: Vec<Round> = (0..4)
                .map(|number| round("a/b/c", Purpose::Judge, number, &[level; 4], &[level + 1000; 4]))
                .collect();
            samples.add(&rounds);
        }
        let sides = samples.operations.values().next().expect("one operation");
        assert_eq!(sides.rounds(), 8);
        for process in sides.baseline.iter().chain(&sides.candidate) {
            assert_near(process.median, 1.0, 0.006);
        }
    }
}
