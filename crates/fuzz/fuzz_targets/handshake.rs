#![no_main]

#[path = "../entries/handshake.rs"]
mod handshake;

libfuzzer_sys::fuzz_target!(|data: &[u8]| handshake::run(data));
