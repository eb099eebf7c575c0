//! The recipes: unpacked files, or another asset, turned into an asset whose size and digest are pinned.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use voiceflow_assets::{Asset, Assets, Make, Recipe, hash_file};

use crate::archive;
use crate::ctranslate2::Model;
use crate::error::ProgramError;
use crate::gguf::Gguf;
use crate::prepare::{megabytes, progress};
use crate::quantise;
use crate::quantised;
use crate::scratch::Scratch;
use crate::vocabulary;
use crate::whisper::{self, ConversionError};

/// Writes the outcome of a recipe, verifies it and gives it its name. `source` is the folder of the unpacked files, or
/// the file of the asset that this one is made of.
pub(crate) fn convert(
    assets: &Assets,
    asset: &Asset,
    make: &Make,
    scratch: &Scratch,
    source: &Path,
) -> Result<(), ProgramError> {
    progress(&format!("converting to {} ({})", asset.path, megabytes(make.bytes)));
    let outcome = scratch.path().join("outcome");
    match make.recipe {
        Recipe::WhisperGgml => write_outcome(&outcome, |output| convert_whisper(asset, source, output))?,
        Recipe::GgufQ8 => write_outcome(&outcome, |output| convert_gguf(source, output))?,
        Recipe::WhisperQ8 | Recipe::WhisperQ5 => {
            quantised::make(source, make.recipe.quantised_to().unwrap_or_default(), &outcome)?;
        }
    }
    let found = hash_file(&outcome).map_err(ProgramError::io(format!("cannot read {}", outcome.display())))?;
    if found.digest != make.sha256 || found.bytes != make.bytes {
        return Err(ProgramError::Refused {
            what: format!("what became of asset `{}`", asset.name),
            expected: make.sha256.clone(),
            expected_bytes: make.bytes,
            found: found.digest,
            found_bytes: found.bytes,
        });
    }
    scratch.keep(&outcome, &assets.root().join(&asset.path))
}

fn write_outcome(
    outcome: &Path,
    convert: impl FnOnce(&mut BufWriter<File>) -> Result<(), ProgramError>,
) -> Result<(), ProgramError> {
    let doing = format!("cannot write {}", outcome.display());
    let file = File::create(outcome).map_err(ProgramError::io(doing.clone()))?;
    let mut output = BufWriter::new(file);
    convert(&mut output)?;
    output.flush().map_err(ProgramError::io(doing))
}

fn convert_whisper(asset: &Asset, folder: &Path, output: &mut impl Write) -> Result<(), ProgramError> {
    let tokens = vocabulary::raw_tokens(&read(&folder.join("vocabulary.txt"))?)?;
    let content = joined_model(asset, folder)?;
    let model = Model::read(&content)?;
    whisper::convert(&model, &tokens, output).map_err(conversion_error)
}

/// `model.bin`, or its parts in the manifest's order, from the folder they were unpacked into.
pub(crate) fn joined_model(asset: &Asset, folder: &Path) -> Result<Vec<u8>, ProgramError> {
    let mut content = Vec::new();
    for name in asset
        .take
        .iter()
        .map(archive::unpacked_name)
        .filter(|name| name.starts_with("model.bin"))
    {
        content.extend(read(&folder.join(name))?);
    }
    Ok(content)
}

fn convert_gguf(folder: &Path, output: &mut impl Write) -> Result<(), ProgramError> {
    let content = read(&folder.join("model.gguf"))?;
    quantise::requantise(&Gguf::read(&content)?, output).map_err(conversion_error)
}

fn conversion_error(error: ConversionError) -> ProgramError {
    match error {
        ConversionError::Format(error) => error.into(),
        ConversionError::Io(source) => ProgramError::Io {
            doing: "cannot write the converted model".into(),
            source,
        },
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ProgramError> {
    fs::read(path).map_err(ProgramError::io(format!("cannot read {}", path.display())))
}
