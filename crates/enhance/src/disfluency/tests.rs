//! What goes and what stays, case beside case.

use super::strip;
use crate::chunk::{Chunk, split};

fn kept(text: &str) -> String {
    let stripped = strip(split(text));
    let whole = split(text).len();
    let gone = (0..whole)
        .filter(|index| stripped.spans.iter().any(|span| span.contains(index)))
        .count();
    assert_eq!(stripped.chunks.len() + gone, whole, "the spans name what went");
    words(&stripped.chunks)
}

/// The words alone.
fn words(chunks: &[Chunk]) -> String {
    let cores: Vec<&str> = chunks.iter().map(|chunk| chunk.core.as_str()).collect();
    cores.join(" ")
}

#[test]
fn what_carries_nothing_goes() {
    for (text, expected) in [
        ("um so uh we went", "we went"),
        ("the um the the plan", "the plan"),
        ("I, I hope we we can", "I hope we can"),
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
        "I mean what stands there",
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
        assert_eq!(kept(text), words(&split(text)), "{text}");
    }
}

#[test]
fn fillers_go_where_the_sentence_has_no_place_for_them() {
    for (text, expected) in [
        ("so um our second item is the roof", "our second item is the roof"),
        ("well uh we could wait", "we could wait"),
        ("so basically um it never stops", "it never stops"),
        ("i mean uh the old one is cheaper", "the old one is cheaper"),
        ("um so the roof leaks", "the roof leaks"),
        ("we were like completely soaked", "we were completely soaked"),
        ("it sort of um waits", "it waits"),
        ("it was kind of you know dull", "it was dull"),
        ("she you know just laughed", "she just laughed"),
        ("the figures are you know a bit low", "the figures are a bit low"),
        ("we have um you know no objection", "we have no objection"),
        ("we waited for like two hours", "we waited for two hours"),
        ("i left because like we were late", "i left because we were late"),
        ("we could you know paint it", "we could paint it"),
        ("they want to sort of reuse it", "they want to reuse it"),
        ("we like can't go", "we can't go"),
        ("she was like waiting outside", "she was waiting outside"),
        ("we need like a van", "we need a van"),
        ("but well we could walk", "but we could walk"),
    ] {
        assert_eq!(kept(text), expected, "{text}");
    }
}

#[test]
fn words_said_again_at_once_go() {
    for (text, expected) in [
        ("the tenants have have complained", "the tenants have complained"),
        ("can we can we meet", "can we meet"),
        ("i i i agree with with you", "i agree with you"),
        (
            "they must they must walk to the to the ferry",
            "they must walk to the ferry",
        ),
        ("our uncle our uncle sings", "our uncle sings"),
        ("when you you can", "when you can"),
        ("the input is is empty", "the input is empty"),
        ("see you on on friday", "see you on friday"),
        ("the gar garden door", "the garden door"),
        ("behind the ga gate of it", "behind the gate of it"),
        ("in the mor in the morning", "in the morning"),
        ("book two two rooms", "book two rooms"),
        ("on um on monday", "on monday"),
        ("peter will uh will go", "peter will go"),
        ("the you know the plan", "the plan"),
        ("i i'm late", "i'm late"),
        ("a an old house", "an old house"),
        ("we could should wait", "we should wait"),
        ("i think he um she knows", "i think she knows"),
        ("it it's cold", "it's cold"),
        ("do do you know him", "do you know him"),
        ("he said that that he would come", "he said that he would come"),
        ("in two in two weeks", "in two weeks"),
        ("next week next week we meet", "next week we meet"),
        ("there's there is a leak", "there is a leak"),
        ("we can can't go", "we can't go"),
        ("i'm i was late", "i was late"),
        ("the price is um was too high", "the price was too high"),
        ("we meet in the um on monday", "we meet on monday"),
    ] {
        assert_eq!(kept(text), expected, "{text}");
    }
}

#[test]
fn beginnings_that_are_given_up_go() {
    for (text, expected) in [
        ("could you open could you close the door", "could you close the door"),
        (
            "if we sail if we row the boat we save time",
            "if we row the boat we save time",
        ),
        ("let's sell the let's keep the boat", "let's keep the boat"),
        ("the dog needs the cat needs a new bowl", "the cat needs a new bowl"),
        (
            "what i think is what i know is that it rains",
            "what i know is that it rains",
        ),
        ("i wanted to i'll bring the salad", "i'll bring the salad"),
        ("they should they must sign it", "they must sign it"),
        (
            "they slept in the behind the old barn",
            "they slept behind the old barn",
        ),
        ("we open on monday no wait on thursday", "we open on thursday"),
        ("it costs thirty sorry forty euros", "it costs forty euros"),
        ("two hundred no sorry three hundred euros", "three hundred euros"),
        ("anna no sorry hanna called", "hanna called"),
        ("anna, no wait, hanna called", "hanna called"),
        ("we buy apples um no wait pears", "we buy pears"),
        ("we rented a boat i mean a canoe for june", "we rented a canoe for june"),
        ("see you monday sorry tuesday", "see you tuesday"),
        ("he was like um he was tired", "he was tired"),
        ("she was um she hoped to stay", "she hoped to stay"),
        ("the parser it um the parser stops", "the parser stops"),
        ("it was red uh i mean blue", "it was blue"),
        ("we should i mean we could wait", "we could wait"),
        ("we go on monday no wait we go on friday", "we go on friday"),
    ] {
        assert_eq!(kept(text), expected, "{text}");
    }
}

#[test]
fn what_only_looks_like_a_false_start_stays() {
    for text in [
        "she would sooner walk than drive and she would sooner drive than fly",
        "because of this and because of that we left",
        "what you see is what you get",
        "the more you learn the more you know",
        "the car needs fuel and the van needs oil",
        "i'm sorry no bus goes there",
        "i am sorry two of them are gone",
        "there was no wait at noon",
        "it is late it is dark",
        "he said no and she said yes",
        "stop it or rather pause it",
        "we had no time no money and no plan",
        "the house they live in the old town has",
        "the box we sent in in autumn",
        "log in in a private window",
        "what he was was a fool",
        "san marco san marco",
        "one one two two",
        "really really good",
        "do you know the well behind the chapel",
        "as you know um the rent went up",
        "he bought the kind of bread you know",
        "the word uh is no word",
        "a pr preferably small",
        "over http https and ftp",
        "a car card and an end",
        "people like the others and the like",
        "he said no he said never",
        "it is kind of slow",
        "it is like flying",
        "i like it and you will like it",
        "i know that that price was wrong",
        "one by one by one",
        "works really well and fast",
        "we log in um with a key",
        "i called anna i called peter yesterday",
        "we need milk, we need bread today",
        "i like it it's great",
        "i'll call you you're next",
        "we went there there's a queue",
        "we went there there is a queue",
        "did the cat scratch that chair",
        "they offer no wait times",
        "customers want no wait time",
        "customers wait no longer today",
        "i gave her um a book",
        "i went with her to the shop",
        "i left with her um to the shop",
        "a friend of his in the city called",
        "what are you looking for um in the shed",
        "the man i spoke to um in the shed",
        "it was paid for um by the bank",
    ] {
        let without_hesitations = split(&text.replace(" um ", " "));
        assert_eq!(kept(text), words(&without_hesitations), "{text}");
    }
}
