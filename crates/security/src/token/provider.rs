//! jsonwebtoken's cryptography by ring.
//!
//! jsonwebtoken 11 brings back ends over AWS-LC and RustCrypto, takes neither here, and panics at the first token when
//! no provider is installed. This one offers HS256 and EdDSA and refuses every other algorithm, so even a verifier
//! that were configured wrongly could not accept one.

use std::sync::OnceLock;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result, new_error};
use jsonwebtoken::jwk::{EllipticCurve, ThumbprintHash};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey};
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use ring::{digest, hmac};

use super::TokenError;

/// Makes ring the cryptography of every token in this process. Done by the constructors here; call it first thing in
/// `main` where other code may use jsonwebtoken too. Repeating it is free.
///
/// # Errors
/// [`TokenError::Provider`] when something else was installed, or used, before.
pub fn install_provider() -> std::result::Result<(), TokenError> {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    match INSTALLED.get_or_init(|| PROVIDER.install_default().is_ok()) {
        true => Ok(()),
        false => Err(TokenError::Provider),
    }
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    // Key sets (JWK) are not used. These refuse, where jsonwebtoken's own placeholders would panic.
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(unsupported()),
        rsa_pub_components_from_public_key: |_| Err(unsupported()),
        ec_pub_components_from_private_key: ec_public_components,
        ed_pub_components_from_private_key: |_, _| Err(unsupported()),
        compute_digest: sha2_digest,
    },
};

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => Ok(Box::new(Hs256::new(key.as_bytes()))),
        (Algorithm::EdDSA, AlgorithmFamily::Ed) => Ok(Box::new(Ed25519Signer::from_pkcs8(key.as_bytes())?)),
        _ => Err(unsupported()),
    }
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => Ok(Box::new(Hs256::new(key.try_get_as_bytes()?))),
        (Algorithm::EdDSA, AlgorithmFamily::Ed) => Ok(Box::new(Ed25519Verifier::new(key.try_get_as_bytes()?)?)),
        _ => Err(unsupported()),
    }
}

/// HMAC-SHA256, both ways; verification compares in constant time.
struct Hs256(hmac::Key);

impl Hs256 {
    fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, SignatureError> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], tag: &Vec<u8>) -> std::result::Result<(), SignatureError> {
        hmac::verify(&self.0, message, tag).map_err(|_| SignatureError::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

struct Ed25519Signer(Ed25519KeyPair);

impl Ed25519Signer {
    /// The form that jsonwebtoken's own providers take: PKCS#8, with or without the public key.
    fn from_pkcs8(document: &[u8]) -> Result<Self> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(document);
        pair.map(Self).map_err(|_| new_error(ErrorKind::InvalidEddsaKey))
    }
}

impl Signer<Vec<u8>> for Ed25519Signer {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, SignatureError> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for Ed25519Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct Ed25519Verifier(UnparsedPublicKey<[u8; 32]>);

impl Ed25519Verifier {
    fn new(public_key: &[u8]) -> Result<Self> {
        let bytes = public_key
            .try_into()
            .map_err(|_| new_error(ErrorKind::InvalidEddsaKey))?;
        Ok(Self(UnparsedPublicKey::new(&ED25519, bytes)))
    }
}

impl Verifier<Vec<u8>> for Ed25519Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), SignatureError> {
        self.0.verify(message, signature).map_err(|_| SignatureError::new())
    }
}

impl JwtVerifier for Ed25519Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

fn ec_public_components(_: &[u8], _: Algorithm) -> Result<(EllipticCurve, Vec<u8>, Vec<u8>)> {
    Err(unsupported())
}

fn sha2_digest(data: &[u8], hash: ThumbprintHash) -> Result<Vec<u8>> {
    let algorithm = match hash {
        ThumbprintHash::SHA256 => &digest::SHA256,
        ThumbprintHash::SHA384 => &digest::SHA384,
        ThumbprintHash::SHA512 => &digest::SHA512,
        _ => return Err(unsupported()),
    };
    Ok(digest::digest(algorithm, data).as_ref().to_vec())
}

fn unsupported() -> jsonwebtoken::errors::Error {
    new_error(ErrorKind::UnsupportedAlgorithm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installing_twice_is_fine_and_tokens_then_work() {
        assert_eq!(install_provider(), Ok(()));
        assert_eq!(install_provider(), Ok(()));
        // RFC 7515 appendix A.1: the key, the signing input and the signature of its HS256 example.
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let message = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                       eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let key = EncodingKey::from_urlsafe_base64_secret(&format!("{key}==")).unwrap();
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        assert_eq!(signature, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    }

    #[test]
    fn other_algorithms_and_mixed_families_are_refused() {
        let secret = EncodingKey::from_secret(&[1; 64]);
        let public = DecodingKey::from_ed_der(&[2; 32]);
        assert!(signer(&Algorithm::HS512, &secret).is_err());
        assert!(signer(&Algorithm::EdDSA, &secret).is_err());
        assert!(verifier(&Algorithm::HS256, &public).is_err());
        assert!(verifier(&Algorithm::RS256, &public).is_err());
        assert!(verifier(&Algorithm::EdDSA, &DecodingKey::from_ed_der(&[2; 31])).is_err());
    }

    #[test]
    fn key_set_helpers_refuse_instead_of_panicking() {
        assert!((PROVIDER.key_utils.rsa_pub_components_from_private_key)(&[]).is_err());
        assert!((PROVIDER.key_utils.ec_pub_components_from_private_key)(&[], Algorithm::ES256).is_err());
        assert!((PROVIDER.key_utils.ed_pub_components_from_private_key)(&[], &EllipticCurve::Ed25519).is_err());
        assert_eq!(
            (PROVIDER.key_utils.compute_digest)(b"", ThumbprintHash::SHA256)
                .unwrap()
                .len(),
            32
        );
    }
}
