//! Starting other programs.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::outcome;

/// Removes what `cargo run` exported to `xtask`: with it, a cargo started from here would see another package's
/// settings and rebuild what has not changed.
pub(crate) fn scrub_cargo_variables(command: &mut Command) {
    for (name, value) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        let of_a_package = ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|prefix| name_text.starts_with(prefix));
        let of_a_run = [
            "CARGO",
            "CARGO_BIN_NAME",
            "CARGO_CRATE_NAME",
            "CARGO_PRIMARY_PACKAGE",
            "RUST_RECURSION_COUNT",
        ];
        if of_a_package || of_a_run.contains(&name_text.as_ref()) || is_shim(&name_text, &value) {
            command.env_remove(&name);
        }
    }
}

/// Set from the `[env]` of the configuration: the checkout that is built brings its own. What a user set stays.
fn is_shim(name: &str, value: &OsStr) -> bool {
    let shim = match name {
        "CMAKE" => ".cargo/cmake",
        "GUNGRAUN_RUNNER" => ".cargo/gungraun-runner",
        _ => return false,
    };
    Path::new(value).ends_with(shim)
}

/// Removes the build settings of whisper.cpp as well: another checkout has its own.
pub(crate) fn scrub_build_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if is_build_setting(&name.to_string_lossy()) {
            command.env_remove(&name);
        }
    }
}

/// Whether the `[env]` of a configuration sets variables of this name for whisper.cpp. cargo hands them to `xtask`, and what
/// is inherited outweighs what a checkout's own configuration says.
fn is_build_setting(name: &str) -> bool {
    ["GGML_", "WHISPER_", "CXXFLAGS_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// The first line a program prints, trimmed; `None` when it fails or prints nothing.
pub(crate) fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next()?.trim();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}

/// Runs a command to its end with its output on standard error, where everything said to a person goes.
pub(crate) fn run_visibly(command: &mut Command) -> anyhow::Result<ExitStatus> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null());
    // Standard output is reserved for JSON.
    command.stdout(std::io::stderr());
    command.status().with_context(|| format!("{program} does not start"))
}

/// Hands on what a program says, as it says it, and tells at the end whether it found a full disk.
pub(crate) fn hand_on(mut said: impl Read, mut to: impl Write) -> bool {
    let mut is_disk_full = false;
    let mut recent = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = match said.read(&mut buffer) {
            Ok(0) => return is_disk_full,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return is_disk_full,
        };
        // Where nobody reads it any more, the program may go on all the same.
        let _ = to.write_all(&buffer[..length]);
        recent.extend_from_slice(&buffer[..length]);
        is_disk_full |= outcome::tells_of_full_disk(&String::from_utf8_lossy(&recent));
        recent.drain(..recent.len().saturating_sub(WORDS_LENGTH));
    }
}

/// The words for a full disk are shorter. They may come in two parts, so as much as this is kept of what came before.
const WORDS_LENGTH: usize = 64;

/// How a command with a time limit ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// By itself.
    Exited(ExitStatus),
    /// It was ended because it ran past its limit.
    TimedOut,
}

/// Runs a command with its output in a file. Past the limit it is ended, and so is what it started.
pub(crate) fn run_into_file(command: &mut Command, log: &Path, limit: Duration) -> anyhow::Result<Ended> {
    let program = command.get_program().to_string_lossy().into_owned();
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let copy = file
        .try_clone()
        .with_context(|| format!("cannot write {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(file).stderr(copy);
    let (mut child, _running) = spawn_group(command)?;
    wait_within(&mut child, limit).with_context(|| format!("cannot wait for {program}"))
}

/// Starts a command as a process group of its own, which ends with `xtask` when that is interrupted. One at a time.
pub(crate) fn spawn_group(command: &mut Command) -> anyhow::Result<(Child, RunningGroup)> {
    let program = command.get_program().to_string_lossy().into_owned();
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let child = command.spawn().with_context(|| format!("{program} does not start"))?;
    RUNNING_GROUP.store(child.id(), Ordering::SeqCst);
    Ok((child, RunningGroup))
}

/// While this lives, an interrupt ends the group.
#[derive(Debug)]
pub(crate) struct RunningGroup;

impl Drop for RunningGroup {
    fn drop(&mut self) {
        RUNNING_GROUP.store(NO_GROUP, Ordering::SeqCst);
    }
}

fn wait_within(child: &mut Child, limit: Duration) -> std::io::Result<Ended> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Exited(status));
        }
        if started.elapsed() > limit {
            end_group(child.id());
            child.kill()?;
            child.wait()?;
            return Ok(Ended::TimedOut);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The process group of the program being measured: it is a group of its own, so that a program past its limit is ended
/// with all it started, and therefore out of reach of the terminal's Ctrl-C.
static RUNNING_GROUP: AtomicU32 = AtomicU32::new(NO_GROUP);
const NO_GROUP: u32 = 0;

/// When `xtask` is interrupted, ends the program being measured and leaves with the shell's code for it.
#[cfg(unix)]
pub(crate) fn end_children_when_interrupted() -> anyhow::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals =
        signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot handle interrupts")?;
    std::thread::spawn(move || {
        if signals.forever().next().is_none() {
            return;
        }
        let group = RUNNING_GROUP.load(Ordering::SeqCst);
        if group != NO_GROUP {
            end_group(group);
        }
        #[expect(clippy::exit, reason = "the interrupted main thread has nothing left to do")]
        std::process::exit(130);
    });
    Ok(())
}

/// Elsewhere the system ends them with the console they share.
#[cfg(not(unix))]
pub(crate) fn end_children_when_interrupted() -> anyhow::Result<()> {
    Ok(())
}

fn end_group(leader: u32) {
    // The shell's own `kill`: not every system has the program. dash takes a group after `-s` only.
    let script = format!("kill -s KILL -- -{leader}");
    let _ = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_program_that_works() {
        assert_eq!(first_line("echo", &["one\ntwo"]).as_deref(), Some("one"));
        assert_eq!(first_line("false", &[]), None);
        assert_eq!(first_line("no-such-program-anywhere", &[]), None);
    }

    #[test]
    fn what_the_configuration_sets_for_whisper_is_scrubbed() {
        let configuration = include_str!("../../.cargo/config.toml");
        let parsed: toml::Table = configuration.parse().expect("the configuration is TOML");
        // These are no settings of a build, or name a program that every checkout brings.
        let others = ["CMAKE", "GUNGRAUN_RUNNER", "CANDLE_NUM_THREADS", "GOMP_SPINCOUNT"];
        for name in parsed["env"].as_table().expect("a table").keys() {
            assert_ne!(is_build_setting(name), others.contains(&name.as_str()), "{name}");
        }
    }

    /// Gives its parts one at a time, as a pipe does.
    struct Parts(std::vec::IntoIter<&'static str>);

    impl Read for Parts {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let part = self.0.next().unwrap_or_default().as_bytes();
            buffer[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }

    #[test]
    fn what_a_program_says_is_handed_on_and_a_full_disk_is_heard() {
        for (parts, is_disk_full) in [
            (
                vec!["cannot write x: No space left", " on device (os error 28)\n"],
                true,
            ),
            (vec!["   Compiling", " x\n", "error: mismatched types"], false),
            (vec![], false),
        ] {
            let mut heard: Vec<u8> = Vec::new();
            let answer = hand_on(Parts(parts.clone().into_iter()), &mut heard);
            assert_eq!(answer, is_disk_full, "{parts:?}");
            assert_eq!(String::from_utf8_lossy(&heard), parts.concat());
        }
    }

    #[test]
    fn only_our_own_shims_are_scrubbed() {
        assert!(is_shim("CMAKE", OsStr::new("/somewhere/.cargo/cmake")));
        assert!(!is_shim("CMAKE", OsStr::new("/usr/bin/cmake")));
        assert!(!is_shim("PATH", OsStr::new("/usr/bin:/home/user/.cargo/bin")));
    }

    #[test]
    fn a_program_past_its_limit_is_ended_with_its_children() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let pipe = folder.path().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .expect("mkfifo starts")
                .success()
        );
        // The grandchild holds the pipe open for writing; reading it to its end returns only once that is gone.
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg("sleep 1000 > \"$0\" & echo started > \"$0\"; wait")
            .arg(&pipe);
        let log = folder.path().join("log");
        let reader = std::thread::spawn(move || std::fs::read_to_string(pipe));
        let ended = run_into_file(&mut command, &log, Duration::from_millis(200)).expect("runs");
        assert!(matches!(ended, Ended::TimedOut));
        drop(reader.join());
    }
}
