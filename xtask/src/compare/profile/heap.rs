//! Heap use by call site, from the profiles that the crate dhat writes (`xtask` asks for one by
//! [`HEAP_PROFILE`](voiceflow_record::environment::HEAP_PROFILE)), and which sites changed between two of them.
//!
//! A line number moves with every edit above it, so a site whose lines alone moved is the same site.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::plain_name;
use crate::compare::model::CallSiteDelta;

/// Heap use of every call site of a profile.
pub(crate) type CallSites = BTreeMap<CallSite, HeapUse>;

/// A place in the source that allocates: the innermost frame that is not the runtime's, then its callers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallSite(Vec<Frame>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Frame {
    /// Without hashes.
    function: String,
    /// `crate/src/file.rs`, as far as dhat kept it: it keeps the last three parts of a path.
    file: Option<String>,
    line: Option<u32>,
}

/// What was allocated, whether or not it was freed again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeapUse {
    pub(crate) blocks: u64,
    pub(crate) bytes: u64,
}

/// Frames kept of a site: enough to tell callers apart, few enough to read.
const FRAMES: usize = 4;

/// The version of dhat's format that is read here.
const VERSION: u32 = 2;

/// Reads the JSON that dhat writes. Sites that differ by the runtime's frames alone are added.
pub(crate) fn call_sites(text: &str) -> anyhow::Result<CallSites> {
    let profile: WireProfile = serde_json::from_str(text).context("this is no profile of dhat")?;
    ensure!(
        profile.version == VERSION,
        "the profile has version {} of dhat's format, not {VERSION}",
        profile.version
    );
    ensure!(
        profile.mode == "rust-heap",
        "the profile is one of `{}`, not of the heap",
        profile.mode
    );
    let mut sites = CallSites::new();
    for point in &profile.points {
        let used = sites.entry(point.site(&profile.frames)?).or_default();
        *used = used.plus(HeapUse {
            blocks: point.blocks,
            bytes: point.bytes,
        });
    }
    Ok(sites)
}

/// The call sites whose heap use changed, by blocks, then by bytes, largest change first, at most `most` of them. A
/// site that only one side has counts from zero or to zero.
///
/// Sites that are equal but for their lines are first matched where they use the same, then where their lines are the
/// same. Of what is left, one on each side is a pair; more are added up and shown without lines, since nothing tells
/// which became which.
pub(crate) fn deltas(baseline: &CallSites, candidate: &CallSites, most: usize) -> Vec<CallSiteDelta> {
    let mut deltas: Vec<CallSiteDelta> = by_place(baseline, candidate)
        .into_values()
        .flat_map(Place::deltas)
        .filter(|delta| change_of(delta) != (0, 0))
        .collect();
    deltas.sort_by(|a, b| change_of(b).cmp(&change_of(a)).then_with(|| a.site.cmp(&b.site)));
    deltas.truncate(most);
    deltas
}

fn change_of(delta: &CallSiteDelta) -> (u64, u64) {
    (
        delta.blocks_baseline.abs_diff(delta.blocks_candidate),
        delta.bytes_baseline.abs_diff(delta.bytes_candidate),
    )
}

/// What dhat writes, as far as it is needed.
#[derive(Deserialize)]
struct WireProfile {
    #[serde(rename = "dhatFileVersion")]
    version: u32,
    mode: String,
    #[serde(rename = "pps")]
    points: Vec<WirePoint>,
    #[serde(rename = "ftbl")]
    frames: Vec<String>,
}

/// A place in the program, told by the addresses of its frames.
#[derive(Deserialize)]
struct WirePoint {
    #[serde(rename = "tb")]
    bytes: u64,
    #[serde(rename = "tbk")]
    blocks: u64,
    /// Indices into the frames of the profile, innermost first.
    #[serde(rename = "fs")]
    frames: Vec<usize>,
}

/// The first frame of every profile stands for the whole program.
const ROOT: usize = 0;

impl WirePoint {
    fn site(&self, table: &[String]) -> anyhow::Result<CallSite> {
        let frames: Vec<Frame> = self
            .frames
            .iter()
            .filter(|index| **index != ROOT)
            .map(|index| {
                let text = table
                    .get(*index)
                    .with_context(|| format!("there is no frame {index}"))?;
                Ok(Frame::read(text))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(CallSite::new(frames))
    }
}

impl CallSite {
    /// Leaves out the runtime's frames at the inner end, unless there are no others: then the innermost stays.
    fn new(frames: Vec<Frame>) -> Self {
        let first = frames.iter().position(|frame| !frame.is_of_the_runtime());
        let (skipped, kept) = match first {
            Some(first) => (first, FRAMES),
            None => (0, 1),
        };
        Self(frames.into_iter().skip(skipped).take(kept).collect())
    }

    fn without_lines(&self) -> Self {
        let without_line = |frame: &Frame| Frame {
            line: None,
            ..frame.clone()
        };
        Self(self.0.iter().map(without_line).collect())
    }

    fn delta(&self, baseline: HeapUse, candidate: HeapUse) -> CallSiteDelta {
        CallSiteDelta {
            site: self.0.iter().map(Frame::to_text).collect(),
            blocks_baseline: baseline.blocks,
            blocks_candidate: candidate.blocks,
            bytes_baseline: baseline.bytes,
            bytes_candidate: candidate.bytes,
        }
    }
}

impl Frame {
    /// Reads `0x55d0c1: words::sort (words/src/lib.rs:12:5)`.
    fn read(text: &str) -> Self {
        let named = match text.split_once(": ") {
            Some((address, named)) if address.starts_with("0x") => named,
            _ => text,
        };
        let (function, place) = match named.strip_suffix(')').and_then(|open| open.rsplit_once(" (")) {
            Some((function, place)) => (function, read_place(place)),
            None => (named, None),
        };
        let (file, line) = place.unzip();
        Self {
            function: plain_name(function),
            file,
            line: line.flatten(),
        }
    }

    fn to_text(&self) -> String {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{} ({file}:{line})", self.function),
            (Some(file), None) => format!("{} ({file})", self.function),
            (None, _) => self.function.clone(),
        }
    }
}

/// Reads `words/src/lib.rs:12:5`; dhat writes `???:0:0` for what it does not know.
fn read_place(text: &str) -> Option<(String, Option<u32>)> {
    let (line_too, _column) = text.rsplit_once(':')?;
    let (file, line) = line_too.rsplit_once(':')?;
    if file == "???" {
        return None;
    }
    let line = line.parse::<u32>().ok().filter(|line| *line > 0);
    Some((short_path(file).to_owned(), line))
}

/// The path from the folder that holds the innermost `src`.
fn short_path(path: &str) -> &str {
    let Some(source) = path.rfind("/src/") else { return path };
    let parent = path[..source].rfind('/').map_or(0, |slash| slash + 1);
    &path[parent..]
}

/// Where allocations pass through on their way from the code that wants memory.
const RUNTIME_CRATES: [&str; 5] = ["alloc::", "core::", "std::", "hashbrown::", "dhat::"];

/// The symbols between the allocator's interface and the allocator that is installed.
const ALLOCATOR_SYMBOLS: [&str; 3] = ["__rust_", "__rg_", "__rdl_"];

impl Frame {
    /// By its name, or by its file: with line tables alone functions are named without their path.
    fn is_of_the_runtime(&self) -> bool {
        let lies_there = |file: &String| starts_with_any(file, &RUNTIME_SOURCES);
        is_runtime(&self.function) || self.file.as_ref().is_some_and(lies_there)
    }
}

/// The sources of the same crates, as dhat names files.
const RUNTIME_SOURCES: [&str; 5] = ["alloc/src/", "core/src/", "std/src/", "hashbrown-", "dhat-"];

fn is_runtime(function: &str) -> bool {
    match function.strip_prefix('<') {
        Some(implementation) => match type_and_trait(implementation) {
            // A type of the runtime can have a trait of ours.
            (of, Some(interface)) => is_runtime_path(interface) && is_runtime_type(of),
            (of, None) => is_runtime_type(of),
        },
        None => is_runtime_path(function) || starts_with_any(function, &ALLOCATOR_SYMBOLS),
    }
}

fn is_runtime_path(path: &str) -> bool {
    starts_with_any(path, &RUNTIME_CRATES)
}

/// Built-in types and the parameters of generic implementations name no crate.
fn is_runtime_type(name: &str) -> bool {
    let name = name.trim_start_matches('&').trim_start_matches("mut ");
    name.starts_with(['[', '(', '*']) || !name.contains("::") || is_runtime_path(name)
}

fn starts_with_any(text: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| text.starts_with(prefix))
}

/// The parts of `TYPE as TRAIT>::method` or `TYPE>::method`.
fn type_and_trait(implementation: &str) -> (&str, Option<&str>) {
    let bytes = implementation.as_bytes();
    let mut depth = 0_usize;
    let mut separator = None;
    let mut end = bytes.len();
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'<' => depth += 1,
            // The arrow of a function's type closes nothing.
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b'>' if depth == 0 => {
                end = at;
                break;
            }
            b'>' => depth -= 1,
            b' ' if depth == 0 && separator.is_none() && bytes[at..].starts_with(AS.as_bytes()) => separator = Some(at),
            _ => {}
        }
    }
    match separator {
        Some(at) => (&implementation[..at], Some(&implementation[at + AS.len()..end])),
        None => (&implementation[..end], None),
    }
}

/// What stands between a type and its trait.
const AS: &str = " as ";

impl HeapUse {
    fn plus(self, other: Self) -> Self {
        Self {
            blocks: self.blocks.saturating_add(other.blocks),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// The sites of both sides that are equal but for their lines.
#[derive(Default)]
struct Place<'a> {
    baseline: Vec<Used<'a>>,
    candidate: Vec<Used<'a>>,
}

/// A site and its heap use on one side.
#[derive(Clone, Copy)]
struct Used<'a> {
    site: &'a CallSite,
    heap: HeapUse,
}

fn by_place<'a>(baseline: &'a CallSites, candidate: &'a CallSites) -> BTreeMap<CallSite, Place<'a>> {
    let mut places: BTreeMap<CallSite, Place<'a>> = BTreeMap::new();
    for (site, &heap) in baseline {
        let place = places.entry(site.without_lines()).or_default();
        place.baseline.push(Used { site, heap });
    }
    for (site, &heap) in candidate {
        let place = places.entry(site.without_lines()).or_default();
        place.candidate.push(Used { site, heap });
    }
    places
}

impl Place<'_> {
    fn deltas(mut self) -> Vec<CallSiteDelta> {
        self.take_pairs(|before, after| before.site == after.site && before.heap == after.heap);
        self.take_pairs(|before, after| before.heap == after.heap);
        let mut deltas: Vec<CallSiteDelta> = self
            .take_pairs(|before, after| before.site == after.site)
            .into_iter()
            .map(|(before, after)| after.site.delta(before.heap, after.heap))
            .collect();
        deltas.extend(self.unmatched());
        deltas
    }

    fn unmatched(&self) -> Vec<CallSiteDelta> {
        let nothing = HeapUse::default();
        match (self.baseline.as_slice(), self.candidate.as_slice()) {
            (removed, []) => removed.iter().map(|used| used.site.delta(used.heap, nothing)).collect(),
            ([], added) => added.iter().map(|used| used.site.delta(nothing, used.heap)).collect(),
            ([before], [after]) => vec![after.site.delta(before.heap, after.heap)],
            (before, after) => vec![after[0].site.without_lines().delta(sum(before), sum(after))],
        }
    }
}

impl<'a> Place<'a> {
    /// Takes the pairs that match out of both sides, each site at most once.
    fn take_pairs(&mut self, matches: impl Fn(&Used<'a>, &Used<'a>) -> bool) -> Vec<(Used<'a>, Used<'a>)> {
        let mut pairs = Vec::new();
        let candidate = &mut self.candidate;
        self.baseline.retain(|before| {
            let partner = candidate.iter().position(|after| matches(before, after));
            if let Some(at) = partner {
                pairs.push((*before, candidate.remove(at)));
            }
            partner.is_none()
        });
        pairs
    }
}

fn sum(sites: &[Used<'_>]) -> HeapUse {
    sites
        .iter()
        .fold(HeapUse::default(), |total, used| total.plus(used.heap))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As dhat 0.3.3 writes it, with three places of which two differ by the runtime's frames alone.
    const SAMPLE: &str = r#"{
        "dhatFileVersion": 2, "mode": "rust-heap", "verb": "Allocated", "bklt": true, "bkacc": false,
        "tu": "µs", "Mtu": "s", "tuth": 10, "cmd": "target/release/allocations", "pid": 1, "tg": 9, "te": 10,
        "pps": [
            {"tb": 64, "tbk": 2, "tl": 3, "mb": 32, "mbk": 1, "gb": 0, "gbk": 0, "eb": 0, "ebk": 0, "fs": [1, 2, 3]},
            {"tb": 16, "tbk": 1, "tl": 3, "mb": 16, "mbk": 1, "gb": 0, "gbk": 0, "eb": 0, "ebk": 0, "fs": [4, 2, 3]},
            {"tb": 8, "tbk": 1, "tl": 3, "mb": 8, "mbk": 1, "gb": 0, "gbk": 0, "eb": 0, "ebk": 0, "fs": [4, 1]}
        ],
        "ftbl": [
            "[root]",
            "0x55d0c0a1: alloc::raw_vec::RawVec<T,A>::grow_one (src/raw_vec/mod.rs:340:13)",
            "0x55d0c0a2: words::sort::h0123456789abcdef (/home/someone/words/src/lib.rs:12:5)",
            "0x55d0c0a3: <words[1a2b]::List as words[1a2b]::Sorted>::sorted (words/src/list/mod.rs:40:9)",
            "0x55d0c0a4: <alloc::vec::Vec<T> as core::clone::Clone>::clone (src/vec/mod.rs:3355:9)"
        ]
    }"#;

    fn used(blocks: u64, bytes: u64) -> HeapUse {
        HeapUse { blocks, bytes }
    }

    /// A profile of sites that each have one frame, as `function (file:line)`.
    fn sites(sites: &[(&str, u64, u64)]) -> CallSites {
        sites
            .iter()
            .map(|&(frame, blocks, bytes)| {
                let frame = frame.replace(')', ":1)");
                (CallSite::new(vec![Frame::read(&frame)]), used(blocks, bytes))
            })
            .collect()
    }

    /// The changes as `site: blocks bytes`, before and after.
    fn changes(baseline: &[(&str, u64, u64)], candidate: &[(&str, u64, u64)]) -> Vec<String> {
        deltas(&sites(baseline), &sites(candidate), usize::MAX)
            .iter()
            .map(|delta| {
                format!(
                    "{}: {}->{} {}->{}",
                    delta.site.join(" < "),
                    delta.blocks_baseline,
                    delta.blocks_candidate,
                    delta.bytes_baseline,
                    delta.bytes_candidate
                )
            })
            .collect()
    }

    #[test]
    fn sites_are_read_without_addresses_hashes_and_runtime_frames() {
        let read: Vec<(Vec<String>, HeapUse)> = call_sites(SAMPLE)
            .expect("parses")
            .into_iter()
            .map(|(site, heap)| (site.0.iter().map(Frame::to_text).collect(), heap))
            .collect();
        let of_the_runtime = "<alloc::vec::Vec<T> as core::clone::Clone>::clone (src/vec/mod.rs:3355)".to_owned();
        let of_words = [
            "words::sort (words/src/lib.rs:12)",
            "<words::List as words::Sorted>::sorted (words/src/list/mod.rs:40)",
        ]
        .map(str::to_owned);
        assert_eq!(
            read,
            [(vec![of_the_runtime], used(1, 8)), (of_words.to_vec(), used(3, 80))]
        );
    }

    #[test]
    fn what_is_no_heap_profile_is_refused() {
        for (from, to, complaint) in [
            ("\"dhatFileVersion\": 2", "\"dhatFileVersion\": 3", "version 3"),
            ("rust-heap", "rust-ad-hoc", "rust-ad-hoc"),
            ("[1, 2, 3]", "[1, 2, 9]", "no frame 9"),
            ("\"ftbl\"", "\"frames\"", "ftbl"),
            ("\"tb\": 64", "\"tb\": -64", "line 5"),
            ("\"pps\": [", "\"pps\": ", "no profile of dhat"),
        ] {
            let text = SAMPLE.replace(from, to);
            assert_ne!(text, SAMPLE);
            let error = format!("{:#}", call_sites(&text).expect_err("refused"));
            assert!(error.contains(complaint), "{error}");
        }
    }

    #[test]
    fn frames_are_told_apart_by_who_wants_the_memory() {
        for (function, expected) in [
            ("alloc::alloc::exchange_malloc", true),
            ("<dhat::Alloc as core::alloc::global::GlobalAlloc>::alloc", true),
            ("<T as alloc::slice::hack::ConvertVec>::to_vec", true),
            ("<[words::Word]>::to_vec", true),
            ("<str as alloc::string::ToString>::to_string", true),
            (
                "<F as core::ops::function::FnOnce<fn() -> words::Word>>::call_once",
                true,
            ),
            ("<alloc::vec::Vec<words::Word> as core::clone::Clone>::clone", true),
            ("<hashbrown::raw::RawTable<T>>::reserve", true),
            ("__rust_alloc", true),
            ("__rdl_realloc", true),
            ("words::sort", false),
            ("stdlib::sort", false),
            ("<words::List as core::clone::Clone>::clone", false),
            (
                "<&mut words::List as core::iter::traits::iterator::Iterator>::next",
                false,
            ),
            ("<alloc::vec::Vec<T> as words::Sorted>::sorted", false),
            ("<fn() -> words::List as words::Make>::make", false),
            ("<words::List>::sorted", false),
        ] {
            assert_eq!(is_runtime(function), expected, "{function}");
        }
    }

    #[test]
    fn a_frame_keeps_its_function_and_the_end_of_its_path() {
        for (text, expected) in [
            (
                "0x1: a::b (/x/y/asr/src/text/words.rs:7:1)",
                "a::b (asr/src/text/words.rs:7)",
            ),
            ("0x1: a::b (/x/src/y/src/z.rs:7:1)", "a::b (y/src/z.rs:7)"),
            ("0x1: a::b (src/text/words.rs:7:1)", "a::b (src/text/words.rs:7)"),
            ("0x1: a::b (a.rs:0:0)", "a::b (a.rs)"),
            ("0x1: a::b (???:0:0)", "a::b"),
            ("0x1: ??? (???:0:0)", "???"),
            ("a::b", "a::b"),
            ("(below main)", "(below main)"),
        ] {
            assert_eq!(Frame::read(text).to_text(), expected);
        }
    }

    #[test]
    fn no_more_than_four_frames_are_kept() {
        let frames: Vec<Frame> = (1..=6)
            .map(|number| Frame::read(&format!("words::f{number}")))
            .collect();
        let kept: Vec<String> = CallSite::new(frames).0.iter().map(Frame::to_text).collect();
        assert_eq!(kept, ["words::f1", "words::f2", "words::f3", "words::f4"]);
    }

    #[test]
    fn lines_that_moved_are_no_change() {
        let baseline = [
            ("w::f (a.rs:10)", 1, 8),
            ("w::f (a.rs:20)", 5, 40),
            ("w::g (a.rs:30)", 2, 16),
        ];
        let shifted = [
            ("w::f (a.rs:20)", 1, 8),
            ("w::f (a.rs:30)", 5, 40),
            ("w::g (a.rs:40)", 2, 16),
        ];
        assert!(changes(&baseline, &baseline).is_empty());
        assert!(changes(&baseline, &shifted).is_empty());
    }

    #[test]
    fn a_change_is_found_though_lines_moved() {
        let baseline = [("w::f (a.rs:10)", 1, 8), ("w::f (a.rs:20)", 5, 40)];
        let candidate = [("w::f (a.rs:20)", 1, 8), ("w::f (a.rs:30)", 7, 56)];
        assert_eq!(changes(&baseline, &candidate), ["w::f (a.rs:30): 5->7 40->56"]);
    }

    #[test]
    fn a_site_whose_line_stayed_is_told_apart_from_new_ones() {
        let baseline = [("w::f (a.rs:10)", 1, 8)];
        let candidate = [("w::f (a.rs:10)", 2, 8), ("w::f (a.rs:11)", 9, 9)];
        assert_eq!(
            changes(&baseline, &candidate),
            ["w::f (a.rs:11): 0->9 0->9", "w::f (a.rs:10): 1->2 8->8"]
        );
    }

    #[test]
    fn sites_that_cannot_be_told_apart_are_added_without_lines() {
        let baseline = [("w::f (a.rs:10)", 1, 8)];
        let candidate = [("w::f (a.rs:12)", 2, 8), ("w::f (a.rs:14)", 9, 9)];
        assert_eq!(changes(&baseline, &candidate), ["w::f (a.rs): 1->11 8->17"]);
    }

    #[test]
    fn the_largest_changes_come_first_by_blocks_then_bytes_then_site() {
        let baseline = [
            ("w::a (a.rs:1)", 9, 9),
            ("w::b (a.rs:1)", 1, 500),
            ("w::e (a.rs:1)", 3, 3),
        ];
        let candidate = [
            ("w::b (a.rs:1)", 1, 100),
            ("w::c (a.rs:1)", 9, 8),
            ("w::d (a.rs:1)", 9, 9),
            ("w::e (a.rs:1)", 3, 3),
        ];
        assert_eq!(
            changes(&baseline, &candidate),
            [
                "w::a (a.rs:1): 9->0 9->0",
                "w::d (a.rs:1): 0->9 0->9",
                "w::c (a.rs:1): 0->9 0->8",
                "w::b (a.rs:1): 1->1 500->100",
            ]
        );
        assert_eq!(deltas(&sites(&baseline), &sites(&candidate), 2).len(), 2);
    }

    #[test]
    fn the_runtime_is_known_by_its_files_where_functions_have_no_path() {
        let frame = |function: &str, file: &str| Frame {
            function: function.to_owned(),
            file: Some(file.to_owned()),
            line: Some(1),
        };
        for file in ["dhat-0.3.3/src/lib.rs", "alloc/src/alloc.rs", "core/src/iter/mod.rs"] {
            assert!(frame("alloc", file).is_of_the_runtime(), "{file}");
        }
        assert!(!frame("weigh", "toy/src/weight.rs").is_of_the_runtime());
    }

    #[test]
    fn changes_add_up_to_the_difference_of_the_profiles() {
        let baseline = [
            ("w::f (a.rs:1)", 3, 30),
            ("w::f (a.rs:2)", 4, 40),
            ("w::g (a.rs:3)", 5, 50),
        ];
        let candidate = [
            ("w::f (a.rs:2)", 6, 10),
            ("w::f (a.rs:5)", 4, 40),
            ("w::h (a.rs:3)", 1, 1),
        ];
        let deltas = deltas(&sites(&baseline), &sites(&candidate), usize::MAX);
        let before: u64 = deltas.iter().map(|delta| delta.blocks_baseline).sum();
        let after: u64 = deltas.iter().map(|delta| delta.blocks_candidate).sum();
        assert_eq!((12 - before, 11 - after), (4, 4));
    }
}
