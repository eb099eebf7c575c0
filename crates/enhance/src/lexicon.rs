//! The closed lists of English words that the rules know. Each function says which words it holds and why.
//!
//! All take a word as [`crate::chunk::fold`] leaves it. A word that is in no list is content.

/// Sounds of hesitation. `mm` is left out for millimetres and `ah`, `oh` because they can be an answer.
pub(crate) fn is_hesitation(word: &str) -> bool {
    matches!(
        word,
        "um" | "umm" | "ummm" | "uh" | "uhh" | "uhm" | "er" | "erm" | "hm" | "hmm" | "hmmm"
    )
}

/// Function words that nobody doubles on purpose. Words that also stand twice in good English are left out: `that that`,
/// `had had`, `is is`, `in in`, `on on`, `you you`, `her her`, `so so`, `no no`, `very very`.
pub(crate) fn is_stuttered(word: &str) -> bool {
    matches!(
        word,
        "the"
            | "a"
            | "an"
            | "i"
            | "i'm"
            | "we"
            | "he"
            | "she"
            | "they"
            | "and"
            | "but"
            | "or"
            | "of"
            | "to"
            | "my"
            | "our"
            | "your"
            | "their"
            | "if"
            | "because"
            | "it's"
            | "we're"
            | "they're"
    )
}

/// Words that may stand in a doubled phrase ("in the in the") besides the stuttered ones.
pub(crate) fn is_function_word(word: &str) -> bool {
    is_stuttered(word)
        || matches!(
            word,
            "in" | "on"
                | "at"
                | "for"
                | "with"
                | "from"
                | "by"
                | "it"
                | "is"
                | "was"
                | "are"
                | "were"
                | "this"
                | "you"
                | "as"
        )
}

/// Words between which and a following comma nothing was meant to stand.
pub(crate) fn expects_more(word: &str) -> bool {
    is_being(word)
        || matches!(
            word,
            "the"
                | "a"
                | "an"
                | "of"
                | "to"
                | "my"
                | "our"
                | "your"
                | "their"
                | "if"
                | "because"
                | "in"
                | "at"
                | "for"
                | "with"
                | "from"
                | "i"
                | "we"
                | "he"
                | "she"
                | "they"
                | "and"
                | "but"
                | "or"
        )
}

/// Forms of "to be", after which "you know" cannot be a clause unless an object follows.
pub(crate) fn is_being(word: &str) -> bool {
    matches!(
        word,
        "is" | "was"
            | "are"
            | "were"
            | "be"
            | "been"
            | "am"
            | "it's"
            | "that's"
            | "there's"
            | "isn't"
            | "wasn't"
            | "i'm"
            | "we're"
    )
}

/// Words that can follow "you know" as its object or the start of one: then it says something.
pub(crate) fn starts_object(word: &str) -> bool {
    is_subject(word)
        || is_wh_word(word)
        || matches!(
            word,
            "the"
                | "a"
                | "an"
                | "if"
                | "whether"
                | "him"
                | "her"
                | "them"
                | "me"
                | "us"
                | "these"
                | "those"
                | "my"
                | "your"
                | "our"
                | "his"
                | "their"
                | "its"
                | "about"
                | "of"
                | "any"
                | "anyone"
                | "anybody"
                | "anything"
                | "something"
                | "someone"
                | "nothing"
                | "everything"
                | "everyone"
                | "each"
                | "exactly"
                | "all"
                | "some"
                | "more"
                | "better"
                | "well"
                | "and"
        )
}

/// Subjects of a clause.
pub(crate) fn is_subject(word: &str) -> bool {
    matches!(
        word,
        "i" | "you" | "he" | "she" | "it" | "we" | "they" | "there" | "this" | "that"
    )
}

/// Verbs that make a clause of the subject before them, whatever follows.
pub(crate) fn is_finite_verb(word: &str) -> bool {
    is_auxiliary(word)
        || matches!(
            word,
            "might" | "must" | "wouldn't" | "couldn't" | "shouldn't" | "can't" | "cannot" | "won't"
        )
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
        || matches!(
            word,
            "am" | "was"
                | "were"
                | "do"
                | "can"
                | "could"
                | "will"
                | "would"
                | "should"
                | "shall"
                | "have"
                | "has"
                | "had"
                | "don't"
                | "haven't"
                | "hasn't"
                | "wasn't"
                | "weren't"
        )
}

/// Verbs that open a sentence only in a question.
pub(crate) fn opens_question_alone(word: &str) -> bool {
    matches!(
        word,
        "is" | "are" | "does" | "did" | "isn't" | "aren't" | "doesn't" | "didn't"
    )
}

/// Words that open a question about a thing, a person, a place, a time or a reason.
pub(crate) fn is_wh_word(word: &str) -> bool {
    matches!(
        word,
        "what" | "when" | "where" | "why" | "how" | "who" | "which" | "whose"
    )
}

/// Words that may stand before the sentence proper.
pub(crate) fn is_opener(word: &str) -> bool {
    matches!(
        word,
        "so" | "and" | "but" | "well" | "okay" | "ok" | "oh" | "hey" | "hi" | "also" | "then" | "now"
    )
}

/// Words that are read as numbers, beside those in digits.
pub(crate) fn is_numeral(word: &str) -> bool {
    word.starts_with(|character: char| character.is_ascii_digit())
        || matches!(
            word,
            "first"
                | "second"
                | "third"
                | "fourth"
                | "fifth"
                | "sixth"
                | "seventh"
                | "eighth"
                | "ninth"
                | "tenth"
                | "eleventh"
                | "twelfth"
                | "thirteenth"
                | "fourteenth"
                | "fifteenth"
                | "sixteenth"
                | "seventeenth"
                | "eighteenth"
                | "nineteenth"
                | "twentieth"
                | "twenty"
                | "thirtieth"
                | "thirty"
        )
}

/// Names of days and months that mean nothing else. "May" and "March" need a number beside them, see [`is_doubtful_month`].
pub(crate) fn is_calendar_name(word: &str) -> bool {
    let word = word.strip_suffix("'s").unwrap_or(word);
    matches!(
        word,
        "monday"
            | "tuesday"
            | "wednesday"
            | "thursday"
            | "friday"
            | "saturday"
            | "sunday"
            | "mondays"
            | "tuesdays"
            | "wednesdays"
            | "thursdays"
            | "fridays"
            | "saturdays"
            | "sundays"
            | "january"
            | "february"
            | "april"
            | "june"
            | "july"
            | "august"
            | "september"
            | "october"
            | "november"
            | "december"
    )
}

/// Months that are also verbs.
pub(crate) fn is_doubtful_month(word: &str) -> bool {
    matches!(word, "may" | "march")
}

/// Shortened words whose full stop ends no sentence.
pub(crate) fn is_abbreviation(word: &str) -> bool {
    matches!(
        word,
        "mr" | "mrs"
            | "ms"
            | "dr"
            | "prof"
            | "st"
            | "vs"
            | "etc"
            | "e.g"
            | "i.e"
            | "a.m"
            | "p.m"
            | "approx"
            | "inc"
            | "ltd"
            | "u.s"
    )
}

/// Verbs after which a lone "i" in talk about programs is the speaker and not a variable.
pub(crate) fn follows_speaker(word: &str) -> bool {
    is_finite_verb(word)
        || matches!(
            word,
            "think"
                | "want"
                | "wanted"
                | "need"
                | "needed"
                | "guess"
                | "mean"
                | "know"
                | "see"
                | "found"
                | "fixed"
                | "added"
                | "changed"
                | "removed"
                | "renamed"
                | "tried"
                | "just"
                | "also"
                | "moved"
        )
}
