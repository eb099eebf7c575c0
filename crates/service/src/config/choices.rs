//! Settings that are one of a few words.

use std::path::PathBuf;

use serde::Deserialize;

/// Which Whisper model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum SpeechModel {
    /// tiny.en, English only, from the assets.
    TinyEn,
    /// base, many languages, from the assets.
    Base,
    /// A GGML file of the user's.
    File(PathBuf),
}

impl From<String> for SpeechModel {
    fn from(name: String) -> Self {
        match name.as_str() {
            "tiny.en" => Self::TinyEn,
            "base" => Self::Base,
            _ => Self::File(name.into()),
        }
    }
}

/// Where a model runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// The processor.
    Cpu,
    /// The first CUDA device, in a program that was built for it.
    Cuda,
}

impl Device {
    /// The name in the settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

impl From<Device> for voiceflow_asr::Device {
    fn from(device: Device) -> Self {
        match device {
            Device::Cpu => Self::Cpu,
            Device::Cuda => Self::Cuda,
        }
    }
}

/// What the language model may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decoding {
    /// The dictated words, with capitals and marks of its choice.
    Constrained,
    /// Anything that keeps the words: for a larger model.
    Free,
}

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum WeightType {
    /// Half precision, as the models come.
    #[serde(rename = "float16")]
    Float16,
    /// Eight bits.
    #[serde(rename = "q8_0")]
    Q8,
    /// Five bits.
    #[serde(rename = "q5_1")]
    Q5,
}
