//! What fuzzing has found, once more: every input of the committed corpus goes through the entry that the fuzzer drives.

#[path = "../../fuzz/entries/file.rs"]
mod file;
#[path = "../../fuzz/entries/records.rs"]
mod records;
#[path = "../../fuzz/entries/replay.rs"]
mod replay;

#[test]
fn the_corpus_of_records_keeps_every_promise() {
    replay::replay(env!("CARGO_MANIFEST_DIR"), "records", records::run);
}
