//! Exact heap counts of one call, by dhat. They cover Rust's global allocator alone: what whisper.cpp, SQLite and
//! OpenSSL allocate is invisible here.
//!
//! dhat's allocator slows every allocation down, so it is installed in this target only and never under a timing.

use std::process::ExitCode;

use voiceflow_record::{Conditions, Counts, Instrument, Measured};

use crate::session::{Session, is_selected};
use crate::{Operation, OperationList, PrepareError};

/// Makes an allocation target of a list of operations.
#[macro_export]
macro_rules! allocations_main {
    ($operations:path) => {
        #[global_allocator]
        static ALLOCATOR: $crate::__private::dhat::Alloc = $crate::__private::dhat::Alloc;

        fn main() -> ::std::process::ExitCode {
            $crate::allocations::main(&$operations())
        }
    };
}

/// Counts every selected operation and prints a line for each. Fails at the end if one failed.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench program's results are its output"
)]
pub fn main(operations: &OperationList) -> ExitCode {
    let filters: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let session = match Session::from_environment() {
        Ok(session) => session,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut outcome = ExitCode::SUCCESS;
    for operation in operations.iter().filter(|operation| is_wanted(operation, &filters)) {
        match count(operation, session.as_ref()) {
            Ok(counts) => println!(
                "{:<48} {:>10} blocks {:>12} bytes {:>12} bytes at peak",
                operation.id(),
                counts["blocks"],
                counts["bytes"],
                counts["peak_bytes"]
            ),
            Err(error) => {
                eprintln!("error: {}: {error}", operation.id());
                outcome = ExitCode::FAILURE;
            }
        }
    }
    outcome
}

fn is_wanted(operation: &Operation, filters: &[String]) -> bool {
    let named = filters.is_empty() || filters.iter().any(|filter| operation.id().contains(filter.as_str()));
    operation.suits(Instrument::Allocations) && is_selected(operation) && named
}

fn count(operation: &Operation, session: Option<&Session>) -> Result<Counts, PrepareError> {
    let watch = Conditions::watch();
    let mut prepared = operation.make()?;
    // The first call pays for what is made once: lazily compiled patterns, thread-local buffers, caches.
    prepared.once()?;
    prepared.arm();
    let profiler = dhat::Profiler::builder().testing().build();
    prepared.call();
    let stats = dhat::HeapStats::get();
    drop(profiler);
    prepared.check()?;
    let counts = Counts::from([
        ("blocks".to_owned(), stats.total_blocks),
        ("bytes".to_owned(), stats.total_bytes),
        ("peak_bytes".to_owned(), stats.max_bytes as u64),
    ]);
    if let Some(session) = session {
        session.write(
            operation,
            &prepared,
            Measured::Allocations(counts.clone()),
            watch.finish(),
        )?;
    }
    Ok(counts)
}
