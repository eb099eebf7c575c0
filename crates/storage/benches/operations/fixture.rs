//! Stores filled with transcripts that are the same in every run.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use voiceflow_kit::PrepareError;
use voiceflow_protocol::Context;
use voiceflow_storage::{Encryption, Key, NewTranscript, StorageError, Store, StoreOptions};

/// Rows of a filled store. About a megabyte: well within SQLite's page cache of 2 MB.
pub(crate) const ROWS: usize = 1000;

pub(crate) const USER: &str = "ada@example.com";

/// Sentences as people dictate them; numbers make each transcript another.
const SENTENCES: [&str; 5] = [
    "so the quarterly budget for the Zurich office needs another look before Friday",
    "um remind me to call the supplier about the delayed shipment of microphones",
    "the parser drops the last token when the buffer ends in the middle of a character",
    "two pints of milk a loaf of bread and something for the cat",
    "we agreed that the release waits until the migration has been tried on a copy",
];

/// A store and its folder, which goes when this goes.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    options: StoreOptions,
    _folder: TempDir,
}

pub(crate) fn keyed() -> Encryption {
    Encryption::Key(Key::new([0x6b; 32]))
}

/// A folder below the target folder: the system's temporary folder is often in memory, where nothing waits for a disk.
fn folder_on_disk() -> std::io::Result<TempDir> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/voiceflow");
    std::fs::create_dir_all(&target)?;
    tempfile::tempdir_in(target)
}

impl Fixture {
    /// An empty store. `adjust` changes the options; they start with one connection, so that it is always the same
    /// page cache that answers.
    pub(crate) fn empty(encryption: Encryption, adjust: fn(&mut StoreOptions)) -> Result<Self, PrepareError> {
        let folder = folder_on_disk()?;
        let path: PathBuf = folder.path().join("transcripts.db");
        let mut options = StoreOptions {
            pool_size: 1,
            ..StoreOptions::new(path, encryption)
        };
        adjust(&mut options);
        Ok(Self {
            store: Store::open(&options)?,
            options,
            _folder: folder,
        })
    }

    /// A store with [`ROWS`] rows of [`USER`], ids from 1 on, the log folded into the file.
    pub(crate) fn filled(encryption: Encryption, adjust: fn(&mut StoreOptions)) -> Result<Self, PrepareError> {
        let mut fixture = Self::empty(encryption, adjust)?;
        fixture.insert(0, ROWS)?;
        fixture.store = fixture.reopen()?;
        Ok(fixture)
    }

    /// Closes nothing: a second store on the same file. The first one's last connection folds the log when it goes.
    pub(crate) fn reopen(&self) -> Result<Store, StorageError> {
        Store::open(&self.options)
    }

    /// Adds transcripts number `first` to `first + count` in one transaction.
    pub(crate) fn insert(&self, first: usize, count: usize) -> Result<(), StorageError> {
        let texts: Vec<String> = (first..first + count).map(text).collect();
        let rows: Vec<_> = texts
            .iter()
            .enumerate()
            .map(|(index, text)| row(first + index, text))
            .collect();
        self.store.insert_all(&rows).map(|_| ())
    }
}

/// Transcript number `number`, dictated that many milliseconds after 1970.
pub(crate) fn row(number: usize, text: &str) -> NewTranscript<'_> {
    NewTranscript {
        user: USER,
        created_ms: number as i64,
        context: Context::ALL[number % Context::ALL.len()],
        raw_text: text,
        enhanced_text: Some(text),
        audio_ms: 4_200,
    }
}

pub(crate) fn text(number: usize) -> String {
    format!("{} {number}", SENTENCES[number % SENTENCES.len()])
}

/// What decides every input here, for the record.
pub(crate) fn inputs() -> Vec<u8> {
    SENTENCES.join("\n").into_bytes()
}
