//! The store: opening, writing and deleting, with their SQL. Reading is in `reader`.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, Statement, Transaction, TransactionBehavior, params};
use voiceflow_protocol::Context;

use crate::backup;
use crate::connection::Opener;
use crate::error::StorageError;
use crate::options::StoreOptions;
use crate::reader::{History, Reader, Search, Transcript};
use crate::shared::Shared;
use crate::upkeep::Upkeep;
use crate::{indexes, schema};

/// The next number is above every one that is in use or was deleted.
const INSERT: &str = "INSERT INTO transcripts (id, user, created_ms, context, raw_text, enhanced_text, audio_ms)
    VALUES (1 + max(coalesce((SELECT max(id) FROM transcripts), 0), (SELECT deleted_id FROM counters)),
        ?1, ?2, ?3, ?4, ?5, ?6)";

const DELETE: &str = "DELETE FROM transcripts WHERE id = ?1 AND user = ?2";

/// User by user, as the order has it, and those that wait for it. Nothing is written to find them: deleting must be
/// possible when the disk is full.
const OLDER: &str = "WITH RECURSIVE users (user) AS (
        SELECT min(user) FROM transcript_order
        UNION ALL
        SELECT (SELECT min(user) FROM transcript_order WHERE user > users.user) FROM users WHERE user IS NOT NULL
    )
    SELECT id FROM users CROSS JOIN transcript_order USING (user) WHERE created_ms < ?1
    UNION ALL
    SELECT id FROM transcripts WHERE id > (SELECT indexed_id FROM counters) AND created_ms < ?1";

/// One statement for a whole batch: the search index writes out what it has at the start of every statement.
const DELETE_OLD: &str = "DELETE FROM transcripts WHERE id IN (SELECT value FROM json_each(?1)) AND created_ms < ?2";

/// Rows that the clean-up deletes in one transaction: about ten milliseconds, so that a writer never waits long.
const DELETE_BATCH: usize = 500;

/// A database of transcripts. Shared by reference between threads: readers run beside each other and beside the one
/// writer that SQLite allows.
///
/// Drop it before the process ends: its thread may be at work, and SQLCipher takes itself apart when `main` returns. The
/// drop waits for the batch of rows, or the folding of the log, that the thread is at; what is left is taken up when the
/// database is opened again.
pub struct Store {
    upkeep: Upkeep,
    shared: Arc<Shared>,
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
        let opener = Arc::new(Opener::new(options));
        let mut first = opener.open()?;
        schema::migrate(&mut first, opener.place())?;
        let waiting_rows = earlier_rows(&first, options);
        let shared = Arc::new(Shared::new(opener, first)?);
        let upkeep = Upkeep::new(&shared, options.upkeep);
        upkeep.note(u64::from(waiting_rows));
        Ok(Self { upkeep, shared })
    }

    /// Keeps one transcript; it is committed when this returns.
    ///
    /// # Errors
    /// [`StorageError::DiskFull`], [`StorageError::Locked`], [`StorageError::Constraint`] and others; nothing is kept
    /// then.
    pub fn insert(&self, transcript: &NewTranscript<'_>) -> Result<TranscriptId, StorageError> {
        let id = self
            .shared
            .write(|connection| insert(&mut *connection.prepare_cached(INSERT)?, transcript))?;
        self.upkeep.note(1);
        Ok(id)
    }

    /// Keeps several transcripts in one transaction: all or none.
    ///
    /// # Errors
    /// As [`Store::insert`].
    pub fn insert_all(&self, transcripts: &[NewTranscript<'_>]) -> Result<Vec<TranscriptId>, StorageError> {
        let ids = self.shared.write(|connection| {
            let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
            let ids = insert_each(&transaction, transcripts)?;
            transaction.commit()?;
            Ok(ids)
        })?;
        self.upkeep.note(ids.len() as u64);
        Ok(ids)
    }

    /// A connection for several reads, one after the other. It is not for long: while it is held, others lack it.
    ///
    /// # Errors
    /// [`StorageError::PoolBusy`], or what kept a new connection from opening.
    pub fn reader(&self) -> Result<Reader, StorageError> {
        Reader::new(&self.shared)
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
        let rows = self
            .shared
            .write(|connection| connection.prepare_cached(DELETE)?.execute(params![id.0, user]))?;
        self.upkeep.note(rows as u64);
        Ok(rows > 0)
    }

    /// Deletes every transcript made before `cutoff_ms`, of all users; returns how many. It looks for them once, then
    /// works in small transactions and lets other writers in between.
    ///
    /// # Errors
    /// Of kind [`StorageError`]; batches finished before it stay deleted.
    pub fn delete_older_than(&self, cutoff_ms: i64) -> Result<u64, StorageError> {
        let mut total = 0;
        for batch in self.older_than(cutoff_ms)?.chunks(DELETE_BATCH) {
            let rows = self
                .shared
                .write(|connection| delete_batch(connection, batch, cutoff_ms))?;
            self.upkeep.note(rows);
            total += rows;
        }
        Ok(total)
    }

    /// Drops the cached pages and statements' memory of all connections not in use, for a process that will rest. The
    /// next reads come from the file again and are decrypted anew.
    ///
    /// # Errors
    /// Of kind [`StorageError`].
    pub fn release_memory(&self) -> Result<(), StorageError> {
        self.shared.release_memory()
    }

    /// Copies the database, as it is at one moment, into a new file with the same key, beside readers and writers.
    ///
    /// # Errors
    /// [`StorageError::FileExists`] where there is a file already, and others; what was begun is removed then.
    pub fn back_up(&self, path: &Path) -> Result<(), StorageError> {
        backup::copy(&self.shared, path)
    }

    fn older_than(&self, cutoff_ms: i64) -> Result<Vec<i64>, StorageError> {
        let connection = self.shared.reader()?;
        let ids = connection.prepare_cached(OLDER).and_then(|mut statement| {
            let rows = statement.query_map([cutoff_ms], |row| row.get(0))?;
            rows.collect()
        });
        ids.map_err(|error| self.shared.place().error(&error))
    }
}

/// Rows that earlier runs left waiting for the index: of runs that are all short, none would write a batch by itself.
fn earlier_rows(connection: &Connection, options: &StoreOptions) -> u32 {
    if !options.upkeep {
        return 0;
    }
    // A page that cannot be read is told to whoever reads it, and keeps nobody from the others.
    indexes::waiting_rows(connection).unwrap_or(0)
}

fn insert(statement: &mut Statement<'_>, transcript: &NewTranscript<'_>) -> rusqlite::Result<TranscriptId> {
    let parameters = params![
        transcript.user,
        transcript.created_ms,
        transcript.context.as_str(),
        transcript.raw_text,
        transcript.enhanced_text,
        transcript.audio_ms,
    ];
    statement.insert(parameters).map(TranscriptId)
}

fn insert_each(connection: &Connection, transcripts: &[NewTranscript<'_>]) -> rusqlite::Result<Vec<TranscriptId>> {
    let mut statement = connection.prepare_cached(INSERT)?;
    transcripts
        .iter()
        .map(|transcript| insert(&mut statement, transcript))
        .collect()
}

fn delete_batch(connection: &Connection, ids: &[i64], cutoff_ms: i64) -> rusqlite::Result<u64> {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    let rows = connection
        .prepare_cached(DELETE_OLD)?
        .execute(params![format!("[{}]", ids.join(",")), cutoff_ms])?;
    Ok(rows as u64)
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Store")
            .field("path", &self.shared.place().path)
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
        uses_index_without_sorting(
            OLDER,
            "SEARCH transcript_order USING PRIMARY KEY (user=? AND created_ms<?)",
        );
        uses_index_without_sorting(OLDER, "SEARCH transcripts USING INTEGER PRIMARY KEY (rowid>?)");
        uses_index_without_sorting(DELETE_OLD, "SEARCH transcripts USING INTEGER PRIMARY KEY (rowid=?)");
    }
}
