//! `gate` and `compare --signoff`: a comparison held against budgets and waivers, for whoever says yes or no.
//!
//! A waiver accepts a regression that somebody answers for, a budget bounds a figure whatever it was before. Budgets are
//! measured by the time instrument on the candidate, and only of operations whose code differs: what a change cannot
//! have touched is not held against it. A sign-off measures all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use voiceflow_record::{Host, OperationId, Run};

use super::assemble;
use super::census::Census;
use super::model::{BudgetLine, Comparison, Verdict};
use super::slot::{Built, Slot};
use super::{Request, compare, outcome, print, write_reports};
use crate::baseline::Baselines;
use crate::bench::{self, Effort, Job};
use crate::budgets::{self, Budget, Metric};
use crate::cli::{GateCommand, ReportFormat};
use crate::filter::Filter;
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

/// Adds budgets and waivers to a comparison, and lets its verdict follow.
pub(crate) fn hold_to_account(
    comparison: &mut Comparison,
    workspace: &Workspace,
    census: &Census,
    budgets: Vec<BudgetLine>,
) -> anyhow::Result<()> {
    comparison.budgets = budgets;
    // The times of a void run mean nothing, so no waiver is said to be needed or not.
    if comparison.verdict == Verdict::Void {
        return Ok(());
    }
    let compared: BTreeSet<OperationId> = census.common.iter().map(|common| common.id.clone()).collect();
    let waivers = Waivers::read(&workspace.baselines())?;
    let inherited = inherited(workspace, &comparison.baseline.commit);
    let (today, known) = (waivers::today()?, declared(workspace)?);
    let applied = waivers.apply(&mut comparison.operations, today, &known, &compared, &inherited);
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

/// The waivers that the baseline holds; none where it has no such file, or one that is not readable by today's rules.
fn inherited(workspace: &Workspace, commit: &str) -> Waivers {
    let name = format!("{commit}:./baselines/waivers.toml");
    let text = Git::at(workspace.root()).ask(&["show", &name]).unwrap_or_default();
    Waivers::parse(&name, &text).unwrap_or_default()
}

fn declared(workspace: &Workspace) -> anyhow::Result<BTreeSet<OperationId>> {
    let crates = workspace.bench_crates(&Filter::Part(String::new()))?;
    Ok(crates
        .into_iter()
        .flat_map(|found| found.entries)
        .map(|entry| entry.id)
        .collect())
}

/// Measures what the budgets bound.
pub(crate) fn measure_budgets(
    workspace: &Workspace,
    slot: &Slot,
    built: &Built,
    wanted: &BTreeSet<OperationId>,
    host: &Host,
    output: &Path,
) -> anyhow::Result<Vec<BudgetLine>> {
    let declares = |id: &OperationId| {
        let mut entries = built.manifest.crates.iter().flat_map(|of_crate| &of_crate.entries);
        entries.any(|entry| entry.id == *id)
    };
    let budgets: Vec<Budget> = budgets::read(&workspace.baselines())?
        .into_iter()
        // A budget on what nobody declares bounds nothing: its line has no value, and that is no pass.
        .filter(|budget| wanted.contains(&budget.operation) || !declares(&budget.operation))
        .collect();
    if budgets.is_empty() {
        return Ok(Vec::new());
    }
    let (jobs, programs, runs) = jobs(workspace, slot, built, &budgets, host);
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
        &budgets,
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
    use super::*;

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
