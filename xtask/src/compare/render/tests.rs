//! A comparison with something of everything in it, and what each report must say of it.

use voiceflow_record::{Clock, Conditions, Host, OperationId, Throughput};

use super::headline::headline;
use super::markdown::{LIMIT, MARKER};
use super::*;
use crate::compare::model::{
    BudgetLine, COMPARISON_FORMAT, CallSiteDelta, CommitLine, Comparison, Confirmation, Explanation, FunctionDelta,
    Layout, Metric, Placebo, PlaceboRow, Problem, Row, Settings, Side, Verdict, Waived,
};

const SLOWER: &str = "security/seal/aes256gcm-16kib";
const HUNGRIER: &str = "storage/get/keyed-hot";

fn id(text: &str) -> OperationId {
    text.parse().expect("valid")
}

/// A time of one microsecond that did not change.
fn time(operation: &str) -> Row {
    Row {
        id: id(operation),
        metric: Metric::Time,
        verdict: Verdict::Ok,
        clock: Some(Clock::Cpu),
        baseline: Some(1000.0),
        candidate: Some(1000.0),
        change: Some(0.0),
        low: Some(-0.004),
        high: Some(0.004),
        threshold: 0.005,
        smallest_detectable: Some(0.011),
        rounds: 6,
        p_adjusted: Some(1.0),
        confirmation: None,
        other_clock_change: None,
        throughput: None,
        planted_percent: 0.0,
        reason: None,
        explanation: None,
    }
}

/// A time with a verdict and an interval of its own.
fn judged_time(operation: &str, verdict: Verdict, change: f64, low: f64, high: f64) -> Row {
    Row {
        verdict,
        candidate: Some((1000.0 * (1.0 + change)).round()),
        change: Some(change),
        low: Some(low),
        high: Some(high),
        ..time(operation)
    }
}

fn count(operation: &str, metric: Metric, verdict: Verdict, baseline: f64, candidate: f64) -> Row {
    let change = (candidate - baseline) / baseline;
    Row {
        metric,
        verdict,
        clock: None,
        baseline: Some(baseline),
        candidate: Some(candidate),
        change: Some(change),
        low: Some(change),
        high: Some(change),
        threshold: if metric == Metric::Instructions { 0.002 } else { 0.0 },
        smallest_detectable: Some(0.002),
        rounds: 0,
        p_adjusted: None,
        ..time(operation)
    }
}

fn explanation(operation: &str) -> Explanation {
    Explanation {
        functions: vec![FunctionDelta {
            function: "<ring::Key<A | B> as core::ops::Drop>::drop".to_owned(),
            self_baseline: 100_000,
            self_candidate: 112_000,
            inclusive_baseline: 200_000,
            inclusive_candidate: 212_500,
        }],
        call_sites: vec![CallSiteDelta {
            site: vec!["seal (lib.rs:12)".to_owned(), "send (session.rs:9)".to_owned()],
            blocks_baseline: 4,
            blocks_candidate: 7,
            bytes_baseline: 1024,
            bytes_candidate: 2048,
        }],
        commits: vec![CommitLine {
            commit: "89abcdef0123456789abcdef0123456789abcdef".to_owned(),
            subject: "seal: wipe | keys for @everyone".to_owned(),
        }],
        reproduce: format!("cargo xtask compare v1.0 HEAD {operation} --full"),
    }
}

fn slower() -> Row {
    Row {
        rounds: 12,
        p_adjusted: Some(0.000_02),
        confirmation: Some(Confirmation {
            agrees: true,
            rounds: 8,
            change: 0.039,
            low: 0.031,
            high: 0.047,
        }),
        other_clock_change: Some(0.04),
        throughput: Some(Throughput::Bytes(16_384)),
        reason: Some("instructions are equal, so it is memory, branches or the kernel that cost more".to_owned()),
        explanation: Some(explanation(SLOWER)),
        ..judged_time(SLOWER, Verdict::Regressed, 0.041, 0.032, 0.05)
    }
}

fn hungrier() -> Row {
    Row {
        explanation: Some(explanation(HUNGRIER)),
        ..count(HUNGRIER, Metric::Instructions, Verdict::Regressed, 120_000.0, 121_800.0)
    }
}

fn not_comparable() -> Row {
    Row {
        verdict: Verdict::NotComparable,
        baseline: None,
        candidate: None,
        change: None,
        low: None,
        high: None,
        smallest_detectable: None,
        rounds: 0,
        p_adjusted: None,
        reason: Some("the two sides were prepared with other inputs".to_owned()),
        ..time("enhance/sentence/20-words")
    }
}

fn rows() -> Vec<Row> {
    vec![
        time("asr/features/1s"),
        count(
            "asr/features/1s",
            Metric::Instructions,
            Verdict::Regressed,
            1_000_000.0,
            1_004_000.0,
        ),
        count("asr/features/1s", Metric::Blocks, Verdict::Ok, 3.0, 3.0),
        count("asr/features/1s", Metric::Bytes, Verdict::Ok, 4096.0, 8192.0),
        Row {
            rounds: 32,
            smallest_detectable: Some(0.031),
            ..judged_time(HUNGRIER, Verdict::NotResolved, 0.008, -0.012, 0.028)
        },
        judged_time("transport/decode/frame-1kib", Verdict::Improved, -0.062, -0.07, -0.054),
        judged_time("security/validate/start-ok", Verdict::Layout, 0.021, 0.015, 0.027),
        Row {
            clock: Some(Clock::Wall),
            ..time("pipeline/dictate/short-clips")
        },
        slower(),
        not_comparable(),
        hungrier(),
    ]
}

fn host() -> Host {
    Host {
        class: "linux-x86_64-test-2core".to_owned(),
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        cpu_model: "Test CPU".to_owned(),
        cpu_features: vec!["avx2".to_owned()],
        cores: 2,
        memory_bytes: 8 << 30,
        kernel: "6.1.0".to_owned(),
        governor: None,
        libc: "glibc 2.36".to_owned(),
        valgrind: Some("valgrind-3.19.0".to_owned()),
    }
}

fn side(name: &str, commit: &str, dirty: bool) -> Side {
    Side {
        name: name.to_owned(),
        commit: commit.to_owned(),
        dirty,
        subject: "kit: what is <measured>".to_owned(),
        toolchain: "rustc 1.95.0".to_owned(),
    }
}

fn settings() -> Settings {
    Settings {
        effort: "standard".to_owned(),
        margin: 0.02,
        tolerance: 0.005,
        suspect_above: Some(0.0),
        family_alpha: 0.01,
        confirm_alpha: 0.001,
        rows: 60,
        looks: vec![4, 6, 8, 12, 16, 24, 32],
        plant_percent: 0.0,
        planted: vec![],
        all: false,
        kit_overlay: false,
        exhaustive: false,
        filter: None,
    }
}

fn placebo() -> Placebo {
    Placebo {
        rounds: 8,
        operations: vec![PlaceboRow {
            id: id("asr/features/1s"),
            rounds: 8,
            change: 0.0012,
            low: -0.002,
            high: 0.0044,
            smallest_detectable: Some(0.012),
            alarmed: false,
        }],
        alarms: 0,
    }
}

/// Nothing was compared.
fn empty() -> Comparison {
    Comparison {
        format: COMPARISON_FORMAT,
        verdict: Verdict::NotComparable,
        baseline: side("v1.0", "0123456789abcdef0123456789abcdef01234567", false),
        candidate: side("working tree", "fedcba9876543210fedcba9876543210fedcba98", true),
        host: host(),
        conditions: Conditions {
            started_unix_ms: 1_795_533_540_000,
            took_ms: 312_000,
            load_average: Some([1.25, 0.75]),
            steal: Some(0.0035),
        },
        measured_s: 312.0,
        settings: settings(),
        layout: Layout {
            matched: true,
            shuffled: true,
            judged_shuffled: false,
            functions_matched: 1234,
            functions: 1300,
            note: None,
        },
        placebo: Placebo::default(),
        operations: vec![],
        added: vec![],
        removed: vec![],
        failed: vec![],
        skipped: vec![],
        identical: vec![],
        differences: vec![],
        waived: vec![],
        budgets: vec![],
        problems: vec![],
        tool: None,
        raw_sha256: None,
    }
}

/// Something of everything.
pub(crate) fn sample() -> Comparison {
    let problem = |operation, reason: &str| Problem {
        id: id(operation),
        reason: reason.to_owned(),
    };
    Comparison {
        verdict: Verdict::Regressed,
        placebo: placebo(),
        operations: rows(),
        added: vec![id("transport/decode/frame-64kib")],
        removed: vec![id("storage/get/plain-hot")],
        failed: vec![problem(
            "asr/transcribe/short-clips",
            "wrong answer: <nothing> | \"hello\"",
        )],
        skipped: vec![problem("storage/scan/keyed-1k", "valgrind missing")],
        identical: vec![id("security/token-verify/hs256")],
        differences: vec!["Cargo.lock: ring 0.17.13 → 0.17.14".to_owned()],
        waived: vec![Waived {
            id: id("asr/features/1s"),
            metric: Metric::Instructions,
            change: 0.004,
            bound: 0.01,
            reason: "checks its input".to_owned(),
            owner: "asr".to_owned(),
            expires: "2027-03-31".to_owned(),
        }],
        budgets: vec![BudgetLine {
            id: id("pipeline/dictate/short-clips"),
            metric: "time-p95".to_owned(),
            limit: 1e9,
            value: Some(4.12e8),
            within: Some(true),
        }],
        problems: vec!["waivers.toml, line 3: the waiver of `time` of a/b/c is unused".to_owned()],
        tool: Some("9".repeat(40)),
        raw_sha256: Some("ab".repeat(32)),
        ..empty()
    }
}

/// As [`sample`], but a placebo alarmed.
fn voided() -> Comparison {
    let mut comparison = sample();
    comparison.verdict = Verdict::Void;
    comparison.placebo.alarms = 1;
    comparison.placebo.operations[0].alarmed = true;
    comparison
}

fn all_ok() -> Comparison {
    Comparison {
        verdict: Verdict::Ok,
        operations: vec![time("a/b/c"), time("a/b/d")],
        ..empty()
    }
}

fn first_line(comparison: &Comparison) -> String {
    text(comparison).lines().next().unwrap_or_default().to_owned()
}

/// All reports for people.
fn reports(comparison: &Comparison) -> [(&'static str, String); 4] {
    [
        ("text", text(comparison)),
        ("markdown", markdown(comparison)),
        ("html", html(comparison)),
        ("sign-off", sign_off(comparison)),
    ]
}

/// What a browser shows of entities.
fn decoded(markup: &str) -> String {
    let mut text = markup.to_owned();
    for c in ['|', '`', '*', '_', '~', '[', ']', '\\', '#', '!', '$', '@', '\''] {
        text = text.replace(&format!("&#{};", u32::from(c)), &c.to_string());
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

#[test]
fn the_first_line_states_the_verdict() {
    let expected = "REGRESSED: 1 of 8 operations is slower (security/seal/aes256gcm-16kib +4.10 %), 1 needs more \
                    instructions (storage/get/keyed-hot +1.50 %); 1 FAILED; 1 not comparable; 1 layout; 1 not \
                    resolved; 1 improved; 1 removed; 1 added; 1 skipped; 1 waived";
    assert_eq!(first_line(&sample()), expected);
    let markdown = markdown(&sample());
    let mut lines = markdown.lines();
    assert_eq!(lines.next(), Some(MARKER));
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("**REGRESSED**: 1 of 8")),
        "{markdown}"
    );
    for (format, report) in reports(&sample()) {
        assert!(report.contains("1 of 8 operations is slower"), "{format}: {report}");
    }
}

#[test]
fn each_verdict_of_the_whole_has_its_sentence() {
    let with = |verdict, operations| Comparison {
        verdict,
        operations,
        ..empty()
    };
    let unclear = judged_time("a/b/c", Verdict::NotResolved, 0.01, -0.03, 0.05);
    let faster = judged_time("a/b/c", Verdict::Improved, -0.05, -0.06, -0.04);
    let placed = judged_time("a/b/c", Verdict::Layout, 0.03, 0.02, 0.04);
    let cases = [
        (
            all_ok(),
            "ok: each operation is shown, at 99.5 %, not to be slower by more than 2 %",
        ),
        (
            with(Verdict::Ok, vec![unclear.clone(), time("a/b/d")]),
            "ok: 1 of 2 operations is shown, each at 99.5 %, not to be slower by more than 2 %; 1 not resolved",
        ),
        (
            with(Verdict::NotResolved, vec![unclear, time("a/b/d")]),
            "NOT RESOLVED: nothing is shown to be slower, but in 1 of 2 operations a slowdown of 2 % could not be \
             excluded, measure longer with --full",
        ),
        (
            with(Verdict::Improved, vec![faster, time("a/b/d")]),
            "improved: 1 of 2 operations improved (most a/b/c -5.00 %, processor time); each operation is shown, at 99.5 %, not to be slower by more than \
             2 %",
        ),
        (
            with(Verdict::Layout, vec![placed, time("a/b/d")]),
            "layout: 1 of 2 operations is slower as linked, with equal instructions, and no longer when layouts are \
             shuffled; 1 of 2 operations is shown, each at 99.5 %, not to be slower by more than 2 %",
        ),
        (
            with(Verdict::NotComparable, vec![not_comparable()]),
            "NOT COMPARABLE: none of 1 operation could be compared, so nothing was shown; the reasons stand below",
        ),
        (
            with(Verdict::NotComparable, vec![not_comparable(), time("a/b/d")]),
            "NOT COMPARABLE: 1 of 2 operations could not be compared, the reasons stand below; 1 of 2 operations is \
             shown, each at 99.5 %, not to be slower by more than 2 %",
        ),
    ];
    for (comparison, expected) in cases {
        assert_eq!(first_line(&comparison), expected);
    }
}

#[test]
fn flagged_rows_come_before_the_rest() {
    let text = text(&sample());
    let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("no {words:?} in {text}"));
    let places = [
        place("\nsecurity/seal/aes256gcm-16kib"),
        place("\nstorage/get/keyed-hot"),
        place("\nenhance/sentence/20-words"),
        place("\nsecurity/validate/start-ok"),
        place("\ntransport/decode/frame-1kib"),
        place("\nnot resolved"),
        place("\nok: 3 rows (2 by time, 0 by instructions, 1 by blocks); identical, not measured: 1 operation"),
        place("\nFAILED"),
        place("\nREMOVED"),
        place("\nADDED"),
        place("\nSKIPPED"),
        place("\nWAIVERS IN FORCE"),
        place("\nBUDGETS"),
        place("\nTHE BUILDS DIFFER"),
        place("\nplacebo"),
    ];
    assert!(places.is_sorted(), "{places:?}\n{text}");
}

#[test]
fn the_order_of_what_was_measured_is_not_the_order_of_the_report() {
    let mut turned = sample();
    turned.operations.reverse();
    for ((format, report), (_, other)) in reports(&sample()).into_iter().zip(reports(&turned)) {
        assert_eq!(report, other, "{format}");
    }
}

#[test]
fn rows_that_are_not_resolved_are_one_small_table() {
    let comparison = Comparison {
        verdict: Verdict::NotResolved,
        operations: vec![
            Row {
                smallest_detectable: Some(f64::INFINITY),
                ..judged_time("a/b/c", Verdict::NotResolved, 0.25, -0.5, 1.5)
            },
            Row {
                reason: Some("slower as linked, but not when layouts are shuffled".to_owned()),
                ..judged_time("storage/get/hot", Verdict::NotResolved, 0.008, -0.012, 0.028)
            },
        ],
        ..empty()
    };
    let expected = "
not resolved     metric            change          95 % interval  smallest detectable
a/b/c            processor time  +25.00 %  -50.00 % to +150.00 %              nothing
storage/get/hot  processor time   +0.80 %     -1.20 % to +2.80 %               1.10 %
    slower as linked, but not when layouts are shuffled
neither slower nor within 2 % could be shown of these
";
    assert!(text(&comparison).contains(expected), "{}", text(&comparison));
}

#[test]
fn a_flagged_row_has_its_figures_its_threshold_and_its_reasons() {
    let text = text(&sample());
    let words: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for expected in [
        "operation metric baseline candidate change 95 % interval threshold smallest detectable rounds verdict",
        "security/seal/aes256gcm-16kib processor time 1.00 µs 1.04 µs +4.10 % +3.20 % to +5.00 % 0.5 % 1.10 % 12 regressed",
        "instructions are equal, so it is memory, branches or the kernel that cost more",
        "confirmed: +3.90 % (+3.10 % to +4.70 %) over 8 rounds of fresh processes and shuffled layouts",
        "by wall time the change is +4.00 %",
        "throughput 16.4 GB/s → 15.7 GB/s",
        "p < 0.0001 against \"slower by at most 0.5 %\", adjusted by Holm over all rows",
        "self inclusive instructions of one call, by function",
        "+12 000 from 100 000 +12 500 from 200 000 <ring::Key<A | B> as core::ops::Drop>::drop",
        "+3 from 4 +1 024 from 1 024 seal (lib.rs:12) ← send (session.rs:9)",
        "commit 89abcdef01 seal: wipe | keys for @everyone",
        "measure again: cargo xtask compare v1.0 HEAD security/seal/aes256gcm-16kib --full",
        "storage/get/keyed-hot instructions 120 000 121 800 +1.50 % exact 0.2 % 0.20 % — regressed",
        "asr/features/1s instructions 1 000 000 1 004 000 +0.40 % exact 0.2 % 0.20 % — regressed, waived",
        "enhance/sentence/20-words processor time — — — — 0.5 % — — not comparable",
        "conditions from 2026-11-24 15:19 UTC, 5 min 12 s from the first round to the last, load average 1.25 at the \
         start and 0.75 at the end, steal 0.35 %",
        "layout 1 234 of 1 300 functions in the same places on both sides; suspicions confirmed under shuffled layouts",
        "asr/features/1s instructions: +0.40 %, accepted up to +1.00 %: checks its input (asr, until 2027-03-31)",
        "within: pipeline/dictate/short-clips time-p95, 412 ms of 1.00 s",
        "shown, not judged: heap bytes changed in 1 operation, most asr/features/1s (bytes +100.00 %)",
    ] {
        assert!(words.iter().any(|line| line == expected), "no {expected:?} in\n{text}");
    }
}

#[test]
fn a_void_run_says_so_first_and_its_time_verdicts_are_in_parentheses() {
    let voided = voided();
    let expected = "VOID: a placebo alarmed (asr/features/1s), so no time verdict of this run holds, measure again on a \
                    quieter machine; exact counts still hold: 1 of 8 operations needs more instructions \
                    (storage/get/keyed-hot +1.50 %)";
    assert!(first_line(&voided).starts_with(expected), "{}", first_line(&voided));
    for (format, report) in reports(&voided) {
        assert!(report.contains("(regressed)"), "{format}: {report}");
        assert!(
            !report.contains("**shown**") && !report.contains("| shown |"),
            "{format}: {report}"
        );
    }
}

#[test]
fn every_regressed_row_says_how_to_measure_it_again() {
    for (format, report) in reports(&sample()) {
        if format == "sign-off" {
            continue;
        }
        for operation in [SLOWER, HUNGRIER] {
            let command = format!("cargo xtask compare v1.0 HEAD {operation} --full");
            assert!(report.contains(&command), "{format}: {report}");
        }
    }
}

#[test]
fn what_was_not_compared_is_listed_with_its_reason() {
    for (format, report) in reports(&sample()) {
        let report = decoded(&report);
        for words in [
            "asr/transcribe/short-clips",
            "wrong answer: <nothing> | \"hello\"",
            "storage/get/plain-hot",
            "transport/decode/frame-64kib",
            "storage/scan/keyed-1k",
            "valgrind missing",
        ] {
            assert!(report.contains(words), "{format} lacks {words}: {report}");
        }
    }
}

#[test]
fn names_from_outside_survive_and_are_never_markup() {
    let function = "<ring::Key<A | B> as core::ops::Drop>::drop";
    for (format, report) in [("markdown", markdown(&sample())), ("html", html(&sample()))] {
        assert!(decoded(&report).contains(function), "{format}: {report}");
        assert!(!report.contains("<ring::Key"), "{format}: {report}");
        assert!(!report.contains("<measured>"), "{format}: {report}");
    }
    let markdown = markdown(&sample());
    assert!(!markdown.contains("A | B"), "{markdown}");
    assert!(!markdown.contains("@everyone"), "{markdown}");
}

#[test]
fn text_from_outside_cannot_steer_the_terminal() {
    let mut comparison = sample();
    comparison.failed[0].reason = "first\nsecond \u{1b}[2Jthird \u{202e}fourth".to_owned();
    let text = text(&comparison);
    assert!(text.contains("first second [2Jthird fourth"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
}

#[test]
fn a_comment_of_five_thousand_rows_stays_below_the_limit_and_says_what_it_left_out() {
    let many = |row: fn(&str) -> Row| -> Vec<Row> { (0..5000).map(|number| row(&format!("a/b/{number}"))).collect() };
    let flagged = |operation: &str| Row {
        explanation: Some(explanation(operation)),
        ..judged_time(operation, Verdict::Regressed, 0.05, 0.04, 0.06)
    };
    for (rows, missing) in [(many(time), "rows that are ok"), (many(flagged), "flagged rows")] {
        let mut comparison = sample();
        comparison.operations.extend(rows);
        let markdown = markdown(&comparison);
        assert!(markdown.len() < LIMIT, "{} bytes", markdown.len());
        let last = markdown.lines().last().unwrap_or_default();
        assert!(last.contains("Left out") && last.contains(missing), "{last}");
        assert!(last.contains("comparison.json"), "{last}");
        assert!(
            markdown.contains("**FAILED** <code>asr/transcribe/short-clips</code>"),
            "{last}"
        );
        assert_eq!(
            markdown.matches("<details>").count(),
            markdown.matches("</details>").count()
        );
    }
}

#[test]
fn a_comment_that_fits_leaves_nothing_out() {
    let markdown = markdown(&sample());
    assert!(!markdown.contains("Left out"), "{markdown}");
    assert!(
        markdown.contains("<code>security/token-verify/hs256</code>"),
        "{markdown}"
    );
    let row = "| <code>security/seal/aes256gcm-16kib</code> | processor time | 1.00 µs | 1.04 µs | +4.10 % | +3.20 % to +5.00 % | \
               0.5 % | **regressed** |";
    assert!(markdown.contains(row), "{markdown}");
}

#[test]
fn the_page_needs_neither_scripts_nor_the_network() {
    let page = html(&sample());
    for word in ["<script", "http", "url(", "@import"] {
        assert!(!page.contains(word), "{word}: {page}");
    }
    for word in [
        "prefers-color-scheme: dark",
        "name=\"viewport\"",
        "<svg class=\"forest\"",
        "<title id=\"forest-title\">",
        "<desc id=\"forest-desc\">",
        "class=\"band\"",
        "class=\"zero\"",
        "class=\"tolerance\"",
        "<th scope=\"row\">",
    ] {
        assert!(page.contains(word), "{word}: {page}");
    }
}

#[test]
fn every_element_of_the_page_is_closed() {
    let page = html(&sample());
    for element in [
        "html", "main", "header", "section", "article", "table", "thead", "tbody", "tr", "svg", "g", "text", "details",
        "ul", "li", "dl", "figure", "pre", "div",
    ] {
        let opened = page.matches(&format!("<{element}>")).count() + page.matches(&format!("<{element} ")).count();
        assert_eq!(
            opened,
            page.matches(&format!("</{element}>")).count(),
            "{element}: {page}"
        );
    }
}

#[test]
fn the_plot_draws_flagged_times_first_and_the_others_from_slower_to_faster() {
    let mut comparison = sample();
    comparison
        .operations
        .push(judged_time("a/b/slow", Verdict::Ok, 0.01, 0.006, 0.014));
    comparison
        .operations
        .push(judged_time("a/b/fast", Verdict::Ok, -0.01, -0.014, -0.006));
    let page = html(&comparison);
    let place = |operation: &str| {
        page.find(&format!("<title>{operation}: "))
            .unwrap_or_else(|| panic!("{page}"))
    };
    let places = [
        place(SLOWER),
        place("transport/decode/frame-1kib"),
        place("a/b/slow"),
        place("asr/features/1s"),
        place("a/b/fast"),
    ];
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn whiskers_beyond_the_axis_end_in_arrows() {
    let arrows = |low, high| {
        let comparison = Comparison {
            operations: vec![judged_time("a/b/c", Verdict::NotResolved, 0.0, low, high)],
            ..all_ok()
        };
        html(&comparison).matches("<polygon").count()
    };
    // The mark itself is a circle.
    assert_eq!(arrows(-0.01, 0.01), 0);
    assert_eq!(arrows(-0.01, 0.6), 1);
    assert_eq!(arrows(-0.6, 0.6), 2);
    assert_eq!(arrows(0.5, 0.6), 1);
}

#[test]
fn an_all_identical_comparison_reads_as_a_pass() {
    let comparison = Comparison {
        verdict: Verdict::Identical,
        identical: vec![id("a/b/c"), id("a/b/d")],
        ..empty()
    };
    let expected = "ok: all 2 operations run the same machine code on the same inputs, so there was nothing to measure";
    assert_eq!(first_line(&comparison), expected);
    for (format, report) in reports(&comparison) {
        assert!(report.contains("there was nothing to measure"), "{format}: {report}");
    }
}

#[test]
fn the_empty_comparison_never_reads_as_a_pass() {
    for verdict in [
        Verdict::NotComparable,
        Verdict::NotResolved,
        Verdict::Layout,
        Verdict::Improved,
        Verdict::Ok,
        Verdict::Identical,
    ] {
        let comparison = Comparison { verdict, ..empty() };
        assert_eq!(
            first_line(&comparison),
            "NOT COMPARABLE: nothing was compared, so nothing was shown"
        );
        assert_eq!(headline(&comparison).tone, super::headline::Tone::Bad);
    }
}

#[test]
fn a_failure_or_a_broken_budget_never_reads_as_a_pass() {
    let mut failed = all_ok();
    failed.failed = sample().failed;
    assert!(
        first_line(&failed).starts_with("FAILED: 1 operation crashed"),
        "{}",
        first_line(&failed)
    );
    let mut over = all_ok();
    over.budgets = sample().budgets;
    over.budgets[0].within = Some(false);
    assert!(
        first_line(&over).starts_with("OVER BUDGET: 1 budget is exceeded"),
        "{}",
        first_line(&over)
    );
    assert!(
        text(&over).contains("OVER BUDGET: pipeline/dictate/short-clips time-p95"),
        "{}",
        text(&over)
    );
}

#[test]
fn what_is_waived_reads_as_a_pass_and_says_so() {
    let comparison = Comparison {
        verdict: Verdict::Ok,
        operations: rows()
            .into_iter()
            .filter(|row| row.id == id("asr/features/1s"))
            .collect(),
        waived: sample().waived,
        ..empty()
    };
    assert_eq!(
        first_line(&comparison),
        "ok: each operation is shown, at 99.5 %, not to be slower by more than 2 %; 1 waived"
    );
    for (format, report) in reports(&comparison) {
        assert!(report.contains("regressed, waived"), "{format}: {report}");
    }
}

#[test]
fn a_regressed_row_that_nobody_waived_never_reads_as_a_pass() {
    let comparison = Comparison {
        verdict: Verdict::Ok,
        operations: vec![hungrier(), time("a/b/c")],
        ..empty()
    };
    assert_eq!(
        first_line(&comparison),
        "REGRESSED: 1 of 2 operations needs more instructions (storage/get/keyed-hot +1.50 %)"
    );
}

#[test]
fn from_nothing_to_something_is_a_difference() {
    // There is no ratio, and the change may be written as zero.
    let comparison = Comparison {
        verdict: Verdict::Regressed,
        operations: vec![Row {
            change: Some(0.0),
            ..count("a/b/c", Metric::Blocks, Verdict::Regressed, 0.0, 1.0)
        }],
        ..empty()
    };
    assert_eq!(
        first_line(&comparison),
        "REGRESSED: 1 of 1 operation allocates more heap blocks (a/b/c from 0)"
    );
    assert!(
        html(&comparison).contains("Counts that differ"),
        "{}",
        html(&comparison)
    );
    assert!(
        sign_off(&comparison).contains("0 of 1 exact counts"),
        "{}",
        sign_off(&comparison)
    );
}

#[test]
fn planted_operations_are_marked_and_what_was_missed_is_named() {
    let mut comparison = sample();
    comparison.settings.plant_percent = 3.0;
    comparison.settings.planted = vec![id(SLOWER), id(HUNGRIER)];
    let expected = "a slowdown of 3 % was planted in 2 operations, 1 found, missed storage/get/keyed-hot";
    assert!(
        first_line(&comparison).ends_with(expected),
        "{}",
        first_line(&comparison)
    );
    for (format, report) in reports(&comparison) {
        assert!(report.contains(" (planted)"), "{format}: {report}");
    }
    assert!(text(&comparison).contains("planted: the candidate was made slower here by 3 %"));
}

#[test]
fn the_sign_off_names_what_was_shown_and_what_was_not() {
    let document = sign_off(&sample());
    for line in [
        "# Release sign-off: working tree against v1.0",
        "| <code>asr/features/1s</code> | processor time | 0.00 % | -0.40 % to +0.40 % | 6 | shown | ok |",
        "| <code>storage/get/keyed-hot</code> | processor time | +0.80 % | -1.20 % to +2.80 % | 32 | **not shown** | not \
         resolved |",
        "- storage/get/keyed-hot, processor time: not resolved, +0.80 % (-1.20 % to +2.80 %); smallest detectable slowdown \
         3.10 %",
        "This run was made with effort <code>standard</code>, less than a sign-off asks for.",
    ] {
        assert!(
            document.lines().any(|found| found == line),
            "no {line:?} in\n{document}"
        );
    }
    assert!(document.contains(&"ab".repeat(32)), "{document}");
    assert!(
        document.contains("It was shown for 3 of 7 operations that were timed."),
        "{document}"
    );
}

#[test]
fn the_json_reads_back_as_it_was() {
    let text = json(&sample()).expect("encodes");
    assert_eq!(serde_json::from_str::<Comparison>(&text).expect("decodes"), sample());
}

#[test]
fn bencher_gets_the_candidates_figures_with_the_interval_around_them() {
    let text = bencher_metric_format(&sample()).expect("encodes");
    let value: serde_json::Value = serde_json::from_str(&text).expect("parses");
    let latency = &value[SLOWER]["latency"];
    let is_near = |name: &str, expected: f64| {
        let found = latency[name].as_f64().unwrap_or_default();
        assert!((found - expected).abs() < 1e-6, "{name}: {found}");
    };
    is_near("value", 1041.0);
    is_near("lower_value", 1032.0);
    is_near("upper_value", 1050.0);
    assert_eq!(value[HUNGRIER]["instructions"]["value"], 121_800.0);
    assert!(value[HUNGRIER]["instructions"]["lower_value"].is_null());
    assert_eq!(value["asr/features/1s"]["allocations"]["value"], 3.0);
    assert!(value["enhance/sentence/20-words"].is_null());
}

#[test]
fn the_github_action_gets_one_series_an_operation_and_metric() {
    let text = github_action_benchmark(&sample()).expect("encodes");
    let value: serde_json::Value = serde_json::from_str(&text).expect("parses");
    let entries = value.as_array().expect("an array");
    let names: Vec<&str> = entries.iter().filter_map(|entry| entry["name"].as_str()).collect();
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(names.len(), 9, "{names:?}");
    let find = |name: &str| {
        let found = entries.iter().find(|entry| entry["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {text}"))
    };
    let slower = find("security/seal/aes256gcm-16kib time");
    assert_eq!(slower["unit"], "ns");
    assert!(
        slower["value"]
            .as_f64()
            .is_some_and(|value| (value - 1041.0).abs() < 1e-6),
        "{slower}"
    );
    assert_eq!(slower["range"], "± 9.000");
    assert_eq!(
        slower["extra"],
        "+4.10 % (+3.20 % to +5.00 %) against v1.0 (0123456789)\nregressed"
    );
    let hungrier = find("storage/get/keyed-hot instructions");
    assert_eq!(hungrier["value"], 121_800.0);
    assert!(hungrier["range"].is_null());
}

#[test]
fn dashboards_get_neither_planted_figures_nor_the_times_of_a_void_run() {
    let mut planted = sample();
    planted.settings.planted = vec![id(SLOWER)];
    for comparison in [planted, voided()] {
        let bencher = bencher_metric_format(&comparison).expect("encodes");
        let action = github_action_benchmark(&comparison).expect("encodes");
        assert!(
            !bencher.contains(SLOWER) && !action.contains(SLOWER),
            "{bencher}{action}"
        );
        assert!(
            bencher.contains(HUNGRIER) && action.contains(HUNGRIER),
            "{bencher}{action}"
        );
    }
}

/// A reader of the JSON looks fields up there.
#[test]
fn every_field_of_the_json_is_documented() {
    let documented = include_str!("../../../../docs/json.md");
    let value = serde_json::to_value(sample()).expect("encodes");
    let mut missing = Vec::new();
    for (field, value) in value.as_object().expect("an object") {
        // The machine and what it was doing are described with the records.
        let is_described_elsewhere = ["host", "conditions"].contains(&field.as_str());
        let inner = match value {
            serde_json::Value::Array(items) => items.first(),
            other => Some(other),
        };
        let inner = inner
            .filter(|_| !is_described_elsewhere)
            .and_then(|inner| inner.as_object());
        let names = inner.into_iter().flatten().map(|(name, _)| name).chain([field]);
        missing.extend(names.filter(|name| !documented.contains(&format!("`{name}`"))).cloned());
    }
    assert_eq!(missing, Vec::<String>::new());
}
