//! Wall time of the operations, by criterion. Whole requests use several threads, so there is nothing to count here by
//! callgrind or dhat.

mod operations;

voiceflow_kit::time_main!(operations::operations);
