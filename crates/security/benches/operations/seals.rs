//! Sealing and opening.

use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq};
use voiceflow_security::kdf::SecretKey;
use voiceflow_security::seal::{Cipher, HEADER_BYTES, SealError, Sealer, TAG_BYTES};

pub(super) const LARGE_BYTES: usize = 16 * 1024;
const HUGE_BYTES: usize = 1 << 20;
pub(super) const ASSOCIATED_DATA: &[u8] = b"transcript 1234567";

pub(crate) fn seal_aes256gcm_1kib() -> Result<Prepared, PrepareError> {
    seal_in_place(Cipher::Aes256Gcm, 1024)
}

pub(crate) fn seal_aes256gcm_16kib() -> Result<Prepared, PrepareError> {
    seal_in_place(Cipher::Aes256Gcm, LARGE_BYTES)
}

pub(crate) fn seal_aes256gcm_1mib() -> Result<Prepared, PrepareError> {
    seal_in_place(Cipher::Aes256Gcm, HUGE_BYTES)
}

pub(crate) fn seal_chacha20poly1305_64b() -> Result<Prepared, PrepareError> {
    seal_in_place(Cipher::ChaCha20Poly1305, 64)
}

pub(crate) fn seal_chacha20poly1305_1kib() -> Result<Prepared, PrepareError> {
    seal_in_place(Cipher::ChaCha20Poly1305, 1024)
}

pub(crate) fn seal_chacha20poly1305_16kib() -> Result<Prepared, PrepareError> {
    seal_in_place(Cipher::ChaCha20Poly1305, LARGE_BYTES)
}

pub(crate) fn seal_chacha20poly1305_1mib() -> Result<Prepared, PrepareError> {
    seal_in_place(Cipher::ChaCha20Poly1305, HUGE_BYTES)
}

/// Buffer and sealer go round together: the buffer of the last answer is not needed, so a fresh one is made outside.
fn seal_in_place(cipher: Cipher, bytes: usize) -> Result<Prepared, PrepareError> {
    let template = buffer(bytes);
    Ok(Prepared::with_input(
        sealer(cipher)?,
        move |_| {
            let mut buffer = Vec::with_capacity(template.len() + TAG_BYTES);
            buffer.extend_from_slice(&template);
            buffer
        },
        |sealer, mut buffer| sealer.seal_in_place(&mut buffer, ASSOCIATED_DATA).map(|()| buffer),
        move |sealer, envelope| {
            let envelope = envelope.as_ref().map_err(wrong)?;
            let plaintext = sealer.open(envelope, ASSOCIATED_DATA).map_err(|error| wrong(&error))?;
            check_eq("the plaintext", &(plaintext == plaintext_of(bytes)), &true)
        },
    )
    .inputs(plaintext_of(bytes)))
}

/// What the first message of a process pays: a random salt, the derivation of a data key, its schedule.
pub(crate) fn key_init() -> Result<Prepared, PrepareError> {
    let master = SecretKey::from_bytes([0x42; 32]);
    Ok(Prepared::new(
        master,
        |master| Sealer::new(Cipher::Aes256Gcm, master),
        |master, sealer| {
            let envelope = sealer.as_ref().map_err(wrong)?.seal(b"first", ASSOCIATED_DATA);
            let reader = Sealer::new(Cipher::Aes256Gcm, master).map_err(|error| wrong(&error))?;
            let opened = envelope.and_then(|envelope| reader.open(&envelope, ASSOCIATED_DATA));
            check_eq("the plaintext", &opened, &Ok(b"first".to_vec()))
        },
    )
    .inputs([0x42; 32]))
}

pub(crate) fn seal_aes256gcm_64b() -> Result<Prepared, PrepareError> {
    Ok(Prepared::new(
        (sealer(Cipher::Aes256Gcm)?, plaintext_of(64)),
        |(sealer, plaintext)| sealer.seal(plaintext, ASSOCIATED_DATA),
        |(sealer, plaintext), envelope| {
            let envelope = envelope.as_ref().map_err(wrong)?;
            check_eq(
                "the plaintext",
                &sealer.open(envelope, ASSOCIATED_DATA).as_ref(),
                &Ok(&*plaintext),
            )
        },
    )
    .inputs(plaintext_of(64)))
}

pub(crate) fn open_aes256gcm_64b() -> Result<Prepared, PrepareError> {
    open_in_place(Cipher::Aes256Gcm, 64)
}

pub(crate) fn open_aes256gcm_1kib() -> Result<Prepared, PrepareError> {
    open_in_place(Cipher::Aes256Gcm, 1024)
}

pub(crate) fn open_aes256gcm_16kib() -> Result<Prepared, PrepareError> {
    open_in_place(Cipher::Aes256Gcm, LARGE_BYTES)
}

pub(crate) fn open_aes256gcm_1mib() -> Result<Prepared, PrepareError> {
    open_in_place(Cipher::Aes256Gcm, HUGE_BYTES)
}

pub(crate) fn open_chacha20poly1305_16kib() -> Result<Prepared, PrepareError> {
    open_in_place(Cipher::ChaCha20Poly1305, LARGE_BYTES)
}

fn open_in_place(cipher: Cipher, bytes: usize) -> Result<Prepared, PrepareError> {
    let sealer = sealer(cipher)?;
    let envelope = sealer.seal(&plaintext_of(bytes), ASSOCIATED_DATA)?;
    Ok(Prepared::with_input(
        sealer,
        move |_| envelope.clone(),
        |sealer, mut envelope| {
            let opened = sealer.open_in_place(&mut envelope, ASSOCIATED_DATA).map(<[u8]>::len);
            (opened, envelope)
        },
        move |_, (opened, envelope)| {
            check_eq("the length", opened, &Ok(bytes))?;
            let plaintext = &envelope[HEADER_BYTES..HEADER_BYTES + bytes];
            check_eq("the plaintext", &(plaintext == plaintext_of(bytes)), &true)
        },
    )
    .inputs(plaintext_of(bytes)))
}

pub(crate) fn open_aes256gcm_bad_tag() -> Result<Prepared, PrepareError> {
    let sealer = sealer(Cipher::Aes256Gcm)?;
    let mut envelope = sealer.seal(&plaintext_of(LARGE_BYTES), ASSOCIATED_DATA)?;
    envelope[HEADER_BYTES + LARGE_BYTES] ^= 1;
    Ok(Prepared::with_input(
        sealer,
        move |_| envelope.clone(),
        |sealer, mut envelope| {
            let opened = sealer.open_in_place(&mut envelope, ASSOCIATED_DATA).map(<[u8]>::len);
            (opened, envelope)
        },
        |_, (opened, _)| check_eq("the answer", opened, &Err(SealError::NotAuthentic)),
    )
    .inputs(plaintext_of(LARGE_BYTES)))
}

/// More envelopes, each of another sealer, than the reader's key cache holds.
pub(crate) fn open_aes256gcm_other_salt() -> Result<Prepared, PrepareError> {
    let envelopes: Result<Vec<_>, SealError> = (0..64)
        .map(|_| sealer(Cipher::Aes256Gcm)?.seal(&plaintext_of(64), ASSOCIATED_DATA))
        .collect();
    Ok(Prepared::new(
        (sealer(Cipher::Aes256Gcm)?, envelopes?, 0_usize),
        |(sealer, envelopes, next)| {
            *next = (*next + 1) % envelopes.len();
            sealer.open(&envelopes[*next], ASSOCIATED_DATA)
        },
        |_, opened| check_eq("the plaintext", opened, &Ok(plaintext_of(64))),
    )
    .inputs(plaintext_of(64)))
}

fn sealer(cipher: Cipher) -> Result<Sealer, SealError> {
    Sealer::new(cipher, &SecretKey::from_bytes([0x42; 32]))
}

pub(super) fn plaintext_of(bytes: usize) -> Vec<u8> {
    b"the quick brown fox jumps over the lazy dog "
        .iter()
        .copied()
        .cycle()
        .take(bytes)
        .collect()
}

pub(super) fn buffer(bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; HEADER_BYTES];
    buffer.extend(plaintext_of(bytes));
    buffer
}

fn wrong(error: &SealError) -> WrongAnswer {
    WrongAnswer::new(error.to_string())
}
