//! Decides again from stored rounds, without measuring: the same code, the same order of looks, perhaps another policy.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, ensure};
use voiceflow_record::OperationId;
use voiceflow_record::paired::{Purpose, Round};

use super::assemble;
use super::decide::{self, CONFIRM_LOOKS, Policy, Suite};
use super::model::{COMPARISON_FORMAT, Comparison, Metric, Row, Settings, Verdict};
use super::passes::Level;
use super::rounds;
use super::rules::Instructions;
use super::{Effort, ROUNDS};
use crate::outcome::Failure;

/// Reads what an earlier comparison left in `folder` and decides anew. Counts, census, revisions and waivers are taken as
/// they stand; times and placebos are decided from their rounds.
pub(crate) fn decide(folder: &Path) -> anyhow::Result<Comparison> {
    let mut comparison = read(folder)?;
    let rounds_folder = folder.join(ROUNDS);
    let rounds = read_rounds(&rounds_folder)?;
    if rounds.is_empty() && comparison.identical.is_empty() {
        return Err(Failure::nothing_comparable(format!(
            "{} holds no round",
            folder.display()
        )));
    }
    ensure!(
        comparison.raw_sha256 == assemble::raw_sha256(&rounds_folder)?,
        "the rounds in {} are not those the comparison was made from: their SHA-256 differs",
        rounds_folder.display()
    );
    let settings = comparison.settings.clone();
    let out: BTreeSet<&OperationId> = left_out(&comparison);
    let rounds: Vec<Round> = rounds
        .into_iter()
        .filter(|round| !out.contains(&round.operation))
        .collect();
    let (suite, levels) = run(&policy(&settings), settings.rows, &rounds, Purpose::Judge);
    let mut rows = time_rows(&comparison, &suite, &levels);
    let is_kept = |row: &&Row| row.metric != Metric::Time || row.verdict == Verdict::NotComparable;
    rows.extend(comparison.operations.iter().filter(is_kept).cloned());
    assemble::sort(&mut rows);
    let placebos: BTreeSet<&OperationId> = rounds
        .iter()
        .filter(|round| round.purpose == Purpose::Placebo)
        .map(|round| &round.operation)
        .collect();
    // Both directions of a placebo may alarm.
    let placebo_policy = policy(&settings).of_placebos();
    let (mut placebo, _) = run(&placebo_policy, placebos.len() * 2, &rounds, Purpose::Placebo);
    placebo.lean_on(&suite);
    comparison.placebo = assemble::placebo(&placebo, comparison.placebo.rounds);
    let is_accepted = |row: &Row| {
        let waived = &comparison.waived;
        waived
            .iter()
            .any(|waived| (&waived.id, waived.metric) == (&row.id, row.metric))
    };
    let judged: Vec<Row> = rows.iter().filter(|row| !is_accepted(row)).cloned().collect();
    let beside = comparison.identical.len() + comparison.waived.len();
    comparison.verdict = assemble::overall(&judged, &comparison.placebo, beside);
    comparison.operations = rows;
    Ok(comparison)
}

/// Operations that gave no verdict although some of their rounds are there.
fn left_out(comparison: &Comparison) -> BTreeSet<&OperationId> {
    let timed = |id: &OperationId| {
        let mut times = comparison.operations.iter().filter(|row| row.metric == Metric::Time);
        times.any(|row| row.id == *id && row.verdict != Verdict::NotComparable)
    };
    let failed = comparison.failed.iter().map(|problem| &problem.id);
    let other = comparison
        .operations
        .iter()
        .filter(|row| row.verdict == Verdict::NotComparable)
        .map(|row| &row.id);
    failed.chain(other).filter(|id| !timed(id)).collect()
}

fn time_rows(comparison: &Comparison, suite: &Suite, levels: &BTreeMap<OperationId, Vec<Level>>) -> Vec<Row> {
    let before = &comparison.operations;
    let instructions: BTreeMap<OperationId, Instructions> = before.iter().filter_map(counted).collect();
    suite
        .findings()
        .iter()
        .map(|finding| {
            let levels = levels.get(&finding.id).map_or(&[][..], Vec::as_slice);
            let counts = instructions.get(&finding.id).copied().unwrap_or(Instructions::Unknown);
            let mut row = assemble::time_row(
                finding,
                levels,
                counts,
                &comparison.settings,
                comparison.layout.shuffled,
            );
            let before = before
                .iter()
                .find(|row| row.id == finding.id && row.metric == Metric::Time);
            row.throughput = before.and_then(|before| before.throughput);
            row.explanation = before
                .filter(|_| matches!(row.verdict, Verdict::Regressed | Verdict::Layout))
                .and_then(|before| before.explanation.clone());
            row
        })
        .collect()
}

/// The comparison an earlier run wrote.
pub(crate) fn read(folder: &Path) -> anyhow::Result<Comparison> {
    let path = folder.join("comparison.json");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::bad_usage(format!(
            "cannot read {}: {error}; `--replay` takes the output folder of an earlier comparison",
            path.display()
        ))
    })?;
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let comparison: Comparison = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        anyhow::anyhow!(
            "{} line {}, field `{}`: {}",
            path.display(),
            error.inner().line(),
            error.path(),
            error.inner()
        )
    })?;
    ensure!(
        comparison.format <= COMPARISON_FORMAT,
        "{} has format {}, this tool reads up to {COMPARISON_FORMAT}: update the tool",
        path.display(),
        comparison.format
    );
    Ok(comparison)
}

/// All rounds below a folder, by operation, purpose and number.
pub(crate) fn read_rounds(folder: &Path) -> anyhow::Result<Vec<Round>> {
    let mut rounds = Vec::new();
    for path in assemble::round_paths(folder)? {
        rounds.push(rounds::read(&path).with_context(|| "a stored round is unusable; measure again")?);
    }
    rounds.sort_by(|a, b| (&a.operation, a.purpose, a.number).cmp(&(&b.operation, b.purpose, b.number)));
    Ok(rounds)
}

/// What an earlier comparison was decided by.
pub(crate) fn policy(settings: &Settings) -> Policy {
    Policy {
        margin: settings.margin,
        tolerance: settings.tolerance,
        // A comparison from before they could differ.
        suspect_above: settings.suspect_above.unwrap_or(settings.tolerance),
        family_alpha: settings.family_alpha,
        confirm_alpha: settings.confirm_alpha,
        looks: settings.looks.clone(),
        confirm_looks: CONFIRM_LOOKS.to_vec(),
        to_the_end: settings.exhaustive || settings.effort == Effort::SignOff.as_str(),
        limits: Effort::named(&settings.effort).limits(),
    }
}

fn counted(row: &Row) -> Option<(OperationId, Instructions)> {
    let is_count = row.metric == Metric::Instructions;
    let (old, new) = (row.baseline?, row.candidate?);
    is_count.then(|| (row.id.clone(), Instructions::of(old as u64, new as u64)))
}

/// Feeds the rounds pass by pass, as they were taken.
pub(crate) fn run(
    policy: &Policy,
    rows: usize,
    rounds: &[Round],
    purpose: Purpose,
) -> (Suite, BTreeMap<OperationId, Vec<Level>>) {
    let mut levels: BTreeMap<OperationId, Vec<Level>> = BTreeMap::new();
    let mut judging: BTreeMap<&OperationId, Vec<&Round>> = BTreeMap::new();
    let mut confirming: BTreeMap<&OperationId, Vec<&Round>> = BTreeMap::new();
    for round in rounds {
        if round.purpose == purpose {
            judging.entry(&round.operation).or_default().push(round);
            levels
                .entry(round.operation.clone())
                .or_default()
                .push(Level::of(round));
        } else if round.purpose == Purpose::Confirm && purpose == Purpose::Judge {
            confirming.entry(&round.operation).or_default().push(round);
        }
    }
    let mut suite = Suite::new(policy.clone(), rows);
    let mut taken: BTreeMap<&OperationId, (usize, usize)> = BTreeMap::new();
    loop {
        let mut went_on = false;
        for (id, of_operation) in &judging {
            let (judged, confirmed) = taken.entry(id).or_default();
            let confirmations = confirming.get(*id).map_or(&[][..], Vec::as_slice);
            let (round, is_confirmation) = if suite.wants_confirming(id) {
                (confirmations.get(*confirmed), true)
            } else if suite.wants_judging(id) {
                (of_operation.get(*judged), false)
            } else {
                continue;
            };
            let Some(round) = round else {
                suite.close(id);
                continue;
            };
            let Some(log_ratio) = decide::log_ratio(round, round.clock) else {
                continue;
            };
            if is_confirmation {
                *confirmed += 1;
                suite.confirm(id, round.clock, log_ratio);
            } else {
                *judged += 1;
                suite.judge(id, round.clock, log_ratio);
                suite.took(id, Level::of(round).baseline_ns, decide::duration(round));
            }
            went_on = true;
        }
        suite.look();
        if !went_on {
            return (suite, levels);
        }
    }
}
