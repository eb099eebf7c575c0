//! The pipeline without a network, on real speech and the real models.

mod support;

use std::time::Duration;

use support::{Home, RULES_ONLY, contains, fox, long_pcm, token};
use voiceflow_asr::audio::pcm_i16_to_f32;
use voiceflow_asr::wer::word_errors;
use voiceflow_enhance::Source;
use voiceflow_protocol::{Context, HistoryRequest, SearchRequest, Start};
use voiceflow_security::token::TokenError;
use voiceflow_service::guard::{Denied, Identity};
use voiceflow_service::pipeline::{Pipeline, PipelineError, Utterance};

fn start() -> Start {
    Start::new(Context::Email)
}

fn everything() -> HistoryRequest {
    HistoryRequest {
        limit: 100,
        before_unix_ms: None,
        context: None,
    }
}

fn identity(pipeline: &Pipeline, user: &str) -> Identity {
    pipeline.guard().authenticate(Some(&token(user))).unwrap()
}

#[test]
fn a_recording_becomes_a_stored_tidy_transcript() {
    let home = Home::new("");
    let pipeline = home.pipeline();
    let (transcript, samples) = fox();
    let audio_ms = (samples.len() / 16) as u32;
    let dictation = pipeline.dictate(Some(&token("anna")), &start(), samples).unwrap();
    assert_eq!(
        word_errors(&transcript, &dictation.raw_text).errors,
        0,
        "{}",
        dictation.raw_text
    );
    assert_eq!(
        word_errors(&transcript, &dictation.text).errors,
        0,
        "{}",
        dictation.text
    );
    assert_ne!(dictation.source, Source::RulesDisabled);

    let anna = identity(&pipeline, "anna");
    let row = pipeline.transcript(&anna, dictation.id).unwrap().unwrap();
    assert_eq!(row.raw_text, dictation.raw_text);
    assert_eq!(row.enhanced_text.as_ref(), Some(&dictation.text));
    assert_eq!((row.context, row.audio_ms), (Context::Email, audio_ms));
    assert_eq!(dictation.audio_ms, audio_ms);

    let search = |query: &str| SearchRequest {
        query: query.into(),
        limit: 5,
        context: None,
    };
    assert_eq!(
        pipeline.history(&anna, &everything()).unwrap(),
        std::slice::from_ref(&row)
    );
    assert_eq!(pipeline.search(&anna, &search("lazy dog")).unwrap(), [row]);
    assert!(matches!(
        pipeline.search(&anna, &search("")),
        Err(PipelineError::Denied(Denied::Rejected(_)))
    ));

    let bert = identity(&pipeline, "bert");
    assert_eq!(
        pipeline.transcript(&bert, dictation.id).unwrap(),
        None,
        "someone else's"
    );
    assert!(pipeline.history(&bert, &everything()).unwrap().is_empty());
    drop(pipeline);
    assert!(
        !contains(&home.bytes_on_disk(), "brown"),
        "the words are on disk in the clear"
    );
}

#[test]
fn protection_can_be_switched_off_for_comparison() {
    let open = "[security]\nencryption = false\nauthentication = false\ninput_validation = false\n\
                [database]\nencryption = false\n";
    let home = Home::new(&format!("{RULES_ONLY}{open}"));
    let pipeline = Pipeline::open(&home.config, None).unwrap();
    let wrong = Start { version: 9, ..start() };
    let dictation = pipeline.dictate(None, &wrong, fox().1).unwrap();
    assert_eq!(dictation.source, Source::RulesDisabled);
    assert!(contains(&home.bytes_on_disk(), "brown"));
}

#[test]
fn protection_needs_keys() {
    let home = Home::new(RULES_ONLY);
    assert!(matches!(Pipeline::open(&home.config, None), Err(PipelineError::NoKey)));
}

#[test]
fn another_key_does_not_open_the_store() {
    let home = Home::new(RULES_ONLY);
    drop(home.pipeline());
    let other = voiceflow_service::keys::Keys::new(voiceflow_security::kdf::SecretKey::from_bytes([1; 32]));
    let error = Pipeline::open(&home.config, Some(&other)).err().expect("another key");
    assert!(
        matches!(
            error,
            PipelineError::Storage(voiceflow_storage::StorageError::WrongKey { .. })
        ),
        "{error}"
    );
}

#[test]
fn requests_are_turned_away_before_any_work() {
    let home = Home::new(&format!("{RULES_ONLY}speech_recognition.utterance_max = 2\n"));
    let pipeline = home.pipeline();
    let dictate = |token: Option<&str>, start: &Start, samples: usize| {
        pipeline
            .dictate(token, start, vec![0.0; samples])
            .expect_err("turned away")
    };
    let anna = token("anna");
    assert!(matches!(
        dictate(None, &start(), 1),
        PipelineError::Denied(Denied::NoToken)
    ));
    let forged = dictate(Some("a.b.c"), &start(), 1);
    assert!(
        matches!(forged, PipelineError::Denied(Denied::Token(TokenError::Malformed))),
        "{forged}"
    );
    let wrong = Start { version: 9, ..start() };
    assert!(matches!(
        dictate(Some(&anna), &wrong, 1),
        PipelineError::Denied(Denied::Rejected(_))
    ));
    let german = Start {
        language: Some("de".into()),
        ..start()
    };
    assert!(matches!(
        dictate(Some(&anna), &german, 1),
        PipelineError::Language { .. }
    ));
    assert!(matches!(dictate(Some(&anna), &start(), 0), PipelineError::NoAudio));
    let long = dictate(Some(&anna), &start(), 32_001);
    assert!(matches!(long, PipelineError::TooLong { seconds_max: 2 }), "{long}");
    assert!(
        pipeline
            .history(&identity(&pipeline, "anna"), &everything())
            .unwrap()
            .is_empty()
    );
}

fn long_utterance() -> Utterance {
    let mut samples = Vec::new();
    pcm_i16_to_f32(&long_pcm(), &mut samples);
    Utterance {
        user: "anna".into(),
        context: Context::Notes,
        samples,
    }
}

#[test]
fn more_work_than_fits_the_queue_is_refused_and_dropped_tickets_cancel_the_rest() {
    let home = Home::new(&format!("{RULES_ONLY}speech_recognition.queue_length = 1\n"));
    let pipeline = home.pipeline();
    // One is worked on, one waits: the third finds no place, or already the second if the first still waits.
    let submitted = [long_utterance(), long_utterance(), long_utterance()].map(|utterance| pipeline.submit(utterance));
    assert!(submitted[0].is_ok());
    assert!(matches!(submitted[2], Err(PipelineError::Overloaded)));
    drop(submitted);

    // The cancelled ones leave the queue as soon as the worker looks at them.
    let ticket = loop {
        let utterance = Utterance {
            user: "anna".into(),
            context: Context::Notes,
            samples: fox().1,
        };
        match pipeline.submit(utterance) {
            Err(PipelineError::Overloaded) => std::thread::yield_now(),
            submitted => break submitted.unwrap(),
        }
    };
    let dictated = ticket.wait().unwrap();
    let rows = pipeline.history(&identity(&pipeline, "anna"), &everything()).unwrap();
    assert_eq!(rows.len(), 1, "cancelled utterances were stored");
    assert_eq!(rows[0].id, dictated.id);
}

#[test]
fn old_transcripts_are_cleaned_up() {
    let home = Home::new(RULES_ONLY);
    let pipeline = home.pipeline();
    pipeline.dictate(Some(&token("anna")), &start(), fox().1).unwrap();
    assert_eq!(pipeline.delete_older_than(Duration::from_secs(3600)).unwrap(), 0);
    // The clock counts milliseconds; within the transcript's own one it is not older than now.
    let deleted = std::iter::repeat_with(|| pipeline.delete_older_than(Duration::ZERO).unwrap()).find(|&rows| rows > 0);
    assert_eq!(deleted, Some(1));
    assert!(
        pipeline
            .history(&identity(&pipeline, "anna"), &everything())
            .unwrap()
            .is_empty()
    );
}
