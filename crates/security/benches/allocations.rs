//! Heap counts of the security operations, by dhat.

mod operations;

voiceflow_kit::allocations_main!(operations::operations);
