//! Where a regression comes from: functions by instructions, call sites by allocations, the commits in between, and the
//! command that measures it again.

use super::assemble::Evidence;
use super::model::{CommitLine, Explanation, Metric, Row};
use super::profile::{callgrind, heap};
use super::revision;
use crate::bench;
use voiceflow_record::{Instrument, OperationId};

/// Lines of each kind: the first explain nearly everything, the rest is noise.
const MOST: usize = 5;

/// What the profiles kept with the counts, and the history, say of a row. What cannot be read explains nothing and is
/// left out.
pub(crate) fn explain(evidence: &Evidence<'_>, row: &Row) -> Explanation {
    Explanation {
        functions: functions(evidence, &row.id),
        call_sites: call_sites(evidence, &row.id),
        commits: commits(evidence, &row.id),
        reproduce: reproduce(evidence, row),
    }
}

fn functions(evidence: &Evidence<'_>, id: &OperationId) -> Vec<super::model::FunctionDelta> {
    let read = |index: usize| {
        let folder = bench::raw_folder(&evidence.counted[index].folder, id, Instrument::Instructions);
        callgrind::read_folder(&folder).ok()
    };
    match (read(0), read(1)) {
        (Some(old), Some(new)) => callgrind::deltas(&old, &new, MOST),
        _ => Vec::new(),
    }
}

fn call_sites(evidence: &Evidence<'_>, id: &OperationId) -> Vec<super::model::CallSiteDelta> {
    let read = |index: usize| {
        let folder = bench::raw_folder(&evidence.counted[index].folder, id, Instrument::Allocations);
        let text = std::fs::read_to_string(folder.join(bench::HEAP_PROFILE)).ok()?;
        heap::call_sites(&text).ok()
    };
    match (read(0), read(1)) {
        (Some(old), Some(new)) => heap::deltas(&old, &new, MOST),
        _ => Vec::new(),
    }
}

/// Commits that touch the crate of the operation, or a crate any may depend on.
fn commits(evidence: &Evidence<'_>, id: &OperationId) -> Vec<CommitLine> {
    let [baseline, candidate] = evidence.sides;
    let common = evidence.census.common.iter().find(|common| common.id == *id);
    let mut paths: Vec<String> = common
        .map(|common| common.crate_folder.to_string_lossy().into_owned())
        .into_iter()
        .collect();
    paths.extend(["Cargo.toml", "Cargo.lock", ".cargo"].map(str::to_owned));
    if common.is_some_and(|common| common.crate_folder.as_os_str() == "benches") {
        paths.push("crates".to_owned());
    } else {
        paths.extend(["crates/protocol", "crates/kit", "crates/fixtures"].map(str::to_owned));
    }
    let mut found: Vec<CommitLine> = revision::commits_between(
        evidence.workspace,
        &baseline.revision.base,
        &candidate.revision.base,
        &paths,
    )
    .into_iter()
    .map(|(commit, subject)| CommitLine { commit, subject })
    .take(MOST)
    .collect();
    if candidate.revision.dirty {
        found.insert(
            0,
            CommitLine {
                commit: candidate.revision.commit.clone(),
                subject: "changes in the working tree".to_owned(),
            },
        );
    }
    found
}

fn reproduce(evidence: &Evidence<'_>, row: &Row) -> String {
    let [baseline, candidate] = evidence.sides.map(|side| &side.revision);
    let new = if candidate.dirty {
        revision::WORKING_TREE
    } else {
        candidate.base.as_str()
    };
    let short = |commit: &str| commit.get(..12).unwrap_or(commit).to_owned();
    let effort = if row.metric == Metric::Time { " --full" } else { "" };
    let overlay = if evidence.settings.kit_overlay {
        " --kit-overlay"
    } else {
        ""
    };
    format!(
        "cargo xtask compare {} {} {}{effort}{overlay}",
        short(&baseline.base),
        short(new),
        row.id
    )
}
