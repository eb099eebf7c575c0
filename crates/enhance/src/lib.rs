//! Transcript in, tidy text out.
//!
//! Deterministic [`rules`] clean every dictation; a small language model then improves what they leave. Its text is taken
//! only if it is [`faithful`]: no content word lost, none invented. Else the rules' text is the answer, and it is counted.
//!
//! This crate knows no audio, no network, no database and no user. It reads one file, the model's.

mod cache;
mod chunk;
mod disfluency;
mod enhancer;
mod error;
pub mod faithful;
mod gguf;
mod lexicon;
pub mod model;
mod options;
mod outcome;
pub mod prompt;
pub mod rules;
mod turnstile;
mod vocabulary;
mod writer;

pub use enhancer::Enhancer;
pub use error::EnhanceError;
pub use options::{EnhancerOptions, threads};
pub use outcome::{Counters, Enhanced, Source};
pub use voiceflow_protocol::Context;
