//! Reading: by number, by time, by words, with their SQL.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use rusqlite::types::Type;
use rusqlite::{CachedStatement, Params, Row, named_params, params};
use voiceflow_protocol::{Context, UnknownContext};

use crate::error::StorageError;
use crate::pool::Pooled;
use crate::shared::Shared;
use crate::store::TranscriptId;
use crate::{indexes, search};

const GET: &str = "SELECT id, created_ms, context, raw_text, enhanced_text, audio_ms
    FROM transcripts WHERE id = ?1 AND user = ?2";

/// Of the transcripts that the order has.
const RECENT: &str = "SELECT id, created_ms, context, raw_text, enhanced_text, audio_ms
    FROM transcript_order CROSS JOIN transcripts USING (user, created_ms, id)
    WHERE user = :user AND created_ms >= :from_ms AND created_ms < :before_ms
        AND (:context IS NULL OR context = :context)
    ORDER BY created_ms DESC, id DESC LIMIT :limit";

/// Of the transcripts that wait for it, a few hundred at most in ordinary use.
const RECENT_WAITING: &str = "SELECT id, created_ms, context, raw_text, enhanced_text, audio_ms
    FROM transcripts
    WHERE id > (SELECT indexed_id FROM counters)
        AND user = :user AND created_ms >= :from_ms AND created_ms < :before_ms
        AND (:context IS NULL OR context = :context)
    ORDER BY created_ms DESC, id DESC LIMIT :limit";

const SEARCH: &str = "SELECT id, created_ms, context, transcripts.raw_text, transcripts.enhanced_text, audio_ms
    FROM transcript_words CROSS JOIN transcripts ON transcripts.id = transcript_words.rowid
    WHERE transcript_words MATCH :words AND user = :user AND (:context IS NULL OR context = :context)
    ORDER BY transcript_words.rank, id DESC LIMIT :limit";

const COUNT: &str = "SELECT (SELECT count(*) FROM transcript_order WHERE user = ?1)
    + (SELECT count(*) FROM transcripts WHERE id > (SELECT indexed_id FROM counters) AND user = ?1)";

/// One connection of a store, on loan for reads; it goes back when dropped.
pub struct Reader {
    connection: Pooled,
    shared: Arc<Shared>,
}

/// A transcript as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// Its number.
    pub id: TranscriptId,
    /// When it was dictated, in milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// What it was dictated for.
    pub context: Context,
    /// The recogniser's own words.
    pub raw_text: String,
    /// The tidy text, where there is one.
    pub enhanced_text: Option<String>,
    /// Length of the speech in milliseconds.
    pub audio_ms: u32,
}

/// Which of a user's transcripts [`Reader::recent`] returns.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// Most rows to return.
    pub limit: u32,
    /// Only those made before this time.
    pub before_ms: Option<i64>,
    /// Only those of this context.
    pub context: Option<Context>,
}

/// What [`Reader::search`] looks for.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Words that must all be in the transcript, in either text. Signs have no meaning.
    pub words: &'a str,
    /// Most rows to return.
    pub limit: u32,
    /// Only transcripts of this context.
    pub context: Option<Context>,
}

impl Reader {
    pub(crate) fn new(shared: &Arc<Shared>) -> Result<Self, StorageError> {
        Ok(Self {
            connection: shared.reader()?,
            shared: Arc::clone(shared),
        })
    }

    /// One of a user's transcripts; `None` if there is none of that number, or it is someone else's.
    ///
    /// # Errors
    /// Of kind [`StorageError`].
    pub fn get(&self, user: &str, id: TranscriptId) -> Result<Option<Transcript>, StorageError> {
        Ok(self.rows(GET, params![id.0, user], 1)?.pop())
    }

    /// A user's latest transcripts, newest first.
    ///
    /// # Errors
    /// Of kind [`StorageError`].
    pub fn recent(&self, user: &str, history: &History) -> Result<Vec<Transcript>, StorageError> {
        // Both parts are of one moment: between two, rows could go over from the one to the other.
        let _moment = self
            .connection
            .unchecked_transaction()
            .map_err(|error| self.error(&error))?;
        if !self.is_waiting()? {
            return self.history(RECENT, user, history, i64::MIN);
        }
        let mut transcripts = self.history(RECENT_WAITING, user, history, i64::MIN)?;
        // Where those that wait fill the page, only what is as new as they are can be before them.
        let is_full = transcripts.len() >= history.limit as usize;
        let from_ms = transcripts
            .last()
            .filter(|_| is_full)
            .map_or(i64::MIN, |oldest| oldest.created_ms);
        transcripts.extend(self.history(RECENT, user, history, from_ms)?);
        transcripts.sort_unstable_by_key(|transcript| Reverse((transcript.created_ms, transcript.id)));
        transcripts.truncate(history.limit as usize);
        Ok(transcripts)
    }

    fn history(
        &self,
        sql: &'static str,
        user: &str,
        history: &History,
        from_ms: i64,
    ) -> Result<Vec<Transcript>, StorageError> {
        let parameters = named_params! {
            ":user": user,
            ":from_ms": from_ms,
            ":before_ms": history.before_ms.unwrap_or(i64::MAX),
            ":context": history.context.map(Context::as_str),
            ":limit": history.limit,
        };
        self.rows(sql, parameters, history.limit)
    }

    /// A user's transcripts that hold all the words, best match first. No words find nothing.
    ///
    /// Transcripts committed since the last search are indexed first, so this may write, and wait for other writers.
    ///
    /// # Errors
    /// Of kind [`StorageError`]; no text in `search` is one.
    pub fn search(&self, user: &str, search: &Search<'_>) -> Result<Vec<Transcript>, StorageError> {
        let Some(words) = search::expression(search.words) else {
            return Ok(Vec::new());
        };
        if self.is_waiting()? {
            self.shared.index_waiting_on(&self.connection)?;
        }
        let parameters = named_params! {
            ":words": words,
            ":user": user,
            ":context": search.context.map(Context::as_str),
            ":limit": search.limit,
        };
        self.rows(SEARCH, parameters, search.limit)
    }

    /// How many transcripts a user has.
    ///
    /// # Errors
    /// Of kind [`StorageError`].
    pub fn count(&self, user: &str) -> Result<u64, StorageError> {
        let mut statement = self.statement(COUNT)?;
        statement
            .query_row([user], |row| row.get::<_, i64>(0))
            .map(i64::unsigned_abs)
            .map_err(|error| self.error(&error))
    }

    /// Drops the connection's cached pages: what is read next comes from the file and is decrypted anew.
    ///
    /// # Errors
    /// Of kind [`StorageError`].
    pub fn release_memory(&self) -> Result<(), StorageError> {
        self.connection.release_memory().map_err(|error| self.error(&error))
    }

    fn rows(&self, sql: &'static str, parameters: impl Params, limit: u32) -> Result<Vec<Transcript>, StorageError> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query(parameters).map_err(|error| self.error(&error))?;
        // Room for a usual page at once, whatever limit a caller names.
        let mut transcripts = Vec::with_capacity(limit.min(64) as usize);
        while let Some(row) = rows.next().map_err(|error| self.error(&error))? {
            transcripts.push(transcript(row).map_err(|error| self.error(&error))?);
        }
        Ok(transcripts)
    }

    fn statement(&self, sql: &str) -> Result<CachedStatement<'_>, StorageError> {
        self.connection.prepare_cached(sql).map_err(|error| self.error(&error))
    }

    fn is_waiting(&self) -> Result<bool, StorageError> {
        indexes::is_waiting(&self.connection).map_err(|error| self.error(&error))
    }

    fn error(&self, error: &rusqlite::Error) -> StorageError {
        self.shared.place().error(error)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reader")
            .field("path", &self.shared.place().path)
            .finish_non_exhaustive()
    }
}

/// Columns in the order in which every query for transcripts selects them.
fn transcript(row: &Row<'_>) -> rusqlite::Result<Transcript> {
    let context =
        row.get_ref(2)?.as_str()?.parse().map_err(|unknown: UnknownContext| {
            rusqlite::Error::FromSqlConversionFailure(2, Type::Text, unknown.into())
        })?;
    Ok(Transcript {
        id: TranscriptId(row.get(0)?),
        created_ms: row.get(1)?,
        context,
        raw_text: row.get(3)?,
        enhanced_text: row.get(4)?,
        audio_ms: row.get(5)?,
    })
}

/// What SQLite says it will do, one step a line.
#[cfg(test)]
fn plan(sql: &str) -> String {
    let connection = crate::schema::tests::memory();
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get::<_, String>(3).unwrap());
    }
    steps.join("\n")
}

/// Asserts the plan of a query: by the index, and in its order.
#[cfg(test)]
#[track_caller]
pub(crate) fn uses_index_without_sorting(sql: &str, index: &str) {
    let plan = plan(sql);
    assert!(plan.contains(index), "{plan}");
    assert!(
        !plan.contains("SCAN transcripts") && !plan.contains("TEMP B-TREE"),
        "{plan}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_query_by_user_or_time_is_answered_from_an_index() {
        uses_index_without_sorting(GET, "SEARCH transcripts USING INTEGER PRIMARY KEY (rowid=?)");
        let in_order = "SEARCH transcript_order USING PRIMARY KEY (user=?";
        uses_index_without_sorting(RECENT, in_order);
        uses_index_without_sorting(COUNT, in_order);
        let waiting = "SEARCH transcripts USING INTEGER PRIMARY KEY (rowid>?)";
        uses_index_without_sorting(COUNT, waiting);
        // What waits is in no order yet.
        assert!(plan(RECENT_WAITING).contains(waiting));
    }

    #[test]
    fn search_goes_from_the_words_to_the_rows() {
        let plan = plan(SEARCH);
        let words = plan.find("SCAN transcript_words VIRTUAL TABLE INDEX").expect(&plan);
        let rows = plan.find("SEARCH transcripts USING INTEGER PRIMARY KEY").expect(&plan);
        assert!(words < rows, "{plan}");
    }
}
