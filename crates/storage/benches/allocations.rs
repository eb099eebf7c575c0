//! Heap counts of the storage operations, by dhat.

mod operations;

voiceflow_kit::allocations_main!(operations::operations);
