//! The sections of the settings, with their defaults and bounds.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;
use voiceflow_asr::AudioContext;
use voiceflow_protocol::Context;

use super::choices::{Decoding, Device, SpeechModel, WeightType};
use super::values::{audio_context, between, duration};

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Who may connect, and how.
    pub server: Server,
    /// From speech to words.
    pub speech_recognition: SpeechRecognition,
    /// What is protected.
    pub security: Security,
    /// Where transcripts are kept.
    pub database: Database,
    /// From words to tidy text.
    pub ai_enhancement: AiEnhancement,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port to listen on. Anything but loopback needs `tls`, unless `security.encryption` is off.
    pub listen: Spanned<SocketAddr>,
    /// Certificate and key; none serves in the clear.
    pub tls: Option<Tls>,
    /// Origins from which browsers may connect.
    pub origins: Vec<String>,
    /// Clients connected at once.
    #[serde(deserialize_with = "between::<1, 100_000, _, _>")]
    pub connections_max: usize,
    /// Time for TLS and upgrade.
    #[serde(deserialize_with = "duration::<10, 60_000, _>")]
    pub handshake_timeout: Duration,
    /// Longest silence of a client.
    #[serde(deserialize_with = "duration::<100, 3_600_000, _>")]
    pub idle_timeout: Duration,
    /// Longest wait for an answer.
    #[serde(deserialize_with = "duration::<100, 3_600_000, _>")]
    pub answer_timeout: Duration,
    /// Time for answers in the making when the server stops.
    #[serde(deserialize_with = "duration::<0, 600_000, _>")]
    pub drain_timeout: Duration,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: Spanned::new(0..0, SocketAddr::from(([127, 0, 0, 1], 8765))),
            tls: None,
            origins: Vec::new(),
            connections_max: 256,
            handshake_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(120),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// `[server.tls]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate chain, leaf first.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub private_key: PathBuf,
}

/// `[speech_recognition]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpeechRecognition {
    /// `tiny.en`, `base`, or a `ggml-*.bin` file.
    pub model: SpeechModel,
    /// Where the model runs.
    pub device: Device,
    /// How the model's weights are stored: which of the assets a model by name is, and what a file must hold.
    pub compute_type: WeightType,
    /// The language spoken, as a code such as `en`; `auto` detects it, which only a multilingual model can.
    pub language: String,
    /// How much of the encoder's window of 30 seconds is computed: `fit` to the utterance, `full`, or a number of
    /// positions of 20 ms.
    #[serde(deserialize_with = "audio_context")]
    pub audio_ctx: AudioContext,
    /// Threads of one recogniser.
    #[serde(deserialize_with = "between::<1, 64, _, _>")]
    pub threads: usize,
    /// Recognisers at work at once.
    #[serde(deserialize_with = "between::<1, 64, _, _>")]
    pub workers: usize,
    /// Utterances that may wait for a recogniser; the next one is answered with `overloaded`.
    #[serde(deserialize_with = "between::<0, 10_000, _, _>")]
    pub queue_length: usize,
    /// Longest utterance.
    #[serde(deserialize_with = "duration::<1_000, 1_800_000, _>")]
    pub utterance_max: Duration,
}

impl Default for SpeechRecognition {
    fn default() -> Self {
        Self {
            model: SpeechModel::TinyEn,
            device: Device::Cpu,
            // Half the bytes to read for every token, and no more errors than float16 where products are our own
            // (crates/asr/tests/quantised.rs). On a CUDA device nobody has counted.
            compute_type: WeightType::Q8,
            language: "en".to_owned(),
            audio_ctx: AudioContext::default(),
            // One recogniser on both of two cores is the setting for latency; two on one thread each for throughput.
            threads: 2,
            workers: 1,
            queue_length: 32,
            utterance_max: Duration::from_secs(300),
        }
    }
}

/// `[security]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    /// Nothing leaves the process in the clear: the database is encrypted, and beyond loopback TLS is required.
    pub encryption: Spanned<bool>,
    /// Whether clients need a token.
    pub authentication: bool,
    /// Whether requests are held to the protocol's rules.
    pub input_validation: bool,
    /// File with the master key, 64 hexadecimal digits; the environment variable `VOICEFLOW_KEY` goes before it.
    /// None names a file in the user's state folder, which is made at the first start.
    pub key_file: Option<PathBuf>,
    /// Utterances a minute for each user.
    #[serde(deserialize_with = "between::<1, 1_000_000, _, _>")]
    pub requests_per_minute: u32,
    /// Utterances that a user may send at once after a pause.
    #[serde(deserialize_with = "between::<1, 1_000_000, _, _>")]
    pub request_burst: u32,
}

impl Default for Security {
    fn default() -> Self {
        Self {
            encryption: Spanned::new(0..0, true),
            authentication: true,
            input_validation: true,
            key_file: None,
            requests_per_minute: 60,
            request_burst: 20,
        }
    }
}

/// `[database]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// The file; none names one in the user's state folder.
    pub path: Option<PathBuf>,
    /// Connections open at once.
    #[serde(deserialize_with = "between::<1, 1_000, _, _>")]
    pub connection_pool_size: u32,
    /// Whether the file is encrypted.
    pub encryption: Spanned<bool>,
    /// Time between two clean-ups.
    #[serde(deserialize_with = "duration::<1_000, 2_592_000_000, _>")]
    pub cleanup_interval: Duration,
    /// Age at which a clean-up deletes transcripts.
    #[serde(deserialize_with = "duration::<60_000, 315_360_000_000, _>")]
    pub retention: Duration,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            path: None,
            connection_pool_size: 20,
            encryption: Spanned::new(0..0, true),
            cleanup_interval: Duration::from_secs(60 * 60),
            retention: Duration::from_secs(90 * 24 * 60 * 60),
        }
    }
}

/// `[ai_enhancement]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AiEnhancement {
    /// Whether the language model is used; without it the rules tidy alone.
    pub enabled: bool,
    /// A GGUF file of SmolLM2-Instruct; none takes the one from the assets.
    pub model: Option<PathBuf>,
    /// Where the model runs.
    pub device: Device,
    /// Threads of the model on the processor, one text at a time.
    #[serde(deserialize_with = "between::<1, 64, _, _>")]
    pub threads: usize,
    /// What the model may write.
    pub decoding: Decoding,
    /// The contexts whose prompts are read at the start, at about a second each; the others at their first use.
    pub contexts: Vec<Context>,
    /// Longest time for one text, from the transcript on and waiting included, before the rules' text is taken.
    #[serde(deserialize_with = "duration::<10, 60_000, _>")]
    pub timeout: Duration,
    /// Answers remembered.
    #[serde(deserialize_with = "between::<0, 1_000_000, _, _>")]
    pub cache_size: u64,
    /// How long an answer is remembered.
    #[serde(deserialize_with = "duration::<1_000, 2_592_000_000, _>")]
    pub cache_ttl: Duration,
}

impl Default for AiEnhancement {
    fn default() -> Self {
        Self {
            enabled: true,
            model: None,
            device: Device::Cpu,
            threads: 2,
            decoding: Decoding::Constrained,
            contexts: Context::ALL.to_vec(),
            timeout: Duration::from_secs(2),
            cache_size: 1000,
            cache_ttl: Duration::from_secs(60 * 60),
        }
    }
}

impl Config {
    /// Two settings that cannot hold together: where the one to change is, and why.
    pub(super) fn contradiction(&self) -> Option<(Range<usize>, String)> {
        let (encryption, database) = (&self.security.encryption, &self.database.encryption);
        if *encryption.get_ref() && !*database.get_ref() {
            let problem = "database.encryption is off while security.encryption is on; switch both off or both on";
            return Some((database.span(), problem.to_owned()));
        }
        let listen = &self.server.listen;
        if *encryption.get_ref() && self.server.tls.is_none() && !listen.get_ref().ip().is_loopback() {
            let problem = "this address can be reached from the network and security.encryption is on; \
                           add [server.tls] or listen on 127.0.0.1";
            return Some((listen.span(), problem.to_owned()));
        }
        None
    }

    /// Makes every path of the file absolute or relative to the working folder, as the program needs it.
    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        let speech_model = match &mut self.speech_recognition.model {
            SpeechModel::File(path) => Some(path),
            SpeechModel::TinyEn | SpeechModel::Base => None,
        };
        let tls = self
            .server
            .tls
            .as_mut()
            .map(|tls| [&mut tls.certificate, &mut tls.private_key]);
        let optional = [
            &mut self.security.key_file,
            &mut self.database.path,
            &mut self.ai_enhancement.model,
        ];
        let paths = optional
            .into_iter()
            .flatten()
            .chain(speech_model)
            .chain(tls.into_iter().flatten());
        for path in paths {
            *path = folder.join(&*path);
        }
    }
}
