//! Which two states of the source are compared: commits by any name git knows, or the working tree as it is now.
//!
//! The user's repository is only read. A snapshot of the working tree, untracked files included, is a commit whose
//! objects are written into the slot's clone and whose index is a file of its own.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::git::Git;
use crate::outcome::Failure;
use crate::workspace::Workspace;

/// What people write for the files as they are now.
pub(crate) const WORKING_TREE: &str = "working-tree";

/// A state of the source, as a commit that the slot's clone can check out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Revision {
    /// As the user wrote it.
    pub(crate) name: String,
    /// What the clone checks out.
    pub(crate) commit: String,
    /// The commit people know: for a changed working tree the one it is based on.
    pub(crate) base: String,
    /// Whether it holds changes that no commit of the user's does.
    pub(crate) dirty: bool,
    /// First line of the message of `base`.
    pub(crate) subject: String,
}

/// Finds a commit by any name git knows.
pub(crate) fn resolve(workspace: &Workspace, name: &str) -> anyhow::Result<Revision> {
    let git = Git::at(workspace.root());
    git.run(&["rev-parse", "--git-dir"])
        .map_err(|_| Failure::bad_usage(format!("{} is no git repository", workspace.root().display())))?;
    let wanted = format!("{name}^{{commit}}");
    let Some(commit) = git.ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]) else {
        return Err(unknown(&git, name));
    };
    let subject = subject(&git, &commit);
    Ok(Revision {
        name: name.to_owned(),
        base: commit.clone(),
        commit,
        dirty: false,
        subject,
    })
}

/// Whether git knows a commit by this name.
pub(crate) fn is_known(workspace: &Workspace, name: &str) -> bool {
    resolve(workspace, name).is_ok()
}

fn unknown(git: &Git, name: &str) -> anyhow::Error {
    let is_shallow = git
        .ask(&["rev-parse", "--is-shallow-repository"])
        .is_some_and(|answer| answer == "true");
    Failure::bad_usage(if is_shallow {
        format!(
            "revision `{name}` is not in this clone, which is shallow: fetch the rest with `git fetch --unshallow --tags` \
             (in GitHub Actions `fetch-depth: 0` of actions/checkout, in GitLab `GIT_DEPTH: 0`)"
        )
    } else {
        format!(
            "there is no revision `{name}` in this repository: `git log --oneline` and `git tag` list what there is"
        )
    })
}

fn subject(git: &Git, commit: &str) -> String {
    git.ask(&["log", "-1", "--format=%s", commit]).unwrap_or_default()
}

/// The working tree as it is now. Without changes it is the commit that is checked out.
pub(crate) fn working_tree(workspace: &Workspace, clone: &Path) -> anyhow::Result<Revision> {
    let head = resolve(workspace, "HEAD")?;
    let mut revision = Revision {
        name: WORKING_TREE.to_owned(),
        ..head
    };
    if workspace.revision().dirty {
        revision.commit = snapshot(workspace, clone, &revision.base)?;
        revision.dirty = true;
    }
    Ok(revision)
}

/// Writes the files as they are now as a commit into the clone, with everything git ignores left out. The same files on
/// the same commit give the same hash, so their build is found again.
fn snapshot(workspace: &Workspace, clone: &Path, base: &str) -> anyhow::Result<String> {
    let scratch = TempDir::new().context("cannot make a temporary folder")?;
    let user = Git::at(workspace.root());
    let git_folder = absolute(&user, "--absolute-git-dir")?;
    let objects = absolute(&user, "--git-common-dir")?.join("objects");
    let git = user
        .with("GIT_DIR", git_folder)
        .with("GIT_WORK_TREE", top(workspace)?)
        .with("GIT_INDEX_FILE", scratch.path().join("index"))
        .with("GIT_OBJECT_DIRECTORY", clone.join(".git/objects"))
        .with("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects);
    // What a user has git keep beside the index would be written into the user's repository.
    let settings = ["core.splitIndex", "core.fsmonitor", "core.untrackedCache"].map(|name| format!("{name}=false"));
    let quietly: Vec<&str> = settings.iter().flat_map(|setting| ["-c", setting.as_str()]).collect();
    git.run(&[&quietly[..], &["read-tree", base]].concat())?;
    git.run(&[&quietly[..], &["add", "--all", "--", ":/"]].concat())
        .context("cannot take a snapshot of the working tree")?;
    let tree = git.run(&["write-tree"])?;
    const SOMEBODY: &str = "VoiceFlow Bench";
    let git = git
        .with("GIT_AUTHOR_NAME", SOMEBODY)
        .with("GIT_AUTHOR_EMAIL", "bench@localhost")
        .with("GIT_AUTHOR_DATE", "2000-01-01T00:00:00Z")
        .with("GIT_COMMITTER_NAME", SOMEBODY)
        .with("GIT_COMMITTER_EMAIL", "bench@localhost")
        .with("GIT_COMMITTER_DATE", "2000-01-01T00:00:00Z");
    git.run(&["commit-tree", &tree, "-p", base, "-m", "working tree"])
}

fn absolute(git: &Git, question: &str) -> anyhow::Result<PathBuf> {
    Ok(PathBuf::from(git.run(&[
        "rev-parse",
        "--path-format=absolute",
        question,
    ])?))
}

fn top(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    Ok(PathBuf::from(
        Git::at(workspace.root()).run(&["rev-parse", "--show-toplevel"])?,
    ))
}

/// Commits reachable from `candidate` and not from `baseline` that touch one of these paths, newest first.
pub(crate) fn commits_between(
    workspace: &Workspace,
    baseline: &str,
    candidate: &str,
    paths: &[String],
) -> Vec<(String, String)> {
    let range = format!("{baseline}..{candidate}");
    let mut arguments = vec!["log".to_owned(), "--format=%H %s".to_owned(), range, "--".to_owned()];
    arguments.extend(paths.iter().cloned());
    let text = Git::at(workspace.root()).ask(&arguments).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(commit, subject)| (commit.to_owned(), subject.to_owned()))
        .collect()
}
