//! Decoding that is constrained to the transcript: the model chooses among ways to write the dictated words, and nothing
//! else can be written.
//!
//! The words arrive with what carries nothing already dropped. Between two of them the model may put a comma or end the
//! sentence, and a word that is no name in a program may get a capital or be written in capitals. Marks and capitals that
//! the transcript has stay. So no word can be lost or invented, whatever the model says.
//!
//! Words are read in batches of [`WINDOW`]: first as the rules leave them; then, side by side in a second batch, the marks
//! and capitals that the first one did not rule out, each with what follows it. A choice is judged by what it does to the
//! likelihood of the tokens behind it, not by its own alone: a comma shows its worth only in what comes after. What was
//! decided differently is read anew with the next words, so that later choices see the text as it will be.
//!
//! Dropping words belongs to [`crate::disfluency`], the decisions to [`judge`].

use std::ops::Range;
use std::time::Instant;

use voiceflow_protocol::Context;

use crate::chunk::Chunk;
use crate::model::{LanguageModel, Likelihoods, Session};
use crate::{EnhanceError, rules};

mod branches;
mod constants;
mod grammar;
pub(crate) mod judge;
mod weighing;
mod word;

use branches::Branches;
use judge::{Boundary, EndMark, Ending, Form, Judge, Mark, Writing};
use weighing::Weighed;
use word::Word;

/// Words that are read together. More of them make fewer batches; but a choice is weighed in the light of those before it
/// only from the next batch on.
const WINDOW: usize = 4;

/// What the model has read before any dictation, and what it expects next.
pub(crate) struct Opening {
    pub(crate) session: Session,
    pub(crate) expected: Likelihoods,
}

impl Opening {
    /// Reads what comes before every dictation.
    pub(crate) fn read(model: &LanguageModel, tokens: &[u32]) -> Result<Self, EnhanceError> {
        let mut session = model.session();
        let expected = session.read(tokens)?;
        Ok(Self { session, expected })
    }
}

/// Where a text is written, and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) context: Context,
    pub(crate) deadline: Instant,
}

/// What became of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    Text(String),
    TimedOut,
}

/// One text in the making.
pub(crate) struct Decoder<J> {
    judge: J,
    context: Context,
    deadline: Instant,
    words: Vec<Word>,
    session: Session,
    /// What follows the last token that was read.
    expected: Expected,
    /// Tokens that are decided and not read.
    pending: Vec<u32>,
    sentence: Sentence,
    dictated_tokens: usize,
    rows: usize,
    marks: Marks,
}

/// The sentence that is being written.
#[derive(Clone, Copy, Default)]
struct Sentence {
    /// Its first word.
    start: usize,
    /// Commas in it so far.
    commas: usize,
}

/// The tokens of the marks.
#[derive(Clone, Copy)]
struct Marks {
    comma: u32,
    stop: u32,
    question: u32,
    exclamation: u32,
}

/// Likelihoods with what makes probabilities of them.
pub(crate) struct Expected {
    likelihoods: Likelihoods,
    normalizer: f32,
}

impl Expected {
    fn new(likelihoods: Likelihoods) -> Self {
        Self {
            normalizer: likelihoods.normalizer(),
            likelihoods,
        }
    }

    /// The logarithm of the token's probability.
    fn of(&self, token: u32) -> f32 {
        self.likelihoods.score(token) - self.normalizer
    }
}

impl<J: Judge> Decoder<J> {
    /// Prepares pieces of which nothing is to be dropped, and whose capitals the rules have set.
    pub(crate) fn new(
        model: &LanguageModel,
        judge: J,
        opening: &Opening,
        chunks: Vec<Chunk>,
        bounds: Bounds,
    ) -> Result<Self, EnhanceError> {
        let token = |mark: &str| word::tokens(model, mark).map(|tokens| tokens[0]);
        Ok(Self {
            judge,
            context: bounds.context,
            deadline: bounds.deadline,
            words: word::words(model, chunks)?,
            session: opening.session.clone(),
            expected: Expected::new(opening.expected.clone()),
            pending: Vec::new(),
            sentence: Sentence::default(),
            dictated_tokens: 0,
            rows: 0,
            marks: Marks {
                comma: token(",")?,
                stop: token(".")?,
                question: token("?")?,
                exclamation: token("!")?,
            },
        })
    }

    /// Writes the text.
    pub(crate) fn decode(&mut self) -> Result<Decoded, EnhanceError> {
        for start in (0..self.words.len()).step_by(WINDOW) {
            if Instant::now() >= self.deadline {
                return Ok(Decoded::TimedOut);
            }
            self.decide(start..(start + WINDOW).min(self.words.len()))?;
        }
        self.finish()?;
        Ok(Decoded::Text(word::join(&self.words)))
    }

    /// Gives the judge back.
    pub(crate) fn into_judge(self) -> J {
        self.judge
    }

    /// Number of tokens of the words that the model read, each word once and as the rules leave it.
    pub(crate) fn dictated_tokens(&self) -> usize {
        self.dictated_tokens
    }

    /// Number of tokens that the model read, alternatives and what was read anew included.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Reads some words and decides how they, and the boundaries before them, are written.
    fn decide(&mut self, window: Range<usize>) -> Result<(), EnhanceError> {
        let base = self.session.len();
        let mut tokens = std::mem::take(&mut self.pending);
        let mut rows = Vec::with_capacity(window.len());
        for word in window.clone() {
            let start = tokens.len();
            tokens.extend(self.words[word].tokens(Form::Drafted));
            rows.push(start..tokens.len());
        }
        self.dictated_tokens += rows.iter().map(ExactSizeIterator::len).sum::<usize>();
        let read = self.read(&tokens)?;
        let mut branches = Branches::new(base);
        let mut places = Vec::with_capacity(window.len());
        for (word, rows) in window.zip(rows) {
            places.push(self.place(word, rows, &read, &mut branches));
        }
        self.rows += branches.len();
        let branches = branches.read(&mut self.session)?;
        let weighed: Vec<Weighed> = places
            .into_iter()
            .map(|place| self.weigh(place, &read, &branches))
            .collect();
        match self.settle(weighed) {
            Some(row) => self.session.truncate(base + row),
            None => self.expected = read.into_iter().next_back().expect("a batch has tokens"),
        }
        Ok(())
    }

    fn read(&mut self, tokens: &[u32]) -> Result<Vec<Expected>, EnhanceError> {
        self.rows += tokens.len();
        Ok(self.session.read_each(tokens)?.into_iter().map(Expected::new).collect())
    }

    /// What is expected before a row of the batch.
    fn before<'a>(&'a self, row: usize, read: &'a [Expected]) -> &'a Expected {
        row.checked_sub(1).map_or(&self.expected, |row| &read[row])
    }

    /// Decides about the words of a batch. What differs from what was read, and all behind it, is pending afterwards; the
    /// answer is the first row that differs.
    fn settle(&mut self, weighed: Vec<Weighed>) -> Option<usize> {
        let mut changed = None;
        for Weighed {
            word,
            row,
            boundary,
            ending,
            forms: [capital, upper],
        } in weighed
        {
            let mark = self.mark(word, boundary, ending);
            let ends = matches!(mark, Mark::End(_));
            let after_capital = self.is_named(word);
            let [capital, upper] = [capital, upper].map(|form| form.map(|form| Writing { after_capital, ..form }));
            let form = match self.judge.form(word, capital, upper) {
                Form::Drafted if ends && self.words[word].may_be(Form::Capital) => Form::Capital,
                form => form,
            };
            self.words[word].form = form;
            if mark != Mark::None || form != Form::Drafted {
                changed = changed.or(Some(row));
            }
            if changed.is_some() {
                self.pending.extend(self.marks.token(mark));
                self.pending.extend(self.words[word].tokens(form));
            }
        }
        changed
    }

    /// Whether the word before this one, in the same sentence, is written as a name is.
    fn is_named(&self, word: usize) -> bool {
        let Some(before) = word.checked_sub(1).filter(|&before| before > self.sentence.start) else {
            return false;
        };
        let open = self.words[before].mark == Mark::None;
        open && self.words[before].has_capital()
    }

    /// Decides about the mark before a word.
    fn mark(&mut self, word: usize, boundary: Option<Boundary>, ending: Ending) -> Mark {
        if self.words[word].begins {
            self.sentence = Sentence { start: word, commas: 0 };
        }
        let Some(boundary) = boundary else {
            return Mark::None;
        };
        let words = self.grammar(word);
        let mark = match self.judge.mark(word, &Boundary { words, ..boundary }) {
            Mark::End(_) => Mark::End(self.end(word - 1, ending)),
            mark => mark,
        };
        match mark {
            Mark::None => {}
            Mark::Comma => self.sentence.commas += 1,
            Mark::End(_) => self.sentence = Sentence { start: word, commas: 0 },
        }
        self.words[word - 1].mark = mark;
        mark
    }

    /// Decides how the sentence that ends with a word ends.
    fn end(&mut self, last: usize, ending: Ending) -> EndMark {
        let sentence: Vec<&str> = self.words[self.sentence.start..=last]
            .iter()
            .map(Word::folded)
            .collect();
        let words = grammar::ending(&sentence, rules::asks(&sentence));
        self.judge.end(last, &Ending { words, ..ending })
    }

    /// Puts the last mark.
    fn finish(&mut self) -> Result<(), EnhanceError> {
        let Some(last) = self.words.len().checked_sub(1) else {
            return Ok(());
        };
        if !self.words[last].may_end(self.context) {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty()
            && let Some(expected) = self.read(&pending)?.into_iter().next_back()
        {
            self.expected = expected;
        }
        let ending = self.ending(&self.expected);
        self.words[last].mark = Mark::End(self.end(last, ending));
        Ok(())
    }
}

impl Marks {
    fn token(self, mark: Mark) -> Option<u32> {
        match mark {
            Mark::None => None,
            Mark::Comma => Some(self.comma),
            Mark::End(EndMark::Stop) => Some(self.stop),
            Mark::End(EndMark::Question) => Some(self.question),
            Mark::End(EndMark::Exclamation) => Some(self.exclamation),
        }
    }
}
