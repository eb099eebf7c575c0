//! The pinned manifest: its types, and reading it from TOML.
//!
//! A manifest is trusted less than code: its paths are checked to stay below the cache folder, its names to be unique
//! and its cross-references to hold, before anything uses them.

use std::fmt;
use std::path::{Component, Path};

use serde::Deserialize;

use crate::Digest;

/// The version of the manifest's format that this library reads.
pub const MANIFEST_FORMAT: u32 = 1;

/// Everything that is pinned.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always [`MANIFEST_FORMAT`].
    pub format: u32,
    /// The archives that are downloaded.
    #[serde(rename = "package")]
    pub packages: Vec<Package>,
    /// What is made of them.
    #[serde(rename = "asset")]
    pub assets: Vec<Asset>,
}

/// One archive in the Python package index.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The package's name in the index.
    pub name: String,
    /// Its exact version.
    pub version: String,
    /// The archive's file name.
    pub file: String,
    /// Wheel or source package.
    pub form: Form,
    /// For a source package, the Python module that would build it. Downloading asks it for metadata; a stand-in
    /// answers in its place, so that nothing of the package is run.
    pub build_backend: Option<String>,
    /// The archive's size.
    pub bytes: u64,
    /// The archive's SHA-256.
    pub sha256: Digest,
    /// The licence of what is taken out of it, as an SPDX expression.
    pub licence: String,
    /// Where it comes from, for people.
    pub source: String,
}

/// The form of a package's archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A zip file.
    Wheel,
    /// A gzipped tar file.
    SourcePackage,
}

/// One file or folder that the workspace uses.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// Its name in code and messages.
    pub name: AssetName,
    /// The environment variable that puts a user's own file (or folder) in its place.
    pub setting: String,
    /// Where it lies, relative to the cache folder.
    pub path: String,
    /// The files taken out of packages. Without [`Self::make`] they are the asset.
    pub take: Vec<Take>,
    /// What turns the taken files into the asset.
    pub make: Option<Make>,
}

/// A file taken out of a package.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Take {
    /// Which package.
    pub package: String,
    /// Its path inside the archive.
    pub member: String,
    /// Its name below the asset's path; without one, it is the asset.
    #[serde(rename = "as")]
    pub name: Option<String>,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: Digest,
}

/// A conversion and its pinned outcome.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Make {
    /// Which conversion.
    pub recipe: Recipe,
    /// The size of the outcome.
    pub bytes: u64,
    /// The SHA-256 of the outcome.
    pub sha256: Digest,
}

/// The conversions that the program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recipe {
    /// A CTranslate2 Whisper model (`model.bin`, or its parts in order) and `vocabulary.txt`, to whisper.cpp's GGML.
    WhisperGgml,
    /// A GGUF model (`model.gguf`) whose Q4_1 tensors become Q8_0.
    GgufQ8,
}

/// A file on disk and what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedFile {
    /// Its path, relative to the cache folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: Digest,
}

/// The names of the assets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum AssetName {
    /// Whisper tiny.en, GGML float16, one file.
    #[serde(rename = "whisper-tiny.en")]
    WhisperTinyEn,
    /// Whisper base (multilingual), GGML float16, one file.
    #[serde(rename = "whisper-base")]
    WhisperBase,
    /// SmolLM2-135M-Instruct, GGUF Q8_0, one file.
    #[serde(rename = "smollm2-135m-instruct")]
    SmolLm2,
    /// Short synthetic speech in nine languages, a folder `LANGUAGE/NAME.{wav,txt}`.
    #[serde(rename = "speech-clips")]
    SpeechClips,
    /// Readings of a novel by a human voice, a folder of WAV files with one `transcription`.
    #[serde(rename = "librivox")]
    Librivox,
    /// British spellings and their American counterparts, one JSON object.
    #[serde(rename = "english-spellings")]
    EnglishSpellings,
}

impl AssetName {
    /// All of them, in the manifest's order.
    pub const ALL: [Self; 6] = [
        Self::WhisperTinyEn,
        Self::WhisperBase,
        Self::SmolLm2,
        Self::SpeechClips,
        Self::Librivox,
        Self::EnglishSpellings,
    ];

    /// The name as it stands in the manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WhisperTinyEn => "whisper-tiny.en",
            Self::WhisperBase => "whisper-base",
            Self::SmolLm2 => "smollm2-135m-instruct",
            Self::SpeechClips => "speech-clips",
            Self::Librivox => "librivox",
            Self::EnglishSpellings => "english-spellings",
        }
    }
}

impl fmt::Display for AssetName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not TOML of the right shape; the message has line and column.
    #[error("the asset manifest cannot be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// Another format version.
    #[error("the asset manifest has format {found}, this program reads {MANIFEST_FORMAT}")]
    Format {
        /// The version it names.
        found: u32,
    },
    /// A rule that spans fields is broken.
    #[error("the asset manifest is inconsistent: {0}")]
    Inconsistent(String),
}

impl Manifest {
    /// The manifest that is part of this library.
    ///
    /// # Errors
    /// Never for a released library; a test holds that.
    pub fn embedded() -> Result<Self, ManifestError> {
        Self::parse(include_str!("../assets.toml"))
    }

    /// Reads a manifest and checks it.
    ///
    /// # Errors
    /// Names the place in the text, or the rule that is broken.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The package of a name, which [`Self::parse`] made sure is there for every name that an asset uses.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// The asset of a name.
    pub fn asset(&self, name: AssetName) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.name == name)
    }

    fn check(&self) -> Result<(), ManifestError> {
        if self.format != MANIFEST_FORMAT {
            return Err(ManifestError::Format { found: self.format });
        }
        for (index, package) in self.packages.iter().enumerate() {
            let earlier = &self.packages[..index];
            require(earlier.iter().all(|other| other.name != package.name), || {
                format!("package `{}` is listed twice", package.name)
            })?;
            require(is_plain_name(&package.file), || {
                format!("`{}` is not a plain file name", package.file)
            })?;
            require(package.form == Form::Wheel || package.build_backend.is_some(), || {
                format!("source package `{}` names no build backend", package.name)
            })?;
        }
        for (index, asset) in self.assets.iter().enumerate() {
            let earlier = &self.assets[..index];
            require(
                earlier
                    .iter()
                    .all(|other| other.name != asset.name && other.path != asset.path),
                || format!("asset `{}` or its path is listed twice", asset.name),
            )?;
            self.check_asset(asset)?;
        }
        Ok(())
    }

    fn check_asset(&self, asset: &Asset) -> Result<(), ManifestError> {
        require(stays_below(&asset.path), || {
            format!("path `{}` leaves the cache folder", asset.path)
        })?;
        require(!asset.take.is_empty(), || {
            format!("asset `{}` takes nothing", asset.name)
        })?;
        for take in &asset.take {
            require(self.package(&take.package).is_some(), || {
                format!("asset `{}` takes from unknown package `{}`", asset.name, take.package)
            })?;
            match &take.name {
                Some(name) => require(stays_below(name), || format!("`{name}` leaves the asset's folder"))?,
                None => require(asset.take.len() == 1 && asset.make.is_none(), || {
                    format!("asset `{}` takes several files, so each needs an `as`", asset.name)
                })?,
            }
        }
        Ok(())
    }
}

fn require(holds: bool, message: impl FnOnce() -> String) -> Result<(), ManifestError> {
    if holds {
        Ok(())
    } else {
        Err(ManifestError::Inconsistent(message()))
    }
}

/// Whether a relative path consists of ordinary names only: no root, no `..`, no drive.
fn stays_below(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path)
            .components()
            .all(|component| matches!(component, Component::Normal(_)))
}

fn is_plain_name(name: &str) -> bool {
    stays_below(name) && Path::new(name).components().count() == 1
}

impl Asset {
    /// The files that the asset consists of once it is ready, relative to the cache folder.
    pub fn files(&self) -> Vec<PinnedFile> {
        match &self.make {
            Some(make) => {
                vec![PinnedFile {
                    path: self.path.clone(),
                    bytes: make.bytes,
                    sha256: make.sha256.clone(),
                }]
            }
            None => self.take.iter().map(|take| self.taken_file(take)).collect(),
        }
    }

    fn taken_file(&self, take: &Take) -> PinnedFile {
        let path = match &take.name {
            Some(name) => format!("{}/{name}", self.path),
            None => self.path.clone(),
        };
        PinnedFile {
            path,
            bytes: take.bytes,
            sha256: take.sha256.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn text(path: &str, package: &str, name: &str) -> String {
        format!(
            "format = 1\n[[package]]\nname = \"speech\"\nversion = \"1.0\"\nfile = \"speech.whl\"\nform = \"wheel\"\n\
             bytes = 1\nsha256 = \"{DIGEST}\"\nlicence = \"MIT\"\nsource = \"here\"\n\
             [[asset]]\nname = \"speech-clips\"\nsetting = \"SPEECH\"\npath = \"{path}\"\n\
             take = [{{ package = \"{package}\", member = \"a\", as = \"{name}\", bytes = 1, sha256 = \"{DIGEST}\" }}]\n"
        )
    }

    #[test]
    fn the_embedded_manifest_is_sound_and_lists_every_asset_once() {
        let manifest = Manifest::embedded().expect("the embedded manifest parses");
        let names: Vec<AssetName> = manifest.assets.iter().map(|asset| asset.name).collect();
        assert_eq!(names, AssetName::ALL);
    }

    #[test]
    fn names_in_code_and_manifest_agree() {
        for name in AssetName::ALL {
            let read: AssetName = toml::Value::from(name.as_str()).try_into().expect("the name is known");
            assert_eq!(read, name);
        }
    }

    #[test]
    fn a_sound_manifest_is_accepted() {
        let manifest = Manifest::parse(&text("speech/clips", "speech", "a.wav")).expect("sound");
        assert_eq!(manifest.assets[0].files()[0].path, "speech/clips/a.wav");
    }

    #[test]
    fn paths_that_leave_the_cache_folder_are_refused() {
        for path in ["/etc", "../up", "a/../../b", ""] {
            assert!(Manifest::parse(&text(path, "speech", "a.wav")).is_err(), "{path}");
            assert!(Manifest::parse(&text("clips", "speech", path)).is_err(), "{path}");
        }
    }

    #[test]
    fn an_unknown_package_is_named() {
        let error = Manifest::parse(&text("clips", "musik", "a.wav")).expect_err("unknown package");
        assert!(error.to_string().contains("`musik`"), "{error}");
    }

    #[test]
    fn a_newer_format_is_refused() {
        let newer = text("clips", "speech", "a.wav").replacen("format = 1", "format = 2", 1);
        assert!(matches!(
            Manifest::parse(&newer),
            Err(ManifestError::Format { found: 2 })
        ));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let extended = text("clips", "speech", "a.wav").replacen("licence", "license", 1);
        let error = Manifest::parse(&extended).expect_err("unknown key").to_string();
        assert!(error.contains("line 9"), "{error}");
    }
}
