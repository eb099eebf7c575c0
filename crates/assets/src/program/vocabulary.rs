//! Whisper's vocabulary, from the printable form that CTranslate2 keeps to the raw bytes that GGML wants.
//!
//! GPT-2's byte-level encoding writes each byte as one printable character: printable Latin-1 bytes stand for
//! themselves, the other 68 are numbered from U+0100 on. Here it is undone.

use crate::bytes::FormatError;

/// How many entries a GGML file lists. The rest of the ids (languages, tasks, timestamps) it derives from their number.
pub(crate) const LISTED_TOKENS: usize = 50_257;

const FILE: &str = "the vocabulary";

/// Reads `vocabulary.txt`, one token a line, and returns the raw bytes of the first [`LISTED_TOKENS`] tokens.
///
/// The last of them is what the published GGML files have there: an empty string in multilingual models, the literal
/// `<|endoftext|>` in English ones, just as their vocabularies say.
///
/// # Errors
/// Names the line that is wrong, or says how many lines are missing.
pub(crate) fn raw_tokens(content: &[u8]) -> Result<Vec<Vec<u8>>, FormatError> {
    let problem = |problem: String| FormatError {
        file: FILE,
        offset: 0,
        problem,
    };
    let text = std::str::from_utf8(content).map_err(|error| problem(format!("it is not UTF-8: {error}")))?;
    let tokens: Vec<Vec<u8>> = text
        .split('\n')
        .take(LISTED_TOKENS)
        .enumerate()
        .map(|(line, token)| {
            raw_bytes(token).ok_or_else(|| problem(format!("line {} has an unknown letter", line + 1)))
        })
        .collect::<Result<_, _>>()?;
    if tokens.len() < LISTED_TOKENS {
        return Err(problem(format!("it has {} entries, not {LISTED_TOKENS}", tokens.len())));
    }
    Ok(tokens)
}

fn raw_bytes(token: &str) -> Option<Vec<u8>> {
    token.chars().map(raw_byte).collect()
}

/// The byte that a printable character stands for.
fn raw_byte(character: char) -> Option<u8> {
    match u32::from(character) {
        code @ (0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) => u8::try_from(code).ok(),
        // The bytes that are not printable, in rising order: 0x00 to 0x20, 0x7f to 0xa0, and 0xad.
        code @ 0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        code @ 0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_exactly_one_character() {
        let mut bytes: Vec<u8> = (0..=0x143).filter_map(char::from_u32).filter_map(raw_byte).collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn spaces_newlines_and_utf8_come_back() {
        assert_eq!(raw_bytes("Ġthe"), Some(b" the".to_vec()));
        assert_eq!(raw_bytes("Ċ"), Some(b"\n".to_vec()));
        assert_eq!(raw_bytes("Ã©"), Some("é".as_bytes().to_vec()));
        assert_eq!(raw_bytes("…"), None);
    }

    #[test]
    fn a_short_or_foreign_vocabulary_is_refused() {
        assert!(
            raw_tokens(b"a\nb\n")
                .expect_err("short")
                .to_string()
                .contains("3 entries")
        );
        assert!(
            raw_tokens("a\n日\n".as_bytes())
                .expect_err("foreign")
                .to_string()
                .contains("line 2")
        );
        assert!(raw_tokens(&[0xff]).is_err());
    }
}
