//! Every operation once, and the catalogue held equal to the declarations.

#[path = "../operations/mod.rs"]
mod operations;

voiceflow_kit::operations_test!(operations::operations);
