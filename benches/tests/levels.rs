//! Each level of security does what it says and no more: otherwise what a step costs would be another step's.

use voiceflow_benches::{Desk, Level, Station, dictate, endpoint};
use voiceflow_protocol::{Context, Start};
use voiceflow_transport::blocking::Client;
use voiceflow_transport::{ClientError, blocking};

/// Words of the one dictation that a desk without models is always given.
const WORDS: &[u8] = b"quarterly budget";

fn desk(level: Level) -> Desk {
    Desk::open_at(level).unwrap_or_else(|error| panic!("{level:?}: {error}"))
}

#[test]
fn the_database_is_readable_without_encryption_alone() {
    for level in Level::ALL {
        let mut desk = desk(level);
        let (take, pcm) = desk.next_take().expect("a recording");
        let answer = desk.dictate(&pcm).expect("an answer");
        let is_readable = std::fs::read_dir(desk.folder())
            .expect("the folder")
            .map(|entry| std::fs::read(entry.expect("an entry").path()).expect("a file"))
            .any(|bytes| bytes.windows(WORDS.len()).any(|window| window == WORDS));
        assert_eq!(is_readable, level == Level::None, "{level:?}");
        desk.check(&take, pcm.len(), &answer).expect("stored");
        assert!(
            desk.check(&take, pcm.len(), &answer).is_err(),
            "{level:?}: what was checked is deleted, so that the store does not grow"
        );
    }
}

#[test]
fn a_stranger_without_a_token_is_let_in_below_authentication_alone_and_in_the_clear_below_tls() {
    for level in Level::ALL {
        let desk = desk(level);
        let stranger = endpoint(desk.address(), None, None).expect("an address");
        let outcome = Client::connect(&stranger);
        match level {
            Level::None | Level::Encryption => assert!(outcome.is_ok(), "{level:?}"),
            Level::Authentication => {
                let refused = outcome.err().expect("refused");
                assert!(matches!(refused, ClientError::Refused { status: 401 }), "{refused}");
            }
            // It is no HTTP that such a server speaks.
            Level::Full => assert!(outcome.is_err(), "a server under TLS took a client in the clear"),
        }
    }
}

#[test]
fn a_start_message_that_breaks_a_rule_is_refused_with_validation_alone() {
    for level in Level::ALL {
        let desk = desk(level);
        let mut client: blocking::Client = desk.connect().expect("a connection");
        let wrong = Start {
            device: Some(String::new()),
            ..Start::new(Context::Notes)
        };
        client.start(wrong).expect("sent");
        let sent = client.audio(&[0; 160]).and_then(|()| client.end());
        // Without validation the session goes on as if nothing were wrong; with it the first answer is an error, and
        // the connection may be gone before everything was sent.
        let outcome = client.answer();
        match level {
            Level::Full => assert!(matches!(outcome, Err(ClientError::Server(_))), "{outcome:?}"),
            _ => assert!(sent.is_ok() && outcome.is_ok(), "{level:?}: {outcome:?}"),
        }
    }
}

#[test]
fn a_connection_more_answers_like_the_first() {
    for level in Level::ALL {
        let mut desk = desk(level);
        let (take, pcm) = desk.next_take().expect("a recording");
        let mut client = desk.connect().expect("a connection");
        let answer = dictate(&mut client, &pcm).expect("an answer");
        desk.check(&take, pcm.len(), &answer).expect("right and stored");
    }
}
