//! Opening one connection, and telling apart what can go wrong with a file.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::{Place, StorageError};
use crate::options::{Durability, Encryption, Key, StoreOptions};

/// First bytes of every plain SQLite file.
const PLAIN_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// SQLCipher 4's page size, and SQLite's default.
const PAGE_BYTES: u64 = 4096;

/// Statements that one connection keeps compiled: all of the store's, with room.
const CACHED_STATEMENTS: usize = 32;

/// Opens the file, hands over the key, sets the pragmas and reads the first page, so that a connection which is
/// returned works. The schema is not looked at.
pub(crate) fn open(options: &StoreOptions, place: &Place) -> Result<Connection, StorageError> {
    let resting_bytes = inspect(options)?;
    // No SQLITE_OPEN_URI: a path is a path, whatever signs are in it. A connection stays with one thread at a time.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&options.path, flags).map_err(|error| place.error(&error))?;
    if let Encryption::Key(key) = &options.encryption {
        set_key(&connection, key)?;
    }
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    connection
        .busy_timeout(options.busy_timeout)
        .map_err(|error| place.error(&error))?;
    let page_bytes = first_read(&connection, options).map_err(|error| first_error(&error, options, place))?;
    if resting_bytes.is_some_and(|bytes| !bytes.is_multiple_of(page_bytes)) {
        return Err(StorageError::Damaged {
            path: options.path.clone(),
        });
    }
    set_pragmas(&connection, options).map_err(|error| place.error(&error))?;
    Ok(connection)
}

/// What the file system tells before SQLite is asked. A missing or empty file is a new database.
///
/// Returns the file's length if it is at rest, with nothing in a write-ahead log: it must then be whole pages. SQLite
/// itself would take a last page that is cut short as if its rest were zeros.
fn inspect(options: &StoreOptions) -> Result<Option<u64>, StorageError> {
    let path = &options.path;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(StorageError::MissingFolder {
            folder: folder.to_owned(),
        });
    }
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(StorageError::CannotOpen { path: path.clone() });
    }
    let mut start = Vec::with_capacity(PLAIN_MAGIC.len());
    if let Ok(file) = File::open(path) {
        // What cannot be read here SQLite cannot read either, and it says so better.
        let _ = file.take(PLAIN_MAGIC.len() as u64).read_to_end(&mut start);
    }
    let is_plain = start == PLAIN_MAGIC;
    match options.encryption {
        Encryption::Key(_) if is_plain => Err(StorageError::NotEncrypted { path: path.clone() }),
        Encryption::None if !is_plain && !start.is_empty() => Err(StorageError::NotADatabase { path: path.clone() }),
        _ => Ok(resting_bytes(path)),
    }
}

fn resting_bytes(path: &Path) -> Option<u64> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log_bytes = fs::metadata(log).map_or(0, |metadata| metadata.len());
    let file_bytes = fs::metadata(path).ok()?.len();
    (log_bytes == 0).then_some(file_bytes)
}

/// Must be the first statement on a connection. A build without SQLCipher ignores the pragma and would write plain
/// text, so it is asked for its version first.
fn set_key(connection: &Connection, key: &Key) -> Result<(), StorageError> {
    let version = connection.query_row("PRAGMA cipher_version", [], |row| row.get::<_, String>(0));
    if version.is_err() {
        return Err(StorageError::NoCipher);
    }
    // SQLCipher writes to stderr on its own about pages that do not authenticate; the error says it already.
    // The statement with the key must not reach any message, so its error is dropped.
    connection
        .execute_batch("PRAGMA cipher_log_level = NONE")
        .and_then(|()| connection.execute_batch(&key.pragma()))
        .map_err(|_| StorageError::NoCipher)
}

/// SQLCipher looks at its key when the first page is read. Returns the page size, never 0.
fn first_read(connection: &Connection, options: &StoreOptions) -> rusqlite::Result<u64> {
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    if let Encryption::Key(_) = options.encryption {
        // Had the file another page size, the first page would not have decrypted.
        return Ok(PAGE_BYTES);
    }
    let page_bytes: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    Ok(u64::from(page_bytes.max(1)))
}

/// A first page that does not decrypt is a wrong key, unless the file cannot be a whole encrypted database by its size.
fn first_error(error: &rusqlite::Error, options: &StoreOptions, place: &Place) -> StorageError {
    if error.sqlite_error_code() != Some(ErrorCode::NotADatabase) {
        return place.error(error);
    }
    let file_bytes = fs::metadata(&options.path).map_or(0, |metadata| metadata.len());
    let is_whole = file_bytes > 0 && file_bytes.is_multiple_of(PAGE_BYTES);
    match options.encryption {
        Encryption::Key(_) if is_whole => StorageError::WrongKey {
            path: options.path.clone(),
        },
        _ => StorageError::NotADatabase {
            path: options.path.clone(),
        },
    }
}

fn set_pragmas(connection: &Connection, options: &StoreOptions) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    let synchronous = match options.durability {
        Durability::Normal => "normal",
        Durability::Full => "full",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    if let Some(bytes) = options.file_bytes_max {
        let pages = i64::try_from((bytes / PAGE_BYTES).max(1)).unwrap_or(i64::MAX);
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

/// A duration as SQLite and our errors count it.
pub(crate) fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
