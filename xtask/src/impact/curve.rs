//! What encrypting the database costs a read, over the share of pages that are found in memory: the keyed and the plain
//! operation of each share, taken in turn.
//!
//! One percentage would be wrong nearly everywhere: a page that is in memory is decrypted already, one that is not must
//! be read, authenticated and decrypted.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde::Serialize;
use voiceflow_record::paired::{PAIRED_PROTOCOL, PairedCommand, PairedReply, REPLY_PREFIX};
use voiceflow_record::{Clock, Instrument, OperationId, environment};

use super::estimate::Estimate;
use crate::bench::{self, Programs};
use crate::filter::Filter;
use crate::process;
use crate::stats::location::paired_log_ratio;
use crate::workspace::Workspace;

/// Where the ids of the two sides begin; behind the dash stands the share of hits in per cent.
const OPERATIONS: &str = "storage/hit-ratio/";
const KEYED: &str = "keyed-";
const PLAIN: &str = "plain-";

/// Pairs of batches in a round; half of them begin with either side.
const PAIRS: usize = 40;

/// How long a batch is to be: long beside the handing over of the turn.
const BATCH_NS: f64 = 1_000_000.0;

/// The longest wait for an answer: preparing fills a database.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// Reads at one share of hits.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Point {
    /// Of the pages a read asks for, how many per cent are in memory.
    pub(super) hits_percent: u32,
    /// Of one read without encryption, the median of all batches, by the clock the operations are judged by.
    pub(super) plain_ns: f64,
    /// With it.
    pub(super) keyed_ns: f64,
    /// Keyed over plain minus one, with its 95 % interval over the rounds; none with fewer than two.
    pub(super) overhead: Option<Estimate>,
    /// Pairs of fresh processes.
    pub(super) rounds: usize,
}

/// Two operations that differ by encryption alone.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Couple {
    hits_percent: u32,
    plain: OperationId,
    keyed: OperationId,
}

impl std::fmt::Display for Couple {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} beside {}", self.keyed, self.plain)
    }
}

/// The couples that are declared, by rising share, with the program that has them.
pub(super) fn couples(workspace: &Workspace) -> anyhow::Result<(Vec<Couple>, PathBuf, Vec<bench::Job>)> {
    let crates = workspace.bench_crates(&Filter::Part(OPERATIONS.to_owned()))?;
    let jobs = bench::jobs(&crates, &[Instrument::Time]);
    let ids: Vec<OperationId> = jobs.iter().map(|job| job.id.clone()).collect();
    let folder = jobs.first().map(|job| job.folder.clone()).unwrap_or_default();
    Ok((couple(&ids), folder, jobs))
}

fn couple(ids: &[OperationId]) -> Vec<Couple> {
    let of_kind = |prefix: &str| -> BTreeMap<u32, OperationId> {
        ids.iter()
            .filter_map(|id| {
                let percent = id
                    .as_str()
                    .strip_prefix(OPERATIONS)?
                    .strip_prefix(prefix)?
                    .parse()
                    .ok()?;
                Some((percent, id.clone()))
            })
            .collect()
    };
    let mut keyed = of_kind(KEYED);
    of_kind(PLAIN)
        .into_iter()
        .filter_map(|(hits_percent, plain)| {
            Some(Couple {
                hits_percent,
                plain,
                keyed: keyed.remove(&hits_percent)?,
            })
        })
        .collect()
}

/// Measures a couple in so many rounds, each of a fresh pair of processes started in alternating order.
pub(super) fn measure(couple: &Couple, rounds: usize, folder: &Path, programs: &Programs) -> anyhow::Result<Point> {
    let program = programs
        .get(&(folder.to_owned(), Instrument::Time))
        .context("the timed program of the storage was not built (see above)")?;
    let mut taken = Vec::new();
    for round in 0..rounds {
        let start = |id| Side::start(program, folder, id);
        let (mut plain, mut keyed) = if round % 2 == 0 {
            let plain = start(&couple.plain)?;
            (plain, start(&couple.keyed)?)
        } else {
            let keyed = start(&couple.keyed)?;
            (start(&couple.plain)?, keyed)
        };
        taken.push(exchange(&mut plain, &mut keyed)?);
    }
    Ok(point(couple.hits_percent, &taken))
}

/// The batches of one round, as nanoseconds a call.
struct Taken {
    plain_ns: Vec<f64>,
    keyed_ns: Vec<f64>,
    log_ratio: Option<f64>,
}

fn exchange(plain: &mut Side, keyed: &mut Side) -> anyhow::Result<Taken> {
    let calls = |side: &mut Side| -> anyhow::Result<u64> {
        let call_ns = side.estimate()?;
        Ok((BATCH_NS / call_ns.max(1.0)).ceil().max(1.0) as u64)
    };
    let (plain_calls, keyed_calls) = (calls(plain)?, calls(keyed)?);
    let (mut plain_ns, mut keyed_ns, mut plain_first) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        // AB BA BA AB: over four pairs neither side is ahead.
        let first = matches!(pair % 4, 0 | 3);
        if first {
            plain_ns.push(plain.batch(plain_calls)?);
            keyed_ns.push(keyed.batch(keyed_calls)?);
        } else {
            keyed_ns.push(keyed.batch(keyed_calls)?);
            plain_ns.push(plain.batch(plain_calls)?);
        }
        plain_first.push(first);
    }
    // The sides' batches may hold different numbers of calls: compared is what one call takes, in picoseconds.
    let whole = |per_call: &[f64]| -> Vec<u64> { per_call.iter().map(|ns| (ns * 1000.0) as u64).collect() };
    Ok(Taken {
        log_ratio: paired_log_ratio(&whole(&plain_ns), &whole(&keyed_ns), &plain_first),
        plain_ns,
        keyed_ns,
    })
}

fn point(hits_percent: u32, taken: &[Taken]) -> Point {
    let log_ratios: Vec<f64> = taken.iter().filter_map(|round| round.log_ratio).collect();
    let median = |of: fn(&Taken) -> &Vec<f64>| {
        let mut all: Vec<f64> = taken.iter().flat_map(of).copied().collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    };
    Point {
        hits_percent,
        plain_ns: median(|round| &round.plain_ns),
        keyed_ns: median(|round| &round.keyed_ns),
        overhead: Estimate::of(&log_ratios).map(Estimate::exp_minus_one),
        rounds: taken.len(),
    }
}

/// A process that measures one operation, batch by batch, when it is told to.
struct Side {
    child: Child,
    input: ChildStdin,
    replies: Receiver<PairedReply>,
    operation: OperationId,
    clock: Clock,
}

impl Side {
    fn start(program: &Path, folder: &Path, operation: &OperationId) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        process::scrub_cargo_variables(&mut command);
        let mut child = command
            .current_dir(folder)
            .env(environment::PAIRED, operation.as_str())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("{} does not start", program.display()))?;
        let input = child.stdin.take().context("the process has no input")?;
        let output = child.stdout.take().context("the process has no output")?;
        let (sender, replies) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let reply = line.strip_prefix(REPLY_PREFIX).map(serde_json::from_str);
                if let Some(Ok(reply)) = reply
                    && sender.send(reply).is_err()
                {
                    return;
                }
            }
        });
        let mut side = Self {
            child,
            input,
            replies,
            operation: operation.clone(),
            clock: Clock::Wall,
        };
        match side.reply()? {
            PairedReply::Ready { protocol, clock, .. } => {
                ensure!(
                    protocol == PAIRED_PROTOCOL,
                    "{operation} speaks version {protocol} of the paired protocol, not {PAIRED_PROTOCOL}"
                );
                side.clock = clock;
                Ok(side)
            }
            other => bail!("{operation} answered out of turn: {other:?}"),
        }
    }

    fn estimate(&mut self) -> anyhow::Result<f64> {
        match self.ask(PairedCommand::Estimate)? {
            PairedReply::Estimated { call_ns } => Ok(call_ns),
            other => bail!("{} answered out of turn: {other:?}", self.operation),
        }
    }

    /// Nanoseconds a call.
    fn batch(&mut self, calls: u64) -> anyhow::Result<f64> {
        let command = PairedCommand::Batch {
            warm: calls.div_ceil(8),
            calls,
            plant_percent: 0.0,
        };
        match self.ask(command)? {
            PairedReply::Batch { wall_ns, cpu_ns } => {
                let elapsed = match self.clock {
                    Clock::Wall => wall_ns,
                    Clock::Cpu => cpu_ns,
                };
                Ok(elapsed as f64 / calls as f64)
            }
            other => bail!("{} answered out of turn: {other:?}", self.operation),
        }
    }

    fn ask(&mut self, command: PairedCommand) -> anyhow::Result<PairedReply> {
        let line = serde_json::to_string(&command)?;
        writeln!(self.input, "{line}").with_context(|| format!("{} has ended", self.operation))?;
        self.reply()
    }

    fn reply(&mut self) -> anyhow::Result<PairedReply> {
        match self.replies.recv_timeout(ANSWER_WITHIN) {
            Ok(PairedReply::Failed { reason }) => bail!("{}: {reason}", self.operation),
            Ok(reply) => Ok(reply),
            Err(_) => bail!("{} does not answer (see above)", self.operation),
        }
    }
}

impl Drop for Side {
    /// Nothing it still does is of use.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_near(actual: f64, expected: f64, distance: f64) {
        assert!(
            (actual - expected).abs() <= distance,
            "{actual} is not within {distance} of {expected}"
        );
    }

    #[test]
    fn operations_that_differ_by_encryption_alone_are_coupled_by_rising_share() {
        let ids: Vec<OperationId> = [
            "storage/hit-ratio/keyed-100",
            "storage/hit-ratio/plain-0",
            "storage/hit-ratio/keyed-0",
            "storage/hit-ratio/plain-100",
            "storage/hit-ratio/plain-50",
            "storage/hit-ratio/keyed-many",
        ]
        .map(|id| id.parse().expect("valid"))
        .into();
        let couples = couple(&ids);
        let shares: Vec<u32> = couples.iter().map(|couple| couple.hits_percent).collect();
        assert_eq!(shares, [0, 100], "50 % has no keyed side");
        assert_eq!(couples[1].keyed.as_str(), "storage/hit-ratio/keyed-100");
    }

    #[test]
    fn the_overhead_is_the_ratio_less_one() {
        let round = |ratio: f64| Taken {
            plain_ns: vec![100.0; 3],
            keyed_ns: vec![100.0 * ratio; 3],
            log_ratio: Some(ratio.ln()),
        };
        let point = point(50, &[round(1.5), round(1.5), round(1.5)]);
        let overhead = point.overhead.expect("rounds");
        assert_near(overhead.value, 0.5, 1e-12);
        assert_near(overhead.high - overhead.low, 0.0, 1e-12);
        assert_eq!((point.plain_ns, point.keyed_ns, point.rounds), (100.0, 150.0, 3));
    }
}
