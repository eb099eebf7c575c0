//! Asking git. Nothing here writes to a user's repository: whoever writes does so in a clone of their own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::process;

/// A folder to run git in.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    folder: PathBuf,
    variables: Vec<(&'static str, PathBuf)>,
}

impl Git {
    /// Git in this folder, deaf to the variables that a hook or a wrapper may have set for another one.
    pub(crate) fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            variables: Vec::new(),
        }
    }

    /// The same, with one of git's own variables set.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<PathBuf>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Runs it and returns what it printed, trimmed. An error carries git's own words.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> anyhow::Result<String> {
        let output = self.command(arguments).output().context("git does not start")?;
        if !output.status.success() {
            let words: Vec<String> = arguments
                .iter()
                .map(|argument| argument.as_ref().to_string_lossy().into_owned())
                .collect();
            bail!(
                "git {} failed: {}",
                words.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// What it printed, or `None` when it failed.
    pub(crate) fn ask<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Option<String> {
        self.run(arguments).ok()
    }

    fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new("git");
        process::scrub_cargo_variables(&mut command);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                command.env_remove(&name);
            }
        }
        command
            .current_dir(&self.folder)
            // `status` would otherwise refresh the user's index.
            .env("GIT_OPTIONAL_LOCKS", "0")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .args(arguments);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_gits_own_words() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let error = Git::at(folder.path())
            .run(&["rev-parse", "HEAD"])
            .expect_err("no repository")
            .to_string();
        assert!(error.starts_with("git rev-parse HEAD failed: "), "{error}");
        assert!(error.contains("not a git repository"), "{error}");
    }
}
