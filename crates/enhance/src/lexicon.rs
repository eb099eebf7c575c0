//! The closed lists of English words that the rules know. Each function says which words it holds and why.
//!
//! All take a word as [`crate::chunk::fold`] leaves it. A word that is in no list is content.

mod numbers;
mod short;

pub(crate) use numbers::{is_calendar_name, is_doubtful_month, is_number_word, is_numeral};
pub(crate) use short::is_no_word;

/// Sounds of hesitation. `mm` is left out for millimetres and `ah`, `oh` because they can be an answer.
pub(crate) fn is_hesitation(word: &str) -> bool {
    [
        "um", "umm", "ummm", "uh", "uhh", "uhm", "er", "erm", "hm", "hmm", "hmmm",
    ]
    .contains(&word)
}

/// Function words that nobody doubles on purpose, whatever stands beside them.
pub(crate) fn is_stuttered(word: &str) -> bool {
    [
        "the", "a", "an", "i", "i'm", "we", "he", "she", "they", "and", "but", "or", "of", "to", "my", "our", "your",
        "their", "if", "because", "it's", "we're", "they're",
    ]
    .contains(&word)
}

/// Words that stand twice in good English, by grammar ("had had", "that that"), for emphasis ("very very"), as a formula
/// ("bye bye") or because a noun or a name is the same word ("will will come").
pub(crate) fn is_doubled_on_purpose(word: &str) -> bool {
    [
        "had", "that", "do", "did", "her", "will", "may", "march", "can", "very", "really", "so", "too", "much",
        "many", "more", "most", "far", "long", "big", "old", "never", "always", "again", "no", "yes", "yeah", "yep",
        "nope", "oh", "ok", "okay", "hey", "hi", "hello", "bye", "night", "ha", "haha", "ho", "hurray", "wow", "well",
        "now", "there", "come", "go", "stop", "wait", "look", "hear", "help", "please", "sorry", "thanks", "quick",
        "knock", "blah", "la", "na", "tut", "chop", "choo", "boo", "yo", "win", "same", "double",
    ]
    .contains(&word)
}

/// Words that serve others. In a doubled phrase ("in the in the") one of them shows that it is a stutter.
pub(crate) fn is_function_word(word: &str) -> bool {
    is_stuttered(word)
        || is_finite_verb(word)
        || is_being(word)
        || is_subject(word)
        || is_preposition(word)
        || is_contracted_clause(word)
        || [
            "this", "these", "those", "as", "his", "her", "its", "let's", "not", "please",
        ]
        .contains(&word)
}

/// Words that pick out one of several, or a moment.
pub(crate) fn points(word: &str) -> bool {
    [
        "next", "last", "every", "each", "another", "some", "any", "only", "just", "also", "still", "even", "then",
        "right", "first",
    ]
    .contains(&word)
}

/// Words that belong to a closed class, and so are no content.
pub(crate) fn is_closed(word: &str) -> bool {
    is_function_word(word)
        || is_wh_word(word)
        || joins_clause(word)
        || [
            "them", "him", "me", "us", "some", "any", "all", "both", "every", "each", "than", "then", "just", "no",
            "yes",
        ]
        .contains(&word)
}

/// Articles and possessives.
pub(crate) fn is_determiner(word: &str) -> bool {
    ["the", "a", "an", "my", "our", "your", "his", "her", "their", "its"].contains(&word)
}

/// Articles and possessives that cannot stand without a noun, as "his" and "her" can ("i went with her").
pub(crate) fn needs_noun(word: &str) -> bool {
    is_determiner(word) && !matches!(word, "his" | "her")
}

/// Verbs that say what may be or ought to be.
pub(crate) fn is_modal(word: &str) -> bool {
    ["can", "could", "will", "would", "shall", "should", "must", "might"].contains(&word)
}

/// "To be" as it stands behind a subject.
pub(crate) fn is_copula(word: &str) -> bool {
    matches!(word, "is" | "are" | "was" | "were")
}

/// Prepositions that belong to no verb and stand before no other preposition.
pub(crate) fn is_bare_preposition(word: &str) -> bool {
    matches!(word, "of" | "at" | "from" | "with" | "to" | "for" | "by")
}

/// Prepositions and particles.
pub(crate) fn is_preposition(word: &str) -> bool {
    [
        "in", "on", "at", "for", "with", "from", "by", "into", "over", "under", "near", "behind", "without", "through",
        "between", "about", "against", "during", "onto", "of", "to",
    ]
    .contains(&word)
}

/// Verbs behind which "in", "on", "up" and their kind may be a part of the verb, before a preposition of the same form
/// ("handed in in March").
pub(crate) fn takes_particle(word: &str) -> bool {
    [
        "hand", "handed", "send", "sent", "come", "came", "comes", "coming", "log", "logs", "logged", "move", "moved",
        "turn", "turned", "turns", "fill", "filled", "check", "checked", "give", "gave", "given", "step", "stepped",
        "bring", "brought", "go", "goes", "going", "went", "gone", "call", "called", "drop", "dropped", "join",
        "joined", "let", "break", "broke", "settle", "settled", "sign", "signed", "put", "try", "tried", "carry",
        "carried", "hold", "held", "keep", "kept", "live", "lived", "pass", "passed", "switch", "switched", "get",
        "got", "set", "hang", "hung", "dial", "dialled", "plug", "plugged", "type", "typed", "key", "keyed", "sat",
        "sit", "stay", "stayed", "end", "ended", "grow", "grew", "show", "showed", "pick", "picked", "take", "took",
        "taken", "look", "looked", "trade", "traded", "cash", "cashed", "phone", "phoned", "taking",
    ]
    .contains(&word)
}

/// Words that join a clause to what stands before it.
pub(crate) fn joins_clause(word: &str) -> bool {
    opens_hanging_clause(word) || ["and", "but", "so", "or", "that", "than", "where", "which", "who"].contains(&word)
}

/// Words that open a clause which is no sentence by itself.
pub(crate) fn opens_hanging_clause(word: &str) -> bool {
    [
        "if", "when", "because", "although", "though", "while", "until", "unless", "since", "after", "before", "as",
        "once",
    ]
    .contains(&word)
}

/// Subjects that can be nothing else.
pub(crate) fn is_nominative(word: &str) -> bool {
    matches!(word, "i" | "he" | "she" | "we" | "they") || {
        let stem = word.split_once('\'').map_or("", |(stem, _)| stem);
        matches!(stem, "i" | "he" | "she" | "we" | "they")
    }
}

/// Verbs behind which a thing follows at once.
pub(crate) fn takes_thing(word: &str) -> bool {
    [
        "need", "needs", "needed", "want", "wants", "wanted", "have", "has", "had", "get", "gets", "got", "take",
        "takes", "took", "bring", "brought", "buy", "bought", "found", "add", "added",
    ]
    .contains(&word)
}

/// Words that say how much.
pub(crate) fn is_degree(word: &str) -> bool {
    [
        "so",
        "really",
        "very",
        "completely",
        "totally",
        "super",
        "pretty",
        "quite",
        "too",
        "absolutely",
        "way",
        "incredibly",
        "extremely",
        "utterly",
        "entirely",
    ]
    .contains(&word)
}

/// Words between which and a following comma nothing was meant to stand.
pub(crate) fn expects_more(word: &str) -> bool {
    is_being(word)
        || [
            "the", "a", "an", "of", "to", "my", "our", "your", "their", "if", "because", "in", "at", "for", "with",
            "from", "i", "we", "he", "she", "they", "and", "but", "or",
        ]
        .contains(&word)
}

/// Forms of "to be", after which "you know" cannot be a clause unless an object follows.
pub(crate) fn is_being(word: &str) -> bool {
    [
        "is", "was", "are", "were", "be", "been", "am", "it's", "that's", "there's", "isn't", "wasn't", "i'm", "we're",
    ]
    .contains(&word)
}

/// Words that can follow "you know" as its object or the start of one: then it says something.
pub(crate) fn starts_object(word: &str) -> bool {
    is_subject(word)
        || is_wh_word(word)
        || [
            "the",
            "a",
            "an",
            "if",
            "whether",
            "him",
            "her",
            "them",
            "me",
            "us",
            "these",
            "those",
            "my",
            "your",
            "our",
            "his",
            "their",
            "its",
            "about",
            "of",
            "any",
            "anyone",
            "anybody",
            "anything",
            "something",
            "someone",
            "nothing",
            "everything",
            "everyone",
            "each",
            "exactly",
            "all",
            "some",
            "more",
            "better",
            "well",
            "and",
        ]
        .contains(&word)
}

/// Subjects of a clause.
pub(crate) fn is_subject(word: &str) -> bool {
    ["i", "you", "he", "she", "it", "we", "they", "there", "this", "that"].contains(&word)
}

/// Verbs that make a clause of the subject before them, whatever follows.
pub(crate) fn is_finite_verb(word: &str) -> bool {
    is_auxiliary(word)
        || [
            "might",
            "must",
            "wouldn't",
            "couldn't",
            "shouldn't",
            "can't",
            "cannot",
            "won't",
        ]
        .contains(&word)
}

/// Subject and verb in one word.
pub(crate) fn is_contracted_clause(word: &str) -> bool {
    ["i'", "you'", "he'", "she'", "it'", "we'", "they'", "there'", "that'"]
        .iter()
        .any(|subject| word.starts_with(subject))
}

/// Verbs that stand before the subject in a question.
pub(crate) fn is_auxiliary(word: &str) -> bool {
    opens_question_alone(word)
        || [
            "am", "was", "were", "do", "can", "could", "will", "would", "should", "shall", "have", "has", "had",
            "don't", "haven't", "hasn't", "wasn't", "weren't",
        ]
        .contains(&word)
}

/// Verbs that open a sentence only in a question.
pub(crate) fn opens_question_alone(word: &str) -> bool {
    ["is", "are", "does", "did", "isn't", "aren't", "doesn't", "didn't"].contains(&word)
}

/// Words that open a question about a thing, a person, a place, a time or a reason.
pub(crate) fn is_wh_word(word: &str) -> bool {
    ["what", "when", "where", "why", "how", "who", "which", "whose"].contains(&word)
}

/// Words that may stand before the sentence proper.
pub(crate) fn is_opener(word: &str) -> bool {
    [
        "so", "and", "but", "well", "okay", "ok", "oh", "hey", "hi", "also", "then", "now",
    ]
    .contains(&word)
}

/// Shortened words whose full stop ends no sentence.
pub(crate) fn is_abbreviation(word: &str) -> bool {
    [
        "mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "e.g", "i.e", "a.m", "p.m", "approx", "inc", "ltd", "u.s",
    ]
    .contains(&word)
}

/// Verbs after which a lone "i" in talk about programs is the speaker and not a variable.
pub(crate) fn follows_speaker(word: &str) -> bool {
    is_finite_verb(word)
        || [
            "think", "want", "wanted", "need", "needed", "guess", "mean", "know", "see", "found", "fixed", "added",
            "changed", "removed", "renamed", "tried", "just", "also", "moved",
        ]
        .contains(&word)
}
