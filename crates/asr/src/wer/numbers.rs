//! Spoken numbers in digits: "twenty one" as `21`, "two point five million dollars" as `$2500000`.
//!
//! Whisper's rules, which read successive digits as one number ("one oh one" is `101`), keep suffixes (`1960s`, `32nd`)
//! and put a currency's sign before its amount.

use std::sync::LazyLock;

use super::english::{Rule, pattern};

use regex::Regex;

/// Rewrites all numbers of a text in lower case without symbols.
pub(super) fn normalize(text: &str) -> String {
    let text = before(text);
    let mut reader = NumberReader::default();
    let words: Vec<&str> = text.split_whitespace().collect();
    reader.read_all(&words);
    after(reader.output.join(" "))
}

static AND_A_HALF: LazyLock<Regex> = LazyLock::new(|| pattern(r"\band\s+a\s+half\b"));

/// Spaces between letters and digits, except before the suffixes of numbers.
static BEFORE: LazyLock<[Rule; 3]> = LazyLock::new(|| {
    [
        Rule::new("([a-z])([0-9])", "${1} ${2}"),
        Rule::new("([0-9])([a-z])", "${1} ${2}"),
        Rule::new(r"([0-9])\s+(st|nd|rd|th|s)\b", "${1}${2}"),
    ]
});

fn before(text: &str) -> String {
    let mut text = halves_in_words(text);
    for rule in BEFORE.iter() {
        rule.apply(&mut text);
    }
    text
}

/// "two and a half" is "two point five".
fn halves_in_words(text: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let segments: Vec<&str> = AND_A_HALF.split(text).collect();
    for (index, segment) in segments
        .iter()
        .enumerate()
        .filter(|(_, segment)| !segment.trim().is_empty())
    {
        parts.push(segment);
        if index + 1 < segments.len() {
            let is_number = segment
                .split_whitespace()
                .last()
                .is_some_and(|word| is_digit_word(word) || matches!(Word::of(word), Word::Multiplier(_)));
            parts.push(if is_number { "point five" } else { "and a half" });
        }
    }
    parts.join(" ")
}

static DOLLARS_AND_CENTS: LazyLock<Regex> = LazyLock::new(|| pattern(r"([€£$])([0-9]+) (?:and )?¢([0-9]{1,2})\b"));
static ONLY_CENTS: LazyLock<Regex> = LazyLock::new(|| pattern(r"[€£$]0.([0-9]{1,2})\b"));
static ONE: LazyLock<Rule> = LazyLock::new(|| Rule::new(r"\b1(s?)\b", "one${1}"));

fn after(text: String) -> String {
    let cents = |digits: &str| digits.parse::<u8>().unwrap_or(0);
    let text = DOLLARS_AND_CENTS.replace_all(&text, |found: &regex::Captures<'_>| {
        format!("{}{}.{:02}", &found[1], &found[2], cents(&found[3]))
    });
    let text = ONLY_CENTS.replace_all(&text, |found: &regex::Captures<'_>| format!("¢{}", cents(&found[1])));
    let mut text = text.into_owned();
    ONE.apply(&mut text);
    text
}

/// What a word means in a number.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Word {
    Zero,
    /// One to nineteen.
    Ones(u128),
    /// One to nineteen, and the suffix of its plural or ordinal.
    OnesSuffixed(u128, &'static str),
    Tens(u128),
    TensSuffixed(u128, &'static str),
    Multiplier(u128),
    MultiplierSuffixed(u128, &'static str),
    /// A sign before a number.
    Sign(char),
    /// A currency after a number, as the sign that goes before it.
    Currency(char),
    Percent,
    Per,
    And,
    /// "double" and "triple".
    Repeat(usize),
    Point,
    Other,
}

const ONES: [&str; 19] = [
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
];
const ONES_ORDINAL: [&str; 19] = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "nineth",
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
];
const TENS: [&str; 8] = [
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];
/// From thousand on, each a thousand times the one before.
const MULTIPLIERS: [&str; 11] = [
    "thousand",
    "million",
    "billion",
    "trillion",
    "quadrillion",
    "quintillion",
    "sextillion",
    "septillion",
    "octillion",
    "nonillion",
    "decillion",
];

impl Word {
    fn of(word: &str) -> Self {
        match word {
            "o" | "oh" | "zero" => Self::Zero,
            "zeroth" => Self::OnesSuffixed(0, "th"),
            "minus" | "negative" => Self::Sign('-'),
            "plus" | "positive" => Self::Sign('+'),
            "pound" | "pounds" => Self::Currency('£'),
            "euro" | "euros" => Self::Currency('€'),
            "dollar" | "dollars" => Self::Currency('$'),
            "cent" | "cents" => Self::Currency('¢'),
            "per" => Self::Per,
            "percent" => Self::Percent,
            "and" => Self::And,
            "double" => Self::Repeat(2),
            "triple" => Self::Repeat(3),
            "point" => Self::Point,
            _ => ones(word)
                .or_else(|| tens(word))
                .or_else(|| multiplier(word))
                .unwrap_or(Self::Other),
        }
    }
}

fn ones(word: &str) -> Option<Word> {
    let position = |list: &[&str], word: &str| {
        list.iter()
            .position(|&name| name == word)
            .map(|index| index as u128 + 1)
    };
    if let Some(value) = position(&ONES, word) {
        return Some(Word::Ones(value));
    }
    if let Some(value) = position(&ONES_ORDINAL, word) {
        let suffix = match value {
            1 => "st",
            2 => "nd",
            3 => "rd",
            _ => "th",
        };
        return Some(Word::OnesSuffixed(value, suffix));
    }
    let singular = if word == "sixes" {
        Some("six")
    } else {
        word.strip_suffix('s').filter(|&name| name != "six")
    };
    singular
        .and_then(|name| position(&ONES, name))
        .map(|value| Word::OnesSuffixed(value, "s"))
}

fn tens(word: &str) -> Option<Word> {
    TENS.iter().zip(2..).find_map(|(name, tens)| {
        let value = tens * 10;
        let stem = name.trim_end_matches('y');
        match word.strip_prefix(stem)? {
            "y" => Some(Word::Tens(value)),
            "ies" => Some(Word::TensSuffixed(value, "s")),
            "ieth" => Some(Word::TensSuffixed(value, "th")),
            _ => None,
        }
    })
}

fn multiplier(word: &str) -> Option<Word> {
    let names =
        std::iter::once((&"hundred", 100)).chain(MULTIPLIERS.iter().zip((1..).map(|power| 1000_u128.pow(power))));
    names
        .into_iter()
        .find_map(|(name, value)| match word.strip_prefix(name)? {
            "" => Some(Word::Multiplier(value)),
            "s" => Some(Word::MultiplierSuffixed(value, "s")),
            "th" => Some(Word::MultiplierSuffixed(value, "th")),
            _ => None,
        })
}

/// Whether a word may follow a decimal point.
fn is_digit_word(word: &str) -> bool {
    matches!(Word::of(word), Word::Zero | Word::Ones(_) | Word::Tens(_))
}

/// The number that is being read: a value while it can be added to, digits once it can only be continued.
#[derive(Clone, Debug, PartialEq)]
enum Number {
    Value(u128),
    Digits(String),
}

impl Number {
    fn text(&self) -> String {
        match self {
            Self::Value(value) => value.to_string(),
            Self::Digits(digits) => digits.clone(),
        }
    }

    fn followed_by(&self, digits: impl ToString) -> Self {
        Self::Digits(self.text() + &digits.to_string())
    }

    /// The number with something added where its end is free for it, as "twenty" is for "one", else continued.
    fn plus(&self, value: u128, free: u128) -> Self {
        match self {
            Self::Value(number) if number % free == 0 => number
                .checked_add(value)
                .map_or_else(|| self.followed_by(value), Self::Value),
            _ => self.followed_by(value),
        }
    }

    /// What a multiplier makes of the number, or nothing where that is not a whole number.
    fn times(&self, multiplier: u128) -> Option<Self> {
        match self {
            Self::Value(value) => {
                // Only the last group is multiplied: "two thousand three hundred".
                let product = (value % 1000).checked_mul(multiplier)?;
                (value / 1000 * 1000).checked_add(product).map(Self::Value)
            }
            Self::Digits(digits) => {
                let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
                let places = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
                let product = format!("{whole}{fraction}")
                    .parse::<u128>()
                    .ok()?
                    .checked_mul(multiplier)?;
                (product % places == 0).then(|| Self::Value(product / places))
            }
        }
    }
}

/// Reads words and gathers what is written for them.
#[derive(Debug, Default)]
struct NumberReader {
    output: Vec<String>,
    number: Option<Number>,
    sign: Option<char>,
}

/// A word with its neighbours.
#[derive(Clone, Copy)]
struct Place<'a> {
    previous: Word,
    current: &'a str,
    next: Option<&'a str>,
}

impl Place<'_> {
    fn next_is(&self, accepts: impl Fn(Word) -> bool) -> bool {
        self.next.is_some_and(|word| accepts(Word::of(word)))
    }

    fn next_is_numeral(&self) -> bool {
        self.next.is_some_and(is_numeral)
    }
}

impl NumberReader {
    fn read_all(&mut self, words: &[&str]) {
        let mut index = 0;
        while let Some(&current) = words.get(index) {
            let previous = index
                .checked_sub(1)
                .map_or(Word::Other, |before| Word::of(words[before]));
            let place = Place {
                previous,
                current,
                next: words.get(index + 1).copied(),
            };
            // Some words take the next one with them.
            index += if self.read(place) { 2 } else { 1 };
        }
        self.finish();
    }

    /// Reads one word; true when it was read together with the next.
    fn read(&mut self, place: Place<'_>) -> bool {
        let (sign, numeral) = split_sign(place.current);
        if is_numeral(numeral) {
            self.read_numeral(place.current, sign, numeral);
            return false;
        }
        match Word::of(place.current) {
            Word::Zero => self.continue_with("0"),
            Word::Ones(value) => self.read_ones(place, value),
            Word::Tens(value) => self.read_addend(value, 100),
            Word::OnesSuffixed(value, suffix) => {
                self.read_ones(place, value);
                self.finish_with(suffix);
            }
            Word::TensSuffixed(value, suffix) => {
                self.read_addend(value, 100);
                self.finish_with(suffix);
            }
            Word::Multiplier(value) => self.read_multiplier(value),
            Word::MultiplierSuffixed(value, suffix) => {
                self.read_multiplier(value);
                self.finish_with(suffix);
            }
            Word::Sign(sign) => self.read_sign(place, sign),
            Word::Currency(sign) => self.read_currency(place, sign),
            Word::Percent => self.read_percent(place, "%"),
            Word::Per if self.number.is_some() && place.next == Some("cent") => {
                self.finish_with("%");
                return true;
            }
            Word::Per | Word::Other => self.pass_on(place.current),
            Word::And | Word::Repeat(_) | Word::Point => return self.read_special(place),
        }
        false
    }

    /// Writes the number read so far, if there is one, and keeps the sign for the next only if there was none.
    fn finish(&mut self) {
        if self.number.is_some() {
            self.finish_with("");
        }
    }

    fn finish_with(&mut self, suffix: &str) {
        if let Some(number) = self.number.take() {
            self.write(&(number.text() + suffix));
        }
    }

    fn pass_on(&mut self, word: &str) {
        self.finish();
        self.write(word);
    }

    fn write(&mut self, text: &str) {
        self.output.push(match self.sign.take() {
            Some(sign) => format!("{sign}{text}"),
            None => text.to_owned(),
        });
    }

    fn continue_with(&mut self, digits: &str) {
        self.number = Some(match self.number.take() {
            None | Some(Number::Value(0)) => Number::Digits(digits.to_owned()),
            Some(number) => number.followed_by(digits),
        });
    }

    fn read_numeral(&mut self, word: &str, sign: Option<char>, numeral: &str) {
        match &self.number {
            // A part of a decimal or of an address.
            Some(Number::Digits(digits)) if digits.ends_with('.') => {
                self.number = Some(Number::Digits(format!("{digits}{word}")));
                return;
            }
            _ => self.finish(),
        }
        self.sign = sign.or(self.sign);
        self.number = Some(match numeral.split_once('.') {
            None => numeral
                .parse()
                .map_or_else(|_| Number::Digits(numeral.to_owned()), Number::Value),
            // A fraction of zeros is a whole number.
            Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole
                .parse()
                .map_or_else(|_| Number::Digits(numeral.to_owned()), Number::Value),
            Some(_) => Number::Digits(numeral.to_owned()),
        });
    }

    fn read_ones(&mut self, place: Place<'_>, value: u128) {
        let (after_ones, after_tens) = (
            matches!(place.previous, Word::Ones(_)),
            matches!(place.previous, Word::Tens(_)),
        );
        self.number = Some(match self.number.take() {
            None => Number::Value(value),
            // "nineteen twenty one": the zero of the twenty makes room.
            Some(Number::Digits(digits)) if after_tens && value < 10 && digits.ends_with('0') => {
                Number::Digits(format!("{}{value}", &digits[..digits.len() - 1]))
            }
            Some(number) if after_ones => number.followed_by(value),
            Some(number) => number.plus(value, if value < 10 { 10 } else { 100 }),
        });
    }

    fn read_addend(&mut self, value: u128, free: u128) {
        self.number = Some(match self.number.take() {
            None => Number::Value(value),
            Some(number) => number.plus(value, free),
        });
    }

    fn read_multiplier(&mut self, multiplier: u128) {
        match self.number.take() {
            None => self.number = Some(Number::Value(multiplier)),
            Some(number) => match number.times(multiplier) {
                Some(product) => self.number = Some(product),
                None => {
                    self.write(&number.text());
                    self.number = Some(Number::Value(multiplier));
                }
            },
        }
    }

    fn read_sign(&mut self, place: Place<'_>, sign: char) {
        self.finish();
        if place.next_is(|word| word != Word::Other) || place.next_is_numeral() {
            self.sign = Some(sign);
        } else {
            self.write(place.current);
        }
    }

    fn read_currency(&mut self, place: Place<'_>, sign: char) {
        if self.number.is_some() {
            self.sign = Some(sign);
            self.finish();
        } else {
            self.write(place.current);
        }
    }

    fn read_percent(&mut self, place: Place<'_>, suffix: &str) {
        if self.number.is_some() {
            self.finish_with(suffix);
        } else {
            self.write(place.current);
        }
    }

    /// Words that belong to a number only before one.
    fn read_special(&mut self, place: Place<'_>) -> bool {
        if !place.next_is(|word| word != Word::Other) && !place.next_is_numeral() {
            self.pass_on(place.current);
            return false;
        }
        match Word::of(place.current) {
            Word::And if !matches!(place.previous, Word::Multiplier(_)) => self.pass_on(place.current),
            Word::Repeat(times) => match place.next.map(Word::of) {
                Some(Word::Zero) => return self.repeat("0", times),
                Some(Word::Ones(value)) => return self.repeat(&value.to_string(), times),
                _ => self.pass_on(place.current),
            },
            Word::Point if place.next.is_some_and(is_digit_word) || place.next_is_numeral() => self.continue_with("."),
            // "hundred and five" loses its "and".
            _ => {}
        }
        false
    }

    fn repeat(&mut self, digits: &str, times: usize) -> bool {
        self.continue_with(&digits.repeat(times));
        true
    }
}

/// Whether a word is written in digits, with or without a fraction.
fn is_numeral(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match word.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(word),
    }
}

fn split_sign(word: &str) -> (Option<char>, &str) {
    match word.chars().next() {
        Some(sign @ ('-' | '+' | '£' | '€' | '$' | '¢')) => (Some(sign), &word[sign.len_utf8()..]),
        _ => (None, word),
    }
}
