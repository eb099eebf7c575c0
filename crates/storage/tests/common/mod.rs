//! What the storage tests share: a store in a folder of its own, and transcripts to put into it.
#![allow(dead_code, reason = "each test target uses a part")]

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use voiceflow_protocol::Context;
use voiceflow_storage::{Encryption, Key, NewTranscript, Store, StoreOptions};

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
