//! Who is asking, may they ask now, and is the request well formed: `security` applied to the protocol.
//!
//! Each of the checks can be switched off by the settings, so that what it costs can be measured.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use voiceflow_protocol::Start;
use voiceflow_security::limit::{Limit, RateLimited, RateLimiter};
use voiceflow_security::token::{DEFAULT_LEEWAY_S, TokenError, Verifier};
use voiceflow_security::validate::{self, Rejection};

use crate::config::Security;
use crate::keys::Keys;

/// The user of a server without authentication.
const ANYONE: &str = "anyone";

/// Users whose rate is remembered.
const RATE_LIMIT_CAPACITY: usize = 10_000;

/// Checks requests.
#[derive(Debug)]
pub struct Guard {
    /// None lets everyone in as one user.
    verifier: Option<Verifier>,
    limiter: Option<RateLimiter>,
    validates: bool,
}

/// Someone who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user's name.
    pub user: Arc<str>,
    /// Until when, in seconds since 1970; none without authentication.
    expires_s: Option<u64>,
}

/// Why a request is turned away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// A token is needed and none was shown.
    #[error("a token is needed")]
    NoToken,
    /// The token is not accepted, or no longer.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The user asks too often.
    #[error(transparent)]
    RateLimited(#[from] RateLimited),
    /// The request breaks a rule of the protocol.
    #[error(transparent)]
    Rejected(#[from] Rejection),
}

impl Guard {
    /// A guard under `settings`. `keys` are needed only if authentication is on.
    ///
    /// # Errors
    /// [`TokenError`] if tokens cannot be verified in this process.
    pub fn new(settings: &Security, keys: Option<&Keys>) -> Result<Self, TokenError> {
        let verifier = match keys {
            Some(keys) if settings.authentication => Some(keys.verifier()?),
            None if settings.authentication => return Err(TokenError::Key),
            _ => None,
        };
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let limit = Limit {
            per_minute: at_least_one(settings.requests_per_minute),
            burst: at_least_one(settings.request_burst),
        };
        let limiter = Some(RateLimiter::new(limit, RATE_LIMIT_CAPACITY));
        Ok(Self {
            verifier,
            limiter,
            validates: settings.input_validation,
        })
    }

    /// The same without a limit on the rate, for measuring everything else at full speed.
    #[must_use]
    pub fn without_rate_limit(self) -> Self {
        Self { limiter: None, ..self }
    }

    /// Whose the token is.
    ///
    /// # Errors
    /// [`Denied::NoToken`] or [`Denied::Token`].
    pub fn authenticate(&self, token: Option<&str>) -> Result<Identity, Denied> {
        let Some(verifier) = &self.verifier else {
            return Ok(Identity {
                user: ANYONE.into(),
                expires_s: None,
            });
        };
        let claims = verifier.verify(token.ok_or(Denied::NoToken)?)?;
        Ok(Identity {
            user: claims.user,
            expires_s: Some(claims.expires_s),
        })
    }

    /// Whether `identity` may begin an utterance with `start` now. A connection may outlive its token, so the time is
    /// checked again. A malformed request counts against the rate too.
    ///
    /// # Errors
    /// [`Denied`] says which check failed.
    pub fn admit(&self, identity: &Identity, start: &Start) -> Result<(), Denied> {
        if identity
            .expires_s
            .is_some_and(|expires_s| now_s() > expires_s.saturating_add(DEFAULT_LEEWAY_S))
        {
            return Err(TokenError::Expired.into());
        }
        if let Some(limiter) = &self.limiter {
            limiter.check(&identity.user)?;
        }
        if self.validates {
            validate::check(start)?;
        }
        Ok(())
    }
}

fn now_s() -> u64 {
    // A clock before 1970 makes every token look fresh to this second check; the first one has its own clock rule.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use voiceflow_protocol::Context;
    use voiceflow_security::kdf::SecretKey;

    use super::*;

    fn keys() -> Keys {
        Keys::new(SecretKey::from_bytes([7; 32]))
    }

    #[test]
    fn tokens_of_this_installation_are_accepted_and_no_others() {
        let guard = Guard::new(&Security::default(), Some(&keys())).unwrap();
        let token = keys().issuer().unwrap().issue("anna", Duration::from_secs(60)).unwrap();
        assert_eq!(&*guard.authenticate(Some(&token)).unwrap().user, "anna");
        assert_eq!(guard.authenticate(None), Err(Denied::NoToken));
        let foreign = Keys::new(SecretKey::from_bytes([8; 32])).issuer().unwrap();
        let forged = foreign.issue("anna", Duration::from_secs(60)).unwrap();
        assert_eq!(
            guard.authenticate(Some(&forged)),
            Err(Denied::Token(TokenError::Signature))
        );
    }

    #[test]
    fn a_connection_does_not_outlive_its_token() {
        let guard = Guard::new(&Security::default(), Some(&keys())).unwrap();
        let identity = Identity {
            user: "anna".into(),
            expires_s: Some(1_000_000),
        };
        let denied = guard.admit(&identity, &Start::new(Context::Notes));
        assert_eq!(denied, Err(Denied::Token(TokenError::Expired)));
    }

    #[test]
    fn each_user_has_a_rate() {
        let settings = Security {
            requests_per_minute: 1,
            request_burst: 2,
            ..Security::default()
        };
        let guard = Guard::new(&settings, Some(&keys())).unwrap();
        let identity = |user: &str| Identity {
            user: user.into(),
            expires_s: None,
        };
        let start = Start::new(Context::Notes);
        assert_eq!(guard.admit(&identity("anna"), &start), Ok(()));
        assert_eq!(guard.admit(&identity("anna"), &start), Ok(()));
        assert!(matches!(
            guard.admit(&identity("anna"), &start),
            Err(Denied::RateLimited(_))
        ));
        assert_eq!(guard.admit(&identity("bert"), &start), Ok(()));
    }

    #[test]
    fn each_check_can_be_switched_off() {
        let wrong = Start {
            version: 9,
            ..Start::new(Context::Notes)
        };
        let strict = Guard::new(
            &Security {
                authentication: false,
                ..Security::default()
            },
            None,
        )
        .unwrap();
        let anyone = strict.authenticate(None).unwrap();
        assert!(matches!(strict.admit(&anyone, &wrong), Err(Denied::Rejected(_))));
        let settings = Security {
            authentication: false,
            input_validation: false,
            ..Security::default()
        };
        assert_eq!(Guard::new(&settings, None).unwrap().admit(&anyone, &wrong), Ok(()));
    }
}
