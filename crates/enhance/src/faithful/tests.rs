//! What the check accepts and refuses, case beside case.

use voiceflow_protocol::Context;

use super::{Checker, Stray, check};

const SUPPLIER: &str = "i mean it was you know not what we expected from the new supplier";

fn accepts(dictated: &str, text: &str) {
    assert_eq!(
        check(dictated, text, Context::Notes),
        Ok(()),
        "{dictated:?} -> {text:?}"
    );
}

fn refuses(dictated: &str, text: &str, stray: Stray) {
    assert_eq!(
        check(dictated, text, Context::Notes),
        Err(stray),
        "{dictated:?} -> {text:?}"
    );
}

#[test]
fn punctuation_case_and_line_breaks_are_free() {
    accepts("so we met bob and then we left", "So, we met Bob —\nand then we left!");
    accepts("it's the follow up", "It’s the follow-up.");
    accepts("", "...");
}

#[test]
fn what_carries_nothing_may_be_missing_or_stay() {
    accepts(SUPPLIER, "It was not what we expected from the new supplier.");
    accepts(
        SUPPLIER,
        "I mean, it was, you know, not what we expected from the new supplier.",
    );
    accepts("um the the plan uh works", "The plan works.");
    accepts("w- we went", "We went.");
}

#[test]
fn an_answer_instead_of_the_text_is_refused() {
    refuses(
        SUPPLIER,
        "I'm sorry, I'm not familiar with the new supplier.",
        Stray::Invented { at: 0 },
    );
    refuses("what time is it", "It is noon.", Stray::Lost { at: 0 });
    refuses(
        "we ship on friday",
        "Sure! We ship on Friday.",
        Stray::Invented { at: 0 },
    );
}

#[test]
fn a_lost_word_is_refused_wherever_it_stood() {
    refuses(
        "we do not ship on friday",
        "We do ship on Friday.",
        Stray::Lost { at: 2 },
    );
    refuses(
        "we ship on friday afternoon",
        "We ship on Friday.",
        Stray::Lost { at: 4 },
    );
    refuses("please we ship", "We ship.", Stray::Lost { at: 0 });
    refuses("it costs 50%", "It costs 50.", Stray::Lost { at: 3 });
}

#[test]
fn an_invented_word_is_refused_wherever_it_stands() {
    refuses("we ship", "We ship today.", Stray::Invented { at: 2 });
    refuses("we ship", "We will ship.", Stray::Invented { at: 1 });
    refuses("it costs 50", "It costs $50.", Stray::Invented { at: 2 });
    refuses("set it to 5", "Set it to -5.", Stray::Invented { at: 3 });
    refuses("nice work", "Nice work 👍", Stray::Invented { at: 2 });
}

#[test]
fn order_and_numbers_are_kept() {
    refuses("red and blue", "Blue and red.", Stray::Lost { at: 0 });
    refuses("five five five", "Five, five.", Stray::Lost { at: 2 });
    refuses("take five", "Take 5.", Stray::Invented { at: 1 });
    refuses("1,000 people", "1.000 people", Stray::Invented { at: 0 });
}

#[test]
fn meant_doubles_are_content() {
    refuses("he had had enough", "He had enough.", Stray::Lost { at: 2 });
    refuses("very very good", "Very good.", Stray::Lost { at: 1 });
    refuses("spell it a b b c", "Spell it: A, B, C.", Stray::Lost { at: 4 });
}

#[test]
fn words_whose_case_matters_come_back_letter_by_letter() {
    accepts("call getUser from main.rs", "Call getUser from main.rs.");
    refuses("call getUser now", "Call getuser now.", Stray::Invented { at: 1 });
    refuses("ask NASA", "Ask Nasa.", Stray::Invented { at: 1 });
    assert_eq!(check("run foo on bar", "Run foo on Bar.", Context::Code), Ok(()));
    assert_eq!(
        check("run foo", "Run fOO.", Context::Code),
        Err(Stray::Invented { at: 1 })
    );
    assert_eq!(check("run foo", "Run fOO.", Context::Chat), Ok(()));
    assert_eq!(check("call the api", "Call the API.", Context::Code), Ok(()));
    assert_eq!(
        check("call getUser", "Call GETUSER.", Context::Code),
        Err(Stray::Invented { at: 1 })
    );
}

#[test]
fn a_beginning_is_refused_as_soon_as_nothing_can_mend_it() {
    let checker = Checker::new(SUPPLIER, Context::Email);
    for beginning in [
        "",
        "I",
        "It wa",
        "It was no",
        "It was not what we exp",
        "I mean, it was, y",
    ] {
        assert_eq!(checker.check_beginning(beginning), Ok(()), "{beginning:?}");
    }
    assert_eq!(checker.check_beginning("I'm"), Err(Stray::Invented { at: 0 }));
    assert_eq!(checker.check_beginning("It was bad"), Err(Stray::Invented { at: 2 }));
    assert_eq!(checker.check_beginning("It was what"), Err(Stray::Lost { at: 2 }));
    assert_eq!(
        checker.check_beginning("It wa "),
        Err(Stray::Invented { at: 1 }),
        "a space finishes the word"
    );
}

#[test]
fn a_mark_inside_a_word_leaves_its_beginning_open() {
    let checker = Checker::new("open main.rs", Context::Code);
    assert_eq!(checker.check_beginning("Open main."), Ok(()));
    assert_eq!(checker.check("Open main. rs"), Err(Stray::Invented { at: 1 }));
}
