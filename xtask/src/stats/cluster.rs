//! One figure for a whole suite. Its operations are the clusters: they, not their rounds, are what another suite would
//! have drawn otherwise, so they alone make the interval.

use super::{moments, student};

/// The geometric mean of ratios with its two-sided interval by Student's t over the logarithms, as
/// `(mean, low, high)`, all ratios. `None` with fewer than two operations, or when a log-ratio is not finite.
pub(crate) fn geometric_mean_interval(log_ratios: &[f64], confidence: f64) -> Option<(f64, f64, f64)> {
    if log_ratios.len() < 2 || log_ratios.iter().any(|log_ratio| !log_ratio.is_finite()) {
        return None;
    }
    let n = log_ratios.len() as f64;
    let mean = moments::mean(log_ratios);
    let standard_error = (moments::variance(log_ratios) / n).sqrt();
    let reach = -student::quantile((1.0 - confidence) / 2.0, n - 1.0) * standard_error;
    Some((mean.exp(), (mean - reach).exp(), (mean + reach).exp()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::stats::testing::{assert_relative, cases, seeded};

    #[derive(Deserialize)]
    struct Case {
        log_ratios: Vec<f64>,
        confidence: f64,
        mean: f64,
        low: f64,
        high: f64,
    }

    #[test]
    fn the_interval_is_that_of_scipy() {
        let file = include_str!("../../tests/fixtures/statistics/cluster.json");
        for case in cases::<Case>(file, "intervals") {
            let (mean, low, high) = geometric_mean_interval(&case.log_ratios, case.confidence).expect("a suite");
            assert_relative(mean, case.mean, 1e-13);
            assert_relative(low, case.low, 1e-12);
            assert_relative(high, case.high, 1e-12);
        }
    }

    #[test]
    fn operations_that_agree_leave_no_doubt() {
        assert_eq!(geometric_mean_interval(&[0.0; 5], 0.95), Some((1.0, 1.0, 1.0)));
    }

    #[test]
    fn one_operation_and_what_is_not_finite_are_no_suite() {
        assert_eq!(geometric_mean_interval(&[], 0.95), None);
        assert_eq!(geometric_mean_interval(&[0.1], 0.95), None);
        assert_eq!(geometric_mean_interval(&[0.1, f64::NAN], 0.95), None);
        assert_eq!(geometric_mean_interval(&[0.1, f64::NEG_INFINITY], 0.95), None);
    }

    proptest! {
        #![proptest_config(seeded())]

        #[test]
        fn swapping_the_sides_inverts_the_ratios(log_ratios in prop::collection::vec(-0.2..0.2_f64, 2..30)) {
            let swapped: Vec<f64> = log_ratios.iter().map(|log_ratio| -log_ratio).collect();
            let (mean, low, high) = geometric_mean_interval(&log_ratios, 0.95).expect("a suite");
            let (swapped_mean, swapped_low, swapped_high) = geometric_mean_interval(&swapped, 0.95).expect("a suite");
            assert_relative(swapped_mean, 1.0 / mean, 1e-12);
            assert_relative(swapped_low, 1.0 / high, 1e-12);
            assert_relative(swapped_high, 1.0 / low, 1e-12);
        }
    }
}
