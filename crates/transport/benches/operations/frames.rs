//! WebSocket frames from and to memory.
//!
//! Their instruction counts are mostly copies: libc copies more than some KiB by one repeated instruction, of which
//! callgrind counts every repetition, a byte each.

use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};
use tungstenite::{Message, WebSocket};
use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq};

use super::memory::{Memory, server_websocket};

/// Half a millisecond of audio, so short that the frame's own cost is most of it.
pub(super) const SHORT_BYTES: usize = 20;
/// 100 ms of 16-bit audio at 16 kHz, what clients usually send in one frame.
pub(super) const AUDIO_BYTES: usize = 3200;
/// A text message of the longest length that a client may send.
pub(super) const TEXT_BYTES: usize = 4 * 1024;
/// The longest frame a client may send.
pub(super) const LONGEST_FRAME_BYTES: usize = 64 * 1024;

/// Different payloads in turn.
const PAYLOADS: usize = 16;
/// Fixed, because a counted body must do the same in every run; real clients draw it at random.
pub(super) const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(super) fn encode_20b() -> Result<Prepared, PrepareError> {
    encode(SHORT_BYTES)
}

pub(super) fn encode_3200b() -> Result<Prepared, PrepareError> {
    encode(AUDIO_BYTES)
}

pub(super) fn encode_64kib() -> Result<Prepared, PrepareError> {
    encode(LONGEST_FRAME_BYTES)
}

fn encode(length: usize) -> Result<Prepared, PrepareError> {
    let text = "a tidy text ".chars().cycle().take(length).collect::<String>();
    let inputs = text.clone();
    let expected = [&unmasked_text_header(length), text.as_bytes()].concat();
    Ok(Prepared::with_input(
        server_websocket(Vec::new()),
        move |_| Message::text(text.clone()),
        |websocket, message| {
            websocket.get_mut().written.clear();
            websocket.send(message).is_ok()
        },
        move |websocket, sent| {
            check_eq("sent", sent, &true)?;
            check_eq(
                "the frame on the wire is the expected one",
                &(websocket.get_ref().written == expected),
                &true,
            )
        },
    )
    .inputs(inputs))
}

/// RFC 6455 §5.2: the length stands in seven bits, or after 126 in two bytes, or after 127 in eight.
fn unmasked_text_header(length: usize) -> Vec<u8> {
    let length = length as u64;
    let (marker, extended) = match length {
        0..=125 => (length as u8, Vec::new()),
        126..=0xffff => (126, (length as u16).to_be_bytes().to_vec()),
        _ => (127, length.to_be_bytes().to_vec()),
    };
    [&[0x81, marker][..], &extended].concat()
}

pub(super) fn decode_20b() -> Result<Prepared, PrepareError> {
    read_frames(
        Data::Binary,
        (0..PAYLOADS).map(|seed| noise(seed, SHORT_BYTES)).collect(),
    )
}

pub(super) fn decode_3200b() -> Result<Prepared, PrepareError> {
    read_frames(
        Data::Binary,
        (0..PAYLOADS).map(|seed| noise(seed, AUDIO_BYTES)).collect(),
    )
}

pub(super) fn decode_64kib() -> Result<Prepared, PrepareError> {
    let payloads = (0..PAYLOADS).map(|seed| noise(seed, LONGEST_FRAME_BYTES)).collect();
    read_frames(Data::Binary, payloads)
}

pub(super) fn utf8_text_4kib() -> Result<Prepared, PrepareError> {
    read_frames(Data::Text, (0..PAYLOADS).map(two_byte_text).collect())
}

pub(super) fn utf8_ascii_4kib() -> Result<Prepared, PrepareError> {
    let ascii = |seed: usize| (0..TEXT_BYTES).map(|at| b'a' + ((at * 7 + seed) % 26) as u8).collect();
    read_frames(Data::Text, (0..PAYLOADS).map(ascii).collect())
}

pub(super) fn utf8_binary_4kib() -> Result<Prepared, PrepareError> {
    read_frames(Data::Binary, (0..PAYLOADS).map(two_byte_text).collect())
}

fn read_frames(kind: Data, payloads: Vec<Vec<u8>>) -> Result<Prepared, PrepareError> {
    let packets = payloads
        .iter()
        .map(|payload| masked(kind, payload.clone()))
        .collect::<Result<Vec<_>, _>>()?;
    let inputs = payloads.concat();
    let reader = Reader {
        websocket: server_websocket(packets),
        expected: payloads,
        reads: 0,
    };
    Ok(Prepared::new(reader, Reader::read, Reader::check).inputs(inputs))
}

struct Reader {
    websocket: WebSocket<Memory>,
    expected: Vec<Vec<u8>>,
    reads: usize,
}

impl Reader {
    fn read(&mut self) -> Result<Message, Box<tungstenite::Error>> {
        self.reads += 1;
        self.websocket.read().map_err(Box::new)
    }

    fn check(&mut self, answer: &Result<Message, Box<tungstenite::Error>>) -> Result<(), WrongAnswer> {
        let message = answer.as_ref().map_err(|error| WrongAnswer::new(error.to_string()))?;
        let expected = &self.expected[(self.reads - 1) % self.expected.len()];
        check_eq(
            "the payload is the expected one",
            &(message.clone().into_data() == *expected),
            &true,
        )
    }
}

pub(super) fn mask_64kib() -> Result<Prepared, PrepareError> {
    let payload: Vec<u8> = (0..LONGEST_FRAME_BYTES / AUDIO_BYTES + 1)
        .flat_map(|seed| noise(seed, AUDIO_BYTES))
        .take(LONGEST_FRAME_BYTES)
        .collect();
    let inputs = payload.clone();
    let expected: Vec<u8> = payload
        .iter()
        .zip(MASK.iter().cycle())
        .map(|(byte, mask)| byte ^ mask)
        .collect();
    Ok(Prepared::with_input(
        Vec::<u8>::with_capacity(LONGEST_FRAME_BYTES + 16),
        move |_| frame(Data::Binary, payload.clone()),
        |wire, frame: Frame| {
            wire.clear();
            frame.format(wire).is_ok()
        },
        move |wire, formatted| {
            check_eq("formatted", formatted, &true)?;
            check_eq("the payload is masked", &wire.ends_with(&expected), &true)
        },
    )
    .inputs(inputs))
}

fn masked(kind: Data, payload: Vec<u8>) -> Result<Vec<u8>, tungstenite::Error> {
    let mut wire = Vec::new();
    frame(kind, payload).format(&mut wire)?;
    Ok(wire)
}

pub(super) fn frame(kind: Data, payload: Vec<u8>) -> Frame {
    let header = FrameHeader {
        opcode: OpCode::Data(kind),
        mask: Some(MASK),
        ..FrameHeader::default()
    };
    Frame::from_payload(header, payload.into())
}

pub(super) fn noise(seed: usize, length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (((at + seed) * 2_654_435_761) >> 13) as u8)
        .collect()
}

fn two_byte_text(seed: usize) -> Vec<u8> {
    const LETTERS: [&str; 4] = ["é", "ü", "ñ", "ж"];
    (0..TEXT_BYTES / 2)
        .map(|at| LETTERS[(at * 7 + seed) % 4])
        .collect::<String>()
        .into_bytes()
}
