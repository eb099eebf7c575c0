//! `validate-compare`: how often `compare` is wrong, shown on rounds that it took itself.
//!
//! Runs of HEAD against itself, and against commits that change nothing, are kept in the cache by class of machine; a
//! kept run is an output folder of `compare`. From their rounds come what the runs said (`measured`), what suites drawn
//! from them say with and without planted slowdowns (`resample`), and what the rules of other tools make of the same
//! rounds (`rivals`, `roc`). `stored` and `noop` touch the world, the others are pure.

mod mann_whitney;
mod measured;
mod noop;
mod plot;
mod report;
mod resample;
mod rivals;
mod roc;
mod stored;
#[cfg(test)]
mod testing;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use voiceflow_record::{Clock, write_file};

use self::measured::{Measured, NoOps};
use self::report::{VALIDATION_FORMAT, Validation};
use self::resample::Gathered;
use self::rivals::Samples;
use self::roc::Sizes;
use self::stored::Kind;
use super::decide::Policy;
use super::model::Settings;
use super::slot::Slot;
use super::{Effort, Request, compare, compare_revisions, write_reports};
use crate::cli::{Format, ValidateCommand};
use crate::filter::Filter;
use crate::markers::Markers;
use crate::outcome::{Failure, Outcome};
use crate::workspace::Workspace;
use crate::{host, waivers};

/// Takes the runs that are asked for, evaluates all that are kept, and prints what they show. It ends well whatever
/// that is: whether it is good enough is for the reader to say.
pub(crate) fn run(workspace: &Workspace, command: &ValidateCommand) -> anyhow::Result<Outcome> {
    let filter = Filter::parse(command.filter.as_deref())?;
    // A page without markers is told before hours of measuring, not after them.
    if let Some(file) = &command.write {
        markers().read_page(file)?;
    }
    let data = match &command.data {
        Some(folder) => folder.clone(),
        None => stored::folder(&host::this_host().class)?,
    };
    take_equal_runs(workspace, command, &data)?;
    take_no_ops(workspace, command, &data)?;
    let validation = evaluate(&data, &filter, command)?;
    match command.format {
        Format::Json => println!("{}", report::json(&validation)?),
        Format::Text => print!("{}", report::text(&validation)),
    }
    if let Some(file) = &command.write {
        write(workspace, &validation, file)?;
    }
    eprintln!("the runs: {}", data.display());
    Ok(Outcome::Passed)
}

fn take_equal_runs(workspace: &Workspace, command: &ValidateCommand, data: &Path) -> anyhow::Result<()> {
    let request = Request {
        exhaustive: !command.as_used,
        ..request(command, "HEAD")
    };
    for number in 1..=command.runs {
        let folder = stored::new_run(data);
        eprintln!(
            "validate-compare: HEAD against itself, run {number} of {}",
            command.runs
        );
        let comparison = compare(workspace, &request, &folder)?;
        write_reports(&comparison, &folder)?;
    }
    Ok(())
}

fn take_no_ops(workspace: &Workspace, command: &ValidateCommand, data: &Path) -> anyhow::Result<()> {
    for taken in 1..=command.noop {
        let (number, folder) = stored::next_no_op(data)?;
        // Held until the end of the run, as `compare` holds it.
        let slot = Slot::open(workspace)?;
        let head = slot.revision(workspace, "HEAD")?;
        let candidate = noop::revision(&slot, &head, number)?;
        eprintln!(
            "validate-compare: HEAD against {}, run {taken} of {}",
            candidate.name, command.noop
        );
        let request = request(command, &candidate.name);
        let comparison = compare_revisions(workspace, &slot, &request, &(head, candidate), &folder)?;
        write_reports(&comparison, &folder)?;
    }
    Ok(())
}

fn request(command: &ValidateCommand, candidate: &str) -> Request {
    Request {
        candidate: candidate.to_owned(),
        filter_text: command.filter.clone(),
        all: true,
        ..Request::of_working_tree()
    }
}

/// The random numbers of an evaluation: the same runs give the same tables.
const SEED: u64 = 1;

/// The slowdowns that are planted, as ratios minus one.
const PLANTED: [f64; 6] = [0.005, 0.01, 0.02, 0.03, 0.05, 0.1];

fn evaluate(data: &Path, filter: &Filter, command: &ValidateCommand) -> anyhow::Result<Validation> {
    let mut evidence = Evidence::default();
    for folder in stored::equal_runs(data)? {
        evidence.add_equal(&stored::read(&folder, Kind::Equal, filter)?)?;
    }
    for folder in stored::finished(data, Kind::NoOp)? {
        evidence.add_no_op(&stored::read(&folder, Kind::NoOp, filter)?)?;
    }
    let about = evidence.about.context("no run was read")?;
    ensure!(
        evidence.rounds > 0 || evidence.as_used > 0,
        Failure::nothing_comparable("no stored round matches the filter; `cargo xtask list` names the operations")
    );
    let policy = policy_now(&about.settings);
    let (pools, left_out) = evidence.gathered.pools();
    let drawn = (!pools.is_empty()).then(|| {
        eprintln!("validate-compare: drawing suites of {} operations", pools.len());
        report::Drawn {
            seed: SEED,
            null: resample::null(&policy, &pools, command.suites, SEED),
            planted: resample::planted(&policy, &pools, &PLANTED, command.trials, SEED),
            rules: roc::entries(
                &policy,
                &pools,
                &evidence.samples,
                // The own rule is tried at several levels, and none needs the digits of the one that is set.
                Sizes {
                    suites: command.suites.div_ceil(5),
                    trials: command.trials.div_ceil(4),
                    seed: SEED,
                },
            ),
        }
    });
    Ok(Validation {
        format: VALIDATION_FORMAT,
        command: made_by(command),
        host_class: about.host_class,
        date: waivers::today()?.to_string(),
        runs: evidence.measured.suites,
        runs_as_used: evidence.as_used,
        rounds: evidence.rounds,
        operations: pools.len() as u64,
        left_out,
        margin: policy.margin,
        tolerance: policy.tolerance,
        family_alpha: policy.family_alpha,
        measured: evidence.measured,
        no_ops: evidence.no_ops,
        drawn,
    })
}

/// The rules as they are now, with the margins that the layouts of a run allowed.
fn policy_now(settings: &Settings) -> Policy {
    let usual = Effort::named(&settings.effort).policy();
    let widened = settings.tolerance > usual.tolerance;
    Policy {
        margin: settings.margin,
        tolerance: settings.tolerance,
        suspect_above: if widened {
            settings.tolerance
        } else {
            usual.suspect_above
        },
        ..usual
    }
}

/// The command that evaluates the same runs again. A folder of the user's own is not named in a page for others.
fn made_by(command: &ValidateCommand) -> String {
    let mut words = format!(
        "cargo xtask validate-compare --suites {} --trials {}",
        command.suites, command.trials
    );
    if let Some(filter) = &command.filter {
        words.push_str(&format!(" --filter {filter}"));
    }
    if command.data.is_some() {
        words.push_str(" --data DIR");
    }
    words
}

/// What all runs left, with the rounds as far as they are still needed.
#[derive(Default)]
struct Evidence {
    about: Option<About>,
    /// Of equal code, to the end of every row.
    rounds: u64,
    /// Runs of equal code that ended as a user's do.
    as_used: u64,
    measured: Measured,
    no_ops: NoOps,
    gathered: Gathered,
    samples: Samples,
}

/// What all runs share.
struct About {
    host_class: String,
    settings: Settings,
}

impl Evidence {
    fn add_equal(&mut self, run: &stored::Stored) -> anyhow::Result<()> {
        self.require_same(run)?;
        let policy = policy_now(&run.comparison.settings);
        self.measured.add(&policy, run.comparison.settings.rows, &run.rounds);
        // Where rows end once they are decided, the rounds that are there depend on what they said.
        if !run.comparison.settings.exhaustive {
            self.as_used += 1;
            return Ok(());
        }
        self.gathered.add(&run.rounds);
        self.samples.add(&run.rounds);
        self.rounds += run.rounds.iter().filter(|round| resample::is_equal_code(round)).count() as u64;
        Ok(())
    }

    fn add_no_op(&mut self, run: &stored::Stored) -> anyhow::Result<()> {
        self.require_same(run)?;
        let policy = policy_now(&run.comparison.settings);
        self.no_ops.add(&run.comparison, &policy, &run.rounds);
        Ok(())
    }

    /// Times of several machines, taken for differently long, or held to other margins (a run whose functions could not
    /// be put in matching places has wider ones), make no one suite.
    fn require_same(&mut self, run: &stored::Stored) -> anyhow::Result<()> {
        let (host, settings) = (&run.comparison.host, &run.comparison.settings);
        if let Some(about) = &self.about {
            ensure!(
                about.settings.margin == settings.margin && about.settings.tolerance == settings.tolerance,
                "some runs were decided with a margin of {} and a tolerance of {}, others with {} and {}: keep each in \
                 a folder of its own",
                about.settings.margin,
                about.settings.tolerance,
                settings.margin,
                settings.tolerance
            );
            ensure!(
                about.host_class == host.class && about.settings.effort == settings.effort,
                "the runs were taken on `{}` ({}) and on `{}` ({}): keep each in a folder of its own",
                about.host_class,
                about.settings.effort,
                host.class,
                settings.effort
            );
        }
        self.about = Some(About {
            host_class: host.class.clone(),
            settings: settings.clone(),
        });
        Ok(())
    }
}

/// Where the plot goes, below the top folder of the checkout.
const PLOT: &str = "docs/validation-roc.svg";

fn write(workspace: &Workspace, validation: &Validation, file: &Path) -> anyhow::Result<()> {
    let rules = validation
        .drawn
        .as_ref()
        .map_or(&[][..], |drawn| drawn.rules.as_slice());
    write_file(&workspace.root().join(PLOT), plot::svg(rules).as_bytes())?;
    let tables = report::markdown(validation, PLOT);
    let page = markers().replace(&markers().read_page(file)?, &tables)?;
    write_file(file, page.as_bytes())?;
    eprintln!("written: {} and {PLOT}", file.display());
    Ok(())
}

fn markers() -> Markers {
    Markers::of("validate-compare")
}

/// One of each clock: processor time and wall time have noise of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ByClock<T> {
    pub(crate) processor: T,
    pub(crate) wall: T,
}

impl<T> ByClock<T> {
    pub(crate) fn of(&mut self, clock: Clock) -> &mut T {
        match clock {
            Clock::Cpu => &mut self.processor,
            Clock::Wall => &mut self.wall,
        }
    }
}

/// Does `work` for 0, 1, … on all processors. The results come in that order, whoever did them.
fn in_parallel<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return done;
            }
            done.push((number, work(number)));
        }
    };
    let worker = &worker;
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(count);
    let mut results: Vec<(usize, T)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        handles
            .into_iter()
            .flat_map(|handle| match handle.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use voiceflow_record::paired::{Purpose, Round};

    use super::testing::{comparison_of_equal_code, quiet_round};
    use super::*;

    fn command() -> ValidateCommand {
        ValidateCommand {
            runs: 0,
            noop: 0,
            as_used: false,
            filter: None,
            data: None,
            suites: 50,
            trials: 5,
            write: None,
            format: Format::Text,
        }
    }

    fn keep(data: &Path, name: &str, dirty: bool, seed: u64) {
        keep_as(data, name, dirty, seed, true);
    }

    fn keep_as(data: &Path, name: &str, dirty: bool, seed: u64, exhaustive: bool) {
        let folder = data.join(name);
        let mut random = StdRng::seed_from_u64(seed);
        for operation in 0..3 {
            for number in 0..9 {
                let id = format!("a/b/{operation}");
                let round: Round = quiet_round(&id, Purpose::Judge, number, &mut random);
                let path = folder.join(format!("rounds/{id}/judge-{number:03}.json"));
                let text = serde_json::to_string(&round).expect("encodes");
                write_file(&path, text.as_bytes()).expect("writes");
            }
        }
        let mut comparison = comparison_of_equal_code();
        comparison.candidate.dirty = dirty;
        comparison.settings.exhaustive = exhaustive;
        let text = serde_json::to_string(&comparison).expect("encodes");
        write_file(&folder.join("comparison.json"), text.as_bytes()).expect("writes");
    }

    #[test]
    fn stored_runs_are_evaluated_from_their_rounds() {
        let data = tempfile::tempdir().expect("temporary folder");
        keep(data.path(), "run-1", false, 1);
        keep(data.path(), "run-2", false, 2);
        keep(data.path(), "noop-1", true, 3);
        let validation = evaluate(data.path(), &Filter::All, &command()).expect("evaluates");
        assert_eq!((validation.runs, validation.rounds, validation.operations), (2, 54, 3));
        assert_eq!(validation.no_ops.commits, 1);
        assert_eq!(validation.measured.rows.processor.all, 6);
        let drawn = validation.drawn.as_ref().expect("eighteen rounds of each");
        assert_eq!(drawn.null.suites, 50);
        assert_eq!(drawn.planted.len(), PLANTED.len());
        // The same runs give the same tables.
        let again = evaluate(data.path(), &Filter::All, &command()).expect("evaluates");
        assert_eq!(report::text(&validation), report::text(&again));
        let none = Filter::parse(Some("x/y/z")).expect("valid");
        assert!(evaluate(data.path(), &none, &command()).is_err());
    }

    #[test]
    fn runs_that_ended_as_a_users_do_count_alarms_and_nothing_is_drawn_from_them() {
        let data = tempfile::tempdir().expect("temporary folder");
        for number in 1..=3 {
            keep_as(data.path(), &format!("run-{number}"), false, number, number == 1);
        }
        let validation = evaluate(data.path(), &Filter::All, &command()).expect("evaluates");
        assert_eq!(
            (validation.runs, validation.runs_as_used, validation.rounds),
            (3, 2, 27)
        );
        assert_eq!(validation.measured.suites, 3);
        assert_eq!(validation.drawn, None, "nine rounds of each are too few");
    }

    #[test]
    fn one_short_run_is_too_little_to_draw_suites_from() {
        let data = tempfile::tempdir().expect("temporary folder");
        keep(data.path(), "run-1", false, 1);
        let validation = evaluate(data.path(), &Filter::All, &command()).expect("evaluates");
        assert_eq!(validation.drawn, None);
        assert_eq!(validation.left_out.len(), 3);
        assert!(report::text(&validation).contains("take more"), "says what to do");
    }

    #[test]
    fn the_command_that_made_a_page_is_told_without_a_users_paths() {
        let command = ValidateCommand {
            filter: Some("storage/".to_owned()),
            data: Some("/home/somebody/runs".into()),
            ..command()
        };
        assert_eq!(
            made_by(&command),
            "cargo xtask validate-compare --suites 50 --trials 5 --filter storage/ --data DIR"
        );
    }

    #[test]
    fn work_done_in_parallel_comes_back_in_order() {
        assert_eq!(
            in_parallel(100, |number| number * number),
            (0..100).map(|n| n * n).collect::<Vec<_>>()
        );
        assert!(in_parallel(0, |number| number).is_empty());
    }
}
