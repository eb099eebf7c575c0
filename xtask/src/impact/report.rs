//! What was found, and what it is held against. Pure.

use serde::Serialize;
use voiceflow_record::{Host, Revision};

use super::curve::Point;
use super::estimate::{Blocks, Estimate, LEVELS, Metric};

/// Processor time of the server that all of security may cost a request, in nanoseconds.
const CPU_BOUND_NS: f64 = 150_000.0;

/// Of the time of a request from end to end, on an open connection.
const SHARE_BOUND: f64 = 0.02;

/// The share that the project's first description named.
pub(super) const SHARE_EXPECTED: f64 = 0.123;

/// The steps from level to level, then all of them at once.
pub(super) const STEPS: [(&str, usize, usize); 4] = [
    ("encrypted database", 0, 1),
    ("tokens", 1, 2),
    ("validation, rate limit, TLS", 2, 3),
    ("all of it", 0, 3),
];

/// Everything one run found. `docs/json.md` describes the fields.
#[derive(Debug, Serialize)]
pub(super) struct Impact {
    pub(super) host: Host,
    pub(super) revision: Revision,
    pub(super) date: String,
    pub(super) kinds: Vec<Kind>,
    pub(super) memory: Vec<Memory>,
    pub(super) memory_steps: Vec<MemoryStep>,
    pub(super) reads: Vec<Point>,
    pub(super) judged: Vec<Judged>,
    pub(super) failed: Vec<Failed>,
}

/// A part that could not be measured, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Failed {
    pub(crate) what: String,
    pub(crate) reason: String,
}

impl Failed {
    pub(crate) fn new(what: impl Into<String>, error: &anyhow::Error) -> Self {
        Self {
            what: what.into(),
            reason: format!("{error:#}"),
        }
    }
}

/// One kind of request at every level.
#[derive(Debug, Serialize)]
pub(super) struct Kind {
    /// `request`: all but the models; `end-to-end`: all of it.
    pub(super) kind: &'static str,
    pub(super) blocks: usize,
    pub(super) levels: Vec<LevelRow>,
    pub(super) steps: Vec<Step>,
}

/// What a level takes.
#[derive(Debug, Serialize)]
pub(super) struct LevelRow {
    pub(super) level: &'static str,
    /// Of the blocks' medians.
    pub(super) wall: Option<Estimate>,
    /// `null` with fewer than 90 requests.
    pub(super) wall_p95_ns: Option<f64>,
    pub(super) requests: usize,
    pub(super) cpu: Option<Estimate>,
    pub(super) server_cpu: Option<Estimate>,
    pub(super) connect_wall: Option<Estimate>,
    pub(super) connect_cpu: Option<Estimate>,
    pub(super) connect_server_cpu: Option<Estimate>,
    /// Of a request that opens a connection of its own.
    pub(super) wall_with_connect: Option<Estimate>,
}

/// What a level takes more than another.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    pub(super) adds: &'static str,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) wall: Option<Estimate>,
    pub(super) cpu: Option<Estimate>,
    pub(super) server_cpu: Option<Estimate>,
    pub(super) connect_wall: Option<Estimate>,
    pub(super) connect_cpu: Option<Estimate>,
    pub(super) connect_server_cpu: Option<Estimate>,
    /// Of a request that opens a connection of its own.
    pub(super) wall_with_connect: Option<Estimate>,
}

/// Memory of a process with one level alone: the median over processes.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Memory {
    pub(super) kind: &'static str,
    pub(super) level: &'static str,
    pub(super) processes: usize,
    pub(super) requests: usize,
    /// Resident after the first few requests.
    pub(super) warm_bytes: f64,
    /// After all of them.
    pub(super) steady_bytes: f64,
    /// The most that ever was.
    pub(super) peak_bytes: f64,
    /// How far the processes lie apart in what is resident at the end.
    pub(super) steady_spread_bytes: f64,
}

/// What a level holds in memory more than another, in bytes.
#[derive(Debug, Serialize)]
pub(super) struct MemoryStep {
    pub(super) kind: &'static str,
    pub(super) adds: &'static str,
    /// None with fewer than three processes of each level.
    pub(super) steady: Option<Estimate>,
}

/// A figure held against what was promised.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Judged {
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    pub(super) estimate: Estimate,
    /// None where the figure is only told.
    pub(super) bound: Option<f64>,
    pub(super) verdict: Verdict,
}

/// Whether a bound holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// The whole interval is within it.
    Met,
    /// The whole interval is beyond it.
    Missed,
    /// The interval holds the bound.
    NotResolved,
    /// There is no bound.
    Told,
}

impl Judged {
    fn new(what: &'static str, unit: &'static str, estimate: Estimate, bound: Option<f64>) -> Self {
        let verdict = match bound {
            None => Verdict::Told,
            Some(bound) if estimate.high <= bound => Verdict::Met,
            Some(bound) if estimate.low > bound => Verdict::Missed,
            Some(_) => Verdict::NotResolved,
        };
        Self {
            what,
            unit,
            estimate,
            bound,
            verdict,
        }
    }
}

impl Kind {
    pub(super) fn new(kind: &'static str, blocks: &Blocks) -> Self {
        let levels = (0..LEVELS.len())
            .map(|level| {
                let requests = blocks.requests(level);
                LevelRow {
                    level: LEVELS[level],
                    wall: blocks.level(Metric::Wall, level),
                    wall_p95_ns: requests.as_ref().and_then(|sorted| sorted.p95()),
                    requests: requests.as_ref().map_or(0, |sorted| sorted.len()),
                    cpu: blocks.level(Metric::Cpu, level),
                    server_cpu: blocks.level(Metric::ServerCpu, level),
                    connect_wall: blocks.level(Metric::ConnectWall, level),
                    connect_cpu: blocks.level(Metric::ConnectCpu, level),
                    connect_server_cpu: blocks.level(Metric::ConnectServerCpu, level),
                    wall_with_connect: blocks.level(Metric::WallWithConnect, level),
                }
            })
            .collect();
        let steps = STEPS
            .into_iter()
            .map(|(adds, from, to)| {
                let step = |metric| blocks.step(metric, from, to);
                Step {
                    adds,
                    from: LEVELS[from],
                    to: LEVELS[to],
                    wall: step(Metric::Wall),
                    cpu: step(Metric::Cpu),
                    server_cpu: step(Metric::ServerCpu),
                    connect_wall: step(Metric::ConnectWall),
                    connect_cpu: step(Metric::ConnectCpu),
                    connect_server_cpu: step(Metric::ConnectServerCpu),
                    wall_with_connect: step(Metric::WallWithConnect),
                }
            })
            .collect();
        Self {
            kind,
            blocks: blocks.count(),
            levels,
            steps,
        }
    }

    fn whole(&self) -> Option<&Step> {
        self.steps.last()
    }
}

/// What security costs, held against the bounds. The cost is that of a request without its models, where it can be
/// resolved; the whole it is a share of is a request from end to end without any security.
pub(super) fn judge(kinds: &[Kind]) -> Vec<Judged> {
    let named = |name: &str| kinds.iter().find(|kind| kind.kind == name);
    let mut judged = Vec::new();
    let Some(whole) = named("request").and_then(Kind::whole) else {
        return judged;
    };
    if let Some(cpu) = whole.server_cpu {
        let what = "processor time of the server for all security of a request";
        judged.push(Judged::new(what, "ns", cpu, Some(CPU_BOUND_NS)));
    }
    if let Some(cpu) = whole.cpu {
        let what = "the same with the client's";
        judged.push(Judged::new(what, "ns", cpu, None));
    }
    let Some(none) = named("end-to-end").and_then(|kind| kind.levels.first()) else {
        return judged;
    };
    if let (Some(more), Some(all)) = (whole.wall, none.wall) {
        let what = "share of a request from end to end, on an open connection";
        judged.push(Judged::new(what, "ratio", more.over(all), Some(SHARE_BOUND)));
    }
    if let (Some(more), Some(all)) = (whole.wall_with_connect, none.wall_with_connect) {
        let what = "share where each request has a connection and a full TLS handshake of its own";
        judged.push(Judged::new(what, "ratio", more.over(all), None));
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::super::estimate::tests::visits;
    use super::*;

    fn kind(name: &'static str, level_ns: [u64; 4]) -> Kind {
        Kind::new(name, &Blocks::of(&visits(20, level_ns)))
    }

    #[test]
    fn what_security_costs_is_held_against_both_bounds() {
        // A request of a millisecond from end to end: 15 µs are 1.5 % of it, 90 µs are 9 %.
        let verdicts = |cost: u64| -> Vec<Verdict> {
            let request = kind("request", [0, cost / 2, cost / 2, cost]);
            judge(&[request, kind("end-to-end", [0; 4])])
                .iter()
                .map(|judged| judged.verdict)
                .collect()
        };
        use Verdict::{Met, Missed, Told};
        assert_eq!(verdicts(15_000), [Met, Told, Met, Told]);
        assert_eq!(verdicts(50_000), [Met, Told, Missed, Told]);
        assert_eq!(verdicts(200_000), [Missed, Told, Missed, Told]);
        assert!(judge(&[kind("end-to-end", [0; 4])]).is_empty());
    }

    #[test]
    fn every_field_of_the_json_is_documented() {
        let estimate = Estimate {
            value: 0.2,
            low: 0.1,
            high: 0.3,
        };
        let kinds = vec![kind("request", [0, 1, 2, 3]), kind("end-to-end", [0; 4])];
        let impact = Impact {
            host: crate::host::this_host(),
            revision: crate::workspace::Workspace::find().expect("a checkout").revision(),
            date: "2027-03-31".to_owned(),
            judged: judge(&kinds),
            kinds,
            memory_steps: vec![MemoryStep {
                kind: "request",
                adds: "tokens",
                steady: Some(estimate),
            }],
            memory: vec![Memory {
                kind: "request",
                level: "none",
                processes: 3,
                requests: 9,
                warm_bytes: 1.0,
                steady_bytes: 1.0,
                peak_bytes: 1.0,
                steady_spread_bytes: 1.0,
            }],
            reads: vec![Point {
                hits_percent: 90,
                plain_ns: 1.0,
                keyed_ns: 1.0,
                overhead: Some(estimate),
                rounds: 8,
            }],
            failed: vec![Failed::new("memory", &anyhow::anyhow!("no such file"))],
        };
        assert_eq!(crate::documented::missing("impact", &impact), Vec::<String>::new());
    }

    #[test]
    fn an_interval_that_holds_the_bound_resolves_nothing() {
        let estimate = Estimate {
            value: 0.018,
            low: 0.010,
            high: 0.026,
        };
        let judged = Judged::new("share", "ratio", estimate, Some(SHARE_BOUND));
        assert_eq!(judged.verdict, Verdict::NotResolved);
    }
}
