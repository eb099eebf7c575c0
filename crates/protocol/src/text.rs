//! Text frames in general: the cap on bytes before parsing, JSON in and out, and the errors of both.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limits::DETAIL_BYTES_MAX;

/// Why a text message could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The message was refused by its size alone; nothing of it was parsed.
    #[error("message has {length_bytes} bytes, the limit is {limit_bytes}")]
    TooLarge {
        /// Bytes received.
        length_bytes: usize,
        /// Bytes allowed.
        limit_bytes: usize,
    },
    /// Not JSON, or not one of the messages expected here.
    #[error("message is malformed: {detail}")]
    Malformed {
        /// The parser's words, cut to [`DETAIL_BYTES_MAX`]. They may quote the message: send them back to its author,
        /// never to a log.
        detail: String,
    },
}

/// Why a message could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The peer would refuse the message.
    #[error("message would have {length_bytes} bytes, the limit is {limit_bytes}")]
    TooLarge {
        /// Bytes that the message needs.
        length_bytes: usize,
        /// Bytes allowed.
        limit_bytes: usize,
    },
}

pub(crate) fn decode<T: DeserializeOwned>(text: &str, limit_bytes: usize) -> Result<T, DecodeError> {
    if text.len() > limit_bytes {
        return Err(DecodeError::TooLarge {
            length_bytes: text.len(),
            limit_bytes,
        });
    }
    serde_json::from_str(text).map_err(|error| DecodeError::Malformed {
        detail: cut(error.to_string()),
    })
}

pub(crate) fn encode<T: Serialize>(message: &T, limit_bytes: usize) -> Result<String, EncodeError> {
    // Serialisation fails only for maps with keys that are not strings and for failing `Serialize` impls; this crate's
    // messages have neither.
    let text = serde_json::to_string(message).expect("messages of this crate have string keys only");
    if text.len() > limit_bytes {
        return Err(EncodeError::TooLarge {
            length_bytes: text.len(),
            limit_bytes,
        });
    }
    Ok(text)
}

/// Shortens `detail` to [`DETAIL_BYTES_MAX`] bytes without splitting a character.
pub(crate) fn cut(mut detail: String) -> String {
    if detail.len() > DETAIL_BYTES_MAX {
        let end = (0..=DETAIL_BYTES_MAX)
            .rev()
            .find(|&at| detail.is_char_boundary(at))
            .unwrap_or(0);
        detail.truncate(end);
    }
    detail
}
