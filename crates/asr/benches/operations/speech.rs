//! Whole transcriptions of real speech.

use voiceflow_asr::{Cancel, Recognizer};
use voiceflow_assets::AssetName;
use voiceflow_fixtures::speech::{self, Clip};
use voiceflow_kit::{PrepareError, Prepared, WrongAnswer};

use super::models::{Case, Window, bytes, check_count, check_words, normalizer, samples, succeeded};

/// The longest of the short clips.
const SHORT_SECONDS_MAX: f64 = 3.3;

/// The clip that tiny.en writes in digits when it is not prompted.
const COUNT: &str = "en/counting";

/// What a window holds.
const WINDOW_SAMPLES: usize = 30 * 16_000;

/// Between two sentences: 0.3 s.
const PAUSE_SAMPLES: usize = 4_800;

/// Of the 75 words in half a minute of speech; tiny.en makes 10, where recordings meet. A lost or repeated sentence
/// more has more errors.
pub(crate) const HALF_MINUTE_ERRORS_MAX_TINY_EN: usize = 12;

// The others' errors are not counted yet, so each has tiny.en's bound.
pub(crate) const HALF_MINUTE_ERRORS_MAX_TINY_EN_Q8_0: usize = HALF_MINUTE_ERRORS_MAX_TINY_EN;
pub(crate) const HALF_MINUTE_ERRORS_MAX_BASE: usize = HALF_MINUTE_ERRORS_MAX_TINY_EN;
pub(crate) const HALF_MINUTE_ERRORS_MAX_BASE_Q8_0: usize = HALF_MINUTE_ERRORS_MAX_TINY_EN;

/// The English clips of up to 3.3 s.
pub(crate) fn short() -> Result<Vec<Clip>, PrepareError> {
    Ok(speech::english()?
        .into_iter()
        .filter(|clip| clip.seconds <= SHORT_SECONDS_MAX)
        .collect())
}

fn with_samples(clips: Vec<Clip>) -> Result<Vec<(Clip, Vec<f32>)>, PrepareError> {
    clips
        .into_iter()
        .map(|clip| samples(&clip).map(|samples| (clip, samples)))
        .collect()
}

pub(crate) fn short_clips(case: Case) -> Result<Prepared, PrepareError> {
    transcribe(with_samples(short()?)?, case, case.short_errors_max, 0)
}

pub(crate) fn librivox() -> Result<Prepared, PrepareError> {
    let clips = with_samples(vec![speech::clip("librivox/0870")?])?;
    transcribe(clips, Case::of(AssetName::WhisperTinyEn), 0, 0)
}

/// Digits in a window of 320 positions are what makes tiny.en loop on this clip.
pub(crate) fn looping_window() -> Result<Prepared, PrepareError> {
    let case = Case::of(AssetName::WhisperTinyEn)
        .window(Window::Positions(320))
        .unprompted();
    transcribe(with_samples(vec![speech::clip(COUNT)?])?, case, 0, 1)
}

/// Five sentences of a novel and the fox, with pauses, and silence up to 30 s.
pub(crate) fn half_minute(case: Case, errors_max: usize) -> Result<Prepared, PrepareError> {
    let sentences = [
        "librivox/0870",
        "librivox/0880",
        "librivox/0890",
        "librivox/0920",
        "librivox/0930",
        "en/quick_brown_fox",
    ];
    let mut whole = speech::clip(sentences[0])?;
    whole.id = "half a minute".to_owned();
    whole.transcript.clear();
    let mut audio = Vec::with_capacity(WINDOW_SAMPLES);
    for id in sentences {
        let clip = speech::clip(id)?;
        whole.transcript.push_str(&clip.transcript);
        whole.transcript.push(' ');
        audio.extend(samples(&clip)?);
        audio.extend([0.0; PAUSE_SAMPLES]);
    }
    if audio.len() > WINDOW_SAMPLES {
        return Err("the sentences do not fit a window".into());
    }
    audio.resize(WINDOW_SAMPLES, 0.0);
    transcribe(vec![(whole, audio)], case, errors_max, 0)
}

/// The clips and which of them is next.
struct Turns {
    recognizer: Recognizer,
    clips: Vec<(Clip, Vec<f32>)>,
    calls: usize,
}

fn transcribe(
    clips: Vec<(Clip, Vec<f32>)>,
    case: Case,
    errors_max: usize,
    fallbacks_min: u32,
) -> Result<Prepared, PrepareError> {
    let inputs: Vec<u8> = clips.iter().flat_map(|(_, samples)| bytes(samples)).collect();
    let normalizer = normalizer()?;
    let turns = Turns {
        recognizer: case.recognizer()?,
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
            if !case.prompted && clip.id == COUNT {
                return check_count(&normalizer, clip, transcription);
            }
            check_words(&normalizer, clip, transcription, errors_max)
        },
    )
    .inputs(inputs))
}
