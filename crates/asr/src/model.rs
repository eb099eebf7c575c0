//! A model's weights, loaded once and shared by all recognisers.

use std::path::Path;

use whisper_rs::{WhisperContext, WhisperContextParameters};

use crate::{AsrError, BackEnd, Device, Recognizer, RecognizerOptions, header};

/// How a model is loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelOptions {
    /// Where it runs.
    pub device: Device,
    /// Use flash attention: faster on a graphics processor, slower on the processor.
    pub flash_attention: bool,
}

/// A model in memory.
pub struct Model {
    context: WhisperContext,
    back_end: BackEnd,
}

impl Model {
    /// Loads a GGML file. Its quantisation is whatever the file holds.
    ///
    /// # Errors
    /// When it cannot be read or is no Whisper model, or the device cannot be used.
    pub fn load(path: &Path, options: &ModelOptions) -> Result<Self, AsrError> {
        // Without the hooks whisper.cpp writes some forty lines to standard error; with them they go to `tracing`.
        whisper_rs::install_logging_hooks();
        header::check(path)?;
        let back_end = options.device.back_end()?;
        let mut parameters = WhisperContextParameters::default();
        parameters
            .use_gpu(options.device == Device::Cuda)
            .flash_attn(options.flash_attention);
        let context = WhisperContext::new_with_params(path, parameters).map_err(|source| AsrError::ModelRefused {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self { context, back_end })
    }

    /// Makes the working memory of one worker. It reserves tens of megabytes, so it belongs before the first utterance.
    ///
    /// # Errors
    /// When an option makes no sense or memory is short.
    pub fn recognizer(&self, options: &RecognizerOptions) -> Result<Recognizer, AsrError> {
        Recognizer::new(&self.context, options)
    }

    /// What the model runs on.
    pub fn back_end(&self) -> &BackEnd {
        &self.back_end
    }

    /// Whether the model knows other languages than English.
    pub fn is_multilingual(&self) -> bool {
        self.context.is_multilingual()
    }
}
