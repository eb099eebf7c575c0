//! Many threads on one store: what its pool and its writer's queue cost under contention.
//!
//! The threads are there before the timing begins, and wait; a call lets all of them go and ends when the last is done.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;

use voiceflow_kit::{PrepareError, Prepared, check_eq, digest_parts};
use voiceflow_storage::{Store, TranscriptId};

use super::fixture::{Fixture, ROWS, USER, inputs, keyed, row, text};

/// Queries of each thread in one call: so many that waking the threads is a small part of it.
pub(crate) const CHECKOUTS: usize = 500;

/// The same where a query reads or commits a transcript, which takes longer.
pub(crate) const EXCHANGES: usize = 20;

/// Connections of a store with the service's settings.
const POOL_SIZE: u32 = 20;

pub(crate) fn checkout_1() -> Result<Prepared, PrepareError> {
    checkout(1)
}

pub(crate) fn checkout_8() -> Result<Prepared, PrepareError> {
    checkout(8)
}

pub(crate) fn checkout_50() -> Result<Prepared, PrepareError> {
    checkout(50)
}

/// Each query is the least there is, so that taking a connection and giving it back weigh most.
fn checkout(threads: usize) -> Result<Prepared, PrepareError> {
    crew(threads, 0, CHECKOUTS, |store, _, _| {
        store.count("nobody").is_ok_and(|count| count == 0)
    })
}

pub(crate) fn readers_50_writer_1() -> Result<Prepared, PrepareError> {
    crew(50, 1, EXCHANGES, |store, thread, query| {
        let number = (thread * 131 + query * 389) % ROWS;
        let found = store.get(USER, TranscriptId(number as i64 + 1));
        found.is_ok_and(|found| found.is_some_and(|transcript| transcript.raw_text == text(number)))
    })
}

/// Whether the answer was right, of a thread by its number and a query by its own.
type Read = fn(&Store, usize, usize) -> bool;

fn crew(readers: usize, writers: usize, queries: usize, read: Read) -> Result<Prepared, PrepareError> {
    let fixture = Fixture::filled(keyed(), |options| options.pool_size = POOL_SIZE)?;
    let crew = Crew::new(fixture, readers, writers, queries, read)?;
    let expected = ((readers + writers) * queries) as u64;
    Ok(Prepared::new(
        crew,
        |crew| crew.once(),
        move |crew, right| {
            crew.tidy()?;
            check_eq("the number of right answers", right, &expected)
        },
    )
    .inputs(digest_parts([&inputs(ROWS, text)[..], &(queries as u64).to_le_bytes()])))
}

struct Crew {
    gate: Arc<Gate>,
    threads: Vec<JoinHandle<()>>,
    fixture: Fixture,
}

struct Gate {
    store: Store,
    start: Barrier,
    end: Barrier,
    is_over: AtomicBool,
    right: AtomicU64,
}

impl Crew {
    fn new(fixture: Fixture, readers: usize, writers: usize, queries: usize, read: Read) -> Result<Self, PrepareError> {
        let gate = Arc::new(Gate {
            store: fixture.reopen()?,
            start: Barrier::new(readers + writers + 1),
            end: Barrier::new(readers + writers + 1),
            is_over: AtomicBool::new(false),
            right: AtomicU64::new(0),
        });
        let threads = (0..readers + writers)
            .map(|thread| {
                let gate = Arc::clone(&gate);
                std::thread::spawn(move || gate.work(thread, thread < readers, queries, read))
            })
            .collect();
        Ok(Self { gate, threads, fixture })
    }

    /// Lets the threads go once; how many of their answers were right.
    fn once(&self) -> u64 {
        self.gate.right.store(0, Ordering::Relaxed);
        self.gate.start.wait();
        self.gate.end.wait();
        self.gate.right.load(Ordering::Relaxed)
    }

    /// What writers added goes again: those rows are the latest by number and the oldest by their time.
    fn tidy(&self) -> Result<(), voiceflow_kit::WrongAnswer> {
        let deleted = self.fixture.store.delete_older_than(0);
        deleted
            .map(|_| ())
            .map_err(|error| voiceflow_kit::WrongAnswer::new(error.to_string()))
    }
}

impl Gate {
    fn work(&self, thread: usize, is_reader: bool, queries: usize, read: Read) {
        let new = voiceflow_storage::NewTranscript {
            created_ms: -1,
            ..row(thread, "written beside the readers")
        };
        loop {
            self.start.wait();
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let right = (0..queries).filter(|query| match is_reader {
                true => read(&self.store, thread, *query),
                false => self.store.insert(&new).is_ok(),
            });
            self.right.fetch_add(right.count() as u64, Ordering::Relaxed);
            self.end.wait();
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.gate.is_over.store(true, Ordering::Relaxed);
        self.gate.start.wait();
        for thread in self.threads.drain(..) {
            // A thread that panicked has printed why.
            let _ = thread.join();
        }
    }
}
