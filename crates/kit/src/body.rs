//! A prepared operation: its state, the call that is measured, and the check of the answer.
//!
//! Each instrument drives the same body. Making inputs, checking answers and dropping them stay outside what is
//! measured.

use std::error::Error;
use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

/// Why an operation could not be prepared.
pub type PrepareError = Box<dyn Error + Send + Sync>;

/// Something an operation needs is not on this machine, such as a device: it is left out, which is no failure. Returned
/// while preparing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(String);

impl Unavailable {
    /// Says what is missing.
    pub fn new(missing: impl Into<String>) -> Self {
        Self(missing.into())
    }

    /// What is missing, where that is why an operation could not be prepared.
    pub(crate) fn reason(error: &PrepareError) -> Option<&str> {
        error.downcast_ref().map(|Self(missing)| missing.as_str())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for Unavailable {}

/// The answer of an operation was not the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongAnswer(String);

impl WrongAnswer {
    /// Says what was wrong, without secrets or transcripts.
    pub fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

impl fmt::Display for WrongAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "wrong answer: {}", self.0)
    }
}

impl Error for WrongAnswer {}

/// The check most operations need: `got` must equal `want`.
pub fn check_eq<G: PartialEq<W> + fmt::Debug, W: fmt::Debug>(what: &str, got: &G, want: &W) -> Result<(), WrongAnswer> {
    if got == want {
        Ok(())
    } else {
        Err(WrongAnswer(format!("{what} is {got:?}, not {want:?}")))
    }
}

/// The inputs of an operation that takes none. A pinned model is none: it is part of what is measured.
pub const NO_INPUTS: &str = "";

/// One digest of inputs that lie in memory in many parts, such as samples or texts, for [`Prepared::inputs`]. They are
/// not put together for it: a large block that comes and goes changes what the allocations after it cost.
pub fn digest_parts(parts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> [u8; 32] {
    let all = parts
        .into_iter()
        .fold(Sha256::new(), |digest, part| digest.chain_update(part));
    all.finalize().into()
}

/// An operation ready to be measured.
pub struct Prepared {
    body: Box<dyn Body>,
    inputs_sha256: Option<String>,
}

impl Prepared {
    /// A body whose call works on `state` alone.
    ///
    /// `call` is measured. Its answer is handed to `check` and dropped outside the measurement. It is called any number
    /// of times, so the state must not grow without bound.
    pub fn new<S, A>(
        state: S,
        mut call: impl FnMut(&mut S) -> A + 'static,
        check: impl FnMut(&mut S, &A) -> Result<(), WrongAnswer> + 'static,
    ) -> Self
    where
        S: 'static,
        A: 'static,
    {
        Self::with_input(state, |_| (), move |state, ()| call(state), check)
    }

    /// A body whose every call gets an input of its own, made by `input` outside the measurement.
    pub fn with_input<S, I, A>(
        state: S,
        input: impl FnMut(&mut S) -> I + 'static,
        call: impl FnMut(&mut S, I) -> A + 'static,
        check: impl FnMut(&mut S, &A) -> Result<(), WrongAnswer> + 'static,
    ) -> Self
    where
        S: 'static,
        I: 'static,
        A: 'static,
    {
        let body = Case {
            state,
            input,
            call,
            check,
            armed: None,
            answer: None,
        };
        Self {
            body: Box::new(body),
            inputs_sha256: None,
        }
    }

    /// Adds the digest of the inputs to the record, so that results on other inputs are told apart: of what the call
    /// works on, or of what that is made from. An operation that takes none says [`NO_INPUTS`].
    #[must_use]
    pub fn inputs(mut self, inputs: impl AsRef<[u8]>) -> Self {
        let digest = Sha256::digest(inputs);
        self.inputs_sha256 = Some(digest.iter().map(|byte| format!("{byte:02x}")).collect());
        self
    }

    /// The digest of the inputs, where they were declared.
    pub fn inputs_sha256(&self) -> Option<&str> {
        self.inputs_sha256.as_deref()
    }

    /// Makes the input of the next [`Prepared::call`].
    pub fn arm(&mut self) {
        self.body.arm();
    }

    /// The measured call. Its answer is kept for [`Prepared::check`].
    pub fn call(&mut self) {
        self.body.call();
    }

    /// Checks and drops the answer of the last call.
    pub fn check(&mut self) -> Result<(), WrongAnswer> {
        self.body.check()
    }

    /// One call from input to checked answer: the warm-up of every instrument, and the whole of a test.
    pub fn once(&mut self) -> Result<(), WrongAnswer> {
        self.arm();
        self.call();
        self.check()
    }

    /// Calls `calls` times, checks every answer, and appends the nanoseconds of each call to `elapsed_ns`.
    pub fn time_calls(&mut self, calls: u64, elapsed_ns: &mut Vec<u64>) -> Result<Duration, WrongAnswer> {
        let mut total = Duration::ZERO;
        for _ in 0..calls {
            self.body.arm();
            let start = Instant::now();
            self.body.call();
            let elapsed = start.elapsed();
            self.body.check()?;
            total += elapsed;
            elapsed_ns.push(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX));
        }
        Ok(total)
    }

    /// Calls `calls` times without reading the clock in between, and checks the last answer of every chunk.
    pub fn time_batch(&mut self, calls: u64) -> Result<Duration, WrongAnswer> {
        let mut watch = WallWatch::default();
        self.run_chunks(calls, CHUNK, &mut watch)?;
        Ok(watch.total)
    }

    /// Calls `calls` times in chunks of at most `chunk`, each between a start and a stop of the watch, and checks the
    /// last answer of every chunk. The inputs and answers of a chunk are held at once.
    pub(crate) fn run_chunks(&mut self, calls: u64, chunk: u64, watch: &mut dyn Stopwatch) -> Result<(), WrongAnswer> {
        let mut left = calls;
        while left > 0 {
            let now = left.min(chunk.max(1));
            self.body.run_chunk(now, watch)?;
            left -= now;
        }
        Ok(())
    }
}

/// Adds up the spans between its starts and stops.
pub(crate) trait Stopwatch {
    fn start(&mut self);
    fn stop(&mut self);
}

/// Wall time.
#[derive(Debug, Default)]
struct WallWatch {
    started: Option<Instant>,
    total: Duration,
}

impl Stopwatch for WallWatch {
    fn start(&mut self) {
        self.started = Some(Instant::now());
    }

    fn stop(&mut self) {
        self.total += self.started.take().map_or(Duration::ZERO, |started| started.elapsed());
    }
}

/// Calls between two readings of the clock in a batch. Inputs and answers of a chunk are held at once, so it is small
/// enough to stay in cache; two clock readings (about 50 ns) spread over it cost under a nanosecond a call.
const CHUNK: u64 = 256;

trait Body {
    fn arm(&mut self);
    fn call(&mut self);
    fn check(&mut self) -> Result<(), WrongAnswer>;
    fn run_chunk(&mut self, calls: u64, watch: &mut dyn Stopwatch) -> Result<(), WrongAnswer>;
}

struct Case<S, I, A, MakeInput, Call, Check> {
    state: S,
    input: MakeInput,
    call: Call,
    check: Check,
    armed: Option<I>,
    answer: Option<A>,
}

impl<S, I, A, MakeInput, Call, Check> Body for Case<S, I, A, MakeInput, Call, Check>
where
    MakeInput: FnMut(&mut S) -> I,
    Call: FnMut(&mut S, I) -> A,
    Check: FnMut(&mut S, &A) -> Result<(), WrongAnswer>,
{
    fn arm(&mut self) {
        self.armed = Some((self.input)(&mut self.state));
        self.answer = None;
    }

    fn call(&mut self) {
        let Some(input) = self.armed.take() else { return };
        self.answer = Some(black_box((self.call)(black_box(&mut self.state), black_box(input))));
    }

    fn check(&mut self) -> Result<(), WrongAnswer> {
        let answer = self
            .answer
            .take()
            .ok_or_else(|| WrongAnswer::new("there is none: nothing was called"))?;
        (self.check)(&mut self.state, &answer)
    }

    fn run_chunk(&mut self, calls: u64, watch: &mut dyn Stopwatch) -> Result<(), WrongAnswer> {
        let capacity = usize::try_from(calls).unwrap_or(0);
        let inputs: Vec<I> = (0..calls).map(|_| (self.input)(&mut self.state)).collect();
        if std::mem::needs_drop::<A>() {
            let mut answers = Vec::with_capacity(capacity);
            watch.start();
            for input in inputs {
                answers.push((self.call)(black_box(&mut self.state), black_box(input)));
            }
            watch.stop();
            self.answer = black_box(answers).pop();
        } else {
            let mut last = None;
            watch.start();
            for input in inputs {
                last = Some(black_box((self.call)(black_box(&mut self.state), black_box(input))));
            }
            watch.stop();
            self.answer = last;
        }
        self.check()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    fn counter(wrong_from: u64) -> Prepared {
        Prepared::new(
            0_u64,
            |calls| {
                *calls += 1;
                *calls
            },
            move |_, &answer| {
                if answer >= wrong_from {
                    Err(WrongAnswer::new(format!("{answer}")))
                } else {
                    Ok(())
                }
            },
        )
    }

    #[test]
    fn every_call_is_timed_by_itself_and_checked() {
        let mut elapsed_ns = Vec::new();
        assert!(counter(100).time_calls(7, &mut elapsed_ns).is_ok());
        assert_eq!(elapsed_ns.len(), 7);
        let mut elapsed_ns = Vec::new();
        assert_eq!(counter(3).time_calls(7, &mut elapsed_ns), Err(WrongAnswer::new("3")));
        assert_eq!(elapsed_ns.len(), 2);
    }

    #[test]
    fn a_batch_calls_as_often_as_it_says_and_checks_each_chunk() {
        let calls = Rc::new(Cell::new(0));
        let seen = Rc::clone(&calls);
        let mut prepared = Prepared::new(calls, |calls| calls.set(calls.get() + 1), |_, ()| Ok(()));
        assert!(prepared.time_batch(1000).is_ok());
        assert_eq!(seen.get(), 1000);
        assert!(counter(CHUNK).time_batch(2 * CHUNK).is_err());
        assert!(counter(CHUNK + 1).time_batch(CHUNK).is_ok());
    }

    #[test]
    fn answers_that_own_memory_are_checked_too() {
        let mut prepared = Prepared::new(
            (),
            |()| vec![1, 2, 3],
            |(), answer: &Vec<i32>| check_eq("the list", answer, &vec![1, 2]),
        );
        let error = prepared.time_batch(10).expect_err("wrong").to_string();
        assert_eq!(error, "wrong answer: the list is [1, 2, 3], not [1, 2]");
    }

    #[test]
    fn each_call_gets_its_own_input() {
        let mut prepared = Prepared::with_input(
            0_u64,
            |made| {
                *made += 1;
                vec![*made]
            },
            |_, input: Vec<u64>| input[0],
            |made, answer| check_eq("the input", answer, made),
        );
        assert_eq!(prepared.once(), Ok(()));
        assert_eq!(prepared.once(), Ok(()));
        assert!(prepared.time_batch(600).is_ok());
    }

    #[test]
    fn checking_without_a_call_is_an_error() {
        let mut prepared = counter(10);
        prepared.call();
        assert!(prepared.check().is_err());
    }

    #[test]
    fn inputs_are_told_apart_by_their_digest() {
        let digest = |inputs: &str| counter(9).inputs(inputs).inputs_sha256().map(str::to_owned);
        assert_ne!(digest("a"), digest("b"));
        assert_eq!(
            digest("").as_deref(),
            Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        );
    }

    #[test]
    fn the_digest_of_parts_is_that_of_the_whole() {
        assert_eq!(digest_parts(["ab", "", "c"]), <[u8; 32]>::from(Sha256::digest("abc")));
        assert_ne!(digest_parts(["ab", "c"]), digest_parts(["abd"]));
    }
}
