//! The rules by which two English texts count as the same words.
//!
//! They are those of OpenAI's Whisper (Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak
//! Supervision", appendix C), in their order: lower case; no text in brackets; no fillers; contractions and titles in
//! full; no symbols or accents; numbers in digits; American spelling, where a table of spellings is given.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::{numbers, symbols};

/// Brings English texts into the form in which their words are compared.
#[derive(Clone, Debug, Default)]
pub struct Normalizer {
    /// British spellings and their American counterparts. Ordered, because hash order must not reach any count.
    spellings: BTreeMap<String, String>,
}

/// Why a table of spellings cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SpellingsError {
    /// The file cannot be read.
    #[error("cannot read the table of spellings {path}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It is not one JSON object of strings.
    #[error("the table of spellings {path} is not a JSON object of strings", path = path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The place and the mistake.
        source: serde_json::Error,
    },
}

impl Normalizer {
    /// A normaliser that leaves spellings as they are.
    pub fn new() -> Self {
        Self::default()
    }

    /// A normaliser with a table of spellings: one JSON object from British to American, as Whisper's `english.json`.
    ///
    /// # Errors
    /// When the file cannot be read or is something else.
    pub fn with_spellings(path: &Path) -> Result<Self, SpellingsError> {
        let text = fs::read_to_string(path).map_err(|source| SpellingsError::Read {
            path: path.to_owned(),
            source,
        })?;
        let spellings = serde_json::from_str(&text).map_err(|source| SpellingsError::Syntax {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self { spellings })
    }

    /// The one without spellings, for those who need no table.
    pub(super) fn shared() -> &'static Self {
        static SHARED: LazyLock<Normalizer> = LazyLock::new(Normalizer::new);
        &SHARED
    }

    /// The normalised text: words in lower case, apart by single spaces.
    pub fn normalize(&self, text: &str) -> String {
        let mut text = text.to_lowercase();
        for rule in BEFORE_SYMBOLS.iter() {
            rule.apply(&mut text);
        }
        let text = numbers::normalize(&symbols::replace(&text));
        let mut text = self.american(&text);
        for rule in AFTER_NUMBERS.iter() {
            rule.apply(&mut text);
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn american(&self, text: &str) -> String {
        let spelled = |word| self.spellings.get(word).map_or(word, String::as_str);
        text.split_whitespace().map(spelled).collect::<Vec<_>>().join(" ")
    }
}

/// A pattern and what stands in its place, with `$1` for its first group.
#[derive(Debug)]
pub(super) struct Rule {
    pattern: Regex,
    replacement: String,
}

impl Rule {
    pub(super) fn new(text: &str, replacement: &str) -> Self {
        Self {
            pattern: pattern(text),
            replacement: replacement.to_owned(),
        }
    }

    pub(super) fn apply(&self, text: &mut String) {
        // Most rules find nothing in most texts, and then the text is not copied.
        if self.pattern.is_match(text) {
            *text = self.pattern.replace_all(text, self.replacement.as_str()).into_owned();
        }
    }
}

/// Compiles a pattern that stands in this source.
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap_or_else(|error| unreachable!("the pattern {text} is a constant: {error}"))
}

static BEFORE_SYMBOLS: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let mut rules = vec![
        Rule::new(r"[<\[][^>\]]*[>\]]", ""),
        Rule::new(r"\([^)]+\)", ""),
        Rule::new(r"\b(?:hmm|mm|mhm|mmm|uh|um)\b", ""),
        Rule::new(r"\s+'", "'"),
    ];
    rules.extend(
        WORDS
            .iter()
            .map(|(word, full)| Rule::new(&format!(r"\b{word}\b"), full)),
    );
    // A title may have lost its full stop to the next word, so a space follows it.
    rules.extend(
        TITLES
            .iter()
            .map(|(title, full)| Rule::new(&format!(r"\b{title}\b"), &format!("{full} "))),
    );
    rules.extend(
        ENDINGS
            .iter()
            .map(|(ending, full)| Rule::new(&format!(r"{ending}\b"), &format!(" {full}"))),
    );
    rules.push(Rule::new(r"(\d),(\d)", "${1}${2}"));
    rules.push(Rule::new(r"\.([^0-9]|$)", " ${1}"));
    rules
});

/// Signs of numbers that lost their number.
static AFTER_NUMBERS: LazyLock<Vec<Rule>> =
    LazyLock::new(|| vec![Rule::new(r"[.$¢€£]([^0-9])", " ${1}"), Rule::new(r"([^0-9])%", "${1} ")]);

/// Contracted and slurred words in full.
const WORDS: [(&str, &str); 18] = [
    ("won't", "will not"),
    ("can't", "can not"),
    ("let's", "let us"),
    ("ain't", "aint"),
    ("y'all", "you all"),
    ("wanna", "want to"),
    ("kinda", "kind of"),
    ("sorta", "sort of"),
    ("dunno", "do not know"),
    ("gotta", "got to"),
    ("gonna", "going to"),
    ("i'ma", "i am going to"),
    ("imma", "i am going to"),
    ("woulda", "would have"),
    ("coulda", "could have"),
    ("shoulda", "should have"),
    ("cause", "because"),
    ("ma'am", "madam"),
];

/// Titles and other abbreviations before or after names.
const TITLES: [(&str, &str); 21] = [
    ("mr", "mister"),
    ("mrs", "missus"),
    ("st", "saint"),
    ("dr", "doctor"),
    ("prof", "professor"),
    ("capt", "captain"),
    ("gov", "governor"),
    ("ald", "alderman"),
    ("gen", "general"),
    ("sen", "senator"),
    ("rep", "representative"),
    ("pres", "president"),
    ("rev", "reverend"),
    ("hon", "honorable"),
    ("asst", "assistant"),
    ("assoc", "associate"),
    ("lt", "lieutenant"),
    ("col", "colonel"),
    ("jr", "junior"),
    ("sr", "senior"),
    ("esq", "esquire"),
];

/// Contracted endings. The first six decide between "has" and "is", "had" and "would".
const ENDINGS: [(&str, &str); 14] = [
    ("'d been", "had been"),
    ("'s been", "has been"),
    ("'d gone", "had gone"),
    ("'s gone", "has gone"),
    ("'d done", "had done"),
    ("'s got", "has got"),
    ("n't", "not"),
    ("'re", "are"),
    ("'s", "is"),
    ("'d", "would"),
    ("'ll", "will"),
    ("'t", "not"),
    ("'ve", "have"),
    ("'m", "am"),
];

#[cfg(test)]
#[path = "english_tests.rs"]
mod tests;
