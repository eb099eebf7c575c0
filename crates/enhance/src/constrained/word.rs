//! The words of a transcript with the ways in which each may be written.

use voiceflow_protocol::Context;

use super::judge::{Form, Mark};
use crate::EnhanceError;
use crate::chunk::Chunk;
use crate::lexicon;
use crate::model::LanguageModel;

/// The longest word that may be written in capitals: acronyms are short, and five letters hold "HTTPS".
const UPPER_LETTERS_MAX: usize = 5;

/// One piece of the transcript, and what was decided about it.
#[derive(Debug)]
pub(crate) struct Word {
    chunk: Chunk,
    /// Tokens of the forms in their order; none where the word may not take the form.
    tokens: [Option<Vec<u32>>; 3],
    /// Whether a mark may be put before it.
    pub(crate) open: bool,
    /// Whether it begins a sentence of the transcript.
    pub(crate) begins: bool,
    pub(crate) form: Form,
    /// The mark put behind it.
    pub(crate) mark: Mark,
}

/// The words of pieces whose capitals the rules have set.
///
/// # Errors
/// As [`tokens`].
pub(crate) fn words(model: &LanguageModel, chunks: Vec<Chunk>) -> Result<Vec<Word>, EnhanceError> {
    let mut words: Vec<Word> = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let previous = words.last().map(|word| &word.chunk);
        let bare = |chunk: &Chunk| chunk.is_bare_punctuation();
        let open = previous.is_some_and(|previous| {
            previous.trailing.is_empty() && chunk.leading.is_empty() && !bare(previous) && !bare(&chunk)
        });
        let begins = previous.is_none_or(Chunk::ends_sentence);
        let space = if previous.is_some() { " " } else { "" };
        let mut forms = [None, None, None];
        for (slot, form) in forms.iter_mut().zip([Form::Drafted, Form::Capital, Form::Upper]) {
            if let Some(core) = written(&chunk, form) {
                let text = format!("{space}{}{core}{}", chunk.leading, chunk.trailing);
                *slot = Some(tokens(model, &text)?);
            }
        }
        words.push(Word {
            chunk,
            tokens: forms,
            open,
            begins,
            form: Form::Drafted,
            mark: Mark::None,
        });
    }
    Ok(words)
}

/// The tokens of a text, at least one.
///
/// # Errors
/// Fails where the tokenizer does, and where it knows none of the text.
pub(crate) fn tokens(model: &LanguageModel, text: &str) -> Result<Vec<u32>, EnhanceError> {
    let tokens = model.encode(text)?;
    if tokens.is_empty() {
        return Err(candle_core::Error::msg("the tokenizer has no token for a word or a mark of the text").into());
    }
    Ok(tokens)
}

/// The text of the words as they were decided.
pub(crate) fn join(words: &[Word]) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        let core = written(&word.chunk, word.form);
        text.push_str(&word.chunk.leading);
        text.push_str(core.as_deref().unwrap_or(&word.chunk.core));
        text.push_str(&word.chunk.trailing);
        text.push_str(word.mark.as_str());
    }
    text
}

impl Word {
    /// The word in lower case with straight apostrophes.
    pub(crate) fn folded(&self) -> &str {
        &self.chunk.folded
    }

    /// Its tokens in a form; in the drafted one where it may not take that.
    pub(crate) fn tokens(&self, form: Form) -> &[u32] {
        let drafted = self.tokens[0].as_deref().unwrap_or_default();
        self.tokens[form as usize].as_deref().unwrap_or(drafted)
    }

    /// Whether it may take the form, and that is another than the drafted one.
    pub(crate) fn may_be(&self, form: Form) -> bool {
        form != Form::Drafted && self.tokens[form as usize].is_some()
    }

    /// Whether it is decided to be written with a capital; "I" does not count.
    pub(crate) fn has_capital(&self) -> bool {
        let drafted = self.chunk.core.starts_with(char::is_uppercase) && !lexicon::is_nominative(&self.chunk.folded);
        self.form != Form::Drafted || drafted
    }

    /// Whether a mark may be put behind it as the last word of the text.
    pub(crate) fn may_end(&self, context: Context) -> bool {
        let name = context == Context::Code && self.chunk.is_identifier();
        self.chunk.trailing.is_empty() && !self.chunk.is_bare_punctuation() && !name
    }
}

/// The word in a form; none where it may not take it. Letters that the transcript or the rules set as capitals stay.
fn written(chunk: &Chunk, form: Form) -> Option<String> {
    let plain = chunk
        .core
        .chars()
        .all(|character| character.is_alphabetic() || matches!(character, '\'' | '’' | '-'));
    if form != Form::Drafted && chunk.is_identifier() {
        return None;
    }
    let lower = chunk.core.chars().all(|character| !character.is_uppercase());
    match form {
        Form::Drafted => Some(chunk.core.clone()),
        Form::Capital => (plain && lower)
            .then(|| capitalised(&chunk.core))
            .filter(|core| *core != chunk.core),
        Form::Upper => {
            let letters = chunk.core.chars().count();
            let short = chunk.core.is_ascii() && (2..=UPPER_LETTERS_MAX).contains(&letters);
            let whole = chunk.core.chars().all(char::is_alphabetic);
            let raised = chunk.core.to_ascii_uppercase();
            // A capital that only the beginning of a sentence gave it does not stand in the way.
            let drafted = chunk.core.chars().skip(1).all(char::is_lowercase);
            (short && whole && drafted).then_some(raised)
        }
    }
}

fn capitalised(core: &str) -> String {
    let mut characters = core.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

#[cfg(test)]
mod tests {
    use super::written;
    use crate::chunk;
    use crate::constrained::judge::Form;

    fn forms(piece: &str) -> [Option<String>; 2] {
        let chunk = chunk::split(piece).remove(0);
        [Form::Capital, Form::Upper].map(|form| written(&chunk, form))
    }

    #[test]
    fn a_plain_word_may_take_a_capital_and_a_short_one_capitals() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(forms("anna"), [some("Anna"), some("ANNA")]);
        assert_eq!(forms("lisbon"), [some("Lisbon"), None]);
        assert_eq!(forms("anna's"), [some("Anna's"), None]);
        assert_eq!(forms("k"), [some("K"), None]);
        assert_eq!(
            forms("Api"),
            [None, some("API")],
            "a capital at a beginning may become more"
        );
    }

    #[test]
    fn what_has_its_own_letters_keeps_them() {
        for piece in ["userId", "main.rs", "NASA", "x86", "get_user", "8080", "--flag"] {
            assert_eq!(forms(piece), [None, None], "{piece}");
        }
    }
}
