//! Transcripts on disk: SQLite, encrypted by SQLCipher where a key is given, with full-text search and a pool.
//!
//! | module | holds |
//! |---|---|
//! | `store` | opening, inserting, deleting, and their SQL |
//! | `reader` | reading by number, time and words, and its SQL |
//! | `migrations/*.sql`, `schema` | the tables, and how an older database becomes the present one |
//! | `connection` | opening one connection: key, pragmas, what each failure means |
//! | `shared`, `turn`, `pool` | what a store and its readers share, the turn to write, many connections to one file |
//! | `indexes` | the search index and the order by time, brought up to date in batches |
//! | `upkeep` | the thread that does so, and that folds the write-ahead log |
//! | `backup` | a copy of the file while it is in use |
//! | `search` | from what a user typed to an FTS5 expression |
//!
//! This crate has no clock (callers say when a transcript was made and how old is too old), derives no key (it takes 32
//! raw bytes) and logs nothing. No error carries a key, a text or a user's name.

mod backup;
mod connection;
mod error;
mod indexes;
mod options;
mod pool;
mod reader;
mod schema;
mod search;
mod shared;
mod store;
mod turn;
mod upkeep;

pub use error::StorageError;
pub use options::{Access, Durability, Encryption, KEY_BYTES, Key, StoreOptions};
pub use reader::{History, Reader, Search, Transcript};
pub use schema::SCHEMA_VERSION;
pub use store::{NewTranscript, Store, TranscriptId};
