//! What fuzzing has found, once more: every input of the committed corpus goes through the entry that the fuzzer drives.

// The entry takes the module from where it is included.
use voiceflow_service::config;

#[path = "../../fuzz/entries/replay.rs"]
mod replay;
#[path = "../../fuzz/entries/settings.rs"]
mod settings;

#[test]
fn the_corpus_of_settings_keeps_every_promise() {
    replay::replay(env!("CARGO_MANIFEST_DIR"), "settings", settings::run);
}
