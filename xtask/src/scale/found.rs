//! From what the program told of its steps to figures. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::usl::{self, Fit, NoFit};
use crate::impact::Estimate;
use crate::stats::SortedSamples;

/// A line of the program.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Told {
    /// What there is.
    Names {
        workloads: Vec<String>,
        comparisons: Vec<String>,
    },
    /// What one step gave.
    Step(Step),
    /// A step that there was no room for.
    LeftOut { workers: usize, reason: String },
}

/// So many workers for a fixed time.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Step {
    /// `on` or `off` of a comparison.
    pub(super) side: Option<String>,
    /// Of a comparison the round.
    pub(super) place: usize,
    pub(super) workers: usize,
    pub(super) per_second: f64,
    pub(super) calls: u64,
    pub(super) every_worker_twice: bool,
    pub(super) latency_ns: Vec<u64>,
    pub(super) cpu_ns: u64,
    pub(super) cpu_window_ns: u64,
    pub(super) resident_bytes: u64,
}

/// One workload under more and more workers.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Curve {
    pub(super) workload: String,
    pub(super) points: Vec<Point>,
    /// What the Universal Scalability Law says within the range measured.
    pub(super) law: Option<Fit>,
    /// Why it says nothing.
    pub(super) no_law: Option<NoFit>,
    /// Steps that there was no room for, with the reason.
    pub(super) left_out: Vec<(usize, String)>,
}

/// One number of workers, over all passes.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Point {
    pub(super) workers: usize,
    pub(super) passes: usize,
    /// The mean of the passes.
    pub(super) per_second: f64,
    /// The passes that lie furthest apart.
    pub(super) per_second_range: (f64, f64),
    /// Throughput over that of one worker and the number of workers.
    pub(super) efficiency: Option<f64>,
    /// Mean latency that a closed loop has with this throughput (Little's law).
    pub(super) mean_ns: f64,
    /// As observed, where every worker was answered twice at least in every pass: before that the queue has not settled.
    pub(super) median_ns: Option<f64>,
    pub(super) p95_ns: Option<f64>,
    pub(super) calls: u64,
    /// Processors kept busy.
    pub(super) processors: f64,
}

impl Curve {
    pub(super) fn new(workload: &str, told: &[Told]) -> Self {
        let mut by_workers: BTreeMap<usize, Vec<&Step>> = BTreeMap::new();
        let mut left_out = BTreeMap::new();
        for line in told {
            match line {
                // A step too slow to count anything gives no throughput.
                Told::Step(step) if step.per_second > 0.0 => by_workers.entry(step.workers).or_default().push(step),
                Told::Step(step) => {
                    left_out.insert(step.workers, "too few calls ended within its time".to_owned());
                }
                Told::LeftOut { workers, reason } => {
                    left_out.insert(*workers, reason.clone());
                }
                Told::Names { .. } => {}
            }
        }
        let one = by_workers.get(&1).map(|steps| mean(steps, |step| step.per_second));
        let points: Vec<Point> = by_workers
            .iter()
            .map(|(&workers, steps)| Point::new(workers, steps, one))
            .collect();
        let steps: Vec<(f64, f64)> = points
            .iter()
            .map(|point| (point.workers as f64, point.per_second))
            .collect();
        let (law, no_law) = match usl::fit(&steps) {
            Ok(fit) => (Some(fit), None),
            Err(reason) => (None, Some(reason)),
        };
        Self {
            workload: workload.to_owned(),
            points,
            law,
            no_law,
            left_out: left_out.into_iter().collect(),
        }
    }
}

impl Point {
    fn new(workers: usize, steps: &[&Step], one: Option<f64>) -> Self {
        let per_second = mean(steps, |step| step.per_second);
        let each = || steps.iter().map(|step| step.per_second);
        let latencies = latencies(steps).filter(|_| steps.iter().all(|step| step.every_worker_twice));
        Self {
            workers,
            passes: steps.len(),
            per_second,
            per_second_range: (each().fold(f64::INFINITY, f64::min), each().fold(0.0, f64::max)),
            efficiency: one.map(|one| per_second / (one * workers as f64)),
            mean_ns: workers as f64 / per_second * 1e9,
            median_ns: latencies.as_ref().map(SortedSamples::median),
            p95_ns: latencies.as_ref().and_then(SortedSamples::p95),
            calls: steps.iter().map(|step| step.calls).sum(),
            processors: mean(steps, |step| step.cpu_ns as f64 / step.cpu_window_ns.max(1) as f64),
        }
    }
}

/// The same work with something on and off.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Comparison {
    pub(super) name: String,
    pub(super) workers: usize,
    pub(super) rounds: usize,
    pub(super) on: Side,
    pub(super) off: Side,
    /// On over off minus one, of the median latency: below zero is quicker. None with fewer than two rounds.
    pub(super) latency_change: Option<Estimate>,
    /// The same of the throughput: above zero is more.
    pub(super) throughput_change: Option<Estimate>,
    /// What is promised of it, and whether that is true here.
    pub(super) claimed: Option<Claimed>,
}

/// What is promised of a comparison.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) text: &'static str,
    pub(super) bound: Bound,
}

/// What a promise comes to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    /// The change of the median latency is at most this.
    Latency(f64),
    /// The process, which holds both sides, grows by at most this share from the first round to the last.
    Growth(f64),
}

/// A promise with what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Claimed {
    pub(super) claim: &'static str,
    /// Where the promise is of memory: by what share the process grew from the first round to the last.
    pub(super) growth: Option<f64>,
    pub(super) verdict: Verdict,
}

/// Whether a promise is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// The whole interval is within it.
    Holds,
    /// The whole interval is beyond it.
    DoesNotHold,
    /// Neither.
    NotResolved,
}

impl Claim {
    fn judge(self, latency: Option<Estimate>, rounds: usize, sides: [&Side; 2]) -> Claimed {
        let (growth, verdict) = match (self.bound, latency) {
            (Bound::Latency(bound), Some(seen)) if seen.high <= bound => (None, Verdict::Holds),
            (Bound::Latency(bound), Some(seen)) if seen.low > bound => (None, Verdict::DoesNotHold),
            (Bound::Latency(_), _) => (None, Verdict::NotResolved),
            (Bound::Growth(bound), _) => {
                // The later reading of each round, when both sides have run.
                let after = |end: fn(&Side) -> u64| sides.map(end).into_iter().max().filter(|&bytes| bytes > 0);
                let ends = after(|side| side.resident_bytes.0).zip(after(|side| side.resident_bytes.1));
                match ends.filter(|_| rounds > 1) {
                    Some((first, last)) => {
                        let growth = last as f64 / first as f64 - 1.0;
                        let holds = growth <= bound;
                        let verdict = if holds { Verdict::Holds } else { Verdict::DoesNotHold };
                        (Some(growth), verdict)
                    }
                    None => (None, Verdict::NotResolved),
                }
            }
        };
        Claimed {
            claim: self.text,
            growth,
            verdict,
        }
    }
}

/// One side of it, over all rounds.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Side {
    pub(super) median_ns: Option<f64>,
    pub(super) p95_ns: Option<f64>,
    pub(super) per_second: f64,
    pub(super) calls: u64,
    /// Memory of the process after the first and the last round; the other side's is in it too.
    pub(super) resident_bytes: (u64, u64),
}

impl Comparison {
    pub(super) fn new(name: &str, claim: Option<Claim>, told: &[Told]) -> Self {
        let of_side = |side: &str| -> Vec<&Step> {
            told.iter()
                .filter_map(|line| match line {
                    Told::Step(step) if step.side.as_deref() == Some(side) => Some(step),
                    _ => None,
                })
                .collect()
        };
        let (on, off) = (of_side("on"), of_side("off"));
        let change = |figure: fn(&Step) -> Option<f64>| {
            let log_ratios: Vec<f64> = on
                .iter()
                .filter_map(|on| {
                    let off = off.iter().find(|off| off.place == on.place)?;
                    Some((figure(on)? / figure(off)?).ln())
                })
                .filter(|ratio| ratio.is_finite())
                .collect();
            Estimate::of(&log_ratios).map(Estimate::exp_minus_one)
        };
        let latency_change = change(|step| latencies(&[step]).map(|sorted| sorted.median()));
        let (on_side, off_side) = (Side::new(&on), Side::new(&off));
        let rounds = on.len().min(off.len());
        Self {
            name: name.to_owned(),
            workers: on.first().map_or(0, |step| step.workers),
            rounds,
            claimed: claim.map(|claim| claim.judge(latency_change, rounds, [&on_side, &off_side])),
            latency_change,
            throughput_change: change(|step| Some(step.per_second)),
            on: on_side,
            off: off_side,
        }
    }
}

impl Side {
    fn new(steps: &[&Step]) -> Self {
        let latencies = latencies(steps);
        let resident = |step: Option<&&Step>| step.map_or(0, |step| step.resident_bytes);
        Self {
            median_ns: latencies.as_ref().map(SortedSamples::median),
            p95_ns: latencies.as_ref().and_then(SortedSamples::p95),
            per_second: mean(steps, |step| step.per_second),
            calls: steps.iter().map(|step| step.calls).sum(),
            resident_bytes: (resident(steps.first()), resident(steps.last())),
        }
    }
}

fn latencies(steps: &[&Step]) -> Option<SortedSamples> {
    let all = steps.iter().flat_map(|step| &step.latency_ns).map(|&ns| ns as f64);
    SortedSamples::new(all.collect())
}

fn mean(steps: &[&Step], figure: impl Fn(&Step) -> f64) -> f64 {
    steps.iter().map(|step| figure(step)).sum::<f64>() / steps.len().max(1) as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::scale) fn step(workers: usize, per_second: f64) -> Step {
        let latency = (workers as f64 / per_second * 1e9) as u64;
        Step {
            side: None,
            place: 0,
            workers,
            per_second,
            calls: 100,
            every_worker_twice: true,
            latency_ns: vec![latency; 100],
            cpu_ns: 2_000_000_000,
            cpu_window_ns: 1_000_000_000,
            resident_bytes: 1 << 20,
        }
    }

    fn side(word: &str, place: usize, per_second: f64) -> Told {
        Told::Step(Step {
            side: Some(word.to_owned()),
            place,
            ..step(1, per_second)
        })
    }

    #[test]
    fn passes_are_put_together_by_workers() {
        let told = [step(1, 90.0), step(2, 150.0), step(2, 170.0), step(1, 110.0)].map(Told::Step);
        let curve = Curve::new("asr", &told);
        let two = &curve.points[1];
        assert_eq!((two.workers, two.passes, two.per_second), (2, 2, 160.0));
        assert_eq!(two.per_second_range, (150.0, 170.0));
        assert_eq!((two.efficiency, two.processors), (Some(0.8), 2.0));
        assert_eq!(two.mean_ns, 12_500_000.0);
        assert_eq!(two.calls, 200);
        // Two numbers of workers are too few for a law.
        assert_eq!(curve.no_law, Some(NoFit::TooFewSteps));
    }

    #[test]
    fn latencies_of_a_queue_that_has_not_settled_are_not_told() {
        let mut early = step(64, 2.0);
        early.every_worker_twice = false;
        let curve = Curve::new("pipeline", &[Told::Step(early)]);
        let point = &curve.points[0];
        assert_eq!((point.median_ns, point.p95_ns), (None, None));
        assert_eq!(point.mean_ns, 32e9);
    }

    #[test]
    fn what_there_was_no_room_or_time_for_is_named() {
        let told = [
            Told::LeftOut {
                workers: 64,
                reason: "no memory".to_owned(),
            },
            Told::Step(step(32, 0.0)),
        ];
        let curve = Curve::new("asr", &told);
        assert!(curve.points.is_empty());
        let workers: Vec<usize> = curve.left_out.iter().map(|(workers, _)| *workers).collect();
        assert_eq!(workers, [32, 64]);
    }

    #[test]
    fn sides_are_compared_round_by_round() {
        // The machine halves its speed after the first round; on is twice as fast all the while.
        let told = [
            side("on", 0, 400.0),
            side("off", 0, 200.0),
            side("off", 1, 100.0),
            side("on", 1, 200.0),
            side("on", 2, 200.0),
            side("off", 2, 100.0),
        ];
        let claim = |bound| Some(Claim { text: "less", bound });
        let comparison = Comparison::new("pool", claim(Bound::Latency(-0.5 + 1e-6)), &told);
        let throughput = comparison.throughput_change.expect("rounds");
        assert!((throughput.value - 1.0).abs() < 1e-9 && throughput.high - throughput.low < 1e-9);
        let latency = comparison.latency_change.expect("rounds");
        assert!((latency.value + 0.5).abs() < 1e-6, "{latency:?}");
        assert_eq!((comparison.rounds, comparison.on.calls), (3, 300));
        let verdict = |bound, told| {
            let claimed = Comparison::new("pool", claim(bound), told).claimed.expect("a claim");
            claimed.verdict
        };
        assert_eq!(comparison.claimed.map(|claimed| claimed.verdict), Some(Verdict::Holds));
        assert_eq!(verdict(Bound::Latency(-0.6), &told), Verdict::DoesNotHold);
        assert_eq!(verdict(Bound::Latency(-0.4), &told[..2]), Verdict::NotResolved);
        assert_eq!(Comparison::new("pool", None, &told).claimed, None);
        assert_eq!(Comparison::new("pool", None, &told[..2]).latency_change, None);
    }

    #[test]
    fn memory_is_held_against_the_growth_of_the_process() {
        let after = |place, resident_bytes| {
            ["on", "off"].map(|side| {
                Told::Step(Step {
                    side: Some(side.to_owned()),
                    place,
                    resident_bytes,
                    ..step(1, 100.0)
                })
            })
        };
        let claimed = |bound, told: &[Told]| {
            let claim = Claim {
                text: "stable memory",
                bound: Bound::Growth(bound),
            };
            Comparison::new("cache", Some(claim), told).claimed.expect("a claim")
        };
        let told = [after(0, 1000), after(1, 1020)].concat();
        assert_eq!(claimed(0.03, &told).verdict, Verdict::Holds);
        assert_eq!(claimed(0.01, &told).verdict, Verdict::DoesNotHold);
        assert!((claimed(0.01, &told).growth.expect("a share") - 0.02).abs() < 1e-9);
        // One round shows no growth, and nor does a system that does not tell.
        assert_eq!(claimed(0.01, &told[..2]).verdict, Verdict::NotResolved);
        let untold = [after(0, 0), after(1, 0)].concat();
        assert_eq!(claimed(0.01, &untold).verdict, Verdict::NotResolved);
    }

    #[test]
    fn the_programs_lines_are_understood() {
        let lines = [
            r#"{"kind":"names","workloads":["asr"],"comparisons":[]}"#,
            r#"{"kind":"step","name":"asr","side":null,"place":0,"workers":1,"per_second":2.5,"calls":3,
                "every_worker_twice":true,"latency_ns":[1],"cpu_ns":1,"cpu_window_ns":2,"window_ns":2,"resident_bytes":3}"#,
            r#"{"kind":"left_out","name":"asr","workers":64,"reason":"no memory"}"#,
        ];
        for line in lines {
            serde_json::from_str::<Told>(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}
