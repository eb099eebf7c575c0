//! The shared dictations against the rules and the check, without a model.

use voiceflow_enhance::{faithful, rules};
use voiceflow_fixtures::dictation;

/// The words alone, in lower case.
fn words(text: &str) -> Vec<String> {
    text.split_whitespace()
        .map(|word| {
            word.trim_matches(|character: char| !character.is_alphanumeric())
                .to_lowercase()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

#[test]
fn every_reference_is_faithful_to_its_dictation() {
    for sentence in dictation::sentences() {
        let outcome = faithful::check(sentence.dictated, sentence.tidy, sentence.context);
        assert_eq!(outcome, Ok(()), "{}", sentence.id);
    }
}

#[test]
fn the_rules_keep_exactly_the_words_that_the_reference_keeps() {
    for sentence in dictation::sentences() {
        let tidy = rules::tidy(sentence.dictated, sentence.context);
        assert_eq!(words(&tidy), words(sentence.tidy), "{}", sentence.id);
    }
}

#[test]
fn every_question_gets_its_mark_from_the_rules() {
    let questions = dictation::sentences()
        .iter()
        .filter(|sentence| sentence.kind == dictation::Kind::Question);
    for sentence in questions {
        assert!(
            rules::tidy(sentence.dictated, sentence.context).ends_with('?'),
            "{}",
            sentence.id
        );
    }
}

#[test]
fn a_reference_is_tidy_already() {
    for sentence in dictation::sentences() {
        assert_eq!(
            rules::tidy(sentence.tidy, sentence.context),
            sentence.tidy,
            "{}",
            sentence.id
        );
    }
}

#[test]
fn generated_dictations_lose_only_what_carries_nothing() {
    for text in dictation::texts(3, 200, 40) {
        let tidy = rules::tidy(&text, voiceflow_enhance::Context::Notes);
        assert_eq!(faithful::check(&text, &tidy, voiceflow_enhance::Context::Notes), Ok(()));
    }
}
