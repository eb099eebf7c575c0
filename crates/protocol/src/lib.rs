//! The messages that VoiceFlow's client and server exchange, and the rules that make one acceptable.
//!
//! A session is one utterance: the client sends [`Start`] as a text frame, the audio as binary frames
//! ([`AudioFrame`]), and [`ClientMessage::End`]; the server answers with any number of [`Partial`]s and exactly one
//! [`Final`] or [`ErrorMessage`]. Text frames are JSON objects tagged by `type`; unknown types and fields are refused,
//! so that a misspelt option never passes silently.
//!
//! This crate is a leaf: it knows no socket, no clock, no file and no subsystem. Size limits are checked on bytes,
//! before anything is parsed; what a parsed request may contain is stated with `validator` on each type and enforced
//! by whoever receives it.

mod audio;
mod client;
mod context;
pub mod limits;
mod request;
mod server;
mod text;

pub use audio::{AudioFrame, AudioFrameError, encode_samples};
pub use client::{ClientMessage, Start, decode_client, encode_client};
pub use context::{Context, UnknownContext};
pub use request::{HistoryRequest, SearchRequest, decode_request};
pub use server::{ErrorCode, ErrorMessage, Final, Partial, ServerMessage, TextSource, decode_server, encode_server};
pub use text::{DecodeError, EncodeError};

/// Version of the messages in this crate. A client states it in [`Start::version`]; the server refuses any other.
pub const PROTOCOL_VERSION: u16 = 1;

/// Name of the WebSocket sub-protocol that carries these messages, for `Sec-WebSocket-Protocol`.
pub const SUBPROTOCOL: &str = "voiceflow.v1";
