//! What the storage tests share: a store in a folder of its own, and transcripts to put into it.
#![allow(dead_code, reason = "each test target uses a part")]

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use voiceflow_protocol::Context;
use voiceflow_storage::{Encryption, Key, NewTranscript, Search, Store, StoreOptions};

pub(crate) fn key(byte: u8) -> Encryption {
    Encryption::Key(Key::new([byte; 32]))
}

/// A folder that is removed afterwards, and the database's path in it.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) path: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("transcripts.db");
        Self { folder, path }
    }

    pub(crate) fn options(&self, encryption: Encryption) -> StoreOptions {
        StoreOptions {
            pool_size: 4,
            busy_timeout: Duration::from_millis(200),
            ..StoreOptions::new(&self.path, encryption)
        }
    }

    pub(crate) fn open(&self, encryption: Encryption) -> Store {
        Store::open(&self.options(encryption)).unwrap()
    }
}

pub(crate) fn transcript<'a>(user: &'a str, created_ms: i64, raw_text: &'a str) -> NewTranscript<'a> {
    NewTranscript {
        user,
        created_ms,
        context: Context::Notes,
        raw_text,
        enhanced_text: None,
        audio_ms: 1_000,
    }
}

/// The numbers of what a user finds, in order.
pub(crate) fn found(store: &Store, user: &str, words: &str) -> Vec<i64> {
    let search = Search {
        words,
        limit: 100,
        context: None,
    };
    let mut ids: Vec<i64> = store
        .search(user, &search)
        .unwrap()
        .iter()
        .map(|found| found.id.0)
        .collect();
    ids.sort_unstable();
    ids
}

/// SQLite on the same file, without a key and without the store.
pub(crate) fn raw_connection(place: &Place) -> rusqlite::Connection {
    rusqlite::Connection::open(&place.path).unwrap()
}
