//! A workspace of one small crate in a git repository of its own, with commits whose effect on its operations is known.
//!
//! It lies at the same place in every run and its commits have the same hashes, so what `compare` built of them is found
//! again: only the first run builds the kit's dependencies.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::run::{Ran, is_at_work_in, reporting, wait_until};
use crate::toy::{self, Declared};

/// The operations of the toy's first commit.
const DECLARED: [Declared; 3] = [toy::MIX, toy::NAMES, toy::SUM];

/// The repository, for one test at a time: a checkout has one build slot, and two measurements at once would spoil each
/// other. It is as its first commit left it, whatever the test before did to it.
pub(crate) fn fixture() -> MutexGuard<'static, Fixture> {
    static FIXTURE: LazyLock<Mutex<Fixture>> = LazyLock::new(|| Mutex::new(Fixture::make()));
    let fixture = FIXTURE.lock().unwrap_or_else(PoisonError::into_inner);
    fixture.restore();
    fixture
}

/// The cache of these tests.
pub(crate) fn cache() -> PathBuf {
    place().join("compare-cache")
}

/// Where the comparisons of these tests leave their rounds and reports.
pub(crate) fn outputs() -> PathBuf {
    place().join("compare-output")
}

fn place() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// The repository. Each of its tags but `readme-only` and `base` names one change to `base`.
pub(crate) struct Fixture {
    root: PathBuf,
    slower: OnceLock<Ran>,
}

impl Fixture {
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Runs a comparison to its end.
    pub(crate) fn compare(&self, arguments: &[&str]) -> Ran {
        Ran::compare(&self.root, arguments)
    }

    /// Runs a comparison that measures, again where it is void.
    #[track_caller]
    pub(crate) fn measure(&self, arguments: &[&str]) -> Ran {
        until_not_void(|| self.compare(arguments))
    }

    /// Runs any command that leaves an output folder to its end.
    pub(crate) fn run(&self, name: &str, arguments: &[&str]) -> Ran {
        let (mut command, folder) = reporting(&self.root, name, arguments);
        Ran::of(&mut command, &folder)
    }

    /// Runs a gate that says something, again where it is void.
    #[track_caller]
    pub(crate) fn gate(&self, arguments: &[&str]) -> Ran {
        until_not_void(|| self.run("gate", arguments))
    }

    /// The comparison of `base` with `slower`, measured once for all tests that look at it.
    pub(crate) fn slower(&self) -> &Ran {
        self.slower.get_or_init(|| self.measure(&["base", "slower"]))
    }

    /// The full hash of a tag's commit.
    pub(crate) fn commit_of(&self, tag: &str) -> String {
        git(&self.root, &["rev-parse", &format!("{tag}^{{commit}}")])
    }

    /// The folder that `compare` keeps for this checkout.
    pub(crate) fn slot(&self) -> PathBuf {
        slot_of(&cache(), &self.root)
    }

    /// Removes what was built of a tag's commit, so that it has to be built again.
    pub(crate) fn forget_build(&self, tag: &str) {
        let commit = self.commit_of(tag);
        for entry in fs::read_dir(self.slot().join("builds")).expect("lists") {
            let entry = entry.expect("lists");
            if entry.file_name().to_string_lossy().starts_with(&commit) {
                remove(&entry.path());
            }
        }
    }

    /// Waits until nothing works in the slot any more. What a killed comparison had started ends by itself.
    #[track_caller]
    pub(crate) fn wait_until_idle(&self) {
        let slot = self.slot();
        wait_until("nothing works in the build slot", || !is_at_work_in(&slot));
    }

    /// Clones the repository beside itself, with these options.
    pub(crate) fn clone_beside(&self, name: &str, options: &[&str]) -> PathBuf {
        let clone = self.root.with_file_name(name);
        remove(&clone);
        // Of a path alone git would copy everything, however shallow the clone is to be.
        let url = format!("file://{}", self.root.display());
        let folder = clone.to_string_lossy().into_owned();
        let mut arguments = vec!["clone", "--quiet"];
        arguments.extend(options);
        arguments.extend([url.as_str(), folder.as_str()]);
        git(&self.root, &arguments);
        clone
    }

    /// Git in the checkout.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(&self.root, arguments)
    }

    /// The source of the toy's library.
    pub(crate) fn library(&self) -> PathBuf {
        self.root.join(LIBRARY)
    }

    fn make() -> Self {
        let fixture = Self {
            root: place().join("compare-fixture/toy"),
            slower: OnceLock::new(),
        };
        let root = &fixture.root;
        remove(&place().join("compare-fixture"));
        remove(&outputs());
        make_cache(&cache());
        fs::create_dir_all(root).expect("makes");
        git(root, &["init", "--quiet", "--template=", "--initial-branch=main"]);
        // It must not tidy up while a test holds the repository against what it was.
        git(root, &["config", "gc.auto", "0"]);
        git(root, &["config", "maintenance.auto", "false"]);
        write(&root.join("README.md"), "A toy, to be.\n");
        fixture.commit("readme-only", "Say what is to come");
        write_workspace(root);
        lock(root);
        fixture.commit("base", "A toy with three operations");
        fixture.plant_changes();
        fixture.restore();
        fixture
    }

    fn plant_changes(&self) {
        self.plant("noop", "toy: a comment, and a function that nobody calls", |root| {
            let more = "/// Nobody calls it.\npub fn unused(word: u64) -> u64 {\n    word.rotate_left(3)\n}\n\n";
            edit(&root.join(LIBRARY), "/// Passes", &format!("{more}/// All passes"));
        });
        self.plant("slower", "mix: two passes more", |root| {
            edit(&root.join(LIBRARY), "PASSES: u32 = 25", "PASSES: u32 = 27");
        });
        self.plant("alloc", "collect: a heap block more", |root| {
            edit(
                &root.join(LIBRARY),
                "    (0..count)",
                "    let count = weigh(count);\n    (0..count)",
            );
            append(&root.join(LIBRARY), toy::WEIGH);
        });
        self.plant("broken", "mix: passes in words", |root| {
            edit(&root.join(LIBRARY), "PASSES: u32 = 25", "PASSES: u32 = \"twenty-five\"");
        });
        self.plant("changed", "A product for the sum, and no names", |root| {
            write_operations(root, &[toy::MIX, toy::NAMES, toy::PRODUCT]);
            edit(
                &root.join(LIBRARY),
                "(0..count).map(|number| format!(\"name {number}\")).collect()",
                "eprintln!(\"there are no {count} names\");\n    std::process::exit(3)",
            );
        });
    }

    /// Commits one change to `base` under a tag.
    fn plant(&self, tag: &str, subject: &str, change: impl FnOnce(&Path)) {
        self.git(&["checkout", "--quiet", "--force", "--detach", "base"]);
        change(&self.root);
        self.commit(tag, subject);
    }

    fn commit(&self, tag: &str, subject: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", subject]);
        self.git(&["tag", tag]);
    }

    fn restore(&self) {
        self.git(&["checkout", "--quiet", "--force", "main"]);
        self.git(&["reset", "--quiet", "--hard", "base"]);
        self.git(&["clean", "--quiet", "-ffdx"]);
        self.git(&["stash", "clear"]);
    }
}

/// One run in a hundred is void, as it should be: then it says to measure again, and so does this.
#[track_caller]
fn until_not_void(run: impl Fn() -> Ran) -> Ran {
    for _ in 0..2 {
        let ran = run();
        if ran.report().verdict() != "void" {
            return ran;
        }
    }
    run()
}

/// Below the root.
const LIBRARY: &str = "crates/toy/src/lib.rs";

/// The slot of a checkout in a cache.
pub(crate) fn slot_of(cache: &Path, checkout: &Path) -> PathBuf {
    let name = checkout.file_name().expect("a name").to_string_lossy();
    let mut slots: Vec<PathBuf> = fs::read_dir(cache.join("compare"))
        .expect("there are slots")
        .map(|entry| entry.expect("lists").path())
        .filter(|path| {
            let found = path.file_name().unwrap_or_default().to_string_lossy();
            found.rsplit_once('-').is_some_and(|(of, _digest)| of == name)
        })
        .collect();
    assert_eq!(slots.len(), 1, "a checkout has one slot: {slots:?}");
    // As the system tells where processes work.
    slots.remove(0).canonicalize().expect("exists")
}

/// Makes a cache that has the tools of the user's own, where there are any: to install them takes minutes.
pub(crate) fn make_cache(folder: &Path) {
    fs::create_dir_all(folder).expect("makes");
    let tools = folder.join("tools");
    if tools.is_dir() {
        return;
    }
    // A link to what is no more.
    let _ = fs::remove_file(&tools);
    let own = voiceflow_assets::Assets::open().map(|assets| assets.root().join("tools"));
    if let Ok(own) = own
        && own.is_dir()
    {
        symlink(own, &tools).expect("links");
    }
}

/// This repository, whose kit the toy is measured by.
fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace")
}

fn write_workspace(root: &Path) {
    write(&root.join("Cargo.toml"), &workspace_manifest());
    write(&root.join(".gitignore"), "/target\n");
    write(&root.join(".cargo/config.toml"), CARGO_CONFIG);
    let runner = ".cargo/gungraun-runner";
    fs::copy(repository().join(runner), root.join(runner)).expect("copies");
    // By this folder a checkout of the workspace is known.
    write(&root.join("xtask/.gitkeep"), "");
    for name in ["kit", "record"] {
        let folder = Path::new("crates").join(name);
        copy_folder(&repository().join(&folder), &root.join(&folder));
    }
    write(&root.join("crates/toy/Cargo.toml"), toy::MANIFEST);
    write(&root.join(LIBRARY), toy::LIBRARY);
    for (name, text) in toy::TARGETS {
        write(&root.join("crates/toy/benches").join(name), text);
    }
    write_operations(root, &DECLARED);
}

/// The settings of this repository's manifest, with what it knows of crates that are not in the fixture left out.
fn workspace_manifest() -> String {
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).expect("reads");
    let is_there = |line: &&str| {
        !line.starts_with("voiceflow-") || line.starts_with("voiceflow-kit ") || line.starts_with("voiceflow-record ")
    };
    let mut lines: Vec<&str> = manifest.lines().filter(is_there).collect();
    let members = lines.iter_mut().find(|line| line.starts_with("members = "));
    *members.expect("the manifest names its members") = "members = [\"crates/*\"]";
    lines.join("\n") + "\n"
}

/// As much of this repository's as the kit needs.
const CARGO_CONFIG: &str = r#"[target.'cfg(target_arch = "x86_64")']
rustflags = ["-C", "target-cpu=x86-64-v3"]

[env]
GUNGRAUN_RUNNER = { value = ".cargo/gungraun-runner", relative = true }
"#;

fn write_operations(root: &Path, declared: &[Declared]) {
    let benches = root.join("crates/toy/benches");
    write(&benches.join("operations/mod.rs"), &toy::operations(declared));
    write(&benches.join("catalogue.json"), &toy::catalogue(declared));
}

/// Locks the toy to the versions that this repository is locked to; they are on this machine already.
fn lock(root: &Path) {
    fs::copy(repository().join("Cargo.lock"), root.join("Cargo.lock")).expect("copies");
    let update = |options: &[&str]| {
        Command::new("cargo")
            .current_dir(root)
            .args(["update", "--quiet", "--workspace"])
            .args(options)
            .output()
            .expect("cargo starts")
    };
    if update(&["--offline"]).status.success() {
        return;
    }
    let online = update(&[]);
    assert!(online.status.success(), "{}", String::from_utf8_lossy(&online.stderr));
}

/// Runs git and returns what it printed, trimmed. The same calls make the same commits, whoever makes them.
#[track_caller]
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    const SOMEBODY: &str = "Somebody";
    const ADDRESS: &str = "somebody@localhost";
    const THEN: &str = "2026-01-01T00:00:00Z";
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    let output = command
        .current_dir(folder)
        .args(arguments)
        .envs([
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", SOMEBODY),
            ("GIT_AUTHOR_EMAIL", ADDRESS),
            ("GIT_AUTHOR_DATE", THEN),
            ("GIT_COMMITTER_NAME", SOMEBODY),
            ("GIT_COMMITTER_EMAIL", ADDRESS),
            ("GIT_COMMITTER_DATE", THEN),
        ])
        .output()
        .expect("git starts");
    assert!(
        output.status.success(),
        "git {arguments:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Writes a file, and the folders it lies in.
pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("makes");
    fs::write(path, text).expect("writes");
}

/// Replaces the first such text in a file.
#[track_caller]
pub(crate) fn edit(path: &Path, from: &str, to: &str) {
    let before = fs::read_to_string(path).expect("reads");
    assert!(before.contains(from), "`{from}` is not in {}", path.display());
    fs::write(path, before.replacen(from, to, 1)).expect("writes");
}

/// Adds to the end of a file.
pub(crate) fn append(path: &Path, text: &str) {
    let before = fs::read_to_string(path).expect("reads");
    fs::write(path, before + text).expect("writes");
}

/// Copies a folder with everything in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("makes");
    for entry in fs::read_dir(from).expect("lists") {
        let path = entry.expect("lists").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copies");
        }
    }
}

/// Removes a folder, where it is there.
pub(crate) fn remove(folder: &Path) {
    let removed = fs::remove_dir_all(folder);
    if let Err(error) = removed
        && error.kind() != std::io::ErrorKind::NotFound
    {
        panic!("cannot remove {}: {error}", folder.display());
    }
}
