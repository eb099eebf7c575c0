//! Downloading archives with pip, into the cache's `downloads` folder.
//!
//! pip finds the package index by the user's own configuration (mirrors, proxies, local folders), so no host name
//! stands here. An archive gets its final name only after its SHA-256 was found right.
//!
//! What goes on and what starts again: a connection that breaks is taken up where it broke if pip is 25.1 or later and
//! the index answers requests for ranges; an older pip fails, and with it the run. An archive that was verified is kept
//! for the next run, whatever becomes of this one. One that a run did not finish is downloaded from its beginning by the
//! next, because pip keeps no part of it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use voiceflow_assets::{Assets, Form, Package, hash_file};

use crate::error::ProgramError;
use crate::prepare::{megabytes, progress};
use crate::scratch::Scratch;

/// How often a running download says how far it is.
const PROGRESS_PERIOD: Duration = Duration::from_secs(2);

/// How often the end of a download is looked for.
const POLL_PERIOD: Duration = Duration::from_millis(50);

/// The option `--resume-retries` of pip 25.1 and later as a variable: an older pip refuses an option that it does not
/// know and passes over such a variable.
const RESUME_VARIABLE: &str = "PIP_RESUME_RETRIES";

/// How many broken connections one archive may cost. pip's own number, 0 in 25.1 and 5 later, is small for the largest
/// archive over a bad line.
const RESUMES_MAX: &str = "20";

/// What is kept of pip's complaints.
const SAID_LINES: usize = 12;

/// Stands in for a source package's build backend. `pip download` asks for a source package's metadata, and a real
/// backend would fetch and run a whole build system to answer; name and version are known, so this says them.
const STAND_IN_BACKEND: &str = r#"
import os

def get_requires_for_build_wheel(config_settings=None):
    return []

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = "{name}-{version}.dist-info"
    os.makedirs(os.path.join(metadata_directory, folder))
    with open(os.path.join(metadata_directory, folder, "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    raise RuntimeError("this package is downloaded for its data and never built")
"#;

/// The Python that runs pip and unpacks archives: `$VOICEFLOW_PYTHON`, else `python3`.
pub(crate) fn python() -> OsString {
    env::var_os("VOICEFLOW_PYTHON")
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| "python3".into())
}

/// Where a package's archive lies once it is downloaded and verified.
pub(crate) fn archive_path(assets: &Assets, package: &Package) -> PathBuf {
    assets.root().join("downloads").join(&package.file)
}

/// Makes sure that a package's archive is there and is the pinned one, downloading it if it is not.
///
/// # Errors
/// When pip fails, or what it brought is not the pinned archive.
pub(crate) fn fetch(assets: &Assets, package: &Package) -> Result<PathBuf, ProgramError> {
    let path = archive_path(assets, package);
    if path.is_file() {
        match verify(&path, package) {
            Ok(()) => return Ok(path),
            // What lies there is of no use; a download replaces it.
            Err(error @ ProgramError::Refused { .. }) => progress(&format!("{error}; downloading it again")),
            Err(error) => return Err(error),
        }
    }
    progress(&format!("downloading {} ({})", package.file, megabytes(package.bytes)));
    let scratch = Scratch::new(assets, "download")?;
    run_pip(package, &scratch, path.parent().unwrap_or(assets.root()))?;
    let downloaded = scratch.path().join("got").join(&package.file);
    verify(&downloaded, package)?;
    scratch.keep(&downloaded, &path)?;
    Ok(path)
}

fn verify(path: &Path, package: &Package) -> Result<(), ProgramError> {
    let found = hash_file(path).map_err(ProgramError::io(format!("cannot read {}", path.display())))?;
    if found.digest == package.sha256 && found.bytes == package.bytes {
        return Ok(());
    }
    Err(ProgramError::Refused {
        what: path.display().to_string(),
        expected: package.sha256.clone(),
        expected_bytes: package.bytes,
        found: found.digest,
        found_bytes: found.bytes,
    })
}

fn run_pip(package: &Package, scratch: &Scratch, downloads: &Path) -> Result<(), ProgramError> {
    let mut child = pip_command(package, scratch)?
        .spawn()
        .map_err(|source| ProgramError::NoPython {
            python: python().to_string_lossy().into_owned(),
            source,
        })?;
    let said = child.stderr.take().map(|mut stderr| {
        thread::spawn(move || {
            let mut said = Vec::new();
            // A pipe that breaks ends the text, which is all it can do.
            let _ = stderr.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        })
    });
    let status = wait_with_progress(&mut child, package, scratch.path())?;
    let said = said.and_then(|reader| reader.join().ok()).unwrap_or_default();
    if status.success() && scratch.path().join("got").join(&package.file).is_file() {
        return Ok(());
    }
    Err(ProgramError::Pip {
        package: package.name.clone(),
        version: package.version.clone(),
        file: package.file.clone(),
        folder: downloads.display().to_string(),
        said: last_lines(&said),
    })
}

fn pip_command(package: &Package, scratch: &Scratch) -> Result<Command, ProgramError> {
    let mut command = Command::new(python());
    command
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--no-input",
            "--no-cache-dir",
        ])
        .args(["--disable-pip-version-check", "--ignore-requires-python", "--dest"])
        .arg(scratch.path().join("got"))
        // pip downloads into a temporary folder first; here its growth can be watched and its leavings swept up.
        .env("TMPDIR", scratch.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    if env::var_os(RESUME_VARIABLE).is_none() {
        command.env(RESUME_VARIABLE, RESUMES_MAX);
    }
    match (package.form, &package.build_backend) {
        (Form::SourcePackage, Some(backend)) => {
            write_stand_in(package, backend, scratch)?;
            command.args(["--no-build-isolation", "--no-binary"]).arg(&package.name);
            command.env("PYTHONPATH", scratch.path().join("stand-in"));
        }
        _ => {
            command.args(["--only-binary", ":all:"]);
        }
    }
    command.arg(format!("{}=={}", package.name, package.version));
    Ok(command)
}

/// Writes the module `a.b.c` as `a/b/c.py` with an empty `__init__.py` on every level.
fn write_stand_in(package: &Package, backend: &str, scratch: &Scratch) -> Result<(), ProgramError> {
    let doing = || format!("cannot write the stand-in for {backend}");
    let mut folder = scratch.path().join("stand-in");
    let mut parts: Vec<&str> = backend.split('.').collect();
    let module = parts.pop().unwrap_or(backend);
    for part in parts {
        folder.push(part);
        fs::create_dir_all(&folder).map_err(ProgramError::io(doing()))?;
        fs::write(folder.join("__init__.py"), "").map_err(ProgramError::io(doing()))?;
    }
    let text = STAND_IN_BACKEND
        .replace("{name}", &package.name)
        .replace("{version}", &package.version);
    fs::create_dir_all(&folder).map_err(ProgramError::io(doing()))?;
    fs::write(folder.join(format!("{module}.py")), text).map_err(ProgramError::io(doing()))
}

fn wait_with_progress(child: &mut Child, package: &Package, folder: &Path) -> Result<ExitStatus, ProgramError> {
    let mut told = Instant::now();
    loop {
        let ended = child.try_wait().map_err(ProgramError::io("cannot wait for pip"))?;
        if let Some(status) = ended {
            return Ok(status);
        }
        if told.elapsed() >= PROGRESS_PERIOD {
            told = Instant::now();
            let here = folder_bytes(folder).min(package.bytes);
            progress(&format!("  {} of {}", megabytes(here), megabytes(package.bytes)));
        }
        thread::sleep(POLL_PERIOD);
    }
}

/// The sizes of all files below a folder; what vanishes meanwhile counts as nothing.
fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SAID_LINES)..].join("\n")
}
