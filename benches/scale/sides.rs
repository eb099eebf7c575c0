//! Things that can be on or off, each side measured in turn with the other.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use tempfile::TempDir;
use voiceflow_asr::{Cancel, Recognizer};
use voiceflow_benches::closed_loop::{Call, Workload};
use voiceflow_benches::{Desk, Error, Kept, Level, Station, dictate, folder_on_disk};
use voiceflow_enhance::Enhancer;
use voiceflow_protocol::Context;
use voiceflow_service::config::SpeechRecognition;
use voiceflow_service::pipeline::{recognizer_options, speech_model};
use voiceflow_storage::{Encryption, Key, NewTranscript, Store, StoreOptions};

use crate::models::{Clip, check_enhanced, dictations, enhancer, lock};
use crate::parts::{Filled, Reads};
use crate::servers::Requests;

/// The same work with something on and with it off.
pub(crate) struct Sides {
    pub(crate) on: Box<dyn Workload>,
    pub(crate) off: Box<dyn Workload>,
}

/// A comparison's name, and how it is prepared.
type Comparison = (&'static str, fn() -> Result<Sides, Error>);

/// By name.
pub(crate) const COMPARISONS: [Comparison; 8] = [
    ("asynchronous-enhancement", asynchronous),
    ("asynchronous-enhancement-without-pauses", asynchronous_without_pauses),
    ("pool-or-open-each-time", pool_or_open),
    ("pool-or-one-connection", pool_or_one),
    ("response-cache-of-repeats", cache_of_repeats),
    ("response-cache-of-new-texts", cache_of_new_texts),
    ("connection-reuse-tls", reuse_tls),
    ("connection-reuse-clear", reuse_clear),
];

/// Reading a row from a pool, or from a store opened for it.
fn pool_or_open() -> Result<Sides, Error> {
    Ok(Sides {
        on: Box::new(Reads(Filled::open(20)?)),
        off: Box::new(Opening(Filled::open(1)?)),
    })
}

struct Opening(Filled);

impl Workload for Opening {
    fn workers(&mut self, count: usize) -> Result<Vec<Call>, Error> {
        Ok((0..count)
            .map(|worker| {
                let options = self.0.options.clone();
                self.0.reader(worker, move || Ok(Arc::new(Store::open(&options)?)))
            })
            .collect())
    }
}

/// Reading a row from a pool of 20 connections, or from one that all share.
fn pool_or_one() -> Result<Sides, Error> {
    Ok(Sides {
        on: Box::new(Reads(Filled::open(20)?)),
        off: Box::new(Reads(Filled::open(1)?)),
    })
}

/// Tidying the same few dictations again and again.
fn cache_of_repeats() -> Result<Sides, Error> {
    Ok(Sides {
        on: Box::new(Tidying::new(1000, false)?),
        off: Box::new(Tidying::new(0, false)?),
    })
}

/// Tidying a new dictation each time, with room for a few: what remembering costs, and whether memory stays flat.
fn cache_of_new_texts() -> Result<Sides, Error> {
    Ok(Sides {
        on: Box::new(Tidying::new(16, true)?),
        off: Box::new(Tidying::new(0, true)?),
    })
}

struct Tidying {
    enhancer: Arc<Enhancer>,
    texts: Vec<&'static str>,
    numbers_them: bool,
    number: Arc<Mutex<u64>>,
}

impl Tidying {
    fn new(cache_size: u64, numbers_them: bool) -> Result<Self, Error> {
        let mut texts = dictations()?;
        texts.truncate(8);
        Ok(Self {
            enhancer: Arc::new(enhancer(cache_size)?),
            texts,
            numbers_them,
            number: Arc::default(),
        })
    }
}

impl Workload for Tidying {
    fn workers(&mut self, count: usize) -> Result<Vec<Call>, Error> {
        let call = |_| -> Call {
            let (enhancer, texts, number) = (Arc::clone(&self.enhancer), self.texts.clone(), Arc::clone(&self.number));
            let numbers_them = self.numbers_them;
            Box::new(move || {
                let number = {
                    let mut number = lock(&number);
                    *number += 1;
                    *number
                };
                let text = texts[usize::try_from(number)? % texts.len()];
                let text = if numbers_them {
                    format!("{text} {number}")
                } else {
                    text.to_owned()
                };
                check_enhanced(&enhancer.enhance(&text, Context::Notes))?;
                Ok(None)
            })
        };
        Ok((0..count).map(call).collect())
    }
}

/// A request on an open connection, or on one made for it, under TLS with a full handshake.
fn reuse_tls() -> Result<Sides, Error> {
    reuse(Level::Full)
}

/// The same in the clear.
fn reuse_clear() -> Result<Sides, Error> {
    reuse(Level::Authentication)
}

fn reuse(level: Level) -> Result<Sides, Error> {
    Ok(Sides {
        on: Box::new(Requests::new(level, 1)),
        off: Box::new(Reconnecting { level, desk: None }),
    })
}

/// On a connection that is made for each request. Every step has a fresh store.
struct Reconnecting {
    level: Level,
    desk: Option<Arc<Mutex<Desk>>>,
}

impl Workload for Reconnecting {
    fn workers(&mut self, count: usize) -> Result<Vec<Call>, Error> {
        let desk = self.desk.insert(Arc::new(Mutex::new(Desk::open_at(self.level)?)));
        (0..count)
            .map(|_| {
                let desk = Arc::clone(desk);
                let (_, pcm) = lock(&desk).next_take()?;
                let call: Call = Box::new(move || {
                    let mut client = lock(&desk).connect()?;
                    let answer = dictate(&mut client, &pcm)?;
                    Kept::check_answer(pcm.len(), &answer)?;
                    Ok(None)
                });
                Ok(call)
            })
            .collect()
    }
}

/// Somebody who dictates, waits for the transcript, and speaks again for as long as the recording is.
fn asynchronous() -> Result<Sides, Error> {
    asynchronous_with(true)
}

/// The same without a pause: the next recording is there already.
fn asynchronous_without_pauses() -> Result<Sides, Error> {
    asynchronous_with(false)
}

fn asynchronous_with(pauses: bool) -> Result<Sides, Error> {
    let shared = Arc::new(Shared {
        enhancer: enhancer(0)?,
        store: empty_store()?,
        compute: Mutex::default(),
    });
    let settings = SpeechRecognition::default();
    let model = speech_model(&settings)?;
    let clips = Clip::short()?;
    let dictating = |is_asynchronous: bool| -> Result<Box<dyn Workload>, Error> {
        Ok(Box::new(Dictating {
            shared: Arc::clone(&shared),
            recognizer: Arc::new(Mutex::new(model.recognizer(&recognizer_options(&settings))?)),
            clips: clips.clone(),
            pauses,
            is_asynchronous,
        }))
    };
    Ok(Sides {
        on: dictating(true)?,
        off: dictating(false)?,
    })
}

/// Language model and store, and the right to compute: recognition and rewriting never run at once, as in the service.
struct Shared {
    enhancer: Enhancer,
    store: (Store, TempDir),
    compute: Mutex<()>,
}

impl Shared {
    fn finish(&self, raw_text: &str) -> Result<(), Error> {
        let enhanced = {
            let _alone = lock(&self.compute);
            self.enhancer.enhance(raw_text, Context::Notes)
        };
        check_enhanced(&enhanced)?;
        self.store.0.insert(&NewTranscript {
            user: "ada@example.com",
            created_ms: 1,
            context: Context::Notes,
            raw_text,
            enhanced_text: Some(&enhanced.text),
            audio_ms: 1,
        })?;
        Ok(())
    }
}

struct Dictating {
    shared: Arc<Shared>,
    recognizer: Arc<Mutex<Recognizer>>,
    clips: Vec<Clip>,
    pauses: bool,
    is_asynchronous: bool,
}

impl Workload for Dictating {
    fn workers(&mut self, count: usize) -> Result<Vec<Call>, Error> {
        let call = |worker: usize| -> Call {
            let (shared, recognizer) = (Arc::clone(&self.shared), Arc::clone(&self.recognizer));
            let (clips, pauses) = (self.clips.clone(), self.pauses);
            let mut follower = self.is_asynchronous.then(|| Follower::start(&shared));
            let mut at = worker;
            Box::new(move || {
                at = (at + 1) % clips.len();
                let clip = &clips[at];
                if pauses {
                    thread::sleep(clip.length);
                }
                let spoken = Instant::now();
                let raw_text = {
                    let _shared = lock(&shared.compute);
                    lock(&recognizer).transcribe(&clip.samples, &Cancel::new())?.text
                };
                let waited = match &mut follower {
                    Some(follower) => {
                        // The transcript is there; its tidy text follows.
                        let waited = spoken.elapsed();
                        follower.take(raw_text.clone())?;
                        waited
                    }
                    None => {
                        shared.finish(&raw_text)?;
                        spoken.elapsed()
                    }
                };
                clip.check(&raw_text)?;
                Ok(Some(waited))
            })
        };
        Ok((0..count).map(call).collect())
    }
}

/// A thread that tidies and stores transcripts that were answered already.
struct Follower {
    // Closed first, so that the thread finishes what is queued and ends.
    queue: Option<SyncSender<String>>,
    thread: Option<thread::JoinHandle<Result<(), String>>>,
}

impl Follower {
    /// Transcripts that may wait to be tidied. More would let somebody who never pauses run ever further ahead.
    const WAITING_MAX: usize = 1;

    fn start(shared: &Arc<Shared>) -> Self {
        let (queue, transcripts) = sync_channel::<String>(Self::WAITING_MAX);
        let shared = Arc::clone(shared);
        let thread = thread::spawn(move || {
            transcripts
                .iter()
                .try_for_each(|raw_text| shared.finish(&raw_text).map_err(|error| error.to_string()))
        });
        Self {
            queue: Some(queue),
            thread: Some(thread),
        }
    }

    fn take(&mut self, raw_text: String) -> Result<(), Error> {
        let sent = self.queue.as_ref().map(|queue| queue.send(raw_text));
        if matches!(sent, Some(Ok(()))) {
            return Ok(());
        }
        Err(self.end().err().unwrap_or_else(|| "the follower has ended".into()))
    }

    fn end(&mut self) -> Result<(), Error> {
        self.queue = None;
        match self.thread.take().map(thread::JoinHandle::join) {
            Some(Ok(outcome)) => outcome.map_err(Error::from),
            Some(Err(_)) => Err("the follower panicked".into()),
            None => Ok(()),
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // What went wrong was told to the call that came next; after the last call nobody asks.
        let _ = self.end();
    }
}

/// An encrypted store without rows.
fn empty_store() -> Result<(Store, TempDir), Error> {
    let folder = folder_on_disk()?;
    let path = folder.path().join("transcripts.db");
    let store = Store::open(&StoreOptions::new(path, Encryption::Key(Key::new([0x6b; 32]))))?;
    Ok((store, folder))
}
