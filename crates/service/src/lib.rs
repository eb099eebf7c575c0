//! VoiceFlow as a whole: speech in, tidy and stored text out, over a WebSocket or without one.
//!
//! | module | answers |
//! |---|---|
//! | [`config`] | what did the user ask for, and where is the file wrong? |
//! | [`keys`] | where do the secrets come from? |
//! | [`guard`] | who is asking, may they, and is the request well formed? |
//! | [`pipeline`] | how does an utterance become a stored transcript? |
//! | `workers` | on which threads, and what if there are too few? |
//! | `compute` | which of them may compute now? |
//! | [`reception`] | how does a WebSocket session become an utterance? |
//! | [`server`] | how does all of it start and stop? |
//!
//! Only this crate knows more than one subsystem. It keeps secrets, transcripts and users' paths out of its logs: what
//! it logs are counts, durations and the names of settings.

mod compute;
pub mod config;
pub mod guard;
pub mod keys;
pub mod models;
pub mod pipeline;
pub mod reception;
pub mod server;
mod workers;
