//! The door: everything that is decided within the HTTP upgrade, before there is a WebSocket.
//!
//! Order of the checks, cheapest first: path, origin, sub-protocol, room, token. Each failure is an HTTP status. This
//! module reads headers and asks; it does no input or output.

use tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tungstenite::http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, ORIGIN, SEC_WEBSOCKET_PROTOCOL, WWW_AUTHENTICATE,
};
use tungstenite::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use voiceflow_protocol::SUBPROTOCOL;

use crate::handler::Unauthorized;

/// The only path that is served.
pub const PATH: &str = "/v1/dictate";

/// Longest token in bytes; a longer one is refused unread.
pub const TOKEN_BYTES_MAX: usize = 4 * 1024;

/// Browsers cannot set `Authorization` on a WebSocket: they offer the sub-protocol `voiceflow.v1` and, beside it, this
/// prefix followed by the token. The server never echoes the latter.
pub const TOKEN_SUBPROTOCOL_PREFIX: &str = "bearer.";

/// Why the door stayed shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// 404: another path.
    #[error("path is not served")]
    UnknownPath,
    /// 400: the URL has a query. Tokens in URLs end in logs and histories, so none is read from there.
    #[error("query in the url is not allowed")]
    Query,
    /// 403: a browser came from a page that is not on the list.
    #[error("origin is not allowed")]
    Origin,
    /// 400: sub-protocols are offered, ours is not among them.
    #[error("sub-protocol {SUBPROTOCOL} is not offered")]
    Subprotocol,
    /// 401: no token, two of them, or one that the handler refused.
    #[error("token is missing or not accepted")]
    Token,
    /// 503: all places are taken.
    #[error("all connections are in use")]
    Full,
}

impl Refusal {
    /// The HTTP status that says so.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::UnknownPath => 404,
            Self::Query | Self::Subprotocol => 400,
            Self::Origin => 403,
            Self::Token => 401,
            Self::Full => 503,
        }
    }
}

/// The rules of the door, apart from the token itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// Origins from which browsers may connect, as `https://host[:port]`, compared byte by byte. Programs other than
    /// browsers send no origin and are not held to the list.
    pub origins: Vec<String>,
}

impl Gate {
    /// Decides on a request: `admit` is given the token and returns what the connection needs, or why not.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn decide<T>(
        &self,
        request: &Request,
        admit: impl FnOnce(Option<&str>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if request.uri().path() != PATH {
            return Err(Refusal::UnknownPath);
        }
        if request.uri().query().is_some() {
            return Err(Refusal::Query);
        }
        if !self.origin_is_allowed(request.headers()) {
            return Err(Refusal::Origin);
        }
        if offers(request.headers()).is_some_and(|mut offers| !offers.any(|offer| offer == SUBPROTOCOL)) {
            return Err(Refusal::Subprotocol);
        }
        admit(token(request.headers()).map_err(|Unauthorized| Refusal::Token)?)
    }

    fn origin_is_allowed(&self, headers: &HeaderMap) -> bool {
        headers
            .get_all(ORIGIN)
            .iter()
            .all(|origin| self.origins.iter().any(|allowed| origin == allowed.as_str()))
    }
}

/// The token of a request, from `Authorization: Bearer` or from the offered sub-protocols.
///
/// Two tokens are refused: a proxy before us might have checked the other one.
fn token(headers: &HeaderMap) -> Result<Option<&str>, Unauthorized> {
    let mut tokens = Vec::with_capacity(1);
    for header in headers.get_all(AUTHORIZATION) {
        tokens.push(bearer(header).ok_or(Unauthorized)?);
    }
    tokens.extend(
        offers(headers)
            .into_iter()
            .flatten()
            .filter_map(|o| o.strip_prefix(TOKEN_SUBPROTOCOL_PREFIX)),
    );
    match tokens[..] {
        [] => Ok(None),
        [token] if token.len() <= TOKEN_BYTES_MAX => Ok(Some(token)),
        _ => Err(Unauthorized),
    }
}

fn bearer(header: &HeaderValue) -> Option<&str> {
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The sub-protocols that a request offers; none if it has no such header at all.
fn offers(headers: &HeaderMap) -> Option<impl Iterator<Item = &str>> {
    let name = SEC_WEBSOCKET_PROTOCOL;
    headers.contains_key(&name).then(|| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|v| v.split(','))
            .map(str::trim)
    })
}

/// A [`Gate`] at work on one handshake, in the form that the WebSocket library calls back.
pub(crate) struct Doorkeeper<'a, T, F> {
    pub(crate) gate: &'a Gate,
    pub(crate) admit: F,
    /// Where the decision is left for the caller.
    pub(crate) decision: &'a mut Option<Result<T, Refusal>>,
}

impl<T, F: FnOnce(Option<&str>) -> Result<T, Refusal>> Callback for Doorkeeper<'_, T, F> {
    fn on_request(self, request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
        let decision = self.gate.decide(request, self.admit);
        let reply = match &decision {
            Ok(_) => {
                if offers(request.headers()).is_some() {
                    let name = HeaderValue::from_static(SUBPROTOCOL);
                    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, name);
                }
                Ok(response)
            }
            Err(refusal) => Err(refuse(*refusal)),
        };
        *self.decision = Some(decision);
        reply
    }
}

fn refuse(refusal: Refusal) -> ErrorResponse {
    let mut response = ErrorResponse::new(None);
    *response.status_mut() = StatusCode::from_u16(refusal.status()).expect("the table above holds valid statuses");
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    set(CONTENT_LENGTH, "0");
    set(CONNECTION, "close");
    if refusal == Refusal::Token {
        set(WWW_AUTHENTICATE, "Bearer");
    }
    response
}

/// The server's half of an upgrade on a blocking stream, for tests and measurements without sockets.
///
/// # Errors
/// As the WebSocket library; a refusal is `tungstenite::Error::Http` with its status, already sent.
pub(crate) fn accept_blocking<S: std::io::Read + std::io::Write, T>(
    stream: S,
    gate: &Gate,
    limits: &crate::Limits,
    admit: impl FnOnce(Option<&str>) -> Result<T, Refusal>,
) -> Result<(tungstenite::WebSocket<S>, T), tungstenite::Error> {
    let mut decision = None;
    let doorkeeper = Doorkeeper {
        gate,
        admit,
        decision: &mut decision,
    };
    let accepted = tungstenite::accept_hdr_with_config(stream, doorkeeper, Some(limits.server_config()));
    let websocket = accepted.map_err(|error| match error {
        tungstenite::HandshakeError::Failure(error) => error,
        tungstenite::HandshakeError::Interrupted(_) => tungstenite::Error::Io(std::io::ErrorKind::WouldBlock.into()),
    })?;
    match decision {
        Some(Ok(admitted)) => Ok((websocket, admitted)),
        // The library cannot finish an upgrade that the callback did not allow.
        Some(Err(_)) | None => Err(tungstenite::Error::ConnectionClosed),
    }
}
