//! A clone of the user's repository in the cache, for building other revisions: it borrows the user's objects and nothing
//! in it is ever written back.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};
use voiceflow_record::write_file;

use crate::git::Git;
use crate::workspace::Workspace;

/// Makes the clone where there is none, under its name only when it is complete.
pub(crate) fn prepare(workspace: &Workspace, clone: &Path) -> anyhow::Result<()> {
    let objects = format!("{}\n", git_folder(workspace)?.join("objects").display());
    let borrows = std::fs::read_to_string(clone.join(ALTERNATES)).is_ok_and(|borrowed| borrowed == objects);
    if borrows && is_complete(clone) {
        return Ok(());
    }
    let mut name = clone.as_os_str().to_owned();
    name.push(".unfinished");
    let unfinished = Path::new(&name);
    for leftover in [unfinished, clone] {
        let _ = std::fs::remove_dir_all(leftover);
    }
    // Not `git clone`: that refuses shallow repositories, and would follow whatever the user's HEAD points to.
    std::fs::create_dir_all(unfinished).with_context(|| format!("cannot make {}", unfinished.display()))?;
    Git::at(unfinished).run(&["init", "--quiet"])?;
    write_file(&unfinished.join(ALTERNATES), objects.as_bytes())?;
    std::fs::rename(unfinished, clone).with_context(|| format!("cannot make {}", clone.display()))
}

/// Where git is told whose objects to use besides its own.
const ALTERNATES: &str = ".git/objects/info/alternates";

/// Whether the repository that git finds there is the clone's own, and not one around the cache.
fn is_complete(clone: &Path) -> bool {
    let found = Git::at(clone).ask(&["rev-parse", "--absolute-git-dir"]);
    let own = clone.join(".git").canonicalize();
    found.is_some_and(|found| own.is_ok_and(|own| Path::new(&found).canonicalize().is_ok_and(|found| found == own)))
}

/// Puts the files of a commit there, and nothing else besides what git ignores.
pub(crate) fn check_out(workspace: &Workspace, clone: &Path, commit: &str) -> anyhow::Result<()> {
    // What follows overwrites files: never those of a repository around the cache.
    ensure!(
        is_complete(clone),
        "{} is no clone of this tool's: delete it",
        clone.display()
    );
    // What a killed run may have left.
    for lock in ["index.lock", "HEAD.lock"] {
        let _ = std::fs::remove_file(clone.join(".git").join(lock));
    }
    copy_shallow_list(workspace, clone)?;
    let git = Git::at(clone);
    // A user's hooks are for the user's checkouts.
    let no_hooks = ["-c", "core.hooksPath=/dev/null"];
    git.run(&[&no_hooks[..], &["checkout", "--quiet", "--force", "--detach", commit]].concat())?;
    git.run(&["clean", "--quiet", "-ff", "-d"])?;
    Ok(())
}

fn git_folder(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let user = Git::at(workspace.root());
    let folder = user.run(&["rev-parse", "--path-format=absolute", "--git-common-dir"])?;
    Ok(PathBuf::from(folder))
}

/// Which commits have no parents here: the user's clone may have been deepened since.
fn copy_shallow_list(workspace: &Workspace, clone: &Path) -> anyhow::Result<()> {
    let (from, to) = (git_folder(workspace)?.join("shallow"), clone.join(".git/shallow"));
    if from.is_file() {
        std::fs::copy(&from, &to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    } else {
        let _ = std::fs::remove_file(&to);
    }
    Ok(())
}

/// A folder name for a checkout: its own name and a digest of where it lies.
pub(crate) fn name_of(root: &Path) -> String {
    let digest = Sha256::digest(root.to_string_lossy().as_bytes());
    let name = root
        .file_name()
        .map_or_else(|| "checkout".to_owned(), |name| name.to_string_lossy().into_owned());
    format!(
        "{name}-{:02x}{:02x}{:02x}{:02x}",
        digest[0], digest[1], digest[2], digest[3]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_checkouts_of_one_name_have_clones_of_their_own() {
        assert_ne!(name_of(Path::new("/a/bench")), name_of(Path::new("/b/bench")));
        assert!(name_of(Path::new("/a/bench")).starts_with("bench-"));
    }
}
