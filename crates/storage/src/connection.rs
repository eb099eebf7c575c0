//! Opening one connection, and telling apart what can go wrong with a file.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::{Place, StorageError};
use crate::options::{Access, Durability, Encryption, Key, StoreOptions};

/// SQLCipher 4's page size, and SQLite's default.
const PAGE_BYTES: u64 = 4096;

/// SQLite's way to files that one process has to itself: it locks the file once, and connections keep out of each
/// other's way in memory, where a read or a commit would otherwise cost two or four calls of the system.
const ONE_PROCESS_VFS: &str = "unix-excl";

/// Needs the first page.
const FIRST_READ: &str = "SELECT count(*) FROM sqlite_schema";

/// Pages in the write-ahead log, 16 MiB, from which the commit that adds to them folds them itself. In ordinary use the
/// upkeep has done it long before.
const LOG_PAGES_MAX: u32 = 4096;

/// Milliseconds, about, that SQLCipher may take to start: it takes a few on an idle machine.
const ATTEMPTS_AT_START: u32 = 1_000;

/// Statements that one connection keeps compiled: all of the store's, with room.
const CACHED_STATEMENTS: usize = 32;

/// Opens connections to one file, all in the same way.
pub(crate) struct Opener {
    options: StoreOptions,
    place: Place,
    /// How the pages of the file are authenticated, once a connection has read one.
    page_hmac: OnceLock<PageHmac>,
}

/// What authenticates a page. It is the file's for ever; a new file gets the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PageHmac {
    /// Processors hash with SHA-256 in instructions of their own, and a page takes a third of the time.
    Sha256,
    /// SQLCipher's default, in which files of earlier versions are.
    Sha512,
}

impl PageHmac {
    fn pragma(self) -> &'static str {
        match self {
            Self::Sha256 => "PRAGMA cipher_hmac_algorithm = HMAC_SHA256",
            Self::Sha512 => "PRAGMA cipher_hmac_algorithm = HMAC_SHA512",
        }
    }
}

impl Opener {
    pub(crate) fn new(options: &StoreOptions) -> Self {
        Self {
            options: options.clone(),
            place: Place {
                path: options.path.clone(),
                busy_timeout_ms: whole_ms(options.busy_timeout),
            },
            page_hmac: OnceLock::new(),
        }
    }

    /// The same for another file, whose pages are authenticated in the same way.
    pub(crate) fn at(&self, path: &Path) -> Self {
        let mut other = Self::new(&StoreOptions {
            path: path.to_owned(),
            ..self.options.clone()
        });
        other.page_hmac = self.page_hmac.clone();
        other
    }

    pub(crate) fn options(&self) -> &StoreOptions {
        &self.options
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Opens the file, hands over the key, sets the pragmas and reads the first page, so that a connection which is
    /// returned works. The schema is not looked at.
    pub(crate) fn open(&self) -> Result<Connection, StorageError> {
        if let Some(page_hmac) = self.page_hmac.get() {
            return self.open_with(*page_hmac);
        }
        let mut outcome = self.open_with(PageHmac::Sha256);
        let mut page_hmac = PageHmac::Sha256;
        if matches!(outcome, Err(StorageError::WrongKey { .. })) {
            outcome = self.open_with(PageHmac::Sha512);
            page_hmac = PageHmac::Sha512;
        }
        if outcome.is_ok() {
            let _ = self.page_hmac.set(page_hmac);
        }
        outcome
    }

    fn open_with(&self, page_hmac: PageHmac) -> Result<Connection, StorageError> {
        let resting_bytes = inspect(&self.options)?;
        let connection = self.bare()?;
        if let Encryption::Key(key) = &self.options.encryption {
            set_key(&connection, key, page_hmac)?;
        }
        let page_bytes = first_read(&connection, &self.options).map_err(|error| self.first_error(&error))?;
        if resting_bytes.is_some_and(|bytes| !bytes.is_multiple_of(page_bytes)) {
            return Err(StorageError::Damaged {
                path: self.options.path.clone(),
            });
        }
        set_pragmas(&connection, &self.options).map_err(|error| self.place.error(&error))?;
        Ok(connection)
    }

    /// A connection that has read nothing and has no key.
    fn bare(&self) -> Result<Connection, StorageError> {
        // No SQLITE_OPEN_URI: a path is a path, whatever signs are in it. A connection stays with one thread at a time.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let path = &self.options.path;
        let connection = match self.options.access {
            Access::OneProcess if cfg!(unix) => Connection::open_with_flags_and_vfs(path, flags, ONE_PROCESS_VFS),
            _ => Connection::open_with_flags(path, flags),
        }
        .map_err(|error| self.place.error(&error))?;
        connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        connection
            .busy_timeout(self.options.busy_timeout)
            .map_err(|error| self.place.error(&error))?;
        Ok(connection)
    }

    /// A first page that does not decrypt is a wrong key, unless the file is a plain database or cannot be a whole
    /// encrypted one by its size.
    fn first_error(&self, error: &rusqlite::Error) -> StorageError {
        if error.sqlite_error_code() != Some(ErrorCode::NotADatabase) {
            return self.place.error(error);
        }
        let path = self.options.path.clone();
        let file_bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        match self.options.encryption {
            Encryption::Key(_) if self.is_plain() => StorageError::NotEncrypted { path },
            Encryption::Key(_) if file_bytes > 0 && file_bytes.is_multiple_of(PAGE_BYTES) => {
                StorageError::WrongKey { path }
            }
            _ => StorageError::NotADatabase { path },
        }
    }

    /// Whether the file reads without a key. SQLite is asked, and the file is never opened beside it: closing it again
    /// would release the locks that POSIX gives to the process as a whole.
    fn is_plain(&self) -> bool {
        self.bare()
            .is_ok_and(|connection| connection.query_row(FIRST_READ, [], |_| Ok(())).is_ok())
    }
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
    Ok(resting_bytes(path))
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
fn set_key(connection: &Connection, key: &Key, page_hmac: PageHmac) -> Result<(), StorageError> {
    let version = connection.query_row("PRAGMA cipher_version", [], |row| row.get::<_, String>(0));
    if version.is_err() {
        return Err(StorageError::NoCipher);
    }
    // SQLCipher writes to stderr on its own about pages that do not authenticate; the error says it already.
    // The statement with the key must not reach any message, so its error is dropped.
    connection
        .execute_batch("PRAGMA cipher_log_level = NONE")
        .and_then(|()| hand_over(connection, key))
        .and_then(|()| connection.execute_batch(page_hmac.pragma()))
        .map_err(|_| StorageError::NoCipher)
}

/// SQLite calls itself ready a moment before SQLCipher is. A thread that opens a file just then, as the process's first
/// one is still being opened by another, is refused, and comes again.
fn hand_over(connection: &Connection, key: &Key) -> rusqlite::Result<()> {
    let mut outcome = connection.execute_batch(&key.pragma());
    for _ in 0..ATTEMPTS_AT_START {
        if outcome.is_ok() {
            break;
        }
        thread::sleep(Duration::from_millis(1));
        outcome = connection.execute_batch(&key.pragma());
    }
    outcome
}

/// SQLCipher looks at its key when the first page is read. Returns the page size, never 0.
fn first_read(connection: &Connection, options: &StoreOptions) -> rusqlite::Result<u64> {
    connection.query_row(FIRST_READ, [], |_| Ok(()))?;
    if let Encryption::Key(_) = options.encryption {
        // Had the file another page size, the first page would not have decrypted.
        return Ok(PAGE_BYTES);
    }
    let page_bytes: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    Ok(u64::from(page_bytes.max(1)))
}

fn set_pragmas(connection: &Connection, options: &StoreOptions) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    let synchronous = match options.durability {
        Durability::Normal => "normal",
        Durability::Full => "full",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", LOG_PAGES_MAX, |_| Ok(()))?;
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
