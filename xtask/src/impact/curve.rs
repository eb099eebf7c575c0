//! What encrypting the database costs a read, over the share of pages that are found in memory: the keyed and the plain
//! operation of each share, taken in turn.
//!
//! One percentage would be wrong nearly everywhere: a page that is in memory is decrypted already, one that is not must
//! be read, authenticated and decrypted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Serialize;
use voiceflow_record::paired::{Purpose, Round};
use voiceflow_record::{Instrument, OperationId, write_file};

use super::estimate::Estimate;
use crate::bench::{self, Programs};
use crate::compare::decide::log_ratio;
use crate::compare::rounds::{self, Contender, Plan, Span};
use crate::filter::Filter;
use crate::stats::SortedSamples;
use crate::workspace::Workspace;

/// Where the ids of the two sides begin; behind the dash stands the share of hits in per cent.
const OPERATIONS: &str = "storage/hit-ratio/";
const KEYED: &str = "keyed-";
const PLAIN: &str = "plain-";

/// Reads at one share of hits.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Point {
    /// Of the pages a read asks for, how many per cent are in memory.
    pub(super) hits_percent: u32,
    /// Of one read without encryption, the median of all batches, by the clock the operations are judged by.
    pub(super) plain_ns: f64,
    /// With it.
    pub(super) keyed_ns: f64,
    /// Keyed over plain minus one, with its 95 % interval over the rounds; none with fewer than two.
    pub(super) overhead: Option<Estimate>,
    /// Pairs of fresh processes.
    pub(super) rounds: usize,
}

/// Two operations that differ by encryption alone.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Couple {
    hits_percent: u32,
    plain: OperationId,
    keyed: OperationId,
}

impl std::fmt::Display for Couple {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} beside {}", self.keyed, self.plain)
    }
}

/// The couples that are declared, by rising share, with what their program is built by.
pub(super) struct Couples {
    pub(super) couples: Vec<Couple>,
    pub(super) folder: PathBuf,
    pub(super) jobs: Vec<bench::Job>,
}

/// Finds them in the catalogues.
pub(super) fn couples(workspace: &Workspace) -> anyhow::Result<Couples> {
    let crates = workspace.bench_crates(&Filter::Part(OPERATIONS.to_owned()))?;
    let jobs = bench::jobs(&crates, &[Instrument::Time]);
    let ids: Vec<OperationId> = jobs.iter().map(|job| job.id.clone()).collect();
    let folder = jobs.first().map(|job| job.folder.clone()).unwrap_or_default();
    Ok(Couples {
        couples: couple(&ids),
        folder,
        jobs,
    })
}

fn couple(ids: &[OperationId]) -> Vec<Couple> {
    let of_kind = |prefix: &str| -> BTreeMap<u32, OperationId> {
        ids.iter()
            .filter_map(|id| {
                let percent = id
                    .as_str()
                    .strip_prefix(OPERATIONS)?
                    .strip_prefix(prefix)?
                    .parse()
                    .ok()?;
                Some((percent, id.clone()))
            })
            .collect()
    };
    let mut keyed = of_kind(KEYED);
    of_kind(PLAIN)
        .into_iter()
        .filter_map(|(hits_percent, plain)| {
            Some(Couple {
                hits_percent,
                plain,
                keyed: keyed.remove(&hits_percent)?,
            })
        })
        .collect()
}

/// Measures a couple in so many rounds, each of a fresh pair of processes, and keeps every round below `output`.
pub(super) fn measure(
    couple: &Couple,
    rounds: u32,
    folder: &Path,
    programs: &Programs,
    environment: &BTreeMap<String, String>,
    output: &Path,
) -> anyhow::Result<Point> {
    let program = programs
        .get(&(folder.to_owned(), Instrument::Time))
        .context("the timed program of the storage was not built (see above)")?;
    let contender = |operation: &OperationId| Contender {
        operation: Some(operation.clone()),
        program: program.clone(),
        folder: folder.to_owned(),
        environment: environment.clone(),
    };
    let (plain, keyed) = (contender(&couple.plain), contender(&couple.keyed));
    let scratch = tempfile::tempdir().context("no temporary folder can be made")?;
    let mut taken = Vec::new();
    let mut shape = None;
    for number in 0..rounds {
        let plan = Plan {
            operation: couple.keyed.clone(),
            purpose: Purpose::Judge,
            number,
            shape,
            layout_seed: None,
            plant_percent: 0.0,
            seed: u64::from(number),
            span: Span::COMPARISON,
        };
        match rounds::take(&plan, &plain, &keyed, scratch.path())? {
            rounds::Outcome::Taken(round, settled) => {
                shape = Some(settled);
                let [_, kind, variant] = couple.keyed.parts();
                let path = output
                    .join("rounds")
                    .join(kind)
                    .join(format!("{variant}-{number:03}.json"));
                write_file(&path, serde_json::to_string(&round)?.as_bytes())?;
                taken.push(*round);
            }
            rounds::Outcome::Failed(failed) => {
                let id = if failed.side == "baseline" {
                    &couple.plain
                } else {
                    &couple.keyed
                };
                bail!("{id}: {}", failed.reason);
            }
            rounds::Outcome::OtherInputs(reason) | rounds::Outcome::Unavailable(reason) => bail!("{couple}: {reason}"),
        }
    }
    Ok(point(couple.hits_percent, &taken))
}

/// Of rounds whose baseline is the plain side.
fn point(hits_percent: u32, rounds: &[Round]) -> Point {
    let log_ratios: Vec<f64> = rounds
        .iter()
        .filter_map(|round| log_ratio(round, round.clock))
        .collect();
    let median = |side: fn(&Round) -> &[u64]| {
        let each = rounds
            .iter()
            .flat_map(|round| side(round).iter().map(|&ns| ns as f64 / round.calls as f64));
        SortedSamples::new(each.collect()).map_or(f64::NAN, |sorted| sorted.median())
    };
    Point {
        hits_percent,
        plain_ns: median(|round| round.baseline.of(round.clock)),
        keyed_ns: median(|round| round.candidate.of(round.clock)),
        overhead: Estimate::of(&log_ratios).map(Estimate::exp_minus_one),
        rounds: log_ratios.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::rounds::tests::round;

    #[track_caller]
    fn assert_near(actual: f64, expected: f64, distance: f64) {
        assert!(
            (actual - expected).abs() <= distance,
            "{actual} is not within {distance} of {expected}"
        );
    }

    #[test]
    fn operations_that_differ_by_encryption_alone_are_coupled_by_rising_share() {
        let ids: Vec<OperationId> = [
            "storage/hit-ratio/keyed-100",
            "storage/hit-ratio/plain-0",
            "storage/hit-ratio/keyed-0",
            "storage/hit-ratio/plain-100",
            "storage/hit-ratio/plain-50",
            "storage/hit-ratio/keyed-many",
        ]
        .map(|id| id.parse().expect("valid"))
        .into();
        let couples = couple(&ids);
        let shares: Vec<u32> = couples.iter().map(|couple| couple.hits_percent).collect();
        assert_eq!(shares, [0, 100], "50 % has no keyed side");
        assert_eq!(couples[1].keyed.as_str(), "storage/hit-ratio/keyed-100");
    }

    #[test]
    fn the_overhead_is_the_ratio_less_one() {
        let rounds = [round(2, 200, 300), round(2, 200, 300), round(2, 200, 300)];
        let point = point(50, &rounds);
        let overhead = point.overhead.expect("rounds");
        assert_near(overhead.value, 0.5, 1e-12);
        assert_near(overhead.high - overhead.low, 0.0, 1e-12);
        assert_eq!((point.plain_ns, point.keyed_ns, point.rounds), (100.0, 150.0, 3));
    }
}
