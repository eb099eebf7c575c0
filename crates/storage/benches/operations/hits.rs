//! What encryption costs by how many of the pages that are read lie in the page cache.
//!
//! A page is decrypted when it enters the cache, so the overhead is a curve over the hit ratio and not a number. Each
//! row here is so long that a page holds one, which is checked before anything is timed, and one call reads a hundred
//! rows. Before it, outside the timing, the cache is emptied, and then the pages above the rows and as many of the
//! hundred are read as the variant says, the last of them. The system's own cache holds the file throughout.

use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq};
use voiceflow_storage::{Encryption, Reader, StorageError, TranscriptId};

use super::fixture::{Fixture, USER, inputs, keyed};
use super::laboratory::rows_with_pages_of_their_own;

/// Rows of one call, and their pages.
const ROWS: usize = 100;

/// More than half of a page, with room for the row's other columns: no two share one, and none needs a second.
const TEXT_BYTES: usize = 1_200;

pub(crate) fn keyed_0() -> Result<Prepared, PrepareError> {
    hits(keyed(), 0)
}

pub(crate) fn keyed_50() -> Result<Prepared, PrepareError> {
    hits(keyed(), 50)
}

pub(crate) fn keyed_90() -> Result<Prepared, PrepareError> {
    hits(keyed(), 90)
}

pub(crate) fn keyed_100() -> Result<Prepared, PrepareError> {
    hits(keyed(), 100)
}

pub(crate) fn plain_0() -> Result<Prepared, PrepareError> {
    hits(Encryption::None, 0)
}

pub(crate) fn plain_50() -> Result<Prepared, PrepareError> {
    hits(Encryption::None, 50)
}

pub(crate) fn plain_90() -> Result<Prepared, PrepareError> {
    hits(Encryption::None, 90)
}

pub(crate) fn plain_100() -> Result<Prepared, PrepareError> {
    hits(Encryption::None, 100)
}

/// `warm` of the hundred rows are in the cache when the timing begins.
fn hits(encryption: Encryption, warm: usize) -> Result<Prepared, PrepareError> {
    // One row more, which is read to have the pages above all rows in the cache.
    let fixture = Fixture::with_texts(encryption.clone(), |_| {}, ROWS + 1, text)?;
    let alone = rows_with_pages_of_their_own(fixture.path(), &encryption)?;
    check_eq("the number of rows with pages of their own", &alone, &(ROWS as u32 + 1))?;
    let reader = fixture.store.reader()?;
    Ok(Prepared::with_input(
        (reader, fixture),
        move |(reader, _)| prepare_cache(reader, warm),
        |(reader, _), prepared| {
            prepared?;
            text_bytes(reader, 0..ROWS)
        },
        |_, answer| match answer {
            Ok(bytes) => check_eq("the bytes of text read", bytes, &(2 * ROWS * TEXT_BYTES)),
            Err(error) => Err(WrongAnswer::new(error.to_string())),
        },
    )
    .inputs(inputs(ROWS + 1, text)))
}

fn prepare_cache(reader: &Reader, warm: usize) -> Result<(), StorageError> {
    reader.release_memory()?;
    text_bytes(reader, ROWS - warm..ROWS + 1).map(|_| ())
}

/// Reads rows by number, counted from 0, and adds up the lengths of their two texts.
fn text_bytes(reader: &Reader, rows: std::ops::Range<usize>) -> Result<usize, StorageError> {
    let mut bytes = 0;
    for number in rows {
        if let Some(transcript) = reader.get(USER, TranscriptId(number as i64 + 1))? {
            bytes += transcript.raw_text.len() + transcript.enhanced_text.map_or(0, |text| text.len());
        }
    }
    Ok(bytes)
}

fn text(number: usize) -> String {
    let mut text = super::fixture::text(number);
    while text.len() < TEXT_BYTES {
        text.push_str(" and so on");
    }
    text.truncate(TEXT_BYTES);
    text
}
