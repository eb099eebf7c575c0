//! Whole pipelines on the real models, ready to be measured: what the operations in `operations/` have in common.
//!
//! Everything measured here crosses subsystems; what one subsystem does alone is measured in its own crate.

mod remote;
mod studio;

pub use remote::Remote;
pub use studio::{Studio, Take};

/// Why something to measure could not be made.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
