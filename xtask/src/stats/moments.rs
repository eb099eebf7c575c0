//! Mean and variance of a few numbers.

/// The arithmetic mean, summed from the first value: equal values have exactly that mean. Not for an empty slice.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let origin = values[0];
    origin + values.iter().map(|value| value - origin).sum::<f64>() / values.len() as f64
}

/// The unbiased variance, by n - 1. Not for fewer than two values.
pub(crate) fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    squares / (values.len() as f64 - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worked_mean_and_variance() {
        assert_eq!(mean(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), 5.0);
        assert_eq!(variance(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), 32.0 / 7.0);
    }

    #[test]
    fn equal_values_have_no_variance_at_all() {
        assert_eq!(mean(&[0.1; 7]), 0.1);
        assert_eq!(variance(&[0.1; 7]), 0.0);
    }
}
