//! Where commits are built and measured: the build slot, and one operation's figures in what it built.

use std::path::{Path, PathBuf};

use rand::Rng as _;
use voiceflow_record::{Host, Instrument, OperationId};

use super::line::Commit;
use super::yardstick::Counter;
use crate::compare::census::{self, Common};
use crate::compare::counts::{self, Counted, Missing};
use crate::compare::decide::{Finding, Policy, Suite};
use crate::compare::link::KeptLinks;
use crate::compare::linked::Linked;
use crate::compare::passes::{self, Course, Level, Run};
use crate::compare::revision::Revision;
use crate::compare::slot::{Built, Slot};
use crate::compare::{ROUNDS, clear_rounds};
use crate::filter::Filter;
use crate::host;
use crate::measuring;
use crate::stats::SortedSamples;
use crate::workspace::Workspace;

/// One operation, wherever on the line it is measured.
pub(crate) struct Site<'a> {
    workspace: &'a Workspace,
    slot: &'a Slot,
    keeper: KeptLinks,
    host: Host,
    id: OperationId,
    /// Whose operations and kit are laid over the others.
    overlay: Option<Revision>,
    folder: PathBuf,
}

/// A commit that is built and declares the operation.
pub(crate) struct Specimen {
    pub(crate) built: Built,
    /// The operation as this commit declares it.
    pub(crate) common: Common,
}

/// What came of a paired test.
pub(crate) enum Timed {
    Found(Box<TimeFound>),
    /// The two answer different questions.
    NotComparable(String),
    /// One of them crashed, hung or answered wrongly.
    Failed(String),
    /// Too few rounds fit the time to say anything.
    TooFew,
}

/// What a paired test found.
pub(crate) struct TimeFound {
    pub(crate) finding: Finding,
    /// By what it was judged: a tolerance may have been raised.
    pub(crate) policy: Policy,
    /// Typical nanoseconds a call.
    pub(crate) good_ns: Option<f64>,
    pub(crate) other_ns: Option<f64>,
    /// What could not be done about layouts.
    pub(crate) note: Option<String>,
}

/// What decides how a program behaves. Equal ones need not be measured twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    loaded_sha256: String,
    assets_sha256: String,
}

impl<'a> Site<'a> {
    /// A site whose rounds go below `folder`. `overlay` names the commit whose operations and kit measure all others.
    pub(crate) fn open(
        workspace: &'a Workspace,
        slot: &'a Slot,
        id: &OperationId,
        overlay: Option<&Commit>,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            workspace,
            slot,
            // Where `compare` has it: cargo builds everything anew for a linker that lies elsewhere.
            keeper: KeptLinks::new(&slot.linker_folder())?,
            host: host::this_host(),
            id: id.clone(),
            overlay: overlay.map(revision_of),
            folder: folder.to_owned(),
        })
    }

    /// The operation.
    pub(crate) fn id(&self) -> &OperationId {
        &self.id
    }

    /// The machine.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Whether other commits are measured by the operations and kit of one.
    pub(crate) fn has_overlay(&self) -> bool {
        self.overlay.is_some()
    }

    /// Builds a commit, or finds it built. The slot holds its source afterwards.
    pub(crate) fn build(&self, commit: &Commit) -> anyhow::Result<Built> {
        let revision = revision_of(commit);
        let overlay = self
            .overlay
            .as_ref()
            .filter(|overlay| overlay.commit != revision.commit);
        self.slot.build("commit", &revision, overlay, &self.keeper)
    }

    /// A build with the operation in it; `None` when it declares no such operation.
    pub(crate) fn find(&self, built: Built) -> Option<Specimen> {
        let common = built.manifest.crates.iter().find_map(|of_crate| {
            let entry = of_crate.entries.iter().find(|entry| entry.id == self.id)?;
            Some(Common {
                id: self.id.clone(),
                entry: entry.clone(),
                package: of_crate.package.clone(),
                crate_folder: of_crate.folder.clone(),
                same_code: false,
            })
        })?;
        Some(Specimen { built, common })
    }

    /// Counts the operation by those of `instruments` that suit it.
    pub(crate) fn count(&self, specimen: &Specimen, instruments: &[Instrument]) -> anyhow::Result<Counted> {
        let mut common = specimen.common.clone();
        common
            .entry
            .instruments
            .retain(|instrument| instruments.contains(instrument));
        counts::count(self.workspace, self.slot, &specimen.built, &[common], &self.host)
    }

    /// One count, or why there is none.
    pub(crate) fn counted(&self, counted: &Counted, counter: Counter) -> Result<u64, String> {
        if let Some(count) = counted.get(&self.id, counter.instrument, counter.name) {
            return Ok(count);
        }
        Err(match counted.missing.get(&(self.id.clone(), counter.instrument)) {
            Some(Missing::Skipped(reason)) => format!("not counted: {reason}"),
            Some(Missing::Failed(reason)) => format!("it fails: {reason}"),
            None => format!("it is not measured by {}", counter.instrument.as_str()),
        })
    }

    /// Times a commit against the good end, in rounds of their own.
    pub(crate) fn time(&self, good: &Specimen, other: &Specimen, mut policy: Policy) -> anyhow::Result<Timed> {
        let common = match self.pair(good, other)? {
            Ok(common) => common,
            Err(reason) => return Ok(Timed::NotComparable(reason)),
        };
        let mut linked = Linked::new(
            self.slot,
            &good.built,
            &other.built,
            std::slice::from_ref(&common),
            false,
        )?;
        let layout = linked.layout().clone();
        if !(layout.matched && layout.shuffled) {
            policy = policy.for_unmatched_layouts();
        }
        let rounds_folder = self.folder.join(ROUNDS).join(&other.built.revision.commit);
        clear_rounds(&rounds_folder)?;
        let mut suite = Suite::new(policy.clone(), 1);
        let mut no_placebo = Suite::new(policy.clone(), 1);
        let mut run = Run {
            programs: &mut linked,
            deadline: None,
            shuffled_rounds: 0,
            rounds_folder,
            scratch: self.slot.scratch()?,
            seed: rand::rng().random(),
        };
        let courses = vec![Course::new(self.id.clone(), 0.0, false)];
        let turn = measuring::take_turn()?;
        let measured = passes::measure(&mut run, courses, &mut suite, Vec::new(), &mut no_placebo)?;
        drop(turn);
        if let Some(problem) = measured.failed.first() {
            return Ok(Timed::Failed(problem.reason.clone()));
        }
        if let Some(problem) = measured.not_comparable.first() {
            return Ok(Timed::NotComparable(problem.reason.clone()));
        }
        let levels = measured.levels.get(&self.id).map_or(&[][..], Vec::as_slice);
        Ok(match suite.findings().into_iter().next() {
            Some(finding) => Timed::Found(Box::new(TimeFound {
                finding,
                policy,
                good_ns: middle(levels, |level| level.baseline_ns),
                other_ns: middle(levels, |level| level.candidate_ns),
                note: layout.note,
            })),
            None => Timed::TooFew,
        })
    }

    /// The operation as both declare it, or why they cannot be paired.
    fn pair(&self, good: &Specimen, other: &Specimen) -> anyhow::Result<Result<Common, String>> {
        let this_alone = format!("/^{}$/", regex::escape(self.id.as_str()));
        let mut census = census::take(
            &good.built,
            &other.built,
            &Filter::parse(Some(this_alone.as_str()))?,
            true,
        );
        let Some(common) = census.common.pop() else {
            let problem = census.not_comparable.pop();
            return Ok(Err(problem.map_or_else(
                || "one of the two does not declare the operation".to_owned(),
                |problem| problem.reason,
            )));
        };
        let is_timed = |built: &Built| built.program(&common.crate_folder, Instrument::Time).is_some();
        Ok(if is_timed(&good.built) && is_timed(&other.built) {
            Ok(common)
        } else {
            Err("the crate that declares the operation lies elsewhere at GOOD".to_owned())
        })
    }
}

impl Code {
    /// The code and the inputs that an instrument would run; `None` where there is no such program.
    pub(crate) fn of(specimen: &Specimen, instrument: Instrument) -> Option<Self> {
        let program = specimen.built.program(&specimen.common.crate_folder, instrument)?;
        Some(Self {
            loaded_sha256: program.loaded_sha256.clone(),
            assets_sha256: specimen.built.manifest.assets_sha256.clone(),
        })
    }
}

fn revision_of(commit: &Commit) -> Revision {
    Revision {
        name: commit.commit.clone(),
        commit: commit.commit.clone(),
        base: commit.commit.clone(),
        dirty: false,
        subject: commit.subject.clone(),
    }
}

fn middle(levels: &[Level], of: fn(&Level) -> f64) -> Option<f64> {
    SortedSamples::new(levels.iter().map(of).collect()).map(|sorted| sorted.median())
}
