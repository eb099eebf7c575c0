//! Instruction counts of the counted operations, by gungraun (iai-callgrind under its present name).

mod operations;

operations::counted_operations!(voiceflow_kit::instructions_main);
