//! Throughput and latency under more and more workers, each asking again as soon as it is answered. `cargo xtask scale`
//! starts it and reads what each step gave; what it means is decided over there.
//!
//! ```text
//! scale names
//! scale steps WORKLOAD WARM_MS WINDOW_MS WORKERS…
//! scale sides COMPARISON WARM_MS WINDOW_MS WORKERS ROUNDS
//! ```

#![expect(clippy::print_stderr, reason = "a program tells its user what failed")]

mod models;
mod parts;
mod servers;
mod sides;

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use voiceflow_benches::closed_loop::{Found, Span, Workload, step};
use voiceflow_benches::{Error, say};

/// What can be asked of more and more workers: each subsystem, then all of them together.
const WORKLOADS: [(&str, Open); 8] = [
    ("asr", models::asr),
    ("enhance", models::enhance),
    ("storage-read", parts::storage_read),
    ("storage-write", parts::storage_write),
    ("security", parts::security),
    ("transport", servers::transport),
    ("request", servers::request),
    ("pipeline", servers::pipeline),
];

/// Makes what is measured.
type Open = fn() -> Result<Box<dyn Workload>, Error>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["names"] => names(),
        ["steps", name, warm, window, ref workers @ ..] => {
            span(warm, window).and_then(|span| steps(name, span, workers))
        }
        ["sides", name, warm, window, workers, rounds] => {
            span(warm, window).and_then(|span| both(name, span, workers.parse()?, rounds.parse()?))
        }
        // `cargo bench` runs every bench program.
        _ => {
            eprintln!("more and more workers are measured by `cargo xtask scale`");
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

fn names() -> Result<(), Error> {
    let workloads: Vec<&str> = WORKLOADS.iter().map(|(name, _)| *name).collect();
    let comparisons: Vec<&str> = sides::COMPARISONS.iter().map(|(name, _)| *name).collect();
    say(&json!({ "kind": "names", "workloads": workloads, "comparisons": comparisons }))
}

fn span(warm: &str, window: &str) -> Result<Span, Error> {
    Ok(Span {
        warm: Duration::from_millis(warm.parse()?),
        window: Duration::from_millis(window.parse()?),
    })
}

fn steps(name: &str, span: Span, workers: &[&str]) -> Result<(), Error> {
    let (_, open) = WORKLOADS
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| format!("there is no workload `{name}`"))?;
    let mut workload = open()?;
    for (place, workers) in workers.iter().enumerate() {
        let workers = workers.parse()?;
        if let Err(reason) = workload.room_for(workers) {
            say(&json!({ "kind": "left_out", "name": name, "workers": workers, "reason": reason }))?;
            continue;
        }
        let found = step(workload.as_mut(), workers, span)?;
        tell(name, None, place, workers, &found)?;
    }
    Ok(())
}

/// Both sides of a comparison in turn: on off, off on, on off, …
fn both(name: &str, span: Span, workers: usize, rounds: usize) -> Result<(), Error> {
    let (_, open) = sides::COMPARISONS
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| format!("there is no comparison `{name}`"))?;
    let mut sides = open()?;
    // What is made once should not be held against whichever comes first.
    for side in [&mut sides.on, &mut sides.off] {
        step(side.as_mut(), workers, Span::short(span))?;
    }
    for round in 0..rounds {
        let order = if round % 2 == 0 { [true, false] } else { [false, true] };
        for is_on in order {
            let (side, word) = if is_on {
                (&mut sides.on, "on")
            } else {
                (&mut sides.off, "off")
            };
            let found = step(side.as_mut(), workers, span)?;
            tell(name, Some(word), round, workers, &found)?;
        }
    }
    Ok(())
}

fn tell(name: &str, side: Option<&str>, place: usize, workers: usize, found: &Found) -> Result<(), Error> {
    say(&json!({
        "kind": "step",
        "name": name,
        "side": side,
        "place": place,
        "workers": workers,
        "per_second": found.per_second,
        "calls": found.calls,
        "every_worker_twice": found.every_worker_twice,
        "latency_ns": found.latency_ns,
        "cpu_ns": found.cpu_ns,
        "cpu_window_ns": found.cpu_window_ns,
        "window_ns": found.window_ns,
        "resident_bytes": found.resident_bytes,
    }))
}
