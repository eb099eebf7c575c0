//! New transcripts are found at once, though the search index takes them in later and in batches.

mod common;

use std::time::{Duration, Instant};

use common::{Place, found, key, raw_connection, transcript};
use voiceflow_storage::{Encryption, StorageError, Store, StoreOptions};

/// A store without a thread: what is indexed is what the test has had indexed.
fn without_upkeep(place: &Place, encryption: Encryption) -> Store {
    let options = StoreOptions {
        upkeep: false,
        ..place.options(encryption)
    };
    Store::open(&options).unwrap()
}

fn indexed_id(place: &Place) -> i64 {
    raw_connection(place)
        .query_row("SELECT indexed_id FROM counters", [], |row| row.get(0))
        .unwrap()
}

/// FTS5 compares its index with the rows that it has taken in.
fn check_integrity(place: &Place) {
    raw_connection(place)
        .execute(
            "INSERT INTO transcript_words (transcript_words, rank) VALUES ('integrity-check', 1)",
            [],
        )
        .unwrap();
}

#[test]
fn an_insert_leaves_the_index_alone_and_a_search_brings_it_up_to_date() {
    let place = Place::new();
    let store = without_upkeep(&place, Encryption::None);
    let first = store.insert(&transcript("ada", 1, "two pints of milk")).unwrap();
    let second = store.insert(&transcript("grace", 2, "one pint of milk")).unwrap();
    assert_eq!(indexed_id(&place), 0);
    assert_eq!(found(&store, "ada", "milk"), [first.0]);
    assert_eq!(indexed_id(&place), second.0);
    let third = store.insert(&transcript("ada", 3, "more milk")).unwrap();
    assert_eq!(found(&store, "ada", "milk"), [first.0, third.0]);
    check_integrity(&place);
}

#[test]
fn a_history_is_the_same_whichever_of_its_rows_wait() {
    let place = Place::new();
    let store = without_upkeep(&place, Encryption::None);
    // Times repeat and go back and forth, so that waiting rows belong before, between and behind indexed ones.
    let created_ms = |n: i64| (n * 7) % 13;
    for n in 0..40 {
        store
            .insert(&transcript(
                if n % 3 == 0 { "grace" } else { "ada" },
                created_ms(n),
                "milk",
            ))
            .unwrap();
        if n == 17 {
            found(&store, "ada", "milk");
        }
    }
    assert_eq!(indexed_id(&place), 18);
    let histories = |store: &Store| -> Vec<_> {
        let limits = [0, 1, 5, 12, 100];
        let before = [None, Some(3), Some(8)];
        let cases = limits
            .into_iter()
            .flat_map(|limit| before.map(|before_ms| (limit, before_ms)));
        cases
            .map(|(limit, before_ms)| {
                let history = voiceflow_storage::History {
                    limit,
                    before_ms,
                    context: None,
                };
                store.recent("ada", &history).unwrap()
            })
            .collect()
    };
    let waiting = (histories(&store), store.count("ada"));
    found(&store, "ada", "milk");
    assert_eq!(indexed_id(&place), 40);
    assert_eq!(waiting, (histories(&store), store.count("ada")));
    let newest_first = waiting
        .0
        .last()
        .unwrap()
        .windows(2)
        .all(|pair| pair[0].created_ms >= pair[1].created_ms);
    assert!(newest_first && waiting.1 == Ok(26));
}

#[test]
fn more_rows_than_a_batch_are_all_found() {
    let place = Place::new();
    let store = without_upkeep(&place, key(7));
    let rows: Vec<_> = (0..1_300).map(|n| transcript("ada", n, "one of very many")).collect();
    let ids = store.insert_all(&rows).unwrap();
    let search = voiceflow_storage::Search {
        words: "many",
        limit: 5_000,
        context: None,
    };
    assert_eq!(store.search("ada", &search).unwrap().len(), ids.len());
}

#[test]
fn rows_that_waited_when_the_process_was_killed_are_found_afterwards() {
    let place = Place::new();
    let store = without_upkeep(&place, key(7));
    let indexed = store.insert(&transcript("ada", 1, "milk before the search")).unwrap();
    assert_eq!(found(&store, "ada", "milk"), [indexed.0]);
    let waiting = store.insert(&transcript("ada", 2, "milk after the search")).unwrap();
    // What a killed process leaves: file and log as they are now.
    let copy = Place::new();
    for suffix in ["", "-wal"] {
        let name = format!("transcripts.db{suffix}");
        std::fs::copy(place.folder.path().join(&name), copy.folder.path().join(&name)).unwrap();
    }
    let reopened = copy.open(key(7));
    assert_eq!(found(&reopened, "ada", "milk"), [indexed.0, waiting.0]);
}

#[test]
fn transcripts_deleted_before_they_were_indexed_are_not_found_and_leave_the_index_whole() {
    let place = Place::new();
    let store = without_upkeep(&place, Encryption::None);
    let kept = store.insert(&transcript("ada", 10, "keep the milk")).unwrap();
    let deleted = store.insert(&transcript("ada", 11, "pour the milk away")).unwrap();
    let old = store.insert(&transcript("ada", 1, "milk of last year")).unwrap();
    store.delete("ada", deleted).unwrap();
    assert_eq!(store.delete_older_than(5), Ok(1));
    assert_eq!(found(&store, "ada", "milk"), [kept.0]);
    assert_eq!(store.get("ada", old), Ok(None));
    store.delete("ada", kept).unwrap();
    assert_eq!(found(&store, "ada", "milk"), [] as [i64; 0]);
    check_integrity(&place);
}

#[test]
fn a_number_is_not_given_twice_whatever_was_deleted_and_how_often_it_was_reopened() {
    for is_searched in [false, true] {
        let place = Place::new();
        let mut latest = 0;
        for round in 0..3 {
            let store = without_upkeep(&place, key(7));
            let kept = store.insert(&transcript("ada", 100 + round, "kept")).unwrap();
            let by_number = store.insert(&transcript("ada", 100 + round, "deleted")).unwrap();
            let by_age = store.insert(&transcript("ada", round, "old")).unwrap();
            assert!(latest < kept.0 && kept < by_number && by_number < by_age);
            if is_searched {
                found(&store, "ada", "old");
            }
            store.delete("ada", by_number).unwrap();
            assert_eq!(store.delete_older_than(50), Ok(1));
            latest = by_age.0;
        }
    }
}

#[test]
fn only_a_search_with_rows_waiting_needs_the_lock_of_writers() {
    let place = Place::new();
    let store = without_upkeep(&place, Encryption::None);
    let first = store.insert(&transcript("ada", 1, "milk")).unwrap();
    assert_eq!(found(&store, "ada", "milk"), [first.0]);
    let other = raw_connection(&place);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(
        found(&store, "ada", "milk"),
        [first.0],
        "nothing waits, so nobody is waited for"
    );
    other.execute_batch("ROLLBACK").unwrap();
    let second = store.insert(&transcript("ada", 2, "milk")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let search = voiceflow_storage::Search {
        words: "milk",
        limit: 10,
        context: None,
    };
    assert_eq!(
        store.search("ada", &search),
        Err(StorageError::Locked { waited_ms: 200 })
    );
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(found(&store, "ada", "milk"), [first.0, second.0]);
}

/// Waits for what the thread does beside the test; what takes a minute does not come.
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn many_rows_are_indexed_and_folded_into_the_file_without_a_search() {
    let place = Place::new();
    let store = place.open(Encryption::None);
    let file_bytes = || std::fs::metadata(&place.path).unwrap().len();
    for n in 0..2_000 {
        store
            .insert(&transcript("ada", n, "a row among many others of its kind"))
            .unwrap();
    }
    eventually("the index", || indexed_id(&place) >= 1_000);
    eventually("the folded log", || file_bytes() > 100_000);
    drop(store);
    let store = place.open(Encryption::None);
    assert_eq!(store.count("ada"), Ok(2_000));
    let search = voiceflow_storage::Search {
        words: "among others",
        limit: 5_000,
        context: None,
    };
    assert_eq!(store.search("ada", &search).unwrap().len(), 2_000);
    check_integrity(&place);
}

#[test]
fn rows_of_many_short_runs_are_indexed_without_a_search() {
    let place = Place::new();
    for _ in 0..3 {
        let rows = [transcript("ada", 1, "a hundred a day"); 100];
        place.open(Encryption::None).insert_all(&rows).unwrap();
    }
    let _store = place.open(Encryption::None);
    eventually("the index", || indexed_id(&place) > 0);
}

#[test]
fn searches_beside_writers_find_every_row_committed_before_them() {
    let place = Place::new();
    let store = place.open(key(7));
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let store = &store;
            scope.spawn(move || {
                let user = format!("user {thread}");
                for n in 0..60 {
                    store.insert(&transcript(&user, n, "milk")).unwrap();
                    assert_eq!(found(store, &user, "milk").len() as i64, n + 1);
                }
            });
        }
    });
}
