//! `voiceflow-assets`: fetches, verifies and converts what the manifest pins.
//!
//! `prepare` brings every asset to its place and says on standard error what it is about to do and how far it is;
//! `check` says what is missing. Both are idempotent and safe to interrupt: what is verified stays, a step that was
//! cut off starts again, and nothing unfinished ever carries a final name.
//!
//! Exit codes: 0 everything is ready, 1 something is missing or failed, 2 wrong usage.

mod archive;
mod bytes;
mod convert;
mod ctranslate2;
mod download;
mod error;
mod gguf;
mod mel;
mod prepare;
mod quantise;
mod quantised;
mod scratch;
mod vocabulary;
mod whisper;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use voiceflow_assets::{Assets, Manifest};

use crate::error::ProgramError;

const USAGE: &str = "usage: voiceflow-assets prepare|check [--manifest FILE]\n\
    \n\
    prepare   download, verify and convert whatever is not ready yet\n\
    check     say what is missing, and exit with 1 if anything is\n\
    \n\
    --manifest FILE   use FILE instead of the built-in assets.toml\n\
    \n\
    VOICEFLOW_QUANTISE names the program that quantises models, where it is not to be built from this workspace.\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (command, manifest) = match words.as_slice() {
        ["--help" | "-h"] => return say(USAGE, ExitCode::SUCCESS),
        [command] => (*command, None),
        [command, "--manifest", file] => (*command, Some(*file)),
        _ => return say(USAGE, ExitCode::from(2)),
    };
    let outcome = match command {
        "prepare" => open(manifest).and_then(|assets| prepare::prepare(&assets)),
        "check" => open(manifest).and_then(|assets| prepare::check(&assets)),
        _ => return say(USAGE, ExitCode::from(2)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => say(&format!("error: {}\n", error.chain()), ExitCode::FAILURE),
    }
}

fn open(manifest: Option<&str>) -> Result<Assets, ProgramError> {
    let standard = Assets::open()?;
    let Some(file) = manifest else { return Ok(standard) };
    let text = fs::read_to_string(file).map_err(ProgramError::io(format!("cannot read {file}")))?;
    let manifest = Manifest::parse(&text).map_err(voiceflow_assets::AssetError::from)?;
    Ok(Assets::with(standard.root().to_owned(), manifest))
}

fn say(text: &str, code: ExitCode) -> ExitCode {
    // A closed standard error leaves nowhere to complain.
    let _ = io::stderr().write_all(text.as_bytes());
    code
}
