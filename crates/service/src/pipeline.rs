//! From an utterance to a stored, tidy transcript, with or without a network in front.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use voiceflow_asr::{AsrError, Model, ModelOptions, RecognizerOptions};
use voiceflow_enhance::{EnhanceError, Enhancer, EnhancerOptions, Source};
use voiceflow_protocol::limits::SAMPLE_RATE_HZ;
use voiceflow_protocol::{Context, HistoryRequest, SearchRequest, Start};
use voiceflow_security::token::TokenError;
use voiceflow_security::validate;
use voiceflow_storage::{Encryption, History, Search, StorageError, Store, StoreOptions, Transcript, TranscriptId};

use crate::config::{AiEnhancement, Config, Database, Device, SpeechRecognition};
use crate::guard::{Denied, Guard, Identity};
use crate::keys::Keys;
use crate::models::{self, ModelError};
use crate::workers::{Shop, Workers, now_ms};

pub use crate::workers::Ticket;

/// The language setting under which the model detects what is spoken.
const ANY_LANGUAGE: &str = "auto";

/// The five subsystems less the network, ready to work. Shared by reference between threads. Dropping it finishes the
/// utterances that were accepted and whose tickets are still held.
pub struct Pipeline {
    // First, so that the workers end before what they use.
    workers: Workers,
    shop: Arc<Shop>,
    guard: Guard,
    samples_max: usize,
}

/// What a user said.
#[derive(Clone, Debug)]
pub struct Utterance {
    /// Who.
    pub user: Arc<str>,
    /// What for.
    pub context: Context,
    /// 16 kHz mono, -1 to 1.
    pub samples: Vec<f32>,
}

/// What was made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dictation {
    /// Its row in the store.
    pub id: TranscriptId,
    /// The recogniser's own words.
    pub raw_text: String,
    /// The tidy text.
    pub text: String,
    /// What made the tidy text.
    pub source: Source,
    /// Length of the audio in milliseconds.
    pub audio_ms: u32,
    /// From submission to the raw text, waiting in the queue included.
    pub recognition: Duration,
    /// From the raw text to the tidy one, waiting for other computation included.
    pub enhancement: Duration,
}

/// Why there is no dictation.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The request was turned away.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no audio.
    #[error("the utterance holds no audio")]
    NoAudio,
    /// There is too much of it.
    #[error("the utterance is longer than {seconds_max} seconds")]
    TooLong {
        /// The limit.
        seconds_max: usize,
    },
    /// The language asked for is not the one that is recognised.
    #[error("only the language `{recognized}` is recognised here")]
    Language {
        /// The language of the settings.
        recognized: String,
    },
    /// The queue is full.
    #[error("too many utterances are waiting; try again later")]
    Overloaded,
    /// Nobody waits for the answer any more.
    #[error("the utterance was cancelled")]
    Cancelled,
    /// The worker failed in a way that it should not.
    #[error("the worker failed")]
    WorkerLost,
    /// Threads are short.
    #[error("cannot start a worker")]
    NoThread(#[source] io::Error),
    /// A model file cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Recognition failed.
    #[error(transparent)]
    Recognition(#[from] AsrError),
    /// The language model cannot be loaded.
    #[error(transparent)]
    Enhancement(#[from] EnhanceError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Tokens cannot be verified.
    #[error("cannot verify tokens")]
    Tokens(#[source] TokenError),
    /// A key is needed and there is none.
    #[error("encryption or authentication is on, but there is no key")]
    NoKey,
}

impl Pipeline {
    /// Loads the models, opens the store and starts the workers. `keys` are needed if encryption or authentication is
    /// on, and `database.path` must be set.
    ///
    /// # Errors
    /// [`PipelineError`] names what cannot be used.
    pub fn open(config: &Config, keys: Option<&Keys>) -> Result<Self, PipelineError> {
        let needs_keys = config.security.authentication || *config.database.encryption.get_ref();
        if needs_keys && keys.is_none() {
            return Err(PipelineError::NoKey);
        }
        let guard = Guard::new(&config.security, keys).map_err(PipelineError::Tokens)?;
        let store = Store::open(&store_options(&config.database, keys))?;
        let speech = &config.speech_recognition;
        let model = speech_model(speech)?;
        let enhancer = enhancer(&config.ai_enhancement, &config.ai_enhancement.contexts)?;
        let shop = Arc::new(Shop::new(model, recognizer_options(speech), enhancer, store));
        let workers = Workers::start(&shop, speech.workers, speech.queue_length)?;
        let samples_max = (speech.utterance_max.as_secs_f64() * f64::from(SAMPLE_RATE_HZ)) as usize;
        Ok(Self {
            workers,
            shop,
            guard,
            samples_max,
        })
    }

    /// The same pipeline without a limit on each user's rate, for measuring the rest at full speed.
    #[must_use]
    pub fn without_rate_limit(self) -> Self {
        Self {
            guard: self.guard.without_rate_limit(),
            ..self
        }
    }

    /// The whole way of a request, blocking: token, rate, rules, recognition, enhancement, storing.
    ///
    /// # Errors
    /// [`PipelineError`].
    pub fn dictate(&self, token: Option<&str>, start: &Start, samples: Vec<f32>) -> Result<Dictation, PipelineError> {
        let identity = self.guard.authenticate(token)?;
        self.admit(&identity, start)?;
        self.submit(Utterance {
            user: identity.user,
            context: start.context,
            samples,
        })?
        .wait()
    }

    /// Whether `identity` may begin an utterance with `start` now.
    ///
    /// # Errors
    /// [`PipelineError::Denied`] or [`PipelineError::Language`].
    pub fn admit(&self, identity: &Identity, start: &Start) -> Result<(), PipelineError> {
        self.guard.admit(identity, start)?;
        match (&self.shop.recognizer.language, &start.language) {
            (Some(recognized), Some(wanted)) if recognized != wanted => Err(PipelineError::Language {
                recognized: recognized.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Queues an utterance of a user who was admitted, without waiting.
    ///
    /// # Errors
    /// [`PipelineError::NoAudio`], [`PipelineError::TooLong`] or [`PipelineError::Overloaded`].
    pub fn submit(&self, utterance: Utterance) -> Result<Ticket, PipelineError> {
        if utterance.samples.is_empty() {
            return Err(PipelineError::NoAudio);
        }
        self.check_length(utterance.samples.len())?;
        self.workers.submit(utterance)
    }

    /// Whether an utterance may have `samples` samples.
    ///
    /// # Errors
    /// [`PipelineError::TooLong`].
    pub fn check_length(&self, samples: usize) -> Result<(), PipelineError> {
        if samples <= self.samples_max {
            return Ok(());
        }
        Err(PipelineError::TooLong {
            seconds_max: self.samples_max / SAMPLE_RATE_HZ as usize,
        })
    }

    /// The checks of tokens and requests.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// One of the user's transcripts.
    ///
    /// # Errors
    /// [`PipelineError::Storage`].
    pub fn transcript(&self, identity: &Identity, id: TranscriptId) -> Result<Option<Transcript>, PipelineError> {
        Ok(self.shop.store.get(&identity.user, id)?)
    }

    /// The user's latest transcripts, newest first.
    ///
    /// # Errors
    /// [`PipelineError::Denied`] for a request that breaks a rule, [`PipelineError::Storage`].
    pub fn history(&self, identity: &Identity, request: &HistoryRequest) -> Result<Vec<Transcript>, PipelineError> {
        validate::check(request).map_err(Denied::from)?;
        let history = History {
            limit: request.limit,
            before_ms: request.before_unix_ms,
            context: request.context,
        };
        Ok(self.shop.store.recent(&identity.user, &history)?)
    }

    /// The user's transcripts with all words of a query, best match first.
    ///
    /// # Errors
    /// As [`Pipeline::history`].
    pub fn search(&self, identity: &Identity, request: &SearchRequest) -> Result<Vec<Transcript>, PipelineError> {
        validate::check(request).map_err(Denied::from)?;
        let search = Search {
            words: &request.query,
            limit: request.limit,
            context: request.context,
        };
        Ok(self.shop.store.search(&identity.user, &search)?)
    }

    /// Deletes all users' transcripts that are older than `age` and returns how many.
    ///
    /// # Errors
    /// [`PipelineError::Storage`].
    pub fn delete_older_than(&self, age: Duration) -> Result<u64, PipelineError> {
        let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        Ok(self.shop.store.delete_older_than(now_ms().saturating_sub(age_ms))?)
    }
}

/// Loads the speech model that the settings name.
///
/// # Errors
/// [`PipelineError::Model`] or [`PipelineError::Recognition`].
pub fn speech_model(settings: &SpeechRecognition) -> Result<Model, PipelineError> {
    let options = ModelOptions {
        device: settings.device.into(),
        // On the processor it makes the encoder slower.
        flash_attention: settings.device == Device::Cuda,
    };
    let model = Model::load(&models::speech(settings)?, &options)?;
    tracing::info!(back_end = %model.back_end(), weights = settings.compute_type.as_str(), "speech model loaded");
    Ok(model)
}

/// How the settings want speech to be recognised.
#[must_use]
pub fn recognizer_options(settings: &SpeechRecognition) -> RecognizerOptions {
    RecognizerOptions {
        threads: settings.threads,
        audio_ctx: settings.audio_ctx,
        language: (settings.language != ANY_LANGUAGE).then(|| settings.language.clone()),
        ..RecognizerOptions::default()
    }
}

/// Loads the language model that the settings name, or none if they switch it off. The prompts of `contexts` are read
/// now, at about a second each; others at their first use.
///
/// # Errors
/// [`PipelineError::Model`] or [`PipelineError::Enhancement`].
pub fn enhancer(settings: &AiEnhancement, contexts: &[Context]) -> Result<Enhancer, PipelineError> {
    let options = EnhancerOptions {
        enabled: settings.enabled,
        timeout: settings.timeout,
        cache_size: settings.cache_size,
        cache_ttl: settings.cache_ttl,
        device: settings.device.into(),
        threads: NonZeroUsize::new(settings.threads).unwrap_or(NonZeroUsize::MIN),
        decoding: settings.decoding.into(),
        contexts: contexts.to_vec(),
        ..EnhancerOptions::default()
    };
    if !settings.enabled {
        return Ok(Enhancer::rules_only(&options));
    }
    let enhancer = Enhancer::load(&models::language(settings)?, &options)?;
    // candle falls back on nothing: it computes on the device of the settings, or loading has failed.
    tracing::info!(back_end = settings.device.as_str(), "language model loaded");
    Ok(enhancer)
}

fn store_options(settings: &Database, keys: Option<&Keys>) -> StoreOptions {
    let encryption = match keys {
        Some(keys) if *settings.encryption.get_ref() => Encryption::Key(keys.database()),
        _ => Encryption::None,
    };
    let path = settings.path.clone().unwrap_or_default();
    StoreOptions {
        pool_size: settings.connection_pool_size,
        ..StoreOptions::new(path, encryption)
    }
}
