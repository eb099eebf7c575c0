//! Which words of a dictation carry nothing: hesitations, fillers, stutters and broken-off words.
//!
//! This one definition serves both sides: the rules drop every span found here, and the faithfulness check allows a text
//! to lack exactly these. Where a phrase may also be meant ("you know the way", "I mean it", "very very"), it is kept.
//!
//! Three kinds of span are found, and the search repeats over what is left until it finds no more, because dropping a
//! hesitation can bring the two halves of a stutter together ("the um the"):
//!
//! - **Hesitations**: `um`, `uh`, `er`, `hmm` and their spellings, unless quoted, in capitals (`ER`) or hyphenated (`uh-huh`).
//! - **Fillers**: `you know` between commas, at an end after a comma, at a start before a comma, or after a form of "to
//!   be" or another hesitation where no object follows; `i mean` at the start of a sentence before a comma or a whole
//!   clause; `like` between two commas.
//! - **False starts that are plain**: a doubled function word or a doubled phrase of two or three function words, see
//!   [`crate::lexicon::is_stuttered`], never between spelled letters; and a word broken off with a hyphen before a word
//!   that begins with it ("w- we"). A false start in other words may be a correction and is kept.

use std::ops::Range;

use crate::chunk::Chunk;
use crate::lexicon;

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
    let mut left = Left { chunks };
    let mut spans = Vec::new();
    loop {
        let runs = left.droppable();
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

/// What is left of the text after earlier passes.
struct Left {
    chunks: Vec<Chunk>,
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
        if self.is_hesitation(at) || self.is_set_off_like(at) || self.is_broken_off(at) {
            return 1;
        }
        if self.is_you_know(at) || self.is_i_mean(at) {
            return 2;
        }
        (1..=3).find(|&length| self.is_doubled(at, length)).unwrap_or(0)
    }

    fn is_hesitation(&self, at: usize) -> bool {
        let chunk = self.chunk(at);
        lexicon::is_hesitation(&chunk.folded) && !chunk.is_acronym() && is_unquoted(chunk)
    }

    fn is_set_off_like(&self, at: usize) -> bool {
        self.word(at) == "like" && at > 0 && self.chunk(at - 1).ends_with_comma() && self.chunk(at).ends_with_comma()
    }

    fn is_broken_off(&self, at: usize) -> bool {
        let chunk = self.chunk(at);
        let broken = matches!(chunk.trailing.as_str(), "-" | "--" | "—" | "–") && chunk.leading.is_empty();
        broken
            && chunk.core.chars().all(char::is_alphabetic)
            && !chunk.core.is_empty()
            && at + 1 < self.chunks.len()
            && {
                let next = self.word(at + 1);
                next.len() > chunk.folded.len() && next.starts_with(&chunk.folded)
            }
    }

    fn is_you_know(&self, at: usize) -> bool {
        if !self.is_phrase(at, ["you", "know"]) {
            return false;
        }
        let starts = self.starts_sentence(at);
        let after_comma = at > 0 && self.chunk(at - 1).ends_with_comma();
        let last = self.chunk(at + 1);
        let closes = last.ends_sentence() || at + 2 == self.chunks.len();
        if last.ends_with_comma() {
            return starts || after_comma;
        }
        if closes {
            return after_comma;
        }
        let after_being = !starts && lexicon::is_being(self.word(at - 1)) && self.chunk(at - 1).trailing.is_empty();
        let followed_by_object = lexicon::starts_object(self.word(at + 2));
        after_being && last.trailing.is_empty() && !followed_by_object
    }

    fn is_i_mean(&self, at: usize) -> bool {
        if !self.is_phrase(at, ["i", "mean"]) || !self.starts_sentence(at) {
            return false;
        }
        let last = self.chunk(at + 1);
        if last.ends_with_comma() {
            return at + 2 < self.chunks.len();
        }
        if !last.trailing.is_empty() || at + 2 >= self.chunks.len() {
            return false;
        }
        let next = self.word(at + 2);
        let clause = lexicon::is_subject(next)
            && self.chunk(at + 2).trailing.is_empty()
            && at + 3 < self.chunks.len()
            && lexicon::is_finite_verb(self.word(at + 3));
        clause || lexicon::is_contracted_clause(next)
    }

    /// Whether the `length` pieces at `at` are said again at once, and nobody says them twice on purpose.
    fn is_doubled(&self, at: usize, length: usize) -> bool {
        if at + 2 * length > self.chunks.len() {
            return false;
        }
        let known = if length == 1 {
            lexicon::is_stuttered
        } else {
            lexicon::is_function_word
        };
        (at..at + length).all(|index| {
            let (first, again) = (self.chunk(index), self.chunk(index + length));
            first.folded == again.folded
                && known(&first.folded)
                && is_unquoted(first)
                && is_unquoted(again)
                && !again.trailing.starts_with('-')
                && !first.is_acronym()
                && matches!(first.trailing.as_str(), "" | "," | "..." | "…" | "-" | "--" | "—")
        }) && !self.is_spelling(at, length)
    }

    /// Whether a doubled lone letter stands among other lone letters, as in "double a a b".
    fn is_spelling(&self, at: usize, length: usize) -> bool {
        let capital_a = |index: usize| self.chunk(index).core == "A" && !self.starts_sentence(index);
        if length != 1 || !self.chunk(at).is_single_letter() {
            return false;
        }
        let before = at > 0 && self.chunk(at - 1).is_single_letter();
        let after = at + 2 < self.chunks.len() && self.chunk(at + 2).is_single_letter();
        before || after || capital_a(at) || capital_a(at + 1)
    }

    fn is_phrase(&self, at: usize, words: [&str; 2]) -> bool {
        at + 1 < self.chunks.len()
            && self.word(at) == words[0]
            && self.word(at + 1) == words[1]
            && self.chunk(at).trailing.is_empty()
            && is_unquoted(self.chunk(at))
            && is_unquoted(self.chunk(at + 1))
    }

    fn starts_sentence(&self, at: usize) -> bool {
        at == 0 || self.chunk(at - 1).ends_sentence()
    }

    fn chunk(&self, at: usize) -> &Chunk {
        &self.chunks[at]
    }

    fn word(&self, at: usize) -> &str {
        &self.chunk(at).folded
    }
}

/// Whether no quotation mark touches the piece: a quoted word is spoken of, not spoken.
fn is_unquoted(chunk: &Chunk) -> bool {
    let is_quote = |character| matches!(character, '"' | '“' | '”' | '‘' | '’' | '\'' | '`' | '«' | '»');
    chunk.leading.is_empty() && !chunk.trailing.contains(is_quote)
}

#[cfg(test)]
mod tests {
    use super::strip;
    use crate::chunk::split;

    fn kept(text: &str) -> String {
        let stripped = strip(split(text));
        let whole = split(text).len();
        let gone = (0..whole)
            .filter(|index| stripped.spans.iter().any(|span| span.contains(index)))
            .count();
        assert_eq!(stripped.chunks.len() + gone, whole, "the spans name what went");
        stripped
            .chunks
            .iter()
            .map(|chunk| chunk.core.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn what_carries_nothing_goes() {
        for (text, expected) in [
            ("um so uh we went", "so we went"),
            ("the um the the plan", "the plan"),
            ("I, I think we we should", "I think we should"),
            ("it was in the in the box", "it was in the box"),
            ("it was, you know, late", "it was late"),
            ("that's how it is, you know.", "that's how it is"),
            ("it was you know not bad", "it was not bad"),
            ("i mean it was late", "it was late"),
            ("I mean, Bob did it", "Bob did it"),
            ("um i mean it's fine", "it's fine"),
            ("it was, like, huge", "it was huge"),
            ("w- we should th-- the", "we should the"),
            ("you um know", "you know"),
        ] {
            assert_eq!(kept(text), expected, "{text}");
        }
    }

    #[test]
    fn what_may_be_meant_stays() {
        for text in [
            "five five five",
            "he had had enough",
            "very very good",
            "I know that that works",
            "bye bye",
            "no no",
            "a b b c",
            "spell it a a b",
            "do you know the way",
            "if you know not to go",
            "I think it was you know who",
            "I mean it",
            "I mean what I say",
            "what I mean it is",
            "we like it",
            "the ER doctor",
            "uh-huh",
            "he said \"um\" twice",
            "I ask you you know",
            "we we-ll",
            "type I I R",
            "send it to Bob, I mean, Alice",
        ] {
            let expected = split(text)
                .iter()
                .map(|chunk| chunk.core.clone())
                .collect::<Vec<_>>()
                .join(" ");
            assert_eq!(kept(text), expected, "{text}");
        }
    }
}
