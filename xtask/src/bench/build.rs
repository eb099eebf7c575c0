//! Builds the bench programs and learns from cargo where they are.

use std::collections::BTreeMap;
use std::io::{self, BufReader, ErrorKind, IsTerminal as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use voiceflow_record::Instrument;

use super::plan::Job;
use crate::filter::Filter;
use crate::process;
use crate::workspace::{BenchCrate, Workspace};

/// The executable of each crate and instrument.
pub(crate) type Programs = BTreeMap<(PathBuf, Instrument), PathBuf>;

/// The bench target that an instrument lives in.
pub(crate) fn target_name(instrument: Instrument) -> &'static str {
    match instrument {
        Instrument::Time => "time",
        Instrument::Instructions => "iai",
        Instrument::Allocations => "allocations",
    }
}

/// What a build is told besides the workspace's own settings.
#[derive(Debug, Default)]
pub(crate) struct BuildSettings {
    /// Where cargo builds; its usual folder where there is none.
    pub(crate) target_folder: Option<PathBuf>,
    /// Compiler flags to add.
    pub(crate) rustflags: Vec<String>,
    /// Variables to set.
    pub(crate) variables: Vec<(String, String)>,
}

/// Builds the programs of these instruments in every crate that has operations.
///
/// All crates, not just those asked for: cargo chooses the features of shared dependencies by what is built together, so
/// a build of one crate alone would compile candle a second time. A crate that does not compile costs its own jobs only.
pub(crate) fn programs(workspace: &Workspace, jobs: &[Job]) -> anyhow::Result<Programs> {
    let mut packages = distinct(jobs, |job| job.package.clone());
    packages.extend(
        workspace
            .bench_crates(&Filter::All)?
            .into_iter()
            .map(|found| found.package),
    );
    packages.sort();
    packages.dedup();
    let targets = distinct(jobs, |job| target_name(job.instrument).to_owned());
    eprintln!("bench: building");
    let (built, complete) = build(workspace, &packages, &targets, &BuildSettings::default())?;
    let programs = by_instrument(built);
    ensure!(
        complete || !programs.is_empty(),
        "the bench programs do not build (see above)"
    );
    Ok(programs)
}

/// Builds every bench program of these crates, and fails when one does not build.
pub(crate) fn build_all(
    workspace: &Workspace,
    crates: &[BenchCrate],
    settings: &BuildSettings,
) -> anyhow::Result<Programs> {
    let packages: Vec<String> = crates.iter().map(|found| found.package.clone()).collect();
    let targets = Instrument::ALL.map(|instrument| target_name(instrument).to_owned());
    let (built, complete) = build(workspace, &packages, &targets, settings)?;
    ensure!(complete, "see the compiler's messages above");
    Ok(by_instrument(built))
}

/// Builds the one bench program of this name, whichever crate has it.
pub(crate) fn program(workspace: &Workspace, name: &str) -> anyhow::Result<Program> {
    let packages: Vec<String> = workspace
        .bench_crates(&Filter::All)?
        .into_iter()
        .map(|found| found.package)
        .collect();
    eprintln!("{name}: building");
    let (built, complete) = build(workspace, &packages, &[name.to_owned()], &BuildSettings::default())?;
    ensure!(complete, "the program `{name}` does not build (see above)");
    built
        .into_iter()
        .find(|program| program.target == name)
        .with_context(|| format!("no crate has a bench program `{name}`"))
}

/// Where cargo builds this workspace, as far as the environment tells.
pub(crate) fn target_folder(workspace: &Workspace) -> PathBuf {
    BuildSettings::default().target_folder(workspace)
}

/// A bench program that was built.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Program {
    /// The folder of its crate.
    pub(crate) folder: PathBuf,
    /// Cargo's name of the target.
    pub(crate) target: String,
    /// Where it lies.
    pub(crate) executable: PathBuf,
}

fn by_instrument(built: Vec<Program>) -> Programs {
    let instrument_of = |target: &str| {
        Instrument::ALL
            .into_iter()
            .find(|instrument| target_name(*instrument) == target)
    };
    built
        .into_iter()
        .filter_map(|program| {
            let instrument = instrument_of(&program.target)?;
            Some(((program.folder, instrument), program.executable))
        })
        .collect()
}

fn build(
    workspace: &Workspace,
    packages: &[String],
    targets: &[String],
    settings: &BuildSettings,
) -> anyhow::Result<(Vec<Program>, bool)> {
    let mut command = workspace.cargo();
    command.args([
        "bench",
        "--no-run",
        "--locked",
        "--no-fail-fast",
        "--message-format=json-render-diagnostics",
    ]);
    for package in packages {
        command.args(["--package", package]);
    }
    for target in targets {
        command.args(["--bench", target]);
    }
    settings.apply(&mut command);
    show_as_on_a_terminal(&mut command);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let (mut child, _running) = process::spawn_group(&mut command)?;
    let output = child.stdout.take().context("cargo has no output")?;
    let said = child.stderr.take().context("cargo has no standard error")?;
    let listener = std::thread::spawn(move || process::hand_on(said, io::stderr()));
    let built = executables(BufReader::new(output))?;
    let status = child.wait().context("cannot wait for cargo")?;
    let is_disk_full = listener.join().unwrap_or(false);
    if is_disk_full && !status.success() {
        let folder = settings.target_folder(workspace);
        return Err(io::Error::new(ErrorKind::StorageFull, "no space is left (see above)"))
            .with_context(|| format!("cannot build in {}", folder.display()));
    }
    Ok((built, status.success()))
}

/// Cargo speaks into a pipe here. Where a person reads along, it is told to speak as it would to them.
fn show_as_on_a_terminal(command: &mut Command) {
    let is_unset = |name: &str| std::env::var_os(name).is_none();
    let is_plain = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
    if is_plain || !io::stderr().is_terminal() {
        return;
    }
    if is_unset("NO_COLOR") && is_unset("CARGO_TERM_COLOR") {
        command.env("CARGO_TERM_COLOR", "always");
    }
    if is_unset("CARGO_TERM_PROGRESS_WHEN") {
        // A pipe has no width that cargo could ask for.
        command
            .env("CARGO_TERM_PROGRESS_WHEN", "always")
            .env("CARGO_TERM_PROGRESS_WIDTH", "80");
    }
}

impl BuildSettings {
    /// Where cargo will build, as far as these settings and the environment tell.
    fn target_folder(&self, workspace: &Workspace) -> PathBuf {
        self.target_folder
            .clone()
            .or_else(|| std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from))
            .unwrap_or_else(|| workspace.root().join("target"))
    }

    fn apply(&self, command: &mut Command) {
        if let Some(folder) = &self.target_folder {
            command.env("CARGO_TARGET_DIR", folder);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if self.rustflags.is_empty() {
            return;
        }
        // The variable outranks the configuration, so whoever uses it gets the flags through it.
        match std::env::var("RUSTFLAGS") {
            Ok(flags) => {
                command.env("RUSTFLAGS", format!("{flags} {}", self.rustflags.join(" ")));
            }
            Err(_) => {
                let quoted: Vec<String> = self.rustflags.iter().map(|flag| format!("'{flag}'")).collect();
                let setting = format!("target.'cfg(all())'.rustflags = [{}]", quoted.join(", "));
                command.args(["--config", &setting]);
            }
        }
    }
}

fn distinct(jobs: &[Job], value: impl Fn(&Job) -> String) -> Vec<String> {
    let mut values: Vec<String> = jobs.iter().map(value).collect();
    values.sort();
    values.dedup();
    values
}

/// The messages of `cargo --message-format=json`, as far as they matter here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: Option<PathBuf>,
    #[serde(default)]
    target: Option<Target>,
    #[serde(default)]
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

/// Reads cargo's messages, one a line.
fn executables(messages: impl std::io::BufRead) -> anyhow::Result<Vec<Program>> {
    let mut programs = Vec::new();
    for line in messages.lines() {
        let line = line.context("cannot read cargo's messages")?;
        let Ok(message) = serde_json::from_str::<Message>(&line) else {
            continue;
        };
        if message.reason != "compiler-artifact" {
            continue;
        }
        let (Some(manifest), Some(target), Some(executable)) =
            (message.manifest_path, message.target, message.executable)
        else {
            continue;
        };
        if target.kind.iter().any(|kind| kind == "bench") {
            programs.push(Program {
                folder: manifest.parent().map(PathBuf::from).unwrap_or_default(),
                target: target.name,
                executable,
            });
        }
    }
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_read_from_cargos_messages() {
        let messages = [
            r#"{"reason":"compiler-artifact","manifest_path":"/w/crates/a/Cargo.toml","target":{"kind":["bench"],"name":"time"},"executable":"/w/target/time-1"}"#,
            r#"{"reason":"compiler-artifact","manifest_path":"/w/benches/Cargo.toml","target":{"kind":["bench"],"name":"impact"},"executable":"/w/target/impact-1"}"#,
            r#"{"reason":"compiler-artifact","manifest_path":"/w/crates/a/Cargo.toml","target":{"kind":["lib"],"name":"a"},"executable":null}"#,
            r#"{"reason":"build-script-executed","package_id":"x"}"#,
            "warning: not json",
            r#"{"reason":"build-finished","success":true}"#,
        ];
        let built = executables(messages.join("\n").as_bytes()).expect("reads");
        let impact = Program {
            folder: PathBuf::from("/w/benches"),
            target: "impact".to_owned(),
            executable: PathBuf::from("/w/target/impact-1"),
        };
        assert_eq!(built.get(1), Some(&impact));
        let programs = by_instrument(built);
        let expected = (
            (PathBuf::from("/w/crates/a"), Instrument::Time),
            PathBuf::from("/w/target/time-1"),
        );
        assert_eq!(programs.into_iter().collect::<Vec<_>>(), [expected]);
    }
}
