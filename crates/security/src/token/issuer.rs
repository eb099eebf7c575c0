//! Signing tokens.

use std::fmt;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{MAX_USER_BYTES, MIN_SECRET_BYTES, Realm, TokenError, install_provider, unix_time_s};

/// Signs tokens for one realm with one key.
pub struct Issuer {
    header: Header,
    key: EncodingKey,
    realm: Realm,
}

#[derive(Serialize)]
struct WireClaims<'a> {
    sub: &'a str,
    iss: &'a str,
    aud: &'a str,
    iat: u64,
    nbf: u64,
    exp: u64,
}

impl Issuer {
    /// HMAC-SHA256: for one party that both signs and verifies.
    ///
    /// # Errors
    /// [`TokenError::Key`] below 32 bytes of secret, [`TokenError::Provider`].
    pub fn hs256(secret: &[u8], realm: Realm) -> Result<Self, TokenError> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(TokenError::Key);
        }
        Self::new(Algorithm::HS256, EncodingKey::from_secret(secret), realm)
    }

    /// Ed25519: verifiers hold only [`public_key`] and cannot sign.
    ///
    /// # Errors
    /// [`TokenError::Provider`].
    pub fn ed25519(seed: &[u8; 32], realm: Realm) -> Result<Self, TokenError> {
        Self::new(Algorithm::EdDSA, EncodingKey::from_ed_der(&pkcs8(seed)[..]), realm)
    }

    fn new(algorithm: Algorithm, key: EncodingKey, realm: Realm) -> Result<Self, TokenError> {
        install_provider()?;
        Ok(Self {
            header: Header::new(algorithm),
            key,
            realm,
        })
    }

    /// A token for `user`, good from now for `lifetime` (whole seconds).
    ///
    /// # Errors
    /// As [`Issuer::issue_between`].
    pub fn issue(&self, user: &str, lifetime: Duration) -> Result<String, TokenError> {
        let now_s = unix_time_s();
        self.issue_between(user, now_s, now_s.saturating_add(lifetime.as_secs()))
    }

    /// A token for `user`, good from `not_before_s` to `expires_s`, both in seconds since 1970.
    ///
    /// # Errors
    /// [`TokenError::UserName`] for an empty or long name.
    pub fn issue_between(&self, user: &str, not_before_s: u64, expires_s: u64) -> Result<String, TokenError> {
        if user.is_empty() || user.len() > MAX_USER_BYTES {
            return Err(TokenError::UserName);
        }
        let claims = WireClaims {
            sub: user,
            iss: &self.realm.issuer,
            aud: &self.realm.audience,
            iat: unix_time_s(),
            nbf: not_before_s,
            exp: expires_s,
        };
        jsonwebtoken::encode(&self.header, &claims, &self.key).map_err(|_| TokenError::Key)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = &self.header.alg;
        formatter
            .debug_struct("Issuer")
            .field("algorithm", algorithm)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

/// The public half of the Ed25519 key pair of a seed, for [`super::Verifier::ed25519`].
#[must_use]
pub fn public_key(seed: &[u8; 32]) -> [u8; 32] {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("every 32 bytes are an Ed25519 seed");
    pair.public_key()
        .as_ref()
        .try_into()
        .expect("an Ed25519 public key has 32 bytes")
}

/// RFC 8410 §7: an Ed25519 seed as PKCS#8, version 0, without the public key. Everything before the seed is constant.
fn pkcs8(seed: &[u8; 32]) -> Zeroizing<[u8; 48]> {
    const PREFIX: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ];
    let mut document = Zeroizing::new([0; 48]);
    document[..PREFIX.len()].copy_from_slice(&PREFIX);
    document[PREFIX.len()..].copy_from_slice(seed);
    document
}
