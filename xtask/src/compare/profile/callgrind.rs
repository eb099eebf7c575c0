//! Instructions by function, from the files that callgrind writes: <https://valgrind.org/docs/manual/cl-format.html>.
//!
//! Callgrind counts a function's own instructions exactly. What a function costs with everything it calls is derived:
//! its own instructions and those of its calls. In recursion the calls count the same work again at every depth;
//! callgrind tells the outermost activation of a function (`walk`) from those inside it (`walk'2`), so only the calls
//! of the outermost are added. Functions that share a name and reach each other through a third can still count work
//! twice, so no function is said to cost more than the whole profile.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use super::plain_name;
use crate::compare::model::FunctionDelta;

/// What each function of a profile costs, by its name without hashes. The self costs add up to the whole profile.
pub(crate) type Functions = BTreeMap<String, FunctionCost>;

/// Instructions of one function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FunctionCost {
    /// Its own.
    pub(crate) self_instructions: u64,
    /// Its own and those of what it calls: at least its own, at most those of the whole profile.
    pub(crate) inclusive_instructions: u64,
}

/// The functions of one file. An error names the line that cannot be read, or says that the costs of the functions do
/// not add up to the file's own total.
pub(crate) fn functions(text: &str) -> anyhow::Result<Functions> {
    let mut profile = Profile::new();
    for (index, line) in text.lines().enumerate() {
        profile
            .read(line.trim())
            .with_context(|| format!("line {}", index + 1))?;
    }
    profile.finish()
}

/// The functions of all `callgrind.*.out` below `folder`, which holds the output of one benchmark: a file a thread.
pub(crate) fn read_folder(folder: &Path) -> anyhow::Result<Functions> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    ensure!(!files.is_empty(), "callgrind left no output in {}", folder.display());
    let mut all = Functions::new();
    for file in files {
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let of_thread = functions(&text).with_context(|| format!("cannot read {}", file.display()))?;
        add(&mut all, of_thread);
    }
    Ok(all)
}

/// The functions whose own instructions changed, largest change first, at most `most` of them. A function that only one
/// side has counts from zero or to zero.
pub(crate) fn deltas(baseline: &Functions, candidate: &Functions, most: usize) -> Vec<FunctionDelta> {
    let names: BTreeSet<&String> = baseline.keys().chain(candidate.keys()).collect();
    let mut deltas: Vec<FunctionDelta> = names
        .into_iter()
        .map(|name| delta(name, baseline, candidate))
        .filter(|delta| delta.self_baseline != delta.self_candidate)
        .collect();
    // The sort is stable, so equal changes stay in the order of their names.
    deltas.sort_by_key(|delta| Reverse(delta.self_baseline.abs_diff(delta.self_candidate)));
    deltas.truncate(most);
    deltas
}

fn delta(name: &str, baseline: &Functions, candidate: &Functions) -> FunctionDelta {
    let before = baseline.get(name).copied().unwrap_or_default();
    let after = candidate.get(name).copied().unwrap_or_default();
    FunctionDelta {
        function: name.to_owned(),
        self_baseline: before.self_instructions,
        self_candidate: after.self_instructions,
        inclusive_baseline: before.inclusive_instructions,
        inclusive_candidate: after.inclusive_instructions,
    }
}

/// Finds `callgrind.*.out`; gungraun writes a log beside it.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            collect(&path, files)?;
        } else if name.starts_with("callgrind.") && name.ends_with(".out") {
            files.push(path);
        }
    }
    Ok(())
}

fn add(all: &mut Functions, more: Functions) {
    for (name, cost) in more {
        let sum = all.entry(name).or_default();
        sum.self_instructions = sum.self_instructions.saturating_add(cost.self_instructions);
        sum.inclusive_instructions = sum.inclusive_instructions.saturating_add(cost.inclusive_instructions);
    }
}

/// A file as far as it was read.
struct Profile {
    /// How many words of a cost line say where the cost lies; they come before the costs.
    positions: usize,
    events: Option<Events>,
    functions: Vec<Function>,
    /// By the name as written.
    by_name: BTreeMap<String, usize>,
    /// By the number that stands for a name once both were seen together.
    by_id: BTreeMap<u64, usize>,
    /// The function that the costs belong to.
    current: Option<usize>,
    /// The function that the next `calls=` calls.
    called: Option<usize>,
    /// The function whose call the next cost line is about.
    call: Option<usize>,
    /// The sum of the lines `totals:`; there is one a dump.
    total: Option<u64>,
}

/// The columns of a cost line.
#[derive(Clone, Copy)]
struct Events {
    columns: usize,
    instructions: usize,
}

/// A function as callgrind tells them apart.
struct Function {
    name: String,
    /// It runs inside another activation of itself.
    is_inner: bool,
    self_instructions: u64,
    /// Of the calls that count towards what the function costs with all it calls.
    calls_instructions: u64,
}

impl Profile {
    fn new() -> Self {
        Self {
            // Where there is no line `positions:`, the position is the line of the source.
            positions: 1,
            events: None,
            functions: Vec::new(),
            by_name: BTreeMap::new(),
            by_id: BTreeMap::new(),
            current: None,
            called: None,
            call: None,
            total: None,
        }
    }

    fn read(&mut self, line: &str) -> anyhow::Result<()> {
        match line.bytes().next() {
            None | Some(b'#') => Ok(()),
            Some(b'0'..=b'9' | b'+' | b'-' | b'*') => self.read_costs(line),
            Some(_) => self.read_named(line),
        }
    }

    /// A header is `key: value`, everything else `key=value`.
    fn read_named(&mut self, line: &str) -> anyhow::Result<()> {
        ensure!(self.call.is_none(), "the cost of the call before is missing");
        let at = line
            .find(['=', ':'])
            .with_context(|| format!("`{line}` is neither a cost nor a name nor a header"))?;
        let (key, value) = (&line[..at], line[at + 1..].trim());
        if line[at..].starts_with('=') {
            self.read_body(key, value)
        } else {
            self.read_header(key, value)
        }
    }

    fn read_header(&mut self, key: &str, value: &str) -> anyhow::Result<()> {
        match key {
            "positions" => {
                self.positions = value.split_whitespace().count();
                ensure!(self.positions > 0, "there is no position");
            }
            "events" => {
                let names: Vec<&str> = value.split_whitespace().collect();
                let instructions = names.iter().position(|name| *name == "Ir");
                self.events = Some(Events {
                    columns: names.len(),
                    instructions: instructions.context("there is no column `Ir`")?,
                });
            }
            "totals" => {
                let instructions = self.instructions(value.split_whitespace())?;
                self.total = Some(self.total.unwrap_or(0).saturating_add(instructions));
            }
            // The others describe the run.
            _ => {}
        }
        Ok(())
    }

    fn read_body(&mut self, key: &str, value: &str) -> anyhow::Result<()> {
        match key {
            "fn" => {
                self.current = Some(self.function(value)?);
                self.called = None;
            }
            "cfn" => self.called = Some(self.function(value)?),
            // The target of a jump may be where a name is written out.
            "jfn" => {
                self.function(value)?;
            }
            "calls" => {
                let count = value.split_whitespace().next().unwrap_or_default();
                number(count)?;
                self.call = Some(self.called.take().context("`calls=` follows no `cfn=`")?);
            }
            // The line after a jump holds a position without costs, so it adds nothing. Files and objects do not tell
            // functions apart here.
            "jump" | "jcnd" | "ob" | "fl" | "fi" | "fe" | "cob" | "cfi" | "cfl" | "jfi" => {}
            _ => bail!("`{key}=` is unknown"),
        }
        Ok(())
    }

    /// Positions may be written relative to the line before; nothing here depends on them.
    fn read_costs(&mut self, line: &str) -> anyhow::Result<()> {
        let caller = self.current.context("a cost comes before any `fn=`")?;
        let mut words = line.split_whitespace();
        for _ in 0..self.positions {
            let position = words.next().context("a position is missing")?;
            ensure!(is_position(position), "`{position}` is no position");
        }
        let instructions = self.instructions(words)?;
        match self.call.take() {
            Some(callee) => self.add_call(caller, callee, instructions),
            None => {
                let own = &mut self.functions[caller].self_instructions;
                *own = own.saturating_add(instructions);
            }
        }
        Ok(())
    }

    /// Zeros at the end of the line may be left out.
    fn instructions<'a>(&self, costs: impl Iterator<Item = &'a str>) -> anyhow::Result<u64> {
        let events = self.events.context("a cost comes before the line `events:`")?;
        let costs: Vec<u64> = costs.map(number).collect::<anyhow::Result<_>>()?;
        ensure!(
            costs.len() <= events.columns,
            "there are {} costs for {} events",
            costs.len(),
            events.columns
        );
        Ok(costs.get(events.instructions).copied().unwrap_or(0))
    }

    /// Calls of an inner activation are part of a call of the outermost one. Of two functions that share a name, such
    /// as two instances of a generic one, the callee adds what it costs by itself.
    fn add_call(&mut self, caller: usize, callee: usize, instructions: u64) {
        let callee_adds_itself =
            !self.functions[callee].is_inner && self.functions[callee].name == self.functions[caller].name;
        let caller = &mut self.functions[caller];
        if !caller.is_inner && !callee_adds_itself {
            caller.calls_instructions = caller.calls_instructions.saturating_add(instructions);
        }
    }

    /// `(id) name` names an id, `(id)` then stands for the name; a name without an id stands for itself.
    fn function(&mut self, written: &str) -> anyhow::Result<usize> {
        ensure!(!written.is_empty(), "a name is missing");
        let Some((id, name)) = compressed(written) else {
            return Ok(self.named(written));
        };
        if name.is_empty() {
            return self
                .by_id
                .get(&id)
                .copied()
                .with_context(|| format!("no function was named ({id}) before"));
        }
        let index = self.named(name);
        self.by_id.insert(id, index);
        Ok(index)
    }

    fn named(&mut self, written: &str) -> usize {
        if let Some(&index) = self.by_name.get(written) {
            return index;
        }
        let index = self.functions.len();
        self.by_name.insert(written.to_owned(), index);
        self.functions.push(Function::new(written));
        index
    }

    fn finish(self) -> anyhow::Result<Functions> {
        ensure!(self.call.is_none(), "the cost of the last call is missing");
        let total = self.total.context("there is no line `totals:`: the run did not end")?;
        let mut functions = Functions::new();
        let mut sum = 0_u64;
        for function in self.functions {
            sum = sum.saturating_add(function.self_instructions);
            let cost = functions.entry(function.name).or_default();
            cost.self_instructions = cost.self_instructions.saturating_add(function.self_instructions);
            if !function.is_inner {
                cost.inclusive_instructions = cost
                    .inclusive_instructions
                    .saturating_add(function.self_instructions)
                    .saturating_add(function.calls_instructions);
            }
        }
        ensure!(
            sum == total,
            "the functions add up to {sum} instructions, not to the {total} that `totals:` says"
        );
        for cost in functions.values_mut() {
            // Below its own instructions lies a function whose outermost activation began before the counting. A part
            // of the sum is never above it, so the bounds are in order.
            cost.inclusive_instructions = cost.inclusive_instructions.clamp(cost.self_instructions, total);
        }
        Ok(functions)
    }
}

impl Function {
    fn new(written: &str) -> Self {
        let (name, is_inner) = without_depth(written);
        Self {
            name: if is_address(name) {
                // Code without a symbol: its address differs between builds.
                "???".to_owned()
            } else {
                plain_name(name)
            },
            is_inner,
            self_instructions: 0,
            calls_instructions: 0,
        }
    }
}

/// Callgrind writes the second activation of `walk` inside itself as `walk'2`, and, where it was asked to, deeper ones
/// with higher numbers.
fn without_depth(written: &str) -> (&str, bool) {
    match written.rsplit_once('\'') {
        Some((name, depth)) if !depth.is_empty() && depth.bytes().all(|byte| byte.is_ascii_digit()) => (name, true),
        _ => (written, false),
    }
}

fn is_address(name: &str) -> bool {
    name.strip_prefix("0x")
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The two parts of `(id) name`. A name may begin with a bracket itself: `(below main)`.
fn compressed(written: &str) -> Option<(u64, &str)> {
    let (id, name) = written.strip_prefix('(')?.split_once(')')?;
    Some((id.parse().ok()?, name.trim_start()))
}

/// A number, a distance from the position before, or that position again.
fn is_position(word: &str) -> bool {
    word == "*" || number(word.strip_prefix(['+', '-']).unwrap_or(word)).is_ok()
}

fn number(word: &str) -> anyhow::Result<u64> {
    let parsed = match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => word.parse(),
    };
    match parsed {
        // The standard library also takes a sign.
        Ok(number) if !word.starts_with('+') => Ok(number),
        _ => bail!("`{word}` is no count"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How `words-*.out` were made from `words.c` beside them, with paths and process ids made neutral: compiled by
    /// `cc -g -O1 -fno-optimize-sibling-calls`, counted by `valgrind --tool=callgrind --cache-sim=no --branch-sim=yes
    /// --toggle-collect=work`, the second also with `--dump-instr=yes --collect-jumps=yes`.
    const SAMPLES: [&str; 2] = [
        include_str!("../../../tests/fixtures/profiles/words-lines.out"),
        include_str!("../../../tests/fixtures/profiles/words-instructions-and-jumps.out"),
    ];

    /// What callgrind itself writes into the `totals:` of both samples.
    const SAMPLE_TOTAL: u64 = 10_086;

    /// `main` calls `walk` and `leaf`; `walk` calls `leaf` and, twice deep, itself.
    const SMALL: &str = "\
# callgrind format
version: 1
cmd: ./small a=b
positions: line
events: Bc Ir
summary: 6 110

ob=(1) /example/small
fl=(1) small.c
fn=(1) main
10 1 5
+2 0 5
cfi=(1)
cfn=(2) small::walk::h0123456789abcdef
calls=1 20
* 4 80
cfn=(3) small::leaf
calls=2 +5
-1 1 20

fn=(2)
20 1 10
fi=(2) inlined.h
7
* 1
fe=(1)
cob=(1)
cfn=(3)
calls=1 30
+1 0 30
cfn=(4) small::walk::h0123456789abcdef'2
calls=1 20
* 2 40

fn=(4)
20 1 10
cfn=(3)
calls=1 30
* 1 30
cfn=(4)
calls=1 20
* 0 10

fn=(3)
30 2 80
fn=(5) unused
totals: 6 110
";

    fn cost(functions: &Functions, name: &str) -> (u64, u64) {
        let cost = functions.get(name).unwrap_or_else(|| panic!("no function `{name}`"));
        (cost.self_instructions, cost.inclusive_instructions)
    }

    fn costs(costs: &[(&str, u64, u64)]) -> Functions {
        costs
            .iter()
            .map(|&(name, self_instructions, inclusive_instructions)| {
                let cost = FunctionCost {
                    self_instructions,
                    inclusive_instructions,
                };
                (name.to_owned(), cost)
            })
            .collect()
    }

    #[test]
    fn self_and_inclusive_instructions_are_read_from_compressed_text() {
        let expected = costs(&[
            ("main", 10, 110),
            ("small::leaf", 80, 80),
            ("small::walk", 20, 80),
            ("unused", 0, 0),
        ]);
        assert_eq!(functions(SMALL).expect("parses"), expected);
    }

    #[test]
    fn real_files_add_up_to_their_own_totals() {
        for text in SAMPLES {
            let functions = functions(text).expect("parses");
            let sum: u64 = functions.values().map(|cost| cost.self_instructions).sum();
            assert_eq!(sum, SAMPLE_TOTAL);
            for (name, cost) in &functions {
                assert!(cost.inclusive_instructions >= cost.self_instructions, "{name}");
                assert!(cost.inclusive_instructions <= SAMPLE_TOTAL, "{name}");
            }
        }
    }

    #[test]
    fn a_real_file_gives_the_same_functions_by_line_and_by_instruction() {
        let [by_line, by_instruction] = SAMPLES.map(|text| functions(text).expect("parses"));
        assert_eq!(by_line, by_instruction);
        assert_eq!(cost(&by_line, "main"), (0, SAMPLE_TOTAL));
        assert_eq!(cost(&by_line, "work"), (318, SAMPLE_TOTAL));
        assert_eq!(cost(&by_line, "by_value"), (656, 656));
        assert_eq!(cost(&by_line, "words::mix"), (140, 140));
    }

    #[test]
    fn recursion_is_counted_once() {
        for text in SAMPLES {
            let functions = functions(text).expect("parses");
            // What the outermost calls cost their callers, read off the file by hand.
            assert_eq!(cost(&functions, "words::fold"), (5025, 195 + 4830));
            assert_eq!(cost(&functions, "tree"), (72, 92));
            assert_eq!(cost(&functions, "even"), (55, 103));
            assert_eq!(cost(&functions, "odd"), (48, 92));
            assert_eq!(cost(&functions, "msort_with_tmp.part.0"), (2720, 3739));
        }
    }

    #[test]
    fn no_function_costs_more_than_the_whole_profile() {
        // Two functions of this name call each other through a third.
        let functions = functions(SAMPLES[0]).expect("parses");
        assert_eq!(cost(&functions, "(below main)"), (0, SAMPLE_TOTAL));
    }

    #[test]
    fn names_without_numbers_and_jumps_are_read_too() {
        let text = "events: Ir\nfn=(below main)\n1 2\njump=3 +5\n1\njcnd=1/2 +5\n* \njfi=a.c\njfn=(7) elsewhere\n\
                    fn=main\n0x10 0x5\nfn=(7)\n1 1\ntotals: 8\n";
        let expected = costs(&[("(below main)", 2, 2), ("elsewhere", 1, 1), ("main", 5, 5)]);
        assert_eq!(functions(text).expect("parses"), expected);
    }

    #[test]
    fn instances_of_one_name_and_code_without_a_name_are_added() {
        let text = "events: Ir\nfn=(1) a::h0123456789abcdef\n1 2\ncfn=(2) a::hfedcba9876543210\ncalls=1 1\n1 3\n\
                    fn=(2)\n1 3\nfn=(3) 0x1f00\n1 4\nfn=(4) 0x2f00\n1 5\ntotals: 14\n";
        let expected = costs(&[("???", 9, 9), ("a", 5, 5)]);
        assert_eq!(functions(text).expect("parses"), expected);
    }

    #[test]
    fn malformed_text_is_refused_with_its_line() {
        for (text, complaint) in [
            ("events: Ir\nfn=(1)\n", "line 2: no function was named (1) before"),
            ("events: Ir\n1 5\n", "line 2: a cost comes before any `fn=`"),
            ("fn=a\n1 5\n", "line 2: a cost comes before the line `events:`"),
            ("events: Bc\n", "line 1: there is no column `Ir`"),
            ("events: Ir\nfn=a\n1 five\n", "line 3: `five` is no count"),
            ("events: Ir\nfn=a\n1 +5\n", "line 3: `+5` is no count"),
            ("events: Ir\nfn=a\n1 5 6\n", "line 3: there are 2 costs for 1 events"),
            ("events: Ir\nfn=a\n+x 5\n", "line 3: `+x` is no position"),
            (
                "positions: instr line\nevents: Ir\nfn=a\n0x1\n",
                "line 4: a position is missing",
            ),
            ("positions:\n", "line 1: there is no position"),
            ("events: Ir\nfn=a\ncalls=1 2\n", "line 3: `calls=` follows no `cfn=`"),
            ("events: Ir\nfn=a\ncfn=b\ncalls=x\n", "line 4: `x` is no count"),
            (
                "events: Ir\nfn=a\ncfn=b\ncalls=1 2\nfn=b\n",
                "line 5: the cost of the call before is missing",
            ),
            (
                "events: Ir\nfn=a\ncfn=b\ncalls=1 2\n",
                "the cost of the last call is missing",
            ),
            ("events: Ir\nfn=\n", "line 2: a name is missing"),
            (
                "events: Ir\nnonsense\n",
                "line 2: `nonsense` is neither a cost nor a name nor a header",
            ),
            ("events: Ir\nsize=5\n", "line 2: `size=` is unknown"),
            ("events: Ir\nfn=a\n1 5\n", "did not end"),
            (
                "events: Ir\nfn=a\n1 5\ntotals: 6\n",
                "add up to 5 instructions, not to the 6",
            ),
        ] {
            let error = format!("{:#}", functions(text).expect_err(text));
            assert!(error.contains(complaint), "{error}");
        }
    }

    #[test]
    fn the_files_of_all_threads_are_added_and_none_is_an_error() {
        let folder = tempfile::tempdir().expect("temporary folder");
        assert!(read_folder(folder.path()).is_err());
        let below = folder.path().join("group");
        std::fs::create_dir(&below).expect("makes a folder");
        let text = "events: Ir\nfn=a\n1 5\ntotals: 5\n";
        std::fs::write(folder.path().join("callgrind.x.t1.out"), text).expect("writes");
        std::fs::write(below.join("callgrind.x.t2.out"), text).expect("writes");
        std::fs::write(below.join("callgrind.x.log"), "a log").expect("writes");
        assert_eq!(read_folder(folder.path()).expect("reads"), costs(&[("a", 10, 10)]));
        std::fs::write(below.join("callgrind.x.t3.out"), "nonsense").expect("writes");
        let error = format!("{:#}", read_folder(folder.path()).expect_err("refused"));
        assert!(error.contains("t3.out: line 1"), "{error}");
    }

    #[test]
    fn the_largest_changes_come_first_and_equal_ones_by_name() {
        let baseline = costs(&[("gone", 7, 7), ("less", 50, 60), ("same", 9, 20), ("slower", 1, 1)]);
        let candidate = costs(&[("less", 40, 70), ("new", 7, 7), ("same", 9, 30), ("slower", 31, 32)]);
        let names = |most: usize| -> Vec<String> {
            deltas(&baseline, &candidate, most)
                .into_iter()
                .map(|delta| delta.function)
                .collect()
        };
        assert_eq!(names(9), ["slower", "less", "gone", "new"]);
        assert_eq!(names(1), ["slower"]);
        assert!(deltas(&baseline, &baseline, 9).is_empty());
        let less = &deltas(&baseline, &candidate, 9)[1];
        assert_eq!((less.self_baseline, less.self_candidate), (50, 40));
        assert_eq!((less.inclusive_baseline, less.inclusive_candidate), (60, 70));
        let gone = &deltas(&baseline, &candidate, 9)[2];
        assert_eq!((gone.self_baseline, gone.self_candidate), (7, 0));
    }
}
