//! Student's t distribution, exact far out in its tails, where the levels of a group-sequential test lie.
//!
//! Degrees of freedom may be infinite: the normal distribution. Relative accuracy of tails is better than 1e-10 up to
//! 5000 degrees of freedom, as the reference values of R and SciPy show.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use statrs::function::beta::beta_reg;
use statrs::function::erf::erfc;
use statrs::function::gamma::ln_gamma;

/// Steps after which the search for a quantile stops in any case. It takes four on average; hundreds of halvings only
/// where p lies within rounding of one half.
const MOST_STEPS: usize = 200;

/// How close two steps of that search are when it ends. The last step has squared the error of the one before.
const CLOSE: f64 = 1e-13;

/// `P(T <= t)`.
///
/// # Panics
///
/// As [`survival`].
pub(crate) fn cdf(t: f64, df: f64) -> f64 {
    survival(-t, df)
}

/// `P(T > t)`, half the regularised incomplete beta function (Abramowitz and Stegun 26.5.27 and 26.5.2): in the tail
/// that of `df / (df + t^2)`, so that nothing is subtracted from one; near the middle that of its complement, which
/// would be lost to rounding there.
///
/// # Panics
///
/// When `t` is not a number or `df` not above zero.
pub(crate) fn survival(t: f64, df: f64) -> f64 {
    assert!(!t.is_nan() && df > 0.0, "t {t} with {df} degrees of freedom");
    if t < 0.0 {
        return 1.0 - survival(-t, df);
    }
    if df.is_infinite() {
        return erfc(t * FRAC_1_SQRT_2) / 2.0;
    }
    let square = t * t;
    if t == 0.0 {
        0.5
    } else if t < 1.0 {
        0.5 - beta_reg(0.5, df / 2.0, square / (df + square)) / 2.0
    } else if square.is_infinite() {
        0.0
    } else {
        beta_reg(df / 2.0, 0.5, df / (df + square)) / 2.0
    }
}

/// The `t` with `P(T <= t) = p`. A small tail is best asked for from below, by `-quantile(tail, df)`: in `1 - tail` its
/// digits are gone.
///
/// # Panics
///
/// When `p` is not within zero and one or `df` not above zero.
pub(crate) fn quantile(p: f64, df: f64) -> f64 {
    assert!((0.0..=1.0).contains(&p), "a probability of {p}");
    if p > 0.5 {
        upper_quantile(1.0 - p, df)
    } else if p < 0.5 {
        -upper_quantile(p, df)
    } else {
        0.0
    }
}

/// The `t >= 0` with `P(T > t) = tail`, for a tail below one half: Newton's method on the logarithm of the tail, which
/// is nearly straight, and halving wherever a step leaves the bracket.
fn upper_quantile(tail: f64, df: f64) -> f64 {
    if tail == 0.0 {
        return f64::INFINITY;
    }
    let (mut low, mut high) = bracket(tail, df);
    let mut t = f64::midpoint(low, high);
    for _ in 0..MOST_STEPS {
        let found = survival(t, df);
        let excess = (found / tail).ln();
        if excess > 0.0 {
            low = t;
        } else {
            high = t;
        }
        let newton = t + excess * found / density(t, df);
        // Neither holds for a step that is not a number.
        let next = if low <= newton && newton <= high {
            newton
        } else {
            f64::midpoint(low, high)
        };
        if (next - t).abs() <= CLOSE * t.max(1.0) {
            return next;
        }
        t = next;
    }
    t
}

/// Two places, a factor of two apart or the lower one zero, with the quantile between them.
fn bracket(tail: f64, df: f64) -> (f64, f64) {
    let (mut low, mut high) = (0.0, 1.0);
    while survival(high, df) > tail {
        low = high;
        high *= 2.0;
    }
    (low, high)
}

fn density(t: f64, df: f64) -> f64 {
    if df.is_infinite() {
        return (-t * t / 2.0).exp() / (2.0 * PI).sqrt();
    }
    let half = f64::midpoint(df, 1.0);
    let logarithm = ln_gamma(half) - ln_gamma(df / 2.0) - half * (t * t / df).ln_1p();
    logarithm.exp() / (df * PI).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::stats::testing::{assert_near, assert_relative, cases, degrees, seeded};

    const SCIPY: &str = include_str!("../../tests/fixtures/statistics/student.json");
    const R: &str = include_str!("../../tests/fixtures/statistics/student-r.json");

    #[derive(Deserialize)]
    struct Tail {
        df: Option<f64>,
        t: f64,
        survival: f64,
    }

    #[derive(Deserialize)]
    struct Quantile {
        df: Option<f64>,
        p: f64,
        quantile: f64,
    }

    #[test]
    fn tails_are_those_of_r_and_scipy() {
        for file in [SCIPY, R] {
            for case in cases::<Tail>(file, "survival") {
                let df = degrees(case.df);
                assert_relative(survival(case.t, df), case.survival, 1e-10);
                assert_relative(cdf(-case.t, df), case.survival, 1e-10);
            }
        }
    }

    #[test]
    fn quantiles_are_those_of_r_and_scipy() {
        for file in [SCIPY, R] {
            for case in cases::<Quantile>(file, "quantile") {
                assert_relative(quantile(case.p, degrees(case.df)), case.quantile, 1e-10);
            }
        }
    }

    /// With one degree of freedom the tail is `atan(1 / t) / pi`, with two `1 / 2 - t / (2 sqrt(2 + t^2))`.
    #[test]
    fn one_and_two_degrees_of_freedom_have_closed_forms() {
        for t in [0.01_f64, 0.5, 1.0, 3.0, 1e3, 1e7] {
            assert_relative(survival(t, 1.0), (1.0 / t).atan() / PI, 1e-12);
        }
        assert_relative(survival(1.0, 2.0), 0.5 - 0.5 / 3.0_f64.sqrt(), 1e-13);
    }

    #[test]
    fn the_ends_are_where_they_should_be() {
        for df in [1.0, 7.5, f64::INFINITY] {
            assert_eq!(survival(0.0, df), 0.5);
            assert_eq!(survival(f64::INFINITY, df), 0.0);
            assert_eq!(survival(f64::NEG_INFINITY, df), 1.0);
            assert_eq!(quantile(0.5, df), 0.0);
            assert_eq!(quantile(0.0, df), f64::NEG_INFINITY);
            assert_eq!(quantile(1.0, df), f64::INFINITY);
        }
    }

    proptest! {
        #![proptest_config(seeded())]

        #[test]
        fn the_quantile_undoes_the_distribution(exponent in -12.0..-0.31_f64, df in 1.0..300.0_f64) {
            let tail = 10.0_f64.powf(exponent);
            assert_relative(survival(-quantile(tail, df), df), tail, 1e-11);
        }

        #[test]
        fn quantiles_are_symmetric(p in 0.001..0.999_f64, df in 1.0..300.0_f64) {
            assert_near(quantile(p, df), -quantile(1.0 - p, df), 1e-9);
        }

        #[test]
        fn a_tail_is_a_probability_and_falls(
            t in -50.0..50.0_f64,
            further in 0.0..5.0_f64,
            df in prop_oneof![1.0..300.0_f64, Just(f64::INFINITY)],
        ) {
            let (near, far) = (survival(t, df), survival(t + further, df));
            prop_assert!((0.0..=1.0).contains(&near));
            prop_assert!(far <= near + 1e-12, "{far} after {near}");
        }
    }
}
