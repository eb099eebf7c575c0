//! Connecting and one frame back and forth, over loopback sockets; the measured thread is a blocking client.

use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq, digest_parts};
use voiceflow_protocol::{Context, ServerMessage, Start};
use voiceflow_transport::{ClientError, blocking};

use super::frames::{AUDIO_BYTES, LONGEST_FRAME_BYTES, SHORT_BYTES};
use super::house::{House, Security, TOKEN, echo_text};

/// Different frames of audio in turn.
const FRAMES: i16 = 10;

pub(super) fn handshake_tcp() -> Result<Prepared, PrepareError> {
    handshake(Security::Clear)
}

pub(super) fn handshake_tls13() -> Result<Prepared, PrepareError> {
    handshake(Security::Full)
}

pub(super) fn handshake_tls13_resumed() -> Result<Prepared, PrepareError> {
    handshake(Security::Resumed)
}

fn handshake(security: Security) -> Result<Prepared, PrepareError> {
    Ok(Prepared::new(
        House::open(security)?,
        |house| blocking::Client::connect(&house.endpoint),
        |_, answer| answer.as_ref().map(|_| ()).map_err(wrong),
    )
    .inputs(TOKEN))
}

pub(super) fn echo_20b_ws() -> Result<Prepared, PrepareError> {
    echo(Security::Clear, SHORT_BYTES)
}

pub(super) fn echo_20b_wss() -> Result<Prepared, PrepareError> {
    echo(Security::Full, SHORT_BYTES)
}

pub(super) fn echo_3200b_ws() -> Result<Prepared, PrepareError> {
    echo(Security::Clear, AUDIO_BYTES)
}

pub(super) fn echo_3200b_wss() -> Result<Prepared, PrepareError> {
    echo(Security::Full, AUDIO_BYTES)
}

pub(super) fn echo_64kib_ws() -> Result<Prepared, PrepareError> {
    echo(Security::Clear, LONGEST_FRAME_BYTES)
}

pub(super) fn echo_64kib_wss() -> Result<Prepared, PrepareError> {
    echo(Security::Full, LONGEST_FRAME_BYTES)
}

struct Conversation {
    client: blocking::Client,
    sent: i16,
    // Ends after the client, so that the server never waits for it.
    _house: House,
}

fn echo(security: Security, length_bytes: usize) -> Result<Prepared, PrepareError> {
    let house = House::open(security)?;
    let mut client = blocking::Client::connect(&house.endpoint)?;
    client.start(Start {
        partials: true,
        ..Start::new(Context::Notes)
    })?;
    let frame = move |sample| vec![sample; length_bytes / 2];
    let inputs = digest_parts((0..FRAMES).flat_map(frame).map(i16::to_le_bytes));
    Ok(Prepared::with_input(
        Conversation {
            client,
            sent: 0,
            _house: house,
        },
        move |conversation| {
            conversation.sent = (conversation.sent + 1) % FRAMES;
            frame(conversation.sent)
        },
        |conversation, samples| {
            conversation.client.audio(&samples)?;
            conversation.client.next()
        },
        move |conversation, answer| {
            let ServerMessage::Partial(partial) = answer.as_ref().map_err(wrong)? else {
                return Err(WrongAnswer::new("the server sent something else than a partial"));
            };
            check_eq(
                "the text echoes the audio",
                &(partial.text == echo_text(conversation.sent, length_bytes)),
                &true,
            )
        },
    )
    .inputs(inputs))
}

fn wrong(error: &ClientError) -> WrongAnswer {
    WrongAnswer::new(error.to_string())
}
