//! Reading: by id, by time, by words; opening.

use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq};
use voiceflow_storage::{Encryption, History, Search, StorageError, Store, Transcript, TranscriptId};

use super::fixture::{Fixture, ROWS, USER, inputs, keyed, long_text, text};

/// From one row to the next. It has no divisor in common with [`ROWS`], so every row comes once in a thousand calls.
const STEP: usize = 389;

/// On one connection in hand, so that nothing of the pool is in what is counted.
pub(crate) fn get_plain_reader() -> Result<Prepared, PrepareError> {
    let fixture = Fixture::filled(Encryption::None, |_| {})?;
    let reader = fixture.store.reader()?;
    for number in 0..ROWS {
        reader.get(USER, TranscriptId(number as i64 + 1))?;
    }
    Ok(Prepared::with_input(
        (reader, 0_usize, fixture),
        |(_, number, _)| {
            *number = (*number + STEP) % ROWS;
            TranscriptId(*number as i64 + 1)
        },
        |(reader, ..), id| reader.get(USER, id),
        |_, answer| check_found(answer),
    )
    .inputs(inputs(ROWS, text)))
}

pub(crate) fn get_plain_hot() -> Result<Prepared, PrepareError> {
    get(Encryption::None, |_| Ok(()))
}

pub(crate) fn get_keyed_hot() -> Result<Prepared, PrepareError> {
    get(keyed(), |_| Ok(()))
}

pub(crate) fn get_keyed_cold() -> Result<Prepared, PrepareError> {
    get(keyed(), Store::release_memory)
}

pub(crate) fn get_plain_cold() -> Result<Prepared, PrepareError> {
    get(Encryption::None, Store::release_memory)
}

/// Reads by id, in an order that visits every row. `before` runs ahead of each call, outside the timing.
fn get(encryption: Encryption, before: fn(&Store) -> Result<(), StorageError>) -> Result<Prepared, PrepareError> {
    let fixture = Fixture::filled(encryption, |_| {})?;
    // One round makes every page and statement known.
    for number in 0..ROWS {
        fixture.store.get(USER, TranscriptId(number as i64 + 1))?;
    }
    Ok(Prepared::with_input(
        (fixture, 0_usize),
        move |(fixture, number)| {
            *number = (*number + STEP) % ROWS;
            (before(&fixture.store), TranscriptId(*number as i64 + 1))
        },
        |(fixture, _), (before, id)| before.and_then(|()| fixture.store.get(USER, id)),
        |_, answer| check_found(answer),
    )
    .inputs(inputs(ROWS, text)))
}

fn check_found(answer: &Result<Option<Transcript>, StorageError>) -> Result<(), WrongAnswer> {
    match answer {
        Ok(Some(transcript)) => check_text(transcript),
        Ok(None) => Err(WrongAnswer::new("no such transcript")),
        Err(error) => Err(WrongAnswer::new(error.to_string())),
    }
}

/// The text follows from the id, whichever call of a batch is checked.
fn check_text(transcript: &Transcript) -> Result<(), WrongAnswer> {
    let number = usize::try_from(transcript.id.0 - 1).unwrap_or(usize::MAX);
    check_eq("the text", &transcript.raw_text, &text(number))
}

pub(crate) fn statement_reader() -> Result<Prepared, PrepareError> {
    let fixture = Fixture::filled(Encryption::None, |_| {})?;
    let reader = fixture.store.reader()?;
    reader.count("nobody")?;
    Ok(Prepared::new(
        (reader, fixture),
        |(reader, _)| reader.count("nobody"),
        |_, count| check_eq("the count", count, &Ok(0)),
    )
    .inputs(inputs(ROWS, text)))
}

pub(crate) fn recent_keyed_50() -> Result<Prepared, PrepareError> {
    recent_50(keyed())
}

pub(crate) fn recent_plain_50() -> Result<Prepared, PrepareError> {
    recent_50(Encryption::None)
}

fn recent_50(encryption: Encryption) -> Result<Prepared, PrepareError> {
    let history = History {
        limit: 50,
        before_ms: None,
        context: None,
    };
    Ok(Prepared::new(
        Fixture::filled(encryption, |_| {})?,
        move |fixture| fixture.store.recent(USER, &history),
        |_, answer| {
            let times = answer
                .as_ref()
                .map(|rows| rows.iter().map(|row| row.created_ms).collect::<Vec<_>>());
            check_eq("the times", &times, &Ok((950..1000).rev().collect()))
        },
    )
    .inputs(inputs(ROWS, text)))
}

pub(crate) fn search_keyed_1k_rows() -> Result<Prepared, PrepareError> {
    let search = Search {
        words: "budget friday",
        limit: 20,
        context: None,
    };
    Ok(Prepared::new(
        Fixture::filled(keyed(), |_| {})?,
        move |fixture| fixture.store.search(USER, &search),
        |_, answer| {
            let rows = answer.as_ref().map_err(|error| WrongAnswer::new(error.to_string()))?;
            check_eq("the number found", &rows.len(), &20)?;
            let all_fit = rows
                .iter()
                .all(|row| row.raw_text.contains("budget") && row.raw_text.contains("Friday"));
            check_eq("whether all match", &all_fit, &true)
        },
    )
    .inputs(inputs(ROWS, text)))
}

pub(crate) fn open_keyed() -> Result<Prepared, PrepareError> {
    open(keyed())
}

pub(crate) fn open_plain() -> Result<Prepared, PrepareError> {
    open(Encryption::None)
}

/// The fixture's own store stays open, so that no call pays for folding the log when its store closes.
fn open(encryption: Encryption) -> Result<Prepared, PrepareError> {
    Ok(Prepared::new(
        Fixture::filled(encryption, |_| {})?,
        |fixture| {
            let store = fixture.reopen()?;
            let transcript = store.get(USER, TranscriptId(7))?;
            Ok::<_, StorageError>((store, transcript))
        },
        |_, answer| match answer {
            Ok((_, Some(transcript))) => check_text(transcript),
            Ok((_, None)) => Err(WrongAnswer::new("no such transcript")),
            Err(error) => Err(WrongAnswer::new(error.to_string())),
        },
    )
    .inputs(inputs(ROWS, text)))
}

pub(crate) fn scan_keyed_1k() -> Result<Prepared, PrepareError> {
    scan(keyed(), ROWS)
}

pub(crate) fn scan_plain_1k() -> Result<Prepared, PrepareError> {
    scan(Encryption::None, ROWS)
}

pub(crate) fn scan_keyed_20k() -> Result<Prepared, PrepareError> {
    scan(keyed(), 20 * ROWS)
}

pub(crate) fn scan_plain_20k() -> Result<Prepared, PrepareError> {
    scan(Encryption::None, 20 * ROWS)
}

/// A user's whole history, nothing of it in the page cache.
fn scan(encryption: Encryption, rows: usize) -> Result<Prepared, PrepareError> {
    let history = History {
        limit: u32::try_from(rows)?,
        before_ms: None,
        context: None,
    };
    Ok(Prepared::with_input(
        Fixture::with_texts(encryption, |_| {}, rows, text)?,
        |fixture| fixture.store.release_memory(),
        move |fixture, released| released.and_then(|()| fixture.store.recent(USER, &history)),
        move |_, answer| {
            let found = answer.as_ref().map_err(|error| WrongAnswer::new(error.to_string()))?;
            check_eq("the number of rows", &found.len(), &rows)?;
            found.iter().try_for_each(check_text)
        },
    )
    .inputs(inputs(rows, text)))
}

pub(crate) fn get_keyed_64kib_cold() -> Result<Prepared, PrepareError> {
    get_64kib_cold(keyed())
}

pub(crate) fn get_plain_64kib_cold() -> Result<Prepared, PrepareError> {
    get_64kib_cold(Encryption::None)
}

/// Twice 64 KiB on pages of their own, which SQLite reads one after the other.
fn get_64kib_cold(encryption: Encryption) -> Result<Prepared, PrepareError> {
    Ok(Prepared::with_input(
        Fixture::with_texts(encryption, |_| {}, 10, long_text)?,
        |fixture| fixture.store.release_memory(),
        |fixture, released| released.and_then(|()| fixture.store.get(USER, TranscriptId(3))),
        |_, answer| match answer {
            Ok(Some(transcript)) => check_eq("the text", &transcript.raw_text, &long_text(2)),
            Ok(None) => Err(WrongAnswer::new("no such transcript")),
            Err(error) => Err(WrongAnswer::new(error.to_string())),
        },
    )
    .inputs(inputs(10, long_text)))
}
