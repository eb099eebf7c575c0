//! One connection after its upgrade: the order of messages, the clock, and how it ends.

use std::future::{Future, pending};
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message};
use voiceflow_protocol::{
    AudioFrame, AudioFrameError, ClientMessage, DecodeError, ErrorCode, ErrorMessage, Final, Partial, ServerMessage,
    Start, decode_client, encode_server,
};

use crate::handler::{Handler, Partials, Session};
use crate::socket::Socket;
use crate::{Limits, Refusal};

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// The client hung up in good order.
    Closed,
    /// The client vanished, or the network did.
    Lost,
    /// The upgrade was refused.
    Refused(Refusal),
    /// TLS or the upgrade took too long.
    HandshakeTimedOut,
    /// TLS failed, or the request was no WebSocket upgrade.
    HandshakeFailed,
    /// The client did not read what it was sent.
    SlowReader,
    /// The client was told that it failed, and why.
    Failed(ErrorCode),
}

/// Serves sessions on an upgraded connection until it ends.
pub(crate) async fn run<H: Handler, S: AsyncRead + AsyncWrite + Unpin + Send>(
    mut socket: Socket<S>,
    handler: &H,
    identity: H::Identity,
    limits: &Limits,
    mut shutdown: watch::Receiver<bool>,
) -> ConnectionEnd {
    let mut dialogue = Dialogue {
        handler,
        identity,
        limits,
        phase: Phase::Idle,
        deadline: deadline(limits, false),
    };
    let stop = loop {
        let step = tokio::select! {
            message = socket.next() => dialogue.receive(message),
            event = dialogue.phase.next() => dialogue.speak(event),
            () = sleep_until(dialogue.deadline) => Err(dialogue.time_is_up()),
            _ = shutdown.wait_for(|down| *down), if !dialogue.is_answering() => {
                Err(ErrorMessage::new(ErrorCode::ShuttingDown, "server is going down; connect again").into())
            }
        };
        let queued = step.and_then(|reply| match reply {
            Some(reply) => queue(&mut socket, &reply),
            None => Ok(()),
        });
        if let Err(stop) = queued {
            break stop;
        }
    };
    // A session that is still open ends here, before the goodbye: its work is for nobody.
    drop(dialogue);
    goodbye(socket, stop, limits).await
}

/// Why a connection's loop stops.
pub(crate) enum Stop {
    /// There is nobody to talk to.
    Silent(ConnectionEnd),
    /// The client is told, then the connection is closed with this code.
    Tell(ErrorMessage, CloseCode),
}

impl From<ErrorMessage> for Stop {
    fn from(error: ErrorMessage) -> Self {
        let code = match error.code {
            ErrorCode::Unauthorized | ErrorCode::Invalid | ErrorCode::RateLimited => CloseCode::Policy,
            ErrorCode::TooLarge => CloseCode::Size,
            ErrorCode::Overloaded => CloseCode::Again,
            ErrorCode::Timeout | ErrorCode::ShuttingDown => CloseCode::Away,
            ErrorCode::Internal => CloseCode::Error,
        };
        Self::Tell(error, code)
    }
}

/// What becomes of a step: a message to send, nothing, or the end.
type Step = Result<Option<ServerMessage>, Stop>;

struct Dialogue<'a, H: Handler> {
    handler: &'a H,
    identity: H::Identity,
    limits: &'a Limits,
    phase: Phase<H::Session>,
    deadline: Instant,
}

impl<H: Handler> Dialogue<'_, H> {
    fn receive(&mut self, message: Option<Result<Message, Error>>) -> Step {
        let Some(message) = message else {
            return Err(Stop::Silent(ConnectionEnd::Closed));
        };
        match message.map_err(broken)? {
            Message::Text(text) => self.text(&text)?,
            Message::Binary(bytes) => self.phase.audio(&bytes)?,
            // The library answers pings and closes by itself; the loop goes on until it reports the end.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
        }
        if !self.is_answering() {
            self.deadline = deadline(self.limits, false);
        }
        Ok(None)
    }

    fn text(&mut self, text: &str) -> Result<(), ErrorMessage> {
        match decode_client(text).map_err(malformed)? {
            ClientMessage::Start(start) => self.start(start),
            ClientMessage::End => {
                self.phase.finish()?;
                self.deadline = deadline(self.limits, true);
                Ok(())
            }
        }
    }

    fn start(&mut self, start: Start) -> Result<(), ErrorMessage> {
        if !matches!(self.phase, Phase::Idle) {
            return Err(out_of_order(
                "start came within a session; send end first and wait for the answer",
            ));
        }
        let (partials, waiting) = Partials::channel();
        let session = self.handler.start(&self.identity, start, partials)?;
        self.phase = Phase::Listening {
            session,
            partials: waiting,
        };
        Ok(())
    }

    fn speak(&mut self, event: PhaseEvent) -> Step {
        match event {
            PhaseEvent::Partial(partial) => Ok(Some(ServerMessage::Partial(partial))),
            PhaseEvent::Answer(answer) => {
                self.phase = Phase::Idle;
                self.deadline = deadline(self.limits, false);
                Ok(Some(ServerMessage::Final(answer?)))
            }
        }
    }

    fn is_answering(&self) -> bool {
        matches!(self.phase, Phase::Answering { .. })
    }

    fn time_is_up(&self) -> Stop {
        let what = if self.is_answering() {
            "the answer took too long"
        } else {
            "nothing came from the client"
        };
        ErrorMessage::new(ErrorCode::Timeout, what).into()
    }
}

/// Where the session is. The future of the answer owns the session.
enum Phase<S> {
    Idle,
    Listening {
        session: S,
        partials: Receiver<Partial>,
    },
    Answering {
        answer: Answer,
        partials: Receiver<Partial>,
    },
}

type Answer = Pin<Box<dyn Future<Output = Result<Final, ErrorMessage>> + Send>>;

enum PhaseEvent {
    Partial(Partial),
    Answer(Result<Final, ErrorMessage>),
}

impl<S: Session> Phase<S> {
    /// What the session says next; never anything while there is none. Safe to drop and call again.
    async fn next(&mut self) -> PhaseEvent {
        match self {
            Self::Idle => pending().await,
            Self::Listening { partials, .. } => match partials.recv().await {
                Some(partial) => PhaseEvent::Partial(partial),
                None => pending().await,
            },
            Self::Answering { answer, partials } => tokio::select! {
                // Partials first: those queued before the answer also arrive before it.
                biased;
                Some(partial) = partials.recv() => PhaseEvent::Partial(partial),
                answer = answer => PhaseEvent::Answer(answer),
            },
        }
    }

    fn audio(&mut self, bytes: &[u8]) -> Result<(), ErrorMessage> {
        let Self::Listening { session, .. } = self else {
            return Err(out_of_order("audio came outside a session; send start first"));
        };
        let frame = AudioFrame::parse(bytes).map_err(|error| {
            let code = match error {
                AudioFrameError::TooLong { .. } => ErrorCode::TooLarge,
                AudioFrameError::Empty | AudioFrameError::HalfSample { .. } => ErrorCode::Invalid,
            };
            ErrorMessage::new(code, error.to_string())
        })?;
        session.audio(frame)
    }

    fn finish(&mut self) -> Result<(), ErrorMessage> {
        match std::mem::replace(self, Self::Idle) {
            Self::Listening { session, partials } => {
                *self = Self::Answering {
                    answer: Box::pin(session.finish()),
                    partials,
                };
                Ok(())
            }
            Self::Idle | Self::Answering { .. } => Err(out_of_order("end came outside a session; send start first")),
        }
    }
}

fn deadline(limits: &Limits, answering: bool) -> Instant {
    Instant::now()
        + if answering {
            limits.answer_timeout
        } else {
            limits.idle_timeout
        }
}

fn queue<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut Socket<S>, reply: &ServerMessage) -> Result<(), Stop> {
    let text = encode_server(reply).map_err(|error| ErrorMessage::new(ErrorCode::TooLarge, error.to_string()))?;
    socket.queue(Message::text(text)).map_err(broken)
}

/// Says the last words, if there is anyone to hear them, and names the end.
async fn goodbye<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: Socket<S>,
    stop: Stop,
    limits: &Limits,
) -> ConnectionEnd {
    if let Stop::Tell(error, _) = &stop
        && let Err(Stop::Silent(end)) = queue(&mut socket, &ServerMessage::Error(error.clone()))
    {
        return end;
    }
    hang_up(socket, stop, limits).await
}

/// Closes the connection, with the close frame as the only word, and names the end.
pub(crate) async fn hang_up<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: Socket<S>,
    stop: Stop,
    limits: &Limits,
) -> ConnectionEnd {
    let (code, close_code) = match stop {
        Stop::Silent(end) => {
            if end == ConnectionEnd::Closed {
                // TLS says goodbye too, or the peer cannot tell the end from a cut.
                socket.finish(limits.close_timeout).await;
            }
            return end;
        }
        Stop::Tell(error, close_code) => (error.code, close_code),
    };
    let close = Message::Close(Some(CloseFrame {
        code: close_code,
        reason: code.as_str().into(),
    }));
    match socket.queue(close).map_err(broken) {
        Ok(()) => {
            socket.finish(limits.close_timeout).await;
            ConnectionEnd::Failed(code)
        }
        Err(Stop::Silent(end)) => end,
        // The reason for closing stands, even if it could not be sent.
        Err(Stop::Tell(..)) => ConnectionEnd::Failed(code),
    }
}

/// What the WebSocket library's error means for the connection.
pub(crate) fn broken(error: Error) -> Stop {
    let tell = |code, close_code, message: &str| Stop::Tell(ErrorMessage::new(code, message), close_code);
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => Stop::Silent(ConnectionEnd::Closed),
        Error::WriteBufferFull(_) => Stop::Silent(ConnectionEnd::SlowReader),
        Error::Capacity(_) => tell(ErrorCode::TooLarge, CloseCode::Size, "message is longer than allowed"),
        Error::Utf8(_) => tell(ErrorCode::Invalid, CloseCode::Invalid, "text message is not utf-8"),
        Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            Stop::Silent(ConnectionEnd::Lost)
        }
        Error::Protocol(_) => tell(ErrorCode::Invalid, CloseCode::Protocol, "websocket protocol was broken"),
        _ => Stop::Silent(ConnectionEnd::Lost),
    }
}

fn malformed(error: DecodeError) -> ErrorMessage {
    let code = match error {
        DecodeError::TooLarge { .. } => ErrorCode::TooLarge,
        DecodeError::Malformed { .. } => ErrorCode::Invalid,
    };
    ErrorMessage::new(code, error.to_string())
}

fn out_of_order(message: &str) -> ErrorMessage {
    ErrorMessage::new(ErrorCode::Invalid, message)
}
