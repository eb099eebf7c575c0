//! Commits that change nothing a user could see, made in the slot's clone: what `compare` says of them is what an
//! honest change would have to bear.
//!
//! Only objects are written. The clone's checkout and its refs stay as they are, and the user's repository is not
//! touched. The same number on the same commit gives the same hash, so its build is found again.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::compare::revision::Revision;
use crate::compare::slot::Slot;
use crate::git::Git;

/// What such a commit changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// A comment more, which moves lines and nothing else.
    Comment,
    /// A private function more that nobody calls.
    Function,
    /// Two modules declared in the other order.
    Order,
}

impl Change {
    /// They take turns.
    fn of(number: u32) -> Self {
        match number % 3 {
            1 => Self::Comment,
            2 => Self::Function,
            _ => Self::Order,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Comment => "a comment more",
            Self::Function => "an unused function more",
            Self::Order => "two modules in the other order",
        }
    }

    /// The text of a file with the change made; `None` where this file has no place for it.
    fn apply(self, text: &str, number: u32) -> Option<String> {
        match self {
            Self::Comment => Some(with_comment(text, number)),
            Self::Function => Some(with_function(text, number)),
            Self::Order => with_modules_swapped(text),
        }
    }
}

/// The commit with this number on top of HEAD.
pub(crate) fn revision(slot: &Slot, head: &Revision, number: u32) -> anyhow::Result<Revision> {
    let clone = slot.clone_folder();
    let workspace = slot.workspace();
    let prefix = workspace.root().strip_prefix(&clone).unwrap_or(Path::new(""));
    let commit = commit(&clone, prefix, &head.commit, number)?;
    Ok(Revision {
        name: format!("no-op {number} ({})", Change::of(number).words()),
        commit,
        base: head.base.clone(),
        // It holds what no commit of the user's does.
        dirty: true,
        subject: head.subject.clone(),
    })
}

/// Writes the commit into a repository, in which the workspace lies below `prefix`.
fn commit(repository: &Path, prefix: &Path, head: &str, number: u32) -> anyhow::Result<String> {
    const SOMEBODY: &str = "VoiceFlow Bench";
    const WHEN: &str = "2000-01-01T00:00:00Z";
    let scratch = TempDir::new().context("cannot make a temporary folder")?;
    let git = Git::at(repository)
        .with("GIT_DIR", repository.join(".git"))
        .with("GIT_INDEX_FILE", scratch.path().join("index"))
        .with("GIT_AUTHOR_NAME", SOMEBODY)
        .with("GIT_AUTHOR_EMAIL", "bench@localhost")
        .with("GIT_AUTHOR_DATE", WHEN)
        .with("GIT_COMMITTER_NAME", SOMEBODY)
        .with("GIT_COMMITTER_EMAIL", "bench@localhost")
        .with("GIT_COMMITTER_DATE", WHEN);
    let (path, text) = changed_file(&git, prefix, head, number)?;
    let file = scratch.path().join("file");
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    let blob = git.run(&["hash-object", "-w", "--no-filters", &file.to_string_lossy()])?;
    git.run(&["read-tree", head])?;
    git.run(&["update-index", "--cacheinfo", &format!("100644,{blob},{path}")])?;
    let tree = git.run(&["write-tree"])?;
    let message = format!("no-op {number}: {}", Change::of(number).words());
    git.run(&["commit-tree", &tree, "-p", head, "-m", &message])
}

/// The file that the commit with this number changes, and its new text.
fn changed_file(git: &Git, prefix: &Path, head: &str, number: u32) -> anyhow::Result<(String, String)> {
    let listed = git.run(&["ls-tree", "-r", "--name-only", "--full-tree", head])?;
    let mut files = library_sources(&listed, &prefix.to_string_lossy());
    // From one number to the next far apart: neighbours in the list are files of one crate.
    const STRIDE: usize = 37;
    let first = (number as usize * STRIDE).checked_rem(files.len()).unwrap_or(0);
    files.rotate_left(first);
    for path in files {
        // Git's answer comes trimmed.
        let text = git.run(&["show", &format!("{head}:{path}")])? + "\n";
        if let Some(changed) = Change::of(number).apply(&text, number) {
            return Ok((path.to_owned(), changed));
        }
    }
    anyhow::bail!(
        "no library below crates/ has a place for {}",
        Change::of(number).words()
    )
}

/// Rust files of the libraries that declare operations, the kit and tests left out.
fn library_sources<'a>(listed: &'a str, prefix: &str) -> Vec<&'a str> {
    let below = |path: &'a str| -> Option<(&'a str, &'a str)> {
        let path = path.strip_prefix(prefix)?;
        path.trim_start_matches('/').strip_prefix("crates/")?.split_once('/')
    };
    let declares = |name: &str| {
        listed
            .lines()
            .filter_map(below)
            .any(|(other, inside)| other == name && inside == "benches/catalogue.json")
    };
    listed
        .lines()
        .filter(|path| {
            below(path).is_some_and(|(name, inside)| {
                let is_source = inside.starts_with("src/")
                    && inside.ends_with(".rs")
                    && !inside.ends_with("tests.rs")
                    && !inside.ends_with("main.rs");
                is_source && name != "kit" && declares(name)
            })
        })
        .collect()
}

/// A line more after the documentation at the top.
fn with_comment(text: &str, number: u32) -> String {
    let comment = format!("// Commit {number} that changes nothing, made by validate-compare.");
    let mut lines: Vec<&str> = text.lines().collect();
    let header = lines.iter().take_while(|line| line.starts_with("//!")).count();
    lines.insert(header, &comment);
    lines.join("\n") + "\n"
}

fn with_function(text: &str, number: u32) -> String {
    format!(
        "{text}\n#[allow(dead_code)]\nfn changes_nothing_{number}(value: u64) -> u64 {{\n    \
         value.rotate_left(7) ^ {number}\n}}\n"
    )
}

/// The first two module declarations that follow each other, neither with an attribute or documentation of its own.
fn with_modules_swapped(text: &str) -> Option<String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let is_attached = |line: &str| line.starts_with("#[") || line.starts_with("///") || line.ends_with(']');
    let first = (0..lines.len().saturating_sub(1)).find(|&at| {
        let is_free = at.checked_sub(1).is_none_or(|before| !is_attached(lines[before]));
        is_free && is_module(lines[at]) && is_module(lines[at + 1])
    })?;
    lines.swap(first, first + 1);
    Some(lines.join("\n") + "\n")
}

fn is_module(line: &str) -> bool {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    line.strip_prefix("mod ")
        .and_then(|rest| rest.strip_suffix(';'))
        .is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBRARY: &str =
        "//! What it is for.\n//!\n//! More.\n\n#[cfg(unix)]\nmod a;\nmod b;\npub mod c;\n\nuse b::B;\n";

    #[test]
    fn a_comment_goes_below_the_documentation() {
        let changed = with_comment(LIBRARY, 4);
        let lines: Vec<&str> = changed.lines().collect();
        assert!(lines[3].starts_with("// Commit 4"), "{changed}");
        assert_eq!(lines.len(), LIBRARY.lines().count() + 1);
        assert!(with_comment("fn a() {}\n", 4).ends_with("\nfn a() {}\n"));
    }

    #[test]
    fn a_function_goes_to_the_end() {
        let changed = with_function(LIBRARY, 5);
        assert!(changed.starts_with(LIBRARY));
        assert!(changed.ends_with("fn changes_nothing_5(value: u64) -> u64 {\n    value.rotate_left(7) ^ 5\n}\n"));
    }

    #[test]
    fn modules_with_attributes_stay_where_they_are() {
        let changed = with_modules_swapped(LIBRARY).expect("b and c");
        assert!(changed.contains("mod a;\npub mod c;\nmod b;\n"), "{changed}");
        assert_eq!(with_modules_swapped("mod a;\n\nmod b;\n"), None);
        assert_eq!(with_modules_swapped("#[macro_use]\nmod a;\nmod b;\n"), None);
    }

    #[test]
    fn only_libraries_with_operations_are_changed() {
        let listed = [
            "crates/a/benches/catalogue.json",
            "crates/a/src/lib.rs",
            "crates/a/src/x/tests.rs",
            "crates/a/src/main.rs",
            "crates/b/src/lib.rs",
            "crates/kit/benches/catalogue.json",
            "crates/kit/src/lib.rs",
            "xtask/src/main.rs",
        ]
        .join("\n");
        assert_eq!(library_sources(&listed, ""), ["crates/a/src/lib.rs"]);
        let nested = listed.replace("crates/", "sub/crates/");
        assert_eq!(library_sources(&nested, "sub"), ["sub/crates/a/src/lib.rs"]);
    }

    fn repository() -> (TempDir, String) {
        let folder = TempDir::new().expect("temporary folder");
        for (path, text) in [
            ("crates/a/src/lib.rs", LIBRARY),
            ("crates/a/benches/catalogue.json", "[]\n"),
        ] {
            voiceflow_record::write_file(&folder.path().join(path), text.as_bytes()).expect("writes");
        }
        let git = Git::at(folder.path())
            .with("GIT_AUTHOR_NAME", "a")
            .with("GIT_AUTHOR_EMAIL", "a@localhost")
            .with("GIT_COMMITTER_NAME", "a")
            .with("GIT_COMMITTER_EMAIL", "a@localhost");
        git.run(&["init", "--quiet"]).expect("makes a repository");
        git.run(&["add", "--all"]).expect("adds");
        git.run(&["commit", "--quiet", "--message", "first"]).expect("commits");
        let head = git.run(&["rev-parse", "HEAD"]).expect("has a commit");
        (folder, head)
    }

    #[test]
    fn a_commit_is_made_without_touching_checkout_and_branch() {
        let (folder, head) = repository();
        let git = Git::at(folder.path());
        let mut commits = Vec::new();
        for number in 1..=3 {
            let commit = commit(folder.path(), Path::new(""), &head, number).expect("commits");
            let changed = git.run(&["diff", "--name-only", &head, &commit]).expect("differs");
            assert_eq!(changed, "crates/a/src/lib.rs");
            commits.push(commit);
        }
        assert_eq!(git.run(&["status", "--porcelain"]).expect("tells"), "");
        assert_eq!(git.run(&["rev-parse", "HEAD"]).expect("tells"), head);
        // The same again is found again.
        let again = commit(folder.path(), Path::new(""), &head, 2).expect("commits");
        assert_eq!(again, commits[1]);
        commits.sort();
        commits.dedup();
        assert_eq!(commits.len(), 3);
    }
}
