//! Whether a tidied text says what was dictated: no content word lost, none invented, none moved.
//!
//! A language model asked to tidy a sentence sometimes answers it, shortens it or adds to it. This check is the gate that
//! every text of the model passes before anyone sees it. It compares *sequences of words*:
//!
//! - A **word** is a run of letters, digits and underscores. It goes on over an apostrophe, `.`, `:`, `::`, `/`, `\` or
//!   `@` between two of these (`don't`, `main.rs`, `10:30`, `me@example.com`), and over a comma between digits. A hyphen
//!   divides, so `follow-up` equals `follow up`.
//! - A **symbol** that is neither punctuation nor white space (`%`, `$`, `+`, a bracket) is a word of its own, and so is
//!   a run of hyphens before a word (`-5`, `--flag`). Losing or inventing one is losing or inventing content.
//! - **Punctuation** and line breaks are free.
//! - **Case** is free, except in words that carry meaning in it: those with a capital after their first letter (`NASA`,
//!   `userId`), with digits and letters mixed, or with an inner mark. These must come back letter by letter. In
//!   [`Context::Code`] only the first letter of a word may change its case, or all at once, as an acronym has them.
//! - The output must be the source's words in their order. Only the spans that carry nothing may be missing: hesitations,
//!   fillers, repeats and false starts, as the private module `disfluency` defines them. Any other word must be there as
//!   often as it was said, function words included: "not" is one of them.
//!
//! Numbers are not converted: "five" and "5" are different words. What is equal in meaning but not in words is refused,
//! because a refusal costs a little polish and a wrong acceptance costs the speaker's meaning.

use voiceflow_protocol::Context;

use crate::chunk::{self, is_punctuation, is_space};
use crate::disfluency;

/// How a text departs from what was dictated. Positions count the words of the output; no text is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stray {
    /// The word at this place was not said, or not there.
    #[error("word {at} of the text was not dictated there")]
    Invented {
        /// Index of the first wrong word.
        at: usize,
    },
    /// The word at this place was said, but something before it that carries content is missing.
    #[error("something dictated before word {at} of the text is missing")]
    Lost {
        /// Index of the word before which something is missing; the number of words where the end is missing.
        at: usize,
    },
}

/// Checks one whole text against what was dictated.
///
/// # Errors
/// The first departure, see the module's text for what counts as one.
pub fn check(dictated: &str, text: &str, context: Context) -> Result<(), Stray> {
    Checker::new(dictated, context).check(text)
}

/// What was dictated, prepared for checking one or many texts against it.
#[derive(Debug)]
pub struct Checker {
    words: Vec<Word>,
    /// For every place, the places that can be reached from it by leaving out a span that carries nothing.
    skips: Vec<Vec<usize>>,
    context: Context,
}

impl Checker {
    /// Takes the dictated text apart.
    #[must_use]
    pub fn new(dictated: &str, context: Context) -> Self {
        let chunks = chunk::split_dictation(dictated, context);
        let mut words = Vec::new();
        let mut places = Vec::with_capacity(chunks.len() + 1);
        let mut piece = String::new();
        for chunk in &chunks {
            places.push(words.len());
            piece.clear();
            chunk.write_to(&mut piece);
            push_words(&piece, &mut words);
        }
        places.push(words.len());
        let mut skips = vec![Vec::new(); words.len() + 1];
        for span in disfluency::strip(chunks).spans {
            let (start, end) = (places[span.start], places[span.end]);
            if start < end {
                skips[start].push(end);
            }
        }
        Self { words, skips, context }
    }

    /// Number of words and symbols that were dictated.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether no word was dictated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Checks a finished text.
    ///
    /// # Errors
    /// The first departure.
    pub fn check(&self, text: &str) -> Result<(), Stray> {
        let output = words_of(text);
        let reached = self.follow(&output)?;
        if reached[self.words.len()] {
            Ok(())
        } else {
            Err(Stray::Lost { at: output.len() })
        }
    }

    /// Checks a text that is still being written: its last word may be the beginning of one.
    ///
    /// # Errors
    /// A departure that no continuation can mend.
    pub fn check_beginning(&self, text: &str) -> Result<(), Stray> {
        // A joint at the end may yet join: "me@" becomes "me@example.com".
        let text = text.trim_end_matches(['/', '\\', '@']);
        let mut output = words_of(text);
        let unfinished = if text.ends_with(is_space) { None } else { output.pop() };
        let reached = self.follow(&output)?;
        match unfinished {
            Some(word) if !self.can_begin(&reached, &word) => Err(self.classify(&reached, &word, output.len())),
            _ => Ok(()),
        }
    }

    /// The places in the dictated words that the output's words can have led to.
    fn follow(&self, output: &[Word]) -> Result<Vec<bool>, Stray> {
        let mut reached = vec![false; self.words.len() + 1];
        reached[0] = true;
        self.skip(&mut reached);
        for (at, word) in output.iter().enumerate() {
            let mut next = vec![false; self.words.len() + 1];
            for (place, dictated) in self.words.iter().enumerate() {
                next[place + 1] = reached[place] && dictated.allows(word, self.context);
            }
            if !next.contains(&true) {
                return Err(self.classify(&reached, word, at));
            }
            self.skip(&mut next);
            reached = next;
        }
        Ok(reached)
    }

    /// Adds the places that can be reached by leaving out what carries nothing. Skips lead forward only, so one pass does.
    fn skip(&self, reached: &mut [bool]) {
        for place in 0..self.words.len() {
            if reached[place] {
                for &further in &self.skips[place] {
                    reached[further] = true;
                }
            }
        }
    }

    fn can_begin(&self, reached: &[bool], word: &Word) -> bool {
        self.words
            .iter()
            .zip(reached)
            .any(|(dictated, &here)| here && dictated.can_begin_with(word, self.context))
    }

    /// A word that was said further on means that something was left out; any other is an invention.
    fn classify(&self, reached: &[bool], word: &Word, at: usize) -> Stray {
        let first = reached.iter().position(|&here| here).unwrap_or(0);
        let said_later = self.words[first..]
            .iter()
            .any(|dictated| dictated.allows(word, self.context));
        if said_later {
            Stray::Lost { at }
        } else {
            Stray::Invented { at }
        }
    }
}

/// A word as it is written and as it is compared.
#[derive(Debug)]
struct Word {
    written: String,
    folded: String,
    /// Whether the case of its letters matters.
    exact: bool,
}

impl Word {
    fn new(characters: &[char]) -> Self {
        let straight = |&character: &char| if character == '’' { '\'' } else { character };
        let written: String = characters.iter().map(straight).collect();
        let letters = characters.iter().any(|character| character.is_alphabetic());
        let mark = |character: char| !character.is_alphabetic() && !matches!(character, '\'' | '’');
        let inner_capital = characters.iter().skip(1).any(|character| character.is_uppercase());
        let exact = inner_capital || letters && characters.iter().copied().any(mark);
        Self {
            folded: chunk::fold(&written),
            written,
            exact,
        }
    }

    /// Whether `output` is this dictated word.
    fn allows(&self, output: &Self, context: Context) -> bool {
        self.folded == output.folded && self.same_case(output, context)
    }

    /// Whether `output` is this dictated word or the beginning of it.
    fn can_begin_with(&self, output: &Self, context: Context) -> bool {
        self.folded.starts_with(&output.folded) && self.same_case(output, context)
    }

    /// Whether this is a word in small letters and `output`, as far as it goes, the same in capitals.
    fn is_raised_in(&self, output: &Self) -> bool {
        let plain = |word: &str| word.chars().all(char::is_alphabetic);
        plain(&self.written)
            && plain(&output.written)
            && self.written.chars().skip(1).all(char::is_lowercase)
            && output.written.chars().all(char::is_uppercase)
    }

    /// Whether the letters that both have agree in case where case matters.
    fn same_case(&self, output: &Self, context: Context) -> bool {
        let free = match (self.exact, context) {
            (true, _) => 0,
            (false, Context::Code) if self.is_raised_in(output) => return true,
            (false, Context::Code) => 1,
            (false, _) => return true,
        };
        let pairs = self.written.chars().zip(output.written.chars());
        pairs.skip(free).all(|(dictated, written)| dictated == written)
    }
}

fn words_of(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    for piece in text.split(is_space) {
        push_words(piece, &mut words);
    }
    words
}

/// Appends the words of one run without white space.
fn push_words(piece: &str, words: &mut Vec<Word>) {
    let characters: Vec<char> = piece.chars().collect();
    let mut at = 0;
    while at < characters.len() {
        let end = word_end(&characters, at);
        if end > at {
            words.push(Word::new(&characters[at..end]));
        }
        at = end.max(at + 1);
    }
}

/// Where the word that starts at `at` ends; `at` itself where none starts.
fn word_end(characters: &[char], at: usize) -> usize {
    let first = characters[at];
    if is_word_character(first) {
        return run_end(characters, at);
    }
    if first == '-' && at == 0 {
        let hyphens = characters.iter().take_while(|&&character| character == '-').count();
        let before_word = characters.get(hyphens).is_some_and(|&next| is_word_character(next));
        return if before_word { hyphens } else { at };
    }
    if is_punctuation(first) { at } else { at + 1 }
}

/// Where the run of word characters from `at` on ends, joints included.
fn run_end(characters: &[char], at: usize) -> usize {
    let mut end = at + 1;
    loop {
        let rest = &characters[end..];
        end += match rest {
            [next, ..] if is_word_character(*next) => 1,
            [':', ':', next, ..] if is_word_character(*next) => 3,
            ['\'' | '’' | '.' | ':' | '/' | '\\' | '@', next, ..] if is_word_character(*next) => 2,
            [',', next, ..] if next.is_ascii_digit() && characters[end - 1].is_ascii_digit() => 2,
            _ => return end,
        };
    }
}

fn is_word_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests;
