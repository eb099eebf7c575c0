//! `gate`: what is checked out against where it branched off, held to its waivers and budgets.

use std::fs;

use serde_json::json;

use crate::fixture::{Fixture, append, edit, fixture, write};
use crate::run::{Ran, rounds, text};
use crate::snapshot::Snapshot;
use crate::{MIX, NAMES, SUM, toy};

#[test]
fn one_more_heap_block_does_not_go_in_and_the_comment_says_where_it_is_taken() {
    let fixture = fixture();
    fixture.git(&["checkout", "--quiet", "--detach", "alloc"]);
    // What the base has gained since the two parted is not held against the change.
    let ran = fixture.gate(&["--base", "slower", "toy/names"]);
    ran.assert_code(1);
    let report = ran.report();
    assert_eq!(report.verdict(), "regressed");
    assert_eq!(*report.at("/baseline/name"), "slower (where it branched off)");
    assert_eq!(*report.at("/baseline/commit"), fixture.commit_of("base"));
    assert_eq!(*report.at("/candidate/name"), "working-tree");
    assert_eq!(*report.at("/candidate/commit"), fixture.commit_of("alloc"));
    assert_eq!(report.row(NAMES, "blocks")["verdict"], "regressed");
    assert_eq!(*report.at("/waived"), json!([]));
    assert_comment_holds(
        &ran,
        &[
            "\n**REGRESSED**: ",
            "heap blocks",
            NAMES,
            "weigh (toy/src/lib.rs:",
            "collect: a heap block more",
        ],
    );
}

#[test]
fn a_waived_block_goes_in_and_is_told_all_the_same() {
    let fixture = fixture();
    trade_passes_for_a_block(&fixture);
    write_waivers(&fixture, &waiver(MIX, "2999-12-31"));
    let before = Snapshot::of(fixture.root());
    let ran = fixture.gate(&["--base", "base", "toy/mix"]);
    before.assert_unchanged();
    ran.assert_code(0);
    let report = ran.report();
    assert_ne!(report.verdict(), "regressed");
    assert_eq!(*report.at("/problems"), json!([]));
    assert_eq!(report.regressed(), [[MIX, "blocks"]]);
    assert_eq!(
        report.row(MIX, "blocks")["reason"],
        "accepted up to one block until 2999-12-31 by a waiver of the toy makers"
    );
    let waived = report.at("/waived").as_array().expect("a list");
    assert_eq!(waived.len(), 1, "{waived:#?}");
    for (field, value) in [
        ("id", MIX),
        ("metric", "blocks"),
        ("reason", "it saves passes"),
        ("owner", "the toy makers"),
        ("expires", "2999-12-31"),
    ] {
        assert_eq!(waived[0][field], value, "{field}");
    }
    assert_comment_holds(&ran, &["Waivers in force", "the toy makers"]);
}

#[test]
fn an_expired_waiver_keeps_out_what_changes_nothing_else() {
    let fixture = fixture();
    // The second says nothing of code that is identical, and is left alone.
    let waivers = waiver(MIX, "2020-01-31") + &waiver(NAMES, "2999-12-31");
    write_waivers(&fixture, &waivers);
    let ran = fixture.gate(&["--base", "base"]);
    ran.assert_code(1);
    let report = ran.report();
    assert_eq!(report.verdict(), "identical");
    assert_eq!(report.ids("identical"), [MIX, NAMES, SUM]);
    assert!(rounds(&ran.folder).is_empty());
    assert_eq!(*report.at("/waived"), json!([]));
    let problems = report.at("/problems").as_array().expect("a list");
    assert_eq!(problems.len(), 1, "{problems:#?}");
    let problem = text(&problems[0]);
    let words = format!(
        "baselines/waivers.toml of working-tree, line 1: the waiver of `blocks` of {MIX} expired on 2020-01-31"
    );
    assert!(problem.starts_with(&words), "{problem}");
    assert_comment_holds(&ran, &["\n**WAIVERS**: ", "Waivers to look at", "2020-01-31"]);
}

#[test]
fn a_broken_budget_keeps_out_what_is_faster_than_before() {
    let fixture = fixture();
    edit(&fixture.library(), "PASSES: u32 = 25", "PASSES: u32 = 20");
    let budgets = [
        budget(MIX, "time-median", "1 ns"),
        budget(MIX, "blocks", "3"),
        // The filter leaves it out.
        budget(SUM, "time-median", "1 ns"),
    ];
    write(&fixture.root().join("baselines/budgets.toml"), &budgets.concat());
    let ran = fixture.gate(&["--base", "base", "toy/mix"]);
    ran.assert_code(1);
    let report = ran.report();
    assert!(report.regressed().is_empty(), "{:?}", report.verdicts());
    assert_eq!(*report.at("/problems"), json!([]));
    let budgets = report.at("/budgets").as_array().expect("a list");
    assert_eq!(budgets.len(), 2, "{budgets:#?}");
    let [time, blocks] = [&budgets[0], &budgets[1]];
    assert_eq!([text(&time["id"]), text(&time["metric"])], [MIX, "time-median"]);
    assert_eq!(time["limit"], 1.0);
    assert!(time["value"].as_f64() > Some(1.0), "{time:#}");
    assert_eq!(time["within"], false);
    assert_eq!([text(&blocks["id"]), text(&blocks["metric"])], [MIX, "blocks"]);
    assert_eq!(blocks["value"], 0.0);
    assert_eq!(blocks["within"], true);
    assert_comment_holds(&ran, &["\n**OVER BUDGET**: ", "Budgets"]);
}

#[test]
fn a_mistake_in_the_waivers_is_named_with_its_line() {
    let fixture = fixture();
    write_waivers(&fixture, &waiver(MIX, "2999-12-31").replace("+1", "a few"));
    let ran = fixture.run("gate", &["--base", "base"]);
    let place = format!("error: baselines/waivers.toml of working-tree, line 4, waiver 1 ({MIX}): ");
    ran.assert_refused(5, &place);
    ran.assert_refused(5, "`bound` is `a few`, which bounds no blocks");
}

/// One heap block more, and a fifth fewer passes: whatever the machine does, blocks alone get worse.
fn trade_passes_for_a_block(fixture: &Fixture) {
    let library = fixture.library();
    edit(&library, "PASSES: u32 = 25", "PASSES: u32 = 20");
    edit(&library, "(0..PASSES)", "(0..weigh(PASSES as usize) as u32)");
    append(&library, toy::WEIGH);
}

fn write_waivers(fixture: &Fixture, text: &str) {
    write(&fixture.root().join("baselines/waivers.toml"), text);
}

/// An entry that accepts one block more, its `bound` on line 4.
fn waiver(id: &str, expires: &str) -> String {
    format!(
        "[[waiver]]\noperation = \"{id}\"\nmetric = \"blocks\"\nbound = \"+1\"\nreason = \"it saves passes\"\n\
         owner = \"the toy makers\"\nexpires = {expires}\n"
    )
}

fn budget(id: &str, metric: &str, limit: &str) -> String {
    format!("[[budget]]\noperation = \"{id}\"\nmetric = \"{metric}\"\nlimit = \"{limit}\"\nreason = \"a test\"\n")
}

#[track_caller]
fn assert_comment_holds(ran: &Ran, expected: &[&str]) {
    let comment = fs::read_to_string(ran.folder.join("comment.md")).expect("reads");
    assert!(comment.starts_with("<!-- voiceflow-compare -->\n"), "{comment}");
    for &words in expected {
        assert!(comment.contains(words), "`{words}` is not in:\n{comment}");
    }
}
