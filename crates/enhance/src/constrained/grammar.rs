//! What the words around a boundary say about a mark there, as numbers for [`super::judge`].
//!
//! Closed classes of English words only: every other word is "other". The classes say what may begin a clause, join one or
//! stand in the middle of one; how much each counts was fitted, see [`super::constants`].

use crate::lexicon;

/// Classes of words, by what they do in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// "but", "so": joins main clauses.
    Contrast,
    /// "and", "or".
    Coordinator,
    /// "which", "who", "whose", "where".
    Relative,
    /// "if", "when", "because", "that": opens a clause that hangs on another.
    Subordinator,
    /// A pronoun that is a subject, alone or with its verb.
    Subject,
    /// An article or another word before a noun.
    Determiner,
    /// A verb that helps another, or "not".
    Auxiliary,
    /// A preposition or a particle.
    Preposition,
    /// "what", "how", "why".
    Interrogative,
    /// "yes", "thanks", "however": stands apart from the clause.
    Interjection,
    /// Any other word.
    Other,
}

impl Class {
    const ALL: [Self; 11] = [
        Self::Contrast,
        Self::Coordinator,
        Self::Relative,
        Self::Subordinator,
        Self::Subject,
        Self::Determiner,
        Self::Auxiliary,
        Self::Preposition,
        Self::Interrogative,
        Self::Interjection,
        Self::Other,
    ];

    /// The class of a folded word.
    pub(crate) fn of(word: &str) -> Self {
        match word {
            "but" | "so" | "yet" | "nor" => Self::Contrast,
            "and" | "or" => Self::Coordinator,
            "which" | "who" | "whose" | "where" => Self::Relative,
            "i" | "you" | "he" | "she" | "it" | "we" | "they" | "there" | "nobody" | "everyone" | "someone"
            | "let's" => Self::Subject,
            "the" | "a" | "an" | "my" | "your" | "his" | "her" | "its" | "our" | "their" | "this" | "these"
            | "those" | "every" | "each" | "some" | "any" | "no" | "all" | "both" | "another" => Self::Determiner,
            "of" | "in" | "on" | "at" | "to" | "for" | "with" | "from" | "by" | "about" | "into" | "over" | "under"
            | "near" | "behind" | "without" | "through" | "between" | "like" | "onto" | "off" | "up" | "down"
            | "out" | "during" | "against" => Self::Preposition,
            "because" | "if" | "when" | "while" | "until" | "unless" | "that" | "before" | "after" | "since"
            | "although" | "though" | "as" | "once" | "whether" | "than" => Self::Subordinator,
            "what" | "why" | "how" => Self::Interrogative,
            "yes" | "oh" | "ok" | "okay" | "hey" | "hi" | "hello" | "thanks" | "sorry" | "unfortunately"
            | "however" | "please" | "well" | "honestly" | "hopefully" | "fortunately" | "sure" | "dear" | "wow"
            | "sadly" => Self::Interjection,
            "not" | "be" | "been" | "being" | "may" => Self::Auxiliary,
            _ if lexicon::is_contracted_clause(word) => Self::Subject,
            _ if lexicon::is_finite_verb(word) => Self::Auxiliary,
            _ => Self::Other,
        }
    }

    /// Whether the word belongs to a closed class.
    pub(crate) fn is_closed(self) -> bool {
        !matches!(self, Self::Other | Self::Interjection)
    }
}

/// Number of values that [`boundary`] gives.
pub(crate) const BOUNDARY_LEN: usize = 11 + 11 + 12 + 20;

/// The boundary after word `at` of `words` (folded; one more must follow), in a sentence that began with word `start`.
/// `commas` counts those set in the sentence so far.
pub(crate) fn boundary(words: &[&str], at: usize, start: usize, commas: usize) -> [f32; BOUNDARY_LEN] {
    let class = |index: usize| words.get(index).map(|word| Class::of(word));
    let (before, after) = (Class::of(words[at]), Class::of(words[at + 1]));
    let (next, opening) = (class(at + 2), opening(words[start]));
    let left = words.len() - 2 - at;
    let opens_clause = matches!(next, Some(Class::Subject));
    let opens_noun = matches!(next, Some(Class::Determiner));
    let hanging = opening == Class::Subordinator && commas == 0 && at > start;
    let starts_subject = matches!(after, Class::Subject | Class::Determiner);
    let flag = f32::from;

    let mut values = [0.0; BOUNDARY_LEN];
    let mut next_value = values.iter_mut();
    let mut push = |value: f32| *next_value.next().expect("BOUNDARY_LEN counts them") = value;
    for one in Class::ALL {
        push(flag(one == before));
    }
    for one in Class::ALL {
        push(flag(one == after));
    }
    for joint in &Class::ALL[..4] {
        push(flag(after == *joint && opens_clause));
        push(flag(after == *joint && opens_noun));
        push(flag(after == *joint && !opens_clause && !opens_noun));
    }
    push(flag(hanging));
    push(flag(hanging && starts_subject && at >= start + 2));
    push(flag(at == start));
    push(flag(at == start + 1));
    push((at - start).min(12) as f32 / 12.0);
    push(left.min(8) as f32 / 8.0);
    push(flag(words[at + 1] == "please"));
    push(flag(words[at + 1] == "and"));
    push(flag(words[at + 1] == "because"));
    push(flag(words[at + 1] == "not"));
    push(flag(words[at] == words[at + 1]));
    push(flag(is_tag(&words[at + 1..])));
    push(flag(opening == Class::Interjection && at == start));
    push(flag(opening == Class::Interjection && at == start + 1));
    push(flag(before == Class::Other && after == Class::Subject && !hanging));
    push(flag(after == Class::Auxiliary && opens_clause));
    push(commas.min(3) as f32 / 3.0);
    push(flag(before == Class::Other && after == Class::Other));
    push(flag(left == 0));
    push(flag(before == Class::Auxiliary && is_adverb(words[at + 1])));
    assert!(next_value.next().is_none(), "BOUNDARY_LEN counts them");
    values
}

/// The class of a word that opens a sentence. "Had I known" hangs on what follows, as "if" does.
fn opening(word: &str) -> Class {
    if word == "had" {
        Class::Subordinator
    } else {
        Class::of(word)
    }
}

/// Whether a word looks like an adverb of manner: behind "might be", "quickly" belongs to the verb. Few other words have
/// this ending and stand there.
fn is_adverb(word: &str) -> bool {
    word.len() > 4 && word.ends_with("ly") && Class::of(word) == Class::Other
}

/// Whether these last words turn a statement into a question: "isn't it", "right".
fn is_tag(words: &[&str]) -> bool {
    match words {
        [verb, subject] => Class::of(verb) == Class::Auxiliary && lexicon::is_subject(subject),
        [last] => *last == "right",
        _ => false,
    }
}

/// Number of values that [`ending`] gives.
pub(crate) const ENDING_LEN: usize = 5;

/// What the words of a sentence say about its end mark; `asks` is the rules' opinion.
pub(crate) fn ending(sentence: &[&str], asks: bool) -> [f32; ENDING_LEN] {
    let opens =
        |first: &str, second: &[&str]| matches!(sentence, [one, two, ..] if *one == first && second.contains(two));
    let exclaims = opens("what", &["a", "an"])
        || matches!(sentence, ["how", two, ..] if Class::of(two) == Class::Other)
            && !opens(
                "how",
                &["many", "much", "long", "far", "often", "soon", "about", "come"],
            );
    let tag = sentence.len() > 2 && is_tag(&sentence[sentence.len() - 2..]);
    let interrogative = sentence.first().is_some_and(|word| {
        matches!(opening(word), Class::Interrogative | Class::Auxiliary | Class::Relative) || *word == "when"
    });
    [asks, exclaims, tag, interrogative, sentence.len() < 6].map(f32::from)
}

#[cfg(test)]
mod tests {
    use super::{BOUNDARY_LEN, Class, boundary, ending};

    #[test]
    fn every_boundary_has_all_its_values() {
        let words: Vec<&str> = "if it rains we stay but they may not please isn't it"
            .split(' ')
            .collect();
        for at in 0..words.len() - 1 {
            for start in 0..=at {
                let values = boundary(&words, at, start, 1);
                assert_eq!(values.len(), BOUNDARY_LEN);
                assert!(values.iter().all(|value| (0.0..=1.0).contains(value)), "{values:?}");
            }
        }
    }

    #[test]
    fn words_are_classed_by_what_they_do() {
        for (word, class) in [
            ("but", Class::Contrast),
            ("which", Class::Relative),
            ("because", Class::Subordinator),
            ("we'll", Class::Subject),
            ("didn't", Class::Auxiliary),
            ("however", Class::Interjection),
            ("garden", Class::Other),
        ] {
            assert_eq!(Class::of(word), class, "{word}");
        }
    }

    #[test]
    fn an_adverb_belongs_to_the_auxiliary_before_it() {
        let last = |text: &str| {
            let words: Vec<&str> = text.split(' ').collect();
            boundary(&words, words.len() - 2, 0, 0)[BOUNDARY_LEN - 1]
        };
        assert_eq!(last("it might be quickly"), 1.0);
        assert_eq!(last("it was sadly"), 0.0);
        assert_eq!(last("the house quickly"), 0.0);
        assert_eq!(last("we can fly"), 0.0);
    }

    #[test]
    fn the_end_of_a_sentence_is_read_from_its_words() {
        let of = |text: &str| ending(&text.split(' ').collect::<Vec<_>>(), false);
        assert_eq!(of("what a lovely day it was")[1], 1.0);
        assert_eq!(of("how many are there in all")[1], 0.0);
        assert_eq!(of("you locked it didn't you")[2], 1.0);
        assert_eq!(of("where are the keys to the car")[3], 1.0);
    }
}
