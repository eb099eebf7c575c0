//! SQLCipher by itself, with settings that a store does not offer: what each of them costs.
//!
//! The databases hold made-up texts, live in a folder of their own and are gone afterwards.

use std::path::Path;

use rusqlite::{Connection, params};
use tempfile::TempDir;
use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq, digest_parts};
use voiceflow_storage::Encryption;

use super::fixture::{Fixture, ROWS, USER, folder_on_disk, inputs, raw_key, text};

/// Text of one scan: a mebibyte, so that scans of databases with other page sizes read the same.
pub(crate) const SCAN_BYTES: usize = 1 << 20;

/// Rows of a laboratory's database; each text has [`SCAN_BYTES`] divided by it.
const TEXTS: usize = 1024;

const SALT_AND_PASSPHRASE: &str = "PRAGMA key = 'correct horse battery staple'";

pub(crate) fn scan_hmac_off() -> Result<Prepared, PrepareError> {
    scan("PRAGMA cipher_use_hmac = OFF")
}

pub(crate) fn scan_hmac_sha256() -> Result<Prepared, PrepareError> {
    scan("PRAGMA cipher_hmac_algorithm = HMAC_SHA256")
}

pub(crate) fn scan_hmac_sha512() -> Result<Prepared, PrepareError> {
    scan("PRAGMA cipher_hmac_algorithm = HMAC_SHA512")
}

pub(crate) fn scan_page_8192() -> Result<Prepared, PrepareError> {
    scan("PRAGMA cipher_hmac_algorithm = HMAC_SHA256; PRAGMA cipher_page_size = 8192")
}

pub(crate) fn scan_page_16384() -> Result<Prepared, PrepareError> {
    scan("PRAGMA cipher_hmac_algorithm = HMAC_SHA256; PRAGMA cipher_page_size = 16384")
}

pub(crate) fn insert_page_4096() -> Result<Prepared, PrepareError> {
    insert("PRAGMA cipher_hmac_algorithm = HMAC_SHA256")
}

pub(crate) fn insert_page_8192() -> Result<Prepared, PrepareError> {
    insert("PRAGMA cipher_hmac_algorithm = HMAC_SHA256; PRAGMA cipher_page_size = 8192")
}

pub(crate) fn insert_page_16384() -> Result<Prepared, PrepareError> {
    insert("PRAGMA cipher_hmac_algorithm = HMAC_SHA256; PRAGMA cipher_page_size = 16384")
}

struct Laboratory {
    connection: Connection,
    folder: TempDir,
}

impl Laboratory {
    /// A database under a raw key with [`TEXTS`] rows, in one process's write-ahead log as a store has it.
    fn filled(pragmas: &str) -> Result<Self, PrepareError> {
        let folder = folder_on_disk()?;
        let mut connection = open(&folder, &format!("PRAGMA key = \"{}\"; {pragmas}", raw_key()))?;
        let transaction = connection.transaction()?;
        transaction.execute_batch("CREATE TABLE texts (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")?;
        for number in 0..TEXTS {
            transaction.execute(
                "INSERT INTO texts VALUES (?1, ?2)",
                params![number as i64, body(number)],
            )?;
        }
        transaction.commit()?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(Self { connection, folder })
    }
}

fn body(number: usize) -> String {
    let mut body = text(number);
    body.extend(std::iter::repeat_n('.', SCAN_BYTES / TEXTS - body.len()));
    body
}

fn bodies() -> [u8; 32] {
    digest_parts((0..TEXTS).map(body))
}

/// As a store for one process opens its file.
fn open_alone(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags_and_vfs(path, rusqlite::OpenFlags::default(), "unix-excl")
}

fn open(folder: &TempDir, pragmas: &str) -> rusqlite::Result<Connection> {
    let connection = open_alone(&folder.path().join("laboratory.db"))?;
    connection.execute_batch(pragmas)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "normal")?;
    Ok(connection)
}

/// Transcripts of a database that have a page each to themselves, without any part on another.
pub(crate) fn rows_with_pages_of_their_own(path: &Path, encryption: &Encryption) -> rusqlite::Result<u32> {
    let connection = open_alone(path)?;
    if let Encryption::Key(_) = encryption {
        let pragmas = format!(
            "PRAGMA key = \"{}\"; PRAGMA cipher_hmac_algorithm = HMAC_SHA256",
            raw_key()
        );
        connection.execute_batch(&pragmas)?;
    }
    let sql = "SELECT count(*) FILTER (WHERE pagetype = 'leaf' AND ncell = 1),
            count(*) FILTER (WHERE pagetype = 'overflow')
        FROM dbstat WHERE name = 'transcripts'";
    connection.query_row(sql, [], |row| {
        let (single, overflow): (u32, u32) = (row.get(0)?, row.get(1)?);
        Ok(single.saturating_sub(overflow))
    })
}

/// Reads all texts with nothing in the page cache.
fn scan(pragmas: &str) -> Result<Prepared, PrepareError> {
    Ok(Prepared::with_input(
        Laboratory::filled(pragmas)?,
        |laboratory| laboratory.connection.release_memory(),
        |laboratory, released| {
            released?;
            let sql = "SELECT sum(length(body)) FROM texts";
            let mut statement = laboratory.connection.prepare_cached(sql)?;
            statement.query_row([], |row| row.get::<_, i64>(0))
        },
        |_, bytes: &rusqlite::Result<i64>| check_eq("the bytes read", bytes, &Ok(SCAN_BYTES as i64)),
    )
    .inputs(bodies()))
}

/// Commits one row of 80 bytes into a table that fits in one page. The check takes it away again, so that every call
/// writes that page and no other.
fn insert(pragmas: &str) -> Result<Prepared, PrepareError> {
    let body = text(0);
    let laboratory = Laboratory::filled(pragmas)?;
    laboratory
        .connection
        .execute_batch("CREATE TABLE lines (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")?;
    Ok(Prepared::new(
        laboratory,
        move |laboratory| {
            let sql = "INSERT INTO lines (body) VALUES (?1)";
            laboratory.connection.prepare_cached(sql)?.insert([&body])
        },
        |laboratory, id: &rusqlite::Result<i64>| {
            check_eq("the number of the row", &id.is_ok(), &true)?;
            let deleted = laboratory.connection.execute("DELETE FROM lines", []);
            check_eq(
                "whether rows were taken away",
                &deleted.is_ok_and(|rows| rows > 0),
                &true,
            )
        },
    )
    .inputs(bodies()))
}

pub(crate) fn open_passphrase() -> Result<Prepared, PrepareError> {
    let folder = folder_on_disk()?;
    open(&folder, SALT_AND_PASSPHRASE)?.execute_batch("CREATE TABLE texts (body TEXT)")?;
    Ok(Prepared::new(
        folder,
        |folder| {
            let connection = open(folder, SALT_AND_PASSPHRASE)?;
            let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
            Ok((connection, tables))
        },
        |_, answer: &rusqlite::Result<(Connection, i64)>| match answer {
            Ok((_, tables)) => check_eq("the number of tables", tables, &1),
            Err(_) => Err(WrongAnswer::new("the passphrase does not open its own database")),
        },
    )
    .inputs(SALT_AND_PASSPHRASE))
}

/// Both keys in turn, each a raw one.
pub(crate) fn rekey() -> Result<Prepared, PrepareError> {
    let laboratory = Laboratory::filled("PRAGMA cipher_hmac_algorithm = HMAC_SHA256")?;
    let keys = [raw_key(), format!("x'{}'", "c4".repeat(32))];
    Ok(Prepared::new(
        (laboratory, 0_usize),
        move |(laboratory, turn)| {
            *turn += 1;
            let sql = format!("PRAGMA rekey = \"{}\"", keys[*turn % keys.len()]);
            laboratory.connection.execute_batch(&sql)
        },
        |(laboratory, turn), rekeyed: &rusqlite::Result<()>| {
            check_eq("the answer", rekeyed, &Ok(()))?;
            let key = [raw_key(), format!("x'{}'", "c4".repeat(32))][*turn % 2].clone();
            let pragmas = format!("PRAGMA key = \"{key}\"; PRAGMA cipher_hmac_algorithm = HMAC_SHA256");
            let bytes = open(&laboratory.folder, &pragmas).and_then(|connection| {
                connection.query_row("SELECT sum(length(body)) FROM texts", [], |row| row.get::<_, i64>(0))
            });
            check_eq("the bytes read with the new key", &bytes, &Ok(SCAN_BYTES as i64))
        },
    )
    .inputs(bodies()))
}

/// The statement of a read by id, compiled anew each time.
const GET: &str = "SELECT id, created_ms, context, raw_text, enhanced_text, audio_ms
    FROM transcripts WHERE id = ?1 AND user = ?2";

pub(crate) fn prepare_uncached() -> Result<Prepared, PrepareError> {
    let fixture = Fixture::empty(Encryption::None, |_| {})?;
    // The store goes first: its file would be locked.
    let (path, folder) = fixture.into_file();
    let connection = open_alone(&path)?;
    Ok(Prepared::new(
        (connection, folder),
        |(connection, _)| connection.prepare(GET).map(|statement| statement.column_count()),
        |_, columns: &rusqlite::Result<usize>| check_eq("the number of columns", columns, &Ok(6)),
    )
    .inputs(GET))
}

/// Steps over the rows of a history and looks at no column: what is left of a read when nothing is made of the rows. In a
/// transaction, as a store reads them.
pub(crate) fn step_50() -> Result<Prepared, PrepareError> {
    let fixture = Fixture::filled(Encryption::None, |_| {})?;
    let (path, folder) = fixture.into_file();
    let connection = open_alone(&path)?;
    let sql = "SELECT id, created_ms, context, raw_text, enhanced_text, audio_ms
        FROM transcript_order CROSS JOIN transcripts USING (user, created_ms, id)
        WHERE user = ?1 AND created_ms < ?2 ORDER BY created_ms DESC, id DESC LIMIT 50";
    Ok(Prepared::new(
        (connection, folder),
        move |(connection, _)| {
            let _moment = connection.unchecked_transaction()?;
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query(params![USER, i64::MAX])?;
            let mut count = 0;
            while rows.next()?.is_some() {
                count += 1;
            }
            Ok(count)
        },
        |_, count: &rusqlite::Result<usize>| check_eq("the number of rows", count, &Ok(50_usize.min(ROWS))),
    )
    .inputs(inputs(ROWS, text)))
}
