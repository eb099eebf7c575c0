//! What the tests of this module share: reading reference values, holding numbers against them, seeded properties.

use proptest::test_runner::{Config, RngSeed};
use serde::de::DeserializeOwned;

/// One table of a reference file.
pub(crate) fn cases<T: DeserializeOwned>(file: &str, table: &str) -> Vec<T> {
    let mut tables: serde_json::Value = serde_json::from_str(file).expect("a reference file is JSON");
    serde_json::from_value(tables[table].take()).unwrap_or_else(|error| panic!("table {table}: {error}"))
}

/// Infinite degrees of freedom are `null` in the files, which JSON has no number for.
pub(crate) fn degrees(df: Option<f64>) -> f64 {
    df.unwrap_or(f64::INFINITY)
}

/// Equal within a share of the expected value.
#[track_caller]
pub(crate) fn assert_relative(actual: f64, expected: f64, tolerance: f64) {
    assert!(
        actual == expected || (actual - expected).abs() <= tolerance * expected.abs(),
        "{actual:e} is not {expected:e} within {tolerance:e} of it"
    );
}

/// Equal within a distance, for values that may be zero.
#[track_caller]
pub(crate) fn assert_near(actual: f64, expected: f64, distance: f64) {
    assert!(
        (actual - expected).abs() <= distance,
        "{actual:e} is not within {distance:e} of {expected:e}"
    );
}

/// Properties are tried on the same inputs in every run, and leave no file behind.
pub(crate) fn seeded() -> Config {
    Config {
        cases: 256,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(11),
        ..Config::default()
    }
}
