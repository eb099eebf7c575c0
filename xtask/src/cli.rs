//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use voiceflow_record::{Instrument, OperationId};

/// Sets up, lists, tests and measures VoiceFlow, and holds the results against baselines and budgets.
///
/// Exit codes: 0 passed; 1 regressed, over budget, or a test failed; 2 bad usage; 3 not resolved, with --strict or by
/// bisect; 4 nothing comparable; 5 set-up or measurement failed, or a placebo alarmed.
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
    /// Measure what each level of security costs a request, in time, processor time and memory.
    Impact(ImpactCommand),
    /// Measure throughput and latency from 1 to 64 workers, and what asynchronous enhancement, pooling, caching and
    /// open connections are worth.
    Scale(ScaleCommand),
    /// Measure the same work by what one would use instead: faster-whisper, llama.cpp, PyJWT, cryptography, sqlite3,
    /// sqlcipher3, websockets.
    Peers(PeersCommand),
    /// Record, check or show the committed baselines.
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// Build two revisions, measure them in turn, and say which operations are slower.
    Compare(CompareCommand),
    /// Compare what is checked out with where it branched off, hold it against budgets and waivers, and say by the exit
    /// code whether it may go in.
    Gate(GateCommand),
    /// Find the commit that made an operation slower or costlier.
    Bisect(BisectCommand),
    /// Show how often `compare` is wrong: on unchanged code, on planted slowdowns, and beside the rules of other tools.
    ValidateCompare(ValidateCommand),
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

/// What `impact` is told.
#[derive(Clone, Debug, Args)]
pub(crate) struct ImpactCommand {
    /// About three minutes on two cores (the default).
    #[arg(long, conflicts_with = "full")]
    pub(crate) quick: bool,
    /// About a quarter of an hour: intervals half as wide.
    #[arg(long)]
    pub(crate) full: bool,
    #[command(flatten)]
    pub(crate) report: ReportArguments,
}

/// What `scale` is told.
#[derive(Clone, Debug, Args)]
pub(crate) struct ScaleCommand {
    /// Part of the name of a workload or comparison, or a regular expression between slashes; one that matches none is
    /// answered with all names.
    pub(crate) filter: Option<String>,
    /// About thirteen minutes on two cores (the default).
    #[arg(long, conflicts_with = "full")]
    pub(crate) quick: bool,
    /// More passes, each longer.
    #[arg(long)]
    pub(crate) full: bool,
    #[command(flatten)]
    pub(crate) report: ReportArguments,
}

/// What `peers` is told.
#[derive(Clone, Debug, Args)]
pub(crate) struct PeersCommand {
    /// Part of an operation's id or of a peer's name, or a regular expression between slashes; one that matches none is
    /// answered with all of them.
    pub(crate) filter: Option<String>,
    /// Six rounds of fresh processes each (the default): about eight minutes on two cores.
    #[arg(long, conflicts_with = "full")]
    pub(crate) quick: bool,
    /// Twenty rounds each.
    #[arg(long)]
    pub(crate) full: bool,
    /// Build llama.cpp's bindings too, where they are not there yet: a quarter of an hour, once.
    #[arg(long)]
    pub(crate) with_llama: bool,
    #[command(flatten)]
    pub(crate) report: ReportArguments,
}

/// Where a report goes.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReportArguments {
    /// Put the tables between the command's markers in this page.
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Where the report and every sample go.
    #[arg(long)]
    pub(crate) output_dir: Option<PathBuf>,
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

/// What `compare` is told.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct CompareCommand {
    /// The revision to compare with: a tag, branch, hash, or `HEAD~3`.
    #[arg(required_unless_present = "replay")]
    pub(crate) baseline: Option<String>,
    /// The revision that may be slower; `working-tree`, files not yet added included, where there is none.
    pub(crate) candidate: Option<String>,
    /// Part of an id, or a regular expression between slashes.
    pub(crate) filter: Option<String>,
    /// At most two seconds an operation, eight for long ones: for a first look.
    #[arg(long, conflicts_with_all = ["full", "signoff"])]
    pub(crate) quick: bool,
    /// Up to twenty seconds an operation: finds smaller changes.
    #[arg(long, conflicts_with = "signoff")]
    pub(crate) full: bool,
    /// For a release: 32 rounds of everything with shuffled layouts, a margin of 1 %, and a document to sign.
    #[arg(long)]
    pub(crate) signoff: bool,
    /// Measure operations whose code and inputs are the same on both sides too.
    #[arg(long)]
    pub(crate) all: bool,
    /// Plant a slowdown of so many per cent in a third of the operations, to see it found.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(crate) plant: Option<f64>,
    /// Measure the baseline's libraries with the candidate's operations and kit.
    #[arg(long)]
    pub(crate) kit_overlay: bool,
    /// Exit with 3 when something is not resolved.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Decide again from the rounds of an earlier comparison's output folder, without measuring.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["baseline", "output_dir", "plant", "kit_overlay", "all", "quick", "full", "signoff"])]
    pub(crate) replay: Option<PathBuf>,
    /// Where the reports and every raw round go.
    #[arg(long)]
    pub(crate) output_dir: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportFormat,
}

/// What `gate` is told.
#[derive(Clone, Debug, Args)]
pub(crate) struct GateCommand {
    /// The branch or commit the change is to go into: `origin/main`.
    #[arg(long)]
    pub(crate) base: String,
    /// Part of an id, or a regular expression between slashes.
    pub(crate) filter: Option<String>,
    /// Exit with 3 when something is not resolved.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Measure the base's libraries with the change's operations and kit.
    #[arg(long)]
    pub(crate) kit_overlay: bool,
    /// Where the reports and every raw round go.
    #[arg(long)]
    pub(crate) output_dir: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum)]
    pub(crate) format: Option<ReportFormat>,
}

/// What `bisect` is told.
#[derive(Clone, Debug, Args)]
pub(crate) struct BisectCommand {
    /// A commit from before the change: a tag, branch, hash, or `HEAD~20`.
    pub(crate) good: String,
    /// A commit from after it that descends from GOOD.
    pub(crate) bad: String,
    /// The operation that became slower or costlier, by its whole id.
    #[arg(long, value_name = "ID")]
    pub(crate) operation: OperationId,
    /// Measure every commit's libraries with BAD's operations and kit.
    #[arg(long)]
    pub(crate) kit_overlay: bool,
    /// Where the report and every raw round go.
    #[arg(long)]
    pub(crate) output_dir: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// What `validate-compare` is told.
#[derive(Clone, Debug, Args)]
pub(crate) struct ValidateCommand {
    /// First compare HEAD with itself so many times, and keep the runs.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) runs: u32,
    /// First compare HEAD with so many commits that change nothing, and keep the runs. They end as a user's do.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) noop: u32,
    /// Let the runs of HEAD against itself end as a user's do, each row once it is decided: faster, and good for
    /// counting alarms alone. Without it every row is measured to its end, so that suites can be drawn from the rounds.
    #[arg(long)]
    pub(crate) as_used: bool,
    /// Part of an id, or a regular expression between slashes.
    #[arg(long)]
    pub(crate) filter: Option<String>,
    /// Evaluate the runs in this folder instead of those kept on machines of this class.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["runs", "noop"])]
    pub(crate) data: Option<PathBuf>,
    /// How many suites without a slowdown to draw from the rounds that are kept.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) suites: u32,
    /// How often to plant each slowdown in each operation.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) trials: u32,
    /// Put the tables between the markers of this page, and the plot into `docs/validation-roc.svg`.
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// How a comparison is printed; all of them are written to the output folder as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// A table for people.
    #[default]
    Text,
    /// A comment for a pull request.
    Markdown,
    /// JSON on standard output, as `docs/json.md` describes.
    Json,
    /// A page with a plot of all intervals.
    Html,
}

fn parse_percent(text: &str) -> Result<f64, String> {
    let percent: f64 = text.parse().map_err(|_| format!("`{text}` is no number of per cent"))?;
    if percent > 0.0 && percent <= 100.0 {
        Ok(percent)
    } else {
        Err(format!("{text} per cent is not above 0 and up to 100"))
    }
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
