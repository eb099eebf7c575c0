//! Beginnings that are begun anew, and words that the speaker takes back.
//!
//! Every pattern here is one that no finished sentence has. Where the first half could stand ("it is late it is dark"), it
//! is kept: the speaker may have meant two sentences.

use super::Left;
use crate::lexicon;

/// The longest beginning that is given up, in words, and how far back a correction reaches.
const GIVEN_UP_MAX: usize = 5;

/// What takes, or may take, the words before it back, longest first.
const CORRECTIONS: [(&[&str], Certainty); 14] = [
    (&["no", "i", "mean"], Certainty::Sure),
    (&["sorry", "i", "mean"], Certainty::Sure),
    (&["no", "make", "that"], Certainty::Likely),
    (&["no", "wait"], Certainty::Likely),
    (&["no", "sorry"], Certainty::Sure),
    (&["no", "actually"], Certainty::Likely),
    (&["wait", "no"], Certainty::Likely),
    (&["sorry", "no"], Certainty::Sure),
    (&["actually", "no"], Certainty::Likely),
    (&["scratch", "that"], Certainty::Likely),
    (&["i", "mean"], Certainty::Doubtful),
    (&["make", "that"], Certainty::Doubtful),
    (&["sorry"], Certainty::Doubtful),
    (&["no"], Certainty::Doubtful),
];

/// How sure correcting words are to take back what stands before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Certainty {
    /// They are nothing else.
    Sure,
    /// Behind one word of content they may be what the sentence goes on with ("they offer no wait times", "did the cat
    /// scratch that chair"), unless a pause stands between.
    Likely,
    /// Only numbers and names of days and months show them to be a correction, or the same word before and after.
    Doubtful,
}

impl Left {
    /// How many pieces at `at` are a false start.
    pub(super) fn restart(&self, at: usize) -> Option<usize> {
        self.correction(at)
            .or_else(|| self.begun_anew(at))
            .or_else(|| self.broken_clause(at))
            .or_else(|| self.broken_phrase(at))
    }

    /// "on tuesday no wait on wednesday": from the word that is said anew to the end of the correcting words.
    fn correction(&self, at: usize) -> Option<usize> {
        (1..=GIVEN_UP_MAX).find_map(|length| {
            let hesitations = |from: usize| (from..).take_while(|&index| self.is_hesitation(index)).count();
            let place = at + length + hesitations(at + length);
            let (words, certainty) = CORRECTIONS.iter().find(|(words, _)| self.is_phrase(place, words))?;
            let behind = place + words.len() + hesitations(place + words.len());
            let hesitates = behind - at > length + words.len();
            let pauses = place > at + length || !self.chunk(place - 1).trailing.is_empty();
            let certainty = match certainty {
                Certainty::Likely if pauses => Certainty::Sure,
                Certainty::Doubtful if hesitates && words[0] == "i" => Certainty::Sure,
                certainty => *certainty,
            };
            let replaced = self.is_plain_beginning(at, length)
                && behind < self.chunks.len()
                && self.takes_back(at, length, behind, certainty);
            replaced.then_some(behind - at)
        })
    }

    /// Whether the `length` pieces at `at` are of the same sort as what begins at `behind`.
    fn takes_back(&self, at: usize, length: usize, behind: usize, certainty: Certainty) -> bool {
        let sure = certainty != Certainty::Doubtful;
        let (first, last, next) = (self.word(at), self.word(at + length - 1), self.word(behind));
        let before = self.word_before(at);
        if matches!(
            last,
            "i'm" | "am" | "so" | "very" | "is" | "was" | "are" | "say" | "said" | "there"
        ) {
            return false;
        }
        // The same word opens both, and something else follows it. "He said no he said never" corrects nothing.
        if length > 1 && first == next {
            let subject = lexicon::is_subject(first);
            let anew = (1..length).all(|offset| self.word(at + offset) == self.word_or_end(behind + offset));
            return if subject {
                sure
            } else {
                anew || self.word(at + 1) != self.word_or_end(behind + 1)
            };
        }
        // A clause that had not come to its end is begun anew in another way.
        if length > 1 && sure && self.starts_clause(at) && lexicon::is_nominative(first) {
            let dangling = lexicon::is_preposition(last) || lexicon::needs_noun(last);
            return dangling && (lexicon::is_nominative(next) || next == "let's");
        }
        let number = lexicon::is_number_word;
        if number(last) {
            let whole = (at..at + length).all(|index| number(self.word(index)));
            return whole && !number(before) && number(next);
        }
        if length > 1 {
            return false;
        }
        if lexicon::is_calendar_name(last) {
            return lexicon::is_calendar_name(next) || lexicon::is_doubtful_month(next);
        }
        let content = |word: &str| !lexicon::is_closed(word) && !number(word) && !lexicon::is_calendar_name(word);
        certainty == Certainty::Sure && content(last) && content(next)
    }

    /// "could you print could you scan": the opening words come again, and what stood between is given up.
    fn begun_anew(&self, at: usize) -> Option<usize> {
        if !self.starts_clause(at) {
            return None;
        }
        (2..=GIVEN_UP_MAX).find(|&length| {
            let again = at + length;
            let behind = again + length;
            if !self.is_plain_beginning(at, length) || behind >= self.chunks.len() {
                return false;
            }
            let common = (0..length)
                .take_while(|&offset| self.word(at + offset) == self.word(again + offset))
                .count();
            let (opening, last, next) = (self.word(at), self.word(again - 1), self.word(behind));
            // What is joined stands side by side, and so does what a list names.
            if joins(last) || joins(next) || next == opening {
                return false;
            }
            match (common, length - common) {
                (0, _) | (_, 0) => false,
                (1, gap) => opening == "let's" && gap <= 3 || self.is_parallel(at, length),
                // "What we want is what we need is": finished only if the last word comes again too.
                (_, 1..=3) if lexicon::is_wh_word(opening) && opening != "when" => last == self.word(behind - 1),
                (common, 1..=2) if lexicon::opens_hanging_clause(opening) => {
                    !(common..length).any(|offset| lexicon::is_subject(self.word(at + offset)))
                }
                // "Could you open could you close". What begins with its subject may be whole: "I called Anna I called
                // Peter", "it is late it is dark".
                (_, 1) => lexicon::is_finite_verb(opening) && !lexicon::is_being(opening),
                _ => false,
            }
        })
    }

    /// "he was like um he was tired", "i was um i wanted to": a beginning that ends in a hesitation and is begun anew with
    /// the same words, or with the same subject where it had come no further than its verb.
    pub(super) fn restart_after_hesitation(&self, at: usize) -> Option<usize> {
        if !self.starts_clause(at) || self.is_hesitation(at) {
            return None;
        }
        (2..=GIVEN_UP_MAX).find_map(|length| {
            let pause = self.pause(at + length);
            let sure = pause.hesitates || self.is_phrase(at + length, &["i", "mean"]);
            let hesitations = pause.length;
            let again = at + length + hesitations;
            if !sure || !self.is_plain_beginning(at, length) || again + 2 > self.chunks.len() {
                return None;
            }
            let common = (0..length)
                .take_while(|&offset| self.word(at + offset) == self.word_or_end(again + offset))
                .count();
            let (first, last) = (self.word(at), self.word(at + length - 1));
            // "I was um I wanted", "could somebody uh could anybody".
            let at_verb = length == 2
                && (lexicon::is_nominative(first) && lexicon::is_finite_verb(last) || lexicon::is_finite_verb(first));
            // "My flight is uh my train is".
            let parallel = last == self.word_or_end(again + length - 1) && lexicon::is_copula(last);
            // "We should uh maybe we should".
            let after_doubt = matches!(self.word_or_end(again), "maybe" | "perhaps")
                && (0..length).all(|offset| self.word(at + offset) == self.word_or_end(again + 1 + offset));
            let anew = common >= 2 && length - common <= 2 || common == 1 && (at_verb || parallel) || after_doubt;
            (anew && !joins(last)).then_some(length + hesitations)
        })
    }

    /// "the car needs the van needs": the same verb for another subject.
    fn is_parallel(&self, at: usize, length: usize) -> bool {
        let verb = self.word(at + 2);
        length == 3
            && lexicon::is_determiner(self.word(at))
            && matches!(
                verb,
                "needs"
                    | "need"
                    | "wants"
                    | "want"
                    | "has"
                    | "have"
                    | "had"
                    | "likes"
                    | "gets"
                    | "makes"
                    | "takes"
                    | "gives"
            )
            && verb == self.word(at + length + 2)
    }

    /// "i was going to i'll just call", "they should they must": a clause ends where it cannot, and another begins.
    fn broken_clause(&self, at: usize) -> Option<usize> {
        if !self.starts_clause(at) || !lexicon::is_nominative(self.word(at)) {
            return None;
        }
        (2..=GIVEN_UP_MAX).find(|&length| {
            let again = at + length;
            if !self.is_plain_beginning(at, length) || again + 2 >= self.chunks.len() {
                return false;
            }
            let (last, next) = (self.word(again - 1), self.word(again));
            let dangling = matches!(last, "to" | "the" | "a" | "an" | "my" | "our");
            let swapped = length == 2
                && lexicon::is_finite_verb(last)
                && (self.word(at) == next && lexicon::is_finite_verb(self.word_or_end(again + 1))
                    || next
                        .strip_prefix(self.word(at))
                        .is_some_and(|rest| rest.starts_with('\'')));
            lexicon::is_nominative(next) && dangling || swapped
        })
    }

    /// "in the near the station": a preposition and an article, and then another pair of them.
    fn broken_phrase(&self, at: usize) -> Option<usize> {
        let pair = at + 4 < self.chunks.len()
            && lexicon::is_preposition(self.word(at))
            && lexicon::needs_noun(self.word(at + 1))
            && lexicon::is_preposition(self.word(at + 2))
            && lexicon::is_determiner(self.word(at + 3));
        (pair && self.is_plain_run(at..at + 4)).then_some(2)
    }

    /// Whether a clause begins here that is joined to nothing before it.
    fn starts_clause(&self, at: usize) -> bool {
        self.starts_sentence(at)
            || matches!(self.word(at - 1), "because" | "so" | "but")
            || self.chunk(at - 1).ends_with_comma()
    }

    /// Whether the pieces are plain words of one sentence: no mark but a comma or a dash stands behind one.
    fn is_plain_beginning(&self, at: usize, length: usize) -> bool {
        let end = at + length;
        end < self.chunks.len()
            && (at..end).all(|index| {
                let chunk = self.chunk(index);
                super::is_unquoted(chunk)
                    && !chunk.is_bare_punctuation()
                    && !chunk.is_identifier()
                    && matches!(chunk.trailing.as_str(), "" | "," | "-" | "—" | "–" | "...")
            })
    }
}

/// Words between things that stand side by side.
fn joins(word: &str) -> bool {
    matches!(word, "and" | "or" | "but" | "nor" | "than" | "as" | "not" | "then")
}
