//! Each thing that can be wrong with a database has its own error, and none loses what was committed.

mod common;

use std::fs::{self, OpenOptions};

use common::{Place, found, key, raw_connection, transcript};
use voiceflow_storage::{Encryption, History, SCHEMA_VERSION, StorageError, Store, StoreOptions};

const ALL: History = History {
    limit: 10_000,
    before_ms: None,
    context: None,
};

/// A database with `rows` rows whose write-ahead log has been folded into the file.
fn filled(encryption: Encryption, rows: i64) -> Place {
    let place = Place::new();
    let store = place.open(encryption);
    let text = "a transcript of some length, so that rows fill pages soon. ".repeat(5);
    for n in 0..rows {
        store.insert(&transcript("ada", n, &text)).unwrap();
    }
    place
}

fn open_error(options: &StoreOptions) -> StorageError {
    Store::open(options).map(|_| ()).unwrap_err()
}

#[test]
fn a_wrong_key_is_told_and_the_right_one_still_opens() {
    let place = filled(key(7), 3);
    for _ in 0..3 {
        assert_eq!(
            open_error(&place.options(key(8))),
            StorageError::WrongKey {
                path: place.path.clone()
            }
        );
    }
    assert_eq!(place.open(key(7)).count("ada"), Ok(3));
}

#[test]
fn a_key_for_a_plain_file_and_a_missing_key_are_two_errors() {
    let plain = filled(Encryption::None, 1);
    assert_eq!(
        open_error(&plain.options(key(7))),
        StorageError::NotEncrypted {
            path: plain.path.clone()
        }
    );
    let keyed = filled(key(7), 1);
    assert_eq!(
        open_error(&keyed.options(Encryption::None)),
        StorageError::NotADatabase {
            path: keyed.path.clone()
        }
    );
    assert_eq!(
        (
            plain.open(Encryption::None).count("ada"),
            keyed.open(key(7)).count("ada")
        ),
        (Ok(1), Ok(1))
    );
}

#[test]
fn some_other_file_is_not_a_database_and_stays_as_it_is() {
    for encryption in [Encryption::None, key(7)] {
        let place = Place::new();
        let text = "Dear diary, this is no database. ".repeat(300);
        fs::write(&place.path, &text).unwrap();
        assert_eq!(
            open_error(&place.options(encryption)),
            StorageError::NotADatabase {
                path: place.path.clone()
            }
        );
        assert_eq!(fs::read_to_string(&place.path).unwrap(), text);
    }
}

#[test]
fn a_file_cut_short_is_damaged_at_any_length() {
    for encryption in [Encryption::None, key(7)] {
        let place = filled(encryption.clone(), 300);
        let whole = fs::read(&place.path).unwrap();
        assert!(whole.len() > 20 * 4096);
        for length in [whole.len() - 1, whole.len() - 4096, 10 * 4096 + 100, 4096] {
            OpenOptions::new()
                .write(true)
                .open(&place.path)
                .unwrap()
                .set_len(length as u64)
                .unwrap();
            let error = open_error(&place.options(encryption.clone()));
            assert_eq!(
                error,
                StorageError::Damaged {
                    path: place.path.clone()
                },
                "{length} bytes"
            );
        }
        OpenOptions::new()
            .write(true)
            .open(&place.path)
            .unwrap()
            .set_len(700)
            .unwrap();
        let error = open_error(&place.options(encryption.clone()));
        let expected = [
            StorageError::Damaged {
                path: place.path.clone(),
            },
            StorageError::NotADatabase {
                path: place.path.clone(),
            },
        ];
        assert!(expected.contains(&error), "{error}");
        fs::write(&place.path, &whole).unwrap();
        assert_eq!(
            place.open(encryption).count("ada"),
            Ok(300),
            "opening a damaged file changes nothing beside it"
        );
    }
}

#[test]
fn a_page_changed_from_outside_is_damage_and_other_rows_stay_readable() {
    let place = filled(key(7), 300);
    let store = place.open(key(7));
    let pages = fs::metadata(&place.path).unwrap().len() / 4096;
    let newest = store.recent("ada", &History { limit: 1, ..ALL }).unwrap()[0].id;
    drop(store);
    let mut bytes = fs::read(&place.path).unwrap();
    // Every page but the schema's first few is changed in turn until a read of the whole history meets it.
    let mut damaged_reads = 0;
    for page in (pages / 2)..pages {
        let at = (page * 4096 + 2000) as usize;
        bytes[at] ^= 1;
        fs::write(&place.path, &bytes).unwrap();
        let store = place.open(key(7));
        match store.recent("ada", &ALL) {
            Ok(rows) => assert_eq!(rows.len(), 300),
            Err(error) => {
                assert_eq!(
                    error,
                    StorageError::Damaged {
                        path: place.path.clone()
                    }
                );
                damaged_reads += 1;
            }
        }
        drop(store);
        bytes[at] ^= 1;
    }
    assert!(damaged_reads > 0, "no changed page held a row");
    fs::write(&place.path, &bytes).unwrap();
    assert!(place.open(key(7)).get("ada", newest).unwrap().is_some());
}

#[test]
fn a_lock_held_by_another_process_is_told_and_nothing_is_lost() {
    let place = filled(Encryption::None, 2);
    let store = place.open(Encryption::None);
    let other = raw_connection(&place);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let new = transcript("ada", 9, "waits in vain");
    let locked = StorageError::Locked { waited_ms: 200 };
    assert_eq!(store.insert(&new), Err(locked.clone()));
    assert_eq!(store.insert_all(&[new]), Err(locked.clone()));
    assert_eq!(store.delete_older_than(100), Err(locked));
    assert_eq!(store.count("ada"), Ok(2), "readers do not wait");
    other.execute_batch("ROLLBACK").unwrap();
    store.insert(&new).unwrap();
    drop(store);
    assert_eq!(place.open(Encryption::None).count("ada"), Ok(3));
}

#[test]
fn a_full_disk_is_told_keeps_what_was_committed_and_deleting_makes_room() {
    // Rows that wait for the index need nothing to go; those in it leave a note that they are gone, and most room.
    for (encryption, is_indexed) in [(Encryption::None, false), (key(7), false), (key(7), true)] {
        let place = Place::new();
        let small = StoreOptions {
            file_bytes_max: Some(60 * 4096),
            upkeep: false,
            ..place.options(encryption.clone())
        };
        let store = Store::open(&small).unwrap();
        let text = "a long dictation about nothing in particular ".repeat(10);
        let mut kept = 0;
        let error = loop {
            match store.insert(&transcript("ada", kept as i64, &text)) {
                Ok(_) => kept += 1,
                Err(error) => break error,
            }
            if is_indexed && kept == 200 {
                found(&store, "ada", "dictation");
            }
        };
        assert_eq!(error, StorageError::DiskFull);
        assert!(kept > 250, "{kept}");
        assert_eq!(
            store.insert_all(&[transcript("ada", 0, &text); 50]),
            Err(StorageError::DiskFull)
        );
        assert_eq!(store.count("ada"), Ok(kept));
        drop(store);
        let store = Store::open(&small).unwrap();
        let rows = store.recent("ada", &ALL).unwrap();
        assert_eq!(rows.len() as u64, kept);
        assert!(rows.iter().all(|row| row.raw_text == text));
        assert_eq!(store.delete_older_than(100), Ok(100));
        store.insert(&transcript("ada", 1_000, &text)).unwrap();
        assert_eq!(store.count("ada"), Ok(kept - 99));
    }
}

#[test]
fn a_newer_schema_is_refused_by_number_and_left_alone() {
    let place = filled(Encryption::None, 1);
    raw_connection(&place)
        .pragma_update(None, "user_version", SCHEMA_VERSION + 1)
        .unwrap();
    let newer = StorageError::NewerSchema {
        found: SCHEMA_VERSION + 1,
        known: SCHEMA_VERSION,
    };
    assert_eq!(open_error(&place.options(Encryption::None)), newer);
    assert!(newer.to_string().contains("update the program"));
    raw_connection(&place)
        .pragma_update(None, "user_version", SCHEMA_VERSION)
        .unwrap();
    assert_eq!(place.open(Encryption::None).count("ada"), Ok(1));
}

#[test]
fn another_programs_database_is_not_migrated() {
    for setup in ["CREATE TABLE bookmarks (url)", "PRAGMA application_id = 77"] {
        let place = Place::new();
        raw_connection(&place).execute_batch(setup).unwrap();
        let error = open_error(&place.options(Encryption::None));
        assert!(matches!(error, StorageError::ForeignDatabase { .. }), "{error}");
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'transcripts'";
        assert_eq!(
            raw_connection(&place).query_row(tables, [], |row| row.get::<_, i64>(0)),
            Ok(0)
        );
    }
}

#[test]
fn a_missing_folder_is_named_and_not_created() {
    let place = Place::new();
    let folder = place.folder.path().join("not there");
    let options = StoreOptions::new(folder.join("transcripts.db"), Encryption::None);
    assert_eq!(
        open_error(&options),
        StorageError::MissingFolder { folder: folder.clone() }
    );
    assert!(!folder.exists());
}

#[test]
fn a_folder_in_the_files_place_cannot_be_opened() {
    let place = Place::new();
    let options = StoreOptions::new(place.folder.path(), Encryption::None);
    assert_eq!(
        open_error(&options),
        StorageError::CannotOpen {
            path: place.folder.path().to_owned()
        }
    );
}

#[test]
fn settings_that_make_no_sense_are_refused_by_name() {
    let place = Place::new();
    let options = StoreOptions {
        pool_size: 0,
        ..place.options(Encryption::None)
    };
    assert!(
        open_error(&options)
            .to_string()
            .starts_with("pool_size must be at least 1")
    );
}

#[test]
fn a_context_from_elsewhere_is_an_error_and_not_a_guess() {
    let place = filled(Encryption::None, 2);
    raw_connection(&place)
        .execute_batch("UPDATE transcripts SET context = 'opera' WHERE id = 1")
        .unwrap();
    assert_eq!(
        place.open(Encryption::None).recent("ada", &ALL),
        Err(StorageError::UnknownContext)
    );
}

#[test]
fn an_empty_file_becomes_a_database() {
    for encryption in [Encryption::None, key(7)] {
        let place = Place::new();
        fs::write(&place.path, b"").unwrap();
        assert_eq!(place.open(encryption).count("ada"), Ok(0));
    }
}

#[test]
fn no_error_shows_the_key_or_the_text() {
    let place = filled(key(0xab), 2);
    let wrong = open_error(&place.options(key(0xcd)));
    let store = place.open(key(0xab));
    let constraint = store.insert(&transcript("", 1, "private words")).unwrap_err();
    for error in [wrong, constraint] {
        let shown = format!("{error} {error:?}").to_lowercase();
        assert!(
            !shown.contains("cdcd") && !shown.contains("abab") && !shown.contains("private"),
            "{shown}"
        );
    }
}
