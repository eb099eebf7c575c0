//! `peers`: the same work by what one would use instead, in one run, the two sides in turn.
//!
//! The peers live in a Python environment of their own in the cache and speak the paired protocol (`xtask/peers/peer.py`),
//! so a round is the one that `compare` takes, with this workspace's operation as its baseline. Nothing here is part of
//! any test or gate.

mod couples;
mod place;
mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use voiceflow_record::paired::{Purpose, Round};
use voiceflow_record::{CatalogueEntry, Clock, Instrument, OperationId, Pairing, write_file};

use crate::bench;
use crate::cli::PeersCommand;
use crate::compare::rounds::{self, Contender, Plan, Shape, Span};
use crate::filter::Filter;
use crate::outcome::Outcome;
use crate::published::Report;
use crate::workspace::Workspace;
use crate::{host, measuring, process, setup, waivers};

use couples::{Couple, Kind};
use place::{FOLDER, Place};
use report::{LeftOut, Peers, Row};

const COMMAND: &str = "peers";

const QUICK_ROUNDS: u32 = 6;
const FULL_ROUNDS: u32 = 20;

/// A second of batches, so that a peer of ten times ours still gets several.
const SHORT_ROUND: Span = Span {
    batches: Duration::from_secs(1),
    at_most: Duration::from_secs(2),
};

/// Sixteen transcriptions of each side are ninety and more in six rounds, which a P95 takes.
const SPEECH_PAIRS: usize = 16;
const SPEECH_ROUND: Span = Span {
    batches: Duration::from_secs(10),
    at_most: Duration::from_secs(60),
};

/// Measures, prints the table, and fails where a couple could not be measured that was to be.
pub(crate) fn run(workspace: &Workspace, command: &PeersCommand) -> anyhow::Result<Outcome> {
    let couples = couples::chosen(&Filter::parse(command.filter.as_deref())?)?;
    Report::check_page(COMMAND, &command.report, command.filter.as_deref())?;
    setup::prepare(workspace)?;
    let place = Place::ready(workspace, command.with_llama)?;
    let variables = place.variables(workspace)?;
    let declared = Declared::read(workspace)?;
    let output = bench::output_folder(workspace, COMMAND, command.report.output_dir.clone())?;
    let scratch = tempfile::tempdir().context("no temporary folder can be made")?;
    let own_environment = host::configured_environment(workspace)?;
    let _turn = measuring::take_turn()?;
    let mut measuring: Vec<Measuring<'_>> = Vec::new();
    let mut left_out = Vec::new();
    for couple in &couples {
        if couple.kind == Kind::Llama && !place.has_llama() {
            left_out.push(couple.left_out("its bindings are compiled with `--with-llama`"));
            continue;
        }
        let ours = declared.contender(couple, &own_environment)?;
        let theirs = Contender {
            operation: None,
            program: place.program(couple.work, scratch.path())?,
            folder: workspace.root().join(FOLDER),
            environment: declared.told(couple, &variables)?,
        };
        measuring.push(Measuring::new(couple, ours, theirs)?);
    }
    let rounds = if command.full { FULL_ROUNDS } else { QUICK_ROUNDS };
    // A round of each in turn: whatever happens to the machine happens to all of them.
    for number in 0..rounds {
        for couple in &mut measuring {
            couple.take_round(number, scratch.path(), &output)?;
        }
        eprintln!("peers: round {} of {rounds}", number + 1);
    }
    let words = if couples.iter().any(|couple| couple.kind == Kind::Speech) {
        let threads = declared.entry(couples::COUPLES[0].operation)?.1.cores;
        Some(place.words(&variables, &own_program(workspace)?, threads)?)
    } else {
        None
    };
    let mut rows = Vec::new();
    let mut has_failed = false;
    for taken in measuring {
        let version = place.versions.get(taken.couple.package).map_or("", String::as_str);
        match (taken.failed, Row::new(taken.couple, version, &taken.rounds)) {
            (None, Some(row)) => rows.push(row),
            (failed, _) => {
                has_failed = true;
                let reason = failed.unwrap_or_else(|| "no round was taken".to_owned());
                left_out.push(taken.couple.left_out(&reason));
            }
        }
    }
    let peers = Peers {
        host: host::this_host(),
        revision: workspace.revision(),
        date: waivers::today()?.to_string(),
        rows,
        left_out,
        words,
    };
    let report = Report {
        command: COMMAND,
        json: serde_json::to_string_pretty(&peers)?,
        text: report::text(&peers),
        page: report::markdown(&peers),
    };
    report.publish(&output, &command.report, !has_failed && !peers.rows.is_empty())?;
    Ok(if has_failed {
        Outcome::SetupOrMeasurementFailed
    } else if peers.rows.is_empty() {
        Outcome::NothingComparable
    } else {
        Outcome::Passed
    })
}

impl Couple {
    fn left_out(&self, reason: &str) -> LeftOut {
        LeftOut {
            operation: self.operation,
            peer: self.peer,
            reason: reason.to_owned(),
        }
    }
}

/// The operations of this checkout and their programs.
struct Declared {
    entries: BTreeMap<String, (PathBuf, CatalogueEntry)>,
    programs: bench::Programs,
}

impl Declared {
    fn read(workspace: &Workspace) -> anyhow::Result<Self> {
        let crates = workspace.bench_crates(&Filter::All)?;
        let programs = bench::programs(workspace, &bench::jobs(&crates, &[Instrument::Time]))?;
        let entries = crates
            .into_iter()
            .flat_map(|found| {
                let folder = found.folder;
                found
                    .entries
                    .into_iter()
                    .map(move |entry| (entry.id.as_str().to_owned(), (folder.clone(), entry)))
            })
            .collect();
        Ok(Self { entries, programs })
    }

    fn entry(&self, operation: &str) -> anyhow::Result<(&Path, Pairing)> {
        let (folder, entry) = self
            .entries
            .get(operation)
            .with_context(|| format!("no crate declares {operation}"))?;
        let pairing = entry.paired.with_context(|| format!("{operation} cannot be paired"))?;
        Ok((folder, pairing))
    }

    fn contender(&self, couple: &Couple, environment: &BTreeMap<String, String>) -> anyhow::Result<Contender> {
        let (folder, _) = self.entry(couple.operation)?;
        let program = self
            .programs
            .get(&(folder.to_owned(), Instrument::Time))
            .with_context(|| format!("the program of {} was not built (see above)", couple.operation))?;
        Ok(Contender {
            operation: None,
            program: program.clone(),
            folder: folder.to_owned(),
            environment: environment.clone(),
        })
    }

    /// The peer's variables, with the clock and the threads of the operation it stands beside.
    fn told(&self, couple: &Couple, variables: &BTreeMap<String, String>) -> anyhow::Result<BTreeMap<String, String>> {
        let (_, Pairing { clock, cores, .. }) = self.entry(couple.operation)?;
        let mut told = variables.clone();
        let word = match clock {
            Clock::Wall => "wall",
            Clock::Cpu => "cpu",
        };
        told.insert("VOICEFLOW_PEER_CLOCK".to_owned(), word.to_owned());
        told.insert("VOICEFLOW_PEER_CORES".to_owned(), cores.to_string());
        Ok(told)
    }
}

/// The program that serves and transcribes.
fn own_program(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let mut command = workspace.cargo();
    command.args([
        "build",
        "--quiet",
        "--release",
        "--locked",
        "--workspace",
        "--bin",
        "voiceflow",
    ]);
    let status = process::run_visibly(&mut command)?;
    ensure!(status.success(), "`voiceflow` does not build (see above)");
    Ok(bench::target_folder(workspace).join("release/voiceflow"))
}

/// A couple and what was taken of it.
struct Measuring<'a> {
    couple: &'a Couple,
    id: OperationId,
    ours: Contender,
    theirs: Contender,
    shape: Option<Shape>,
    rounds: Vec<Round>,
    failed: Option<String>,
}

impl<'a> Measuring<'a> {
    fn new(couple: &'a Couple, ours: Contender, theirs: Contender) -> anyhow::Result<Self> {
        Ok(Self {
            couple,
            id: couple.operation.parse()?,
            ours,
            theirs,
            shape: None,
            rounds: Vec::new(),
            failed: None,
        })
    }

    /// Takes a round and keeps it; a side that fails ends its couple alone.
    fn take_round(&mut self, number: u32, scratch: &Path, output: &Path) -> anyhow::Result<()> {
        if self.failed.is_some() {
            return Ok(());
        }
        let span = match self.couple.kind {
            Kind::Speech => SPEECH_ROUND,
            Kind::Short | Kind::Llama => SHORT_ROUND,
        };
        let plan = Plan {
            operation: self.id.clone(),
            purpose: Purpose::Judge,
            number,
            shape: self.shape,
            layout_seed: None,
            plant_percent: 0.0,
            seed: u64::from(number),
            span,
        };
        match rounds::take(&plan, &self.ours, &self.theirs, scratch)? {
            rounds::Outcome::Taken(round, shape) => {
                self.shape = Some(match self.couple.kind {
                    Kind::Speech => Shape {
                        pairs: SPEECH_PAIRS,
                        ..shape
                    },
                    Kind::Short | Kind::Llama => shape,
                });
                let operation = self.couple.operation.replace('/', "-");
                let file = format!("{operation}-beside-{}-{number}.json", self.couple.work);
                write_file(&output.join(file), serde_json::to_string(&round)?.as_bytes())?;
                self.rounds.push(*round);
            }
            rounds::Outcome::Failed(failed) => {
                let who = if failed.side == "baseline" {
                    "VoiceFlow"
                } else {
                    self.couple.peer
                };
                self.failed = Some(format!("{who}: {}", failed.reason));
            }
            rounds::Outcome::OtherInputs(reason) | rounds::Outcome::Unavailable(reason) => self.failed = Some(reason),
        }
        Ok(())
    }
}
