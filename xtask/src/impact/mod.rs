//! `impact`: what each level of security costs a request: none, an encrypted database, tokens as well, and validation,
//! a rate limit and TLS as well.
//!
//! One process holds a server of each level, and they take turns in an order in which each stands at each place and
//! follows each other one equally often (`benches/impact`). Measured twice: without the models, where microseconds can
//! be resolved, and from end to end. Memory is that of processes with one level alone. Nothing is judged against a
//! stored time.

mod curve;
mod estimate;
mod report;
mod text;

use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use crate::bench;
use crate::cli::{ImpactCommand, ReportArguments};
use crate::outcome::{Failure, Outcome};
use crate::published::Report;
use crate::samples::Source;
use crate::stats::SortedSamples;
use crate::workspace::Workspace;
use crate::{host, measuring, setup, waivers};

use estimate::{Blocks, LEVELS, Visit};
use report::{Impact, Kind, Memory, MemoryStep, STEPS, Verdict};

pub(crate) use estimate::Estimate;
pub(crate) use report::Failed;
pub(crate) use text::failures;

/// How much is measured.
struct Effort {
    /// Blocks of requests without models, and requests in a visit; a block has 16 visits.
    request: [usize; 2],
    /// The same from end to end, where a request takes the better part of a second.
    end_to_end: [usize; 2],
    /// Processes of each level whose memory is taken, an even number, and requests in each.
    memory_request: [usize; 2],
    memory_end_to_end: [usize; 2],
    /// Pairs of processes at each share of pages in memory.
    curve_rounds: u32,
}

const COMMAND: &str = "impact";

/// About three minutes on two cores.
const QUICK: Effort = Effort {
    request: [60, 10],
    end_to_end: [4, 1],
    memory_request: [4, 300],
    memory_end_to_end: [4, 4],
    curve_rounds: 8,
};

/// About a quarter of an hour.
const FULL: Effort = Effort {
    request: [200, 10],
    end_to_end: [16, 1],
    memory_request: [8, 1000],
    memory_end_to_end: [4, 16],
    curve_rounds: 12,
};

/// Measures, prints the report, and fails where a bound is missed beyond its interval.
pub(crate) fn run(workspace: &Workspace, command: &ImpactCommand) -> anyhow::Result<Outcome> {
    Report::check_page(COMMAND, &command.report, None)?;
    setup::prepare(workspace)?;
    let output = bench::output_folder(workspace, COMMAND, command.report.output_dir.clone())?;
    let effort = if command.full { &FULL } else { &QUICK };
    let program = bench::program(workspace, "impact")?;
    let couples = curve::couples(workspace)?;
    let environment = host::configured_environment(workspace)?;
    let timed = bench::programs(workspace, &couples.jobs)?;
    let _turn = measuring::take_turn()?;
    let run = Run {
        source: Source::new(&program, &output),
    };
    // A part that fails costs that part.
    let mut failed = Vec::new();
    let mut kinds = Vec::new();
    for (name, visits) in [("request", effort.request), ("end-to-end", effort.end_to_end)] {
        match run.kind(name, visits) {
            Ok(kind) => kinds.push(kind),
            Err(error) => failed.push(Failed::new(name, &error)),
        }
    }
    let (mut memory, mut memory_steps) = (Vec::new(), Vec::new());
    for (name, processes) in [
        ("request", effort.memory_request),
        ("end-to-end", effort.memory_end_to_end),
    ] {
        match run.memory(name, processes) {
            Ok((rows, steps)) => {
                memory.extend(rows);
                memory_steps.extend(steps);
            }
            Err(error) => failed.push(Failed::new(format!("memory of {name}"), &error)),
        }
    }
    let mut reads = Vec::new();
    for couple in &couples.couples {
        eprintln!("impact: {couple}");
        match curve::measure(
            couple,
            effort.curve_rounds,
            &couples.folder,
            &timed,
            &environment,
            &output,
        ) {
            Ok(point) => reads.push(point),
            Err(error) => failed.push(Failed::new(couple.to_string(), &error)),
        }
    }
    let impact = Impact {
        host: host::this_host(),
        revision: workspace.revision(),
        date: waivers::today()?.to_string(),
        judged: report::judge(&kinds),
        kinds,
        memory,
        memory_steps,
        reads,
        failed,
    };
    finish(&impact, &command.report, &output)
}

fn finish(impact: &Impact, arguments: &ReportArguments, output: &Path) -> anyhow::Result<Outcome> {
    let report = Report {
        command: COMMAND,
        json: serde_json::to_string_pretty(impact)?,
        text: text::text(impact),
        page: text::page(impact),
    };
    report.publish(output, arguments, impact.failed.is_empty())?;
    if !impact.failed.is_empty() {
        return Ok(Outcome::SetupOrMeasurementFailed);
    }
    if impact.kinds.iter().any(|kind| kind.blocks < 2) {
        return Err(Failure::nothing_comparable("fewer than two blocks were measured"));
    }
    let is_missed = impact.judged.iter().any(|judged| judged.verdict == Verdict::Missed);
    Ok(if is_missed { Outcome::Regressed } else { Outcome::Passed })
}

struct Run<'a> {
    source: Source<'a>,
}

impl Run<'_> {
    fn kind(&self, name: &'static str, [blocks, requests]: [usize; 2]) -> anyhow::Result<Kind> {
        let total = blocks * 16;
        eprintln!("impact: {name}, {total} visits of {requests}");
        let mut visits: Vec<Visit> = Vec::new();
        let arguments = ["interleave", name, &blocks.to_string(), &requests.to_string()];
        self.source.read(&arguments, |visit| {
            visits.push(visit);
            if visits.len().is_multiple_of(total.div_ceil(4)) {
                eprintln!("impact: {name}, {} of {total}", visits.len());
            }
        })?;
        Ok(Kind::new(name, &Blocks::of(&visits)))
    }

    /// A process of each level in turn, upwards and downwards, so that whatever happens to the machine happens to all of
    /// them.
    fn memory(
        &self,
        name: &'static str,
        [processes, requests]: [usize; 2],
    ) -> anyhow::Result<(Vec<Memory>, Vec<MemoryStep>)> {
        eprintln!("impact: memory of {name}");
        let mut told: [Vec<ToldMemory>; LEVELS.len()] = Default::default();
        for turn in 0..processes {
            let mut order: [usize; LEVELS.len()] = std::array::from_fn(|level| level);
            if turn % 2 == 1 {
                order.reverse();
            }
            for level in order {
                let arguments = ["memory", name, LEVELS[level], &requests.to_string()];
                self.source.read(&arguments, |memory| told[level].push(memory))?;
            }
        }
        let rows = LEVELS
            .into_iter()
            .zip(&told)
            .map(|(level, told)| memory_of(name, level, told).context("a process told nothing of its memory"))
            .collect::<anyhow::Result<_>>()?;
        Ok((rows, memory_steps_of(name, &told)))
    }
}

/// What a process with one level alone told.
#[derive(Debug, Deserialize)]
struct ToldMemory {
    requests: usize,
    warm_bytes: u64,
    steady_bytes: u64,
    peak_bytes: u64,
}

fn memory_of(kind: &'static str, level: &'static str, told: &[ToldMemory]) -> Option<Memory> {
    let sorted = |part: fn(&ToldMemory) -> u64| SortedSamples::new(told.iter().map(|one| part(one) as f64).collect());
    let steady = || told.iter().map(|one| one.steady_bytes);
    Some(Memory {
        kind,
        level,
        processes: told.len(),
        requests: told.first()?.requests,
        warm_bytes: sorted(|one| one.warm_bytes)?.median(),
        steady_bytes: sorted(|one| one.steady_bytes)?.median(),
        peak_bytes: sorted(|one| one.peak_bytes)?.median(),
        steady_spread_bytes: (steady().max()? - steady().min()?) as f64,
    })
}

/// What each step adds: the difference of two processes of one turn, over all turns.
fn memory_steps_of(kind: &'static str, told: &[Vec<ToldMemory>; LEVELS.len()]) -> Vec<MemoryStep> {
    let step = |(adds, from, to): (&'static str, usize, usize)| {
        let turns = told[from].iter().zip(&told[to]);
        let more: Vec<f64> = turns
            .map(|(from, to)| to.steady_bytes as f64 - from.steady_bytes as f64)
            .collect();
        MemoryStep {
            kind,
            adds,
            // Of two the interval would be wider than anything that it could show.
            steady: (more.len() > 2).then(|| Estimate::of(&more)).flatten(),
        }
    };
    STEPS.into_iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_turns_go_up_the_levels_as_down() {
        for effort in [QUICK, FULL] {
            let [[request, _], [end_to_end, _]] = [effort.memory_request, effort.memory_end_to_end];
            assert!(request.is_multiple_of(2) && end_to_end.is_multiple_of(2));
        }
    }

    fn process(steady_bytes: u64) -> ToldMemory {
        ToldMemory {
            requests: 5,
            warm_bytes: 8,
            steady_bytes,
            peak_bytes: steady_bytes + 1,
        }
    }

    #[test]
    fn what_a_step_adds_to_memory_is_told_turn_by_turn() {
        // Every turn starts from another base.
        let told = [0, 40, 50, 100].map(|more| [1000, 2000, 3000].map(|base| process(base + more)).into());
        let steps = memory_steps_of("request", &told);
        let seen: Vec<(&str, Option<f64>)> = steps
            .iter()
            .map(|step| (step.adds, step.steady.map(|found| found.value)))
            .collect();
        let expected = [40.0, 10.0, 50.0, 100.0].map(Some);
        assert_eq!(seen.iter().map(|(_, value)| *value).collect::<Vec<_>>(), expected);
        assert_eq!((seen[0].0, seen[3].0), ("encrypted database", "all of it"));
        let few = told.map(|mut turns: Vec<ToldMemory>| {
            turns.truncate(2);
            turns
        });
        assert!(
            memory_steps_of("request", &few)
                .iter()
                .all(|step| step.steady.is_none())
        );
    }

    #[test]
    fn the_memory_of_several_processes_is_their_median_with_its_spread() {
        let told = [30, 10, 20].map(process);
        let memory = memory_of("request", "full", &told).expect("processes");
        assert_eq!((memory.steady_bytes, memory.peak_bytes), (20.0, 21.0));
        assert_eq!((memory.steady_spread_bytes, memory.processes), (20.0, 3));
        assert_eq!(memory_of("request", "full", &[]), None);
    }
}
