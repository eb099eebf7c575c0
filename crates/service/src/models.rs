//! Which model files the settings mean, and whether they are what the settings say.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use voiceflow_assets::{AssetError, AssetName, Assets};

use crate::config::{AiEnhancement, Decoding, Device, SpeechModel, SpeechRecognition, WeightType};

// Here and not with the settings, which are fuzzed without the crate.
impl From<Device> for voiceflow_enhance::Device {
    fn from(device: Device) -> Self {
        match device {
            Device::Cpu => Self::Cpu,
            Device::Cuda => Self::Cuda,
        }
    }
}

impl From<Decoding> for voiceflow_enhance::Decoding {
    fn from(decoding: Decoding) -> Self {
        match decoding {
            Decoding::Constrained => Self::Constrained,
            Decoding::Free => Self::Free,
        }
    }
}

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// An asset is missing or damaged.
    #[error(transparent)]
    Asset(#[from] AssetError),
    /// A file of the user's cannot be read.
    #[error("cannot read the model {}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The file's weights are of another type than `speech_recognition.compute_type` says.
    #[error(
        "{} does not hold {} weights (its type is {found}); correct speech_recognition.compute_type or model",
        .file.display(), .wanted.as_str()
    )]
    WeightType {
        /// The file.
        file: PathBuf,
        /// What the settings say.
        wanted: WeightType,
        /// GGML's number for what the file holds.
        found: u32,
    },
}

/// The speech model's file, of the type of weights that the settings name.
///
/// # Errors
/// [`ModelError`].
pub fn speech(settings: &SpeechRecognition) -> Result<PathBuf, ModelError> {
    let file = match &settings.model {
        SpeechModel::TinyEn => Assets::open()?.path(tiny_en(settings.compute_type))?,
        SpeechModel::Base => Assets::open()?.path(base(settings.compute_type))?,
        SpeechModel::File(file) => file.clone(),
    };
    let found = weight_type(&file).map_err(|source| ModelError::Read {
        file: file.clone(),
        source,
    })?;
    let wanted = settings.compute_type;
    if found == wanted.ggml_number() {
        Ok(file)
    } else {
        Err(ModelError::WeightType { file, wanted, found })
    }
}

fn tiny_en(weights: WeightType) -> AssetName {
    match weights {
        WeightType::Float16 => AssetName::WhisperTinyEn,
        WeightType::Q8 => AssetName::WhisperTinyEnQ8,
        WeightType::Q5 => AssetName::WhisperTinyEnQ5,
    }
}

fn base(weights: WeightType) -> AssetName {
    match weights {
        WeightType::Float16 => AssetName::WhisperBase,
        WeightType::Q8 => AssetName::WhisperBaseQ8,
        WeightType::Q5 => AssetName::WhisperBaseQ5,
    }
}

/// The language model's file.
///
/// # Errors
/// [`ModelError::Asset`].
pub fn language(settings: &AiEnhancement) -> Result<PathBuf, ModelError> {
    match &settings.model {
        Some(file) => Ok(file.clone()),
        None => Ok(Assets::open()?.path(AssetName::SmolLm2)?),
    }
}

/// The type of a GGML file's weights: the twelfth number of its header, without the version of the quantisation that
/// is added to it in thousands.
fn weight_type(file: &Path) -> io::Result<u32> {
    const OFFSET: usize = 4 * 11;
    let mut head = [0; OFFSET + 4];
    File::open(file)?.read_exact(&mut head)?;
    let number = u32::from_le_bytes([head[OFFSET], head[OFFSET + 1], head[OFFSET + 2], head[OFFSET + 3]]);
    Ok(number % 1000)
}

impl WeightType {
    /// The name in the settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Float16 => "float16",
            Self::Q8 => "q8_0",
            Self::Q5 => "q5_1",
        }
    }

    /// GGML's `ftype`.
    const fn ggml_number(self) -> u32 {
        match self {
            Self::Float16 => 1,
            Self::Q8 => 7,
            Self::Q5 => 9,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_by_name_is_the_asset_that_holds_the_wanted_weights() {
        for model in [SpeechModel::TinyEn, SpeechModel::Base] {
            for compute_type in [WeightType::Float16, WeightType::Q8, WeightType::Q5] {
                let settings = SpeechRecognition {
                    model: model.clone(),
                    compute_type,
                    ..SpeechRecognition::default()
                };
                let file = speech(&settings).expect("run `cargo xtask setup`");
                assert_eq!(weight_type(&file).expect("readable"), compute_type.ggml_number());
            }
        }
    }

    #[test]
    fn a_file_of_other_weights_than_the_settings_say_is_refused() {
        let tiny_en = SpeechRecognition::default();
        let file = speech(&tiny_en).expect("run `cargo xtask setup`");
        let settings = SpeechRecognition {
            model: SpeechModel::File(file),
            compute_type: WeightType::Float16,
            ..tiny_en
        };
        let error = speech(&settings).expect_err("refused").to_string();
        assert!(
            error.contains("does not hold float16 weights (its type is 7)"),
            "{error}"
        );
    }
}
