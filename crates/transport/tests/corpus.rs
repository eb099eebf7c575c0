//! What fuzzing has found, once more: every input of the committed corpora goes through the entry that the fuzzer drives.

#[path = "../../fuzz/entries/frames.rs"]
mod frames;
#[path = "../../fuzz/entries/handshake.rs"]
mod handshake;
#[path = "../../fuzz/entries/replay.rs"]
mod replay;

#[test]
fn the_corpus_of_frames_keeps_every_promise() {
    replay::replay(env!("CARGO_MANIFEST_DIR"), "frames", frames::run);
}

#[test]
fn the_corpus_of_handshake_keeps_every_promise() {
    replay::replay(env!("CARGO_MANIFEST_DIR"), "handshake", handshake::run);
}
