//! The server as a whole over loopback: tokens, real speech, the store, and clients that leave or ask too much.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use support::{Home, RULES_ONLY, fox, fox_pcm, long_pcm, token};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use voiceflow_asr::wer::word_errors;
use voiceflow_protocol::{Context, ErrorCode, Final, HistoryRequest, Start};
use voiceflow_service::pipeline::Pipeline;
use voiceflow_service::server::Server;
use voiceflow_storage::{Transcript, TranscriptId};
use voiceflow_transport::{Client, ClientError, Endpoint, tls};

struct Running {
    pipeline: Arc<Pipeline>,
    address: SocketAddr,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn serve(home: &Home) -> Running {
    let pipeline = Arc::new(home.pipeline());
    let server = Server::bind(&home.config, Arc::clone(&pipeline)).await.unwrap();
    let address = server.address();
    let (shutdown, down) = oneshot::channel::<()>();
    let task = tokio::spawn(server.run(async {
        let _ = down.await;
    }));
    Running {
        pipeline,
        address,
        shutdown,
        task,
    }
}

impl Running {
    fn endpoint(&self) -> Endpoint {
        Endpoint::new(&format!("ws://{}", self.address), None).unwrap()
    }

    async fn client(&self, user: &str) -> Client {
        Client::connect(&self.endpoint().with_token(&token(user)).unwrap())
            .await
            .unwrap()
    }

    fn rows(&self, user: &str) -> Vec<Transcript> {
        let identity = self.pipeline.guard().authenticate(Some(&token(user))).unwrap();
        let request = HistoryRequest {
            limit: 100,
            before_unix_ms: None,
            context: None,
        };
        self.pipeline.history(&identity, &request).unwrap()
    }
}

/// Sends a whole utterance.
async fn say(client: &mut Client, pcm: &[i16]) {
    client.start(Start::new(Context::Chat)).await.unwrap();
    for frame in pcm.chunks(1600) {
        client.audio(frame).await.unwrap();
    }
    client.end().await.unwrap();
}

fn code(answer: Result<Final, ClientError>) -> ErrorCode {
    match answer {
        Err(ClientError::Server(error)) => error.code,
        other => panic!("no error of the server: {other:?}"),
    }
}

#[tokio::test]
async fn what_is_said_is_answered_and_stored() {
    let home = Home::new(RULES_ONLY);
    let running = serve(&home).await;
    let mut client = running.client("anna").await;
    let pcm = fox_pcm();
    say(&mut client, &pcm).await;
    let answer = client.answer().await.unwrap();
    assert_eq!(word_errors(&fox().0, &answer.raw_text).errors, 0, "{}", answer.raw_text);
    assert_eq!(answer.audio_ms, pcm.len() as u64 / 16);

    let rows = running.rows("anna");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].id, TranscriptId(answer.transcript_id));
    assert_eq!(
        (&rows[0].raw_text, rows[0].enhanced_text.as_ref()),
        (&answer.raw_text, Some(&answer.text))
    );
    assert_eq!(rows[0].context, Context::Chat);

    // The same connection again: one whole session does not spoil the next.
    say(&mut client, &pcm).await;
    assert_eq!(client.answer().await.unwrap().raw_text, answer.raw_text);
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_server_with_a_certificate_speaks_tls() {
    let mut home = Home::new(RULES_ONLY);
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let [certificate, private_key] = ["certificate.pem", "key.pem"].map(|name| home.folder().join(name));
    std::fs::write(&certificate, cert.pem()).unwrap();
    std::fs::write(&private_key, signing_key.serialize_pem()).unwrap();
    home.config.server.tls = Some(voiceflow_service::config::Tls {
        certificate,
        private_key,
    });
    let running = serve(&home).await;
    let trust = tls::client_config(cert.pem().as_bytes()).unwrap();
    let endpoint = Endpoint::new(&format!("wss://{}", running.address), Some(trust)).unwrap();
    let mut client = Client::connect(&endpoint.with_token(&token("anna")).unwrap())
        .await
        .unwrap();
    say(&mut client, &fox_pcm()).await;
    assert_eq!(
        word_errors(&fox().0, &client.answer().await.unwrap().raw_text).errors,
        0
    );
}

#[tokio::test]
async fn strangers_stay_outside() {
    let home = Home::new(RULES_ONLY);
    let running = serve(&home).await;
    for endpoint in [running.endpoint(), running.endpoint().with_token("a.b.c").unwrap()] {
        assert!(matches!(
            Client::connect(&endpoint).await,
            Err(ClientError::Refused { status: 401 })
        ));
    }
}

#[tokio::test]
async fn requests_that_break_rules_are_told_which() {
    let home = Home::new(&format!(
        "{RULES_ONLY}security.request_burst = 4\nspeech_recognition.utterance_max = 1\n"
    ));
    let running = serve(&home).await;
    let starting = async |start: Start| {
        let mut client = running.client("anna").await;
        client.start(start).await.unwrap();
        code(client.answer().await)
    };
    assert_eq!(
        starting(Start {
            version: 2,
            ..Start::new(Context::Chat)
        })
        .await,
        ErrorCode::Invalid
    );
    assert_eq!(
        starting(Start {
            language: Some("de".into()),
            ..Start::new(Context::Chat)
        })
        .await,
        ErrorCode::Invalid
    );

    let mut client = running.client("anna").await;
    client.start(Start::new(Context::Chat)).await.unwrap();
    client.audio(&[0; 16_001]).await.unwrap();
    assert_eq!(code(client.answer().await), ErrorCode::TooLarge);

    let mut client = running.client("anna").await;
    client.start(Start::new(Context::Chat)).await.unwrap();
    client.end().await.unwrap();
    assert_eq!(code(client.answer().await), ErrorCode::Invalid, "no audio");

    assert_eq!(
        starting(Start::new(Context::Chat)).await,
        ErrorCode::RateLimited,
        "the fifth within a minute"
    );
    assert!(running.rows("anna").is_empty());
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_utterance() {
    let home = Home::new(RULES_ONLY);
    let running = serve(&home).await;
    let mut leaving = running.client("anna").await;
    say(&mut leaving, &long_pcm()).await;
    drop(leaving);

    let mut staying = running.client("bert").await;
    say(&mut staying, &fox_pcm()).await;
    // The one worker is free again only once the first utterance is given up or done.
    assert!(staying.answer().await.is_ok());
    assert!(
        running.rows("anna").is_empty(),
        "the utterance went on without its client"
    );
}

#[tokio::test]
async fn more_utterances_than_fit_are_answered_with_overloaded() {
    let home = Home::new(&format!("{RULES_ONLY}speech_recognition.queue_length = 1\n"));
    let running = serve(&home).await;
    let long = long_pcm();
    let mut clients = [
        running.client("anna").await,
        running.client("bert").await,
        running.client("cleo").await,
    ];
    for client in &mut clients {
        say(client, &long).await;
    }
    let [one, two, three] = &mut clients;
    // One is worked on and one waits for many seconds; whoever finds no place is told at once.
    let first = tokio::select! {
        answer = one.answer() => answer,
        answer = two.answer() => answer,
        answer = three.answer() => answer,
    };
    assert_eq!(code(first), ErrorCode::Overloaded);
}

#[tokio::test]
async fn shutdown_ends_the_server_and_tells_its_clients() {
    let home = Home::new(RULES_ONLY);
    let running = serve(&home).await;
    let mut client = running.client("anna").await;
    say(&mut client, &fox_pcm()).await;
    assert!(client.answer().await.is_ok());
    running.shutdown.send(()).unwrap();
    assert_eq!(code(client.answer().await), ErrorCode::ShuttingDown);
    drop(client);
    running.task.await.unwrap();
}
