//! One operation under one instrument: starts its program and takes the record it leaves.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use voiceflow_record::{
    Conditions, FORMAT_VERSION, Host, Instrument, Measured, OperationId, Record, Run, environment, read_record,
    write_file, write_record,
};

use super::Request;
use super::build::{Programs, target_name};
use super::callgrind;
use super::plan::Job;
use crate::outcome::found_disk_full;
use crate::process::{self, Ended};
use crate::setup::{Tools, VALGRIND_MISSING};

/// What became of one job.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// What was to be measured.
    pub(crate) id: OperationId,
    /// By what.
    pub(crate) instrument: Instrument,
    /// What came of it.
    pub(crate) found: Found,
}

/// A record, or why there is none. One failing operation is data: the others go on.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// It was measured and answered right.
    Record(Box<Record>),
    /// Something the instrument or the operation needs is not on this machine.
    Skipped(String),
    /// It crashed, hung, or answered wrongly.
    Failed(String),
}

impl Found {
    fn taken(record: Record) -> Self {
        Self::Record(Box::new(record))
    }
}

/// The longest an operation may take. The slowest declared ones take about two minutes on two busy cores.
const LIMIT: Duration = Duration::from_secs(600);

/// Measures one job. Errors are those of this program; those of the operation are in the attempt.
pub(crate) fn measure(request: &Request<'_>, job: &Job, programs: &Programs, run: &Run) -> anyhow::Result<Attempt> {
    let attempt = |found| Attempt {
        id: job.id.clone(),
        instrument: job.instrument,
        found,
    };
    if let Some(reason) = unavailable(request, job.instrument, &run.host)? {
        return Ok(attempt(Found::Skipped(reason)));
    }
    let Some(program) = programs.get(&(job.folder.clone(), job.instrument)) else {
        let target = target_name(job.instrument);
        return Ok(attempt(Found::Failed(format!(
            "its program `{target}` was not built (see above)"
        ))));
    };
    let scratch = Scratch::new(request, job)?;
    let outcome = match job.instrument {
        Instrument::Instructions => count_instructions(request, job, program, run.clone(), &scratch).map(Found::taken),
        Instrument::Time | Instrument::Allocations => run_kit(request, job, program, run, &scratch),
    };
    // What a failed operation printed is what its author needs.
    scratch.clear(request.keep_profiles || outcome.is_err());
    Ok(attempt(match outcome {
        Ok(found) => found,
        // The others would fare no better.
        Err(error) if found_disk_full(&error) => return Err(error.context(format!("cannot measure {}", job.id))),
        Err(error) => Found::Failed(format!("{error:#} (all it said: {})", scratch.log().display())),
    }))
}

fn unavailable(request: &Request<'_>, instrument: Instrument, host: &Host) -> anyhow::Result<Option<String>> {
    if instrument != Instrument::Instructions {
        return Ok(None);
    }
    if host.valgrind.is_none() {
        return Ok(Some(format!("valgrind missing ({VALGRIND_MISSING})")));
    }
    let runner = Tools::of(request.measured)?.gungraun_runner();
    Ok((!runner.is_file()).then(|| "gungraun-runner missing (run `cargo xtask setup`)".to_owned()))
}

/// The folder one job works in: what the program prints and the instrument writes besides the record.
struct Scratch {
    folder: PathBuf,
}

/// Where an instrument leaves what it writes besides the record, below an output folder.
pub(crate) fn raw_folder(output: &Path, id: &OperationId, instrument: Instrument) -> PathBuf {
    let [subsystem, operation, variant] = id.parts();
    let name = format!("{variant}.{}", instrument.as_str());
    output.join("raw").join(subsystem).join(operation).join(name)
}

/// The file in it that holds a heap profile, where one was asked for.
pub(crate) const HEAP_PROFILE: &str = "heap.json";

impl Scratch {
    fn new(request: &Request<'_>, job: &Job) -> anyhow::Result<Self> {
        let folder = raw_folder(&request.output, &job.id, job.instrument);
        // What an earlier run into the same folder left would be taken for this run's.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { folder })
    }

    fn log(&self) -> PathBuf {
        self.folder.join("output.txt")
    }

    fn clear(&self, keep: bool) {
        if !keep {
            let _ = std::fs::remove_dir_all(&self.folder);
            // The folders above go too once they are empty.
            for folder in self.folder.ancestors().skip(1).take(3) {
                let _ = std::fs::remove_dir(folder);
            }
        }
    }
}

/// The time and allocation targets write their record themselves, or say what this machine lacks for it.
fn run_kit(request: &Request<'_>, job: &Job, program: &Path, run: &Run, scratch: &Scratch) -> anyhow::Result<Found> {
    let path = record_path(&request.output, job);
    // A record of an earlier run into the same folder must not pass for this one's.
    let _ = std::fs::remove_file(&path);
    let run_file = scratch.folder.join("run.json");
    write_file(&run_file, serde_json::to_string(run)?.as_bytes())?;
    let mut command = bench_command(program, job);
    command
        .arg("--bench")
        .env(environment::RECORDS, &request.output)
        .env(environment::RUN, &run_file)
        .env(environment::OPERATIONS, job.id.as_str())
        .env(environment::EFFORT, request.effort.as_str())
        .env("CRITERION_HOME", scratch.folder.join("criterion"));
    if job.instrument == Instrument::Allocations && request.keep_profiles {
        command.env(environment::HEAP_PROFILE, scratch.folder.join(HEAP_PROFILE));
    }
    finish(&mut command, scratch)?;
    if !path.is_file()
        && let Some(reason) = skipped(&scratch.log(), &job.id)
    {
        return Ok(Found::Skipped(reason));
    }
    read_record(&path)
        .map(Found::taken)
        .context("the program wrote no record")
}

/// Why a program says that it left an operation out.
fn skipped(log: &Path, id: &OperationId) -> Option<String> {
    let text = std::fs::read(log).ok()?;
    let prefix = format!("{}{id}: ", environment::SKIPPED_PREFIX);
    String::from_utf8_lossy(&text)
        .lines()
        .find_map(|line| line.strip_prefix(&prefix).map(str::to_owned))
}

/// gungraun counts; its profile is read here, because under valgrind the program itself should do nothing else.
fn count_instructions(
    request: &Request<'_>,
    job: &Job,
    program: &Path,
    run: Run,
    scratch: &Scratch,
) -> anyhow::Result<Record> {
    let watch = Conditions::watch();
    let home = scratch.folder.join("gungraun");
    let mut command = bench_command(program, job);
    command
        .args(["--bench", &format!("*::{}::run", job.id.identifier())])
        .env("GUNGRAUN_HOME", &home)
        // The program tells its inputs there; gungraun would drop what it prints.
        .env("GUNGRAUN_NOCAPTURE", "stderr")
        .env("GUNGRAUN_COLOR", "never");
    finish(&mut command, scratch)?;
    let record = Record {
        format: FORMAT_VERSION,
        operation: job.id.clone(),
        inputs_sha256: callgrind::read_inputs(&scratch.log())?,
        throughput: None,
        measured: Measured::Instructions(callgrind::read_counts(&home)?),
        conditions: watch.finish(),
        run,
    };
    write_record(&request.output, &record)?;
    Ok(record)
}

fn bench_command(program: &Path, job: &Job) -> Command {
    let mut command = Command::new(program);
    process::scrub_cargo_variables(&mut command);
    command.current_dir(&job.folder);
    command
}

/// Where the record of a job lies below an output folder.
pub(crate) fn record_path(output: &Path, job: &Job) -> PathBuf {
    let [subsystem, operation, variant] = job.id.parts();
    let name = format!("{variant}.{}.json", job.instrument.as_str());
    output.join(subsystem).join(operation).join(name)
}

fn finish(command: &mut Command, scratch: &Scratch) -> anyhow::Result<()> {
    let log = scratch.log();
    match process::run_into_file(command, &log, LIMIT)? {
        Ended::Exited(status) if status.success() => Ok(()),
        Ended::Exited(status) => anyhow::bail!("{status}: {}", last_complaint(&log)),
        Ended::TimedOut => anyhow::bail!("ended after {} s: {}", LIMIT.as_secs(), last_complaint(&log)),
    }
}

/// The line of a program's output that says what went wrong: the last that looks like an error, else the last.
fn last_complaint(log: &Path) -> String {
    let text = std::fs::read(log)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let complaint = lines
        .iter()
        .rev()
        .find(|line| line.starts_with("error") || line.contains("wrong answer") || line.contains("panicked at"));
    complaint
        .or(lines.last())
        .map_or_else(|| "it printed nothing".to_owned(), |line| (*line).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_told_by_its_own_line() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let log = folder.path().join("output.txt");
        std::fs::write(&log, "loading\nskipped: a/b/c: no such device\n").expect("writes");
        let of = |id: &str| skipped(&log, &id.parse().expect("valid"));
        assert_eq!(of("a/b/c").as_deref(), Some("no such device"));
        assert_eq!(of("a/b/d"), None);
    }

    #[test]
    fn the_complaint_is_the_line_that_says_error() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let log = folder.path().join("output.txt");
        for (text, complaint) in [
            (
                "warming up\nerror: a/b/c: wrong answer: 1\nbye\n",
                "error: a/b/c: wrong answer: 1",
            ),
            ("only this\n", "only this"),
            ("", "it printed nothing"),
        ] {
            std::fs::write(&log, text).expect("writes");
            assert_eq!(last_complaint(&log), complaint);
        }
    }
}
