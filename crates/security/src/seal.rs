//! Authenticated encryption of messages with ring, built so that a nonce cannot repeat under one key.
//!
//! # Why it cannot repeat
//! Both ciphers break when one key meets one nonce twice, and a counter alone starts over with every restart. So a
//! [`Sealer`] never uses its master key on data: when made, it draws a 32-byte random salt and derives a data key of
//! its own from master key and salt with HKDF-SHA256. Under that data key the nonce is a 64-bit counter that only this
//! sealer holds, handed out by one atomic step, refused after [`MESSAGES_PER_SEALER`]. Two sealers, in one process or
//! after a restart, share a data key only if two random 256-bit salts are equal. Two situations copy a sealer behind
//! its back and must be avoided by the caller: `fork` without `exec`, and resuming one memory snapshot twice.
//!
//! # Envelope, version 1
//! | bytes | content |
//! |---|---|
//! | 1 | version, 1 |
//! | 1 | cipher, see [`Cipher`] |
//! | 32 | salt of the data key |
//! | 8 | counter, big-endian; the nonce is four zero bytes and these |
//! | n | ciphertext, as long as the plaintext |
//! | 16 | tag |
//!
//! The header needs no place in the associated data: version, cipher and salt select the key and the counter is the
//! nonce, so a changed header is a failed tag. The caller's associated data (a row id, a user) therefore reaches the
//! cipher without a copy.
//!
//! Errors on opening say *what kind* of thing was wrong with the envelope's form and nothing else: a wrong key, a
//! changed byte and other associated data are one error.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ring::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;

use crate::kdf::{SecretKey, hkdf_sha256};

/// Messages that one sealer seals before it refuses; make a new one then, which costs microseconds.
///
/// With AES-GCM the distinguishing advantage is about (blocks)² / 2¹²⁹: 2³² messages of 16 KiB are 2⁴² blocks and
/// 2⁻⁴⁵. The counter itself would reach 2⁶⁴.
pub const MESSAGES_PER_SEALER: u64 = 1 << 32;

/// Bytes before the ciphertext; see the envelope above.
pub const HEADER_BYTES: usize = 2 + SALT_BYTES + COUNTER_BYTES;

/// Bytes after the ciphertext: both ciphers have a 128-bit tag.
pub const TAG_BYTES: usize = 16;

const VERSION: u8 = 1;
const SALT_BYTES: usize = 32;
const COUNTER_BYTES: usize = 8;

/// Data keys of *other* sealers that a sealer keeps after opening their messages. A store written over a few restarts
/// has a handful; a miss costs one HKDF and one key schedule, about two microseconds.
const CACHED_KEYS: usize = 16;

/// The cipher of an envelope and its byte there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cipher {
    /// AES-256-GCM: the faster where the processor has AES instructions.
    Aes256Gcm = 1,
    /// ChaCha20-Poly1305: the faster, and constant in time, where it has not.
    ChaCha20Poly1305 = 2,
}

impl Cipher {
    fn from_byte(byte: u8) -> Result<Self, SealError> {
        match byte {
            1 => Ok(Self::Aes256Gcm),
            2 => Ok(Self::ChaCha20Poly1305),
            other => Err(SealError::UnknownCipher(other)),
        }
    }

    /// The data key for a salt. Version and cipher are part of the derivation, so one key never serves two ciphers.
    fn data_key(self, master: &SecretKey, salt: &[u8; SALT_BYTES]) -> LessSafeKey {
        let key = hkdf_sha256(master, salt, &[b"voiceflow seal", &[VERSION, self as u8]]);
        let algorithm = match self {
            Self::Aes256Gcm => &AES_256_GCM,
            Self::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        };
        let unbound = UnboundKey::new(algorithm, key.expose_secret()).expect("both ciphers take 32-byte keys");
        LessSafeKey::new(unbound)
    }
}

/// Seals messages under a data key of its own, and opens what any sealer with the same master key has sealed.
///
/// Shared by reference between threads. The master key is wiped on drop; ring does not wipe its key schedules.
pub struct Sealer {
    cipher: Cipher,
    master: SecretKey,
    salt: [u8; SALT_BYTES],
    key: LessSafeKey,
    next_counter: AtomicU64,
    other_keys: Mutex<Vec<CachedKey>>,
}

/// Kept most recently used last.
struct CachedKey {
    cipher: Cipher,
    salt: [u8; SALT_BYTES],
    key: Arc<LessSafeKey>,
}

impl Sealer {
    /// A sealer with a fresh data key.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`] when the system gives no salt.
    pub fn new(cipher: Cipher, master: &SecretKey) -> Result<Self, SealError> {
        Self::starting_at(cipher, master, 0)
    }

    fn starting_at(cipher: Cipher, master: &SecretKey, first_counter: u64) -> Result<Self, SealError> {
        let mut salt = [0; SALT_BYTES];
        SystemRandom::new()
            .fill(&mut salt)
            .map_err(|_| SealError::NoRandomness)?;
        Ok(Self {
            cipher,
            master: master.clone(),
            key: cipher.data_key(master, &salt),
            salt,
            next_counter: AtomicU64::new(first_counter),
            other_keys: Mutex::new(Vec::with_capacity(CACHED_KEYS)),
        })
    }

    /// Seals a copy of `plaintext`; opening needs the same `associated_data`, which the envelope does not contain.
    ///
    /// # Errors
    /// [`SealError::Exhausted`] after [`MESSAGES_PER_SEALER`] messages.
    pub fn seal(&self, plaintext: &[u8], associated_data: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut envelope = Vec::with_capacity(HEADER_BYTES + plaintext.len() + TAG_BYTES);
        envelope.resize(HEADER_BYTES, 0);
        envelope.extend_from_slice(plaintext);
        self.seal_in_place(&mut envelope, associated_data)?;
        Ok(envelope)
    }

    /// Seals without copying: `buffer` holds [`HEADER_BYTES`] of room, whatever is in them, then the plaintext, and
    /// becomes the envelope. With [`TAG_BYTES`] of spare capacity it does not reallocate.
    ///
    /// # Errors
    /// [`SealError::TooShort`] without room for the header, [`SealError::Exhausted`] after [`MESSAGES_PER_SEALER`];
    /// `buffer` is then as before.
    pub fn seal_in_place(&self, buffer: &mut Vec<u8>, associated_data: &[u8]) -> Result<(), SealError> {
        if buffer.len() < HEADER_BYTES {
            return Err(SealError::TooShort {
                bytes: buffer.len(),
                minimum: HEADER_BYTES,
            });
        }
        let counter = self.take_counter()?;
        let (header, plaintext) = buffer.split_at_mut(HEADER_BYTES);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce(counter), Aad::from(associated_data), plaintext)
            .map_err(|_| SealError::TooLong)?;
        header[0] = VERSION;
        header[1] = self.cipher as u8;
        header[2..2 + SALT_BYTES].copy_from_slice(&self.salt);
        header[2 + SALT_BYTES..].copy_from_slice(&counter.to_be_bytes());
        buffer.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens a copy of an envelope.
    ///
    /// # Errors
    /// As [`Sealer::open_in_place`].
    pub fn open(&self, envelope: &[u8], associated_data: &[u8]) -> Result<Vec<u8>, SealError> {
        let header = Header::parse(envelope)?;
        let mut body = envelope[HEADER_BYTES..].to_vec();
        let length = self.decrypt(&header, &mut body, associated_data)?.len();
        body.truncate(length);
        Ok(body)
    }

    /// Opens without copying; the plaintext lies inside `envelope`.
    ///
    /// # Errors
    /// [`SealError::TooShort`], [`SealError::UnknownVersion`], [`SealError::UnknownCipher`] by form;
    /// [`SealError::NotAuthentic`] for everything else, and ring has then wiped the ciphertext's place.
    pub fn open_in_place<'a>(&self, envelope: &'a mut [u8], associated_data: &[u8]) -> Result<&'a [u8], SealError> {
        let header = Header::parse(envelope)?;
        self.decrypt(&header, &mut envelope[HEADER_BYTES..], associated_data)
    }

    /// One step of the counter, never the same twice: a failed update changes nothing.
    fn take_counter(&self) -> Result<u64, SealError> {
        self.next_counter
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
                (next < MESSAGES_PER_SEALER).then_some(next + 1)
            })
            .map_err(|_| SealError::Exhausted)
    }

    fn decrypt<'a>(&self, header: &Header, body: &'a mut [u8], aad: &[u8]) -> Result<&'a [u8], SealError> {
        if header.cipher == self.cipher && header.salt == self.salt {
            return open_with(&self.key, header, body, aad);
        }
        if let Some(key) = self.cached_key(header) {
            return open_with(&key, header, body, aad);
        }
        let key = Arc::new(header.cipher.data_key(&self.master, &header.salt));
        let plaintext = open_with(&key, header, body, aad)?;
        // Only a salt that has opened something is kept: made-up salts cannot push the real ones out.
        self.remember(header, key);
        Ok(plaintext)
    }

    fn cached_key(&self, header: &Header) -> Option<Arc<LessSafeKey>> {
        let mut keys = self.other_keys.lock().unwrap_or_else(PoisonError::into_inner);
        let position = keys
            .iter()
            .rposition(|entry| entry.cipher == header.cipher && entry.salt == header.salt)?;
        keys[position..].rotate_left(1);
        keys.last().map(|entry| Arc::clone(&entry.key))
    }

    fn remember(&self, header: &Header, key: Arc<LessSafeKey>) {
        let mut keys = self.other_keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys
            .iter()
            .any(|entry| entry.cipher == header.cipher && entry.salt == header.salt)
        {
            return;
        }
        if keys.len() == CACHED_KEYS {
            keys.remove(0);
        }
        keys.push(CachedKey {
            cipher: header.cipher,
            salt: header.salt,
            key,
        });
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sealer")
            .field("cipher", &self.cipher)
            .finish_non_exhaustive()
    }
}

struct Header {
    cipher: Cipher,
    salt: [u8; SALT_BYTES],
    counter: u64,
}

impl Header {
    fn parse(envelope: &[u8]) -> Result<Self, SealError> {
        let too_short = SealError::TooShort {
            bytes: envelope.len(),
            minimum: HEADER_BYTES + TAG_BYTES,
        };
        let (&[version, cipher], rest) = envelope.split_first_chunk().ok_or(too_short)?;
        if version != VERSION {
            return Err(SealError::UnknownVersion(version));
        }
        let cipher = Cipher::from_byte(cipher)?;
        let (&salt, rest) = rest.split_first_chunk().ok_or(too_short)?;
        let (&counter, body) = rest.split_first_chunk().ok_or(too_short)?;
        if body.len() < TAG_BYTES {
            return Err(too_short);
        }
        Ok(Self {
            cipher,
            salt,
            counter: u64::from_be_bytes(counter),
        })
    }
}

fn open_with<'a>(key: &LessSafeKey, header: &Header, body: &'a mut [u8], aad: &[u8]) -> Result<&'a [u8], SealError> {
    match key.open_in_place(nonce(header.counter), Aad::from(aad), body) {
        Ok(plaintext) => Ok(plaintext),
        Err(_) => Err(SealError::NotAuthentic),
    }
}

fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[NONCE_LEN - COUNTER_BYTES..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// Why a message was not sealed or opened. Carries the envelope's public form at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// The sealer has given out all its nonces.
    #[error("this sealer has sealed {MESSAGES_PER_SEALER} messages: make a new one")]
    Exhausted,
    /// The operating system's generator failed.
    #[error("the operating system gave no random bytes for a salt")]
    NoRandomness,
    /// Less than an envelope, or a buffer without room for its header.
    #[error("{bytes} bytes are less than the {minimum} needed")]
    TooShort {
        /// What was given.
        bytes: usize,
        /// What is the least.
        minimum: usize,
    },
    /// More than the cipher takes in one message: 64 GiB with AES-GCM, 256 GiB with ChaCha20-Poly1305.
    #[error("the message is longer than the cipher takes")]
    TooLong,
    /// Written by a later program, or not an envelope.
    #[error("envelope version {0} is unknown, this program reads {VERSION}")]
    UnknownVersion(u8),
    /// Written by a later program, or not an envelope.
    #[error("envelope cipher {0} is unknown")]
    UnknownCipher(u8),
    /// Another key, changed bytes or other associated data: which, it does not say.
    #[error("the envelope is not authentic under this key and associated data")]
    NotAuthentic,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::kdf::KEY_BYTES;

    const CIPHERS: [Cipher; 2] = [Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305];

    fn master() -> SecretKey {
        SecretKey::from_bytes([3; KEY_BYTES])
    }

    fn sealer(cipher: Cipher) -> Sealer {
        Sealer::new(cipher, &master()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_after_a_restart_by_copy_and_in_place() {
        for cipher in CIPHERS {
            let envelope = sealer(cipher).seal(b"buy two pints of milk", b"row 7").unwrap();
            assert_eq!(envelope.len(), HEADER_BYTES + 21 + TAG_BYTES);
            // Another sealer stands for the next start; the other cipher for a changed setting.
            for reader in CIPHERS.map(sealer) {
                for _ in 0..2 {
                    assert_eq!(reader.open(&envelope, b"row 7").unwrap(), b"buy two pints of milk");
                    let mut copy = envelope.clone();
                    assert_eq!(
                        reader.open_in_place(&mut copy, b"row 7").unwrap(),
                        b"buy two pints of milk"
                    );
                }
            }
        }
    }

    #[test]
    fn any_changed_byte_fails_and_the_plaintext_does_not_appear() {
        for cipher in CIPHERS {
            let sealer = sealer(cipher);
            let envelope = sealer.seal(b"meet at noon", b"row 7").unwrap();
            assert!(!envelope.windows(4).any(|window| window == b"noon"));
            for position in 0..envelope.len() {
                let mut changed = envelope.clone();
                changed[position] ^= 0x40;
                let error = sealer.open(&changed, b"row 7").unwrap_err();
                let expected = match position {
                    0 => SealError::UnknownVersion(VERSION ^ 0x40),
                    1 => SealError::UnknownCipher(cipher as u8 ^ 0x40),
                    _ => SealError::NotAuthentic,
                };
                assert_eq!(error, expected, "byte {position}");
            }
        }
    }

    #[test]
    fn the_other_cipher_named_in_the_header_fails() {
        let sealer = sealer(Cipher::Aes256Gcm);
        let mut envelope = sealer.seal(b"text", b"").unwrap();
        envelope[1] = Cipher::ChaCha20Poly1305 as u8;
        assert_eq!(sealer.open(&envelope, b""), Err(SealError::NotAuthentic));
    }

    #[test]
    fn another_master_key_and_other_associated_data_fail_alike() {
        let envelope = sealer(Cipher::Aes256Gcm).seal(b"text", b"row 7").unwrap();
        let stranger = Sealer::new(Cipher::Aes256Gcm, &SecretKey::from_bytes([4; KEY_BYTES])).unwrap();
        assert_eq!(stranger.open(&envelope, b"row 7"), Err(SealError::NotAuthentic));
        assert_eq!(
            sealer(Cipher::Aes256Gcm).open(&envelope, b"row 8"),
            Err(SealError::NotAuthentic)
        );
    }

    #[test]
    fn every_truncation_is_refused() {
        let sealer = sealer(Cipher::ChaCha20Poly1305);
        let envelope = sealer.seal(b"text", b"").unwrap();
        for length in 0..envelope.len() {
            assert!(sealer.open(&envelope[..length], b"").is_err(), "{length} bytes");
        }
        assert_eq!(
            sealer.open(&envelope[..HEADER_BYTES + TAG_BYTES - 1], b""),
            Err(SealError::TooShort {
                bytes: HEADER_BYTES + TAG_BYTES - 1,
                minimum: HEADER_BYTES + TAG_BYTES
            })
        );
    }

    #[test]
    fn no_pair_of_salt_and_counter_repeats_over_threads_and_sealers() {
        let sealers: Vec<Sealer> = (0..3).map(|_| sealer(Cipher::Aes256Gcm)).collect();
        let nonces = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..600 {
                        let envelope = sealers[round % 3].seal(b"", b"").unwrap();
                        nonces.lock().unwrap().push(envelope[2..HEADER_BYTES].to_vec());
                    }
                });
            }
        });
        let nonces = nonces.into_inner().unwrap();
        assert_eq!(nonces.len(), 2400);
        assert_eq!(nonces.iter().collect::<HashSet<_>>().len(), 2400);
    }

    #[test]
    fn the_last_nonce_is_used_once_and_then_refused_for_good() {
        let sealer = Sealer::starting_at(Cipher::Aes256Gcm, &master(), MESSAGES_PER_SEALER - 1).unwrap();
        let envelope = sealer.seal(b"last", b"").unwrap();
        assert_eq!(sealer.open(&envelope, b"").unwrap(), b"last");
        let mut buffer = vec![9; HEADER_BYTES + 4];
        for _ in 0..3 {
            assert_eq!(sealer.seal(b"one more", b""), Err(SealError::Exhausted));
            assert_eq!(sealer.seal_in_place(&mut buffer, b""), Err(SealError::Exhausted));
        }
        assert_eq!(buffer, vec![9; HEADER_BYTES + 4]);
    }

    #[test]
    fn the_key_cache_is_bounded_and_ignores_salts_that_never_opened_anything() {
        let reader = sealer(Cipher::Aes256Gcm);
        let mut forged = sealer(Cipher::Aes256Gcm).seal(b"text", b"").unwrap();
        forged[HEADER_BYTES] ^= 1;
        assert!(reader.open(&forged, b"").is_err());
        assert_eq!(reader.other_keys.lock().unwrap().len(), 0);
        for _ in 0..CACHED_KEYS + 5 {
            let envelope = sealer(Cipher::Aes256Gcm).seal(b"text", b"").unwrap();
            assert_eq!(reader.open(&envelope, b"").unwrap(), b"text");
        }
        assert_eq!(reader.other_keys.lock().unwrap().len(), CACHED_KEYS);
    }

    #[test]
    fn sealing_in_place_needs_room_for_the_header() {
        let mut buffer = vec![0; HEADER_BYTES - 1];
        let error = sealer(Cipher::Aes256Gcm).seal_in_place(&mut buffer, b"").unwrap_err();
        assert_eq!(
            error,
            SealError::TooShort {
                bytes: HEADER_BYTES - 1,
                minimum: HEADER_BYTES
            }
        );
    }

    #[test]
    fn a_sealer_does_not_print_its_keys() {
        assert_eq!(
            format!("{:?}", sealer(Cipher::Aes256Gcm)),
            "Sealer { cipher: Aes256Gcm, .. }"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_message_and_associated_data_survive(
            message in proptest::collection::vec(any::<u8>(), 0..2_000),
            associated_data in proptest::collection::vec(any::<u8>(), 0..64),
            aes in any::<bool>(),
        ) {
            let sealer = sealer(if aes { Cipher::Aes256Gcm } else { Cipher::ChaCha20Poly1305 });
            let envelope = sealer.seal(&message, &associated_data).unwrap();
            prop_assert_eq!(sealer.open(&envelope, &associated_data).unwrap(), message);
        }

        #[test]
        fn arbitrary_bytes_never_open_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(sealer(Cipher::Aes256Gcm).open(&bytes, b"").is_err());
        }
    }
}
