//! A real server on a loopback port, on a runtime of its own.

use std::future::pending;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig};
use tokio::runtime::{Builder, Runtime};
use voiceflow_kit::PrepareError;
use voiceflow_protocol::{AudioFrame, Context, ErrorCode, ErrorMessage, Final, Start};
use voiceflow_transport::{
    ConnectionEnd, Endpoint, Exposure, Handler, Limits, Partials, ServerOptions, Session, Unauthorized, bind, blocking,
    serve, tls,
};

pub(crate) const TOKEN: &str = "a token of the benchmark";

/// Longest wait for the news of a connection's end.
const PATIENCE: Duration = Duration::from_secs(30);

/// How the client's TLS behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "the example and the operations each use their part")]
pub(crate) enum Security {
    Clear,
    Full,
    Resumed,
}

/// A server that runs for as long as this lives.
pub(crate) struct House {
    pub(crate) endpoint: Endpoint,
    #[allow(dead_code, reason = "only clients that break rules need it")]
    pub(crate) address: SocketAddr,
    #[allow(dead_code, reason = "only clients that break rules ask")]
    ends: Receiver<ConnectionEnd>,
    // Dropping the runtime ends the server.
    _runtime: Runtime,
}

impl House {
    /// A server that echoes, with room for many clients.
    pub(crate) fn open(security: Security) -> Result<Self, PrepareError> {
        // Clients hang up without waiting, so more connections overlap than are measured at once.
        let limits = Limits {
            connections_max: 4096,
            // Between two calls a comparison measures the other side: that is no silence of the client's.
            idle_timeout: Duration::from_secs(3600),
            ..Limits::default()
        };
        Self::with(security, limits, Parrot::Faithful)
    }

    /// A server for clients that break the limits.
    #[allow(dead_code, reason = "only the operations need it")]
    pub(crate) fn with_limits(limits: Limits) -> Result<Self, PrepareError> {
        Self::with(Security::Clear, limits, Parrot::Carefree)
    }

    /// How the next connection ended, as the server tells it; `None` when it tells nothing.
    #[allow(dead_code, reason = "only clients that break rules ask")]
    pub(crate) fn ended(&self) -> Option<ConnectionEnd> {
        self.ends.recv_timeout(PATIENCE).ok()
    }

    fn with(security: Security, limits: Limits, parrot: Parrot) -> Result<Self, PrepareError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (scheme, server_tls, client_tls) = match security {
            Security::Clear => ("ws", None, None),
            Security::Full | Security::Resumed => {
                let (server, client) = certified()?;
                let mut client = (*client).clone();
                if security == Security::Full {
                    client.resumption = Resumption::disabled();
                }
                ("wss", Some(server), Some(Arc::new(client)))
            }
        };
        let listener = runtime.block_on(bind(([127, 0, 0, 1], 0).into(), Exposure::Loopback))?;
        let address = listener.local_addr()?;
        let options = ServerOptions {
            limits,
            tls: server_tls,
            ..ServerOptions::default()
        };
        let (ended, ends) = channel();
        let host = Host {
            parrot,
            // Nobody asks the others, and what nobody takes would pile up.
            ended: (parrot == Parrot::Carefree).then_some(ended),
        };
        runtime.spawn(serve(listener, options, Arc::new(host), pending()));
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
            address,
            ends,
            _runtime: runtime,
        })
    }
}

/// Settings of a server with a certificate of its own making, and of a client that trusts it.
pub(crate) fn certified() -> Result<(Arc<ServerConfig>, Arc<ClientConfig>), PrepareError> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    let server = tls::server_config(cert.pem().as_bytes(), signing_key.serialize_pem().as_bytes())?;
    Ok((server, tls::client_config(cert.pem().as_bytes())?))
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

/// What the server answers to a frame of `length_bytes` whose first sample is the digit `sample`: as many bytes.
pub(crate) fn echo_text(sample: i16, length_bytes: usize) -> String {
    sample.to_string().repeat(length_bytes)
}

struct Host {
    parrot: Parrot,
    ended: Option<Sender<ConnectionEnd>>,
}

/// Repeats each frame's first sample, a digit, as text of the frame's length.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parrot {
    /// Hangs up when there is no room for an echo, because its client waits for each.
    Faithful,
    /// Leaves out what there is no room for.
    #[allow(dead_code, reason = "only the operations need it")]
    Carefree,
}

impl Handler for Host {
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
        Ok(Echo {
            parrot: self.parrot,
            partials,
        })
    }

    fn ended(&self, end: &ConnectionEnd) {
        if let Some(ended) = &self.ended {
            // Where the house is gone, nobody asks any more.
            let _ = ended.send(end.clone());
        }
    }
}

struct Echo {
    parrot: Parrot,
    partials: Partials,
}

impl Session for Echo {
    fn audio(&mut self, frame: AudioFrame<'_>) -> Result<(), ErrorMessage> {
        let first = frame.samples().next().unwrap_or_default();
        let is_queued = self.partials.send(echo_text(first, 2 * frame.sample_count()));
        match self.parrot {
            Parrot::Faithful if !is_queued => Err(ErrorMessage::new(ErrorCode::Internal, "no room for the echo")),
            Parrot::Faithful | Parrot::Carefree => Ok(()),
        }
    }

    async fn finish(self) -> Result<Final, ErrorMessage> {
        Err(ErrorMessage::new(ErrorCode::Internal, "only audio is answered here"))
    }
}
