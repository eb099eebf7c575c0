//! The programs that rounds run: copies of both builds with functions in matching places, a second copy of the baseline
//! for the placebo, and links in shuffled orders, made when a round asks for them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use voiceflow_record::{Instrument, OperationId};

use super::census::Common;
use super::link;
use super::model::Layout;
use super::passes::{Pair, Programs};
use super::rounds::Contender;
use super::slot::{Built, Program, Slot};

/// The tolerance where functions could not be put in matching places, but start on cache lines: edits elsewhere were
/// seen to move equal instructions by up to 1.4 % then (`METHODOLOGY.md`, "Layout").
pub(crate) const TOLERANCE_UNMATCHED: f64 = 0.02;

/// Programs by crate, ready for every purpose.
pub(crate) struct Linked<'a> {
    baseline: &'a Built,
    candidate: &'a Built,
    /// The folder programs are started in, by crate.
    source: PathBuf,
    scratch: PathBuf,
    crates: BTreeMap<OperationId, PathBuf>,
    matched: BTreeMap<PathBuf, Sides>,
    layout: Layout,
}

#[derive(Clone, Debug)]
struct Sides {
    baseline: PathBuf,
    candidate: PathBuf,
    copy: PathBuf,
}

/// How many different shuffled layouts there are at most; rounds beyond it use them again.
const SHUFFLES: u32 = 64;

impl<'a> Linked<'a> {
    /// Links both sides of every crate that has operations to measure. `always_shuffled`: every judging round is to have
    /// layouts of its own.
    pub(crate) fn new(
        slot: &Slot,
        baseline: &'a Built,
        candidate: &'a Built,
        operations: &[Common],
        always_shuffled: bool,
    ) -> anyhow::Result<Self> {
        let mut linked = Self {
            baseline,
            candidate,
            source: slot.workspace().root().to_owned(),
            scratch: slot.scratch()?,
            crates: operations
                .iter()
                .map(|common| (common.id.clone(), common.crate_folder.clone()))
                .collect(),
            matched: BTreeMap::new(),
            layout: Layout {
                matched: true,
                shuffled: true,
                judged_shuffled: always_shuffled,
                functions_matched: 0,
                functions: 0,
                note: None,
            },
        };
        // What an earlier pair of builds left in this process would be taken for this one's.
        let stale = linked.scratch.join("shuffled");
        if stale.is_dir() {
            fs::remove_dir_all(&stale).with_context(|| format!("cannot remove {}", stale.display()))?;
        }
        let mut folders: Vec<PathBuf> = linked.crates.values().cloned().collect();
        folders.sort();
        folders.dedup();
        for folder in folders {
            let sides = linked.link_matching(&folder)?;
            linked.matched.insert(folder, sides);
        }
        linked.try_shuffling();
        Ok(linked)
    }

    /// What could be done about layouts.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    fn programs(&self, folder: &Path) -> anyhow::Result<(&'a Program, &'a Program)> {
        let find = |built: &'a Built| built.program(folder, Instrument::Time);
        find(self.baseline)
            .zip(find(self.candidate))
            .with_context(|| format!("{} has no timed program on one side", folder.display()))
    }

    fn link_matching(&mut self, folder: &Path) -> anyhow::Result<Sides> {
        let (old, new) = self.programs(folder)?;
        let place = self.scratch.join("matched");
        let attempt = if old.relinkable && new.relinkable {
            link::matching((self.baseline, old), (self.candidate, new), &place)
        } else {
            Err(anyhow::anyhow!("what the programs are linked from was not kept"))
        };
        let (baseline, candidate) = match attempt {
            Ok(matched) => {
                self.layout.functions_matched += matched.in_place;
                self.layout.functions += matched.order.functions;
                (matched.baseline, matched.candidate)
            }
            Err(error) => {
                self.layout.matched = false;
                self.note(&format!(
                    "functions could not be put in matching places ({error:#}), so slowdowns up to {:.1} % are tolerated",
                    TOLERANCE_UNMATCHED * 100.0
                ));
                (
                    copy(&self.baseline.path(old), &place.join("a").join(&old.file))?,
                    copy(&self.candidate.path(new), &place.join("b").join(&new.file))?,
                )
            }
        };
        let copied = copy(&baseline, &place.join("c").join(&old.file))?;
        Ok(Sides {
            baseline,
            candidate,
            copy: copied,
        })
    }

    /// One link is tried before anything is measured, so that a linker that cannot is known from the start.
    fn try_shuffling(&mut self) {
        let Some(folder) = self.matched.keys().next().cloned() else {
            return;
        };
        if let Err(error) = self.shuffled(&folder, 0) {
            self.layout.shuffled = false;
            self.layout.judged_shuffled = false;
            self.note(&format!(
                "layouts could not be shuffled ({error:#}), so suspicions are confirmed by fresh processes alone"
            ));
        }
    }

    fn note(&mut self, sentence: &str) {
        match &mut self.layout.note {
            // The same obstacle in another crate.
            Some(note) if note.contains(sentence) => {}
            Some(note) => *note = format!("{note}; {sentence}"),
            None => self.layout.note = Some(sentence.to_owned()),
        }
    }

    fn shuffled(&self, folder: &Path, number: u32) -> anyhow::Result<(PathBuf, PathBuf, u64)> {
        let (old, new) = self.programs(folder)?;
        if !(old.relinkable && new.relinkable) {
            bail!("what the programs are linked from was not kept");
        }
        let number = number % SHUFFLES;
        let place = self.scratch.join("shuffled").join(format!("{number:02}"));
        let mut outputs = Vec::new();
        // One seed: what is the same on both sides lies in the same order, so that only what the change itself shifts
        // differs, elsewhere in every round. Two seeds would add what any two orders differ by, several per cent.
        let seed = u64::from(number) + 1;
        for (side, built, program) in [("a", self.baseline, old), ("b", self.candidate, new)] {
            let output = place.join(side).join(&program.file);
            if !output.is_file() {
                link::shuffled(built, program, seed, &output)?;
            }
            outputs.push(output);
        }
        let candidate = outputs.pop().context("two links were made")?;
        let baseline = outputs.pop().context("two links were made")?;
        Ok((baseline, candidate, u64::from(number)))
    }

    fn shuffled_pair(&self, id: &OperationId, number: u32) -> anyhow::Result<(Pair, Option<u64>)> {
        let folder = self.folder(id)?.clone();
        let (baseline, candidate, seed) = self.shuffled(&folder, number)?;
        Ok((self.pair(&folder, baseline, candidate), Some(seed)))
    }

    fn folder(&self, id: &OperationId) -> anyhow::Result<&PathBuf> {
        self.crates.get(id).with_context(|| format!("{id} belongs to no crate"))
    }

    fn sides(&self, id: &OperationId) -> anyhow::Result<(&PathBuf, &Sides)> {
        let folder = self.folder(id)?;
        let sides = self
            .matched
            .get(folder)
            .with_context(|| format!("{id} has no program"))?;
        Ok((folder, sides))
    }

    fn pair(&self, folder: &Path, baseline: PathBuf, candidate: PathBuf) -> Pair {
        let contender = |program, built: &Built| Contender {
            operation: None,
            program,
            folder: self.source.join(folder),
            environment: built.manifest.environment.clone(),
        };
        Pair {
            baseline: contender(baseline, self.baseline),
            candidate: contender(candidate, self.candidate),
        }
    }
}

impl Programs for Linked<'_> {
    fn judge(&mut self, id: &OperationId, number: u32) -> anyhow::Result<(Pair, Option<u64>)> {
        if self.layout.judged_shuffled {
            return self.shuffled_pair(id, number);
        }
        let (folder, sides) = self.sides(id)?;
        Ok((self.pair(folder, sides.baseline.clone(), sides.candidate.clone()), None))
    }

    fn placebo(&mut self, id: &OperationId) -> anyhow::Result<Pair> {
        let (folder, sides) = self.sides(id)?;
        let pair = self.pair(folder, sides.baseline.clone(), sides.copy.clone());
        Ok(Pair {
            candidate: Contender {
                operation: None,
                environment: pair.baseline.environment.clone(),
                ..pair.candidate
            },
            ..pair
        })
    }

    fn confirm(&mut self, id: &OperationId, number: u32) -> anyhow::Result<(Pair, Option<u64>)> {
        if self.layout.shuffled {
            // Other layouts than those that raised the suspicion.
            let number = if self.layout.judged_shuffled {
                number + SHUFFLES / 2
            } else {
                number
            };
            return self.shuffled_pair(id, number);
        }
        let (folder, sides) = self.sides(id)?;
        Ok((self.pair(folder, sides.baseline.clone(), sides.candidate.clone()), None))
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<PathBuf> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(to.to_owned())
}
