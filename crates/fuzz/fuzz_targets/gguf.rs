//! The module that opens GGUF is taken by its path, so that of candle only the core is built.
#![no_main]

#[path = "../entries/gguf.rs"]
mod entry;
#[path = "../entries/file.rs"]
mod file;
#[path = "../../enhance/src/gguf.rs"]
#[allow(dead_code, reason = "nothing is built from the file here")]
mod gguf;

use gguf::open as open_gguf;

/// The three kinds of `enhance`'s error that the module makes.
#[derive(Debug)]
#[allow(dead_code, reason = "the fields are for whoever reads a finding")]
pub enum EnhanceError {
    Open {
        path: std::path::PathBuf,
        source: std::io::Error,
    },
    Malformed {
        path: std::path::PathBuf,
        reason: String,
    },
    Unsupported {
        path: std::path::PathBuf,
        reason: String,
    },
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::run(data));
