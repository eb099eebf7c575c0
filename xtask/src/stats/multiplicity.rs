//! Many tests at once: p-values adjusted so that each may be held against the level of the whole.
//!
//! Both take probabilities, give them back in the order they came in, and agree with R's `p.adjust`.

/// Family-wise error by Holm's step-down method (Holm 1979, Scandinavian Journal of Statistics 6), valid whatever the
/// dependence: the k-th smallest of m counts m - k + 1 times, and none less than a smaller one.
pub(crate) fn holm(p: &[f64]) -> Vec<f64> {
    let mut adjusted = vec![0.0; p.len()];
    let mut largest = 0.0_f64;
    for (rank, index) in ascending(p).into_iter().enumerate() {
        let scaled = (p.len() - rank) as f64 * p[index];
        largest = largest.max(scaled).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

/// False discovery rate by the step-up method of Benjamini and Hochberg (1995, J. R. Statist. Soc. B 57), valid for
/// independent or positively dependent tests: the k-th smallest of m counts m / k times, and none more than a larger
/// one.
pub(crate) fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut adjusted = vec![0.0; p.len()];
    let mut smallest = 1.0_f64;
    for (rank, index) in ascending(p).into_iter().enumerate().rev() {
        let scaled = p.len() as f64 / (rank + 1) as f64 * p[index];
        smallest = smallest.min(scaled);
        adjusted[index] = smallest;
    }
    adjusted
}

/// The indices of `p`, smallest first.
fn ascending(p: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&left, &right| p[left].total_cmp(&p[right]));
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::stats::testing::{assert_relative, cases, seeded};

    #[derive(Deserialize)]
    struct Case {
        p: Vec<f64>,
        holm: Vec<f64>,
        bh: Vec<f64>,
    }

    #[track_caller]
    fn assert_all(actual: &[f64], expected: &[f64]) {
        assert_eq!(actual.len(), expected.len());
        for (&actual, &expected) in actual.iter().zip(expected) {
            assert_relative(actual, expected, 1e-14);
        }
    }

    #[test]
    fn adjusted_values_are_those_of_r() {
        let file = include_str!("../../tests/fixtures/statistics/multiplicity.json");
        for case in cases::<Case>(file, "adjusted") {
            assert_all(&holm(&case.p), &case.holm);
            assert_all(&benjamini_hochberg(&case.p), &case.bh);
        }
    }

    #[test]
    fn one_test_is_not_adjusted_and_none_is_nothing() {
        assert_eq!(holm(&[0.2]), [0.2]);
        assert_eq!(benjamini_hochberg(&[0.2]), [0.2]);
        assert!(holm(&[]).is_empty() && benjamini_hochberg(&[]).is_empty());
    }

    proptest! {
        #![proptest_config(seeded())]

        #[test]
        fn an_adjusted_p_is_no_smaller_and_still_a_probability(p in prop::collection::vec(0.0..=1.0_f64, 0..40)) {
            for adjusted in [holm(&p), benjamini_hochberg(&p)] {
                for (&adjusted, &p) in adjusted.iter().zip(&p) {
                    prop_assert!(adjusted >= p && adjusted <= 1.0, "{adjusted} of {p}");
                }
            }
        }

        #[test]
        fn adjusting_keeps_the_order(p in prop::collection::vec(0.0..=1.0_f64, 2..40)) {
            let order = ascending(&p);
            for adjusted in [holm(&p), benjamini_hochberg(&p)] {
                prop_assert!(order.is_sorted_by(|&left, &right| adjusted[left] <= adjusted[right]));
            }
        }

        #[test]
        fn discoveries_cost_no_more_than_holm(p in prop::collection::vec(0.0..=1.0_f64, 0..40)) {
            for (bh, holm) in benjamini_hochberg(&p).into_iter().zip(holm(&p)) {
                prop_assert!(bh <= holm * (1.0 + 1e-14), "{bh} above {holm}");
            }
        }
    }
}
