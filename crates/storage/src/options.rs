//! How a store is opened.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::{Zeroize, Zeroizing};

/// Bytes of a raw key.
pub const KEY_BYTES: usize = 32;

/// Where the database lies and how it is used.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The database file. SQLite keeps `-wal` and `-shm` files beside it. The folder must exist.
    pub path: PathBuf,
    /// Whether, and with what, the file is encrypted.
    pub encryption: Encryption,
    /// Which processes use the file.
    pub access: Access,
    /// What a commit waits for.
    pub durability: Durability,
    /// Most connections open at once, at least one. They are opened when first needed. One more folds the log, and where
    /// all are in use one more writes.
    pub pool_size: u32,
    /// Longest wait for a lock, and for a free connection.
    pub busy_timeout: Duration,
    /// Whether a thread of the store's own indexes new rows and folds the write-ahead log, beside its callers. Without
    /// it the next search does the one and a commit now and then the other: for programs that open a store briefly.
    pub upkeep: bool,
    /// Refuse to grow the file beyond this many bytes, as if the disk were full.
    pub file_bytes_max: Option<u64>,
}

impl StoreOptions {
    /// A store at `path` for this process alone, with 20 connections, commits that survive a killed process, and 5 s of
    /// patience.
    pub fn new(path: impl Into<PathBuf>, encryption: Encryption) -> Self {
        Self {
            path: path.into(),
            encryption,
            access: Access::default(),
            durability: Durability::default(),
            pool_size: 20,
            busy_timeout: Duration::from_secs(5),
            upkeep: true,
            file_bytes_max: None,
        }
    }
}

/// Which processes may have the file open at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// This one alone, with any number of stores and threads: another process is told that the file is locked for as
    /// long as a store is open here. No read and no commit asks the system for a lock. On systems other than Unix the
    /// same as [`Access::Shared`].
    #[default]
    OneProcess,
    /// Any that know the key. Each read and each commit takes its locks from the system.
    Shared,
}

/// What a commit waits for. The write-ahead log is used either way, so readers never wait for the writer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The operating system has the data: a commit survives a killed process. A power cut may lose the last commits,
    /// never the database's consistency. SQLite's `synchronous = NORMAL`.
    #[default]
    Normal,
    /// The disk has the data: a commit survives a power cut and pays one `fdatasync`. `synchronous = FULL`.
    Full,
}

/// Whether the file is encrypted. Both come from one build, so that their costs compare.
#[derive(Clone)]
pub enum Encryption {
    /// A plain SQLite file.
    None,
    /// SQLCipher 4 (AES-256-CBC on 4 KiB pages) under a raw key. The key is not stretched: it must be random or come from
    /// a key derivation already. New files have HMAC-SHA256 on their pages, so other programs must say
    /// `PRAGMA cipher_hmac_algorithm = HMAC_SHA256` after the key; files with SQLCipher's default, HMAC-SHA512, stay
    /// as they are.
    Key(Key),
}

impl fmt::Debug for Encryption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "None",
            Self::Key(_) => "Key(..)",
        })
    }
}

/// A raw 32-byte database key: wiped when dropped, never printed. On the heap, so that moving it leaves no copies.
#[derive(Clone)]
pub struct Key(Box<Zeroizing<[u8; KEY_BYTES]>>);

impl Key {
    /// Takes over the bytes and wipes the array they came in.
    #[must_use]
    pub fn new(mut bytes: [u8; KEY_BYTES]) -> Self {
        let mut key = Self(Box::new(Zeroizing::new([0; KEY_BYTES])));
        key.0.copy_from_slice(&bytes);
        bytes.zeroize();
        key
    }

    /// The statement that hands the key to SQLCipher, in the form that skips its own slow derivation.
    pub(crate) fn pragma(&self) -> Zeroizing<String> {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        const PREFIX: &str = "PRAGMA key = \"x'";
        // Reserved at once: growing would leave pieces of the key in freed memory.
        let mut statement = Zeroizing::new(String::with_capacity(PREFIX.len() + 2 * KEY_BYTES + 3));
        statement.push_str(PREFIX);
        for byte in self.0.iter() {
            statement.push(char::from(HEX[usize::from(byte >> 4)]));
            statement.push(char::from(HEX[usize::from(byte & 15)]));
        }
        statement.push_str("'\";");
        statement
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_statement_is_sqlciphers_raw_form_and_never_reallocates() {
        let mut bytes = [0; KEY_BYTES];
        bytes[0] = 0x0f;
        bytes[31] = 0xa0;
        let statement = Key::new(bytes).pragma();
        assert_eq!(*statement, format!("PRAGMA key = \"x'0f{}a0'\";", "0".repeat(60)));
        assert_eq!(statement.len(), statement.capacity());
    }

    #[test]
    fn options_print_no_key() {
        let options = StoreOptions::new("/tmp/x.db", Encryption::Key(Key::new([0xab; KEY_BYTES])));
        let shown = format!("{options:?}");
        assert!(
            shown.contains("Key(..)") && !shown.contains("171") && !shown.contains("ab, ab"),
            "{shown}"
        );
    }
}
