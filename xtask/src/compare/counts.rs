//! Exact counts of both sides: instructions and allocations, measured where the programs differ.
//!
//! A program's counts do not change, so they are kept beside the build and taken from there the next time.

use std::collections::BTreeMap;
use std::path::PathBuf;

use voiceflow_record::{Counts, Host, Instrument, Measured, OperationId, Record, Run, read_record};

use super::census::Common;
use super::rules::Instructions;
use super::slot::{Built, Slot};
use crate::bench::{self, Effort, Found, Job, Request};
use crate::workspace::Workspace;

/// What was counted of one side.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// By operation and instrument.
    pub(crate) counts: BTreeMap<(OperationId, Instrument), Counts>,
    /// Why a count is missing: the instrument, or the operation under it, did not work.
    pub(crate) missing: BTreeMap<(OperationId, Instrument), Missing>,
    /// Where the profiles behind the counts lie.
    pub(crate) folder: PathBuf,
}

/// Why there is no count.
#[derive(Clone, Debug)]
pub(crate) enum Missing {
    Skipped(String),
    Failed(String),
}

impl Counted {
    /// One count by its name.
    pub(crate) fn get(&self, id: &OperationId, instrument: Instrument, name: &str) -> Option<u64> {
        self.counts.get(&(id.clone(), instrument))?.get(name).copied()
    }
}

/// What the instructions of both sides, baseline and candidate, say of an operation.
pub(crate) fn instructions(counted: &[Counted; 2], id: &OperationId) -> Instructions {
    let sides = counted
        .each_ref()
        .map(|side| side.get(id, Instrument::Instructions, "Ir"));
    match sides {
        [Some(old), Some(new)] => Instructions::of(old, new),
        _ => Instructions::Unknown,
    }
}

/// Counts every operation of one side that is honestly counted.
pub(crate) fn count(
    workspace: &Workspace,
    slot: &Slot,
    built: &Built,
    operations: &[Common],
    host: &Host,
) -> anyhow::Result<Counted> {
    let folder = built.folder.join("counts");
    let mut counted = Counted {
        folder: folder.clone(),
        ..Counted::default()
    };
    let (jobs, programs) = jobs(slot, built, operations);
    let mut open = Vec::new();
    for job in jobs {
        match kept(&folder, &job, host) {
            Some(counts) => {
                counted.counts.insert((job.id.clone(), job.instrument), counts);
            }
            None => open.push(job),
        }
    }
    if open.is_empty() {
        return Ok(counted);
    }
    std::fs::create_dir_all(&folder)?;
    let request = Request {
        measured: &slot.workspace(),
        tool: workspace,
        effort: Effort::Quick,
        output: folder,
        keep_profiles: true,
    };
    let runs = runs(workspace, built, &open, host);
    for attempt in bench::measure_built(&request, &open, &programs, &runs)? {
        let key = (attempt.id, attempt.instrument);
        match attempt.found {
            Found::Record(record) => {
                if let Some(counts) = counts_of(&record) {
                    counted.counts.insert(key, counts);
                }
            }
            Found::Skipped(reason) => {
                counted.missing.insert(key, Missing::Skipped(reason));
            }
            Found::Failed(reason) => {
                counted.missing.insert(key, Missing::Failed(reason));
            }
        }
    }
    Ok(counted)
}

fn jobs(slot: &Slot, built: &Built, operations: &[Common]) -> (Vec<Job>, bench::Programs) {
    let root = slot.workspace().root().to_owned();
    let mut jobs = Vec::new();
    let mut programs = bench::Programs::new();
    for instrument in [Instrument::Instructions, Instrument::Allocations] {
        for common in operations {
            let Some(program) = built.program(&common.crate_folder, instrument) else {
                continue;
            };
            if !common.entry.instruments.contains(&instrument) {
                continue;
            }
            let folder = root.join(&common.crate_folder);
            programs.insert((folder.clone(), instrument), built.path(program));
            jobs.push(Job {
                id: common.id.clone(),
                instrument,
                package: common.package.clone(),
                folder,
            });
        }
    }
    (jobs, programs)
}

/// What every record of this side carries: the revision that was built, not what the slot holds now.
fn runs(workspace: &Workspace, built: &Built, jobs: &[Job], host: &Host) -> BTreeMap<String, Run> {
    jobs.iter()
        .filter_map(|job| {
            let run = Run {
                measured: voiceflow_record::Revision {
                    commit: Some(built.revision.base.clone()),
                    dirty: built.revision.dirty,
                },
                tool: workspace.revision(),
                build: built.manifest.builds.get(&job.package)?.clone(),
                host: host.clone(),
            };
            Some((job.package.clone(), run))
        })
        .collect()
}

/// A count of an earlier run, if it was taken by the same tools.
fn kept(folder: &std::path::Path, job: &Job, host: &Host) -> Option<Counts> {
    let record = read_record(&bench::record_path(folder, job)).ok()?;
    let then = &record.run.host;
    let same_tools = then.libc == host.libc && then.valgrind == host.valgrind && then.cpu_features == host.cpu_features;
    same_tools.then(|| counts_of(&record)).flatten()
}

fn counts_of(record: &Record) -> Option<Counts> {
    match &record.measured {
        Measured::Instructions(counts) | Measured::Allocations(counts) => Some(counts.clone()),
        Measured::Time(_) => None,
    }
}
