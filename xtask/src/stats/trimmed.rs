//! The rounds of one operation put together: a mean that a bad round cannot move far, with its standard error.

use super::moments;

/// A fifth is cut from either end, the share Yuen and, later, Wilcox recommend: it withstands one bad round in five and
/// costs little when there are none. With four rounds or fewer nothing is cut.
const ONE_CUT_IN: usize = 5;

/// The 20 % trimmed mean of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trimmed {
    /// Of the values in the middle.
    pub(crate) mean: f64,
    /// Scaled so that the squared standard error of the mean is `variance / n`.
    pub(crate) variance: f64,
    /// Degrees of freedom: one less than the values in the middle.
    pub(crate) df: f64,
    /// How many values there were, those cut included.
    pub(crate) n: usize,
}

fn left_of(n: usize) -> usize {
    n - 2 * (n / ONE_CUT_IN)
}

/// Those of a sample of `n` values.
pub(crate) fn degrees_of_freedom(n: usize) -> f64 {
    left_of(n) as f64 - 1.0
}

impl Trimmed {
    /// With `g = floor(0.2 n)` cut from either end, `h = n - 2 g` left and `s_w^2` the variance of all n after
    /// winsorising: `variance = n (n - 1) s_w^2 / (h (h - 1))`, `df = h - 1` (Yuen 1974, Biometrika 61, the one-sample
    /// form). `None` with fewer than two values, or when one is not finite.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        let cut = n / ONE_CUT_IN;
        let left = left_of(n);
        if left < 2 || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = &sorted[cut..n - cut];
        let (low, high) = (middle[0], middle[left - 1]);
        let winsorised: Vec<f64> = sorted.iter().map(|value| value.clamp(low, high)).collect();
        let (size, kept) = (n as f64, left as f64);
        Some(Self {
            mean: moments::mean(middle),
            variance: moments::variance(&winsorised) * size * (size - 1.0) / (kept * (kept - 1.0)),
            df: degrees_of_freedom(n),
            n,
        })
    }

    /// Of the mean.
    #[cfg(test)]
    pub(crate) fn standard_error(&self) -> f64 {
        (self.variance / self.n as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::stats::testing::{assert_near, assert_relative, cases, seeded};

    #[derive(Deserialize)]
    struct Case {
        values: Vec<f64>,
        mean: f64,
        winsorized_variance: f64,
        t: f64,
        df: f64,
    }

    #[test]
    fn mean_and_error_are_those_of_scipy() {
        let file = include_str!("../../tests/fixtures/statistics/trimmed.json");
        for case in cases::<Case>(file, "yuen") {
            let trimmed = Trimmed::of(&case.values).expect("a sample");
            assert_relative(trimmed.mean, case.mean, 1e-13);
            assert_relative(trimmed.df, case.df, 1e-13);
            assert_relative(trimmed.mean / trimmed.standard_error(), case.t, 1e-12);
            let (n, h) = (trimmed.n as f64, case.df + 1.0);
            assert_relative(
                trimmed.variance * h * (h - 1.0) / (n * (n - 1.0)),
                case.winsorized_variance,
                1e-12,
            );
        }
    }

    /// By hand: 1 and 9 become 2 and 5, so the sum of squares about 3.4 is 1.96 + 1.96 + 0.16 + 2.56 + 2.56 = 9.2,
    /// s_w^2 = 2.3, and 5 * 4 / (3 * 2) times that is 7.666...
    #[test]
    fn a_worked_sample_of_five() {
        let trimmed = Trimmed::of(&[9.0, 2.0, 3.0, 1.0, 5.0]).expect("a sample");
        assert_relative(trimmed.mean, 10.0 / 3.0, 1e-14);
        assert_relative(trimmed.variance, 23.0 / 3.0, 1e-14);
        assert_eq!((trimmed.df, trimmed.n), (2.0, 5));
    }

    #[test]
    fn four_values_are_not_trimmed() {
        let trimmed = Trimmed::of(&[1.0, 2.0, 3.0, 10.0]).expect("a sample");
        assert_eq!((trimmed.mean, trimmed.df), (4.0, 3.0));
        assert_relative(trimmed.variance, 50.0 / 3.0, 1e-14);
    }

    #[test]
    fn no_spread_is_no_error() {
        let trimmed = Trimmed::of(&[0.1; 8]).expect("a sample");
        assert_eq!(
            (trimmed.mean, trimmed.variance, trimmed.standard_error()),
            (0.1, 0.0, 0.0)
        );
    }

    #[test]
    fn one_bad_round_in_five_moves_nothing() {
        let quiet = Trimmed::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).expect("a sample");
        let noisy = Trimmed::of(&[1.0, 2.0, 3.0, 4.0, 5e9]).expect("a sample");
        assert_eq!(quiet, noisy);
    }

    #[test]
    fn one_value_and_what_is_not_finite_are_no_sample() {
        assert_eq!(Trimmed::of(&[]), None);
        assert_eq!(Trimmed::of(&[1.0]), None);
        assert_eq!(Trimmed::of(&[1.0, 2.0, f64::NAN]), None);
        assert_eq!(Trimmed::of(&[1.0, 2.0, f64::INFINITY]), None);
    }

    proptest! {
        #![proptest_config(seeded())]

        #[test]
        fn the_order_of_values_is_irrelevant(values in prop::collection::vec(-1.0..1.0_f64, 2..33)) {
            let reversed: Vec<f64> = values.iter().rev().copied().collect();
            prop_assert_eq!(Trimmed::of(&values), Trimmed::of(&reversed));
        }

        #[test]
        fn shifting_moves_the_mean_and_scaling_the_error(
            values in prop::collection::vec(-1.0..1.0_f64, 2..33),
            shift in -10.0..10.0_f64,
            factor in 0.1..10.0_f64,
        ) {
            let plain = Trimmed::of(&values).expect("a sample");
            let moved: Vec<f64> = values.iter().map(|value| shift + factor * value).collect();
            let moved = Trimmed::of(&moved).expect("a sample");
            assert_near(moved.mean, shift + factor * plain.mean, 1e-12);
            assert_near(moved.standard_error(), factor * plain.standard_error(), 1e-12);
        }
    }
}
