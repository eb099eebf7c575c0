//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use voiceflow_record::Instrument;

/// Sets up, lists, tests and measures VoiceFlow, and holds the results against baselines and budgets.
///
/// Exit codes: 0 passed; 1 regressed, over budget, or a test failed; 2 bad usage; 4 nothing comparable; 5 set-up or
/// measurement failed.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch the tools and assets that are missing; what is there already is verified.
    Setup(SetupCommand),
    /// Say what this machine has, what it lacks, and what that leaves out.
    Doctor,
    /// List the operations without building anything.
    List(ListCommand),
    /// Format, lints, licences, tests, and every operation once.
    Test(TestCommand),
    /// Measure operations and print a table against baselines and budgets.
    Bench(BenchCommand),
    /// Record, check or show the committed baselines.
    #[command(subcommand)]
    Baseline(BaselineCommand),
}

#[derive(Debug, Args)]
pub(crate) struct SetupCommand {
    /// Change nothing; fail if something is missing.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListCommand {
    /// Part of an id, or a regular expression between slashes.
    pub(crate) filter: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct TestCommand {
    /// Leave out the lints and the licence check.
    #[arg(long)]
    pub(crate) quick: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct BenchCommand {
    /// Part of an id, or a regular expression between slashes.
    pub(crate) filter: Option<String>,
    /// Sample about a second an operation (the default).
    #[arg(long, conflicts_with = "full")]
    pub(crate) quick: bool,
    /// Sample about five seconds an operation, as baselines are.
    #[arg(long)]
    pub(crate) full: bool,
    /// What to measure by.
    #[arg(long, value_delimiter = ',', value_parser = parse_instrument, default_value = "time,instructions,allocations")]
    pub(crate) instruments: Vec<Instrument>,
    /// Where the records go: one file an operation and instrument, with every raw sample.
    #[arg(long)]
    pub(crate) output_dir: Option<PathBuf>,
    /// Keep what the instruments wrote besides: criterion's folder and callgrind's profiles.
    #[arg(long)]
    pub(crate) save_raw: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BaselineCommand {
    /// Measure in full and write `baselines/<host class>/`.
    Record(BaselineRecord),
    /// Measure what has a baseline or a budget, and fail on a regressed count or a broken budget.
    Check(BaselineCheck),
    /// Print the committed baselines of this host class.
    Show(BaselineShow),
}

#[derive(Debug, Args)]
pub(crate) struct BaselineRecord {
    /// Part of an id, or a regular expression between slashes.
    pub(crate) filter: Option<String>,
    /// Measure this revision instead of the working tree, in a clone in the cache.
    #[arg(long)]
    pub(crate) revision: Option<String>,
    /// What to measure by.
    #[arg(long, value_delimiter = ',', value_parser = parse_instrument, default_value = "time,instructions,allocations")]
    pub(crate) instruments: Vec<Instrument>,
}

#[derive(Debug, Args)]
pub(crate) struct BaselineCheck {
    /// Part of an id, or a regular expression between slashes.
    pub(crate) filter: Option<String>,
    /// Check the records in this folder instead of measuring.
    #[arg(long)]
    pub(crate) records: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct BaselineShow {
    /// Part of an id, or a regular expression between slashes.
    pub(crate) filter: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table for people.
    #[default]
    Text,
    /// JSON on standard output, as `docs/json.md` describes.
    Json,
}

fn parse_instrument(word: &str) -> Result<Instrument, String> {
    Instrument::ALL
        .into_iter()
        .find(|instrument| instrument.as_str() == word)
        .ok_or_else(|| {
            let known = Instrument::ALL.map(Instrument::as_str).join(", ");
            format!("`{word}` is no instrument; there are {known}")
        })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn an_unknown_instrument_is_refused_with_the_known_ones() {
        assert_eq!(parse_instrument("time"), Ok(Instrument::Time));
        assert!(parse_instrument("speed").is_err_and(|error| error.contains("time, instructions, allocations")));
    }
}
