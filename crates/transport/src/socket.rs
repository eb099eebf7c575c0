//! One WebSocket seen by the connection's loop: reading and flushing at once, queueing without waiting.
//!
//! Nothing here ever waits for a peer to read. What the peer has not read yet gathers in the library's write buffer up
//! to [`Limits::backlog_bytes_max`](crate::Limits); then queueing fails and the peer is cut off.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tungstenite::{Error, Message};

/// Bytes read and thrown away after the last word, so that the peer gets it: a socket that is closed with unread input
/// resets the connection and takes the unsent or unread goodbye with it.
const LINGER_BYTES_MAX: usize = 1024 * 1024;

pub(crate) struct Socket<S> {
    // Boxed, because a future holds a copy of what it is given for each function that hands it on.
    websocket: Box<WebSocketStream<S>>,
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(crate) fn new(websocket: WebSocketStream<S>) -> Self {
        Self {
            websocket: Box::new(websocket),
            unflushed: false,
        }
    }

    /// Puts a message into the write buffer and sends what the peer takes at once; [`next`](Self::next) sends the rest.
    pub(crate) fn queue(&mut self, message: Message) -> Result<(), Error> {
        self.unflushed = true;
        Pin::new(&mut *self.websocket).start_send(message)
    }

    /// The next message, flushing meanwhile. Safe to drop and call again.
    pub(crate) async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        if self.unflushed
            && let Poll::Ready(flushed) = Pin::new(&mut *self.websocket).poll_flush(context)
        {
            self.unflushed = false;
            if let Err(error) = flushed {
                return Poll::Ready(Some(Err(error)));
            }
        }
        Pin::new(&mut *self.websocket).poll_next(context)
    }

    /// Sends what is queued, hangs up, and waits for the peer to do the same; all of it within `limit`.
    pub(crate) async fn finish(mut self, limit: Duration) {
        let goodbye = async {
            // After a closing handshake there is nothing left to flush, which the library reports as an error.
            let _ = self.websocket.flush().await;
            let stream = self.websocket.get_mut();
            stream.shutdown().await.ok()?;
            let mut rest = stream.take(LINGER_BYTES_MAX as u64);
            let mut discarded = [0; 1024];
            while rest.read(&mut discarded).await.ok()? > 0 {}
            Some(())
        };
        // The connection is over either way; a peer that does not answer gets no more of our time.
        let _ = timeout(limit, goodbye).await;
    }
}
