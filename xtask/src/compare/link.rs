//! Links repeated outside cargo: with functions in matching places on both sides, or in places drawn by a seed.
//!
//! Where a function lies in memory moves its speed by more than most changes do. While the slot builds, a small script
//! in the linker's place keeps what each timed program is linked from; from that the link is repeated here.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use super::layout_list::{self, Order};
use super::slot::{Built, Program};
use crate::process;

/// The script in the linker's place, and where it keeps what it saw.
#[derive(Debug)]
pub(crate) struct KeptLinks {
    script: PathBuf,
    folder: PathBuf,
}

/// Calls the compiler driver, as rustc does by itself, then keeps arguments and object files of bench programs named
/// `time-…`. Object files are hard-linked: rustc and cargo replace such files and never write into them. Their names in
/// the kept arguments are relative, so the folder may move.
const SCRIPT: &str = r#"#!/bin/sh
set -eu
cc "$@"
output=
previous=
for argument in "$@"; do
  if [ "$previous" = -o ]; then output=$argument; fi
  previous=$argument
done
case "${output##*/}" in time-*) ;; *) exit 0 ;; esac
keep="$VOICEFLOW_KEPT_LINKS/${output##*/}"
rm -rf "$keep"
mkdir -p "$keep"
number=0
for argument in "$@"; do
  case "$argument" in
    *.o|*.rlib|*.a)
      if [ -f "$argument" ]; then
        number=$((number + 1))
        name="$number-${argument##*/}"
        ln "$argument" "$keep/$name" 2>/dev/null || cp "$argument" "$keep/$name"
        argument=$name
      fi ;;
    @*)
      exit 0 ;;
  esac
  printf '%s\n' "$argument" >> "$keep/arguments"
done
: > "$keep/complete"
"#;

impl KeptLinks {
    /// Writes the script into `folder`.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        let links = folder.join("links");
        fs::create_dir_all(&links).with_context(|| format!("cannot make {}", links.display()))?;
        let script = folder.join("linker");
        write_executable(&script, SCRIPT)?;
        Ok(Self { script, folder: links })
    }

    /// What cargo has to be told so that it links through the script.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let target = env!("VOICEFLOW_TARGET").to_uppercase().replace(['-', '.'], "_");
        vec![
            (
                format!("CARGO_TARGET_{target}_LINKER"),
                self.script.to_string_lossy().into_owned(),
            ),
            (
                "VOICEFLOW_KEPT_LINKS".to_owned(),
                self.folder.to_string_lossy().into_owned(),
            ),
        ]
    }

    /// Copies what an executable was linked from; `false` when it was not kept.
    pub(crate) fn keep(&self, executable: &Path, to: &Path) -> anyhow::Result<bool> {
        let name = executable.file_name().unwrap_or_default();
        let from = self.folder.join(name);
        if !from.join("complete").is_file() {
            return Ok(false);
        }
        fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
        for entry in fs::read_dir(&from).with_context(|| format!("cannot list {}", from.display()))? {
            let path = entry?.path();
            let target = to.join(path.file_name().unwrap_or_default());
            if fs::hard_link(&path, &target).is_err() {
                fs::copy(&path, &target).with_context(|| format!("cannot copy {}", path.display()))?;
            }
        }
        Ok(true)
    }
}

#[cfg(unix)]
fn write_executable(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o755)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(not(unix))]
fn write_executable(path: &Path, _text: &str) -> anyhow::Result<()> {
    bail!("links are kept on Unix only, not in {}", path.display())
}

/// Both sides of a crate linked with functions in the same places.
#[derive(Debug)]
pub(crate) struct Matched {
    pub(crate) baseline: PathBuf,
    pub(crate) candidate: PathBuf,
    pub(crate) order: Order,
    /// Functions of equal name and size that do lie in the same place of both.
    pub(crate) in_place: usize,
}

/// Links both programs of a crate again in one order. An error says why it cannot be done on this machine.
pub(crate) fn matching(
    baseline: (&Built, &Program),
    candidate: (&Built, &Program),
    folder: &Path,
) -> anyhow::Result<Matched> {
    let symbols = |(built, program): (&Built, &Program)| -> anyhow::Result<Vec<layout_list::Symbol>> {
        let path = built.path(program);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        layout_list::functions_of(&bytes)
    };
    let order = layout_list::matching_order(&symbols(baseline)?, &symbols(candidate)?);
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let list = folder.join(format!("{}.order", baseline.1.file));
    fs::write(&list, order.names.join("\n") + "\n").with_context(|| format!("cannot write {}", list.display()))?;
    let ordering = format!("-Wl,--symbol-ordering-file={}", list.display());
    let flags = [
        ordering.as_str(),
        "-Wl,--no-warn-symbol-ordering",
        STRIPPED,
        "-Wl,-z,separate-code",
    ];
    let outputs = [("a", baseline), ("b", candidate)].map(|(side, (built, program))| {
        let output = folder.join(side).join(&program.file);
        relink(&built.links(program), &output, &flags).map(|()| output)
    });
    let [baseline, candidate] = outputs;
    let (baseline, candidate) = (baseline?, candidate?);
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let in_place = layout_list::in_place(&read(&baseline)?, &read(&candidate)?)?;
    // A linker may take the list and not follow it.
    ensure!(
        in_place * 10 >= order.matched * 9,
        "the linker put {in_place} of {} functions in the same places",
        order.matched
    );
    Ok(Matched {
        baseline,
        candidate,
        order,
        in_place,
    })
}

/// Every round copies its programs: without what only debuggers read they are a fraction of the size.
const STRIPPED: &str = "-Wl,--strip-debug";

/// Links a program again with its functions in an order drawn by the seed.
pub(crate) fn shuffled(built: &Built, program: &Program, seed: u64, output: &Path) -> anyhow::Result<()> {
    // lld takes 32 bits; zero and all ones mean other things to it.
    let seed = seed % 0xffff_fff0 + 1;
    let shuffle = format!("-Wl,--shuffle-sections=.text*={seed}");
    relink(
        &built.links(program),
        output,
        &[&shuffle, STRIPPED, "-Wl,-z,separate-code"],
    )
}

fn relink(links: &Path, output: &Path, flags: &[&str]) -> anyhow::Result<()> {
    let kept = links.join("arguments");
    let text = fs::read_to_string(&kept).with_context(|| format!("cannot read {}", kept.display()))?;
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut command = Command::new("cc");
    process::scrub_cargo_variables(&mut command);
    let mut is_output = false;
    for argument in text.lines() {
        if is_output {
            command.arg(output);
        } else {
            command.arg(argument);
        }
        is_output = argument == "-o";
    }
    let ended = command
        .args(flags)
        .current_dir(links)
        .stdin(Stdio::null())
        .output()
        .context("cc does not start")?;
    if !ended.status.success() {
        let complaint = String::from_utf8_lossy(&ended.stderr);
        // The linker's own word comes first, the driver's that it failed last.
        let line = complaint.lines().next().unwrap_or("it said nothing");
        bail!("the linker cannot place functions: {line}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The script is a linker as far as rustc can tell, and what it keeps links again to a program that works.
    #[cfg(unix)]
    #[test]
    fn what_the_script_keeps_links_again() {
        let place = tempfile::tempdir().expect("temporary folder");
        let kept = KeptLinks::new(place.path()).expect("writes");
        let source = place.path().join("main.c");
        fs::write(&source, "int main(void) { return 7; }\n").expect("writes");
        let object = place.path().join("main.o");
        let compiled = Command::new("cc")
            .arg("-c")
            .arg(&source)
            .arg("-o")
            .arg(&object)
            .status();
        assert!(compiled.expect("cc starts").success());
        let program = place.path().join("time-0123");
        let mut command = Command::new(place.path().join("linker"));
        command.arg(&object).arg("-o").arg(&program).envs(kept.variables());
        assert!(command.status().expect("the script starts").success());
        // The object may go: rustc removes its own after linking.
        fs::remove_file(&object).expect("removes");

        let links = place.path().join("cache");
        assert!(kept.keep(&program, &links).expect("keeps"));
        let again = place.path().join("again/time-0123");
        relink(&links, &again, &[]).expect("links");
        assert_eq!(Command::new(&again).status().expect("starts").code(), Some(7));
        assert!(!kept.keep(&place.path().join("other"), &links).expect("answers"));
    }

    #[test]
    fn a_linker_that_refuses_is_quoted() {
        let place = tempfile::tempdir().expect("temporary folder");
        fs::write(place.path().join("arguments"), "no-such-object.o\n-o\nx\n").expect("writes");
        let error = relink(place.path(), &place.path().join("x"), &[])
            .expect_err("refused")
            .to_string();
        assert!(error.starts_with("the linker cannot place functions: "), "{error}");
        assert!(error.contains("no-such-object.o"), "{error}");
    }
}
