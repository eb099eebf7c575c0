//! Which operation is measured by which instrument, in which order.

use std::path::PathBuf;

use voiceflow_record::{Instrument, OperationId};

use crate::workspace::BenchCrate;

/// How long to sample an operation that does not fix its number of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// About a second.
    Quick,
    /// About five seconds.
    Full,
}

impl Effort {
    /// The word the kit knows.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Effort::Quick => "quick",
            Effort::Full => "full",
        }
    }
}

/// One operation under one instrument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    /// What is measured.
    pub(crate) id: OperationId,
    /// By what.
    pub(crate) instrument: Instrument,
    /// Cargo's name of the crate that declares it.
    pub(crate) package: String,
    /// The folder of that crate, where its programs are started.
    pub(crate) folder: PathBuf,
}

/// The jobs in the order in which they run: crate by crate, and within one instrument by instrument, counts first, so
/// that the exact figures are there when somebody loses patience.
pub(crate) fn jobs(crates: &[BenchCrate], instruments: &[Instrument]) -> Vec<Job> {
    const ORDER: [Instrument; 3] = [Instrument::Instructions, Instrument::Allocations, Instrument::Time];
    let mut jobs = Vec::new();
    for found in crates {
        for instrument in ORDER.into_iter().filter(|instrument| instruments.contains(instrument)) {
            for entry in found
                .entries
                .iter()
                .filter(|entry| entry.instruments.contains(&instrument))
            {
                jobs.push(Job {
                    id: entry.id.clone(),
                    instrument,
                    package: found.package.clone(),
                    folder: found.folder.clone(),
                });
            }
        }
    }
    jobs
}

#[cfg(test)]
mod tests {
    use voiceflow_record::CatalogueEntry;

    use super::*;

    #[test]
    fn an_operation_is_measured_only_by_the_instruments_it_suits_and_counts_come_first() {
        let entry = |id: &str, instruments: &[Instrument]| CatalogueEntry {
            id: id.parse().expect("valid"),
            subsystem: "a".to_owned(),
            question: "How long?".to_owned(),
            instruments: instruments.to_vec(),
            throughput: None,
            paired: None,
        };
        let crates = [BenchCrate {
            package: "a".to_owned(),
            folder: PathBuf::new(),
            entries: vec![entry("a/b/c", &[Instrument::Time]), entry("a/d/e", &Instrument::ALL)],
        }];
        let named = |instruments: &[Instrument]| -> Vec<String> {
            jobs(&crates, instruments)
                .iter()
                .map(|job| format!("{} {}", job.id, job.instrument.as_str()))
                .collect()
        };
        assert_eq!(
            named(&Instrument::ALL),
            ["a/d/e instructions", "a/d/e allocations", "a/b/c time", "a/d/e time"]
        );
        assert_eq!(named(&[Instrument::Instructions]), ["a/d/e instructions"]);
    }
}
