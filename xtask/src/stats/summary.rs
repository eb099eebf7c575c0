//! Summaries of samples: numbers in, numbers out.

/// Samples in ascending order; never empty.
#[derive(Clone, Debug)]
pub(crate) struct SortedSamples(Vec<f64>);

/// The fewest single calls a P95 is read off: with 90 calls none of which is over a limit, at most 5 % of calls are over
/// it at 99 % confidence (0.95^90 = 0.0099), the early-stopping rule of MLPerf Inference. The P95 itself stays a point
/// estimate.
pub(crate) const CALLS_FOR_P95: usize = 90;

impl SortedSamples {
    /// Sorts; `None` when there are none or one is not a number.
    pub(crate) fn new(mut samples: Vec<f64>) -> Option<Self> {
        if samples.is_empty() || samples.iter().any(|sample| sample.is_nan()) {
            return None;
        }
        samples.sort_by(f64::total_cmp);
        Some(Self(samples))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The middle one, or the mean of the two in the middle.
    pub(crate) fn median(&self) -> f64 {
        let upper = self.0.len() / 2;
        if self.0.len().is_multiple_of(2) {
            (self.0[upper - 1] + self.0[upper]) / 2.0
        } else {
            self.0[upper]
        }
    }

    /// The distribution-free 95 % interval of the median: the narrowest symmetric pair of order statistics that covers
    /// it (Conover, Practical Nonparametric Statistics, 3rd edition, section 3.2). With five samples or fewer no pair
    /// does, and the whole range is returned.
    pub(crate) fn median_interval(&self) -> (f64, f64) {
        let n = self.0.len();
        let mut outside = 0.0;
        let mut rank = 0;
        // Both tails below rank `rank` and above its mirror may hold 2.5 % each.
        for (k, probability) in half_binomial(n).enumerate() {
            outside += probability;
            if outside > 0.025 {
                break;
            }
            rank = k + 1;
        }
        let low = rank.saturating_sub(1);
        (self.0[low], self.0[n - 1 - low])
    }

    /// The 95th percentile by nearest rank; `None` with fewer than [`CALLS_FOR_P95`] samples.
    pub(crate) fn p95(&self) -> Option<f64> {
        let n = self.0.len();
        (n >= CALLS_FOR_P95).then(|| self.0[(n * 95).div_ceil(100) - 1])
    }
}

/// The probabilities of 0, 1, 2, … heads in `n` throws of a fair coin, by logarithms so that none underflows early.
fn half_binomial(n: usize) -> impl Iterator<Item = f64> {
    let throws = n as f64;
    let mut log_probability = throws * 0.5_f64.ln();
    (0..=n).map(move |heads| {
        let probability = log_probability.exp();
        let heads = heads as f64;
        log_probability += (throws - heads).ln() - (heads + 1.0).ln();
        probability
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: impl IntoIterator<Item = u32>) -> SortedSamples {
        SortedSamples::new(values.into_iter().map(f64::from).collect()).expect("samples")
    }

    #[test]
    fn the_median_of_odd_and_even_counts() {
        assert_eq!(samples([3, 1, 2]).median(), 2.0);
        assert_eq!(samples([4, 1, 2, 3]).median(), 2.5);
        assert_eq!(samples([7]).median(), 7.0);
    }

    /// Ranks of the 95 % interval from tables of the sign test, for example Conover table A3: n = 10 gives 2 and 9,
    /// n = 20 gives 6 and 15, n = 25 gives 8 and 18, n = 100 gives 40 and 61.
    #[test]
    fn the_interval_of_the_median_has_the_tabulated_ranks() {
        for (n, low, high) in [(10, 2, 9), (20, 6, 15), (25, 8, 18), (100, 40, 61)] {
            assert_eq!(
                samples(1..=n).median_interval(),
                (f64::from(low), f64::from(high)),
                "n = {n}"
            );
        }
        assert_eq!(samples(1..=4).median_interval(), (1.0, 4.0));
        assert_eq!(samples([5]).median_interval(), (5.0, 5.0));
    }

    #[test]
    fn a_large_sample_has_an_interval_about_its_middle() {
        let (low, high) = samples(1..=10_000).median_interval();
        // 1.96 standard deviations of the rank: 98.
        assert!(
            (low - 4902.0).abs() <= 2.0 && (high - 5099.0).abs() <= 2.0,
            "{low} {high}"
        );
    }

    #[test]
    fn a_p95_needs_ninety_calls() {
        assert_eq!(samples(1..=89).p95(), None);
        assert_eq!(samples(1..=90).p95(), Some(86.0));
        assert_eq!(samples(1..=100).p95(), Some(95.0));
    }

    #[test]
    fn nothing_and_no_number_are_no_samples() {
        assert!(SortedSamples::new(vec![]).is_none());
        assert!(SortedSamples::new(vec![1.0, f64::NAN]).is_none());
    }
}
