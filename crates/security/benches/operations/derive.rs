//! Key derivation.

use voiceflow_kit::{PrepareError, Prepared, check_eq};
use voiceflow_security::kdf::{Iterations, Purpose, SecretKey, derive_key, expand};

const PASSPHRASE: &[u8] = b"correct horse battery staple";
const SALT: &[u8] = b"voiceflow-salt-0";
const MASTER_KEY: [u8; 32] = [7; 32];

pub(crate) fn pbkdf2_600k() -> Result<Prepared, PrepareError> {
    let iterations = Iterations::default();
    let call = move |passphrase: &mut &[u8]| derive_key(passphrase, SALT, iterations);
    // The first answer is what every later one must repeat; that it is right, the tests show.
    let expected = derive_key(PASSPHRASE, SALT, iterations)?;
    Ok(Prepared::new(PASSPHRASE, call, move |_, key| {
        check_eq("the key", key, &Ok(expected.clone()))
    })
    .inputs([PASSPHRASE, SALT].concat()))
}

pub(crate) fn hkdf() -> Result<Prepared, PrepareError> {
    let expected = expand(&SecretKey::from_bytes(MASTER_KEY), Purpose::Database);
    Ok(Prepared::new(
        SecretKey::from_bytes(MASTER_KEY),
        |master| expand(master, Purpose::Database),
        move |_, key| check_eq("the key", key, &expected),
    )
    .inputs(MASTER_KEY))
}
