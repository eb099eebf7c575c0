//! Requantising on small files, damaged ones, and the real model.

use super::*;

/// A file with one f32 vector and one Q4_1 matrix of 64 × 2.
fn small() -> Vec<u8> {
    let mut file = b"GGUF".to_vec();
    file.extend(3_u32.to_le_bytes());
    file.extend(2_u64.to_le_bytes());
    file.extend(3_u64.to_le_bytes());
    key(&mut file, "general.architecture", 8, &string("llama"));
    key(&mut file, "general.file_type", 4, &3_u32.to_le_bytes());
    let tokens = [
        8_u32.to_le_bytes().to_vec(),
        2_u64.to_le_bytes().to_vec(),
        string("a"),
        string("b"),
    ]
    .concat();
    key(&mut file, "tokenizer.ggml.tokens", 9, &tokens);
    tensor(&mut file, "norm", &[8], CODE_F32, 0);
    tensor(&mut file, "weight", &[64, 2], CODE_Q4_1, 32);
    file.resize(file.len().next_multiple_of(32), 0);
    file.extend((1..=8).flat_map(|value| (value as f32).to_le_bytes()));
    for block in 0..4 {
        file.extend(f16::from_f32(0.5 + block as f32).to_le_bytes());
        file.extend(f16::from_f32(-3.0).to_le_bytes());
        file.extend((0..16_u8).map(|index| index | ((15 - index) << 4)));
    }
    file
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

fn key(file: &mut Vec<u8>, name: &str, code: u32, value: &[u8]) {
    file.extend(string(name));
    file.extend(code.to_le_bytes());
    file.extend(value);
}

fn tensor(file: &mut Vec<u8>, name: &str, shape: &[u64], code: u32, offset: u64) {
    file.extend(string(name));
    file.extend((shape.len() as u32).to_le_bytes());
    file.extend(shape.iter().flat_map(|length| length.to_le_bytes()));
    file.extend(code.to_le_bytes());
    file.extend(offset.to_le_bytes());
}

fn requantised(content: &[u8]) -> Result<Vec<u8>, ConversionError> {
    let mut output = Vec::new();
    requantise(&Gguf::read(content)?, &mut output)?;
    Ok(output)
}

#[test]
fn matrices_become_q8_0_and_the_rest_stays() {
    let source = small();
    let output = requantised(&source).expect("sound");
    let (before, after) = (
        Gguf::read(&source).expect("source"),
        Gguf::read(&output).expect("outcome"),
    );
    let file_type = after.file_type_offset.expect("there");
    assert_eq!(after.keys[file_type..][..4], FILE_TYPE_Q8_0.to_le_bytes());
    assert_eq!(after.keys.len(), before.keys.len());
    assert_eq!(after.tensors[0], before.tensors[0]);
    assert_eq!(after.data[..32], before.data[..32]);
    assert_eq!(
        (after.tensors[1].code, &after.tensors[1].shape),
        (CODE_Q8_0, &vec![64, 2])
    );
    assert_close(&before, &after, 1);
}

/// Every value differs by at most half a step of the new scale, and a little for the scale's own rounding.
fn assert_close(before: &Gguf<'_>, after: &Gguf<'_>, index: usize) {
    let q4_1 = tensor_data(before, &before.tensors[index]).expect("in the file");
    let q8_0 = tensor_data(after, &after.tensors[index]).expect("in the file");
    for (old, new) in q4_1.chunks_exact(Q4_1_BYTES).zip(q8_0.chunks_exact(Q8_0_BYTES)) {
        let scale = f16::from_le_bytes([new[0], new[1]]).to_f32();
        for (value, &level) in values_of_q4_1(old).iter().zip(&new[2..]) {
            let error = (value - scale * f32::from(i8::from_le_bytes([level]))).abs();
            assert!(error <= scale * 0.57, "{value} is off by {error} at scale {scale}");
        }
    }
}

#[test]
fn a_block_of_zeros_stays_zero() {
    let mut output = Vec::new();
    push_q8_0(&[0.0; BLOCK], &mut output);
    assert_eq!(output, [0; Q8_0_BYTES]);
}

#[test]
fn every_truncation_is_one_error() {
    let source = small();
    for length in 0..source.len() {
        assert!(requantised(&source[..length]).is_err(), "cut to {length} bytes");
    }
}

#[test]
fn every_changed_byte_is_read_or_refused_without_a_panic() {
    let source = small();
    for position in 0..source.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut hostile = source.clone();
            hostile[position] = value;
            let _ = requantised(&hostile);
        }
    }
}

#[test]
fn huge_counts_are_refused() {
    for position in [8, 16] {
        let mut hostile = small();
        hostile[position..position + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(Gguf::read(&hostile).is_err());
    }
}
