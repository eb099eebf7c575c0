//! How a command ended, and the exit code that says so. Scripts rely on these numbers.

use std::fmt;
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
