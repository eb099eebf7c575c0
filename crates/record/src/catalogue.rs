//! The list of operations a crate declares, generated from the declarations and committed beside them, so that listing
//! needs no build.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Clock, Instrument, OperationId, Throughput};

/// What a reader may know of an operation without building it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueEntry {
    /// Its name.
    pub id: OperationId,
    /// The crate folder it is declared in.
    pub subsystem: String,
    /// The one question it answers.
    pub question: String,
    /// The instruments that are honest for it.
    pub instruments: Vec<Instrument>,
    /// How much one call does, where it has a size.
    pub throughput: Option<Throughput>,
    /// How a comparison pairs it; `None` in catalogues older than the paired instrument.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paired: Option<Pairing>,
}

/// How a comparison takes pairs of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pairing {
    /// The version of the protocol its kit speaks.
    pub protocol: u32,
    /// The clock it is judged by.
    pub clock: Clock,
    /// Threads that do its work at once; one is pinned to a core.
    pub cores: usize,
    /// Whether a call takes so long that the declaration fixes few of them. A comparison that has to end in time takes
    /// the others first.
    #[serde(default, skip_serializing_if = "is_false")]
    pub long: bool,
}

// What serde asks for takes a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The operations of one crate, ordered by id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    /// Its entries.
    pub entries: Vec<CatalogueEntry>,
}

/// Why a catalogue could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the catalogue {}: {problem}; run `cargo xtask test` to write it anew", path.display())]
pub struct CatalogueError {
    path: PathBuf,
    problem: String,
}

impl Catalogue {
    /// The committed text: pretty JSON, one array.
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists always encode.
        let mut text = serde_json::to_string_pretty(&self.entries).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads the text written by [`Catalogue::to_json`].
    pub fn read(path: &Path) -> Result<Self, CatalogueError> {
        let failed = |problem: String| CatalogueError {
            path: path.to_owned(),
            problem,
        };
        let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let entries = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
        Ok(Self { entries })
    }
}
