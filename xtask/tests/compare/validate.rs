//! `validate-compare`: a run of HEAD against itself is kept, and evaluated as often as one likes.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use voiceflow_record::paired::Purpose;

use crate::MIX;
use crate::fixture::{Fixture, cache, fixture, remove};
use crate::run::{Ran, stored_rounds, xtask};
use crate::snapshot::Snapshot;

#[test]
fn a_run_of_head_against_itself_is_kept_and_evaluated_again_without_measuring() {
    let fixture = fixture();
    let kept = cache().join("compare-validation");
    // Runs from before a change of the kit, or of the rules, make no one suite with this one.
    remove(&kept);
    let taken = validate(&fixture, &["--runs", "1"]);
    taken.assert_code(0);
    for words in [
        "Made by `cargo xtask validate-compare --suites 20 --trials 2 --filter toy/mix`",
        "from 1 runs of HEAD against itself",
        "\nEqual code, as measured\n",
    ] {
        assert!(taken.stdout.contains(words), "`{words}` is not in:\n{}", taken.stdout);
    }

    let class = only_entry(&kept);
    let run = only_entry(&class);
    let comparison = fs::read_to_string(run.join("comparison.json")).expect("reads");
    let comparison: Value = serde_json::from_str(&comparison).expect("is JSON");
    assert_eq!(comparison["baseline"]["commit"], comparison["candidate"]["commit"]);
    let stored = stored_rounds(&run);
    let count = |purpose: Purpose| stored.iter().filter(|round| round.purpose == purpose).count();
    assert!(stored.iter().all(|round| round.operation.as_str() == MIX));
    assert!(count(Purpose::Judge) >= 4, "its time is enough for a first look");
    assert!(count(Purpose::Placebo) > 0);
    // Four are taken of what nobody suspects, and more to confirm a suspicion.
    assert!(count(Purpose::Confirm) >= 4, "{}", count(Purpose::Confirm));
    let shuffled = comparison["layout"]["shuffled"] == true;
    for round in &stored {
        let is_shuffled = shuffled && round.purpose == Purpose::Confirm;
        assert_eq!(round.layout_seed.is_some(), is_shuffled, "{:?}", round.purpose);
    }

    let before = Snapshot::of(&kept);
    let folder = class.to_string_lossy();
    let again = validate(&fixture, &["--data", &folder, "--format", "json"]);
    before.assert_unchanged();
    again.assert_code(0);
    let report = again.report();
    assert_eq!(*report.at("/format"), 1);
    assert_eq!(*report.at("/runs"), 1);
    assert_eq!(*report.at("/rounds"), count(Purpose::Judge) + count(Purpose::Placebo));
    assert_eq!(*report.at("/measured/suites"), 1);
    assert_eq!(*report.at("/no_ops/commits"), 0);
}

/// One operation, and as few suites as show that they are drawn.
fn validate(fixture: &Fixture, arguments: &[&str]) -> Ran {
    let mut command = xtask(
        fixture.root(),
        &[
            "validate-compare",
            "--filter",
            "toy/mix",
            "--suites",
            "20",
            "--trials",
            "2",
        ],
    );
    Ran::of(command.args(arguments), fixture.root())
}

/// What a folder holds, which is one.
#[track_caller]
fn only_entry(folder: &Path) -> PathBuf {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .expect("lists")
        .map(|entry| entry.expect("lists").path())
        .collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}
