//! Reads callgrind's output files: the format is stable and documented with valgrind, unlike the summaries of runners.
//! What the counted program says of itself is read from what it printed.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use voiceflow_record::{Counts, INPUTS_PREFIX};

/// The events that do not depend on addresses. Mispredictions (`Bcm`, `Bim`) come from a simulated predictor indexed by
/// address, so they move with the layout of the program and are left out.
const EVENTS: [&str; 3] = ["Ir", "Bc", "Bi"];

/// The counts below `folder`, which holds the output of one benchmark: a file a thread, of which those that did not run
/// the counted call hold zeros.
pub(crate) fn read_counts(folder: &Path) -> anyhow::Result<Counts> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    ensure!(!files.is_empty(), "callgrind left no output");
    let mut counts = Counts::new();
    for file in files {
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let of_thread = parse_counts(&text).with_context(|| format!("cannot read {}", file.display()))?;
        for (event, count) in of_thread {
            *counts.entry(event).or_default() += count;
        }
    }
    // A mismatch of runner and library has been seen to give zeros.
    ensure!(
        counts.get("Ir").is_some_and(|&instructions| instructions > 0),
        "no instruction was counted"
    );
    Ok(counts)
}

/// Finds `callgrind.*.out`; gungraun writes a log beside it.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            collect(&path, files)?;
        } else if name.starts_with("callgrind.") && name.ends_with(".out") {
            files.push(path);
        }
    }
    Ok(())
}

/// The line `events:` names the columns of the line `totals:`.
fn parse_counts(text: &str) -> anyhow::Result<Counts> {
    let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    let events = line("events:").context("there is no line `events:`")?;
    let totals = line("totals:").context("there is no line `totals:`: the run did not end")?;
    let totals: Vec<u64> = totals
        .split_whitespace()
        .map(|total| total.parse().with_context(|| format!("`{total}` is no count")))
        .collect::<anyhow::Result<_>>()?;
    let columns: Counts = events.split_whitespace().map(str::to_owned).zip(totals).collect();
    let counts: Counts = columns
        .into_iter()
        .filter(|(event, _)| EVENTS.contains(&event.as_str()))
        .collect();
    ensure!(counts.contains_key("Ir"), "there is no column `Ir`");
    Ok(counts)
}

/// The digest of the inputs of what was counted, from what the program printed; `None` where it is too old to tell it.
pub(crate) fn read_inputs(output: &Path) -> anyhow::Result<Option<String>> {
    let output = std::fs::read(output).with_context(|| format!("cannot read {}", output.display()))?;
    // Libraries may print anything.
    Ok(parse_inputs(&String::from_utf8_lossy(&output)))
}

/// gungraun's own lines stand in the same text, and one of them may not have ended where the program's begins.
fn parse_inputs(output: &str) -> Option<String> {
    let (_, digest) = output.lines().find_map(|line| line.split_once(INPUTS_PREFIX))?;
    let digest = digest.trim_end();
    let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| digest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_the_inputs_is_found_among_what_else_is_printed() {
        let digest = "0123456789abcdef".repeat(4);
        let told = format!("{INPUTS_PREFIX}{digest}");
        for output in [
            format!("iai::counted::sum\n{told}\n- end of stderr\n"),
            format!("- end of{told}"),
            format!("warming up\r\n{told}\r\n"),
        ] {
            assert_eq!(parse_inputs(&output).as_deref(), Some(digest.as_str()), "{output:?}");
        }
        for output in ["", INPUTS_PREFIX, &told[..told.len() - 1]] {
            assert_eq!(parse_inputs(output), None, "{output:?}");
        }
    }

    #[test]
    fn totals_are_read_by_the_names_of_their_columns() {
        let text = "# callgrind format\nevents: Ir Bc Bcm Bi Bim\nsummary: 1 1 1 1 1\nfn=x\n0 519 71 8 2 2\ntotals: 519 71 8 2 2\n";
        let counts = parse_counts(text).expect("parses");
        let expected = [("Bc", 71), ("Bi", 2), ("Ir", 519)].map(|(event, count)| (event.to_owned(), count));
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_unfinished_or_empty_count_is_an_error() {
        for (text, complaint) in [
            ("events: Ir\n", "did not end"),
            ("totals: 5\n", "events"),
            ("events: Bc\ntotals: 0\n", "no column"),
            ("events: Ir\ntotals: many\n", "no count"),
        ] {
            let error = parse_counts(text).expect_err("refused").to_string();
            assert!(error.contains(complaint), "{error}");
        }
    }

    #[test]
    fn the_files_of_all_threads_are_added_and_nothing_at_all_is_an_error() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let write = |name: &str, total: u64| {
            std::fs::write(folder.path().join(name), format!("events: Ir\ntotals: {total}\n")).expect("writes");
        };
        assert!(read_counts(folder.path()).is_err());
        write("callgrind.x.t1.out", 0);
        assert!(read_counts(folder.path()).is_err());
        write("callgrind.x.t2.out", 7);
        assert_eq!(read_counts(folder.path()).expect("reads")["Ir"], 7);
    }
}
