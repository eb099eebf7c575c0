//! From visits to differences between levels. Pure.
//!
//! The unit is a block: four rounds in which every level stands once at each place and follows each other level once. A
//! block yields one figure of each level and so one difference of each step, in which the order and whatever drifts
//! more slowly than a block cancel. Over the blocks: the 20 % trimmed mean with Yuen's standard error and Student's t.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::stats::trimmed::Trimmed;
use crate::stats::{SortedSamples, student};

/// The levels in their order, each with all of the one before it.
pub(super) const LEVELS: [&str; 4] = ["none", "encryption", "authentication", "full"];

/// Rounds in a block.
const ROUNDS: usize = 4;

/// A few requests of one level in a row, then a few connections, as the program told them.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Visit {
    level: String,
    block: usize,
    /// What the caller waited for each request.
    wall_ns: Vec<u64>,
    /// Processor time of all requests together, of the whole process: client and server.
    cpu_ns: u64,
    /// The client's part of it.
    client_cpu_ns: u64,
    connect_wall_ns: Vec<u64>,
    connect_cpu_ns: u64,
    connect_client_cpu_ns: u64,
}

/// What one level takes a request, or a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Metric {
    /// What the caller waits for a request on an open connection; the median of a block.
    Wall,
    /// Processor time of a request, client and server; the mean of a block.
    Cpu,
    /// The server's part of it.
    ServerCpu,
    /// What the caller waits until a connection is open: TCP, TLS with a full handshake, upgrade, token.
    ConnectWall,
    /// Processor time of that, client and server.
    ConnectCpu,
    /// The server's part of it.
    ConnectServerCpu,
    /// What the caller waits for a request that opens a connection of its own.
    WallWithConnect,
}

impl Metric {
    pub(super) const ALL: [Self; 7] = [
        Self::Wall,
        Self::Cpu,
        Self::ServerCpu,
        Self::ConnectWall,
        Self::ConnectCpu,
        Self::ConnectServerCpu,
        Self::WallWithConnect,
    ];

    fn of(self, visits: &[&Visit]) -> Option<f64> {
        let sum = |part: fn(&Visit) -> u64| visits.iter().map(|visit| part(visit) as f64).sum::<f64>();
        let requests = sum(|visit| visit.wall_ns.len() as u64);
        let connections = sum(|visit| visit.connect_wall_ns.len() as u64);
        let median = |part: fn(&Visit) -> &Vec<u64>| {
            let all = visits
                .iter()
                .flat_map(|visit| part(visit))
                .map(|&ns| ns as f64)
                .collect();
            SortedSamples::new(all).map(|sorted| sorted.median())
        };
        let value = match self {
            Self::Wall => median(|visit| &visit.wall_ns)?,
            Self::ConnectWall => median(|visit| &visit.connect_wall_ns)?,
            Self::WallWithConnect => Self::Wall.of(visits)? + Self::ConnectWall.of(visits)?,
            Self::Cpu => sum(|visit| visit.cpu_ns) / requests,
            Self::ServerCpu => sum(|visit| visit.cpu_ns.saturating_sub(visit.client_cpu_ns)) / requests,
            Self::ConnectCpu => sum(|visit| visit.connect_cpu_ns) / connections,
            Self::ConnectServerCpu => {
                sum(|visit| visit.connect_cpu_ns.saturating_sub(visit.connect_client_cpu_ns)) / connections
            }
        };
        value.is_finite().then_some(value)
    }
}

/// A figure with its 95 % interval over the blocks, in nanoseconds unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Estimate {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Estimate {
    /// Of one value a block. `None` with fewer than two blocks.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let sample = Trimmed::of(values)?;
        let error = (sample.variance / sample.n as f64).sqrt();
        let reach = student::quantile(0.975, sample.df) * error;
        Some(Self {
            value: sample.mean,
            low: sample.mean - reach,
            high: sample.mean + reach,
        })
    }

    /// From logarithms of ratios to ratios.
    pub(crate) fn exp(self) -> Self {
        Self {
            value: self.value.exp(),
            low: self.low.exp(),
            high: self.high.exp(),
        }
    }

    /// From logarithms of ratios to ratios less one.
    pub(crate) fn exp_minus_one(self) -> Self {
        Self {
            value: self.value.exp_m1(),
            low: self.low.exp_m1(),
            high: self.high.exp_m1(),
        }
    }

    /// Its share of a positive whole, as wide as both intervals make it.
    pub(crate) fn over(self, whole: Self) -> Self {
        // A negative bound is further out over a smaller whole.
        let outward = |bound: f64, towards: f64, away: f64| bound / if bound >= 0.0 { towards } else { away };
        Self {
            value: self.value / whole.value,
            low: outward(self.low, whole.high, whole.low),
            high: outward(self.high, whole.low, whole.high),
        }
    }
}

/// Complete blocks of one kind of request.
pub(super) struct Blocks {
    /// For each metric a figure of each level in each block.
    figures: BTreeMap<Metric, Vec<[f64; LEVELS.len()]>>,
    /// What the caller waited for each request, by level.
    wall_ns: [Vec<f64>; LEVELS.len()],
}

impl Blocks {
    /// Sorts visits into blocks; a block that was not finished is left out.
    pub(super) fn of(visits: &[Visit]) -> Self {
        let mut by_block: BTreeMap<usize, [Vec<&Visit>; LEVELS.len()]> = BTreeMap::new();
        let mut wall_ns: [Vec<f64>; LEVELS.len()] = Default::default();
        for visit in visits {
            let Some(level) = LEVELS.iter().position(|level| *level == visit.level) else {
                continue;
            };
            by_block.entry(visit.block).or_default()[level].push(visit);
            wall_ns[level].extend(visit.wall_ns.iter().map(|&ns| ns as f64));
        }
        let complete: Vec<&[Vec<&Visit>; LEVELS.len()]> = by_block
            .values()
            .filter(|levels| levels.iter().all(|visits| visits.len() == ROUNDS))
            .collect();
        let figures = Metric::ALL
            .into_iter()
            .map(|metric| {
                let of_block = |levels: &&[Vec<&Visit>; LEVELS.len()]| {
                    let mut figures = [0.0; LEVELS.len()];
                    for (figure, visits) in figures.iter_mut().zip(levels.iter()) {
                        *figure = metric.of(visits)?;
                    }
                    Some(figures)
                };
                (metric, complete.iter().filter_map(of_block).collect())
            })
            .collect();
        Self { figures, wall_ns }
    }

    /// How many blocks there are.
    pub(super) fn count(&self) -> usize {
        self.figures.get(&Metric::Wall).map_or(0, Vec::len)
    }

    /// A level's figure.
    pub(super) fn level(&self, metric: Metric, level: usize) -> Option<Estimate> {
        self.over_blocks(metric, |levels| levels[level])
    }

    /// How much more a level takes than another.
    pub(super) fn step(&self, metric: Metric, from: usize, to: usize) -> Option<Estimate> {
        self.over_blocks(metric, |levels| levels[to] - levels[from])
    }

    /// The requests of a level, whatever their block.
    pub(super) fn requests(&self, level: usize) -> Option<SortedSamples> {
        SortedSamples::new(self.wall_ns[level].clone())
    }

    fn over_blocks(&self, metric: Metric, figure: impl Fn(&[f64; LEVELS.len()]) -> f64) -> Option<Estimate> {
        let values: Vec<f64> = self.figures.get(&metric)?.iter().map(figure).collect();
        Estimate::of(&values)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[track_caller]
    fn assert_near(actual: f64, expected: f64, distance: f64) {
        assert!(
            (actual - expected).abs() <= distance,
            "{actual} is not within {distance} of {expected}"
        );
    }

    /// Blocks in which each level adds so many nanoseconds, on a machine that grows slower all the while.
    pub(in crate::impact) fn visits(blocks: usize, level_ns: [u64; 4]) -> Vec<Visit> {
        const SEQUENCES: [[usize; 4]; 4] = [[0, 1, 3, 2], [1, 2, 0, 3], [2, 3, 1, 0], [3, 0, 2, 1]];
        let mut visits = Vec::new();
        for block in 0..blocks {
            let mut sequences = SEQUENCES;
            if block % 2 == 1 {
                sequences.reverse();
            }
            for (place, level) in sequences.into_iter().flatten().enumerate() {
                let drift = 10 * (16 * block + place) as u64;
                // The first after the others waits a little longer, whichever level it is.
                let carried = if place % 4 == 0 { 500 } else { 0 };
                let each = 1_000_000 + level_ns[level] + drift + carried;
                visits.push(Visit {
                    level: LEVELS[level].to_owned(),
                    block,
                    wall_ns: vec![each; 3],
                    cpu_ns: 3 * (each - 400_000),
                    client_cpu_ns: 3 * 100_000,
                    connect_wall_ns: vec![200_000 + level_ns[level]; 2],
                    connect_cpu_ns: 2 * (150_000 + level_ns[level]),
                    connect_client_cpu_ns: 2 * 50_000,
                });
            }
        }
        visits
    }

    #[test]
    fn a_step_is_what_the_level_adds_whatever_drifts() {
        let blocks = Blocks::of(&visits(20, [0, 30_000, 31_000, 90_000]));
        assert_eq!(blocks.count(), 20);
        for (metric, from, to, expected) in [
            (Metric::Cpu, 0, 1, 30_000.0),
            (Metric::Cpu, 1, 2, 1_000.0),
            (Metric::ServerCpu, 2, 3, 59_000.0),
            (Metric::ConnectWall, 0, 3, 90_000.0),
            (Metric::ConnectCpu, 0, 3, 90_000.0),
            (Metric::WallWithConnect, 1, 1, 0.0),
        ] {
            let step = blocks.step(metric, from, to).expect("blocks");
            assert_near(step.value, expected, 30.0);
            assert!(step.low <= step.value && step.value <= step.high);
        }
        let wall = blocks.step(Metric::Wall, 0, 3).expect("blocks");
        assert_near(wall.value, 90_000.0, 300.0);
        assert_near(
            blocks.level(Metric::ServerCpu, 0).expect("blocks").value,
            501_700.0,
            200.0,
        );
        assert_eq!(blocks.requests(0).map(|sorted| sorted.len()), Some(240));
    }

    #[test]
    fn a_block_that_was_cut_off_is_left_out() {
        let mut cut = visits(3, [0; 4]);
        cut.pop();
        assert_eq!(Blocks::of(&cut).count(), 2);
        let one = Blocks::of(&cut[..16]);
        assert_eq!(one.count(), 1);
        assert_eq!(one.step(Metric::Wall, 0, 1), None);
    }

    /// By hand: one value is cut from either end, so df = 2 and t = 4.3027; the winsorised values 2, 2, 3, 4, 4 have
    /// variance 1, and the squared error of the mean is 4 * 1 / (3 * 2) = 2/3.
    #[test]
    fn the_interval_is_yuens() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).expect("values");
        assert_near(estimate.value, 3.0, 1e-12);
        assert_near(estimate.high - 3.0, 4.302_652_729_911 * (2.0_f64 / 3.0).sqrt(), 1e-9);
        assert_near(estimate.low + estimate.high, 6.0, 1e-12);
        assert_eq!(Estimate::of(&[1.0]), None);
    }

    #[test]
    fn a_share_is_as_uncertain_as_both_make_it() {
        let estimate = |low: f64, value: f64, high: f64| Estimate { value, low, high };
        let whole = estimate(8.0, 10.0, 16.0);
        let share = estimate(1.6, 2.0, 4.0).over(whole);
        assert_eq!((share.low, share.value, share.high), (0.1, 0.2, 0.5));
        let share = estimate(-1.6, 0.0, 1.6).over(whole);
        assert_eq!((share.low, share.value, share.high), (-0.2, 0.0, 0.2));
    }
}
