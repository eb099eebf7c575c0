//! Exact instruction and branch counts of one call, by callgrind through gungraun (the present name of iai-callgrind).
//!
//! gungraun takes functions with stable names, so [`instructions_main!`](crate::instructions_main) makes one a counted
//! operation. Preparing, warming up and checking lie outside the count. Cache simulation is off: its figures move with
//! paths and environment, instructions and branches do not.

use std::io::ErrorKind;
use std::process::{Command, ExitCode, Stdio};

use gungraun::{Callgrind, LibraryBenchmarkConfig};
use voiceflow_record::INPUTS_PREFIX;

use crate::{OperationList, Prepared};

/// Makes an instruction target of the counted operations: `operations::counted_operations!(voiceflow_kit::instructions_main)`.
#[macro_export]
macro_rules! instructions_main {
    ($($name:ident)*) => {
        #[allow(missing_docs, unreachable_pub, clippy::exit, reason = "gungraun's macros write these items")]
        mod counted_benches {
            use super::operations;

            fn prepare(identifier: &str) -> $crate::Prepared {
                $crate::instructions::prepare(&operations::operations(), identifier)
            }

            fn finish(prepared: $crate::Prepared) {
                $crate::instructions::finish(prepared);
            }

            $(
                #[$crate::__private::gungraun::library_benchmark]
                #[bench::run(args = (stringify!($name)), setup = prepare, teardown = finish)]
                fn $name(mut prepared: $crate::Prepared) -> $crate::Prepared {
                    prepared.call();
                    prepared
                }
            )*

            $crate::__private::gungraun::library_benchmark_group!(name = counted; benchmarks = $($name),*);

            mod harness {
                use super::counted;
                $crate::__private::gungraun::main!(
                    config = $crate::instructions::config();
                    library_benchmark_groups = counted
                );
                pub(in super::super) fn run() {
                    main();
                }
            }
            pub(super) use harness::run;
        }

        fn main() -> ::std::process::ExitCode {
            $crate::instructions::main(counted_benches::run, option_env!("GUNGRAUN_RUNNER"))
        }
    };
}

/// Callgrind with instructions and branches only, in an environment that still finds the assets.
pub fn config() -> LibraryBenchmarkConfig {
    let mut config = LibraryBenchmarkConfig::default();
    config
        .tool(Callgrind::with_args(["--cache-sim=no", "--branch-sim=yes"]))
        .pass_through_envs([
            "HOME",
            "VOICEFLOW_CACHE",
            "XDG_CACHE_HOME",
            "VOICEFLOW_KIT_WRONG_ANSWER",
        ]);
    config
}

/// Makes the operation ready: prepared, warmed up by one checked call, its next input made.
///
/// # Panics
///
/// When it cannot be prepared or answers wrongly: under callgrind a panic is how a benchmark fails.
pub fn prepare(operations: &OperationList, identifier: &str) -> Prepared {
    let operation = operations
        .by_identifier(identifier)
        .unwrap_or_else(|| panic!("no operation is declared as `{identifier}`"));
    let mut prepared = operation
        .make()
        .unwrap_or_else(|error| panic!("{}: {error}", operation.id()));
    prepared
        .once()
        .unwrap_or_else(|error| panic!("{}: {error}", operation.id()));
    prepared.arm();
    prepared
}

/// Checks the answer of the counted call, and tells the digest of its inputs to whoever makes a record of the count.
///
/// That is done here and not while preparing, so that the counted call finds the heap as it would without.
///
/// # Panics
///
/// When the answer is wrong.
#[expect(
    clippy::print_stderr,
    reason = "gungraun hands on what a benchmark prints, and nothing else"
)]
pub fn finish(mut prepared: Prepared) {
    prepared.check().unwrap_or_else(|error| panic!("{error}"));
    if let Some(digest) = prepared.inputs_sha256() {
        eprintln!("{INPUTS_PREFIX}{digest}");
    }
}

/// Runs gungraun's harness, unless something it needs is missing: then it says so and what to do, and leaves quietly,
/// so that `cargo bench` over all targets goes on. `xtask` looks for the same things itself and reports them.
#[expect(clippy::print_stderr, reason = "a bench program tells its user what it leaves out")]
pub fn main(run: fn(), runner: Option<&str>) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "--gungraun-run") {
        run();
        return ExitCode::SUCCESS;
    }
    match obstacle(&arguments, runner.unwrap_or("gungraun-runner")) {
        Some(obstacle) => eprintln!("instruction counts skipped: {obstacle}"),
        None => run(),
    }
    ExitCode::SUCCESS
}

/// Flags of criterion and of libtest that `cargo bench -- FLAGS` hands to every target. gungraun knows none of them, or
/// means something else by them: its `--save-baseline` makes it leave benchmarks out.
const FOREIGN_FLAGS: [&str; 17] = [
    "--baseline",
    "--baseline-lenient",
    "--discard-baseline",
    "--exact",
    "--list",
    "--load-baseline",
    "--measurement-time",
    "--noise-threshold",
    "--noplot",
    "--nresamples",
    "--profile-time",
    "--quick",
    "--sample-size",
    "--save-baseline",
    "--significance-level",
    "--test",
    "--warm-up-time",
];

fn obstacle(arguments: &[String], runner: &str) -> Option<String> {
    let foreign = arguments.iter().find(|argument| {
        let flag = argument.split('=').next().unwrap_or_default();
        FOREIGN_FLAGS.contains(&flag)
    });
    if let Some(flag) = foreign {
        return Some(format!(
            "`{flag}` is criterion's; for counts run `cargo bench --bench iai` without it"
        ));
    }
    if !starts("valgrind") {
        return Some("valgrind is missing; install it (Debian: apt-get install valgrind)".to_owned());
    }
    if !starts(runner) {
        return Some("gungraun-runner is missing; run `cargo xtask setup`".to_owned());
    }
    None
}

/// Whether the program is there. The shim of `.cargo` answers 127 when what it stands for is missing, as a shell does.
fn starts(program: &str) -> bool {
    let status = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(status) => status.code() != Some(127),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obstacle_of(arguments: &[&str], runner: &str) -> Option<String> {
        obstacle(
            &arguments
                .iter()
                .map(|&argument| argument.to_owned())
                .collect::<Vec<_>>(),
            runner,
        )
    }

    #[test]
    fn criterions_flags_are_not_handed_to_gungraun() {
        for flags in [
            ["--bench", "--save-baseline=main"],
            ["--bench", "--quick"],
            ["--sample-size", "10"],
        ] {
            let obstacle = obstacle_of(&flags, "true").expect("an obstacle");
            assert!(obstacle.contains("is criterion's"), "{obstacle}");
        }
    }

    #[test]
    fn a_missing_program_is_noticed_and_a_present_one_is_not() {
        assert!(!starts("no-such-program-anywhere"));
        assert!(starts("true"));
    }
}
