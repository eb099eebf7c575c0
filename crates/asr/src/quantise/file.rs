//! A GGML file of Whisper's, taken apart without copying: the header, the filters and the vocabulary, then one tensor
//! after the other.
//!
//! Little-endian, as whisper.cpp's `models/convert-pt-to-ggml.py` writes it: a magic number; eleven numbers, the last of
//! them the file type; the size of the mel filters and the filters; the count of tokens and each token's length and
//! bytes; then, up to the end, each tensor's rank, length of name, type, dimensions (innermost first), name and data.
//! Every length is held against what is left before anything is taken.

use std::borrow::Cow;

use super::QuantiseError;
use crate::header;

/// ggml's types that are met here.
pub(super) const CODE_F32: u32 = 0;
pub(super) const CODE_F16: u32 = 1;
const CODE_Q5_1: u32 = 7;
const CODE_Q8_0: u32 = 8;

/// The magic number and ten of the eleven numbers.
const BEFORE_FILE_TYPE: usize = 4 * 11;

/// Whisper's tensors have one to three dimensions.
const RANK_MAX: usize = 3;

/// Where the code of the type stands in a tensor's head.
const CODE_OFFSET: usize = 8;

pub(super) struct GgmlFile<'a> {
    content: &'a [u8],
    pub(super) tensors_start: usize,
    pub(super) offset: usize,
}

/// What stands in front of a tensor's data.
#[derive(Debug)]
pub(super) struct TensorHead<'a> {
    bytes: &'a [u8],
    name: &'a [u8],
    code: u32,
    rank: usize,
    /// The innermost dimension.
    row: usize,
}

impl<'a> GgmlFile<'a> {
    /// Reads up to the first tensor.
    pub(super) fn read(content: &'a [u8]) -> Result<Self, QuantiseError> {
        let mut file = Self {
            content,
            tensors_start: 0,
            offset: 0,
        };
        if let Some(problem) = header::problem(&content[..content.len().min(BEFORE_FILE_TYPE)]) {
            return Err(file.malformed(problem));
        }
        file.take(BEFORE_FILE_TYPE + 4)?;
        let (bands, bins) = (file.number()?, file.number()?);
        let filters = file.product(&[4, bands, bins])?;
        file.take(filters)?;
        for _ in 0..file.number()? {
            let length = file.number()?;
            file.take(length)?;
        }
        file.tensors_start = file.offset;
        Ok(file)
    }

    pub(super) fn before_file_type(&self) -> &'a [u8] {
        &self.content[..BEFORE_FILE_TYPE]
    }

    pub(super) fn filters_and_vocabulary(&self) -> &'a [u8] {
        &self.content[BEFORE_FILE_TYPE + 4..self.tensors_start]
    }

    /// The next tensor's head and data; none at the end of the file.
    pub(super) fn next_tensor(&mut self) -> Result<Option<(TensorHead<'a>, &'a [u8])>, QuantiseError> {
        if self.offset == self.content.len() {
            return Ok(None);
        }
        let start = self.offset;
        let (rank, name_length, code) = (self.number()?, self.number()?, self.number()?);
        if !(1..=RANK_MAX).contains(&rank) {
            return Err(self.malformed(format!("a tensor has {rank} dimensions, not 1 to {RANK_MAX}")));
        }
        let mut dimensions = [1; RANK_MAX];
        for dimension in &mut dimensions[..rank] {
            *dimension = self.number()?;
        }
        if dimensions.contains(&0) {
            return Err(self.malformed("a tensor has a dimension of nothing"));
        }
        let name = self.take(name_length)?;
        let head = TensorHead {
            bytes: &self.content[start..self.offset],
            name,
            code: u32::try_from(code).unwrap_or(u32::MAX),
            rank,
            row: dimensions[0],
        };
        let weights = self.product(&dimensions)?;
        let bytes = match head.code {
            CODE_F32 => weights.checked_mul(4),
            CODE_F16 => weights.checked_mul(2),
            // Blocks of 32 weights, in 34 and in 24 bytes.
            CODE_Q8_0 => (weights / 32).checked_mul(34),
            CODE_Q5_1 => (weights / 32).checked_mul(24),
            code => return Err(self.malformed(format!("`{}` has the unknown type {code}", head.name()))),
        };
        let bytes = bytes.ok_or_else(|| self.malformed("a tensor is too large"))?;
        let data = self.take(bytes)?;
        Ok(Some((head, data)))
    }

    /// A number that counts something: 32 bits, never negative.
    fn number(&mut self) -> Result<usize, QuantiseError> {
        let four = self.take(4)?;
        let number = u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
        usize::try_from(number).map_err(|_| self.malformed(format!("a count of {number} is too large")))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], QuantiseError> {
        let left = &self.content[self.offset..];
        let taken = left
            .get(..count)
            .ok_or_else(|| self.malformed(format!("{count} bytes are announced, {} are left", left.len())))?;
        self.offset += count;
        Ok(taken)
    }

    fn product(&self, factors: &[usize]) -> Result<usize, QuantiseError> {
        factors
            .iter()
            .try_fold(1_usize, |product, &factor| product.checked_mul(factor))
            .ok_or_else(|| self.malformed("a size is too large"))
    }

    fn malformed(&self, problem: impl Into<String>) -> QuantiseError {
        QuantiseError::Malformed {
            offset: self.offset,
            problem: problem.into(),
        }
    }
}

impl<'a> TensorHead<'a> {
    /// Whether it is what a product is taken with. Positional embeddings and the biases of convolutions have two
    /// dimensions as well, but are added.
    pub(super) fn is_matrix(&self) -> bool {
        self.rank == 2 && self.name.ends_with(b".weight")
    }

    pub(super) fn name(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.name)
    }

    pub(super) fn code(&self) -> u32 {
        self.code
    }

    /// The weights of a row.
    pub(super) fn row(&self) -> usize {
        self.row
    }

    pub(super) fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The head of the same tensor in another type.
    pub(super) fn with_code(&self, code: u32) -> Vec<u8> {
        let mut bytes = self.bytes.to_vec();
        bytes[CODE_OFFSET..CODE_OFFSET + 4].copy_from_slice(&code.to_le_bytes());
        bytes
    }
}
