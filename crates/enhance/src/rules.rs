//! Clean-up by rules: deterministic, in linear time, without a model.
//!
//! It drops what carries nothing (see the private module `disfluency` for the exact list), sets capitals and gives the last sentence its
//! end mark. It runs before the model, and it is the answer wherever the model may not or cannot give one. It never adds,
//! moves or replaces a word: [`crate::faithful`] accepts its text for every input. Tidying a tidy text changes nothing.

use voiceflow_protocol::Context;

use crate::chunk::{self, Chunk};
use crate::{disfluency, lexicon};

mod question;
#[cfg(test)]
mod tests;

/// Tidies a dictated text.
///
/// White space becomes single spaces. In [`Context::Code`] names are left as they are: no capital on a word that looks
/// like one, no full stop after it, spaces before punctuation kept, and a lone `i` stays small unless it speaks.
#[must_use]
pub fn tidy(text: &str, context: Context) -> String {
    let mut chunks = draft(text, context);
    set_end_mark(&mut chunks, context);
    join(&chunks, text.len())
}

/// The tidied text in pieces, before the last mark.
pub(crate) fn draft(text: &str, context: Context) -> Vec<Chunk> {
    let mut chunks = disfluency::strip(chunk::split_dictation(text, context)).chunks;
    set_capitals(&mut chunks, context);
    chunks
}

/// The pieces of a text of which nothing is dropped, with their capitals.
pub(crate) fn capitalised(text: &str, context: Context) -> Vec<Chunk> {
    let mut chunks = chunk::split(text);
    set_capitals(&mut chunks, context);
    chunks
}

/// Whether a sentence of these words, folded, opens as a question does.
pub(crate) fn asks(words: &[&str]) -> bool {
    question::opens_question(words)
}

fn set_capitals(chunks: &mut [Chunk], context: Context) {
    let mut starts_sentence = true;
    for at in 0..chunks.len() {
        let wanted = is_speaker(chunks, at, context) || is_calendar(chunks, at) || {
            let lone_i = context == Context::Code && chunks[at].folded == "i";
            starts_sentence && !lone_i && !chunks[at].is_identifier()
        };
        if wanted {
            capitalise(&mut chunks[at].core);
        }
        let passes_on = starts_sentence && chunks[at].is_bare_punctuation();
        starts_sentence = passes_on || chunks[at].ends_sentence();
    }
}

/// Whether the word is the speaker: "I" or one of its contractions.
fn is_speaker(chunks: &[Chunk], at: usize, context: Context) -> bool {
    match chunks[at].folded.as_str() {
        "i'm" | "i'll" | "i've" | "i'd" => true,
        "i" if context == Context::Code => chunks
            .get(at + 1)
            .is_some_and(|next| lexicon::follows_speaker(&next.folded)),
        "i" => true,
        _ => false,
    }
}

/// Whether the word is the name of a day or a month. Months that are verbs too need a number beside them.
fn is_calendar(chunks: &[Chunk], at: usize) -> bool {
    let word = &chunks[at].folded;
    let numeral = |index: usize| {
        chunks
            .get(index)
            .is_some_and(|chunk| lexicon::is_numeral(&chunk.folded))
    };
    let of_ordinal = || at > 1 && chunks[at - 1].folded == "of" && numeral(at - 2);
    lexicon::is_calendar_name(word)
        || lexicon::is_doubtful_month(word) && (numeral(at + 1) || at > 0 && numeral(at - 1) || of_ordinal())
}

/// Raises the first letter, where that is one letter which falls back to the same.
fn capitalise(core: &mut String) {
    let Some(first) = core.chars().next() else {
        return;
    };
    let mut upper = first.to_uppercase();
    if let (Some(capital), None) = (upper.next(), upper.next())
        && capital.to_lowercase().eq(first.to_lowercase())
    {
        core.replace_range(..first.len_utf8(), capital.encode_utf8(&mut [0; 4]));
    }
}

fn set_end_mark(chunks: &mut [Chunk], context: Context) {
    let asks = question::asks(last_sentence(chunks));
    let Some(last) = chunks.last_mut() else {
        return;
    };
    let has_word = last.core.chars().any(char::is_alphanumeric);
    let may_close =
        matches!(last.trailing.as_str(), "" | "," | ";") || last.trailing.ends_with(['"', '”', '\'', '’', '»', '`']);
    let is_name = context == Context::Code && last.is_identifier();
    if !has_word || !may_close || is_name || last.ends_with_mark() {
        return;
    }
    if matches!(last.trailing.as_str(), "," | ";") {
        last.trailing.clear();
    }
    last.trailing.push(if asks { '?' } else { '.' });
}

/// The pieces after the last but one end of a sentence.
fn last_sentence(chunks: &[Chunk]) -> &[Chunk] {
    let earlier = &chunks[..chunks.len().saturating_sub(1)];
    let start = earlier.iter().rposition(Chunk::ends_sentence).map_or(0, |end| end + 1);
    &chunks[start..]
}

fn join(chunks: &[Chunk], capacity: usize) -> String {
    let mut text = String::with_capacity(capacity + 1);
    for chunk in chunks {
        if !text.is_empty() {
            text.push(' ');
        }
        chunk.write_to(&mut text);
    }
    text
}
