//! The Universal Scalability Law: `X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1))`, with `gamma` the throughput of
//! one worker, `alpha` the share of work that only one can do at a time, and `beta` the price of keeping two in step
//! (Gunther 2007, Guerrilla Capacity Planning, equation 4.31, in the form with three parameters).
//!
//! Fitted by least squares of relative residuals, with `alpha` and `beta` at least zero. The bounded optimum is free in
//! some of the two and zero in the others, so each of the four cases is solved without bounds, by Levenberg and
//! Marquardt, and the best one within them is taken.

use serde::Serialize;

/// Parameters less than points by this many at least: with fewer the curve is drawn through whatever was measured.
const SPARE_POINTS: usize = 2;

/// Root mean square of the relative residuals beyond which the law does not describe what was measured: about three
/// times what a step varies by on a shared machine. A flat ceiling, such as that of two busy cores, is beyond it.
const MISFIT: f64 = 0.10;

/// Steps of a solution after which it ends in any case; it takes about ten.
const MOST_STEPS: usize = 500;

/// The law with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Law {
    /// Throughput of one worker.
    pub(super) gamma: f64,
    /// Contention.
    pub(super) alpha: f64,
    /// Coherency.
    pub(super) beta: f64,
}

impl Law {
    pub(super) fn throughput(&self, workers: f64) -> f64 {
        self.gamma * workers / self.denominator(workers)
    }

    fn denominator(&self, workers: f64) -> f64 {
        1.0 + self.alpha * (workers - 1.0) + self.beta * workers * (workers - 1.0)
    }

    /// The number of workers with the highest throughput; none where it rises for ever.
    fn best_workers(&self) -> Option<f64> {
        if self.alpha >= 1.0 {
            // Whatever one adds another takes away: it never rises.
            return Some(1.0);
        }
        (self.beta > 0.0).then(|| ((1.0 - self.alpha) / self.beta).sqrt().max(1.0))
    }
}

/// What may be said of a fit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Fit {
    #[serde(flatten)]
    pub(super) law: Law,
    /// Root mean square of the relative residuals.
    pub(super) residual: f64,
    /// Workers with the highest throughput, and that throughput, where they lie within what was measured and the
    /// throughput behind them falls by more than the residual.
    pub(super) peak: Option<(f64, f64)>,
}

/// Why nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum NoFit {
    /// There are too few steps.
    TooFewSteps,
    /// The law is this far from what was measured, as a root mean square of relative residuals.
    DoesNotDescribe(f64),
}

/// Fits the law to `(workers, throughput)` of each step.
pub(super) fn fit(steps: &[(f64, f64)]) -> Result<Fit, NoFit> {
    let usable = steps
        .iter()
        .all(|&(workers, throughput)| workers >= 1.0 && throughput > 0.0);
    if steps.len() < 3 + SPARE_POINTS || !usable {
        return Err(NoFit::TooFewSteps);
    }
    let (law, residual) = bounded(steps).ok_or(NoFit::TooFewSteps)?;
    if residual > MISFIT {
        return Err(NoFit::DoesNotDescribe(residual));
    }
    let most = steps.iter().map(|&(workers, _)| workers).fold(1.0, f64::max);
    // A fall behind the peak that is smaller than what the law is off by was not seen.
    let seen = |throughput: f64| throughput > law.throughput(most) * (1.0 + residual);
    let peak = law
        .best_workers()
        .filter(|&workers| workers <= most)
        .map(|workers| (workers, law.throughput(workers)))
        .filter(|&(_, throughput)| seen(throughput));
    Ok(Fit { law, residual, peak })
}

/// The best law within its bounds with the root mean square of its relative residuals.
fn bounded(steps: &[(f64, f64)]) -> Option<(Law, f64)> {
    let cases: [&[usize]; 4] = [&[0], &[0, 1], &[0, 2], &[0, 1, 2]];
    cases
        .into_iter()
        .filter_map(|free| solve(steps, free))
        .filter(|law| law.alpha >= 0.0 && law.beta >= 0.0 && law.gamma > 0.0)
        .map(|law| (law, (squares(steps, &law) / steps.len() as f64).sqrt()))
        .min_by(|a, b| a.1.total_cmp(&b.1))
}

/// Sum of the squared relative residuals.
fn squares(steps: &[(f64, f64)], law: &Law) -> f64 {
    let residual = |&(workers, throughput): &(f64, f64)| {
        let denominator = law.denominator(workers);
        if denominator > 0.0 {
            law.throughput(workers) / throughput - 1.0
        } else {
            f64::INFINITY
        }
    };
    steps.iter().map(residual).map(|residual| residual * residual).sum()
}

/// Without bounds; parameters that are not `free` (0 gamma, 1 alpha, 2 beta) stay zero.
fn solve(steps: &[(f64, f64)], free: &[usize]) -> Option<Law> {
    let mut law = start(steps, free)?;
    let mut cost = squares(steps, &law);
    let mut damping = 1e-3;
    for _ in 0..MOST_STEPS {
        let (normal, gradient) = normal_equations(steps, &law, free);
        let mut damped = normal;
        for (place, row) in damped.iter_mut().enumerate().take(free.len()) {
            row[place] *= 1.0 + damping;
        }
        let Some(step) = solve_linear(damped, gradient, free.len()) else {
            damping *= 10.0;
            continue;
        };
        let next = moved(&law, &step, free);
        let next_cost = squares(steps, &next);
        if next_cost.is_finite() && next_cost <= cost {
            let gain = cost - next_cost;
            (law, cost) = (next, next_cost);
            damping = (damping / 10.0).max(1e-12);
            if gain <= 1e-16 * cost.max(1e-16) {
                break;
            }
        } else {
            damping *= 10.0;
            if damping > 1e16 {
                break;
            }
        }
    }
    Some(law)
}

/// `N / X` is linear in `1/gamma`, `alpha/gamma` and `beta/gamma`: least squares of that, residuals relative too. Where it
/// makes no sense as a start, nothing but proportion does.
fn start(steps: &[(f64, f64)], free: &[usize]) -> Option<Law> {
    let mut normal = [[0.0; 3]; 3];
    let mut right = [0.0; 3];
    for &(workers, throughput) in steps {
        let columns = [1.0, workers - 1.0, workers * (workers - 1.0)].map(|column| column * throughput / workers);
        for (row, &of_row) in free.iter().enumerate() {
            for (column, &of_column) in free.iter().enumerate() {
                normal[row][column] += columns[of_row] * columns[of_column];
            }
            right[row] += columns[of_row];
        }
    }
    let solution = solve_linear(normal, right, free.len())?;
    let mut parameters = [0.0; 3];
    for (value, &place) in solution.iter().zip(free) {
        parameters[place] = *value;
    }
    let law = Law {
        gamma: 1.0 / parameters[0],
        alpha: parameters[1] / parameters[0],
        beta: parameters[2] / parameters[0],
    };
    if parameters[0] > 0.0 && squares(steps, &law).is_finite() {
        return Some(law);
    }
    let &(workers, throughput) = steps.first()?;
    Some(Law {
        gamma: throughput / workers,
        alpha: 0.0,
        beta: 0.0,
    })
}

/// `J'J` and `-J'r` of the relative residuals; gamma as a share of itself, so that all columns are of one size.
fn normal_equations(steps: &[(f64, f64)], law: &Law, free: &[usize]) -> ([[f64; 3]; 3], [f64; 3]) {
    let mut normal = [[0.0; 3]; 3];
    let mut gradient = [0.0; 3];
    for &(workers, throughput) in steps {
        let expected = law.throughput(workers) / throughput;
        let denominator = law.denominator(workers);
        let slopes = [
            expected,
            -expected * (workers - 1.0) / denominator,
            -expected * workers * (workers - 1.0) / denominator,
        ];
        for (row, &of_row) in free.iter().enumerate() {
            for (column, &of_column) in free.iter().enumerate() {
                normal[row][column] += slopes[of_row] * slopes[of_column];
            }
            gradient[row] -= slopes[of_row] * (expected - 1.0);
        }
    }
    (normal, gradient)
}

fn moved(law: &Law, step: &[f64; 3], free: &[usize]) -> Law {
    let mut next = *law;
    for (change, &place) in step.iter().zip(free) {
        match place {
            0 => next.gamma *= 1.0 + change,
            1 => next.alpha += change,
            _ => next.beta += change,
        }
    }
    next
}

/// Gaussian elimination with pivoting of the first `size` rows; none where they do not determine a solution.
fn solve_linear(mut matrix: [[f64; 3]; 3], mut right: [f64; 3], size: usize) -> Option<[f64; 3]> {
    for column in 0..size {
        let pivot = (column..size).max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()))?;
        if matrix[pivot][column] == 0.0 || !matrix[pivot][column].is_finite() {
            return None;
        }
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        for row in column + 1..size {
            let factor = matrix[row][column] / matrix[column][column];
            let above = matrix[column];
            for (value, above) in matrix[row][column..size].iter_mut().zip(&above[column..size]) {
                *value -= factor * above;
            }
            right[row] -= factor * right[column];
        }
    }
    let mut solution = [0.0; 3];
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|place| matrix[row][place] * solution[place]).sum();
        solution[row] = (right[row] - known) / matrix[row][row];
    }
    solution.iter().all(|value| value.is_finite()).then_some(solution)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct File {
        usl: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        workers: Vec<f64>,
        throughput: Vec<f64>,
        gamma: f64,
        alpha: f64,
        beta: f64,
        residual: f64,
    }

    impl Case {
        fn steps(&self) -> Vec<(f64, f64)> {
            self.workers
                .iter()
                .copied()
                .zip(self.throughput.iter().copied())
                .collect()
        }
    }

    fn cases() -> Vec<Case> {
        let file: File = serde_json::from_str(include_str!("../../tests/fixtures/scale/usl.json")).expect("JSON");
        assert!(file.usl.len() >= 9);
        file.usl
    }

    fn steps(of: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
            .map(|workers| (workers, of(workers)))
            .into()
    }

    #[test]
    fn the_fit_is_that_of_scipys_bounded_least_squares() {
        for case in cases() {
            let (law, residual) = bounded(&case.steps()).expect("a fit");
            let near = |what: &str, actual: f64, expected: f64, distance: f64| {
                assert!(
                    (actual - expected).abs() <= distance,
                    "{}: {what} {actual} is not within {distance} of {expected}",
                    case.name
                );
            };
            near("residual", residual, case.residual, 1e-7);
            near("gamma", law.gamma, case.gamma, 1e-4 * case.gamma);
            near("alpha", law.alpha, case.alpha, 1e-4 * (1.0 + case.alpha));
            near("beta", law.beta, case.beta, 1e-5);
        }
    }

    #[test]
    fn what_made_the_figures_is_found_again_with_its_peak() {
        let truth = Law {
            gamma: 1000.0,
            alpha: 0.05,
            beta: 0.0008,
        };
        let fit = fit(&steps(|workers| truth.throughput(workers))).expect("fits");
        assert!((fit.law.gamma / truth.gamma - 1.0).abs() < 1e-9, "{fit:?}");
        assert!((fit.law.alpha - truth.alpha).abs() < 1e-9 && (fit.law.beta - truth.beta).abs() < 1e-10);
        let (workers, throughput) = fit.peak.expect("within 64 workers");
        assert!((workers - 34.46).abs() < 0.01, "{workers}");
        assert!((throughput - truth.throughput(workers)).abs() < 1e-6);
    }

    #[test]
    fn a_peak_beyond_what_was_measured_is_not_told() {
        let law = Law {
            gamma: 10.0,
            alpha: 0.01,
            beta: 0.0001,
        };
        assert_eq!(fit(&steps(|workers| law.throughput(workers))).expect("fits").peak, None);
        // Without coherency there is none at all.
        assert_eq!(fit(&steps(|workers| 10.0 * workers)).expect("fits").peak, None);
        // Where more workers are of no use, one is best.
        let falling = fit(&steps(|workers| 10.0 / workers.powf(0.02))).expect("fits");
        assert_eq!(falling.peak.map(|(workers, _)| workers), Some(1.0), "{falling:?}");
    }

    #[test]
    fn a_fall_within_the_residual_is_no_peak() {
        // Flat but for what a busy machine does to it.
        let flat = [794.0, 1008.0, 991.0, 946.0, 876.0, 873.0, 995.0];
        let workers = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
        let steps: Vec<(f64, f64)> = workers.into_iter().zip(flat).collect();
        assert_eq!(fit(&steps).expect("fits").peak, None);
    }

    #[test]
    fn a_ceiling_is_not_what_the_law_describes() {
        let ceiling = fit(&steps(|workers| 500.0 * workers.min(8.0)));
        assert!(
            matches!(ceiling, Err(NoFit::DoesNotDescribe(residual)) if residual > MISFIT),
            "{ceiling:?}"
        );
    }

    #[test]
    fn parameters_never_leave_their_bounds() {
        for exponent in [0.0, 0.2, 0.5, 0.9, 1.0, 1.1] {
            let (law, _) = bounded(&steps(|workers: f64| 7.0 * workers.powf(exponent))).expect("a fit");
            assert!(law.alpha >= 0.0 && law.beta >= 0.0, "{exponent}: {law:?}");
        }
    }

    #[test]
    fn too_few_steps_and_steps_without_throughput_have_no_fit() {
        let all = steps(|workers| workers);
        assert_eq!(fit(&all[..4]), Err(NoFit::TooFewSteps));
        assert!(fit(&all[..5]).is_ok());
        assert_eq!(fit(&steps(|_| 0.0)), Err(NoFit::TooFewSteps));
    }
}
