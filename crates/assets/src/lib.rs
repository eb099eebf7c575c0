//! The models and recordings that the workspace runs on: which they are, and where they lie on this machine.
//!
//! Everything is pinned by package, version, size and SHA-256 in `assets.toml`, which is part of this library. The
//! library finds and verifies; it never downloads. Fetching, unpacking and converting is the business of the program
//! `voiceflow-assets` (`src/program/`), which `cargo xtask setup` runs.
//!
//! What it deliberately does not know: the network, any model runtime, any subsystem.

mod digest;
mod manifest;
mod name;
mod store;

pub use digest::{Digest, Hashed, hash_file};
pub use manifest::{Asset, Form, MANIFEST_FORMAT, Make, Manifest, ManifestError, Package, PinnedFile, Recipe, Take};
pub use name::AssetName;
pub use store::{AssetError, Assets, CACHE_VARIABLE};
