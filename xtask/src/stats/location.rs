//! Where a sample lies, by Hodges and Lehmann: nearly as sharp as the mean on quiet data, untroubled by outliers.

/// The median of the Walsh averages `(l_i + l_j) / 2` over `i <= j` (Hodges and Lehmann 1963, Annals of Mathematical
/// Statistics 34, the one-sample estimator). `None` when there are no values or one is not finite.
///
/// It holds all n (n + 1) / 2 averages: 5050 for the 100 pairs of a round.
pub(crate) fn hodges_lehmann(values: &[f64]) -> Option<f64> {
    if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    Some(median(&mut walsh_averages(values)))
}

/// How much slower the candidate was, as `ln(candidate / baseline)`, from the interleaved samples of one round.
/// `baseline_first` says of each pair which side ran first.
///
/// Running second in a pair has its own cost (caches, clock frequency), so the pairs of either order are estimated
/// apart and averaged: what the order adds to one stratum it takes from the other. With pairs of one order only, theirs
/// is the estimate. `None` when lengths differ, there are no pairs, or a sample is zero.
pub(crate) fn paired_log_ratio(baseline: &[u64], candidate: &[u64], baseline_first: &[bool]) -> Option<f64> {
    if baseline.len() != candidate.len() || baseline.len() != baseline_first.len() {
        return None;
    }
    if baseline.iter().chain(candidate).any(|&sample| sample == 0) {
        return None;
    }
    let mut strata = [Vec::new(), Vec::new()];
    for ((&baseline, &candidate), &first) in baseline.iter().zip(candidate).zip(baseline_first) {
        strata[usize::from(first)].push((candidate as f64 / baseline as f64).ln());
    }
    let [candidate_led, baseline_led] = strata.map(|log_ratios: Vec<f64>| hodges_lehmann(&log_ratios));
    match (baseline_led, candidate_led) {
        (Some(baseline_led), Some(candidate_led)) => Some(f64::midpoint(baseline_led, candidate_led)),
        (baseline_led, candidate_led) => baseline_led.or(candidate_led),
    }
}

fn walsh_averages(values: &[f64]) -> Vec<f64> {
    let mut averages = Vec::with_capacity(values.len() * (values.len() + 1) / 2);
    for (index, &left) in values.iter().enumerate() {
        averages.extend(values[index..].iter().map(|&right| f64::midpoint(left, right)));
    }
    averages
}

/// The middle one, or the mean of the two in the middle, without sorting the rest. Not for an empty slice.
fn median(values: &mut [f64]) -> f64 {
    let even = values.len().is_multiple_of(2);
    let middle = values.len() / 2;
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if even {
        let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        f64::midpoint(lower, *upper)
    } else {
        *upper
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::stats::testing::{assert_near, cases, seeded};

    const SCIPY: &str = include_str!("../../tests/fixtures/statistics/location.json");
    const R: &str = include_str!("../../tests/fixtures/statistics/location-r.json");

    #[derive(Deserialize)]
    struct Sample {
        values: Vec<f64>,
        estimate: f64,
    }

    #[derive(Deserialize)]
    struct Round {
        baseline: Vec<u64>,
        candidate: Vec<u64>,
        baseline_first: Vec<bool>,
        log_ratio: f64,
    }

    #[test]
    fn the_estimate_is_that_of_numpy_and_of_the_wilcoxon_test_of_r() {
        for file in [SCIPY, R] {
            for case in cases::<Sample>(file, "hodges_lehmann") {
                let estimate = hodges_lehmann(&case.values).expect("finite values");
                assert_near(estimate, case.estimate, 1e-14);
            }
        }
    }

    #[test]
    fn one_value_is_its_own_estimate_and_ties_are_theirs() {
        assert_eq!(hodges_lehmann(&[3.5]), Some(3.5));
        assert_eq!(hodges_lehmann(&[0.1; 6]), Some(0.1));
        // Averages 1, 1.5, 2, 2.5, 3, 4: an even count.
        assert_eq!(hodges_lehmann(&[1.0, 2.0, 4.0]), Some(2.25));
    }

    #[test]
    fn nothing_and_what_is_not_finite_have_no_estimate() {
        assert_eq!(hodges_lehmann(&[]), None);
        assert_eq!(hodges_lehmann(&[1.0, f64::NAN]), None);
        assert_eq!(hodges_lehmann(&[1.0, f64::INFINITY]), None);
    }

    #[test]
    fn a_round_has_the_log_ratio_that_numpy_finds() {
        for case in cases::<Round>(SCIPY, "paired_log_ratio") {
            let log_ratio =
                paired_log_ratio(&case.baseline, &case.candidate, &case.baseline_first).expect("a round of pairs");
            assert_near(log_ratio, case.log_ratio, 1e-14);
        }
    }

    #[test]
    fn what_the_order_costs_cancels() {
        // Equal sides; whoever runs second takes a tenth more.
        let baseline = [100, 110, 110, 100];
        let candidate = [110, 100, 100, 110];
        let log_ratio = paired_log_ratio(&baseline, &candidate, &[true, false, false, true]).expect("pairs");
        assert_near(log_ratio, 0.0, 1e-15);
    }

    #[test]
    fn pairs_of_one_order_are_enough() {
        let expected = 1.1_f64.ln();
        for first in [true, false] {
            let log_ratio = paired_log_ratio(&[100, 200], &[110, 220], &[first; 2]).expect("pairs");
            assert_near(log_ratio, expected, 1e-15);
        }
    }

    #[test]
    fn a_round_that_makes_no_sense_has_no_log_ratio() {
        assert_eq!(paired_log_ratio(&[], &[], &[]), None);
        assert_eq!(paired_log_ratio(&[1, 2], &[1], &[true, false]), None);
        assert_eq!(paired_log_ratio(&[1, 2], &[1, 2], &[true]), None);
        assert_eq!(paired_log_ratio(&[1, 0], &[1, 2], &[true, false]), None);
        assert_eq!(paired_log_ratio(&[1, 2], &[0, 2], &[true, false]), None);
    }

    type Pair = (u64, u64, bool);

    fn a_round() -> impl Strategy<Value = Vec<Pair>> {
        prop::collection::vec((1..1_000_000_u64, 1..1_000_000_u64, any::<bool>()), 1..24)
    }

    fn log_ratio(pairs: impl IntoIterator<Item = Pair>) -> f64 {
        let (mut baseline, mut candidate, mut baseline_first) = (Vec::new(), Vec::new(), Vec::new());
        for pair in pairs {
            baseline.push(pair.0);
            candidate.push(pair.1);
            baseline_first.push(pair.2);
        }
        paired_log_ratio(&baseline, &candidate, &baseline_first).expect("pairs of positive samples")
    }

    proptest! {
        #![proptest_config(seeded())]

        #[test]
        fn swapping_the_sides_flips_the_sign(pairs in a_round()) {
            let swapped = pairs.iter().map(|&(baseline, candidate, first)| (candidate, baseline, !first));
            assert_near(log_ratio(swapped), -log_ratio(pairs.iter().copied()), 1e-13);
        }

        #[test]
        fn scaling_both_sides_changes_nothing(pairs in a_round(), factor in 1..1_000_u64) {
            let scaled = pairs.iter().map(|&(left, right, first)| (factor * left, factor * right, first));
            assert_near(log_ratio(scaled), log_ratio(pairs.iter().copied()), 1e-13);
        }

        #[test]
        fn scaling_one_side_shifts_by_the_logarithm(pairs in a_round(), factor in 1..1_000_u64) {
            let scaled = pairs.iter().map(|&(baseline, candidate, first)| (baseline, factor * candidate, first));
            let expected = log_ratio(pairs.iter().copied()) + (factor as f64).ln();
            assert_near(log_ratio(scaled), expected, 1e-13);
        }

        #[test]
        fn equal_sides_differ_by_nothing(pairs in a_round()) {
            let equal = pairs.iter().map(|&(baseline, _, first)| (baseline, baseline, first));
            prop_assert_eq!(log_ratio(equal), 0.0);
        }

        #[test]
        fn the_order_of_the_pairs_is_irrelevant(
            (pairs, shuffled) in a_round().prop_flat_map(|pairs| (Just(pairs.clone()), Just(pairs).prop_shuffle()))
        ) {
            prop_assert_eq!(log_ratio(pairs), log_ratio(shuffled));
        }
    }
}
