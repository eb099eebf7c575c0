//! What goes and what stays, case beside case.

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
        ("um so uh we went", "we went"),
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

#[test]
fn fillers_go_where_the_sentence_has_no_place_for_them() {
    for (text, expected) in [
        ("so um the next item is the roof", "the next item is the roof"),
        ("well uh we could wait", "we could wait"),
        ("so basically um it never stops", "it never stops"),
        ("i mean uh the old one is cheaper", "the old one is cheaper"),
        ("um so the roof leaks", "the roof leaks"),
        ("we were like completely soaked", "we were completely soaked"),
        ("it sort of um waits", "it waits"),
        ("it was kind of you know dull", "it was dull"),
        ("i you know fell asleep", "i fell asleep"),
        ("the figures are you know a bit low", "the figures are a bit low"),
        ("we have um you know no objection", "we have no objection"),
        ("we waited for like two hours", "we waited for two hours"),
        ("i left because like we were late", "i left because we were late"),
        ("we could you know paint it", "we could paint it"),
        ("we need to sort of rethink it", "we need to rethink it"),
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
        ("we should we should go to the to the bank", "we should go to the bank"),
        ("my sister my sister paints", "my sister paints"),
        ("if you you could", "if you could"),
        ("the input is is empty", "the input is empty"),
        ("see you on on friday", "see you on friday"),
        ("the conf config file", "the config file"),
        ("near the en end of it", "near the end of it"),
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
            "if we go if we take the tram we save time",
            "if we take the tram we save time",
        ),
        ("let's sell the let's keep the boat", "let's keep the boat"),
        ("the dog needs the cat needs a new bowl", "the cat needs a new bowl"),
        (
            "what i think is what i know is that it rains",
            "what i know is that it rains",
        ),
        ("i wanted to i'll bring the salad", "i'll bring the salad"),
        ("they should they must sign it", "they must sign it"),
        ("we live in the near the old bridge", "we live near the old bridge"),
        ("we open on monday no wait on thursday", "we open on thursday"),
        ("it costs thirty sorry forty euros", "it costs forty euros"),
        ("two hundred no sorry three hundred euros", "three hundred euros"),
        ("anna no sorry hanna called", "hanna called"),
        ("it returns a list i mean a map of names", "it returns a map of names"),
        ("see you monday sorry tuesday", "see you tuesday"),
        ("he was like um he was tired", "he was tired"),
        ("i was um i wanted to ask", "i wanted to ask"),
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
        "i would rather call than write and i would rather meet than call",
        "because of this and because of that we left",
        "what you see is what you get",
        "the more you learn the more you know",
        "the car needs fuel and the van needs oil",
        "i'm sorry no one told you",
        "i am sorry two of them are gone",
        "there is no wait on monday",
        "it is late it is dark",
        "he said no and she said yes",
        "stop it or rather pause it",
        "we had no time no money and no plan",
        "the house they live in the old town has",
        "the form you handed in in march",
        "log in in a private window",
        "what it is is a mistake",
        "new york new york",
        "one one two two",
        "really really good",
        "do you know the well behind the chapel",
        "as you know um the rent went up",
        "he bought the kind of bread you know",
        "the word er means he",
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
    ] {
        let without_hesitations = text.replace(" um ", " ");
        assert_eq!(kept(text), without_hesitations, "{text}");
    }
}
