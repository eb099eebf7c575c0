//! Key derivation.

use voiceflow_kit::{PrepareError, Prepared, check_eq};
use voiceflow_security::kdf::{Iterations, Purpose, SecretKey, derive_key, expand};

pub(crate) fn pbkdf2_600k() -> Result<Prepared, PrepareError> {
    let iterations = Iterations::default();
    let call = move |passphrase: &mut &[u8]| derive_key(passphrase, b"voiceflow-salt-0", iterations);
    // The first answer is what every later one must repeat; that it is right, the tests show.
    let expected = derive_key(b"correct horse battery staple", b"voiceflow-salt-0", iterations)?;
    Ok(Prepared::new(
        &b"correct horse battery staple"[..],
        call,
        move |_, key| check_eq("the key", key, &Ok(expected.clone())),
    ))
}

pub(crate) fn hkdf() -> Result<Prepared, PrepareError> {
    let expected = expand(&SecretKey::from_bytes([7; 32]), Purpose::Database);
    Ok(Prepared::new(
        SecretKey::from_bytes([7; 32]),
        |master| expand(master, Purpose::Database),
        move |_, key| check_eq("the key", key, &expected),
    ))
}
