//! By what the commits are told apart, and what a figure says of one. Pure.

use std::time::Duration;

use voiceflow_record::{Clock, Instrument};

use super::search::Answer;
use crate::compare::decide::{CONFIRM_LOOKS, Finding, Policy, TimeLimits, TimeVerdict};
use crate::compare::model::{Metric, Verdict};
use crate::compare::render::words::{change, percentage, span};
use crate::compare::rules;
use crate::compare::{CONFIRM_ALPHA, MARGIN, TOLERANCE};
use crate::report::INSTRUCTION_FLOOR;
use crate::stats::sequential::STANDARD_LOOKS;

/// A count that is the same every time, so that one look at it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counter {
    pub(crate) metric: Metric,
    pub(crate) instrument: Instrument,
    /// Its name in a record.
    pub(crate) name: &'static str,
}

/// In the order in which they are tried. Times come after them: a count decides without doubt and in one run.
pub(crate) const COUNTERS: [Counter; 2] = [
    Counter {
        metric: Metric::Instructions,
        instrument: Instrument::Instructions,
        name: "Ir",
    },
    Counter {
        metric: Metric::Blocks,
        instrument: Instrument::Allocations,
        name: "blocks",
    },
];

impl Counter {
    /// Whether the operation costs more by this count than it did: by the rules of every comparison.
    pub(crate) fn is_costlier(self, good: u64, bad: u64) -> bool {
        let verdict = match self.metric {
            Metric::Instructions => rules::instructions(good, bad),
            _ => rules::blocks(good, bad),
        };
        verdict == Verdict::Regressed
    }

    /// The smallest rise that is one, as a ratio minus one.
    pub(crate) fn smallest_rise(self, good: u64) -> f64 {
        match self.metric {
            Metric::Instructions => INSTRUCTION_FLOOR,
            _ => 1.0 / (good as f64).max(1.0),
        }
    }
}

/// What is worse at the bad end than at the good one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Yardstick {
    /// This count, with what it is at the ends.
    Count { counter: Counter, good: u64, bad: u64 },
    /// Time, by so much: a ratio minus one.
    Time { clock: Clock, change: f64 },
}

impl Yardstick {
    /// The figure that is compared.
    pub(crate) fn metric(&self) -> Metric {
        match self {
            Self::Count { counter, .. } => counter.metric,
            Self::Time { .. } => Metric::Time,
        }
    }

    /// What measures it.
    pub(crate) fn instrument(&self) -> Instrument {
        match self {
            Self::Count { counter, .. } => counter.instrument,
            Self::Time { .. } => Instrument::Time,
        }
    }

    /// Of a time: the clock that judges.
    pub(crate) fn clock(&self) -> Option<Clock> {
        match self {
            Self::Count { .. } => None,
            Self::Time { clock, .. } => Some(*clock),
        }
    }

    /// Of a count: above this a commit is bad.
    pub(crate) fn halfway(&self) -> Option<f64> {
        match self {
            Self::Count { good, bad, .. } => Some(good.midpoint(*bad) as f64),
            Self::Time { .. } => None,
        }
    }
}

/// What a commit's count says of it: whether it is nearer to that of the good end or to that of the bad one.
pub(crate) fn by_count(good: u64, bad: u64, count: u64) -> (Answer, String) {
    if count > good.midpoint(bad) {
        (Answer::Bad, "nearer to BAD's count".to_owned())
    } else {
        (Answer::Good, "nearer to GOOD's count".to_owned())
    }
}

/// The chance that one paired test suspects a commit that is no slower. A search asks about ten of them.
const STEP_ALPHA: f64 = 1e-3;

/// A commit is bad when it is shown to be slower than the good end by more than this share of the change between the
/// ends, and good when it is shown to be slower by less than [`STILL_GOOD`] of it. The two are far enough apart that a
/// commit like one of the ends is decided early, and lie evenly about one half.
const ALREADY_BAD: f64 = 0.3;
const STILL_GOOD: f64 = 0.7;

/// How long judging rounds may take: to the last look at short operations, to a middle one at those of a second. A
/// search asks about few commits, and one that stays open costs two more.
const LIMITS: TimeLimits = TimeLimits {
    short: Some(Duration::from_secs(30)),
    long: Some(Duration::from_secs(120)),
};

/// How it is tested whether the ends differ: as every comparison does, but to the last look, since somebody has reason
/// to believe that they do; and only what exceeds the tolerance is suspected, for a search costs more than a round.
pub(crate) fn policy_of_ends() -> Policy {
    Policy {
        margin: MARGIN,
        tolerance: TOLERANCE,
        suspect_above: TOLERANCE,
        family_alpha: STEP_ALPHA,
        confirm_alpha: CONFIRM_ALPHA,
        looks: STANDARD_LOOKS.to_vec(),
        confirm_looks: CONFIRM_LOOKS.to_vec(),
        to_the_end: true,
        limits: LIMITS,
    }
}

/// How a commit is tested against the good end, where the ends differ by `change`.
pub(crate) fn policy_of_step(change: f64) -> Policy {
    Policy {
        margin: STILL_GOOD * change,
        tolerance: ALREADY_BAD * change,
        suspect_above: ALREADY_BAD * change,
        to_the_end: false,
        ..policy_of_ends()
    }
}

/// What a paired test against the good end says of a commit.
pub(crate) fn by_time(finding: &Finding, policy: &Policy) -> (Answer, String) {
    match finding.verdict {
        TimeVerdict::Regressed => (
            Answer::Bad,
            format!(
                "slower by more than {}, confirmed by fresh processes",
                percentage(policy.tolerance)
            ),
        ),
        TimeVerdict::Ok => (
            Answer::Good,
            format!("slower by less than {}", percentage(policy.margin)),
        ),
        TimeVerdict::Improved => (Answer::Good, "faster".to_owned()),
        TimeVerdict::GoneWhenShuffled | TimeVerdict::Suspected | TimeVerdict::NotResolved => {
            (Answer::Skipped, format!("not resolved: {}", doubt(finding, policy)))
        }
    }
}

/// Why a time was not resolved.
pub(crate) fn doubt(finding: &Finding, policy: &Policy) -> String {
    let tolerance = percentage(policy.tolerance);
    match &finding.confirmation {
        Some(again) => format!(
            "measured again by fresh processes it is {} ({}), which does not confirm more than {tolerance}",
            change(Some(again.estimate.change)),
            span(again.estimate.low, again.estimate.high)
        ),
        None => format!(
            "{} rounds show neither more than {tolerance} nor less than {}",
            finding.rounds,
            percentage(policy.margin)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::decide::{Confirmed, Estimate};

    #[test]
    fn a_count_belongs_to_the_end_it_is_nearer_to() {
        let answer = |count| by_count(1000, 2000, count).0;
        for good in [0, 1000, 1499, 1500] {
            assert_eq!(answer(good), Answer::Good, "{good}");
        }
        for bad in [1501, 2000, 9000] {
            assert_eq!(answer(bad), Answer::Bad, "{bad}");
        }
        // One block more leaves no room in between.
        assert_eq!(by_count(3, 4, 3).0, Answer::Good);
        assert_eq!(by_count(3, 4, 4).0, Answer::Bad);
        assert_eq!(by_count(u64::MAX - 2, u64::MAX, u64::MAX).0, Answer::Bad);
    }

    #[test]
    fn instructions_need_to_rise_beyond_the_floor_and_blocks_by_one() {
        let [instructions, blocks] = COUNTERS;
        assert!(!instructions.is_costlier(100_000, 100_200));
        assert!(instructions.is_costlier(100_000, 100_201));
        assert!(!instructions.is_costlier(100_000, 50_000));
        assert!(blocks.is_costlier(0, 1) && !blocks.is_costlier(7, 7) && !blocks.is_costlier(7, 6));
    }

    fn finding(verdict: TimeVerdict, confirmation: Option<f64>) -> Finding {
        let estimate = |change: f64| Estimate {
            change,
            low: change - 0.01,
            high: change + 0.01,
        };
        Finding {
            id: "a/b/c".parse().expect("valid"),
            clock: Clock::Cpu,
            verdict,
            estimate: estimate(0.05),
            rounds: 32,
            confirmation: confirmation.map(|change| Confirmed {
                agrees: verdict == TimeVerdict::Regressed,
                rounds: 16,
                estimate: estimate(change),
            }),
            p_adjusted: 0.5,
            smallest_detectable: 0.08,
            was_looked_at: true,
        }
    }

    #[test]
    fn only_a_confirmed_slowdown_is_bad_and_what_stays_open_is_skipped() {
        let policy = policy_of_step(0.1);
        for (verdict, confirmation, answer, words) in [
            (
                TimeVerdict::Regressed,
                Some(0.05),
                Answer::Bad,
                "slower by more than 3 %",
            ),
            (TimeVerdict::Ok, None, Answer::Good, "slower by less than 7 %"),
            (TimeVerdict::Improved, None, Answer::Good, "faster"),
            (
                TimeVerdict::GoneWhenShuffled,
                Some(0.0),
                Answer::Skipped,
                "not resolved: measured again",
            ),
            (
                TimeVerdict::Suspected,
                Some(0.04),
                Answer::Skipped,
                "+4.00 % (+3.00 % to +5.00 %)",
            ),
            (
                TimeVerdict::NotResolved,
                None,
                Answer::Skipped,
                "32 rounds show neither more than 3 % nor less than 7 %",
            ),
        ] {
            let (said, why) = by_time(&finding(verdict, confirmation), &policy);
            assert_eq!(said, answer, "{why}");
            assert!(why.contains(words), "{why}");
        }
    }

    #[test]
    fn good_and_bad_lie_evenly_about_half_the_change() {
        let policy = policy_of_step(0.1);
        assert!((policy.tolerance + policy.margin - 0.1).abs() < 1e-12);
        assert!(policy.tolerance < policy.margin);
    }
}
