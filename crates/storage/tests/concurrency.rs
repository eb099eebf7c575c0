//! Many threads, one file.

mod common;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Place, key, transcript};
use voiceflow_storage::{Access, Durability, Encryption, History, Search, StorageError, Store, StoreOptions};

const ALL: History = History {
    limit: 10_000,
    before_ms: None,
    context: None,
};

/// A pool as large as the threads, patient enough for a loaded machine.
fn store(place: &Place, encryption: Encryption, pool_size: u32) -> Store {
    let options = StoreOptions {
        pool_size,
        busy_timeout: Duration::from_secs(30),
        ..place.options(encryption)
    };
    Store::open(&options).unwrap()
}

#[test]
fn readers_beside_a_writer_see_whole_transactions_only() {
    let place = Place::new();
    let store = store(&place, key(7), 4);
    let done = AtomicBool::new(false);
    let start = Barrier::new(4);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            start.wait();
            for round in 0..60 {
                store
                    .insert_all(&[transcript("ada", round, "seven words in one single transaction batch"); 5])
                    .unwrap();
            }
            done.store(true, Ordering::Release);
        });
        for _ in 0..3 {
            scope.spawn(|| {
                start.wait();
                let mut seen = 0;
                while !done.load(Ordering::Acquire) {
                    let rows = store.recent("ada", &ALL).unwrap().len();
                    assert_eq!(rows % 5, 0, "a part of a transaction was seen");
                    assert!(rows >= seen, "rows vanished");
                    seen = rows;
                    let search = Search {
                        words: "transaction",
                        limit: 1_000,
                        context: None,
                    };
                    assert_eq!(store.search("ada", &search).unwrap().len() % 5, 0);
                }
            });
        }
    });
    assert_eq!(store.count("ada"), Ok(300));
}

#[test]
fn writers_of_one_process_and_of_two_lose_nothing() {
    let place = Place::new();
    // Two stores stand for two processes: they share no queue and no lock but the system's, only the file.
    let options = StoreOptions {
        access: Access::Shared,
        busy_timeout: Duration::from_secs(30),
        ..place.options(key(7))
    };
    let stores = [Store::open(&options).unwrap(), Store::open(&options).unwrap()];
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let store = &stores[thread % 2];
            scope.spawn(move || {
                for n in 0..25 {
                    store.insert(&transcript("ada", n, "one of many")).unwrap();
                }
            });
        }
    });
    drop(stores);
    let store = place.open(key(7));
    let mut ids: Vec<_> = store.recent("ada", &ALL).unwrap().iter().map(|row| row.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 150);
}

#[test]
fn more_threads_than_connections_take_turns() {
    let place = Place::new();
    let store = store(&place, Encryption::None, 2);
    let id = store.insert(&transcript("ada", 1, "shared")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert!(store.get("ada", id).unwrap().is_some());
                }
            });
        }
    });
}

#[test]
fn who_inserts_never_waits_for_the_connection_of_a_search_that_waits_for_the_insert() {
    let place = Place::new();
    let options = StoreOptions {
        pool_size: 1,
        upkeep: false,
        busy_timeout: Duration::from_secs(30),
        ..place.options(key(7))
    };
    let store = Store::open(&options).unwrap();
    let is_done = AtomicBool::new(false);
    let search = Search {
        words: "milk",
        limit: 10,
        context: None,
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Acquire) {
                store.search("ada", &search).unwrap();
            }
        });
        for n in 0..200 {
            store.insert(&transcript("ada", n, "two pints of milk")).unwrap();
        }
        is_done.store(true, Ordering::Release);
    });
    assert_eq!(store.count("ada"), Ok(200));
}

#[test]
fn several_threads_may_create_the_database_at_once() {
    for encryption in [Encryption::None, key(7)] {
        let place = Place::new();
        let options = StoreOptions {
            busy_timeout: Duration::from_secs(30),
            ..place.options(encryption.clone())
        };
        let start = Barrier::new(4);
        std::thread::scope(|scope| {
            for n in 0..4 {
                let (options, start) = (&options, &start);
                scope.spawn(move || {
                    start.wait();
                    // SQLite does not wait for the change to the write-ahead log; it says so and nothing is broken.
                    let store = loop {
                        match Store::open(options) {
                            Ok(store) => break store,
                            Err(error) => assert!(matches!(error, StorageError::Locked { .. }), "{error}"),
                        }
                    };
                    store.insert(&transcript("ada", n, "first")).unwrap();
                });
            }
        });
        assert_eq!(place.open(encryption).count("ada"), Ok(4));
    }
}

#[test]
fn full_durability_commits_too() {
    let place = Place::new();
    let options = StoreOptions {
        durability: Durability::Full,
        ..place.options(key(7))
    };
    Store::open(&options)
        .unwrap()
        .insert(&transcript("ada", 1, "on the disk"))
        .unwrap();
    assert_eq!(place.open(key(7)).count("ada"), Ok(1));
}

#[test]
fn a_store_dropped_while_the_log_is_long_loses_nothing_even_if_its_files_are_copied_first() {
    let place = Place::new();
    let store = place.open(key(7));
    for n in 0..50 {
        store.insert(&transcript("ada", n, "in the log")).unwrap();
    }
    // What a killed process leaves: file and log as they are now, without a closing checkpoint.
    let copy = Place::new();
    for suffix in ["", "-wal"] {
        let name = format!("transcripts.db{suffix}");
        std::fs::copy(place.folder.path().join(&name), copy.folder.path().join(&name)).unwrap();
    }
    assert_eq!(copy.open(key(7)).count("ada"), Ok(50));
}
