//! `baseline check` end to end, on records made for the purpose in a workspace made for the purpose.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use voiceflow_record::{
    Build, Clock, Conditions, Counts, FORMAT_VERSION, Host, Measured, Record, Revision, Run, Samples, Sampling,
    write_record,
};

struct Place {
    folder: TempDir,
}

impl Place {
    /// The least that counts as a checkout.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::create_dir(folder.path().join("xtask")).expect("makes");
        fs::write(folder.path().join("Cargo.toml"), "").expect("writes");
        Self { folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn baseline(&self, record: &Record) {
        write_record(&self.path("baselines").join(&record.run.host.class), record).expect("writes");
    }

    fn candidate(&self, record: &Record) {
        write_record(&self.path("candidate"), record).expect("writes");
    }

    fn budget(&self, text: &str) {
        fs::create_dir_all(self.path("baselines")).expect("makes");
        fs::write(self.path("baselines/budgets.toml"), text).expect("writes");
    }

    fn check(&self) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .current_dir(self.folder.path())
            .args(["baseline", "check", "--records", "candidate"]);
        command.output().expect("runs")
    }

    fn check_ends_with(&self, code: i32, words: &str) {
        let output = self.check();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(words), "{words:?} is not in:\n{text}");
    }
}

fn record(measured: Measured) -> Record {
    let revision = Revision {
        commit: None,
        dirty: false,
    };
    Record {
        format: FORMAT_VERSION,
        operation: "storage/get/hot".parse().expect("valid"),
        inputs_sha256: None,
        throughput: None,
        measured,
        conditions: Conditions::default(),
        run: Run {
            measured: revision.clone(),
            tool: revision,
            build: Build {
                toolchain: "rustc 1.95.0".to_owned(),
                profile: "release".to_owned(),
                flags: vec![],
                lock_sha256: "0".repeat(64),
            },
            host: Host::detect("glibc 2.36".to_owned(), Some("valgrind-3.19.0".to_owned())),
        },
    }
}

fn instructions(count: u64) -> Record {
    record(Measured::Instructions(Counts::from([("Ir".to_owned(), count)])))
}

fn blocks(count: u64) -> Record {
    record(Measured::Allocations(Counts::from([("blocks".to_owned(), count)])))
}

fn calls(nanoseconds: u64, calls: usize) -> Record {
    record(Measured::Time(Samples {
        clock: Clock::Wall,
        sampling: Sampling::Calls,
        elapsed_ns: vec![nanoseconds; calls],
        iterations: vec![],
    }))
}

const P95_BUDGET: &str = "[[budget]]\noperation = \"storage/get/hot\"\nmetric = \"time-p95\"\nlimit = \"5 ms\"\nreason = \"service level\"\n";

#[test]
fn equal_counts_pass() {
    let place = Place::new();
    place.baseline(&instructions(1_000_000));
    place.candidate(&instructions(1_001_000));
    place.check_ends_with(0, "+0.10 %");
}

#[test]
fn one_per_cent_more_instructions_is_a_regression() {
    let place = Place::new();
    place.baseline(&instructions(1_000_000));
    place.candidate(&instructions(1_010_000));
    place.check_ends_with(1, "REGRESSED: instructions 1 010 000 from 1 000 000 (+1.00 %)");
}

#[test]
fn one_block_more_is_a_regression() {
    let place = Place::new();
    place.baseline(&blocks(7));
    place.candidate(&blocks(8));
    place.check_ends_with(1, "REGRESSED: blocks 8 from 7");
}

#[test]
fn a_broken_budget_is_a_regression_and_a_kept_one_a_pass() {
    for (nanoseconds, code, words) in [
        (5_000_001, 1, "OVER BUDGET: time 5.00 ms above 5.00 ms"),
        (4_000_000, 0, "80 % of 5.00 ms"),
    ] {
        let place = Place::new();
        place.budget(P95_BUDGET);
        place.candidate(&calls(nanoseconds, 90));
        place.check_ends_with(code, words);
    }
}

#[test]
fn a_percentile_of_too_few_calls_is_not_judged_and_not_passed() {
    let place = Place::new();
    place.budget(P95_BUDGET);
    place.candidate(&calls(1, 89));
    place.check_ends_with(5, "BUDGET NOT JUDGED: a P95 needs 90 single calls, there are 89");
}

#[test]
fn a_baseline_of_another_build_is_named_stale_and_nothing_else_is_no_pass() {
    let place = Place::new();
    let mut other = instructions(1_000_000);
    other.run.build.toolchain = "rustc 1.80.0".to_owned();
    place.baseline(&other);
    place.candidate(&instructions(5_000_000));
    place.check_ends_with(4, "toolchain rustc 1.80.0, now rustc 1.95.0");
    place.check_ends_with(4, "cargo xtask baseline record");
}

#[test]
fn without_baselines_there_is_nothing_to_pass() {
    let place = Place::new();
    place.candidate(&instructions(1));
    place.check_ends_with(4, "nothing was held against anything");
}

#[test]
fn broken_files_are_named_with_their_line() {
    let place = Place::new();
    place.candidate(&instructions(1));
    place.budget("[[budget]]\noperation = \"storage/get/hot\"\nmetric = \"speed\"\n");
    place.check_ends_with(5, "budgets.toml");
    place.check_ends_with(5, "line 3");
    place.budget("");
    let path = place
        .path("candidate")
        .join(Path::new("storage/get/hot.instructions.json"));
    fs::write(&path, "{\"format\": 1,\n\"operation\": 7}").expect("writes");
    place.check_ends_with(5, "line 2, field `operation`");
}
