//! Exact heap counts of one call, by dhat. They cover Rust's global allocator alone: what whisper.cpp, SQLite and
//! OpenSSL allocate is invisible here.
//!
//! dhat's allocator slows every allocation down, so it is installed in this target only and never under a timing.
//!
//! Where [`HEAP_PROFILE`](environment::HEAP_PROFILE) names a file, one more call tells there which places allocate.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use voiceflow_record::{Conditions, Counts, Instrument, Measured, environment};

use crate::session::{Session, is_selected, tells_failure};
use crate::{Operation, OperationList, PrepareError, Prepared};

/// Frames of a call site that a profile keeps. The allocator's own come first and are several, so that this leaves the
/// place that wants the memory and its callers.
const PROFILE_FRAMES: usize = 16;

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
                if tells_failure(operation, &error) {
                    outcome = ExitCode::FAILURE;
                }
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
    if let Some(file) = env::var_os(environment::HEAP_PROFILE) {
        write_profile(&mut prepared, Path::new(&file))?;
    }
    Ok(counts)
}

/// One more call, of which dhat keeps where it allocates. It is no part of the counts: only one profiler can be alive
/// at a time, and the counting one is gone by now. Whether the file could be written dhat tells on the standard error
/// stream alone.
fn write_profile(prepared: &mut Prepared, file: &Path) -> Result<(), PrepareError> {
    prepared.arm();
    let profiler = dhat::Profiler::builder()
        .file_name(file)
        .trim_backtraces(Some(PROFILE_FRAMES))
        .build();
    prepared.call();
    drop(profiler);
    prepared.check()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check_eq;

    #[test]
    fn a_profile_is_written_where_it_is_asked_for_and_the_answer_of_its_call_is_checked() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("heap.json");
        let answering = |answer: i32| {
            Prepared::new(
                (),
                move |()| answer,
                |(), answer: &i32| check_eq("the answer", answer, &7),
            )
        };
        write_profile(&mut answering(7), &file).expect("writes");
        let text = std::fs::read_to_string(&file).expect("was written");
        let profile: serde_json::Value = serde_json::from_str(&text).expect("is JSON");
        assert_eq!(profile["mode"], "rust-heap");
        assert!(write_profile(&mut answering(8), &file).is_err());
    }
}
