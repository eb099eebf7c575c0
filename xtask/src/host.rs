//! Facts about this machine and this build that every record carries.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use voiceflow_record::{Build, Host, Run};

use crate::lockfile::Lockfile;
use crate::process;
use crate::workspace::Workspace;

/// This machine.
pub(crate) fn this_host() -> Host {
    let libc = process::first_line("getconf", &["GNU_LIBC_VERSION"]).unwrap_or_else(|| "unknown".to_owned());
    Host::detect(libc, valgrind_version())
}

/// `valgrind --version`, where it is installed.
pub(crate) fn valgrind_version() -> Option<String> {
    process::first_line("valgrind", &["--version"])
}

/// What every record of one crate's operations carries: `measured` is the checkout whose code is measured.
pub(crate) fn run_of(measured: &Workspace, tool: &Workspace, package: &str, host: &Host) -> anyhow::Result<Run> {
    Ok(Run {
        measured: measured.revision(),
        tool: tool.revision(),
        build: build_of(measured, package)?,
        host: host.clone(),
    })
}

/// `rustc --version`.
pub(crate) fn toolchain() -> anyhow::Result<String> {
    process::first_line("rustc", &["--version"]).context("rustc does not start: install Rust")
}

/// How a checkout builds one of its packages.
pub(crate) fn build_of(workspace: &Workspace, package: &str) -> anyhow::Result<Build> {
    Ok(Build {
        toolchain: toolchain()?,
        profile: "release".to_owned(),
        flags: build_flags(workspace)?,
        lock_sha256: Lockfile::read(workspace.root())?.dependencies_sha256(package),
    })
}

/// The variables that a checkout's cargo configuration sets for the programs it runs, and with them how many threads a
/// library takes. Paths relative to the checkout are left out: they name build tools.
pub(crate) fn configured_environment(workspace: &Workspace) -> anyhow::Result<BTreeMap<String, String>> {
    let path = workspace.root().join(".cargo/config.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let config: toml::Table = text
        .parse()
        .with_context(|| format!("cannot read {}", path.display()))?;
    let variables = config.get("env").and_then(toml::Value::as_table);
    Ok(variables
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect())
}

/// Compiler flags and build variables as the workspace's cargo configuration sets them, or as the environment overrides
/// them, sorted. Paths are left out: they differ between checkouts and mean nothing to a count.
fn build_flags(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    let path = workspace.root().join(".cargo/config.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let config: toml::Table = text
        .parse()
        .with_context(|| format!("cannot read {}", path.display()))?;
    let mut flags = Vec::new();
    if let Some(toml::Value::Table(variables)) = config.get("env") {
        for (name, value) in variables {
            if let toml::Value::String(value) = value {
                let inherited = std::env::var(name).ok().filter(|_| workspace.is_own());
                let value = inherited.unwrap_or_else(|| value.clone());
                flags.push(format!("{name}={value}"));
            }
        }
    }
    match std::env::var("RUSTFLAGS") {
        Ok(rustflags) => flags.push(format!("rustflags={rustflags}")),
        Err(_) => flags.push(format!("rustflags={}", configured_rustflags(&config))),
    }
    flags.extend(profile_settings(workspace)?);
    let overrides =
        std::env::vars().filter(|(name, _)| name.starts_with("CARGO_PROFILE_") || name == "CARGO_ENCODED_RUSTFLAGS");
    flags.extend(overrides.map(|(name, value)| format!("{name}={value}")));
    flags.sort();
    Ok(flags)
}

/// The settings of the one profile everything is built with.
fn profile_settings(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    let path = workspace.root().join("Cargo.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest: toml::Table = text
        .parse()
        .with_context(|| format!("cannot read {}", path.display()))?;
    let profile = manifest
        .get("profile")
        .and_then(|profiles| profiles.get("release"))
        .and_then(toml::Value::as_table);
    Ok(profile
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("profile.{name}={value}"))
        .collect())
}

fn configured_rustflags(config: &toml::Table) -> String {
    let key = format!("cfg(target_arch = \"{}\")", std::env::consts::ARCH);
    let flags = config
        .get("target")
        .and_then(|target| target.get(&key))
        .and_then(|target| target.get("rustflags"));
    let words: Vec<&str> = flags
        .and_then(|flags| flags.as_array())
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_str)
        .collect();
    words.join(" ")
}

/// Refuses a processor that cannot run what the workspace builds, by name, instead of letting it die of an illegal
/// instruction.
pub(crate) fn require_processor() -> anyhow::Result<()> {
    let missing = missing_features();
    anyhow::ensure!(
        missing.is_empty(),
        "this processor lacks {}: the workspace is built for x86-64-v3 (Haswell, Zen and later); \
         lower target-cpu and the GGML_ settings in .cargo/config.toml to build for it",
        missing.join(", ")
    );
    Ok(())
}

#[cfg(target_arch = "x86_64")]
fn missing_features() -> Vec<&'static str> {
    let mut missing = Vec::new();
    for (feature, present) in [
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("FMA", is_x86_feature_detected!("fma")),
        ("F16C", is_x86_feature_detected!("f16c")),
        ("BMI2", is_x86_feature_detected!("bmi2")),
    ] {
        if !present {
            missing.push(feature);
        }
    }
    missing
}

#[cfg(not(target_arch = "x86_64"))]
fn missing_features() -> Vec<&'static str> {
    Vec::new()
}

/// Where tools and assets are kept for this user.
pub(crate) fn cache() -> anyhow::Result<PathBuf> {
    Ok(voiceflow_assets::Assets::open()?.root().to_owned())
}

/// Whether a program starts at all.
pub(crate) fn is_installed(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok()
}
