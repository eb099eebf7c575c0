//! `compare`: tells whether one revision is slower than another, on a machine that others use too.
//!
//! revisions → build slot → same code? → counts → paired rounds → verdicts → reports. What each step may touch:
//! `decide`, `rules`, `model`, `layout_list`, `profile` and `render` are pure; `revision`, `slot`, `link`, `counts`,
//! `rounds` and `passes` touch the world.

mod assemble;
mod bisect;
mod census;
mod counts;
mod decide;
mod explain;
mod gate;
mod layout_list;
mod link;
mod linked;
pub(crate) mod model;
mod passes;
mod profile;
mod progress;
mod render;
mod replay;
pub(crate) mod revision;
mod rounds;
mod rules;
mod slot;
mod validate;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::Rng as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use voiceflow_record::{Conditions, OperationId, write_file};

use self::assemble::Evidence;
use self::census::{Census, Common};
use self::decide::{CONFIRM_LOOKS, Policy, Suite};
use self::link::KeptLinks;
use self::linked::{Linked, TOLERANCE_UNMATCHED};
use self::model::{Comparison, Settings, Verdict};
use self::passes::{Course, Measured, Run, TimeLimits};
use self::revision::{Revision, WORKING_TREE};
use self::slot::{Built, Slot};
use crate::bench;
use crate::cli::{CompareCommand, ReportFormat};
use crate::filter::Filter;
use crate::host;
use crate::outcome::{Failure, Outcome};
use crate::setup;
use crate::stats::sequential::STANDARD_LOOKS;
use crate::workspace::Workspace;

pub(crate) use self::bisect::bisect;
pub(crate) use self::gate::gate;
pub(crate) use self::validate::run as validate;

/// Compares, prints the report, and ends with the code its verdict has.
pub(crate) fn run(workspace: &Workspace, command: &CompareCommand) -> anyhow::Result<Outcome> {
    let comparison = match &command.replay {
        // What was measured and signed stays as it is.
        Some(folder) => replay::decide(folder)?,
        None => {
            let request = Request::parse(workspace, command)?;
            let folder = bench::output_folder(workspace, "compare", command.output_dir.clone())?;
            let comparison = compare(workspace, &request, &folder)?;
            write_reports(&comparison, &folder)?;
            eprintln!("everything measured: {}", folder.display());
            comparison
        }
    };
    print(&comparison, command.format)?;
    Ok(outcome(&comparison, command.strict))
}

/// How long, how much, and how sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    Quick,
    Standard,
    Full,
    SignOff,
}

impl Effort {
    fn of(command: &CompareCommand) -> Self {
        if command.signoff {
            Self::SignOff
        } else if command.full {
            Self::Full
        } else if command.quick {
            Self::Quick
        } else {
            Self::Standard
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Standard => "standard",
            Self::Full => "full",
            Self::SignOff => "signoff",
        }
    }

    fn limits(self) -> TimeLimits {
        let seconds = |short, long| TimeLimits {
            short: Some(Duration::from_secs(short)),
            long: Some(Duration::from_secs(long)),
        };
        match self {
            Self::Quick => seconds(2, 8),
            Self::Standard => seconds(5, 15),
            Self::Full => seconds(20, 90),
            Self::SignOff => TimeLimits {
                short: None,
                long: None,
            },
        }
    }

    fn policy(self) -> Policy {
        let sign_off = self == Self::SignOff;
        Policy {
            margin: if sign_off { MARGIN_SIGN_OFF } else { MARGIN },
            tolerance: if sign_off { TOLERANCE_SIGN_OFF } else { TOLERANCE },
            family_alpha: FAMILY_ALPHA,
            confirm_alpha: CONFIRM_ALPHA,
            looks: if sign_off { vec![32] } else { STANDARD_LOOKS.to_vec() },
            confirm_looks: CONFIRM_LOOKS.to_vec(),
            to_the_end: sign_off,
        }
    }
}

/// What people mean by "not slower".
const MARGIN: f64 = 0.02;
const MARGIN_SIGN_OFF: f64 = 0.01;

/// What an edit elsewhere was seen to do to equal code with matched layouts (`METHODOLOGY.md`, "Layout").
const TOLERANCE: f64 = 0.005;
const TOLERANCE_SIGN_OFF: f64 = 0.002;

/// One false alarm in a hundred runs of the whole suite.
const FAMILY_ALPHA: f64 = 0.01;

/// A suspicion has to be confirmed at one in a thousand.
const CONFIRM_ALPHA: f64 = 0.001;

/// One operation in twelve is measured against its own copy as well: 5 to 10 % of the rounds.
const PLACEBO_SHARE: usize = 12;

/// What is compared with what.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) baseline: String,
    pub(crate) candidate: String,
    pub(crate) filter_text: Option<String>,
    pub(crate) effort: Effort,
    pub(crate) all: bool,
    pub(crate) plant_percent: f64,
    pub(crate) kit_overlay: bool,
    /// Whether budgets and waivers have a say.
    pub(crate) held_to_account: bool,
}

impl Request {
    /// The working tree against the commit it is based on, as a contributor compares.
    pub(crate) fn of_working_tree() -> Self {
        Self {
            baseline: "HEAD".to_owned(),
            candidate: WORKING_TREE.to_owned(),
            filter_text: None,
            effort: Effort::Standard,
            all: false,
            plant_percent: 0.0,
            kit_overlay: false,
            held_to_account: false,
        }
    }

    fn parse(workspace: &Workspace, command: &CompareCommand) -> anyhow::Result<Self> {
        let Some(baseline) = command.baseline.clone() else {
            return Err(Failure::bad_usage(
                "name a revision to compare with, or a folder to `--replay`",
            ));
        };
        let (mut candidate, mut filter) = (command.candidate.clone(), command.filter.clone());
        // `compare main storage/` means the working tree, filtered.
        if filter.is_none()
            && let Some(word) = &candidate
            && word != WORKING_TREE
            && !revision::is_known(workspace, word)
            && (word.contains('/') || workspace.bench_crates(&Filter::parse(Some(word))?).is_ok())
        {
            filter = candidate.take();
        }
        Ok(Self {
            baseline,
            candidate: candidate.unwrap_or_else(|| WORKING_TREE.to_owned()),
            filter_text: filter,
            effort: Effort::of(command),
            // A slowdown planted in nothing shows nothing.
            all: command.all || command.plant.is_some(),
            plant_percent: command.plant.unwrap_or(0.0),
            kit_overlay: command.kit_overlay,
            held_to_account: command.signoff,
        })
    }
}

/// Builds and measures both revisions and says what was found. Rounds are kept in `folder` as they are taken.
pub(crate) fn compare(workspace: &Workspace, request: &Request, folder: &Path) -> anyhow::Result<Comparison> {
    let slot = Slot::open(workspace)?;
    let revisions = (
        slot.revision(workspace, &request.baseline)?,
        slot.revision(workspace, &request.candidate)?,
    );
    compare_revisions(workspace, &slot, request, &revisions, folder)
}

/// The same of two revisions that the slot's clone has, whatever the request calls them.
fn compare_revisions(
    workspace: &Workspace,
    slot: &Slot,
    request: &Request,
    revisions: &(Revision, Revision),
    folder: &Path,
) -> anyhow::Result<Comparison> {
    let filter = Filter::parse(request.filter_text.as_deref())?;
    setup::prepare(workspace)?;
    let (baseline, candidate) = build_both(slot, revisions, request.kit_overlay)?;
    let census = census::take(&baseline, &candidate, &filter, request.all);
    if census.common.is_empty() && census.identical.is_empty() && census.not_comparable.is_empty() {
        return Err(Failure::nothing_comparable(
            "the two revisions have no such operation in common; `cargo xtask list` names those of the working tree",
        ));
    }
    measure(
        workspace,
        slot,
        request,
        &Sides { baseline, candidate },
        &census,
        folder,
    )
}

struct Sides {
    baseline: Built,
    candidate: Built,
}

fn build_both(slot: &Slot, revisions: &(Revision, Revision), kit_overlay: bool) -> anyhow::Result<(Built, Built)> {
    let keeper = KeptLinks::new(&slot.linker_folder())?;
    let (old, new) = revisions;
    let baseline = slot.build("baseline", old, kit_overlay.then_some(new), &keeper)?;
    let candidate = if old.commit == new.commit {
        Built {
            revision: new.clone(),
            ..baseline.clone()
        }
    } else {
        slot.build("candidate", new, None, &keeper)?
    };
    Ok((baseline, candidate))
}

fn measure(
    workspace: &Workspace,
    slot: &Slot,
    request: &Request,
    sides: &Sides,
    census: &Census,
    folder: &Path,
) -> anyhow::Result<Comparison> {
    let host = host::this_host();
    let started = Instant::now();
    let watch = Conditions::watch();
    let counted = [
        counts::count(workspace, slot, &sides.baseline, &census.common, &host)?,
        counts::count(workspace, slot, &sides.candidate, &census.common, &host)?,
    ];
    let counting = started.elapsed();
    let sign_off = request.effort == Effort::SignOff;
    let mut linked = Linked::new(slot, &sides.baseline, &sides.candidate, &census.common, sign_off)?;
    let mut policy = request.effort.policy();
    if !linked.layout().matched {
        policy.tolerance = policy.tolerance.max(TOLERANCE_UNMATCHED);
        policy.margin = policy.margin.max(2.0 * TOLERANCE_UNMATCHED);
    }
    let timing = Instant::now();
    let times = time(slot, request, &policy, census, &mut linked, folder)?;
    let measured_s = (counting + timing.elapsed()).as_secs_f64();
    let budgets = if request.held_to_account {
        let wanted = gate::budgeted(census, sign_off);
        gate::measure_budgets(
            workspace,
            slot,
            &sides.candidate,
            &wanted,
            &host,
            &folder.join("budgets"),
        )?
    } else {
        Vec::new()
    };
    let evidence = Evidence {
        workspace,
        sides: [&sides.baseline, &sides.candidate],
        host,
        conditions: watch.finish(),
        measured_s,
        settings: settings(request, &policy, &times.planted, census.common.len()),
        layout: linked.layout().clone(),
        census,
        counted: &counted,
        times: &times,
        rounds_folder: folder.join(ROUNDS),
    };
    let mut comparison = assemble::comparison(&evidence)?;
    if request.held_to_account {
        gate::hold_to_account(&mut comparison, workspace, census, budgets)?;
    }
    Ok(comparison)
}

/// The folder of the raw rounds below an output folder.
const ROUNDS: &str = "rounds";

/// Both suites after the last round, and what else was seen.
pub(crate) struct Times {
    pub(crate) suite: Suite,
    pub(crate) placebo: Suite,
    pub(crate) measured: Measured,
    pub(crate) planted: Vec<OperationId>,
}

fn time(
    slot: &Slot,
    request: &Request,
    policy: &Policy,
    census: &Census,
    linked: &mut Linked<'_>,
    folder: &Path,
) -> anyhow::Result<Times> {
    let seed = rand::rng().random();
    let mut random = StdRng::seed_from_u64(seed);
    let mut operations: Vec<&Common> = census.common.iter().collect();
    operations.shuffle(&mut random);
    let planted = planted(request, &operations);
    let course = |common: &&Common| {
        let plant = if planted.contains(&common.id) {
            request.plant_percent
        } else {
            0.0
        };
        Course::new(common.id.clone(), plant)
    };
    let courses: Vec<Course> = operations.iter().map(course).collect();
    let placebos: Vec<Course> = operations
        .iter()
        .take(operations.len().div_ceil(PLACEBO_SHARE))
        .map(|common| Course::new(common.id.clone(), 0.0))
        .collect();
    let mut suite = Suite::new(policy.clone(), courses.len());
    let mut placebo = Suite::new(
        Policy {
            to_the_end: true,
            ..policy.clone()
        },
        // Both directions alarm.
        placebos.len() * 2,
    );
    let rounds_folder = folder.join(ROUNDS);
    clear_rounds(&rounds_folder)?;
    eprintln!("compare: {} operations to time", courses.len());
    let mut run = Run {
        programs: linked,
        limits: request.effort.limits(),
        rounds_folder,
        scratch: slot.scratch()?,
        seed,
    };
    let measured = passes::measure(&mut run, courses, &mut suite, placebos, &mut placebo)?;
    Ok(Times {
        suite,
        placebo,
        measured,
        planted,
    })
}

/// Rounds of an earlier comparison in the same folder are not evidence of this one.
fn clear_rounds(folder: &PathBuf) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot clear {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// One operation in three gets the planted slowdown, so that the others show that nothing else turns red.
fn planted(request: &Request, shuffled: &[&Common]) -> Vec<OperationId> {
    if request.plant_percent == 0.0 {
        return Vec::new();
    }
    let share = shuffled.len().div_ceil(3);
    let chosen: BTreeSet<&OperationId> = shuffled.iter().rev().take(share).map(|common| &common.id).collect();
    chosen.into_iter().cloned().collect()
}

fn settings(request: &Request, policy: &Policy, planted: &[OperationId], rows: usize) -> Settings {
    Settings {
        effort: request.effort.as_str().to_owned(),
        margin: policy.margin,
        tolerance: policy.tolerance,
        family_alpha: policy.family_alpha,
        confirm_alpha: policy.confirm_alpha,
        rows,
        looks: policy.looks.clone(),
        plant_percent: request.plant_percent,
        planted: planted.to_vec(),
        all: request.all,
        kit_overlay: request.kit_overlay,
        filter: request.filter_text.clone(),
    }
}

/// The files everyone may want, beside the rounds.
pub(crate) fn write_reports(comparison: &Comparison, folder: &Path) -> anyhow::Result<()> {
    let mut files = vec![
        ("comparison.json", render::json(comparison)?),
        ("comment.md", render::markdown(comparison)),
        ("report.html", render::html(comparison)),
        ("bmf.json", render::bencher_metric_format(comparison)?),
        (
            "github-action-benchmark.json",
            render::github_action_benchmark(comparison)?,
        ),
    ];
    if comparison.settings.effort == Effort::SignOff.as_str() {
        files.push(("signoff.md", render::sign_off(comparison)));
    }
    for (name, text) in files {
        write_file(&folder.join(name), text.as_bytes())?;
    }
    Ok(())
}

pub(crate) fn print(comparison: &Comparison, format: ReportFormat) -> anyhow::Result<()> {
    match format {
        ReportFormat::Text => print!("{}", render::text(comparison)),
        ReportFormat::Markdown => print!("{}", render::markdown(comparison)),
        ReportFormat::Html => print!("{}", render::html(comparison)),
        ReportFormat::Json => println!("{}", render::json(comparison)?),
    }
    Ok(())
}

/// The exit code's meaning: what is known to be wrong first, then what could not be measured, which may be worse, then what
/// could not be told.
pub(crate) fn outcome(comparison: &Comparison, strict: bool) -> Outcome {
    match comparison.verdict {
        Verdict::Void => Outcome::SetupOrMeasurementFailed,
        Verdict::Regressed => Outcome::Regressed,
        _ if !comparison.problems.is_empty() || comparison.budgets.iter().any(|line| line.within == Some(false)) => {
            Outcome::Regressed
        }
        _ if comparison.budgets.iter().any(|line| line.within.is_none()) => Outcome::SetupOrMeasurementFailed,
        _ if !comparison.failed.is_empty() => Outcome::SetupOrMeasurementFailed,
        Verdict::NotComparable => Outcome::NothingComparable,
        Verdict::NotResolved if strict => Outcome::NotResolved,
        _ => Outcome::Passed,
    }
}
