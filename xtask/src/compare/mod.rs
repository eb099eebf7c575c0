//! `compare`: tells whether one revision is slower than another, on a machine that others use too.
//!
//! revisions → build slot → same code? → counts → paired rounds → verdicts → reports. What each step may touch:
//! `decide`, `rules`, `model`, `layout_list`, `profile` and `render` are pure; `revision`, `slot`, `link`, `linked`,
//! `counts`, `affinity`, `rounds` and `passes` touch the world.

mod affinity;
mod assemble;
mod bisect;
mod census;
mod counts;
pub(crate) mod decide;
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
pub(crate) mod rounds;
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
use voiceflow_record::paired::Purpose;
use voiceflow_record::{Conditions, OperationId, write_file};

use self::assemble::Evidence;
use self::census::{Census, Common};
use self::counts::Counted;
use self::decide::{CONFIRM_LOOKS, Policy, Suite, TimeLimits};
use self::link::KeptLinks;
use self::linked::Linked;
use self::model::{Comparison, Settings, Verdict};
use self::passes::{Course, Measured, Run};
use self::revision::{Revision, WORKING_TREE};
use self::rules::Instructions;
use self::slot::{Built, Slot};
use crate::bench;
use crate::cli::{CompareCommand, ReportFormat};
use crate::filter::Filter;
use crate::host;
use crate::measuring::{self, Turn};
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

    /// The effort of a comparison that was made; a word of a later tool stands for the usual one.
    fn named(name: &str) -> Self {
        [Self::Quick, Self::Full, Self::SignOff]
            .into_iter()
            .find(|effort| effort.as_str() == name)
            .unwrap_or(Self::Standard)
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
            Self::SignOff => TimeLimits::NONE,
        }
    }

    /// Time for counts and judging rounds of all operations together, the pass that is going on apart, where so many
    /// subsystems changed; `None` where only the looks end it.
    fn time_in_all(self, subsystems: usize) -> Option<Duration> {
        // Of one subsystem alone somebody waits for the answer; five get the whole.
        let (first, further, most) = match self {
            Self::Quick => (45, 65, 300),
            Self::Standard => (90, 130, 600),
            Self::Full => (900, 700, 3600),
            Self::SignOff => return None,
        };
        let seconds = first + further * subsystems.saturating_sub(1) as u64;
        Some(Duration::from_secs(seconds.min(most)))
    }

    fn policy(self) -> Policy {
        let sign_off = self == Self::SignOff;
        Policy {
            margin: if sign_off { MARGIN_SIGN_OFF } else { MARGIN },
            tolerance: if sign_off { TOLERANCE_SIGN_OFF } else { TOLERANCE },
            suspect_above: SUSPECT_ABOVE,
            family_alpha: FAMILY_ALPHA,
            confirm_alpha: CONFIRM_ALPHA,
            looks: if sign_off { vec![32] } else { STANDARD_LOOKS.to_vec() },
            confirm_looks: CONFIRM_LOOKS.to_vec(),
            to_the_end: sign_off,
            limits: self.limits(),
        }
    }
}

/// What people mean by "not slower".
const MARGIN: f64 = 0.02;
const MARGIN_SIGN_OFF: f64 = 0.01;

/// What an edit elsewhere was seen to do to equal code with matched layouts (`METHODOLOGY.md`, "Layout").
const TOLERANCE: f64 = 0.005;
const TOLERANCE_SIGN_OFF: f64 = 0.002;

/// What is slower at all is suspected; the confirmation, whose layouts differ from round to round, holds it to the
/// tolerance.
const SUSPECT_ABOVE: f64 = 0.0;

/// One run in five of equal code suspects something and measures it again, which takes seconds. A suspicion is no alarm:
/// with the confirmation, on rounds of its own, the chance of a false one is at most 0.6 % a run. To be as sure of every
/// suspicion would cost detection (`METHODOLOGY.md`, "Across rounds").
const FAMILY_ALPHA: f64 = 0.2;

/// A suspicion is confirmed at three in a hundred.
const CONFIRM_ALPHA: f64 = 0.03;

/// One operation in twelve is measured against its own copy as well: 5 to 10 % of the rounds.
const PLACEBO_SHARE: usize = 12;

/// Rounds with shuffled layouts that an exhaustive run takes of every row.
const SHUFFLED_ROUNDS: u32 = 4;

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
    /// Whether every row gets all the rounds it has time for, and a few with shuffled layouts: what suites are drawn from
    /// has to hold more than one suite needs.
    pub(crate) exhaustive: bool,
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
            exhaustive: false,
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
            exhaustive: false,
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
    // A folder that cannot take the rounds is told before anything is built.
    refuse_other_files(&folder.join(ROUNDS))?;
    setup::prepare(workspace)?;
    let (baseline, candidate) = build_both(slot, revisions, request.kit_overlay)?;
    let census = census::take(&baseline, &candidate, &filter, request.all);
    if census.common.is_empty() && census.identical.is_empty() && census.not_comparable.is_empty() {
        return Err(Failure::nothing_comparable(
            "the two revisions have no such operation in common; `cargo xtask list` names those of the working tree \
             (those of `anchor/` measure the machine and are not compared)",
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
    // A mistake in its waivers or budgets is told before the measuring, not after it.
    let terms = request
        .held_to_account
        .then(|| gate::Terms::read(slot, &sides.baseline, &sides.candidate))
        .transpose()?;
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
    policy.to_the_end |= request.exhaustive;
    let layout = linked.layout();
    if !(layout.matched && layout.shuffled) {
        policy = policy.for_unmatched_layouts();
    }
    // Equal code is told without waiting for anybody.
    let turn = (!census.common.is_empty()).then(measuring::take_turn).transpose()?;
    let waited = turn.as_ref().map_or(Duration::ZERO, Turn::waited);
    let timing = Instant::now();
    let time_in_all = request
        .effort
        .time_in_all(subsystems(&census.common))
        .filter(|_| !request.exhaustive);
    // Counts are taken out of it, but at least half is left: a revision that is counted for the first time is timed too.
    let deadline = time_in_all.map(|all| timing + (all.saturating_sub(counting)).max(all / 2) + waited);
    let times = time(
        slot,
        request,
        &policy,
        (census, &counted),
        &mut linked,
        deadline,
        folder,
    )?;
    drop(turn);
    let measured_s = (counting + timing.elapsed()).as_secs_f64();
    let budgets = match &terms {
        Some(terms) => gate::measure_budgets(
            workspace,
            slot,
            &sides.candidate,
            &terms.budgets(&gate::budgeted(census, sign_off)),
            &host,
            &folder.join("budgets"),
        )?,
        None => Vec::new(),
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
    if let Some(terms) = &terms {
        gate::hold_to_account(&mut comparison, terms, census, budgets)?;
    }
    Ok(comparison)
}

/// How many subsystems the operations belong to. Those that join several change with each of them, and add none.
fn subsystems(operations: &[Common]) -> usize {
    let named: BTreeSet<&str> = operations
        .iter()
        .map(|common| common.id.parts()[0])
        .filter(|&subsystem| subsystem != PIPELINE)
        .collect();
    named.len()
}

fn is_long(common: &Common) -> bool {
    common.entry.paired.is_some_and(|paired| paired.long)
}

/// What operations over several subsystems are called.
const PIPELINE: &str = "pipeline";

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
    (census, counted): (&Census, &[Counted; 2]),
    linked: &mut Linked<'_>,
    deadline: Option<Instant>,
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
        Course::new(common.id.clone(), plant, is_long(common))
    };
    // Where there is not time for all, those come last whose instructions are the same: they are the least likely to be
    // slower.
    let mut in_turn = operations.clone();
    in_turn.sort_by_key(|common| counts::instructions(counted, &common.id) == Instructions::Equal);
    let courses: Vec<Course> = in_turn.iter().map(course).collect();
    // A long one would take the time of many.
    let (long, short): (Vec<&Common>, Vec<&Common>) = operations.iter().partition(|common| is_long(common));
    let placebos: Vec<Course> = short
        .iter()
        .chain(&long)
        .take(operations.len().div_ceil(PLACEBO_SHARE))
        .map(|common| Course::new(common.id.clone(), 0.0, is_long(common)))
        .collect();
    let mut suite = Suite::new(policy.clone(), courses.len());
    let mut placebo = Suite::new(
        policy.of_placebos(),
        // Both directions alarm.
        placebos.len() * 2,
    );
    let rounds_folder = folder.join(ROUNDS);
    clear_rounds(&rounds_folder)?;
    eprintln!("compare: {} operations to time", courses.len());
    let mut run = Run {
        programs: linked,
        deadline,
        shuffled_rounds: if request.exhaustive { SHUFFLED_ROUNDS } else { 0 },
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

/// Rounds of an earlier comparison in the same folder are not evidence of this one. Nothing else is deleted: the folder
/// may be any that a user named.
fn clear_rounds(folder: &Path) -> anyhow::Result<()> {
    refuse_other_files(folder)?;
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot clear {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Fails where anything but rounds lies in a folder of rounds: it is not this tool's to delete.
fn refuse_other_files(rounds_folder: &Path) -> anyhow::Result<()> {
    let is_other = |path: &PathBuf| !path.strip_prefix(rounds_folder).is_ok_and(is_round);
    match files_below(rounds_folder)?.into_iter().find(is_other) {
        Some(path) => Err(Failure::bad_usage(format!(
            "{} is no round of an earlier run, and all of {} is deleted before new rounds are kept there: move it \
             elsewhere, or name another `--output-dir`",
            path.display(),
            rounds_folder.display()
        ))),
        None => Ok(()),
    }
}

/// Everything below a path that is no folder, and the path itself where it is none; links are not followed.
fn files_below(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot_read = || format!("cannot read {}", path.display());
    let found = match path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.with_context(cannot_read)?,
    };
    if !found.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).with_context(cannot_read)? {
        files.extend(files_below(&entry.with_context(cannot_read)?.path())?);
    }
    Ok(files)
}

/// Whether a path below the folder of rounds is one that [`passes`] keeps a round under, or has one half-written under.
fn is_round(path: &Path) -> bool {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    let Some([subsystem, operation, variant, file]) = parts.as_deref() else {
        return false;
    };
    let id = format!("{subsystem}/{operation}/{variant}");
    id.parse::<OperationId>().is_ok() && (is_round_name(file) || file.starts_with(".unfinished-"))
}

fn is_round_name(file: &str) -> bool {
    let purposes = [Purpose::Judge, Purpose::Placebo, Purpose::Confirm];
    let is_purpose = |word: &str| purposes.iter().any(|purpose| purpose.as_str() == word);
    let name = file.strip_suffix(".json").and_then(|name| name.split_once('-'));
    name.is_some_and(|(purpose, number)| is_purpose(purpose) && number.parse::<u32>().is_ok())
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
        suspect_above: Some(policy.suspect_above),
        family_alpha: policy.family_alpha,
        confirm_alpha: policy.confirm_alpha,
        rows,
        looks: policy.looks.clone(),
        plant_percent: request.plant_percent,
        planted: planted.to_vec(),
        all: request.all,
        kit_overlay: request.kit_overlay,
        exhaustive: request.exhaustive,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a folder of rounds with these files in it.
    fn clear(files: &[&str]) -> (tempfile::TempDir, anyhow::Result<()>) {
        let output = tempfile::tempdir().expect("temporary folder");
        let rounds = output.path().join(ROUNDS);
        for file in files {
            write_file(&rounds.join(file), b"{}").expect("writes");
        }
        let cleared = clear_rounds(&rounds);
        (output, cleared)
    }

    fn common(id: &str) -> Common {
        Common {
            id: id.parse().expect("valid"),
            entry: census::tests::entry(id),
            package: String::new(),
            crate_folder: PathBuf::new(),
            same_code: false,
        }
    }

    #[test]
    fn one_subsystem_with_the_operations_that_join_it_has_ninety_seconds_and_all_have_ten_minutes() {
        let of = |ids: &[&str]| {
            let operations: Vec<Common> = ids.iter().map(|id| common(id)).collect();
            Effort::Standard.time_in_all(subsystems(&operations))
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(of(&["asr/mel/5s", "asr/wer/x", "pipeline/dictate/x"]), seconds(90));
        assert_eq!(of(&["asr/mel/5s", "storage/get/x"]), seconds(220));
        assert_eq!(
            of(&["asr/a/b", "enhance/a/b", "security/a/b", "storage/a/b", "transport/a/b"]),
            seconds(600)
        );
        assert_eq!(Effort::SignOff.time_in_all(5), None);
    }

    #[test]
    fn rounds_and_half_written_ones_are_cleared() {
        let cases: [&[&str]; 3] = [
            &["asr/mel/5s/judge-000.json", "asr/mel/5s/confirm-1000.json"],
            &["storage/get/keyed-hot/placebo-007.json", "asr/mel/5s/.unfinished-x3Yz"],
            &[],
        ];
        for files in cases {
            let (output, cleared) = clear(files);
            cleared.expect("cleared");
            assert!(!output.path().join(ROUNDS).exists(), "{files:?}");
        }
    }

    #[test]
    fn a_folder_with_anything_but_rounds_is_refused_and_left_as_it_is() {
        for other in [
            "notes.txt",
            "asr/mel/5s/judge-last.json",
            "asr/mel/5s/final-000.json",
            "asr/mel/5s/judge-000.json.orig",
            "asr/mel/judge-000.json",
            "asr/mel/5s/more/judge-000.json",
            "My Files/mel/5s/judge-000.json",
        ] {
            let round = "asr/mel/5s/judge-001.json";
            let (output, cleared) = clear(&[round, other]);
            let error = cleared.expect_err("refused");
            let failure = error.downcast_ref::<Failure>().expect("a failure");
            assert_eq!(failure.outcome(), Outcome::BadUsage);
            let rounds = output.path().join(ROUNDS);
            let named = rounds.join(other).display().to_string();
            assert!(error.to_string().starts_with(&named), "{error}");
            assert!(rounds.join(other).is_file() && rounds.join(round).is_file(), "{other}");
        }
    }

    #[test]
    fn a_file_in_the_place_of_the_rounds_is_refused() {
        let output = tempfile::tempdir().expect("temporary folder");
        let rounds = output.path().join(ROUNDS);
        write_file(&rounds, b"text").expect("writes");
        assert!(clear_rounds(&rounds).is_err());
        assert!(rounds.is_file());
    }
}
