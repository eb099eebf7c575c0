//! Transcripts on disk: SQLite, encrypted by SQLCipher where a key is given, with full-text search and a pool.
//!
//! | module | holds |
//! |---|---|
//! | `store` | opening, inserting, deleting, and their SQL |
//! | `reader` | reading by number, time and words, and its SQL |
//! | `migrations/*.sql`, `schema` | the tables, and how an older database becomes the present one |
//! | `connection` | opening one connection: key, pragmas, what each failure means |
//! | `pool` | many connections to one file |
//! | `search` | from what a user typed to an FTS5 expression |
//!
//! This crate has no clock (callers say when a transcript was made and how old is too old), derives no key (it takes 32
//! raw bytes) and logs nothing. No error carries a key, a text or a user's name.

mod connection;
mod error;
mod options;
mod pool;
mod reader;
mod schema;
mod search;
mod store;

pub use error::StorageError;
pub use options::{Durability, Encryption, KEY_BYTES, Key, StoreOptions};
pub use reader::{History, Reader, Search, Transcript};
pub use schema::SCHEMA_VERSION;
pub use store::{NewTranscript, Store, TranscriptId};
