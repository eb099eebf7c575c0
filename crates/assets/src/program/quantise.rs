//! Q4_1 tensors of a GGUF file rewritten as Q8_0, everything else as it was.
//!
//! candle multiplies Q8_0 matrices with vector instructions and Q4_1 ones without. A Q4_1 block has sixteen levels, so
//! Q8_0 with its 255 carries them with little loss; the arithmetic is ggml's reference: each value is scale × level +
//! minimum in f32, the new scale the largest magnitude over 127, stored as f16, and values round half away from zero.

use std::io::{self, Write};

use half::f16;

use crate::bytes::FormatError;
use crate::gguf::{Gguf, TensorInfo};
use crate::whisper::ConversionError;

/// Elements in a block of either type.
const BLOCK: usize = 32;
/// Scale, minimum, and 32 levels of four bits.
const Q4_1_BYTES: usize = 2 + 2 + BLOCK / 2;
/// Scale and 32 levels of eight bits.
const Q8_0_BYTES: usize = 2 + BLOCK;

/// GGML's codes of the element types that are met here.
const CODE_F32: u32 = 0;
const CODE_F16: u32 = 1;
const CODE_Q4_1: u32 = 3;
const CODE_Q8_0: u32 = 8;

/// The value of `general.file_type` that says "mostly Q8_0".
const FILE_TYPE_Q8_0: u32 = 7;

/// Writes the requantised file.
///
/// # Errors
/// When a tensor has an unknown type or lies outside the file, or writing fails.
pub(crate) fn requantise(gguf: &Gguf<'_>, output: &mut impl Write) -> Result<(), ConversionError> {
    let plan = plan(gguf)?;
    let head = head(gguf, &plan);
    output.write_all(&head)?;
    write_padding(head.len(), gguf.alignment, output)?;
    let mut buffer = Vec::new();
    for step in &plan {
        let bytes = if step.requantised {
            requantise_blocks(step.data, &mut buffer);
            &buffer
        } else {
            step.data
        };
        output.write_all(bytes)?;
        write_padding(bytes.len(), gguf.alignment, output)?;
    }
    Ok(())
}

/// One tensor and what becomes of it.
struct Step<'a> {
    info: &'a TensorInfo<'a>,
    data: &'a [u8],
    requantised: bool,
    offset: u64,
}

fn plan<'a>(gguf: &'a Gguf<'a>) -> Result<Vec<Step<'a>>, FormatError> {
    let mut steps = Vec::with_capacity(gguf.tensors.len());
    let mut offset = 0_usize;
    for info in &gguf.tensors {
        let data = tensor_data(gguf, info)?;
        let requantised = info.code == CODE_Q4_1;
        let bytes = if requantised {
            data.len() / Q4_1_BYTES * Q8_0_BYTES
        } else {
            data.len()
        };
        steps.push(Step {
            info,
            data,
            requantised,
            offset: offset as u64,
        });
        offset += bytes.next_multiple_of(gguf.alignment);
    }
    Ok(steps)
}

fn tensor_data<'a>(gguf: &Gguf<'a>, info: &TensorInfo<'_>) -> Result<&'a [u8], FormatError> {
    let problem = |problem: &str| FormatError {
        file: "the GGUF model",
        offset: info.offset,
        problem: format!("tensor `{}` {problem}", info.name),
    };
    let (block, block_bytes) = match info.code {
        CODE_F32 => (1, 4),
        CODE_F16 => (1, 2),
        CODE_Q4_1 => (BLOCK as u64, Q4_1_BYTES as u64),
        CODE_Q8_0 => (BLOCK as u64, Q8_0_BYTES as u64),
        code => return Err(problem(&format!("has type {code}, which is not supported"))),
    };
    let row = info.shape.first().copied().unwrap_or(0);
    if row == 0 || row % block != 0 {
        return Err(problem("has rows that are not whole blocks"));
    }
    let end = info
        .shape
        .iter()
        .try_fold(1_u64, |elements, &length| elements.checked_mul(length))
        .and_then(|elements| (elements / block).checked_mul(block_bytes))
        .and_then(|bytes| usize::try_from(bytes).ok())
        .and_then(|bytes| info.offset.checked_add(bytes));
    end.and_then(|end| gguf.data.get(info.offset..end))
        .ok_or_else(|| problem("lies outside the file"))
}

fn head(gguf: &Gguf<'_>, plan: &[Step<'_>]) -> Vec<u8> {
    let mut head = b"GGUF".to_vec();
    head.extend(3_u32.to_le_bytes());
    head.extend((plan.len() as u64).to_le_bytes());
    head.extend(gguf.key_count.to_le_bytes());
    let keys_start = head.len();
    head.extend(gguf.keys);
    if let Some(offset) = gguf.file_type_offset {
        head[keys_start + offset..][..4].copy_from_slice(&FILE_TYPE_Q8_0.to_le_bytes());
    }
    for step in plan {
        head.extend((step.info.name.len() as u64).to_le_bytes());
        head.extend(step.info.name.as_bytes());
        head.extend((step.info.shape.len() as u32).to_le_bytes());
        head.extend(step.info.shape.iter().flat_map(|length| length.to_le_bytes()));
        head.extend(if step.requantised { CODE_Q8_0 } else { step.info.code }.to_le_bytes());
        head.extend(step.offset.to_le_bytes());
    }
    head
}

fn write_padding(written: usize, alignment: usize, output: &mut impl Write) -> io::Result<()> {
    output.write_all(&vec![0; written.next_multiple_of(alignment) - written])
}

fn requantise_blocks(q4_1: &[u8], q8_0: &mut Vec<u8>) {
    q8_0.clear();
    q8_0.reserve(q4_1.len() / Q4_1_BYTES * Q8_0_BYTES);
    for block in q4_1.chunks_exact(Q4_1_BYTES) {
        push_q8_0(&values_of_q4_1(block), q8_0);
    }
}

/// The low halves of the sixteen bytes are the first sixteen values, the high halves the others.
fn values_of_q4_1(block: &[u8]) -> [f32; BLOCK] {
    let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
    let minimum = f16::from_le_bytes([block[2], block[3]]).to_f32();
    let mut values = [0.0; BLOCK];
    for (index, &pair) in block[4..].iter().enumerate() {
        values[index] = f32::from(pair & 15) * scale + minimum;
        values[index + BLOCK / 2] = f32::from(pair >> 4) * scale + minimum;
    }
    values
}

fn push_q8_0(values: &[f32; BLOCK], output: &mut Vec<u8>) {
    let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let scale = largest / 127.0;
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    output.extend(f16::from_f32(scale).to_le_bytes());
    // The cast saturates, so that a scale which is not finite cannot wrap round.
    output.extend(
        values
            .iter()
            .flat_map(|value| ((value * inverse).round() as i8).to_le_bytes()),
    );
}

#[cfg(test)]
#[path = "quantise_tests.rs"]
mod tests;
