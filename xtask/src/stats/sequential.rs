//! When the evidence is looked at, and how much of the allowed false alarms each look may spend.

/// Rounds after which a comparison is looked at. Four is the fewest that a t-test can use at such levels; the steps
/// grow with the whole, so that clear cases end early and unclear ones are not looked at for every round.
pub(crate) const STANDARD_LOOKS: [u32; 7] = [4, 6, 8, 12, 16, 24, 32];

/// A plan of looks at one row among several that share a family-wise error rate.
///
/// Both the rows (Bonferroni) and the looks are paid for by the union bound: whatever depends on whatever, the chance
/// of any false alarm is at most the sum of the levels. Of a row's share each look gets what its rounds are of all,
/// which is a linear spending function (Lan and DeMets 1983, Biometrika 70) without the gain from correlated looks. A
/// row that ends before the last look spends at its end what its earlier looks left: when it ends must not hang on what
/// was seen, and a limit on time does not.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Looks {
    rounds: Vec<u32>,
    /// What one row may spend over all looks.
    alpha: f64,
}

impl Looks {
    /// Looks after `rounds` at each of `rows`, with a chance of `family_alpha` for one false alarm in all. No rows
    /// count as one.
    ///
    /// # Panics
    ///
    /// When there are no looks, or they do not ascend from above zero.
    pub(crate) fn new(rounds: &[u32], family_alpha: f64, rows: usize) -> Self {
        assert!(
            rounds.first().is_some_and(|&first| first > 0) && rounds.is_sorted_by(|earlier, later| earlier < later),
            "looks after {rounds:?} rounds do not ascend"
        );
        Self {
            rounds: rounds.to_vec(),
            alpha: family_alpha / rows.max(1) as f64,
        }
    }

    /// After how many rounds in all each look comes.
    pub(crate) fn rounds(&self) -> &[u32] {
        &self.rounds
    }

    /// The level of the look with this index: `alpha_i (R_k - R_{k-1}) / R_last`.
    ///
    /// # Panics
    ///
    /// When there is no such look.
    pub(crate) fn alpha_at(&self, look: usize) -> f64 {
        let before = look.checked_sub(1).map_or(0, |previous| self.rounds[previous]);
        let last = self.rounds[self.rounds.len() - 1];
        self.alpha * f64::from(self.rounds[look] - before) / f64::from(last)
    }

    /// The level of a look at the end of a row, after this many rounds: all that the looks before it have not spent.
    pub(crate) fn alpha_at_end(&self, rounds: u32) -> f64 {
        let before = self
            .rounds
            .iter()
            .rev()
            .find(|&&look| look < rounds)
            .copied()
            .unwrap_or(0);
        let last = self.rounds[self.rounds.len() - 1];
        self.alpha * f64::from(last.saturating_sub(before)) / f64::from(last)
    }

    /// What a row may spend over all looks together: the level of a decision that is taken once, at the end.
    pub(crate) fn alpha_in_all(&self) -> f64 {
        self.alpha
    }

    /// The index of the look that comes after exactly this many rounds.
    pub(crate) fn look_after(&self, rounds: u32) -> Option<usize> {
        self.rounds.binary_search(&rounds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::assert_relative;

    #[test]
    fn each_look_spends_its_share_of_the_rounds() {
        let looks = Looks::new(&STANDARD_LOOKS, 0.01, 100);
        assert_eq!(looks.rounds(), STANDARD_LOOKS);
        for (look, share) in [4.0, 2.0, 2.0, 4.0, 4.0, 8.0, 8.0].into_iter().enumerate() {
            assert_relative(looks.alpha_at(look), 1e-4 * share / 32.0, 1e-14);
        }
    }

    #[test]
    fn all_looks_at_all_rows_spend_the_family_level() {
        for (rounds, rows) in [(&[5][..], 1), (&STANDARD_LOOKS[..], 7), (&[2, 3, 50][..], 31)] {
            let looks = Looks::new(rounds, 0.01, rows);
            let spent: f64 = (0..rounds.len()).map(|look| looks.alpha_at(look)).sum();
            assert_relative(spent * rows as f64, 0.01, 1e-13);
        }
    }

    #[test]
    fn a_row_that_ends_early_spends_what_is_left() {
        let looks = Looks::new(&STANDARD_LOOKS, 0.01, 100);
        for (rounds, share) in [(4, 32.0), (5, 28.0), (13, 20.0), (16, 20.0), (17, 16.0), (32, 8.0)] {
            assert_relative(looks.alpha_at_end(rounds), 1e-4 * share / 32.0, 1e-14);
        }
        // With the looks before it, that is the row's share.
        let before: f64 = (0..4).map(|look| looks.alpha_at(look)).sum();
        assert_relative(before + looks.alpha_at_end(13), 1e-4, 1e-13);
        assert_relative(looks.alpha_at_end(32), looks.alpha_at(6), 1e-14);
    }

    #[test]
    fn a_look_is_found_by_its_rounds_alone() {
        let looks = Looks::new(&STANDARD_LOOKS, 0.01, 1);
        assert_eq!(looks.look_after(4), Some(0));
        assert_eq!(looks.look_after(32), Some(6));
        assert_eq!(looks.look_after(5), None);
        assert_eq!(looks.look_after(0), None);
    }

    #[test]
    fn no_rows_spend_as_one() {
        assert_eq!(Looks::new(&[4], 0.01, 0), Looks::new(&[4], 0.01, 1));
    }

    #[test]
    #[should_panic(expected = "do not ascend")]
    fn looks_that_do_not_ascend_are_a_bug() {
        Looks::new(&[4, 4], 0.01, 1);
    }
}
