//! `test`: everything CI says, in the order in which it fails fastest.

use std::process::Command;

use anyhow::ensure;

use crate::cli::TestCommand;
use crate::outcome::Outcome;
use crate::process;
use crate::setup::{self, Tools};
use crate::workspace::Workspace;

/// Runs every check and says at the end which failed. A failed check does not keep the next from running.
pub(crate) fn run(workspace: &Workspace, command: &TestCommand) -> anyhow::Result<Outcome> {
    for component in ["fmt", "clippy"] {
        let is_there = workspace
            .cargo()
            .args([component, "--version"])
            .output()
            .is_ok_and(|output| output.status.success());
        ensure!(
            is_there,
            "cargo {component} is missing: run `rustup component add rustfmt clippy`"
        );
    }
    let mut failed = Vec::new();
    check(
        &mut failed,
        "format",
        workspace.cargo().args(["fmt", "--all", "--check"]),
    )?;
    setup::prepare(workspace)?;
    if command.quick {
        eprintln!("test: lints and licences left out (--quick)");
    } else {
        // The same profile as the tests and benches, so that no dependency is built twice.
        let lints = [
            "clippy",
            "--release",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "--deny",
            "warnings",
        ];
        check(&mut failed, "lints", workspace.cargo().args(lints))?;
        licences(workspace, &mut failed)?;
    }
    let tests = ["test", "--release", "--workspace", "--locked", "--no-fail-fast"];
    check(&mut failed, "tests", workspace.cargo().args(tests))?;
    if failed.is_empty() {
        eprintln!("test: everything passed");
        return Ok(Outcome::Passed);
    }
    eprintln!("test: FAILED: {}", failed.join(", "));
    Ok(Outcome::Regressed)
}

fn check(failed: &mut Vec<&'static str>, name: &'static str, command: &mut Command) -> anyhow::Result<()> {
    eprintln!("test: {name}");
    if !process::run_visibly(command)?.success() {
        failed.push(name);
    }
    Ok(())
}

/// Licences, bans and sources; advisories where their database can be reached.
fn licences(workspace: &Workspace, failed: &mut Vec<&'static str>) -> anyhow::Result<()> {
    let cargo_deny = Tools::of(workspace)?.ensure_cargo_deny()?;
    let deny = || {
        let mut command = Command::new(&cargo_deny);
        process::scrub_cargo_variables(&mut command);
        command.current_dir(workspace.root()).args(["--log-level", "error"]);
        command
    };
    check(
        failed,
        "licences, bans and sources",
        deny().args(["check", "licenses", "bans", "sources"]),
    )?;
    let fetched = process::run_visibly(deny().args(["fetch", "db"]))?.success();
    if fetched {
        check(failed, "advisories", deny().args(["--offline", "check", "advisories"]))?;
    } else {
        eprintln!("test: advisories SKIPPED: their database cannot be reached");
    }
    Ok(())
}
