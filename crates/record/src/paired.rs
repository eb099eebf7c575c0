//! The paired instrument: what `xtask` and the two processes of a round say to each other, and what a round leaves.
//!
//! A round is one fresh process of the baseline and one of the candidate. `xtask` holds the baton: it sends a command to
//! one of them, waits for the reply, then turns to the other, so only one works at a time and a process that dies or
//! hangs holds nobody up. Commands are lines of JSON on standard input. Replies are lines on standard output that begin
//! with [`REPLY_PREFIX`]; whatever else a library prints there is no reply.

use serde::{Deserialize, Serialize};

use crate::{Clock, Conditions, OperationId};

/// The version of commands and replies. A process of another version cannot be paired.
pub const PAIRED_PROTOCOL: u32 = 1;

/// What a reply's line begins with.
pub const REPLY_PREFIX: &str = "@paired ";

/// The version of [`Round`] that this crate writes.
pub const ROUND_FORMAT_VERSION: u32 = 1;

/// What the holder of the baton asks of a process.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PairedCommand {
    /// Say how long a call takes.
    Estimate,
    /// Take a batch: `warm` calls that are not timed, then `calls` that are.
    Batch {
        /// Calls that warm caches and predictors up again after the other process had the processor.
        warm: u64,
        /// Calls that are timed.
        calls: u64,
        /// A slowdown to plant, in per cent: so much more work is done and not told.
        plant_percent: f64,
    },
    /// Say how the scheduler treated the process, then end.
    Finish,
}

/// What a process answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PairedReply {
    /// Said once, unasked: the operation is prepared, warmed up and has answered right.
    Ready {
        /// Always [`PAIRED_PROTOCOL`].
        protocol: u32,
        /// Which operation was prepared.
        operation: OperationId,
        /// Digest of its inputs, where it declares them.
        inputs_sha256: Option<String>,
        /// The clock it is judged by.
        clock: Clock,
        /// Threads that do its work at once.
        cores: usize,
    },
    /// To [`PairedCommand::Estimate`].
    Estimated {
        /// Wall time of a call in nanoseconds, the least of several.
        call_ns: f64,
    },
    /// To [`PairedCommand::Batch`].
    Batch {
        /// Wall time of all timed calls together.
        wall_ns: u64,
        /// Processor time of the whole process meanwhile.
        cpu_ns: u64,
    },
    /// To [`PairedCommand::Finish`].
    Finished(Scheduling),
    /// Something the operation needs is not on this machine; the process ends.
    Unavailable {
        /// What is missing.
        reason: String,
    },
    /// The operation could not be prepared or answered wrongly; the process ends.
    Failed {
        /// What went wrong.
        reason: String,
    },
}

/// How the scheduler treated a process while it was measured, as far as the system tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduling {
    /// Times its main thread gave the processor up by itself: waits for the baton, and for whatever the operation does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voluntary_switches: Option<u64>,
    /// Times the processor was taken from its main thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub involuntary_switches: Option<u64>,
    /// Times its main thread was moved to another processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrations: Option<u64>,
}

/// What a round is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To judge the candidate, both sides linked with matching layouts.
    Judge,
    /// To judge the measurement: the baseline against a copy of itself.
    Placebo,
    /// To confirm a suspicion, each round with layouts of its own.
    Confirm,
}

impl Purpose {
    /// The word in file names.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Judge => "judge",
            Purpose::Placebo => "placebo",
            Purpose::Confirm => "confirm",
        }
    }
}

/// One pair of fresh processes and every sample they took: the unit of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// Always [`ROUND_FORMAT_VERSION`] when written.
    pub format: u32,
    /// What was measured.
    pub operation: OperationId,
    /// What for.
    pub purpose: Purpose,
    /// Which round of this operation and purpose, from 0.
    pub number: u32,
    /// The clock the operation is judged by.
    pub clock: Clock,
    /// Calls in every timed batch, the same on both sides.
    pub calls: u64,
    /// The processor both sides stayed on; `None` where the operation needs several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_to: Option<usize>,
    /// Whether the baseline's process was started first.
    pub baseline_started_first: bool,
    /// The seed of the shuffled layouts; `None` for matching ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout_seed: Option<u64>,
    /// The slowdown planted in the candidate, in per cent.
    #[serde(default)]
    pub plant_percent: f64,
    /// For every pair, whether the baseline's batch came first.
    pub baseline_first: Vec<bool>,
    /// The baseline's batches, one a pair.
    pub baseline: SideSamples,
    /// The candidate's batches, one a pair.
    pub candidate: SideSamples,
    /// What the machine was doing.
    pub conditions: Conditions,
}

/// One side of a round: two clocks over the same batches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideSamples {
    /// Wall time of each batch in nanoseconds.
    pub wall_ns: Vec<u64>,
    /// Processor time of each batch in nanoseconds.
    pub cpu_ns: Vec<u64>,
    /// How the scheduler treated the process.
    #[serde(default)]
    pub scheduling: Scheduling,
}

impl SideSamples {
    /// The samples of one clock.
    pub fn of(&self, clock: Clock) -> &[u64] {
        match clock {
            Clock::Wall => &self.wall_ns,
            Clock::Cpu => &self.cpu_ns,
        }
    }
}

impl Round {
    /// Whether the lists agree: one batch a side and pair, and at least one pair.
    pub fn is_consistent(&self) -> bool {
        let pairs = self.baseline_first.len();
        let sides = [&self.baseline, &self.candidate];
        pairs > 0
            && self.calls > 0
            && sides
                .iter()
                .all(|side| side.wall_ns.len() == pairs && side.cpu_ns.len() == pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_replies_are_single_lines_of_json() {
        let command = PairedCommand::Batch {
            warm: 1,
            calls: 8,
            plant_percent: 0.0,
        };
        let line = serde_json::to_string(&command).expect("encodes");
        assert_eq!(line, r#"{"batch":{"warm":1,"calls":8,"plant_percent":0.0}}"#);
        assert_eq!(serde_json::from_str::<PairedCommand>(&line).expect("reads"), command);
        let reply = PairedReply::Failed {
            reason: "two\nlines".to_owned(),
        };
        assert!(!serde_json::to_string(&reply).expect("encodes").contains('\n'));
    }

    #[test]
    fn a_round_with_a_missing_batch_is_not_consistent() {
        let side = |batches: usize| SideSamples {
            wall_ns: vec![1; batches],
            cpu_ns: vec![1; batches],
            scheduling: Scheduling::default(),
        };
        let round = |candidate: usize| Round {
            format: ROUND_FORMAT_VERSION,
            operation: "a/b/c".parse().expect("valid"),
            purpose: Purpose::Judge,
            number: 0,
            clock: Clock::Cpu,
            calls: 1,
            pinned_to: None,
            baseline_started_first: true,
            layout_seed: None,
            plant_percent: 0.0,
            baseline_first: vec![true, false],
            baseline: side(2),
            candidate: side(candidate),
            conditions: Conditions::default(),
        };
        assert!(round(2).is_consistent());
        assert!(!round(1).is_consistent());
    }
}
