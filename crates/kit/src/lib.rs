//! Declare an operation once; every instrument measures that one declaration.
//!
//! An [`Operation`] has an id, the question it answers, how to prepare it, what to time, what the right answer is, and
//! the instruments that are honest for it. A crate lists its operations with [`operations!`] in
//! `benches/operations/mod.rs`; its targets `benches/time.rs`, `benches/iai.rs`, `benches/allocations.rs` and
//! `tests/operations.rs` are a line each over that list ([`time_main!`], [`instructions_main!`], [`allocations_main!`],
//! [`operations_test!`]).
//!
//! | instrument | gives | leaves out |
//! |---|---|---|
//! | [`time`] | wall time of every call or batch, by criterion | what a busy machine does to it |
//! | [`instructions`] | exact counts of one call, by callgrind through gungraun | caches, SIMD kernels valgrind hides |
//! | [`allocations`] | exact heap counts of one call, by dhat | what C code allocates |
//! | [`paired`] | both clocks of batches that alternate with another build's, driven by `xtask compare` | what only a long run shows |
//! | [`once`] | whether the answer is right, in `cargo test` | everything else |
//!
//! The answer is checked by every instrument: a fast wrong answer is a failure.
//!
//! The kit knows no subsystem and decides nothing: comparing is left to `xtask`.

pub mod allocations;
mod body;
pub mod instructions;
pub mod once;
mod operation;
pub mod paired;
mod session;
pub mod time;

pub use body::{NO_INPUTS, PrepareError, Prepared, Unavailable, WrongAnswer, check_eq, digest_parts};
pub use operation::{Operation, OperationList};
pub use voiceflow_record::{Instrument, Throughput};

/// What the macros need; not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use dhat;
    pub use gungraun;
}
