//! Tokens: any text as one, and any header and claims under a signature that is right.
//!
//! An even first byte takes the rest as the whole token. An odd one takes it as header and claims, apart at the first zero
//! byte, and signs them, so that what lies behind the signature is reached too.

use std::sync::LazyLock;

use ring::hmac;
use voiceflow_security::token::{MAX_TOKEN_BYTES, MAX_USER_BYTES, Realm, TokenError, Verifier};

/// Of 32 bytes, which is all that a fuzzed verifier needs.
const SECRET: [u8; 32] = [7; 32];

/// What an issuer of HS256 tokens writes: its tokens are verified in a way of their own.
const OWN_HEADER: &[u8] = br#"{"typ":"JWT","alg":"HS256"}"#;

/// The same said otherwise, which leaves a token to jsonwebtoken.
const OTHER_HEADER: &[u8] = br#"{"alg":"HS256","typ":"JWT"}"#;

/// Without a cache and with one.
static VERIFIERS: LazyLock<[Verifier; 2]> = LazyLock::new(|| {
    let realm = Realm {
        issuer: "voiceflow".to_owned(),
        audience: "dictation".to_owned(),
    };
    let plain = Verifier::hs256(&SECRET, &realm).expect("the secret is long enough");
    let cached = Verifier::hs256(&SECRET, &realm)
        .expect("the secret is long enough")
        .with_cache(64);
    [plain, cached]
});

/// Accepted claims keep their bounds, a cache changes no answer, and both ways to verify agree on all claims.
pub(crate) fn run(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else {
        return;
    };
    let Some(token) = token(kind, rest) else { return };
    let answers = VERIFIERS.each_ref().map(|verifier| verifier.verify(&token));
    assert_eq!(answers[0], answers[1]);
    assert_eq!(VERIFIERS[1].verify(&token), answers[0], "asked again");
    match &answers[0] {
        Ok(claims) => {
            assert!((1..=MAX_USER_BYTES).contains(&claims.user.len()));
            assert!(!kind.is_multiple_of(2), "a token was accepted that nobody signed");
        }
        Err(error) => assert_eq!(
            matches!(error, TokenError::TooLong { .. }),
            token.len() > MAX_TOKEN_BYTES
        ),
    }
    if let Some((_, claims)) = parts(kind, rest) {
        // Both headers are equally long, so that both tokens are too long or neither is.
        let [own, other] = [OWN_HEADER, OTHER_HEADER].map(|header| VERIFIERS[0].verify(&signed(header, claims)));
        assert_eq!(own, other, "an issuer's header against another");
    }
}

fn token(kind: u8, rest: &[u8]) -> Option<String> {
    if kind.is_multiple_of(2) {
        return std::str::from_utf8(rest).ok().map(str::to_owned);
    }
    let (header, claims) = parts(kind, rest)?;
    Some(signed(header, claims))
}

/// Header and claims, where they are to be signed.
fn parts(kind: u8, rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = rest.iter().position(|&byte| byte == 0)?;
    (!kind.is_multiple_of(2)).then_some((&rest[..at], &rest[at + 1..]))
}

fn signed(header: &[u8], claims: &[u8]) -> String {
    let signed = format!("{}.{}", base64url(header), base64url(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), signed.as_bytes());
    format!("{signed}.{}", base64url(signature.as_ref()))
}

/// RFC 4648 §5 without padding.
fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three
            .iter()
            .enumerate()
            .fold(0_u32, |number, (at, &byte)| number | u32::from(byte) << (16 - 8 * at));
        for at in 0..=three.len() {
            text.push(char::from(LETTERS[(number >> (18 - 6 * at) & 63) as usize]));
        }
    }
    text
}
