//! The settings: one TOML file, every key optional, every unknown key and bad value refused with its place.
//!
//! `voiceflow.example.toml` beside this crate shows all of them. Relative paths in the file are taken from the file's own folder. Secrets never stand in it, only where to find them.

mod choices;
mod place;
mod sections;
mod values;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use choices::{Decoding, Device, SpeechModel, WeightType};
pub use place::Place;
pub use sections::{AiEnhancement, Config, Database, Security, Server, SpeechRecognition, Tls};

/// Longest settings file: a thousand times the usual one.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the settings {}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The file is no settings file at all.
    #[error("{} has {length_bytes} bytes, more than settings have ({FILE_BYTES_MAX})", .file.display())]
    TooLong {
        /// The file.
        file: PathBuf,
        /// Its length.
        length_bytes: u64,
    },
    /// A key or value is wrong.
    #[error("{}:{place}: {problem}", .file.display())]
    Wrong {
        /// The file.
        file: PathBuf,
        /// Where in it.
        place: Place,
        /// What is wrong there; for an unknown key, the known ones.
        problem: String,
    },
}

impl Config {
    /// Reads the settings in `file`.
    ///
    /// # Errors
    /// [`ConfigError`]; its message names file, line and column.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Read {
            file: file.to_owned(),
            source,
        };
        let length_bytes = fs::metadata(file).map_err(unreadable)?.len();
        if length_bytes > FILE_BYTES_MAX {
            return Err(ConfigError::TooLong {
                file: file.to_owned(),
                length_bytes,
            });
        }
        Self::parse(&fs::read_to_string(file).map_err(unreadable)?, file)
    }

    /// Reads the settings in `text`, which is the content of `file`; the file itself is not looked at.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`].
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let wrong = |span: Option<std::ops::Range<usize>>, problem: String| ConfigError::Wrong {
            file: file.to_owned(),
            place: Place::at(text, span.map_or(0, |span| span.start)),
            problem,
        };
        let mut config: Self = toml::from_str(text).map_err(|error| wrong(error.span(), one_line(error.message())))?;
        if let Some((span, problem)) = config.contradiction() {
            return Err(wrong(Some(span), problem));
        }
        config.resolve_paths(file.parent().unwrap_or(Path::new("")));
        Ok(config)
    }
}

fn one_line(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}
