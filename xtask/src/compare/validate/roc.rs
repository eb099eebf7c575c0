//! How often a rule alarms over a whole suite against how much it finds, at every threshold: the only way in which
//! rules with thresholds of their own can be held against each other.

use serde::Serialize;

use super::in_parallel;
use super::resample::{self, Pool};
use super::rivals::{Rule, Samples, Sampling, rules};
use crate::compare::decide::Policy;

/// The slowdowns that rules are tried on.
pub(crate) const SLOWDOWNS: [f64; 3] = [0.01, 0.02, 0.05];

/// False alarms a suite at which rules are compared, in how many of all suites.
pub(crate) const FAIR_ALARMS: f64 = 0.01;

/// A rule is compared where it has rounds enough for nine in ten of the operations; a suite of fewer alarms less often.
const LEAST_SHARE: f64 = 0.9;

/// The family-wise levels at which the own rule is tried.
const OWN_LEVELS: [f64; 6] = [0.0001, 0.001, 0.01, 0.05, 0.2, 0.5];

/// How a rule does at one threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Point {
    /// The share of suites of equal code with at least one alarm.
    pub(crate) family_alarms: f64,
    /// The share of slowdowns that are told, over all operations.
    pub(crate) found: f64,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) source: String,
    /// Of each side, for one comparison.
    pub(crate) processes: String,
    pub(crate) sequential: bool,
    /// With enough rounds.
    pub(crate) operations: usize,
    /// `None` with too few rounds.
    pub(crate) figures: Option<Figures>,
}

/// A point, or a curve of them, for each of [`SLOWDOWNS`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Figures {
    /// With the threshold the tool comes with.
    pub(crate) as_set: Vec<Point>,
    /// At the lowest threshold with at most [`FAIR_ALARMS`].
    pub(crate) at_fair_alarms: Vec<Point>,
    /// From many alarms to few.
    pub(crate) curves: Vec<Vec<Point>>,
}

/// The scores of one operation, each list ascending.
#[derive(Clone, Debug, Default, PartialEq)]
struct Scored {
    null: Vec<f64>,
    /// For each of [`SLOWDOWNS`].
    planted: Vec<Vec<f64>>,
}

/// The rules of others on the same rounds, and the own one before them.
pub(crate) fn entries(policy: &Policy, pools: &[Pool], samples: &Samples, sizes: Sizes) -> Vec<Entry> {
    let mut entries = own(policy, pools, sizes);
    let rules = rules();
    let scored = in_parallel(pools.len(), |index| {
        let Some(sides) = samples.operations.get(&pools[index].id) else {
            return vec![Scored::default(); rules.len()];
        };
        let planted = SLOWDOWNS.map(|slowdown| sides.planted(slowdown));
        rules
            .iter()
            .map(|rule| Scored {
                null: ascending(rule.scores(sides)),
                planted: planted.iter().map(|sides| ascending(rule.scores(sides))).collect(),
            })
            .collect()
    });
    for (index, rule) in rules.iter().enumerate() {
        let of_rule: Vec<&Scored> = scored
            .iter()
            .map(|of_operation| &of_operation[index])
            .filter(|of_operation| !of_operation.null.is_empty())
            .collect();
        entries.push(entry(rule, &of_rule, pools.len()));
    }
    entries
}

/// How many suites the own rule is tried on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) suites: u32,
    pub(crate) trials: u32,
    pub(crate) seed: u64,
}

fn ascending(mut scores: Vec<f64>) -> Vec<f64> {
    scores.sort_by(f64::total_cmp);
    scores
}

fn entry(rule: &Rule, scored: &[&Scored], operations: usize) -> Entry {
    let is_enough = !scored.is_empty() && scored.len() as f64 >= LEAST_SHARE * operations as f64;
    Entry {
        name: rule.name.to_owned(),
        source: rule.source.to_owned(),
        processes: rule.processes.to_string(),
        sequential: rule.sampling == Sampling::Sequential,
        operations: scored.len(),
        figures: is_enough.then(|| figures(scored, rule.threshold)),
    }
}

fn figures(scored: &[&Scored], threshold: f64) -> Figures {
    let points = |threshold: f64| -> Vec<Point> {
        let family_alarms = family_alarms(scored, threshold);
        (0..SLOWDOWNS.len())
            .map(|slowdown| Point {
                family_alarms,
                found: found(scored, slowdown, threshold),
            })
            .collect()
    };
    let mut curves = vec![Vec::new(); SLOWDOWNS.len()];
    for threshold in thresholds(scored) {
        for (curve, point) in curves.iter_mut().zip(points(threshold)) {
            curve.push(point);
        }
    }
    Figures {
        as_set: points(threshold),
        at_fair_alarms: points(fair_threshold(scored)),
        curves,
    }
}

/// The share of suites with an alarm, where every operation draws one of its comparisons of equal code, independently
/// of the others: one minus the product of the shares without one. No suites need to be drawn for it.
fn family_alarms(scored: &[&Scored], threshold: f64) -> f64 {
    let none: f64 = scored.iter().map(|of| 1.0 - share_above(&of.null, threshold)).product();
    1.0 - none
}

/// The share of planted slowdowns that are told; every operation counts the same.
fn found(scored: &[&Scored], slowdown: usize, threshold: f64) -> f64 {
    let shares: f64 = scored
        .iter()
        .map(|of| share_above(&of.planted[slowdown], threshold))
        .sum();
    shares / scored.len() as f64
}

fn share_above(ascending: &[f64], threshold: f64) -> f64 {
    let above = ascending.len() - ascending.partition_point(|&score| score <= threshold);
    above as f64 / ascending.len().max(1) as f64
}

/// All scores of equal code, ascending: between two of them nothing changes.
fn all_scores(scored: &[&Scored]) -> Vec<f64> {
    let mut all: Vec<f64> = scored.iter().flat_map(|of| of.null.iter().copied()).collect();
    all.push(0.0);
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

/// The lowest threshold with at most [`FAIR_ALARMS`]; no score of equal code is above the last, so there is one.
fn fair_threshold(scored: &[&Scored]) -> f64 {
    let all = all_scores(scored);
    // What rounding adds is no alarm.
    let most = FAIR_ALARMS + 1e-12;
    let lowest = all.partition_point(|&threshold| family_alarms(scored, threshold) > most);
    all.get(lowest).or(all.last()).copied().unwrap_or(0.0)
}

/// From the lowest to the highest, closer and closer: few alarms are where it matters.
fn thresholds(scored: &[&Scored]) -> Vec<f64> {
    let all = all_scores(scored);
    let mut ranks = vec![0];
    let mut from_end = 1;
    while from_end <= all.len() {
        ranks.push(all.len() - from_end);
        from_end = from_end * 5 / 4 + 1;
    }
    ranks.sort_unstable();
    ranks.dedup();
    ranks.into_iter().map(|rank| all[rank]).collect()
}

/// The own rule by its suspicions alone, which is what the rules of others can be compared with, and with confirmation.
fn own(policy: &Policy, pools: &[Pool], sizes: Sizes) -> Vec<Entry> {
    let mut levels = OWN_LEVELS.to_vec();
    levels.push(policy.family_alpha);
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    let tried: Vec<Tried> = levels
        .iter()
        .map(|&family_alpha| Tried::new(policy, family_alpha, pools, sizes))
        .collect();
    let rounds = policy.looks.first().zip(policy.looks.last());
    let processes = rounds.map_or_else(String::new, |(first, last)| format!("{first} to {last}"));
    let entry = |name: &str, source: &str, points: fn(&Tried) -> &[Point]| {
        let as_set = tried.iter().find(|tried| tried.family_alpha == policy.family_alpha);
        let is_fair = |tried: &&Tried| points(tried)[0].family_alarms <= FAIR_ALARMS;
        // The levels ascend.
        let fair = tried.iter().rfind(is_fair).or(as_set);
        Entry {
            name: name.to_owned(),
            source: source.to_owned(),
            processes: processes.clone(),
            sequential: false,
            operations: pools.len(),
            figures: as_set.zip(fair).map(|(as_set, fair)| Figures {
                as_set: points(as_set).to_vec(),
                at_fair_alarms: points(fair).to_vec(),
                curves: (0..SLOWDOWNS.len())
                    .map(|slowdown| tried.iter().rev().map(|tried| points(tried)[slowdown]).collect())
                    .collect(),
            }),
        }
    };
    vec![
        entry("compare, suspicions", OWN_SUSPICIONS, |tried| &tried.suspected),
        entry("compare, confirmed", OWN_CONFIRMED, |tried| &tried.confirmed),
    ]
}

const OWN_SUSPICIONS: &str =
    "this tool, before anything is confirmed; the chance of a false suspicion, 20 % a suite, is swept";

const OWN_CONFIRMED: &str =
    "this tool, with the confirmation that a regression needs, drawn from rounds with shuffled layouts";

/// The own rule at one level.
struct Tried {
    family_alpha: f64,
    /// For each of [`SLOWDOWNS`].
    suspected: Vec<Point>,
    confirmed: Vec<Point>,
}

impl Tried {
    fn new(policy: &Policy, family_alpha: f64, pools: &[Pool], sizes: Sizes) -> Self {
        let policy = Policy {
            family_alpha,
            ..policy.clone()
        };
        let null = resample::null(&policy, pools, sizes.suites, sizes.seed);
        let planted = resample::planted(&policy, pools, &SLOWDOWNS, sizes.trials, sizes.seed);
        let share = |some: u64, all: u64| some as f64 / all.max(1) as f64;
        let (mut suspected, mut confirmed) = (Vec::new(), Vec::new());
        for planted in planted {
            let mut fate = planted.fates.processor;
            fate.merge(&planted.fates.wall);
            suspected.push(Point {
                family_alarms: share(null.suspected, null.suites),
                found: share(fate.suspected, fate.trials),
            });
            confirmed.push(Point {
                family_alarms: share(null.confirmed, null.suites),
                found: share(fate.found, fate.trials),
            });
        }
        Self {
            family_alpha,
            suspected,
            confirmed,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use voiceflow_record::paired::{Purpose, Round};

    use super::*;
    use crate::compare::decide::tests::policy;
    use crate::compare::validate::resample::Gathered;
    use crate::compare::validate::testing::{assert_near, quiet_round};

    fn scored(null: &[f64], planted: &[f64]) -> Scored {
        Scored {
            null: ascending(null.to_vec()),
            planted: vec![ascending(planted.to_vec()); SLOWDOWNS.len()],
        }
    }

    #[test]
    fn a_suite_alarms_when_any_of_its_operations_does() {
        let (a, b) = (scored(&[0.0, 0.0, 0.0, 1.0], &[2.0]), scored(&[0.0, 3.0], &[4.0]));
        let both = [&a, &b];
        assert_near(family_alarms(&both, 0.5), 1.0 - 0.75 * 0.5, 1e-15);
        assert_near(family_alarms(&both, 1.0), 0.5, 1e-15);
        assert_eq!(family_alarms(&both, 3.0), 0.0);
        assert_eq!(found(&both, 0, 3.0), 0.5);
    }

    #[test]
    fn the_fair_threshold_is_the_lowest_with_few_enough_alarms() {
        let null: Vec<f64> = (0..200).map(f64::from).collect();
        let scored = scored(&null, &[150.0, 197.5, 198.5, 300.0]);
        // One of two hundred is above 198, two are above 197: 0.5 % and 1 %.
        assert_eq!(fair_threshold(&[&scored]), 197.0);
        let figures = figures(&[&scored], 100.0);
        assert_eq!(figures.at_fair_alarms[0].found, 0.75);
        assert_near(figures.as_set[0].family_alarms, 99.0 / 200.0, 1e-15);
    }

    #[test]
    fn a_rule_that_never_alarms_is_compared_at_its_lowest_threshold() {
        let scored = scored(&[0.0; 5], &[0.0, 0.1]);
        assert_eq!(fair_threshold(&[&scored]), 0.0);
        assert_eq!(figures(&[&scored], 0.5).at_fair_alarms[2].found, 0.5);
    }

    #[test]
    fn curves_go_from_many_alarms_to_few_and_find_less_and_less() {
        let null: Vec<f64> = (0..500).map(f64::from).collect();
        let scored = scored(&null, &null);
        for curve in figures(&[&scored], 1.0).curves {
            assert!(curve.len() > 10);
            assert!(curve.is_sorted_by(|a, b| a.family_alarms >= b.family_alarms && a.found >= b.found));
            assert_eq!(curve.last().map(|point| point.family_alarms), Some(0.0));
        }
    }

    #[test]
    fn on_quiet_rounds_the_own_rule_finds_five_per_cent_and_rules_without_rounds_say_so() {
        let mut random = StdRng::seed_from_u64(2);
        let (mut gathered, mut samples) = (Gathered::default(), Samples::default());
        for _ in 0..2 {
            let rounds: Vec<Round> = (0..4)
                .flat_map(|operation| (0..9).map(move |number| (operation, number)))
                .map(|(operation, number)| {
                    quiet_round(&format!("a/b/{operation}"), Purpose::Judge, number, &mut random)
                })
                .collect();
            gathered.add(&rounds);
            samples.add(&rounds);
        }
        let (pools, _) = gathered.pools();
        assert_eq!(pools.len(), 4);
        let sizes = Sizes {
            suites: 50,
            trials: 10,
            seed: 1,
        };
        let entries = entries(&policy(), &pools, &samples, sizes);
        let figures = |name: &str| {
            let entry = entries.iter().find(|entry| entry.name == name);
            entry.and_then(|entry| entry.figures.as_ref())
        };
        let own = figures("compare, confirmed").expect("measured");
        assert!(own.as_set[2].found > 0.9, "{own:?}");
        assert!(own.as_set[2].family_alarms <= 0.02, "{own:?}");
        // Eighteen rounds are enough for ten processes a side in turn, and not for twenty.
        assert!(figures("benchstat, n = 10").is_some());
        assert_eq!(figures("benchstat, n = 20"), None);
        assert_eq!(figures("pyperf, sequential"), None);
    }
}
