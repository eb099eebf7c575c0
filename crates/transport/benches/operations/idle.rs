//! What connections that are open and silent hold, on the server's side and in memory: the WebSocket with its buffers, and
//! TLS beneath it.
//!
//! The heap is read off the allocation counts: bytes alive at once, for all connections of a call. Sockets, the system's
//! buffers and the task of each connection are not in it; `tests/memory.rs` bounds what a real server holds. The server's
//! key is Ed25519, whose signatures are all of one length, so that two runs allocate the same. The time of a call is that of
//! making the connections, over TLS with the client's half.

use std::io;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, StreamOwned};
use tungstenite::WebSocket;
use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq};
use voiceflow_transport::{Gate, Limits, blocking, tls};

use super::memory::{Memory, upgrade_request};

/// Connections of one call.
pub(super) const CONNECTIONS: usize = 50;

/// Room for what the server writes meanwhile, made before the call: it stands for the system's buffer.
const WRITTEN_BYTES: usize = 4 * 1024;

pub(super) fn fifty_ws() -> Result<Prepared, PrepareError> {
    let request = upgrade_request("token");
    let inputs = request.clone();
    Ok(Prepared::with_input(
        (),
        move |()| {
            (0..CONNECTIONS)
                .map(|_| Memory::new(vec![request.clone()], WRITTEN_BYTES))
                .collect::<Vec<_>>()
        },
        |(), streams| streams.into_iter().map(upgrade).collect::<Result<Vec<_>, _>>(),
        |(), connections| check(connections),
    )
    .inputs(inputs))
}

pub(super) fn fifty_wss() -> Result<Prepared, PrepareError> {
    let request = upgrade_request("token");
    let inputs = request.clone();
    Ok(Prepared::with_input(
        Secured::new()?,
        |_| {
            (0..CONNECTIONS)
                .map(|_| Memory::new(Vec::new(), WRITTEN_BYTES))
                .collect::<Vec<_>>()
        },
        move |secured, streams| {
            streams
                .into_iter()
                .map(|stream| upgrade(secured.accept(stream, &request)?))
                .collect::<Result<Vec<_>, _>>()
        },
        |_, connections| check(connections),
    )
    .inputs(inputs))
}

fn upgrade<S: io::Read + io::Write>(stream: S) -> Result<WebSocket<S>, Box<tungstenite::Error>> {
    let (websocket, ()) = blocking::accept(stream, &Gate::default(), &Limits::default(), |_| Ok(()))?;
    Ok(websocket)
}

fn check<S>(connections: &Result<Vec<WebSocket<S>>, Box<tungstenite::Error>>) -> Result<(), WrongAnswer> {
    let connections = connections
        .as_ref()
        .map_err(|error| WrongAnswer::new(error.to_string()))?;
    let open = connections.iter().filter(|websocket| websocket.can_write()).count();
    check_eq("the number of open connections", &open, &CONNECTIONS)
}

/// TLS settings of both ends.
struct Secured {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Secured {
    fn new() -> Result<Self, PrepareError> {
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let certificate = CertificateParams::new(["localhost".to_owned()])?.self_signed(&key)?;
        let pem = certificate.pem();
        Ok(Self {
            server: tls::server_config(pem.as_bytes(), key.serialize_pem().as_bytes())?,
            client: tls::client_config(pem.as_bytes())?,
            name: ServerName::try_from("localhost")?,
        })
    }

    /// Makes TLS between a client, which is gone afterwards, and a server that finds the upgrade request waiting.
    fn accept(
        &self,
        stream: Memory,
        request: &[u8],
    ) -> Result<StreamOwned<ServerConnection, Memory>, Box<tungstenite::Error>> {
        self.shake_hands(stream, request)
            .map_err(|error| Box::new(tungstenite::Error::Io(error)))
    }

    fn shake_hands(&self, mut stream: Memory, request: &[u8]) -> io::Result<StreamOwned<ServerConnection, Memory>> {
        let mut server = ServerConnection::new(Arc::clone(&self.server)).map_err(io::Error::other)?;
        let mut client =
            ClientConnection::new(Arc::clone(&self.client), self.name.clone()).map_err(io::Error::other)?;
        while client.is_handshaking() || server.is_handshaking() {
            pass(|wire| client.write_tls(wire), |wire| server.read_tls(wire))?;
            server.process_new_packets().map_err(io::Error::other)?;
            pass(|wire| server.write_tls(wire), |wire| client.read_tls(wire))?;
            client.process_new_packets().map_err(io::Error::other)?;
        }
        io::Write::write_all(&mut client.writer(), request)?;
        let mut wire = Vec::new();
        client.write_tls(&mut wire)?;
        stream.arrive(wire);
        Ok(StreamOwned::new(server, stream))
    }
}

/// Carries everything that one end has to say to the other.
fn pass(
    mut write: impl FnMut(&mut Vec<u8>) -> io::Result<usize>,
    mut read: impl FnMut(&mut &[u8]) -> io::Result<usize>,
) -> io::Result<()> {
    let mut wire = Vec::new();
    while write(&mut wire)? > 0 {}
    let mut rest = &wire[..];
    while !rest.is_empty() {
        read(&mut rest)?;
    }
    Ok(())
}
