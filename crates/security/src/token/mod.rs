//! JSON web tokens: who is asking, proven by a signature and bounded in time.
//!
//! An [`Issuer`] signs and a [`Verifier`] checks, each with **one** algorithm, HS256 or Ed25519, fixed when it is made:
//! what a token's header says can only agree or be refused. Parsing and claims are jsonwebtoken's; the cryptography
//! behind it is ring's, through the provider that the constructors install. HS256 tokens of exactly the form that an
//! issuer here writes are verified without jsonwebtoken (`own`).
//!
//! What a verifier asks of a token: at most [`MAX_TOKEN_BYTES`]; the pinned algorithm; no critical header extensions
//! (none is understood here); a right signature; `exp`, `nbf`, `iss`, `aud` and `sub` present and of the right type;
//! this realm's issuer and audience; a time within `nbf` and `exp`, give or take the leeway. Taking the token out of a
//! request and answering 401 are the transport's work.

mod cache;
mod issuer;
mod own;
mod provider;
mod verifier;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use thiserror::Error;

pub use cache::CacheStatistics;
pub use issuer::{Issuer, public_key};
pub use provider::install_provider;
pub use verifier::{DEFAULT_LEEWAY_S, Verifier};

/// Longest token looked at. Ours have about 300 bytes; base64 and JSON work grows with the length, so the cap comes
/// before both.
pub const MAX_TOKEN_BYTES: usize = 4096;

/// Longest user name in a token.
pub const MAX_USER_BYTES: usize = 128;

/// Shortest HS256 secret: RFC 7518 §3.2 asks for as many bits as the hash has.
pub const MIN_SECRET_BYTES: usize = 32;

/// Between whom tokens are good: both ends must name the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm {
    /// `iss`: who signs.
    pub issuer: String,
    /// `aud`: for whom.
    pub audience: String,
}

/// What a verified token says. Cheap to clone. Issuer and audience are not repeated: they are the verifier's realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `sub`: the user, 1 to [`MAX_USER_BYTES`] bytes.
    pub user: Arc<str>,
    /// `nbf`: good from here on, in seconds since 1970.
    pub not_before_s: u64,
    /// `exp`: good up to and with this second.
    pub expires_s: u64,
}

impl Claims {
    /// Whether now lies within the claims' times, widened by the leeway on both sides.
    fn check_time(&self, now_s: u64, leeway_s: u64) -> Result<(), TokenError> {
        if now_s > self.expires_s.saturating_add(leeway_s) {
            return Err(TokenError::Expired);
        }
        if now_s.saturating_add(leeway_s) < self.not_before_s {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }
}

/// Why a token, or a key for tokens, is refused. Carries no part of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Refused before any parsing.
    #[error("the token has {bytes} bytes, more than {MAX_TOKEN_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not three parts of base64 with JSON of the expected types in them.
    #[error("the token is malformed")]
    Malformed,
    /// Signed by another algorithm than the pinned one, or claims to be.
    #[error("the token's algorithm is not the one accepted here")]
    Algorithm,
    /// The header demands an extension (`crit`) that is not understood here.
    #[error("the token demands a header extension that is not supported")]
    CriticalExtension,
    /// The signature is not of this key over this token.
    #[error("the token's signature does not match")]
    Signature,
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is still to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iss` is another.
    #[error("the token was issued by someone else")]
    Issuer,
    /// `aud` is another.
    #[error("the token is meant for someone else")]
    Audience,
    /// One of the required claims is absent.
    #[error("the token lacks a required claim")]
    MissingClaim,
    /// A user name that is empty or longer than [`MAX_USER_BYTES`].
    #[error("the user name must have 1 to {MAX_USER_BYTES} bytes")]
    UserName,
    /// A key of the wrong length or form.
    #[error("the key does not fit the algorithm: HS256 takes {MIN_SECRET_BYTES} bytes or more, Ed25519 32")]
    Key,
    /// Something else in this process has already chosen jsonwebtoken's cryptography.
    #[error("another crypto provider for tokens is installed in this process")]
    Provider,
}

/// The wall clock in whole seconds since 1970, as token times are. A clock before 1970 reads as 0.
fn unix_time_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
