//! ggml's quantisation, called from Rust: this module's unsafe code and nothing else of it.

#![expect(
    unsafe_code,
    reason = "ggml's quantisation is C, and whisper-rs has no safe way to it"
)]

use std::ptr;

use whisper_rs::whisper_rs_sys::{
    ggml_blck_size, ggml_fp16_to_fp32_row, ggml_ftype_GGML_FTYPE_MOSTLY_Q5_1, ggml_ftype_GGML_FTYPE_MOSTLY_Q8_0,
    ggml_quantize_chunk, ggml_row_size, ggml_type_GGML_TYPE_Q5_1, ggml_type_GGML_TYPE_Q8_0,
};

use super::BlockType;

/// ggml's number of a tensor's type.
pub(super) fn code(block_type: BlockType) -> u32 {
    match block_type {
        BlockType::Q8_0 => ggml_type_GGML_TYPE_Q8_0,
        BlockType::Q5_1 => ggml_type_GGML_TYPE_Q5_1,
    }
}

/// ggml's number of a file whose matrices have this type.
pub(super) fn file_type(block_type: BlockType) -> u32 {
    match block_type {
        BlockType::Q8_0 => ggml_ftype_GGML_FTYPE_MOSTLY_Q8_0 as u32,
        BlockType::Q5_1 => ggml_ftype_GGML_FTYPE_MOSTLY_Q5_1 as u32,
    }
}

/// The weights that share a block.
pub(super) fn block_weights(block_type: BlockType) -> usize {
    // SAFETY: a look into a constant table, at an index that is one of ggml's own types.
    let weights = unsafe { ggml_blck_size(code(block_type) as _) };
    usize::try_from(weights).expect("a block has a positive number of weights")
}

/// Half-precision numbers, given by their bits, as floats: exact.
pub(super) fn widen(halves: &[u16]) -> Vec<f32> {
    let mut floats = vec![0.0_f32; halves.len()];
    let count = i64::try_from(halves.len()).expect("a slice's length fits");
    // SAFETY: both buffers hold `count` elements, and ggml reads the one and writes the other to their ends only.
    unsafe { ggml_fp16_to_fp32_row(halves.as_ptr(), floats.as_mut_ptr(), count) };
    floats
}

/// Replaces `blocks` by the quantised rows, each of `row` weights.
///
/// # Panics
/// When `weights` are not whole rows or rows not whole blocks, which the caller has made sure of.
pub(super) fn quantise_rows(weights: &[f32], row: usize, block_type: BlockType, blocks: &mut Vec<u8>) {
    assert!(row > 0 && row.is_multiple_of(block_weights(block_type)) && weights.len().is_multiple_of(row));
    let count = |number: usize| i64::try_from(number).expect("a slice's length fits");
    let rows = weights.len() / row;
    // SAFETY: arithmetic on the type's constants, for a row of whole blocks.
    let row_bytes = unsafe { ggml_row_size(code(block_type) as _, count(row)) };
    blocks.clear();
    blocks.resize(rows * row_bytes, 0);
    // SAFETY: `weights` holds `rows` rows of `row` floats and `blocks` as many of `row_bytes` bytes, which is what ggml
    // reads and writes from row 0 on. These two types take no importance matrix, so the null pointer is not looked at.
    let written = unsafe {
        ggml_quantize_chunk(
            code(block_type) as _,
            weights.as_ptr(),
            blocks.as_mut_ptr().cast(),
            0,
            count(rows),
            count(row),
            ptr::null(),
        )
    };
    assert_eq!(written, blocks.len(), "ggml fills the blocks to their end");
}
