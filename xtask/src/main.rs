//! The one program of the workspace: sets up, lists, tests, measures, and holds results against baselines and budgets.
//!
//! It starts programs and reads what they write. It imports no subsystem, so it builds in under a minute and still works
//! when a subsystem does not compile. JSON goes to standard output alone; everything said to a person goes to standard
//! error. The exit codes are in [`outcome`].

// Every command line speaks through these two streams; nothing else in the workspace prints.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the program that prints"
)]

mod anchors;
mod baseline;
mod bench;
mod budgets;
mod cli;
mod clone;
mod compare;
#[cfg(test)]
mod documented;
mod filter;
mod git;
mod host;
mod impact;
mod list;
mod lockfile;
mod markers;
mod measuring;
mod outcome;
mod peers;
mod process;
mod published;
mod render;
mod report;
mod samples;
mod scale;
mod setup;
mod stats;
mod table;
mod test;
mod units;
mod waivers;
mod workspace;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Command, CommandLine};
use crate::outcome::{Failure, Outcome};

fn main() -> ExitCode {
    match run(CommandLine::parse()) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            let cache = host::cache().ok();
            eprintln!("error: {}", outcome::complaint(&error, cache.as_deref()));
            error
                .downcast_ref::<Failure>()
                .map_or(Outcome::SetupOrMeasurementFailed, Failure::outcome)
                .into()
        }
    }
}

fn run(command_line: CommandLine) -> anyhow::Result<Outcome> {
    process::end_children_when_interrupted()?;
    let workspace = workspace::Workspace::find()?;
    match command_line.command {
        Command::Setup(command) => setup::run(&workspace, &command),
        Command::Doctor => setup::doctor(&workspace),
        Command::List(command) => list::run(&workspace, &command),
        Command::Test(command) => test::run(&workspace, &command),
        Command::Bench(command) => bench::run(&workspace, &command),
        Command::Impact(command) => impact::run(&workspace, &command),
        Command::Scale(command) => scale::run(&workspace, &command),
        Command::Peers(command) => peers::run(&workspace, &command),
        Command::Baseline(command) => baseline::run(&workspace, &command),
        Command::Compare(command) => compare::run(&workspace, &command),
        Command::Gate(command) => compare::gate(&workspace, &command),
        Command::Bisect(command) => compare::bisect(&workspace, &command),
        Command::ValidateCompare(command) => compare::validate(&workspace, &command),
    }
}
