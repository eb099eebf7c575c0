//! The protocol's messages without WebSocket.

use voiceflow_kit::{PrepareError, Prepared, check_eq};
use voiceflow_protocol::{
    AudioFrame, ClientMessage, Context, Final, ServerMessage, Start, TextSource, decode_client, decode_server,
    encode_client, encode_samples, encode_server,
};

use super::frames::AUDIO_BYTES;

/// Different messages in turn, so that the branch predictor cannot learn one by heart.
const MESSAGES: u32 = 1000;

struct Turn<T> {
    items: Vec<T>,
    next: usize,
}

impl<T> Turn<T> {
    fn new(items: Vec<T>) -> Self {
        Self { items, next: 0 }
    }

    fn step(&mut self) -> usize {
        let now = self.next;
        self.next = (now + 1) % self.items.len();
        now
    }
}

pub(super) fn decode_start() -> Result<Prepared, PrepareError> {
    let messages: Vec<ClientMessage> = (0..MESSAGES)
        .map(|number| ClientMessage::Start(start(number)))
        .collect();
    let texts = messages.iter().map(encode_client).collect::<Result<Vec<_>, _>>()?;
    let inputs = texts.concat();
    Ok(Prepared::with_input(
        Turn::new(texts),
        Turn::step,
        |turn, index| (index, decode_client(&turn.items[index])),
        move |_, (index, decoded)| check_eq("the message", &decoded.as_ref().ok(), &Some(&messages[*index])),
    )
    .inputs(inputs))
}

fn start(number: u32) -> Start {
    let contexts = Context::ALL.len();
    Start {
        language: number.is_multiple_of(3).then(|| "en".to_owned()),
        device: Some(format!("desk microphone {}", number * 7919 % MESSAGES)),
        partials: number.is_multiple_of(2),
        ..Start::new(Context::ALL[number as usize % contexts])
    }
}

pub(super) fn encode_final() -> Result<Prepared, PrepareError> {
    let messages: Vec<ServerMessage> = (0..MESSAGES).map(last).collect();
    let inputs = format!("{messages:?}");
    Ok(Prepared::with_input(
        Turn::new(messages),
        Turn::step,
        |turn, index| (index, encode_server(&turn.items[index])),
        |turn, (index, encoded)| {
            let decoded = encoded.as_ref().ok().and_then(|text| decode_server(text).ok());
            check_eq("the message", &decoded.as_ref(), &Some(&turn.items[*index]))
        },
    )
    .inputs(inputs))
}

/// 200 words, some with a quotation mark that JSON escapes.
fn last(number: u32) -> ServerMessage {
    const WORDS: [&str; 7] = ["the", "meeting", "moved", "to", "“Thursday”", "\"noon\"", "because"];
    let words = |step: u32| {
        let word = |at: u32| WORDS[((at * step + number) % 7) as usize];
        (0..200).map(word).collect::<Vec<_>>().join(" ")
    };
    ServerMessage::Final(Final {
        transcript_id: i64::from(number),
        text: words(3),
        raw_text: words(5),
        source: TextSource::Model,
        audio_ms: 80_000,
        recognition_ms: u64::from(number),
        enhancement_ms: 700,
    })
}

pub(super) fn audio_parse_3200b() -> Result<Prepared, PrepareError> {
    let samples: Vec<i16> = (0..AUDIO_BYTES as i32 / 2)
        .map(|at| (at * 7919 % 65_536 - 32_768) as i16)
        .collect();
    let bytes = encode_samples(&samples)?;
    let expected: i64 = samples.iter().map(|&sample| i64::from(sample)).sum();
    let inputs = bytes.clone();
    Ok(Prepared::new(
        bytes,
        |bytes| AudioFrame::parse(bytes).map(|frame| frame.samples().map(i64::from).sum::<i64>()),
        move |_, sum| check_eq("the sum of the samples", sum, &Ok(expected)),
    )
    .inputs(inputs))
}
