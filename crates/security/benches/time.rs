//! Wall time of the security operations, by criterion.

mod operations;

voiceflow_kit::time_main!(operations::operations);
