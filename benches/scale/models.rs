//! The two models: one recogniser for each worker, and the one language model that all share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use voiceflow_asr::{Cancel, Model, Recognizer, RecognizerOptions, audio, wer};
use voiceflow_benches::closed_loop::{Call, Counting, Workload};
use voiceflow_benches::{Error, clocks};
use voiceflow_enhance::{Enhanced, Enhancer, EnhancerOptions, Source};
use voiceflow_fixtures::{dictation, speech};
use voiceflow_protocol::Context;
use voiceflow_service::config::{AiEnhancement, SpeechRecognition};
use voiceflow_service::models as assets;
use voiceflow_service::pipeline::{recognizer_options, speech_model};

/// One word in three may be wrong: the model and the clip are the same in every call, so this catches a model that hears
/// something else.
const WORD_ERROR_RATE_MAX: f64 = 0.34;

/// The longest dictation in words that is tidied under load: a call takes a fraction of a second.
const WORDS_MAX: usize = 10;

/// Longer than any step: a call that ran out of time would have done less.
const NO_LIMIT: Duration = Duration::from_secs(3600);

/// A clip ready to be recognised.
#[derive(Clone)]
pub(crate) struct Clip {
    pub(crate) samples: Arc<[f32]>,
    transcript: Arc<str>,
    pub(crate) length: Duration,
}

impl Clip {
    /// The short English clips, the shortest first.
    pub(crate) fn short() -> Result<Vec<Self>, Error> {
        let mut clips = speech::english()?;
        clips.retain(|clip| clip.seconds <= 3.3);
        clips.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let clips = clips.into_iter().map(|clip| {
            Ok(Self {
                samples: audio::read_wav(&clip.path)?.samples.into(),
                transcript: clip.transcript.into(),
                length: Duration::from_secs_f64(clip.seconds),
            })
        });
        clips.collect()
    }

    /// Whether a text is what was said.
    pub(crate) fn check(&self, text: &str) -> Result<(), Error> {
        let rate = wer::word_errors(&self.transcript, text).rate();
        if rate > WORD_ERROR_RATE_MAX {
            return Err(format!("{:.0} % of the words are wrong", rate * 100.0).into());
        }
        Ok(())
    }
}

/// Recognition of the shortest clip; each worker has a recogniser of its own, on one thread.
pub(crate) fn asr() -> Result<Box<dyn Workload>, Error> {
    let settings = SpeechRecognition::default();
    let model = speech_model(&settings)?;
    let options = RecognizerOptions {
        threads: 1,
        ..recognizer_options(&settings)
    };
    let clip = Clip::short()?.into_iter().next().ok_or("there is no short clip")?;
    let before = clocks::memory().map_or(0, |memory| memory.resident_bytes);
    let mut first = model.recognizer(&options)?;
    clip.check(&first.transcribe(&clip.samples, &Cancel::new())?.text)?;
    let after = clocks::memory().map_or(0, |memory| memory.resident_bytes);
    Ok(Box::new(Asr {
        model,
        options,
        clip,
        recognizers: vec![Arc::new(Mutex::new(first))],
        bytes_of_each: after.saturating_sub(before),
    }))
}

struct Asr {
    model: Model,
    options: RecognizerOptions,
    clip: Clip,
    /// As many as the largest step so far.
    recognizers: Vec<Arc<Mutex<Recognizer>>>,
    bytes_of_each: u64,
}

impl Workload for Asr {
    fn workers(&mut self, count: usize) -> Result<Vec<Call>, Error> {
        while self.recognizers.len() < count {
            let recognizer = self.model.recognizer(&self.options)?;
            self.recognizers.push(Arc::new(Mutex::new(recognizer)));
        }
        let call = |recognizer: &Arc<Mutex<Recognizer>>| -> Call {
            let (recognizer, clip) = (Arc::clone(recognizer), self.clip.clone());
            Box::new(move || {
                let text = lock(&recognizer).transcribe(&clip.samples, &Cancel::new())?.text;
                clip.check(&text)?;
                Ok(None)
            })
        };
        Ok(self.recognizers[..count].iter().map(call).collect())
    }

    fn room_for(&self, count: usize) -> Result<(), String> {
        let missing = count.saturating_sub(self.recognizers.len()) as u64;
        let needed = missing * self.bytes_of_each;
        let available = clocks::available_bytes().unwrap_or(u64::MAX);
        // Half of what is free is left to the page cache and to others.
        if needed > available / 2 {
            let mebibytes = |bytes: u64| bytes >> 20;
            return Err(format!(
                "{count} recognisers need {} MiB more, and {} MiB are free",
                mebibytes(needed),
                mebibytes(available)
            ));
        }
        Ok(())
    }
}

/// The language model as the service has it, with so many answers remembered.
pub(crate) fn enhancer(cache_size: u64) -> Result<Enhancer, Error> {
    let options = EnhancerOptions {
        timeout: NO_LIMIT,
        cache_size,
        contexts: vec![Context::Notes],
        ..EnhancerOptions::default()
    };
    Ok(Enhancer::load(&assets::language(&AiEnhancement::default())?, &options)?)
}

/// Whether the model did its work.
pub(crate) fn check_enhanced(enhanced: &Enhanced) -> Result<(), Error> {
    match enhanced.source {
        Source::RulesTimedOut | Source::RulesFailed | Source::RulesDisabled | Source::RulesEmpty => {
            Err(format!("the text was made by `{}`", enhanced.source.as_str()).into())
        }
        _ if enhanced.text.trim().is_empty() => Err("the tidy text is empty".into()),
        _ => Ok(()),
    }
}

/// Short dictations.
pub(crate) fn dictations() -> Result<Vec<&'static str>, Error> {
    let short: Vec<&str> = dictation::sentences()
        .iter()
        .filter(|sentence| (5..=WORDS_MAX).contains(&sentence.word_count()))
        .map(|sentence| sentence.dictated)
        .collect();
    if short.is_empty() {
        return Err("the fixtures hold no short dictation".into());
    }
    Ok(short)
}

/// Tidying short dictations, nothing remembered; one text is written at a time, as in the service.
pub(crate) fn enhance() -> Result<Box<dyn Workload>, Error> {
    Ok(Box::new(Enhance {
        enhancer: Arc::new(enhancer(0)?),
        dictations: dictations()?,
        turn: Arc::default(),
        is_over: Arc::default(),
    }))
}

struct Enhance {
    enhancer: Arc<Enhancer>,
    dictations: Vec<&'static str>,
    /// The right to compute, which the service's workers wait for as well.
    turn: Arc<Mutex<()>>,
    is_over: Arc<AtomicBool>,
}

impl Workload for Enhance {
    fn workers(&mut self, count: usize) -> Result<Vec<Call>, Error> {
        self.is_over = Arc::default();
        let call = |number: usize| -> Call {
            let (enhancer, turn, is_over) = (
                Arc::clone(&self.enhancer),
                Arc::clone(&self.turn),
                Arc::clone(&self.is_over),
            );
            let mut texts = self.dictations.clone().into_iter().cycle().skip(number);
            Box::new(move || {
                let text = texts.next().ok_or("there is no dictation")?;
                let claim = |_| {
                    let turn = lock(&turn);
                    // Nobody waits for those that still queue.
                    (!is_over.load(Ordering::Relaxed)).then_some(turn)
                };
                check_enhanced(&enhancer.enhance_since(Instant::now(), text, Context::Notes, claim))?;
                Ok(None)
            })
        };
        Ok((0..count).map(call).collect())
    }

    fn counting(&self) -> Counting {
        Counting::Ends
    }

    fn cut_off(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// A poisoned lock guards nothing that a panic could have left half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
