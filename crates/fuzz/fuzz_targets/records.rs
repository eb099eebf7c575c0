#![no_main]

#[path = "../entries/file.rs"]
mod file;
#[path = "../entries/records.rs"]
mod records;

libfuzzer_sys::fuzz_target!(|data: &[u8]| records::run(data));
