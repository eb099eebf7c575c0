//! Masking where the payload lies at a given distance from a word boundary.
//!
//! The library masks four bytes at a time from the first word boundary on, so what lies before and after goes byte by
//! byte. Payloads are masked inside the write buffer: a short frame before them moves them, and every variant has one.
//! The mask is fixed, as in `frames`; framing, and copying the frame out, are part of each figure.

use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Message, WebSocket};
use voiceflow_kit::{PrepareError, Prepared, check_eq};

use super::frames::{self, LONGEST_FRAME_BYTES, MASK, TEXT_BYTES};
use super::memory::{Memory, server_websocket};

/// The longest payload whose length stands in the first two bytes.
pub(super) const SHORT_PAYLOAD_BYTES: usize = 125;

/// Bytes between the boundaries that count.
const WORD_BYTES: usize = 4;

/// Header of an unmasked frame with a short payload.
const LEAD_HEADER_BYTES: usize = 2;

pub(super) fn aligned_125b() -> Result<Prepared, PrepareError> {
    mask(SHORT_PAYLOAD_BYTES, 0)
}

pub(super) fn aligned_4kib() -> Result<Prepared, PrepareError> {
    mask(TEXT_BYTES, 0)
}

pub(super) fn offset_1_4kib() -> Result<Prepared, PrepareError> {
    mask(TEXT_BYTES, 1)
}

pub(super) fn offset_2_4kib() -> Result<Prepared, PrepareError> {
    mask(TEXT_BYTES, 2)
}

pub(super) fn offset_3_4kib() -> Result<Prepared, PrepareError> {
    mask(TEXT_BYTES, 3)
}

pub(super) fn aligned_64kib() -> Result<Prepared, PrepareError> {
    mask(LONGEST_FRAME_BYTES, 0)
}

pub(super) fn offset_1_64kib() -> Result<Prepared, PrepareError> {
    mask(LONGEST_FRAME_BYTES, 1)
}

fn mask(length: usize, offset: usize) -> Result<Prepared, PrepareError> {
    let payload = frames::noise(length, length);
    let masked: Vec<u8> = payload
        .iter()
        .zip(MASK.iter().cycle())
        .map(|(byte, mask)| byte ^ mask)
        .collect();
    let frame = frames::frame(Data::Binary, payload.clone());
    let header_bytes = frame.header().len(length as u64);
    // The write buffer starts at a boundary, as every allocation does.
    let lead_bytes = (LEAD_HEADER_BYTES..LEAD_HEADER_BYTES + WORD_BYTES)
        .find(|lead| (lead + header_bytes) % WORD_BYTES == offset)
        .ok_or("no lead brings the payload to this offset")?;
    let lead = Frame::message(
        vec![0; lead_bytes - LEAD_HEADER_BYTES],
        OpCode::Data(Data::Binary),
        true,
    );
    let wire_bytes = lead_bytes + header_bytes + length;
    Ok(Prepared::with_input(
        server_websocket(Vec::new()),
        move |_| (lead.clone(), frame.clone()),
        |websocket, (lead, frame)| {
            websocket.get_mut().written.clear();
            write(websocket, lead, frame).is_ok()
        },
        move |websocket, written| {
            check_eq("written", written, &true)?;
            let wire = &websocket.get_ref().written;
            check_eq("the length on the wire", &wire.len(), &wire_bytes)?;
            check_eq("the payload is masked", &wire.ends_with(&masked), &true)
        },
    )
    .inputs(payload))
}

fn write(websocket: &mut WebSocket<Memory>, lead: Frame, frame: Frame) -> Result<(), Box<tungstenite::Error>> {
    websocket.write(Message::Frame(lead))?;
    websocket.write(Message::Frame(frame))?;
    Ok(websocket.flush()?)
}
