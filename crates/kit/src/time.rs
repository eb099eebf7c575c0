//! Wall time of every call or batch, by criterion. Criterion warms up, plans the sampling and prints its estimates; the
//! raw durations are kept here, because its samples are means of batches, from which no percentile of calls can be told.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use criterion::{Bencher, Criterion, SamplingMode};
use voiceflow_record::{Clock, Conditions, Instrument, Measured, Samples, Sampling, Throughput};

use crate::paired;
use crate::session::{Session, is_selected, tells_failure};
use crate::{Operation, OperationList, PrepareError, Prepared, WrongAnswer};

/// Makes a criterion target of a list of operations.
#[macro_export]
macro_rules! time_main {
    ($operations:path) => {
        fn main() -> ::std::process::ExitCode {
            $crate::time::main(&$operations())
        }
    };
}

/// Calls at least this long are timed one by one; a clock reading (about 25 ns) is below 1 % of it. Shorter ones are
/// timed in batches.
const TIMED_SINGLY_FROM: Duration = Duration::from_micros(5);

/// The most single calls kept in one record: a hundred of them past the P99, in a file of under 100 KiB.
const CALLS_KEPT: u32 = 10_000;

/// Criterion's number of samples; enough for a P95 where each sample is one call.
const SAMPLE_SIZE: usize = 100;

/// Runs every selected operation through criterion, or one side of a pair where `xtask compare` asks for it. Fails at
/// the end if one failed.
#[expect(clippy::print_stderr, reason = "a bench program tells its user what failed")]
pub fn main(operations: &OperationList) -> ExitCode {
    if let Some(id) = paired::asked_for() {
        return paired::main(operations, &id);
    }
    let mut outcome = ExitCode::SUCCESS;
    let mut criterion = Criterion::default().configure_from_args();
    match Session::from_environment() {
        Ok(session) => {
            for operation in operations.iter().filter(|operation| is_selected(operation)) {
                if let Err(error) = measure(&mut criterion, operation, session.as_ref())
                    && tells_failure(operation, &error)
                {
                    outcome = ExitCode::FAILURE;
                }
            }
        }
        Err(error) => {
            eprintln!("error: {error}");
            outcome = ExitCode::FAILURE;
        }
    }
    if !is_recording() {
        criterion.final_summary();
    }
    outcome
}

fn is_recording() -> bool {
    std::env::var_os(voiceflow_record::environment::RECORDS).is_some()
}

fn measure(criterion: &mut Criterion, operation: &Operation, session: Option<&Session>) -> Result<(), PrepareError> {
    debug_assert!(operation.suits(Instrument::Time), "every operation is timed");
    match session {
        Some(session) => record(criterion, operation, session),
        None => show(criterion, operation),
    }
}

/// `cargo bench`: criterion decides whether the operation is wanted, so it is prepared at its first call. Whoever gave
/// flags of their own gets what they asked for.
fn show(criterion: &mut Criterion, operation: &Operation) -> Result<(), PrepareError> {
    let state: RefCell<Option<Sampler>> = RefCell::new(None);
    let mut group = criterion.benchmark_group(group_name(operation));
    if let Some(throughput) = operation.throughput_per_call() {
        group.throughput(criterion_throughput(throughput));
    }
    if let Some(calls) = operation.fixed_calls() {
        group.sampling_mode(SamplingMode::Flat);
        if !was_given("--sample-size") {
            group.sample_size(calls.max(10));
        }
        if !was_given("--measurement-time") {
            // One call a sample: criterion rounds up to it.
            group.measurement_time(Duration::from_millis(1));
        }
        if !was_given("--warm-up-time") {
            group.warm_up_time(Duration::from_millis(1));
        }
    }
    let finished = catch_unwind(AssertUnwindSafe(|| {
        group.bench_function(variant_name(operation), |bencher| {
            let mut state = state.borrow_mut();
            if state.is_none() {
                *state = Some(Sampler::prepare(operation).unwrap_or_else(|error| resume_unwind(Box::new(error))));
            }
            if let Some(sampler) = state.as_mut() {
                sampler.run(bencher);
            }
        });
        group.finish();
    }));
    finished.map_err(failure)
}

/// `cargo xtask bench`: the same, with a span that fits the operation and its raw durations kept.
fn record(criterion: &mut Criterion, operation: &Operation, session: &Session) -> Result<(), PrepareError> {
    let watch = Conditions::watch();
    let mut sampler = Sampler::prepare(operation)?;
    let plan = Plan::of(operation, sampler.call_estimate, session.full);
    let mut group = criterion.benchmark_group(group_name(operation));
    group
        .sample_size(plan.samples)
        .warm_up_time(plan.warm_up)
        .measurement_time(plan.measurement)
        // Criterion's own estimates are not used here: its bootstrap need not take long.
        .nresamples(1000);
    if operation.fixed_calls().is_some() {
        group.sampling_mode(SamplingMode::Flat);
    }
    let finished = catch_unwind(AssertUnwindSafe(|| {
        group.bench_function(variant_name(operation), |bencher| sampler.run(bencher));
        group.finish();
    }));
    finished.map_err(failure)?;
    let samples = sampler.samples(plan.samples);
    session.write(operation, &sampler.prepared, Measured::Time(samples), watch.finish())?;
    Ok(())
}

/// How long to sample.
struct Plan {
    samples: usize,
    warm_up: Duration,
    measurement: Duration,
}

impl Plan {
    fn of(operation: &Operation, call_estimate: Duration, full: bool) -> Self {
        if let Some(calls) = operation.fixed_calls() {
            // One call a sample, and one to warm up: criterion rounds up to both.
            let least = Duration::from_millis(1);
            return Self {
                samples: calls.max(10),
                warm_up: least,
                measurement: least,
            };
        }
        let (warm_up, span) = if full { (1000, 5000) } else { (200, 800) };
        let span = Duration::from_millis(span);
        let measurement = if call_estimate >= TIMED_SINGLY_FROM {
            span.min(call_estimate * CALLS_KEPT)
        } else {
            span
        };
        Self {
            samples: SAMPLE_SIZE,
            warm_up: Duration::from_millis(warm_up),
            measurement,
        }
    }
}

/// A prepared operation and the raw durations that criterion's calls left behind.
struct Sampler {
    prepared: Prepared,
    call_estimate: Duration,
    /// Whether each call is timed by itself.
    singly: bool,
    batches: Vec<Batch>,
}

/// What one call of criterion's asked for and took.
struct Batch {
    calls: u64,
    elapsed: Duration,
    /// Nanoseconds of each call, where they were timed one by one.
    elapsed_ns: Vec<u64>,
}

impl Sampler {
    fn prepare(operation: &Operation) -> Result<Self, PrepareError> {
        let mut prepared = operation.make()?;
        // The first call pays for what is made once; the second tells how long one takes.
        prepared.once()?;
        let call_estimate = estimate_call(&mut prepared)?;
        Ok(Self {
            prepared,
            call_estimate,
            singly: operation.fixed_calls().is_some() || call_estimate >= TIMED_SINGLY_FROM,
            batches: Vec::new(),
        })
    }

    fn run(&mut self, bencher: &mut Bencher<'_>) {
        bencher.iter_custom(|calls| match self.take_batch(calls) {
            Ok(elapsed) => elapsed,
            // Criterion has no other way out of a sample.
            Err(wrong) => resume_unwind(Box::new(PrepareError::from(wrong))),
        });
    }

    fn take_batch(&mut self, calls: u64) -> Result<Duration, WrongAnswer> {
        let mut elapsed_ns = Vec::new();
        let elapsed = if self.singly {
            elapsed_ns.reserve(usize::try_from(calls).unwrap_or(0));
            self.prepared.time_calls(calls, &mut elapsed_ns)?
        } else {
            self.prepared.time_batch(calls)?
        };
        self.batches.push(Batch {
            calls,
            elapsed,
            elapsed_ns,
        });
        Ok(elapsed)
    }

    /// The last `samples` batches are the measurement; those before were criterion's warm-up.
    fn samples(&self, samples: usize) -> Samples {
        let measured = &self.batches[self.batches.len().saturating_sub(samples)..];
        if self.singly {
            let elapsed_ns = measured
                .iter()
                .flat_map(|batch| batch.elapsed_ns.iter().copied())
                .collect();
            Samples {
                clock: Clock::Wall,
                sampling: Sampling::Calls,
                elapsed_ns,
                iterations: Vec::new(),
            }
        } else {
            Samples {
                clock: Clock::Wall,
                sampling: Sampling::Batches,
                elapsed_ns: measured
                    .iter()
                    .map(|batch| u64::try_from(batch.elapsed.as_nanos()).unwrap_or(u64::MAX))
                    .collect(),
                iterations: measured.iter().map(|batch| batch.calls).collect(),
            }
        }
    }
}

/// The time of a call, as the least of several: a busy machine only ever makes a call look longer, and an operation must
/// not change the way it is sampled because of that.
pub(crate) fn estimate_call(prepared: &mut Prepared) -> Result<Duration, WrongAnswer> {
    let started = Instant::now();
    let mut least = Duration::MAX;
    for _ in 0..ESTIMATES {
        let batch = if least < TIMED_SINGLY_FROM {
            CALLS_PER_ESTIMATE
        } else {
            1
        };
        least = least.min(prepared.time_batch(batch)? / u32::try_from(batch).unwrap_or(1));
        if started.elapsed() > Duration::from_millis(50) {
            break;
        }
    }
    Ok(least)
}

/// Enough that one of them is undisturbed.
const ESTIMATES: usize = 20;

/// Enough that reading the clock does not count in calls of nanoseconds.
const CALLS_PER_ESTIMATE: u64 = 256;

fn failure(panic: Box<dyn std::any::Any + Send>) -> PrepareError {
    match panic.downcast::<PrepareError>() {
        Ok(error) => *error,
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref().copied());
            format!("panicked: {}", text.unwrap_or("without a message")).into()
        }
    }
}

fn was_given(flag: &str) -> bool {
    std::env::args().any(|argument| argument == flag || argument.starts_with(&format!("{flag}=")))
}

fn group_name(operation: &Operation) -> &'static str {
    operation
        .id()
        .rsplit_once('/')
        .map_or(operation.id(), |(group, _)| group)
}

fn variant_name(operation: &Operation) -> &'static str {
    operation
        .id()
        .rsplit_once('/')
        .map_or(operation.id(), |(_, variant)| variant)
}

fn criterion_throughput(throughput: Throughput) -> criterion::Throughput {
    match throughput {
        Throughput::Bytes(bytes) => criterion::Throughput::Bytes(bytes),
        Throughput::Elements(elements) => criterion::Throughput::Elements(elements),
        // Criterion has no unit for it; the samples of 16 kHz audio are the nearest thing it can print.
        Throughput::AudioSeconds(seconds) => criterion::Throughput::Elements((seconds * 16_000.0) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(call_estimate: Duration) -> Sampler {
        Sampler {
            prepared: Prepared::new((), |()| 1, |(), _| Ok(())),
            call_estimate,
            singly: call_estimate >= TIMED_SINGLY_FROM,
            batches: Vec::new(),
        }
    }

    #[test]
    fn long_calls_are_kept_one_by_one_and_the_warm_up_is_left_out() {
        let mut sampler = sampler(TIMED_SINGLY_FROM);
        for calls in [1, 2, 3, 4] {
            sampler.take_batch(calls).expect("right answer");
        }
        let samples = sampler.samples(2);
        assert_eq!((samples.sampling, samples.elapsed_ns.len()), (Sampling::Calls, 7));
        assert!(samples.is_consistent());
    }

    #[test]
    fn short_calls_are_kept_as_batches_with_their_counts() {
        let mut sampler = sampler(Duration::from_nanos(10));
        for calls in [1, 2, 300, 400] {
            sampler.take_batch(calls).expect("right answer");
        }
        let samples = sampler.samples(2);
        assert_eq!(
            (samples.sampling, samples.iterations.as_slice()),
            (Sampling::Batches, &[300, 400][..])
        );
        assert!(samples.is_consistent());
    }

    #[test]
    fn a_plan_keeps_the_fixed_calls_and_bounds_the_free_ones() {
        let fixed = Operation::new("a/b/c", "?").calls(90);
        assert_eq!(Plan::of(&fixed, Duration::from_secs(1), false).samples, 90);
        let free = Operation::new("a/b/c", "?");
        let bounded = Plan::of(&free, Duration::from_micros(10), true);
        assert_eq!(bounded.measurement, Duration::from_millis(100));
        assert_eq!(
            Plan::of(&free, Duration::from_nanos(100), true).measurement,
            Duration::from_secs(5)
        );
    }
}
