//! Programs that tell what they measure as they go: starts one, reads its lines, and keeps them.
//!
//! A line that begins with [`LINE_PREFIX`] holds one JSON value; whatever else a program or a library in it prints goes
//! to the log.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::de::DeserializeOwned;

use crate::bench::Program;
use crate::process;

/// What a line begins with that holds a value.
const LINE_PREFIX: &str = "@sample ";

/// The longest silence between two lines. The slowest step, 64 dictations at once, is over in a minute or two.
const SILENCE: Duration = Duration::from_secs(600);

/// A program and where what it says is kept.
pub(crate) struct Source<'a> {
    program: &'a Program,
    output: PathBuf,
}

impl<'a> Source<'a> {
    /// Keeps lines in `samples.jsonl` below `output`, and whatever else is printed in `program.log`.
    pub(crate) fn new(program: &'a Program, output: &Path) -> Self {
        Self {
            program,
            output: output.to_owned(),
        }
    }

    /// Runs the program with these arguments to its end and hands on each value as it comes.
    ///
    /// Every line is kept before it is handed on, so a kill loses at most what was being measured.
    pub(crate) fn read<T: DeserializeOwned>(&self, arguments: &[&str], mut take: impl FnMut(T)) -> anyhow::Result<()> {
        let log_path = self.output.join("program.log");
        let mut log = append(&log_path)?;
        let mut samples = append(&self.output.join("samples.jsonl"))?;
        let mut command = Command::new(&self.program.executable);
        process::scrub_cargo_variables(&mut command);
        command
            .args(arguments)
            .current_dir(&self.program.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.try_clone().context("cannot write the log")?);
        let (mut child, _running) = process::spawn_group(&mut command)?;
        let output = child.stdout.take().context("the program has no output")?;
        let (sender, lines) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n') {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let what = format!("`{} {}`", self.program.target, arguments.join(" "));
        let mut take_all = || -> anyhow::Result<()> {
            loop {
                let line = match lines.recv_timeout(SILENCE) {
                    Ok(line) => line.context("cannot read what the program says")?,
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                    Err(RecvTimeoutError::Timeout) => {
                        bail!("{what} said nothing for {} s and was ended", SILENCE.as_secs())
                    }
                };
                let line = String::from_utf8_lossy(&line);
                let Some(value) = line.strip_prefix(LINE_PREFIX) else {
                    writeln!(log, "{line}").context("cannot write the log")?;
                    continue;
                };
                writeln!(samples, "{value}").context("cannot keep the samples")?;
                let value = serde_json::from_str(value)
                    .with_context(|| format!("{what} said something that this xtask does not know: {value}"))?;
                take(value);
            }
        };
        if let Err(error) = take_all() {
            // Whatever it still measures is of no use to anybody.
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
        let _ = reader.join();
        let status = child.wait().context("cannot wait for the program")?;
        if !status.success() {
            bail!(
                "{what} ended with {status}: {} (all it said: {})",
                last_line(&log_path),
                log_path.display()
            );
        }
        Ok(())
    }
}

fn append(path: &Path) -> anyhow::Result<File> {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))
}

fn last_line(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map_or_else(|| "it printed nothing".to_owned(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_by(script: &str) -> (anyhow::Result<Vec<u32>>, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let program = Program {
            folder: folder.path().to_owned(),
            target: "pretender".to_owned(),
            executable: PathBuf::from("sh"),
        };
        let mut values = Vec::new();
        let outcome = Source::new(&program, folder.path()).read(&["-c", script], |value| values.push(value));
        (outcome.map(|()| values), folder)
    }

    #[test]
    fn values_are_taken_and_kept_and_other_lines_are_logged() {
        let (values, folder) = told_by("echo '@sample 1'; echo hello; echo '@sample 2'");
        assert_eq!(values.expect("runs"), [1, 2]);
        let kept = |file: &str| std::fs::read_to_string(folder.path().join(file)).expect("is there");
        assert_eq!(kept("samples.jsonl"), "1\n2\n");
        assert_eq!(kept("program.log"), "hello\n");
    }

    #[test]
    fn a_program_that_fails_is_told_with_its_last_words() {
        let (values, _folder) = told_by("echo '@sample 1'; echo 'error: no model' >&2; exit 3");
        let error = values.expect_err("it failed").to_string();
        assert!(error.contains("exit status: 3: error: no model"), "{error}");
    }

    #[test]
    fn a_value_of_another_kind_is_named() {
        let (values, _folder) = told_by("echo '@sample \"one\"'");
        let error = values.expect_err("no number").to_string();
        assert!(error.contains("\"one\""), "{error}");
    }
}
