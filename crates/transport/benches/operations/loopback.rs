//! A real server on a loopback port, on a runtime of its own; the measured thread is a blocking client.

use std::future::pending;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind};
use tokio::runtime::{Builder, Runtime};
use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq, digest_parts};
use voiceflow_protocol::{AudioFrame, Context, ErrorCode, ErrorMessage, Final, ServerMessage, Start};
use voiceflow_transport::{
    ClientError, Endpoint, Exposure, Handler, Limits, Partials, ServerOptions, Session, Unauthorized, bind, blocking,
    serve, tls,
};

use super::frames::AUDIO_BYTES;

const TOKEN: &str = "a token of the benchmark";

/// Different frames of audio in turn.
const FRAMES: i16 = 10;

/// How the client's TLS behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Security {
    Clear,
    Full,
    Resumed,
}

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

pub(super) fn echo_3200b_ws() -> Result<Prepared, PrepareError> {
    echo(Security::Clear)
}

pub(super) fn echo_3200b_wss() -> Result<Prepared, PrepareError> {
    echo(Security::Full)
}

struct Conversation {
    client: blocking::Client,
    sent: i16,
    // Ends after the client, so that the server never waits for it.
    _house: House,
}

fn echo(security: Security) -> Result<Prepared, PrepareError> {
    let house = House::open(security)?;
    let mut client = blocking::Client::connect(&house.endpoint)?;
    client.start(Start {
        partials: true,
        ..Start::new(Context::Notes)
    })?;
    let inputs = digest_parts((0..FRAMES).flat_map(frame).map(i16::to_le_bytes));
    Ok(Prepared::with_input(
        Conversation {
            client,
            sent: 0,
            _house: house,
        },
        |conversation| {
            conversation.sent = (conversation.sent + 1) % FRAMES;
            frame(conversation.sent)
        },
        |conversation, samples| {
            conversation.client.audio(&samples)?;
            conversation.client.next()
        },
        |conversation, answer| {
            let ServerMessage::Partial(partial) = answer.as_ref().map_err(wrong)? else {
                return Err(WrongAnswer::new("the server sent something else than a partial"));
            };
            check_eq(
                "the text echoes the audio",
                &(partial.text == text(conversation.sent)),
                &true,
            )
        },
    )
    .inputs(inputs))
}

/// Audio that the echo can tell from other audio.
fn frame(sample: i16) -> [i16; AUDIO_BYTES / 2] {
    [sample; AUDIO_BYTES / 2]
}

fn wrong(error: &ClientError) -> WrongAnswer {
    WrongAnswer::new(error.to_string())
}

fn text(sample: i16) -> String {
    sample.to_string().repeat(AUDIO_BYTES)
}

/// A server that runs for as long as this lives.
struct House {
    endpoint: Endpoint,
    // Dropping the runtime ends the server.
    _runtime: Runtime,
}

impl House {
    fn open(security: Security) -> Result<Self, PrepareError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (scheme, server_tls, client_tls) = match security {
            Security::Clear => ("ws", None, None),
            Security::Full | Security::Resumed => {
                let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()])?;
                let server = tls::server_config(cert.pem().as_bytes(), signing_key.serialize_pem().as_bytes())?;
                let mut client = (*tls::client_config(cert.pem().as_bytes())?).clone();
                if security == Security::Full {
                    client.resumption = Resumption::disabled();
                }
                ("wss", Some(server), Some(Arc::new(client)))
            }
        };
        let listener = runtime.block_on(bind(([127, 0, 0, 1], 0).into(), Exposure::Loopback))?;
        let address = listener.local_addr()?;
        // Clients hang up without waiting, so more connections overlap than are measured at once.
        let limits = Limits {
            connections_max: 4096,
            ..Limits::default()
        };
        let options = ServerOptions {
            limits,
            tls: server_tls,
            ..ServerOptions::default()
        };
        runtime.spawn(serve(listener, options, Arc::new(Parrot), pending()));
        let endpoint = Endpoint::new(&format!("{scheme}://{address}"), client_tls.clone())?.with_token(TOKEN)?;
        if security == Security::Resumed {
            // The first connection brings the tickets; they arrive with the first application data.
            let mut first = blocking::Client::connect(&endpoint)?;
            first.start(Start::new(Context::Notes))?;
            first.audio(&[0])?;
            first.next()?;
            check_resumption(client_tls.ok_or("resumption without tls")?, address)?;
        }
        Ok(Self {
            endpoint,
            _runtime: runtime,
        })
    }
}

/// Makes sure that a connection with these settings resumes an earlier session: a full handshake would pass unseen.
fn check_resumption(tls: Arc<ClientConfig>, address: SocketAddr) -> Result<(), PrepareError> {
    let mut session = ClientConnection::new(tls, ServerName::from(address.ip()))?;
    let mut stream = TcpStream::connect(address)?;
    while session.is_handshaking() {
        session.complete_io(&mut stream)?;
    }
    match session.handshake_kind() {
        Some(HandshakeKind::Resumed) => Ok(()),
        other => Err(format!("the handshake was not resumed but {other:?}").into()),
    }
}

/// Repeats each frame's first sample as text.
struct Parrot;

impl Handler for Parrot {
    type Identity = ();
    type Session = Echo;

    fn authenticate(&self, token: Option<&str>) -> Result<(), Unauthorized> {
        if token == Some(TOKEN) {
            Ok(())
        } else {
            Err(Unauthorized)
        }
    }

    fn start(&self, (): &(), _: Start, partials: Partials) -> Result<Echo, ErrorMessage> {
        Ok(Echo(partials))
    }
}

struct Echo(Partials);

impl Session for Echo {
    fn audio(&mut self, frame: AudioFrame<'_>) -> Result<(), ErrorMessage> {
        let first = frame.samples().next().unwrap_or_default();
        if self.0.send(text(first)) {
            Ok(())
        } else {
            Err(ErrorMessage::new(ErrorCode::Internal, "no room for the echo"))
        }
    }

    async fn finish(self) -> Result<Final, ErrorMessage> {
        Err(ErrorMessage::new(ErrorCode::Internal, "only audio is answered here"))
    }
}
