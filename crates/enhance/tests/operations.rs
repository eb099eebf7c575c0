//! Every operation once; the catalogue equals the declarations.
#[path = "../benches/operations/mod.rs"]
mod operations;
voiceflow_kit::operations_test!(operations::operations);
