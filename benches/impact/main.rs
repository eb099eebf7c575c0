//! What each level of security costs a request, measured beside the others in one process: the levels take turns, so
//! that whatever happens to the machine happens to all of them. `cargo xtask impact` starts it and reads the samples;
//! what they mean is decided over there.
//!
//! ```text
//! impact interleave request|end-to-end BLOCKS REQUESTS
//! impact memory request|end-to-end LEVEL REQUESTS
//! ```

#![expect(clippy::print_stderr, reason = "a program tells its user what failed")]

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use voiceflow_benches::{Desk, Error, Level, Remote, Station, block_order, clocks, say};

/// Connections made in one visit, to learn what connecting costs.
const CONNECTIONS: usize = 2;

/// After the last answer of a visit the server's threads have a little left to do. Their processor time is complete once
/// they sleep.
const REST: Duration = Duration::from_millis(1);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["interleave", kind, blocks, requests] => {
            Kind::named(kind).and_then(|kind| interleave(kind, blocks.parse::<usize>()?, requests.parse::<usize>()?))
        }
        ["memory", kind, level, requests] => {
            Kind::named(kind).and_then(|kind| memory(kind, level, requests.parse::<usize>()?))
        }
        // `cargo bench` runs every bench program.
        _ => {
            eprintln!("levels of security are measured by `cargo xtask impact`");
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What a request is.
#[derive(Clone, Copy)]
enum Kind {
    /// All of it but the models.
    Request,
    /// All of it.
    EndToEnd,
}

impl Kind {
    fn named(name: &str) -> Result<Self, Error> {
        match name {
            "request" => Ok(Self::Request),
            "end-to-end" => Ok(Self::EndToEnd),
            _ => Err(format!("there is no kind of request `{name}`: `request` or `end-to-end`").into()),
        }
    }

    fn open(self, level: Level) -> Result<Box<dyn Station>, Error> {
        Ok(match self {
            Self::Request => Box::new(Desk::open_at(level)?),
            Self::EndToEnd => Box::new(Remote::open_at(level)?),
        })
    }

    /// Requests of each level before anything is kept: they fill caches, pools and predictors.
    fn warm_up(self) -> usize {
        match self {
            Self::Request => 50,
            Self::EndToEnd => 3,
        }
    }
}

fn interleave(kind: Kind, blocks: usize, requests: usize) -> Result<(), Error> {
    let mut stations = Vec::new();
    for level in Level::ALL {
        let mut station = kind.open(level)?;
        visit(station.as_mut(), kind.warm_up())?;
        stations.push((level, station));
    }
    for block in 0..blocks {
        for (round, sequence) in block_order(block).into_iter().enumerate() {
            for (place, level) in sequence.into_iter().enumerate() {
                let (_, station) = stations
                    .iter_mut()
                    .find(|(of, _)| *of == level)
                    .ok_or("a level has no station")?;
                let found = visit(station.as_mut(), requests)?;
                say(&json!({
                    "kind": "visit",
                    "level": level.as_str(),
                    "block": block,
                    "round": round,
                    "place": place,
                    "wall_ns": found.dictating.wall_ns,
                    "cpu_ns": found.dictating.cpu_ns,
                    "client_cpu_ns": found.dictating.client_cpu_ns,
                    "connect_wall_ns": found.connecting.wall_ns,
                    "connect_cpu_ns": found.connecting.cpu_ns,
                    "connect_client_cpu_ns": found.connecting.client_cpu_ns,
                }))?;
            }
        }
    }
    Ok(())
}

struct Visit {
    dictating: Spent,
    connecting: Spent,
}

/// Of several calls in a row: what the caller waited for each, and the processor time of all together, of the whole
/// process and of the calling thread alone.
struct Spent {
    wall_ns: Vec<u64>,
    cpu_ns: u64,
    client_cpu_ns: u64,
}

impl Spent {
    fn on<I, A>(inputs: Vec<I>, mut call: impl FnMut(I) -> Result<A, Error>) -> Result<(Self, Vec<A>), Error> {
        let mut answers = Vec::with_capacity(inputs.len());
        let mut wall_ns = Vec::with_capacity(inputs.len());
        let (cpu, client_cpu) = (clocks::process_cpu(), clocks::thread_cpu());
        for input in inputs {
            let started = Instant::now();
            let answer = call(input)?;
            wall_ns.push(nanoseconds(started.elapsed()));
            answers.push(answer);
        }
        let client_cpu_ns = nanoseconds(clocks::thread_cpu().saturating_sub(client_cpu));
        thread::sleep(REST);
        let cpu_ns = nanoseconds(clocks::process_cpu().saturating_sub(cpu));
        let spent = Self {
            wall_ns,
            cpu_ns,
            client_cpu_ns,
        };
        Ok((spent, answers))
    }
}

/// Makes so many requests one after the other, then a few connections, and checks every answer when it is over.
fn visit(station: &mut dyn Station, requests: usize) -> Result<Visit, Error> {
    let inputs = (0..requests)
        .map(|_| station.next_take())
        .collect::<Result<Vec<_>, _>>()?;
    let (dictating, answers) = Spent::on(inputs, |(take, pcm)| {
        let answer = station.dictate(&pcm)?;
        Ok((take, pcm.len(), answer))
    })?;
    for (take, samples, answer) in &answers {
        station.check(take, *samples, answer)?;
    }
    let (connecting, clients) = Spent::on(vec![(); CONNECTIONS], |()| station.connect())?;
    drop(clients);
    // The server's side of hanging up belongs to nobody's requests.
    thread::sleep(REST);
    Ok(Visit { dictating, connecting })
}

fn memory(kind: Kind, level: &str, requests: usize) -> Result<(), Error> {
    let level = Level::named(level).ok_or_else(|| format!("there is no level `{level}`"))?;
    let mut station = kind.open(level)?;
    visit(station.as_mut(), kind.warm_up())?;
    let before = clocks::memory()?;
    for _ in 0..requests {
        visit(station.as_mut(), 1)?;
    }
    let after = clocks::memory()?;
    say(&json!({
        "kind": "memory",
        "level": level.as_str(),
        "requests": requests,
        "warm_bytes": before.resident_bytes,
        "steady_bytes": after.resident_bytes,
        "peak_bytes": after.peak_bytes,
    }))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
