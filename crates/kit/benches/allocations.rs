//! Heap counts of the kit's own operations, by dhat.

mod operations;

voiceflow_kit::allocations_main!(operations::operations);
