//! Every security operation once, its answer checked; the catalogue equals the declarations.

#[path = "../benches/operations/mod.rs"]
mod operations;

voiceflow_kit::operations_test!(operations::operations);
