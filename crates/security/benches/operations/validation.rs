//! Validation of requests.

use voiceflow_kit::{PrepareError, Prepared, check_eq, digest_parts};
use voiceflow_protocol::limits::QUERY_CHARS_MAX;
use voiceflow_protocol::{ClientMessage, Context, SearchRequest, Start, encode_client};
use voiceflow_security::validate::{Rejection, check, client_message};

use super::Rotation;

pub(crate) fn start_ok() -> Result<Prepared, PrepareError> {
    let starts = Rotation::new(start);
    let inputs = starts_digest(&starts);
    Ok(Prepared::new(
        starts,
        |starts| check(starts.advance()),
        |_, answer| check_eq("the answer", answer, &Ok(())),
    )
    .inputs(inputs))
}

/// One broken rule: with several, validator's randomly seeded map of fields would make the counts vary.
pub(crate) fn start_bad() -> Result<Prepared, PrepareError> {
    let starts = Rotation::new(|number| Start {
        language: Some("EN".into()),
        ..start(number)
    });
    let inputs = starts_digest(&starts);
    Ok(Prepared::new(
        starts,
        |starts| check(starts.advance()),
        |_, answer| check_eq("the broken rules", &broken(answer), &"language lower-case".to_owned()),
    )
    .inputs(inputs))
}

pub(crate) fn message_ok() -> Result<Prepared, PrepareError> {
    let mut texts = Vec::with_capacity(super::VARIANTS);
    for number in 0..super::VARIANTS {
        texts.push(encode_client(&ClientMessage::Start(start(number)))?);
    }
    let inputs = digest_parts(&texts);
    Ok(Prepared::new(
        Rotation {
            variants: texts,
            next: 0,
        },
        |texts| client_message(texts.advance()),
        |texts, answer| check_eq("the message", answer, &Ok(ClientMessage::Start(start(texts.next)))),
    )
    .inputs(inputs))
}

pub(crate) fn text_64kib() -> Result<Prepared, PrepareError> {
    let mut text = format!(r#"{{"type":"start","device":"{}"#, "x".repeat(64 * 1024));
    text.truncate(64 * 1024 - 2);
    text.push_str("\"}");
    let inputs = digest_parts([&text]);
    Ok(Prepared::new(
        text,
        |text| client_message(text).map(|_| ()),
        |_, answer| check_eq("the broken rules", &broken(answer), &"message too-large".to_owned()),
    )
    .inputs(inputs))
}

pub(crate) fn search_longest() -> Result<Prepared, PrepareError> {
    let query: String = "quarterly budget für Müller "
        .chars()
        .cycle()
        .take(QUERY_CHARS_MAX as usize)
        .collect();
    let inputs = query.clone();
    Ok(Prepared::new(
        SearchRequest {
            query,
            limit: 20,
            context: Some(Context::Email),
        },
        |request| check(request),
        |_, answer| check_eq("the answer", answer, &Ok(())),
    )
    .inputs(inputs))
}

/// A query that is in memory already, as long as a message may be: its bytes are counted before its characters.
pub(crate) fn search_64kib() -> Result<Prepared, PrepareError> {
    let query: String = "quarterly budget ".chars().cycle().take(64 * 1024).collect();
    let inputs = query.clone();
    Ok(Prepared::new(
        SearchRequest {
            query,
            limit: 20,
            context: None,
        },
        |request| check(request),
        |_, answer| check_eq("the broken rules", &broken(answer), &"message too-large".to_owned()),
    )
    .inputs(inputs))
}

fn start(number: usize) -> Start {
    Start {
        language: Some(["en", "de", "yue", "fr"][number % 4].into()),
        device: Some(format!("Desk microphone {number:04}")),
        ..Start::new(Context::ALL[number % Context::ALL.len()])
    }
}

fn starts_digest(starts: &Rotation<Start>) -> [u8; 32] {
    digest_parts(starts.variants.iter().map(|start| format!("{start:?}")))
}

fn broken(answer: &Result<(), Rejection>) -> String {
    let Err(rejection) = answer else { return "none".into() };
    let rules = rejection
        .violations()
        .iter()
        .map(|violation| format!("{} {}", violation.field, violation.code));
    rules.collect::<Vec<_>>().join(", ")
}
