//! The module that looks at a model's first numbers is taken by its path: the rest of `asr` would bring whisper.cpp along.
#![no_main]

#[path = "../entries/file.rs"]
mod file;
#[path = "../entries/ggml.rs"]
mod ggml;
#[path = "../../asr/src/header.rs"]
#[allow(dead_code, reason = "only the check of files is fuzzed")]
mod header;

use header::check as check_ggml;

/// The two kinds of `asr`'s error that the module makes.
#[derive(Debug)]
#[allow(dead_code, reason = "the fields are for whoever reads a finding")]
pub enum AsrError {
    ModelUnreadable {
        path: std::path::PathBuf,
        source: std::io::Error,
    },
    NotAModel {
        path: std::path::PathBuf,
        problem: String,
    },
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| ggml::run(data));
