//! Numbers, days and months as they are said.

/// Numbers as they are said.
pub(crate) fn is_number_word(word: &str) -> bool {
    is_numeral(word)
        || [
            "oh",
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "forty",
            "fifty",
            "sixty",
            "seventy",
            "eighty",
            "ninety",
            "hundred",
            "thousand",
            "million",
        ]
        .contains(&word)
}

/// Words that are read as numbers, beside those in digits.
pub(crate) fn is_numeral(word: &str) -> bool {
    word.starts_with(|character: char| character.is_ascii_digit())
        || [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth",
            "thirteenth",
            "fourteenth",
            "fifteenth",
            "sixteenth",
            "seventeenth",
            "eighteenth",
            "nineteenth",
            "twentieth",
            "twenty",
            "thirtieth",
            "thirty",
        ]
        .contains(&word)
}

/// Names of days and months that mean nothing else. "May" and "March" need a number beside them, see [`is_doubtful_month`].
pub(crate) fn is_calendar_name(word: &str) -> bool {
    let word = word.strip_suffix("'s").unwrap_or(word);
    [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "mondays",
        "tuesdays",
        "wednesdays",
        "thursdays",
        "fridays",
        "saturdays",
        "sundays",
        "january",
        "february",
        "april",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ]
    .contains(&word)
}

/// Months that are also verbs.
pub(crate) fn is_doubtful_month(word: &str) -> bool {
    matches!(word, "may" | "march")
}
