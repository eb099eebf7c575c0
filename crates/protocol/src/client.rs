//! What a client says in text frames.

use serde::{Deserialize, Serialize};
use validator::{Validate, ValidationError};

use crate::limits::{CLIENT_TEXT_BYTES_MAX, DEVICE_CHARS_MAX, LANGUAGE_CHARS_MAX, LANGUAGE_CHARS_MIN, SAMPLE_RATE_HZ};
use crate::text::{self, DecodeError, EncodeError};
use crate::{Context, PROTOCOL_VERSION};

/// Opens a session; must be the first message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Version of the messages that the client speaks: [`PROTOCOL_VERSION`].
    #[validate(range(min = PROTOCOL_VERSION, max = PROTOCOL_VERSION))]
    pub version: u16,
    /// What the text will be used for.
    pub context: Context,
    /// Samples per second of the audio frames that follow: [`SAMPLE_RATE_HZ`].
    #[validate(range(min = SAMPLE_RATE_HZ, max = SAMPLE_RATE_HZ))]
    pub sample_rate_hz: u32,
    /// ISO 639 code of the language spoken; none leaves the choice to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(
        length(min = LANGUAGE_CHARS_MIN, max = LANGUAGE_CHARS_MAX),
        custom(function = ascii_lower_case)
    )]
    pub language: Option<String>,
    /// Name of the device or program that recorded, for the user's own history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(length(min = 1, max = DEVICE_CHARS_MAX), custom(function = printable))]
    pub device: Option<String>,
    /// Whether the client wants [`Partial`](crate::Partial)s before the final text.
    #[serde(default)]
    pub partials: bool,
}

impl Start {
    /// A start message for `context` with everything else left to the server.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self {
            version: PROTOCOL_VERSION,
            context,
            sample_rate_hz: SAMPLE_RATE_HZ,
            language: None,
            device: None,
            partials: false,
        }
    }
}

/// A text frame from client to server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WireClientMessage", into = "WireClientMessage")]
pub enum ClientMessage {
    /// Opens a session.
    Start(Start),
    /// All audio has been sent; the server may answer.
    End,
}

/// The JSON form. `End` is a variant with no fields rather than a unit, because serde ignores unknown fields beside the
/// tag of a unit variant.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum WireClientMessage {
    Start(Start),
    End {},
}

impl From<WireClientMessage> for ClientMessage {
    fn from(wire: WireClientMessage) -> Self {
        match wire {
            WireClientMessage::Start(start) => Self::Start(start),
            WireClientMessage::End {} => Self::End,
        }
    }
}

impl From<ClientMessage> for WireClientMessage {
    fn from(message: ClientMessage) -> Self {
        match message {
            ClientMessage::Start(start) => Self::Start(start),
            ClientMessage::End => Self::End {},
        }
    }
}

/// Reads a client's text frame.
///
/// The result is well formed, not yet validated: the receiver checks [`Start`] by its `Validate` implementation.
///
/// # Errors
/// [`DecodeError::TooLarge`] beyond [`CLIENT_TEXT_BYTES_MAX`] bytes, [`DecodeError::Malformed`] for anything that is
/// not exactly one known message.
pub fn decode_client(text: &str) -> Result<ClientMessage, DecodeError> {
    text::decode(text, CLIENT_TEXT_BYTES_MAX)
}

/// Writes a client's text frame.
///
/// # Errors
/// [`EncodeError::TooLarge`] when the server would refuse it.
pub fn encode_client(message: &ClientMessage) -> Result<String, EncodeError> {
    text::encode(message, CLIENT_TEXT_BYTES_MAX)
}

fn ascii_lower_case(code: &str) -> Result<(), ValidationError> {
    if code.bytes().all(|byte| byte.is_ascii_lowercase()) {
        Ok(())
    } else {
        Err(ValidationError::new("lower-case"))
    }
}

/// Refuses control characters: they end in logs and terminals.
pub(crate) fn printable(text: &str) -> Result<(), ValidationError> {
    if text.chars().any(char::is_control) {
        Err(ValidationError::new("control-character"))
    } else {
        Ok(())
    }
}
