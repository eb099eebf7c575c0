//! Which words of a dictation carry nothing: hesitations, fillers, repeats, broken-off words and false starts.
//!
//! This one definition serves both sides: the rules drop every span found here, and the faithfulness check allows a text
//! to lack exactly these. Where a word may also be meant ("you know the way", "I mean it", "very very"), it is kept.
//!
//! Four kinds of span are found, and the search goes on over what is left until it finds no more, because dropping a
//! hesitation can bring the two halves of a repeat together ("the um the"):
//!
//! - **Hesitations**: `um`, `uh`, `er`, `hmm` and their spellings, unless quoted, spoken of ("the word er"), in capitals
//!   (`ER`) or hyphenated (`uh-huh`).
//! - **Fillers**, in the private module `fillers`: `you know`, `i mean`, `like`, `so`, `well` and their kind where the
//!   sentence has no place for them.
//! - **Repeats**, in `repeats`: words and phrases said again at once, and words broken off and said again whole.
//! - **False starts**, in `restarts`: beginnings that are begun anew, and words that the speaker takes back.

use std::ops::Range;

use crate::chunk::Chunk;
use crate::lexicon;

mod fillers;
mod repeats;
mod restarts;
#[cfg(test)]
mod tests;

/// A text without its disfluencies.
pub(crate) struct Stripped {
    /// What is left, punctuation mended.
    pub(crate) chunks: Vec<Chunk>,
    /// The runs of original pieces that went, in the order in which they were found. Later ones may contain earlier ones.
    pub(crate) spans: Vec<Range<usize>>,
}

/// Drops every span of `chunks` that carries nothing, until none is left.
pub(crate) fn strip(chunks: Vec<Chunk>) -> Stripped {
    let mut places: Vec<usize> = (0..chunks.len()).collect();
    let mut left = Left {
        chunks,
        keeps_hesitations: true,
    };
    let mut spans = Vec::new();
    loop {
        let runs = left.droppable();
        if runs.is_empty() && left.keeps_hesitations {
            left.keeps_hesitations = false;
            continue;
        }
        if runs.is_empty() {
            return Stripped {
                chunks: left.chunks,
                spans,
            };
        }
        spans.extend(runs.iter().map(|run| places[run.start]..places[run.end - 1] + 1));
        for run in runs.into_iter().rev() {
            left.mend_before(&run);
            left.chunks.drain(run.clone());
            places.drain(run);
        }
    }
}

/// What a speaker fills a pause with.
#[derive(Clone, Copy, Debug, Default)]
struct Pause {
    /// Number of pieces.
    length: usize,
    /// Whether a sound of hesitation is among them.
    hesitates: bool,
}

/// What is left of the text after earlier passes.
struct Left {
    chunks: Vec<Chunk>,
    /// Whether hesitations stay for now: they show where something was said again or begun anew.
    keeps_hesitations: bool,
}

impl Left {
    /// Runs of pieces that may go, from left to right without overlap.
    fn droppable(&self) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        let mut at = 0;
        while at < self.chunks.len() {
            let length = self.run_at(at);
            if length == 0 {
                at += 1;
            } else {
                runs.push(at..at + length);
                // The piece after a run is judged in the next pass, when its new neighbour is known.
                at += length + 1;
            }
        }
        runs
    }

    /// Gives the piece before a run that is about to go the end mark of the run, and takes its comma away where the run
    /// was set off by two or where no comma belongs.
    fn mend_before(&mut self, run: &Range<usize>) {
        let Some(before) = run.start.checked_sub(1) else {
            return;
        };
        let last = &self.chunks[run.end - 1];
        let (ends_sentence, set_off, mark) = (last.ends_sentence(), last.ends_with_comma(), last.trailing.clone());
        let was_hesitation = lexicon::is_hesitation(&last.folded);
        let previous = &mut self.chunks[before];
        if previous.is_bare_punctuation() || previous.ends_with_mark() {
            return;
        }
        if ends_sentence {
            if matches!(previous.trailing.as_str(), "," | ";") {
                previous.trailing.clear();
            }
            previous.trailing.push_str(&mark);
        } else if previous.ends_with_comma() && set_off && (!was_hesitation || lexicon::expects_more(&previous.folded))
        {
            previous.trailing.clear();
        }
    }

    /// How many pieces from `at` on may go.
    fn run_at(&self, at: usize) -> usize {
        let before_pause = [
            self.repeat_after_pause(at),
            self.restart_after_hesitation(at),
            self.gives_way(at),
        ];
        if let Some(length) = before_pause.into_iter().flatten().next() {
            return length;
        }
        // Hesitations and fillers go together: each shows what the one beside it is.
        let mut end = at + self.opening_fillers(at).unwrap_or(0);
        while let Some(length) = self.idle(end) {
            end += length;
        }
        let waits = self.keeps_hesitations && (at..end).all(|index| self.is_hesitation(index));
        if end > at {
            return if waits { 0 } else { end - at };
        }
        if self.is_broken_off(at) {
            return 1;
        }
        self.repeat(at).or_else(|| self.restart(at)).unwrap_or(0)
    }

    /// How many pieces at `at` are a hesitation or a filler.
    fn idle(&self, at: usize) -> Option<usize> {
        if self.is_hesitation(at) {
            return Some(1);
        }
        (at < self.chunks.len()).then(|| self.filler(at)).flatten()
    }

    /// The hesitations and fillers from `at` on that stand between two words.
    fn pause(&self, at: usize) -> Pause {
        let mut pause = Pause::default();
        loop {
            let place = at + pause.length;
            let phrase = fillers::PHRASES
                .iter()
                .any(|phrase| self.is_phrase(place, phrase.as_slice()));
            if self.is_hesitation(place) {
                pause.hesitates = true;
                pause.length += 1;
            } else if phrase {
                pause.length += 2;
            } else if ["like", "actually", "basically"]
                .iter()
                .any(|&word| self.is_phrase(place, &[word]))
            {
                pause.length += 1;
            } else {
                return pause;
            }
        }
    }

    fn is_hesitation(&self, at: usize) -> bool {
        let Some(chunk) = self.chunks.get(at) else {
            return false;
        };
        let spoken_of = at > 0 && matches!(self.word(at - 1), "word" | "words" | "sound" | "sounds" | "syllable");
        lexicon::is_hesitation(&chunk.folded) && !chunk.is_acronym() && is_unquoted(chunk) && !spoken_of
    }

    /// Whether these words stand here with nothing between them.
    fn is_phrase(&self, at: usize, words: &[&str]) -> bool {
        let end = at + words.len();
        end <= self.chunks.len()
            && words
                .iter()
                .enumerate()
                .all(|(offset, word)| self.word(at + offset) == *word)
            && self.is_plain_run(at..end)
    }

    /// Whether no piece of the run is quoted, and only the last has a mark behind it.
    fn is_plain_run(&self, run: Range<usize>) -> bool {
        let last = run.end - 1;
        run.clone().all(|index| is_unquoted(self.chunk(index)))
            && run
                .clone()
                .take_while(|&index| index < last)
                .all(|index| self.chunk(index).trailing.is_empty())
    }

    fn starts_sentence(&self, at: usize) -> bool {
        at == 0 || self.chunk(at - 1).ends_sentence() || self.is_hesitation(at - 1) && self.starts_sentence(at - 1)
    }

    fn chunk(&self, at: usize) -> &Chunk {
        &self.chunks[at]
    }

    fn word(&self, at: usize) -> &str {
        &self.chunk(at).folded
    }

    /// The word at a place, or nothing beyond the end.
    fn word_or_end(&self, at: usize) -> &str {
        self.chunks.get(at).map_or("", |chunk| &chunk.folded)
    }

    /// The word before a place in the same sentence, or nothing.
    fn word_before(&self, at: usize) -> &str {
        if self.starts_sentence(at) {
            ""
        } else {
            self.word(at - 1)
        }
    }
}

/// Whether no quotation mark touches the piece: a quoted word is spoken of, not spoken.
fn is_unquoted(chunk: &Chunk) -> bool {
    let is_quote = |character| matches!(character, '"' | '“' | '”' | '‘' | '’' | '\'' | '`' | '«' | '»');
    chunk.leading.is_empty() && !chunk.trailing.contains(is_quote)
}
