//! Sessions as they should be, in the clear and over TLS, and the ends that a well-behaved client sees.

mod support;

use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use support::{Behaviour, Happening, Server};
use voiceflow_protocol::{Context, ErrorCode, Partial, ServerMessage, Start};
use voiceflow_transport::{
    BindError, Client, ClientError, ConnectionEnd, Endpoint, Exposure, Limits, Refusal, ServerOptions, bind, blocking,
    tls,
};

fn start() -> Start {
    Start::new(Context::Email)
}

async fn one_session(client: &mut Client, frames: &[i16]) {
    client.start(start()).await.unwrap();
    for (sequence, &sample) in frames.iter().enumerate() {
        client.audio(&[sample; 1600]).await.unwrap();
        let partial = Partial {
            sequence: sequence as u32,
            text: sample.to_string(),
        };
        assert_eq!(client.next().await.unwrap(), ServerMessage::Partial(partial));
    }
    client.end().await.unwrap();
    let answer = client.answer().await.unwrap();
    assert_eq!(answer.text, (frames.len() * 1600).to_string());
}

#[tokio::test]
async fn a_connection_carries_one_session_after_another() {
    let mut server = Server::start(Behaviour::Count, ServerOptions::default()).await;
    let mut client = Client::connect(&server.endpoint()).await.unwrap();
    one_session(&mut client, &[1, -2, 3]).await;
    one_session(&mut client, &[i16::MIN]).await;
    client.close().await.unwrap();
    assert_eq!(server.ended().await, ConnectionEnd::Closed);
}

#[tokio::test]
async fn a_blocking_client_is_served_alike() {
    let mut server = Server::start(Behaviour::Count, ServerOptions::default()).await;
    let endpoint = server.endpoint();
    let answer = tokio::task::spawn_blocking(move || {
        let mut client = blocking::Client::connect(&endpoint).unwrap();
        client.start(start()).unwrap();
        client.audio(&[5; 100]).unwrap();
        client.end().unwrap();
        let answer = client.answer().unwrap();
        client.close().unwrap();
        answer
    });
    assert_eq!(answer.await.unwrap().text, "100");
    assert_eq!(server.ended().await, ConnectionEnd::Closed);
}

struct Certificate {
    certificate_pem: String,
    options: ServerOptions,
}

fn certificate() -> Certificate {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate_pem = cert.pem();
    let tls = tls::server_config(certificate_pem.as_bytes(), signing_key.serialize_pem().as_bytes()).unwrap();
    Certificate {
        certificate_pem,
        options: ServerOptions {
            tls: Some(tls),
            ..ServerOptions::default()
        },
    }
}

fn tls_endpoint(server: &Server, root_pem: &str) -> Endpoint {
    let trust = tls::client_config(root_pem.as_bytes()).unwrap();
    Endpoint::new(&format!("wss://{}", server.address), Some(trust))
        .unwrap()
        .with_token(support::TOKEN)
        .unwrap()
}

#[tokio::test]
async fn sessions_run_over_tls() {
    let Certificate {
        certificate_pem,
        options,
    } = certificate();
    let mut server = Server::start(Behaviour::Count, options).await;
    let mut client = Client::connect(&tls_endpoint(&server, &certificate_pem)).await.unwrap();
    one_session(&mut client, &[4, 5]).await;
    client.close().await.unwrap();
    assert_eq!(server.ended().await, ConnectionEnd::Closed);

    let endpoint = tls_endpoint(&server, &certificate_pem);
    let blocking = tokio::task::spawn_blocking(move || {
        let mut client = blocking::Client::connect(&endpoint).unwrap();
        client.start(start()).unwrap();
        client.audio(&[6; 7]).unwrap();
        client.end().unwrap();
        client.answer().unwrap()
    });
    assert_eq!(blocking.await.unwrap().text, "7");
}

#[tokio::test]
async fn a_stranger_in_the_middle_is_not_trusted() {
    let mut server = Server::start(Behaviour::Count, certificate().options).await;
    let endpoint = tls_endpoint(&server, &certificate().certificate_pem);
    assert!(matches!(Client::connect(&endpoint).await, Err(ClientError::Io(_))));
    assert_eq!(server.ended().await, ConnectionEnd::HandshakeFailed);
}

#[tokio::test]
async fn a_tls_server_does_not_speak_in_the_clear() {
    let mut server = Server::start(Behaviour::Count, certificate().options).await;
    assert!(Client::connect(&server.endpoint()).await.is_err());
    assert_eq!(server.ended().await, ConnectionEnd::HandshakeFailed);
}

#[test]
fn broken_certificates_are_named_without_their_content() {
    let error = tls::server_config(b"no certificate", b"no key").unwrap_err();
    assert_eq!(error.to_string(), "private key is not valid pem");
    assert!(matches!(tls::client_config(b""), Err(tls::TlsError::Certificates)));
}

async fn refusal(server: &mut Server, endpoint: Endpoint) -> (u16, ConnectionEnd) {
    match Client::connect(&endpoint).await {
        Err(ClientError::Refused { status }) => (status, server.ended().await),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("let in"),
    }
}

#[tokio::test]
async fn no_token_and_forged_tokens_are_answered_401_before_the_upgrade() {
    let mut server = Server::start(Behaviour::Count, ServerOptions::default()).await;
    let bare = Endpoint::new(&format!("ws://{}", server.address), None).unwrap();
    let refused = (401, ConnectionEnd::Refused(Refusal::Token));
    assert_eq!(refusal(&mut server, bare.clone()).await, refused);
    assert_eq!(
        refusal(&mut server, bare.clone().with_token("").unwrap()).await,
        refused
    );
    assert_eq!(
        refusal(&mut server, bare.with_token("the-right-tokem").unwrap()).await,
        refused
    );
}

#[tokio::test]
async fn only_listed_origins_may_connect_from_a_browser() {
    let mut options = ServerOptions::default();
    options.gate.origins.push("https://app.example".to_owned());
    let mut server = Server::start(Behaviour::Count, options).await;
    let listed = server.endpoint().with_origin("https://app.example").unwrap();
    assert!(Client::connect(&listed).await.is_ok());
    let other = server.endpoint().with_origin("https://app.example.evil").unwrap();
    assert!(matches!(
        Client::connect(&other).await,
        Err(ClientError::Refused { status: 403 })
    ));
    let ends = [server.ended().await, server.ended().await];
    assert!(ends.contains(&ConnectionEnd::Refused(Refusal::Origin)), "{ends:?}");
}

#[tokio::test]
async fn a_full_server_answers_503_until_someone_leaves() {
    let limits = Limits {
        connections_max: 1,
        ..Limits::default()
    };
    let mut server = Server::with_limits(Behaviour::Count, limits).await;
    let first = Client::connect(&server.endpoint()).await.unwrap();
    let endpoint = server.endpoint();
    assert_eq!(
        refusal(&mut server, endpoint).await,
        (503, ConnectionEnd::Refused(Refusal::Full))
    );
    first.close().await.unwrap();
    assert_eq!(server.ended().await, ConnectionEnd::Closed);
    assert!(Client::connect(&server.endpoint()).await.is_ok());
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_cancels_it() {
    let mut server = Server::start(Behaviour::Wait, ServerOptions::default()).await;
    let mut client = Client::connect(&server.endpoint()).await.unwrap();
    client.start(start()).await.unwrap();
    client.audio(&[0; 10]).await.unwrap();
    client.end().await.unwrap();
    let gate = server.answering().await;
    drop(client);
    assert_eq!(server.happenings.recv().await, Some(Happening::SessionDropped));
    assert_eq!(server.ended().await, ConnectionEnd::Lost);
    assert!(gate.0.is_closed(), "the answer's future is gone");
}

#[tokio::test]
async fn a_client_that_leaves_within_its_audio_drops_the_session() {
    let mut server = Server::start(Behaviour::Count, ServerOptions::default()).await;
    let mut client = Client::connect(&server.endpoint()).await.unwrap();
    client.start(start()).await.unwrap();
    client.audio(&[0; 10]).await.unwrap();
    client.next().await.unwrap();
    drop(client);
    assert_eq!(server.happenings.recv().await, Some(Happening::SessionDropped));
    assert_eq!(server.ended().await, ConnectionEnd::Lost);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_a_timeout() {
    let limits = Limits {
        answer_timeout: Duration::from_millis(20),
        ..Limits::default()
    };
    let mut server = Server::with_limits(Behaviour::Wait, limits).await;
    let mut client = Client::connect(&server.endpoint()).await.unwrap();
    client.start(start()).await.unwrap();
    client.audio(&[0; 10]).await.unwrap();
    client.end().await.unwrap();
    let Err(ClientError::Server(error)) = client.answer().await else {
        panic!("no error")
    };
    assert_eq!(error.code, ErrorCode::Timeout);
    drop(client);
    assert_eq!(server.ended().await, ConnectionEnd::Failed(ErrorCode::Timeout));
}

#[tokio::test]
async fn shutdown_finishes_answers_and_turns_the_rest_away() {
    let mut server = Server::start(Behaviour::Wait, ServerOptions::default()).await;
    let endpoint = server.endpoint();
    let mut idle = Client::connect(&endpoint).await.unwrap();
    let mut busy = Client::connect(&endpoint).await.unwrap();
    busy.start(start()).await.unwrap();
    busy.audio(&[0; 10]).await.unwrap();
    busy.end().await.unwrap();
    let gate = server.answering().await;

    server.begin_shutdown();
    let Err(ClientError::Server(error)) = idle.answer().await else {
        panic!("not turned away")
    };
    assert_eq!(error.code, ErrorCode::ShuttingDown);
    drop(idle);
    assert_eq!(server.ended().await, ConnectionEnd::Failed(ErrorCode::ShuttingDown));
    assert!(Client::connect(&endpoint).await.is_err(), "nobody listens any more");

    gate.0.send(()).unwrap();
    assert_eq!(busy.answer().await.unwrap().text, "10");
    drop(busy);
    server.join().await;
}

#[tokio::test]
async fn shutdown_cuts_off_what_does_not_end() {
    let limits = Limits {
        drain_timeout: Duration::from_millis(20),
        ..Limits::default()
    };
    let mut server = Server::with_limits(Behaviour::Wait, limits).await;
    let mut client = Client::connect(&server.endpoint()).await.unwrap();
    client.start(start()).await.unwrap();
    client.end().await.unwrap();
    let gate = server.answering().await;
    server.begin_shutdown();
    server.join().await;
    assert!(gate.0.is_closed());
    assert!(client.answer().await.is_err());
}

#[tokio::test]
async fn addresses_beyond_loopback_need_to_be_asked_for() {
    let everywhere = ([0, 0, 0, 0], 0).into();
    let error = bind(everywhere, Exposure::Loopback).await.unwrap_err();
    assert!(matches!(error, BindError::NotLoopback { address } if address == everywhere));
    assert!(bind(everywhere, Exposure::Network).await.is_ok());
}

#[test]
fn endpoints_are_an_address_and_nothing_else() {
    for url in [
        "",
        "127.0.0.1:1",
        "http://127.0.0.1:1",
        "ws://127.0.0.1",
        "ws://h:1/path",
        "ws://h:1/?token=x",
    ] {
        assert!(Endpoint::new(url, None).is_err(), "{url}");
    }
    assert!(Endpoint::new("wss://h:1", None).is_err());
    let endpoint = Endpoint::new("ws://h:1", None).unwrap();
    assert!(endpoint.clone().with_token("a\r\nX-Admin: 1").is_err());
    let shown = format!("{:?}", endpoint.with_token("secret").unwrap());
    assert!(shown.contains("h:1") && !shown.contains("secret"), "{shown}");
}
