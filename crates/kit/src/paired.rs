//! One side of a pair: batches on demand, while the other side's process waits.
//!
//! `xtask compare` starts a process of each build, gives the baton to one after the other, and reads what their batches
//! took by two clocks. What a batch is lies here; how many there are, in which order, and what they mean is decided over
//! there. The messages are those of [`voiceflow_record::paired`].

use std::io::{self, BufRead as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use voiceflow_record::paired::{PAIRED_PROTOCOL, PairedCommand, PairedReply, REPLY_PREFIX};
use voiceflow_record::{Clock, environment};

use crate::body::Stopwatch;
use crate::time::estimate_call;
use crate::{OperationList, PrepareError, Prepared, Unavailable, WrongAnswer};

/// The operation this process is to measure as one side of a pair, if it was started for that.
pub(crate) fn asked_for() -> Option<String> {
    std::env::var(environment::PAIRED).ok()
}

/// Prepares the operation, says so, and answers commands until told to finish or until nobody is there any more.
#[expect(clippy::print_stderr, reason = "a bench program tells its user what failed")]
pub(crate) fn main(operations: &OperationList, id: &str) -> ExitCode {
    match serve(operations, id) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(missing) = Unavailable::reason(&error) {
                let _ = reply(&PairedReply::Unavailable {
                    reason: missing.to_owned(),
                });
                return ExitCode::SUCCESS;
            }
            eprintln!("error: {id}: {error}");
            // Whoever holds the baton may be gone as well.
            let _ = reply(&PairedReply::Failed {
                reason: error.to_string(),
            });
            ExitCode::FAILURE
        }
    }
}

fn serve(operations: &OperationList, id: &str) -> Result<(), PrepareError> {
    let operation = operations
        .iter()
        .find(|operation| operation.id() == id)
        .ok_or("no such operation is declared")?;
    let mut prepared = operation.make()?;
    // The first call pays for what is made once.
    prepared.once()?;
    reply(&PairedReply::Ready {
        protocol: PAIRED_PROTOCOL,
        operation: operation.id().parse()?,
        inputs_sha256: prepared.inputs_sha256().map(str::to_owned),
        clock: operation.judged_by(),
        cores: operation.cores_used(),
    })?;
    let clock = operation.judged_by();
    for line in io::stdin().lock().lines() {
        let command = serde_json::from_str(&line?)?;
        reply(&answer(command, clock, &mut prepared)?)?;
        if command == PairedCommand::Finish {
            break;
        }
    }
    Ok(())
}

fn answer(command: PairedCommand, clock: Clock, prepared: &mut Prepared) -> Result<PairedReply, PrepareError> {
    Ok(match command {
        PairedCommand::Estimate => PairedReply::Estimated {
            call_ns: estimate_call(prepared)?.as_secs_f64() * 1e9,
        },
        PairedCommand::Batch {
            warm,
            calls,
            plant_percent,
        } => {
            let plant = Plant {
                percent: plant_percent,
                clock,
            };
            let watch = batch(prepared, warm, calls, plant)?;
            PairedReply::Batch {
                wall_ns: nanoseconds(watch.wall),
                cpu_ns: nanoseconds(watch.cpu),
            }
        }
        PairedCommand::Finish => PairedReply::Finished(system::scheduling()),
    })
}

/// A slowdown that is done and not told.
#[derive(Clone, Copy, Debug)]
struct Plant {
    percent: f64,
    /// The clock that is to see it.
    clock: Clock,
}

fn batch(prepared: &mut Prepared, warm: u64, calls: u64, planted: Plant) -> Result<PairedWatch, WrongAnswer> {
    let chunk = chunk_of(calls);
    prepared.run_chunks(warm, chunk, &mut PairedWatch::default())?;
    let mut watch = PairedWatch::default();
    prepared.run_chunks(calls, chunk, &mut watch)?;
    plant(prepared, calls, planted, &mut watch)?;
    Ok(watch)
}

/// Does so many per cent more of the same work and does not tell: whole calls as far as they go, and for the rest as
/// much time as they would have taken.
fn plant(prepared: &mut Prepared, calls: u64, planted: Plant, watch: &mut PairedWatch) -> Result<(), WrongAnswer> {
    let extra = calls as f64 * planted.percent / 100.0;
    if extra <= 0.0 {
        return Ok(());
    }
    let a_call = watch.of(planted.clock).div_f64(calls as f64);
    prepared.run_chunks(extra as u64, chunk_of(calls), watch)?;
    let rest = a_call.mul_f64(extra.fract());
    let enough = watch.of(planted.clock) + rest;
    while watch.of(planted.clock) < enough {
        watch.start();
        std::hint::spin_loop();
        watch.stop();
    }
    Ok(())
}

/// A batch is half a millisecond and more, so a chunk is at least 0.1 ms: two readings of the processor clock, a system
/// call of about 0.3 µs each, stay below 1 % of it and are the same on both sides.
const CHUNKS_PER_BATCH: u64 = 5;

/// Inputs and answers of a chunk are held at once.
const LARGEST_CHUNK: u64 = 4096;

/// Few calls in a batch are timed each by itself: an input may be a state, such as an empty cache, that the first call of
/// a chunk uses up. A call is at least 20 µs then, and reading the clocks below 3 % of it.
const SINGLE_CALLS: u64 = 25;

fn chunk_of(calls: u64) -> u64 {
    if calls <= SINGLE_CALLS {
        1
    } else {
        calls.div_ceil(CHUNKS_PER_BATCH).min(LARGEST_CHUNK)
    }
}

/// Wall time and processor time of the same spans.
#[derive(Debug, Default)]
struct PairedWatch {
    started: Option<(Instant, Duration)>,
    wall: Duration,
    cpu: Duration,
}

impl PairedWatch {
    fn of(&self, clock: Clock) -> Duration {
        match clock {
            Clock::Wall => self.wall,
            Clock::Cpu => self.cpu,
        }
    }
}

impl Stopwatch for PairedWatch {
    fn start(&mut self) {
        let cpu = system::processor_time();
        self.started = Some((Instant::now(), cpu));
    }

    fn stop(&mut self) {
        if let Some((wall, cpu)) = self.started.take() {
            self.wall += wall.elapsed();
            self.cpu += system::processor_time().saturating_sub(cpu);
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn reply(reply: &PairedReply) -> Result<(), PrepareError> {
    let mut line = format!("{REPLY_PREFIX}{}", serde_json::to_string(reply)?);
    line.push('\n');
    let mut output = io::stdout().lock();
    output.write_all(line.as_bytes())?;
    output.flush()?;
    Ok(())
}

/// What the kit asks of the operating system.
mod system {
    use std::time::Duration;

    use voiceflow_record::paired::Scheduling;

    /// Processor time of the whole process so far: an operation whose work is done by a thread pool of one is seen too.
    pub(super) fn processor_time() -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }

    /// Read from `/proc`, where there is one.
    pub(super) fn scheduling() -> Scheduling {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        let sched = std::fs::read_to_string("/proc/thread-self/sched").unwrap_or_default();
        Scheduling {
            voluntary_switches: number_after(&status, "voluntary_ctxt_switches"),
            involuntary_switches: number_after(&status, "nonvoluntary_ctxt_switches"),
            migrations: number_after(&sched, "se.nr_migrations"),
        }
    }

    /// The number in the line `name : number`.
    pub(super) fn number_after(text: &str, name: &str) -> Option<u64> {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == name).then(|| value.trim().parse().ok())?
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    fn counting() -> (Prepared, Rc<Cell<u64>>) {
        let calls = Rc::new(Cell::new(0));
        let seen = Rc::clone(&calls);
        let prepared = Prepared::new(calls, |calls| calls.set(calls.get() + 1), |_, ()| Ok(()));
        (prepared, seen)
    }

    fn no_plant() -> Plant {
        Plant {
            percent: 0.0,
            clock: Clock::Cpu,
        }
    }

    #[test]
    fn a_batch_makes_the_calls_it_was_asked_for_after_those_that_warm_up() {
        let (mut prepared, seen) = counting();
        batch(&mut prepared, 7, 10_000, no_plant()).expect("right answers");
        assert_eq!(seen.get(), 10_007);
    }

    #[test]
    fn of_few_calls_each_has_the_state_that_its_input_made() {
        // The input fills what the call empties.
        let mut prepared = Prepared::with_input(
            Rc::new(Cell::new(0)),
            |filled: &mut Rc<Cell<u32>>| filled.set(1),
            |filled, ()| filled.replace(0),
            |_, &found| {
                if found == 1 {
                    Ok(())
                } else {
                    Err(WrongAnswer::new("empty"))
                }
            },
        );
        batch(&mut prepared, 3, SINGLE_CALLS, no_plant()).expect("right answers");
        batch(&mut prepared, 0, 4 * SINGLE_CALLS, no_plant()).expect_err("the last call of a chunk finds nothing");
    }

    #[test]
    fn a_planted_slowdown_is_so_many_calls_more() {
        let (mut prepared, seen) = counting();
        let five_percent = Plant {
            percent: 5.0,
            ..no_plant()
        };
        batch(&mut prepared, 0, 1000, five_percent).expect("right answers");
        assert_eq!(seen.get(), 1050);
        // Of a single call only time can be planted.
        batch(&mut prepared, 0, 1, five_percent).expect("right answers");
        assert_eq!(seen.get(), 1051);
    }

    #[test]
    fn a_wrong_answer_ends_the_batch() {
        let mut prepared = Prepared::new((), |()| 1, |(), _| Err(WrongAnswer::new("always")));
        let command = PairedCommand::Batch {
            warm: 0,
            calls: 10,
            plant_percent: 0.0,
        };
        let error = answer(command, Clock::Cpu, &mut prepared)
            .expect_err("refused")
            .to_string();
        assert_eq!(error, "wrong answer: always");
    }

    #[test]
    fn the_scheduler_is_read_by_the_name_of_the_line() {
        let status = "voluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n";
        assert_eq!(system::number_after(status, "voluntary_ctxt_switches"), Some(12));
        assert_eq!(system::number_after(status, "nonvoluntary_ctxt_switches"), Some(3));
        assert_eq!(system::number_after(status, "se.nr_migrations"), None);
    }

    #[test]
    fn processor_time_moves_on() {
        let before = system::processor_time();
        let mut sum = 0_u64;
        while system::processor_time() == before {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(system::processor_time() > before);
    }
}
