//! What one instrument said of one operation, and the circumstances that decide what it may be compared with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Host, OperationId};

/// The version of the format this crate writes. Readers take this version and refuse a newer one.
pub const FORMAT_VERSION: u32 = 1;

/// What stands before the digest of the inputs in the line by which a counted program tells it on standard error: under
/// callgrind it writes no record itself.
pub const INPUTS_PREFIX: &str = "@inputs_sha256 ";

/// One operation, one instrument, one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Always [`FORMAT_VERSION`] when written.
    pub format: u32,
    /// What was measured.
    pub operation: OperationId,
    /// SHA-256 of the inputs the operation was prepared with; `None` where its program is too old to tell it. Records
    /// with different inputs answer different questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs_sha256: Option<String>,
    /// How much one call does, where the operation has a size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<Throughput>,
    /// The instrument and everything it read, unrounded.
    pub measured: Measured,
    /// What the machine was doing meanwhile.
    pub conditions: Conditions,
    /// Code, build and host: what every record of a run shares.
    pub run: Run,
}

impl Record {
    /// The instrument that made this record.
    pub fn instrument(&self) -> Instrument {
        match self.measured {
            Measured::Time(_) => Instrument::Time,
            Measured::Instructions(_) => Instrument::Instructions,
            Measured::Allocations(_) => Instrument::Allocations,
        }
    }
}

/// The instruments an operation can be measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Instrument {
    /// Wall time, by criterion.
    Time,
    /// Instructions and branches, by callgrind through gungraun.
    Instructions,
    /// Heap blocks and bytes of Rust code, by dhat.
    Allocations,
}

impl Instrument {
    /// All of them, in the order in which they are run.
    pub const ALL: [Instrument; 3] = [Instrument::Time, Instrument::Instructions, Instrument::Allocations];

    /// The word used on the command line, in file names and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Instrument::Time => "time",
            Instrument::Instructions => "instructions",
            Instrument::Allocations => "allocations",
        }
    }
}

/// What an instrument read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measured {
    /// Durations in nanoseconds.
    Time(Samples),
    /// Exact counts by event name: `Ir` instructions, `Bc` conditional and `Bi` indirect branches executed.
    Instructions(Counts),
    /// Exact counts of one call: `blocks` and `bytes` allocated in all, `peak_bytes` alive at once above the start.
    Allocations(Counts),
}

/// Raw durations in the order in which they were taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Samples {
    /// Which clock was read.
    pub clock: Clock,
    /// What one entry of `elapsed_ns` covers.
    pub sampling: Sampling,
    /// Nanoseconds of each entry, as read.
    pub elapsed_ns: Vec<u64>,
    /// For [`Sampling::Batches`] the calls in each entry; empty for [`Sampling::Calls`], where each is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub iterations: Vec<u64>,
}

impl Samples {
    /// Nanoseconds per call of every entry.
    pub fn per_call_ns(&self) -> Vec<f64> {
        match self.sampling {
            Sampling::Calls => self.elapsed_ns.iter().map(|&ns| ns as f64).collect(),
            Sampling::Batches => self
                .elapsed_ns
                .iter()
                .zip(&self.iterations)
                .map(|(&ns, &calls)| ns as f64 / calls as f64)
                .collect(),
        }
    }

    /// Whether the lists agree: at least one entry, and for batches one positive count an entry.
    pub fn is_consistent(&self) -> bool {
        let counts_fit = match self.sampling {
            Sampling::Calls => self.iterations.is_empty(),
            Sampling::Batches => {
                self.iterations.len() == self.elapsed_ns.len() && self.iterations.iter().all(|&calls| calls > 0)
            }
        };
        counts_fit && !self.elapsed_ns.is_empty()
    }
}

/// The clock a sample was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// Monotonic time: what a user waits.
    Wall,
    /// Time the thread ran on a processor.
    Cpu,
}

/// What one sample covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// Every call was timed by itself, so percentiles of calls may be read off.
    Calls,
    /// The mean of a batch of calls: percentiles of these say nothing of single calls.
    Batches,
}

/// Exact counts by name.
pub type Counts = BTreeMap<String, u64>;

/// How much one call does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Throughput {
    /// Bytes taken in, or put out where that is the larger.
    Bytes(u64),
    /// Things: rows, frames, tokens, requests.
    Elements(u64),
    /// Seconds of speech; divided by the time taken it is the inverse real-time factor.
    AudioSeconds(f64),
}

/// What the machine was doing while one record was taken.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Start of the measurement in milliseconds since 1970-01-01 UTC.
    pub started_unix_ms: u64,
    /// Wall time of the measurement, preparation included, in milliseconds.
    pub took_ms: u64,
    /// One-minute load average at the start and at the end, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_average: Option<[f64; 2]>,
    /// Share of all processor time that the hypervisor took away meanwhile, 0 to 1, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steal: Option<f64>,
}

/// What every record of a run shares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The code that was measured.
    pub measured: Revision,
    /// The `xtask` and kit that measured it.
    pub tool: Revision,
    /// How it was built.
    pub build: Build,
    /// Where it ran.
    pub host: Host,
}

/// A state of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// Full commit hash; `None` outside a repository.
    pub commit: Option<String>,
    /// Whether the working tree differed from it.
    pub dirty: bool,
}

/// How the code was built: counts are comparable only where all of it agrees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// `rustc --version`.
    pub toolchain: String,
    /// Cargo profile.
    pub profile: String,
    /// Compiler flags and build variables, sorted.
    pub flags: Vec<String>,
    /// SHA-256 of `Cargo.lock`.
    pub lock_sha256: String,
}
