//! The one secret that a server needs, and what is made of it.
//!
//! A master key of 32 bytes comes from the environment or from a file that only its owner may read; the database's key
//! and the tokens' secret are derived from it. No key is ever taken from the settings or the command line, which end in
//! backups, process lists and shell histories.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use voiceflow_security::kdf::{self, KEY_BYTES, Purpose, SecretKey};
use voiceflow_security::token::{Issuer, Realm, TokenError, Verifier};
use zeroize::Zeroizing;

/// Environment variable with the master key, 64 hexadecimal digits.
pub const KEY_VARIABLE: &str = "VOICEFLOW_KEY";

/// Tokens remembered as verified: one for each user of a large installation.
const TOKEN_CACHE_CAPACITY: usize = 10_000;

/// Longest key file read: the digits, a newline, and a little more to say that it is too long.
const KEY_FILE_BYTES_MAX: u64 = 256;

/// The master key.
#[derive(Clone, Debug)]
pub struct Keys {
    master: SecretKey,
}

/// Why there is no key. No message holds any of it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The variable is set and wrong.
    #[error("{KEY_VARIABLE} is not {} hexadecimal digits", 2 * KEY_BYTES)]
    Variable,
    /// The file holds something else.
    #[error("{} does not hold {} hexadecimal digits", .file.display(), 2 * KEY_BYTES)]
    File {
        /// The key file.
        file: PathBuf,
    },
    /// Others than the owner could read the key.
    #[error("{} can be read by others than its owner; run `chmod 600` on it", .file.display())]
    Exposed {
        /// The key file.
        file: PathBuf,
    },
    /// The file is not there, cannot be read or cannot be made.
    #[error("cannot use the key file {}", .file.display())]
    Io {
        /// The key file.
        file: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The operating system has no randomness to give.
    #[error("cannot make a random key")]
    NoRandomness(#[from] kdf::KdfError),
}

impl Keys {
    /// Keys under a given master key.
    #[must_use]
    pub fn new(master: SecretKey) -> Self {
        Self { master }
    }

    /// The master key from [`KEY_VARIABLE`], else from `file`.
    ///
    /// # Errors
    /// [`KeyError`]; an empty variable counts as none.
    pub fn load(file: &Path) -> Result<Self, KeyError> {
        match env::var(KEY_VARIABLE).map(Zeroizing::new) {
            Ok(digits) if !digits.is_empty() => parse(&digits).ok_or(KeyError::Variable),
            Ok(_) | Err(env::VarError::NotPresent) => Self::read(file),
            Err(env::VarError::NotUnicode(_)) => Err(KeyError::Variable),
        }
        .map(Self::new)
    }

    /// As [`Keys::load`], but makes the file with a random key if there is none.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn load_or_create(file: &Path) -> Result<Self, KeyError> {
        match Self::load(file) {
            Err(KeyError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                create(file)?;
                Self::load(file)
            }
            loaded => loaded,
        }
    }

    fn read(path: &Path) -> Result<SecretKey, KeyError> {
        let failed = |source| KeyError::Io {
            file: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        if is_exposed(&file).map_err(failed)? {
            return Err(KeyError::Exposed { file: path.to_owned() });
        }
        let mut text = Zeroizing::new(String::with_capacity(KEY_FILE_BYTES_MAX as usize));
        file.take(KEY_FILE_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(failed)?;
        parse(text.trim_end()).ok_or_else(|| KeyError::File { file: path.to_owned() })
    }

    /// The database's key.
    #[must_use]
    pub fn database(&self) -> voiceflow_storage::Key {
        voiceflow_storage::Key::new(*kdf::expand(&self.master, Purpose::Database).expose_secret())
    }

    /// Checks tokens of this installation.
    ///
    /// # Errors
    /// [`TokenError::Provider`] if another part of the process has chosen another provider.
    pub fn verifier(&self) -> Result<Verifier, TokenError> {
        let verifier = Verifier::hs256(self.token_secret().expose_secret(), &realm())?;
        Ok(verifier.with_cache(TOKEN_CACHE_CAPACITY))
    }

    /// Signs tokens of this installation.
    ///
    /// # Errors
    /// As [`Keys::verifier`].
    pub fn issuer(&self) -> Result<Issuer, TokenError> {
        Issuer::hs256(self.token_secret().expose_secret(), realm())
    }

    fn token_secret(&self) -> SecretKey {
        kdf::expand(&self.master, Purpose::TokenSecret)
    }
}

fn realm() -> Realm {
    Realm {
        issuer: "voiceflow".to_owned(),
        audience: "voiceflow-dictation".to_owned(),
    }
}

/// Makes `path` with a new random key, readable by its owner alone.
///
/// # Errors
/// [`KeyError::Io`], also if the file exists already: a key is never overwritten.
pub fn create(path: &Path) -> Result<(), KeyError> {
    let failed = |source| KeyError::Io {
        file: path.to_owned(),
        source,
    };
    let key = SecretKey::generate()?;
    let mut text = Zeroizing::new(String::with_capacity(2 * KEY_BYTES + 1));
    for byte in key.expose_secret() {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).expect("four bits are a hexadecimal digit"));
        }
    }
    text.push('\n');
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = owner_only(OpenOptions::new().write(true).create_new(true))
        .open(path)
        .map_err(failed)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)
}

fn parse(digits: &str) -> Option<SecretKey> {
    if digits.len() != 2 * KEY_BYTES {
        return None;
    }
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let [high, low] = [pair[0], pair[1]].map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? << 4 | low?).ok()?;
    }
    Some(SecretKey::from_bytes(*bytes))
}

#[cfg(unix)]
fn is_exposed(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

/// Other systems keep a user's files from others by default and have no such bits.
#[cfg(not(unix))]
fn is_exposed(_: &File) -> io::Result<bool> {
    Ok(false)
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_created_key_is_read_back_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/master.key");
        create(&file).unwrap();
        let [first, second] = [Keys::read(&file).unwrap(), Keys::read(&file).unwrap()];
        let token = Keys::new(first)
            .issuer()
            .unwrap()
            .issue("anna", Duration::from_secs(60))
            .unwrap();
        assert_eq!(
            &*Keys::new(second).verifier().unwrap().verify(&token).unwrap().user,
            "anna"
        );
        let Err(KeyError::Io { source, .. }) = create(&file) else {
            panic!("overwritten")
        };
        assert_eq!(source.kind(), io::ErrorKind::AlreadyExists);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("master.key");
        create(&file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Keys::read(&file), Err(KeyError::Exposed { .. })));
    }

    #[test]
    fn only_64_hexadecimal_digits_are_a_key() {
        assert!(parse(&"0f".repeat(32)).is_some());
        for wrong in ["", "0f", &"0f".repeat(33), &"0g".repeat(32), &"é".repeat(32)] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}
