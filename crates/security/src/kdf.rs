//! From one passphrase to the keys of the parts.
//!
//! [`derive_key`] stretches a passphrase with PBKDF2-HMAC-SHA256 into a master key, once at start: it is meant to be
//! slow. [`expand`] then gives each part its own key with HKDF-SHA256 (RFC 5869), so that no two purposes share one and
//! a leaked sub-key tells nothing about its siblings. Keeping the salt and asking for the passphrase are the caller's.

use std::fmt;
use std::num::NonZeroU32;

use ring::rand::{SecureRandom, SystemRandom};
use ring::{hkdf, pbkdf2};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::compare;

/// Bytes in every key here: what AES-256, ChaCha20, HMAC-SHA256, Ed25519 seeds and SQLCipher's raw keys all take.
pub const KEY_BYTES: usize = 32;

/// Shortest salt taken: 128 bits, as NIST SP 800-132 §5.1 asks.
pub const MIN_SALT_BYTES: usize = 16;

/// A 32-byte secret: wiped when dropped, compared in constant time, never printed.
///
/// It lives on the heap, so that moving it leaves no copies behind on the stack.
#[derive(Clone)]
pub struct SecretKey(Box<Zeroizing<[u8; KEY_BYTES]>>);

impl SecretKey {
    /// Takes over the bytes and wipes the array they came in.
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; KEY_BYTES]) -> Self {
        let mut key = Self::zeroed();
        key.0.copy_from_slice(&bytes);
        bytes.zeroize();
        key
    }

    /// A fresh random key from the system's generator.
    ///
    /// # Errors
    /// [`KdfError::NoRandomness`] when the system gives none.
    pub fn generate() -> Result<Self, KdfError> {
        let mut key = Self::zeroed();
        SystemRandom::new()
            .fill(key.0.as_mut_slice())
            .map_err(|_| KdfError::NoRandomness)?;
        Ok(key)
    }

    /// The secret itself. The name is long to make each use visible.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    fn zeroed() -> Self {
        Self(Box::new(Zeroizing::new([0; KEY_BYTES])))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretKey(..)")
    }
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        compare::equal(self.0.as_slice(), other.0.as_slice())
    }
}

impl Eq for SecretKey {}

/// Rounds of PBKDF2, never below [`Iterations::FLOOR`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iterations(NonZeroU32);

impl Iterations {
    /// OWASP's password storage cheat sheet asks for 600,000 rounds of PBKDF2-HMAC-SHA256; configuration can only
    /// raise it.
    pub const FLOOR: u32 = 600_000;

    /// # Errors
    /// [`KdfError::TooFewIterations`] below the floor.
    pub fn new(count: u32) -> Result<Self, KdfError> {
        match NonZeroU32::new(count) {
            Some(rounds) if count >= Self::FLOOR => Ok(Self(rounds)),
            _ => Err(KdfError::TooFewIterations {
                count,
                floor: Self::FLOOR,
            }),
        }
    }
}

impl Default for Iterations {
    fn default() -> Self {
        Self(NonZeroU32::new(Self::FLOOR).expect("the floor is not zero"))
    }
}

/// Stretches a passphrase into a master key with PBKDF2-HMAC-SHA256 (RFC 8018).
///
/// The salt is not secret but must be stored and must differ between installations.
///
/// # Errors
/// An empty passphrase and a salt below [`MIN_SALT_BYTES`] are refused.
pub fn derive_key(passphrase: &[u8], salt: &[u8], iterations: Iterations) -> Result<SecretKey, KdfError> {
    if passphrase.is_empty() {
        return Err(KdfError::EmptyPassphrase);
    }
    if salt.len() < MIN_SALT_BYTES {
        return Err(KdfError::ShortSalt {
            bytes: salt.len(),
            minimum: MIN_SALT_BYTES,
        });
    }
    let mut key = SecretKey::zeroed();
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        iterations.0,
        salt,
        passphrase,
        key.0.as_mut_slice(),
    );
    Ok(key)
}

/// What a sub-key is for. Each has its own label, which may never change: stored data depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// SQLCipher's raw key.
    Database,
    /// The secret of HS256 tokens.
    TokenSecret,
    /// The seed of the Ed25519 key pair that signs tokens.
    TokenSeed,
    /// The master key of [`crate::seal::Sealer`].
    Sealing,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Database => b"voiceflow v1 database",
            Self::TokenSecret => b"voiceflow v1 token secret",
            Self::TokenSeed => b"voiceflow v1 token seed",
            Self::Sealing => b"voiceflow v1 sealing",
        }
    }
}

/// The sub-key of `master` for one purpose, by HKDF-SHA256.
///
/// The salt is empty: the master key is already uniform, and RFC 5869 §3.1 allows it then.
#[must_use]
pub fn expand(master: &SecretKey, purpose: Purpose) -> SecretKey {
    hkdf_sha256(master, &[], &[purpose.label()])
}

/// HKDF-SHA256, extract and expand, to one key.
pub(crate) fn hkdf_sha256(master: &SecretKey, salt: &[u8], info: &[&[u8]]) -> SecretKey {
    let mut key = SecretKey::zeroed();
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(master.0.as_slice())
        .expand(info, hkdf::HKDF_SHA256)
        .and_then(|material| material.fill(key.0.as_mut_slice()))
        .expect("HKDF-SHA256 gives up to 8,160 bytes, and 32 are asked for");
    key
}

/// Why no key was made. Carries lengths and counts, no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KdfError {
    /// Fewer rounds than [`Iterations::FLOOR`].
    #[error("{count} iterations of PBKDF2 are below the floor of {floor}: raise the setting")]
    TooFewIterations {
        /// What was asked for.
        count: u32,
        /// What is the least.
        floor: u32,
    },
    /// Nothing to stretch.
    #[error("the passphrase is empty: set one")]
    EmptyPassphrase,
    /// A salt below [`MIN_SALT_BYTES`].
    #[error("the salt has {bytes} bytes and needs at least {minimum}")]
    ShortSalt {
        /// What was given.
        bytes: usize,
        /// What is the least.
        minimum: usize,
    },
    /// The operating system's generator failed.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers: Python 3.11 `hashlib.pbkdf2_hmac('sha256', password, salt, 600000, 32)`.
    #[test]
    fn a_passphrase_gives_the_key_that_another_implementation_gives() {
        let key = derive_key(
            b"correct horse battery staple",
            b"voiceflow-salt-0",
            Iterations::default(),
        )
        .unwrap();
        assert_eq!(
            hex(key.expose_secret()),
            "216485f84e31578a6dedf28048a944bd42bac47f459749a2c3045411aa56ca61"
        );
    }

    /// Known answer: RFC 5869's extract (a salt of 32 zero bytes stands for the empty one) and expand, written out
    /// with Python 3.11's `hmac`.
    #[test]
    fn a_sub_key_is_hkdf_with_an_empty_salt_and_the_purpose_as_info() {
        let master = SecretKey::from_bytes([7; KEY_BYTES]);
        assert_eq!(
            hex(expand(&master, Purpose::Database).expose_secret()),
            "29a4fb9a9727b52e5ad5203c283bbcdef302ab85aa58b764fd61819d24a6d383"
        );
    }

    #[test]
    fn each_purpose_has_its_own_key() {
        let master = SecretKey::from_bytes([7; KEY_BYTES]);
        let purposes = [
            Purpose::Database,
            Purpose::TokenSecret,
            Purpose::TokenSeed,
            Purpose::Sealing,
        ];
        for (index, left) in purposes.iter().enumerate() {
            assert_eq!(expand(&master, *left), expand(&master, *left));
            for right in &purposes[index + 1..] {
                assert_ne!(expand(&master, *left), expand(&master, *right));
            }
        }
    }

    #[test]
    fn weak_parameters_are_refused_by_name() {
        assert_eq!(
            Iterations::new(599_999),
            Err(KdfError::TooFewIterations {
                count: 599_999,
                floor: Iterations::FLOOR
            })
        );
        assert!(Iterations::new(600_001).is_ok());
        let iterations = Iterations::default();
        assert_eq!(derive_key(b"", &[0; 16], iterations), Err(KdfError::EmptyPassphrase));
        assert_eq!(
            derive_key(b"passphrase", &[0; 15], iterations),
            Err(KdfError::ShortSalt { bytes: 15, minimum: 16 })
        );
    }

    #[test]
    fn a_secret_key_does_not_print_itself() {
        let key = SecretKey::from_bytes([0x41; KEY_BYTES]);
        assert_eq!(format!("{key:?}"), "SecretKey(..)");
    }

    #[test]
    fn generated_keys_differ() {
        assert_ne!(SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
