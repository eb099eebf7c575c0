//! Quantising a small model, damaged ones, and the arithmetic of the blocks.

use super::*;

/// Two rows of 32 weights: a ramp, and one that holds the same number throughout.
fn weights() -> Vec<f32> {
    (0..32_u8)
        .map(|index| f32::from(index) - 8.0)
        .chain([0.5; 32])
        .collect()
}

/// Half-precision bits of small multiples of a half.
fn half(value: f32) -> u16 {
    // Exact for what the tests use: five bits of exponent around 15, and the ten upper bits of the mantissa.
    let bits = value.to_bits();
    if value == 0.0 {
        return 0;
    }
    let exponent = ((bits >> 23) & 0xff) + 15 - 127;
    (((bits >> 16) & 0x8000) | (exponent << 10) | ((bits >> 13) & 0x3ff)) as u16
}

fn tensor(file: &mut Vec<u8>, name: &str, dimensions: &[u32], code: u32, data: &[u8]) {
    for number in [dimensions.len() as u32, name.len() as u32, code]
        .into_iter()
        .chain(dimensions.iter().copied())
    {
        file.extend(number.to_le_bytes());
    }
    file.extend(name.as_bytes());
    file.extend(data);
}

fn float_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn half_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|&value| half(value).to_le_bytes()).collect()
}

/// The header of tiny.en, one filter of two bins, two tokens.
fn head() -> Vec<u8> {
    let mut file = Vec::new();
    for number in [0x6767_6d6c, 51_864, 1_500, 384, 6, 4, 448, 384, 6, 4, 80, 1, 1, 2] {
        file.extend((number as u32).to_le_bytes());
    }
    file.extend(float_bytes(&[0.25, 0.75]));
    file.extend(2_u32.to_le_bytes());
    file.extend(3_u32.to_le_bytes());
    file.extend(b"the");
    file.extend(0_u32.to_le_bytes());
    file
}

fn model() -> Vec<u8> {
    let mut file = head();
    tensor(
        &mut file,
        "decoder.positional_embedding",
        &[32, 1],
        0,
        &float_bytes(&weights()[..32]),
    );
    tensor(
        &mut file,
        "encoder.conv1.weight",
        &[3, 2, 1],
        1,
        &half_bytes(&weights()[..6]),
    );
    tensor(&mut file, "encoder.conv1.bias", &[1, 2], 0, &float_bytes(&[1.0, 2.0]));
    tensor(&mut file, "decoder.ln.weight", &[2], 0, &float_bytes(&[1.0, 2.0]));
    tensor(
        &mut file,
        "decoder.token_embedding.weight",
        &[32, 2],
        1,
        &half_bytes(&weights()),
    );
    tensor(
        &mut file,
        "decoder.blocks.0.mlp.0.weight",
        &[32, 2],
        0,
        &float_bytes(&weights()),
    );
    file
}

fn quantised(content: &[u8], block_type: BlockType) -> Result<Vec<u8>, QuantiseError> {
    let mut output = Vec::new();
    quantise(content, block_type, &mut output).map(|()| output)
}

/// The same model as [`model`], with its matrices given.
fn expected(file_type: u32, code: u32, blocks: &[u8]) -> Vec<u8> {
    let mut file = head();
    file[44..48].copy_from_slice(&file_type.to_le_bytes());
    tensor(
        &mut file,
        "decoder.positional_embedding",
        &[32, 1],
        0,
        &float_bytes(&weights()[..32]),
    );
    tensor(
        &mut file,
        "encoder.conv1.weight",
        &[3, 2, 1],
        1,
        &half_bytes(&weights()[..6]),
    );
    tensor(&mut file, "encoder.conv1.bias", &[1, 2], 0, &float_bytes(&[1.0, 2.0]));
    tensor(&mut file, "decoder.ln.weight", &[2], 0, &float_bytes(&[1.0, 2.0]));
    tensor(&mut file, "decoder.token_embedding.weight", &[32, 2], code, blocks);
    tensor(&mut file, "decoder.blocks.0.mlp.0.weight", &[32, 2], code, blocks);
    file
}

#[test]
fn matrices_become_q8_0_blocks_and_everything_else_stays() {
    // Scale 23/127, then 32 levels; scale 0.5/127, then 127 throughout.
    let mut blocks = half_of(23.0 / 127.0);
    blocks.extend((0..32_u8).map(|index| ((f32::from(index) - 8.0) * 127.0 / 23.0).round() as i8 as u8));
    blocks.extend(half_of(0.5 / 127.0));
    blocks.extend([127; 32]);
    assert_eq!(
        quantised(&model(), BlockType::Q8_0).expect("sound"),
        expected(2_007, 8, &blocks)
    );
}

#[test]
fn matrices_become_q5_1_blocks_and_everything_else_stays() {
    // Scale 1 and minimum -8; the fifth bits, which the levels from 16 on have; the lower four, in pairs sixteen apart.
    let mut blocks = half_bytes(&[1.0, -8.0]);
    blocks.extend(0xffff_0000_u32.to_le_bytes());
    blocks.extend((0..16_u8).map(|level| level | (level << 4)));
    // No spread: scale 0, minimum a half.
    blocks.extend(half_bytes(&[0.0, 0.5]));
    blocks.extend([0; 20]);
    assert_eq!(
        quantised(&model(), BlockType::Q5_1).expect("sound"),
        expected(2_009, 7, &blocks)
    );
}

/// The nearest half-precision number to one that has none of its own.
fn half_of(value: f32) -> Vec<u8> {
    let step = f32::from_bits(value.to_bits() & 0xff80_0000) / 1024.0;
    half((value / step).round() * step).to_le_bytes().to_vec()
}

#[test]
fn names_lead_back_to_their_types() {
    for block_type in BlockType::ALL {
        assert_eq!(BlockType::from_name(block_type.as_str()), Some(block_type));
    }
    assert_eq!(BlockType::from_name("q4_0"), None);
}

#[test]
fn a_quantised_model_is_not_quantised_again() {
    let once = quantised(&model(), BlockType::Q8_0).expect("sound");
    let error = quantised(&once, BlockType::Q5_1).expect_err("refused").to_string();
    assert!(
        error.contains("`decoder.token_embedding.weight` is quantised already"),
        "{error}"
    );
}

#[test]
fn rows_that_are_not_whole_blocks_are_refused_by_name() {
    let mut file = head();
    tensor(&mut file, "odd.weight", &[16, 2], 0, &float_bytes(&weights()[..32]));
    let error = quantised(&file, BlockType::Q8_0).expect_err("refused").to_string();
    assert!(error.contains("`odd.weight` has rows of 16 weights"), "{error}");
}

#[test]
fn a_file_cut_anywhere_but_between_two_tensors_is_one_error() {
    let whole = model();
    let mut file = GgmlFile::read(&whole).expect("sound");
    let mut between = vec![file.tensors_start];
    while file.next_tensor().expect("sound").is_some() {
        between.push(file.offset);
    }
    for length in 0..whole.len() {
        let outcome = quantised(&whole[..length], BlockType::Q5_1);
        assert_eq!(outcome.is_ok(), between.contains(&length), "cut to {length} bytes");
    }
}

#[test]
fn every_changed_byte_is_read_or_refused_without_a_panic() {
    let whole = model();
    for position in 0..whole.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut hostile = whole.clone();
            hostile[position] = value;
            let _ = quantised(&hostile, BlockType::Q8_0);
        }
    }
}
