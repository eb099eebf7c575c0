//! SHA-256 digests: their type, and hashing a file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest, as 64 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Digest(String);

/// What hashing a file found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// The SHA-256 of the whole content.
    pub digest: Digest,
    /// The number of bytes read.
    pub bytes: u64,
}

impl Digest {
    /// The digest of some bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_hasher(Sha256::new_with_prefix(bytes))
    }

    /// The 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn from_hasher(hasher: Sha256) -> Self {
        let mut digits = String::with_capacity(64);
        for byte in hasher.finalize() {
            digits.push(char::from(HEXADECIMAL[usize::from(byte >> 4)]));
            digits.push(char::from(HEXADECIMAL[usize::from(byte & 15)]));
        }
        Self(digits)
    }
}

const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(digits: String) -> Result<Self, String> {
        let is_digest = digits.len() == 64 && digits.bytes().all(|byte| HEXADECIMAL.contains(&byte));
        if is_digest {
            Ok(Self(digits))
        } else {
            Err(format!("`{digits}` is not 64 lower-case hexadecimal digits"))
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Reads a file to its end and hashes it.
///
/// # Errors
/// When it cannot be opened or read.
pub fn hash_file(path: &Path) -> io::Result<Hashed> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    // 64 KiB amortises the system calls and stays inside the L2 cache.
    let mut buffer = vec![0_u8; 64 * 1024];
    let mut bytes = 0_u64;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(Hashed {
                digest: Digest::from_hasher(hasher),
                bytes,
            });
        }
        hasher.update(&buffer[..count]);
        bytes += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_abc_is_the_one_in_fips_180() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").as_str(), expected);
    }

    #[test]
    fn a_digest_of_the_wrong_length_or_case_is_refused() {
        assert!(Digest::try_from("ab".to_owned()).is_err());
        assert!(Digest::try_from("A".repeat(64)).is_err());
        assert!(Digest::try_from("a".repeat(64)).is_ok());
    }
}
