//! A copy of the database while it is in use.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ffi};

use crate::error::StorageError;
use crate::shared::Shared;

/// All pages at once: the copy is of one moment, and a reader in the write-ahead log keeps no writer waiting.
const ALL_PAGES: i32 = -1;

pub(crate) fn copy(shared: &Shared, path: &Path) -> Result<(), StorageError> {
    claim(path)?;
    let outcome = copy_into(shared, path);
    if outcome.is_err() {
        for leftover in files(path) {
            // It was made here; where it cannot be removed, the error that is returned says why nothing came of it.
            let _ = fs::remove_file(leftover);
        }
    }
    outcome
}

fn copy_into(shared: &Shared, path: &Path) -> Result<(), StorageError> {
    let source = shared.reader()?;
    let opener = shared.opener_at(path);
    let mut copy = opener.open()?;
    copy_pages(&source, &mut copy)
        .and_then(|()| copy.close().map_err(|(_, error)| error))
        .map_err(|error| match shared.place().error(&error) {
            // The copy was made here, so it is the database that is.
            damaged @ StorageError::Damaged { .. } => damaged,
            _ => opener.place().error(&error),
        })
}

fn copy_pages(source: &Connection, copy: &mut Connection) -> rusqlite::Result<()> {
    match Backup::new(source, copy)?.step(ALL_PAGES)? {
        StepResult::Done => Ok(()),
        // The file was made here, so nobody can hold a lock on it; were it so, the copy is not complete.
        _ => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None)),
    }
}

/// Makes the empty file, so that nothing is overwritten and nobody else takes the name meanwhile.
fn claim(path: &Path) -> Result<(), StorageError> {
    let path_buf = || path.to_owned();
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(StorageError::FileExists { path: path_buf() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(StorageError::MissingFolder {
            folder: path.parent().map_or_else(path_buf, Path::to_owned),
        }),
        Err(_) => Err(StorageError::CannotOpen { path: path_buf() }),
    }
}

fn files(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    })
}
