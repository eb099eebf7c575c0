//! A pipeline on the real models with a store in a temporary folder, and speech to feed it.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use voiceflow_asr::audio;
use voiceflow_fixtures::speech;
use voiceflow_protocol::limits::SAMPLE_RATE_HZ;
use voiceflow_security::kdf::SecretKey;
use voiceflow_service::config::Config;
use voiceflow_service::keys::Keys;
use voiceflow_service::pipeline::Pipeline;

/// Settings under which only the rules tidy: loading the language model takes seconds and most tests do not need it.
pub(crate) const RULES_ONLY: &str = "ai_enhancement.enabled = false\n";

/// Recognition takes all cores, so tests that do it take turns.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct Home {
    pub(crate) config: Config,
    folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Home {
    /// A place with `settings`, and a port of its own.
    pub(crate) fn new(settings: &str) -> Self {
        let turn = turn();
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::parse(settings, Path::new("voiceflow.toml")).unwrap();
        config.database.path = Some(folder.path().join("voiceflow.db"));
        config.server.listen.get_mut().set_port(0);
        Self {
            config,
            folder,
            _turn: turn,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn pipeline(&self) -> Pipeline {
        Pipeline::open(&self.config, Some(&keys())).unwrap()
    }

    /// The first bytes of the database and all of its log.
    pub(crate) fn bytes_on_disk(&self) -> Vec<u8> {
        let read = |name| std::fs::read(self.folder().join(name)).unwrap_or_default();
        [read("voiceflow.db"), read("voiceflow.db-wal")].concat()
    }
}

pub(crate) fn keys() -> Keys {
    Keys::new(SecretKey::from_bytes([42; 32]))
}

pub(crate) fn token(user: &str) -> String {
    keys().issuer().unwrap().issue(user, Duration::from_secs(600)).unwrap()
}

/// The sentence that the tests dictate, and its recording.
pub(crate) fn fox() -> (String, Vec<f32>) {
    let clip = speech::clip("en/quick_brown_fox").unwrap();
    (clip.transcript, audio::read_wav(&clip.path).unwrap().samples)
}

/// The same as it travels.
pub(crate) fn fox_pcm() -> Vec<i16> {
    fox()
        .1
        .into_iter()
        .map(|sample| (sample * 32_768.0).clamp(-32_768.0, 32_767.0) as i16)
        .collect()
}

/// Speech that takes many times longer to recognise than a test takes to do something else.
pub(crate) fn long_pcm() -> Vec<i16> {
    fox_pcm()
        .into_iter()
        .cycle()
        .take(120 * SAMPLE_RATE_HZ as usize)
        .collect()
}

pub(crate) fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
}
