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
        Ok(String::from_utf8_lossy(&self.output(arguments)?).trim().to_owned())
    }

    /// The text of a file as a commit has it, `path` being relative to this folder; `None` where the commit has no such
    /// file. Fails where git has no such commit, and where the file is no UTF-8 text.
    pub(crate) fn file(&self, commit: &str, path: &str) -> anyhow::Result<Option<String>> {
        let listed = self.output(&["ls-tree", "--name-only", commit, "--", path])?;
        if listed.is_empty() {
            return Ok(None);
        }
        let name = format!("{commit}:./{path}");
        let text = self.output(&["cat-file", "blob", name.as_str()])?;
        Ok(Some(String::from_utf8(text).context("it is no UTF-8 text")?))
    }

    /// What it printed, or `None` when it failed.
    pub(crate) fn ask<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Option<String> {
        self.run(arguments).ok()
    }

    fn output<A: AsRef<OsStr>>(&self, arguments: &[A]) -> anyhow::Result<Vec<u8>> {
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
        Ok(output.stdout)
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
    fn a_file_is_read_from_a_commit_as_it_is_and_not_from_the_folder() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (inner, text) = (folder.path().join("inner"), "\n# kept\n\n");
        std::fs::create_dir(&inner).expect("makes");
        std::fs::write(inner.join("kept.toml"), text).expect("writes");
        let git = Git::at(&inner);
        git.run(&["init", "--quiet", ".."]).expect("a repository");
        git.run(&["add", "--all"]).expect("adds");
        let tree = git.run(&["write-tree"]).expect("a tree");
        std::fs::write(inner.join("kept.toml"), "changed").expect("writes");
        std::fs::write(inner.join("later.toml"), "new").expect("writes");
        let read = |path| git.file(&tree, path).expect("reads");
        assert_eq!(read("kept.toml").as_deref(), Some(text));
        assert_eq!(read("later.toml"), None);
        assert!(git.file("no-such-commit", "kept.toml").is_err());
    }

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
