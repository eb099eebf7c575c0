//! Where counts come from: functions and call sites, read from what the instruments leave behind, and what changed
//! between two of them.
//!
//! Text in, values out. Starting the instruments and choosing what a report shows is left to others.

pub(crate) mod callgrind;
pub(crate) mod heap;

/// A function's name without what differs between two builds of one function: the hash that ends a legacy name
/// (`::h0123456789abcdef`), the hashes behind the crates of a v0 name (`core[846817f741e54dfd]`), and the module that
/// LLVM appends to what it had to make visible (`.llvm.123`). Generics stay.
fn plain_name(name: &str) -> String {
    without_crate_hashes(without_legacy_hash(without_module(name)))
}

/// Without LLVM's name of the module, in a name for people or for the linker.
pub(super) fn without_module(name: &str) -> &str {
    match name.rsplit_once(".llvm.") {
        Some((plain, module)) if !module.is_empty() && module.bytes().all(|byte| byte.is_ascii_digit()) => plain,
        _ => name,
    }
}

fn without_legacy_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((plain, hash)) if hash.len() == 16 && is_hash(hash) => plain,
        _ => name,
    }
}

/// A hash stands right behind an identifier, where no slice or array type can.
fn without_crate_hashes(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('[') {
        let inside = &rest[at + 1..];
        plain.push_str(&rest[..at]);
        let follows_identifier = plain.ends_with(|character: char| character.is_alphanumeric() || character == '_');
        match inside.split_once(']') {
            Some((hash, after)) if follows_identifier && is_hash(hash) => rest = after,
            _ => {
                plain.push('[');
                rest = inside;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// At most 64 bits as lower-case hexadecimal digits.
fn is_hash(text: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (1..=16).contains(&text.len()) && text.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_stripped_and_everything_else_stays() {
        for (name, plain) in [
            ("words::mix::h0123456789abcdef", "words::mix"),
            ("words::mix::h0123456789abcdef.llvm.1174082462984705", "words::mix"),
            ("words::hash", "words::hash"),
            ("words::h0123", "words::h0123"),
            (
                "<core[846817f741e54dfd]::fmt::Error as core[846817f741e54dfd]::fmt::Debug>::fmt",
                "<core::fmt::Error as core::fmt::Debug>::fmt",
            ),
            (
                "<alloc[1a]::vec::Vec<words[2b]::Word>>::push::{closure#0}",
                "<alloc::vec::Vec<words::Word>>::push::{closure#0}",
            ),
            ("<[u8]>::copy_within::<[u8; 4]>", "<[u8]>::copy_within::<[u8; 4]>"),
            ("<&[a] as words::Cut>::cut", "<&[a] as words::Cut>::cut"),
            ("std::string[abi:cxx11]", "std::string[abi:cxx11]"),
            ("unclosed[0123", "unclosed[0123"),
            ("(below main)", "(below main)"),
        ] {
            assert_eq!(plain_name(name), plain);
        }
    }
}
