//! The kit's own operations once, and their catalogue.

#[path = "../benches/operations/mod.rs"]
mod operations;

voiceflow_kit::operations_test!(operations::operations);
