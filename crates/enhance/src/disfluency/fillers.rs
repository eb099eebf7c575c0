//! Words that only gain time.

use super::{Left, is_unquoted};
use crate::lexicon;

/// Fillers of two words.
pub(super) const PHRASES: [[&str; 2]; 4] = [["you", "know"], ["i", "mean"], ["sort", "of"], ["kind", "of"]];

impl Left {
    /// How many pieces open a sentence only to gain time: hesitations, and words like "so" and "well" beside them. Without
    /// a hesitation beside it such a word may be meant.
    pub(super) fn opening_fillers(&self, at: usize) -> Option<usize> {
        if !self.starts_sentence(at) {
            return None;
        }
        let mut end = at;
        let mut last_hesitation = None;
        loop {
            if self.is_hesitation(end) {
                last_hesitation = Some(end);
                end += 1;
            } else if self.is_phrase(end, &["i", "mean"]) || self.is_you_know_of_delay(at, end) {
                end += 2;
            } else if self.is_bare_opener(end) {
                end += 1;
            } else {
                let opens = self.opens_twice(at, end);
                let gained = last_hesitation.map(|last| last + 1 + usize::from(self.is_word_of_delay(last + 1)) - at);
                return gained.or_else(|| opens.then_some(end - at));
            }
        }
    }

    /// "well you know I think", "you know um the server": before a subject, or before a hesitation.
    fn is_you_know_of_delay(&self, start: usize, at: usize) -> bool {
        let next = self.word_or_end(at + 2);
        self.is_phrase(at, &["you", "know"])
            && (self.is_hesitation(at + 2) || at > start && lexicon::is_nominative(next))
    }

    /// Whether the word behind a hesitation that opens a sentence gains time too, and the sentence goes on.
    fn is_word_of_delay(&self, at: usize) -> bool {
        let delays = matches!(self.word_or_end(at), "so" | "well" | "basically" | "actually");
        delays && self.is_bare_opener(at) && at + 1 < self.chunks.len()
    }

    /// "so basically the ...": two such words in a row have no other place. "So well" and "actually" may have one.
    fn opens_twice(&self, at: usize, end: usize) -> bool {
        let basically = end == at + 2
            && matches!(self.word(at), "so" | "well")
            && (self.word(at + 1) == "basically"
                || self.word(at + 1) == "like" && lexicon::is_nominative(self.word_or_end(end)));
        let well_you_know = end == at + 3 && self.word(at) == "well" && self.word(at + 1) == "you";
        (basically || well_you_know) && end < self.chunks.len()
    }

    /// Whether such a word stands here; one that the transcript sets off with a comma is meant.
    fn is_bare_opener(&self, at: usize) -> bool {
        self.chunks
            .get(at)
            .is_some_and(|chunk| is_opener(&chunk.folded) && chunk.leading.is_empty() && chunk.trailing.is_empty())
    }

    /// How many pieces at `at` are a filler.
    pub(super) fn filler(&self, at: usize) -> Option<usize> {
        let found = self.is_set_off(at, 1) && self.word(at) == "like"
            || self.is_like_of_degree(at)
            || self.is_like_of_number(at)
            || self.is_like_without_place(at)
            || self.is_well_within(at)
            || self.is_beside_filler(at, 1) && self.is_single_filler(at);
        if found {
            return Some(1);
        }
        let phrase = PHRASES.iter().find(|phrase| self.is_phrase(at, phrase.as_slice()))?;
        let found = match phrase {
            ["you", "know"] => self.is_you_know(at),
            ["i", "mean"] => self.is_i_mean(at),
            // "to sort of move", "we could kind of wait": before the verb. "It is kind of slow" says how much.
            _ => {
                let before = self.word_before(at);
                before == "to" || lexicon::is_modal(before)
            }
        };
        let beside = || self.is_beside_filler(at, 2) && !self.is_meant_phrase(at, phrase);
        (found || beside()).then_some(2)
    }

    /// Whether commas stand on both sides.
    fn is_set_off(&self, at: usize, length: usize) -> bool {
        at > 0 && self.chunk(at - 1).ends_with_comma() && self.chunk(at + length - 1).ends_with_comma()
    }

    /// "was like so tired": between a form of "to be" and a word of degree.
    fn is_like_of_degree(&self, at: usize) -> bool {
        self.word(at) == "like"
            && self.is_plain_run(at..at + 1)
            && lexicon::is_being(self.word_before(at))
            && lexicon::is_degree(self.word_or_end(at + 1))
    }

    /// "takes like ten minutes": behind a verb that measures.
    fn is_like_of_number(&self, at: usize) -> bool {
        let measures = matches!(
            self.word_before(at),
            "need"
                | "needs"
                | "needed"
                | "take"
                | "takes"
                | "took"
                | "have"
                | "has"
                | "had"
                | "got"
                | "cost"
                | "costs"
                | "wait"
                | "waited"
                | "spent"
                | "for"
                | "in"
                | "at"
                | "only"
                | "just"
        );
        self.word(at) == "like"
            && self.is_plain_run(at..at + 1)
            && measures
            && lexicon::is_number_word(self.word_or_end(at + 1))
    }

    /// "because like we can't", "the like main door", "with like the others": no verb before it, no noun for it.
    fn is_like_without_place(&self, at: usize) -> bool {
        let (before, next) = (self.word_before(at), self.word_or_end(at + 1));
        let joined = matches!(before, "and" | "but" | "because" | "so" | "or" | "that" | "then");
        let led = lexicon::is_preposition(before) && before != "to" && before != "of";
        // "We like can't", "she was like waiting", "we need like a van".
        let subject = lexicon::is_nominative(before) && lexicon::is_finite_verb(next) && next != "do";
        let busy = lexicon::is_being(before)
            && at > 1
            && lexicon::is_nominative(self.word(at - 2))
            && next.ends_with("ing")
            && !next.ends_with("thing");
        let object = lexicon::takes_thing(before) && lexicon::is_determiner(next);
        let hesitates = self.is_hesitation(at + 1) && (joined || lexicon::is_being(before))
            || lexicon::is_hesitation(before) && (lexicon::is_nominative(next) || lexicon::is_number_word(next));
        self.word(at) == "like"
            && self.is_plain_run(at..at + 1)
            && at + 2 < self.chunks.len()
            && (joined && lexicon::is_nominative(next)
                || lexicon::is_determiner(before)
                || led && (lexicon::is_determiner(next) || lexicon::is_number_word(next))
                || subject
                || busy
                || object
                || hesitates)
    }

    /// "but well we could", "and um well I think": between a joint or a hesitation and a subject.
    fn is_well_within(&self, at: usize) -> bool {
        let before = self.word_before(at);
        let joined = matches!(before, "but" | "and" | "because") || lexicon::is_hesitation(before);
        self.word(at) == "well"
            && self.is_plain_run(at..at + 1)
            && joined
            && lexicon::is_nominative(self.word_or_end(at + 1))
    }

    fn is_single_filler(&self, at: usize) -> bool {
        matches!(self.word(at), "basically" | "actually") && is_unquoted(self.chunk(at))
    }

    /// Whether a hesitation or another filler touches the `length` pieces at `at`: nobody hesitates within what he means.
    fn is_beside_filler(&self, at: usize, length: usize) -> bool {
        let after = at + length;
        let phrase = |at: usize| PHRASES.iter().any(|phrase| self.is_phrase(at, phrase.as_slice()));
        self.is_hesitation(after)
            || at > 0 && !self.starts_sentence(at) && self.is_hesitation(at - 1)
            || phrase(after)
            || at > 1 && !self.starts_sentence(at) && phrase(at - 2)
    }

    /// Whether the words before a phrase give it a place in the sentence.
    fn is_meant_phrase(&self, at: usize, phrase: &[&str; 2]) -> bool {
        let mut before = at;
        while before > 0 && !self.starts_sentence(before) && self.is_hesitation(before - 1) {
            before -= 1;
        }
        let before = self.word_before(before);
        match phrase[0] {
            // "do you know", "as you know", "that you know".
            "you" => {
                before.is_empty()
                    || lexicon::is_wh_word(before)
                    || matches!(
                        before,
                        "do" | "did" | "don't" | "if" | "as" | "that" | "because" | "whatever" | "and" | "but"
                    )
            }
            // "what I mean"; and a correction, which is no filler.
            "i" => true,
            // "the sort of", "some kind of".
            _ => {
                before.is_empty()
                    || matches!(
                        before,
                        "the"
                            | "a"
                            | "an"
                            | "this"
                            | "that"
                            | "these"
                            | "those"
                            | "what"
                            | "which"
                            | "some"
                            | "any"
                            | "same"
                            | "another"
                            | "every"
                            | "all"
                            | "no"
                            | "one"
                            | "other"
                            | "new"
                            | "of"
                    )
            }
        }
    }

    fn is_you_know(&self, at: usize) -> bool {
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
        if starts || !self.chunk(at - 1).trailing.is_empty() || !last.trailing.is_empty() {
            return false;
        }
        let (before, next) = (self.word(at - 1), self.word(at + 2));
        if lexicon::is_wh_word(next) {
            return false;
        }
        // "I you know fell asleep", "the you know main point", "we could you know leave": no room for a second subject.
        let verb_of_subject = lexicon::is_finite_verb(before) && at > 1 && lexicon::is_nominative(self.word(at - 2));
        let no_room = lexicon::is_nominative(before)
            || lexicon::is_determiner(before)
            || lexicon::is_preposition(before)
            || verb_of_subject;
        // Only one thing "is that you know ..."; several things "are" no clause.
        let several = matches!(before, "are" | "were" | "am" | "i'm" | "we're");
        no_room || several || lexicon::is_being(before) && !lexicon::starts_object(next)
    }

    fn is_i_mean(&self, at: usize) -> bool {
        let starts = self.starts_sentence(at);
        if !starts && !matches!(self.word(at - 1), "but" | "because" | "and" | "so") {
            return false;
        }
        let last = self.chunk(at + 1);
        if last.ends_with_comma() {
            return starts && at + 2 < self.chunks.len();
        }
        if self.is_hesitation(at + 2) {
            return at + 3 < self.chunks.len();
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
}

/// Words that may open a sentence only to gain time.
fn is_opener(word: &str) -> bool {
    matches!(word, "so" | "well" | "basically" | "actually" | "like")
}
