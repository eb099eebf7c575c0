//! Heap counts of the operations, by dhat.

mod operations;
voiceflow_kit::allocations_main!(operations::operations);
