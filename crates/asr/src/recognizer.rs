//! One worker's recogniser: the settings, the attempts, and what is taken out of whisper.cpp.

use std::ops::Range;

use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperState};

use crate::audio::{SAMPLE_RATE_HZ, first_without_level};
use crate::window::{AUDIO_CTX_FULL, AudioContext};
use crate::{AsrError, Cancel, Segment, Transcription, abort, repetition};

/// whisper.cpp hears nothing in less audio than this, so shorter clips are given silence up to it.
const SAMPLES_MIN: usize = SAMPLE_RATE_HZ as usize / 4;

/// Audio is silent where no [`SILENCE_PART`] of it has a root mean square of this or more, full scale being 1: -80 dB,
/// three steps of 16-bit audio. Whisper invents words for silence, tiny.en "You" for three seconds of zeros. When this
/// was chosen, the loudest part of each recording among the assets had 0.078 or more, and the quietest part of each one
/// made with a microphone 0.0019 or more; so this catches muted and missing microphones, not quiet rooms.
const SILENCE_RMS: f32 = 1e-4;

/// A tenth of a second, about the shortest syllable: a lone word is not averaged away by the pause around it.
const SILENCE_PART: usize = SAMPLE_RATE_HZ as usize / 10;

/// The audio of one encoder window.
const WINDOW_SECONDS: f64 = 30.0;

/// whisper.cpp counts samples in an `i32`; four hours stay far below and are a mistake anyway.
const SECONDS_MAX: f64 = 4.0 * 3_600.0;

/// A decode is cut at so many tokens per second of audio, plus [`TOKENS_BASE`]. Hurried speech has about eight.
const TOKENS_PER_SECOND_MAX: f64 = 12.0;

/// Timestamps and end marks, and a few words for the shortest clips.
const TOKENS_BASE: f64 = 16.0;

/// The temperature step of the last resort, as in OpenAI's own decoder.
const TEMPERATURE_STEP: f32 = 0.2;

/// What the decoder is told was said before the audio. Its style carries over to the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Nothing.
    None,
    /// A few English numbers in words, where the language is English. Left alone, tiny.en hears a count to ten as
    /// "1-2-345-67-8-9-10", and which digits run together changes with the window.
    NumbersInWords,
    /// A text of the caller's.
    Text(String),
}

/// Of eight short prompts tried this one alone gave words at every window margin; tiny.en in float16 and in q8_0 writes them
/// from 256 to 512 positions (32 apart and less). It leaves other words as they were; no number in it occurs in the recordings that
/// the tests use. The space in front belongs to the first word's token.
const NUMBERS_IN_WORDS: &str = " Well, twenty, thirty, forty people.";

impl Prompt {
    fn text(&self, language: Option<&str>) -> Option<&str> {
        match self {
            Self::None => None,
            Self::NumbersInWords => (language == Some("en")).then_some(NUMBERS_IN_WORDS),
            Self::Text(text) => Some(text),
        }
    }
}

/// How speech is recognised.
#[derive(Clone, Debug, PartialEq)]
pub struct RecognizerOptions {
    /// Threads of the encoder and decoder. More than there are cores is slower, by far.
    pub threads: usize,
    /// How large a window the encoder gets, for audio that fits into one. Longer audio always gets the whole.
    pub audio_ctx: AudioContext,
    /// Let the model mark times as it goes. Without, decoding is a few tokens shorter and a clip's only segment spans it
    /// all. Audio of more than one window is always timed, because the times say where the next window starts.
    pub timestamps: bool,
    /// What the decoder is told was said before, to lead its style.
    pub prompt: Prompt,
    /// The spoken language as a code such as `en`. Multilingual models detect it from the audio when there is none.
    pub language: Option<String>,
}

impl Default for RecognizerOptions {
    /// Two threads, a fitted window, times, numbers in words, English.
    fn default() -> Self {
        Self {
            threads: 2,
            audio_ctx: AudioContext::default(),
            timestamps: true,
            prompt: Prompt::NumbersInWords,
            language: Some("en".into()),
        }
    }
}

impl RecognizerOptions {
    fn check(&self, context: &WhisperContext) -> Result<(), AsrError> {
        const THREADS_MAX: usize = 512;
        let refuse = |name, problem: String| Err(AsrError::Option { name, problem });
        if !(1..=THREADS_MAX).contains(&self.threads) {
            return refuse("threads", format!("{} is not in 1 to {THREADS_MAX}", self.threads));
        }
        match self.language.as_deref() {
            Some(language) if language.contains('\0') || whisper_rs::get_lang_id(language).is_none() => {
                return refuse("language", format!("Whisper knows no language `{language}`"));
            }
            Some(language) if language != "en" && !context.is_multilingual() => {
                return refuse("language", format!("this model knows English only, not `{language}`"));
            }
            _ => {}
        }
        if matches!(&self.prompt, Prompt::Text(text) if text.contains('\0')) {
            return refuse("prompt", "it contains a NUL".into());
        }
        self.audio_ctx.check()
    }
}

/// The working memory of one worker. Nothing passes from one utterance to the next.
pub struct Recognizer {
    state: WhisperState,
    /// Everything that does not change from call to call. Made once, because each setting of a text leaks it.
    parameters: FullParams<'static, 'static>,
    threads: usize,
    audio_ctx: AudioContext,
    timestamps: bool,
}

/// One decoding of a clip, before it is judged.
struct Attempt {
    segments: Vec<Segment>,
    text: String,
    tokens: usize,
    audio_ctx: u32,
}

/// What sets one attempt apart from another.
#[derive(Clone, Copy)]
struct Try {
    audio_ctx: u32,
    temperature_step: f32,
    tokens_max: usize,
    single_segment: bool,
}

impl Recognizer {
    pub(crate) fn new(context: &WhisperContext, options: &RecognizerOptions) -> Result<Self, AsrError> {
        options.check(context)?;
        let state = context.create_state().map_err(AsrError::State)?;
        let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        let threads = i32::try_from(options.threads).unwrap_or(i32::MAX);
        parameters.set_n_threads(threads);
        let language: Option<&'static str> = options
            .language
            .as_deref()
            .and_then(whisper_rs::get_lang_id)
            .and_then(whisper_rs::get_lang_str);
        parameters.set_language(
            language
                .filter(|_| context.is_multilingual())
                .or((!context.is_multilingual()).then_some("en")),
        );
        parameters.set_no_context(true);
        if let Some(prompt) = options.prompt.text(options.language.as_deref()) {
            parameters.set_initial_prompt(prompt);
        }
        parameters.set_print_progress(false);
        parameters.set_print_realtime(false);
        parameters.set_print_special(false);
        parameters.set_print_timestamps(false);
        Ok(Self {
            state,
            parameters,
            threads: options.threads,
            audio_ctx: options.audio_ctx,
            timestamps: options.timestamps,
        })
    }

    /// Transcribes 16 kHz mono samples.
    ///
    /// Audio of up to 30 s is decoded in one window, which is fitted to it; longer audio in as many whole windows as it
    /// takes. A text that looks like a loop is decoded again in a larger window, and in the end at rising temperatures.
    /// Silence gives no text, and the model is not asked, for it would invent some.
    ///
    /// # Errors
    /// When a sample is no number or louder than an unscaled 32-bit integer, the audio is longer than four hours,
    /// `cancel` is cancelled, or whisper.cpp fails.
    pub fn transcribe(&mut self, samples: &[f32], cancel: &Cancel) -> Result<Transcription, AsrError> {
        let audio_seconds = check_samples(samples)?;
        if is_silent(samples) {
            return Ok(Transcription {
                audio_seconds,
                ..Transcription::default()
            });
        }
        let padded = padded(samples);
        let samples = padded.as_deref().unwrap_or(samples);
        let tries = self.tries(audio_seconds);
        let last = tries.len() - 1;
        for (fallbacks, one) in tries.into_iter().enumerate() {
            let attempt = self.attempt(samples, one, cancel)?;
            let looped = attempt.looks_looped(one, audio_seconds);
            if !looped || fallbacks == last {
                return Ok(attempt.finish(audio_seconds, fallbacks as u32, looped));
            }
            tracing::debug!(
                audio_ctx = one.audio_ctx,
                audio_seconds,
                "a loop in the text; decoding again"
            );
        }
        unreachable!("the last try returns")
    }

    /// The settings to try in turn, at least one.
    fn tries(&self, audio_seconds: f64) -> Vec<Try> {
        let single_segment = audio_seconds <= WINDOW_SECONDS;
        let ladder = if single_segment {
            self.audio_ctx.ladder(audio_seconds)
        } else {
            AudioContext::Full.ladder(audio_seconds)
        };
        let tokens_max = if single_segment {
            (TOKENS_BASE + TOKENS_PER_SECOND_MAX * audio_seconds) as usize
        } else {
            0
        };
        let plain = |audio_ctx| Try {
            audio_ctx,
            temperature_step: 0.0,
            tokens_max,
            single_segment,
        };
        let mut tries: Vec<Try> = ladder.into_iter().map(plain).collect();
        tries.push(Try {
            temperature_step: TEMPERATURE_STEP,
            ..plain(AUDIO_CTX_FULL)
        });
        tries
    }

    fn attempt(&mut self, samples: &[f32], one: Try, cancel: &Cancel) -> Result<Attempt, AsrError> {
        let mut parameters = self.parameters.clone();
        parameters.set_audio_ctx(one.audio_ctx as i32);
        parameters.set_temperature_inc(one.temperature_step);
        parameters.set_max_tokens(one.tokens_max as i32);
        parameters.set_single_segment(one.single_segment);
        parameters.set_no_timestamps(one.single_segment && !self.timestamps);
        let result = abort::run(&mut self.state, parameters, samples, cancel);
        if cancel.is_cancelled() {
            return Err(AsrError::Cancelled);
        }
        result.map_err(AsrError::Failed)?;
        Ok(self.collect(one.audio_ctx))
    }

    fn collect(&self, audio_ctx: u32) -> Attempt {
        /// whisper.cpp counts time in hundredths of a second.
        const TICKS_PER_SECOND: f64 = 100.0;
        let mut attempt = Attempt {
            segments: Vec::new(),
            text: String::new(),
            tokens: 0,
            audio_ctx,
        };
        for segment in self.state.as_iter() {
            // A character may be split between two segments; what is not UTF-8 becomes a replacement character.
            let text = segment.to_str_lossy().unwrap_or_default().into_owned();
            attempt.tokens += usize::try_from(segment.n_tokens()).unwrap_or(0);
            attempt.text.push_str(&text);
            attempt.segments.push(Segment {
                start_seconds: segment.start_timestamp() as f64 / TICKS_PER_SECOND,
                end_seconds: segment.end_timestamp() as f64 / TICKS_PER_SECOND,
                text,
            });
        }
        attempt
    }

    /// Computes the mel spectrogram alone: the first stage, for measuring it. Returns its frames of 10 ms.
    ///
    /// # Errors
    /// When whisper.cpp fails.
    pub fn mel(&mut self, samples: &[f32]) -> Result<usize, AsrError> {
        self.state.pcm_to_mel(samples, self.threads).map_err(AsrError::Failed)?;
        Ok(usize::try_from(self.state.n_len()).unwrap_or(0))
    }

    /// Runs the encoder alone over the last audio, in the window of the last transcription: the second stage, for
    /// measuring it.
    ///
    /// # Errors
    /// When whisper.cpp fails.
    pub fn encode(&mut self) -> Result<(), AsrError> {
        self.state.encode(0, self.threads).map_err(AsrError::Failed)
    }

    /// Runs the decoder alone for one position after `past` others and returns the likeliest next token: the third
    /// stage, for measuring it.
    ///
    /// # Errors
    /// When whisper.cpp fails.
    pub fn decode(&mut self, token: i32, past: usize) -> Result<usize, AsrError> {
        self.state
            .decode(&[token], past, self.threads)
            .map_err(AsrError::Failed)?;
        let logits = self.state.get_logits().map_err(AsrError::Failed)?;
        let likeliest = logits
            .iter()
            .enumerate()
            .max_by(|(_, one), (_, other)| one.total_cmp(other));
        Ok(likeliest.map_or(0, |(token, _)| token))
    }
}

impl Attempt {
    /// A decode that ran into its bound on tokens is one too: nobody speaks that fast.
    fn looks_looped(&self, one: Try, audio_seconds: f64) -> bool {
        let cut = one.tokens_max > 0 && self.tokens >= one.tokens_max;
        cut || repetition::find(&self.text, audio_seconds).is_some()
    }

    fn finish(mut self, audio_seconds: f64, fallbacks: u32, looped: bool) -> Transcription {
        // A repetition that somebody may really have said is kept.
        if looped
            && let Some(found) = repetition::find(&self.text, audio_seconds)
            && found.too_fast
        {
            let repeated = found.second_start..found.end;
            cut(&mut self.segments, &repeated);
            self.text.replace_range(repeated, "");
        }
        for segment in &mut self.segments {
            // whisper.cpp reports the end of its window where the audio ends inside it.
            segment.start_seconds = segment.start_seconds.clamp(0.0, audio_seconds);
            segment.end_seconds = segment.end_seconds.clamp(segment.start_seconds, audio_seconds);
        }
        Transcription {
            text: self.text.trim().to_owned(),
            segments: self.segments,
            audio_seconds,
            fallbacks,
            audio_ctx: self.audio_ctx,
            looped,
        }
    }
}

/// Cuts a range of the whole text out of the segments it is made of; those left empty go.
fn cut(segments: &mut Vec<Segment>, range: &Range<usize>) {
    let mut start = 0;
    segments.retain_mut(|segment| {
        let end = start + segment.text.len();
        let (from, to) = (
            range.start.clamp(start, end) - start,
            range.end.clamp(start, end) - start,
        );
        segment.text.replace_range(from..to, "");
        start = end;
        !segment.text.is_empty()
    });
}

/// Checks the samples and returns their length in seconds.
fn check_samples(samples: &[f32]) -> Result<f64, AsrError> {
    let seconds = samples.len() as f64 / f64::from(SAMPLE_RATE_HZ);
    if seconds > SECONDS_MAX {
        return Err(AsrError::TooLong {
            seconds,
            seconds_max: SECONDS_MAX,
        });
    }
    match first_without_level(samples) {
        Some(index) => Err(AsrError::NoLevel { index }),
        None => Ok(seconds),
    }
}

/// Whether there is nothing to hear. No samples are silent too.
fn is_silent(samples: &[f32]) -> bool {
    samples.chunks(SILENCE_PART).all(|part| {
        let energy: f32 = part.iter().map(|sample| sample * sample).sum();
        energy < SILENCE_RMS * SILENCE_RMS * part.len() as f32
    })
}

/// A very short clip with silence after it.
fn padded(samples: &[f32]) -> Option<Vec<f32>> {
    (samples.len() < SAMPLES_MIN).then(|| {
        let mut padded = samples.to_vec();
        padded.resize(SAMPLES_MIN, 0.0);
        padded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(texts: &[&str]) -> Vec<Segment> {
        let segment = |text: &&str| Segment {
            start_seconds: 0.0,
            end_seconds: 1.0,
            text: (*text).to_owned(),
        };
        texts.iter().map(segment).collect()
    }

    #[test]
    fn silence_is_what_stays_below_the_floor_in_every_tenth_of_a_second() {
        // A square wave's root mean square is its amplitude.
        let square = |amplitude: f32, length: usize| -> Vec<f32> {
            (0..length)
                .map(|index| if index % 2 == 0 { amplitude } else { -amplitude })
                .collect()
        };
        let second = SAMPLE_RATE_HZ as usize;
        assert!(is_silent(&[]));
        assert!(is_silent(&vec![0.0; 3 * second]));
        assert!(is_silent(&square(0.9 * SILENCE_RMS, 3 * second)));
        assert!(!is_silent(&square(1.1 * SILENCE_RMS, 3 * second)));
        // The last step of 16-bit audio, back and forth, as dither leaves it.
        assert!(is_silent(&square(1.0 / 32_768.0, second)));
        // A short and very quiet word in five minutes of silence, the last part incomplete.
        let mut lone_word = vec![0.0_f32; 300 * second + 7];
        lone_word[100 * second..][..SILENCE_PART].copy_from_slice(&square(0.001, SILENCE_PART));
        assert!(!is_silent(&lone_word));
        assert!(!is_silent(&[0.001]) && !is_silent(&[f32::MAX]));
    }

    #[test]
    fn a_range_of_the_text_is_cut_out_of_the_segments_that_hold_it() {
        let texts = [" one two", " two two", " tw\u{f6}", " three"];
        let whole = texts.concat();
        for range in [0..0, 4..16, 8..16, 2..whole.len(), 0..whole.len()] {
            let mut cut_out = segments(&texts);
            cut(&mut cut_out, &range);
            let mut expected = whole.clone();
            expected.replace_range(range, "");
            assert_eq!(
                cut_out.iter().map(|segment| segment.text.as_str()).collect::<String>(),
                expected
            );
            assert!(cut_out.iter().all(|segment| !segment.text.is_empty()));
        }
    }
}
