//! A server on a loopback port with a handler whose sessions do as each test needs, and clients that break rules.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::StreamExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::{WebSocketStream, client_async};
use tungstenite::Message;
use tungstenite::client::{ClientRequestBuilder, IntoClientRequest};
use voiceflow_protocol::{AudioFrame, ErrorCode, ErrorMessage, Final, ServerMessage, Start, TextSource, decode_server};
use voiceflow_transport::{
    ConnectionEnd, Endpoint, Exposure, Handler, Limits, PATH, Partials, ServerOptions, Session, Unauthorized, bind,
    serve,
};

pub(crate) const TOKEN: &str = "the-right-token";

/// What a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Echoes each frame's first sample as a partial and answers with the number of samples.
    Count,
    /// Answers only when the test says so.
    Wait,
    /// Sends large partials for as long as anyone might read them.
    Flood,
}

/// What happened inside the handler, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    Ended(ConnectionEnd),
    SessionDropped,
    Answering(Gate),
}

/// Lets a waiting answer go.
#[derive(Debug)]
pub(crate) struct Gate(pub(crate) oneshot::Sender<()>);

impl PartialEq for Gate {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Gate {}

pub(crate) struct Probe {
    behaviour: Behaviour,
    happenings: UnboundedSender<Happening>,
}

impl Handler for Probe {
    type Identity = String;
    type Session = Counter;

    fn authenticate(&self, token: Option<&str>) -> Result<String, Unauthorized> {
        if token == Some(TOKEN) {
            Ok("anna".to_owned())
        } else {
            Err(Unauthorized)
        }
    }

    fn start(&self, identity: &String, _: Start, partials: Partials) -> Result<Counter, ErrorMessage> {
        assert_eq!(identity, "anna");
        let mut counter = Counter {
            samples: 0,
            behaviour: self.behaviour,
            partials: Some(partials),
            happenings: self.happenings.clone(),
        };
        if self.behaviour == Behaviour::Flood {
            let partials = counter.partials.take().expect("just set");
            tokio::spawn(flood(partials));
        }
        Ok(counter)
    }

    fn ended(&self, end: &ConnectionEnd) {
        let _ = self.happenings.send(Happening::Ended(end.clone()));
    }
}

async fn flood(mut partials: Partials) {
    while !partials.is_closed() {
        partials.send("a".repeat(60 * 1024));
        tokio::task::yield_now().await;
    }
}

pub(crate) struct Counter {
    samples: u64,
    behaviour: Behaviour,
    partials: Option<Partials>,
    happenings: UnboundedSender<Happening>,
}

impl Session for Counter {
    fn audio(&mut self, frame: AudioFrame<'_>) -> Result<(), ErrorMessage> {
        self.samples += frame.sample_count() as u64;
        if let Some(partials) = &mut self.partials {
            partials.send(frame.samples().next().expect("frames are never empty").to_string());
        }
        Ok(())
    }

    async fn finish(self) -> Result<Final, ErrorMessage> {
        if self.behaviour == Behaviour::Wait {
            let (go, gate) = oneshot::channel();
            let _ = self.happenings.send(Happening::Answering(Gate(go)));
            gate.await
                .map_err(|_| ErrorMessage::new(ErrorCode::Internal, "the test is over"))?;
        }
        Ok(Final {
            transcript_id: 7,
            text: self.samples.to_string(),
            raw_text: String::new(),
            source: TextSource::Rules,
            audio_ms: self.samples / 16,
            recognition_ms: 0,
            enhancement_ms: 0,
        })
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        let _ = self.happenings.send(Happening::SessionDropped);
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) happenings: UnboundedReceiver<Happening>,
    shutdown: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(behaviour: Behaviour, options: ServerOptions) -> Self {
        let listener = bind(([127, 0, 0, 1], 0).into(), Exposure::Loopback)
            .await
            .expect("loopback is free");
        let address = listener.local_addr().expect("the listener is bound");
        let (sender, happenings) = unbounded_channel();
        let handler = Arc::new(Probe {
            behaviour,
            happenings: sender,
        });
        let (shutdown, down) = oneshot::channel();
        let task = tokio::spawn(serve(listener, options, handler, async {
            let _ = down.await;
        }));
        Self {
            address,
            happenings,
            shutdown: Some(shutdown),
            task,
        }
    }

    pub(crate) async fn with_limits(behaviour: Behaviour, limits: Limits) -> Self {
        let options = ServerOptions {
            limits,
            ..ServerOptions::default()
        };
        Self::start(behaviour, options).await
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::new(&format!("ws://{}", self.address), None)
            .unwrap()
            .with_token(TOKEN)
            .unwrap()
    }

    /// The next connection's end; passes over what sessions did.
    pub(crate) async fn ended(&mut self) -> ConnectionEnd {
        loop {
            if let Happening::Ended(end) = self.happenings.recv().await.expect("the server runs") {
                return end;
            }
        }
    }

    /// The gate of an answer in the making, if that is what happens next.
    pub(crate) async fn answering(&mut self) -> Gate {
        match self.happenings.recv().await {
            Some(Happening::Answering(gate)) => gate,
            other => panic!("no answer in the making: {other:?}"),
        }
    }

    pub(crate) fn begin_shutdown(&mut self) {
        self.shutdown
            .take()
            .expect("shut down once")
            .send(())
            .expect("the server runs");
    }

    pub(crate) async fn join(self) {
        self.task.await.expect("the server does not panic");
    }
}

/// A WebSocket without any of our client's manners.
pub(crate) async fn raw(server: &Server) -> WebSocketStream<TcpStream> {
    let uri = format!("ws://{}{PATH}", server.address).parse().unwrap();
    let request = ClientRequestBuilder::new(uri).with_header("Authorization", format!("Bearer {TOKEN}"));
    let stream = TcpStream::connect(server.address).await.unwrap();
    client_async(request.into_client_request().unwrap(), stream)
        .await
        .unwrap()
        .0
}

pub(crate) fn start_text() -> Message {
    Message::text(r#"{"type":"start","version":1,"context":"email","sample_rate_hz":16000}"#)
}

/// The error with which the server says goodbye, and the code of the close frame after it.
pub(crate) async fn last_words(websocket: &mut WebSocketStream<TcpStream>) -> (ErrorCode, u16) {
    let mut said = None;
    loop {
        match websocket
            .next()
            .await
            .expect("the server says why it hangs up")
            .expect("the frames are valid")
        {
            Message::Text(text) => {
                if let ServerMessage::Error(error) = decode_server(&text).unwrap() {
                    said = Some(error.code);
                }
            }
            Message::Close(frame) => return (said.expect("the error comes first"), frame.unwrap().code.into()),
            _ => {}
        }
    }
}
