//! Who decides at each place, from the model's evidence and the words around it.
//!
//! Both are put into one linear model for each decision (multinomial logistic regression), whose constants were fitted on
//! sentences of their own: a small model's probabilities are biased, and the fit is what takes the bias out.

use super::constants;
use super::grammar::{BOUNDARY_LEN, ENDING_LEN};

/// What may follow a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mark {
    /// Nothing: the next word follows at once.
    None,
    /// A comma.
    Comma,
    /// The end of the sentence, with its mark.
    End(EndMark),
}

/// What a sentence may end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum EndMark {
    /// A full stop.
    Stop,
    /// A question mark.
    Question,
    /// An exclamation mark.
    Exclamation,
}

/// How the letters of a word may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// As the rules leave it.
    Drafted,
    /// With a capital.
    Capital,
    /// In capitals.
    Upper,
}

impl Mark {
    /// The mark as it is written.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Comma => ",",
            Self::End(end) => end.as_str(),
        }
    }
}

impl EndMark {
    /// The mark as it is written.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => ".",
            Self::Question => "?",
            Self::Exclamation => "!",
        }
    }
}

/// Number of values in [`Boundary::screened`].
pub(crate) const SCREEN_LEN: usize = 5 + BOUNDARY_LEN;
/// Number of values in [`Boundary::weighed`].
pub(crate) const MARK_LEN: usize = 2 + SCREEN_LEN;
/// Number of values in [`Ending::weighed`].
pub(crate) const END_LEN: usize = 3 + ENDING_LEN;
/// Number of values in [`Writing::weighed`].
pub(crate) const FORM_LEN: usize = 6;

/// A boundary between two words. All evidence is in natural logarithms of probabilities.
#[derive(Clone, Debug)]
pub(crate) struct Boundary {
    /// A comma comes next.
    pub(crate) comma: f32,
    /// A full stop comes next.
    pub(crate) stop: f32,
    /// A question mark or an exclamation mark comes next.
    pub(crate) other_end: f32,
    /// The next word begins.
    pub(crate) next: f32,
    /// How much likelier the next two tokens are with a comma before them, the comma's own price included.
    pub(crate) comma_gain: f32,
    /// The same for an end of sentence, after which the next word has a capital.
    pub(crate) end_gain: f32,
    /// What the words say.
    pub(crate) words: [f32; BOUNDARY_LEN],
}

impl Boundary {
    /// The values that are known before any mark was tried.
    pub(crate) fn screened(&self) -> [f32; SCREEN_LEN] {
        let mut values = [0.0; SCREEN_LEN];
        values[0] = self.comma;
        values[1] = self.stop;
        values[2] = self.other_end;
        values[3] = self.next;
        values[4] = 1.0;
        values[5..].copy_from_slice(&self.words);
        values
    }

    /// All values.
    pub(crate) fn weighed(&self) -> [f32; MARK_LEN] {
        let mut values = [0.0; MARK_LEN];
        values[0] = self.comma_gain;
        values[1] = self.end_gain;
        values[2..].copy_from_slice(&self.screened());
        values
    }
}

/// The end of a sentence.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// How much likelier a question mark is than a full stop.
    pub(crate) question: f32,
    /// The same for an exclamation mark.
    pub(crate) exclamation: f32,
    /// What the words say.
    pub(crate) words: [f32; ENDING_LEN],
}

impl Ending {
    pub(crate) fn weighed(&self) -> [f32; END_LEN] {
        let mut values = [0.0; END_LEN];
        values[0] = self.question;
        values[1] = self.exclamation;
        values[2] = 1.0;
        values[3..].copy_from_slice(&self.words);
        values
    }
}

/// One way to write a word, against the drafted one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writing {
    /// How much likelier the word and the beginning of the next are in this form.
    pub(crate) gain: f32,
    /// Whether the word belongs to a closed class.
    pub(crate) closed: bool,
    /// Whether it is a single letter.
    pub(crate) letter: bool,
    /// Whether a neighbour is a single letter.
    pub(crate) beside_letter: bool,
    /// Whether the word before it has a capital that no beginning of a sentence gave it: names come in pairs.
    pub(crate) after_capital: bool,
}

impl Writing {
    pub(crate) fn weighed(&self) -> [f32; FORM_LEN] {
        let flag = f32::from;
        [
            self.gain,
            1.0,
            flag(self.closed),
            flag(self.letter),
            flag(self.letter && self.beside_letter),
            flag(self.after_capital),
        ]
    }
}

/// Decides what is written.
pub(crate) trait Judge {
    /// Whether a mark at this boundary is worth trying.
    fn is_open(&mut self, boundary: &Boundary) -> bool;
    /// The mark before word `place`; of an end only that it is one.
    fn mark(&mut self, place: usize, boundary: &Boundary) -> Mark;
    /// The end mark after word `place`.
    fn end(&mut self, place: usize, ending: &Ending) -> EndMark;
    /// How word `place` is written.
    fn form(&mut self, place: usize, capital: Option<Writing>, upper: Option<Writing>) -> Form;
}

/// Decides by the fitted constants.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fitted;

/// A mark that is less likely than this, as far as can be told without trying it, is not tried. Held out, the development
/// sentences have 3 of 300 marks below it, and three boundaries in four.
pub(crate) const SCREEN_PROBABILITY: f32 = 0.03;

impl Judge for Fitted {
    fn is_open(&mut self, boundary: &Boundary) -> bool {
        let [none, ..] = shares(&boundary.screened(), &constants::SCREEN);
        1.0 - none > SCREEN_PROBABILITY
    }

    fn mark(&mut self, _: usize, boundary: &Boundary) -> Mark {
        match largest(&shares(&boundary.weighed(), &constants::MARK)) {
            0 => Mark::None,
            1 => Mark::Comma,
            _ => Mark::End(EndMark::Stop),
        }
    }

    fn end(&mut self, _: usize, ending: &Ending) -> EndMark {
        match largest(&shares(&ending.weighed(), &constants::END)) {
            0 => EndMark::Stop,
            1 => EndMark::Question,
            _ => EndMark::Exclamation,
        }
    }

    fn form(&mut self, _: usize, capital: Option<Writing>, upper: Option<Writing>) -> Form {
        let [capital] = constants::CAPITAL.map(|weights| capital.map_or(0.0, |one| score(&one.weighed(), &weights)));
        let [upper] = constants::UPPER.map(|weights| upper.map_or(0.0, |one| score(&one.weighed(), &weights)));
        if capital <= 0.0 && upper <= 0.0 {
            Form::Drafted
        } else if capital >= upper {
            Form::Capital
        } else {
            Form::Upper
        }
    }
}

fn score<const LEN: usize>(values: &[f32; LEN], weights: &[f32; LEN]) -> f32 {
    values.iter().zip(weights).map(|(value, weight)| value * weight).sum()
}

/// Probabilities of the first choice, whose score is zero, and the others.
fn shares<const LEN: usize>(values: &[f32; LEN], weights: &[[f32; LEN]; 2]) -> [f32; 3] {
    let scores = [0.0, score(values, &weights[0]), score(values, &weights[1])];
    let largest = scores.iter().copied().fold(0.0, f32::max);
    let powers = scores.map(|score| (score - largest).exp());
    let sum: f32 = powers.iter().sum();
    powers.map(|power| power / sum)
}

fn largest(shares: &[f32; 3]) -> usize {
    (1..3).fold(0, |best, index| if shares[index] > shares[best] { index } else { best })
}
