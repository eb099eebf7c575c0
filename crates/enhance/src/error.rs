//! What can go wrong while a model is loaded or runs. Tidying itself cannot fail: the rules answer where the model does not.

use std::path::PathBuf;

/// Why no language model is to be had.
#[derive(Debug, thiserror::Error)]
pub enum EnhanceError {
    /// The model file cannot be opened.
    #[error("cannot open the language model {path}; check the path or run `cargo xtask setup`", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no GGUF file, or ends too early, or contradicts itself.
    #[error("cannot read {path} as a GGUF model: {reason}; fetch it again with `cargo xtask setup`", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        reason: String,
    },
    /// The file is a sound GGUF file of a model that this crate does not run.
    #[error("{path} holds a model that cannot be used here: {reason}; give a GGUF of SmolLM2-Instruct", path = path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is missing or different.
        reason: String,
    },
    /// The device that was asked for is not to be had.
    #[error(
        "the language model cannot run on CUDA: {reason}; build with the feature `cuda` and look for the device with nvidia-smi, or choose the processor"
    )]
    Device {
        /// What candle says.
        reason: String,
    },
    /// The system gives no threads to compute on.
    #[error("the language model cannot have its threads: {reason}; ask for fewer, or raise the limit (`ulimit -u`)")]
    Threads {
        /// What the system said.
        reason: String,
    },
    /// The model failed while it ran.
    #[error("the language model failed while it ran")]
    Inference(#[from] candle_core::Error),
}
