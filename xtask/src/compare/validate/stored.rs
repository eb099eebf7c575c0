//! Where the runs of a validation lie: output folders of comparisons, by class of machine, in the user's cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use voiceflow_record::paired::Round;

use crate::compare::model::Comparison;
use crate::compare::{ROUNDS, replay};
use crate::filter::Filter;
use crate::host;
use crate::outcome::Failure;

/// What HEAD was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Itself, in `run-<seconds since 1970>`.
    Equal,
    /// A commit that changes nothing, in `noop-<number>`.
    NoOp,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Kind::Equal => "run-",
            Kind::NoOp => "noop-",
        }
    }
}

/// A finished run with its rounds.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) comparison: Comparison,
    pub(crate) rounds: Vec<Round>,
}

/// The folder of all runs on machines of this class.
pub(crate) fn folder(host_class: &str) -> anyhow::Result<PathBuf> {
    Ok(host::cache()?.join("compare-validation").join(host_class))
}

/// A folder that is not there yet, named by the time.
pub(crate) fn new_run(data: &Path) -> PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut seconds = now.as_secs();
    loop {
        let folder = data.join(format!("{}{seconds}", Kind::Equal.prefix()));
        if !folder.exists() {
            return folder;
        }
        seconds += 1;
    }
}

/// The number after that of the last finished run against a commit that changes nothing, and the folder it goes to.
pub(crate) fn next_no_op(data: &Path) -> anyhow::Result<(u32, PathBuf)> {
    let last = numbered(data, Kind::NoOp)?.last().map_or(0, |(number, _)| *number);
    let number = u32::try_from(last + 1).context("there are more such runs than this tool counts")?;
    Ok((number, data.join(format!("{}{number}", Kind::NoOp.prefix()))))
}

/// The finished runs of HEAD against itself, oldest first; at least one.
pub(crate) fn equal_runs(data: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let runs = finished(data, Kind::Equal)?;
    ensure!(
        !runs.is_empty(),
        Failure::nothing_comparable(format!(
            "no finished run of HEAD against itself lies in {}: take some first with `cargo xtask validate-compare \
             --runs 5`",
            data.display()
        ))
    );
    Ok(runs)
}

/// The finished runs of a kind, oldest first.
pub(crate) fn finished(data: &Path, kind: Kind) -> anyhow::Result<Vec<PathBuf>> {
    Ok(numbered(data, kind)?.into_iter().map(|(_, folder)| folder).collect())
}

/// With their numbers, ascending. A run that was ended early has no comparison and is left out.
fn numbered(data: &Path, kind: Kind) -> anyhow::Result<Vec<(u64, PathBuf)>> {
    let entries = match fs::read_dir(data) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.with_context(|| format!("cannot list {}", data.display()))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name
            .strip_prefix(kind.prefix())
            .and_then(|number| number.parse::<u64>().ok());
        if let Some(number) = number
            && path.join("comparison.json").is_file()
        {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a run, with the rounds of the operations that a filter leaves in.
pub(crate) fn read(folder: &Path, kind: Kind, filter: &Filter) -> anyhow::Result<Stored> {
    let comparison = replay::read(folder)?;
    ensure!(
        is_what_it_says(&comparison, kind),
        "{} holds another comparison than its name says: move it elsewhere, its rounds are not of equal code",
        folder.display()
    );
    let mut rounds = replay::read_rounds(&folder.join(ROUNDS))?;
    rounds.retain(|round| filter.matches(&round.operation));
    Ok(Stored { comparison, rounds })
}

/// A commit that changes nothing is told by the commit it is based on, as a changed working tree is.
fn is_what_it_says(comparison: &Comparison, kind: Kind) -> bool {
    let (baseline, candidate) = (&comparison.baseline, &comparison.candidate);
    baseline.commit == candidate.commit
        && !baseline.dirty
        && candidate.dirty == (kind == Kind::NoOp)
        && comparison.settings.plant_percent == 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::validate::testing::comparison_of_equal_code;

    fn keep(data: &Path, name: &str, comparison: &Comparison) -> PathBuf {
        let folder = data.join(name);
        fs::create_dir_all(&folder).expect("makes");
        let text = serde_json::to_string(comparison).expect("encodes");
        fs::write(folder.join("comparison.json"), text).expect("writes");
        folder
    }

    #[test]
    fn without_a_stored_run_the_error_says_how_to_take_one() {
        let data = tempfile::tempdir().expect("temporary folder");
        for folder in [data.path().join("missing"), data.path().to_owned()] {
            let error = equal_runs(&folder).expect_err("nothing there").to_string();
            assert!(error.contains("validate-compare --runs"), "{error}");
        }
    }

    #[test]
    fn finished_runs_come_by_number_and_others_are_left_out() {
        let data = tempfile::tempdir().expect("temporary folder");
        let comparison = comparison_of_equal_code();
        for name in ["run-100", "run-99", "noop-2", "notes"] {
            keep(data.path(), name, &comparison);
        }
        fs::create_dir_all(data.path().join("run-101")).expect("makes");
        let runs = equal_runs(data.path()).expect("lists");
        assert_eq!(runs, [data.path().join("run-99"), data.path().join("run-100")]);
        let (number, folder) = next_no_op(data.path()).expect("lists");
        assert_eq!((number, folder), (3, data.path().join("noop-3")));
    }

    #[test]
    fn a_comparison_of_other_code_is_not_taken_for_equal_code() {
        let data = tempfile::tempdir().expect("temporary folder");
        let equal = comparison_of_equal_code();
        let mut other = equal.clone();
        other.candidate.commit = "f".repeat(40);
        let mut planted = equal.clone();
        planted.settings.plant_percent = 3.0;
        let read = |name: &str, comparison: &Comparison, kind| {
            read(&keep(data.path(), name, comparison), kind, &Filter::All).map(|stored| stored.rounds.len())
        };
        assert_eq!(read("run-1", &equal, Kind::Equal).ok(), Some(0));
        assert!(read("run-2", &other, Kind::Equal).is_err());
        assert!(read("run-3", &planted, Kind::Equal).is_err());
        assert!(read("noop-1", &equal, Kind::NoOp).is_err());
    }
}
