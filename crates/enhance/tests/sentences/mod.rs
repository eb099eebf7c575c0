//! The sets of dictated sentences, as `tests/dictated/README.md` describes them.

use serde::Deserialize;
use voiceflow_enhance::Context;

/// One dictated sentence with its tidied text. Not everyone who reads the sentences needs all of it.
#[allow(dead_code)]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sentence {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) context: Context,
    pub(crate) dictated: String,
    pub(crate) reference: String,
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
#[allow(dead_code)]
pub(crate) fn judged() -> Vec<Sentence> {
    parse(include_str!("../dictated/sentences.toml"))
}

/// The sentences that constants are fitted on.
#[allow(dead_code)]
pub(crate) fn development() -> Vec<Sentence> {
    parse(include_str!("../development/sentences.toml"))
}
