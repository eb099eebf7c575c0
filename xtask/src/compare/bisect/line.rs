//! The commits to search: one line of history, from the good end to the bad one. The user's repository is only read.

use serde::Serialize;

use crate::compare::model::Comparison;
use crate::compare::revision::{self, WORKING_TREE};
use crate::git::Git;
use crate::outcome::Failure;
use crate::workspace::Workspace;

/// One commit, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Commit {
    /// Full hash.
    pub(crate) commit: String,
    /// First line of its message.
    pub(crate) subject: String,
    /// When its author wrote it, in ISO 8601.
    pub(crate) authored: String,
    /// Whether it joins branches: what it changed is then mostly in their commits.
    pub(crate) is_merge: bool,
}

impl Commit {
    /// The hash as people write it.
    pub(crate) fn short(&self) -> &str {
        Comparison::short(&self.commit)
    }
}

/// Both ends and the commits in between, oldest first: those on the line of first parents that leads back from `bad`,
/// as far as they descend from `good`. A branch that was merged in is one commit, the merge.
pub(crate) fn between(workspace: &Workspace, good: &str, bad: &str) -> anyhow::Result<Vec<Commit>> {
    for name in [good, bad] {
        if name == WORKING_TREE {
            return Err(Failure::bad_usage(format!(
                "`{WORKING_TREE}` is no commit, and commits are what is searched: commit the changes first"
            )));
        }
    }
    let old = revision::resolve(workspace, good)?.commit;
    let new = revision::resolve(workspace, bad)?.commit;
    if old == new {
        return Err(Failure::bad_usage(format!(
            "`{good}` and `{bad}` are the same commit: there is nothing in between to search"
        )));
    }
    let git = Git::at(workspace.root());
    if git.ask(&["merge-base", "--is-ancestor", &old, &new]).is_none() {
        return Err(Failure::bad_usage(format!(
            "`{good}` is no ancestor of `{bad}`: name as GOOD a commit that BAD descends from, such as the one \
             `git merge-base {good} {bad}` prints (in a shallow clone fetch the rest first: `git fetch --unshallow`)"
        )));
    }
    let mut line = parse(&git.run(&["rev-list", "--max-count=1", FORMAT, &old])?);
    let range = format!("{old}..{new}");
    let later = git.run(&[
        "rev-list",
        "--first-parent",
        "--ancestry-path",
        "--reverse",
        FORMAT,
        &range,
    ])?;
    line.extend(parse(&later));
    if line.len() < 2 || line.last().is_none_or(|last| last.commit != new) {
        return Err(Failure::bad_usage(format!(
            "`{good}` lies on a branch that was merged on the way to `{bad}`: name as GOOD a commit that \
             `git log --first-parent {bad}` lists"
        )));
    }
    Ok(line)
}

/// Hash, parents, date of the author, subject. The subject may hold anything, so it comes last.
const FORMAT: &str = "--format=%H%x09%P%x09%aI%x09%s";

/// Reads what `rev-list` printed in [`FORMAT`]. Its own line before each commit has no tabs and is passed over.
fn parse(text: &str) -> Vec<Commit> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.splitn(4, '\t');
            let (commit, parents, authored) = (fields.next()?, fields.next()?, fields.next()?);
            Some(Commit {
                commit: commit.to_owned(),
                // The last line has lost the tab before an empty subject.
                subject: fields.next().unwrap_or_default().to_owned(),
                authored: authored.to_owned(),
                is_merge: parents.split_whitespace().count() > 1,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// `root - first - merge - last` on the main line, and `side-1 - side-2` from `root` into `merge`.
    fn repository() -> (TempDir, Workspace) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let git = Git::at(folder.path())
            .with("GIT_AUTHOR_NAME", "Somebody")
            .with("GIT_AUTHOR_EMAIL", "somebody@localhost")
            .with("GIT_AUTHOR_DATE", "2026-01-02T03:04:05+0000")
            .with("GIT_COMMITTER_NAME", "Somebody")
            .with("GIT_COMMITTER_EMAIL", "somebody@localhost");
        let run = |arguments: &[&str]| {
            git.run(arguments).expect("git works");
        };
        let commit = |name: &str| {
            run(&["commit", "--quiet", "--allow-empty", "-m", name]);
            run(&["tag", name]);
        };
        run(&["init", "--quiet"]);
        run(&["config", "commit.gpgsign", "false"]);
        run(&["config", "tag.gpgsign", "false"]);
        commit("root");
        commit("first");
        run(&["checkout", "--quiet", "-b", "side", "root"]);
        commit("side-1");
        commit("side-2");
        run(&["checkout", "--quiet", "--detach", "first"]);
        run(&["merge", "--quiet", "--no-ff", "-m", "merge", "side"]);
        run(&["tag", "merge"]);
        commit("last");
        let workspace = Workspace::at(folder.path().to_owned());
        (folder, workspace)
    }

    fn subjects(line: &[Commit]) -> Vec<&str> {
        line.iter().map(|commit| commit.subject.as_str()).collect()
    }

    fn refusal(workspace: &Workspace, good: &str, bad: &str) -> String {
        let error = between(workspace, good, bad).expect_err("refused");
        let failure = error.downcast_ref::<Failure>().expect("told from a failed set-up");
        assert_eq!(failure.outcome(), crate::outcome::Outcome::BadUsage);
        failure.to_string()
    }

    #[test]
    fn the_line_follows_first_parents_and_takes_a_merge_as_one_commit() {
        let (_folder, workspace) = repository();
        let line = between(&workspace, "root", "HEAD").expect("is a line");
        assert_eq!(subjects(&line), ["root", "first", "merge", "last"]);
        assert_eq!(
            line.iter().map(|commit| commit.is_merge).collect::<Vec<_>>(),
            [false, false, true, false]
        );
        assert!(line.iter().all(|commit| commit.commit.len() == 40));
        assert!(
            line[0].authored.starts_with("2026-01-02T03:04:05"),
            "{}",
            line[0].authored
        );
    }

    #[test]
    fn the_tip_of_a_merged_branch_may_be_the_good_end() {
        let (_folder, workspace) = repository();
        let line = between(&workspace, "side-2", "last").expect("is a line");
        assert_eq!(subjects(&line), ["side-2", "merge", "last"]);
    }

    #[test]
    fn what_is_no_line_is_refused_with_what_to_do() {
        let (_folder, workspace) = repository();
        assert!(refusal(&workspace, "last", "root").contains("is no ancestor of"));
        assert!(refusal(&workspace, "first", "side-2").contains("is no ancestor of"));
        assert!(refusal(&workspace, "last", "HEAD").contains("the same commit"));
        assert!(refusal(&workspace, "side-1", "last").contains("git log --first-parent last"));
        assert!(refusal(&workspace, "root", "no-such").contains("there is no revision `no-such`"));
        assert!(refusal(&workspace, "root", WORKING_TREE).contains("commit the changes first"));
    }

    #[test]
    fn subjects_may_be_empty_or_hold_tabs() {
        let text = "commit aa\naa\tp\t2026-01-02T03:04:05Z\tone\ttwo\ncommit bb\nbb\tp q\t2026-01-02T03:04:05Z";
        let line = parse(text);
        assert_eq!(subjects(&line), ["one\ttwo", ""]);
        assert!(!line[0].is_merge && line[1].is_merge);
    }
}
