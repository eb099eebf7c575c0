//! Peers that break the limits, over loopback: how long until each is cut off.
//!
//! What such a peer costs in memory is bounded by `tests/memory.rs`.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::runtime::Builder;
use tungstenite::protocol::frame::coding::Data;
use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq};
use voiceflow_protocol::{ClientMessage, Context, ErrorCode, Start, encode_client, encode_samples};
use voiceflow_transport::{ConnectionEnd, Limits};

use super::frames::{self, LONGEST_FRAME_BYTES};
use super::house::{House, TOKEN};
use super::memory::{read_head, upgrade_request};

/// What a slow handshake is allowed here; the default is seconds.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_millis(50);

/// A client that trickles its request sends a byte this often.
const TRICKLE_PAUSE: Duration = Duration::from_millis(5);

/// Receive buffer of a client that does not read, so that the system's share is small.
const UNREAD_BYTES: u32 = 16 * 1024;

/// Close code of RFC 6455 §7.4.1 for a message that is too big.
const TOO_BIG: [u8; 2] = 1009_u16.to_be_bytes();

pub(super) fn oversize_frame() -> Result<Prepared, PrepareError> {
    let house = House::with_limits(Limits::default())?;
    // A final binary frame, masked, whose length stands in eight bytes: one more than a client may send.
    let mut header = vec![0x82, 0xff];
    header.extend((LONGEST_FRAME_BYTES as u64 + 1).to_be_bytes());
    header.extend(frames::MASK);
    let inputs = header.clone();
    Ok(Prepared::with_input(
        house,
        |house| upgraded(TcpStream::connect(house.address)?),
        move |_, stream: io::Result<TcpStream>| {
            let mut stream = stream?;
            stream.write_all(&header)?;
            let mut last_words = Vec::new();
            stream.read_to_end(&mut last_words)?;
            Ok(last_words)
        },
        |house, last_words: &io::Result<Vec<u8>>| {
            let last_words = last_words.as_ref().map_err(wrong)?;
            check_eq(
                "it is told that its frame is too big",
                &is_told_too_big(last_words),
                &true,
            )?;
            check_end(house, &ConnectionEnd::Failed(ErrorCode::TooLarge))
        },
    )
    .inputs(inputs))
}

/// Whether the bytes end with a close frame of that code; its reason is the error's name.
fn is_told_too_big(wire: &[u8]) -> bool {
    let reason = b"too-large";
    let close = [&[0x88, (TOO_BIG.len() + reason.len()) as u8][..], &TOO_BIG, reason].concat();
    wire.ends_with(&close)
}

pub(super) fn slow_handshake() -> Result<Prepared, PrepareError> {
    let limits = Limits {
        handshake_timeout: HANDSHAKE_TIMEOUT,
        ..Limits::default()
    };
    let request = upgrade_request(TOKEN);
    let inputs = request.clone();
    Ok(Prepared::new(
        House::with_limits(limits)?,
        move |house| trickle(TcpStream::connect(house.address)?, &request),
        |house, answered: &io::Result<usize>| {
            check_eq("the bytes it got", answered.as_ref().map_err(wrong)?, &0)?;
            check_end(house, &ConnectionEnd::HandshakeTimedOut)
        },
    )
    .inputs(inputs))
}

/// Sends a byte now and then until the server has had enough; the bytes that it answered.
fn trickle(mut stream: TcpStream, request: &[u8]) -> io::Result<usize> {
    stream.set_read_timeout(Some(TRICKLE_PAUSE))?;
    let mut answered = 0;
    for byte in request {
        if stream.write_all(&[*byte]).is_err_and(|error| is_cut(&error)) {
            return Ok(answered);
        }
        let mut answer = [0; 64];
        match stream.read(&mut answer) {
            Ok(0) => return Ok(answered),
            Ok(length) => answered += length,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) if is_cut(&error) => return Ok(answered),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("the whole request was taken, however slowly it came"))
}

pub(super) fn no_reader() -> Result<Prepared, PrepareError> {
    let start = encode_client(&ClientMessage::Start(Start {
        partials: true,
        ..Start::new(Context::Notes)
    }))?;
    let start = masked(Data::Text, start.into_bytes())?;
    // As long as it may be, so that as many bytes are answered.
    let audio = masked(Data::Binary, encode_samples(&vec![7; LONGEST_FRAME_BYTES / 2])?)?;
    let inputs = [&start[..], &audio].concat();
    Ok(Prepared::with_input(
        House::with_limits(Limits::default())?,
        |house| upgraded(connect_with_small_buffer(house)?),
        move |_, stream: io::Result<TcpStream>| talk_without_reading(stream?, &start, &audio),
        |house, frames: &io::Result<usize>| {
            frames.as_ref().map_err(wrong)?;
            check_end(house, &ConnectionEnd::SlowReader)
        },
    )
    .inputs(inputs))
}

/// A server that hung up for another reason, or at once, would look the same to the client.
fn check_end(house: &House, expected: &ConnectionEnd) -> Result<(), WrongAnswer> {
    check_eq("the connection's end", &house.ended().as_ref(), &Some(expected))
}

/// The frames sent until the server hung up.
fn talk_without_reading(mut stream: TcpStream, start: &[u8], audio: &[u8]) -> io::Result<usize> {
    stream.write_all(start)?;
    for frames in 0..FRAMES_MAX {
        match stream.write_all(audio) {
            Err(error) if is_cut(&error) => return Ok(frames),
            written => written?,
        }
    }
    Err(io::Error::other("nobody ever cut it off"))
}

/// A gigabyte each way: no system buffers that much.
const FRAMES_MAX: usize = 16 * 1024;

fn connect_with_small_buffer(house: &House) -> io::Result<TcpStream> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(UNREAD_BYTES)?;
        socket.connect(house.address).await
    })?;
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}

fn upgraded(mut stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.write_all(&upgrade_request(TOKEN))?;
    let head = read_head(&mut stream)?;
    if head.starts_with(b"HTTP/1.1 101 ") {
        Ok(stream)
    } else {
        Err(io::Error::other("the upgrade was refused"))
    }
}

fn masked(kind: Data, payload: Vec<u8>) -> Result<Vec<u8>, PrepareError> {
    let mut wire = Vec::new();
    frames::frame(kind, payload).format(&mut wire)?;
    Ok(wire)
}

/// Whether the other side hung up.
fn is_cut(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted
    )
}

fn wrong(error: &io::Error) -> WrongAnswer {
    WrongAnswer::new(error.to_string())
}
