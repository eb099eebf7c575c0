//! How often something happens, from how often it was seen: alarms among suites, slowdowns found among those planted.

use super::student;

/// The two-sided interval of Wilson (1927, Journal of the American Statistical Association 22), the score interval
/// without continuity correction. Nothing tried says nothing: zero to one.
///
/// # Panics
///
/// With more successes than trials.
pub(crate) fn wilson(successes: u64, trials: u64, confidence: f64) -> (f64, f64) {
    assert!(successes <= trials, "{successes} successes in {trials} trials");
    if trials == 0 {
        return (0.0, 1.0);
    }
    let n = trials as f64;
    let share = successes as f64 / n;
    let z = -student::quantile((1.0 - confidence) / 2.0, f64::INFINITY);
    let shrink = 1.0 + z * z / n;
    let centre = (share + z * z / (2.0 * n)) / shrink;
    let reach = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt() / shrink;
    // At the ends the formula gives exactly zero and one, but for rounding.
    let low = if successes == 0 { 0.0 } else { centre - reach };
    let high = if successes == trials { 1.0 } else { centre + reach };
    (low, high)
}

/// The most often that something happens which was not seen in `trials`, with this one-sided confidence:
/// `1 - (1 - confidence)^(1 / n)`, the bound of Clopper and Pearson (1934, Biometrika 26) for no success. It is taken
/// by logarithms, so that the bound for very many trials keeps its digits.
pub(crate) fn upper_bound_of_none(trials: u64, confidence: f64) -> f64 {
    if trials == 0 {
        return 1.0;
    }
    -((1.0 - confidence).ln() / trials as f64).exp_m1()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::stats::testing::{assert_near, assert_relative, cases, seeded};

    const SCIPY: &str = include_str!("../../tests/fixtures/statistics/proportion.json");

    #[derive(Deserialize)]
    struct Interval {
        successes: u64,
        trials: u64,
        confidence: f64,
        low: f64,
        high: f64,
    }

    #[derive(Deserialize)]
    struct Bound {
        trials: u64,
        confidence: f64,
        high: f64,
    }

    #[test]
    fn intervals_are_those_of_scipy() {
        for case in cases::<Interval>(SCIPY, "wilson") {
            let (low, high) = wilson(case.successes, case.trials, case.confidence);
            // As near as quantiles are.
            assert_near(low, case.low, 1e-10);
            assert_near(high, case.high, 1e-10);
        }
    }

    #[test]
    fn bounds_of_what_was_never_seen_are_those_of_scipy() {
        for case in cases::<Bound>(SCIPY, "none") {
            // SciPy looks for the bound numerically and is 2e-10 off at 100,000 trials.
            assert_relative(upper_bound_of_none(case.trials, case.confidence), case.high, 1e-9);
        }
    }

    /// 1 - 0.1^(1/100000) to 50 digits by Python's decimal module, cut.
    #[test]
    fn the_bound_of_very_many_trials_keeps_its_digits() {
        assert_relative(upper_bound_of_none(100_000, 0.9), 2.302_558_583_706_96e-5, 1e-13);
    }

    /// The rule of three: none of 300 is below 1 % at 95 % confidence, none of 298 is not.
    #[test]
    fn none_of_three_hundred_is_less_than_one_in_a_hundred() {
        assert!(upper_bound_of_none(300, 0.95) < 0.01);
        assert!(upper_bound_of_none(298, 0.95) > 0.01);
    }

    #[test]
    fn nothing_tried_says_nothing() {
        assert_eq!(wilson(0, 0, 0.95), (0.0, 1.0));
        assert_eq!(upper_bound_of_none(0, 0.95), 1.0);
    }

    proptest! {
        #![proptest_config(seeded())]

        #[test]
        fn an_interval_holds_its_share_and_mirrors(
            (successes, trials) in (1..10_000_u64).prop_flat_map(|trials| (0..=trials, Just(trials))),
            confidence in 0.5..0.9999_f64,
        ) {
            let share = successes as f64 / trials as f64;
            let (low, high) = wilson(successes, trials, confidence);
            prop_assert!(0.0 <= low && low <= share && share <= high && high <= 1.0, "{low} {high}");
            let (mirrored_low, mirrored_high) = wilson(trials - successes, trials, confidence);
            assert_near(mirrored_low, 1.0 - high, 1e-12);
            assert_near(mirrored_high, 1.0 - low, 1e-12);
        }
    }
}
