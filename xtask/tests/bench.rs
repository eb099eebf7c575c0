//! `bench` and `list` end to end, on the kit's own operations: small, countable, and wrong on request.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use voiceflow_record::read_all;

/// Two builds in one target folder would wait for each other anyway.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn xtask(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .stdin(Stdio::null());
    command
}

fn rows(output: &Output) -> Vec<Value> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "standard output is not JSON alone: {error}\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
    });
    report["operations"].as_array().expect("operations").clone()
}

/// The figures that must not depend on when, where or beside what they are taken.
fn exact(rows: &[Value]) -> Vec<(String, String, Value)> {
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    rows.iter()
        .filter(|row| row["instrument"] != "time")
        .map(|row| (text(row, "id"), text(row, "metric"), row["median"].clone()))
        .collect()
}

#[test]
fn every_instrument_measures_and_counts_are_the_same_twice_from_anywhere_in_any_environment() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("temporary folder");
    let output_dir = folder.path().to_str().expect("readable");
    let first = xtask(&["bench", "kit/", "--format", "json", "--output-dir", output_dir])
        .output()
        .expect("runs");
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let first_rows = rows(&first);
    for instrument in ["time", "instructions", "allocations"] {
        let row = first_rows
            .iter()
            .find(|row| row["id"] == "kit/sum/1000-words" && row["instrument"] == instrument);
        let verdict = &row.unwrap_or_else(|| panic!("no row of {instrument}"))["verdict"];
        // Without valgrind the count is said to be skipped, not passed.
        assert!(
            verdict == "measured" || (instrument == "instructions" && verdict == "skipped"),
            "{verdict}"
        );
    }
    assert!(
        first_rows[0]["id"].as_str().is_some_and(|id| id.starts_with("anchor/")),
        "a run of times begins with the anchors: {}",
        first_rows[0]
    );
    let records = read_all(folder.path()).expect("records");
    assert!(
        records.iter().all(|record| record.run.measured.commit.is_some()),
        "the records name the revision"
    );
    assert!(
        records.iter().all(|record| record.inputs_sha256.is_some()),
        "the records name the inputs"
    );

    let elsewhere = tempfile::tempdir().expect("temporary folder");
    let second = xtask(&[
        "bench",
        "kit/",
        "--format",
        "json",
        "--instruments",
        "instructions,allocations",
    ])
    .args([
        "--output-dir",
        elsewhere
            .path()
            .join("a/much/longer/path/than/before")
            .to_str()
            .expect("readable"),
    ])
    .env("A_VARIABLE_THAT_WAS_NOT_THERE", "x".repeat(777))
    .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
    .output()
    .expect("runs");
    assert_eq!(exact(&rows(&second)), exact(&first_rows));
}

#[test]
fn a_wrong_answer_fails_whichever_instrument_runs_it() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("temporary folder");
    let output_dir = folder.path().to_str().expect("readable");
    let output = xtask(&["bench", "kit/", "--format", "json", "--output-dir", output_dir])
        // The warm-up call is right, the measured one wrong.
        .env("VOICEFLOW_KIT_WRONG_ANSWER", "2")
        .output()
        .expect("runs");
    assert_eq!(
        output.status.code(),
        Some(5),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rows = rows(&output);
    for instrument in ["time", "instructions", "allocations"] {
        // The anchors that the run begins with are right whatever is asked of the kit's own.
        let is_of_the_kit = |row: &&Value| row["id"].as_str().is_some_and(|id| id.starts_with("kit/"));
        let rows: Vec<&Value> = rows
            .iter()
            .filter(|row| row["instrument"] == instrument)
            .filter(is_of_the_kit)
            .collect();
        assert!(!rows.is_empty(), "{instrument}");
        for row in rows {
            if row["verdict"] == "skipped" {
                assert_eq!(instrument, "instructions");
                continue;
            }
            assert_eq!(row["verdict"], "failed", "{row}");
            assert!(
                row["reason"]
                    .as_str()
                    .is_some_and(|reason| reason.contains("wrong answer")),
                "{row}"
            );
        }
    }
    assert!(
        read_all(folder.path())
            .expect("readable")
            .iter()
            .all(|record| record.operation.subsystem() == "anchor"),
        "a wrong answer leaves no record"
    );
}

#[test]
fn a_kill_leaves_valid_records_of_what_was_finished() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("temporary folder");
    let output_dir = folder.path().to_str().expect("readable");
    let mut child = xtask(&["bench", "kit/", "--full", "--output-dir", output_dir])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut progress = BufReader::new(child.stderr.take().expect("piped")).lines();
    // The line of the first finished operation; the second is being measured when it appears.
    let finished = progress
        .by_ref()
        .map_while(Result::ok)
        .find(|line| line.trim_start().starts_with('['));
    assert!(finished.is_some(), "it ended before an operation was finished");
    child.kill().expect("kills");
    child.wait().expect("waits");
    let records = read_all(folder.path()).expect("every record is whole");
    assert!(!records.is_empty());
}

#[test]
fn a_filter_that_matches_nothing_is_never_a_pass() {
    for command in ["list", "bench"] {
        let output = xtask(&[command, "no-such-operation"]).output().expect("runs");
        assert_eq!(output.status.code(), Some(4), "{command}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("cargo xtask list"),
            "{command}"
        );
    }
    let broken = xtask(&["list", "/(/"]).output().expect("runs");
    assert_eq!(broken.status.code(), Some(2));
    let unknown = xtask(&["bench", "--instruments", "speed"]).output().expect("runs");
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn the_list_gives_the_documented_fields_and_every_subsystem() {
    let output = xtask(&["list", "--format", "json"]).output().expect("runs");
    assert!(output.status.success());
    let entries: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON alone");
    for subsystem in ["asr", "enhance", "storage", "security", "transport"] {
        let of_it: Vec<&Value> = entries.iter().filter(|entry| entry["subsystem"] == subsystem).collect();
        assert!(of_it.len() >= 6, "{subsystem} has {} operations", of_it.len());
        for instrument in ["time", "instructions", "allocations"] {
            let has = |entry: &&&Value| {
                entry["instruments"]
                    .as_array()
                    .is_some_and(|all| all.contains(&instrument.into()))
            };
            assert!(
                of_it.iter().any(|entry| has(&entry)),
                "{subsystem} has nothing for {instrument}"
            );
        }
    }
    assert!(entries.iter().filter(|entry| entry["subsystem"] == "pipeline").count() >= 2);
    assert!(
        entries
            .iter()
            .all(|entry| entry["question"].as_str().is_some_and(|text| text.ends_with('?')))
    );
}
