//! VoiceFlow's messages over WebSocket: a server, an asynchronous client and a blocking one, in the clear and over TLS.
//!
//! The crate guards the door. Within the HTTP upgrade it checks path, origin and token and answers with a status, so
//! that no stranger ever gets a WebSocket; afterwards it holds every connection to limits on size, time and backlog and
//! hands the session's events, in the only order that makes sense, to a [`Handler`]. What a token means, what a start
//! message may contain and what becomes of the audio is the handler's business: this crate knows no key, no model and
//! no database.
//!
//! Compression is not offered: audio does not shrink, and what is not there cannot be attacked.

pub mod blocking;
mod client;
pub mod conformance;
mod connection;
mod endpoint;
mod handler;
mod host;
mod limits;
mod server;
mod socket;
pub mod tls;
mod upgrade;

pub use client::{Client, ClientError};
pub use connection::ConnectionEnd;
pub use endpoint::{Endpoint, EndpointError};
pub use handler::{Handler, Partials, Session, Unauthorized};
pub use limits::Limits;
pub use server::{BindError, Exposure, ServerOptions, bind, serve};
pub use upgrade::{Gate, PATH, Refusal, TOKEN_BYTES_MAX, TOKEN_SUBPROTOCOL_PREFIX};
