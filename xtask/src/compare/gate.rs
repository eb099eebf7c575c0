//! `gate` and `compare --signoff`: a comparison held against budgets and waivers, for whoever says yes or no.
//!
//! A waiver accepts a regression that somebody answers for, a budget bounds a figure whatever it was before. Both are
//! the candidate's own, read from its commit: what is checked out may be another revision. Budgets are measured by the
//! time instrument on the candidate, and only of operations whose code differs: what a change cannot have touched is
//! not held against it. A sign-off measures all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use voiceflow_record::{Host, OperationId, Run};

use super::assemble;
use super::census::Census;
use super::model::{BudgetLine, Comparison, Verdict};
use super::revision::Revision;
use super::slot::{Built, Slot};
use super::{Request, compare, outcome, print, write_reports};
use crate::baseline::Baselines;
use crate::bench::{self, Effort, Job};
use crate::budgets::{self, Budget, Metric};
use crate::cli::{GateCommand, ReportFormat};
use crate::git::Git;
use crate::outcome::{Failure, Outcome};
use crate::report::{self, Report};
use crate::waivers::{self, Waivers};
use crate::workspace::Workspace;

/// Compares what is checked out with where it branched off, and ends with the code that says whether it may go in.
pub(crate) fn gate(workspace: &Workspace, command: &GateCommand) -> anyhow::Result<Outcome> {
    let request = Request {
        baseline: branch_point(workspace, &command.base)?,
        held_to_account: true,
        filter_text: command.filter.clone(),
        kit_overlay: command.kit_overlay,
        ..Request::of_working_tree()
    };
    let folder = bench::output_folder(workspace, "gate", command.output_dir.clone())?;
    let mut comparison = compare(workspace, &request, &folder)?;
    comparison.baseline.name = format!("{} (where it branched off)", command.base);
    write_reports(&comparison, &folder)?;
    print(&comparison, command.format.unwrap_or(ReportFormat::Text))?;
    eprintln!("everything measured: {}", folder.display());
    Ok(outcome(&comparison, command.strict))
}

/// The newest commit that both sides have: what was added to the base since is not this change's doing.
fn branch_point(workspace: &Workspace, base: &str) -> anyhow::Result<String> {
    let known = super::revision::resolve(workspace, base)?;
    Git::at(workspace.root())
        .ask(&["merge-base", &known.commit, "HEAD"])
        .ok_or_else(|| {
            Failure::bad_usage(format!(
                "`{base}` and what is checked out share no commit: in a shallow clone fetch the rest with \
                 `git fetch --unshallow`"
            ))
        })
}

/// What a comparison is held against.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    waivers: Waivers,
    /// The waivers that the baseline holds.
    inherited: Waivers,
    budgets: Vec<Budget>,
    /// Every operation that the candidate declares.
    declared: BTreeSet<OperationId>,
}

impl Terms {
    /// Reads the waivers and budgets that the candidate's commit holds. A mistake in either is an error that names the
    /// file and the revision.
    pub(crate) fn read(slot: &Slot, baseline: &Built, candidate: &Built) -> anyhow::Result<Self> {
        // The slot's clone has both commits; a snapshot of the working tree is nowhere else.
        let git = Git::at(slot.workspace().root());
        Ok(Self {
            waivers: waivers_of(&git, &candidate.revision)?,
            // The baseline's may have been written by rules that no longer hold; then it hands none on.
            inherited: waivers_of(&git, &baseline.revision).unwrap_or_default(),
            budgets: budgets_of(&git, &candidate.revision)?,
            declared: declared(candidate),
        })
    }

    /// The budgets to measure where these operations are wanted.
    pub(crate) fn budgets(&self, wanted: &BTreeSet<OperationId>) -> Vec<Budget> {
        self.budgets
            .iter()
            // A budget on what nobody declares bounds nothing: its line has no value, and that is no pass.
            .filter(|budget| wanted.contains(&budget.operation) || !self.declared.contains(&budget.operation))
            .cloned()
            .collect()
    }
}

const WAIVERS: &str = "baselines/waivers.toml";
const BUDGETS: &str = "baselines/budgets.toml";

fn waivers_of(git: &Git, revision: &Revision) -> anyhow::Result<Waivers> {
    Waivers::parse(&name_of(WAIVERS, revision), &text_of(git, revision, WAIVERS)?)
}

fn budgets_of(git: &Git, revision: &Revision) -> anyhow::Result<Vec<Budget>> {
    budgets::parse(&name_of(BUDGETS, revision), &text_of(git, revision, BUDGETS)?)
}

/// How messages name a revision's file.
fn name_of(path: &str, revision: &Revision) -> String {
    format!("{path} of {}", revision.name)
}

/// The text of a revision's file; one that is missing holds nothing.
fn text_of(git: &Git, revision: &Revision, path: &str) -> anyhow::Result<String> {
    let text = git
        .file(&revision.commit, path)
        .with_context(|| format!("cannot read {}", name_of(path, revision)))?;
    Ok(text.unwrap_or_default())
}

fn declared(built: &Built) -> BTreeSet<OperationId> {
    let entries = built.manifest.crates.iter().flat_map(|of_crate| &of_crate.entries);
    entries.map(|entry| entry.id.clone()).collect()
}

/// Adds budgets and waivers to a comparison, and lets its verdict follow.
pub(crate) fn hold_to_account(
    comparison: &mut Comparison,
    terms: &Terms,
    census: &Census,
    budgets: Vec<BudgetLine>,
) -> anyhow::Result<()> {
    comparison.budgets = budgets;
    // The times of a void run mean nothing, so no waiver is said to be needed or not.
    if comparison.verdict == Verdict::Void {
        return Ok(());
    }
    let compared: BTreeSet<OperationId> = census.common.iter().map(|common| common.id.clone()).collect();
    let applied = terms.waivers.apply(
        &mut comparison.operations,
        waivers::today()?,
        &terms.declared,
        &compared,
        &terms.inherited,
    );
    comparison.waived = applied.waived;
    comparison.problems = applied.problems;
    let accepted: Vec<_> = comparison
        .operations
        .iter()
        .filter(|row| {
            !comparison
                .waived
                .iter()
                .any(|waived| (&waived.id, waived.metric) == (&row.id, row.metric))
        })
        .cloned()
        .collect();
    comparison.verdict = assemble::overall(
        &accepted,
        &comparison.placebo,
        comparison.identical.len() + comparison.waived.len(),
    );
    Ok(())
}

/// Measures what the budgets bound.
pub(crate) fn measure_budgets(
    workspace: &Workspace,
    slot: &Slot,
    built: &Built,
    budgets: &[Budget],
    host: &Host,
    output: &Path,
) -> anyhow::Result<Vec<BudgetLine>> {
    if budgets.is_empty() {
        return Ok(Vec::new());
    }
    let (jobs, programs, runs) = jobs(workspace, slot, built, budgets, host);
    eprintln!("compare: {} figures with a budget to measure", jobs.len());
    let request = bench::Request {
        measured: &slot.workspace(),
        tool: workspace,
        effort: Effort::Quick,
        output: output.to_owned(),
        keep_profiles: false,
    };
    let attempts = bench::measure_built(&request, &jobs, &programs, &runs)?;
    let report = Report::new(
        host.clone(),
        workspace.revision(),
        attempts,
        &Baselines::default(),
        budgets,
    );
    Ok(budgets.iter().map(|budget| line(&report, budget)).collect())
}

fn jobs(
    workspace: &Workspace,
    slot: &Slot,
    built: &Built,
    budgets: &[Budget],
    host: &Host,
) -> (Vec<Job>, bench::Programs, BTreeMap<String, Run>) {
    let root = slot.workspace().root().to_owned();
    let (mut jobs, mut programs, mut runs) = (Vec::new(), bench::Programs::new(), BTreeMap::new());
    for budget in budgets {
        let instrument = budget.metric.instrument();
        let found = built
            .manifest
            .crates
            .iter()
            .find(|of_crate| of_crate.entries.iter().any(|entry| entry.id == budget.operation));
        let Some(found) = found else { continue };
        let (Some(program), Some(build)) = (
            built.program(&found.folder, instrument),
            built.manifest.builds.get(&found.package),
        ) else {
            continue;
        };
        let folder: PathBuf = root.join(&found.folder);
        programs.insert((folder.clone(), instrument), built.path(program));
        runs.insert(
            found.package.clone(),
            Run {
                measured: voiceflow_record::Revision {
                    commit: Some(built.revision.base.clone()),
                    dirty: built.revision.dirty,
                },
                tool: workspace.revision(),
                build: build.clone(),
                host: host.clone(),
            },
        );
        jobs.push(Job {
            id: budget.operation.clone(),
            instrument,
            package: found.package.clone(),
            folder,
        });
    }
    jobs.dedup();
    (jobs, programs, runs)
}

/// How the candidate stands to one budget; without a value it is not within.
fn line(report: &Report, budget: &Budget) -> BudgetLine {
    let bounded = |row: &&report::Row| {
        let shown = if budget.metric == Metric::TimeP95 {
            Metric::TimeMedian
        } else {
            budget.metric
        };
        row.id == budget.operation && row.metric == Some(shown)
    };
    let value = report
        .operations
        .iter()
        .find(bounded)
        .and_then(|row| match budget.metric {
            Metric::TimeP95 => row.p95,
            _ => row.median,
        });
    BudgetLine {
        id: budget.operation.clone(),
        metric: budget.metric.as_str().to_owned(),
        limit: budget.limit,
        value,
        within: value.map(|value| value <= budget.limit),
    }
}

/// The operations whose budgets are to be measured.
pub(crate) fn budgeted(census: &Census, everything: bool) -> BTreeSet<OperationId> {
    let differing = census
        .common
        .iter()
        .filter(|common| everything || !common.same_code)
        .map(|common| &common.id);
    let identical = census.identical.iter().filter(|_| everything);
    differing.chain(&census.added).chain(identical).cloned().collect()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use voiceflow_record::write_file;

    use super::super::census::tests::built;
    use super::*;

    const WAIVER: &str = "[[waiver]]\n\
                          operation = \"a/b/c\"\n\
                          metric = \"time\"\n\
                          bound = \"5 %\"\n\
                          reason = \"every row is checked now\"\n\
                          owner = \"the storage team\"\n\
                          expires = 2027-03-31\n";
    const BUDGET: &str =
        "[[budget]]\noperation = \"a/b/c\"\nmetric = \"time-p95\"\nlimit = \"500 ms\"\nreason = \"target\"\n";

    /// A repository, and a revision in it that has these files; others lie beside them now.
    fn revision_with(files: &[(&str, &str)]) -> (TempDir, Git, Revision) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let git = Git::at(folder.path());
        git.run(&["init", "--quiet"]).expect("a repository");
        for (path, text) in files {
            write_file(&folder.path().join(path), text.as_bytes()).expect("writes");
        }
        git.run(&["add", "--all"]).expect("adds");
        let commit = git.run(&["write-tree"]).expect("a tree");
        for path in [WAIVERS, BUDGETS] {
            write_file(&folder.path().join(path), b"of another revision").expect("writes");
        }
        let revision = Revision {
            name: "v1.1".to_owned(),
            base: commit.clone(),
            commit,
            dirty: false,
            subject: String::new(),
        };
        (folder, git, revision)
    }

    #[test]
    fn waivers_and_budgets_are_those_of_the_revision_whatever_is_checked_out() {
        let (_folder, git, revision) = revision_with(&[(WAIVERS, WAIVER), (BUDGETS, BUDGET)]);
        let waivers = Waivers::parse("baselines/waivers.toml of v1.1", WAIVER).expect("parses");
        assert_eq!(waivers_of(&git, &revision).expect("reads"), waivers);
        assert_eq!(budgets_of(&git, &revision).expect("reads")[0].limit, 5e8);
    }

    #[test]
    fn a_revision_without_the_files_has_no_waivers_and_no_budgets() {
        let (_folder, git, revision) = revision_with(&[]);
        let none = Waivers::parse("baselines/waivers.toml of v1.1", "").expect("parses");
        assert_eq!(waivers_of(&git, &revision).expect("reads"), none);
        assert!(budgets_of(&git, &revision).expect("reads").is_empty());
    }

    #[test]
    fn a_mistake_names_the_file_its_revision_and_the_line() {
        let malformed = format!("\n{}", WAIVER.replace("5 %", "five"));
        let (_folder, git, revision) = revision_with(&[(WAIVERS, malformed.as_str()), (BUDGETS, "[[budget]]\n")]);
        let error = waivers_of(&git, &revision).expect_err("refused").to_string();
        assert!(
            error.starts_with("baselines/waivers.toml of v1.1, line 5, waiver 1 (a/b/c)"),
            "{error}"
        );
        let error = budgets_of(&git, &revision).expect_err("refused").to_string();
        assert_eq!(error, "cannot read baselines/budgets.toml of v1.1");
    }

    #[test]
    fn budgets_are_measured_where_they_are_wanted_or_bound_nothing_that_is_declared() {
        let ids = |texts: &[&str]| -> BTreeSet<OperationId> {
            texts.iter().map(|text| text.parse().expect("valid")).collect()
        };
        let measured = |known: &[&str], wanted: &[&str]| {
            let terms = Terms {
                waivers: Waivers::default(),
                inherited: Waivers::default(),
                budgets: budgets::parse("budgets.toml", BUDGET).expect("parses"),
                declared: declared(&built(known, "1")),
            };
            terms.budgets(&ids(wanted)).len()
        };
        assert_eq!(measured(&["a/b/c"], &["a/b/c"]), 1);
        assert_eq!(measured(&["a/b/c"], &["a/b/d"]), 0);
        assert_eq!(measured(&["a/b/d"], &["a/b/d"]), 1);
    }

    #[test]
    fn a_budget_without_a_value_is_not_within() {
        let budget = Budget {
            operation: "a/b/c".parse().expect("valid"),
            metric: Metric::TimeP95,
            limit: 1.0,
        };
        let report = Report::new(
            crate::baseline::tests::sample_host(),
            voiceflow_record::Revision {
                commit: None,
                dirty: false,
            },
            Vec::new(),
            &Baselines::default(),
            &[],
        );
        let line = line(&report, &budget);
        assert_eq!((line.within, line.metric.as_str()), (None, "time-p95"));
    }
}
