//! One round: a fresh process of each side, batches in turn, and every sample kept.
//!
//! This program holds the baton: a process works only while it owes a reply, so the two never work at once, and one that
//! dies, hangs or answers wrongly ends its round with a word of which side it was.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use voiceflow_record::paired::{
    PAIRED_PROTOCOL, PairedCommand, PairedReply, Purpose, REPLY_PREFIX, ROUND_FORMAT_VERSION, Round, Scheduling,
    SideSamples,
};
use voiceflow_record::{Clock, Conditions, OperationId, environment};

use super::affinity;
use crate::process;

/// One side's program and the folder it is started in.
#[derive(Clone, Debug)]
pub(crate) struct Contender {
    /// The operation it is started for, where that is not the plan's.
    pub(crate) operation: Option<OperationId>,
    pub(crate) program: PathBuf,
    pub(crate) folder: PathBuf,
    /// What its revision's cargo configuration sets for the programs it runs.
    pub(crate) environment: BTreeMap<String, String>,
}

/// What one round is to be.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) operation: OperationId,
    pub(crate) purpose: Purpose,
    /// From 0; its parity says which side is started first.
    pub(crate) number: u32,
    /// Where an earlier round settled it: what a batch and the number of pairs are.
    pub(crate) shape: Option<Shape>,
    pub(crate) layout_seed: Option<u64>,
    pub(crate) plant_percent: f64,
    /// Draws the padding of the environment.
    pub(crate) seed: u64,
    pub(crate) span: Span,
}

/// How long a round may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    /// What it may spend in batches of a longer operation; two pairs, one in each order, are the least.
    pub(crate) batches: Duration,
    /// It ends with the pair of pairs that takes it past this, whatever its shape: making inputs and checking answers is
    /// not timed, and may take many times what is.
    pub(crate) at_most: Duration,
}

impl Span {
    /// A comparison's: short, for rounds are what evidence is counted in.
    pub(crate) const COMPARISON: Self = Self {
        batches: Duration::from_millis(200),
        at_most: Duration::from_millis(600),
    };
}

/// How much of an operation a round takes; settled once, by the baseline's first process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shape {
    /// Calls in a timed batch.
    pub(crate) calls: u64,
    /// Calls before it that are not timed.
    pub(crate) warm: u64,
    /// Batches of each side.
    pub(crate) pairs: usize,
    /// What one call takes.
    pub(crate) call_ns: f64,
}

/// Long enough that reading the clocks does not count and the other process's traces in the caches are worked off;
/// short enough that a tenant who takes the processor away spoils few of the pairs.
const BATCH_NS: f64 = 500_000.0;

/// Calls below this are warmed up after each hand-over, by one at least.
const WARMED_NS: f64 = 2_000_000.0;

/// Pairs of short operations. Near the best split of time between starting processes (about 50 ms) and taking pairs
/// (about 1 ms), Kalibera and Jones 2013, section 6: n = sqrt(50 ms / 1 ms) × 5 % / 0.5 % = 70, rounded up.
const MOST_PAIRS: usize = 100;

impl Shape {
    /// The shape that fits a call of so many nanoseconds, in a round of that length.
    pub(crate) fn of(call_ns: f64, span: Span) -> Self {
        let calls = (BATCH_NS / call_ns.max(0.1)).round().max(1.0);
        let batch_ns = calls * call_ns;
        let pairs = (span.batches.as_secs_f64() * 1e9 / (2.0 * batch_ns)) as usize;
        Self {
            calls: calls as u64,
            // A single call of some milliseconds works traces off by itself.
            warm: if call_ns < WARMED_NS {
                (calls / 8.0).ceil() as u64
            } else {
                0
            },
            // Even, so that both orders have as many.
            pairs: (pairs.clamp(2, MOST_PAIRS) / 2) * 2,
            call_ns,
        }
    }
}

/// A side that could not go on, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SideFailed {
    pub(crate) side: &'static str,
    pub(crate) reason: String,
    /// It needs what this machine lacks, and says so.
    is_unavailable: bool,
}

/// What came of a round.
pub(crate) enum Outcome {
    /// It was taken, in this shape.
    Taken(Box<Round>, Shape),
    /// A side failed; the operation is out, the comparison goes on.
    Failed(SideFailed),
    /// The two answer different questions.
    OtherInputs(String),
    /// Something the operation needs is not on this machine.
    Unavailable(String),
}

/// Takes one round. Errors are those of this program.
pub(crate) fn take(
    plan: &Plan,
    baseline: &Contender,
    candidate: &Contender,
    scratch: &Path,
) -> anyhow::Result<Outcome> {
    let watch = Conditions::watch();
    let mut random = StdRng::seed_from_u64(plan.seed);
    let mut padding = || " ".repeat(random.random_range(0..4096));
    let start = |side: &'static str, contender: &Contender, padding: String| {
        Side::start(
            side,
            contender.operation.as_ref().unwrap_or(&plan.operation),
            contender,
            &scratch.join(format!("{side}.log")),
            &padding,
        )
    };
    let baseline_started_first = plan.number.is_multiple_of(2);
    let (baseline, candidate) = fresh_copies(baseline, candidate, baseline_started_first, scratch)?;
    let (baseline, candidate) = (&baseline, &candidate);
    let (mut a, mut b);
    if baseline_started_first {
        a = start("baseline", baseline, padding())?;
        b = start("candidate", candidate, padding())?;
    } else {
        b = start("candidate", candidate, padding())?;
        a = start("baseline", baseline, padding())?;
    }
    match exchange(plan, &mut a, &mut b) {
        Ok(Exchange::OtherInputs(reason)) => Ok(Outcome::OtherInputs(reason)),
        Ok(Exchange::Taken(taken)) => {
            let round = Round {
                format: ROUND_FORMAT_VERSION,
                operation: plan.operation.clone(),
                purpose: plan.purpose,
                number: plan.number,
                clock: taken.clock,
                calls: taken.shape.calls,
                pinned_to: taken.pinned_to,
                baseline_started_first,
                layout_seed: plan.layout_seed,
                plant_percent: plan.plant_percent,
                baseline_first: taken.baseline_first,
                baseline: taken.baseline,
                candidate: taken.candidate,
                conditions: watch.finish(),
            };
            Ok(Outcome::Taken(Box::new(round), taken.shape))
        }
        Err(failed) if failed.is_unavailable => Ok(Outcome::Unavailable(failed.reason)),
        Err(failed) => Ok(Outcome::Failed(failed)),
    }
}

/// Copies both programs, the first to start first. Which pages of memory a file's code lies in moves its speed, and stays
/// with the file: equal code was seen to differ by 5 % in every round of one pair of files. A copy a round makes it one
/// more thing that differs from round to round. The names have equal length, as a process's stack begins with its own.
fn fresh_copies(
    baseline: &Contender,
    candidate: &Contender,
    baseline_first: bool,
    scratch: &Path,
) -> anyhow::Result<(Contender, Contender)> {
    // Both go before either comes: a file made where one was just removed gets that one's pages.
    for side in ["round-a", "round-b"] {
        let _ = std::fs::remove_file(scratch.join(side).join("program"));
    }
    let copy = |side: &str, contender: &Contender| -> anyhow::Result<Contender> {
        let folder = scratch.join(side);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let program = folder.join("program");
        std::fs::copy(&contender.program, &program)
            .with_context(|| format!("cannot copy {}", contender.program.display()))?;
        Ok(Contender {
            program,
            ..contender.clone()
        })
    };
    Ok(if baseline_first {
        let baseline = copy("round-a", baseline)?;
        (baseline, copy("round-b", candidate)?)
    } else {
        let candidate = copy("round-b", candidate)?;
        (copy("round-a", baseline)?, candidate)
    })
}

struct Taken {
    shape: Shape,
    clock: Clock,
    pinned_to: Option<usize>,
    baseline_first: Vec<bool>,
    baseline: SideSamples,
    candidate: SideSamples,
}

enum Exchange {
    Taken(Box<Taken>),
    OtherInputs(String),
}

fn exchange(plan: &Plan, a: &mut Side, b: &mut Side) -> Result<Exchange, SideFailed> {
    let (ready_a, ready_b) = (a.ready()?, b.ready()?);
    if let Some(reason) = ready_a.difference_to(&ready_b) {
        return Ok(Exchange::OtherInputs(reason));
    }
    let pinned_to = pin(&ready_a, a, b)?;
    let shape = match plan.shape {
        Some(shape) => shape,
        None => Shape::of(a.estimate()?, plan.span),
    };
    let mut taken = Taken {
        shape,
        clock: ready_a.clock,
        pinned_to,
        baseline_first: Vec::new(),
        baseline: SideSamples::default(),
        candidate: SideSamples::default(),
    };
    let started = Instant::now();
    for pair in 0..shape.pairs {
        // Both orders as often.
        if pair >= 2 && pair % 2 == 0 && started.elapsed() >= plan.span.at_most {
            break;
        }
        let baseline_first = is_baseline_first(pair);
        taken.baseline_first.push(baseline_first);
        if baseline_first {
            a.batch(shape, 0.0, &mut taken.baseline)?;
            b.batch(shape, plan.plant_percent, &mut taken.candidate)?;
        } else {
            b.batch(shape, plan.plant_percent, &mut taken.candidate)?;
            a.batch(shape, 0.0, &mut taken.baseline)?;
        }
    }
    taken.baseline.scheduling = a.finish()?;
    taken.candidate.scheduling = b.finish()?;
    Ok(Exchange::Taken(Box::new(taken)))
}

/// AB BA BA AB: a drift that is even over four pairs favours neither side.
fn is_baseline_first(pair: usize) -> bool {
    matches!(pair % 4, 0 | 3)
}

/// Puts both sides on the last processor, where one thread does the work and does not wait; the first tends to serve
/// interrupts. Until now they could prepare on different ones.
fn pin(ready: &Ready, a: &Side, b: &Side) -> Result<Option<usize>, SideFailed> {
    if ready.cores > 1 || ready.clock == Clock::Wall {
        return Ok(None);
    }
    let Some(processor) = affinity::last_allowed() else {
        return Ok(None);
    };
    for side in [a, b] {
        affinity::keep_on(side.child.id(), processor).map_err(|error| side.failed(format!("{error:#}")))?;
    }
    Ok(Some(processor))
}

/// What a process said of itself.
struct Ready {
    inputs_sha256: Option<String>,
    clock: Clock,
    cores: usize,
}

impl Ready {
    fn difference_to(&self, other: &Self) -> Option<String> {
        // A kit from before operations had to say what their inputs are may not know; their ids then stand for them.
        if let (Some(these), Some(those)) = (&self.inputs_sha256, &other.inputs_sha256)
            && these != those
        {
            return Some(
                "the two sides work on different inputs; `--kit-overlay` measures both on the candidate's".to_owned(),
            );
        }
        (self.clock != other.clock || self.cores != other.cores)
            .then(|| "the two sides declare other clocks or cores; `--kit-overlay` takes the candidate's".to_owned())
    }
}

/// Preparing may load models and fill databases.
const READY_WITHIN: Duration = Duration::from_secs(180);

/// The least a batch is waited for; a slow operation is waited for longer.
const REPLY_WITHIN: Duration = Duration::from_secs(60);

/// One side's process.
struct Side {
    name: &'static str,
    child: Child,
    input: Option<ChildStdin>,
    replies: Receiver<PairedReply>,
    log: PathBuf,
}

impl Side {
    fn start(
        name: &'static str,
        operation: &OperationId,
        contender: &Contender,
        log: &Path,
        padding: &str,
    ) -> anyhow::Result<Self> {
        let errors = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(&contender.program);
        process::scrub_cargo_variables(&mut command);
        let mut child = command
            .current_dir(&contender.folder)
            .envs(&contender.environment)
            .env(environment::PAIRED, operation.as_str())
            // Where the stack begins depends on the size of the environment.
            .env("VOICEFLOW_PADDING", padding)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("{} does not start", contender.program.display()))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("the process has no output")?;
        let (sender, replies) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n') {
                let Ok(line) = line else { break };
                // Libraries may print anything.
                let line = String::from_utf8_lossy(&line);
                let reply = line
                    .strip_prefix(REPLY_PREFIX)
                    .and_then(|text| serde_json::from_str(text).ok());
                if let Some(reply) = reply
                    && sender.send(reply).is_err()
                {
                    break;
                }
            }
        });
        Ok(Self {
            name,
            child,
            input,
            replies,
            log: log.to_owned(),
        })
    }

    fn ready(&mut self) -> Result<Ready, SideFailed> {
        match self.reply(READY_WITHIN)? {
            PairedReply::Ready { protocol, .. } if protocol != PAIRED_PROTOCOL => Err(self.failed(format!(
                "its kit speaks version {protocol} of the paired protocol, this tool version {PAIRED_PROTOCOL}; \
                 use `--kit-overlay`"
            ))),
            PairedReply::Ready {
                inputs_sha256,
                clock,
                cores,
                ..
            } => Ok(Ready {
                inputs_sha256,
                clock,
                cores,
            }),
            other => Err(self.unexpected(&other)),
        }
    }

    fn estimate(&mut self) -> Result<f64, SideFailed> {
        match self.ask(PairedCommand::Estimate, READY_WITHIN)? {
            PairedReply::Estimated { call_ns } => Ok(call_ns),
            other => Err(self.unexpected(&other)),
        }
    }

    fn batch(&mut self, shape: Shape, plant_percent: f64, samples: &mut SideSamples) -> Result<(), SideFailed> {
        let command = PairedCommand::Batch {
            warm: shape.warm,
            calls: shape.calls,
            plant_percent,
        };
        let usual = Duration::from_secs_f64(shape.calls as f64 * shape.call_ns / 1e9);
        match self.ask(command, REPLY_WITHIN.max(usual * 50))? {
            PairedReply::Batch { wall_ns, cpu_ns } => {
                samples.wall_ns.push(wall_ns);
                samples.cpu_ns.push(cpu_ns);
                Ok(())
            }
            other => Err(self.unexpected(&other)),
        }
    }

    fn finish(&mut self) -> Result<Scheduling, SideFailed> {
        match self.ask(PairedCommand::Finish, REPLY_WITHIN)? {
            PairedReply::Finished(scheduling) => Ok(scheduling),
            other => Err(self.unexpected(&other)),
        }
    }

    fn ask(&mut self, command: PairedCommand, within: Duration) -> Result<PairedReply, SideFailed> {
        let mut line = serde_json::to_string(&command).map_err(|error| self.failed(error.to_string()))?;
        line.push('\n');
        let sent = self.input.as_mut().map(|input| input.write_all(line.as_bytes()));
        match sent {
            Some(Ok(())) => self.reply(within),
            // It is gone: what it said or how it ended tells more than the broken pipe.
            _ => self.reply(Duration::from_secs(1)),
        }
    }

    fn reply(&mut self, within: Duration) -> Result<PairedReply, SideFailed> {
        match self.replies.recv_timeout(within) {
            Ok(PairedReply::Failed { reason }) => Err(self.failed(reason)),
            Ok(PairedReply::Unavailable { reason }) => Err(SideFailed {
                is_unavailable: true,
                ..self.failed(reason)
            }),
            Ok(reply) => Ok(reply),
            Err(RecvTimeoutError::Timeout) => {
                Err(self.failed(format!("it did not answer within {} s", within.as_secs())))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let ended = self.ending();
                Err(self.failed(format!("{ended}: {}", last_line(&self.log))))
            }
        }
    }

    /// How a process that says nothing more ends: by itself within a second, or not.
    fn ending(&mut self) -> String {
        drop(self.input.take());
        for _ in 0..200 {
            match self.child.try_wait() {
                Ok(Some(status)) => return describe(&status),
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                Err(error) => return error.to_string(),
            }
        }
        "it closed its output and did not end".to_owned()
    }

    fn unexpected(&self, reply: &PairedReply) -> SideFailed {
        self.failed(format!("it answered out of turn: {reply:?}"))
    }

    fn failed(&self, reason: String) -> SideFailed {
        SideFailed {
            side: self.name,
            reason,
            is_unavailable: false,
        }
    }
}

impl Drop for Side {
    /// Without input it ends by itself; one that hangs is ended.
    fn drop(&mut self) {
        drop(self.input.take());
        for _ in 0..50 {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(2)),
                _ => return,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn describe(status: &ExitStatus) -> String {
    format!("it ended with {status}")
}

fn last_line(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    last.map_or_else(|| "it said nothing".to_owned(), str::to_owned)
}

/// Refuses a round whose lists do not agree.
pub(crate) fn read(path: &Path) -> anyhow::Result<Round> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let round: Round = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        anyhow::anyhow!(
            "{} line {}, field `{}`: {}",
            path.display(),
            error.inner().line(),
            error.path(),
            error.inner()
        )
    })?;
    if round.format > ROUND_FORMAT_VERSION {
        bail!(
            "{} has round format {}, this tool reads up to {ROUND_FORMAT_VERSION}: update the tool",
            path.display(),
            round.format
        );
    }
    if !round.is_consistent() {
        bail!(
            "{} holds sides of different lengths: it is not a round as it was taken",
            path.display()
        );
    }
    Ok(round)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Four pairs by processor time, both sides with batches of so many nanoseconds.
    pub(crate) fn round(calls: u64, baseline: u64, candidate: u64) -> Round {
        round_of_pairs(4, calls, baseline, candidate)
    }

    pub(crate) fn round_of_pairs(pairs: usize, calls: u64, baseline: u64, candidate: u64) -> Round {
        let side = |ns: u64| SideSamples {
            wall_ns: vec![2 * ns; pairs],
            cpu_ns: vec![ns; pairs],
            ..SideSamples::default()
        };
        Round {
            format: ROUND_FORMAT_VERSION,
            operation: "a/b/c".parse().expect("valid"),
            purpose: Purpose::Judge,
            number: 0,
            clock: Clock::Cpu,
            calls,
            pinned_to: None,
            baseline_started_first: true,
            layout_seed: None,
            plant_percent: 0.0,
            baseline_first: (0..pairs).map(is_baseline_first).collect(),
            baseline: side(baseline),
            candidate: side(candidate),
            conditions: Conditions::default(),
        }
    }

    #[test]
    fn a_short_operation_is_taken_in_a_hundred_pairs_of_half_a_millisecond() {
        let shape = Shape::of(10.0, Span::COMPARISON);
        assert_eq!((shape.calls, shape.warm, shape.pairs), (50_000, 6250, 100));
    }

    #[test]
    fn a_long_operation_is_taken_in_few_single_calls_but_in_both_orders() {
        let of = |call_ns| Shape::of(call_ns, Span::COMPARISON);
        let shape = of(5e6);
        assert_eq!((shape.calls, shape.warm, shape.pairs), (1, 0, 20));
        assert_eq!(of(1e6).warm, 1);
        assert_eq!(of(800e6).pairs, 2);
        assert!((1..200).all(|ms| of(f64::from(ms) * 1e6).pairs.is_multiple_of(2)));
    }

    #[test]
    fn over_four_pairs_no_side_is_ahead() {
        let ranks: i32 = (0..8).map(|pair| if is_baseline_first(pair) { 1 } else { -1 }).sum();
        assert_eq!(ranks, 0);
        assert_eq!([0, 1, 2, 3].map(is_baseline_first), [true, false, false, true]);
    }

    fn pretender(script: &str) -> (tempfile::TempDir, Contender) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let program = folder.path().join("program");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("writes");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("sets");
        }
        let contender = Contender {
            operation: None,
            program,
            folder: folder.path().to_owned(),
            environment: BTreeMap::new(),
        };
        (folder, contender)
    }

    const READY: &str =
        r#"echo '@paired {"ready":{"protocol":1,"operation":"a/b/c","inputs_sha256":null,"clock":"wall","cores":1}}'"#;

    fn take_with(a: &str, b: &str) -> Outcome {
        let ((scratch, a), (_b_folder, b)) = (pretender(a), pretender(b));
        take_sides(&a, &b, scratch.path())
    }

    fn take_sides(a: &Contender, b: &Contender, scratch: &Path) -> Outcome {
        let plan = Plan {
            operation: "a/b/c".parse().expect("valid"),
            purpose: Purpose::Judge,
            number: 0,
            shape: Some(Shape {
                calls: 1,
                warm: 0,
                pairs: 2,
                call_ns: 1.0,
            }),
            layout_seed: None,
            plant_percent: 0.0,
            seed: 1,
            span: Span::COMPARISON,
        };
        take(&plan, a, b, scratch).expect("runs")
    }

    fn failure(outcome: Outcome) -> SideFailed {
        match outcome {
            Outcome::Failed(failed) => failed,
            _ => panic!("the round was taken"),
        }
    }

    /// Answers every batch with the same figures, and finishes.
    fn obedient() -> String {
        let batch = r#"echo '@paired {"batch":{"wall_ns":5,"cpu_ns":4}}'"#;
        let finished = r#"echo '@paired {"finished":{}}'"#;
        format!("{READY}\nwhile read line; do case $line in *batch*) {batch};; *) {finished}; exit;; esac; done")
    }

    #[test]
    fn two_sides_in_turn_make_a_round() {
        // What a library prints in between is no reply.
        let talkative = format!("echo loading model\n{}", obedient());
        let Outcome::Taken(round, _) = take_with(&talkative, &obedient()) else {
            panic!("the round was not taken");
        };
        assert!(round.is_consistent());
        assert_eq!(round.baseline.wall_ns, [5, 5]);
        assert_eq!(round.candidate.cpu_ns, [4, 4]);
    }

    #[test]
    fn a_side_may_work_on_another_operation_than_the_plan_names() {
        let named = r#"test "$VOICEFLOW_PAIRED" = x/y/z || exit 9"#;
        let (_folder, mut other) = pretender(&format!("{named}\n{}", obedient()));
        other.operation = Some("x/y/z".parse().expect("valid"));
        let (scratch, plain) = pretender(&obedient());
        assert!(matches!(take_sides(&other, &plain, scratch.path()), Outcome::Taken(..)));
        other.operation = None;
        assert!(matches!(take_sides(&other, &plain, scratch.path()), Outcome::Failed(_)));
    }

    #[test]
    fn a_side_that_dies_is_named_with_its_last_words() {
        let dying = format!("{READY}\nread line\necho 'out of luck' >&2\nexit 3");
        let failed = failure(take_with(&obedient(), &dying));
        assert_eq!(failed.side, "candidate");
        assert!(
            failed.reason.contains("exit status: 3: out of luck"),
            "{}",
            failed.reason
        );
    }

    #[test]
    fn a_wrong_answer_is_the_reason() {
        let wrong = format!("{READY}\nread line\necho '@paired {{\"failed\":{{\"reason\":\"wrong answer: 2\"}}}}'");
        let failed = failure(take_with(&wrong, &obedient()));
        assert_eq!((failed.side, failed.reason.as_str()), ("baseline", "wrong answer: 2"));
    }

    #[test]
    fn what_this_machine_lacks_is_no_failure() {
        let lacking = r#"echo '@paired {"unavailable":{"reason":"no such device"}}'"#;
        let Outcome::Unavailable(reason) = take_with(lacking, lacking) else {
            panic!("it is not here");
        };
        assert_eq!(reason, "no such device");
    }

    #[test]
    fn a_side_that_closes_its_output_and_stays_is_given_up() {
        let mute = format!("{READY}\nexec >&-\nsleep 30");
        let failed = failure(take_with(&obedient(), &mute));
        assert!(failed.reason.contains("did not end"), "{}", failed.reason);
    }

    #[test]
    fn bytes_that_are_no_text_are_no_reply_either() {
        let noisy = format!("printf '\\377\\n'\n{}", obedient());
        assert!(matches!(take_with(&noisy, &obedient()), Outcome::Taken(..)));
    }

    #[test]
    fn what_waits_or_has_several_threads_is_not_pinned() {
        let pinned = |clock: &str, cores: &str| {
            let side = obedient()
                .replace("\"clock\":\"wall\"", &format!("\"clock\":\"{clock}\""))
                .replace("\"cores\":1", &format!("\"cores\":{cores}"));
            let Outcome::Taken(round, _) = take_with(&side, &side) else {
                panic!("the round was not taken");
            };
            round.pinned_to.is_some()
        };
        assert!(!pinned("wall", "1"));
        assert!(!pinned("cpu", "2"));
        assert_eq!(pinned("cpu", "1"), cfg!(target_os = "linux"));
    }

    #[test]
    fn a_kit_of_another_version_is_refused() {
        let newer = READY.replace("\"protocol\":1", "\"protocol\":99");
        let failed = failure(take_with(&obedient(), &newer));
        assert!(failed.reason.contains("version 99"), "{}", failed.reason);
    }

    #[test]
    fn other_inputs_are_another_question() {
        let on =
            |digest: &str| obedient().replace("\"inputs_sha256\":null", &format!("\"inputs_sha256\":\"{digest}\""));
        assert!(matches!(take_with(&on("01"), &on("00")), Outcome::OtherInputs(_)));
        assert!(matches!(take_with(&obedient(), &on("00")), Outcome::Taken(..)));
    }
}
