//! Quantised models, made from the float16 ones by ggml's own code.
//!
//! `xtask` builds this crate before anything else, so it links no model runtime. ggml's code is in `voiceflow-asr`,
//! whose example program `quantise` is built here when the first model is to be made. It is built with the whole
//! workspace selected, so that whisper.cpp is what tests and benches link later, and nothing heavy is built twice.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::ProgramError;

/// The environment variable that names a `quantise` program which is there already.
const PROGRAM_VARIABLE: &str = "VOICEFLOW_QUANTISE";

/// The example of `voiceflow-asr`.
const EXAMPLE: &str = "quantise";

/// Writes `source` with its matrices in blocks of a type that ggml names.
///
/// # Errors
/// When the program cannot be built or fails.
pub(crate) fn make(source: &Path, block_type: &str, outcome: &Path) -> Result<(), ProgramError> {
    let program = match set(PROGRAM_VARIABLE) {
        Some(program) => PathBuf::from(program),
        None => build()?,
    };
    let output = Command::new(&program)
        .arg(block_type)
        .args([source, outcome])
        .stdin(Stdio::null())
        .output()
        .map_err(ProgramError::io(format!("cannot start {}", program.display())))?;
    if output.status.success() {
        return Ok(());
    }
    Err(ProgramError::Quantise {
        said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

/// Builds the program and returns where it lies. Cargo shows its progress on standard error.
fn build() -> Result<PathBuf, ProgramError> {
    let this_crate = set("CARGO_MANIFEST_DIR").ok_or(ProgramError::NoWorkspace {
        variable: PROGRAM_VARIABLE,
    })?;
    let cargo = set("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.args(["build", "--release", "--locked", "--workspace", "--example", EXAMPLE]);
    command
        .arg("--message-format=json-render-diagnostics")
        .current_dir(this_crate)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    // What `cargo run` exported about this package would make another cargo rebuild what has not changed.
    for (name, _) in env::vars_os() {
        let is_of_this_run = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix));
        if is_of_this_run || name == "CARGO" || name == "CARGO_PRIMARY_PACKAGE" {
            command.env_remove(&name);
        }
    }
    let output = command
        .output()
        .map_err(ProgramError::io(format!("cannot start {}", cargo.to_string_lossy())))?;
    let found = executable(&String::from_utf8_lossy(&output.stdout));
    found
        .filter(|_| output.status.success())
        .ok_or(ProgramError::NoQuantise { example: EXAMPLE })
}

fn set(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|value| !value.is_empty())
}

/// The path of the example in cargo's messages, one JSON object a line.
fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == EXAMPLE && message["target"]["kind"][0] == "example")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"quantise"},"executable":null}
not json
{"reason":"compiler-artifact","target":{"kind":["example"],"name":"transcribe"},"executable":"/t/transcribe-1"}
{"reason":"compiler-artifact","target":{"kind":["example"],"name":"quantise"},"executable":"/t/quantise-2"}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(executable(messages), Some("/t/quantise-2".into()));
        assert_eq!(executable("{\"reason\":\"build-finished\",\"success\":false}"), None);
    }
}
