//! The asynchronous client.

use std::io;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tungstenite::{Error, Message};
use voiceflow_protocol::{
    AudioFrameError, ClientMessage, DecodeError, EncodeError, ErrorMessage, Final, ServerMessage, Start, decode_server,
    encode_client, encode_samples,
};

use crate::endpoint::{Endpoint, EndpointError};
use crate::limits::client_config;

/// Why a client's call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The endpoint is wrong.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The network, or TLS upon it, failed.
    #[error("cannot reach the server")]
    Io(#[from] io::Error),
    /// The server refused the upgrade.
    #[error("server refused the connection with status {status}")]
    Refused {
        /// HTTP status: 401 wants another token, 403 another origin, 503 another time.
        status: u16,
    },
    /// The WebSocket failed.
    #[error("websocket failed")]
    WebSocket(#[source] Box<Error>),
    /// The server hung up without an answer.
    #[error("server closed the connection")]
    Closed,
    /// The message to send is too long.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The audio to send is no frame.
    #[error(transparent)]
    Audio(#[from] AudioFrameError),
    /// The server sent something else than its messages.
    #[error("server sent a message that this client does not know")]
    Decode(#[from] DecodeError),
    /// The server sent binary, which this protocol has only in the other direction.
    #[error("server sent a binary message")]
    Binary,
    /// The server answered with an error.
    #[error("server answered {}: {}", .0.code, .0.message)]
    Server(ErrorMessage),
}

impl From<Error> for ClientError {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => Self::Io(error),
            Error::Http(response) => Self::Refused {
                status: response.status().as_u16(),
            },
            Error::ConnectionClosed | Error::AlreadyClosed => Self::Closed,
            other => Self::WebSocket(Box::new(other)),
        }
    }
}

/// A connection that carries one session after another.
pub struct Client {
    websocket: WebSocketStream<Box<dyn Connection>>,
}

trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Connection for S {}

impl Client {
    /// Connects and upgrades. Takes as long as the network lets it: wrap it in a timeout.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if the server answers with a status, [`ClientError::Io`] if it does not answer.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, ClientError> {
        let stream = TcpStream::connect(endpoint.address()).await?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Connection> = match endpoint.tls() {
            None => Box::new(stream),
            Some((config, name)) => Box::new(TlsConnector::from(config).connect(name, stream).await?),
        };
        let (websocket, _) = client_async_with_config(endpoint.request()?, stream, Some(client_config())).await?;
        Ok(Self { websocket })
    }

    /// Opens a session.
    ///
    /// # Errors
    /// [`ClientError`]; the connection is unusable afterwards.
    pub async fn start(&mut self, start: Start) -> Result<(), ClientError> {
        self.send(control_frame(ClientMessage::Start(start))?).await
    }

    /// Sends samples, 16 kHz mono, as one frame.
    ///
    /// # Errors
    /// [`ClientError`]; the connection is unusable afterwards.
    pub async fn audio(&mut self, samples: &[i16]) -> Result<(), ClientError> {
        self.send(audio_frame(samples)?).await
    }

    /// Says that all audio has been sent.
    ///
    /// # Errors
    /// [`ClientError`]; the connection is unusable afterwards.
    pub async fn end(&mut self) -> Result<(), ClientError> {
        self.send(control_frame(ClientMessage::End)?).await
    }

    /// The server's next message.
    ///
    /// # Errors
    /// [`ClientError::Closed`] once the server has hung up.
    pub async fn next(&mut self) -> Result<ServerMessage, ClientError> {
        loop {
            let message = self.websocket.next().await.ok_or(ClientError::Closed)??;
            if let Some(message) = server_message(message)? {
                return Ok(message);
            }
        }
    }

    /// The session's final message, passing over partials.
    ///
    /// # Errors
    /// [`ClientError::Server`] if the server answers with an error.
    pub async fn answer(&mut self) -> Result<Final, ClientError> {
        loop {
            if let Some(answer) = final_message(self.next().await?)? {
                return Ok(answer);
            }
        }
    }

    /// Hangs up in good order.
    ///
    /// # Errors
    /// [`ClientError`] if the server is gone already.
    pub async fn close(mut self) -> Result<(), ClientError> {
        self.websocket.close(None).await?;
        while let Some(message) = self.websocket.next().await {
            message?;
        }
        Ok(())
    }

    async fn send(&mut self, message: Message) -> Result<(), ClientError> {
        Ok(self.websocket.send(message).await?)
    }
}

pub(crate) fn control_frame(message: ClientMessage) -> Result<Message, ClientError> {
    Ok(Message::text(encode_client(&message)?))
}

pub(crate) fn audio_frame(samples: &[i16]) -> Result<Message, ClientError> {
    Ok(Message::binary(encode_samples(samples)?))
}

/// The message in a frame; none in pings and pongs.
pub(crate) fn server_message(message: Message) -> Result<Option<ServerMessage>, ClientError> {
    match message {
        Message::Text(text) => Ok(Some(decode_server(&text)?)),
        Message::Binary(_) => Err(ClientError::Binary),
        Message::Close(_) => Err(ClientError::Closed),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
    }
}

/// The final message; none for a partial.
pub(crate) fn final_message(message: ServerMessage) -> Result<Option<Final>, ClientError> {
    match message {
        ServerMessage::Partial(_) => Ok(None),
        ServerMessage::Final(answer) => Ok(Some(answer)),
        ServerMessage::Error(error) => Err(ClientError::Server(error)),
    }
}
