//! Reading the head of a GGUF file: its keys and its table of tensors.
//!
//! After ggml-org/ggml `docs/gguf.md`, version 3, little-endian. Keys are kept as they stand, so that they can be
//! written again unchanged; only the two that this program must know are understood.

use crate::bytes::{FormatError, Reader};

const FILE: &str = "the GGUF model";
const MAGIC: &[u8; 4] = b"GGUF";
const VERSION: u32 = 3;

/// Arrays of arrays nest no deeper in any known file; the bound keeps a hostile one from exhausting the stack.
const NESTING_MAX: usize = 4;

/// GGML allows four dimensions.
const RANK_MAX: u32 = 4;

/// GGUF's code for an unsigned 32-bit value.
const CODE_U32: u32 = 4;
const CODE_STRING: u32 = 8;
const CODE_ARRAY: u32 = 9;

/// A GGUF file, borrowed from its content.
#[derive(Debug)]
pub(crate) struct Gguf<'a> {
    /// The keys with their values, as they stand in the file.
    pub(crate) keys: &'a [u8],
    /// How many keys there are.
    pub(crate) key_count: u64,
    /// Where the value of `general.file_type` stands inside [`Self::keys`].
    pub(crate) file_type_offset: Option<usize>,
    /// What every tensor's offset is a multiple of.
    pub(crate) alignment: usize,
    /// The tensors in the order of the file.
    pub(crate) tensors: Vec<TensorInfo<'a>>,
    /// Everything after the head.
    pub(crate) data: &'a [u8],
}

/// An entry of the table of tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TensorInfo<'a> {
    pub(crate) name: &'a str,
    /// Innermost dimension first.
    pub(crate) shape: Vec<u64>,
    /// GGML's code of the element type.
    pub(crate) code: u32,
    /// Where it starts in the data.
    pub(crate) offset: usize,
}

impl<'a> Gguf<'a> {
    /// Reads the head of the file.
    ///
    /// # Errors
    /// Names the byte and what is wrong there.
    pub(crate) fn read(content: &'a [u8]) -> Result<Self, FormatError> {
        let mut reader = Reader::new(FILE, content);
        if reader.take(4)? != MAGIC {
            return Err(reader.error("it does not start with `GGUF`"));
        }
        let version = reader.u32()?;
        if version != VERSION {
            return Err(reader.error(format!("its format version is {version}, not {VERSION}")));
        }
        let tensor_count = reader.length()?;
        let key_count = reader.u64()?;
        let keys = read_keys(&mut reader, content, key_count)?;
        let tensors = read_tensors(&mut reader, tensor_count)?;
        let padding = reader.offset().next_multiple_of(keys.alignment) - reader.offset();
        reader.take(padding)?;
        let data = reader.take(reader.remaining())?;
        Ok(Self {
            keys: keys.content,
            key_count,
            file_type_offset: keys.file_type_offset,
            alignment: keys.alignment,
            tensors,
            data,
        })
    }
}

struct Keys<'a> {
    content: &'a [u8],
    file_type_offset: Option<usize>,
    alignment: usize,
}

fn read_keys<'a>(reader: &mut Reader<'a>, content: &'a [u8], key_count: u64) -> Result<Keys<'a>, FormatError> {
    /// What GGUF says holds when the key is absent.
    const ALIGNMENT_DEFAULT: usize = 32;
    /// A key length, a type and a one-byte value.
    const LEAST_BYTES: usize = 8 + 4 + 1;
    let start = reader.offset();
    let mut keys = Keys {
        content: &[],
        file_type_offset: None,
        alignment: ALIGNMENT_DEFAULT,
    };
    let count = usize::try_from(key_count).unwrap_or(usize::MAX);
    for _ in 0..reader.plausible(count, LEAST_BYTES)? {
        let length = reader.length()?;
        let name = reader.text(length)?;
        let code = reader.u32()?;
        match (name, code) {
            ("general.file_type", CODE_U32) => keys.file_type_offset = Some(reader.offset() - start),
            ("general.alignment", CODE_U32) => keys.alignment = read_alignment(&mut reader.clone())?,
            _ => {}
        }
        skip_value(reader, code, 0)?;
    }
    keys.content = &content[start..reader.offset()];
    Ok(keys)
}

fn read_alignment(reader: &mut Reader<'_>) -> Result<usize, FormatError> {
    let alignment = reader.u32()? as usize;
    let sound = alignment.is_power_of_two() && (8..=65_536).contains(&alignment);
    if sound {
        Ok(alignment)
    } else {
        Err(reader.error(format!("an alignment of {alignment} makes no sense")))
    }
}

fn skip_value(reader: &mut Reader<'_>, code: u32, depth: usize) -> Result<(), FormatError> {
    match code {
        CODE_STRING => {
            let length = reader.length()?;
            reader.take(length)?;
        }
        CODE_ARRAY => skip_array(reader, depth)?,
        _ => {
            let bytes = scalar_bytes(code).ok_or_else(|| reader.error(format!("unknown value type {code}")))?;
            reader.take(bytes)?;
        }
    }
    Ok(())
}

fn skip_array(reader: &mut Reader<'_>, depth: usize) -> Result<(), FormatError> {
    if depth == NESTING_MAX {
        return Err(reader.error("arrays nest too deeply"));
    }
    let code = reader.u32()?;
    let count = reader.length()?;
    if let Some(bytes) = scalar_bytes(code) {
        let total = bytes
            .checked_mul(count)
            .ok_or_else(|| reader.error("an array is too large"))?;
        reader.take(total)?;
        return Ok(());
    }
    // Strings and arrays have at least their own length.
    for _ in 0..reader.plausible(count, 8)? {
        skip_value(reader, code, depth + 1)?;
    }
    Ok(())
}

/// The size of a value of fixed size.
fn scalar_bytes(code: u32) -> Option<usize> {
    match code {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

fn read_tensors<'a>(reader: &mut Reader<'a>, count: usize) -> Result<Vec<TensorInfo<'a>>, FormatError> {
    /// Name length, rank, type and offset.
    const LEAST_BYTES: usize = 8 + 4 + 4 + 8;
    let mut tensors = Vec::with_capacity(reader.plausible(count, LEAST_BYTES)?);
    for _ in 0..count {
        let length = reader.length()?;
        let name = reader.text(length)?;
        let rank = reader.u32()?;
        if rank > RANK_MAX {
            return Err(reader.error(format!("`{name}` has {rank} dimensions")));
        }
        let mut shape = Vec::with_capacity(rank as usize);
        for _ in 0..rank {
            shape.push(reader.u64()?);
        }
        let code = reader.u32()?;
        tensors.push(TensorInfo {
            name,
            shape,
            code,
            offset: reader.length()?,
        });
    }
    Ok(tensors)
}
