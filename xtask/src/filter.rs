//! Which operations a command is about: part of an id, or a regular expression between slashes.

use regex::Regex;
use voiceflow_record::OperationId;

use crate::outcome::Failure;

/// A filter over ids.
#[derive(Debug)]
pub(crate) enum Filter {
    /// Everything.
    All,
    /// Ids that contain this text.
    Part(String),
    /// Ids that match.
    Expression(Regex),
}

impl Filter {
    /// Reads what a user typed.
    pub(crate) fn parse(text: Option<&str>) -> anyhow::Result<Self> {
        let Some(text) = text else { return Ok(Self::All) };
        match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            Some(expression) => Regex::new(expression)
                .map(Self::Expression)
                .map_err(|error| Failure::bad_usage(format!("the filter {text} is no regular expression: {error}"))),
            None => Ok(Self::Part(text.to_owned())),
        }
    }

    /// Whether the command is about this operation.
    pub(crate) fn matches(&self, id: &OperationId) -> bool {
        self.matches_text(id.as_str())
    }

    /// Whether it leaves this name in, which need not be an operation's.
    pub(crate) fn matches_text(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Part(part) => name.contains(part.as_str()),
            Self::Expression(expression) => expression.is_match(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(filter: &str, id: &str) -> bool {
        Filter::parse(Some(filter))
            .expect("valid")
            .matches(&id.parse().expect("valid"))
    }

    #[test]
    fn a_filter_is_a_part_or_an_expression() {
        assert!(matches("seal", "security/seal/aes"));
        assert!(!matches("^seal", "security/seal/aes"));
        assert!(matches("/^security/.*aes$/", "security/seal/aes"));
        assert!(!matches("/^seal/", "security/seal/aes"));
        assert!(
            Filter::parse(None)
                .expect("valid")
                .matches(&"a/b/c".parse().expect("valid"))
        );
    }

    #[test]
    fn a_broken_expression_is_bad_usage() {
        let error = Filter::parse(Some("/(/")).expect_err("refused");
        assert!(error.downcast_ref::<Failure>().is_some());
    }
}
