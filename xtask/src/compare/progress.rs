//! How far the measuring has got, on standard error: a bar on a terminal, a line every so often elsewhere.

use std::cell::Cell;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use voiceflow_record::OperationId;
use voiceflow_record::paired::Purpose;

/// Operations decided, of all. How many rounds each will need is not known, so no time left is promised.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    all: usize,
    decided: Cell<usize>,
    rounds: Cell<usize>,
    started: Instant,
    last_line: Cell<Instant>,
}

/// Often enough to see that it lives, seldom enough to read.
const LINE_EVERY: Duration = Duration::from_secs(15);

impl Progress {
    /// Starts with none of `all` decided.
    pub(crate) fn new(all: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(all as u64);
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} decided  {elapsed}  {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self {
            bar,
            all,
            decided: Cell::new(0),
            rounds: Cell::new(0),
            started: Instant::now(),
            last_line: Cell::new(Instant::now()),
        }
    }

    /// A round begins.
    pub(crate) fn starts(&self, id: &OperationId, purpose: Purpose) {
        self.rounds.set(self.rounds.get() + 1);
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} {id}", purpose.as_str()));
        } else if self.last_line.get().elapsed() > LINE_EVERY {
            self.last_line.set(Instant::now());
            eprintln!(
                "compare: {:>4} s, {} rounds, {} of {} decided",
                self.started.elapsed().as_secs(),
                self.rounds.get(),
                self.decided.get(),
                self.all
            );
        }
    }

    /// An operation is decided, or out.
    pub(crate) fn ends(&self) {
        self.decided.set(self.decided.get() + 1);
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// All have ended.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
