//! The names of the assets.

use std::fmt;

use serde::Deserialize;

/// The names of the assets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum AssetName {
    /// Whisper tiny.en, GGML float16, one file.
    #[serde(rename = "whisper-tiny.en")]
    WhisperTinyEn,
    /// Whisper base (multilingual), GGML float16, one file.
    #[serde(rename = "whisper-base")]
    WhisperBase,
    /// Whisper tiny.en, its matrices in Q8_0, one file.
    #[serde(rename = "whisper-tiny.en-q8_0")]
    WhisperTinyEnQ8,
    /// Whisper tiny.en, its matrices in Q5_1, one file.
    #[serde(rename = "whisper-tiny.en-q5_1")]
    WhisperTinyEnQ5,
    /// Whisper base, its matrices in Q8_0, one file.
    #[serde(rename = "whisper-base-q8_0")]
    WhisperBaseQ8,
    /// Whisper base, its matrices in Q5_1, one file.
    #[serde(rename = "whisper-base-q5_1")]
    WhisperBaseQ5,
    /// SmolLM2-135M-Instruct, GGUF Q8_0, one file.
    #[serde(rename = "smollm2-135m-instruct")]
    SmolLm2,
    /// Short synthetic speech in nine languages, a folder `LANGUAGE/NAME.{wav,txt}`.
    #[serde(rename = "speech-clips")]
    SpeechClips,
    /// Readings of a novel by a human voice, a folder of WAV files with one `transcription`.
    #[serde(rename = "librivox")]
    Librivox,
    /// British spellings and their American counterparts, one JSON object.
    #[serde(rename = "english-spellings")]
    EnglishSpellings,
}

impl AssetName {
    /// All of them, in the manifest's order.
    pub const ALL: [Self; 10] = [
        Self::WhisperTinyEn,
        Self::WhisperBase,
        Self::WhisperTinyEnQ8,
        Self::WhisperTinyEnQ5,
        Self::WhisperBaseQ8,
        Self::WhisperBaseQ5,
        Self::SmolLm2,
        Self::SpeechClips,
        Self::Librivox,
        Self::EnglishSpellings,
    ];

    /// The name as it stands in the manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WhisperTinyEn => "whisper-tiny.en",
            Self::WhisperBase => "whisper-base",
            Self::WhisperTinyEnQ8 => "whisper-tiny.en-q8_0",
            Self::WhisperTinyEnQ5 => "whisper-tiny.en-q5_1",
            Self::WhisperBaseQ8 => "whisper-base-q8_0",
            Self::WhisperBaseQ5 => "whisper-base-q5_1",
            Self::SmolLm2 => "smollm2-135m-instruct",
            Self::SpeechClips => "speech-clips",
            Self::Librivox => "librivox",
            Self::EnglishSpellings => "english-spellings",
        }
    }
}

impl fmt::Display for AssetName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
