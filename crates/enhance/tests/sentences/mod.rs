//! The sets of dictated sentences, as `tests/dictated/README.md` describes them.

use serde::Deserialize;
use voiceflow_enhance::Context;

/// One dictated sentence with its tidied text.
#[allow(dead_code, reason = "not every target that reads the sentences needs all of it")]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sentence {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) context: Context,
    pub(crate) dictated: String,
    pub(crate) reference: String,
}

impl Sentence {
    /// Whether it is of a kind in which words are to be dropped.
    #[allow(dead_code, reason = "not every target that reads the sentences needs all of it")]
    pub(crate) fn has_words_to_drop(&self) -> bool {
        ["fillers", "stutters", "false-starts", "hesitant"].contains(&self.kind.as_str())
    }
}

#[derive(Deserialize)]
struct File {
    sentence: Vec<Sentence>,
}

fn parse(text: &str) -> Vec<Sentence> {
    let file: File = toml::from_str(text).expect("the sentences are TOML with the documented fields");
    file.sentence
}

/// The sentences that judge.
#[allow(dead_code, reason = "not every target that reads the sentences needs all of it")]
pub(crate) fn judged() -> Vec<Sentence> {
    parse(include_str!("../dictated/sentences.toml"))
}

/// The sentences that constants are fitted on.
#[allow(dead_code, reason = "not every target that reads the sentences needs all of it")]
pub(crate) fn development() -> Vec<Sentence> {
    parse(include_str!("../development/sentences.toml"))
}
