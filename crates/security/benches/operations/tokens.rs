//! Tokens.

use std::time::Duration;

use base64::Engine as _;
use ring::hmac;
use voiceflow_kit::{PrepareError, Prepared, check_eq, digest_parts};
use voiceflow_security::token::{Claims, Issuer, Realm, TokenError, Verifier, public_key};

use super::Rotation;

const SECRET: [u8; 32] = [0x5a; 32];
const SEED: [u8; 32] = [0xc3; 32];

/// Longer than any benchmark runs.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

type Answer = Result<Claims, TokenError>;

pub(crate) fn hs256() -> Result<Prepared, PrepareError> {
    verified(Verifier::hs256(&SECRET, &realm())?, Issuer::hs256(&SECRET, realm())?)
}

pub(crate) fn ed25519() -> Result<Prepared, PrepareError> {
    verified(
        Verifier::ed25519(&public_key(&SEED), &realm())?,
        Issuer::ed25519(&SEED, realm())?,
    )
}

pub(crate) fn hs256_cached() -> Result<Prepared, PrepareError> {
    let (verifier, tokens) = verifier_that_holds_all()?;
    let misses = move |verifier: &Verifier| verifier.cache_statistics().map(|statistics| statistics.misses);
    let expected = misses(&verifier);
    Ok(Prepared::new(
        (verifier, tokens),
        |(verifier, tokens)| verifier.verify(tokens.advance()),
        move |(verifier, tokens), answer| {
            check_user(tokens, answer)?;
            check_eq("the number of misses", &misses(verifier), &expected)
        },
    )
    .inputs(inputs()))
}

/// With four times the tokens in places. Which set a token belongs to follows from its signature, so once in a while a set
/// overflows all the same; then the tokens are signed anew with other times, until every one is a hit the second time.
/// Fails where that never happens.
fn verifier_that_holds_all() -> Result<(Verifier, Rotation<String>), PrepareError> {
    let issuer = Issuer::hs256(&SECRET, realm())?;
    for attempt in 0..100 {
        let tokens = made(|number| issuer.issue(&user(number), LIFETIME + Duration::from_secs(attempt)))?;
        let verifier = Verifier::hs256(&SECRET, &realm())?.with_cache(4 * super::VARIANTS);
        for token in tokens.variants.iter().chain(&tokens.variants) {
            verifier.verify(token)?;
        }
        let misses = verifier.cache_statistics().map(|statistics| statistics.misses);
        if misses == Some(tokens.variants.len() as u64) {
            return Ok((verifier, tokens));
        }
    }
    Err("no cache in a hundred holds a quarter of what it has room for".into())
}

pub(crate) fn bad_signature() -> Result<Prepared, PrepareError> {
    let mut tokens = tokens(&Issuer::hs256(&SECRET, realm())?)?;
    for token in &mut tokens.variants {
        // The first character of the signature: unlike the last, all its bits count.
        let signature = token.rfind('.').map_or(0, |dot| dot + 1);
        let other = if token[signature..].starts_with('A') { "B" } else { "A" };
        token.replace_range(signature..=signature, other);
    }
    refused(Verifier::hs256(&SECRET, &realm())?, tokens, TokenError::Signature)
}

pub(crate) fn expired() -> Result<Prepared, PrepareError> {
    let issuer = Issuer::hs256(&SECRET, realm())?;
    let tokens = made(|number| issuer.issue_between(&user(number), 1_000, 2_000))?;
    refused(Verifier::hs256(&SECRET, &realm())?, tokens, TokenError::Expired)
}

/// Signed with Ed25519, for a verifier of HS256: refused by the header, before any signature.
pub(crate) fn wrong_algorithm() -> Result<Prepared, PrepareError> {
    let tokens = tokens(&Issuer::ed25519(&SEED, realm())?)?;
    refused(Verifier::hs256(&SECRET, &realm())?, tokens, TokenError::Algorithm)
}

/// For someone else's audience: the signature is right, and the claims decide.
pub(crate) fn wrong_audience() -> Result<Prepared, PrepareError> {
    let elsewhere = Realm {
        audience: "elsewhere".into(),
        ..realm()
    };
    let tokens = tokens(&Issuer::hs256(&SECRET, elsewhere)?)?;
    refused(Verifier::hs256(&SECRET, &realm())?, tokens, TokenError::Audience)
}

fn refused(verifier: Verifier, tokens: Rotation<String>, expected: TokenError) -> Result<Prepared, PrepareError> {
    Ok(Prepared::new(
        (verifier, tokens),
        |(verifier, tokens)| verifier.verify(tokens.advance()),
        move |_, answer: &Answer| check_eq("the answer", answer, &Err(expected)),
    )
    .inputs(inputs()))
}

pub(crate) fn oversize() -> Result<Prepared, PrepareError> {
    let token = "a".repeat(64 * 1024);
    let expected = Err(TokenError::TooLong { bytes: token.len() });
    let inputs = token.clone();
    Ok(Prepared::new(
        (Verifier::hs256(&SECRET, &realm())?, token),
        |(verifier, token)| verifier.verify(token),
        move |_, answer: &Answer| check_eq("the answer", answer, &expected),
    )
    .inputs(inputs))
}

pub(crate) fn issue() -> Result<Prepared, PrepareError> {
    let users = Rotation::new(user);
    let verifier = Verifier::hs256(&SECRET, &realm())?;
    Ok(Prepared::new(
        (Issuer::hs256(&SECRET, realm())?, users),
        |(issuer, users)| issuer.issue(users.advance(), LIFETIME),
        move |_, token| {
            let verified = token.as_ref().map(|token| verifier.verify(token).is_ok());
            check_eq("whether the token verifies", &verified, &Ok(true))
        },
    )
    .inputs(inputs()))
}

fn verified(verifier: Verifier, issuer: Issuer) -> Result<Prepared, PrepareError> {
    let tokens = tokens(&issuer)?;
    Ok(Prepared::new(
        (verifier, tokens),
        |(verifier, tokens)| verifier.verify(tokens.advance()),
        |(_, tokens), answer| check_user(tokens, answer),
    )
    .inputs(inputs()))
}

fn check_user(tokens: &Rotation<String>, answer: &Answer) -> Result<(), voiceflow_kit::WrongAnswer> {
    let name = answer.as_ref().map(|claims| claims.user.to_string());
    check_eq("the user", &name, &Ok(user(tokens.next)))
}

/// The same by a header that other programs write, with the key's name in it, which takes the way over jsonwebtoken.
pub(crate) fn hs256_foreign_header() -> Result<Prepared, PrepareError> {
    let issuer = Issuer::hs256(&SECRET, realm())?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
    let header = base64url(br#"{"alg":"HS256","kid":"2026-11"}"#);
    let tokens = made(|number| {
        let token = issuer.issue(&user(number), LIFETIME)?;
        let claims = token.split('.').nth(1).unwrap_or_default();
        let message = format!("{header}.{claims}");
        let tag = hmac::sign(&key, message.as_bytes());
        Ok(format!("{message}.{}", base64url(tag.as_ref())))
    })?;
    let verifier = Verifier::hs256(&SECRET, &realm())?;
    Ok(Prepared::new(
        (verifier, tokens),
        |(verifier, tokens)| verifier.verify(tokens.advance()),
        |(_, tokens), answer| check_user(tokens, answer),
    )
    .inputs(inputs()))
}

fn base64url(bytes: &[u8]) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn tokens(issuer: &Issuer) -> Result<Rotation<String>, TokenError> {
    made(|number| issuer.issue(&user(number), LIFETIME))
}

fn made(make: impl Fn(usize) -> Result<String, TokenError>) -> Result<Rotation<String>, TokenError> {
    let mut tokens = Vec::with_capacity(super::VARIANTS);
    for number in 0..super::VARIANTS {
        tokens.push(make(number)?);
    }
    Ok(Rotation {
        variants: tokens,
        next: 0,
    })
}

/// Bytes of a token's header and claims, with the point between them.
pub(super) fn signed_bytes() -> Result<usize, TokenError> {
    let token = Issuer::hs256(&SECRET, realm())?.issue(&user(0), LIFETIME)?;
    Ok(token.rfind('.').unwrap_or_default())
}

/// What the tokens are made from: in themselves they hold the time, and are others in every run.
fn inputs() -> [u8; 32] {
    digest_parts((0..super::VARIANTS).map(user))
}

fn user(number: usize) -> String {
    format!("user-{number:04}@example.com")
}

fn realm() -> Realm {
    Realm {
        issuer: "https://voiceflow.example".into(),
        audience: "voiceflow".into(),
    }
}
