//! The cache folder: where assets lie, and whether they are what the manifest pins.
//!
//! Verifying 330 MB by hash takes most of a second, so a file that was once verified leaves a stamp with its size and
//! time of change. While both are as they were, its hash is taken as read; otherwise the whole file is hashed again.

use std::env;
use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::digest::hash_file;
use crate::{Asset, AssetName, Digest, Manifest, ManifestError, PinnedFile};

/// The environment variable that moves the cache folder.
pub const CACHE_VARIABLE: &str = "VOICEFLOW_CACHE";

/// The assets of this machine.
#[derive(Debug)]
pub struct Assets {
    root: PathBuf,
    manifest: Manifest,
}

/// Why an asset cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AssetError {
    /// Neither the cache variable nor a home folder is set.
    #[error("no cache folder: set {CACHE_VARIABLE}, XDG_CACHE_HOME or HOME")]
    NoCacheFolder,
    /// The manifest is broken.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A file is not there.
    #[error("asset `{name}` is missing ({path} does not exist); run `cargo xtask setup`", path = path.display())]
    Missing {
        /// The asset.
        name: AssetName,
        /// The file.
        path: PathBuf,
    },
    /// A user's own file, named by a setting, is not there.
    #[error("{setting} names {path}, which does not exist", path = path.display())]
    MissingOwn {
        /// The environment variable.
        setting: String,
        /// The path it names.
        path: PathBuf,
    },
    /// A file has another content than the manifest pins.
    #[error(
        "{path} of asset `{name}` is not the pinned file: SHA-256 {found} ({found_bytes} bytes), \
         expected {expected} ({expected_bytes} bytes); run `cargo xtask setup`",
        path = path.display()
    )]
    Differs {
        /// The asset.
        name: AssetName,
        /// The file.
        path: PathBuf,
        /// The pinned digest.
        expected: Digest,
        /// The pinned size.
        expected_bytes: u64,
        /// The digest of what lies there.
        found: Digest,
        /// The size of what lies there.
        found_bytes: u64,
    },
    /// A file cannot be read.
    #[error("cannot read {path}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl Assets {
    /// The assets of the embedded manifest, in `$VOICEFLOW_CACHE`, else `$XDG_CACHE_HOME/voiceflow`, else
    /// `~/.cache/voiceflow`. Touches no file.
    ///
    /// # Errors
    /// When none of the three variables is set.
    pub fn open() -> Result<Self, AssetError> {
        Ok(Self::with(cache_folder()?, Manifest::embedded()?))
    }

    /// The assets of a given manifest in a given folder.
    pub fn with(root: PathBuf, manifest: Manifest) -> Self {
        Self { root, manifest }
    }

    /// The cache folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is pinned.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where an asset lies: its file, or its folder when it has several. The content has been verified, except for a
    /// user's own file, which is taken as it is.
    ///
    /// # Errors
    /// When it is missing, unreadable, or not what the manifest pins.
    pub fn path(&self, name: AssetName) -> Result<PathBuf, AssetError> {
        let asset = self
            .manifest
            .asset(name)
            .ok_or_else(|| ManifestError::Inconsistent(format!("asset `{name}` is not listed")))?;
        if let Some(own) = self.own_path(asset)? {
            return Ok(own);
        }
        for file in asset.files() {
            self.verify(name, &file)?;
        }
        Ok(self.root.join(&asset.path))
    }

    /// The user's own file or folder in an asset's place, where its setting names one.
    ///
    /// # Errors
    /// When the setting names something that does not exist.
    pub fn own_path(&self, asset: &Asset) -> Result<Option<PathBuf>, AssetError> {
        let Some(value) = env::var_os(&asset.setting).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let path = PathBuf::from(value);
        if path.exists() {
            Ok(Some(path))
        } else {
            Err(AssetError::MissingOwn {
                setting: asset.setting.clone(),
                path,
            })
        }
    }

    /// Makes sure that a file below the cache folder is the pinned one, from its stamp or else by hashing it.
    ///
    /// # Errors
    /// When it is missing, unreadable or different.
    pub fn verify(&self, name: AssetName, file: &PinnedFile) -> Result<(), AssetError> {
        let path = self.root.join(&file.path);
        let metadata = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return Err(AssetError::Missing { name, path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(AssetError::Missing { name, path }),
            Err(source) => return Err(AssetError::Read { path, source }),
        };
        if metadata.len() == file.bytes && self.stamp_holds(file, &metadata) {
            return Ok(());
        }
        let hashed = hash_file(&path).map_err(|source| AssetError::Read {
            path: path.clone(),
            source,
        })?;
        if hashed.digest == file.sha256 && hashed.bytes == file.bytes {
            self.write_stamp(file, &metadata);
            return Ok(());
        }
        Err(AssetError::Differs {
            name,
            path,
            expected: file.sha256.clone(),
            expected_bytes: file.bytes,
            found: hashed.digest,
            found_bytes: hashed.bytes,
        })
    }

    fn stamp_holds(&self, file: &PinnedFile, metadata: &Metadata) -> bool {
        match (stamp_line(file, metadata), fs::read_to_string(self.stamp_path(file))) {
            (Some(expected), Ok(found)) => found == expected,
            _ => false,
        }
    }

    /// Keeps that a file was verified. A cache that cannot be written only costs the next start a hash.
    fn write_stamp(&self, file: &PinnedFile, metadata: &Metadata) {
        if let Some(line) = stamp_line(file, metadata) {
            let _ = replace_file(&self.stamp_path(file), line.as_bytes());
        }
    }

    fn stamp_path(&self, file: &PinnedFile) -> PathBuf {
        self.root
            .join("stamps")
            .join(format!("{}.stamp", file.path.replace('/', "+")))
    }
}

fn cache_folder() -> Result<PathBuf, AssetError> {
    let named = |variable: &str| {
        env::var_os(variable)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    named(CACHE_VARIABLE)
        .or_else(|| named("XDG_CACHE_HOME").map(|cache| cache.join("voiceflow")))
        .or_else(|| named("HOME").map(|home| home.join(".cache").join("voiceflow")))
        .ok_or(AssetError::NoCacheFolder)
}

/// What a stamp says of a verified file, or nothing where the file system keeps no time of change.
fn stamp_line(file: &PinnedFile, metadata: &Metadata) -> Option<String> {
    let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{} {} {}\n", file.sha256, metadata.len(), changed.as_nanos()))
}

/// Writes a small file under a temporary name of this process and renames it into place.
fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::File::create(&temporary)?.write_all(content)?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assets(folder: &tempfile::TempDir) -> Assets {
        Assets::with(folder.path().to_owned(), Manifest::embedded().expect("sound"))
    }

    fn pinned(content: &[u8]) -> PinnedFile {
        PinnedFile {
            path: "a/b.bin".into(),
            bytes: content.len() as u64,
            sha256: Digest::of(content),
        }
    }

    fn put(assets: &Assets, content: &[u8]) {
        fs::create_dir_all(assets.root().join("a")).expect("folder");
        fs::write(assets.root().join("a/b.bin"), content).expect("file");
    }

    #[test]
    fn a_missing_file_says_what_to_run() {
        let folder = tempfile::tempdir().expect("folder");
        let error = assets(&folder).path(AssetName::WhisperTinyEn).expect_err("missing");
        assert!(error.to_string().contains("run `cargo xtask setup`"), "{error}");
    }

    #[test]
    fn a_verified_file_leaves_a_stamp_that_is_enough_the_next_time() {
        let folder = tempfile::tempdir().expect("folder");
        let assets = assets(&folder);
        put(&assets, b"right");
        let file = pinned(b"right");
        assets.verify(AssetName::Librivox, &file).expect("right");
        let metadata = fs::metadata(assets.root().join("a/b.bin")).expect("there");
        assert!(assets.stamp_holds(&file, &metadata));
        assets.verify(AssetName::Librivox, &file).expect("right by its stamp");
    }

    #[test]
    fn a_changed_file_is_refused_with_both_digests_in_spite_of_its_stamp() {
        let folder = tempfile::tempdir().expect("folder");
        let assets = assets(&folder);
        put(&assets, b"right");
        let file = pinned(b"right");
        assets.verify(AssetName::Librivox, &file).expect("right");
        // Another length as well as another content: file systems may keep times of change coarsely.
        put(&assets, b"wrong!");
        let message = assets
            .verify(AssetName::Librivox, &file)
            .expect_err("wrong")
            .to_string();
        assert!(message.contains(Digest::of(b"right").as_str()), "{message}");
        assert!(message.contains(Digest::of(b"wrong!").as_str()), "{message}");
    }

    #[test]
    fn a_stamp_for_another_pinned_digest_does_not_count() {
        let folder = tempfile::tempdir().expect("folder");
        let assets = assets(&folder);
        put(&assets, b"right");
        assets.verify(AssetName::Librivox, &pinned(b"right")).expect("right");
        let other = pinned(b"other");
        assert!(matches!(
            assets.verify(AssetName::Librivox, &other),
            Err(AssetError::Differs { .. })
        ));
    }
}
