//! Stores filled with transcripts that are the same in every run.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use voiceflow_kit::{PrepareError, digest_parts};
use voiceflow_protocol::Context;
use voiceflow_storage::{Encryption, Key, NewTranscript, Search, StorageError, Store, StoreOptions};

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

/// Bytes of a long text, which fills seventeen pages of its own.
const LONG_TEXT_BYTES: usize = 64 * 1024;

/// A store and its folder, which goes when this goes.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    options: StoreOptions,
    folder: TempDir,
}

/// Every byte of the key.
const KEY_BYTE: u8 = 0x6b;

pub(crate) fn keyed() -> Encryption {
    Encryption::Key(Key::new([KEY_BYTE; 32]))
}

/// The same key as SQLCipher takes it.
pub(crate) fn raw_key() -> String {
    format!("x'{}'", format!("{KEY_BYTE:02x}").repeat(32))
}

/// A folder below the target folder: the system's temporary folder is often in memory, where nothing waits for a disk.
pub(crate) fn folder_on_disk() -> std::io::Result<TempDir> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/voiceflow");
    std::fs::create_dir_all(&target)?;
    tempfile::tempdir_in(target)
}

impl Fixture {
    /// An empty store. `adjust` changes the options; they start with one reading connection, so that it is always the
    /// same page cache that answers, and without upkeep, so that nothing works beside what is timed.
    pub(crate) fn empty(encryption: Encryption, adjust: fn(&mut StoreOptions)) -> Result<Self, PrepareError> {
        let folder = folder_on_disk()?;
        let path: PathBuf = folder.path().join("transcripts.db");
        let mut options = StoreOptions {
            pool_size: 1,
            upkeep: false,
            ..StoreOptions::new(path, encryption)
        };
        adjust(&mut options);
        Ok(Self {
            store: Store::open(&options)?,
            options,
            folder,
        })
    }

    /// A store with [`ROWS`] rows of [`USER`], ids from 1 on, all indexed and the log folded into the file.
    pub(crate) fn filled(encryption: Encryption, adjust: fn(&mut StoreOptions)) -> Result<Self, PrepareError> {
        Self::with_texts(encryption, adjust, ROWS, text)
    }

    /// The same with another number of rows and other texts.
    pub(crate) fn with_texts(
        encryption: Encryption,
        adjust: fn(&mut StoreOptions),
        rows: usize,
        text: fn(usize) -> String,
    ) -> Result<Self, PrepareError> {
        let Self { store, options, folder } = Self::empty(encryption, adjust)?;
        insert(&store, 0, rows, text)?;
        index(&store)?;
        // The last connection that closes folds the log.
        drop(store);
        Ok(Self {
            store: Store::open(&options)?,
            options,
            folder,
        })
    }

    /// A second store on the same file, beside the first.
    pub(crate) fn reopen(&self) -> Result<Store, StorageError> {
        Store::open(&self.options)
    }

    /// Adds `count` rows that are older than all others, and leaves them waiting for the index.
    pub(crate) fn insert_older(&self, count: usize) -> Result<(), StorageError> {
        let texts: Vec<String> = (0..count).map(text).collect();
        let rows: Vec<_> = texts
            .iter()
            .map(|text| NewTranscript {
                created_ms: -1,
                ..row(0, text)
            })
            .collect();
        self.store.insert_all(&rows).map(|_| ())
    }

    /// Has every row indexed.
    pub(crate) fn index(&self) -> Result<(), StorageError> {
        index(&self.store)
    }

    /// Closes the store and keeps its file, for a look at it without the store.
    pub(crate) fn into_file(self) -> (PathBuf, TempDir) {
        let Self { store, options, folder } = self;
        drop(store);
        (options.path, folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.options.path
    }

    /// A name in the same folder.
    pub(crate) fn path_beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds transcripts number `first` to `first + count` in one transaction.
    pub(crate) fn insert(&self, first: usize, count: usize) -> Result<(), StorageError> {
        insert(&self.store, first, count, text)
    }
}

/// Has every row indexed, as any search does first.
fn index(store: &Store) -> Result<(), StorageError> {
    let search = Search {
        words: "indexed",
        limit: 1,
        context: None,
    };
    store.search(USER, &search).map(|_| ())
}

fn insert(store: &Store, first: usize, count: usize, text: fn(usize) -> String) -> Result<(), StorageError> {
    let texts: Vec<String> = (first..first + count).map(text).collect();
    let rows: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| row(first + index, text))
        .collect();
    store.insert_all(&rows).map(|_| ())
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

/// A dictation of an hour and a half: 64 KiB.
pub(crate) fn long_text(number: usize) -> String {
    let mut long = text(number);
    while long.len() < LONG_TEXT_BYTES {
        long.push(' ');
        long.push_str(SENTENCES[long.len() % SENTENCES.len()]);
    }
    long.truncate(LONG_TEXT_BYTES);
    long
}

/// The digest of the transcripts number 0 to `rows`, with all that is in them, for the record.
pub(crate) fn inputs(rows: usize, text: fn(usize) -> String) -> [u8; 32] {
    digest_parts((0..rows).map(|number| format!("{:?}", row(number, &text(number)))))
}
