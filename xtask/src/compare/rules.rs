//! Times and counts together: one verdict a row. The table stands in `METHODOLOGY.md`.
//!
//! Counts are facts and judged alone. A time is a measurement: what it says of a suspicion that shuffled layouts do not
//! confirm depends on whether the instructions changed.

use super::decide::TimeVerdict;
use super::model::Verdict;
use crate::report::INSTRUCTION_FLOOR;

/// What the instruction counts of both sides say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instructions {
    /// Within the floor of each other.
    Equal,
    /// Beyond it.
    Different,
    /// The operation is not counted, or could not be.
    Unknown,
}

impl Instructions {
    /// Compares two counts.
    pub(crate) fn of(baseline: u64, candidate: u64) -> Self {
        let slack = baseline as f64 * INSTRUCTION_FLOOR;
        if (candidate as f64 - baseline as f64).abs() <= slack {
            Self::Equal
        } else {
            Self::Different
        }
    }
}

/// The verdict on a time, with the reason where it needs one. `shuffled`: confirmations were linked with other layouts.
pub(crate) fn time(found: TimeVerdict, instructions: Instructions, shuffled: bool) -> (Verdict, Option<&'static str>) {
    match (found, instructions) {
        (TimeVerdict::Regressed, Instructions::Equal) => (
            Verdict::Regressed,
            Some("instructions are equal, so it is memory, branches or the kernel that cost more"),
        ),
        (TimeVerdict::Regressed, _) => (Verdict::Regressed, None),
        (TimeVerdict::GoneWhenShuffled, Instructions::Equal) if shuffled => (
            Verdict::Layout,
            Some("instructions are equal, and with shuffled layouts it is within the margin"),
        ),
        (TimeVerdict::GoneWhenShuffled, _) if shuffled => (
            Verdict::NotResolved,
            Some("suspected, but within the margin with shuffled layouts"),
        ),
        (TimeVerdict::GoneWhenShuffled, _) => (
            Verdict::NotResolved,
            Some("suspected, but within the margin when fresh processes measured it again"),
        ),
        (TimeVerdict::Suspected, _) => (
            Verdict::NotResolved,
            Some("suspected, and measuring it again neither confirmed a slowdown nor ruled it out"),
        ),
        (TimeVerdict::NotResolved, _) => (Verdict::NotResolved, None),
        (TimeVerdict::Improved, _) => (Verdict::Improved, None),
        (TimeVerdict::Ok, _) => (Verdict::Ok, None),
    }
}

/// The verdict on instructions: beyond the floor is a fact.
pub(crate) fn instructions(baseline: u64, candidate: u64) -> Verdict {
    match Instructions::of(baseline, candidate) {
        Instructions::Equal | Instructions::Unknown => Verdict::Ok,
        Instructions::Different if candidate > baseline => Verdict::Regressed,
        Instructions::Different => Verdict::Improved,
    }
}

/// The verdict on heap blocks: a block is a block.
pub(crate) fn blocks(baseline: u64, candidate: u64) -> Verdict {
    match candidate.cmp(&baseline) {
        std::cmp::Ordering::Greater => Verdict::Regressed,
        std::cmp::Ordering::Less => Verdict::Improved,
        std::cmp::Ordering::Equal => Verdict::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_per_cent_more_instructions_is_a_regression_and_two_in_a_thousand_is_not() {
        assert_eq!(instructions(100_000, 101_000), Verdict::Regressed);
        assert_eq!(instructions(100_000, 100_200), Verdict::Ok);
        assert_eq!(instructions(100_000, 99_000), Verdict::Improved);
    }

    #[test]
    fn one_block_more_is_a_regression() {
        assert_eq!(blocks(7, 8), Verdict::Regressed);
        assert_eq!(blocks(7, 7), Verdict::Ok);
        assert_eq!(blocks(7, 6), Verdict::Improved);
    }

    #[test]
    fn only_with_equal_instructions_is_a_vanished_slowdown_called_layout() {
        let verdict = |instructions| time(TimeVerdict::GoneWhenShuffled, instructions, true).0;
        assert_eq!(verdict(Instructions::Equal), Verdict::Layout);
        assert_eq!(verdict(Instructions::Different), Verdict::NotResolved);
        assert_eq!(verdict(Instructions::Unknown), Verdict::NotResolved);
        // Where nothing was shuffled, nothing is known of layouts.
        let unshuffled = time(TimeVerdict::GoneWhenShuffled, Instructions::Equal, false);
        assert_eq!(unshuffled.0, Verdict::NotResolved);
        assert!(unshuffled.1.is_some_and(|reason| !reason.contains("layouts")));
    }

    #[test]
    fn a_suspicion_that_stays_one_is_told() {
        let (verdict, reason) = time(TimeVerdict::Suspected, Instructions::Equal, true);
        assert_eq!(verdict, Verdict::NotResolved);
        assert!(reason.is_some_and(|reason| reason.starts_with("suspected")));
    }

    #[test]
    fn a_confirmed_slowdown_is_a_regression_whatever_the_counts_say() {
        for instructions in [Instructions::Equal, Instructions::Different, Instructions::Unknown] {
            assert_eq!(time(TimeVerdict::Regressed, instructions, true).0, Verdict::Regressed);
        }
    }
}
