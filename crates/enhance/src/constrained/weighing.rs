//! What is tried at each word of a batch, and what speaks for it.

use std::ops::Range;

use super::branches::{Branches, Path, ReadBranches};
use super::grammar::{self, Class};
use super::judge::{Boundary, Ending, Form, Judge, Writing};
use super::word::Word;
use super::{Decoder, Expected};

/// A form whose first token is less likely than the drafted form's by more than this is not tried. When it was chosen, that
/// left out 1,198 of 1,572 words of the development sentences, and one of 77 capitals.
const FORM_GAP_MAX: f32 = 4.0;

/// A word of the batch that is being read, with what of it is tried.
pub(super) struct Place {
    word: usize,
    /// Its tokens among those of the batch.
    rows: Range<usize>,
    /// The boundary before it with the ways past a comma and past an end, where these are worth trying.
    boundary: Option<(Boundary, [Path; 2])>,
    /// The ways past a capital and past capitals.
    forms: [Option<Path>; 2],
}

/// A word with all that speaks for and against each way to write it.
pub(super) struct Weighed {
    pub(super) word: usize,
    /// Its first token among those of the batch.
    pub(super) row: usize,
    pub(super) boundary: Option<Boundary>,
    pub(super) ending: Ending,
    pub(super) forms: [Option<Writing>; 2],
}

impl<J: Judge> Decoder<J> {
    /// Chooses what is worth trying at a word.
    pub(super) fn place(
        &mut self,
        word: usize,
        rows: Range<usize>,
        read: &[Expected],
        branches: &mut Branches,
    ) -> Place {
        let before = self.before(rows.start, read);
        let boundary = self.boundary(word, before);
        let forms = [Form::Capital, Form::Upper].map(|form| self.form_path(word, form, &rows, before, branches));
        let boundary = boundary
            .filter(|boundary| self.judge.is_open(boundary))
            .map(|boundary| {
                let paths =
                    [(self.marks.comma, Form::Drafted), (self.marks.stop, Form::Capital)].map(|(mark, form)| {
                        let [next, behind] = self.ahead(word, form);
                        branches.add(rows.start, &[mark, next], behind)
                    });
                (boundary, paths)
            });
        Place {
            word,
            rows,
            boundary,
            forms,
        }
    }

    /// What speaks for a mark before a word, as far as it is known before any was tried; none where none may stand.
    fn boundary(&self, word: usize, before: &Expected) -> Option<Boundary> {
        self.words[word].open.then(|| Boundary {
            comma: before.of(self.marks.comma),
            stop: before.of(self.marks.stop),
            other_end: log_of_sum(before.of(self.marks.question), before.of(self.marks.exclamation)),
            next: before.of(self.words[word].tokens(Form::Drafted)[0]),
            comma_gain: 0.0,
            end_gain: 0.0,
            words: self.grammar(word),
        })
    }

    pub(super) fn grammar(&self, word: usize) -> [f32; grammar::BOUNDARY_LEN] {
        let folded: Vec<&str> = self.words.iter().map(Word::folded).collect();
        grammar::boundary(&folded, word - 1, self.sentence.start, self.sentence.commas)
    }

    /// The way past a form of a word; none where it may not take the form, or that is out of the question.
    fn form_path(
        &self,
        word: usize,
        form: Form,
        rows: &Range<usize>,
        before: &Expected,
        branches: &mut Branches,
    ) -> Option<Path> {
        let one = &self.words[word];
        let (drafted, tokens) = (one.tokens(Form::Drafted), one.tokens(form));
        let likely = one.may_be(form) && before.of(tokens[0]) > before.of(drafted[0]) - FORM_GAP_MAX;
        likely.then(|| branches.add(rows.start, tokens, self.behind(word)))
    }

    /// The first two tokens from a word on.
    fn ahead(&self, word: usize, form: Form) -> [u32; 2] {
        let tokens = self.words[word].tokens(form);
        let second = tokens.get(1).copied();
        [tokens[0], second.unwrap_or_else(|| self.behind(word))]
    }

    /// The token behind a word: the next word's first, or a full stop.
    fn behind(&self, word: usize) -> u32 {
        let next = self.words.get(word + 1);
        next.map_or(self.marks.stop, |next| next.tokens(Form::Drafted)[0])
    }

    /// Weighs what was tried at a word against how it was read.
    pub(super) fn weigh(&self, place: Place, read: &[Expected], branches: &ReadBranches) -> Weighed {
        let Place {
            word,
            rows,
            boundary,
            forms,
        } = place;
        let row = rows.start;
        let before = self.before(rows.start, read);
        let [next, behind] = self.ahead(word, Form::Drafted);
        let drafted = before.of(next) + read[rows.start].of(behind);
        let boundary = boundary.map(|(boundary, [comma, end])| Boundary {
            comma_gain: branches.weight(&comma, before) - drafted,
            // The path goes past a full stop; any end will do.
            end_gain: branches.weight(&end, before) - boundary.stop + log_of_sum(boundary.stop, boundary.other_end)
                - drafted,
            ..boundary
        });
        let tokens = self.words[word].tokens(Form::Drafted);
        let targets = tokens[1..].iter().copied().chain([self.behind(word)]);
        let whole: f32 = before.of(tokens[0]) + rows.zip(targets).map(|(row, token)| read[row].of(token)).sum::<f32>();
        let letter = |word: usize| {
            self.words
                .get(word)
                .is_some_and(|word| word.folded().chars().count() == 1)
        };
        Weighed {
            word,
            row,
            boundary,
            ending: self.ending(before),
            forms: forms.map(|path| {
                path.map(|path| Writing {
                    gain: branches.weight(&path, before) - whole,
                    closed: Class::of(self.words[word].folded()).is_closed(),
                    letter: letter(word),
                    after_capital: false,
                    beside_letter: letter(word + 1) || word > 0 && letter(word - 1),
                })
            }),
        }
    }

    /// What speaks for each end mark; the words are added when it is known where their sentence began.
    pub(super) fn ending(&self, before: &Expected) -> Ending {
        let stop = before.of(self.marks.stop);
        Ending {
            question: before.of(self.marks.question) - stop,
            exclamation: before.of(self.marks.exclamation) - stop,
            words: [0.0; grammar::ENDING_LEN],
        }
    }
}

/// The logarithm of the sum of two numbers given by their logarithms.
fn log_of_sum(one: f32, other: f32) -> f32 {
    let (larger, smaller) = if one > other { (one, other) } else { (other, one) };
    larger + (smaller - larger).exp().ln_1p()
}
