//! The first numbers of a Whisper model in GGML's format: any bytes as the file.

use super::check_ggml;
use super::file::with_file;

/// Only what starts as a model does is let through to whisper.cpp.
pub(crate) fn run(data: &[u8]) {
    with_file("ggml", data, |path| {
        if check_ggml(path).is_ok() {
            assert!(data.starts_with(b"lmgg") && data.len() >= 44);
        }
    });
}
