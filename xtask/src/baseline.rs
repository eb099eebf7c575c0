//! `baseline`: the committed records that later runs are held against.
//!
//! `baselines/<host class>/` holds the records of one class of machine. Times are held against the same class only;
//! exact counts against any record whose build and instruction set agree.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, ensure};
use voiceflow_record::{Host, Instrument, OperationId, Record, read_all, write_record};

use crate::bench::{self, Attempt, Effort, Found, References, Request, jobs};
use crate::cli::{BaselineCheck, BaselineCommand, BaselineRecord, BaselineShow, Format};
use crate::compare::revision;
use crate::filter::Filter;
use crate::outcome::{Failure, Outcome};
use crate::render;
use crate::report::Report;
use crate::workspace::Workspace;
use crate::{clone, host, setup};

/// Records, checks or shows.
pub(crate) fn run(workspace: &Workspace, command: &BaselineCommand) -> anyhow::Result<Outcome> {
    match command {
        BaselineCommand::Record(command) => record(workspace, command),
        BaselineCommand::Check(command) => check(workspace, command),
        BaselineCommand::Show(command) => show(workspace, command),
    }
}

/// The committed records, of all host classes.
#[derive(Debug, Default)]
pub(crate) struct Baselines {
    host: Option<Host>,
    records: Vec<Record>,
}

/// What a record is held against.
#[derive(Debug)]
pub(crate) enum Reference<'a> {
    /// A record of the same circumstances.
    Comparable(&'a Record),
    /// There are records, but of other circumstances: these differ from the nearest.
    NotComparable(Vec<String>),
    /// There is none.
    None,
}

impl Baselines {
    /// Reads the folder `baselines`; `host` is this machine.
    pub(crate) fn read(folder: &Path, host: &Host) -> anyhow::Result<Self> {
        Ok(Self {
            host: Some(host.clone()),
            records: read_all(folder)?,
        })
    }

    /// The baseline of a record: the first comparable one, this host class before others.
    pub(crate) fn reference(&self, record: &Record) -> Reference<'_> {
        let mut nearest: Option<Vec<String>> = None;
        for baseline in self.of(&record.operation, record.instrument()) {
            let differences = differences(baseline, record);
            if differences.is_empty() {
                return Reference::Comparable(baseline);
            }
            if nearest.as_ref().is_none_or(|nearest| differences.len() < nearest.len()) {
                nearest = Some(differences);
            }
        }
        nearest.map_or(Reference::None, Reference::NotComparable)
    }

    fn of(&self, id: &OperationId, instrument: Instrument) -> Vec<&Record> {
        let mut found: Vec<&Record> = self
            .records
            .iter()
            .filter(|record| record.operation == *id && record.instrument() == instrument)
            .collect();
        let own_class = self.host.as_ref().map(|host| host.class.as_str());
        found.sort_by_key(|record| Some(record.run.host.class.as_str()) != own_class);
        found
    }
}

/// What keeps two records from being compared; empty when nothing does.
fn differences(baseline: &Record, candidate: &Record) -> Vec<String> {
    let (a, b) = (&baseline.run, &candidate.run);
    let mut found = Vec::new();
    let mut same = |what: &str, a: &str, b: &str| {
        if a != b {
            found.push(format!("{what} {a}, now {b}"));
        }
    };
    if let (Some(a), Some(b)) = (&baseline.inputs_sha256, &candidate.inputs_sha256) {
        same("inputs", short(a), short(b));
    }
    same("architecture", &a.host.arch, &b.host.arch);
    match candidate.instrument() {
        Instrument::Time => same("host class", &a.host.class, &b.host.class),
        Instrument::Instructions | Instrument::Allocations => {
            same("toolchain", &a.build.toolchain, &b.build.toolchain);
            same(
                "locked dependencies",
                short(&a.build.lock_sha256),
                short(&b.build.lock_sha256),
            );
        }
    }
    if candidate.instrument() == Instrument::Instructions {
        same("libc", &a.host.libc, &b.host.libc);
        same(
            "valgrind",
            a.host.valgrind.as_deref().unwrap_or("none"),
            b.host.valgrind.as_deref().unwrap_or("none"),
        );
    }
    if candidate.instrument() != Instrument::Time {
        found.extend(changed("flags", &a.build.flags, &b.build.flags));
    }
    if candidate.instrument() == Instrument::Instructions {
        found.extend(changed(
            "processor features",
            &a.host.cpu_features,
            &b.host.cpu_features,
        ));
    }
    found
}

/// What a list has no longer and what it has now; `None` when it is the same.
fn changed(what: &str, before: &[String], now: &[String]) -> Option<String> {
    let only = |of: &[String], other: &[String]| -> Vec<String> {
        of.iter().filter(|word| !other.contains(word)).cloned().collect()
    };
    let parts: Vec<String> = [("no longer", only(before, now)), ("now", only(now, before))]
        .into_iter()
        .filter(|(_, words)| !words.is_empty())
        .map(|(when, words)| format!("{when} {}", words.join(" ")))
        .collect();
    (!parts.is_empty()).then(|| format!("{what} {}", parts.join(", ")))
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

fn record(workspace: &Workspace, command: &BaselineRecord) -> anyhow::Result<Outcome> {
    setup::prepare(workspace)?;
    let measured = match &command.revision {
        Some(revision) => checkout(workspace, revision)?,
        None => workspace.clone(),
    };
    let filter = Filter::parse(command.filter.as_deref())?;
    let crates = measured.bench_crates(&filter)?;
    let output = workspace.root().join("target/voiceflow/baseline");
    std::fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
    let request = Request {
        measured: &measured,
        tool: workspace,
        effort: Effort::Full,
        output,
        keep_profiles: false,
    };
    let attempts = bench::measure(&request, &jobs(&crates, &command.instruments))?;
    let folder = workspace.baselines().join(host::this_host().class);
    let mut recorded = 0;
    for attempt in &attempts {
        if let Found::Record(record) = &attempt.found {
            write_record(&folder, record)?;
            recorded += 1;
        }
    }
    eprintln!("recorded {recorded} of {} in {}", attempts.len(), folder.display());
    let is_dirty = |attempt: &Attempt| matches!(&attempt.found, Found::Record(record) if record.run.measured.dirty);
    if attempts.iter().any(is_dirty) {
        eprintln!("note: the working tree has changes that no commit holds; the records say so");
    }
    if recorded == 0 {
        return Err(Failure::nothing_comparable("nothing was recorded"));
    }
    let is_complete = attempts
        .iter()
        .all(|attempt| !matches!(attempt.found, Found::Failed(_)));
    Ok(if is_complete {
        Outcome::Passed
    } else {
        Outcome::SetupOrMeasurementFailed
    })
}

/// A clone of the checkout in the cache, at the revision. The user's checkout is only read.
fn checkout(workspace: &Workspace, revision: &str) -> anyhow::Result<Workspace> {
    let found = revision::resolve(workspace, revision)?;
    let folder = host::cache()?.join("checkouts").join(clone::name_of(workspace.root()));
    clone::prepare(workspace, &folder)?;
    clone::check_out(workspace, &folder, &found.commit)?;
    ensure!(
        folder.join("xtask").is_dir(),
        "revision {revision} does not hold this workspace: choose a later one"
    );
    Ok(Workspace::at(folder))
}

fn check(workspace: &Workspace, command: &BaselineCheck) -> anyhow::Result<Outcome> {
    let filter = Filter::parse(command.filter.as_deref())?;
    let attempts = match &command.records {
        Some(folder) => recorded(folder, &filter)?,
        None => measured(workspace, &filter)?,
    };
    let report = References::read(workspace)?.report(workspace, attempts);
    match command.format {
        Format::Json => println!("{}", render::json(&report)?),
        Format::Text => print!("{}", render::text(&report)),
    }
    if report.is_stale() {
        eprintln!("some baselines do not fit this build or machine; `cargo xtask baseline record` makes new ones");
    }
    Ok(outcome(&report))
}

/// A regression outweighs a failed measurement, and both outweigh having nothing to hold against.
fn outcome(report: &Report) -> Outcome {
    if report.has_regressions() {
        Outcome::Regressed
    } else if report.has_failed() || report.has_unjudged_budgets() {
        Outcome::SetupOrMeasurementFailed
    } else if report.has_only_stale_counts() {
        eprintln!("error: no baseline of exact counts fits this build and machine");
        Outcome::NothingComparable
    } else if report.judged() == 0 {
        eprintln!("error: nothing was held against anything: no baseline fits and no budget applies");
        Outcome::NothingComparable
    } else {
        Outcome::Passed
    }
}

/// The records of an earlier `bench --output-dir`.
fn recorded(folder: &Path, filter: &Filter) -> anyhow::Result<Vec<Attempt>> {
    ensure!(folder.is_dir(), "there is no folder {}", folder.display());
    let records = read_all(folder)?;
    let attempts: Vec<Attempt> = records
        .into_iter()
        .filter(|record| filter.matches(&record.operation))
        .map(|record| Attempt {
            id: record.operation.clone(),
            instrument: record.instrument(),
            found: Found::Record(Box::new(record)),
        })
        .collect();
    if attempts.is_empty() {
        return Err(Failure::nothing_comparable(format!(
            "{} holds no such record",
            folder.display()
        )));
    }
    Ok(attempts)
}

/// Measures the counts that have a baseline, and whatever has a budget.
fn measured(workspace: &Workspace, filter: &Filter) -> anyhow::Result<Vec<Attempt>> {
    let crates = workspace.bench_crates(filter)?;
    let references = References::read(workspace)?;
    census(workspace, &references)?;
    let budgeted: BTreeSet<(OperationId, Instrument)> = references
        .budgets()
        .iter()
        .map(|budget| (budget.operation.clone(), budget.metric.instrument()))
        .collect();
    let mut jobs = jobs(&crates, &Instrument::ALL);
    jobs.retain(|job| {
        let is_counted =
            job.instrument != Instrument::Time && !references.baselines().of(&job.id, job.instrument).is_empty();
        is_counted || budgeted.contains(&(job.id.clone(), job.instrument))
    });
    if jobs.is_empty() {
        return Err(Failure::nothing_comparable(
            "none of these operations has a baseline or a budget",
        ));
    }
    setup::prepare(workspace)?;
    let output = workspace.root().join("target/voiceflow/check");
    std::fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
    let request = Request {
        measured: workspace,
        tool: workspace,
        effort: Effort::Quick,
        output,
        keep_profiles: false,
    };
    bench::measure(&request, &jobs)
}

/// Refuses a budget on an operation that does not exist, which would bound nothing for ever, and names the baselines of
/// operations that are gone.
fn census(workspace: &Workspace, references: &References) -> anyhow::Result<()> {
    let crates = workspace.bench_crates(&Filter::All)?;
    let known: BTreeSet<&OperationId> = crates
        .iter()
        .flat_map(|found| &found.entries)
        .map(|entry| &entry.id)
        .collect();
    for budget in references.budgets() {
        ensure!(
            known.contains(&budget.operation),
            "budgets.toml bounds `{}`, which no crate declares; `cargo xtask list` names them all",
            budget.operation
        );
    }
    let removed: BTreeSet<&OperationId> = references
        .baselines()
        .records
        .iter()
        .map(|record| &record.operation)
        .filter(|id| !known.contains(id))
        .collect();
    for id in removed {
        eprintln!("removed: {id} has a baseline and is declared no more; delete its records");
    }
    Ok(())
}

fn show(workspace: &Workspace, command: &BaselineShow) -> anyhow::Result<Outcome> {
    let folder = workspace.baselines().join(host::this_host().class);
    if !folder.is_dir() {
        return Err(Failure::nothing_comparable(format!(
            "there are no baselines of this host class ({}); `cargo xtask baseline record` makes them",
            folder.display()
        )));
    }
    let attempts = recorded(&folder, &Filter::parse(command.filter.as_deref())?)?;
    let report = References::read(workspace)?.report(workspace, attempts);
    match command.format {
        Format::Json => println!("{}", render::json(&report)?),
        Format::Text => print!("{}", render::text(&report)),
    }
    Ok(Outcome::Passed)
}

#[cfg(test)]
pub(crate) mod tests {
    use voiceflow_record::{
        Build, Clock, Conditions, Counts, FORMAT_VERSION, Measured, Revision, Run, Samples, Sampling,
    };

    use super::*;

    /// A record of made-up circumstances.
    pub(crate) fn sample_record(id: &str, measured: Measured) -> Record {
        let revision = Revision {
            commit: Some("0".repeat(40)),
            dirty: false,
        };
        Record {
            format: FORMAT_VERSION,
            operation: id.parse().expect("valid"),
            inputs_sha256: None,
            throughput: None,
            measured,
            conditions: Conditions::default(),
            run: Run {
                measured: revision.clone(),
                tool: revision,
                build: Build {
                    toolchain: "rustc 1.95.0".to_owned(),
                    profile: "release".to_owned(),
                    flags: vec![],
                    lock_sha256: "1".repeat(64),
                },
                host: sample_host(),
            },
        }
    }

    pub(crate) fn sample_host() -> Host {
        Host {
            class: "linux-x86_64-test-2core".to_owned(),
            os: "linux".to_owned(),
            arch: "x86_64".to_owned(),
            cpu_model: "test".to_owned(),
            cpu_features: vec!["avx2".to_owned()],
            cores: 2,
            memory_bytes: 1 << 30,
            kernel: "6".to_owned(),
            governor: None,
            libc: "glibc 2.36".to_owned(),
            valgrind: Some("valgrind-3.19.0".to_owned()),
        }
    }

    pub(crate) fn instructions(count: u64) -> Measured {
        Measured::Instructions(Counts::from([
            ("Ir".to_owned(), count),
            ("Bc".to_owned(), count / 10),
            ("Bi".to_owned(), 3),
        ]))
    }

    pub(crate) fn calls(elapsed_ns: Vec<u64>) -> Measured {
        Measured::Time(Samples {
            clock: Clock::Wall,
            sampling: Sampling::Calls,
            elapsed_ns,
            iterations: vec![],
        })
    }

    pub(crate) fn baselines_of(records: Vec<Record>) -> Baselines {
        Baselines {
            host: Some(sample_host()),
            records,
        }
    }

    #[test]
    fn counts_need_the_same_build_but_not_the_same_host_class() {
        let candidate = sample_record("a/b/c", instructions(100));
        let mut baseline = candidate.clone();
        baseline.run.host.class = "another".to_owned();
        assert!(matches!(
            baselines_of(vec![baseline.clone()]).reference(&candidate),
            Reference::Comparable(_)
        ));
        baseline.run.build.toolchain = "rustc 1.80.0".to_owned();
        baseline.run.host.valgrind = Some("valgrind-3.22.0".to_owned());
        match baselines_of(vec![baseline]).reference(&candidate) {
            Reference::NotComparable(differences) => {
                assert_eq!(differences.len(), 2, "{differences:?}");
                assert_eq!(differences[0], "toolchain rustc 1.80.0, now rustc 1.95.0");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn of_flags_only_those_that_changed_are_named() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        let before = words("A=1 B=2 C=3");
        assert_eq!(changed("flags", &before, &before), None);
        assert_eq!(
            changed("flags", &before, &words("A=1 B=5 C=3 D=4")).as_deref(),
            Some("flags no longer B=2, now B=5 D=4")
        );
        assert_eq!(
            changed("flags", &before, &words("A=1 C=3")).as_deref(),
            Some("flags no longer B=2")
        );
    }

    #[test]
    fn times_need_the_same_host_class_and_inputs() {
        let candidate = sample_record("a/b/c", calls(vec![1]));
        let mut baseline = candidate.clone();
        baseline.run.build.toolchain = "rustc 1.80.0".to_owned();
        assert!(matches!(
            baselines_of(vec![baseline.clone()]).reference(&candidate),
            Reference::Comparable(_)
        ));
        baseline.run.host.class = "another".to_owned();
        assert!(matches!(
            baselines_of(vec![baseline]).reference(&candidate),
            Reference::NotComparable(_)
        ));
        let mut other_inputs = candidate.clone();
        other_inputs.inputs_sha256 = Some("a".repeat(64));
        let mut candidate = candidate;
        candidate.inputs_sha256 = Some("b".repeat(64));
        assert!(matches!(
            baselines_of(vec![other_inputs]).reference(&candidate),
            Reference::NotComparable(_)
        ));
    }

    #[test]
    fn an_operation_without_a_record_has_no_reference() {
        let candidate = sample_record("a/b/c", instructions(100));
        assert!(matches!(
            baselines_of(vec![sample_record("a/b/d", instructions(1))]).reference(&candidate),
            Reference::None
        ));
    }
}
