//! A first look at a model file, before whisper.cpp reads it.
//!
//! whisper.cpp trusts the numbers at the start of the file and reserves memory by them; a file of another kind can make
//! it abort the process. So the numbers are held against what any Whisper model has.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::AsrError;

#[cfg(test)]
mod corpus;

/// `ggml` as one little-endian number.
const MAGIC: u32 = 0x6767_6d6c;

/// Each number's name and range, in the file's order. The upper bounds are those of Whisper large-v3, the largest model,
/// with room to spare.
const RANGES: [(&str, u32, u32); 10] = [
    ("vocabulary size", 51_864, 65_536),
    ("audio context", 1, 1_500),
    ("audio state", 1, 4_096),
    ("audio heads", 1, 64),
    ("audio layers", 1, 64),
    ("text context", 1, 4_096),
    ("text state", 1, 4_096),
    ("text heads", 1, 64),
    ("text layers", 1, 64),
    ("mel bands", 80, 128),
];

/// Makes sure that a file starts as a Whisper model does.
pub(crate) fn check(path: &Path) -> Result<(), AsrError> {
    let unreadable = |source| AsrError::ModelUnreadable {
        path: path.to_owned(),
        source,
    };
    let mut head = Vec::new();
    let length = 4 * (1 + RANGES.len() as u64);
    File::open(path)
        .and_then(|file| file.take(length).read_to_end(&mut head))
        .map_err(unreadable)?;
    match problem(&head) {
        Some(problem) => Err(AsrError::NotAModel {
            path: path.to_owned(),
            problem,
        }),
        None => Ok(()),
    }
}

pub(crate) fn problem(head: &[u8]) -> Option<String> {
    let numbers: Vec<u32> = head
        .chunks_exact(4)
        .map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect();
    if numbers.first() != Some(&MAGIC) {
        return Some("it does not start with GGML's magic number".into());
    }
    if numbers.len() < 1 + RANGES.len() {
        return Some("it is too short".into());
    }
    RANGES
        .iter()
        .zip(&numbers[1..])
        .find_map(|(&(name, least, most), &number)| {
            let in_range = (least..=most).contains(&number);
            (!in_range).then(|| format!("its {name} is {number}, not in {least} to {most}"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> Vec<u8> {
        let numbers = [MAGIC, 51_864, 1_500, 384, 6, 4, 448, 384, 6, 4, 80];
        numbers.iter().flat_map(|number: &u32| number.to_le_bytes()).collect()
    }

    #[test]
    fn the_numbers_of_tiny_are_accepted() {
        assert_eq!(problem(&tiny()), None);
    }

    #[test]
    fn another_file_a_short_one_and_a_huge_count_are_refused() {
        assert!(problem(b"RIFF....WAVE").is_some_and(|text| text.contains("magic")));
        assert!(problem(&[]).is_some());
        assert!(problem(&tiny()[..40]).is_some_and(|text| text.contains("short")));
        let mut huge = tiny();
        huge[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(problem(&huge).is_some_and(|text| text.contains("audio state is 4294967295")));
    }
}
