//! SQLCipher by itself, with settings that a store does not offer: what each of them costs.
//!
//! The databases hold made-up texts, live in a folder of their own and are gone afterwards.

use rusqlite::{Connection, params};
use tempfile::TempDir;
use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq};

use super::fixture::{Fixture, ROWS, folder_on_disk, inputs, raw_key, text};

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
            let mut body = text(number);
            body.extend(std::iter::repeat_n('.', SCAN_BYTES / TEXTS - body.len()));
            transaction.execute("INSERT INTO texts VALUES (?1, ?2)", params![number as i64, body])?;
        }
        transaction.commit()?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(Self { connection, folder })
    }
}

fn open(folder: &TempDir, pragmas: &str) -> rusqlite::Result<Connection> {
    let path = folder.path().join("laboratory.db");
    let connection = Connection::open_with_flags_and_vfs(path, rusqlite::OpenFlags::default(), "unix-excl")?;
    connection.execute_batch(pragmas)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "normal")?;
    Ok(connection)
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
    .inputs(inputs()))
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
    .inputs(inputs()))
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
    .inputs(inputs()))
}

/// The statement of a read by id, compiled anew each time.
const GET: &str = "SELECT id, created_ms, context, raw_text, enhanced_text, audio_ms
    FROM transcripts WHERE id = ?1 AND user = ?2";

pub(crate) fn prepare_uncached() -> Result<Prepared, PrepareError> {
    let fixture = Fixture::empty(voiceflow_storage::Encryption::None, |_| {})?;
    // The store goes first: its file would be locked.
    let (path, folder) = fixture.into_file();
    let connection = Connection::open(path)?;
    Ok(Prepared::new(
        (connection, folder),
        |(connection, _)| connection.prepare(GET).map(|statement| statement.column_count()),
        |_, columns: &rusqlite::Result<usize>| check_eq("the number of columns", columns, &Ok(6)),
    )
    .inputs(GET))
}

/// Steps over the rows of a history and looks at no column: what is left of a read when nothing is made of the rows.
pub(crate) fn step_50() -> Result<Prepared, PrepareError> {
    let fixture = Fixture::filled(voiceflow_storage::Encryption::None, |_| {})?;
    let (path, folder) = fixture.into_file();
    let connection = Connection::open(path)?;
    let sql = "SELECT id, created_ms, context, raw_text, enhanced_text, audio_ms
        FROM transcript_order CROSS JOIN transcripts USING (user, created_ms, id)
        WHERE user = ?1 AND created_ms < ?2 ORDER BY created_ms DESC, id DESC LIMIT 50";
    Ok(Prepared::new(
        (connection, folder),
        move |(connection, _)| {
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query(params![super::fixture::USER, i64::MAX])?;
            let mut count = 0;
            while rows.next()?.is_some() {
                count += 1;
            }
            Ok(count)
        },
        |_, count: &rusqlite::Result<usize>| check_eq("the number of rows", count, &Ok(50_usize.min(ROWS))),
    )
    .inputs(inputs()))
}
