//! `bench`: builds the bench programs, runs one process an operation and instrument, and reports what they wrote.
//!
//! A process each: a crash or a hang costs one operation, every operation starts from the same fresh state, and a kill
//! loses at most the one being measured.

mod build;
mod callgrind;
mod measure;
mod plan;
mod progress;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use voiceflow_record::{Host, Instrument, Run};

use crate::baseline::Baselines;
use crate::budgets::Budget;
use crate::cli::{BenchCommand, Format};
use crate::filter::Filter;
use crate::outcome::{Failure, Outcome};
use crate::render;
use crate::report::Report;
use crate::workspace::{BenchCrate, Workspace};
use crate::{anchors, budgets, host, measuring, setup};

pub(crate) use build::{BuildSettings, Program, Programs, build_all, program, programs, target_folder};
pub(crate) use measure::{Attempt, Found, HEAP_PROFILE, raw_folder, record_path};
pub(crate) use plan::{Effort, Job, jobs};

/// Measures, the anchors first where times are taken, prints the table, and fails when an operation failed. Budgets and baselines are shown beside the figures;
/// holding results against them is what `baseline check` is for.
pub(crate) fn run(workspace: &Workspace, command: &BenchCommand) -> anyhow::Result<Outcome> {
    let filter = Filter::parse(command.filter.as_deref())?;
    let crates = workspace.bench_crates(&filter)?;
    // A mistake in these files is told before the measuring, not after it.
    let references = References::read(workspace)?;
    setup::prepare(workspace)?;
    let jobs = plan::anchors_first(&anchors(workspace), jobs(&crates, &command.instruments));
    if jobs.is_empty() {
        return Err(Failure::nothing_comparable(
            "none of these operations suits the chosen instruments",
        ));
    }
    let request = Request {
        measured: workspace,
        tool: workspace,
        effort: if command.full { Effort::Full } else { Effort::Quick },
        output: output_folder(workspace, "bench", command.output_dir.clone())?,
        keep_profiles: command.save_raw,
    };
    let attempts = measure(&request, &jobs)?;
    let report = references.report(workspace, attempts);
    match command.format {
        Format::Json => println!("{}", render::json(&report)?),
        Format::Text => print!("{}", render::text(&report)),
    }
    eprintln!("records: {}", request.output.display());
    Ok(if report.has_failed() {
        Outcome::SetupOrMeasurementFailed
    } else if report.is_empty() {
        eprintln!("error: nothing was measured");
        Outcome::NothingComparable
    } else {
        Outcome::Passed
    })
}

/// The operations that tell what the machine can do. A checkout that declares none is measured without.
fn anchors(workspace: &Workspace) -> Vec<BenchCrate> {
    let is_anchor = |found: &mut BenchCrate| {
        found.entries.retain(|entry| anchors::is_anchor(&entry.id));
        !found.entries.is_empty()
    };
    let mut crates = workspace
        .bench_crates(&Filter::Part(format!("{}/", anchors::SUBSYSTEM)))
        .unwrap_or_default();
    crates.retain_mut(is_anchor);
    crates
}

/// What to measure, how long, and where the records go.
pub(crate) struct Request<'a> {
    /// The checkout whose code is measured.
    pub(crate) measured: &'a Workspace,
    /// The checkout `xtask` was started in.
    pub(crate) tool: &'a Workspace,
    /// How long to sample.
    pub(crate) effort: Effort,
    /// Where the records go.
    pub(crate) output: PathBuf,
    /// Whether criterion's folder and callgrind's profiles stay.
    pub(crate) keep_profiles: bool,
}

/// Builds and measures, with progress on standard error.
pub(crate) fn measure(request: &Request<'_>, jobs: &[Job]) -> anyhow::Result<Vec<Attempt>> {
    let host = host::this_host();
    // Told once: what is checked out may change while the programs built from it are measured.
    let mut runs = BTreeMap::new();
    for job in jobs {
        if !runs.contains_key(&job.package) {
            let run = host::run_of(request.measured, request.tool, &job.package, &host)?;
            runs.insert(job.package.clone(), run);
        }
    }
    let programs = build::programs(request.measured, jobs)?;
    measure_built(request, jobs, &programs, &runs)
}

/// Measures with programs that are built already; `runs` tells by package what every record carries. Where times are
/// measured it takes a turn, so its caller has none.
pub(crate) fn measure_built(
    request: &Request<'_>,
    jobs: &[Job],
    programs: &Programs,
    runs: &BTreeMap<String, Run>,
) -> anyhow::Result<Vec<Attempt>> {
    let is_timed = jobs.iter().any(|job| job.instrument == Instrument::Time);
    let _turn = is_timed.then(measuring::take_turn).transpose()?;
    let progress = progress::Progress::new(jobs.len());
    let mut attempts = Vec::new();
    for job in jobs {
        progress.starts(job);
        let run = runs
            .get(&job.package)
            .with_context(|| format!("it is not known how {} was built", job.package))?;
        let attempt = measure::measure(request, job, programs, run)?;
        progress.ended(&attempt);
        attempts.push(attempt);
    }
    progress.finish();
    Ok(attempts)
}

/// What results are held against.
pub(crate) struct References {
    host: Host,
    baselines: Baselines,
    budgets: Vec<Budget>,
}

impl References {
    /// Reads the committed baselines and budgets of a checkout.
    pub(crate) fn read(workspace: &Workspace) -> anyhow::Result<Self> {
        let host = host::this_host();
        let baselines = Baselines::read(&workspace.baselines(), &host)?;
        let budgets = budgets::read(&workspace.baselines())?;
        Ok(Self {
            host,
            baselines,
            budgets,
        })
    }

    /// The baselines.
    pub(crate) fn baselines(&self) -> &Baselines {
        &self.baselines
    }

    /// The budgets.
    pub(crate) fn budgets(&self) -> &[Budget] {
        &self.budgets
    }

    /// Holds every attempt against them.
    pub(crate) fn report(&self, workspace: &Workspace, attempts: Vec<Attempt>) -> Report {
        Report::new(
            self.host.clone(),
            workspace.revision(),
            attempts,
            &self.baselines,
            &self.budgets,
        )
    }
}

/// The folder asked for, or a new one below `target`, named by the time.
pub(crate) fn output_folder(workspace: &Workspace, kind: &str, asked: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let folder = match asked {
        Some(folder) => folder,
        None => {
            let now = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap_or_default();
            workspace
                .root()
                .join("target/voiceflow")
                .join(kind)
                .join(now.as_secs().to_string())
        }
    };
    make_folder(&folder)
}

/// Makes a folder and returns its absolute path: bench programs start in their crate's folder.
fn make_folder(folder: &Path) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    folder
        .canonicalize()
        .with_context(|| format!("cannot open {}", folder.display()))
}
