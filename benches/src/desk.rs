//! A request without its models: everything the service does with one but recognising and rewriting, so that what costs
//! microseconds can be told from the noise of models that take hundreds of milliseconds.
//!
//! The socket, the upgrade, the guard, the frames, the rules, the thread that does the work and the store are those of
//! the service. In place of the models stands one dictation that every request is taken to have said.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use voiceflow_asr::audio::{SAMPLE_RATE_HZ, pcm_i16_to_f32};
use voiceflow_enhance::rules;
use voiceflow_protocol::{AudioFrame, Context, ErrorCode, ErrorMessage, Final, Start, TextSource};
use voiceflow_security::kdf::SecretKey;
use voiceflow_service::config::Config;
use voiceflow_service::guard::{Guard, Identity};
use voiceflow_service::keys::Keys;
use voiceflow_storage::{Encryption, NewTranscript, Store, StoreOptions, TranscriptId};
use voiceflow_transport::blocking::Client;
use voiceflow_transport::{Exposure, Handler, Limits, Partials, ServerOptions, Session, Unauthorized, bind, serve};

use crate::line::{Certificate, Line, Service, endpoint, runtime};
use crate::studio::{folder_on_disk, short_takes};
use crate::{Error, Level, Station, Take};

/// What every request is taken to have said.
const DICTATED: &str = "um so the the quarterly budget for the Zurich office needs another look before Friday I think we \
                        should ask the supplier about the delayed shipment";

/// Room for so much audio is made at the start of a session, as the service does.
const USUAL_UTTERANCE_SAMPLES: usize = 10 * SAMPLE_RATE_HZ as usize;

/// A server without models in the background and a client with an open connection.
pub struct Desk {
    // Hangs up before the store goes.
    line: Line,
    kept: Kept,
    /// Read from their files once: what is between two requests should not matter to them.
    recordings: Vec<(Take, Vec<i16>)>,
    next: usize,
    address: SocketAddr,
    folder: TempDir,
}

impl Desk {
    /// A fresh store and a server with this much security and no more.
    ///
    /// # Errors
    /// Whatever keeps store, server or client from starting.
    pub fn open_at(level: Level) -> Result<Self, Error> {
        Self::open_on(level, 1)
    }

    /// The same with so many threads for the server's connections.
    ///
    /// # Errors
    /// As [`Desk::open_at`].
    pub fn open_on(level: Level, threads: usize) -> Result<Self, Error> {
        let recordings = short_takes()?
            .into_iter()
            .map(|take| Ok((take.clone(), take.pcm()?)))
            .collect::<Result<_, Error>>()?;
        let folder = folder_on_disk()?;
        let config = Config::parse(&level.settings(), Path::new("benchmark.toml"))?;
        let keys = Keys::new(SecretKey::from_bytes([7; 32]));
        let guard = Guard::new(&config.security, Some(&keys))?;
        let guard = if level.has_rate_limit() {
            guard
        } else {
            guard.without_rate_limit()
        };
        let token = keys.issuer()?.issue("benchmark", Duration::from_secs(24 * 60 * 60))?;
        let token = config.security.authentication.then_some(token);
        let user = guard.authenticate(token.as_deref())?.user;
        let encryption = if *config.database.encryption.get_ref() {
            Encryption::Key(keys.database())
        } else {
            Encryption::None
        };
        let store = Arc::new(Store::open(&StoreOptions {
            pool_size: config.database.connection_pool_size,
            ..StoreOptions::new(folder.path().join("transcripts.db"), encryption)
        })?);
        let certificate = level.has_tls().then(Certificate::new).transpose()?;
        let options = ServerOptions {
            // Clients hang up without waiting, so more connections overlap than are measured at once.
            limits: Limits {
                connections_max: 4096,
                ..Limits::default()
            },
            tls: certificate.as_ref().map(Certificate::server).transpose()?,
            ..ServerOptions::default()
        };
        let runtime = runtime(threads)?;
        let listener = runtime.block_on(bind(([127, 0, 0, 1], 0).into(), Exposure::Loopback))?;
        let address = listener.local_addr()?;
        let trusted = certificate.as_ref().map(Certificate::trusted).transpose()?;
        let endpoint = endpoint(address, trusted, token.as_deref())?;
        let clerk = Arc::new(Clerk {
            guard,
            store: Arc::clone(&store),
        });
        let service = Service::start(runtime, endpoint, |stopped| {
            serve(listener, options, clerk, stopped.wait())
        });
        Ok(Self {
            line: Line::open(service)?,
            kept: Kept { store, user },
            recordings,
            next: 0,
            address,
            folder,
        })
    }
}

impl Desk {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its database lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// What a desk has stored, and what its answers are held against.
pub struct Kept {
    store: Arc<Store>,
    user: Arc<str>,
}

impl Kept {
    /// Whether the answer to so many samples is right and stored. What was stored is deleted: the store must not grow
    /// from call to call.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self, samples: usize, answer: &Final) -> Result<(), Error> {
        let id = TranscriptId(answer.transcript_id);
        let row = self.store.get(&self.user, id)?.ok_or("nothing was stored")?;
        self.store.delete(&self.user, id)?;
        if row.raw_text != answer.raw_text || row.enhanced_text.as_deref() != Some(answer.text.as_str()) {
            return Err("the stored transcript is not the one that was answered".into());
        }
        Self::check_answer(samples, answer)
    }

    /// Whether the answer to so many samples is right, the store not asked.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check_answer(samples: usize, answer: &Final) -> Result<(), Error> {
        if answer.raw_text != DICTATED || answer.text != rules::tidy(DICTATED, Context::Notes) {
            return Err("the text is not the one dictated, tidied by the rules".into());
        }
        let sent_ms = samples as u64 * 1000 / u64::from(SAMPLE_RATE_HZ);
        if answer.audio_ms != sent_ms {
            return Err(format!("{} ms of audio arrived, not {sent_ms}", answer.audio_ms).into());
        }
        Ok(())
    }
}

impl Station for Desk {
    fn next_take(&mut self) -> Result<(Take, Vec<i16>), Error> {
        let (take, pcm) = self.recordings[self.next].clone();
        self.next = (self.next + 1) % self.recordings.len();
        Ok((take, pcm))
    }

    fn dictate(&mut self, pcm: &[i16]) -> Result<Final, Error> {
        self.line.dictate(pcm)
    }

    fn check(&self, _: &Take, samples: usize, answer: &Final) -> Result<(), Error> {
        self.kept.check(samples, answer)
    }

    fn connect(&self) -> Result<Client, Error> {
        self.line.service().connect()
    }

    fn inputs(&self) -> String {
        let said = self.recordings.iter().map(|(take, _)| take.transcript.as_str());
        format!("{DICTATED}\n{}", said.collect::<Vec<_>>().join("\n"))
    }
}

/// The service's reception, with a store in place of the pipeline.
struct Clerk {
    guard: Guard,
    store: Arc<Store>,
}

impl Handler for Clerk {
    type Identity = Identity;
    type Session = Utterance;

    fn authenticate(&self, token: Option<&str>) -> Result<Identity, Unauthorized> {
        self.guard.authenticate(token).map_err(|_| Unauthorized)
    }

    fn start(&self, identity: &Identity, start: Start, _: Partials) -> Result<Utterance, ErrorMessage> {
        self.guard
            .admit(identity, &start)
            .map_err(|denied| ErrorMessage::new(ErrorCode::Invalid, denied.to_string()))?;
        Ok(Utterance {
            store: Arc::clone(&self.store),
            user: Arc::clone(&identity.user),
            context: start.context,
            samples: Vec::with_capacity(USUAL_UTTERANCE_SAMPLES),
        })
    }
}

struct Utterance {
    store: Arc<Store>,
    user: Arc<str>,
    context: Context,
    samples: Vec<f32>,
}

impl Session for Utterance {
    fn audio(&mut self, frame: AudioFrame<'_>) -> Result<(), ErrorMessage> {
        let pcm: Vec<i16> = frame.samples().collect();
        pcm_i16_to_f32(&pcm, &mut self.samples);
        Ok(())
    }

    async fn finish(self) -> Result<Final, ErrorMessage> {
        let failed = |error: String| ErrorMessage::new(ErrorCode::Internal, error);
        // On a thread of its own, as the service's workers are.
        tokio::task::spawn_blocking(move || self.keep())
            .await
            .map_err(|error| failed(error.to_string()))?
            .map_err(|error| failed(error.to_string()))
    }
}

impl Utterance {
    fn keep(self) -> Result<Final, Error> {
        let text = rules::tidy(DICTATED, self.context);
        let audio_ms = self.samples.len() as u64 * 1000 / u64::from(SAMPLE_RATE_HZ);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let id = self.store.insert(&NewTranscript {
            user: &self.user,
            created_ms: i64::try_from(now.as_millis())?,
            context: self.context,
            raw_text: DICTATED,
            enhanced_text: Some(&text),
            audio_ms: u32::try_from(audio_ms)?,
        })?;
        Ok(Final {
            transcript_id: id.0,
            text,
            raw_text: DICTATED.to_owned(),
            source: TextSource::Rules,
            audio_ms,
            recognition_ms: 0,
            enhancement_ms: 0,
        })
    }
}
