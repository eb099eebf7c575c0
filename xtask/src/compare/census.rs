//! Which operations both revisions have, which only one, and which need no measuring because nothing that runs differs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use voiceflow_record::{CatalogueEntry, Instrument, OperationId};

use super::model::Problem;
use super::slot::Built;
use crate::anchors;
use crate::filter::Filter;

/// An operation of both revisions that is to be measured.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    pub(crate) id: OperationId,
    /// As the candidate declares it, with the instruments that both declare: a count of one side says nothing.
    pub(crate) entry: CatalogueEntry,
    pub(crate) package: String,
    /// Relative to the workspace.
    pub(crate) crate_folder: PathBuf,
    /// Whether the timed programs load the same bytes on both sides.
    pub(crate) same_code: bool,
}

/// Every operation of either revision, in the one list it belongs to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    pub(crate) common: Vec<Common>,
    pub(crate) identical: Vec<OperationId>,
    pub(crate) added: Vec<OperationId>,
    pub(crate) removed: Vec<OperationId>,
    pub(crate) not_comparable: Vec<Problem>,
    /// What both have, and declare other instruments of.
    pub(crate) redeclared: Vec<Redeclared>,
}

/// An operation of both revisions whose instruments are not the same.
#[derive(Clone, Debug)]
pub(crate) struct Redeclared {
    id: OperationId,
    /// Those that the baseline alone declares.
    dropped: Vec<Instrument>,
    /// Those that the candidate alone declares.
    gained: Vec<Instrument>,
}

impl Redeclared {
    fn of(before: &CatalogueEntry, now: &CatalogueEntry) -> Option<Self> {
        let only = |of: &CatalogueEntry, other: &CatalogueEntry| -> Vec<Instrument> {
            let is_missing = |instrument: &Instrument| !other.instruments.contains(instrument);
            of.instruments.iter().copied().filter(is_missing).collect()
        };
        let (dropped, gained) = (only(before, now), only(now, before));
        if dropped.is_empty() && gained.is_empty() {
            return None;
        }
        Some(Self {
            id: now.id.clone(),
            dropped,
            gained,
        })
    }

    /// What a reader has to know: no row shows it.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let Self { id, dropped, gained } = self;
        let mut sentences = Vec::new();
        if !dropped.is_empty() {
            let words = words(dropped);
            sentences.push(format!("{id} no longer declares {words}: it is compared without them"));
        }
        if !gained.is_empty() {
            let words = words(gained);
            sentences.push(format!(
                "{id} declares {words} anew: there is nothing to compare them with"
            ));
        }
        sentences
    }
}

fn words(instruments: &[Instrument]) -> String {
    let words: Vec<&str> = instruments.iter().map(|instrument| instrument.as_str()).collect();
    words.join(" and ")
}

struct Declared<'a> {
    entry: &'a CatalogueEntry,
    package: &'a str,
    crate_folder: &'a PathBuf,
}

/// Takes the census. `all` measures what is identical too.
pub(crate) fn take(baseline: &Built, candidate: &Built, filter: &Filter, all: bool) -> Census {
    let (old, new) = (declared(baseline, filter), declared(candidate, filter));
    let mut census = Census {
        added: new
            .keys()
            .filter(|id| !old.contains_key(*id))
            .map(|id| (*id).clone())
            .collect(),
        removed: old
            .keys()
            .filter(|id| !new.contains_key(*id))
            .map(|id| (*id).clone())
            .collect(),
        ..Census::default()
    };
    for (id, now) in &new {
        let Some(before) = old.get(id) else { continue };
        if let Some(reason) = obstacle(before, now) {
            census.not_comparable.push(Problem {
                id: (*id).clone(),
                reason,
            });
            continue;
        }
        census.redeclared.extend(Redeclared::of(before.entry, now.entry));
        let same = |instrument| same_program(baseline, candidate, before, now, instrument);
        let same_inputs = baseline.manifest.assets_sha256 == candidate.manifest.assets_sha256
            // A variable may set the number of threads.
            && baseline.manifest.environment == candidate.manifest.environment;
        let same_code = same(Instrument::Time) && same_inputs;
        let is_identical = same_code && now.entry.instruments.iter().all(|&instrument| same(instrument));
        if is_identical && !all {
            census.identical.push((*id).clone());
        } else {
            let mut entry = now.entry.clone();
            entry
                .instruments
                .retain(|instrument| before.entry.instruments.contains(instrument));
            census.common.push(Common {
                id: (*id).clone(),
                entry,
                package: now.package.to_owned(),
                crate_folder: now.crate_folder.clone(),
                same_code,
            });
        }
    }
    census
}

fn declared<'a>(built: &'a Built, filter: &Filter) -> BTreeMap<&'a OperationId, Declared<'a>> {
    let mut found = BTreeMap::new();
    for of_crate in &built.manifest.crates {
        for entry in &of_crate.entries {
            // The kit's own operations show that the instruments work; they are compared when they are asked for. Anchors
            // tell what the machine can do, and no revision of this workspace changes that.
            let is_silent = matches!(filter, Filter::All) && entry.subsystem == "kit" || anchors::is_anchor(&entry.id);
            if filter.matches(&entry.id) && !is_silent {
                found.insert(
                    &entry.id,
                    Declared {
                        entry,
                        package: &of_crate.package,
                        crate_folder: &of_crate.folder,
                    },
                );
            }
        }
    }
    found
}

fn obstacle(before: &Declared<'_>, now: &Declared<'_>) -> Option<String> {
    let (Some(old), Some(new)) = (before.entry.paired, now.entry.paired) else {
        return Some(
            "one of the two revisions is older than the paired instrument; `--kit-overlay` measures its libraries with \
             the candidate's operations"
                .to_owned(),
        );
    };
    (old != new).then(|| {
        "the two revisions pair it differently (protocol, clock or cores); `--kit-overlay` takes the candidate's way"
            .to_owned()
    })
}

fn same_program(
    baseline: &Built,
    candidate: &Built,
    before: &Declared<'_>,
    now: &Declared<'_>,
    instrument: Instrument,
) -> bool {
    let old = baseline.program(before.crate_folder, instrument);
    let new = candidate.program(now.crate_folder, instrument);
    old.zip(new)
        .is_some_and(|(old, new)| old.loaded_sha256 == new.loaded_sha256)
}

#[cfg(test)]
pub(crate) mod tests {
    use voiceflow_record::paired::PAIRED_PROTOCOL;
    use voiceflow_record::{Clock, Pairing};

    use super::super::revision::Revision;
    use super::super::slot::{BuiltCrate, Manifest, Program};
    use super::*;

    pub(crate) fn entry(id: &str) -> CatalogueEntry {
        let id: OperationId = id.parse().expect("valid");
        CatalogueEntry {
            subsystem: id.subsystem().to_owned(),
            id,
            question: "How long?".to_owned(),
            instruments: vec![Instrument::Time],
            throughput: None,
            paired: Some(Pairing {
                protocol: PAIRED_PROTOCOL,
                clock: Clock::Cpu,
                cores: 1,
                long: false,
            }),
        }
    }

    /// A build of one crate with these operations and a timed program of this digest.
    pub(crate) fn built(ids: &[&str], digest: &str) -> Built {
        let folder = PathBuf::from("crates/a");
        Built {
            revision: Revision {
                name: "x".to_owned(),
                commit: String::new(),
                base: String::new(),
                dirty: false,
                subject: String::new(),
            },
            folder: PathBuf::new(),
            manifest: Manifest {
                programs: vec![Program {
                    crate_folder: folder.clone(),
                    instrument: Instrument::Time,
                    file: "time-crates-a".to_owned(),
                    loaded_sha256: digest.to_owned(),
                    relinkable: false,
                }],
                crates: vec![BuiltCrate {
                    package: "a".to_owned(),
                    folder,
                    entries: ids.iter().map(|id| entry(id)).collect(),
                }],
                builds: BTreeMap::new(),
                assets_sha256: String::new(),
                environment: BTreeMap::new(),
            },
        }
    }

    #[test]
    fn what_measures_the_machine_or_the_instruments_is_not_compared_unasked() {
        let ids = ["a/kept/x", "kit/loop/x", "anchor/fma/1t"];
        let (old, new) = (built(&ids, "1"), built(&ids[..2], "2"));
        let common = |filter: Filter| -> Vec<String> {
            let census = take(&old, &new, &filter, false);
            assert_eq!((census.added.len(), census.removed.len()), (0, 0));
            census.common.iter().map(|common| common.id.to_string()).collect()
        };
        assert_eq!(common(Filter::All), ["a/kept/x"]);
        assert_eq!(common(Filter::Part("kit/".to_owned())), ["kit/loop/x"]);
        assert!(common(Filter::Part("anchor/".to_owned())).is_empty());
    }

    fn census(all: bool, filter: &str, digests: [&str; 2]) -> Census {
        let old = built(&["a/kept/x", "a/gone/x"], digests[0]);
        let new = built(&["a/kept/x", "a/new/x"], digests[1]);
        take(&old, &new, &Filter::parse(Some(filter)).expect("valid"), all)
    }

    fn names(ids: &[OperationId]) -> Vec<&str> {
        ids.iter().map(OperationId::as_str).collect()
    }

    #[test]
    fn what_only_one_side_has_is_added_or_removed() {
        let census = census(false, "a/", ["1", "2"]);
        assert_eq!(names(&census.added), ["a/new/x"]);
        assert_eq!(names(&census.removed), ["a/gone/x"]);
        assert_eq!(census.common.len(), 1);
    }

    #[test]
    fn equal_programs_are_identical_unless_all_are_wanted() {
        assert_eq!(names(&census(false, "a/", ["1", "1"]).identical), ["a/kept/x"]);
        let all = census(true, "a/", ["1", "1"]);
        assert!(all.identical.is_empty() && all.common[0].same_code);
    }

    #[test]
    fn other_models_and_recordings_are_another_question_even_to_equal_code() {
        let old = built(&["a/b/c"], "1");
        let mut new = built(&["a/b/c"], "1");
        new.manifest.assets_sha256 = "other".to_owned();
        assert_eq!(take(&old, &new, &Filter::All, false).common.len(), 1);
    }

    #[test]
    fn equal_code_with_another_number_of_threads_is_measured() {
        let (old, mut new) = (built(&["a/b/c"], "1"), built(&["a/b/c"], "1"));
        new.manifest
            .environment
            .insert("CANDLE_NUM_THREADS".to_owned(), "2".to_owned());
        assert_eq!(take(&old, &new, &Filter::All, false).common.len(), 1);
    }

    #[test]
    fn a_revision_without_the_paired_instrument_is_not_comparable_and_says_what_helps() {
        let mut old = built(&["a/b/c"], "1");
        old.manifest.crates[0].entries[0].paired = None;
        let census = take(&old, &built(&["a/b/c"], "2"), &Filter::All, false);
        assert!(census.not_comparable[0].reason.contains("--kit-overlay"));
    }
}
