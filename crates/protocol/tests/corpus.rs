//! What fuzzing has found, once more: every input of the committed corpora goes through the entry that the fuzzer drives.

#[path = "../../fuzz/entries/messages.rs"]
mod messages;
#[path = "../../fuzz/entries/replay.rs"]
mod replay;

#[test]
fn the_corpus_of_messages_keeps_every_promise() {
    replay::replay(env!("CARGO_MANIFEST_DIR"), "messages", messages::run);
}
