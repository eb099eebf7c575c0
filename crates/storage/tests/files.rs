//! The file itself: who may have it open, how its pages are authenticated, and copies of it.

mod common;

use std::fs;
use std::process::Command;
use std::time::Duration;

use common::{Place, found, key, raw_connection, transcript};
use rusqlite::Connection;
use voiceflow_storage::{Access, Encryption, StorageError, Store, StoreOptions};

/// Names the database that [`the_other_process`] is to open.
const OTHER_PATH: &str = "VOICEFLOW_STORAGE_TEST_PATH";

/// Its busy timeout in milliseconds.
const OTHER_PATIENCE_MS: &str = "VOICEFLOW_STORAGE_TEST_PATIENCE_MS";

/// Rows that it commits, one by one.
const OTHER_ROWS: i64 = 20;

/// Not a test of its own: the tests below run it in a process beside theirs. It says what opening and writing came to.
#[test]
fn the_other_process() {
    let (Some(path), Ok(patience_ms)) = (std::env::var_os(OTHER_PATH), std::env::var(OTHER_PATIENCE_MS)) else {
        return;
    };
    let options = StoreOptions {
        access: Access::Shared,
        busy_timeout: Duration::from_millis(patience_ms.parse().unwrap()),
        ..StoreOptions::new(path, key(7))
    };
    let outcome = Store::open(&options).and_then(|store| {
        for n in 0..OTHER_ROWS {
            store.insert(&transcript("grace", n, "theirs"))?;
        }
        store.count("ada")
    });
    fs::write(
        options.path.with_extension("outcome"),
        match outcome {
            Ok(count) => format!("{count} rows"),
            Err(error) => error.to_string(),
        },
    )
    .unwrap();
}

fn another_process_finds(place: &Place, patience_ms: u64) -> String {
    let this_program = std::env::current_exe().unwrap();
    let status = Command::new(this_program)
        .args(["--exact", "the_other_process"])
        .env(OTHER_PATH, &place.path)
        .env(OTHER_PATIENCE_MS, patience_ms.to_string())
        .output()
        .unwrap()
        .status;
    assert!(status.success());
    fs::read_to_string(place.path.with_extension("outcome")).unwrap()
}

#[test]
#[cfg(unix)]
fn a_store_keeps_other_processes_out_for_as_long_as_it_is_open() {
    let place = Place::new();
    let store = place.open(key(7));
    store.insert(&transcript("ada", 1, "mine")).unwrap();
    assert!(another_process_finds(&place, 50).starts_with("the database was locked for 50 ms"));
    // A second store in this process opens and closes files too; the first one's lock must outlive that.
    drop(place.open(key(7)));
    assert!(another_process_finds(&place, 50).starts_with("the database was locked for 50 ms"));
    drop(store);
    assert_eq!(another_process_finds(&place, 30_000), "1 rows");
}

#[test]
fn a_shared_store_reads_and_writes_beside_other_processes() {
    let place = Place::new();
    let options = StoreOptions {
        access: Access::Shared,
        busy_timeout: Duration::from_secs(30),
        ..place.options(key(7))
    };
    let store = Store::open(&options).unwrap();
    store.insert(&transcript("ada", 1, "ours")).unwrap();
    assert_eq!(another_process_finds(&place, 30_000), "1 rows");
    assert_eq!(found(&store, "grace", "theirs").len() as i64, OTHER_ROWS);
    // Both write at once; what the other one counts meanwhile is any number.
    let outcome = std::thread::scope(|scope| {
        let other = scope.spawn(|| another_process_finds(&place, 30_000));
        let mut rows = 1;
        while !other.is_finished() {
            rows += 1;
            store.insert(&transcript("ada", rows, "ours")).unwrap();
        }
        assert_eq!(store.count("ada"), Ok(rows.unsigned_abs()));
        other.join().unwrap()
    });
    assert!(outcome.ends_with(" rows"), "{outcome}");
    assert_eq!(found(&store, "grace", "theirs").len() as i64, 2 * OTHER_ROWS);
}

/// Reads with SQLCipher alone, by an algorithm for the pages' authentication.
fn reads_with(place: &Place, hmac_algorithm: &str) -> bool {
    let connection = Connection::open(&place.path).unwrap();
    let pragmas = format!(
        "PRAGMA cipher_log_level = NONE; PRAGMA key = \"x'{}'\"; PRAGMA cipher_hmac_algorithm = {hmac_algorithm}",
        "07".repeat(32)
    );
    connection.execute_batch(&pragmas).unwrap();
    connection
        .query_row("SELECT count(*) FROM transcripts", [], |_| Ok(()))
        .is_ok()
}

#[test]
fn pages_of_a_new_file_are_authenticated_with_sha256() {
    let place = Place::new();
    place.open(key(7)).insert(&transcript("ada", 1, "new")).unwrap();
    assert!(reads_with(&place, "HMAC_SHA256") && !reads_with(&place, "HMAC_SHA512"));
}

/// A database as earlier versions made it, with one row.
fn with_sqlciphers_defaults() -> Place {
    let plain = Place::new();
    plain
        .open(Encryption::None)
        .insert(&transcript("ada", 1, "older"))
        .unwrap();
    let place = Place::new();
    let source = raw_connection(&plain);
    let export = format!(
        "ATTACH '{}' AS copy KEY \"x'{}'\";
         SELECT sqlcipher_export('copy');
         PRAGMA copy.application_id = {}; PRAGMA copy.user_version = {};",
        place.path.display(),
        "07".repeat(32),
        0x5646_4c57,
        voiceflow_storage::SCHEMA_VERSION,
    );
    source.execute_batch(&export).unwrap();
    place
}

#[test]
fn a_file_with_sqlciphers_defaults_is_used_as_it_is() {
    let place = with_sqlciphers_defaults();
    for opened in 1..=2 {
        let store = place.open(key(7));
        store.insert(&transcript("ada", 1, "older")).unwrap();
        assert_eq!(found(&store, "ada", "older").len(), opened + 1);
    }
    assert!(reads_with(&place, "HMAC_SHA512") && !reads_with(&place, "HMAC_SHA256"));
    assert_eq!(
        Store::open(&place.options(key(8))).map(|_| ()).unwrap_err(),
        StorageError::WrongKey {
            path: place.path.clone()
        }
    );
}

#[test]
fn a_backup_is_a_whole_database_of_one_moment_beside_a_writer() {
    for encryption in [Encryption::None, key(7)] {
        let place = Place::new();
        let store = place.open(encryption.clone());
        store.insert_all(&[transcript("ada", 1, "kept twice"); 40]).unwrap();
        let copy = Place::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0..20 {
                    store.insert_all(&[transcript("ada", n, "in tens"); 10]).unwrap();
                }
            });
            store.back_up(&copy.path).unwrap();
        });
        let copied = copy.open(encryption);
        let count = copied.count("ada").unwrap();
        assert!((40..=240).contains(&count) && count.is_multiple_of(10), "{count}");
        assert_eq!(found(&copied, "ada", "twice").len(), 40);
        let next = copied.insert(&transcript("ada", 5, "the copy is used")).unwrap();
        assert_eq!(next.0 as u64, count + 1);
    }
}

#[test]
fn the_backup_of_a_file_with_sqlciphers_defaults_has_them_too() {
    let place = with_sqlciphers_defaults();
    let copy = Place::new();
    place.open(key(7)).back_up(&copy.path).unwrap();
    assert_eq!(found(&copy.open(key(7)), "ada", "older").len(), 1);
    assert!(reads_with(&copy, "HMAC_SHA512") && !reads_with(&copy, "HMAC_SHA256"));
}

#[test]
fn a_backup_overwrites_nothing_and_names_what_is_in_its_way() {
    let place = Place::new();
    let store = place.open(key(7));
    store.insert(&transcript("ada", 1, "one")).unwrap();
    let copy = Place::new();
    fs::write(&copy.path, "something else").unwrap();
    assert_eq!(
        store.back_up(&copy.path),
        Err(StorageError::FileExists {
            path: copy.path.clone()
        })
    );
    assert_eq!(fs::read_to_string(&copy.path).unwrap(), "something else");
    let folder = copy.folder.path().join("not there");
    assert_eq!(
        store.back_up(&folder.join("copy.db")),
        Err(StorageError::MissingFolder { folder })
    );
}

#[test]
fn a_backup_that_fails_leaves_no_file() {
    let place = Place::new();
    let options = StoreOptions {
        file_bytes_max: Some(400 * 4096),
        ..place.options(key(7))
    };
    let store = Store::open(&options).unwrap();
    store
        .insert_all(&[transcript("ada", 1, &"a long text ".repeat(50)); 300])
        .unwrap();
    drop(store);
    // The copy has the same limit, and the source has outgrown it under another.
    let store = place.open(key(7));
    store
        .insert_all(&[transcript("ada", 1, &"a long text ".repeat(50)); 3_000])
        .unwrap();
    drop(store);
    let store = Store::open(&options).unwrap();
    let copy = Place::new();
    assert!(store.back_up(&copy.path).is_err());
    assert_eq!(fs::read_dir(copy.folder.path()).unwrap().count(), 0);
    assert_eq!(store.count("ada"), Ok(3_300));
}
