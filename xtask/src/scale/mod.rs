//! `scale`: throughput and latency of each subsystem and of the pipeline from 1 to 64 workers, and what asynchronous
//! enhancement, pooling, the response cache and open connections are worth.
//!
//! Workers ask again as soon as they are answered, for a fixed time after a warm-up (`benches/scale`). The numbers of
//! workers are visited upwards and downwards in turn, so that a machine that grows slower does not look like one that
//! scales badly. Closed loops say what a service can do, not what users wait who come when they like.

mod found;
mod report;
mod usl;

use anyhow::{Context as _, ensure};

use crate::bench;
use crate::cli::ScaleCommand;
use crate::filter::Filter;
use crate::impact::Failed;
use crate::outcome::{Failure, Outcome};
use crate::published::Report;
use crate::samples::Source;
use crate::workspace::Workspace;
use crate::{host, measuring, setup, waivers};

use found::{Bound, Claim, Comparison, Curve, Told};
use report::Scale;

/// How many workers there are.
const WORKERS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];

/// How much is measured.
struct Effort {
    /// Up and down is two.
    passes: usize,
    /// Of what takes microseconds, in milliseconds.
    window_ms: u32,
    /// Of what asks a model.
    model_window_ms: u32,
    /// Rounds of a comparison.
    rounds: usize,
}

/// About thirteen minutes on two cores.
const QUICK: Effort = Effort {
    passes: 2,
    window_ms: 1000,
    model_window_ms: 6000,
    rounds: 4,
};

/// About an hour.
const FULL: Effort = Effort {
    passes: 4,
    window_ms: 2000,
    model_window_ms: 12_000,
    rounds: 10,
};

/// What asks a model takes the longer window.
const OF_MODELS: [&str; 3] = ["asr", "enhance", "pipeline"];

/// How a comparison is taken.
struct Setting {
    name: &'static str,
    workers: usize,
    /// Of the longer window; nothing for the shorter one.
    model_windows: Option<f64>,
    claim: Option<Claim>,
}

/// What was promised of VoiceFlow before it was measured; METHODOLOGY.md says how each is understood here.
const ASYNCHRONOUS: Claim = Claim {
    text: "40 % less latency",
    bound: Bound::Latency(-0.40),
};
const POOLED: Claim = Claim {
    text: "25 % less latency",
    bound: Bound::Latency(-0.25),
};
const CACHED: Claim = Claim {
    text: "stable memory",
    bound: Bound::Growth(0.01),
};
const REUSED: Claim = Claim {
    text: "faster than connecting",
    bound: Bound::Latency(0.0),
};

/// Where workers matter, two numbers of them: alone, and more than there are cores.
const COMPARISONS: [Setting; 10] = [
    Setting {
        name: "asynchronous-enhancement",
        workers: 1,
        model_windows: Some(2.5),
        claim: Some(ASYNCHRONOUS),
    },
    Setting {
        name: "asynchronous-enhancement-without-pauses",
        workers: 1,
        model_windows: Some(1.0),
        claim: Some(ASYNCHRONOUS),
    },
    Setting {
        name: "pool-or-open-each-time",
        workers: 1,
        model_windows: None,
        claim: Some(POOLED),
    },
    Setting {
        name: "pool-or-open-each-time",
        workers: 8,
        model_windows: None,
        claim: Some(POOLED),
    },
    Setting {
        name: "pool-or-one-connection",
        workers: 1,
        model_windows: None,
        claim: None,
    },
    Setting {
        name: "pool-or-one-connection",
        workers: 8,
        model_windows: None,
        claim: Some(POOLED),
    },
    Setting {
        name: "response-cache-of-repeats",
        workers: 1,
        model_windows: Some(0.5),
        claim: None,
    },
    Setting {
        name: "response-cache-of-new-texts",
        workers: 1,
        model_windows: Some(0.5),
        claim: Some(CACHED),
    },
    Setting {
        name: "connection-reuse-tls",
        workers: 1,
        model_windows: None,
        claim: Some(REUSED),
    },
    Setting {
        name: "connection-reuse-clear",
        workers: 1,
        model_windows: None,
        claim: Some(REUSED),
    },
];

/// Measures and prints the report.
pub(crate) fn run(workspace: &Workspace, command: &ScaleCommand) -> anyhow::Result<Outcome> {
    let filter = Filter::parse(command.filter.as_deref())?;
    Report::check_page(report::COMMAND, &command.report, command.filter.as_deref())?;
    setup::prepare(workspace)?;
    let output = bench::output_folder(workspace, report::COMMAND, command.report.output_dir.clone())?;
    let program = bench::program(workspace, "scale")?;
    let source = Source::new(&program, &output);
    let names = Names::ask(&source)?;
    let (workloads, comparisons) = names.chosen(&filter)?;
    let _turn = measuring::take_turn()?;
    let run = Run {
        source: &source,
        effort: if command.full { &FULL } else { &QUICK },
    };
    let mut scale = Scale {
        host: host::this_host(),
        revision: workspace.revision(),
        date: waivers::today()?.to_string(),
        curves: Vec::new(),
        comparisons: Vec::new(),
        failed: Vec::new(),
    };
    // A part that fails costs that part, and what was found is kept as it comes.
    for workload in workloads {
        match run.curve(workload) {
            Ok(curve) => scale.curves.push(curve),
            Err(error) => scale.failed.push(Failed::new(workload, &error)),
        }
        report::published(&scale)?.keep(&output)?;
    }
    for setting in comparisons {
        match run.comparison(setting) {
            Ok(comparison) => scale.comparisons.push(comparison),
            Err(error) => scale.failed.push(Failed::new(setting.name, &error)),
        }
        report::published(&scale)?.keep(&output)?;
    }
    report::published(&scale)?.publish(&output, &command.report, scale.failed.is_empty())?;
    Ok(if scale.failed.is_empty() {
        Outcome::Passed
    } else {
        Outcome::SetupOrMeasurementFailed
    })
}

/// What the program can measure.
struct Names {
    workloads: Vec<String>,
    comparisons: Vec<String>,
}

impl Names {
    fn ask(source: &Source<'_>) -> anyhow::Result<Self> {
        let mut names = None;
        source.read(&["names"], |told| {
            if let Told::Names { workloads, comparisons } = told {
                names = Some(Self { workloads, comparisons });
            }
        })?;
        let names = names.context("the program did not say what it can measure")?;
        for setting in &COMPARISONS {
            ensure!(
                names.comparisons.iter().any(|name| name == setting.name),
                "the program has no comparison `{}`",
                setting.name
            );
        }
        Ok(names)
    }

    fn chosen(&self, filter: &Filter) -> anyhow::Result<(Vec<&str>, Vec<&'static Setting>)> {
        let workloads: Vec<&str> = self
            .workloads
            .iter()
            .map(String::as_str)
            .filter(|name| filter.matches_text(name))
            .collect();
        let comparisons: Vec<&Setting> = COMPARISONS
            .iter()
            .filter(|setting| filter.matches_text(setting.name))
            .collect();
        if workloads.is_empty() && comparisons.is_empty() {
            let names: Vec<&str> = self
                .workloads
                .iter()
                .chain(&self.comparisons)
                .map(String::as_str)
                .collect();
            return Err(Failure::nothing_comparable(format!(
                "no workload and no comparison matches the filter; there are {}",
                names.join(", ")
            )));
        }
        Ok((workloads, comparisons))
    }
}

struct Run<'a> {
    source: &'a Source<'a>,
    effort: &'a Effort,
}

impl Run<'_> {
    fn curve(&self, workload: &str) -> anyhow::Result<Curve> {
        let of_model = OF_MODELS.contains(&workload);
        let window_ms = if of_model {
            self.effort.model_window_ms
        } else {
            self.effort.window_ms
        };
        let order = visits(self.effort.passes);
        eprintln!("scale: {workload}, {} steps", order.len());
        let mut arguments = vec![
            "steps".to_owned(),
            workload.to_owned(),
            (window_ms / 4).to_string(),
            window_ms.to_string(),
        ];
        arguments.extend(order.iter().map(usize::to_string));
        Ok(Curve::new(workload, &self.read(&arguments)?))
    }

    fn comparison(&self, setting: &Setting) -> anyhow::Result<Comparison> {
        let Setting {
            name,
            workers,
            model_windows,
            claim,
        } = *setting;
        eprintln!("scale: {name}, {workers} workers");
        let window_ms = match model_windows {
            Some(windows) => f64::from(self.effort.model_window_ms) * windows,
            None => f64::from(self.effort.window_ms),
        };
        let arguments = [
            "sides".to_owned(),
            name.to_owned(),
            // Each side was warmed up before the first round.
            "100".to_owned(),
            format!("{window_ms:.0}"),
            workers.to_string(),
            self.effort.rounds.to_string(),
        ];
        Ok(Comparison::new(name, claim, &self.read(&arguments)?))
    }

    fn read(&self, arguments: &[String]) -> anyhow::Result<Vec<Told>> {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut told = Vec::new();
        self.source.read(&arguments, |line| told.push(line))?;
        Ok(told)
    }
}

/// The numbers of workers in the order of their visits: up, down, up, …
fn visits(passes: usize) -> Vec<usize> {
    (0..passes)
        .flat_map(|pass| {
            let mut workers = WORKERS;
            if pass % 2 == 1 {
                workers.reverse();
            }
            workers
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_two_passes_every_number_of_workers_is_visited_at_the_same_time_on_average() {
        let visits = visits(2);
        for workers in WORKERS {
            let places: Vec<usize> = (0..visits.len()).filter(|&place| visits[place] == workers).collect();
            assert_eq!(places.iter().sum::<usize>(), visits.len() - 1, "{workers}");
        }
    }

    #[test]
    fn a_filter_that_matches_nothing_names_everything() {
        let names = Names {
            workloads: vec!["asr".to_owned()],
            comparisons: vec!["connection-reuse-tls".to_owned()],
        };
        let chosen = |text: &str| names.chosen(&Filter::parse(Some(text)).expect("valid"));
        let error = chosen("nothing").err().expect("refused").to_string();
        assert!(error.contains("asr, connection-reuse-tls"), "{error}");
        let (workloads, comparisons) = chosen("asr").expect("one");
        assert_eq!((workloads, comparisons.len()), (vec!["asr"], 0));
    }
}
