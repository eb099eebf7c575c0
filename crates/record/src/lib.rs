//! The format on disk: what an instrument writes and every later command reads.
//!
//! One [`Record`] is what one instrument said of one operation in one run. It is a JSON file named after the operation
//! and the instrument, so a folder of records needs no index and a kill loses at most the record being measured.
//! `docs/records.md` describes the fields to people who read them with other tools.
//!
//! This crate knows no statistics (figures are derived by whoever prints them), no subsystem, and no cargo.

mod catalogue;
pub mod environment;
mod host;
mod id;
pub mod paired;
mod record;
mod store;

pub use catalogue::{Catalogue, CatalogueEntry, CatalogueError, Pairing};
pub use host::Host;
pub use id::{InvalidOperationId, OperationId};
pub use record::{
    Build, Clock, Conditions, Counts, FORMAT_VERSION, INPUTS_PREFIX, Instrument, Measured, Record, Revision, Run,
    Samples, Sampling, Throughput,
};
pub use store::{RecordError, read_all, read_record, write_file, write_record};
