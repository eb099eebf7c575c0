//! Words said again at once, and words broken off and said again whole.

use super::{Left, is_unquoted};
use crate::chunk::Chunk;
use crate::lexicon;

/// The longest phrase that is looked for again at once.
const PHRASE_WORDS_MAX: usize = 5;

impl Left {
    /// How many pieces at `at` are said again at once, where nobody says them twice on purpose.
    pub(super) fn repeat(&self, at: usize) -> Option<usize> {
        (1..=PHRASE_WORDS_MAX)
            .find(|&length| self.is_doubled(at, length))
            .or_else(|| self.is_put_better(at).then_some(1))
    }

    /// "i i'm", "a an old", "the my brother": a word that serves gives way to another form of itself.
    fn is_put_better(&self, at: usize) -> bool {
        if at + 2 >= self.chunks.len() || !self.is_plain_run(at..at + 2) || !self.chunk(at).is_plain() {
            return false;
        }
        let (word, next) = (self.word(at), self.word(at + 1));
        // "It it's", "can can't".
        let contracted = next
            .strip_prefix(word)
            .is_some_and(|rest| matches!(rest, "n't" | "'t" | "'s" | "'re" | "'ll" | "'ve" | "'d" | "'m"));
        // "There's there is".
        let expanded =
            word.split_once('\'').is_some_and(|(stem, _)| stem == next) && lexicon::is_finite_verb(self.word(at + 2));
        match word {
            // "I like it it's great": the object of what stands before.
            "it" | "you" | "there" | "that" if contracted => self.begins_clause(at),
            _ if contracted || expanded => lexicon::is_closed(word),
            // "I we should": a clause has one subject.
            _ if lexicon::is_nominative(word) => lexicon::is_nominative(next) && next != word,
            "a" => lexicon::is_determiner(next) && next != word && !self.is_spelling(at),
            "the" | "an" | "my" | "our" | "your" | "their" => lexicon::is_determiner(next) && next != word,
            "could" | "would" | "should" | "might" | "must" => {
                matches!(next, "can" | "could" | "would" | "should" | "might" | "must" | "shall")
            }
            _ => false,
        }
    }

    /// How many pieces at `at` are said again after a hesitation or a filler, which go with them: nobody hesitates between
    /// two words that he means. Numbers may be read out one by one.
    pub(super) fn repeat_after_pause(&self, at: usize) -> Option<usize> {
        (1..=PHRASE_WORDS_MAX).find_map(|length| {
            let pause = self.pause(at + length);
            let again = at + length + pause.length;
            if pause.length == 0 || again + length > self.chunks.len() {
                return None;
            }
            // Without a sound of hesitation the words may belong to each other: "people like people".
            let sure = pause.hesitates
                || lexicon::is_function_word(self.word(at)) && !matches!(self.word(at), "that" | "this");
            let same = (0..length).all(|offset| self.is_again(at + offset, again + offset, offset + 1 == length));
            (sure && same).then_some(length + pause.length)
        })
    }

    /// Whether the piece at `first` is said again at `second`; the last one may have been broken off.
    fn is_again(&self, first: usize, second: usize, last: bool) -> bool {
        let (one, other) = (self.chunk(first), self.chunk(second));
        let broken = last && lexicon::is_no_word(&one.folded) && other.folded.starts_with(&one.folded);
        (one.folded == other.folded || broken)
            && is_ordinary(one)
            && !self.is_hesitation(first)
            && !one.is_single_letter_of_spelling()
            && !lexicon::is_number_word(&one.folded)
            && one.leading.is_empty()
            && other.leading.is_empty()
            && matches!(one.trailing.as_str(), "" | "," | "..." | "…" | "-" | "—")
    }

    /// "he um she said", "in the um on monday": a word that serves, a hesitation, and another word of its kind instead. A
    /// preposition goes with the article that was to follow it.
    pub(super) fn gives_way(&self, at: usize) -> Option<usize> {
        let pause = self.pause(at + 1);
        let next = self.word_or_end(at + 1 + pause.length);
        let plain = |index: usize| self.chunks.get(index).is_some_and(crate::chunk::Chunk::is_plain);
        if pause.hesitates && plain(at) {
            let word = self.word(at);
            let kinds = [lexicon::is_nominative, lexicon::is_modal, lexicon::is_copula];
            let determiners = lexicon::needs_noun(word) && lexicon::is_determiner(next);
            let prepositions = lexicon::is_bare_preposition(word)
                && (lexicon::is_bare_preposition(next) || matches!(next, "in" | "on"))
                && !self.may_be_stranded(at, next);
            let same = determiners || prepositions || kinds.iter().any(|kind| kind(word) && kind(next));
            return (same && word != next).then_some(1 + pause.length);
        }
        let pause = self.pause(at + 2);
        let next = self.word_or_end(at + 2 + pause.length);
        let pair = pause.hesitates
            && plain(at)
            && plain(at + 1)
            && lexicon::is_preposition(self.word(at))
            && lexicon::needs_noun(self.word(at + 1))
            && lexicon::is_preposition(next);
        pair.then_some(2 + pause.length)
    }

    /// Whether nothing may be missing behind the preposition at `at`, before `next`: in questions ("what are you looking
    /// for"), in relative clauses ("the man i spoke to"), and in the passive ("it was paid for by").
    fn may_be_stranded(&self, at: usize, next: &str) -> bool {
        let start = (0..at).rev().find(|&index| self.chunk(index).ends_sentence());
        let asks_or_relates = (start.map_or(0, |end| end + 1)..at).any(|index| {
            let word = self.word(index);
            let before = self.word_before(index);
            let subject = lexicon::is_nominative(word) || matches!(word, "you" | "it");
            let behind_noun = !before.is_empty() && !lexicon::is_opener(before) && !lexicon::is_closed(before);
            lexicon::is_wh_word(word) || word == "that" || subject && behind_noun
        });
        let passive = next == "by" && matches!(self.word(at), "of" | "at" | "to" | "for");
        asks_or_relates || passive
    }

    /// Whether nothing before the word at `at` can have it for an object: a clause begins here, joined or not.
    fn begins_clause(&self, at: usize) -> bool {
        let before = self.word_before(at);
        before.is_empty() || lexicon::joins_clause(before) || self.chunk(at - 1).ends_with_comma()
    }

    /// Whether the piece is a word broken off before a word that begins with it. Without a hyphen only letters that make no
    /// word of their own are taken for one.
    pub(super) fn is_broken_off(&self, at: usize) -> bool {
        let chunk = self.chunk(at);
        let dash = matches!(chunk.trailing.as_str(), "-" | "--" | "—" | "–");
        let plain = chunk.trailing.is_empty() && lexicon::is_no_word(&chunk.folded) && !chunk.is_acronym();
        if !(dash || plain) || !chunk.leading.is_empty() || chunk.core.is_empty() {
            return false;
        }
        let next = self.word_or_end(at + 1);
        chunk.core.chars().all(char::is_alphabetic)
            && next.len() > chunk.folded.len()
            && next.starts_with(&chunk.folded)
    }

    fn is_doubled(&self, at: usize, length: usize) -> bool {
        if at + 2 * length > self.chunks.len() {
            return false;
        }
        let same = (at..at + length).all(|index| {
            let (first, again) = (self.chunk(index), self.chunk(index + length));
            let broken = length > 1
                && index + 1 == at + length
                && lexicon::is_no_word(&first.folded)
                && again.folded.starts_with(&first.folded);
            (first.folded == again.folded || broken)
                && is_unquoted(first)
                && is_unquoted(again)
                && !again.trailing.starts_with('-')
                && is_ordinary(first)
                && matches!(first.trailing.as_str(), "" | "," | "..." | "…" | "-" | "--" | "—")
        });
        same && match length {
            1 => !self.is_meant_twice(at),
            _ => self.is_stuttered_phrase(at, length),
        }
    }

    /// Whether the word at `at`, which stands twice, may be meant to.
    fn is_meant_twice(&self, at: usize) -> bool {
        let word = self.word(at);
        let before = self.word_before(at);
        if lexicon::is_stuttered(word) {
            return self.is_spelling(at);
        }
        match word {
            // "What it is is": the first closes a clause that is the subject of the second.
            "is" | "was" => self.has_before(at, &["what", "whatever", "all", "thing", "who", "how", "where"]),
            "in" | "on" | "up" | "over" | "out" | "down" | "off" => lexicon::takes_particle(before),
            // "Do do you", "so so we", "that that he", "there there is": what follows leaves room for one only.
            "do" | "did" | "will" | "can" | "may" => !lexicon::is_subject(self.word_or_end(at + 2)),
            "so" => !lexicon::is_nominative(self.word_or_end(at + 2)),
            "that" => {
                let after = self.word_or_end(at + 2);
                !lexicon::is_nominative(after) && !lexicon::is_determiner(after)
            }
            // "We went there there is a queue".
            "there" => !lexicon::is_copula(self.word_or_end(at + 2)) || !self.begins_clause(at),
            // "I ask you you know", "I told it it was": object and subject.
            "you" => !self.begins_clause(at) && !lexicon::is_finite_verb(before),
            "it" => {
                let after = self.word_or_end(at + 2);
                !self.begins_clause(at) && (lexicon::is_finite_verb(after) || lexicon::is_being(after))
            }
            // Numbers that are read out stand among numbers, or alone; what is counted stands behind one.
            _ if lexicon::is_number_word(word) => {
                let after = self.word_or_end(at + 2);
                lexicon::is_number_word(before) || lexicon::is_number_word(after) || !after.ends_with('s')
            }
            _ => lexicon::is_doubled_on_purpose(word) || self.chunk(at).is_single_letter(),
        }
    }

    /// Whether a phrase that stands twice is a stutter: it has a word in it that only serves others. Names and formulas of
    /// content words alone ("New York, New York", "knock knock") may be meant, and so may what is doubled for emphasis.
    fn is_stuttered_phrase(&self, at: usize, length: usize) -> bool {
        let mut words = (at..at + length).map(|index| self.word(index));
        let serves = words
            .clone()
            .any(|word| lexicon::is_function_word(word) || lexicon::points(word));
        // "One by one by one", "two and two and two".
        let counts = words.clone().any(lexicon::is_number_word)
            && words
                .clone()
                .all(|word| lexicon::is_number_word(word) || matches!(word, "and" | "or" | "by"));
        let emphatic = words.any(|word| {
            lexicon::is_doubled_on_purpose(word) && !lexicon::is_function_word(word)
                || matches!(word, "more" | "again" | "by")
        });
        serves && !counts && !emphatic
    }

    /// Whether one of `words` stands earlier in the sentence.
    fn has_before(&self, at: usize, words: &[&str]) -> bool {
        (0..at)
            .rev()
            .take_while(|&index| !self.chunk(index).ends_sentence())
            .any(|index| words.contains(&self.word(index)))
    }

    /// Whether a doubled lone letter stands among other lone letters, as in "double a a b".
    fn is_spelling(&self, at: usize) -> bool {
        let capital_a = |index: usize| self.chunk(index).core == "A" && !self.starts_sentence(index);
        if !self.chunk(at).is_single_letter() {
            return false;
        }
        let other_letter = |index: usize| {
            let chunk = self.chunks.get(index);
            chunk.is_some_and(|chunk| chunk.is_single_letter() && chunk.folded != self.chunk(at).folded)
        };
        at > 0 && other_letter(at - 1) || other_letter(at + 2) || capital_a(at) || capital_a(at + 1)
    }
}

/// Whether the piece is a plain word: a name in a program is typed, not stuttered, and neither is an acronym.
fn is_ordinary(chunk: &Chunk) -> bool {
    !chunk.is_acronym() && !chunk.is_identifier() && !chunk.is_bare_punctuation()
}
