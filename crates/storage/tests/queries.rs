//! What goes in comes out, for its owner alone, in order, and is found by its words.

mod common;

use common::{Place, found, key, transcript};
use proptest::prelude::*;
use voiceflow_protocol::Context;
use voiceflow_storage::{Encryption, History, NewTranscript, Search, StorageError, Store, TranscriptId};

const ALL: History = History {
    limit: 100,
    before_ms: None,
    context: None,
};

fn times(store: &Store, history: &History) -> Vec<i64> {
    store
        .recent("ada", history)
        .unwrap()
        .iter()
        .map(|transcript| transcript.created_ms)
        .collect()
}

#[test]
fn a_transcript_comes_back_whole_after_reopening_encrypted_or_not() {
    for encryption in [Encryption::None, key(7)] {
        let place = Place::new();
        let new = NewTranscript {
            user: "ada",
            created_ms: 1_700_000_000_123,
            context: Context::Email,
            raw_text: "um dear Grace — naïve 'quotes' \"and\" 日本語",
            enhanced_text: Some("Dear Grace,"),
            audio_ms: 3_210,
        };
        let id = place.open(encryption.clone()).insert(&new).unwrap();
        let got = place.open(encryption).get("ada", id).unwrap().unwrap();
        assert_eq!(got.id, id);
        assert_eq!(
            (
                got.created_ms,
                got.context,
                got.raw_text.as_str(),
                got.enhanced_text.as_deref(),
                got.audio_ms
            ),
            (
                new.created_ms,
                new.context,
                new.raw_text,
                new.enhanced_text,
                new.audio_ms
            )
        );
    }
}

#[test]
fn an_encrypted_file_shows_no_text_and_a_plain_one_does() {
    for (encryption, shows) in [(key(7), false), (Encryption::None, true)] {
        let place = Place::new();
        let store = place.open(encryption);
        store.insert(&transcript("ada", 1, "xylophone rehearsal")).unwrap();
        let mut bytes = Vec::new();
        for entry in std::fs::read_dir(place.folder.path()).unwrap() {
            bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
        }
        assert_eq!(bytes.windows(9).any(|window| window == b"xylophone"), shows);
    }
}

#[test]
fn users_see_their_own_transcripts_only() {
    let place = Place::new();
    let store = place.open(key(7));
    let ada = store.insert(&transcript("ada", 1, "milk")).unwrap();
    let grace = store.insert(&transcript("grace", 2, "milk")).unwrap();
    assert_eq!(store.get("grace", ada), Ok(None));
    assert_eq!(store.get("ada", TranscriptId(999)), Ok(None));
    assert_eq!(found(&store, "ada", "milk"), [ada.0]);
    assert_eq!(store.recent("grace", &ALL).unwrap().len(), 1);
    assert_eq!(store.delete("ada", grace), Ok(false));
    assert_eq!(store.delete("grace", grace), Ok(true));
    assert_eq!((store.count("ada"), store.count("grace")), (Ok(1), Ok(0)));
}

#[test]
fn recent_is_newest_first_limited_and_filtered() {
    let place = Place::new();
    let store = place.open(Encryption::None);
    for created_ms in [30, 10, 50, 20, 40] {
        let context = if created_ms % 20 == 0 {
            Context::Chat
        } else {
            Context::Code
        };
        store
            .insert(&NewTranscript {
                context,
                ..transcript("ada", created_ms, "x")
            })
            .unwrap();
    }
    assert_eq!(times(&store, &ALL), [50, 40, 30, 20, 10]);
    assert_eq!(times(&store, &History { limit: 2, ..ALL }), [50, 40]);
    assert_eq!(
        times(
            &store,
            &History {
                before_ms: Some(40),
                ..ALL
            }
        ),
        [30, 20, 10]
    );
    assert_eq!(
        times(
            &store,
            &History {
                context: Some(Context::Chat),
                ..ALL
            }
        ),
        [40, 20]
    );
    assert_eq!(times(&store, &History { limit: 0, ..ALL }), [] as [i64; 0]);
}

#[test]
fn equal_times_come_back_last_inserted_first() {
    let place = Place::new();
    let store = place.open(Encryption::None);
    let ids: Vec<_> = (0..4)
        .map(|_| store.insert(&transcript("ada", 5, "x")).unwrap())
        .collect();
    let got: Vec<_> = store
        .recent("ada", &ALL)
        .unwrap()
        .iter()
        .map(|transcript| transcript.id)
        .collect();
    assert_eq!(got, ids.into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn search_finds_all_words_in_either_text_without_regard_to_case_or_accents() {
    let place = Place::new();
    let store = place.open(key(7));
    let first = store.insert(&transcript("ada", 1, "the Café on the corner")).unwrap().0;
    let enhanced = NewTranscript {
        enhanced_text: Some("Meet me at the corner."),
        ..transcript("ada", 2, "meet")
    };
    let second = store.insert(&enhanced).unwrap().0;
    assert_eq!(found(&store, "ada", "corner"), [first, second]);
    assert_eq!(found(&store, "ada", "cafe CORNER"), [first]);
    assert_eq!(found(&store, "ada", "meet corner"), [second]);
    assert_eq!(found(&store, "ada", "corn"), [] as [i64; 0]);
    let chat = Search {
        words: "corner",
        limit: 10,
        context: Some(Context::Chat),
    };
    assert_eq!(store.search("ada", &chat), Ok(vec![]));
}

#[test]
fn the_best_match_comes_first_and_the_limit_cuts_the_rest() {
    let place = Place::new();
    let store = place.open(Encryption::None);
    store
        .insert(&transcript(
            "ada",
            1,
            &format!("budget {}", "and many other words ".repeat(20)),
        ))
        .unwrap();
    let best = store.insert(&transcript("ada", 2, "budget budget budget")).unwrap();
    let search = Search {
        words: "budget",
        limit: 1,
        context: None,
    };
    assert_eq!(store.search("ada", &search).unwrap()[0].id, best);
}

#[test]
fn deleted_transcripts_are_not_found() {
    let place = Place::new();
    let store = place.open(Encryption::None);
    let id = store.insert(&transcript("ada", 1, "ephemeral")).unwrap();
    store.delete("ada", id).unwrap();
    assert_eq!(found(&store, "ada", "ephemeral"), [] as [i64; 0]);
    let next = store.insert(&transcript("ada", 1, "later")).unwrap();
    assert!(next > id, "an id is not given twice");
}

#[test]
fn hostile_queries_are_plain_words() {
    let place = Place::new();
    let store = place.open(Encryption::None);
    let id = store
        .insert(&transcript("ada", 1, "raw_text near the x* and OR NOT c++ don't"))
        .unwrap()
        .0;
    for words in [
        "NEAR",
        "OR",
        "NOT",
        "c++",
        "x*",
        "don't",
        "raw_text",
        "\"near\"",
        "near\0the",
    ] {
        assert_eq!(found(&store, "ada", words), [id], "{words:?}");
    }
    for words in [
        "raw_text:zebra",
        "zeb*",
        "near OR zebra",
        "near NOT the zebra",
        "'; DROP TABLE transcripts; --",
    ] {
        assert_eq!(found(&store, "ada", words), [] as [i64; 0], "{words:?}");
    }
    for words in ["", " ", "*", "\"", "(", "-- ^ {} : +", "\0"] {
        assert_eq!(found(&store, "ada", words), [] as [i64; 0], "{words:?}");
    }
    assert_eq!(store.count("ada"), Ok(1));
}

#[test]
fn insert_all_keeps_all_or_none() {
    let place = Place::new();
    let store = place.open(key(7));
    let rows: Vec<_> = (0..100).map(|n| transcript("ada", n, "row")).collect();
    assert_eq!(store.insert_all(&rows).unwrap().len(), 100);
    let with_a_bad_one = [transcript("ada", 1, "fine"), transcript("", 2, "no user")];
    assert_eq!(store.insert_all(&with_a_bad_one), Err(StorageError::Constraint));
    assert_eq!(store.count("ada"), Ok(100));
    assert_eq!(store.insert_all(&[]), Ok(vec![]));
}

#[test]
fn the_clean_up_deletes_what_is_older_and_no_more_in_several_batches() {
    let place = Place::new();
    let store = place.open(Encryption::None);
    let rows: Vec<_> = (0..1_200)
        .map(|n| transcript(if n % 2 == 0 { "ada" } else { "grace" }, n, "row"))
        .collect();
    store.insert_all(&rows).unwrap();
    assert_eq!(store.delete_older_than(1_100), Ok(1_100));
    assert_eq!((store.count("ada"), store.count("grace")), (Ok(50), Ok(50)));
    assert_eq!(found(&store, "ada", "row").len(), 50);
    assert_eq!(store.delete_older_than(1_100), Ok(0));
}

#[test]
fn memory_can_be_released_and_reads_go_on() {
    let place = Place::new();
    let store = place.open(key(7));
    let id = store.insert(&transcript("ada", 1, "still here")).unwrap();
    store.release_memory().unwrap();
    assert_eq!(store.get("ada", id).unwrap().unwrap().raw_text, "still here");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_kept_exactly_and_any_query_is_answered(text in "\\PC{0,80}", query in ".{0,60}") {
        let place = Place::new();
        let store = place.open(Encryption::None);
        let id = store.insert(&transcript("ada", 1, &text)).unwrap();
        prop_assert_eq!(store.get("ada", id).unwrap().unwrap().raw_text, text);
        let search = Search { words: &query, limit: 10, context: None };
        prop_assert!(store.search("ada", &search).is_ok());
    }

    #[test]
    fn a_word_of_the_text_finds_it(words in proptest::collection::vec("[a-z]{3,9}", 1..8), pick in any::<prop::sample::Index>()) {
        let place = Place::new();
        let store = place.open(Encryption::None);
        let id = store.insert(&transcript("ada", 1, &words.join(" "))).unwrap();
        let word: &String = pick.get(words.as_slice());
        prop_assert_eq!(found(&store, "ada", word), [id.0]);
    }
}
