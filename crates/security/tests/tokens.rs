//! Tokens as an attacker, a stranger and an honest client present them.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::hmac;
use serde_json::{Value, json};
use voiceflow_security::token::{
    CacheStatistics, Claims, Issuer, MAX_TOKEN_BYTES, Realm, TokenError, Verifier, install_provider, public_key,
};

const SECRET: [u8; 32] = [0x5a; 32];
const SEED: [u8; 32] = [0xc3; 32];

fn realm() -> Realm {
    Realm {
        issuer: "https://voiceflow.example".into(),
        audience: "voiceflow".into(),
    }
}

fn now_s() -> u64 {
    jsonwebtoken::get_current_timestamp()
}

fn hs256() -> (Issuer, Verifier) {
    (
        Issuer::hs256(&SECRET, realm()).unwrap(),
        Verifier::hs256(&SECRET, &realm()).unwrap(),
    )
}

fn ed25519() -> (Issuer, Verifier) {
    (
        Issuer::ed25519(&SEED, realm()).unwrap(),
        Verifier::ed25519(&public_key(&SEED), &realm()).unwrap(),
    )
}

/// Claims that pass, for cases that change one of them.
fn good_claims() -> Value {
    json!({
        "sub": "ada", "iss": realm().issuer, "aud": realm().audience,
        "nbf": now_s(), "exp": now_s() + 600,
    })
}

/// A token rightly signed over any claims and header, as only a holder of the secret can make.
fn signed(header: &Value, claims: &Value) -> String {
    let message = format!(
        "{}.{}",
        base64url(header.to_string().as_bytes()),
        base64url(claims.to_string().as_bytes())
    );
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), message.as_bytes());
    format!("{message}.{}", base64url(tag.as_ref()))
}

fn signed_claims(claims: &Value) -> String {
    signed(&json!({"alg": "HS256", "typ": "JWT"}), claims)
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(group >> (18 - 6 * index)) as usize & 63]));
        }
    }
    text
}

#[track_caller]
fn refused(token: &str, expected: TokenError) {
    assert_eq!(hs256().1.verify(token), Err(expected));
}

#[test]
fn an_honest_token_passes_with_either_algorithm() {
    for (issuer, verifier) in [hs256(), ed25519()] {
        let token = issuer.issue("ada@example.com", Duration::from_secs(60)).unwrap();
        let claims = verifier.verify(&token).unwrap();
        assert_eq!(&*claims.user, "ada@example.com");
        assert_eq!(claims.expires_s - claims.not_before_s, 60);
    }
}

#[test]
fn the_tests_own_signing_is_right() {
    assert_eq!(&*hs256().1.verify(&signed_claims(&good_claims())).unwrap().user, "ada");
}

#[test]
fn a_changed_character_anywhere_is_refused() {
    for (issuer, verifier) in [hs256(), ed25519()] {
        let token = issuer.issue("ada", Duration::from_secs(60)).unwrap();
        for position in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(verifier.verify(&changed).is_err(), "position {position}");
        }
    }
}

#[test]
fn a_payload_exchanged_under_the_old_signature_is_refused() {
    let token = signed_claims(&good_claims());
    let mut admin = good_claims();
    admin["sub"] = json!("admin");
    let parts: Vec<&str> = token.split('.').collect();
    let forged = format!("{}.{}.{}", parts[0], base64url(admin.to_string().as_bytes()), parts[2]);
    refused(&forged, TokenError::Signature);
}

#[test]
fn unsigned_tokens_are_refused_however_none_is_spelled() {
    for algorithm in ["none", "None", "NONE", "nOnE", ""] {
        let claims = base64url(good_claims().to_string().as_bytes());
        let header = base64url(json!({"alg": algorithm, "typ": "JWT"}).to_string().as_bytes());
        for (_, verifier) in [hs256(), ed25519()] {
            assert_eq!(
                verifier.verify(&format!("{header}.{claims}.")),
                Err(TokenError::Malformed)
            );
        }
    }
}

/// The classic confusion: the public key, which everybody has, used as an HMAC secret against a verifier of Ed25519.
#[test]
fn an_hs256_token_signed_with_the_ed25519_public_key_is_refused() {
    let forger = Issuer::hs256(&public_key(&SEED), realm()).unwrap();
    let token = forger.issue("admin", Duration::from_secs(60)).unwrap();
    assert_eq!(ed25519().1.verify(&token), Err(TokenError::Algorithm));
}

#[test]
fn each_verifier_refuses_the_other_algorithm_and_hmac_siblings() {
    let ed25519_token = ed25519().0.issue("ada", Duration::from_secs(60)).unwrap();
    refused(&ed25519_token, TokenError::Algorithm);
    for sibling in ["HS384", "HS512", "RS256", "ES256", "PS256"] {
        refused(&signed(&json!({"alg": sibling}), &good_claims()), TokenError::Algorithm);
    }
}

#[test]
fn another_key_is_refused() {
    let stranger = Issuer::hs256(&[1; 32], realm()).unwrap();
    refused(
        &stranger.issue("ada", Duration::from_secs(60)).unwrap(),
        TokenError::Signature,
    );
    let stranger = Issuer::ed25519(&[1; 32], realm()).unwrap();
    let token = stranger.issue("ada", Duration::from_secs(60)).unwrap();
    assert_eq!(ed25519().1.verify(&token), Err(TokenError::Signature));
}

#[test]
fn times_are_checked_with_the_stated_leeway() {
    let (issuer, verifier) = hs256();
    let now = now_s();
    let verify = |not_before, expires| verifier.verify(&issuer.issue_between("ada", not_before, expires).unwrap());
    // Ten seconds of distance to each edge, so that a slow machine cannot cross it.
    assert!(verify(now - 100, now - 20).is_ok());
    assert_eq!(verify(now - 100, now - 40), Err(TokenError::Expired));
    assert!(verify(now + 20, now + 100).is_ok());
    assert_eq!(verify(now + 40, now + 100), Err(TokenError::NotYetValid));
    assert!(verify(now, u64::MAX).is_ok());
    let strict = Verifier::hs256(&SECRET, &realm()).unwrap().with_leeway_s(0);
    assert_eq!(
        strict.verify(&issuer.issue_between("ada", now - 100, now - 20).unwrap()),
        Err(TokenError::Expired)
    );
}

#[test]
fn another_issuer_or_audience_is_refused() {
    let mut claims = good_claims();
    claims["iss"] = json!("https://elsewhere.example");
    refused(&signed_claims(&claims), TokenError::Issuer);
    let mut claims = good_claims();
    claims["aud"] = json!("another-service");
    refused(&signed_claims(&claims), TokenError::Audience);
    claims["aud"] = json!(["another-service", "a-third"]);
    refused(&signed_claims(&claims), TokenError::Audience);
    claims["aud"] = json!(["another-service", "voiceflow"]);
    assert!(
        hs256().1.verify(&signed_claims(&claims)).is_ok(),
        "one audience of several is ours"
    );
}

#[test]
fn each_required_claim_must_be_there() {
    for name in ["sub", "iss", "aud", "nbf", "exp"] {
        let mut claims = good_claims();
        claims.as_object_mut().unwrap().remove(name);
        refused(&signed_claims(&claims), TokenError::MissingClaim);
        claims[name] = Value::Null;
        refused(&signed_claims(&claims), TokenError::MissingClaim);
    }
}

/// CVE-2026-25537: before jsonwebtoken 10.3 a wrong-typed `exp` or `nbf` counted as absent and was not checked.
#[test]
fn times_of_the_wrong_type_are_refused() {
    let values = [
        json!("9999999999"),
        json!(true),
        json!([9_999_999_999_u64]),
        json!({}),
        json!(-1),
        json!(1e300),
    ];
    for name in ["exp", "nbf"] {
        for value in &values {
            let mut claims = good_claims();
            claims[name] = value.clone();
            let error = hs256().1.verify(&signed_claims(&claims)).unwrap_err();
            assert!(
                matches!(error, TokenError::Malformed | TokenError::MissingClaim),
                "{name} {value}: {error}"
            );
        }
    }
}

/// The same, asked of the library itself without our typed claims in front of it.
#[test]
fn the_locked_jsonwebtoken_has_the_fix_itself() {
    install_provider().unwrap();
    let mut validation = jsonwebtoken::Validation::new(Algorithm::HS256);
    validation.validate_nbf = true;
    validation.validate_aud = false;
    let key = jsonwebtoken::DecodingKey::from_secret(&SECRET);
    let decode = |claims: &Value| jsonwebtoken::decode::<Value>(signed_claims(claims), &key, &validation);
    assert!(decode(&good_claims()).is_ok());
    for name in ["exp", "nbf"] {
        let mut claims = good_claims();
        claims[name] = json!("1");
        assert!(decode(&claims).is_err(), "{name}");
    }
}

#[test]
fn a_critical_header_extension_is_refused() {
    let header = json!({"alg": "HS256", "crit": ["exp"], "exp": 1});
    refused(&signed(&header, &good_claims()), TokenError::CriticalExtension);
}

#[test]
fn oversize_tokens_are_refused_before_parsing() {
    let mut claims = good_claims();
    claims["padding"] = json!("x".repeat(MAX_TOKEN_BYTES));
    let token = signed_claims(&claims);
    refused(&token, TokenError::TooLong { bytes: token.len() });
    refused(
        &"a".repeat(MAX_TOKEN_BYTES + 1),
        TokenError::TooLong {
            bytes: MAX_TOKEN_BYTES + 1,
        },
    );
}

#[test]
fn shapes_that_are_no_token_are_malformed() {
    for text in ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "ä.ö.ü", "\0\0\0"] {
        refused(text, TokenError::Malformed);
    }
    // With a header in order, the signature is looked at before the claims are.
    refused("eyJhbGciOiJIUzI1NiJ9..", TokenError::Signature);
    refused(&signed_claims(&json!([1, 2])), TokenError::Malformed);
    // A claim given twice: which one counts must not be a matter of taste.
    let header = base64url(br#"{"alg":"HS256"}"#);
    let body = good_claims()
        .to_string()
        .replacen("\"sub\":", "\"sub\":\"admin\",\"sub\":", 1);
    let message = format!("{header}.{}", base64url(body.as_bytes()));
    let tag = jsonwebtoken::crypto::sign(message.as_bytes(), &EncodingKey::from_secret(&SECRET), Algorithm::HS256);
    refused(&format!("{message}.{}", tag.unwrap()), TokenError::Malformed);
}

#[test]
fn user_names_are_bounded_on_both_sides() {
    let (issuer, verifier) = hs256();
    let longest = "u".repeat(128);
    assert_eq!(
        &*verifier
            .verify(&issuer.issue(&longest, Duration::from_secs(60)).unwrap())
            .unwrap()
            .user,
        longest
    );
    for user in [String::new(), "u".repeat(129)] {
        assert_eq!(issuer.issue(&user, Duration::from_secs(60)), Err(TokenError::UserName));
        let mut claims = good_claims();
        claims["sub"] = json!(user);
        refused(&signed_claims(&claims), TokenError::UserName);
    }
}

#[test]
fn weak_secrets_are_refused() {
    assert_eq!(Issuer::hs256(&[0; 31], realm()).unwrap_err(), TokenError::Key);
    assert_eq!(Verifier::hs256(&[0; 31], &realm()).unwrap_err(), TokenError::Key);
}

#[test]
fn a_verified_token_is_answered_from_the_cache_and_a_refused_one_never_is() {
    let (issuer, verifier) = hs256();
    let verifier = verifier.with_cache(100);
    let token = issuer.issue("ada", Duration::from_secs(600)).unwrap();
    let first: Claims = verifier.verify(&token).unwrap();
    for _ in 0..9 {
        assert_eq!(verifier.verify(&token), Ok(first.clone()));
    }
    // The last character of the signature carries bits: the digest must cover it.
    let mut forged = token[..token.len() - 2].to_owned();
    forged.push_str(if token.ends_with("AA") { "BA" } else { "AA" });
    for _ in 0..3 {
        assert_eq!(verifier.verify(&forged), Err(TokenError::Signature));
    }
    let expected = CacheStatistics {
        hits: 9,
        misses: 4,
        evictions: 0,
        expirations: 0,
    };
    assert_eq!(verifier.cache_statistics(), Some(expected));
}

#[test]
fn a_long_token_is_verified_anew_each_time_and_takes_no_memory() {
    let verifier = hs256().1.with_cache(100);
    let mut claims = good_claims();
    claims["padding"] = json!("x".repeat(1_024));
    let token = signed_claims(&claims);
    let first = verifier.verify(&token).unwrap();
    assert_eq!(verifier.verify(&token), Ok(first));
    assert_eq!(verifier.cache_statistics(), Some(CacheStatistics::default()));
}

#[test]
fn ed25519_signatures_agree_with_the_published_example() {
    // RFC 8037 appendix A.4: payload "Example of Ed25519 signing" under the key of appendix A.1.
    let seed: [u8; 32] = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49,
        0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
    ];
    assert_eq!(
        base64url(&public_key(&seed)),
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    );
}

#[test]
fn debug_output_shows_no_key_and_errors_no_token() {
    let (issuer, verifier) = hs256();
    let shown = format!("{issuer:?} {verifier:?}");
    assert!(
        !shown.contains("90, 90") && !shown.contains("ZZZZ") && !shown.contains("key"),
        "{shown}"
    );
    let token = issuer.issue("ada", Duration::from_secs(60)).unwrap();
    let error = verifier.verify(&format!("{token}x")).unwrap_err();
    assert!(!error.to_string().contains(&token[..10]));
    assert_eq!(Header::new(Algorithm::HS256).crit, None);
}
