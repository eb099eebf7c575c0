//! The quick way for tokens of the form that an [`Issuer`](super::Issuer) writes under HS256.
//!
//! jsonwebtoken reads header and claims twice each, prepares the key for every token and puts several strings on the
//! heap, which is most of the time that a verification takes. Tokens of our own making need none of it. Their header is
//! always the same text, the key is prepared once, and the claims are read once, where they lie.
//!
//! What looks like ours in every point is decided here. Whatever does not (another header, a list of audiences, escapes
//! in a name, anything malformed) is left to jsonwebtoken, which also names what is wrong with it: this module lets
//! nothing through that jsonwebtoken would refuse.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{digest, hmac};
use serde::Deserialize;

use super::{Claims, MAX_USER_BYTES, Realm, TokenError};

/// The header that an issuer of HS256 tokens writes, `{"typ":"JWT","alg":"HS256"}` in base64url, and the point after it.
const HEADER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.";

/// Base64url of 32 bytes.
const SIGNATURE_CHARS: usize = 43;

/// Most claims that are read here; an issuer's have about 130 bytes. They need no place on the heap.
const CLAIMS_BYTES_MAX: usize = 1024;

/// What a token of our own making is checked against.
pub(super) struct OwnTokens {
    key: hmac::Key,
    realm: Realm,
}

/// The claims of an issuer's token. A name with escapes, a claim of another type, one that is missing or there twice:
/// all of them are an error, and so left to jsonwebtoken.
#[derive(Deserialize)]
struct OwnClaims<'a> {
    sub: &'a str,
    iss: &'a str,
    aud: &'a str,
    nbf: u64,
    exp: u64,
}

impl OwnTokens {
    pub(super) fn new(secret: &[u8], realm: &Realm) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
            realm: realm.clone(),
        }
    }

    /// The verdict on a token of our own form; `None` for any other.
    pub(super) fn verify(&self, token: &str, now_s: u64, leeway_s: u64) -> Option<Result<Claims, TokenError>> {
        let (payload, signature) = token.strip_prefix(HEADER)?.split_once('.')?;
        let tag = decode_tag(signature)?;
        let message = &token.as_bytes()[..HEADER.len() + payload.len()];
        if hmac::verify(&self.key, message, &tag).is_err() {
            return Some(Err(TokenError::Signature));
        }
        let mut json = [0; CLAIMS_BYTES_MAX];
        let length = URL_SAFE_NO_PAD.decode_slice(payload, &mut json).ok()?;
        let claims: OwnClaims<'_> = serde_json::from_slice(&json[..length]).ok()?;
        let is_ours = claims.iss == self.realm.issuer
            && claims.aud == self.realm.audience
            && (1..=MAX_USER_BYTES).contains(&claims.sub.len());
        if !is_ours {
            return None;
        }
        let claims = Claims {
            user: claims.sub.into(),
            not_before_s: claims.nbf,
            expires_s: claims.exp,
        };
        Some(claims.check_time(now_s, leeway_s).map(|()| claims))
    }
}

fn decode_tag(signature: &str) -> Option<[u8; digest::SHA256_OUTPUT_LEN]> {
    // The decoder asks for room for whole groups of three.
    let mut bytes = [0; digest::SHA256_OUTPUT_LEN + 1];
    if signature.len() != SIGNATURE_CHARS {
        return None;
    }
    let length = URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes).ok()?;
    bytes[..length].try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Issuer;

    const SECRET: [u8; 32] = [0x5a; 32];

    fn realm() -> Realm {
        Realm {
            issuer: "https://voiceflow.example".into(),
            audience: "voiceflow".into(),
        }
    }

    fn verify(token: &str) -> Option<Result<Claims, TokenError>> {
        OwnTokens::new(&SECRET, &realm()).verify(token, 1_500, 30)
    }

    /// A token with our header and these claims, rightly signed.
    fn signed(claims: &str) -> String {
        let message = format!("{HEADER}{}", URL_SAFE_NO_PAD.encode(claims));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    #[test]
    fn what_an_issuer_writes_is_decided_here() {
        let issuer = Issuer::hs256(&SECRET, realm()).unwrap();
        let token = |not_before_s, expires_s| issuer.issue_between("ada", not_before_s, expires_s).unwrap();
        let claims = Claims {
            user: "ada".into(),
            not_before_s: 1_000,
            expires_s: 2_000,
        };
        assert_eq!(verify(&token(1_000, 2_000)), Some(Ok(claims)));
        assert_eq!(verify(&token(1_000, 1_469)), Some(Err(TokenError::Expired)));
        assert_eq!(verify(&token(1_531, 2_000)), Some(Err(TokenError::NotYetValid)));
        let stranger = Issuer::hs256(&[1; 32], realm()).unwrap();
        let forged = stranger.issue_between("ada", 1_000, 2_000).unwrap();
        assert_eq!(verify(&forged), Some(Err(TokenError::Signature)));
    }

    #[test]
    fn whatever_differs_from_an_issuers_form_is_left_to_jsonwebtoken() {
        let good = r#"{"sub":"ada","iss":"https://voiceflow.example","aud":"voiceflow","nbf":1000,"exp":2000}"#;
        assert!(matches!(verify(&signed(good)), Some(Ok(_))));
        let changes = [
            (r#""ada""#, r#""""#),
            (r#""ada""#, r#""a\u0064a""#),
            (r#""ada""#, "null"),
            (r#""sub":"ada""#, r#""sub":"ada","sub":"eve""#),
            (r#""voiceflow""#, r#"["voiceflow"]"#),
            (r#""voiceflow""#, r#""another""#),
            ("voiceflow.example", "elsewhere.example"),
            ("2000", "2000.5"),
            ("2000", r#""2000""#),
            ("2000", "-1"),
            (r#","exp":2000"#, ""),
            ("}", "]"),
        ];
        for (from, to) in changes {
            assert_eq!(verify(&signed(&good.replacen(from, to, 1))), None, "{from} -> {to}");
        }
        let token = signed(good);
        let long = good.replacen('{', &format!("{{\"padding\":\"{}\",", "x".repeat(CLAIMS_BYTES_MAX)), 1);
        let others = [
            String::new(),
            HEADER.into(),
            token[1..].into(),
            format!("{token}A"),
            format!("{token}."),
            format!("{}=", &token[..token.len() - 1]),
            token.replacen("eyJ0eXAi", "eyJhbGci", 1),
            signed(&long),
        ];
        for other in others {
            assert_eq!(verify(&other), None, "{other}");
        }
    }
}
