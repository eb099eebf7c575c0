//! What ours is held against: the same work by OpenSSL, the least that a verification can be, and algorithms that no
//! token of ours has.

use openssl::cipher_ctx::CipherCtx;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use ring::signature::{ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm};
use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq};
use voiceflow_security::seal::{HEADER_BYTES, TAG_BYTES};

use super::Rotation;
use super::seals::{ASSOCIATED_DATA, LARGE_BYTES, buffer, plaintext_of};
use super::tokens::signed_bytes;

/// OpenSSL's EVP on the same message and associated data: one context with its key for all messages, a nonce of its own
/// for each, in place of the buffer that ours has. What is compared is what a program would write with either.
pub(crate) fn seal_openssl_evp_16kib() -> Result<Prepared, PrepareError> {
    let template = buffer(LARGE_BYTES);
    Ok(Prepared::with_input(
        Evp::new()?,
        move |_| {
            let mut buffer = Vec::with_capacity(template.len() + TAG_BYTES);
            buffer.extend_from_slice(&template);
            buffer
        },
        |evp, mut buffer| evp.seal(&mut buffer).map(|()| buffer),
        |evp, buffer| {
            let mut sealed = buffer
                .as_ref()
                .map_err(|error| WrongAnswer::new(error.to_string()))?
                .clone();
            let nonce = evp.nonce();
            // Ours opens what OpenSSL sealed: both did the same work.
            let opened = evp.open_with_ring(nonce, &mut sealed[HEADER_BYTES..]);
            check_eq(
                "whether ring opens it",
                &(opened == Some(plaintext_of(LARGE_BYTES))),
                &true,
            )
        },
    )
    .inputs(plaintext_of(LARGE_BYTES)))
}

struct Evp {
    context: CipherCtx,
    messages: u64,
}

const EVP_KEY: [u8; 32] = [0x42; 32];

impl Evp {
    fn new() -> Result<Self, ErrorStack> {
        let mut context = CipherCtx::new()?;
        let cipher = openssl::cipher::Cipher::aes_256_gcm();
        context.encrypt_init(Some(cipher), Some(&EVP_KEY), None)?;
        Ok(Self { context, messages: 0 })
    }

    fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.messages.to_be_bytes());
        nonce
    }

    /// The same room for a header, and the tag at the end, as in [`Sealer::seal_in_place`].
    fn seal(&mut self, buffer: &mut Vec<u8>) -> Result<(), ErrorStack> {
        self.messages += 1;
        let nonce = self.nonce();
        self.context.encrypt_init(None, None, Some(&nonce))?;
        self.context.cipher_update(ASSOCIATED_DATA, None)?;
        let bytes = buffer.len() - HEADER_BYTES;
        self.context.cipher_update_inplace(&mut buffer[HEADER_BYTES..], bytes)?;
        self.context.cipher_final(&mut [])?;
        let mut tag = [0; TAG_BYTES];
        self.context.tag(&mut tag)?;
        buffer[HEADER_BYTES - nonce.len()..HEADER_BYTES].copy_from_slice(&nonce);
        buffer.extend_from_slice(&tag);
        Ok(())
    }

    fn open_with_ring(&self, nonce: [u8; 12], sealed: &mut [u8]) -> Option<Vec<u8>> {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &EVP_KEY).ok()?);
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.open_in_place(nonce, Aad::from(ASSOCIATED_DATA), sealed)
            .ok()
            .map(|plaintext| plaintext.to_vec())
    }
}

/// Bytes that are signed in one of the tokens measured here: header, point and claims.
const SIGNED_BYTES: usize = 216;

/// The one thing about an HS256 token that cannot be left out: an HMAC over what is signed, with a prepared key.
pub(crate) fn hmac_of_a_token() -> Result<Prepared, PrepareError> {
    check_eq("the bytes signed in a token", &signed_bytes()?, &SIGNED_BYTES)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[0x5a; 32]);
    let messages = Rotation::new(|number| {
        let mut message = plaintext_of(SIGNED_BYTES);
        message[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let tag = hmac::sign(&key, &message).as_ref().to_vec();
        (message, tag)
    });
    Ok(Prepared::new(
        (key, messages),
        |(key, messages)| {
            let (message, tag) = messages.advance();
            hmac::verify(key, message, tag).is_ok()
        },
        |_, is_right| check_eq("whether the tag fits", is_right, &true),
    )
    .inputs(plaintext_of(SIGNED_BYTES)))
}

/// ES256's signature, on P-256. Keys are new in each run: the time of a verification does not depend on them.
pub(crate) fn es256() -> Result<Prepared, PrepareError> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = EcKey::generate(&group)?;
    let mut context = openssl::bn::BigNumContext::new()?;
    let form = openssl::ec::PointConversionForm::UNCOMPRESSED;
    let public = key.public_key().to_bytes(&group, form, &mut context)?;
    signature(&PKey::from_ec_key(key)?, public, &ECDSA_P256_SHA256_ASN1)
}

/// RS256's, with a key of 2,048 bits.
pub(crate) fn rs256() -> Result<Prepared, PrepareError> {
    let key = Rsa::generate(2048)?;
    let public = key.public_key_to_der_pkcs1()?;
    signature(&PKey::from_rsa(key)?, public, &RSA_PKCS1_2048_8192_SHA256)
}

/// OpenSSL signs, ring verifies.
fn signature(
    key: &PKey<Private>,
    public: Vec<u8>,
    algorithm: &'static dyn VerificationAlgorithm,
) -> Result<Prepared, PrepareError> {
    let mut signed = Vec::with_capacity(SIGNATURES);
    for number in 0..SIGNATURES {
        let mut message = plaintext_of(SIGNED_BYTES);
        message[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let signature = Signer::new(MessageDigest::sha256(), key)?.sign_oneshot_to_vec(&message)?;
        signed.push((message, signature));
    }
    let signed = Rotation {
        variants: signed,
        next: 0,
    };
    Ok(Prepared::new(
        (UnparsedPublicKey::new(algorithm, public), signed),
        |(public, signed)| {
            let (message, signature) = signed.advance();
            public.verify(message, signature).is_ok()
        },
        |_, is_right| check_eq("whether the signature fits", is_right, &true),
    )
    .inputs(plaintext_of(SIGNED_BYTES)))
}

/// Signing with RSA takes a millisecond each.
const SIGNATURES: usize = 128;
