//! From what a user typed to an FTS5 expression.
//!
//! FTS5's language has operators (`AND`, `NEAR`, `*`, `-`, column names). Users type words: each becomes a quoted
//! phrase, so that every sign in it is text and no query can be a syntax error or reach another column.

/// Words taken from one query; the rest is ignored. The protocol's longest query has 256 characters.
const WORDS_MAX: usize = 64;

/// An expression that matches rows holding all words of `query`; `None` when it has none.
pub(crate) fn expression(query: &str) -> Option<String> {
    let words = query
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| has_token(word));
    let mut expression = String::with_capacity(query.len() + 16);
    for word in words.take(WORDS_MAX) {
        if !expression.is_empty() {
            expression.push(' ');
        }
        expression.push('"');
        for character in word.chars() {
            if character == '"' {
                expression.push('"');
            }
            expression.push(character);
        }
        expression.push('"');
    }
    (!expression.is_empty()).then_some(expression)
}

/// Whether the tokenizer will find something in the word: `--` alone would be an empty phrase.
fn has_token(word: &str) -> bool {
    word.chars().any(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::expression;

    #[test]
    fn words_become_quoted_phrases() {
        assert_eq!(
            expression("two  pints\tof milk").unwrap(),
            r#""two" "pints" "of" "milk""#
        );
        assert_eq!(
            expression(r#"say "hi" OR col:x* -y"#).unwrap(),
            r#""say" """hi""" "OR" "col:x*" "-y""#
        );
    }

    #[test]
    fn a_query_without_words_is_none() {
        for query in ["", "   ", "--", "\" * ( )", "\0\u{1}"] {
            assert_eq!(expression(query), None, "{query:?}");
        }
    }

    #[test]
    fn control_characters_separate_and_long_queries_are_cut() {
        assert_eq!(expression("a\0b").unwrap(), r#""a" "b""#);
        assert_eq!(expression(&"x ".repeat(1_000)).unwrap().matches('x').count(), 64);
    }
}
