//! What a comparison found: the JSON others build on (`docs/json.md`), and what every report is rendered from.
//!
//! Changes are ratios minus one, candidate over baseline: positive is slower or more. Nothing is rounded here.

use serde::{Deserialize, Serialize};
use voiceflow_record::{Clock, Conditions, Host, OperationId, Throughput};

/// The version of this document.
pub(crate) const COMPARISON_FORMAT: u32 = 1;

/// Two revisions held against each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Comparison {
    /// Always [`COMPARISON_FORMAT`] when written.
    pub(crate) format: u32,
    /// Of the whole.
    pub(crate) verdict: Verdict,
    pub(crate) baseline: Side,
    pub(crate) candidate: Side,
    pub(crate) host: Host,
    /// From the first round to the last.
    pub(crate) conditions: Conditions,
    /// Seconds spent measuring, builds not counted.
    pub(crate) measured_s: f64,
    pub(crate) settings: Settings,
    pub(crate) layout: Layout,
    pub(crate) placebo: Placebo,
    /// A row an operation and metric, flagged ones first.
    pub(crate) operations: Vec<Row>,
    /// Declared by the candidate alone.
    pub(crate) added: Vec<OperationId>,
    /// Declared by the baseline alone.
    pub(crate) removed: Vec<OperationId>,
    /// Crashed, hung or answered wrongly, on one side at least.
    pub(crate) failed: Vec<Problem>,
    /// Left out for want of something on this machine.
    pub(crate) skipped: Vec<Problem>,
    /// Same machine code and inputs on both sides: not measured.
    pub(crate) identical: Vec<OperationId>,
    /// What differs between the two builds besides the code: toolchain, flags, locked dependencies, and operations
    /// that declare other instruments.
    pub(crate) differences: Vec<String>,
    /// Waivers that turned a finding into an accepted one.
    pub(crate) waived: Vec<Waived>,
    /// Bounds on single figures of the candidate, where they were asked for.
    pub(crate) budgets: Vec<BudgetLine>,
    /// What else keeps a gate from passing: waivers that are expired or accept nothing, and what to do about each.
    pub(crate) problems: Vec<String>,
    /// The revision of the tool that measured.
    pub(crate) tool: Option<String>,
    /// SHA-256 over all raw rounds, in the order of their paths.
    pub(crate) raw_sha256: Option<String>,
}

/// What can be said of a row, or of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Of the whole alone: a placebo alarmed, so no time verdict of this run holds.
    Void,
    /// Slower, or more, than is allowed; for times confirmed by fresh processes with shuffled layouts.
    Regressed,
    /// The two sides answer different questions, or were built differently; the reason says how.
    NotComparable,
    /// Neither slower nor within the margin could be shown; `smallest_detectable` says what could have been seen.
    NotResolved,
    /// Slower as linked, with equal instructions, and no longer when layouts are shuffled.
    Layout,
    /// Faster, or fewer.
    Improved,
    /// Shown to be within the margin.
    Ok,
    /// Same machine code and inputs.
    Identical,
}

/// One revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Side {
    /// As the user wrote it: `v1.0`, `HEAD~3`, `working tree`.
    pub(crate) name: String,
    /// Full commit hash; for a working tree the commit it is based on.
    pub(crate) commit: String,
    /// Whether it is a working tree with changes.
    pub(crate) dirty: bool,
    /// First line of the commit's message.
    pub(crate) subject: String,
    /// `rustc --version` that built it.
    pub(crate) toolchain: String,
}

/// What the run was asked to show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// `quick`, `standard`, `full` or `signoff`.
    pub(crate) effort: String,
    /// The slowdown that `ok` excludes, as a ratio minus one: 0.02.
    pub(crate) margin: f64,
    /// The slowdown that is nobody's business: 0.005. `regressed` excludes it.
    pub(crate) tolerance: f64,
    /// The slowdown that a suspicion excludes: 0. Missing where it was the tolerance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) suspect_above: Option<f64>,
    /// The chance of one false suspicion over all rows of the run: 0.2. What is suspected is measured again.
    pub(crate) family_alpha: f64,
    /// The chance that a false suspicion is confirmed: 0.01.
    pub(crate) confirm_alpha: f64,
    /// The rows that the chance is shared over.
    pub(crate) rows: usize,
    /// Rounds after which the evidence is looked at.
    pub(crate) looks: Vec<u32>,
    /// A slowdown planted in the candidate, in per cent.
    pub(crate) plant_percent: f64,
    /// The operations it was planted in.
    pub(crate) planted: Vec<OperationId>,
    /// Whether identical operations were measured too.
    pub(crate) all: bool,
    /// Whether the baseline's libraries were measured by the candidate's operations and kit.
    pub(crate) kit_overlay: bool,
    /// Whether every row was measured to the end of its time, to validate by.
    #[serde(default)]
    pub(crate) exhaustive: bool,
    pub(crate) filter: Option<String>,
}

/// How the places of functions in memory were kept from looking like changes of speed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Layout {
    /// Whether both sides were linked with functions of equal name and size in the same places.
    pub(crate) matched: bool,
    /// Whether suspicions were confirmed under shuffled layouts.
    pub(crate) shuffled: bool,
    /// Whether the judging rounds had shuffled layouts too, as in a sign-off.
    pub(crate) judged_shuffled: bool,
    /// Functions with equal name and size on both sides, over all executables that were matched.
    pub(crate) functions_matched: usize,
    /// Functions in them.
    pub(crate) functions: usize,
    /// Why not, where one of the two is missing, and what that did to the tolerance.
    pub(crate) note: Option<String>,
}

/// The baseline against a copy of itself, through the same path, in the same run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Placebo {
    pub(crate) rounds: u32,
    pub(crate) operations: Vec<PlaceboRow>,
    /// How many of them alarmed; one voids the times of the run.
    pub(crate) alarms: u32,
}

/// One operation's placebo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlaceboRow {
    pub(crate) id: OperationId,
    pub(crate) rounds: u32,
    pub(crate) change: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// The smallest bias at which it would have alarmed, about as surely as a slowdown is found.
    #[serde(default)]
    pub(crate) smallest_detectable: Option<f64>,
    pub(crate) alarmed: bool,
}

/// A figure that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    /// Nanoseconds a call, by the clock the operation is judged by.
    Time,
    /// Instructions of one call.
    Instructions,
    /// Heap blocks of one call.
    Blocks,
    /// Heap bytes of one call; shown, not judged.
    Bytes,
    /// Heap bytes alive at once; shown, not judged.
    PeakBytes,
}

/// One operation by one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) id: OperationId,
    pub(crate) metric: Metric,
    pub(crate) verdict: Verdict,
    /// Of a time: the clock it is judged by.
    pub(crate) clock: Option<Clock>,
    /// Nanoseconds a call (median over rounds of the median batch), or the count.
    pub(crate) baseline: Option<f64>,
    pub(crate) candidate: Option<f64>,
    /// Candidate over baseline minus one. Of a time it is estimated from paired rounds, not from the two medians.
    pub(crate) change: Option<f64>,
    /// 95 % interval of the change; equal to it for counts.
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    /// The change above which the row is flagged.
    pub(crate) threshold: f64,
    /// The smallest slowdown this run would have flagged with 95 % probability; of a count the smallest there is.
    pub(crate) smallest_detectable: Option<f64>,
    /// Rounds the verdict rests on; zero for counts.
    pub(crate) rounds: u32,
    /// One-sided, against "slower by at most the tolerance", adjusted by Holm over all rows of the run.
    pub(crate) p_adjusted: Option<f64>,
    /// What the confirmation found, where there was one.
    pub(crate) confirmation: Option<Confirmation>,
    /// The same change by the other clock: wall time beside processor time.
    pub(crate) other_clock_change: Option<f64>,
    pub(crate) throughput: Option<Throughput>,
    pub(crate) planted_percent: f64,
    /// Present where the verdict needs a word more.
    pub(crate) reason: Option<String>,
    /// Present where the row is flagged.
    pub(crate) explanation: Option<Explanation>,
}

/// A suspicion measured again: fresh processes, other layouts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Confirmation {
    pub(crate) agrees: bool,
    pub(crate) rounds: u32,
    pub(crate) change: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Where a change comes from, as far as the instruments can tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Explanation {
    /// Functions whose instructions changed most, largest first.
    pub(crate) functions: Vec<FunctionDelta>,
    /// Places that allocate more or less, largest first.
    pub(crate) call_sites: Vec<CallSiteDelta>,
    /// Commits between the two that touch the crate or what it depends on, newest first.
    pub(crate) commits: Vec<CommitLine>,
    /// One command that measures this row again.
    pub(crate) reproduce: String,
}

/// Instructions of one function, in one call of the operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FunctionDelta {
    pub(crate) function: String,
    pub(crate) self_baseline: u64,
    pub(crate) self_candidate: u64,
    pub(crate) inclusive_baseline: u64,
    pub(crate) inclusive_candidate: u64,
}

/// Heap use of one place in the source, in one call of the operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CallSiteDelta {
    /// `function (file:line)` of the innermost frame that is not the allocator's, then its callers.
    pub(crate) site: Vec<String>,
    pub(crate) blocks_baseline: u64,
    pub(crate) blocks_candidate: u64,
    pub(crate) bytes_baseline: u64,
    pub(crate) bytes_candidate: u64,
}

/// A commit, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommitLine {
    pub(crate) commit: String,
    pub(crate) subject: String,
}

/// An operation that could not be compared, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    pub(crate) id: OperationId,
    pub(crate) reason: String,
}

/// A finding that a waiver accepts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Waived {
    pub(crate) id: OperationId,
    pub(crate) metric: Metric,
    pub(crate) change: f64,
    /// The most the waiver allows.
    pub(crate) bound: f64,
    pub(crate) reason: String,
    pub(crate) owner: String,
    /// `2027-03-31`.
    pub(crate) expires: String,
}

/// One budget and how the candidate stands to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BudgetLine {
    pub(crate) id: OperationId,
    /// As in `budgets.toml`: `time-p95`.
    pub(crate) metric: String,
    pub(crate) limit: f64,
    pub(crate) value: Option<f64>,
    pub(crate) within: Option<bool>,
}

impl Row {
    /// Whether a reader has to look at it.
    pub(crate) fn is_flagged(&self) -> bool {
        let is_verdict = matches!(
            self.verdict,
            Verdict::Regressed | Verdict::Layout | Verdict::NotComparable | Verdict::Improved
        );
        // A suspicion that was neither confirmed nor cleared is more than noise.
        is_verdict || self.confirmation.is_some()
    }
}

impl Comparison {
    /// The commit hash as people write it.
    pub(crate) fn short(commit: &str) -> &str {
        commit.get(..10).unwrap_or(commit)
    }
}
