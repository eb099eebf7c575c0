//! What fuzzing has found, once more: every input of the committed corpus goes through the entry that the fuzzer drives.

use super::open as open_gguf;

#[path = "../../../fuzz/entries/gguf.rs"]
mod entry;
#[path = "../../../fuzz/entries/file.rs"]
mod file;
#[path = "../../../fuzz/entries/replay.rs"]
mod replay;

#[test]
fn the_corpus_of_gguf_keeps_every_promise() {
    replay::replay(env!("CARGO_MANIFEST_DIR"), "gguf", entry::run);
}
