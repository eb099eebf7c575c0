//! Keeping the search index and the order by time up to date, in batches.
//!
//! An insert touches neither: alone, they would cost a commit several times what the row itself costs. Rows above
//! `counters.indexed_id` wait. [`index_batch`] takes the oldest of them in and moves the mark, all in one transaction,
//! so that a killed process leaves rows either waiting or indexed. Whoever searches has the waiting rows indexed first;
//! whoever reads a history looks through them as well.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

/// Rows that may wait before they are indexed without anybody searching, and most that one transaction takes in: two or
/// three milliseconds, which is how long another writer may have to wait for it.
pub(crate) const BATCH_ROWS: u32 = 256;

const IS_WAITING: &str = "SELECT EXISTS (SELECT 1 FROM transcripts WHERE id > (SELECT indexed_id FROM counters))";

const WAITING_ROWS: &str = "SELECT count(*) FROM (
    SELECT 1 FROM transcripts WHERE id > (SELECT indexed_id FROM counters) LIMIT ?1)";

/// The number of the last row of the next batch.
const LAST_OF_BATCH: &str = "SELECT max(id) FROM (
    SELECT id FROM transcripts WHERE id > (SELECT indexed_id FROM counters) ORDER BY id LIMIT ?1)";

const ORDER: &str = "INSERT INTO transcript_order (user, created_ms, id)
    SELECT user, created_ms, id FROM transcripts
    WHERE id > (SELECT indexed_id FROM counters) AND id <= ?1";

const WORDS: &str = "INSERT INTO transcript_words (rowid, raw_text, enhanced_text)
    SELECT id, raw_text, enhanced_text FROM transcripts
    WHERE id > (SELECT indexed_id FROM counters) AND id <= ?1";

const MARK: &str = "UPDATE counters SET indexed_id = ?1";

/// Whether rows wait to be indexed.
pub(crate) fn is_waiting(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare_cached(IS_WAITING)?.query_row([], |row| row.get(0))
}

/// How many rows wait to be indexed, counted up to [`BATCH_ROWS`].
pub(crate) fn waiting_rows(connection: &Connection) -> rusqlite::Result<u32> {
    connection
        .prepare_cached(WAITING_ROWS)?
        .query_row([BATCH_ROWS], |row| row.get(0))
}

/// Indexes the oldest waiting rows, [`BATCH_ROWS`] at most; whether there may be more.
pub(crate) fn index_batch(connection: &Connection) -> rusqlite::Result<bool> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let last: Option<i64> = transaction
        .prepare_cached(LAST_OF_BATCH)?
        .query_row([BATCH_ROWS], |row| row.get(0))
        .optional()?
        .flatten();
    let Some(last) = last else { return Ok(false) };
    let rows = transaction.prepare_cached(ORDER)?.execute([last])?;
    transaction.prepare_cached(WORDS)?.execute([last])?;
    transaction.prepare_cached(MARK)?.execute(params![last])?;
    transaction.commit()?;
    Ok(rows >= BATCH_ROWS as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::uses_index_without_sorting;
    use crate::schema::tests::memory;

    fn insert(connection: &Connection, rows: std::ops::Range<i64>) {
        for id in rows {
            let sql = "INSERT INTO transcripts VALUES (?1, 'ada', ?1, 'notes', 'milk and honey', NULL, 900)";
            connection.execute(sql, [id]).unwrap();
        }
    }

    fn found(connection: &Connection) -> i64 {
        let sql = "SELECT count(*) FROM transcript_words WHERE transcript_words MATCH 'honey'";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// FTS5 compares its index with the table it stands for, where an error is a difference; and so do we the order.
    fn check_integrity(connection: &Connection) {
        let differences = "SELECT count(*) FROM (
            SELECT user, created_ms, id FROM transcripts EXCEPT SELECT * FROM transcript_order
            UNION ALL SELECT * FROM (
                SELECT * FROM transcript_order EXCEPT SELECT user, created_ms, id FROM transcripts))";
        let count: i64 = connection.query_row(differences, [], |row| row.get(0)).unwrap();
        assert_eq!(count, 0);
        let sql = "INSERT INTO transcript_words (transcript_words, rank) VALUES ('integrity-check', 1)";
        connection.execute(sql, []).unwrap();
    }

    #[test]
    fn waiting_rows_are_indexed_in_batches_until_none_is_left() {
        let connection = memory();
        assert!(!is_waiting(&connection).unwrap());
        assert!(!index_batch(&connection).unwrap());
        let batch = i64::from(BATCH_ROWS);
        insert(&connection, 1..batch + 11);
        assert!(is_waiting(&connection).unwrap());
        assert_eq!(waiting_rows(&connection), Ok(BATCH_ROWS));
        assert_eq!(found(&connection), 0);
        assert!(index_batch(&connection).unwrap());
        assert_eq!((found(&connection), waiting_rows(&connection)), (batch, Ok(10)));
        assert!(!index_batch(&connection).unwrap());
        assert_eq!(
            (found(&connection), is_waiting(&connection).unwrap()),
            (batch + 10, false)
        );
        check_integrity(&connection);
    }

    #[test]
    fn a_batch_that_fails_indexes_nothing_and_moves_no_mark() {
        let connection = memory();
        insert(&connection, 1..4);
        connection
            .execute_batch("CREATE TRIGGER refuse BEFORE UPDATE ON counters BEGIN SELECT raise(ABORT, 'no'); END")
            .unwrap();
        assert!(index_batch(&connection).is_err());
        assert!(connection.is_autocommit() && is_waiting(&connection).unwrap());
        assert_eq!(found(&connection), 0);
        connection.execute_batch("DROP TRIGGER refuse").unwrap();
        index_batch(&connection).unwrap();
        assert_eq!(found(&connection), 3);
        check_integrity(&connection);
    }

    #[test]
    fn rows_deleted_or_changed_before_and_after_indexing_leave_the_index_whole() {
        let connection = memory();
        insert(&connection, 1..11);
        connection
            .execute("DELETE FROM transcripts WHERE id IN (2, 10)", [])
            .unwrap();
        connection
            .execute("UPDATE transcripts SET raw_text = 'tea' WHERE id = 3", [])
            .unwrap();
        index_batch(&connection).unwrap();
        assert_eq!(found(&connection), 7);
        connection.execute("DELETE FROM transcripts WHERE id = 4", []).unwrap();
        connection
            .execute("UPDATE transcripts SET raw_text = 'tea' WHERE id = 5", [])
            .unwrap();
        assert_eq!(found(&connection), 5);
        check_integrity(&connection);
    }

    #[test]
    fn looking_for_waiting_rows_reads_none_that_are_indexed() {
        let by_number = "SEARCH transcripts USING INTEGER PRIMARY KEY (rowid>?";
        uses_index_without_sorting(IS_WAITING, by_number);
        uses_index_without_sorting(WAITING_ROWS, by_number);
        uses_index_without_sorting(LAST_OF_BATCH, by_number);
        uses_index_without_sorting(ORDER, by_number);
        uses_index_without_sorting(WORDS, by_number);
    }
}
