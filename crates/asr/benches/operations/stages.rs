//! The three stages of recognition, each alone: spectrogram, encoder, decoder.

use voiceflow_asr::{Cancel, Recognizer};
use voiceflow_assets::AssetName;
use voiceflow_fixtures::speech;
use voiceflow_kit::{PrepareError, Prepared, check_eq};

use super::models::{Case, Window, bytes, check_hearing, samples, succeeded};

/// The first token of every transcript's prompt, "start of transcript". Models of one language have one token fewer.
const START_TOKEN_ENGLISH: i32 = 50_257;
const START_TOKEN_MULTILINGUAL: i32 = 50_258;

/// Five seconds of a novel, said again and again up to the wanted length.
fn speech_of(seconds: usize) -> Result<Vec<f32>, PrepareError> {
    let clip = samples(&speech::clip("librivox/0890")?)?;
    Ok(clip.iter().copied().cycle().take(seconds * 16_000).collect())
}

/// The whole recording where no length is given.
pub(crate) fn mel(seconds: Option<usize>) -> Result<Prepared, PrepareError> {
    let samples = match seconds {
        Some(seconds) => speech_of(seconds)?,
        None => samples(&speech::clip("librivox/0890")?)?,
    };
    // Frames of 400 samples every 160; whisper.cpp adds half a frame before the first.
    let frames = 1 + (samples.len() + 200 - 400) / 160;
    let inputs = bytes(&samples);
    Ok(Prepared::new(
        Case::of(AssetName::WhisperTinyEn).window(Window::Full).recognizer()?,
        move |recognizer| recognizer.mel(&samples),
        move |_, answer| check_eq("the number of frames", succeeded(answer)?, &frames),
    )
    .inputs(inputs))
}

/// A recogniser that hears words and has heard something, its token to start with, and what it heard last.
fn after_transcription(case: Case) -> Result<(Recognizer, i32, Vec<f32>), PrepareError> {
    let model = case.load()?;
    let start = if model.is_multilingual() {
        START_TOKEN_MULTILINGUAL
    } else {
        START_TOKEN_ENGLISH
    };
    let mut recognizer = model.recognizer(&case.options())?;
    check_hearing(case, &mut recognizer)?;
    let samples = samples(&speech::clip("librivox/0890")?)?;
    // The transcription leaves its window and spectrogram for the encoder, and the encoder's output for the decoder.
    let heard = recognizer.transcribe(&samples, &Cancel::new())?;
    // A fallback would leave another window than the one that the operation names.
    check_eq("the number of fallbacks", &heard.fallbacks, &0_u32)?;
    Ok((recognizer, start, samples))
}

pub(crate) fn encode(case: Case) -> Result<Prepared, PrepareError> {
    let (mut recognizer, start, samples) = after_transcription(case)?;
    recognizer.encode()?;
    let expected = recognizer.decode(start, 0)?;
    Ok(Prepared::new(
        recognizer,
        |recognizer| recognizer.encode(),
        move |recognizer, answer| {
            succeeded(answer)?;
            check_eq(
                "the decoder's first token",
                succeeded(&recognizer.decode(start, 0))?,
                &expected,
            )
        },
    )
    .inputs(bytes(&samples)))
}

pub(crate) fn decode_token(case: Case) -> Result<Prepared, PrepareError> {
    let (mut recognizer, start, samples) = after_transcription(case)?;
    let expected = recognizer.decode(start, 0)?;
    Ok(Prepared::new(
        recognizer,
        move |recognizer| recognizer.decode(start, 0),
        move |_, answer| check_eq("the likeliest token", succeeded(answer)?, &expected),
    )
    .inputs(bytes(&samples)))
}
