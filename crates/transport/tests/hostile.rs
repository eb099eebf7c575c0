//! Clients that break the rules: each is told which one, or cut off, and the server goes on.

mod support;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use support::{Behaviour, Server, last_words, raw, start_text};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tungstenite::Message;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use voiceflow_protocol::ErrorCode;
use voiceflow_protocol::limits::{AUDIO_FRAME_BYTES_MAX, CLIENT_TEXT_BYTES_MAX};
use voiceflow_transport::{Client, ConnectionEnd, Limits, PATH, Refusal, ServerOptions};

/// Sends `messages` on one connection and checks how the server parts.
async fn check(messages: impl IntoIterator<Item = Message>, code: ErrorCode, close_code: u16) {
    let mut server = Server::start(Behaviour::Count, ServerOptions::default()).await;
    let mut websocket = raw(&server).await;
    for message in messages {
        websocket.feed(message).await.unwrap();
    }
    // The server may have stopped reading already; what it says is what counts.
    let _ = websocket.flush().await;
    assert_eq!(last_words(&mut websocket).await, (code, close_code));
    drop(websocket);
    assert_eq!(server.ended().await, ConnectionEnd::Failed(code));
    assert!(Client::connect(&server.endpoint()).await.is_ok(), "the server goes on");
}

fn audio(length_bytes: usize) -> Message {
    Message::binary(vec![0; length_bytes])
}

const POLICY: u16 = 1008;
const SIZE: u16 = 1009;

#[tokio::test]
async fn audio_before_start_is_refused() {
    check([audio(3200)], ErrorCode::Invalid, POLICY).await;
}

#[tokio::test]
async fn end_before_start_is_refused() {
    check([Message::text(r#"{"type":"end"}"#)], ErrorCode::Invalid, POLICY).await;
}

#[tokio::test]
async fn a_second_start_is_refused() {
    check([start_text(), audio(2), start_text()], ErrorCode::Invalid, POLICY).await;
}

#[tokio::test]
async fn malformed_json_is_refused() {
    check([Message::text("{\"type\":")], ErrorCode::Invalid, POLICY).await;
}

#[tokio::test]
async fn long_text_is_refused_unparsed() {
    check(
        [Message::text(" ".repeat(CLIENT_TEXT_BYTES_MAX + 1))],
        ErrorCode::TooLarge,
        SIZE,
    )
    .await;
}

#[tokio::test]
async fn half_samples_are_refused() {
    check([start_text(), audio(3201)], ErrorCode::Invalid, POLICY).await;
}

#[tokio::test]
async fn empty_frames_are_refused() {
    check([start_text(), audio(0)], ErrorCode::Invalid, POLICY).await;
}

#[tokio::test]
async fn oversize_frames_are_refused() {
    check(
        [start_text(), audio(AUDIO_FRAME_BYTES_MAX + 2)],
        ErrorCode::TooLarge,
        SIZE,
    )
    .await;
}

#[tokio::test]
async fn oversize_messages_in_small_fragments_are_refused() {
    let fragment = |kind, last| Message::Frame(Frame::message(vec![0; 32 * 1024], OpCode::Data(kind), last));
    let fragments = [
        start_text(),
        fragment(Data::Binary, false),
        fragment(Data::Continue, false),
        fragment(Data::Continue, true),
    ];
    check(fragments, ErrorCode::TooLarge, SIZE).await;
}

#[tokio::test]
async fn a_flood_of_text_ends_at_its_second_message() {
    check(std::iter::repeat_n(start_text(), 2000), ErrorCode::Invalid, POLICY).await;
}

#[tokio::test]
async fn text_that_is_not_utf8_is_refused() {
    let frame = Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true);
    check([Message::Frame(frame)], ErrorCode::Invalid, 1007).await;
}

#[tokio::test]
async fn an_unmasked_frame_breaks_the_protocol() {
    let mut server = Server::start(Behaviour::Count, ServerOptions::default()).await;
    let mut websocket = raw(&server).await;
    websocket.get_mut().write_all(&[0x82, 0x02, 0x00, 0x00]).await.unwrap();
    assert_eq!(last_words(&mut websocket).await, (ErrorCode::Invalid, 1002));
    drop(websocket);
    assert_eq!(server.ended().await, ConnectionEnd::Failed(ErrorCode::Invalid));
}

#[tokio::test]
async fn a_request_that_never_ends_times_out() {
    let limits = Limits {
        handshake_timeout: Duration::from_millis(20),
        ..Limits::default()
    };
    let mut server = Server::with_limits(Behaviour::Count, limits).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(format!("GET {PATH} HTTP/1.1\r\nHost: x\r\n").as_bytes())
        .await
        .unwrap();
    assert_eq!(server.ended().await, ConnectionEnd::HandshakeTimedOut);
    let mut rest = Vec::new();
    // The system may report the cut as an end or as a reset.
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

#[tokio::test]
async fn silent_connections_delay_others_by_the_handshake_timeout_at_most() {
    let limits = Limits {
        handshakes_max: 2,
        handshake_timeout: Duration::from_millis(20),
        ..Limits::default()
    };
    let mut server = Server::with_limits(Behaviour::Count, limits).await;
    let silent = [
        TcpStream::connect(server.address).await.unwrap(),
        TcpStream::connect(server.address).await.unwrap(),
    ];
    let client = Client::connect(&server.endpoint()).await.unwrap();
    assert_eq!(server.ended().await, ConnectionEnd::HandshakeTimedOut);
    client.close().await.unwrap();
    drop(silent);
}

#[tokio::test]
async fn a_plain_http_request_gets_no_websocket() {
    let mut server = Server::start(Behaviour::Count, ServerOptions::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(format!("GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
        .await
        .unwrap();
    assert_eq!(server.ended().await, ConnectionEnd::HandshakeFailed);
}

#[tokio::test]
async fn a_token_in_the_url_is_refused_unread() {
    let mut server = Server::start(Behaviour::Count, ServerOptions::default()).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let url = format!("ws://{}{PATH}?token={}", server.address, support::TOKEN);
    assert!(tokio_tungstenite::client_async(url, stream).await.is_err());
    assert_eq!(server.ended().await, ConnectionEnd::Refused(Refusal::Query));
}

#[tokio::test]
async fn silence_after_the_upgrade_times_out() {
    let limits = Limits {
        idle_timeout: Duration::from_millis(20),
        ..Limits::default()
    };
    let mut server = Server::with_limits(Behaviour::Count, limits).await;
    let mut websocket = raw(&server).await;
    assert_eq!(last_words(&mut websocket).await, (ErrorCode::Timeout, 1001));
    drop(websocket);
    assert_eq!(server.ended().await, ConnectionEnd::Failed(ErrorCode::Timeout));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let mut server = Server::start(Behaviour::Flood, ServerOptions::default()).await;
    let mut websocket = raw(&server).await;
    websocket.send(start_text()).await.unwrap();
    assert_eq!(server.ended().await, ConnectionEnd::SlowReader);
    drop(websocket);
}

#[tokio::test]
async fn pings_are_answered_and_carry_nothing() {
    let server = Server::start(Behaviour::Count, ServerOptions::default()).await;
    let mut websocket = raw(&server).await;
    websocket.send(Message::Ping(vec![1, 2].into())).await.unwrap();
    assert_eq!(
        websocket.next().await.unwrap().unwrap(),
        Message::Pong(vec![1, 2].into())
    );
}
