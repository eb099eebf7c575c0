//! Word errors, counted as Whisper's authors count them.
//!
//! Both texts are normalised ([`Normalizer`]) and aligned word by word; every word that has to be replaced, left out or
//! put in is one error. The word error rate is their number over the words of the reference.

mod english;
mod numbers;
mod symbols;

pub use english::{Normalizer, SpellingsError};

/// The outcome of comparing a text with its reference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WordErrors {
    /// Words that have to be replaced, left out or put in, at least.
    pub errors: usize,
    /// Words of the reference, after normalising.
    pub reference_words: usize,
}

impl WordErrors {
    /// Errors per word of the reference. Without one, every word is an error of its own.
    pub fn rate(self) -> f64 {
        self.errors as f64 / self.reference_words.max(1) as f64
    }
}

impl std::ops::AddAssign for WordErrors {
    fn add_assign(&mut self, other: Self) {
        self.errors += other.errors;
        self.reference_words += other.reference_words;
    }
}

/// Counts the word errors of `hypothesis` against `reference`, both in English, without a spelling table: for texts that
/// may mix British and American spelling use a [`Normalizer`] that has one.
pub fn word_errors(reference: &str, hypothesis: &str) -> WordErrors {
    Normalizer::shared().word_errors(reference, hypothesis)
}

impl Normalizer {
    /// Counts the word errors of `hypothesis` against `reference`.
    pub fn word_errors(&self, reference: &str, hypothesis: &str) -> WordErrors {
        let (reference, hypothesis) = (self.normalize(reference), self.normalize(hypothesis));
        let reference: Vec<&str> = reference.split_whitespace().collect();
        let hypothesis: Vec<&str> = hypothesis.split_whitespace().collect();
        WordErrors {
            errors: edit_distance(&reference, &hypothesis),
            reference_words: reference.len(),
        }
    }
}

/// The least number of words to replace, leave out or put in, by Wagner and Fischer's table, one row at a time.
fn edit_distance(reference: &[&str], hypothesis: &[&str]) -> usize {
    let mut row: Vec<usize> = (0..=hypothesis.len()).collect();
    for (index, reference_word) in reference.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, hypothesis_word) in hypothesis.iter().enumerate() {
            let replaced = diagonal + usize::from(reference_word != hypothesis_word);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[hypothesis.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(reference: &str, hypothesis: &str) -> usize {
        word_errors(reference, hypothesis).errors
    }

    #[test]
    fn replaced_missing_and_added_words_are_one_error_each() {
        assert_eq!(errors("the quick brown fox", "the quick brown fox"), 0);
        assert_eq!(errors("the quick brown fox", "the quick red fox"), 1);
        assert_eq!(errors("the quick brown fox", "the quick fox"), 1);
        assert_eq!(errors("the quick brown fox", "the very quick brown fox"), 1);
        assert_eq!(errors("", "the fox"), 2);
        assert_eq!(errors("the fox", ""), 2);
    }

    #[test]
    fn case_punctuation_and_fillers_do_not_count() {
        assert_eq!(errors("Hello, world.", "um hello world"), 0);
        assert_eq!(word_errors("Hello, world.", "").reference_words, 2);
    }

    #[test]
    fn the_rate_is_errors_per_word_of_the_reference() {
        assert_eq!(word_errors("a b c d", "a b x d").rate(), 0.25);
        assert_eq!(word_errors("", "a").rate(), 1.0);
    }
}
