//! Derivatives of the logarithm of the gamma function that statrs does not have.

/// From here on the first term that the asymptotic series leave out is below 1e-15 of trigamma and 1e-13 of tetragamma,
/// which only steers Newton's steps; smaller arguments are raised by the recurrences.
const ASYMPTOTIC_FROM: f64 = 12.0;

/// The second derivative of `ln gamma(x)`, for `x > 0` (Abramowitz and Stegun 6.4.6 and 6.4.12).
pub(crate) fn trigamma(x: f64) -> f64 {
    let (raised, sum) = raise(x, |x| 1.0 / (x * x));
    let inverse = 1.0 / raised;
    let square = inverse * inverse;
    // Bernoulli numbers B_2 to B_12 over powers of x.
    let series = horner(
        square,
        [
            1.0 / 6.0,
            -1.0 / 30.0,
            1.0 / 42.0,
            -1.0 / 30.0,
            5.0 / 66.0,
            -691.0 / 2730.0,
        ],
    );
    sum + inverse + square / 2.0 + inverse * square * series
}

/// The third derivative of `ln gamma(x)`, for `x > 0` (Abramowitz and Stegun 6.4.6 and 6.4.13).
fn tetragamma(x: f64) -> f64 {
    let (raised, sum) = raise(x, |x| -2.0 / (x * x * x));
    let inverse = 1.0 / raised;
    let square = inverse * inverse;
    let series = horner(
        square,
        [1.0 / 2.0, -1.0 / 6.0, 1.0 / 6.0, -3.0 / 10.0, 5.0 / 6.0, -691.0 / 210.0],
    );
    sum - square - square * inverse - square * square * series
}

/// The `x > 0` whose trigamma is `value > 0`, by Newton's method on `1 / trigamma`, which is nearly straight: from
/// below it converges monotonically (Smyth 2004, appendix). At both ends the first term of the expansion is exact.
pub(crate) fn trigamma_inverse(value: f64) -> f64 {
    if value > 1e7 {
        return 1.0 / value.sqrt();
    }
    if value < 1e-6 {
        return 1.0 / value;
    }
    let mut x = 0.5 + 1.0 / value;
    // Convergence is quadratic and takes about five steps; the limit only guards against endless rounding.
    for _ in 0..50 {
        let found = trigamma(x);
        let step = found * (1.0 - found / value) / tetragamma(x);
        x += step;
        if step.abs() < 1e-9 * x {
            break;
        }
    }
    x
}

/// Raises an argument to where the series hold, and sums what the recurrence adds on the way.
fn raise(mut x: f64, term: impl Fn(f64) -> f64) -> (f64, f64) {
    let mut sum = 0.0;
    while x < ASYMPTOTIC_FROM {
        sum += term(x);
        x += 1.0;
    }
    (x, sum)
}

/// A polynomial with its coefficients in ascending order.
fn horner(x: f64, coefficients: [f64; 6]) -> f64 {
    coefficients
        .iter()
        .rev()
        .fold(0.0, |sum, coefficient| sum * x + coefficient)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;
    use crate::stats::testing::assert_relative;

    /// Abramowitz and Stegun 6.4.2, 6.4.4: trigamma(1) = pi^2 / 6, trigamma(1/2) = pi^2 / 2, trigamma(n) less by
    /// 1 / k^2 for every k < n.
    #[test]
    fn trigamma_has_its_closed_forms() {
        assert_relative(trigamma(1.0), PI * PI / 6.0, 1e-15);
        assert_relative(trigamma(0.5), PI * PI / 2.0, 1e-15);
        assert_relative(trigamma(2.0), PI * PI / 6.0 - 1.0, 1e-14);
        let sum: f64 = (1..40).map(|k| 1.0 / f64::from(k * k)).sum();
        assert_relative(trigamma(40.0), PI * PI / 6.0 - sum, 1e-12);
    }

    #[test]
    fn tetragamma_is_the_slope_of_trigamma() {
        for x in [0.3, 1.0, 4.5, 11.9, 12.1, 80.0] {
            let step = 1e-5 * x;
            let slope = (trigamma(x + step) - trigamma(x - step)) / (2.0 * step);
            assert_relative(tetragamma(x), slope, 1e-8);
        }
    }

    #[test]
    fn the_inverse_undoes_trigamma() {
        for x in [1e-5, 1e-3, 0.1, 0.5, 1.0, 2.5, 10.0, 500.0, 1e5, 1e7] {
            assert_relative(trigamma_inverse(trigamma(x)), x, 1e-6);
        }
        for x in [0.1, 0.5, 1.0, 2.5, 10.0, 500.0] {
            assert_relative(trigamma_inverse(trigamma(x)), x, 1e-12);
        }
    }
}
