//! What is done for the store and not for a caller: indexing what waits, and copies.

use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq};
use voiceflow_storage::{Encryption, Search, StorageError, Store, StoreOptions};

use super::fixture::{Fixture, ROWS, USER, inputs, keyed, text};

/// Rows of a database of about ten megabytes, index included.
const LARGE_ROWS: usize = 20 * ROWS;

pub(crate) fn search_after_1() -> Result<Prepared, PrepareError> {
    search_after(1)
}

pub(crate) fn search_after_500() -> Result<Prepared, PrepareError> {
    search_after(500)
}

/// A search that first indexes `rows` waiting rows. They hold one of its two words at most, and go again afterwards.
fn search_after(rows: usize) -> Result<Prepared, PrepareError> {
    let search = Search {
        words: "Zurich 995",
        limit: 20,
        context: None,
    };
    Ok(Prepared::with_input(
        Fixture::filled(keyed(), |_| {})?,
        // By their time they are older than all others.
        move |fixture| fixture.insert_older(rows),
        move |fixture, inserted| inserted.and_then(|()| fixture.store.search(USER, &search)),
        |fixture, answer| {
            let texts = answer
                .as_ref()
                .map(|rows| rows.iter().map(|row| row.raw_text.clone()).collect::<Vec<_>>());
            check_eq("the texts found", &texts, &Ok(vec![text(995)]))?;
            fixture
                .store
                .delete_older_than(0)
                .map(|_| ())
                .map_err(|error| wrong(&error))
        },
    )
    .inputs(inputs(ROWS, text)))
}

pub(crate) fn backup_keyed() -> Result<Prepared, PrepareError> {
    backup(keyed())
}

pub(crate) fn backup_plain() -> Result<Prepared, PrepareError> {
    backup(Encryption::None)
}

fn backup(encryption: Encryption) -> Result<Prepared, PrepareError> {
    let options = StoreOptions::new("", encryption.clone());
    Ok(Prepared::with_input(
        (Fixture::with_texts(encryption, |_| {}, LARGE_ROWS, text)?, 0_usize),
        |(fixture, number)| {
            *number += 1;
            fixture.path_beside(&format!("copy-{number}.db"))
        },
        |(fixture, _), path| fixture.store.back_up(&path).map(|()| path),
        move |_, path| {
            let path = path.as_ref().map_err(wrong)?;
            let options = StoreOptions {
                path: path.clone(),
                ..options.clone()
            };
            let count = Store::open(&options).and_then(|copy| copy.count(USER));
            check_eq("the rows of the copy", &count, &Ok(LARGE_ROWS as u64))?;
            std::fs::remove_file(path).map_err(|error| WrongAnswer::new(error.to_string()))
        },
    )
    .inputs(inputs(LARGE_ROWS, text)))
}

fn wrong(error: &StorageError) -> WrongAnswer {
    WrongAnswer::new(error.to_string())
}
