//! A text cut at its white space, each piece split into what stands before, inside and after its word.
//!
//! The rules work on these pieces, because punctuation travels with the word it touches. What counts as a word when two
//! texts are compared is finer than this and belongs to [`crate::faithful`].

use voiceflow_protocol::Context;

use crate::lexicon;

/// One run of characters without white space: `leading`, `core` and `trailing`, in this order, make it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Opening punctuation, such as a quotation mark. The whole piece where it has no word in it.
    pub(crate) leading: String,
    /// The word, with whatever stands between its first and last character.
    pub(crate) core: String,
    /// Closing punctuation, such as a comma or a full stop.
    pub(crate) trailing: String,
    /// The core in lower case with straight apostrophes, for comparing.
    pub(crate) folded: String,
}

impl Chunk {
    fn new(text: &str) -> Self {
        let after_leading = text.trim_start_matches(is_punctuation);
        let core = after_leading.trim_end_matches(is_punctuation);
        let leading = &text[..text.len() - after_leading.len()];
        let trailing = &after_leading[core.len()..];
        Self {
            leading: leading.to_owned(),
            core: core.to_owned(),
            trailing: trailing.to_owned(),
            folded: fold(core),
        }
    }

    /// Whether the piece is punctuation alone.
    pub(crate) fn is_bare_punctuation(&self) -> bool {
        self.core.is_empty()
    }

    /// Whether a sentence ends with this piece. An ellipsis ends none, the speaker goes on, and neither does the full
    /// stop of an abbreviation.
    pub(crate) fn ends_sentence(&self) -> bool {
        let abbreviated = self.trailing == "." && lexicon::is_abbreviation(&self.folded);
        self.ends_with_mark() && !abbreviated && !self.marks().ends_with("..") && !self.marks().ends_with('…')
    }

    /// Whether the piece ends with a full stop, a question mark, an exclamation mark or an ellipsis, quoted or not.
    pub(crate) fn ends_with_mark(&self) -> bool {
        self.marks().ends_with(['.', '!', '?', '…'])
    }

    fn marks(&self) -> &str {
        let closing = if self.is_bare_punctuation() {
            &self.leading
        } else {
            &self.trailing
        };
        closing.trim_end_matches(is_closing_quote)
    }

    /// Whether a comma separates this piece from the next.
    pub(crate) fn ends_with_comma(&self) -> bool {
        self.trailing == ","
    }

    /// Whether the word is one letter, as in spelling.
    pub(crate) fn is_single_letter(&self) -> bool {
        let mut characters = self.core.chars();
        characters.next().is_some_and(char::is_alphabetic) && characters.next().is_none()
    }

    /// Whether no mark touches the word.
    pub(crate) fn is_plain(&self) -> bool {
        self.leading.is_empty() && self.trailing.is_empty()
    }

    /// Whether the word is one letter other than the words "a" and "I".
    pub(crate) fn is_single_letter_of_spelling(&self) -> bool {
        self.is_single_letter() && !matches!(self.folded.as_str(), "a" | "i")
    }

    /// Whether the word is written in capitals throughout and is no lone letter, as an acronym is.
    pub(crate) fn is_acronym(&self) -> bool {
        self.core.chars().count() > 1 && self.core.chars().all(char::is_uppercase)
    }

    /// Whether the word looks like a name in a program or an address, whose letters must not be touched.
    pub(crate) fn is_identifier(&self) -> bool {
        let inner_capital = self.core.chars().skip(1).any(char::is_uppercase);
        let symbol = self
            .core
            .chars()
            .any(|character| !character.is_alphabetic() && !matches!(character, '\'' | '’' | '-'));
        let flag = self.leading.starts_with('-');
        inner_capital || symbol || flag
    }

    /// Appends the piece as it is written.
    pub(crate) fn write_to(&self, text: &mut String) {
        text.push_str(&self.leading);
        text.push_str(&self.core);
        text.push_str(&self.trailing);
    }
}

/// Cuts a text at its white space and control characters.
pub(crate) fn split(text: &str) -> Vec<Chunk> {
    text.split(is_space)
        .filter(|piece| !piece.is_empty())
        .map(Chunk::new)
        .collect()
}

/// As [`split`], with each mark that stands alone ("we left , then") put onto the word before it. In programs a space
/// before a mark may be meant.
pub(crate) fn split_dictation(text: &str, context: Context) -> Vec<Chunk> {
    let chunks = split(text);
    if context == Context::Code {
        return chunks;
    }
    let closes = |character| matches!(character, ',' | '.' | ';' | ':' | '!' | '?' | '…');
    let mut attached: Vec<Chunk> = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let stray = chunk.is_bare_punctuation() && chunk.leading.chars().all(closes);
        match attached.last_mut() {
            Some(previous) if stray && !previous.is_bare_punctuation() => previous.trailing.push_str(&chunk.leading),
            _ => attached.push(chunk),
        }
    }
    attached
}

/// Whether the character separates pieces: white space, and control characters, which no speaker says.
pub(crate) fn is_space(character: char) -> bool {
    character.is_whitespace() || character.is_control()
}

/// Marks that shape a sentence and carry no content of their own. Every other character that is neither a letter nor a
/// digit (`%`, `$`, `+`, brackets) is content.
pub(crate) fn is_punctuation(character: char) -> bool {
    matches!(
        character,
        '.' | ','
            | ';'
            | ':'
            | '!'
            | '?'
            | '…'
            | '\''
            | '"'
            | '“'
            | '”'
            | '‘'
            | '’'
            | '`'
            | '-'
            | '–'
            | '—'
            | '¿'
            | '¡'
            | '«'
            | '»'
    )
}

/// Lower case with straight apostrophes.
pub(crate) fn fold(word: &str) -> String {
    word.chars()
        .map(|character| if character == '’' { '\'' } else { character })
        .flat_map(char::to_lowercase)
        .collect()
}

fn is_closing_quote(character: char) -> bool {
    matches!(character, '"' | '”' | '’' | '\'' | '»' | '`')
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_piece_is_split_into_marks_and_word() {
        let chunks = split("  “Well,  don’t\u{7}go...” ");
        let parts: Vec<_> = chunks
            .iter()
            .map(|chunk| (chunk.leading.as_str(), chunk.core.as_str(), chunk.trailing.as_str()))
            .collect();
        assert_eq!(parts, [("“", "Well", ","), ("", "don’t", ""), ("", "go", "...”")]);
        assert_eq!(chunks[1].folded, "don't");
        assert!(!chunks[2].ends_sentence(), "an ellipsis goes on");
    }

    #[test]
    fn identifiers_are_told_from_words() {
        let identifiers = split("get_user main.rs userId HTTP x86 --flag a/b");
        assert!(identifiers.iter().all(super::Chunk::is_identifier), "{identifiers:?}");
        let words = split("Hello, don't re-read \"this\".");
        assert!(!words.iter().any(super::Chunk::is_identifier), "{words:?}");
    }
}
