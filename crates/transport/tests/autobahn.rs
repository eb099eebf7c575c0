//! Autobahn's conformance cases against the server's own path, driven by the program `kosoku`.
//!
//! Ignored unless it is asked for, because the program is a package of its own:
//!
//! ```sh
//! python3 -m venv /tmp/kosoku && /tmp/kosoku/bin/pip install kosoku==0.1.0
//! KOSOKU=/tmp/kosoku/bin/kosoku cargo test --release --workspace --locked --test autobahn -- --ignored --nocapture
//! ```
//!
//! The groups 12 and 13 are left out: they negotiate compression, which is not offered. The suite's own report with every
//! frame on the wire stays in the target folder, in `tmp/autobahn`.

use std::collections::BTreeMap;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tokio::runtime::Builder;
use voiceflow_transport::conformance::serve_echo;
use voiceflow_transport::{Exposure, Limits, PATH, ServerOptions, bind};

/// Cases of the groups 1 to 7, 9 and 10.
const CASES: usize = 301;

/// The longest message of the suite, in the groups 9.1 and 9.2.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

#[test]
#[ignore = "needs kosoku 0.1.0 from PyPI; the head of this file says how to run it"]
#[expect(
    clippy::print_stdout,
    reason = "the table is what somebody who runs this wants to see"
)]
fn the_server_passes_autobahns_cases() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("autobahn");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("the last report can be removed");
    }
    run_suite(&folder);
    let verdicts = read_verdicts(&folder);

    let mut groups: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for (case, verdict) in &verdicts {
        let group = case.split('.').next().expect("a case has a group");
        *groups.entry(group).or_default().entry(&verdict.behaviour).or_default() += 1;
    }
    for (group, counts) in &groups {
        println!("autobahn group {group}: {counts:?}");
    }
    let failed: Vec<_> = verdicts.iter().filter(|(_, verdict)| !verdict.passed()).collect();
    assert!(failed.is_empty(), "cases failed: {failed:#?}");
    assert_eq!(verdicts.len(), CASES, "every case was run");
}

/// What the suite says of a case: of its messages, and of how the connection ended.
#[derive(Debug)]
struct Verdict {
    behaviour: String,
    closing: String,
}

impl Verdict {
    /// "Non-strict" is a pass that came later than it might have, "informational" has no right answer.
    fn passed(&self) -> bool {
        matches!(&*self.behaviour, "OK" | "NON-STRICT" | "INFORMATIONAL")
            && matches!(&*self.closing, "OK" | "INFORMATIONAL")
    }
}

fn run_suite(folder: &Path) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let listener = runtime
        .block_on(bind(([127, 0, 0, 1], 0).into(), Exposure::Loopback))
        .expect("loopback is free");
    let address = listener.local_addr().expect("the listener is bound");
    let options = ServerOptions {
        limits: Limits {
            message_bytes_max: MESSAGE_BYTES_MAX,
            backlog_bytes_max: 4 * MESSAGE_BYTES_MAX,
            ..Limits::default()
        },
        ..ServerOptions::default()
    };
    runtime.spawn(serve_echo(listener, options, pending()));

    let program = std::env::var_os("KOSOKU").unwrap_or_else(|| "kosoku".into());
    // It exits with 1 when cases failed; which ones is read from its report.
    Command::new(&program)
        .args(["-m", "fuzzingclient", "-x", "12.*", "-x", "13.*", "-o"])
        .arg(folder)
        .arg(format!("{address}{PATH}"))
        .status()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
}

fn read_verdicts(folder: &Path) -> BTreeMap<String, Verdict> {
    let file = folder.join("index.json");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("no report {}: {error}", file.display()));
    let index: BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>> =
        serde_json::from_str(&text).expect("the report is an object of agents, cases and facts");
    let (_, cases) = index.into_iter().next().expect("the report has an agent");
    let word = |facts: &BTreeMap<String, Value>, name: &str| facts[name].as_str().expect("a word").to_owned();
    cases
        .into_iter()
        .map(|(case, facts)| {
            let verdict = Verdict {
                behaviour: word(&facts, "behavior"),
                closing: word(&facts, "behaviorClose"),
            };
            (case, verdict)
        })
        .collect()
}
