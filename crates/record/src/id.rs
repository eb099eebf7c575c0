//! The name of an operation. It never changes meaning: a new meaning is a new id.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `subsystem/operation/variant`: three parts of lower-case ASCII letters, digits, dots and inner dashes.
///
/// ```
/// use voiceflow_record::OperationId;
/// let id: OperationId = "asr/model-load/tiny.en".parse().unwrap();
/// assert_eq!(id.subsystem(), "asr");
/// assert_eq!(id.identifier(), "model_load_tiny_en");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OperationId(String);

impl OperationId {
    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first part: the crate that declares the operation.
    pub fn subsystem(&self) -> &str {
        self.parts()[0]
    }

    /// The Rust identifier the operation is declared under: the last two parts with `/`, `-` and `.` turned into `_`.
    pub fn identifier(&self) -> String {
        let [_, operation, variant] = self.parts();
        format!("{operation}_{variant}").replace(['-', '.'], "_")
    }

    /// The three parts.
    pub fn parts(&self) -> [&str; 3] {
        let mut parts = self.0.split('/');
        // An id is only made by `from_str`, which has counted the parts.
        std::array::from_fn(|_| parts.next().unwrap_or_default())
    }
}

impl FromStr for OperationId {
    type Err = InvalidOperationId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.len() == 3 && parts.iter().all(|part| is_word(part)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidOperationId(text.to_owned()))
        }
    }
}

fn is_word(part: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    part.chars().all(inner) && part.starts_with(edge) && part.ends_with(edge) && !part.contains("..")
}

impl TryFrom<String> for OperationId {
    type Error = InvalidOperationId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<OperationId> for String {
    fn from(id: OperationId) -> Self {
        id.0
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// A text that is no operation id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no operation id: write subsystem/operation/variant in lower-case letters, digits, dots and dashes")]
pub struct InvalidOperationId(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_words_make_an_id_and_nothing_else_does() {
        for good in ["a/b/c", "asr/model-load/tiny.en", "storage/get/keyed-hot-2"] {
            assert_eq!(
                good.parse::<OperationId>().map(|id| id.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in [
            "", "a", "a/b", "a/b/c/d", "a//c", "A/b/c", "a/-b/c", "a/b-/c", "a/b c/d", "a/../b", "a/.b/c",
        ] {
            assert!(bad.parse::<OperationId>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn an_id_names_its_parts() {
        let id: OperationId = "security/seal/aes256gcm-16kib".parse().expect("valid");
        assert_eq!(id.parts(), ["security", "seal", "aes256gcm-16kib"]);
        assert_eq!(id.identifier(), "seal_aes256gcm_16kib");
    }
}
