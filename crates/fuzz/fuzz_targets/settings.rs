//! The module that reads the settings is taken by its path: the rest of `service` would bring every model runtime along.
#![no_main]

// The settings name types of `asr`, which are taken by path too.
extern crate self as voiceflow_asr;

// A folder of its own, in which the module finds its parts.
#[path = "../../service/src"]
#[allow(dead_code, unused_imports, reason = "only parsing is fuzzed")]
mod service {
    pub(crate) mod config;
}
#[path = "../entries/settings.rs"]
mod settings;
#[path = "../../asr/src/window.rs"]
#[allow(dead_code, reason = "only its types are needed")]
mod window;

use service::config;
pub use window::{AUDIO_CTX_FULL, AudioContext, DEFAULT_MARGIN};

/// `asr`'s own looks for devices; here it is only a name.
#[allow(dead_code, reason = "nothing runs anywhere")]
pub enum Device {
    Cpu,
    Cuda,
}

/// The kind of `asr`'s error that the module makes.
#[derive(Debug)]
#[allow(dead_code, reason = "the fields are for whoever reads a finding")]
pub enum AsrError {
    Option { name: &'static str, problem: String },
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| settings::run(data));
