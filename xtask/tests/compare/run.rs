//! Running `xtask`, waiting for what it does, and reading what it says.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use voiceflow_record::paired::Round;

use crate::fixture;
use crate::snapshot::files_below;

/// Longer than the kit's dependencies take to build on two busy cores: only what hangs gets here.
const DEADLINE: Duration = Duration::from_secs(900);

/// `xtask` in a checkout, with the cache of these tests.
pub(crate) fn xtask(checkout: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(arguments)
        .current_dir(checkout)
        .env("VOICEFLOW_CACHE", fixture::cache())
        .stdin(Stdio::null());
    command
}

/// `xtask compare` with JSON on standard output, and the folder its rounds and reports go to.
pub(crate) fn compare(checkout: &Path, arguments: &[&str]) -> (Command, PathBuf) {
    reporting(checkout, "compare", arguments)
}

/// The same of any command that leaves such a folder.
pub(crate) fn reporting(checkout: &Path, name: &str, arguments: &[&str]) -> (Command, PathBuf) {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let number = RUNS.fetch_add(1, Ordering::Relaxed);
    let folder = fixture::outputs().join(format!("{number:03}"));
    let mut command = xtask(checkout, &[name]);
    command
        .args(arguments)
        .args(["--format", "json", "--output-dir"])
        .arg(&folder);
    (command, folder)
}

/// The same command, to which there is a full disk at `folder`, and to nobody else. `None` where this machine lets us
/// mount none.
pub(crate) fn on_a_full_disk(command: &Command, folder: &Path) -> Option<Command> {
    let unshare = |privileges: &[&str], script: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args(privileges).args(["sh", "-c", script]).arg(folder);
        unshare
    };
    // For an ordinary user, and for one who may do everything but make users.
    let ways: [&[&str]; 2] = [&["--user", "--map-root-user", "--mount"], &["--mount"]];
    let privileges = ways.into_iter().find(|privileges| {
        let mounted = unshare(privileges, MOUNT).output();
        mounted.is_ok_and(|mounted| mounted.status.success())
    })?;
    let mut full = unshare(privileges, &format!("{MOUNT} && {FILL}; exec \"$@\""));
    full.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            full.env(name, value);
        }
    }
    if let Some(current) = command.get_current_dir() {
        full.current_dir(current);
    }
    full.stdin(Stdio::null());
    Some(full)
}

/// A disk of 64 KiB, the largest page there is.
const MOUNT: &str = "mount -t tmpfs -o size=64k none \"$0\"";

/// More than fits: folders and empty files can still be made, and nothing can be written.
const FILL: &str = "head -c 131072 /dev/zero > \"$0/filler\" 2> /dev/null";

/// A run that ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Its output folder.
    pub(crate) folder: PathBuf,
}

impl Ran {
    /// Runs a comparison to its end.
    pub(crate) fn compare(checkout: &Path, arguments: &[&str]) -> Self {
        let (mut command, folder) = compare(checkout, arguments);
        Self::of(&mut command, &folder)
    }

    /// Runs any command to its end.
    pub(crate) fn of(command: &mut Command, folder: &Path) -> Self {
        let output = command.output().expect("starts");
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("standard output is text"),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            folder: folder.to_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
    }

    /// It refused with this code and these words, and standard output stayed free for JSON.
    #[track_caller]
    pub(crate) fn assert_refused(&self, code: i32, words: &str) {
        self.assert_code(code);
        assert!(self.stderr.contains(words), "`{words}` is not in:\n{}", self.stderr);
        assert_eq!(self.stdout, "");
    }

    /// What it found.
    #[track_caller]
    pub(crate) fn report(&self) -> Report {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => Report(value),
            Err(error) => panic!(
                "standard output is not JSON alone: {error}\n{}\n{}",
                self.stdout, self.stderr
            ),
        }
    }
}

/// The JSON of a command.
pub(crate) struct Report(Value);

impl Report {
    /// The value at a JSON pointer; null where there is none.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }

    pub(crate) fn verdict(&self) -> &str {
        text(self.at("/verdict"))
    }

    /// The ids in one of the lists: `identical`, `added`, `removed`.
    pub(crate) fn ids(&self, list: &str) -> Vec<&str> {
        self.0[list].as_array().expect("a list").iter().map(text).collect()
    }

    pub(crate) fn rows(&self) -> &[Value] {
        self.0["operations"].as_array().expect("a list")
    }

    /// The row of an operation and metric.
    pub(crate) fn find(&self, id: &str, metric: &str) -> Option<&Value> {
        self.rows()
            .iter()
            .find(|row| row["id"] == id && row["metric"] == metric)
    }

    #[track_caller]
    pub(crate) fn row(&self, id: &str, metric: &str) -> &Value {
        self.find(id, metric)
            .unwrap_or_else(|| panic!("there is no row for the {metric} of {id}: {:#}", self.0))
    }

    /// Operation, metric and verdict of every row.
    pub(crate) fn verdicts(&self) -> Vec<[&str; 3]> {
        self.rows()
            .iter()
            .map(|row| [text(&row["id"]), text(&row["metric"]), text(&row["verdict"])])
            .collect()
    }

    /// Operation and metric of the rows that regressed.
    pub(crate) fn regressed(&self) -> Vec<[&str; 2]> {
        let verdicts = self.verdicts().into_iter();
        verdicts
            .filter(|[_, _, verdict]| *verdict == "regressed")
            .map(|[id, metric, _]| [id, metric])
            .collect()
    }
}

/// A string, or nothing.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A comparison under way. It is ended with the test, whatever becomes of that.
pub(crate) struct Running {
    child: Child,
    folder: PathBuf,
    started: SystemTime,
}

impl Running {
    pub(crate) fn start(checkout: &Path, arguments: &[&str]) -> Self {
        let (mut command, folder) = compare(checkout, arguments);
        fs::create_dir_all(&folder).expect("makes");
        // Not a pipe: what an ended comparison had started would hold it open.
        let log = File::create(folder.join(LOG)).expect("makes");
        let started = SystemTime::now();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("starts");
        Self { child, folder, started }
    }

    /// Waits until something has happened, and fails when the comparison ends before.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, what: &str, happened: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !happened(self) {
            let ended = self.child.try_wait().expect("tells");
            assert!(ended.is_none(), "it ended before {what}:\n{}", self.said());
            assert!(started.elapsed() < DEADLINE, "it hangs before {what}:\n{}", self.said());
            sleep(POLL);
        }
    }

    pub(crate) fn started(&self) -> SystemTime {
        self.started
    }

    /// Its output folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.folder.join(LOG)).unwrap_or_default()
    }

    /// The rounds it has finished.
    pub(crate) fn rounds(&self) -> Vec<PathBuf> {
        rounds(&self.folder)
    }

    /// Ends it as nothing can be prepared for.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("kills");
        self.child.wait().expect("waits");
    }

    /// Ends it as Ctrl-C does, and returns its exit code.
    pub(crate) fn interrupt(mut self) -> Option<i32> {
        // The shell's own `kill`: not every system has the program.
        let script = format!("kill -INT {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &script]).status().expect("sh starts");
        assert!(sent.success(), "the signal was not sent");
        let mut code = None;
        wait_until("the interrupted comparison ends", || {
            let ended = self.child.try_wait().expect("tells");
            code = ended.and_then(|status| status.code());
            ended.is_some()
        });
        code
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a comparison under way says, beside its rounds.
const LOG: &str = "said.txt";

/// Short beside everything that is waited for, long beside what looking costs.
const POLL: Duration = Duration::from_millis(5);

/// The files of the finished rounds in an output folder.
pub(crate) fn rounds(folder: &Path) -> Vec<PathBuf> {
    let is_round = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".json") && !name.starts_with('.')
    };
    files_below(&folder.join("rounds"))
        .into_iter()
        .filter(is_round)
        .collect()
}

/// What they hold. Each is written whole or not at all.
#[track_caller]
pub(crate) fn stored_rounds(folder: &Path) -> Vec<Round> {
    let read = |path: PathBuf| -> Round {
        let text = fs::read_to_string(&path).expect("reads");
        match serde_json::from_str(&text) {
            Ok(round) => round,
            Err(error) => panic!("{} is no whole round: {error}", path.display()),
        }
    };
    rounds(folder).into_iter().map(read).collect()
}

/// Waits until something has happened.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < DEADLINE, "it takes too long until {what}");
        sleep(POLL);
    }
}

/// Whether a process works in or below a folder. Where the system does not tell, none is seen.
pub(crate) fn is_at_work_in(folder: &Path) -> bool {
    let Ok(processes) = fs::read_dir("/proc") else {
        return false;
    };
    let works_there = |process: fs::DirEntry| {
        fs::read_link(process.path().join("cwd")).is_ok_and(|current| current.starts_with(folder))
    };
    processes.filter_map(Result::ok).any(works_there)
}

/// Whether instructions can be counted on this machine.
pub(crate) fn has_valgrind() -> bool {
    Command::new("valgrind")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}
