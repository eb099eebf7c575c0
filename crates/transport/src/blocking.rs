//! The client without a runtime, and both halves of the upgrade over any blocking stream.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustls::{ClientConnection, StreamOwned};
use tungstenite::client::client_with_config;
use tungstenite::{Error, HandshakeError, Message, WebSocket};
use voiceflow_protocol::{ClientMessage, Final, ServerMessage, Start};

use crate::client::{ClientError, audio_frame, control_frame, final_message, server_message};
use crate::endpoint::Endpoint;
use crate::limits::client_config;
use crate::{Gate, Limits, Refusal};

/// A byte stream that a [`Client`] can run on.
pub trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// A connection that carries one session after another; every call blocks.
pub struct Client {
    websocket: WebSocket<Box<dyn Stream>>,
}

impl Client {
    /// Connects and upgrades.
    ///
    /// # Errors
    /// As [`crate::Client::connect`].
    pub fn connect(endpoint: &Endpoint) -> Result<Self, ClientError> {
        let stream = TcpStream::connect(endpoint.address())?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match endpoint.tls() {
            None => Box::new(stream),
            Some((config, name)) => {
                let session = ClientConnection::new(config, name).map_err(std::io::Error::other)?;
                Box::new(StreamOwned::new(session, stream))
            }
        };
        Self::upgrade(endpoint, stream)
    }

    /// Upgrades a stream that is connected already.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if the server answers with a status.
    pub fn upgrade(endpoint: &Endpoint, stream: Box<dyn Stream>) -> Result<Self, ClientError> {
        let (websocket, _) =
            client_with_config(endpoint.request()?, stream, Some(client_config())).map_err(|error| match error {
                HandshakeError::Failure(error) => error,
                HandshakeError::Interrupted(_) => Error::Io(std::io::ErrorKind::WouldBlock.into()),
            })?;
        Ok(Self { websocket })
    }

    /// Opens a session.
    ///
    /// # Errors
    /// [`ClientError`]; the connection is unusable afterwards.
    pub fn start(&mut self, start: Start) -> Result<(), ClientError> {
        self.send(control_frame(ClientMessage::Start(start))?)
    }

    /// Sends samples, 16 kHz mono, as one frame.
    ///
    /// # Errors
    /// [`ClientError`]; the connection is unusable afterwards.
    pub fn audio(&mut self, samples: &[i16]) -> Result<(), ClientError> {
        self.send(audio_frame(samples)?)
    }

    /// Says that all audio has been sent.
    ///
    /// # Errors
    /// [`ClientError`]; the connection is unusable afterwards.
    pub fn end(&mut self) -> Result<(), ClientError> {
        self.send(control_frame(ClientMessage::End)?)
    }

    /// The server's next message.
    ///
    /// # Errors
    /// [`ClientError::Closed`] once the server has hung up.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator could not say that the connection failed"
    )]
    pub fn next(&mut self) -> Result<ServerMessage, ClientError> {
        loop {
            let message = self.websocket.read()?;
            if let Some(message) = server_message(message)? {
                return Ok(message);
            }
        }
    }

    /// The session's final message, passing over partials.
    ///
    /// # Errors
    /// [`ClientError::Server`] if the server answers with an error.
    pub fn answer(&mut self) -> Result<Final, ClientError> {
        loop {
            if let Some(answer) = final_message(self.next()?)? {
                return Ok(answer);
            }
        }
    }

    /// Hangs up in good order.
    ///
    /// # Errors
    /// [`ClientError`] if the server is gone already.
    pub fn close(mut self) -> Result<(), ClientError> {
        self.websocket.close(None)?;
        loop {
            match self.websocket.read() {
                Ok(_) => {}
                Err(Error::ConnectionClosed) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn send(&mut self, message: Message) -> Result<(), ClientError> {
        Ok(self.websocket.send(message)?)
    }
}

/// The server's half of an upgrade on a blocking stream; `admit` is given the token.
///
/// # Errors
/// As the WebSocket library; a refusal is its `Error::Http` with the status, which has been sent already.
pub fn accept<S: Read + Write, T>(
    stream: S,
    gate: &Gate,
    limits: &Limits,
    admit: impl FnOnce(Option<&str>) -> Result<T, Refusal>,
) -> Result<(WebSocket<S>, T), Box<Error>> {
    crate::upgrade::accept_blocking(stream, gate, limits, admit).map_err(Box::new)
}
