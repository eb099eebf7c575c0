//! The rank test of Mann and Whitney, as `benchstat` and `asv` use it. `compare` itself does not: it takes samples for
//! independent, and paired evidence for unpaired.

use crate::stats::student;

/// Up to this many values a side the distribution is counted out; `benchstat` does so up to 50, where a `f64` would no
/// longer hold the counts exactly.
const EXACT_UP_TO: usize = 25;

/// What the test says of two samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RankTest {
    /// Pairs in which the second sample's value is the larger, ties counted half.
    pub(crate) u: f64,
    /// All pairs.
    pairs: f64,
    /// Two-sided.
    pub(crate) p: f64,
}

impl RankTest {
    /// Whether the second sample tends to be the larger.
    pub(crate) fn second_is_larger(&self) -> bool {
        self.u > self.pairs / 2.0
    }
}

/// Tests whether two samples come from one distribution (Mann and Whitney 1947, Annals of Mathematical Statistics 18):
/// exactly where there are no ties and few values, else by the normal approximation with corrections for ties and
/// continuity. An empty sample differs from nothing.
pub(crate) fn test(first: &[f64], second: &[f64]) -> RankTest {
    let u: f64 = first
        .iter()
        .flat_map(|a| second.iter().map(move |b| wins(*b, *a)))
        .sum();
    let pairs = (first.len() * second.len()) as f64;
    let ties = tie_term(first, second);
    let p = if pairs == 0.0 {
        1.0
    } else if ties == 0.0 && first.len().max(second.len()) <= EXACT_UP_TO {
        exact_p(u.min(pairs - u), first.len(), second.len())
    } else {
        approximate_p(u, pairs, first.len() + second.len(), ties)
    };
    RankTest { u, pairs, p }
}

/// The smallest p that samples of these sizes can reach: all of one beyond all of the other.
pub(crate) fn smallest_p(first: usize, second: usize) -> f64 {
    exact_p(0.0, first, second)
}

fn wins(challenger: f64, other: f64) -> f64 {
    if challenger > other {
        1.0
    } else if challenger < other {
        0.0
    } else {
        0.5
    }
}

/// The sum of `t^3 - t` over groups of t equal values.
fn tie_term(first: &[f64], second: &[f64]) -> f64 {
    let mut all: Vec<f64> = first.iter().chain(second).copied().collect();
    all.sort_by(f64::total_cmp);
    all.chunk_by(|a, b| a == b)
        .map(|group| {
            let t = group.len() as f64;
            t * t * t - t
        })
        .sum()
}

/// Twice the share of orders in which U is no larger than the smaller of the two U.
fn exact_p(smaller_u: f64, first: usize, second: usize) -> f64 {
    let counts = orders_by_u(first, second);
    let all: f64 = counts.iter().sum();
    let extreme: f64 = counts.iter().take(smaller_u as usize + 1).sum();
    (2.0 * extreme / all).min(1.0)
}

/// How many orders of so many values have U = 0, 1, …: the coefficients of the Gaussian binomial, by multiplying with
/// `1 - x^(second + i)` and dividing by `1 - x^i` for every value of the first sample.
fn orders_by_u(first: usize, second: usize) -> Vec<f64> {
    let mut counts = vec![0.0; first * second + 1];
    counts[0] = 1.0;
    for value in 1..=first {
        for u in (second + value..counts.len()).rev() {
            counts[u] -= counts[u - (second + value)];
        }
        for u in value..counts.len() {
            counts[u] += counts[u - value];
        }
    }
    counts
}

fn approximate_p(u: f64, pairs: f64, values: usize, ties: f64) -> f64 {
    let n = values as f64;
    let variance = pairs / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)));
    // All values are equal.
    if variance <= 0.0 {
        return 1.0;
    }
    let distance = ((u - pairs / 2.0).abs() - 0.5).max(0.0);
    (2.0 * student::survival(distance / variance.sqrt(), f64::INFINITY)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::validate::testing::assert_near;

    /// Ages at diagnosis of the documentation of `scipy.stats.mannwhitneyu`, which gives U = 17 and p = 0.1111 exactly
    /// and 0.111346886533 by approximation. By hand: of the 126 orders of five and four values 1 + 1 + 2 + 3 have
    /// U of 3 or less, and 2 × 7 / 126 = 0.1111.
    #[test]
    fn the_worked_example_of_scipy_has_its_u_and_its_p() {
        let (males, females) = ([19.0, 22.0, 16.0, 29.0, 24.0], [20.0, 11.0, 17.0, 12.0]);
        let found = test(&females, &males);
        assert_eq!(found.u, 17.0);
        assert!(found.second_is_larger());
        assert_near(found.p, 14.0 / 126.0, 1e-15);
        assert_near(approximate_p(17.0, 20.0, 9, 0.0), 0.111_346_886_533, 1e-11);
    }

    #[test]
    fn swapping_the_samples_keeps_p_and_mirrors_u() {
        let (a, b) = ([1.0, 4.0, 6.0, 9.0], [2.0, 3.0, 5.0, 7.0, 8.0]);
        let (there, back) = (test(&a, &b), test(&b, &a));
        assert_eq!(there.p, back.p);
        assert_eq!(there.u + back.u, 20.0);
    }

    /// 2 of the 184 756 orders of ten and ten, and of the 70 of four and four.
    #[test]
    fn samples_that_do_not_overlap_have_the_smallest_p_of_their_sizes() {
        let low: Vec<f64> = (0..10).map(f64::from).collect();
        let high: Vec<f64> = (10..20).map(f64::from).collect();
        assert_near(test(&low, &high).p, 2.0 / 184_756.0, 1e-17);
        assert_near(smallest_p(10, 10), 2.0 / 184_756.0, 1e-17);
        assert_near(smallest_p(4, 4), 2.0 / 70.0, 1e-15);
    }

    #[test]
    fn orders_of_twenty_and_twenty_are_counted_exactly() {
        let all: f64 = orders_by_u(20, 20).iter().sum();
        assert_eq!(all, 137_846_528_820.0);
    }

    /// By hand: U = 15.5, and a triple and a pair of equal values give 24 + 6 = 30 of the tie term.
    #[test]
    fn ties_are_counted_half_and_corrected_for() {
        let found = test(&[1.0, 2.0, 2.0, 3.0, 5.0], &[2.0, 4.0, 5.0, 6.0]);
        assert_eq!(found.u, 15.5);
        let variance: f64 = 20.0 / 12.0 * (10.0 - 30.0 / 72.0);
        assert_near(
            found.p,
            2.0 * student::survival(5.0 / variance.sqrt(), f64::INFINITY),
            1e-15,
        );
    }

    #[test]
    fn equal_values_and_no_values_differ_by_nothing() {
        assert_eq!(test(&[1.0; 6], &[1.0; 6]).p, 1.0);
        assert_eq!(test(&[], &[1.0]).p, 1.0);
    }
}
