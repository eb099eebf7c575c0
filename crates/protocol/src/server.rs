//! What the server says: always text frames.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::SERVER_TEXT_BYTES_MAX;
use crate::text::{self, DecodeError, EncodeError};

/// A text frame from server to client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum ServerMessage {
    /// The text so far; a later one replaces it.
    Partial(Partial),
    /// The answer; the session is over.
    Final(Final),
    /// No answer will come; the session is over.
    Error(ErrorMessage),
}

/// The text recognised so far, before tidying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partial {
    /// Counts from 0 within a session.
    pub sequence: u32,
    /// The recogniser's words so far.
    pub text: String,
}

/// The transcript of a session, as it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Final {
    /// Row of the transcript in the store.
    pub transcript_id: i64,
    /// The tidy text.
    pub text: String,
    /// The recogniser's own words.
    pub raw_text: String,
    /// What made the tidy text.
    pub source: TextSource,
    /// Length of the audio in milliseconds.
    pub audio_ms: u64,
    /// Time from the end of the audio to the recogniser's words, in milliseconds, waiting included.
    pub recognition_ms: u64,
    /// Time that tidying took, in milliseconds.
    pub enhancement_ms: u64,
}

/// What made a tidy text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextSource {
    /// The language model, its answer accepted.
    Model,
    /// An earlier answer of the language model to the same words.
    Cache,
    /// The rules alone.
    Rules,
}

/// Why a session ended without an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorMessage {
    /// For programs: stable across versions.
    pub code: ErrorCode,
    /// For people: a fragment that says what to do; its words may change.
    pub message: String,
}

impl ErrorMessage {
    /// An error message; an overlong explanation is cut.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: text::cut(message.into()),
        }
    }
}

impl From<ErrorMessage> for ServerMessage {
    fn from(error: ErrorMessage) -> Self {
        Self::Error(error)
    }
}

/// The kinds of failure that a client can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The token is missing, wrong or has expired.
    Unauthorized,
    /// A message is malformed, out of order, or holds a value that is not allowed.
    Invalid,
    /// A message, or the audio of the whole session, is longer than allowed.
    TooLarge,
    /// This user asks too often; try again later.
    RateLimited,
    /// The server has no room for more work; try again later.
    Overloaded,
    /// The client was silent, or the answer took, longer than allowed.
    Timeout,
    /// The server is going down; connect again.
    ShuttingDown,
    /// A fault of the server.
    Internal,
}

impl ErrorCode {
    /// Every code, in declaration order.
    pub const ALL: [Self; 8] = [
        Self::Unauthorized,
        Self::Invalid,
        Self::TooLarge,
        Self::RateLimited,
        Self::Overloaded,
        Self::Timeout,
        Self::ShuttingDown,
        Self::Internal,
    ];

    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Invalid => "invalid",
            Self::TooLarge => "too-large",
            Self::RateLimited => "rate-limited",
            Self::Overloaded => "overloaded",
            Self::Timeout => "timeout",
            Self::ShuttingDown => "shutting-down",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Reads a server's text frame.
///
/// # Errors
/// [`DecodeError::TooLarge`] beyond [`SERVER_TEXT_BYTES_MAX`] bytes, [`DecodeError::Malformed`] for anything that is
/// not exactly one known message.
pub fn decode_server(text: &str) -> Result<ServerMessage, DecodeError> {
    text::decode(text, SERVER_TEXT_BYTES_MAX)
}

/// Writes a server's text frame.
///
/// # Errors
/// [`EncodeError::TooLarge`] when the client would refuse it.
pub fn encode_server(message: &ServerMessage) -> Result<String, EncodeError> {
    text::encode(message, SERVER_TEXT_BYTES_MAX)
}
