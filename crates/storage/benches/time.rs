//! Wall time of the storage operations, by criterion.

mod operations;

voiceflow_kit::time_main!(operations::operations);
