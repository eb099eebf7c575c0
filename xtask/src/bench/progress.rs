//! Progress on standard error: a bar with the time left on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::measure::{Attempt, Found};
use super::plan::Job;

/// Where the measuring has got to.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    jobs: usize,
    done: std::cell::Cell<usize>,
    started: Instant,
}

impl Progress {
    /// Starts at none of `jobs`.
    pub(crate) fn new(jobs: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(jobs as u64);
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {eta} left  {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self {
            bar,
            jobs,
            done: std::cell::Cell::new(0),
            started: Instant::now(),
        }
    }

    /// A job begins.
    pub(crate) fn starts(&self, job: &Job) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} {}", job.instrument.as_str(), job.id));
        }
    }

    /// A job has ended, well or not.
    pub(crate) fn ended(&self, attempt: &Attempt) {
        self.done.set(self.done.get() + 1);
        let outcome = match &attempt.found {
            Found::Record(_) => String::new(),
            Found::Skipped(reason) => format!("  skipped: {reason}"),
            Found::Failed(reason) => format!("  FAILED: {reason}"),
        };
        let line = format!(
            "[{:>3}/{}] {:>4} s  {:<12} {}{outcome}",
            self.done.get(),
            self.jobs,
            self.started.elapsed().as_secs(),
            attempt.instrument.as_str(),
            attempt.id,
        );
        match &self.bar {
            Some(bar) => {
                if !outcome.is_empty() {
                    bar.println(line);
                }
                bar.inc(1);
            }
            None => eprintln!("{line}"),
        }
    }

    /// All jobs have ended.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
