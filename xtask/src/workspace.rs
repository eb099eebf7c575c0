//! Where things lie in the checkout, and which revision it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use voiceflow_record::{Catalogue, CatalogueEntry, Revision};

use crate::filter::Filter;
use crate::git::Git;
use crate::outcome::Failure;
use crate::process;

/// A checkout of this workspace.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    /// Whether `xtask` itself was built from it, so that the environment it inherited belongs to it.
    is_own: bool,
}

/// A crate with operations: the folder it lies in and the list it committed.
#[derive(Clone, Debug)]
pub(crate) struct BenchCrate {
    /// Cargo's name of it.
    pub(crate) package: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// Its operations.
    pub(crate) entries: Vec<CatalogueEntry>,
}

impl Workspace {
    /// The checkout the command was started in.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let here = std::env::current_dir().context("cannot tell the current folder")?;
        let root = here
            .ancestors()
            .find(|folder| folder.join("xtask").is_dir() && folder.join("Cargo.toml").is_file());
        match root {
            Some(root) => Ok(Self {
                root: root.to_owned(),
                is_own: true,
            }),
            None => bail!(
                "no checkout of this workspace contains {}: change into one",
                here.display()
            ),
        }
    }

    /// Another checkout, at a known place.
    pub(crate) fn at(root: PathBuf) -> Self {
        Self { root, is_own: false }
    }

    /// Whether the environment `xtask` inherited belongs to this checkout.
    pub(crate) fn is_own(&self) -> bool {
        self.is_own
    }

    /// Its top folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The committed records and budgets.
    pub(crate) fn baselines(&self) -> PathBuf {
        self.root.join("baselines")
    }

    /// A cargo command in this checkout, without what the cargo that started `xtask` exported.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new("cargo");
        command.current_dir(&self.root);
        process::scrub_cargo_variables(&mut command);
        if !self.is_own {
            process::scrub_build_settings(&mut command);
        }
        command
    }

    /// The crates that declare operations, with those the filter leaves in; crates left empty are left out.
    ///
    /// The kit's own operations show that the instruments work. They are measured when they are asked for, not beside
    /// the subsystems.
    pub(crate) fn bench_crates(&self, filter: &Filter) -> anyhow::Result<Vec<BenchCrate>> {
        let mut crates = Vec::new();
        for (folder, catalogue) in self.catalogues()? {
            let mut entries = Catalogue::read(&catalogue)?.entries;
            entries.retain(|entry| filter.matches(&entry.id));
            if matches!(filter, Filter::All) {
                entries.retain(|entry| entry.subsystem != "kit");
            }
            if !entries.is_empty() {
                crates.push(BenchCrate {
                    package: package_name(&folder)?,
                    folder,
                    entries,
                });
            }
        }
        let mut seen = BTreeSet::new();
        for entry in crates.iter().flat_map(|found| &found.entries) {
            ensure!(
                seen.insert(&entry.id),
                "two crates declare the operation `{}`",
                entry.id
            );
        }
        if crates.is_empty() {
            return Err(Failure::nothing_comparable(
                "no operation matches the filter; `cargo xtask list` names them all",
            ));
        }
        Ok(crates)
    }

    /// Crate folders with the catalogues they committed, in the order of their names.
    fn catalogues(&self) -> anyhow::Result<Vec<(PathBuf, PathBuf)>> {
        let crates = self.root.join("crates");
        let mut folders = Vec::new();
        for entry in std::fs::read_dir(&crates).with_context(|| format!("cannot list {}", crates.display()))? {
            folders.push(entry?.path());
        }
        folders.sort();
        let mut catalogues: Vec<(PathBuf, PathBuf)> = folders
            .into_iter()
            .map(|folder| (folder.clone(), folder.join("benches/catalogue.json")))
            .collect();
        let benches = self.root.join("benches");
        catalogues.push((benches.clone(), benches.join("catalogue.json")));
        catalogues.retain(|(_, catalogue)| catalogue.is_file());
        Ok(catalogues)
    }

    /// The commit that is checked out, and whether the files differ from it. Outside a repository neither is known.
    pub(crate) fn revision(&self) -> Revision {
        let git = Git::at(&self.root);
        let commit = git.ask(&["rev-parse", "HEAD"]).filter(|commit| !commit.is_empty());
        let dirty = git
            // New files count, whatever the user has git leave out of its listings.
            .ask(&["status", "--porcelain", "--untracked-files=normal"])
            .is_none_or(|changes| !changes.is_empty());
        Revision { commit, dirty }
    }
}

fn package_name(folder: &Path) -> anyhow::Result<String> {
    let manifest = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    let manifest_value: toml::Table = text
        .parse()
        .with_context(|| format!("cannot read {}", manifest.display()))?;
    let name = manifest_value
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(|name| name.as_str());
    name.map(str::to_owned)
        .with_context(|| format!("{} names no package", manifest.display()))
}
