//! From evidence to the comparison people read: a row an operation and metric, and one verdict for the whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use voiceflow_record::{Conditions, Host, Instrument, OperationId};

use super::Times;
use super::census::{Census, Common, Redeclared};
use super::counts::{self, Counted, Missing};
use super::decide::{Confirmed, Finding, Suite};
use super::explain;
use super::model::{
    COMPARISON_FORMAT, Comparison, Confirmation, Layout, Metric, Placebo, PlaceboRow, Problem, Row, Settings, Side,
    Verdict,
};
use super::passes::Level;
use super::rules::{self, Instructions};
use super::slot::Built;
use crate::report::INSTRUCTION_FLOOR;
use crate::stats::SortedSamples;
use crate::workspace::Workspace;

/// Everything one run saw.
pub(crate) struct Evidence<'a> {
    pub(crate) workspace: &'a Workspace,
    /// Baseline, candidate.
    pub(crate) sides: [&'a Built; 2],
    pub(crate) host: Host,
    pub(crate) conditions: Conditions,
    pub(crate) measured_s: f64,
    pub(crate) settings: Settings,
    pub(crate) layout: Layout,
    pub(crate) census: &'a Census,
    /// Baseline, candidate.
    pub(crate) counted: &'a [Counted; 2],
    pub(crate) times: &'a Times,
    pub(crate) rounds_folder: PathBuf,
}

/// Puts it all together.
pub(crate) fn comparison(evidence: &Evidence<'_>) -> anyhow::Result<Comparison> {
    let mut rows = Vec::new();
    let findings: BTreeMap<OperationId, Finding> = evidence
        .times
        .suite
        .findings()
        .into_iter()
        .map(|finding| (finding.id.clone(), finding))
        .collect();
    for common in &evidence.census.common {
        rows.extend(count_rows(evidence, common));
        if let Some(finding) = findings.get(&common.id) {
            let levels = evidence
                .times
                .measured
                .levels
                .get(&common.id)
                .map_or(&[][..], Vec::as_slice);
            let mut row = time_row(
                finding,
                levels,
                counts::instructions(evidence.counted, &common.id),
                &evidence.settings,
                evidence.layout.shuffled,
            );
            row.throughput = common.entry.throughput;
            rows.push(row);
        } else if let Some(levels) = evidence.times.measured.levels.get(&common.id)
            && !is_out(evidence, &common.id)
        {
            rows.push(unseen_row(&common.id, levels, &evidence.settings));
        } else if evidence.times.measured.unmeasured.contains(&common.id) {
            rows.push(unseen_row(&common.id, &[], &evidence.settings));
        }
    }
    for row in &mut rows {
        if row.verdict == Verdict::Regressed || row.verdict == Verdict::Layout {
            row.explanation = Some(explain::explain(evidence, row));
        }
    }
    rows.extend(not_comparable_rows(evidence));
    sort(&mut rows);
    let placebo = placebo(&evidence.times.placebo, evidence.times.measured.placebo_rounds);
    let failed = failed(evidence);
    let [baseline, candidate] = evidence.sides;
    Ok(Comparison {
        format: COMPARISON_FORMAT,
        verdict: overall(&rows, &placebo, evidence.census.identical.len()),
        baseline: side(baseline),
        candidate: side(candidate),
        host: evidence.host.clone(),
        conditions: evidence.conditions,
        measured_s: evidence.measured_s,
        settings: evidence.settings.clone(),
        layout: evidence.layout.clone(),
        placebo,
        operations: rows,
        added: evidence.census.added.clone(),
        removed: evidence.census.removed.clone(),
        failed,
        skipped: skipped(evidence),
        identical: evidence.census.identical.clone(),
        differences: differences(baseline, candidate, evidence.census, evidence.settings.kit_overlay),
        waived: Vec::new(),
        budgets: Vec::new(),
        problems: Vec::new(),
        tool: evidence.workspace.revision().commit,
        raw_sha256: raw_sha256(&evidence.rounds_folder)?,
    })
}

/// The verdict of the whole: the gravest of its rows, or void. Counts hold whatever a placebo says of times.
pub(crate) fn overall(rows: &[Row], placebo: &Placebo, identical: usize) -> Verdict {
    if placebo.alarms > 0 {
        let is_fact = |row: &&Row| row.metric != Metric::Time && row.verdict == Verdict::Regressed;
        return match rows.iter().find(is_fact) {
            Some(_) => Verdict::Regressed,
            None => Verdict::Void,
        };
    }
    let has = |verdict| rows.iter().any(|row| row.verdict == verdict);
    let judged = rows.iter().any(|row| row.verdict != Verdict::NotComparable);
    if has(Verdict::Regressed) {
        Verdict::Regressed
    } else if !judged && identical == 0 {
        Verdict::NotComparable
    } else if has(Verdict::NotResolved) || has(Verdict::NotComparable) {
        Verdict::NotResolved
    } else if has(Verdict::Layout) {
        Verdict::Layout
    } else if has(Verdict::Improved) {
        Verdict::Improved
    } else if !judged {
        Verdict::Identical
    } else {
        Verdict::Ok
    }
}

/// Whether an operation was given up on the way: it is among the failed or the incomparable.
fn is_out(evidence: &Evidence<'_>, id: &OperationId) -> bool {
    let measured = &evidence.times.measured;
    let mut problems = measured
        .failed
        .iter()
        .chain(&measured.not_comparable)
        .chain(&measured.skipped);
    problems.any(|problem| problem.id == *id)
}

/// The row of a time with too few rounds even for an estimate.
pub(crate) fn unseen_row(id: &OperationId, levels: &[Level], settings: &Settings) -> Row {
    let rounds = u32::try_from(levels.len()).unwrap_or(u32::MAX);
    Row {
        baseline: middle(levels.iter().map(|level| level.baseline_ns).collect()),
        candidate: middle(levels.iter().map(|level| level.candidate_ns).collect()),
        rounds,
        reason: Some(too_few(rounds)),
        ..empty_row(id.clone(), Metric::Time, Verdict::NotResolved, settings.tolerance)
    }
}

fn too_few(rounds: u32) -> String {
    if rounds == 0 {
        return "there was no time left for it; a filter or `--full` gives it some".to_owned();
    }
    let noun = if rounds == 1 { "round" } else { "rounds" };
    format!("there was time for {rounds} {noun} only, too few to tell anything; `--full` gives it more")
}

/// The row of a time. `shuffled`: confirmations were linked with other layouts.
pub(crate) fn time_row(
    finding: &Finding,
    levels: &[Level],
    instructions: Instructions,
    settings: &Settings,
    shuffled: bool,
) -> Row {
    let (verdict, reason) = rules::time(finding.verdict, instructions, shuffled);
    let is_planted = settings.planted.contains(&finding.id);
    let reason = if finding.was_looked_at {
        // Of a planted slowdown the reason is known.
        reason.filter(|_| !is_planted).map(str::to_owned)
    } else {
        Some(too_few(finding.rounds))
    };
    let typical = |value: fn(&Level) -> f64| middle(levels.iter().map(value).collect());
    let others: Vec<f64> = levels.iter().filter_map(|level| level.other_clock).collect();
    Row {
        clock: Some(finding.clock),
        baseline: typical(|level| level.baseline_ns),
        candidate: typical(|level| level.candidate_ns),
        change: Some(finding.estimate.change),
        low: Some(finding.estimate.low),
        high: Some(finding.estimate.high),
        smallest_detectable: finding
            .smallest_detectable
            .is_finite()
            .then_some(finding.smallest_detectable),
        rounds: finding.rounds,
        p_adjusted: Some(finding.p_adjusted),
        confirmation: finding.confirmation.map(confirmation),
        other_clock_change: middle(others).map(f64::exp_m1),
        planted_percent: if is_planted { settings.plant_percent } else { 0.0 },
        reason,
        ..empty_row(finding.id.clone(), Metric::Time, verdict, settings.tolerance)
    }
}

fn middle(values: Vec<f64>) -> Option<f64> {
    SortedSamples::new(values).map(|sorted| sorted.median())
}

fn confirmation(found: Confirmed) -> Confirmation {
    Confirmation {
        agrees: found.agrees,
        rounds: found.rounds,
        change: found.estimate.change,
        low: found.estimate.low,
        high: found.estimate.high,
    }
}

fn empty_row(id: OperationId, metric: Metric, verdict: Verdict, threshold: f64) -> Row {
    Row {
        id,
        metric,
        verdict,
        clock: None,
        baseline: None,
        candidate: None,
        change: None,
        low: None,
        high: None,
        threshold,
        smallest_detectable: None,
        rounds: 0,
        p_adjusted: None,
        confirmation: None,
        other_clock_change: None,
        throughput: None,
        planted_percent: 0.0,
        reason: None,
        explanation: None,
    }
}

/// The counts that are compared: their instrument, their name in a record, and how they are judged.
const COUNTS: [(Metric, Instrument, &str); 4] = [
    (Metric::Instructions, Instrument::Instructions, "Ir"),
    (Metric::Blocks, Instrument::Allocations, "blocks"),
    (Metric::Bytes, Instrument::Allocations, "bytes"),
    (Metric::PeakBytes, Instrument::Allocations, "peak_bytes"),
];

fn count_rows(evidence: &Evidence<'_>, common: &Common) -> Vec<Row> {
    COUNTS
        .iter()
        .filter_map(|&(metric, instrument, name)| {
            let [old, new] = evidence
                .counted
                .each_ref()
                .map(|side| side.get(&common.id, instrument, name));
            Some(count_row(common.id.clone(), metric, old?, new?))
        })
        .collect()
}

fn count_row(id: OperationId, metric: Metric, old: u64, new: u64) -> Row {
    let (verdict, threshold) = match metric {
        Metric::Instructions => (rules::instructions(old, new), INSTRUCTION_FLOOR),
        Metric::Blocks => (rules::blocks(old, new), 0.0),
        // Shown beside the blocks, not judged.
        Metric::Bytes | Metric::PeakBytes | Metric::Time => (Verdict::Ok, f64::MAX),
    };
    // From nothing to something there is no ratio; any block is told by its counts.
    let change = if old == new {
        0.0
    } else {
        new as f64 / (old as f64).max(1.0) - 1.0
    };
    let smallest = match metric {
        Metric::Instructions => INSTRUCTION_FLOOR,
        _ => 1.0 / (old as f64).max(1.0),
    };
    Row {
        baseline: Some(old as f64),
        candidate: Some(new as f64),
        change: Some(change),
        low: Some(change),
        high: Some(change),
        smallest_detectable: Some(smallest),
        ..empty_row(id, metric, verdict, threshold)
    }
}

fn not_comparable_rows(evidence: &Evidence<'_>) -> Vec<Row> {
    let found = evidence
        .census
        .not_comparable
        .iter()
        .chain(&evidence.times.measured.not_comparable);
    found
        .map(|problem| Row {
            reason: Some(problem.reason.clone()),
            ..empty_row(
                problem.id.clone(),
                Metric::Time,
                Verdict::NotComparable,
                evidence.settings.tolerance,
            )
        })
        .collect()
}

/// The gravest first, then by operation and metric.
pub(crate) fn sort(rows: &mut [Row]) {
    rows.sort_by(|a, b| (a.verdict, &a.id, a.metric).cmp(&(b.verdict, &b.id, b.metric)));
}

fn failed(evidence: &Evidence<'_>) -> Vec<Problem> {
    let mut failed = evidence.times.measured.failed.clone();
    for (side, name) in evidence.counted.iter().zip(["baseline", "candidate"]) {
        for ((id, instrument), missing) in &side.missing {
            if let Missing::Failed(reason) = missing {
                failed.push(Problem {
                    id: id.clone(),
                    reason: format!("{name}, {}: {reason}", instrument.as_str()),
                });
            }
        }
    }
    failed.sort_by(|a, b| (&a.id, &a.reason).cmp(&(&b.id, &b.reason)));
    failed
}

fn skipped(evidence: &Evidence<'_>) -> Vec<Problem> {
    let mut skipped = evidence.times.measured.skipped.clone();
    for side in evidence.counted {
        for ((id, instrument), missing) in &side.missing {
            if let Missing::Skipped(reason) = missing {
                skipped.push(Problem {
                    id: id.clone(),
                    reason: format!("{}: {reason}", instrument.as_str()),
                });
            }
        }
    }
    skipped.sort_by(|a, b| (&a.id, &a.reason).cmp(&(&b.id, &b.reason)));
    skipped.dedup();
    skipped
}

/// What the placebos say; one alarm, in either direction, is one too many.
pub(crate) fn placebo(suite: &Suite, rounds: u32) -> Placebo {
    let operations: Vec<PlaceboRow> = suite
        .findings()
        .into_iter()
        .map(|finding| PlaceboRow {
            alarmed: suite.alarms(&finding.id),
            smallest_detectable: suite.smallest_alarm(&finding.id),
            id: finding.id,
            rounds: finding.rounds,
            change: finding.estimate.change,
            low: finding.estimate.low,
            high: finding.estimate.high,
        })
        .collect();
    Placebo {
        rounds,
        alarms: u32::try_from(operations.iter().filter(|row| row.alarmed).count()).unwrap_or(u32::MAX),
        operations,
    }
}

fn side(built: &Built) -> Side {
    let toolchain = built.manifest.builds.values().next();
    Side {
        name: built.revision.name.clone(),
        commit: built.revision.base.clone(),
        dirty: built.revision.dirty,
        subject: built.revision.subject.clone(),
        toolchain: toolchain.map_or_else(String::new, |build| build.toolchain.clone()),
    }
}

/// What differs between the two builds besides the project's own code, and which counts are not compared for it.
fn differences(baseline: &Built, candidate: &Built, census: &Census, kit_overlay: bool) -> Vec<String> {
    let mut found = Vec::new();
    if kit_overlay {
        found.push(
            "both sides are built with the candidate's operations, kit, manifests and lock file: a change of those, or of \
             a dependency, is not seen"
                .to_owned(),
        );
    }
    for (package, old) in &baseline.manifest.builds {
        let Some(new) = candidate.manifest.builds.get(package) else {
            continue;
        };
        if old.toolchain != new.toolchain {
            found.push(format!("toolchain: {} and {}", old.toolchain, new.toolchain));
        }
        for flag in old.flags.iter().filter(|flag| !new.flags.contains(flag)) {
            found.push(format!("only the baseline is built with {flag}"));
        }
        for flag in new.flags.iter().filter(|flag| !old.flags.contains(flag)) {
            found.push(format!("only the candidate is built with {flag}"));
        }
        if old.lock_sha256 != new.lock_sha256 {
            found.push(format!("{package} is locked to other dependencies"));
        }
    }
    if baseline.manifest.assets_sha256 != candidate.manifest.assets_sha256 {
        found.push("other models or recordings".to_owned());
    }
    found.extend(census.redeclared.iter().flat_map(Redeclared::sentences));
    found.sort();
    found.dedup();
    found
}

/// SHA-256 over all rounds, path and content, in the order of their paths; `None` where nothing was timed.
pub(crate) fn raw_sha256(folder: &Path) -> anyhow::Result<Option<String>> {
    let mut paths = round_paths(folder)?;
    paths.sort();
    if paths.is_empty() {
        return Ok(None);
    }
    let mut hasher = Sha256::new();
    for path in paths {
        let name = path
            .strip_prefix(folder)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    }
    Ok(Some(
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
    ))
}

/// The files of all rounds below a folder; a missing folder holds none.
pub(crate) fn round_paths(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        other => other.with_context(|| format!("cannot list {}", folder.display()))?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(round_paths(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "json") && !is_hidden(&path) {
            found.push(path);
        }
    }
    Ok(found)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::super::census;
    use super::super::census::tests::built;
    use super::*;
    use crate::filter::Filter;

    #[test]
    fn an_instrument_that_one_side_alone_declares_is_told_and_counted_on_neither() {
        let declaring = |instruments: &[Instrument]| {
            let mut built = built(&["a/b/c"], "1");
            built.manifest.crates[0].entries[0].instruments = instruments.to_vec();
            built
        };
        let old = declaring(&[Instrument::Time, Instrument::Instructions]);
        let new = declaring(&[Instrument::Time, Instrument::Allocations]);
        let census = census::take(&old, &new, &Filter::All, true);
        assert_eq!(census.common[0].entry.instruments, [Instrument::Time]);
        assert_eq!(
            differences(&old, &new, &census, false),
            [
                "a/b/c declares allocations anew: there is nothing to compare them with",
                "a/b/c no longer declares instructions: it is compared without them"
            ]
        );
    }

    #[test]
    fn builds_of_the_same_operations_do_not_differ() {
        let built = built(&["a/b/c"], "1");
        let census = census::take(&built, &built, &Filter::All, true);
        assert_eq!(differences(&built, &built, &census, false), Vec::<String>::new());
    }
}
