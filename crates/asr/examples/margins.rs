//! How many words change with the margin of a fitted window:
//! `cargo run --release -p voiceflow-asr --example margins -- MODEL.bin [MARGIN...]`
//!
//! Cuts of 1.2 to 5.2 seconds out of the English recordings, in the middle of words too, are transcribed in the whole window
//! and in fitted ones. The words that differ from the whole window's are counted: nobody has written down what a cut says,
//! and what a model hears in the window that it was trained for is what a smaller one should not change.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use voiceflow_asr::wer::{Normalizer, WordErrors};
use voiceflow_asr::{AsrError, AudioContext, Cancel, Model, ModelOptions, RecognizerOptions, Transcription, audio};
use voiceflow_fixtures::speech;

const SAMPLES_PER_SECOND: f64 = 16_000.0;
/// Lengths of cuts, in seconds.
const LENGTHS: [f64; 6] = [1.2, 2.0, 2.6, 3.3, 4.2, 5.2];
/// Seconds from the start of one cut to that of the next.
const STEP: f64 = 0.9;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let model = arguments.next().ok_or("usage: margins MODEL.bin [MARGIN...]")?;
    let mut margins = arguments
        .map(|margin| margin.parse())
        .collect::<Result<Vec<u32>, _>>()?;
    if margins.is_empty() {
        margins.extend([224, 256, 288, 320, 352, 384, 448, 512]);
    }
    let model = Model::load(Path::new(&model), &ModelOptions::default())?;
    let cuts = cuts()?;
    let whole = transcribed(&model, AudioContext::Full, &cuts)?;
    let normalizer = Normalizer::new();
    for margin in margins {
        let fitted = transcribed(&model, AudioContext::Fit { margin }, &cuts)?;
        let (mut words, mut differing, mut fallbacks) = (WordErrors::default(), 0, 0);
        for (whole, fitted) in whole.iter().zip(&fitted) {
            let errors = normalizer.word_errors(&whole.text, &fitted.text);
            differing += usize::from(errors.errors > 0);
            fallbacks += fitted.fallbacks;
            words += errors;
        }
        writeln!(
            io::stdout(),
            "margin {margin}: {} of {} words differ, in {differing} of {} cuts; {fallbacks} decoded again",
            words.errors,
            words.reference_words,
            cuts.len()
        )?;
    }
    Ok(())
}

fn cuts() -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let mut cuts = Vec::new();
    for clip in speech::english()? {
        let samples = audio::read_wav(&clip.path)?.samples;
        for length in LENGTHS {
            let length = (length * SAMPLES_PER_SECOND) as usize;
            let step = (STEP * SAMPLES_PER_SECOND) as usize;
            cuts.extend(samples.windows(length).step_by(step).map(<[f32]>::to_vec));
        }
    }
    Ok(cuts)
}

fn transcribed(model: &Model, audio_ctx: AudioContext, cuts: &[Vec<f32>]) -> Result<Vec<Transcription>, AsrError> {
    let mut recognizer = model.recognizer(&RecognizerOptions {
        audio_ctx,
        ..RecognizerOptions::default()
    })?;
    cuts.iter()
        .map(|cut| recognizer.transcribe(cut, &Cancel::new()))
        .collect()
}
