//! The tables, and the steps from any older database to the present one.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Place, StorageError};

/// Step `n` (from 1) turns schema `n - 1` into `n`. Steps are only ever appended: what is released stays as it is.
const MIGRATIONS: [&str; 3] = [
    include_str!("../migrations/1_transcripts.sql"),
    include_str!("../migrations/2_search.sql"),
    include_str!("../migrations/3_light_inserts.sql"),
];

/// The schema that this program reads and writes, kept in SQLite's `user_version`.
pub const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// As the first migration sets it.
pub(crate) const APPLICATION_ID: i32 = 0x5646_4c57;

/// Brings the database to [`SCHEMA_VERSION`], each step in a transaction of its own: a failure leaves the last whole
/// step, and a later start goes on from there.
pub(crate) fn migrate(connection: &mut Connection, place: &Place) -> Result<(), StorageError> {
    while version(connection, place)? < SCHEMA_VERSION {
        // The version is read again under the write lock: another process may have been faster.
        let step = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| place.error(&error))?;
        let done = version(&step, place)?;
        let Some(sql) = usize::try_from(done).ok().and_then(|done| MIGRATIONS.get(done)) else {
            continue;
        };
        step.execute_batch(sql)
            .and_then(|()| step.pragma_update(None, "user_version", done + 1))
            .and_then(|()| step.commit())
            .map_err(|error| place.error(&error))?;
    }
    Ok(())
}

/// The schema of the file, refused when it is newer than this program or not ours.
pub(crate) fn version(connection: &Connection, place: &Place) -> Result<i64, StorageError> {
    // Of one moment: another thread may be creating the tables just now.
    let moment = connection.is_autocommit().then(|| connection.unchecked_transaction());
    let _moment = moment.transpose().map_err(|error| place.error(&error))?;
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application_id = pragma("application_id").map_err(|error| place.error(&error))?;
    let found = pragma("user_version").map_err(|error| place.error(&error))?;
    let is_new = application_id == 0 && found == 0 && has_no_tables(connection, place)?;
    if !is_new && application_id != i64::from(APPLICATION_ID) {
        let application_id = application_id as i32;
        return Err(StorageError::ForeignDatabase {
            path: place.path.clone(),
            application_id,
        });
    }
    if found > SCHEMA_VERSION {
        return Err(StorageError::NewerSchema {
            found,
            known: SCHEMA_VERSION,
        });
    }
    Ok(found)
}

fn has_no_tables(connection: &Connection, place: &Place) -> Result<bool, StorageError> {
    connection
        .query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
        .map_err(|error| place.error(&error))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An empty database of the present schema.
    pub(crate) fn memory() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &place()).unwrap();
        connection
    }

    /// A database of schema 2 as earlier versions left it: rows 1 to 3, of which the last was deleted.
    fn schema_2() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        for sql in &MIGRATIONS[..2] {
            connection.execute_batch(sql).unwrap();
        }
        connection
            .execute_batch(
                "PRAGMA user_version = 2;
                 INSERT INTO transcripts (user, created_ms, context, raw_text, audio_ms) VALUES
                     ('ada', 1, 'notes', 'analytical engine', 900),
                     ('ada', 2, 'notes', 'difference engine', 900),
                     ('ada', 3, 'notes', 'steam engine', 900);
                 DELETE FROM transcripts WHERE id = 3",
            )
            .unwrap();
        connection
    }

    fn engines(connection: &Connection) -> i64 {
        let sql = "SELECT count(*) FROM transcript_words WHERE transcript_words MATCH 'engine'";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn rows_texts_and_spent_numbers_of_schema_2_are_kept() {
        let mut connection = schema_2();
        migrate(&mut connection, &place()).unwrap();
        assert_eq!(version(&connection, &place()), Ok(SCHEMA_VERSION));
        assert_eq!(engines(&connection), 2);
        assert!(!crate::indexes::is_waiting(&connection).unwrap());
        let spent: i64 = connection
            .query_row("SELECT deleted_id FROM counters", [], |row| row.get(0))
            .unwrap();
        assert_eq!(spent, 3);
        connection.execute("DELETE FROM transcripts WHERE id = 1", []).unwrap();
        assert_eq!(engines(&connection), 1);
    }

    fn place() -> Place {
        Place {
            path: "memory".into(),
            busy_timeout_ms: 0,
        }
    }

    #[test]
    fn rows_from_before_the_search_index_are_found_after_the_migration() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        connection
            .execute_batch(
                "INSERT INTO transcripts (user, created_ms, context, raw_text, audio_ms)
                 VALUES ('ada', 1, 'notes', 'analytical engine', 900)",
            )
            .unwrap();
        migrate(&mut connection, &place()).unwrap();
        assert_eq!(version(&connection, &place()), Ok(SCHEMA_VERSION));
        let found: i64 = connection
            .query_row(
                "SELECT rowid FROM transcript_words WHERE transcript_words MATCH 'engine'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(found, 1);
    }

    #[test]
    fn a_failing_step_leaves_the_step_before_it_whole() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        // The name is taken, so the third statement of step 2 fails.
        connection
            .execute_batch("CREATE TRIGGER transcripts_deleted AFTER DELETE ON transcripts BEGIN SELECT 1; END")
            .unwrap();
        assert!(matches!(
            migrate(&mut connection, &place()),
            Err(StorageError::Sqlite { .. })
        ));
        assert_eq!(version(&connection, &place()), Ok(1));
        let tables: i64 = connection
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'transcript_words%'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(tables, 0);
        connection.execute_batch("DROP TRIGGER transcripts_deleted").unwrap();
        migrate(&mut connection, &place()).unwrap();
        assert_eq!(version(&connection, &place()), Ok(SCHEMA_VERSION));
    }

    #[test]
    fn the_application_id_in_sql_and_in_code_agree() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &place()).unwrap();
        let id: i32 = connection
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .unwrap();
        assert_eq!(id, APPLICATION_ID);
    }
}
