//! What fuzzing has found, once more: every input of the committed corpus goes through the entry that the fuzzer drives.

use super::check as check_ggml;

#[path = "../../../fuzz/entries/ggml.rs"]
mod entry;
#[path = "../../../fuzz/entries/file.rs"]
mod file;
#[path = "../../../fuzz/entries/replay.rs"]
mod replay;

#[test]
fn the_corpus_of_ggml_keeps_every_promise() {
    replay::replay(env!("CARGO_MANIFEST_DIR"), "ggml", entry::run);
}
