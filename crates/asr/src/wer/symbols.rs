//! Replacing symbols and dropping diacritics, by Unicode category.

use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;

/// Marks, symbols and punctuation, but for those that numbers and amounts of money need.
static SYMBOLS: LazyLock<Regex> = LazyLock::new(|| super::english::pattern(r"[\p{M}\p{S}\p{P}--[.%$¢€£]]"));

/// Marks that take no room of their own, such as an accent.
static ACCENTS: LazyLock<Regex> = LazyLock::new(|| super::english::pattern(r"\p{Mn}"));

/// Puts a space for each symbol and takes accents off their letters.
pub(super) fn replace(text: &str) -> String {
    let mut apart = String::with_capacity(text.len());
    for character in text.nfkd() {
        match plain_letters(character) {
            Some(letters) => apart.push_str(letters),
            None => apart.push(character),
        }
    }
    SYMBOLS.replace_all(&ACCENTS.replace_all(&apart, ""), " ").into_owned()
}

/// Letters that Unicode does not take apart, as they are written without their strokes and ligatures.
fn plain_letters(character: char) -> Option<&'static str> {
    Some(match character {
        'œ' => "oe",
        'Œ' => "OE",
        'ø' => "o",
        'Ø' => "O",
        'æ' => "ae",
        'Æ' => "AE",
        'ß' => "ss",
        'ẞ' => "SS",
        'đ' | 'ð' => "d",
        'Đ' | 'Ð' => "D",
        'þ' | 'Þ' => "th",
        'ł' => "l",
        'Ł' => "L",
        _ => return None,
    })
}
