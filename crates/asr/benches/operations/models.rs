//! The models under measurement, and what it takes to have one ready.

use std::path::PathBuf;

use voiceflow_asr::wer::Normalizer;
use voiceflow_asr::{
    AsrError, AudioContext, Cancel, Device, DeviceError, Model, ModelOptions, Prompt, Recognizer, RecognizerOptions,
    Transcription, audio,
};
use voiceflow_assets::{AssetName, Assets};
use voiceflow_fixtures::speech::{self, Clip};
use voiceflow_kit::{NO_INPUTS, PrepareError, Prepared, Unavailable, WrongAnswer, check_eq};

/// One place in the matrix of models, quantisations, threads and windows.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) model: AssetName,
    pub(crate) device: Device,
    pub(crate) threads: usize,
    pub(crate) window: Window,
    pub(crate) flash_attention: bool,
    pub(crate) prompted: bool,
    /// Word errors that are right in a clip of up to 3.3 s.
    pub(crate) short_errors_max: usize,
}

/// tiny.en may mishear two words of "an ill disposed young man". A loop or a lost clip has more errors.
const SHORT_ERRORS_MAX: usize = 2;

/// How much of the encoder's window is computed.
#[derive(Clone, Copy)]
pub(crate) enum Window {
    /// The default: fitted to the clip.
    Fitted,
    /// All 1,500 positions.
    Full,
    /// So many positions.
    Positions(u32),
}

impl Case {
    /// A model as the service runs it: two threads, a fitted window, the default prompt.
    pub(crate) const fn of(model: AssetName) -> Self {
        Self {
            model,
            device: Device::Cpu,
            threads: 2,
            window: Window::Fitted,
            flash_attention: false,
            prompted: true,
            short_errors_max: SHORT_ERRORS_MAX,
        }
    }

    pub(crate) const fn window(self, window: Window) -> Self {
        Self { window, ..self }
    }

    pub(crate) const fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    pub(crate) const fn flash_attention(self) -> Self {
        Self {
            flash_attention: true,
            ..self
        }
    }

    pub(crate) const fn cuda(self) -> Self {
        Self {
            device: Device::Cuda,
            ..self
        }
    }

    pub(crate) const fn unprompted(self) -> Self {
        Self {
            prompted: false,
            ..self
        }
    }

    pub(crate) fn load(self) -> Result<Model, PrepareError> {
        // A device that is there and does not start is a failure.
        match self.device.back_end() {
            Err(DeviceError::NotBuilt) => {
                return Err(Unavailable::new("no CUDA device: built without the feature `cuda`").into());
            }
            Err(DeviceError::NoDevice) => return Err(Unavailable::new("no CUDA device").into()),
            Err(error @ DeviceError::Unusable { .. }) => return Err(error.into()),
            Ok(_) => {}
        }
        let options = ModelOptions {
            device: self.device,
            flash_attention: self.flash_attention,
        };
        Ok(Model::load(&path(self.model)?, &options)?)
    }

    pub(crate) fn options(self) -> RecognizerOptions {
        let default = RecognizerOptions::default();
        RecognizerOptions {
            threads: self.threads,
            audio_ctx: match self.window {
                Window::Fitted => default.audio_ctx,
                Window::Full => AudioContext::Full,
                Window::Positions(positions) => AudioContext::Fixed(positions),
            },
            prompt: if self.prompted { default.prompt } else { Prompt::None },
            ..default
        }
    }

    pub(crate) fn recognizer(self) -> Result<Recognizer, PrepareError> {
        Ok(self.load()?.recognizer(&self.options())?)
    }
}

fn path(model: AssetName) -> Result<PathBuf, PrepareError> {
    Ok(Assets::open()?.path(model)?)
}

pub(crate) fn samples(clip: &Clip) -> Result<Vec<f32>, PrepareError> {
    Ok(audio::read_wav(&clip.path)?.samples)
}

/// What the digest of the inputs is taken of.
pub(crate) fn bytes(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

pub(crate) fn succeeded<T>(answer: &Result<T, AsrError>) -> Result<&T, WrongAnswer> {
    answer.as_ref().map_err(|error| WrongAnswer::new(error.to_string()))
}

pub(crate) fn normalizer() -> Result<Normalizer, PrepareError> {
    Ok(Normalizer::with_spellings(&path(AssetName::EnglishSpellings)?)?)
}

/// At most so many word errors, fewer than there are words, and no loop.
pub(crate) fn check_words(
    normalizer: &Normalizer,
    clip: &Clip,
    transcription: &Transcription,
    errors_max: usize,
) -> Result<(), WrongAnswer> {
    check_no_loop(clip, transcription)?;
    let found = normalizer.word_errors(&clip.transcript, &transcription.text);
    // An empty text has as many errors as there are words.
    let errors_max = errors_max.min(found.reference_words.saturating_sub(1));
    if found.errors <= errors_max {
        return Ok(());
    }
    Err(WrongAnswer::new(format!(
        "{} has {} word errors, {errors_max} at most are right",
        clip.id, found.errors
    )))
}

/// A count in digits, whichever of them run together: all digits of the transcript in their order, and no loop. Word
/// errors do not tell it from an empty text, because a count is one word to the normaliser.
pub(crate) fn check_count(
    normalizer: &Normalizer,
    clip: &Clip,
    transcription: &Transcription,
) -> Result<(), WrongAnswer> {
    check_no_loop(clip, transcription)?;
    let digits = |text: &str| -> String {
        // The normaliser leaves a one that stands alone as a word.
        let text = normalizer.normalize(text).replace("one", "1");
        text.chars().filter(char::is_ascii_digit).collect()
    };
    if digits(&clip.transcript) == digits(&transcription.text) {
        return Ok(());
    }
    Err(WrongAnswer::new(format!("{} has other numbers", clip.id)))
}

fn check_no_loop(clip: &Clip, transcription: &Transcription) -> Result<(), WrongAnswer> {
    if transcription.looped {
        return Err(WrongAnswer::new(format!("{} ends in a loop", clip.id)));
    }
    Ok(())
}

/// Transcribes a short clip in full, so that kernels which compute rubbish do not pass by computing it every time.
pub(crate) fn check_hearing(case: Case, recognizer: &mut Recognizer) -> Result<(), PrepareError> {
    let clip = speech::clip("en/quick_brown_fox")?;
    let transcription = recognizer.transcribe(&samples(&clip)?, &Cancel::new())?;
    Ok(check_words(
        &normalizer()?,
        &clip,
        &transcription,
        case.short_errors_max,
    )?)
}

pub(crate) fn load(model: AssetName) -> Result<Prepared, PrepareError> {
    let is_multilingual = !matches!(
        model,
        AssetName::WhisperTinyEn | AssetName::WhisperTinyEnQ8 | AssetName::WhisperTinyEnQ5
    );
    Ok(Prepared::new(
        path(model)?,
        |path| Model::load(path, &ModelOptions::default()),
        move |_, answer| {
            check_eq(
                "whether it is multilingual",
                &succeeded(answer)?.is_multilingual(),
                &is_multilingual,
            )
        },
    )
    .inputs(NO_INPUTS))
}

pub(crate) fn state_create(model: AssetName) -> Result<Prepared, PrepareError> {
    let clip = speech::clip("en/hello_world")?;
    let samples = samples(&clip)?;
    let mut checked = false;
    Ok(Prepared::new(
        Case::of(model).load()?,
        |model| {
            model
                .recognizer(&RecognizerOptions::default())
                .map(std::cell::RefCell::new)
        },
        move |_, answer| {
            let recognizer = succeeded(answer)?;
            // A working recogniser is proved once; every one was made the same way.
            if !std::mem::replace(&mut checked, true) {
                let transcription = recognizer.borrow_mut().transcribe(&samples, &Cancel::new());
                check_words(&Normalizer::new(), &clip, succeeded(&transcription)?, 0)?;
            }
            Ok(())
        },
    )
    .inputs(NO_INPUTS))
}
