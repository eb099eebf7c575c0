//! What reading costs by how much was read before and by how many tokens are read at once, and what is done with the
//! scores of one token.

use voiceflow_enhance::EnhanceError;
use voiceflow_enhance::model::{LanguageModel, Likelihoods};
use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq};

use super::model::{bytes, expect_token, on_two_threads, shared, tokens};

/// Tokens of SmolLM2's vocabulary.
const VOCABULARY: u32 = 49_152;

pub(super) fn decode_after_1() -> Result<Prepared, PrepareError> {
    decode_after(shared()?, 1)
}

pub(super) fn decode_after_256() -> Result<Prepared, PrepareError> {
    decode_after(shared()?, 256)
}

pub(super) fn decode_after_256_2t() -> Result<Prepared, PrepareError> {
    decode_after(on_two_threads()?, 256)
}

pub(super) fn decode_after_1024() -> Result<Prepared, PrepareError> {
    decode_after(shared()?, 1024)
}

/// Reads one token after `length`, and takes it back.
fn decode_after(model: &LanguageModel, length: usize) -> Result<Prepared, PrepareError> {
    let tokens = tokens(model, length + 1)?;
    let inputs = bytes(&tokens);
    let last = tokens[length];
    let mut session = model.session();
    session.read(&tokens[..length])?;
    let expected = session.clone().read(&[last])?.likeliest();
    let prepared = Prepared::new(
        session,
        move |session| {
            session.truncate(length);
            session.read(&[last]).map(|likelihoods| likelihoods.likeliest())
        },
        move |_, token| expect_token(token, expected),
    );
    Ok(prepared.inputs(inputs))
}

pub(super) fn verify_1() -> Result<Prepared, PrepareError> {
    verify(1)
}

pub(super) fn verify_2() -> Result<Prepared, PrepareError> {
    verify(2)
}

pub(super) fn verify_4() -> Result<Prepared, PrepareError> {
    verify(4)
}

pub(super) fn verify_8() -> Result<Prepared, PrepareError> {
    verify(8)
}

pub(super) fn verify_16() -> Result<Prepared, PrepareError> {
    verify(16)
}

/// Tokens before those that are weighed: about as many as come before every dictation.
const READ_BEFORE: usize = 256;

/// Reads `count` tokens at once and asks after each what comes next; then takes them back.
fn verify(count: usize) -> Result<Prepared, PrepareError> {
    let model = shared()?;
    let tokens = tokens(model, READ_BEFORE + count)?;
    let inputs = bytes(&tokens);
    let weighed = tokens[READ_BEFORE..].to_vec();
    let mut session = model.session();
    session.read(&tokens[..READ_BEFORE])?;
    let mut one_by_one = session.clone();
    let mut expected = Vec::with_capacity(count);
    for &token in &weighed {
        expected.push(one_by_one.read(&[token])?.likeliest());
    }
    let prepared = Prepared::new(
        session,
        move |session| {
            session.truncate(READ_BEFORE);
            let read = session.read_each(&weighed)?;
            Ok(read.iter().map(Likelihoods::likeliest).collect())
        },
        move |_, chosen: &Result<Vec<u32>, EnhanceError>| match chosen {
            Ok(chosen) => check_eq("the next tokens", chosen, &expected),
            Err(error) => Err(WrongAnswer::new(error.to_string())),
        },
    );
    Ok(prepared.inputs(inputs))
}

/// Scores that fall and rise, the largest in the last tenth of the vocabulary.
fn scores() -> Vec<f32> {
    let at = |token: u32| f64::from(token.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24);
    let mut scores: Vec<f32> = (0..VOCABULARY).map(|token| (at(token) * 30.0 - 15.0) as f32).collect();
    scores[HIGHEST as usize] = 16.0;
    scores
}

const HIGHEST: u32 = VOCABULARY - 4321;

pub(super) fn argmax() -> Result<Prepared, PrepareError> {
    let prepared = Prepared::new(
        Likelihoods::new(scores()),
        |likelihoods| likelihoods.likeliest(),
        |_, token| check_eq("the likeliest token", token, &HIGHEST),
    );
    Ok(prepared.inputs("falling and rising scores"))
}

pub(super) fn normalizer() -> Result<Prepared, PrepareError> {
    let exact: f64 = scores().iter().map(|&score| f64::from(score).exp()).sum();
    let prepared = Prepared::new(
        Likelihoods::new(scores()),
        |likelihoods| likelihoods.normalizer(),
        move |_, normalizer| {
            if (f64::from(*normalizer) - exact.ln()).abs() < 1e-3 {
                Ok(())
            } else {
                Err(WrongAnswer::new(format!("{normalizer} instead of {}", exact.ln())))
            }
        },
    );
    Ok(prepared.inputs("falling and rising scores"))
}
