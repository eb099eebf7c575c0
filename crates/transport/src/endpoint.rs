//! Where a client connects to, and what it shows at the door.

use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tungstenite::client::{ClientRequestBuilder, IntoClientRequest};
use tungstenite::handshake::client::Request;
use tungstenite::http::{HeaderValue, Uri};
use voiceflow_protocol::SUBPROTOCOL;

use crate::PATH;

/// A server's address with what the client needs to be let in.
#[derive(Clone)]
pub struct Endpoint {
    host: String,
    port: u16,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    token: Option<HeaderValue>,
    origin: Option<HeaderValue>,
}

/// Why an endpoint is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not `ws://host:port` or `wss://host:port`.
    #[error("server address is not ws://host:port or wss://host:port without path and query")]
    Address,
    /// `wss` without settings for TLS.
    #[error("wss needs the certificates to trust")]
    NoTls,
    /// A token or origin with bytes that no header may hold.
    #[error("token or origin holds characters that a header cannot carry")]
    Header,
}

impl Endpoint {
    /// The endpoint named by `url`, which is `ws://host:port` or `wss://host:port`; `tls` is needed for the latter.
    ///
    /// # Errors
    /// [`EndpointError::Address`] or [`EndpointError::NoTls`].
    pub fn new(url: &str, tls: Option<Arc<ClientConfig>>) -> Result<Self, EndpointError> {
        let uri: Uri = url.parse().map_err(|_| EndpointError::Address)?;
        let plain = matches!(uri.path(), "" | "/") && uri.query().is_none() && !url.contains('@');
        let (Some(host), Some(port), true) = (uri.host(), uri.port_u16(), plain) else {
            return Err(EndpointError::Address);
        };
        let tls = match (uri.scheme_str(), tls) {
            (Some("ws"), _) => None,
            (Some("wss"), Some(config)) => {
                let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                Some((config, ServerName::try_from(bare).map_err(|_| EndpointError::Address)?))
            }
            (Some("wss"), None) => return Err(EndpointError::NoTls),
            _ => return Err(EndpointError::Address),
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            tls,
            token: None,
            origin: None,
        })
    }

    /// Shows `token` at the door, as `Authorization: Bearer`.
    ///
    /// # Errors
    /// [`EndpointError::Header`].
    pub fn with_token(mut self, token: &str) -> Result<Self, EndpointError> {
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| EndpointError::Header)?;
        value.set_sensitive(true);
        self.token = Some(value);
        Ok(self)
    }

    /// Claims to come from a page of `origin`, as a browser does.
    ///
    /// # Errors
    /// [`EndpointError::Header`].
    pub fn with_origin(mut self, origin: &str) -> Result<Self, EndpointError> {
        self.origin = Some(HeaderValue::try_from(origin).map_err(|_| EndpointError::Header)?);
        Ok(self)
    }

    /// Host and port for the system's resolver.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(crate) fn tls(&self) -> Option<(Arc<ClientConfig>, ServerName<'static>)> {
        self.tls.clone()
    }

    /// The upgrade request, with a fresh key.
    pub(crate) fn request(&self) -> Result<Request, EndpointError> {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        let uri = format!("{scheme}://{}{PATH}", self.address())
            .parse()
            .map_err(|_| EndpointError::Address)?;
        let builder = ClientRequestBuilder::new(uri).with_sub_protocol(SUBPROTOCOL);
        let mut request = builder.into_client_request().map_err(|_| EndpointError::Address)?;
        let headers = [("authorization", &self.token), ("origin", &self.origin)];
        for (name, value) in headers
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?)))
        {
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }
}

impl fmt::Debug for Endpoint {
    /// Leaves the token out.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Endpoint")
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}
