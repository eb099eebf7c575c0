//! How long commits of one transcript take to the last of a thousand, and what folding the write-ahead log has to do with it.
//!
//! ```sh
//! cargo run --release -p voiceflow-storage --example inserts -- [INSERTS]
//! ```
//!
//! With `synchronous = NORMAL` a commit waits for the disk only around the folding of the log into the database file, before
//! and after which SQLite synchronises. With upkeep a thread of the store's folds beside the callers, as in the service, and
//! where that falls behind, the commit that finds 16 MiB in the log; without upkeep that commit alone. Calls during which the
//! time of the database file's last change moved are told apart: folding alone changes the file. Where the disk is waited for
//! before or after that, the call counts with the others, and so does one within the same tick of the file system's clock.
//! Encrypted, one caller without pauses, rows to be indexed later.

// The example needs the operations' store, not all that they do with it.
#[expect(dead_code, reason = "the operations use the rest")]
#[path = "../benches/operations/fixture.rs"]
mod fixture;

use std::fs;
use std::time::{Duration, Instant};

use fixture::{Fixture, keyed, row, text};
use voiceflow_kit::PrepareError;
use voiceflow_storage::StoreOptions;

/// Calls that nobody counts: the first ones pay for what is made once.
const WARM_UP: usize = 200;

/// Calls from which on one in a thousand means something.
const CALLS_FOR_P999: usize = 10_000;

#[expect(clippy::print_stdout, reason = "a program's results are its output")]
fn main() -> Result<(), PrepareError> {
    let inserts = std::env::args().nth(1).map_or(Ok(50_000), |given| given.parse())?;
    let with_upkeep: fn(&mut StoreOptions) = |options| options.upkeep = true;
    let without: fn(&mut StoreOptions) = |_| {};
    for (name, adjust) in [("with upkeep", with_upkeep), ("without upkeep", without)] {
        let calls = Calls::take(inserts, adjust)?;
        println!("{name}: {inserts} inserts, in microseconds");
        print_line("database file unchanged", calls.plain);
        print_line("database file changed", calls.folding);
    }
    Ok(())
}

/// Durations of calls.
#[derive(Default)]
struct Calls {
    plain: Vec<Duration>,
    /// Those during which the database file changed.
    folding: Vec<Duration>,
}

impl Calls {
    fn take(inserts: usize, adjust: fn(&mut StoreOptions)) -> Result<Self, PrepareError> {
        let fixture = Fixture::empty(keyed(), adjust)?;
        let changed = || fs::metadata(fixture.path()).and_then(|file| file.modified());
        let mut calls = Self::default();
        for number in 0..WARM_UP + inserts {
            let text = text(number);
            let row = row(number, &text);
            let before = changed()?;
            let started = Instant::now();
            fixture.store.insert(&row)?;
            let took = started.elapsed();
            if number >= WARM_UP {
                let kind = if changed()? == before {
                    &mut calls.plain
                } else {
                    &mut calls.folding
                };
                kind.push(took);
            }
        }
        Ok(calls)
    }
}

#[expect(clippy::print_stdout, reason = "a program's results are its output")]
fn print_line(name: &str, mut calls: Vec<Duration>) {
    calls.sort_unstable();
    let at = |share: f64| {
        let rank = (calls.len() as f64 * share).ceil() as usize;
        let call = calls.get(rank.saturating_sub(1)).copied().unwrap_or_default();
        call.as_secs_f64() * 1e6
    };
    print!("  {name:<24} {:>7} calls", calls.len());
    if calls.is_empty() {
        return println!();
    }
    print!("  P50 {:.1}  P99 {:.1}", at(0.5), at(0.99));
    if calls.len() >= CALLS_FOR_P999 {
        print!("  P99.9 {:.1}", at(0.999));
    }
    println!("  most {:.1}", at(1.0));
}
