//! Whether a sentence without an end mark asks something, judged by its first words and by a tag at its end.
//!
//! Where a wh-word may also open a statement ("what we need is time"), it counts only before an auxiliary verb or in a
//! fixed phrase.

use crate::chunk::Chunk;
use crate::lexicon;

/// Whether the sentence is a question.
pub(super) fn asks(sentence: &[Chunk]) -> bool {
    let words: Vec<&str> = sentence
        .iter()
        .filter(|chunk| !chunk.is_bare_punctuation())
        .map(|chunk| chunk.folded.as_str())
        .collect();
    opens_question(&words) || asks_by_tag(sentence)
}

/// Whether a sentence of these words, folded, opens as a question does.
pub(super) fn opens_question(words: &[&str]) -> bool {
    let opened = words
        .iter()
        .position(|word| !lexicon::is_opener(word))
        .unwrap_or(words.len());
    asks_by_opening(&words[opened..])
}

fn asks_by_opening(words: &[&str]) -> bool {
    let Some((&first, rest)) = words.split_first() else {
        return false;
    };
    let second = rest.first().copied().unwrap_or("");
    let third = rest.get(1).copied().unwrap_or("");
    match first {
        "who" => second != "knows",
        "whose" | "which" => true,
        "what" => follows_wh(second) || matches!(second, "about" | "time" | "kind" | "if" | "else" | "happened"),
        "how" => {
            follows_wh(second)
                || matches!(
                    second,
                    "about" | "come" | "many" | "much" | "long" | "far" | "often" | "soon" | "big" | "old" | "late"
                )
        }
        "when" | "where" => follows_wh(second),
        "why" => follows_wh(second) || second == "not",
        "what's" | "where's" | "who's" | "how's" | "when's" | "why's" => true,
        "did" | "does" | "do" if second == "not" => true,
        // "Do you", but "do it": only a person makes a question of it.
        "do" | "don't" => matches!(second, "you" | "i" | "we" | "they") && third != "dare",
        // "Have you", but "have a look".
        "have" | "has" | "haven't" | "hasn't" => matches!(
            second,
            "you" | "i" | "we" | "they" | "he" | "she" | "it" | "anyone" | "there"
        ),
        // "Had I known" is a condition.
        "had" => false,
        _ if lexicon::opens_question_alone(first) => !rest.is_empty(),
        _ => lexicon::is_auxiliary(first) && opens_subject(second),
    }
}

fn follows_wh(word: &str) -> bool {
    lexicon::is_auxiliary(word)
}

fn opens_subject(word: &str) -> bool {
    lexicon::is_subject(word)
        || matches!(
            word,
            "the"
                | "my"
                | "your"
                | "our"
                | "his"
                | "her"
                | "their"
                | "a"
                | "an"
                | "these"
                | "those"
                | "anyone"
                | "anybody"
                | "someone"
                | "somebody"
                | "everyone"
                | "everybody"
                | "all"
        )
}

/// "…, right", "…, isn't it".
fn asks_by_tag(sentence: &[Chunk]) -> bool {
    let after_comma = |from_end: usize| {
        let before = sentence.len().checked_sub(from_end + 1);
        before.is_some_and(|index| sentence[index].ends_with_comma())
    };
    match sentence {
        [.., verb, subject] if lexicon::is_subject(&subject.folded) => {
            (verb.folded.ends_with("n't") || lexicon::is_auxiliary(&verb.folded)) && after_comma(2)
        }
        [.., last] => last.folded == "right" && after_comma(1),
        [] => false,
    }
}
