//! Header and tensor shapes of a Llama model in GGUF: any bytes as the file.

use super::file::with_file;
use super::open_gguf;

/// Whatever the file says, the answer is one error or a model of bounded sizes.
pub(crate) fn run(data: &[u8]) {
    with_file("gguf", data, |path| {
        let _ = open_gguf(path);
    });
}
