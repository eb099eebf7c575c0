//! Wall time of the operations, by criterion.

mod operations;

voiceflow_kit::time_main!(operations::operations);
