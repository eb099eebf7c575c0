//! Wall time of the kit's own operations, by criterion.

mod operations;

voiceflow_kit::time_main!(operations::operations);
