//! `bisect`: the one commit on a line that makes an operation costlier.

use crate::NAMES;
use crate::fixture::{Fixture, edit, fixture};
use crate::run::text;
use crate::snapshot::Snapshot;

/// Commits one after the other: a subject, and what it puts in the place of what in the library.
const CHANGES: [(&str, &str, &str); 5] = [
    ("mix: a pass more", "PASSES: u32 = 25", "PASSES: u32 = 26"),
    ("mix: in other words", "/// Mixes words into one.", "/// One of many."),
    (
        "collect: a heap block more",
        "    (0..count)",
        "    let count = *std::hint::black_box(Box::new(count));\n    (0..count)",
    ),
    ("sum: further round", "sum.rotate_left(1)", "sum.rotate_left(3)"),
    ("mix: a pass less", "PASSES: u32 = 26", "PASSES: u32 = 25"),
];

/// The place on the line, which begins with `base`, of the one that takes a block more.
const COSTLIER: usize = 3;

#[test]
fn the_commit_that_takes_one_more_heap_block_is_named() {
    let fixture = fixture();
    let line = commit_line(&fixture);
    let before = Snapshot::of(fixture.root());
    let (good, bad) = (line[0].as_str(), line[CHANGES.len()].as_str());
    let ran = fixture.run("bisect", &[good, bad, "--operation", NAMES]);
    before.assert_unchanged();
    ran.assert_code(0);
    let report = ran.report();
    assert_eq!(*report.at("/result"), "found");
    assert_eq!(*report.at("/operation"), NAMES);
    assert_eq!(*report.at("/commits"), CHANGES.len());
    assert_eq!(*report.at("/first_bad/commit"), line[COSTLIER]);
    assert_eq!(*report.at("/first_bad/subject"), "collect: a heap block more");
    assert_eq!(*report.at("/last_good/commit"), line[COSTLIER - 1]);
    // The block costs instructions too, where these can be counted; no time is asked.
    let metric = text(report.at("/metric"));
    assert!(matches!(metric, "instructions" | "blocks"), "{metric}");

    let evidence = report.at("/evidence").as_array().expect("a list");
    // Both ends, and the two that halving asks about.
    assert_eq!(evidence.len(), 4, "{evidence:#?}");
    for row in evidence {
        let place = line.iter().position(|commit| row["commit"] == *commit);
        let is_before = place.expect("is on the line") < COSTLIER;
        let answer = if is_before { "good" } else { "bad" };
        assert_eq!(row["answer"], answer, "{row:#}");
    }
    let call_sites = report.at("/causes/call_sites").as_array().expect("a list");
    assert!(!call_sites.is_empty(), "what changed is told");
}

/// Commits the changes on top of `base`, and returns the hashes from there on. What is checked out stays as it was.
fn commit_line(fixture: &Fixture) -> Vec<String> {
    fixture.git(&["checkout", "--quiet", "--force", "--detach", "base"]);
    let mut line = vec![fixture.commit_of("base")];
    for (subject, from, to) in CHANGES {
        edit(&fixture.library(), from, to);
        fixture.git(&["commit", "--quiet", "--all", "--message", subject]);
        line.push(fixture.commit_of("HEAD"));
    }
    fixture.git(&["checkout", "--quiet", "--force", "main"]);
    line
}
