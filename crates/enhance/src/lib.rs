//! Transcript in, tidy text out.
//!
//! Deterministic [`rules`] clean every dictation; a small language model then sets marks and capitals in what they leave,
//! and can write nothing else. A larger model may write freely. Its text is taken only if it is [`faithful`]: no content
//! word lost, none invented. Else the rules' text is the answer, and it is counted.
//!
//! This crate knows no audio, no network, no database and no user. It reads one file, the model's.

mod cache;
#[doc(hidden)]
pub mod calibration;
mod chunk;
mod constrained;
mod disfluency;
mod enhancer;
mod error;
mod exponential;
pub mod faithful;
mod gguf;
mod lexicon;
mod llama;
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
pub use options::{Decoding, Device, EnhancerOptions};
pub use outcome::{Counters, Enhanced, Source};
pub use voiceflow_protocol::Context;
