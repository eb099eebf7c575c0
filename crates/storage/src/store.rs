//! The store: opening, writing and deleting, with their SQL. Reading is in `reader`.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{CachedStatement, Connection, TransactionBehavior, params};
use voiceflow_protocol::Context;

use crate::connection::{self, whole_ms};
use crate::error::{Place, StorageError};
use crate::options::StoreOptions;
use crate::pool::{Pool, Pooled};
use crate::reader::{History, Reader, Search, Transcript};
use crate::schema;

const INSERT: &str = "INSERT INTO transcripts (user, created_ms, context, raw_text, enhanced_text, audio_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const DELETE: &str = "DELETE FROM transcripts WHERE id = ?1 AND user = ?2";

const DELETE_OLDER: &str = "DELETE FROM transcripts
    WHERE id IN (SELECT id FROM transcripts WHERE created_ms < ?1 ORDER BY created_ms LIMIT ?2)";

/// Rows that the clean-up deletes in one transaction: about ten milliseconds, so that a writer never waits long.
const DELETE_BATCH: u32 = 500;

/// A database of transcripts. Shared by reference between threads: readers run beside each other and beside the one
/// writer that SQLite allows.
pub struct Store {
    pool: Pool,
    /// Writers of this process queue here. SQLite's own queue is polling with sleeps of up to 100 ms.
    writer: Mutex<()>,
}

/// The number of a transcript, never used twice in one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TranscriptId(pub i64);

/// A transcript to be kept.
#[derive(Clone, Copy, Debug)]
pub struct NewTranscript<'a> {
    /// Whose it is; not empty.
    pub user: &'a str,
    /// When it was dictated, in milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// What it was dictated for.
    pub context: Context,
    /// The recogniser's own words.
    pub raw_text: &'a str,
    /// The tidy text, where there is one.
    pub enhanced_text: Option<&'a str>,
    /// Length of the speech in milliseconds.
    pub audio_ms: u32,
}

impl Store {
    /// Opens the database, creating or migrating it where needed. One connection is made now, so what is wrong with
    /// the file, its key or its schema is known at once.
    ///
    /// # Errors
    /// Every kind of [`StorageError`] that concerns the file.
    pub fn open(options: &StoreOptions) -> Result<Self, StorageError> {
        let place = Arc::new(Place {
            path: options.path.clone(),
            busy_timeout_ms: whole_ms(options.busy_timeout),
        });
        let pool = Pool::new(options, &place)?;
        // Not through the pool, which would retry a wrong key until its time is up.
        let mut first = connection::open(options, &place)?;
        schema::migrate(&mut first, &place)?;
        drop(first);
        Ok(Self {
            pool,
            writer: Mutex::new(()),
        })
    }

    /// Keeps one transcript; it is committed when this returns.
    ///
    /// # Errors
    /// [`StorageError::DiskFull`], [`StorageError::Locked`], [`StorageError::Constraint`] and others; nothing is kept
    /// then.
    pub fn insert(&self, transcript: &NewTranscript<'_>) -> Result<TranscriptId, StorageError> {
        let _turn = self.write_turn();
        let connection = self.pool.get()?;
        let mut statement = self.statement(&connection, INSERT)?;
        self.insert_with(&mut statement, transcript)
    }

    /// Keeps several transcripts in one transaction: all or none.
    ///
    /// # Errors
    /// As [`Store::insert`].
    pub fn insert_all(&self, transcripts: &[NewTranscript<'_>]) -> Result<Vec<TranscriptId>, StorageError> {
        let _turn = self.write_turn();
        let mut connection = self.pool.get()?;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| self.error(&error))?;
        let ids = {
            let mut statement = self.statement(&transaction, INSERT)?;
            transcripts
                .iter()
                .map(|transcript| self.insert_with(&mut statement, transcript))
                .collect()
        };
        if Result::is_ok(&ids) {
            transaction.commit().map_err(|error| self.error(&error))?;
        }
        ids
    }

    /// A connection for several reads, one after the other. It is not for long: while it is held, others lack it.
    ///
    /// # Errors
    /// [`StorageError::PoolBusy`], or what kept a new connection from opening.
    pub fn reader(&self) -> Result<Reader, StorageError> {
        Ok(Reader::new(self.pool.get()?, Arc::clone(self.pool.place())))
    }

    /// [`Reader::get`] on a connection of the pool.
    ///
    /// # Errors
    /// As [`Store::reader`] and [`Reader::get`].
    pub fn get(&self, user: &str, id: TranscriptId) -> Result<Option<Transcript>, StorageError> {
        self.reader()?.get(user, id)
    }

    /// [`Reader::recent`] on a connection of the pool.
    ///
    /// # Errors
    /// As [`Store::reader`] and [`Reader::recent`].
    pub fn recent(&self, user: &str, history: &History) -> Result<Vec<Transcript>, StorageError> {
        self.reader()?.recent(user, history)
    }

    /// [`Reader::search`] on a connection of the pool.
    ///
    /// # Errors
    /// As [`Store::reader`] and [`Reader::search`].
    pub fn search(&self, user: &str, search: &Search<'_>) -> Result<Vec<Transcript>, StorageError> {
        self.reader()?.search(user, search)
    }

    /// [`Reader::count`] on a connection of the pool.
    ///
    /// # Errors
    /// As [`Store::reader`] and [`Reader::count`].
    pub fn count(&self, user: &str) -> Result<u64, StorageError> {
        self.reader()?.count(user)
    }

    /// Deletes one of a user's transcripts; whether there was one.
    ///
    /// # Errors
    /// Of kind [`StorageError`].
    pub fn delete(&self, user: &str, id: TranscriptId) -> Result<bool, StorageError> {
        let _turn = self.write_turn();
        let connection = self.pool.get()?;
        let deleted = self.statement(&connection, DELETE)?.execute(params![id.0, user]);
        deleted.map(|rows| rows > 0).map_err(|error| self.error(&error))
    }

    /// Deletes every transcript made before `cutoff_ms`, of all users; returns how many. It works in small
    /// transactions and lets other writers in between.
    ///
    /// # Errors
    /// Of kind [`StorageError`]; batches finished before it stay deleted.
    pub fn delete_older_than(&self, cutoff_ms: i64) -> Result<u64, StorageError> {
        let mut total = 0;
        loop {
            let batch = self.delete_batch(cutoff_ms)?;
            total += batch;
            if batch < u64::from(DELETE_BATCH) {
                return Ok(total);
            }
        }
    }

    /// Drops the cached pages and statements' memory of all connections not in use, for a process that will rest. The
    /// next reads come from the file again and are decrypted anew.
    ///
    /// # Errors
    /// Of kind [`StorageError`].
    pub fn release_memory(&self) -> Result<(), StorageError> {
        let idle: Vec<Pooled> = std::iter::from_fn(|| self.pool.idle()).collect();
        idle.iter()
            .try_for_each(|connection| connection.release_memory())
            .map_err(|error| self.error(&error))
    }

    fn delete_batch(&self, cutoff_ms: i64) -> Result<u64, StorageError> {
        let _turn = self.write_turn();
        let connection = self.pool.get()?;
        let deleted = self
            .statement(&connection, DELETE_OLDER)?
            .execute(params![cutoff_ms, DELETE_BATCH]);
        deleted.map(|rows| rows as u64).map_err(|error| self.error(&error))
    }

    fn insert_with(
        &self,
        statement: &mut CachedStatement<'_>,
        transcript: &NewTranscript<'_>,
    ) -> Result<TranscriptId, StorageError> {
        let parameters = params![
            transcript.user,
            transcript.created_ms,
            transcript.context.as_str(),
            transcript.raw_text,
            transcript.enhanced_text,
            transcript.audio_ms,
        ];
        statement
            .insert(parameters)
            .map(TranscriptId)
            .map_err(|error| self.error(&error))
    }

    fn statement<'c>(&self, connection: &'c Connection, sql: &str) -> Result<CachedStatement<'c>, StorageError> {
        connection.prepare_cached(sql).map_err(|error| self.error(&error))
    }

    /// Taken before a connection is, so that waiting writers keep none from readers.
    fn write_turn(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, error: &rusqlite::Error) -> StorageError {
        self.pool.place().error(error)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Store")
            .field("path", &self.pool.place().path)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::uses_index_without_sorting;

    #[test]
    fn deleting_finds_its_rows_by_index() {
        uses_index_without_sorting(DELETE, "SEARCH transcripts USING INTEGER PRIMARY KEY (rowid=?)");
        uses_index_without_sorting(DELETE_OLDER, "USING COVERING INDEX transcripts_by_time (created_ms<?)");
    }
}
