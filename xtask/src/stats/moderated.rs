//! Few rounds make a poor variance. The operations of a suite lend one another theirs, as genes on a microarray do
//! (Smyth 2004, Statistical Applications in Genetics and Molecular Biology 3, article 3; the R package limma), and the
//! mean is then judged by Student's t with the degrees of freedom that this is worth.

use statrs::function::gamma::digamma;

use super::polygamma::{trigamma, trigamma_inverse};
use super::trimmed::Trimmed;
use super::{SortedSamples, moments, student};

/// With fewer variances their spread says nothing: of two, any two fit.
const FEWEST_VARIANCES: usize = 3;

/// Variances of zero have no logarithm. They and those next to zero are raised to this share of the median, limma's
/// value: far below any true one, and not so far that a single zero decides the fit.
const SMALLEST_SHARE_OF_MEDIAN: f64 = 1e-5;

/// More degrees of freedom than this are not believed. A prior without end claims that the variance is known, but it
/// was estimated, and levels near 1e-5 would notice: there the t quantile at 200 lies 2 % outside the normal one.
const MOST_DF: f64 = 200.0;

/// What the suite says about the variance of any one operation: `df` observations' worth of `variance`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Prior {
    pub(crate) variance: f64,
    /// Zero says nothing; infinity says that all operations have this variance.
    pub(crate) df: f64,
}

impl Prior {
    /// No opinion: moderation leaves every variance as it is.
    pub(crate) fn none() -> Self {
        Self { variance: 0.0, df: 0.0 }
    }

    /// The prior of a suite, from (variance, degrees of freedom) of its operations: the fit of limma's `fitFDist`, with
    /// its degrees of freedom limited to one for each other operation. `None` with fewer than three usable pairs, or
    /// when half of the variances are zero, which leaves no scale to raise them to.
    ///
    /// The limit is not limma's, which has thousands of genes. The spread of a handful of variances is often smaller
    /// than chance alone would make it, the fit then claims infinite degrees of freedom, and a one-sided test of 3 to 5
    /// operations at 5e-4 raises 4 to 11 times too many alarms after 4 rounds. With the limit it is at most 2.3 times,
    /// and suites of 100 do not notice (`xtask/tests/fixtures/statistics/prior_limit.py`).
    pub(crate) fn fit(variances: &[(f64, f64)]) -> Option<Self> {
        let usable: Vec<(f64, f64)> = variances.iter().copied().filter(is_usable).collect();
        let fitted = match_moments(&usable)?;
        let others = usable.len() as f64 - 1.0;
        Some(Self {
            variance: fitted.variance,
            df: fitted.df.min(others),
        })
    }

    /// The posterior variance `(f0 v0 + df v) / (f0 + df)` with `f0 + df` degrees of freedom (Smyth 2004, section 3),
    /// those limited to 200; an infinite prior replaces the variance.
    pub(crate) fn moderate(&self, sample: &Trimmed) -> Moderated {
        let df = self.df + sample.df;
        let variance = if self.df.is_infinite() {
            self.variance
        } else {
            (self.df * self.variance + sample.df * sample.variance) / df
        };
        Moderated {
            mean: sample.mean,
            standard_error: (variance / sample.n as f64).sqrt(),
            df: df.min(MOST_DF),
        }
    }
}

fn is_usable(&(variance, df): &(f64, f64)) -> bool {
    variance.is_finite() && variance >= 0.0 && df.is_finite() && df > 0.0
}

/// Matches mean and variance of `ln v` to those of a scaled F distribution (Smyth 2004, section 6.2; limma's `fitFDist`
/// without covariate), each variance with its own degrees of freedom.
fn match_moments(usable: &[(f64, f64)]) -> Option<Prior> {
    if usable.len() < FEWEST_VARIANCES {
        return None;
    }
    let raised = raised_from_zero(usable)?;
    let logarithms: Vec<f64> = raised
        .iter()
        .map(|&(variance, df)| variance.ln() - log_bias(df))
        .collect();
    let by_chance: Vec<f64> = raised.iter().map(|&(_, df)| trigamma(df / 2.0)).collect();
    let excess = moments::variance(&logarithms) - moments::mean(&by_chance);
    if excess > 0.0 {
        let df = 2.0 * trigamma_inverse(excess);
        let variance = (moments::mean(&logarithms) + log_bias(df)).exp();
        return Some(Prior { variance, df });
    }
    let variances: Vec<f64> = raised.iter().map(|&(variance, _)| variance).collect();
    Some(Prior {
        variance: moments::mean(&variances),
        df: f64::INFINITY,
    })
}

fn raised_from_zero(usable: &[(f64, f64)]) -> Option<Vec<(f64, f64)>> {
    let median = SortedSamples::new(usable.iter().map(|&(variance, _)| variance).collect())?.median();
    let smallest = SMALLEST_SHARE_OF_MEDIAN * median;
    (smallest > 0.0).then(|| {
        usable
            .iter()
            .map(|&(variance, df)| (variance.max(smallest), df))
            .collect()
    })
}

/// How far the logarithm of a variance estimate lies above that of the true variance on average; negative.
fn log_bias(df: f64) -> f64 {
    digamma(df / 2.0) - (df / 2.0).ln()
}

/// A mean with the standard error it is judged by. Without spread the mean counts as known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moderated {
    pub(crate) mean: f64,
    pub(crate) standard_error: f64,
    pub(crate) df: f64,
}

impl Moderated {
    /// The one-sided p of "the mean is at most `bound`": small when it is clearly above.
    pub(crate) fn p_above(&self, bound: f64) -> f64 {
        student::survival(self.standardised(bound), self.df)
    }

    /// The one-sided p of "the mean is at least `bound`": small when it is clearly below.
    pub(crate) fn p_below(&self, bound: f64) -> f64 {
        student::cdf(self.standardised(bound), self.df)
    }

    /// What the mean is below, with this one-sided confidence.
    pub(crate) fn upper(&self, confidence: f64) -> f64 {
        self.mean + self.reach(1.0 - confidence)
    }

    /// The two-sided interval of the mean.
    pub(crate) fn interval(&self, confidence: f64) -> (f64, f64) {
        let reach = self.reach((1.0 - confidence) / 2.0);
        (self.mean - reach, self.mean + reach)
    }

    /// The smallest mean that a test of "at most `tolerance`" at level `alpha` finds with probability `power`:
    /// `tolerance + (t_{1 - alpha} + t_{power}) SE`, the usual approximation by two central t quantiles.
    pub(crate) fn smallest_detectable(&self, alpha: f64, power: f64, tolerance: f64) -> f64 {
        tolerance + self.reach(alpha) + self.reach(1.0 - power)
    }

    /// What it would become if rounds went on as they did, `later` of them instead of `taken`: the error shrinks with the
    /// root of their number. Degrees of freedom stay as they are, which is on the safe side.
    pub(crate) fn after(&self, taken: u32, later: u32) -> Self {
        let shrunk = (f64::from(taken.max(1)) / f64::from(later.max(1))).sqrt();
        Self {
            standard_error: self.standard_error * shrunk,
            ..*self
        }
    }

    fn standardised(&self, bound: f64) -> f64 {
        let distance = self.mean - bound;
        // Equality without spread is the one case that division makes no number of.
        if distance == 0.0 {
            0.0
        } else {
            distance / self.standard_error
        }
    }

    /// How far from the mean the tail of this probability begins.
    fn reach(&self, tail: f64) -> f64 {
        // Without spread not even an infinite quantile reaches anywhere.
        if self.standard_error == 0.0 {
            0.0
        } else {
            -student::quantile(tail, self.df) * self.standard_error
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::stats::testing::{assert_near, assert_relative, cases, degrees, seeded};

    const R: &str = include_str!("../../tests/fixtures/statistics/moderated.json");

    #[derive(Deserialize)]
    struct Suite {
        variances: Vec<f64>,
        df: Vec<f64>,
        prior_variance: f64,
        prior_df: Option<f64>,
        posterior_variances: Vec<f64>,
    }

    impl Suite {
        fn pairs(&self) -> Vec<(f64, f64)> {
            self.variances.iter().copied().zip(self.df.iter().copied()).collect()
        }
    }

    #[derive(Deserialize)]
    struct Decision {
        mean: f64,
        standard_error: f64,
        df: f64,
        bound: f64,
        p_above: f64,
        p_below: f64,
        lower_95: f64,
        upper_995: f64,
        low_95: f64,
        high_95: f64,
        detectable: f64,
    }

    /// A sample whose squared standard error is its variance.
    fn sample(mean: f64, variance: f64, df: f64) -> Trimmed {
        Trimmed {
            mean,
            variance,
            df,
            n: 1,
        }
    }

    fn moderated(mean: f64, standard_error: f64, df: f64) -> Moderated {
        Moderated {
            mean,
            standard_error,
            df,
        }
    }

    impl Moderated {
        /// With the sides swapped: its upper bounds are the lower bounds of the other.
        fn mirrored(self) -> Self {
            Self {
                mean: -self.mean,
                ..self
            }
        }
    }

    #[test]
    fn the_moments_are_matched_as_limma_does() {
        for suite in cases::<Suite>(R, "suites") {
            let prior = match_moments(&suite.pairs()).expect("a prior");
            assert_relative(prior.variance, suite.prior_variance, 1e-9);
            assert_relative(prior.df, degrees(suite.prior_df), 1e-9);
        }
    }

    #[test]
    fn variances_are_squeezed_as_limma_does() {
        for suite in cases::<Suite>(R, "suites") {
            let prior = match_moments(&suite.pairs()).expect("a prior");
            for (&(variance, df), &posterior) in suite.pairs().iter().zip(&suite.posterior_variances) {
                let moderated = prior.moderate(&sample(0.0, variance, df));
                assert_relative(moderated.standard_error.powi(2), posterior, 1e-9);
                assert_relative(moderated.df, (degrees(suite.prior_df) + df).min(200.0), 1e-9);
            }
        }
    }

    #[test]
    fn a_prior_is_worth_no_more_than_one_observation_of_every_other_operation() {
        for suite in cases::<Suite>(R, "suites") {
            let prior = Prior::fit(&suite.pairs()).expect("a prior");
            let others = suite.variances.len() as f64 - 1.0;
            assert_relative(prior.variance, suite.prior_variance, 1e-9);
            assert_relative(prior.df, degrees(suite.prior_df).min(others), 1e-9);
        }
    }

    #[test]
    fn variances_that_cannot_be_used_are_left_out() {
        let good = [(1.0, 3.0), (2.0, 5.0), (40.0, 3.0)];
        let mut mixed = good.to_vec();
        mixed.extend([
            (f64::NAN, 3.0),
            (f64::INFINITY, 3.0),
            (-1.0, 3.0),
            (1.0, 0.0),
            (1.0, f64::NAN),
        ]);
        assert_eq!(Prior::fit(&mixed), Prior::fit(&good));
        assert!(Prior::fit(&good).is_some());
        assert_eq!(Prior::fit(&good[..2]), None);
        assert_eq!(Prior::fit(&[]), None);
    }

    #[test]
    fn zeros_alone_are_no_scale() {
        assert_eq!(Prior::fit(&[(0.0, 3.0); 8]), None);
        assert!(Prior::fit(&[(0.0, 3.0), (1.0, 3.0), (1.0, 3.0)]).is_some());
    }

    #[test]
    fn without_a_prior_nothing_is_moderated() {
        let trimmed = Trimmed::of(&[1.0, 2.0, 4.0, 8.0, 9.0]).expect("a sample");
        let expected = moderated(trimmed.mean, trimmed.standard_error(), trimmed.df);
        assert_eq!(Prior::none().moderate(&trimmed), expected);
    }

    #[test]
    fn an_infinite_prior_replaces_the_variance() {
        let prior = Prior {
            variance: 4.0,
            df: f64::INFINITY,
        };
        assert_eq!(prior.moderate(&sample(1.0, 100.0, 3.0)), moderated(1.0, 2.0, 200.0));
    }

    #[test]
    fn probabilities_and_bounds_are_those_of_r() {
        for case in cases::<Decision>(R, "decisions") {
            let moderated = moderated(case.mean, case.standard_error, case.df);
            assert_relative(moderated.p_above(case.bound), case.p_above, 1e-10);
            assert_relative(moderated.p_below(case.bound), case.p_below, 1e-10);
            assert_relative(-moderated.mirrored().upper(0.95), case.lower_95, 1e-9);
            assert_relative(moderated.upper(0.995), case.upper_995, 1e-9);
            let (low, high) = moderated.interval(0.95);
            assert_relative(low, case.low_95, 1e-9);
            assert_relative(high, case.high_95, 1e-9);
            let detectable = moderated.smallest_detectable(1e-4, 0.95, case.bound);
            assert_relative(detectable, case.detectable, 1e-9);
        }
    }

    #[test]
    fn without_spread_every_answer_is_certain() {
        for df in [1.0, 200.0, f64::INFINITY] {
            let certain = moderated(0.01, 0.0, df);
            assert_eq!((certain.p_above(0.005), certain.p_below(0.005)), (0.0, 1.0));
            assert_eq!((certain.p_above(0.02), certain.p_below(0.02)), (1.0, 0.0));
            assert_eq!((certain.p_above(0.01), certain.p_below(0.01)), (0.5, 0.5));
            assert_eq!((-certain.mirrored().upper(0.99), certain.upper(1.0)), (0.01, 0.01));
            assert_eq!(certain.interval(1.0), (0.01, 0.01));
            assert_eq!(certain.smallest_detectable(1e-5, 0.95, 0.005), 0.005);
        }
    }

    proptest! {
        #![proptest_config(seeded())]

        #[test]
        fn a_p_is_a_probability_and_both_sides_make_one(
            mean in -0.1..0.1_f64,
            standard_error in prop_oneof![Just(0.0_f64), 1e-6..0.1_f64],
            df in 1.0..300.0_f64,
            bound in prop_oneof![Just(0.0_f64), -0.1..0.1_f64],
        ) {
            let moderated = moderated(mean, standard_error, df);
            let (above, below) = (moderated.p_above(bound), moderated.p_below(bound));
            prop_assert!((0.0..=1.0).contains(&above) && (0.0..=1.0).contains(&below));
            assert_near(above + below, 1.0, 1e-12);
        }

        #[test]
        fn a_test_rejects_exactly_what_the_bound_excludes(
            mean in -0.1..0.1_f64,
            standard_error in 1e-4..0.1_f64,
            df in 1.0..300.0_f64,
            alpha in 1e-6..0.4_f64,
        ) {
            let moderated = moderated(mean, standard_error, df);
            assert_relative(moderated.p_above(-moderated.mirrored().upper(1.0 - alpha)), alpha, 1e-8);
            assert_relative(moderated.p_below(moderated.upper(1.0 - alpha)), alpha, 1e-8);
        }

        #[test]
        fn a_moderated_variance_lies_between_the_two(
            own in 1e-9..1.0_f64,
            lent in 1e-9..1.0_f64,
            df in 1.0..30.0_f64,
            prior_df in prop_oneof![0.0..100.0_f64, Just(f64::INFINITY)],
        ) {
            let prior = Prior { variance: lent, df: prior_df };
            let posterior = prior.moderate(&sample(0.0, own, df)).standard_error.powi(2);
            prop_assert!(posterior >= own.min(lent) * (1.0 - 1e-12));
            prop_assert!(posterior <= own.max(lent) * (1.0 + 1e-12));
        }

        #[test]
        fn scaling_the_suite_scales_the_prior(
            variances in prop::collection::vec((1e-9..1e-3_f64, 1.0..20.0_f64), 3..20),
            factor in 0.01..100.0_f64,
        ) {
            let prior = Prior::fit(&variances).expect("a prior");
            let scaled: Vec<(f64, f64)> = variances.iter().map(|&(variance, df)| (factor * variance, df)).collect();
            let scaled = Prior::fit(&scaled).expect("a prior");
            assert_relative(scaled.variance, factor * prior.variance, 1e-6);
            assert_relative(scaled.df, prior.df, 1e-6);
        }
    }
}
