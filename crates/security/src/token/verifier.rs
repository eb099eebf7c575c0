//! Checking tokens.

use std::fmt;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::cache::{CacheStatistics, TokenCache, TokenKey};
use super::own::OwnTokens;
use super::{
    Claims, MAX_TOKEN_BYTES, MAX_USER_BYTES, MIN_SECRET_BYTES, Realm, TokenError, install_provider, unix_time_s,
};

/// How far two clocks may differ. RFC 7519 §4.1.4 says "usually no more than a few minutes"; servers kept by NTP need
/// far less, and every second of it is one that an expired token still opens the door.
pub const DEFAULT_LEEWAY_S: u64 = 30;

/// Checks tokens of one realm against one key and one algorithm. Shared by reference between threads.
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
    own: Option<OwnTokens>,
    cache: Option<TokenCache>,
    now_s: fn() -> u64,
}

/// Everything is optional here so that an absent claim is told apart from a malformed one; jsonwebtoken refuses both.
#[derive(Deserialize)]
struct WireClaims {
    sub: Option<String>,
    nbf: Option<u64>,
    exp: Option<u64>,
}

impl Verifier {
    /// A verifier of HS256 tokens, with [`DEFAULT_LEEWAY_S`] and without a cache.
    ///
    /// # Errors
    /// [`TokenError::Key`] below 32 bytes of secret, [`TokenError::Provider`].
    pub fn hs256(secret: &[u8], realm: &Realm) -> Result<Self, TokenError> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(TokenError::Key);
        }
        let own = OwnTokens::new(secret, realm);
        let verifier = Self::new(Algorithm::HS256, DecodingKey::from_secret(secret), realm)?;
        Ok(Self {
            own: Some(own),
            ..verifier
        })
    }

    /// A verifier of Ed25519 tokens, with [`DEFAULT_LEEWAY_S`] and without a cache.
    ///
    /// # Errors
    /// [`TokenError::Provider`].
    pub fn ed25519(public_key: &[u8; 32], realm: &Realm) -> Result<Self, TokenError> {
        Self::new(Algorithm::EdDSA, DecodingKey::from_ed_der(public_key), realm)
    }

    fn new(algorithm: Algorithm, key: DecodingKey, realm: &Realm) -> Result<Self, TokenError> {
        install_provider()?;
        let mut validation = Validation::new(algorithm);
        validation.leeway = DEFAULT_LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_issuer(&[&realm.issuer]);
        validation.set_audience(&[&realm.audience]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        Ok(Self {
            key,
            validation,
            own: None,
            cache: None,
            now_s: unix_time_s,
        })
    }

    /// Another leeway than [`DEFAULT_LEEWAY_S`]. Call it before [`Verifier::with_cache`].
    #[must_use]
    pub fn with_leeway_s(mut self, leeway_s: u64) -> Self {
        self.validation.leeway = leeway_s;
        self.cache = None;
        self
    }

    /// Remembers verified tokens, at least `capacity` of them in even use, up to four times as many at most. A token of
    /// more than 1 KiB beside its signature is not remembered, and verified anew each time.
    #[must_use]
    pub fn with_cache(mut self, capacity: usize) -> Self {
        self.cache = Some(TokenCache::new(capacity, self.validation.leeway));
        self
    }

    /// The claims of a token that passes every check.
    ///
    /// # Errors
    /// The first check that fails; see [`TokenError`].
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong { bytes: token.len() });
        }
        let Some(cache) = &self.cache else {
            return self.verify_signed(token);
        };
        let Some(key) = TokenKey::of(token) else {
            return self.verify_signed(token);
        };
        let now_s = (self.now_s)();
        if let Some(claims) = cache.get(&key, now_s) {
            return Ok(claims);
        }
        let claims = self.verify_signed(token)?;
        cache.insert(&key, claims.clone(), now_s);
        Ok(claims)
    }

    /// What the cache has done, or `None` without one.
    #[must_use]
    pub fn cache_statistics(&self) -> Option<CacheStatistics> {
        self.cache.as_ref().map(TokenCache::statistics)
    }

    fn verify_signed(&self, token: &str) -> Result<Claims, TokenError> {
        let own = self.own.as_ref();
        let verdict = own.and_then(|own| own.verify(token, (self.now_s)(), self.validation.leeway));
        verdict.unwrap_or_else(|| self.verify_any(token))
    }

    /// A token of any form.
    fn verify_any(&self, token: &str) -> Result<Claims, TokenError> {
        let decoded = jsonwebtoken::decode::<WireClaims>(token, &self.key, &self.validation)
            .map_err(|error| refusal(error.kind()))?;
        // RFC 7515 §4.1.11: whoever does not understand a critical extension must refuse the token. jsonwebtoken only
        // parses the field.
        if decoded.header.crit.is_some() {
            return Err(TokenError::CriticalExtension);
        }
        let WireClaims {
            sub: Some(user),
            nbf: Some(not_before_s),
            exp: Some(expires_s),
        } = decoded.claims
        else {
            return Err(TokenError::MissingClaim);
        };
        if user.is_empty() || user.len() > MAX_USER_BYTES {
            return Err(TokenError::UserName);
        }
        let claims = Claims {
            user: user.into(),
            not_before_s,
            expires_s,
        };
        // The clock of the cache decides here too, so that both ways agree.
        claims.check_time((self.now_s)(), self.validation.leeway)?;
        Ok(claims)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Verifier")
            .field("algorithms", &self.validation.algorithms)
            .field("leeway_s", &self.validation.leeway)
            .field("cached", &self.cache.is_some())
            .finish_non_exhaustive()
    }
}

/// jsonwebtoken's errors carry pieces of the token; ours do not.
fn refusal(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::ImmatureSignature => TokenError::NotYetValid,
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::InvalidAudience => TokenError::Audience,
        ErrorKind::MissingRequiredClaim(_) => TokenError::MissingClaim,
        ErrorKind::InvalidAlgorithm
        | ErrorKind::InvalidAlgorithmName
        | ErrorKind::UnsupportedAlgorithm
        | ErrorKind::MissingAlgorithm => TokenError::Algorithm,
        _ => TokenError::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::token::Issuer;

    const SECRET: [u8; 32] = [0x5a; 32];

    fn realm() -> Realm {
        Realm {
            issuer: "https://voiceflow.example".into(),
            audience: "voiceflow".into(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_quick_way_and_jsonwebtoken_agree_on_every_token(
            user in "[ -~]{1,40}|\\PC{0,150}",
            expires_in_s in prop_oneof![Just(0_u64), Just(31), Just(3_600)],
            issued_ago_s in 0_u64..4_000,
            position in any::<prop::sample::Index>(),
            other in prop_oneof![Just(None), "[A-Za-z0-9_.=-]".prop_map(Some)],
        ) {
            // Not at the edge, which the clock may cross between the two.
            prop_assume!(issued_ago_s.abs_diff(expires_in_s + DEFAULT_LEEWAY_S) > 5);
            let issuer = Issuer::hs256(&SECRET, realm()).unwrap();
            let verifier = Verifier::hs256(&SECRET, &realm()).unwrap();
            let not_before_s = unix_time_s() - issued_ago_s;
            // A name that no issuer takes is replaced by one that it does.
            let token = issuer
                .issue_between(&user, not_before_s, not_before_s + expires_in_s)
                .or_else(|_| issuer.issue("ada", Duration::from_secs(60)))
                .unwrap();
            let token = match other {
                None => token,
                Some(other) => {
                    let at = position.index(token.len());
                    format!("{}{other}{}", &token[..at], &token[at + 1..])
                }
            };
            prop_assert_eq!(verifier.verify(&token), verifier.verify_any(&token));
        }
    }
}
