//! Makes a Whisper model smaller: `cargo run --release -p voiceflow-asr --example quantise -- q8_0|q5_1 MODEL.bin
//! OUTPUT.bin`
//!
//! `cargo xtask setup` runs it for the quantised models among the assets; the same command serves a model of your own.

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use voiceflow_asr::quantise::{BlockType, quantise};

const USAGE: &str = "usage: quantise q8_0|q5_1 MODEL.bin OUTPUT.bin";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [block_type, model, output] = arguments.as_slice() else {
        return Err(USAGE.into());
    };
    let block_type = BlockType::from_name(block_type).ok_or(USAGE)?;
    let content = fs::read(model).map_err(|error| format!("cannot read {model}: {error}"))?;
    let unfinished = format!("{output}.unfinished");
    let cannot_write = |error| format!("cannot write {unfinished}: {error}");
    let mut file = BufWriter::new(File::create(&unfinished).map_err(cannot_write)?);
    quantise(&content, block_type, &mut file).map_err(|error| format!("{model}: {error}"))?;
    file.flush().map_err(cannot_write)?;
    fs::rename(&unfinished, Path::new(output)).map_err(|error| format!("cannot write {output}: {error}"))?;
    Ok(())
}
