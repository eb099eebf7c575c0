//! Why recognition fails.

use std::io;
use std::path::PathBuf;

use whisper_rs::WhisperError;

use crate::DeviceError;
use crate::audio::LEVEL_MAX;

/// Why a model could not be loaded or a recording not transcribed.
#[derive(Debug, thiserror::Error)]
pub enum AsrError {
    /// The model's file cannot be read.
    #[error("cannot read the model {path}", path = path.display())]
    ModelUnreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is no Whisper model in GGML's format.
    #[error("{path} is not a Whisper model in GGML's format: {problem}", path = path.display())]
    NotAModel {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// whisper.cpp refuses the file.
    #[error("whisper.cpp cannot load {path}; its log has the reason", path = path.display())]
    ModelRefused {
        /// The file.
        path: PathBuf,
        /// What whisper-rs makes of it.
        source: WhisperError,
    },
    /// The model cannot run where it is to.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// There is no memory for another recogniser.
    #[error("cannot create a recogniser's state")]
    State(#[source] WhisperError),
    /// An option makes no sense.
    #[error("recogniser option {name}: {problem}")]
    Option {
        /// The option.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A sample is no number, or louder than any recording.
    #[error("sample {index} is not a number within ±{LEVEL_MAX}")]
    NoLevel {
        /// Its index.
        index: usize,
    },
    /// More audio than whisper.cpp can address.
    #[error("{seconds:.0} s of audio are too long; {seconds_max:.0} s at most")]
    TooLong {
        /// The length that was given.
        seconds: f64,
        /// The greatest length.
        seconds_max: f64,
    },
    /// The token was cancelled.
    #[error("the transcription was cancelled")]
    Cancelled,
    /// whisper.cpp failed.
    #[error("whisper.cpp failed to transcribe")]
    Failed(#[source] WhisperError),
}
