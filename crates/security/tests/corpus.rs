//! What fuzzing has found, once more: every input of the committed corpus goes through the entry that the fuzzer drives.

#[path = "../../fuzz/entries/replay.rs"]
mod replay;
#[path = "../../fuzz/entries/tokens.rs"]
mod tokens;

#[test]
fn the_corpus_of_tokens_keeps_every_promise() {
    replay::replay(env!("CARGO_MANIFEST_DIR"), "tokens", tokens::run);
}
