//! What can go wrong, each told apart by what the reader must do about it.

use std::path::PathBuf;

use rusqlite::ErrorCode;
use rusqlite::ffi;
use thiserror::Error;

/// Why a store did not open or a query did not answer.
///
/// SQLite's own messages are not passed on: they may quote statements, and the statement that sets the key contains it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StorageError {
    /// The folder of the file does not exist.
    #[error("the folder {} does not exist: create it, or correct the database path", .folder.display())]
    MissingFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The file cannot be opened: it is a folder, or permission is lacking.
    #[error("cannot open {}: check that it is a file this user may read and write", .path.display())]
    CannotOpen {
        /// The file.
        path: PathBuf,
    },
    /// A backup would overwrite something.
    #[error("{} is there already: name a file that is not, or move that one away", .path.display())]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// The file does not decrypt. A file of random bytes looks the same.
    #[error("the key does not open {}: use the key that it was created with", .path.display())]
    WrongKey {
        /// The file.
        path: PathBuf,
    },
    /// A key was given for a plain SQLite file.
    #[error("{} is not encrypted, but a key is set: open it without one, or convert it", .path.display())]
    NotEncrypted {
        /// The file.
        path: PathBuf,
    },
    /// Neither a database nor, by its size, a whole encrypted one; or encrypted and opened without a key.
    #[error("{} is not a database that can be read this way: set its key if it is encrypted", .path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// Pages are missing or do not authenticate: the file was cut short or changed from outside.
    #[error("{} is damaged or cut short: restore it from a copy", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A database of another program.
    #[error("{} belongs to another program (application id {application_id:#010x})", .path.display())]
    ForeignDatabase {
        /// The file.
        path: PathBuf,
        /// SQLite's `application_id` in it; 0 for none.
        application_id: i32,
    },
    /// Written by a later version of this program, which this one must not touch.
    #[error("the database has schema {found}, this program knows {known}: update the program")]
    NewerSchema {
        /// `user_version` in the file.
        found: i64,
        /// The newest known here.
        known: i64,
    },
    /// Another process held its lock for longer than the busy timeout. One that has the file for itself alone holds it for
    /// as long as it runs. Nothing was changed; trying again is safe.
    #[error(
        "the database was locked for {waited_ms} ms: another process has it open or is writing, end it or try again"
    )]
    Locked {
        /// The busy timeout.
        waited_ms: u64,
    },
    /// No room. What was committed stays; the present change was rolled back.
    #[error("no room to grow the database: free disk space or raise its limit")]
    DiskFull,
    /// The file or its folder cannot be written.
    #[error("the database is read-only: check the permissions of the file and its folder")]
    ReadOnly,
    /// All connections stayed busy for longer than the busy timeout.
    #[error("all {size} connections were busy for {waited_ms} ms: raise the pool size or lower the load")]
    PoolBusy {
        /// Connections in the pool.
        size: u32,
        /// The busy timeout.
        waited_ms: u64,
    },
    /// A value that the schema does not allow, such as an empty user name.
    #[error("the transcript breaks a rule of the schema: user and audio length must be sensible")]
    Constraint,
    /// A stored context that this program does not know.
    #[error("the database holds a context that this program does not know")]
    UnknownContext,
    /// Built without SQLCipher, so a key would be ignored silently.
    #[error("this program was built without SQLCipher and cannot encrypt")]
    NoCipher,
    /// A setting that makes no sense.
    #[error("{setting} must be at least {minimum}")]
    Setting {
        /// Its name in the options.
        setting: &'static str,
        /// The least.
        minimum: u64,
    },
    /// Anything else that SQLite reports.
    #[error("the database failed with SQLite's code {extended_code} ({})", ffi::code_to_str(*.extended_code))]
    Sqlite {
        /// SQLite's extended result code.
        extended_code: i32,
    },
}

/// Where an error happened: what the classification needs to know about the store.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) busy_timeout_ms: u64,
}

impl Place {
    /// Classifies what SQLite reports once a database is open and known to be ours.
    pub(crate) fn error(&self, error: &rusqlite::Error) -> StorageError {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StorageError::Locked {
                waited_ms: self.busy_timeout_ms,
            },
            Some(ErrorCode::DiskFull) => StorageError::DiskFull,
            Some(ErrorCode::ReadOnly) => StorageError::ReadOnly,
            Some(ErrorCode::CannotOpen) => StorageError::CannotOpen {
                path: self.path.clone(),
            },
            // A page that does not authenticate is reported as "not a database", a missing one as corruption.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StorageError::Damaged {
                path: self.path.clone(),
            },
            Some(ErrorCode::ConstraintViolation) => StorageError::Constraint,
            _ => other(error),
        }
    }
}

fn other(error: &rusqlite::Error) -> StorageError {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..) => StorageError::UnknownContext,
        _ => StorageError::Sqlite {
            extended_code: error.sqlite_extended_error_code().unwrap_or(ffi::SQLITE_ERROR),
        },
    }
}
