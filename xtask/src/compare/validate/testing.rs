//! Rounds made up for the tests of this folder.

use rand::Rng as _;
use rand::rngs::StdRng;
use voiceflow_record::paired::{Purpose, ROUND_FORMAT_VERSION, Round, Scheduling, SideSamples};
use voiceflow_record::{Clock, Conditions};

use crate::compare::model::Comparison;

/// Equal within a distance.
#[track_caller]
pub(crate) fn assert_near(actual: f64, expected: f64, distance: f64) {
    assert!(
        (actual - expected).abs() <= distance,
        "{actual:e} is not within {distance:e} of {expected:e}"
    );
}

/// The sum of twelve uniform draws is near enough to a normal one.
pub(crate) fn normal(random: &mut StdRng) -> f64 {
    (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
}

/// A round of an operation judged by processor time, with these batches; it took a tenth of a second.
pub(crate) fn round(id: &str, purpose: Purpose, number: u32, baseline: &[u64], candidate: &[u64]) -> Round {
    let side = |samples: &[u64]| SideSamples {
        wall_ns: samples.to_vec(),
        cpu_ns: samples.to_vec(),
        scheduling: Scheduling::default(),
    };
    Round {
        format: ROUND_FORMAT_VERSION,
        operation: id.parse().expect("valid"),
        purpose,
        number,
        clock: Clock::Cpu,
        calls: 1,
        pinned_to: None,
        baseline_started_first: number.is_multiple_of(2),
        layout_seed: None,
        plant_percent: 0.0,
        baseline_first: (0..baseline.len()).map(|pair| matches!(pair % 4, 0 | 3)).collect(),
        baseline: side(baseline),
        candidate: side(candidate),
        conditions: Conditions {
            started_unix_ms: 1_795_500_000_000 + 1000 * u64::from(number),
            took_ms: 100,
            ..Conditions::default()
        },
    }
}

/// A round of equal code: eight pairs about half a millisecond, whose noise of 2 % is the machine's at the moment of
/// the pair, and an effect of 0.3 % of each process.
pub(crate) fn quiet_round(id: &str, purpose: Purpose, number: u32, random: &mut StdRng) -> Round {
    let processes = [0.003 * normal(random), 0.003 * normal(random)];
    let (mut baseline, mut candidate) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        let machine = 0.02 * normal(random);
        baseline.push((500_000.0 * (machine + processes[0]).exp()).round() as u64);
        candidate.push((500_000.0 * (machine + processes[1]).exp()).round() as u64);
    }
    round(id, purpose, number, &baseline, &candidate)
}

/// What a run of HEAD against itself writes; its rows are made up.
pub(crate) fn comparison_of_equal_code() -> Comparison {
    let mut comparison = crate::compare::render::tests::sample();
    comparison.candidate = comparison.baseline.clone();
    comparison
}
