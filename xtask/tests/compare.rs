//! `compare` and the commands that are made of it end to end, on a small workspace whose commits change its operations
//! by known amounts.
//!
//! What depends on the machine's mood is asked for what must hold in any mood: a planted slowdown is never passed, equal
//! code is never regressed, and counts are exact.

#![cfg(unix)]

#[path = "compare/bisect.rs"]
mod bisect;
#[path = "compare/fixture.rs"]
mod fixture;
#[path = "compare/gate.rs"]
mod gate;
#[path = "compare/run.rs"]
mod run;
#[path = "compare/snapshot.rs"]
mod snapshot;
#[path = "compare/toy.rs"]
mod toy;
#[path = "compare/validate.rs"]
mod validate;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};
use voiceflow_record::paired::Purpose;

use crate::fixture::{Fixture, append, copy_folder, edit, fixture, git, make_cache, slot_of, write};
use crate::run::{Ran, Report, Running, has_valgrind, rounds, stored_rounds, text, xtask};
use crate::snapshot::Snapshot;

const MIX: &str = toy::MIX.id;
const NAMES: &str = toy::NAMES.id;
const SUM: &str = toy::SUM.id;
const PRODUCT: &str = toy::PRODUCT.id;

#[test]
fn equal_revisions_are_identical_and_measured_only_when_all_is_asked_for() {
    let fixture = fixture();
    // The second names no candidate: that is the working tree, which is as it was committed.
    for (arguments, candidate) in [(&["base", "base"][..], "base"), (&["base"][..], "working-tree")] {
        let ran = fixture.compare(arguments);
        ran.assert_code(0);
        let report = ran.report();
        assert_eq!(report.verdict(), "identical");
        assert_eq!(report.ids("identical"), [MIX, NAMES, SUM]);
        assert_eq!(*report.at("/candidate/name"), candidate);
        assert_eq!(*report.at("/candidate/dirty"), false);
        assert!(report.rows().is_empty(), "{arguments:?}");
        assert!(rounds(&ran.folder).is_empty(), "{arguments:?}");
    }

    let all = fixture.measure(&["base", "base", "toy/mix", "--all", "--quick"]);
    all.assert_code(0);
    let report = all.report();
    assert!(report.regressed().is_empty(), "{:?}", report.verdicts());
    assert_eq!(report.row(MIX, "blocks")["verdict"], "ok");
    assert!(report.row(MIX, "time")["rounds"].as_u64() > Some(0));
    assert!(!rounds(&all.folder).is_empty());
    assert!(report.find(SUM, "time").is_none(), "the filter leaves it out");
}

#[test]
fn a_commit_that_changes_nothing_that_runs_is_no_regression() {
    let fixture = fixture();
    let ran = fixture.measure(&["base", "noop", "--all", "--quick"]);
    ran.assert_code(0);
    let report = ran.report();
    assert!(report.regressed().is_empty(), "{:?}", report.verdicts());
    for id in [MIX, NAMES, SUM] {
        assert_eq!(report.row(id, "blocks")["change"], 0.0);
        assert!(report.row(id, "time")["rounds"].as_u64() > Some(0), "{id}");
        assert_eq!(report.find(id, "instructions").is_some(), has_valgrind(), "{id}");
    }
}

#[test]
fn a_slower_commit_is_regressed_and_explained() {
    let fixture = fixture();
    let ran = fixture.slower();
    let report = ran.report();
    let time = text(&report.row(MIX, "time")["verdict"]);
    assert!(matches!(time, "regressed" | "not_resolved"), "8 % slower is `{time}`");
    assert_eq!(report.regressed().is_empty(), report.verdict() != "regressed");
    ran.assert_code(i32::from(report.verdict() == "regressed"));
    for [id, metric] in report.regressed() {
        assert_eq!(id, MIX, "the {metric} of {id} did not change");
        assert_explained(&report, id, metric, fixture.commit_of("slower"));
    }
    if !has_valgrind() {
        assert!(report.at("/skipped").to_string().contains("valgrind missing"));
        return;
    }
    let row = report.row(MIX, "instructions");
    assert_eq!(row["verdict"], "regressed");
    let change = row["change"].as_f64().expect("a number");
    assert!((change - toy::SLOWDOWN).abs() < 0.01, "{change}");
    let function = text(&row["explanation"]["functions"][0]["function"]);
    assert!(function.contains("stir"), "`{function}` is the top function");
}

/// The one commit in between is named, and how to measure this row again.
#[track_caller]
fn assert_explained(report: &Report, id: &str, metric: &str, commit: String) {
    let explanation = &report.row(id, metric)["explanation"];
    let commits = explanation["commits"].as_array().expect("a list");
    assert_eq!(commits.len(), 1, "{commits:?}");
    assert_eq!(commits[0]["subject"], "mix: two passes more");
    assert_eq!(commits[0]["commit"], commit);
    let reproduce = text(&explanation["reproduce"]);
    assert!(reproduce.starts_with("cargo xtask compare "), "{reproduce}");
    assert!(
        reproduce.contains(&commit[..10]) && reproduce.contains(id),
        "{reproduce}"
    );
}

#[test]
fn the_other_way_round_it_is_no_regression() {
    let fixture = fixture();
    let ran = fixture.measure(&["slower", "base", "toy/mix", "--quick"]);
    ran.assert_code(0);
    let report = ran.report();
    assert!(report.regressed().is_empty(), "{:?}", report.verdicts());
    if has_valgrind() {
        assert_eq!(report.row(MIX, "instructions")["verdict"], "improved");
    }
}

#[test]
fn one_more_heap_block_is_a_regression_at_the_place_that_takes_it() {
    let fixture = fixture();
    let ran = fixture.measure(&["base", "alloc", "toy/names", "--quick"]);
    ran.assert_code(1);
    let report = ran.report();
    assert_eq!(report.verdict(), "regressed");
    assert_eq!(*report.at("/candidate/subject"), "collect: a heap block more");
    assert_one_block_more(&report, "weigh (toy/src/lib.rs:");
}

/// By exactly one block, taken where `place` says.
#[track_caller]
fn assert_one_block_more(report: &Report, place: &str) {
    let row = report.row(NAMES, "blocks");
    assert_eq!(row["verdict"], "regressed");
    let blocks = |side: &str| row[side].as_f64().expect("a number");
    assert_eq!(blocks("candidate") - blocks("baseline"), 1.0);
    let site = &row["explanation"]["call_sites"][0];
    let innermost = text(&site["site"][0]);
    assert!(innermost.contains(place), "`{place}` is not in `{innermost}`: {site:#}");
    assert_eq!(site["blocks_baseline"], 0);
    assert_eq!(site["blocks_candidate"], 1);
}

#[test]
fn a_planted_slowdown_is_found_where_it_is_and_nowhere_else() {
    let fixture = fixture();
    let ran = fixture.measure(&["base", "base", "toy/", "--plant", "100"]);
    ran.assert_code(1);
    let report = ran.report();
    assert_eq!(report.verdict(), "regressed");
    assert_eq!(*report.at("/settings/plant_percent"), 100.0);
    let planted = report.at("/settings/planted").as_array().expect("a list");
    assert_eq!(planted.len(), 1, "one operation in three: {planted:?}");
    let planted = text(&planted[0]);
    assert_eq!(report.regressed(), [[planted, "time"]]);

    let row = report.row(planted, "time");
    assert_eq!(row["planted_percent"], 100.0);
    assert_eq!(row["confirmation"]["agrees"], true);
    for change in [&row["change"], &row["confirmation"]["change"]] {
        assert!(change.as_f64() > Some(0.5), "{row:#}");
    }
    let dashboard = fs::read_to_string(ran.folder.join("bmf.json")).expect("reads");
    let dashboard: Value = serde_json::from_str(&dashboard).expect("is JSON");
    for id in [MIX, NAMES, SUM] {
        let is_planted = id == planted;
        let percent = if is_planted { 100.0 } else { 0.0 };
        assert_eq!(report.row(id, "time")["planted_percent"], percent, "{id}");
        assert_eq!(report.row(id, "blocks")["planted_percent"], 0.0, "{id}");
        assert_eq!(dashboard[id].get("latency").is_none(), is_planted, "{dashboard:#}");
    }
}

#[test]
fn a_sign_off_takes_every_round_with_layouts_of_its_own_and_leaves_a_document_with_their_digest() {
    let fixture = fixture();
    let ran = fixture.measure(&["base", "alloc", "toy/names", "--signoff"]);
    ran.assert_code(1);
    let report = ran.report();
    assert_eq!(report.verdict(), "regressed");
    assert_eq!(report.row(NAMES, "blocks")["verdict"], "regressed");
    assert_eq!(*report.at("/settings/effort"), "signoff");
    assert_eq!(*report.at("/settings/looks"), json!([32]));
    assert_eq!(report.row(NAMES, "time")["rounds"], 32);

    let is_so = |pointer: &str| *report.at(pointer) == true;
    let (matched, shuffled) = (is_so("/layout/matched"), is_so("/layout/shuffled"));
    assert_eq!(*report.at("/layout/judged_shuffled"), shuffled);
    // A linker that cannot place functions costs resolution.
    let margin = if matched && shuffled { 0.01 } else { 0.04 };
    assert_eq!(*report.at("/settings/margin"), margin);
    let mut judged = stored_rounds(&ran.folder);
    judged.retain(|round| round.purpose == Purpose::Judge);
    assert_eq!(judged.len(), 32);
    let layouts: BTreeSet<u64> = judged.iter().filter_map(|round| round.layout_seed).collect();
    assert_eq!(layouts.len(), if shuffled { 32 } else { 0 });

    let document = fs::read_to_string(ran.folder.join("signoff.md")).expect("reads");
    let digest = text(report.at("/raw_sha256"));
    assert_eq!(digest.len(), 64, "{digest}");
    for words in ["# Release sign-off: alloc against base", "REGRESSED", NAMES, digest] {
        assert!(document.contains(words), "`{words}` is not in:\n{document}");
    }
    let again = replay(&fixture, &ran.folder);
    assert_eq!(again.code, ran.code, "{}", again.stderr);
    let again = again.report();
    assert_eq!(again.verdicts(), report.verdicts());
    assert_eq!(again.row(NAMES, "time")["rounds"], 32);
}

#[test]
fn an_operation_that_the_candidate_adds_is_measured_on_both_sides_with_its_operations_laid_over() {
    let fixture = fixture();
    let arguments = ["base", "changed", "toy/product", "--quick"];
    fixture
        .compare(&arguments)
        .assert_refused(4, "no such operation in common");

    let ran = fixture.measure(&[&arguments[..], &["--kit-overlay"]].concat());
    ran.assert_code(0);
    let report = ran.report();
    assert_eq!(*report.at("/settings/kit_overlay"), true);
    assert!(report.ids("added").is_empty(), "{:?}", report.ids("added"));
    assert!(report.regressed().is_empty(), "{:?}", report.verdicts());
    assert_eq!(report.row(PRODUCT, "blocks")["change"], 0.0);
    assert!(report.row(PRODUCT, "time")["rounds"].as_u64() > Some(0));
    let differences = report.at("/differences").to_string();
    assert!(
        differences.contains("built with the candidate's operations"),
        "{differences}"
    );
}

#[test]
fn a_changed_working_tree_is_measured_with_its_new_files_and_left_as_it_was() {
    let fixture = fixture();
    append(&fixture.root().join("README.md"), "Kept for later.\n");
    fixture.git(&["stash", "push", "--quiet"]);
    write(&fixture.root().join("notes.txt"), "Staged.\n");
    fixture.git(&["add", "notes.txt"]);
    edit(&fixture.library(), "/// Passes", "mod weight;\n\n/// Passes");
    edit(
        &fixture.library(),
        "    (0..count)",
        "    let count = weight::weigh(count);\n    (0..count)",
    );
    write(
        &fixture.library().with_file_name("weight.rs"),
        &format!("//! A file that git has not heard of.\n{}", toy::WEIGH),
    );
    // As it was, but newer than the index says: whoever refreshes the index writes it.
    let manifest = fixture.root().join("Cargo.toml");
    fs::write(&manifest, fs::read(&manifest).expect("reads")).expect("writes");

    let before = Snapshot::of(fixture.root());
    let ran = fixture.measure(&["base", "toy/names", "--quick"]);
    before.assert_unchanged();
    ran.assert_code(1);
    let report = ran.report();
    assert_eq!(*report.at("/candidate/name"), "working-tree");
    assert_eq!(*report.at("/candidate/dirty"), true);
    assert_eq!(*report.at("/candidate/commit"), fixture.commit_of("base"));
    assert_one_block_more(&report, "weigh (toy/src/weight.rs:");
    let newest = &report.row(NAMES, "blocks")["explanation"]["commits"][0];
    assert_eq!(newest["subject"], "changes in the working tree");
}

#[test]
fn a_mistake_in_what_is_asked_for_is_bad_usage_and_says_what_helps() {
    let fixture = fixture();
    let before = Snapshot::of(fixture.root());
    for (arguments, words) in [
        (&["no-such-revision"][..], "there is no revision `no-such-revision`"),
        (&["base", "noop", "/(/"][..], "is no regular expression"),
        (&["base", "/(/"][..], "is no regular expression"),
        (
            &["readme-only", "base"][..],
            "revision `readme-only` does not hold this workspace",
        ),
        (
            &["base", "readme-only"][..],
            "revision `readme-only` does not hold this workspace",
        ),
    ] {
        fixture.compare(arguments).assert_refused(2, words);
    }
    for folder in ["no/such/folder", "crates"] {
        replay(&fixture, Path::new(folder))
            .assert_refused(2, "`--replay` takes the output folder of an earlier comparison");
    }
    before.assert_unchanged();

    let shallow = fixture.clone_beside("shallow", &["--depth", "1"]);
    for missing in ["HEAD~1", "slower"] {
        Ran::compare(&shallow, &[missing]).assert_refused(2, "git fetch --unshallow");
    }
}

#[test]
fn a_filter_that_leaves_nothing_in_common_is_never_a_pass() {
    let fixture = fixture();
    let ran = fixture.compare(&["base", "noop", "no-such-operation"]);
    ran.assert_refused(4, "no such operation in common");
}

#[test]
fn a_revision_that_does_not_build_fails_with_the_compilers_words() {
    let fixture = fixture();
    let ran = fixture.compare(&["base", "broken"]);
    ran.assert_refused(5, "does not build");
    assert!(ran.stderr.contains("mismatched types"), "{}", ran.stderr);
    assert!(ran.stderr.contains("twenty-five"), "{}", ran.stderr);
}

#[test]
fn a_submodule_that_cannot_be_fetched_is_named_with_what_helps() {
    let fixture = fixture();
    let library = fixture.root().with_file_name("library");
    fixture::remove(&library);
    fs::create_dir(&library).expect("makes");
    git(&library, &["init", "--quiet", "--template="]);
    git(
        &library,
        &["commit", "--quiet", "--allow-empty", "--message", "A library"],
    );
    let commit = git(&library, &["rev-parse", "HEAD"]);
    let gone = library.with_file_name("no-such-library");
    commit_submodule(&fixture, "gone", &gone, &commit);
    commit_submodule(&fixture, "local", &library, &commit);
    // The default of git, whatever this machine's is.
    fixture.git(&["config", "protocol.file.allow", "user"]);
    // Makes the slot.
    fixture.compare(&["no-such-revision"]).assert_code(2);
    for fetched_before in [".git/modules", "gone", "local"] {
        fixture::remove(&fixture.slot().join("source").join(fetched_before));
    }
    let before = Snapshot::of(fixture.root());

    let ran = fixture.compare(&["gone", "gone"]);
    ran.assert_refused(5, "the submodule `gone` of revision `gone` cannot be fetched: ");
    ran.assert_refused(5, "run `git config submodule.NAME.url URL` in this checkout");
    ran.assert_refused(5, &format!("fatal: repository '{}' does not exist", gone.display()));

    let ran = fixture.compare(&["local", "local"]);
    ran.assert_refused(5, "the submodule `local` of revision `local` cannot be fetched: ");
    ran.assert_refused(5, "run `git config protocol.file.allow always` in this checkout");
    ran.assert_refused(5, "fatal: transport 'file' not allowed");
    before.assert_unchanged();

    // What helps does help: the sources are complete, and then found to be no workspace.
    fixture.git(&["config", "protocol.file.allow", "always"]);
    fixture.git(&["config", "submodule.gone.url", &library.to_string_lossy()]);
    for name in ["gone", "local"] {
        fixture
            .compare(&[name, name])
            .assert_refused(2, &format!("revision `{name}` does not hold this workspace"));
        assert!(fixture.slot().join("source").join(name).join(".git").exists());
    }
    fixture.git(&["config", "--unset", "protocol.file.allow"]);
    fixture.git(&["config", "--unset", "submodule.gone.url"]);
}

/// Commits a submodule on top of the first commit, and tags that with the submodule's name.
fn commit_submodule(fixture: &Fixture, name: &str, url: &Path, commit: &str) {
    fixture.git(&["checkout", "--quiet", "--force", "--detach", "readme-only"]);
    let declared = format!("[submodule \"{name}\"]\n\tpath = {name}\n\turl = {}\n", url.display());
    write(&fixture.root().join(".gitmodules"), &declared);
    fixture.git(&["add", ".gitmodules"]);
    fixture.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("160000,{commit},{name}"),
    ]);
    fixture.git(&["commit", "--quiet", "--message", "Use a library"]);
    fixture.git(&["tag", name]);
    fixture.git(&["checkout", "--quiet", "--force", "main"]);
}

#[test]
fn on_a_full_disk_a_comparison_says_what_helps_and_nothing_of_the_users_is_changed() {
    let fixture = fixture();
    let (command, folder) = run::compare(fixture.root(), &["base", "base", "toy/mix", "--all", "--quick"]);
    fs::create_dir_all(&folder).expect("makes");
    let Some(mut command) = run::on_a_full_disk(&command, &folder) else {
        say_skipped("`unshare` cannot mount a small disk here: it takes Linux, and root or unprivileged namespaces");
        return;
    };
    let before = Snapshot::of(fixture.root());
    let ran = Ran::of(&mut command, &folder);
    before.assert_unchanged();
    ran.assert_refused(5, "the disk is full: free some space there and run it again");
    ran.assert_refused(5, "error: cannot keep a round of toy/mix/4kib: cannot write ");
    let round = folder.canonicalize().expect("exists").join("rounds").join(MIX);
    ran.assert_refused(5, &round.to_string_lossy());
    ran.assert_refused(5, &fixture::cache().join("compare").to_string_lossy());
    assert_eq!(ran.stderr.matches("No space left").count(), 1, "{}", ran.stderr);
}

#[expect(
    clippy::print_stderr,
    reason = "a test that was left out is not to look like one that passed"
)]
fn say_skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}

#[test]
fn comparisons_of_two_checkouts_measure_one_after_the_other() {
    let fixture = fixture();
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(fixture::cache().join("measuring.lock"))
        .expect("opens");
    lock.lock().expect("locks");
    // There is nothing to measure here.
    fixture.compare(&["base", "base"]).assert_code(0);
    let mut waiting = Running::start(fixture.root(), &["base", "base", "toy/mix", "--all", "--quick"]);
    waiting.wait_until("it waits", |running| {
        running
            .said()
            .contains("another measurement is running on this machine")
    });
    assert!(waiting.rounds().is_empty());
    drop(lock);
    waiting.wait_until("a round is taken", |running| !running.rounds().is_empty());
    waiting.kill();
    fixture.wait_until_idle();
}

#[test]
fn a_second_comparison_is_refused_while_one_runs() {
    let fixture = fixture();
    // Makes the slot.
    fixture.compare(&["no-such-revision"]).assert_code(2);
    let lock = File::options()
        .write(true)
        .open(fixture.slot().join("lock"))
        .expect("opens");
    lock.lock().expect("locks");
    let ran = fixture.compare(&["base", "base"]);
    ran.assert_refused(5, "another comparison of this checkout is running");
    drop(lock);
    fixture.compare(&["base", "base"]).assert_code(0);
}

#[test]
fn a_killed_comparison_leaves_the_repository_alone_and_the_next_one_works() {
    let fixture = fixture();
    // Makes the slot and builds what is not to be interrupted.
    fixture.compare(&["base", "base"]).assert_code(0);
    fixture.forget_build("slower");
    let slot = fixture.slot();
    let before = Snapshot::of(fixture.root());
    let start = || Running::start(fixture.root(), &["base", "slower", "--all"]);
    let settle = || {
        before.assert_unchanged();
        fixture.wait_until_idle();
        leave_traces(&slot);
    };

    let mut building = start();
    building.wait_until("it builds", |running| running.said().contains("compare: building"));
    building.kill();
    settle();

    let mut linking = start();
    linking.wait_until("a program is linked", |running| has_linked(&slot, running.started()));
    linking.kill();
    settle();

    let mut timing = start();
    timing.wait_until("a round is taken", |running| !running.rounds().is_empty());
    let folder = timing.folder().to_owned();
    timing.kill();
    settle();
    for round in stored_rounds(&folder) {
        assert!(round.is_consistent(), "{round:?}");
    }

    let mut interrupted = start();
    interrupted.wait_until("a round is taken", |running| !running.rounds().is_empty());
    assert_eq!(interrupted.interrupt(), Some(130));
    settle();

    let next = fixture.measure(&["base", "slower", "toy/mix", "--quick"]);
    before.assert_unchanged();
    let report = next.report();
    next.assert_code(i32::from(report.verdict() == "regressed"));
    assert_ne!(report.row(MIX, "time")["verdict"], "ok");
    if has_valgrind() {
        assert_eq!(report.row(MIX, "instructions")["verdict"], "regressed");
    }
    for trace in TRACES {
        assert!(!slot.join(trace).exists(), "{trace} is left over");
    }
    let note = text(report.at("/layout/note"));
    assert!(
        !note.contains("was not kept"),
        "the kill cost the next run its layouts: {note}"
    );
}

/// Files where a killed comparison leaves some.
const TRACES: [&str; 3] = ["scratch/left-over", "unfinished/left-over", "source/.git/index.lock"];

fn leave_traces(slot: &Path) {
    for trace in TRACES {
        write(&slot.join(trace), "");
    }
}

/// Whether a timed program was linked since then. Nothing of the build is kept at that moment but what it is linked from.
fn has_linked(slot: &Path, since: SystemTime) -> bool {
    let Ok(links) = fs::read_dir(slot.join("linker/links")) else {
        return false;
    };
    let is_new = |link: fs::DirEntry| {
        let complete = fs::metadata(link.path().join("complete"));
        complete
            .and_then(|complete| complete.modified())
            .is_ok_and(|modified| modified > since)
    };
    links.filter_map(Result::ok).any(is_new)
}

/// A cache may lie in a repository: dotfiles are kept in one, and so are the caches of build machines.
#[test]
fn a_half_made_clone_is_made_anew_and_the_repository_around_the_cache_is_left_alone() {
    let fixture = fixture();
    let checkout = fixture.clone_beside("around", &[]);
    let cache = checkout.join("target/cache");
    make_cache(&cache);
    // Found out without a build, and not before the clone was used.
    let refuse = || {
        let (mut command, folder) = run::compare(&checkout, &["readme-only", "readme-only"]);
        let ran = Ran::of(command.env("VOICEFLOW_CACHE", &cache), &folder);
        ran.assert_refused(2, "does not hold this workspace");
    };
    let around = Snapshot::of(&checkout.join(".git"));
    refuse();
    let git_folder = slot_of(&cache, &checkout).join("source/.git");

    fs::remove_file(git_folder.join("objects/info/alternates")).expect("removes");
    refuse();
    around.assert_unchanged();

    fixture::remove(&git_folder);
    fs::create_dir(&git_folder).expect("makes");
    refuse();
    around.assert_unchanged();
    assert_eq!(git(&checkout, &["status", "--porcelain"]), "");
}

#[test]
fn added_and_removed_operations_are_listed_and_one_that_crashes_spoils_no_other() {
    let fixture = fixture();
    let ran = fixture.measure(&["base", "changed", "--quick"]);
    ran.assert_code(5);
    let report = ran.report();
    assert_eq!(report.ids("added"), [PRODUCT]);
    assert_eq!(report.ids("removed"), [SUM]);
    let failed = report.at("/failed").as_array().expect("a list");
    assert!(failed.iter().all(|problem| problem["id"] == NAMES), "{failed:#?}");
    let reasons: Vec<&str> = failed.iter().map(|problem| text(&problem["reason"])).collect();
    let of_the_time = "candidate: it ended with exit status: 3: there are no 100 names";
    assert!(reasons.contains(&of_the_time), "{reasons:#?}");
    assert!(
        reasons
            .iter()
            .any(|reason| reason.starts_with("candidate, allocations: ")),
        "{reasons:#?}"
    );
    assert!(report.find(NAMES, "time").is_none(), "what crashed has no time");
    assert_eq!(report.row(MIX, "blocks")["verdict"], "ok");
    assert!(report.row(MIX, "time")["rounds"].as_u64() > Some(0));
    assert!(report.regressed().is_empty(), "{:?}", report.verdicts());
}

#[test]
fn stored_rounds_give_the_same_verdicts_again_and_damaged_ones_are_refused_by_name() {
    let fixture = fixture();
    let measured = fixture.slower();
    let (before, stored) = (measured.report(), Snapshot::of(&measured.folder.join("rounds")));
    let again = replay(&fixture, &measured.folder);
    assert_eq!(again.code, measured.code, "{}", again.stderr);
    let after = again.report();
    assert_eq!(after.verdict(), before.verdict());
    assert_eq!(after.verdicts(), before.verdicts());
    for pointer in ["/raw_sha256", "/placebo", "/baseline", "/candidate"] {
        assert_eq!(after.at(pointer), before.at(pointer), "{pointer}");
    }
    stored.assert_unchanged();

    let folder = fixture::outputs().join("damaged");
    copy_folder(&measured.folder, &folder);
    let round = folder.join("rounds").join(MIX).join("judge-000.json");
    let whole = fs::read_to_string(&round).expect("reads");
    for damaged in [whole[..whole.len() / 2].to_owned(), without_a_sample(&whole)] {
        fs::write(&round, damaged).expect("writes");
        replay(&fixture, &folder).assert_refused(5, &round.to_string_lossy());
    }
}

/// A round in which one side has a batch less than the other.
fn without_a_sample(round: &str) -> String {
    let mut round: Value = serde_json::from_str(round).expect("is JSON");
    let samples = round["candidate"]["cpu_ns"].as_array_mut().expect("a list");
    samples.pop().expect("there are batches");
    round.to_string()
}

/// Decides again, with a cache in which there is nothing to measure with.
fn replay(fixture: &Fixture, folder: &Path) -> Ran {
    let cache = tempfile::tempdir().expect("temporary folder");
    let mut command = xtask(fixture.root(), &["compare", "--format", "json", "--replay"]);
    let ran = Ran::of(command.arg(folder).env("VOICEFLOW_CACHE", cache.path()), folder);
    let left = fs::read_dir(cache.path()).expect("lists").count();
    assert_eq!(left, 0, "a replay builds and measures nothing");
    ran
}

#[test]
fn every_report_is_written_and_the_comment_begins_with_its_marker() {
    let fixture = fixture();
    let measured = fixture.slower();
    for name in [
        "comparison.json",
        "comment.md",
        "report.html",
        "bmf.json",
        "github-action-benchmark.json",
    ] {
        let report = fs::read_to_string(measured.folder.join(name)).expect("reads");
        assert!(report.contains(MIX), "{name}");
    }
    let folder = measured.folder.to_string_lossy();
    let mut command = xtask(
        fixture.root(),
        &["compare", "--format", "markdown", "--replay", &folder],
    );
    let comment = Ran::of(&mut command, &measured.folder);
    assert_eq!(comment.code, measured.code, "{}", comment.stderr);
    let mut lines = comment.stdout.lines();
    assert_eq!(lines.next(), Some("<!-- voiceflow-compare -->"));
    let word = match measured.report().verdict() {
        "regressed" => "**REGRESSED**: ",
        _ => "**NOT RESOLVED**: ",
    };
    let headline = lines.next().unwrap_or_default();
    assert!(headline.starts_with(word), "{headline}");
    let written = fs::read_to_string(measured.folder.join("comment.md")).expect("reads");
    assert_eq!(comment.stdout, written);
}
