//! Requests for what was dictated earlier.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use validator::{Validate, ValidationError};

use crate::Context;
use crate::client::printable;
use crate::limits::{CLIENT_TEXT_BYTES_MAX, QUERY_CHARS_MAX, ROWS_DEFAULT, ROWS_MAX};
use crate::text::{self, DecodeError};

/// The user's latest transcripts, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct HistoryRequest {
    /// Most rows to return.
    #[serde(default = "rows_default")]
    #[validate(range(min = 1, max = ROWS_MAX))]
    pub limit: u32,
    /// Only transcripts made before this time, in milliseconds since 1970-01-01 UTC; none starts with the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(range(min = 0))]
    pub before_unix_ms: Option<i64>,
    /// Only transcripts of this context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
}

/// The user's transcripts that hold all words of a query, best match first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// Words to look for; they have no special signs, the store quotes them.
    #[validate(
        length(min = 1, max = QUERY_CHARS_MAX),
        custom(function = printable),
        custom(function = has_a_word)
    )]
    pub query: String,
    /// Most rows to return.
    #[serde(default = "rows_default")]
    #[validate(range(min = 1, max = ROWS_MAX))]
    pub limit: u32,
    /// Only transcripts of this context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
}

/// Reads a request of type `T` from JSON.
///
/// The result is well formed, not yet validated.
///
/// # Errors
/// As [`decode_client`](crate::decode_client).
pub fn decode_request<T: DeserializeOwned + Validate>(json: &str) -> Result<T, DecodeError> {
    text::decode(json, CLIENT_TEXT_BYTES_MAX)
}

fn rows_default() -> u32 {
    ROWS_DEFAULT
}

fn has_a_word(query: &str) -> Result<(), ValidationError> {
    if query.chars().any(char::is_alphanumeric) {
        Ok(())
    } else {
        Err(ValidationError::new("no-word"))
    }
}
