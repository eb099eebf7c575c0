//! Writing: one row, many rows, the clean-up. Old rows go outside the timing, so that a store stays at a thousand or two.

use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq, digest_parts};
use voiceflow_storage::{Access, Durability, Encryption, Search, StorageError, StoreOptions, TranscriptId};

use super::fixture::{Fixture, ROWS, USER, inputs, keyed, long_text, row, text};

/// Rows between two clean-ups.
const ROUND: usize = 512;

pub(crate) fn insert_keyed() -> Result<Prepared, PrepareError> {
    insert(keyed(), |options| options.upkeep = true, text)
}

pub(crate) fn insert_plain() -> Result<Prepared, PrepareError> {
    insert(Encryption::None, |options| options.upkeep = true, text)
}

pub(crate) fn insert_keyed_full() -> Result<Prepared, PrepareError> {
    insert(keyed(), full, text)
}

pub(crate) fn insert_plain_full() -> Result<Prepared, PrepareError> {
    insert(Encryption::None, full, text)
}

/// Several processes may use the file, so every lock is the system's.
pub(crate) fn insert_keyed_shared() -> Result<Prepared, PrepareError> {
    let adjust = |options: &mut StoreOptions| {
        options.upkeep = true;
        options.access = Access::Shared;
    };
    insert(keyed(), adjust, text)
}

pub(crate) fn insert_keyed_64kib() -> Result<Prepared, PrepareError> {
    insert(keyed(), |options| options.upkeep = true, long_text)
}

fn full(options: &mut StoreOptions) {
    options.upkeep = true;
    options.durability = Durability::Full;
}

/// A store whose rows are numbered on and on, of which only the latest are kept.
struct Ring {
    fixture: Fixture,
    next: usize,
}

impl Ring {
    fn new(encryption: Encryption, adjust: fn(&mut StoreOptions)) -> Result<Self, PrepareError> {
        Ok(Self {
            fixture: Fixture::filled(encryption, adjust)?,
            next: ROWS,
        })
    }

    /// The number of the next of `rows` rows; now and then deletes all but the last [`ROWS`].
    fn take(&mut self, rows: usize) -> Result<usize, StorageError> {
        let number = self.next;
        self.next += rows;
        if self.next / ROUND != number / ROUND {
            self.fixture
                .store
                .delete_older_than(number.saturating_sub(ROWS) as i64)?;
        }
        Ok(number)
    }

    /// The same with their texts.
    fn take_texts(&mut self, rows: usize) -> Result<(usize, Vec<String>), StorageError> {
        let first = self.take(rows)?;
        Ok((first, (first..first + rows).map(text).collect()))
    }

    fn insert_all(&self, first: usize, texts: &[String]) -> Result<Vec<TranscriptId>, StorageError> {
        let rows: Vec<_> = texts
            .iter()
            .enumerate()
            .map(|(index, text)| row(first + index, text))
            .collect();
        self.fixture.store.insert_all(&rows)
    }

    /// The texts of the transcripts that hold a number.
    fn found(&self, number: usize) -> Result<Vec<String>, StorageError> {
        let search = Search {
            words: &number.to_string(),
            limit: 2,
            context: None,
        };
        let found = self.fixture.store.search(USER, &search)?;
        Ok(found.into_iter().map(|transcript| transcript.raw_text).collect())
    }
}

fn insert(
    encryption: Encryption,
    adjust: fn(&mut StoreOptions),
    text: fn(usize) -> String,
) -> Result<Prepared, PrepareError> {
    Ok(Prepared::with_input(
        Ring::new(encryption, adjust)?,
        move |ring| ring.take(1).map(|number| (number, text(number))),
        |ring, input| {
            let (number, text) = input?;
            Ok((number, ring.fixture.store.insert(&row(number, &text))?))
        },
        move |ring, answer: &Result<(usize, TranscriptId), StorageError>| {
            let (number, id) = answer.as_ref().map_err(wrong)?;
            let kept = ring.fixture.store.get(USER, *id).map_err(|error| wrong(&error))?;
            check_eq(
                "the text",
                &kept.map(|transcript| transcript.raw_text),
                &Some(text(*number)),
            )
        },
    )
    .inputs(digest_parts([inputs(ROWS, super::fixture::text), inputs(10, text)])))
}

pub(crate) fn insert_keyed_100() -> Result<Prepared, PrepareError> {
    insert_100(keyed())
}

pub(crate) fn insert_plain_100() -> Result<Prepared, PrepareError> {
    insert_100(Encryption::None)
}

fn insert_100(encryption: Encryption) -> Result<Prepared, PrepareError> {
    Ok(Prepared::with_input(
        Ring::new(encryption, |options| options.upkeep = true)?,
        |ring| ring.take_texts(100),
        |ring, input| {
            let (first, texts) = input?;
            Ok((first, ring.insert_all(first, &texts)?))
        },
        |ring, answer: &Result<(usize, Vec<TranscriptId>), StorageError>| {
            let (first, ids) = answer.as_ref().map_err(wrong)?;
            check_eq("the number of ids", &ids.len(), &100)?;
            let last = ring.fixture.store.get(USER, ids[99]).map_err(|error| wrong(&error))?;
            check_eq(
                "the last text",
                &last.map(|transcript| transcript.raw_text),
                &Some(text(first + 99)),
            )
        },
    )
    .inputs(inputs(ROWS, text)))
}

/// What an insert leaves for later is in the time too, and nobody does it beside.
pub(crate) fn insert_keyed_500_indexed() -> Result<Prepared, PrepareError> {
    Ok(Prepared::with_input(
        Ring::new(keyed(), |_| {})?,
        |ring| ring.take_texts(500),
        |ring, input| {
            let (first, texts) = input?;
            ring.insert_all(first, &texts)?;
            ring.fixture.index()?;
            Ok(first)
        },
        |ring, first: &Result<usize, StorageError>| {
            let first = first.as_ref().map_err(wrong)?;
            check_eq(
                "the texts found",
                &ring.found(first + 499),
                &Ok(vec![text(first + 499)]),
            )
        },
    )
    .inputs(inputs(ROWS, text)))
}

/// Each call's input is 500 rows that are old already.
pub(crate) fn delete_older() -> Result<Prepared, PrepareError> {
    Ok(Prepared::with_input(
        Ring {
            fixture: Fixture::empty(keyed(), |_| {})?,
            next: 0,
        },
        |ring| {
            let first = ring.next;
            ring.next += 500;
            ring.fixture.insert(first, 500)?;
            ring.fixture.index()?;
            Ok::<_, StorageError>(ring.next)
        },
        |ring, cutoff| ring.fixture.store.delete_older_than(cutoff? as i64),
        |_, deleted| check_eq("the number deleted", deleted, &Ok(500)),
    )
    .inputs(inputs(500, text)))
}

fn wrong(error: &StorageError) -> WrongAnswer {
    WrongAnswer::new(error.to_string())
}
