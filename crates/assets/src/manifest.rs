//! The pinned manifest: its types, and reading it from TOML.
//!
//! A manifest is trusted less than code: its paths are checked to stay below the cache folder, its names to be unique
//! and its cross-references to hold, before anything uses them.

use std::path::{Component, Path};

use serde::Deserialize;

use crate::{AssetName, Digest};

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
    #[serde(default)]
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
    /// The asset that is converted, where it is not files out of packages.
    pub of: Option<AssetName>,
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
    /// Another asset, a GGML Whisper model in float16, whose matrices become Q8_0.
    #[serde(rename = "whisper-q8_0")]
    WhisperQ8,
    /// The same, whose matrices become Q5_1.
    #[serde(rename = "whisper-q5_1")]
    WhisperQ5,
}

impl Recipe {
    /// The type of blocks, as ggml calls it, where the recipe quantises another asset.
    pub fn quantised_to(self) -> Option<&'static str> {
        match self {
            Self::WhisperQ8 => Some("q8_0"),
            Self::WhisperQ5 => Some("q5_1"),
            Self::WhisperGgml | Self::GgufQ8 => None,
        }
    }
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
            self.check_asset(asset, earlier)?;
        }
        Ok(())
    }

    fn check_asset(&self, asset: &Asset, earlier: &[Asset]) -> Result<(), ManifestError> {
        require(stays_below(&asset.path), || {
            format!("path `{}` leaves the cache folder", asset.path)
        })?;
        if asset.quantised_to().is_some() || asset.of().is_some() {
            return check_quantised(asset, earlier);
        }
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

/// A quantised asset is made of one that comes before it and is a float16 model itself, and of nothing else.
fn check_quantised(asset: &Asset, earlier: &[Asset]) -> Result<(), ManifestError> {
    require(asset.quantised_to().is_some() && asset.take.is_empty(), || {
        format!(
            "asset `{}` is made `of` another, so its recipe quantises and it takes nothing from packages",
            asset.name
        )
    })?;
    let source = earlier.iter().find(|other| Some(other.name) == asset.of());
    let is_float16 = |source: &Asset| {
        source
            .make
            .as_ref()
            .is_some_and(|make| make.recipe == Recipe::WhisperGgml)
    };
    require(source.is_some_and(is_float16), || {
        format!(
            "asset `{}` needs `of`, the name of a float16 Whisper model that is listed before it",
            asset.name
        )
    })
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
    /// The asset that this one is made of, where it is not made of files out of packages.
    pub fn of(&self) -> Option<AssetName> {
        self.make.as_ref().and_then(|make| make.of)
    }

    /// The type of blocks that its matrices are quantised to, where they are.
    pub fn quantised_to(&self) -> Option<&'static str> {
        self.make.as_ref().and_then(|make| make.recipe.quantised_to())
    }

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
#[path = "manifest_tests.rs"]
mod tests;
