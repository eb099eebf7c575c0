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

/// Puts the anchors of a run of times before everything else: what the machine could do is known before what was made
/// of it, and whatever filter was given. Exact counts need none.
pub(crate) fn anchors_first(anchors: &[BenchCrate], jobs: Vec<Job>) -> Vec<Job> {
    if !jobs.iter().any(|job| job.instrument == Instrument::Time) {
        return jobs;
    }
    let mut all = self::jobs(anchors, &[Instrument::Time]);
    let later: Vec<Job> = jobs.into_iter().filter(|job| !all.contains(job)).collect();
    all.extend(later);
    all
}

#[cfg(test)]
mod tests {
    use voiceflow_record::CatalogueEntry;

    use super::*;

    fn entry(id: &str, instruments: &[Instrument]) -> CatalogueEntry {
        CatalogueEntry {
            id: id.parse().expect("valid"),
            subsystem: "a".to_owned(),
            question: "How long?".to_owned(),
            instruments: instruments.to_vec(),
            throughput: None,
            paired: None,
        }
    }

    fn crate_of(entries: Vec<CatalogueEntry>) -> BenchCrate {
        BenchCrate {
            package: "a".to_owned(),
            folder: PathBuf::new(),
            entries,
        }
    }

    fn named(jobs: &[Job]) -> Vec<String> {
        jobs.iter()
            .map(|job| format!("{} {}", job.id, job.instrument.as_str()))
            .collect()
    }

    #[test]
    fn an_operation_is_measured_only_by_the_instruments_it_suits_and_counts_come_first() {
        let crates = [crate_of(vec![
            entry("a/b/c", &[Instrument::Time]),
            entry("a/d/e", &Instrument::ALL),
        ])];
        let jobs_by = |instruments: &[Instrument]| named(&jobs(&crates, instruments));
        assert_eq!(
            jobs_by(&Instrument::ALL),
            ["a/d/e instructions", "a/d/e allocations", "a/b/c time", "a/d/e time"]
        );
        assert_eq!(jobs_by(&[Instrument::Instructions]), ["a/d/e instructions"]);
    }

    #[test]
    fn anchors_come_first_in_a_run_of_times_and_once() {
        let anchors = [crate_of(vec![entry("anchor/b/c", &[Instrument::Time])])];
        let all = [crate_of(vec![
            entry("a/d/e", &Instrument::ALL),
            entry("anchor/b/c", &[Instrument::Time]),
        ])];
        let ordered = |instruments: &[Instrument]| named(&anchors_first(&anchors, jobs(&all, instruments)));
        assert_eq!(
            ordered(&[Instrument::Allocations, Instrument::Time]),
            ["anchor/b/c time", "a/d/e allocations", "a/d/e time"]
        );
        assert_eq!(ordered(&[Instrument::Instructions]), ["a/d/e instructions"]);
        assert!(anchors_first(&anchors, vec![]).is_empty());
    }
}
