//! What a server does with the connections that pass its door: the seam between accepting and talking.

use std::future::Future;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::connection::{self, ConnectionEnd};
use crate::handler::Unauthorized;
use crate::socket::Socket;
use crate::{Handler, Limits};

/// What becomes of the connections that pass the door.
pub(crate) trait Host: Send + Sync + 'static {
    /// Who a connection belongs to.
    type Identity: Send;

    /// Checks the token of an upgrade request.
    fn authenticate(&self, token: Option<&str>) -> Result<Self::Identity, Unauthorized>;

    /// Talks until the connection ends.
    fn entertain<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &self,
        socket: Socket<S>,
        identity: Self::Identity,
        limits: &Limits,
        is_down: watch::Receiver<bool>,
    ) -> impl Future<Output = ConnectionEnd> + Send;

    /// Told once for each connection how it ended.
    fn ended(&self, end: &ConnectionEnd);
}

/// The host that speaks the protocol's messages.
pub(crate) struct Sessions<H>(pub(crate) Arc<H>);

impl<H: Handler> Host for Sessions<H> {
    type Identity = H::Identity;

    fn authenticate(&self, token: Option<&str>) -> Result<H::Identity, Unauthorized> {
        self.0.authenticate(token)
    }

    async fn entertain<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &self,
        socket: Socket<S>,
        identity: H::Identity,
        limits: &Limits,
        is_down: watch::Receiver<bool>,
    ) -> ConnectionEnd {
        connection::run(socket, &*self.0, identity, limits, is_down).await
    }

    fn ended(&self, end: &ConnectionEnd) {
        self.0.ended(end);
    }
}
