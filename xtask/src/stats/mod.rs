//! The statistics of `xtask`: numbers in, numbers out.
//!
//! No file, clock, record or random number is known here; what a figure means for a verdict is decided by the callers.
//! The way of a comparison: [`location`] makes one log-ratio of a round's pairs, [`trimmed`] puts the rounds of an
//! operation together, [`moderated`] steadies the variance by that of the suite and answers questions about the mean.
//! [`sequential`] and [`multiplicity`] say how small a p must be, [`cluster`] speaks of the whole suite, [`proportion`]
//! of alarms counted in a validation, [`summary`] of the samples of a single run.
//!
//! Reference values from R and SciPy, with the scripts that made them, lie in `xtask/tests/fixtures/statistics`.

pub(crate) mod cluster;
pub(crate) mod location;
pub(crate) mod moderated;
pub(crate) mod moments;
pub(crate) mod multiplicity;
mod polygamma;
pub(crate) mod proportion;
pub(crate) mod sequential;
pub(crate) mod student;
mod summary;
#[cfg(test)]
mod testing;
pub(crate) mod trimmed;

pub(crate) use summary::{CALLS_FOR_P95, SortedSamples};
