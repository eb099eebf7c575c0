//! What runs in whisper.cpp, on real speech.

use std::path::PathBuf;

use voiceflow_asr::wer::Normalizer;
use voiceflow_asr::{
    AsrError, AudioContext, Cancel, Model, ModelOptions, Prompt, Recognizer, RecognizerOptions, Transcription, audio,
};
use voiceflow_assets::{AssetName, Assets};
use voiceflow_fixtures::speech::{self, Clip};
use voiceflow_kit::{NO_INPUTS, PrepareError, Prepared, WrongAnswer, check_eq};

/// The longest of the short clips.
const SHORT_SECONDS_MAX: f64 = 3.3;

/// tiny.en may mishear two words of "an ill disposed young man". A loop or a lost clip has more errors.
const SHORT_ERRORS_MAX: usize = 2;

/// Counting in digits is compared as up to ten words. Seven counts in a row have more errors.
const DIGITS_ERRORS_MAX: usize = 10;

fn model_path() -> Result<PathBuf, PrepareError> {
    Ok(Assets::open()?.path(AssetName::WhisperTinyEn)?)
}

fn tiny_en() -> Result<Model, PrepareError> {
    Ok(Model::load(&model_path()?, &ModelOptions::default())?)
}

fn recognizer(options: &RecognizerOptions) -> Result<Recognizer, PrepareError> {
    Ok(tiny_en()?.recognizer(options)?)
}

fn window(audio_ctx: AudioContext) -> RecognizerOptions {
    RecognizerOptions {
        audio_ctx,
        ..RecognizerOptions::default()
    }
}

fn samples(clip: &Clip) -> Result<Vec<f32>, PrepareError> {
    Ok(audio::read_wav(&clip.path)?.samples)
}

/// What the digest of the inputs is taken of.
fn bytes(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn succeeded<T>(answer: &Result<T, AsrError>) -> Result<&T, WrongAnswer> {
    answer.as_ref().map_err(|error| WrongAnswer::new(error.to_string()))
}

pub(crate) fn model_load_tiny_en() -> Result<Prepared, PrepareError> {
    Ok(Prepared::new(
        model_path()?,
        |path| Model::load(path, &ModelOptions::default()),
        |_, answer| {
            check_eq(
                "whether it is multilingual",
                &succeeded(answer)?.is_multilingual(),
                &false,
            )
        },
    )
    .inputs(NO_INPUTS))
}

pub(crate) fn state_create_tiny_en() -> Result<Prepared, PrepareError> {
    let clip = speech::clip("en/hello_world")?;
    let samples = samples(&clip)?;
    let mut checked = false;
    Ok(Prepared::new(
        tiny_en()?,
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

pub(crate) fn mel_5s() -> Result<Prepared, PrepareError> {
    let samples = samples(&speech::clip("librivox/0890")?)?;
    // Frames of 400 samples every 160; whisper.cpp adds half a frame before the first.
    let frames = 1 + (samples.len() + 200 - 400) / 160;
    let inputs = bytes(&samples);
    Ok(Prepared::new(
        recognizer(&window(AudioContext::Full))?,
        move |recognizer| recognizer.mel(&samples),
        move |_, answer| check_eq("the number of frames", succeeded(answer)?, &frames),
    )
    .inputs(inputs))
}

pub(crate) fn encode_tiny_en_ctx1500() -> Result<Prepared, PrepareError> {
    encode(AudioContext::Full)
}

pub(crate) fn encode_tiny_en_ctx512() -> Result<Prepared, PrepareError> {
    encode(AudioContext::Fixed(512))
}

/// The first token of every English transcript's prompt, "start of transcript" in tiny.en.
const START_TOKEN: i32 = 50_257;

fn encode(audio_ctx: AudioContext) -> Result<Prepared, PrepareError> {
    let mut recognizer = recognizer(&window(audio_ctx))?;
    let samples = samples(&speech::clip("librivox/0890")?)?;
    // The transcription leaves its window and spectrogram for the encoder.
    recognizer.transcribe(&samples, &Cancel::new())?;
    recognizer.encode()?;
    let expected = recognizer.decode(START_TOKEN, 0)?;
    Ok(Prepared::new(
        recognizer,
        |recognizer| recognizer.encode(),
        move |recognizer, answer| {
            succeeded(answer)?;
            check_eq(
                "the decoder's first token",
                succeeded(&recognizer.decode(START_TOKEN, 0))?,
                &expected,
            )
        },
    )
    .inputs(bytes(&samples)))
}

pub(crate) fn decode_token_tiny_en_ctx512() -> Result<Prepared, PrepareError> {
    let mut recognizer = recognizer(&window(AudioContext::Fixed(512)))?;
    let samples = samples(&speech::clip("librivox/0890")?)?;
    recognizer.transcribe(&samples, &Cancel::new())?;
    let expected = recognizer.decode(START_TOKEN, 0)?;
    Ok(Prepared::new(
        recognizer,
        |recognizer| recognizer.decode(START_TOKEN, 0),
        move |_, answer| check_eq("the likeliest token", succeeded(answer)?, &expected),
    )
    .inputs(bytes(&samples)))
}

pub(crate) fn transcribe_short_clips() -> Result<Prepared, PrepareError> {
    let short = speech::english()?
        .into_iter()
        .filter(|clip| clip.seconds <= SHORT_SECONDS_MAX)
        .collect();
    transcribe(short, &RecognizerOptions::default(), SHORT_ERRORS_MAX, 0)
}

pub(crate) fn transcribe_librivox() -> Result<Prepared, PrepareError> {
    transcribe(
        vec![speech::clip("librivox/0870")?],
        &RecognizerOptions::default(),
        0,
        0,
    )
}

/// Digits in a window of 320 positions are what makes tiny.en loop on this clip.
pub(crate) fn transcribe_looping_window() -> Result<Prepared, PrepareError> {
    let options = RecognizerOptions {
        prompt: Prompt::None,
        ..window(AudioContext::Fixed(320))
    };
    transcribe(vec![speech::clip("en/counting")?], &options, DIGITS_ERRORS_MAX, 1)
}

/// The clips and which of them is next.
struct Turns {
    recognizer: Recognizer,
    clips: Vec<(Clip, Vec<f32>)>,
    calls: usize,
}

fn transcribe(
    clips: Vec<Clip>,
    options: &RecognizerOptions,
    errors_max: usize,
    fallbacks_min: u32,
) -> Result<Prepared, PrepareError> {
    let clips: Vec<(Clip, Vec<f32>)> = clips
        .into_iter()
        .map(|clip| samples(&clip).map(|samples| (clip, samples)))
        .collect::<Result<_, _>>()?;
    let inputs: Vec<u8> = clips.iter().flat_map(|(_, samples)| bytes(samples)).collect();
    let normalizer = Normalizer::with_spellings(&Assets::open()?.path(AssetName::EnglishSpellings)?)?;
    let turns = Turns {
        recognizer: recognizer(options)?,
        clips,
        calls: 0,
    };
    Ok(Prepared::new(
        turns,
        |turns| {
            let (_, samples) = &turns.clips[turns.calls % turns.clips.len()];
            turns.calls += 1;
            turns.recognizer.transcribe(samples, &Cancel::new())
        },
        move |turns, answer| {
            let (clip, _) = &turns.clips[(turns.calls - 1) % turns.clips.len()];
            let transcription = succeeded(answer)?;
            if transcription.fallbacks < fallbacks_min {
                return Err(WrongAnswer::new(format!("{} fallbacks", transcription.fallbacks)));
            }
            check_words(&normalizer, clip, transcription, errors_max)
        },
    )
    .inputs(inputs))
}

fn check_words(
    normalizer: &Normalizer,
    clip: &Clip,
    transcription: &Transcription,
    errors_max: usize,
) -> Result<(), WrongAnswer> {
    let errors = normalizer.word_errors(&clip.transcript, &transcription.text).errors;
    if errors <= errors_max && !transcription.looped {
        return Ok(());
    }
    Err(WrongAnswer::new(format!(
        "{} has {errors} word errors, {errors_max} at most are right",
        clip.id
    )))
}
