//! The closed loop: so many workers, each asking again as soon as it is answered, for a fixed time.

mod tally;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, clocks};

use tally::{Tally, Window, rate_of_ends};

/// Latencies that one step keeps, of all workers together; drawn evenly where there are more.
const LATENCIES_KEPT: usize = 4000;

/// Latencies that each worker keeps at least.
const LATENCIES_OF_EACH: usize = 64;

/// One worker's call. What it returns is what the caller waited where that is not the whole call.
pub type Call = Box<dyn FnMut() -> Result<Option<Duration>, Error> + Send>;

/// Something that any number of workers can ask at once.
pub trait Workload {
    /// The calls of so many workers, each with all it needs.
    ///
    /// # Errors
    /// Whatever keeps them from being made.
    fn workers(&mut self, count: usize) -> Result<Vec<Call>, Error>;

    /// Whether there is room for so many workers.
    ///
    /// # Errors
    /// Says what is short; the step is left out then.
    fn room_for(&self, count: usize) -> Result<(), String> {
        let _ = count;
        Ok(())
    }

    /// How calls are counted.
    fn counting(&self) -> Counting {
        Counting::Shares
    }

    /// The time is up: whatever is still waited for need not come. Calls that fail from now on fail because of this.
    fn cut_off(&mut self) {}
}

/// What counts as done within the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Of each call the share of it that lies within: right where all calls are worked on at once.
    Shares,
    /// Calls that end within, by the time between the first and the last end: right where calls queue and are worked on
    /// one after the other, however long each has waited.
    Ends,
}

/// How long a step takes.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// At the start, not counted.
    pub warm: Duration,
    /// Behind it.
    pub window: Duration,
}

impl Span {
    /// Long enough to warm up.
    #[must_use]
    pub fn short(self) -> Self {
        Self {
            warm: Duration::ZERO,
            window: self.warm.max(self.window / 4),
        }
    }
}

/// What a step gave.
#[derive(Debug)]
pub struct Found {
    /// Calls that were done in a second of the window.
    pub per_second: f64,
    /// Calls that ended after the window began.
    pub calls: u64,
    /// Whether each worker was answered twice at least. Where not, the latencies are of the first, which all started at
    /// once, and not those of a queue that has settled.
    pub every_worker_twice: bool,
    /// Waited for calls that ended after the window began; a fair draw where there were many.
    pub latency_ns: Vec<u64>,
    /// Processor time of the whole process within the window, as far as it was looked at.
    pub cpu_ns: u64,
    /// From the first to the second look at that clock: about the window, less where the machine was too busy to look in
    /// time.
    pub cpu_window_ns: u64,
    /// Length of the window.
    pub window_ns: u64,
    /// Memory of the process when the step was over; 0 where the system does not tell.
    pub resident_bytes: u64,
}

/// Runs one step.
///
/// # Errors
/// Whatever failed in a worker before the time was up.
pub fn step(workload: &mut dyn Workload, workers: usize, span: Span) -> Result<Found, Error> {
    let calls = workload.workers(workers)?;
    let counting = workload.counting();
    let gate = Barrier::new(workers + 1);
    let failure = Failure::of_this_thread();
    let window: OnceLock<Window> = OnceLock::new();
    let (tallies, cpu) = thread::scope(|scope| {
        let threads: Vec<_> = calls
            .into_iter()
            .enumerate()
            .map(|(number, call)| {
                let (gate, window, failure) = (&gate, &window, &failure);
                scope.spawn(move || {
                    gate.wait();
                    gate.wait();
                    let window = *window.get().expect("it is set between the two");
                    let kept = LATENCIES_OF_EACH.max(LATENCIES_KEPT / workers);
                    work(number, call, window, kept, failure).inspect_err(|_| failure.tell())
                })
            })
            .collect();
        gate.wait();
        let from = Instant::now() + span.warm;
        let to = from + span.window;
        let _ = window.set(Window { from, to });
        gate.wait();
        failure.sleep_until(from);
        let (looked, cpu) = (Instant::now(), clocks::process_cpu());
        failure.sleep_until(to);
        let cpu = clocks::process_cpu().saturating_sub(cpu);
        let cpu_window = looked.elapsed();
        workload.cut_off();
        let tallies: Vec<Result<Tally, Error>> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a worker panicked".into())))
            .collect();
        (tallies, [cpu, cpu_window].map(nanoseconds))
    });
    let tallies = tallies.into_iter().collect::<Result<Vec<_>, _>>()?;
    found(&tallies, counting, span.window, cpu)
}

fn found(
    tallies: &[Tally],
    counting: Counting,
    window: Duration,
    [cpu_ns, cpu_window_ns]: [u64; 2],
) -> Result<Found, Error> {
    let per_second = match counting {
        Counting::Shares => tallies.iter().map(|tally| tally.shares).sum::<f64>() / window.as_secs_f64(),
        Counting::Ends => rate_of_ends(tallies).unwrap_or(0.0),
    };
    Ok(Found {
        per_second,
        calls: tallies.iter().map(|tally| tally.calls).sum(),
        every_worker_twice: tallies.iter().all(|tally| tally.answered >= 2),
        latency_ns: tallies
            .iter()
            .flat_map(|tally| tally.latency_ns.iter().copied())
            .collect(),
        cpu_ns,
        cpu_window_ns,
        window_ns: nanoseconds(window),
        resident_bytes: clocks::memory().map_or(0, |memory| memory.resident_bytes),
    })
}

fn work(number: usize, mut call: Call, window: Window, kept: usize, failure: &Failure) -> Result<Tally, Error> {
    let mut tally = Tally::new(number, kept);
    loop {
        let start = Instant::now();
        if start >= window.to || failure.is_told() {
            return Ok(tally);
        }
        let outcome = call();
        let end = Instant::now();
        match outcome {
            Ok(waited) => tally.count(start, end, waited.unwrap_or_else(|| end - start), window),
            // Cut off.
            Err(_) if end >= window.to => return Ok(tally),
            Err(error) => return Err(error),
        }
    }
}

/// Whether a worker has failed: then nobody waits for the end of the window.
struct Failure {
    is_told: AtomicBool,
    sleeper: thread::Thread,
}

impl Failure {
    /// None yet; this thread is woken by the first.
    fn of_this_thread() -> Self {
        Self {
            is_told: AtomicBool::new(false),
            sleeper: thread::current(),
        }
    }

    fn tell(&self) {
        self.is_told.store(true, Ordering::Release);
        self.sleeper.unpark();
    }

    fn is_told(&self) -> bool {
        self.is_told.load(Ordering::Acquire)
    }

    fn sleep_until(&self, moment: Instant) {
        while !self.is_told() {
            let left = moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use super::*;

    struct Counted {
        calls: Arc<AtomicU64>,
        workers: usize,
        is_cut_off: bool,
    }

    impl Workload for Counted {
        fn workers(&mut self, count: usize) -> Result<Vec<Call>, Error> {
            self.workers = count;
            let call = |calls: Arc<AtomicU64>| -> Call {
                Box::new(move || {
                    calls.fetch_add(1, Ordering::Relaxed);
                    Ok(Some(Duration::from_nanos(7)))
                })
            };
            Ok((0..count).map(|_| call(Arc::clone(&self.calls))).collect())
        }

        fn cut_off(&mut self) {
            self.is_cut_off = true;
        }
    }

    #[test]
    fn a_step_asks_with_every_worker_until_its_time_is_up() {
        let mut workload = Counted {
            calls: Arc::default(),
            workers: 0,
            is_cut_off: false,
        };
        let span = Span {
            warm: Duration::from_millis(5),
            window: Duration::from_millis(20),
        };
        let found = step(&mut workload, 3, span).expect("runs");
        assert!(workload.workers == 3 && workload.is_cut_off);
        assert!(found.calls > 0 && found.calls <= workload.calls.load(Ordering::Relaxed));
        assert!(found.per_second > 0.0 && found.latency_ns.iter().all(|&waited| waited == 7));
    }

    /// It would take a minute otherwise.
    #[test]
    fn a_call_that_fails_ends_the_step_for_all_workers() {
        struct Failing;
        impl Workload for Failing {
            fn workers(&mut self, _: usize) -> Result<Vec<Call>, Error> {
                Ok(vec![Box::new(|| Ok(None)), Box::new(|| Err("a wrong answer".into()))])
            }
        }
        let span = Span {
            warm: Duration::ZERO,
            window: Duration::from_secs(60),
        };
        let error = step(&mut Failing, 2, span).expect_err("it failed").to_string();
        assert_eq!(error, "a wrong answer");
    }
}
