//! Dictated texts beside their tidy form.

use proptest::prelude::*;
use voiceflow_protocol::Context;

use super::tidy;
use crate::faithful;

fn check(dictated: &str, expected: &str) {
    check_in(Context::Notes, dictated, expected);
}

fn check_in(context: Context, dictated: &str, expected: &str) {
    assert_eq!(tidy(dictated, context), expected, "{context}: {dictated}");
}

#[test]
fn hesitations_fillers_and_stutters_go() {
    check(
        "um so we should uh meet on the the bridge",
        "We should meet on the bridge.",
    );
    check(
        "i mean it was you know not what we expected from the new supplier",
        "It was not what we expected from the new supplier.",
    );
    check("It was, um, late, uh.", "It was late.");
    check("So, um, we left.", "So, we left.");
    check("so um we left", "We left.");
    check("It was, you know, not bad.", "It was not bad.");
    check("We bought apples, um, pears.", "We bought apples, pears.");
    check("Um. We should go.", "We should go.");
    check("I, I think w- we left", "I think we left.");
    check("um", "");
}

#[test]
fn meant_words_stay() {
    check(
        "call five five five one two one two",
        "Call five five five one two one two.",
    );
    check("he had had enough", "He had had enough.");
    check("it was very very good", "It was very very good.");
    check("i know that that works", "I know that that works.");
    check("bye bye", "Bye bye.");
    check("no no that's fine", "No no that's fine.");
    check("the code is a b b c", "The code is a b b c.");
    check("i mean it", "I mean it.");
    check("you know the way", "You know the way.");
    check("i like it", "I like it.");
    check("meet Bob, I mean, Alice", "Meet Bob, I mean, Alice.");
}

#[test]
fn capitals_are_set_where_they_are_sure() {
    check(
        "i'm here and i'll stay. you can go",
        "I'm here and I'll stay. You can go.",
    );
    check("see you on monday in february", "See you on Monday in February.");
    check(
        "we may march on may 5 and the third of march",
        "We may march on May 5 and the third of March.",
    );
    check("dr. smith vs. them", "Dr. smith vs. them.");
    check("wait... what", "Wait... what.");
    check("iPhone sales rose", "iPhone sales rose.");
    check("\"hello\" she said", "\"Hello\" she said.");
}

#[test]
fn the_end_gets_its_mark() {
    check("what time is it", "What time is it?");
    check("so how do we get there", "So how do we get there?");
    check("can you send the file", "Can you send the file?");
    check("is Maria coming", "Is Maria coming?");
    check("what we need is time", "What we need is time.");
    check("when we met it rained", "When we met it rained.");
    check("have a nice day", "Have a nice day.");
    check("do it now", "Do it now.");
    check("you sent it, right", "You sent it, right?");
    check("it works, doesn't it", "It works, doesn't it?");
    check("We left. where are you", "We left. Where are you?");
    check("we left ,", "We left.");
    check("stop!", "Stop!");
    check("he said \"no\"", "He said \"no\".");
    check("", "");
}

#[test]
fn names_in_programs_are_left_alone() {
    check_in(
        Context::Code,
        "get_user calls parseJson in main.rs",
        "get_user calls parseJson in main.rs",
    );
    check_in(Context::Code, "um rename i to index", "Rename i to index.");
    check_in(
        Context::Code,
        "i think the the loop is wrong",
        "I think the loop is wrong.",
    );
    check_in(Context::Code, "for i in 0..10", "For i in 0..10");
    check_in(Context::Code, "pass --release to cargo", "Pass --release to cargo.");
}

/// Texts that look like dictation: the words the rules know, with marks and capitals.
fn dictation() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "um", "uh", "er", "you", "know", "i", "mean", "like", "the", "a", "A", "we", "it", "was", "is", "not", "what",
        "five", "had", "very", "that", "b", "w-", "plan", "Plan", "may", "march", "5", "monday", "etc", "e.g", "right",
        "do", "in", "and", "to", "getUser", "main.rs", "--flag", "i'm", "it's", "-", "\"", "…", ".", ",",
    ]);
    let mark = prop::sample::select(vec!["", "", "", "", ",", ".", "?", "...", "-", ",\"", "\"", ";", ":"]);
    prop::collection::vec((word, mark), 0..24).prop_map(|pieces| {
        let pieces: Vec<String> = pieces.into_iter().map(|(word, mark)| format!("{word}{mark}")).collect();
        pieces.join(" ")
    })
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![dictation(), any::<String>(), "[a-zA-Z0-9 ,.?!'\"-]{0,60}"]
}

fn any_context() -> impl Strategy<Value = Context> {
    prop::sample::select(Context::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(11), ..ProptestConfig::default() })]

    #[test]
    fn tidying_twice_changes_nothing(text in any_text(), context in any_context()) {
        let once = tidy(&text, context);
        prop_assert_eq!(tidy(&once, context), once);
    }

    #[test]
    fn the_rules_lose_and_invent_no_content(text in any_text(), context in any_context()) {
        let tidied = tidy(&text, context);
        prop_assert_eq!(faithful::check(&text, &tidied, context), Ok(()), "{}", tidied);
    }

    #[test]
    fn a_text_is_faithful_to_itself_and_so_is_every_beginning(text in any_text(), context in any_context()) {
        let checker = faithful::Checker::new(&text, context);
        prop_assert_eq!(checker.check(&text), Ok(()));
        for (end, _) in text.char_indices() {
            prop_assert_eq!(checker.check_beginning(&text[..end]), Ok(()), "{}", end);
        }
    }

    #[test]
    fn one_more_word_is_noticed(text in any_text(), context in any_context()) {
        let more = format!("{text} zebra");
        prop_assert!(faithful::check(&text, &more, context).is_err());
        prop_assert!(faithful::check(&more, &text, context).is_err());
    }
}
