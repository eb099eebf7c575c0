//! The environment variables through which `xtask` tells a bench program what to do. Without them a bench program is an
//! ordinary criterion or gungraun target.

/// Folder to write records to. Its presence asks for records.
pub const RECORDS: &str = "VOICEFLOW_RECORDS";

/// Path of a JSON file holding the [`Run`](crate::Run) that every record of the run carries.
pub const RUN: &str = "VOICEFLOW_RUN";

/// Ids to measure, separated by commas; all others are left out.
pub const OPERATIONS: &str = "VOICEFLOW_OPERATIONS";

/// `quick` or `full`: how long to sample an operation that does not fix its number of calls.
pub const EFFORT: &str = "VOICEFLOW_EFFORT";

/// Id of the one operation that a time program is to measure as one side of a pair, driven through its standard input.
/// See [`paired`](crate::paired).
pub const PAIRED: &str = "VOICEFLOW_PAIRED";

/// Path of a file for an allocation program to write dhat's profile of one more call to, after the counted one. It
/// holds the last operation that the program counts, so name a single one in [`OPERATIONS`].
pub const HEAP_PROFILE: &str = "VOICEFLOW_HEAP_PROFILE";

/// What the line on standard error begins with by which a bench program says that it left an operation out because
/// something it needs is not on this machine: `skipped: ID: REASON`.
pub const SKIPPED_PREFIX: &str = "skipped: ";
