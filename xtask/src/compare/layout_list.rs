//! The pure half of layout-matched linking: which functions two executables have in common, the order to link them in
//! so that these lie in the same places on both sides, and the digest of what an executable loads.
//!
//! Reads ELF for 64-bit little-endian machines as `elf.h` describes it, and trusts no byte of it: what does not fit is
//! an error. Linking is left to others.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};

use crate::compare::profile::without_module;

/// A function of an executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// As the linker knows it, hashes included.
    pub(crate) name: String,
    /// Bytes.
    pub(crate) size: u64,
    /// Where it is loaded, before relocation.
    pub(crate) address: u64,
}

/// What to link in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// Linker names for `--symbol-ordering-file`, each once. Where a function's hashes differ, both names stand there,
    /// so either side finds names it does not have.
    pub(crate) names: Vec<String>,
    /// Functions with equal name and size on both sides; they come first.
    pub(crate) matched: usize,
    /// Functions of the side that has more.
    pub(crate) functions: usize,
}

/// The functions in the symbol table, in its order.
pub(crate) fn functions_of(elf: &[u8]) -> anyhow::Result<Vec<Symbol>> {
    let elf = Elf::read(elf)?;
    let table = elf
        .sections
        .iter()
        .find(|section| section.kind == SYMBOL_TABLE)
        .context("the file has no symbol table: link it without stripping")?;
    ensure!(
        table.entry_bytes == SYMBOL_BYTES as u64,
        "symbols take {} bytes each, not {SYMBOL_BYTES}",
        table.entry_bytes
    );
    let strings = elf.section(table.link)?.content(elf.bytes)?;
    let mut functions = Vec::new();
    let mut name_bytes = 0_usize;
    for symbol in table.content(elf.bytes)?.chunks_exact(SYMBOL_BYTES) {
        let size = u64_at(symbol, 16)?;
        if size == 0 || !elf.is_function(symbol)? {
            continue;
        }
        let name = text_at(strings, u32_at(symbol, 0)?)?;
        // Names may share their ends, but not so much that a small file stands for more than memory holds.
        name_bytes = name_bytes.saturating_add(name.len());
        ensure!(
            name_bytes <= elf.bytes.len(),
            "the names of the functions are longer than the file"
        );
        functions.push(Symbol {
            name: name.to_owned(),
            size,
            address: u64_at(symbol, 8)?,
        });
    }
    Ok(functions)
}

/// The order that gives functions of equal name and size the same places on both sides: those first, in the baseline's
/// order of addresses, then the others of the baseline, then those that only the candidate has. A name that a side has
/// twice is left out: the linker could not tell which is meant.
///
/// Names are equal when they are the same, or when nothing but their hashes differs and no other function of either
/// side would be called the same without them. Legacy names of generic functions differ by their hash alone.
pub(crate) fn matching_order(baseline: &[Symbol], candidate: &[Symbol]) -> Order {
    let (baseline, candidate) = (Side::new(baseline), Side::new(candidate));
    let mut names = Names::default();
    let mut matched = 0;
    for symbol in &baseline.by_address {
        if let Some(partner) = baseline.partner_of(symbol, &candidate) {
            matched += 1;
            names.add(&symbol.name);
            names.add(&partner.name);
        }
    }
    for symbol in baseline.by_address.iter().chain(&candidate.by_address) {
        if !baseline.repeats(symbol) && !candidate.repeats(symbol) {
            names.add(&symbol.name);
        }
    }
    Order {
        names: names.in_order,
        matched,
        functions: baseline.by_address.len().max(candidate.by_address.len()),
    }
}

/// How many functions of equal name and size two executables have in the same place: as far behind the page on which the
/// instructions begin. Which page that is, changes with the data in front, and the system loads a program at a page of its
/// own choice anyway.
pub(crate) fn in_place(baseline: &[u8], candidate: &[u8]) -> anyhow::Result<usize> {
    let placed = |elf: &[u8]| -> anyhow::Result<BTreeSet<(String, u64, u64)>> {
        let code = Elf::read(elf)?
            .sections
            .iter()
            .filter(|section| section.flags & EXECUTABLE != 0)
            .map(|section| section.address)
            .min()
            .context("the file holds no instructions")?;
        let page = code - code % PAGE;
        let symbols = functions_of(elf)?;
        Ok(symbols
            .into_iter()
            .map(|symbol| {
                let place = symbol.address.wrapping_sub(page);
                (plain_linker_name(&symbol.name), symbol.size, place)
            })
            .collect())
    };
    Ok(placed(baseline)?.intersection(&placed(candidate)?).count())
}

/// The smallest page that a system loads programs by.
const PAGE: u64 = 4096;

/// SHA-256 over what is loaded of an executable: its allocated sections but the build id, by name, address, size and
/// content. Executables that load the same have the same digest, whatever they carry for debuggers. A file that is no
/// such executable gives the digest of all its bytes.
pub(crate) fn loaded_sha256(elf: &[u8]) -> anyhow::Result<String> {
    if !is_elf(elf) {
        return Ok(hex(&Sha256::digest(elf)));
    }
    let elf = Elf::read(elf)?;
    let mut digest = Sha256::new();
    let mut loaded_bytes = 0_usize;
    for section in elf.sections.iter().filter(|section| section.flags & ALLOCATED != 0) {
        let name = text_at(elf.names, section.name)?;
        if name == ".note.gnu.build-id" {
            continue;
        }
        let content = section.content(elf.bytes)?;
        // Sections that overlap could ask for more work than the file's length suggests.
        loaded_bytes = loaded_bytes.saturating_add(content.len());
        ensure!(
            loaded_bytes <= elf.bytes.len(),
            "the loaded sections are longer than the file"
        );
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name);
        digest.update(section.address.to_le_bytes());
        digest.update(section.size.to_le_bytes());
        digest.update(content);
    }
    ensure!(loaded_bytes > 0, "the file loads nothing");
    Ok(hex(&digest.finalize()))
}

/// One executable's functions, to look up by name.
struct Side<'a> {
    by_address: Vec<&'a Symbol>,
    /// `None` where a name stands for several functions.
    by_name: BTreeMap<&'a str, Option<&'a Symbol>>,
    by_plain_name: BTreeMap<String, Option<&'a Symbol>>,
}

impl<'a> Side<'a> {
    fn new(symbols: &'a [Symbol]) -> Self {
        let mut by_address: Vec<&Symbol> = symbols.iter().collect();
        by_address.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
        let mut by_name: BTreeMap<&str, Option<&Symbol>> = BTreeMap::new();
        let mut by_plain_name: BTreeMap<String, Option<&Symbol>> = BTreeMap::new();
        for &symbol in &by_address {
            by_name
                .entry(symbol.name.as_str())
                .and_modify(|only| *only = None)
                .or_insert(Some(symbol));
            by_plain_name
                .entry(plain_linker_name(&symbol.name))
                .and_modify(|only| *only = None)
                .or_insert(Some(symbol));
        }
        Self {
            by_address,
            by_name,
            by_plain_name,
        }
    }

    /// The same function on the other side, if it has the same size there.
    fn partner_of(&self, symbol: &Symbol, other: &Side<'a>) -> Option<&'a Symbol> {
        let of_equal_size = |partner: &&Symbol| partner.size == symbol.size;
        let by_name = self.only(symbol).and_then(|_| other.only(symbol)).filter(of_equal_size);
        by_name.or_else(|| {
            let plain = plain_linker_name(&symbol.name);
            self.only_plain(&plain)
                .and_then(|_| other.only_plain(&plain))
                .filter(of_equal_size)
        })
    }

    /// The function of that very name, if there is one and no other.
    fn only(&self, symbol: &Symbol) -> Option<&'a Symbol> {
        self.by_name.get(symbol.name.as_str()).copied().flatten()
    }

    fn only_plain(&self, plain: &str) -> Option<&'a Symbol> {
        self.by_plain_name.get(plain).copied().flatten()
    }

    /// Whether several functions have that very name.
    fn repeats(&self, symbol: &Symbol) -> bool {
        matches!(self.by_name.get(symbol.name.as_str()), Some(None))
    }
}

/// Names, each where it came first.
#[derive(Default)]
struct Names {
    in_order: Vec<String>,
    known: BTreeSet<String>,
}

impl Names {
    fn add(&mut self, name: &str) {
        if self.known.insert(name.to_owned()) {
            self.in_order.push(name.to_owned());
        }
    }
}

/// A linker name without what differs between two builds of one function: the hash that ends a legacy name
/// (`17h0123456789abcdefE`), the disambiguators of the crates in a v0 name (`Cs1a2b3c_`), and the module that LLVM
/// appends to what it had to make visible (`.llvm.123`).
///
/// Back references in v0 names count bytes, disambiguators included: where those differ in length, which few do, the
/// names stay different.
pub(crate) fn plain_linker_name(name: &str) -> String {
    let name = without_module(name);
    if name.starts_with("_R") {
        without_disambiguators(name)
    } else {
        without_legacy_hash(name)
    }
}

/// What follows the hash is the end of the path and, at times, what a pass of the compiler made of the function.
fn without_legacy_hash(name: &str) -> String {
    if let Some((path, rest)) = name.rsplit_once("17h")
        && let Some((hash, end)) = rest.split_at_checked(16)
        && name.starts_with("_ZN")
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        && (end == "E" || end.starts_with("E."))
    {
        return format!("{path}{end}");
    }
    name.to_owned()
}

/// The root of a path in a v0 name is `C`, a disambiguator and an identifier. An identifier that happens to hold the
/// same letters loses them too, on both sides.
fn without_disambiguators(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find("Cs") {
        let (path, root) = rest.split_at(at + 1);
        plain.push_str(path);
        rest = identifier_of(root).unwrap_or(root);
    }
    plain.push_str(rest);
    plain
}

/// Digits of a 64-bit number in base 62.
const DISAMBIGUATOR_DIGITS: usize = 11;

/// What stands behind `s`, a number in base 62, and `_`: the length of an identifier, or `u` for one in Punycode.
fn identifier_of(root: &str) -> Option<&str> {
    let (number, identifier) = root.strip_prefix('s')?.split_once('_')?;
    let is_number = number.len() <= DISAMBIGUATOR_DIGITS && number.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_identifier = identifier.starts_with(|first: char| first.is_ascii_digit() || first == 'u');
    (is_number && is_identifier).then_some(identifier)
}

/// The first bytes of a file for 64-bit little-endian machines.
const MAGIC: [u8; 6] = [0x7f, b'E', b'L', b'F', 2, 1];

const SECTION_BYTES: usize = 64;
const SYMBOL_BYTES: usize = 24;

/// `SHT_SYMTAB`.
const SYMBOL_TABLE: u32 = 2;
/// `SHT_NOBITS`: zeros that the file does not hold.
const NO_CONTENT: u32 = 8;
/// `SHF_ALLOC`.
const ALLOCATED: u64 = 2;
/// `SHF_EXECINSTR`.
const EXECUTABLE: u64 = 4;
/// `STT_FUNC`.
const FUNCTION: u8 = 2;
/// `SHN_XINDEX`: the number is too large for its field and stands in the first section.
const ELSEWHERE: u16 = 0xffff;

/// A file whose section table was read.
struct Elf<'a> {
    bytes: &'a [u8],
    sections: Vec<Section>,
    /// The names of the sections.
    names: &'a [u8],
}

struct Section {
    /// Where its name begins among the names.
    name: u32,
    kind: u32,
    flags: u64,
    address: u64,
    offset: u64,
    size: u64,
    link: u32,
    entry_bytes: u64,
}

fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

impl<'a> Elf<'a> {
    fn read(bytes: &'a [u8]) -> anyhow::Result<Self> {
        ensure!(is_elf(bytes), "this is no ELF file for 64-bit little-endian machines");
        let table = place(u64_at(bytes, 40)?)?;
        ensure!(table > 0, "the file has no section table");
        let section_bytes = u16_at(bytes, 58)?;
        ensure!(
            usize::from(section_bytes) == SECTION_BYTES,
            "section headers take {section_bytes} bytes each, not {SECTION_BYTES}"
        );
        let first = Section::read(bytes, table, 0)?;
        let count = match u16_at(bytes, 60)? {
            0 => place(first.size)?,
            count => usize::from(count),
        };
        let names = match u16_at(bytes, 62)? {
            ELSEWHERE => first.link,
            index => u32::from(index),
        };
        // The first header that the file does not hold ends this, whatever count it claims.
        let sections: Vec<Section> = (0..count)
            .map(|index| Section::read(bytes, table, index))
            .collect::<anyhow::Result<_>>()?;
        let mut elf = Self {
            bytes,
            sections,
            names: &[],
        };
        elf.names = elf.section(names)?.content(bytes)?;
        Ok(elf)
    }

    fn section(&self, index: u32) -> anyhow::Result<&Section> {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.sections.get(index))
            .with_context(|| format!("there is no section {index}"))
    }

    /// Whether a symbol names a function in a section that holds instructions. Numbers that stand for no section, as of
    /// symbols that another file defines, are beyond all sections.
    fn is_function(&self, symbol: &[u8]) -> anyhow::Result<bool> {
        let [information] = bytes_at::<1>(symbol, 4)?;
        let section = self.sections.get(usize::from(u16_at(symbol, 6)?));
        let holds_instructions = section.is_some_and(|section| section.flags & EXECUTABLE != 0);
        Ok(information & 0xf == FUNCTION && holds_instructions)
    }
}

impl Section {
    fn read(bytes: &[u8], table: usize, index: usize) -> anyhow::Result<Self> {
        let header = index
            .checked_mul(SECTION_BYTES)
            .and_then(|offset| offset.checked_add(table))
            .and_then(|start| slice(bytes, start, SECTION_BYTES))
            .with_context(|| format!("the header of section {index} lies outside the file"))?;
        Ok(Self {
            name: u32_at(header, 0)?,
            kind: u32_at(header, 4)?,
            flags: u64_at(header, 8)?,
            address: u64_at(header, 16)?,
            offset: u64_at(header, 24)?,
            size: u64_at(header, 32)?,
            link: u32_at(header, 40)?,
            entry_bytes: u64_at(header, 56)?,
        })
    }

    fn content<'a>(&self, bytes: &'a [u8]) -> anyhow::Result<&'a [u8]> {
        if self.kind == NO_CONTENT {
            return Ok(&[]);
        }
        slice(bytes, place(self.offset)?, place(self.size)?).context("the content of a section lies outside the file")
    }
}

/// A number of the file as a place in it.
fn place(number: u64) -> anyhow::Result<usize> {
    usize::try_from(number).with_context(|| format!("{number} is beyond any file"))
}

fn slice(bytes: &[u8], start: usize, length: usize) -> Option<&[u8]> {
    bytes.get(start..start.checked_add(length)?)
}

fn bytes_at<const N: usize>(bytes: &[u8], start: usize) -> anyhow::Result<[u8; N]> {
    slice(bytes, start, N)
        .and_then(|slice| <[u8; N]>::try_from(slice).ok())
        .with_context(|| format!("the file ends before byte {start} of a header"))
}

fn u16_at(bytes: &[u8], start: usize) -> anyhow::Result<u16> {
    Ok(u16::from_le_bytes(bytes_at(bytes, start)?))
}

fn u32_at(bytes: &[u8], start: usize) -> anyhow::Result<u32> {
    Ok(u32::from_le_bytes(bytes_at(bytes, start)?))
}

fn u64_at(bytes: &[u8], start: usize) -> anyhow::Result<u64> {
    Ok(u64::from_le_bytes(bytes_at(bytes, start)?))
}

/// The text that begins at `start` and ends with a zero.
fn text_at(strings: &[u8], start: u32) -> anyhow::Result<&str> {
    let tail = strings.get(place(u64::from(start))?..).unwrap_or_default();
    let end = tail.iter().position(|&byte| byte == 0);
    let text = &tail[..end.with_context(|| format!("no name begins at {start}"))?];
    std::str::from_utf8(text).with_context(|| format!("the name at {start} is no text"))
}

/// Bytes as lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: u32 = 1;
    const STRINGS: u32 = 3;
    const NOTE: u32 = 7;

    /// A section of a hand-made file.
    struct Made {
        name: &'static str,
        kind: u32,
        flags: u64,
        address: u64,
        content: Vec<u8>,
        /// Where there is a size without content.
        size: usize,
        link: u32,
    }

    fn made(name: &'static str, kind: u32, flags: u64, address: u64, content: &[u8]) -> Made {
        Made {
            name,
            kind,
            flags,
            address,
            content: content.to_vec(),
            size: content.len(),
            link: 0,
        }
    }

    /// A symbol as the table holds it.
    fn entry(name: u32, information: u8, section: u16, address: u64, size: u64) -> Vec<u8> {
        let mut entry = name.to_le_bytes().to_vec();
        entry.extend([information, 0]);
        entry.extend(section.to_le_bytes());
        entry.extend(address.to_le_bytes());
        entry.extend(size.to_le_bytes());
        entry
    }

    fn header(name: usize, section: &Made, offset: usize) -> Vec<u8> {
        let mut header = Vec::new();
        header.extend((name as u32).to_le_bytes());
        header.extend(section.kind.to_le_bytes());
        header.extend(section.flags.to_le_bytes());
        header.extend(section.address.to_le_bytes());
        header.extend((offset as u64).to_le_bytes());
        header.extend((section.size as u64).to_le_bytes());
        header.extend(section.link.to_le_bytes());
        header.extend([0; 12]);
        header.extend((SYMBOL_BYTES as u64).to_le_bytes());
        header
    }

    /// A file of these sections, numbered from one, and the section of their names.
    fn file(sections: &[Made]) -> Vec<u8> {
        let mut names = vec![0_u8];
        let mut bytes = vec![0_u8; 64];
        let mut headers = vec![0_u8; SECTION_BYTES];
        for section in sections {
            headers.extend(header(names.len(), section, bytes.len()));
            names.extend(section.name.bytes().chain([0]));
            bytes.extend(&section.content);
        }
        headers.extend(header(0, &made("", STRINGS, 0, 0, &names), bytes.len()));
        bytes.extend(&names);
        let table = bytes.len() as u64;
        let count = (headers.len() / SECTION_BYTES) as u16;
        bytes.extend(headers);
        bytes[..6].copy_from_slice(&MAGIC);
        bytes[40..48].copy_from_slice(&table.to_le_bytes());
        bytes[58..60].copy_from_slice(&(SECTION_BYTES as u16).to_le_bytes());
        bytes[60..62].copy_from_slice(&count.to_le_bytes());
        bytes[62..64].copy_from_slice(&(count - 1).to_le_bytes());
        bytes
    }

    /// Instructions, data, zeros, a build id, what a debugger reads, and a symbol table.
    fn sections() -> Vec<Made> {
        let strings = b"\0first\0second\0data\0absolute\0elsewhere\0empty\0";
        let symbols = [
            entry(0, 0, 0, 0, 0),
            entry(1, 0x12, 1, 0x1000, 2),
            entry(7, 0x02, 1, 0x1002, 3),
            entry(14, 0x11, 2, 0x2000, 2),
            entry(19, 0x12, 0xfff1, 0x3000, 4),
            entry(28, 0x12, 0, 0, 4),
            entry(38, 0x12, 1, 0x1005, 0),
        ];
        let mut sections = vec![
            made(".text", PROGRAM, ALLOCATED | EXECUTABLE, 0x1000, &[1, 2, 3, 4, 5]),
            made(".data", PROGRAM, ALLOCATED, 0x2000, &[6, 7]),
            made(".bss", NO_CONTENT, ALLOCATED, 0x3000, &[]),
            made(".note.gnu.build-id", NOTE, ALLOCATED, 0x500, &[8, 9]),
            made(".debug_info", PROGRAM, 0, 0, &[10, 11, 12]),
            made(".symtab", SYMBOL_TABLE, 0, 0, &symbols.concat()),
            made(".strtab", STRINGS, 0, 0, strings),
        ];
        sections[2].size = 1 << 20;
        sections[5].link = 7;
        sections
    }

    fn symbol(name: &str, size: u64, address: u64) -> Symbol {
        Symbol {
            name: name.to_owned(),
            size,
            address,
        }
    }

    fn names(order: &Order) -> Vec<&str> {
        order.names.iter().map(String::as_str).collect()
    }

    #[test]
    fn functions_with_a_size_in_an_executable_section_are_read() {
        let functions = functions_of(&file(&sections())).expect("parses");
        assert_eq!(functions, [symbol("first", 2, 0x1000), symbol("second", 3, 0x1002)]);
    }

    #[test]
    fn a_file_without_symbols_or_of_another_kind_is_refused() {
        for (bytes, complaint) in [
            (file(&sections()[..5]), "no symbol table"),
            (b"#!/bin/sh\n".to_vec(), "no ELF file"),
            (MAGIC.to_vec(), "ends before byte 40"),
        ] {
            let error = format!("{:#}", functions_of(&bytes).expect_err("refused"));
            assert!(error.contains(complaint), "{error}");
        }
    }

    #[test]
    fn no_byte_of_a_file_can_make_reading_panic() {
        let whole = file(&sections());
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _ = functions_of(&bytes);
                let _ = loaded_sha256(&bytes);
                // The upper bytes of a number alone are rarely enough to overflow.
                bytes[at..].iter_mut().take(8).for_each(|byte| *byte = value);
                let _ = functions_of(&bytes);
                let _ = loaded_sha256(&bytes);
            }
            assert!(functions_of(&whole[..at]).is_err());
            let _ = loaded_sha256(&whole[..at]);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_very_executable_is_read_whole_and_refused_in_part() {
        #[inline(never)]
        fn a_function_to_look_for(number: u64) -> u64 {
            std::hint::black_box(number).rotate_left(13) ^ 0x5eed
        }
        assert_ne!(std::hint::black_box(a_function_to_look_for(1)), 1);

        let path = std::env::current_exe().expect("has a path");
        let bytes = std::fs::read(path).expect("reads");
        let functions = functions_of(&bytes).expect("parses");
        let found = functions
            .iter()
            .find(|function| function.name.contains("a_function_to_look_for"))
            .expect("is among the functions");
        assert!(found.size > 0 && found.address > 0);
        let order = matching_order(&functions, &functions);
        assert!(order.matched > functions.len() / 2, "{} matched", order.matched);
        assert_eq!(loaded_sha256(&bytes).expect("parses").len(), 64);

        let lengths = (0..128).chain((128..bytes.len()).step_by(bytes.len() / 256 + 1));
        for length in lengths {
            assert!(functions_of(&bytes[..length]).is_err(), "{length} bytes");
            assert_eq!(loaded_sha256(&bytes[..length]).is_ok(), length < MAGIC.len());
        }
    }

    #[test]
    fn places_count_from_the_page_on_which_instructions_begin() {
        // The instructions, and the symbols that stand for them, so many bytes further behind.
        let shifted = |by: u64| {
            let mut sections = sections();
            sections[0].address += by;
            let symbols = [entry(1, 0x12, 1, 0x1000 + by, 2), entry(7, 0x02, 1, 0x1002 + by, 3)];
            sections[5] = made(".symtab", SYMBOL_TABLE, 0, 0, &symbols.concat());
            sections[5].link = 7;
            file(&sections)
        };
        let of = |by: u64| in_place(&shifted(0), &shifted(by)).expect("parses");
        assert_eq!((of(0), of(3 * PAGE), of(64), of(PAGE + 1)), (2, 2, 0, 0));
        let mut one_moved = sections();
        let symbols = [entry(1, 0x12, 1, 0x1000, 2), entry(7, 0x02, 1, 0x1001, 3)];
        one_moved[5] = made(".symtab", SYMBOL_TABLE, 0, 0, &symbols.concat());
        one_moved[5].link = 7;
        assert_eq!(in_place(&shifted(0), &file(&one_moved)).expect("parses"), 1);
        assert!(in_place(&shifted(0), b"#!/bin/sh\n").is_err());
    }

    #[test]
    fn only_what_is_loaded_changes_the_digest() {
        let digest = |change: fn(&mut Vec<Made>)| {
            let mut sections = sections();
            change(&mut sections);
            loaded_sha256(&file(&sections)).expect("parses")
        };
        let unchanged = digest(|_| {});
        for same in [
            digest(|sections| sections[3].content[0] = 99),
            digest(|sections| sections[4].content[0] = 99),
            digest(|sections| sections.truncate(4)),
        ] {
            assert_eq!(same, unchanged);
        }
        for other in [
            digest(|sections| sections[0].content[0] = 99),
            digest(|sections| sections[1].address += 8),
            digest(|sections| sections[1].name = ".rodata"),
            digest(|sections| sections[2].size += 8),
        ] {
            assert_ne!(other, unchanged);
        }
    }

    #[test]
    fn what_is_no_executable_is_digested_whole() {
        let digest = loaded_sha256(b"").expect("digests");
        assert_eq!(
            digest,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_ne!(loaded_sha256(b"#!/bin/sh\n").expect("digests"), digest);
        let error = loaded_sha256(&file(&[])).expect_err("refused").to_string();
        assert!(error.contains("loads nothing"), "{error}");
    }

    #[test]
    fn functions_of_equal_name_and_size_come_first_in_the_baselines_order() {
        let baseline = [
            symbol("only_baseline", 4, 0x10),
            symbol("shared_late", 8, 0x40),
            symbol("resized", 8, 0x20),
            symbol("shared_early", 4, 0x30),
        ];
        let candidate = [
            symbol("shared_late", 8, 0x10),
            symbol("only_candidate", 4, 0x20),
            symbol("resized", 9, 0x30),
            symbol("shared_early", 4, 0x50),
            symbol("a_fifth", 4, 0x40),
        ];
        let order = matching_order(&baseline, &candidate);
        assert_eq!(
            names(&order),
            [
                "shared_early",
                "shared_late",
                "only_baseline",
                "resized",
                "only_candidate",
                "a_fifth"
            ]
        );
        assert_eq!((order.matched, order.functions), (2, 5));
    }

    #[test]
    fn functions_that_differ_by_their_hash_are_matched_under_both_names() {
        let baseline = [
            symbol("_ZN5words4sort17h0000000000000001E", 8, 0x10),
            symbol("end", 1, 0x20),
        ];
        let candidate = [
            symbol("end", 1, 0x10),
            symbol("_ZN5words4sort17h0000000000000002E", 8, 0x20),
        ];
        let order = matching_order(&baseline, &candidate);
        assert_eq!(
            names(&order),
            [
                "_ZN5words4sort17h0000000000000001E",
                "_ZN5words4sort17h0000000000000002E",
                "end"
            ]
        );
        assert_eq!((order.matched, order.functions), (2, 2));
    }

    #[test]
    fn instances_of_one_generic_function_are_matched_by_their_hash_alone() {
        let baseline = [
            symbol("_ZN5words4sort17h0000000000000001E", 8, 0x10),
            symbol("_ZN5words4sort17h0000000000000002E", 8, 0x20),
        ];
        let candidate = [
            symbol("_ZN5words4sort17h0000000000000002E", 8, 0x10),
            symbol("_ZN5words4sort17h0000000000000003E", 8, 0x20),
        ];
        let order = matching_order(&baseline, &candidate);
        assert_eq!(
            names(&order),
            [
                "_ZN5words4sort17h0000000000000002E",
                "_ZN5words4sort17h0000000000000001E",
                "_ZN5words4sort17h0000000000000003E"
            ]
        );
        assert_eq!(order.matched, 1);
    }

    #[test]
    fn names_that_repeat_on_a_side_are_left_out() {
        let baseline = [
            symbol("local", 4, 0x10),
            symbol("local", 4, 0x20),
            symbol("once", 4, 0x30),
        ];
        let candidate = [symbol("local", 4, 0x10), symbol("once", 4, 0x20)];
        for order in [
            matching_order(&baseline, &candidate),
            matching_order(&candidate, &baseline),
        ] {
            assert_eq!(names(&order), ["once"]);
            assert_eq!((order.matched, order.functions), (1, 3));
        }
        assert_eq!(matching_order(&[], &[]), Order::default());
    }

    #[test]
    fn hashes_of_linker_names_are_stripped_and_everything_else_stays() {
        for (name, plain) in [
            ("_ZN5words4sort17h0123456789abcdefE", "_ZN5words4sortE"),
            ("_ZN5words4sort17h0123456789abcdefE.cold", "_ZN5words4sortE.cold"),
            ("_ZN5words4sort17h0123456789abcdefE.llvm.123456", "_ZN5words4sortE"),
            ("_ZN5words4sort17h0123E", "_ZN5words4sort17h0123E"),
            ("_ZN5words4sortEv", "_ZN5words4sortEv"),
            ("sort17h0123456789abcdefE", "sort17h0123456789abcdefE"),
            ("_RNvCs1a2B3c_5words4sort", "_RNvC5words4sort"),
            (
                "_RINvNtCsgEmfK2I1SDS_4core5slice4sortNtCs_5words4WordECsjrHSEGnQ3l9_3std",
                "_RINvNtC4core5slice4sortNtC5words4WordEC3std",
            ),
            ("_RNvCsfree_standing", "_RNvCsfree_standing"),
            ("_RNvNtC4core3fmt5write.llvm.9", "_RNvNtC4core3fmt5write"),
            ("main", "main"),
            ("memcpy.llvm.", "memcpy.llvm."),
        ] {
            assert_eq!(plain_linker_name(name), plain);
        }
    }
}
