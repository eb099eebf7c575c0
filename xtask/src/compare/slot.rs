//! The build slot: one place where every revision is checked out and built, one after the other.
//!
//! One path, one target folder, one environment: what differs between two builds is then the source. Dependencies are
//! built once. The slot is a clone of its own in the cache that borrows the objects of the user's repository and is
//! never written back to. Built programs are kept by commit, with what their links were made of.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use voiceflow_record::{Build, Instrument, write_file};

use super::layout_list;
use super::link::KeptLinks;
use super::revision::{self, Revision, WORKING_TREE};
use crate::bench::{self, BuildSettings};
use crate::clone;
use crate::filter::Filter;
use crate::git::Git;
use crate::host;
use crate::outcome::Failure;
use crate::process;
use crate::setup;
use crate::workspace::{BenchCrate, Workspace};

/// Built revisions kept; each holds its programs and hard links to what they were linked from.
const BUILDS_KEPT: usize = 24;

/// The slot, held by this process alone.
pub(crate) struct Slot {
    folder: PathBuf,
    /// The checkout it serves.
    user: Workspace,
    /// Where the workspace lies inside the repository; empty where it is all of it.
    prefix: PathBuf,
    /// Released by the system when the process ends, however it ends.
    _lock: File,
}

/// What was built of one revision.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    pub(crate) revision: Revision,
    /// The folder of this build in the cache.
    pub(crate) folder: PathBuf,
    pub(crate) manifest: Manifest,
}

/// The index of a build in the cache; it is written last, so a build without it is not complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Programs by crate folder and instrument, the folder relative to the workspace.
    pub(crate) programs: Vec<Program>,
    /// The operations that crates committed to.
    pub(crate) crates: Vec<BuiltCrate>,
    /// How each package was built.
    pub(crate) builds: BTreeMap<String, Build>,
    /// SHA-256 of the list of models and recordings.
    pub(crate) assets_sha256: String,
    /// Variables that the revision's cargo configuration sets for the programs it runs.
    pub(crate) environment: BTreeMap<String, String>,
}

/// One program of a build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Program {
    pub(crate) crate_folder: PathBuf,
    pub(crate) instrument: Instrument,
    /// Name of the file in the build's folder.
    pub(crate) file: String,
    /// Digest of what it loads into memory; equal digests are equal code and data.
    pub(crate) loaded_sha256: String,
    /// Whether what it was linked from is kept beside it.
    pub(crate) relinkable: bool,
}

/// A crate with operations, as one revision has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BuiltCrate {
    pub(crate) package: String,
    pub(crate) folder: PathBuf,
    pub(crate) entries: Vec<voiceflow_record::CatalogueEntry>,
}

impl Built {
    /// The program of a crate and instrument.
    pub(crate) fn program(&self, crate_folder: &Path, instrument: Instrument) -> Option<&Program> {
        self.manifest
            .programs
            .iter()
            .find(|program| program.crate_folder == crate_folder && program.instrument == instrument)
    }

    /// Where a program of this build lies.
    pub(crate) fn path(&self, program: &Program) -> PathBuf {
        self.folder.join(&program.file)
    }

    /// Where what a program was linked from is kept.
    pub(crate) fn links(&self, program: &Program) -> PathBuf {
        self.folder.join("links").join(&program.file)
    }

    /// Keeps it in the cache while others are built.
    pub(crate) fn mark_used(&self) {
        touch(&self.folder);
    }
}

impl Slot {
    /// Opens the slot of this checkout, clears what a killed run left, and holds it until the process ends.
    pub(crate) fn open(workspace: &Workspace) -> anyhow::Result<Self> {
        let folder = host::cache()?.join("compare").join(clone::name_of(workspace.root()));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let lock = lock(&folder)?;
        let prefix = Git::at(workspace.root())
            .ask(&["rev-parse", "--show-prefix"])
            .ok_or_else(|| Failure::bad_usage(format!("{} is no git repository", workspace.root().display())))?;
        let slot = Self {
            folder,
            user: workspace.clone(),
            prefix: PathBuf::from(prefix),
            _lock: lock,
        };
        clone::prepare(workspace, &slot.clone_folder())?;
        slot.clear_leftovers()?;
        Ok(slot)
    }

    /// The clone.
    pub(crate) fn clone_folder(&self) -> PathBuf {
        self.folder.join("source")
    }

    /// The workspace inside the clone.
    pub(crate) fn workspace(&self) -> Workspace {
        Workspace::at(self.clone_folder().join(&self.prefix))
    }

    /// The folder of the script in the linker's place and of what it keeps. It stays as long as the target folder: what
    /// cargo finds built it does not link again.
    pub(crate) fn linker_folder(&self) -> PathBuf {
        self.folder.join("linker")
    }

    /// A folder for what one comparison needs while it runs; the next run removes it.
    pub(crate) fn scratch(&self) -> anyhow::Result<PathBuf> {
        let scratch = self.folder.join("scratch");
        fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
        Ok(scratch)
    }

    /// The commit that a name stands for; the working tree is written into the clone first.
    pub(crate) fn revision(&self, workspace: &Workspace, name: &str) -> anyhow::Result<Revision> {
        if name == WORKING_TREE {
            revision::working_tree(workspace, &self.clone_folder())
        } else {
            revision::resolve(workspace, name)
        }
    }

    /// Checks a revision out, with the operations and kit of another one laid over it where that is asked for.
    pub(crate) fn check_out(&self, revision: &Revision, overlay: Option<&Revision>) -> anyhow::Result<()> {
        clone::check_out(&self.user, &self.clone_folder(), &revision.commit)?;
        self.update_submodules(revision)?;
        let root = self.workspace().root().to_owned();
        if !root.join("xtask").is_dir() || !root.join("crates").is_dir() {
            return Err(Failure::bad_usage(format!(
                "revision `{}` does not hold this workspace: choose a later one",
                revision.name
            )));
        }
        if let Some(overlay) = overlay {
            self.lay_over(&root, overlay)?;
        }
        Ok(())
    }

    /// One at a time, so that an error names the one it is about.
    fn update_submodules(&self, revision: &Revision) -> anyhow::Result<()> {
        let clone = self.clone_folder();
        if !clone.join(".gitmodules").is_file() {
            return Ok(());
        }
        // Its words are looked into, so they have to be the untranslated ones.
        let git = Git::at(&clone).with("LC_ALL", "C");
        let settings = self.submodule_settings();
        let listed = git.run(&["ls-files", "--stage", "-z"])?;
        for path in submodules(&listed) {
            let mut arguments: Vec<&str> = settings.iter().flat_map(|setting| ["-c", setting.as_str()]).collect();
            arguments.extend(["submodule", "--quiet", "update", "--init", "--recursive", "--", path]);
            git.run(&arguments).map_err(|error| {
                let advice = submodule_advice(&error.to_string());
                error.context(format!(
                    "the submodule `{path}` of revision `{}` cannot be fetched: {advice}",
                    revision.name
                ))
            })?;
        }
        Ok(())
    }

    /// What the user's repository, or the user, has git do about submodules. The clone is a repository of its own, with
    /// no remote that a relative URL could be relative to.
    fn submodule_settings(&self) -> Vec<String> {
        let wanted = r"^(submodule\..*\.url|protocol\.file\.allow)$";
        let listed = Git::at(self.user.root()).ask(&["config", "-z", "--get-regexp", wanted]);
        git_settings(&listed.unwrap_or_default())
    }

    /// The folders that hold declarations, kit and test material, and the lock file that goes with them.
    fn lay_over(&self, root: &Path, overlay: &Revision) -> anyhow::Result<()> {
        // In the workspace's folder: paths are listed and taken relative to it.
        let git = Git::at(root);
        let listed = git.run(&["ls-tree", "-r", "-z", "--name-only", &overlay.commit])?;
        let exists = |path: &str| {
            let of_a_crate = path.strip_prefix("crates/").and_then(|rest| rest.split_once('/'));
            of_a_crate.is_none_or(|(name, _)| is_instrument(name) || root.join("crates").join(name).is_dir())
        };
        let wanted: Vec<&str> = listed
            .split('\0')
            .filter(|path| is_overlaid(path) && exists(path))
            .collect();
        ensure!(!wanted.is_empty(), "`{}` holds no operations to lay over", overlay.name);
        let mut arguments = vec!["checkout", "--quiet", &overlay.commit, "--"];
        arguments.extend(wanted);
        git.run(&arguments).map(drop)
    }

    /// Builds a revision, or finds it built. `noun` says which side it is, for the reader.
    pub(crate) fn build(
        &self,
        noun: &str,
        revision: &Revision,
        overlay: Option<&Revision>,
        keeper: &KeptLinks,
    ) -> anyhow::Result<Built> {
        self.check_out(revision, overlay)?;
        let workspace = self.workspace();
        let folder = self.build_folder(&workspace, revision, overlay)?;
        if let Some(manifest) = read_manifest(&folder) {
            eprintln!("compare: {noun} {} is built already", describe(revision));
            touch(&folder);
            return Ok(Built {
                revision: revision.clone(),
                folder,
                manifest,
            });
        }
        eprintln!("compare: building {noun} {}", describe(revision));
        let settings = BuildSettings {
            target_folder: Some(self.target_folder(&workspace)?),
            rustflags: vec!["-C".to_owned(), format!("llvm-args={ALIGN_FUNCTIONS}")],
            variables: keeper.variables(),
        };
        setup::tools(&workspace)?;
        // The kit's own operations too: they are compared when they are asked for.
        let crates = workspace.bench_crates(&Filter::Part(String::new()))?;
        let programs = bench::build_all(&workspace, &crates, &settings)
            .with_context(|| format!("{noun} {} does not build", describe(revision)))?;
        let unfinished = self.folder.join("unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        fs::create_dir_all(&unfinished).with_context(|| format!("cannot make {}", unfinished.display()))?;
        let manifest = keep(&workspace, &crates, &programs, &unfinished, keeper)?;
        write_file(
            &unfinished.join(MANIFEST),
            serde_json::to_string_pretty(&manifest)?.as_bytes(),
        )?;
        if let Some(parent) = folder.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        let _ = fs::remove_dir_all(&folder);
        fs::rename(&unfinished, &folder).with_context(|| format!("cannot make {}", folder.display()))?;
        self.prune()?;
        Ok(Built {
            revision: revision.clone(),
            folder,
            manifest,
        })
    }

    /// Where a build lies: by commit, by what is laid over it, and by what besides the source decides what comes out.
    fn build_folder(
        &self,
        workspace: &Workspace,
        revision: &Revision,
        overlay: Option<&Revision>,
    ) -> anyhow::Result<PathBuf> {
        let overlay = overlay.map_or("", |overlay| overlay.commit.as_str());
        let compiler = process::first_line("cc", &["--version"]).unwrap_or_default();
        let key = digest(&[overlay, &settings_key(workspace)?, &compiler, BUILD_RECIPE]);
        Ok(self
            .folder
            .join("builds")
            .join(format!("{}-{}", revision.commit, &key[..8])))
    }

    /// A folder a toolchain and build settings: whisper.cpp's build does not notice when its variables change.
    fn target_folder(&self, workspace: &Workspace) -> anyhow::Result<PathBuf> {
        Ok(self.folder.join(format!("target-{}", &settings_key(workspace)?[..8])))
    }

    /// What a run that was killed may have left: a half-kept build, half-linked programs.
    fn clear_leftovers(&self) -> anyhow::Result<()> {
        for leftover in ["unfinished", "scratch"] {
            let folder = self.folder.join(leftover);
            if folder.is_dir() {
                fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
            }
        }
        Ok(())
    }

    /// Removes the builds that were not used for longest.
    fn prune(&self) -> anyhow::Result<()> {
        let builds = self.folder.join("builds");
        let mut found = Vec::new();
        for entry in fs::read_dir(&builds).with_context(|| format!("cannot list {}", builds.display()))? {
            let path = entry?.path();
            let used = fs::metadata(path.join(MANIFEST)).and_then(|metadata| metadata.modified());
            found.push((used.unwrap_or(std::time::UNIX_EPOCH), path));
        }
        found.sort();
        for (_, path) in found.iter().rev().skip(BUILDS_KEPT) {
            fs::remove_dir_all(path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
        Ok(())
    }
}

const MANIFEST: &str = "build.json";

/// Changes whenever what is kept of a build, or how it is made, changes.
const BUILD_RECIPE: &str = "1";

/// Every function starts on a cache line of 64 bytes, so that a change elsewhere does not move loops across lines.
const ALIGN_FUNCTIONS: &str = "-align-all-functions=6";

fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another comparison of this checkout is running, and both would build in one place: wait for it to end"
        ),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// The paths of the submodules among what `git ls-files --stage -z` printed.
fn submodules(listed: &str) -> impl Iterator<Item = &str> {
    listed
        .split('\0')
        .filter_map(|entry| entry.strip_prefix("160000 ")?.split_once('\t'))
        .map(|(_object, path)| path)
}

/// What `git config -z --get-regexp` printed, as git takes it after `-c`.
fn git_settings(listed: &str) -> Vec<String> {
    listed
        .split('\0')
        .filter_map(|entry| entry.split_once('\n'))
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

/// What helps where git cannot fetch a submodule and says this.
fn submodule_advice(words: &str) -> &'static str {
    if words.contains("transport 'file' not allowed") {
        "git takes none from a local path unless it is told to; where you trust that path, run \
         `git config protocol.file.allow always` in this checkout"
    } else {
        "its URL has to be within reach and hold that commit; where it has moved, run \
         `git config submodule.NAME.url URL` in this checkout, NAME being what `.gitmodules` calls it"
    }
}

/// The crates that measure, and not what is measured.
fn is_instrument(name: &str) -> bool {
    matches!(name, "kit" | "record" | "fixtures")
}

fn is_overlaid(path: &str) -> bool {
    let of_a_crate = |rest: &str| {
        rest.split_once('/').is_some_and(|(name, inside)| {
            is_instrument(name) || inside.starts_with("benches/") || inside == "Cargo.toml"
        })
    };
    path.starts_with("benches/")
        || matches!(path, "Cargo.toml" | "Cargo.lock")
        || path.strip_prefix("crates/").is_some_and(of_a_crate)
}

/// Everything besides the source that decides what is built.
fn settings_key(workspace: &Workspace) -> anyhow::Result<String> {
    let path = workspace.root().join(".cargo/config.toml");
    let config = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let config = without_comments(&config);
    let toolchain = host::toolchain()?;
    let rustflags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let own: Vec<String> = std::env::vars()
        .filter(|(name, _)| decides_a_build(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Ok(digest(&[
        &config,
        &toolchain,
        &rustflags,
        &own.join(" "),
        ALIGN_FUNCTIONS,
    ]))
}

/// What a configuration says, in one way of writing it: a comment more is no reason to build everything anew.
fn without_comments(config: &str) -> String {
    let parsed = config.parse::<toml::Table>();
    parsed.map_or_else(|_| config.to_owned(), |table| table.to_string())
}

/// Variables by which cargo, rustc and the builds of C and C++ code are told how to build.
fn decides_a_build(name: &str) -> bool {
    const NAMES: [&str; 7] = [
        "CARGO_ENCODED_RUSTFLAGS",
        "CC",
        "CXX",
        "CFLAGS",
        "CXXFLAGS",
        "CPPFLAGS",
        "LDFLAGS",
    ];
    let is_of_cargo = name.starts_with("CARGO_PROFILE_") || name.starts_with("CARGO_BUILD_");
    let is_of_a_target = name.starts_with("CARGO_TARGET_") && name.ends_with("_RUSTFLAGS")
        || name.starts_with("CFLAGS_")
        || name.starts_with("TARGET_C") && name.ends_with("FLAGS");
    NAMES.contains(&name) || is_of_cargo || is_of_a_target
}

fn digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_manifest(folder: &Path) -> Option<Manifest> {
    let text = fs::read_to_string(folder.join(MANIFEST)).ok()?;
    // A build kept by another version of this tool is made anew.
    serde_json::from_str(&text).ok()
}

/// Marks a build as used, for [`Slot::prune`].
fn touch(folder: &Path) {
    if let Ok(file) = File::options().append(true).open(folder.join(MANIFEST)) {
        let _ = file.set_modified(std::time::SystemTime::now());
    }
}

fn describe(revision: &Revision) -> String {
    let short = revision.base.get(..10).unwrap_or(&revision.base);
    let changed = if revision.dirty { " with changes" } else { "" };
    if revision.base.starts_with(&revision.name) {
        format!("{short}{changed}")
    } else {
        format!("{} ({short}{changed})", revision.name)
    }
}

/// Copies what was built into the cache, with what the timed programs were linked from.
fn keep(
    workspace: &Workspace,
    crates: &[BenchCrate],
    programs: &bench::Programs,
    folder: &Path,
    keeper: &KeptLinks,
) -> anyhow::Result<Manifest> {
    let mut kept = Vec::new();
    for ((crate_folder, instrument), executable) in programs {
        let crate_folder = crate_folder.strip_prefix(workspace.root()).unwrap_or(crate_folder);
        let file = format!("{}-{}", instrument.as_str(), slug(crate_folder));
        let path = folder.join(&file);
        fs::copy(executable, &path)
            .with_context(|| format!("cannot copy {} to {}", executable.display(), path.display()))?;
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let relinkable =
            *instrument == Instrument::Time && keeper.keep(executable, &folder.join("links").join(&file))?;
        kept.push(Program {
            crate_folder: crate_folder.to_owned(),
            instrument: *instrument,
            file,
            loaded_sha256: layout_list::loaded_sha256(&bytes)?,
            relinkable,
        });
    }
    let mut builds = BTreeMap::new();
    let mut built_crates = Vec::new();
    for found in crates {
        builds.insert(found.package.clone(), host::build_of(workspace, &found.package)?);
        built_crates.push(BuiltCrate {
            package: found.package.clone(),
            folder: found
                .folder
                .strip_prefix(workspace.root())
                .unwrap_or(&found.folder)
                .to_owned(),
            entries: found.entries.clone(),
        });
    }
    ensure!(!kept.is_empty(), "no bench program was built");
    Ok(Manifest {
        programs: kept,
        crates: built_crates,
        builds,
        assets_sha256: assets_sha256(workspace),
        environment: host::configured_environment(workspace)?,
    })
}

fn slug(crate_folder: &Path) -> String {
    crate_folder.to_string_lossy().replace(['/', '\\'], "-")
}

/// Operations read models and recordings while they run: other ones are other inputs. A revision from before there were
/// any has none.
fn assets_sha256(workspace: &Workspace) -> String {
    let list = fs::read(workspace.root().join("crates/assets/assets.toml")).unwrap_or_default();
    Sha256::digest(list).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiler_flags_of_the_user_decide_a_build_and_those_that_are_scrubbed_do_not() {
        for name in [
            "CXXFLAGS",
            "CFLAGS_x86_64_unknown_linux_gnu",
            "TARGET_CFLAGS",
            "TARGET_CXXFLAGS",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
        ] {
            assert!(decides_a_build(name), "{name}");
        }
        for name in [
            "CXXFLAGS_x86_64_unknown_linux_gnu",
            "TARGET_CC",
            "CARGO_TARGET_DIR",
            "HOME",
        ] {
            assert!(!decides_a_build(name), "{name}");
        }
    }

    #[test]
    fn operations_kit_and_lock_file_are_laid_over_and_libraries_are_not() {
        for path in [
            "benches/operations/mod.rs",
            "crates/kit/src/lib.rs",
            "crates/record/Cargo.toml",
            "crates/asr/benches/operations/mod.rs",
            "crates/asr/Cargo.toml",
            "Cargo.lock",
        ] {
            assert!(is_overlaid(path), "{path}");
        }
        for path in [
            "crates/asr/src/lib.rs",
            "README.md",
            "xtask/src/main.rs",
            ".cargo/config.toml",
        ] {
            assert!(!is_overlaid(path), "{path}");
        }
    }

    #[test]
    fn submodules_are_told_from_files_whatever_their_names() {
        let object = "0".repeat(40);
        let listed = format!(
            "100644 {object} 0\t.gitmodules\u{0}160000 {object} 0\tvendor/a library\u{0}100644 {object} 0\t160000 \u{0}"
        );
        assert_eq!(submodules(&listed).collect::<Vec<_>>(), ["vendor/a library"]);
        assert_eq!(submodules("").count(), 0);
    }

    #[test]
    fn what_a_repository_sets_is_handed_to_git_as_it_is() {
        let listed = "submodule.a library.url\n/somewhere/a = b\u{0}protocol.file.allow\nalways\u{0}";
        assert_eq!(
            git_settings(listed),
            ["submodule.a library.url=/somewhere/a = b", "protocol.file.allow=always"]
        );
        assert!(git_settings("").is_empty());
    }

    #[test]
    fn of_a_configuration_only_what_it_says_counts() {
        let before = "[env]\nA = \"1\"\n";
        assert_eq!(
            without_comments(before),
            without_comments("# why\n[env]\nA   = '1' # so\n")
        );
        assert_ne!(without_comments(before), without_comments("[env]\nA = \"2\"\n"));
        assert_eq!(without_comments("no toml"), "no toml");
    }

    #[test]
    fn digests_of_parts_do_not_run_into_each_other() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }

    #[test]
    fn a_slot_that_is_held_is_refused_to_the_next() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let held = lock(folder.path()).expect("free");
        let error = lock(folder.path()).expect_err("held").to_string();
        assert!(
            error.contains("another comparison of this checkout is running"),
            "{error}"
        );
        drop(held);
        assert!(lock(folder.path()).is_ok());
    }
}
