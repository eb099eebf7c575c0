//! Making a model smaller: its matrices rewritten in blocks of a few bits a weight, by ggml's own code.
//!
//! A quantised model is a GGML file like any other: [`crate::Model::load`] takes it as it is. Matrices are what takes
//! the room and the time, so only they change. Convolutions, norms, biases and positional embeddings keep their bits, and
//! so do the mel filters and the vocabulary. whisper.cpp's own `quantize` chooses the same ones.
//!
//! What this leaves to others: where files lie, and whether the words are still right (`tests/quantised.rs`).

mod file;
mod ggml;

use std::io::{self, Write};

use file::{GgmlFile, TensorHead};

/// ggml's version of its block formats, which stands in the header in thousands of the file type.
const BLOCK_FORMAT_VERSION: u32 = 2;

/// How the weights of a matrix are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockType {
    /// 32 weights share a scale and have eight bits each: 8.5 bits a weight.
    Q8_0,
    /// 32 weights share a scale and a minimum and have five bits each: 6 bits a weight.
    Q5_1,
}

impl BlockType {
    /// Both, the larger first.
    pub const ALL: [Self; 2] = [Self::Q8_0, Self::Q5_1];

    /// The name by which ggml and file names call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Q8_0 => "q8_0",
            Self::Q5_1 => "q5_1",
        }
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|block_type| block_type.as_str() == name)
    }
}

/// Why a model could not be quantised.
#[derive(Debug, thiserror::Error)]
pub enum QuantiseError {
    /// The content is no GGML model of Whisper's, or is cut short.
    #[error("the model is malformed at byte {offset}: {problem}")]
    Malformed {
        /// Where.
        offset: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A matrix is not in floating point. Quantising twice would lose twice.
    #[error("the matrix `{name}` is quantised already (ggml's type {code}); start from a float16 model")]
    Quantised {
        /// The matrix.
        name: String,
        /// ggml's number of its type.
        code: u32,
    },
    /// A matrix has rows that are not whole blocks.
    #[error("the matrix `{name}` has rows of {row} weights, which are not whole blocks of {block}")]
    Row {
        /// The matrix.
        name: String,
        /// The weights of a row.
        row: usize,
        /// The weights of a block.
        block: usize,
    },
    /// The outcome cannot be written.
    #[error("cannot write the quantised model")]
    Write(#[from] io::Error),
}

/// Writes a float16 or float32 GGML model of Whisper's with its matrices as blocks.
///
/// # Errors
/// When the content is not such a model, or writing fails; what was written by then is not a model.
pub fn quantise(content: &[u8], block_type: BlockType, output: &mut impl Write) -> Result<(), QuantiseError> {
    let mut file = GgmlFile::read(content)?;
    output.write_all(file.before_file_type())?;
    let file_type = 1_000 * BLOCK_FORMAT_VERSION + ggml::file_type(block_type);
    output.write_all(&file_type.to_le_bytes())?;
    output.write_all(file.filters_and_vocabulary())?;
    let mut blocks = Vec::new();
    while let Some((head, data)) = file.next_tensor()? {
        if head.is_matrix() {
            quantise_matrix(&head, data, block_type, &mut blocks)?;
            output.write_all(&head.with_code(ggml::code(block_type)))?;
            output.write_all(&blocks)?;
        } else {
            output.write_all(head.as_bytes())?;
            output.write_all(data)?;
        }
    }
    Ok(())
}

fn quantise_matrix(
    head: &TensorHead<'_>,
    data: &[u8],
    block_type: BlockType,
    blocks: &mut Vec<u8>,
) -> Result<(), QuantiseError> {
    let (row, block) = (head.row(), ggml::block_weights(block_type));
    let name = || head.name().into_owned();
    if !row.is_multiple_of(block) {
        return Err(QuantiseError::Row {
            name: name(),
            row,
            block,
        });
    }
    let weights = match head.code() {
        file::CODE_F32 => floats(data),
        file::CODE_F16 => ggml::widen(&halves(data)),
        code => return Err(QuantiseError::Quantised { name: name(), code }),
    };
    ggml::quantise_rows(&weights, row, block_type, blocks);
    Ok(())
}

fn floats(data: &[u8]) -> Vec<f32> {
    let float = |four: &[u8]| f32::from_le_bytes([four[0], four[1], four[2], four[3]]);
    data.chunks_exact(4).map(float).collect()
}

fn halves(data: &[u8]) -> Vec<u16> {
    data.chunks_exact(2)
        .map(|two| u16::from_le_bytes([two[0], two[1]]))
        .collect()
}

#[cfg(test)]
mod tests;
