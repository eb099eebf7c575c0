//! How a command ended, the exit code that says so, and the words for an error. Scripts rely on the numbers.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::ExitCode;

/// What a command found. Each has one documented exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 0: everything asked for was done, and nothing was found wrong.
    Passed,
    /// 1: something regressed, broke a budget, or a test failed.
    Regressed,
    /// 2: the command line made no sense. clap ends with the same code.
    BadUsage,
    /// 3: something could be shown neither slower nor within the margin, and `--strict` asked for that to fail; or
    /// `bisect` found a range of commits and not the one.
    NotResolved,
    /// 4: nothing could be compared: no operation matched, or no baseline fits this machine and build.
    NothingComparable,
    /// 5: a tool is missing, a build failed, a measurement did, or a placebo alarmed.
    SetupOrMeasurementFailed,
}

impl Outcome {
    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Outcome::Passed => 0,
            Outcome::Regressed => 1,
            Outcome::BadUsage => 2,
            Outcome::NotResolved => 3,
            Outcome::NothingComparable => 4,
            Outcome::SetupOrMeasurementFailed => 5,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        ExitCode::from(outcome.code())
    }
}

/// An error whose exit code is not that of a failed set-up.
#[derive(Debug)]
pub(crate) struct Failure {
    outcome: Outcome,
    message: String,
}

impl Failure {
    /// A user's mistake in what was asked for.
    pub(crate) fn bad_usage(message: impl Into<String>) -> anyhow::Error {
        Self {
            outcome: Outcome::BadUsage,
            message: message.into(),
        }
        .into()
    }

    /// Nothing to measure or compare: never a pass.
    pub(crate) fn nothing_comparable(message: impl Into<String>) -> anyhow::Error {
        Self {
            outcome: Outcome::NothingComparable,
            message: message.into(),
        }
        .into()
    }

    /// How the command ends.
    pub(crate) fn outcome(&self) -> Outcome {
        self.outcome
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// What is said of an error: its chain, and on a full disk what helps. `cache` is where tools and builds are kept.
pub(crate) fn complaint(error: &anyhow::Error, cache: Option<&Path>) -> String {
    let mut text = chain(error);
    if found_disk_full(error) || error.chain().any(|cause| tells_of_full_disk(&cause.to_string())) {
        text.push_str("\nthe disk is full: free some space there and run it again; what was measured so far is kept");
        if let Some(cache) = cache {
            let builds = cache.join("compare");
            text.push_str(&format!(
                " (what `compare` has built is in {} and may be removed)",
                builds.display()
            ));
        }
    }
    text
}

/// Whether this program itself could not write for want of space; what another program said is not asked.
pub(crate) fn found_disk_full(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}

/// Whether a program that prints this found no space to write to.
pub(crate) fn tells_of_full_disk(text: &str) -> bool {
    ["No space left on device", "Disk quota exceeded"]
        .into_iter()
        .any(|words| text.contains(words))
}

/// From what was tried to its cause. An error that tells its cause itself is not repeated.
fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};
    use voiceflow_record::read_record;

    use super::*;

    const FULL: &str = "the disk is full: free some space there and run it again";

    #[test]
    fn a_full_disk_is_named_with_what_helps_however_deep_it_lies() {
        let written = |kind: ErrorKind| {
            Err::<(), _>(io::Error::from(kind))
                .context("cannot write a.json")
                .context("cannot keep a round")
                .expect_err("it is an error")
        };
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            let error = written(kind);
            assert!(found_disk_full(&error));
            let text = complaint(&error, Some(Path::new("/cache")));
            assert!(text.starts_with("cannot keep a round: cannot write a.json: "), "{text}");
            assert!(text.contains(FULL), "{text}");
            assert!(text.contains("/cache/compare"), "{text}");
            assert!(complaint(&error, None).ends_with("what was measured so far is kept"));
        }
        let other = written(ErrorKind::PermissionDenied);
        assert!(!found_disk_full(&other));
        assert!(!complaint(&other, None).contains(FULL));
    }

    #[test]
    fn another_programs_words_for_a_full_disk_are_understood() {
        let error = anyhow!("git checkout failed: fatal: cannot write: No space left on device").context("no checkout");
        assert!(complaint(&error, None).contains(FULL));
        assert!(!found_disk_full(&error), "it was not this program that could not write");
    }

    /// A device that takes nothing.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_system_says_of_a_full_disk_is_understood() {
        use std::io::Write as _;
        let full = std::fs::File::options().write(true).open("/dev/full");
        let error = full
            .and_then(|mut full| full.write_all(b"x"))
            .context("cannot write x")
            .expect_err("it is full");
        let text = complaint(&error, None);
        assert!(text.starts_with("cannot write x: No space left on device"), "{text}");
        assert!(text.contains(FULL), "{text}");
    }

    #[test]
    fn a_cause_that_is_told_already_is_not_repeated() {
        let place = tempfile::tempdir().expect("temporary folder");
        let error = read_record(&place.path().join("none.json"))
            .context("no record")
            .expect_err("there is none");
        let text = complaint(&error, None);
        assert!(text.starts_with("no record: cannot read "), "{text}");
        assert_eq!(text.matches("No such file").count(), 1, "{text}");
    }
}
