//! What the messages look like on the wire, and that hostile ones are refused by type, never by a panic.

use proptest::prelude::*;
use validator::Validate;
use voiceflow_protocol::limits::{AUDIO_FRAME_BYTES_MAX, CLIENT_TEXT_BYTES_MAX, DETAIL_BYTES_MAX, ROWS_MAX};
use voiceflow_protocol::*;

const START: &str = r#"{"type":"start","version":1,"context":"email","sample_rate_hz":16000,"partials":false}"#;

#[test]
fn start_and_end_have_the_documented_json() {
    let start = ClientMessage::Start(Start::new(Context::Email));
    assert_eq!(encode_client(&start).unwrap(), START);
    assert_eq!(decode_client(START).unwrap(), start);
    assert_eq!(encode_client(&ClientMessage::End).unwrap(), r#"{"type":"end"}"#);
    assert_eq!(decode_client(r#"{"type":"end"}"#).unwrap(), ClientMessage::End);
}

#[test]
fn a_server_error_has_the_documented_json() {
    let error = ServerMessage::from(ErrorMessage::new(ErrorCode::RateLimited, "wait two seconds"));
    assert_eq!(
        encode_server(&error).unwrap(),
        r#"{"type":"error","code":"rate-limited","message":"wait two seconds"}"#
    );
}

#[test]
fn every_code_and_context_has_one_name_everywhere() {
    for code in ErrorCode::ALL {
        assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{code}\""));
    }
    for context in Context::ALL {
        assert_eq!(serde_json::to_string(&context).unwrap(), format!("\"{context}\""));
        assert_eq!(context.as_str().parse(), Ok(context));
    }
    assert_eq!("Email".parse::<Context>(), Err(UnknownContext));
}

#[test]
fn hostile_client_messages_are_refused() {
    let deep = "[".repeat(CLIENT_TEXT_BYTES_MAX);
    let cases = [
        "",
        "null",
        "[]",
        "{}",
        "\"start\"",
        r#"{"type":"stop"}"#,
        r#"{"type":["end"]}"#,
        r#"{"type":"end","type":"end"}"#,
        r#"{"type":"end","extra":1}"#,
        r#"{"type":"end"} {"type":"end"}"#,
        r#"{"type":"start","version":1,"context":"email"}"#,
        r#"{"type":"start","version":1,"context":"email","sample_rate_hz":16000,"admin":true}"#,
        r#"{"type":"start","version":1,"context":"Email","sample_rate_hz":16000}"#,
        r#"{"type":"start","version":-1,"context":"email","sample_rate_hz":16000}"#,
        r#"{"type":"start","version":1e99,"context":"email","sample_rate_hz":16000}"#,
        r#"{"type":"start","version":1,"version":1,"context":"email","sample_rate_hz":16000}"#,
        r#"{"type":"start","version":1,"context":"email","sample_rate_hz":16000,"device":"\ud800"}"#,
        deep.as_str(),
    ];
    for case in cases {
        assert!(
            matches!(decode_client(case), Err(DecodeError::Malformed { .. })),
            "accepted {case:.80}"
        );
    }
}

#[test]
fn a_long_message_is_refused_by_its_length_alone() {
    let padded = format!("{START}{}", " ".repeat(CLIENT_TEXT_BYTES_MAX));
    let length_bytes = padded.len();
    assert_eq!(
        decode_client(&padded),
        Err(DecodeError::TooLarge {
            length_bytes,
            limit_bytes: CLIENT_TEXT_BYTES_MAX
        })
    );
}

#[test]
fn the_parsers_words_are_cut_between_characters() {
    let text = format!(r#"{{"type":"start","version":"{}"}}"#, "é".repeat(1000));
    let Err(DecodeError::Malformed { detail }) = decode_client(&text) else {
        panic!("accepted")
    };
    assert!(detail.len() <= DETAIL_BYTES_MAX);
    assert!(ErrorMessage::new(ErrorCode::Invalid, "ü".repeat(999)).message.len() <= DETAIL_BYTES_MAX);
}

#[test]
fn start_is_valid_only_within_its_limits() {
    let start = Start::new(Context::Chat);
    assert!(start.validate().is_ok());
    let with = |change: fn(&mut Start)| {
        let mut changed = start.clone();
        change(&mut changed);
        changed.validate().is_ok()
    };
    assert!(with(|start| start.language = Some("en".into())));
    assert!(with(|start| start.device = Some("Küche".into())));
    assert!(!with(|start| start.version = 2));
    assert!(!with(|start| start.sample_rate_hz = 44_100));
    assert!(!with(|start| start.language = Some("EN".into())));
    assert!(!with(|start| start.language = Some("english".into())));
    assert!(!with(|start| start.device = Some(String::new())));
    assert!(!with(|start| start.device = Some("a\u{1b}[2J".into())));
    assert!(!with(|start| start.device = Some("x".repeat(65))));
}

#[test]
fn requests_are_valid_only_within_their_limits() {
    let history: HistoryRequest = decode_request("{}").unwrap();
    assert!(history.validate().is_ok());
    assert!(
        HistoryRequest {
            limit: 0,
            ..history.clone()
        }
        .validate()
        .is_err()
    );
    assert!(
        HistoryRequest {
            limit: ROWS_MAX + 1,
            ..history.clone()
        }
        .validate()
        .is_err()
    );
    assert!(
        HistoryRequest {
            before_unix_ms: Some(-1),
            ..history
        }
        .validate()
        .is_err()
    );

    let search = |query: &str| SearchRequest {
        query: query.into(),
        limit: 5,
        context: None,
    };
    assert!(search("grüne Äpfel").validate().is_ok());
    for query in ["", "   ", "\"*", "a\0b"] {
        assert!(search(query).validate().is_err(), "{query:?}");
    }
    assert!(search(&"x".repeat(257)).validate().is_err());
    assert!(decode_request::<SearchRequest>(r#"{"query":"x","user":"other"}"#).is_err());
}

#[test]
fn audio_frames_hold_whole_samples_and_not_too_many() {
    assert_eq!(AudioFrame::parse(&[]), Err(AudioFrameError::Empty));
    assert_eq!(
        AudioFrame::parse(&[0; 3]),
        Err(AudioFrameError::HalfSample { length_bytes: 3 })
    );
    let length_bytes = AUDIO_FRAME_BYTES_MAX + 2;
    assert_eq!(
        AudioFrame::parse(&vec![0; length_bytes]),
        Err(AudioFrameError::TooLong { length_bytes })
    );
    let longest = vec![0; AUDIO_FRAME_BYTES_MAX];
    assert_eq!(
        AudioFrame::parse(&longest).unwrap().sample_count(),
        AUDIO_FRAME_BYTES_MAX / 2
    );
    let frame = [0x01, 0x00, 0xff, 0x7f, 0x00, 0x80];
    assert_eq!(
        AudioFrame::parse(&frame).unwrap().samples().collect::<Vec<_>>(),
        [1, i16::MAX, i16::MIN]
    );
}

fn contexts() -> impl Strategy<Value = Context> {
    prop::sample::select(Context::ALL.to_vec())
}

fn starts() -> impl Strategy<Value = Start> {
    (
        any::<u16>(),
        contexts(),
        any::<u32>(),
        any::<Option<String>>(),
        any::<Option<String>>(),
        any::<bool>(),
    )
        .prop_map(|(version, context, sample_rate_hz, language, device, partials)| Start {
            version,
            context,
            sample_rate_hz,
            language,
            device,
            partials,
        })
}

fn server_messages() -> impl Strategy<Value = ServerMessage> {
    let partial =
        (any::<u32>(), any::<String>()).prop_map(|(sequence, text)| ServerMessage::Partial(Partial { sequence, text }));
    let sources = prop::sample::select(vec![TextSource::Model, TextSource::Cache, TextSource::Rules]);
    let last = (
        any::<i64>(),
        any::<String>(),
        any::<String>(),
        sources,
        any::<[u64; 3]>(),
    )
        .prop_map(
            |(transcript_id, text, raw_text, source, [audio_ms, recognition_ms, enhancement_ms])| {
                ServerMessage::Final(Final {
                    transcript_id,
                    text,
                    raw_text,
                    source,
                    audio_ms,
                    recognition_ms,
                    enhancement_ms,
                })
            },
        );
    let error = (prop::sample::select(ErrorCode::ALL.to_vec()), any::<String>())
        .prop_map(|(code, message)| ServerMessage::Error(ErrorMessage { code, message }));
    prop_oneof![partial, last, error]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn client_messages_survive_the_round_trip(start in starts()) {
        let message = ClientMessage::Start(start);
        prop_assert_eq!(decode_client(&encode_client(&message).unwrap()).unwrap(), message);
    }

    #[test]
    fn server_messages_survive_the_round_trip(message in server_messages()) {
        prop_assert_eq!(decode_server(&encode_server(&message).unwrap()).unwrap(), message);
    }

    #[test]
    fn samples_survive_the_round_trip(samples in prop::collection::vec(any::<i16>(), 1..400)) {
        let bytes = encode_samples(&samples).unwrap();
        prop_assert_eq!(AudioFrame::parse(&bytes).unwrap().samples().collect::<Vec<_>>(), samples);
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        let _ = decode_client(&text);
        let _ = decode_server(&text);
        let _ = decode_request::<SearchRequest>(&text);
    }

    #[test]
    fn validation_of_arbitrary_fields_never_panics(start in starts()) {
        let _ = start.validate();
    }
}
