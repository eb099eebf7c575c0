//! The listening side: accepts connections within limits, upgrades them, and stops in good order.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::accept_hdr_async_with_config;
use tungstenite::Error;

use crate::connection::ConnectionEnd;
use crate::host::{Host, Sessions};
use crate::socket::Socket;
use crate::upgrade::{Doorkeeper, Gate, Refusal};
use crate::{Handler, Limits};

/// Pause after the system refused to accept, usually for want of file descriptors: they come back only with time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How to serve.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// Who is let in, apart from the token.
    pub gate: Gate,
    /// What connections may cost.
    pub limits: Limits,
    /// TLS, see [`tls::server_config`](crate::tls::server_config); none serves in the clear.
    pub tls: Option<Arc<ServerConfig>>,
}

/// Who can reach a listening socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exposure {
    /// Programs on this machine. Other addresses are refused.
    #[default]
    Loopback,
    /// Everyone who can reach the address.
    Network,
}

/// Why listening failed.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is no loopback address and nobody asked for that.
    #[error("{address} can be reached from the network; allow that explicitly or listen on 127.0.0.1")]
    NotLoopback {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The system refused.
    #[error("cannot listen on {address}")]
    Io {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

/// Listens on `address`; port 0 takes any free port.
///
/// # Errors
/// [`BindError::NotLoopback`] unless `exposure` allows the address, [`BindError::Io`] if the system refuses.
pub async fn bind(address: SocketAddr, exposure: Exposure) -> Result<TcpListener, BindError> {
    if exposure == Exposure::Loopback && !address.ip().is_loopback() {
        return Err(BindError::NotLoopback { address });
    }
    TcpListener::bind(address)
        .await
        .map_err(|source| BindError::Io { address, source })
}

/// Serves until `shutdown` resolves. Then no new connection or session is taken, answers in the making are finished
/// within [`Limits::drain_timeout`], and what remains is cut off.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    options: ServerOptions,
    handler: Arc<H>,
    shutdown: impl Future<Output = ()>,
) {
    receive_all(listener, options, Sessions(handler), shutdown).await;
}

/// Serves connections as [`serve`] does, whatever their host does with them.
pub(crate) async fn receive_all<H: Host>(
    listener: TcpListener,
    options: ServerOptions,
    host: H,
    shutdown: impl Future<Output = ()>,
) {
    let drain_timeout = options.limits.drain_timeout;
    let (down, is_down) = watch::channel(false);
    let house = Arc::new(House::new(options, host, is_down));
    let mut connections = JoinSet::new();
    tokio::select! {
        () = shutdown => {}
        () = accept_all(&listener, &house, &mut connections) => {}
    }
    // Nobody may be left waiting in the accept queue.
    drop(listener);
    // The receivers live in the connections; with none left there is nobody to tell.
    let _ = down.send(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(drain_timeout, drained).await.is_err() {
        tracing::warn!(
            left = connections.len(),
            "cutting off connections that did not end in time"
        );
        connections.shutdown().await;
    }
}

async fn accept_all<H: Host>(listener: &TcpListener, house: &Arc<House<H>>, connections: &mut JoinSet<()>) {
    loop {
        let (place, accepted) = tokio::select! {
            received = accept(listener, house) => received,
            // Finished tasks are taken off as they come: each holds its memory until then.
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                let house = Arc::clone(house);
                connections.spawn(async move {
                    let end = house.receive(stream, place).await;
                    tracing::debug!(?end, "connection ended");
                    house.host.ended(&end);
                });
            }
            Err(error) => {
                tracing::warn!(kind = ?error.kind(), "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The next connection, once there is a place for its handshake. Safe to drop and call again.
async fn accept<H: Host>(
    listener: &TcpListener,
    house: &House<H>,
) -> (OwnedSemaphorePermit, io::Result<(TcpStream, SocketAddr)>) {
    let place = Arc::clone(&house.handshakes)
        .acquire_owned()
        .await
        .expect("this semaphore is never closed");
    (place, listener.accept().await)
}

/// What all connections of a server share.
struct House<H> {
    gate: Gate,
    limits: Limits,
    tls: Option<TlsAcceptor>,
    host: H,
    handshakes: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    is_down: watch::Receiver<bool>,
}

/// A connection that passed the door.
struct Guest<H: Host> {
    identity: H::Identity,
    /// Held for as long as the connection lasts.
    place: OwnedSemaphorePermit,
}

impl<H: Host> House<H> {
    fn new(options: ServerOptions, host: H, is_down: watch::Receiver<bool>) -> Self {
        let ServerOptions { gate, limits, tls } = options;
        Self {
            handshakes: Arc::new(Semaphore::new(limits.handshakes_max.max(1))),
            connections: Arc::new(Semaphore::new(limits.connections_max)),
            tls: tls.map(TlsAcceptor::from),
            gate,
            limits,
            host,
            is_down,
        }
    }

    async fn receive(&self, stream: TcpStream, place: OwnedSemaphorePermit) -> ConnectionEnd {
        // Nagle's algorithm would hold back small answers while the client's acknowledgement is delayed.
        if stream.set_nodelay(true).is_err() {
            return ConnectionEnd::Lost;
        }
        let deadline = tokio::time::Instant::now() + self.limits.handshake_timeout;
        let Some(tls) = &self.tls else {
            return self.welcome(stream, place, deadline).await;
        };
        match Box::pin(tokio::time::timeout_at(deadline, tls.accept(stream))).await {
            Ok(Ok(stream)) => self.welcome(Box::new(stream), place, deadline).await,
            Ok(Err(_)) => ConnectionEnd::HandshakeFailed,
            Err(_) => ConnectionEnd::HandshakeTimedOut,
        }
    }

    /// From the upgrade to the end. The handshake's future is boxed, and TLS above: they are several times as large as
    /// what a conversation needs, and in one future with it their memory would stay for as long as the connection.
    async fn welcome<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &self,
        stream: S,
        handshake: OwnedSemaphorePermit,
        deadline: tokio::time::Instant,
    ) -> ConnectionEnd {
        match Box::pin(self.upgrade(stream, deadline)).await {
            Ok((socket, guest)) => {
                drop(handshake);
                self.entertain(socket, guest).await
            }
            Err(end) => end,
        }
    }

    async fn upgrade<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &self,
        stream: S,
        deadline: tokio::time::Instant,
    ) -> Result<(Socket<S>, Guest<H>), ConnectionEnd> {
        let mut decision = None;
        let doorkeeper = Doorkeeper {
            gate: &self.gate,
            admit: |token: Option<&str>| self.admit(token),
            decision: &mut decision,
        };
        let upgraded = tokio::select! {
            upgraded = accept_hdr_async_with_config(stream, doorkeeper, Some(self.limits.server_config())) => upgraded,
            () = tokio::time::sleep_until(deadline) => return Err(ConnectionEnd::HandshakeTimedOut),
            () = self.going_down() => return Err(ConnectionEnd::HandshakeFailed),
        };
        match (upgraded, decision) {
            (Ok(websocket), Some(Ok(guest))) => Ok((Socket::new(websocket), guest)),
            (_, Some(Err(refusal))) => Err(ConnectionEnd::Refused(refusal)),
            (Err(Error::Io(_)), _) => Err(ConnectionEnd::Lost),
            _ => Err(ConnectionEnd::HandshakeFailed),
        }
    }

    /// Takes a place first and looks at the token second: a full house does no cryptography.
    fn admit(&self, token: Option<&str>) -> Result<Guest<H>, Refusal> {
        let place = Arc::clone(&self.connections)
            .try_acquire_owned()
            .map_err(|_| Refusal::Full)?;
        let identity = self.host.authenticate(token).map_err(|_| Refusal::Token)?;
        Ok(Guest { identity, place })
    }

    async fn entertain<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &self,
        socket: Socket<S>,
        guest: Guest<H>,
    ) -> ConnectionEnd {
        let Guest { identity, place } = guest;
        let end = self
            .host
            .entertain(socket, identity, &self.limits, self.is_down.clone())
            .await;
        drop(place);
        end
    }

    async fn going_down(&self) {
        // An error means that the server itself is gone, which is the same news.
        let _ = self.is_down.clone().wait_for(|down| *down).await;
    }
}
