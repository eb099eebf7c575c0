//! A pipeline in a folder of its own, and the recordings it is fed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use voiceflow_asr::{audio, wer};
use voiceflow_enhance::Source;
use voiceflow_fixtures::speech;
use voiceflow_protocol::{Context, Start};
use voiceflow_security::kdf::SecretKey;
use voiceflow_service::config::Config;
use voiceflow_service::keys::Keys;
use voiceflow_service::pipeline::{Dictation, Pipeline};

use crate::{Error, Level};

/// The longest clip counted as short: what people dictate in one breath.
const SHORT_SECONDS: f64 = 3.3;

/// How far a transcript may be from the reference before the answer counts as wrong: one word in three. Model and clips
/// are the same in every run, so this catches a model that hears something else, not a usual slip; how right the words
/// are is judged by `crates/asr/tests/words.rs`.
const WORD_ERROR_RATE_MAX: f64 = 0.34;

/// One recording with what was said in it.
#[derive(Clone, Debug)]
pub struct Take {
    /// Where it lies.
    pub path: PathBuf,
    /// What was said.
    pub transcript: String,
}

impl Take {
    /// The recording as it travels: 16-bit samples, 16 kHz mono.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn pcm(&self) -> Result<Vec<i16>, Error> {
        let samples = audio::read_wav(&self.path)?.samples;
        Ok(samples
            .iter()
            .map(|sample| (sample * 32_768.0).clamp(-32_768.0, 32_767.0) as i16)
            .collect())
    }
}

/// The short English recordings.
pub(crate) fn short_takes() -> Result<Vec<Take>, Error> {
    let clips = speech::english()?;
    let takes: Vec<Take> = clips
        .into_iter()
        .filter(|clip| clip.seconds <= SHORT_SECONDS)
        .map(|clip| Take {
            path: clip.path,
            transcript: clip.transcript,
        })
        .collect();
    if takes.is_empty() {
        Err("the fixtures hold no short English clip".into())
    } else {
        Ok(takes)
    }
}

/// A folder below the target folder: the system's temporary folder is often in memory, where nothing waits for a disk.
///
/// # Errors
/// If it cannot be made.
pub fn folder_on_disk() -> std::io::Result<TempDir> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/voiceflow");
    std::fs::create_dir_all(&target)?;
    tempfile::tempdir_in(target)
}

/// A pipeline with its store, a user who may use it, and takes to feed it in turn.
pub struct Studio {
    pipeline: Arc<Pipeline>,
    config: Config,
    token: String,
    takes: Vec<Take>,
    next: usize,
    // Last: the pipeline closes its store before the folder goes.
    folder: TempDir,
}

impl Studio {
    /// Loads the models and opens a fresh, encrypted store under `settings` (TOML). Answers are not remembered: each
    /// call does its work.
    ///
    /// # Errors
    /// Whatever keeps the pipeline from opening, such as a missing asset.
    pub fn open(settings: &str) -> Result<Self, Error> {
        Self::with(settings, Pipeline::without_rate_limit)
    }

    /// The same with this much security and no more.
    ///
    /// # Errors
    /// As [`Studio::open`].
    pub fn open_at(level: Level, settings: &str) -> Result<Self, Error> {
        let settings = format!("{}{settings}", level.settings());
        if level.has_rate_limit() {
            Self::with(&settings, |pipeline| pipeline)
        } else {
            Self::with(&settings, Pipeline::without_rate_limit)
        }
    }

    fn with(settings: &str, limit: impl FnOnce(Pipeline) -> Pipeline) -> Result<Self, Error> {
        let folder = folder_on_disk()?;
        // A call that is cut off by the time limit would answer with less work done.
        // The prompt of the one context that is dictated in; reading all five takes ten times as long as a dictation.
        let own =
            "ai_enhancement.cache_size = 0\nai_enhancement.timeout = \"60s\"\nai_enhancement.contexts = [\"notes\"]";
        let settings = format!("{own}\n{settings}");
        let mut config = Config::parse(&settings, Path::new("benchmark.toml"))?;
        config.database.path = Some(folder.path().join("transcripts.db"));
        config.server.listen.get_mut().set_port(0);
        let keys = Keys::new(SecretKey::from_bytes([7; 32]));
        let token = keys.issuer()?.issue("benchmark", Duration::from_secs(24 * 60 * 60))?;
        let pipeline = limit(Pipeline::open(&config, Some(&keys))?);
        Ok(Self {
            pipeline: Arc::new(pipeline),
            config,
            token,
            takes: short_takes()?,
            next: 0,
            folder,
        })
    }

    /// The pipeline.
    #[must_use]
    pub fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }

    /// The settings it was opened with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Changes the settings that only a server reads.
    pub fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// The folder of the store, for files that a benchmark needs beside it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The token of the user.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// What was said in all takes, for the digest of the inputs.
    #[must_use]
    pub fn inputs(&self) -> String {
        self.takes.iter().map(|take| format!("{}\n", take.transcript)).collect()
    }

    /// All takes.
    #[must_use]
    pub fn takes(&self) -> &[Take] {
        &self.takes
    }

    /// The next take; after the last comes the first.
    pub fn next_take(&mut self) -> Take {
        let take = self.takes[self.next].clone();
        self.next = (self.next + 1) % self.takes.len();
        take
    }

    /// From the file to the stored, tidy transcript.
    ///
    /// # Errors
    /// Whatever failed on the way.
    pub fn dictate(&self, take: &Take) -> Result<Dictation, Error> {
        let samples = audio::read_wav(&take.path)?.samples;
        let dictation = self
            .pipeline
            .dictate(Some(&self.token), &Start::new(Context::Notes), samples)?;
        match dictation.source {
            Source::RulesTimedOut | Source::RulesFailed => Err("the language model did not do its work".into()),
            _ => Ok(dictation),
        }
    }

    /// Whether the words are those of the recording, the tidy text is not empty, and the store holds both.
    ///
    /// # Errors
    /// Says what is wrong without repeating what was said.
    pub fn check(&self, take: &Take, id: i64, raw_text: &str, text: &str) -> Result<(), Error> {
        let errors = wer::word_errors(&take.transcript, raw_text);
        if text.trim().is_empty() {
            return Err("the tidy text is empty".into());
        }
        if errors.rate() > WORD_ERROR_RATE_MAX {
            return Err(format!("{:.0} % of the words are wrong", errors.rate() * 100.0).into());
        }
        let identity = self.pipeline.guard().authenticate(Some(&self.token))?;
        let row = self
            .pipeline
            .transcript(&identity, voiceflow_storage::TranscriptId(id))?
            .ok_or("nothing was stored")?;
        if row.raw_text != raw_text || row.enhanced_text.as_deref().unwrap_or(raw_text) != text {
            return Err("the stored transcript is not the one that was answered".into());
        }
        Ok(())
    }
}
