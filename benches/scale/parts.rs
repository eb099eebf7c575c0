//! What is done within one process and takes microseconds: the store and the checks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use voiceflow_benches::closed_loop::{Call, Workload};
use voiceflow_benches::{Error, folder_on_disk};
use voiceflow_fixtures::dictation;
use voiceflow_protocol::{ClientMessage, Context, Start, encode_client};
use voiceflow_security::kdf::SecretKey;
use voiceflow_security::seal::{Cipher, HEADER_BYTES, Sealer, TAG_BYTES};
use voiceflow_security::token::{Issuer, Realm, Verifier};
use voiceflow_security::validate;
use voiceflow_storage::{Encryption, Key, NewTranscript, Store, StoreOptions, TranscriptId};

/// Rows of a store that is read: about a megabyte, all of it in SQLite's cache.
const ROWS: usize = 1000;

const USER: &str = "ada@example.com";

/// An encrypted store of [`ROWS`] rows in a folder of its own.
pub(crate) struct Filled {
    pub(crate) store: Arc<Store>,
    pub(crate) options: StoreOptions,
    texts: Arc<[String]>,
    _folder: TempDir,
}

impl Filled {
    pub(crate) fn open(pool_size: u32) -> Result<Self, Error> {
        let folder = folder_on_disk()?;
        let options = StoreOptions {
            pool_size,
            ..StoreOptions::new(
                folder.path().join("transcripts.db"),
                Encryption::Key(Key::new([0x6b; 32])),
            )
        };
        let store = Store::open(&options)?;
        let texts: Arc<[String]> = dictation::texts(1, ROWS, 20).into();
        let rows: Vec<_> = texts.iter().map(|text| row(text)).collect();
        store.insert_all(&rows)?;
        Ok(Self {
            store: Arc::new(store),
            options,
            texts,
            _folder: folder,
        })
    }

    /// Reads one row after the other, beginning elsewhere for each worker; `store` gives the store to read from.
    pub(crate) fn reader<S: AsRef<Store>>(
        &self,
        worker: usize,
        store: impl Fn() -> Result<S, Error> + Send + 'static,
    ) -> Call {
        let texts = Arc::clone(&self.texts);
        let mut at = worker * 37;
        Box::new(move || {
            at = (at + 1) % texts.len();
            // Ids are given from 1 on, in the order of insertion.
            let row = store()?.as_ref().get(USER, TranscriptId(at as i64 + 1))?;
            match row {
                Some(row) if row.raw_text == texts[at] => Ok(None),
                _ => Err("the row read is not the one stored".into()),
            }
        })
    }
}

fn row(text: &str) -> NewTranscript<'_> {
    NewTranscript {
        user: USER,
        created_ms: 1,
        context: Context::Notes,
        raw_text: text,
        enhanced_text: Some(text),
        audio_ms: 4_200,
    }
}

/// Reading a row that is in memory, from a pool of 20 connections.
pub(crate) fn storage_read() -> Result<Box<dyn Workload>, Error> {
    Ok(Box::new(Reads(Filled::open(20)?)))
}

pub(crate) struct Reads(pub(crate) Filled);

impl Workload for Reads {
    fn workers(&mut self, count: usize) -> Result<Vec<Call>, Error> {
        Ok((0..count)
            .map(|worker| {
                let store = Arc::clone(&self.0.store);
                self.0.reader(worker, move || Ok(Arc::clone(&store)))
            })
            .collect())
    }
}

/// Committing a row, encrypted, search index included; every step has a fresh store.
pub(crate) fn storage_write() -> Result<Box<dyn Workload>, Error> {
    Ok(Box::new(Writes(None)))
}

struct Writes(Option<(Arc<Store>, TempDir)>);

impl Workload for Writes {
    fn workers(&mut self, count: usize) -> Result<Vec<Call>, Error> {
        // The old store goes before its folder does.
        self.0 = None;
        let folder = folder_on_disk()?;
        let path = folder.path().join("transcripts.db");
        let options = StoreOptions::new(path, Encryption::Key(Key::new([0x6b; 32])));
        let store = Arc::new(Store::open(&options)?);
        self.0 = Some((Arc::clone(&store), folder));
        let texts: Arc<[String]> = dictation::texts(2, 64, 20).into();
        let inserted = Arc::new(AtomicUsize::new(0));
        let call = |worker: usize| -> Call {
            let (store, texts, inserted) = (Arc::clone(&store), Arc::clone(&texts), Arc::clone(&inserted));
            let mut highest = 0;
            Box::new(move || {
                let text = &texts[(worker + inserted.fetch_add(1, Ordering::Relaxed)) % texts.len()];
                let TranscriptId(id) = store.insert(&row(text))?;
                // No number is given twice, so those of one worker rise.
                if id <= highest {
                    return Err("a number was given twice".into());
                }
                highest = id;
                Ok(None)
            })
        };
        Ok((0..count).map(call).collect())
    }
}

/// What security does with a request: a token seen before, a start message from its JSON, 16 KiB sealed and opened.
pub(crate) fn security() -> Result<Box<dyn Workload>, Error> {
    let realm = || Realm {
        issuer: "voiceflow".to_owned(),
        audience: "scale".to_owned(),
    };
    let secret = [0x5a; 32];
    let token = Issuer::hs256(&secret, realm())?.issue(USER, Duration::from_secs(24 * 3600))?;
    Ok(Box::new(Security {
        verifier: Arc::new(Verifier::hs256(&secret, &realm())?.with_cache(1024)),
        sealer: Arc::new(Sealer::new(Cipher::Aes256Gcm, &SecretKey::from_bytes([9; 32]))?),
        token: token.into(),
        message: encode_client(&ClientMessage::Start(Start::new(Context::Notes)))?.into(),
    }))
}

struct Security {
    verifier: Arc<Verifier>,
    sealer: Arc<Sealer>,
    token: Arc<str>,
    message: Arc<str>,
}

impl Workload for Security {
    fn workers(&mut self, count: usize) -> Result<Vec<Call>, Error> {
        let call = |worker: usize| -> Call {
            let (verifier, sealer) = (Arc::clone(&self.verifier), Arc::clone(&self.sealer));
            let (token, message) = (Arc::clone(&self.token), Arc::clone(&self.message));
            let plain = vec![worker as u8; 16 * 1024];
            let mut envelope = Vec::with_capacity(HEADER_BYTES + plain.len() + TAG_BYTES);
            Box::new(move || {
                if &*verifier.verify(&token)?.user != USER {
                    return Err("the token is another user's".into());
                }
                validate::client_message(&message)?;
                envelope.clear();
                envelope.resize(HEADER_BYTES, 0);
                envelope.extend_from_slice(&plain);
                sealer.seal_in_place(&mut envelope, b"")?;
                if sealer.open_in_place(&mut envelope, b"")? != plain {
                    return Err("what was opened is not what was sealed".into());
                }
                Ok(None)
            })
        };
        Ok((0..count).map(call).collect())
    }
}
