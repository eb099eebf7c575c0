//! Fits the constants of constrained decoding and prints `src/constrained/constants.rs`:
//!
//! `cargo run --release -p voiceflow-enhance --example calibrate > crates/enhance/src/constrained/constants.rs`
//!
//! Each decision is a multinomial logistic regression over what `voiceflow_enhance::calibration` observes on the
//! development sentences, with a ridge penalty on standardised values. Five-fold cross-validation over sentences chooses the
//! penalty and goes to standard error: how well decisions of this kind do on sentences they were not fitted on.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program prints")]

use voiceflow_assets::{AssetName, Assets};
use voiceflow_enhance::calibration::{Observation, Observations, Observer};
use voiceflow_enhance::model::LanguageModel;

#[path = "../tests/sentences/mod.rs"]
mod sentences;

/// Ridge penalties to choose from: a few hundred marks cannot support sixty weights each without one. The one that makes
/// held-out choices likeliest is taken.
const PENALTIES: [f64; 3] = [1.0, 2.0, 8.0];
const FOLDS: usize = 5;

/// A table's name, that of its length, what it decides, between how many choices, and on which observations.
type Decision = (
    &'static str,
    &'static str,
    &'static str,
    usize,
    fn(&Observations) -> &Vec<Observation>,
);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = LanguageModel::load(&Assets::open()?.path(AssetName::SmolLm2)?)?;
    let observer = Observer::new(&model);
    let mut texts = Vec::new();
    for sentence in sentences::development() {
        texts.push(observer.observe(&sentence.reference, sentence.context)?);
    }
    println!("//! What each value counts in each decision of constrained decoding: fitted, and written, by");
    println!("//! `examples/calibrate.rs` on `tests/development/sentences.toml`. Not to be edited.");
    println!();
    println!("#![allow(clippy::approx_constant, reason = \"a fitted number may come near anything\")]");
    println!();
    println!("use super::judge::{{END_LEN, FORM_LEN, MARK_LEN, SCREEN_LEN}};");
    let decisions: [Decision; 5] = [
        (
            "SCREEN",
            "SCREEN_LEN",
            "A comma, and an end, against no mark, before any was tried.",
            3,
            |text| &text.screen,
        ),
        ("MARK", "MARK_LEN", "A comma, and an end, against no mark.", 3, |text| {
            &text.mark
        }),
        (
            "END",
            "END_LEN",
            "A question mark, and an exclamation mark, against a full stop.",
            3,
            |text| &text.end,
        ),
        ("CAPITAL", "FORM_LEN", "A capital against none.", 2, |text| {
            &text.capital
        }),
        ("UPPER", "FORM_LEN", "Capitals against none.", 2, |text| &text.upper),
    ];
    for (name, length, meaning, choices, pick) in decisions {
        let groups: Vec<Vec<Observation>> = texts.iter().map(|text| pick(text).clone()).collect();
        let all: Vec<Observation> = groups.concat();
        let penalty = report(name, &groups, choices);
        let weights = fit(&all, choices, penalty);
        println!("\n/// {meaning}\n#[rustfmt::skip]");
        println!("pub(crate) const {name}: [[f32; {length}]; {}] = [", choices - 1);
        for row in weights {
            let numbers: Vec<String> = row.iter().map(|weight| format!("{weight:.4}")).collect();
            println!("    [");
            for line in numbers.chunks(10) {
                println!("        {},", line.join(", "));
            }
            println!("    ],");
        }
        println!("];");
    }
    Ok(())
}

/// Prints how well sentences are decided by what was fitted on the others, and answers the best penalty.
fn report(name: &str, groups: &[Vec<Observation>], choices: usize) -> f64 {
    let held: Vec<Held> = PENALTIES
        .iter()
        .map(|&penalty| Held::new(groups, choices, penalty))
        .collect();
    let best = (0..held.len()).fold(0, |best, index| {
        if held[index].surprise < held[best].surprise {
            index
        } else {
            best
        }
    });
    for (penalty, held) in PENALTIES.iter().zip(&held) {
        eprintln!("{name}: penalty {penalty}: mean surprise {:.5}", held.surprise);
    }
    let Held { table, open, .. } = &held[best];
    eprintln!(
        "  with {}: right choice (row) against decision (column): {table:?}",
        PENALTIES[best]
    );
    for (choice, row) in table.iter().enumerate().take(choices).skip(1) {
        let right = row[choice] as f64;
        let said: usize = (0..choices).map(|row| table[row][choice]).sum();
        let meant: usize = row.iter().sum();
        eprintln!(
            "  choice {choice}: precision {:.3}, recall {:.3}",
            right / said as f64,
            right / meant as f64
        );
    }
    for (bound, (kept, lost)) in BOUNDS.iter().zip(open) {
        eprintln!("  above {bound}: {kept}, right choices below: {lost}");
    }
    PENALTIES[best]
}

/// Probabilities of another choice than the first below which a boundary might be left out.
const BOUNDS: [f64; 4] = [0.01, 0.02, 0.03, 0.05];

/// How held-out sentences are decided.
struct Held {
    /// Mean of the negative logarithm of the right choice's probability.
    surprise: f64,
    /// Right choices by decisions.
    table: Vec<Vec<usize>>,
    /// For each bound how many observations lie above it, and how many right choices below.
    open: [(usize, usize); BOUNDS.len()],
}

impl Held {
    fn new(groups: &[Vec<Observation>], choices: usize, penalty: f64) -> Self {
        let mut held = Self {
            surprise: 0.0,
            table: vec![vec![0; choices]; choices],
            open: [(0, 0); BOUNDS.len()],
        };
        for fold in 0..FOLDS {
            let part = |held: bool| -> Vec<Observation> {
                let chosen = groups
                    .iter()
                    .enumerate()
                    .filter(|(index, _)| (index % FOLDS == fold) == held);
                chosen.flat_map(|(_, group)| group.clone()).collect()
            };
            let weights = fit(&part(false), choices, penalty);
            for (values, choice) in part(true) {
                held.add(&shares(&weights, &values), choice);
            }
        }
        held.surprise /= groups.iter().map(Vec::len).sum::<usize>() as f64;
        held
    }

    fn add(&mut self, shares: &[f64], choice: usize) {
        let best = (0..shares.len()).fold(0, |best, index| if shares[index] > shares[best] { index } else { best });
        self.table[choice][best] += 1;
        self.surprise -= shares[choice].max(1e-12).ln();
        for ((kept, lost), bound) in self.open.iter_mut().zip(BOUNDS) {
            let open = 1.0 - shares[0] > bound;
            *kept += usize::from(open);
            *lost += usize::from(!open && choice > 0);
        }
    }
}

/// Weights for each choice but the first, for values as they are observed.
fn fit(observations: &[Observation], choices: usize, penalty: f64) -> Vec<Vec<f64>> {
    let width = observations.first().map_or(0, |(values, _)| values.len());
    let count = observations.len() as f64;
    let mean: Vec<f64> = (0..width)
        .map(|index| {
            observations
                .iter()
                .map(|(values, _)| f64::from(values[index]))
                .sum::<f64>()
                / count
        })
        .collect();
    let spread: Vec<f64> = (0..width)
        .map(|index| {
            let square = |value: f32| (f64::from(value) - mean[index]).powi(2);
            (observations
                .iter()
                .map(|(values, _)| square(values[index]))
                .sum::<f64>()
                / count)
                .sqrt()
        })
        .collect();
    // A value that is always the same says nothing, but the one that is always 1 is the intercept.
    let constant = |index: usize| spread[index] < 1e-6;
    let rows: Vec<(Vec<f64>, usize)> = observations
        .iter()
        .map(|(values, choice)| {
            let value = |index: usize| match constant(index) {
                true => f64::from(values[index]),
                false => (f64::from(values[index]) - mean[index]) / spread[index],
            };
            ((0..width).map(value).collect(), *choice)
        })
        .collect();
    let intercept = (0..width)
        .find(|&index| constant(index) && mean[index] == 1.0)
        .expect("one value is always 1");
    let mut weights = descend(&rows, choices, intercept, penalty);
    for row in &mut weights {
        for index in 0..width {
            if constant(index) {
                row[index] = if index == intercept { row[index] } else { 0.0 };
            } else {
                row[index] /= spread[index];
            }
        }
        let shift: f64 = (0..width)
            .filter(|&index| !constant(index))
            .map(|index| row[index] * mean[index])
            .sum();
        row[intercept] -= shift;
    }
    weights
}

/// Gradient descent with the momentum and the step sizes of Adam (Kingma and Ba, 2014), over all rows at once.
fn descend(rows: &[(Vec<f64>, usize)], choices: usize, intercept: usize, ridge: f64) -> Vec<Vec<f64>> {
    let width = rows.first().map_or(0, |(values, _)| values.len());
    const STEPS: i32 = 400;
    let mut weights = vec![vec![0.0; width]; choices - 1];
    let mut first = weights.clone();
    let mut second = weights.clone();
    for step in 1..=STEPS {
        let mut gradient = vec![vec![0.0; width]; choices - 1];
        for (values, choice) in rows {
            let shares = shares_of(&weights, values);
            for (index, row) in gradient.iter_mut().enumerate() {
                let error = shares[index + 1] - f64::from(u8::from(*choice == index + 1));
                for (one, value) in row.iter_mut().zip(values) {
                    *one += error * value;
                }
            }
        }
        let rate = 0.1 * (1.0 - f64::from(step) / f64::from(STEPS + 1));
        for choice in 0..choices - 1 {
            for index in 0..width {
                let penalty = if index == intercept {
                    0.0
                } else {
                    ridge * weights[choice][index]
                };
                let slope = (gradient[choice][index] + penalty) / rows.len() as f64;
                first[choice][index] = 0.9 * first[choice][index] + 0.1 * slope;
                second[choice][index] = 0.999 * second[choice][index] + 0.001 * slope * slope;
                let mean = first[choice][index] / (1.0 - 0.9_f64.powi(step));
                let square = second[choice][index] / (1.0 - 0.999_f64.powi(step));
                weights[choice][index] -= rate * mean / (square.sqrt() + 1e-9);
            }
        }
    }
    weights
}

fn shares(weights: &[Vec<f64>], values: &[f32]) -> Vec<f64> {
    let values: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
    shares_of(weights, &values)
}

fn shares_of(weights: &[Vec<f64>], values: &[f64]) -> Vec<f64> {
    let score = |row: &Vec<f64>| {
        row.iter()
            .zip(values)
            .map(|(weight, value)| weight * value)
            .sum::<f64>()
    };
    let scores: Vec<f64> = std::iter::once(0.0).chain(weights.iter().map(score)).collect();
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}
