//! What fuzzing has found, once more: every input of the committed corpus goes through the entry that the fuzzer drives.

#[path = "../../fuzz/entries/file.rs"]
mod file;
#[path = "../../fuzz/entries/replay.rs"]
mod replay;
#[path = "../../fuzz/entries/wav.rs"]
mod wav;

#[test]
fn the_corpus_of_wav_keeps_every_promise() {
    replay::replay(env!("CARGO_MANIFEST_DIR"), "wav", wav::run);
}
