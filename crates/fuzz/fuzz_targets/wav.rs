//! The module that reads WAV is taken by its path: the rest of `asr` would bring whisper.cpp along.
#![no_main]

// The entry names the crate, as the crate's own tests do.
extern crate self as voiceflow_asr;

#[path = "../../asr/src/audio/mod.rs"]
#[allow(dead_code, reason = "only reading is fuzzed")]
pub mod audio;
#[path = "../entries/file.rs"]
mod file;
#[path = "../entries/wav.rs"]
mod wav;

libfuzzer_sys::fuzz_target!(|data: &[u8]| wav::run(data));
