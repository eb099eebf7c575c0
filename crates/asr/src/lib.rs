//! Speech recognition with whisper.cpp: 16 kHz mono samples in, segments with times out.
//!
//! ```no_run
//! use voiceflow_asr::{Cancel, Model, ModelOptions, RecognizerOptions, audio};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = Model::load("ggml-tiny.en.bin".as_ref(), &ModelOptions::default())?;
//! let mut recognizer = model.recognizer(&RecognizerOptions::default())?;
//! let recording = audio::read_wav("speech.wav".as_ref())?;
//! let transcription = recognizer.transcribe(&recording.samples, &Cancel::new())?;
//! println!("{}", transcription.text);
//! # Ok(())
//! # }
//! ```
//!
//! A [`Model`] is loaded once and shared; a [`Recognizer`] owns the working memory of one worker. Which model, at which
//! quantisation, is the file's business. Everything is set for a low P95: greedy decoding without retries, an encoder
//! window fitted to the clip, and a guard that catches what a window too small does to the decoder ([`repetition`]).
//!
//! What this crate deliberately does not know: where models lie, who is speaking, what becomes of the text. It writes
//! no transcript to any log.

mod abort;
pub mod audio;
mod cancel;
mod device;
mod error;
mod ggml_devices;
mod header;
mod model;
pub mod quantise;
mod recognizer;
pub mod repetition;
#[cfg(all(
    target_os = "linux",
    target_arch = "x86_64",
    target_feature = "avx2",
    target_feature = "fma",
    target_feature = "f16c"
))]
mod sgemm;
mod transcription;
pub mod wer;
mod window;

pub use cancel::Cancel;
pub use device::{BackEnd, Device, DeviceError};
pub use error::AsrError;
pub use model::{Model, ModelOptions};
pub use recognizer::{Prompt, Recognizer, RecognizerOptions};
pub use transcription::{Segment, Transcription};
pub use window::{AUDIO_CTX_FULL, AudioContext, DEFAULT_MARGIN};
