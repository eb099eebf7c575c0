//! An echo on the server's own path, for suites that test WebSocket conformance, such as Autobahn's.
//!
//! Accept queue, door, limits, buffers and the closing handshake are those of [`serve`](crate::serve); only the dialogue
//! is another. Each message comes back as it came, and a peer that breaks the protocol is told by the close frame alone,
//! because a suite counts every message. No token is asked for, so this listens on loopback only.
//!
//! It is public for `tests/autobahn.rs`, which sees the crate from outside, and behind no feature, so that it is built in
//! every test run and does not rot. Programs have no use for it.

use std::future::Future;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use tungstenite::Message;
use voiceflow_protocol::{ErrorCode, ErrorMessage};

use crate::connection::{ConnectionEnd, Stop, broken, hang_up};
use crate::handler::Unauthorized;
use crate::host::Host;
use crate::server::{BindError, receive_all};
use crate::socket::Socket;
use crate::{Limits, ServerOptions};

/// Echoes every message until `shutdown` resolves.
///
/// # Errors
/// [`BindError::NotLoopback`] for a listener that others can reach, [`BindError::Io`] for one that has no address.
pub async fn serve_echo(
    listener: TcpListener,
    options: ServerOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<(), BindError> {
    let address = listener.local_addr().map_err(|source| BindError::Io {
        address: ([0, 0, 0, 0], 0).into(),
        source,
    })?;
    if !address.ip().is_loopback() {
        return Err(BindError::NotLoopback { address });
    }
    receive_all(listener, options, Echo, shutdown).await;
    Ok(())
}

struct Echo;

impl Host for Echo {
    type Identity = ();

    fn authenticate(&self, _: Option<&str>) -> Result<(), Unauthorized> {
        Ok(())
    }

    async fn entertain<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &self,
        mut socket: Socket<S>,
        (): (),
        limits: &Limits,
        mut is_down: watch::Receiver<bool>,
    ) -> ConnectionEnd {
        let stop = loop {
            let echoed = tokio::select! {
                message = timeout(limits.idle_timeout, socket.next()) => match message {
                    Ok(message) => echo(&mut socket, message),
                    Err(_) => Err(ErrorMessage::new(ErrorCode::Timeout, "nothing came from the client").into()),
                },
                _ = is_down.wait_for(|down| *down) => {
                    Err(ErrorMessage::new(ErrorCode::ShuttingDown, "server is going down").into())
                }
            };
            if let Err(stop) = echoed {
                break stop;
            }
        };
        hang_up(socket, stop, limits).await
    }

    fn ended(&self, _: &ConnectionEnd) {}
}

fn echo<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut Socket<S>,
    message: Option<Result<Message, tungstenite::Error>>,
) -> Result<(), Stop> {
    let Some(message) = message else {
        return Err(Stop::Silent(ConnectionEnd::Closed));
    };
    match message.map_err(broken)? {
        message @ (Message::Text(_) | Message::Binary(_)) => socket.queue(message).map_err(broken),
        // The library answers pings and closes by itself.
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Ok(()),
    }
}
