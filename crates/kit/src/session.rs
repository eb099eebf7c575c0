//! What `xtask` asked of this bench program, if it was `xtask` that started it.

use std::env;
use std::path::PathBuf;

use voiceflow_record::{Conditions, FORMAT_VERSION, Measured, Record, Run, environment, write_record};

use crate::{Operation, PrepareError, Prepared, Unavailable};

/// Where records go and what they carry. Without it a bench program prints and writes none.
pub(crate) struct Session {
    folder: PathBuf,
    run: Run,
    /// Sample long enough for a committed baseline, not just for a look.
    pub(crate) full: bool,
}

impl Session {
    /// Reads the environment; `None` when nobody asked for records.
    pub(crate) fn from_environment() -> Result<Option<Self>, PrepareError> {
        let Some(folder) = env::var_os(environment::RECORDS) else {
            return Ok(None);
        };
        let run_path = PathBuf::from(
            env::var_os(environment::RUN)
                .ok_or_else(|| format!("{} is set but {} is not", environment::RECORDS, environment::RUN))?,
        );
        let text = std::fs::read_to_string(&run_path)
            .map_err(|error| format!("cannot read {}: {error}", run_path.display()))?;
        let run = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", run_path.display()))?;
        let full = env::var(environment::EFFORT).is_ok_and(|effort| effort == "full");
        Ok(Some(Self {
            folder: folder.into(),
            run,
            full,
        }))
    }

    /// Writes one record.
    pub(crate) fn write(
        &self,
        operation: &Operation,
        prepared: &Prepared,
        measured: Measured,
        conditions: Conditions,
    ) -> Result<PathBuf, PrepareError> {
        let record = Record {
            format: FORMAT_VERSION,
            operation: operation.id().parse()?,
            inputs_sha256: prepared.inputs_sha256().map(str::to_owned),
            throughput: operation.throughput_per_call(),
            measured,
            conditions,
            run: self.run.clone(),
        };
        Ok(write_record(&self.folder, &record)?)
    }
}

/// Says on standard error why an operation has no result, and whether that is a failure: what cannot be had on this
/// machine is none.
#[expect(clippy::print_stderr, reason = "a bench program tells its user what was left out")]
pub(crate) fn tells_failure(operation: &Operation, error: &PrepareError) -> bool {
    let id = operation.id();
    match Unavailable::reason(error) {
        Some(missing) => {
            eprintln!("{}{id}: {missing}", environment::SKIPPED_PREFIX);
            false
        }
        None => {
            eprintln!("error: {id}: {error}");
            true
        }
    }
}

/// Whether `xtask` left this operation in. Everything is in where it named none.
pub(crate) fn is_selected(operation: &Operation) -> bool {
    env::var(environment::OPERATIONS).map_or(true, |ids| ids.split(',').any(|id| id == operation.id()))
}
