//! Against candle's own products.

use std::num::NonZeroUsize;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{Device, Module, Tensor};

use super::{BLOCK_BYTES, Matrix, Tile, half_of, half_to_single, kernel, portable};
use crate::llama::Team;
use crate::llama::numbers::numbers;

fn team(threads: usize) -> Arc<Team> {
    Arc::new(Team::new(NonZeroUsize::new(threads).unwrap()).unwrap())
}

fn quantized(outputs: usize, width: usize, seed: u32, format: GgmlDType) -> QTensor {
    let weights = Tensor::from_vec(numbers(outputs * width, seed), (outputs, width), &Device::Cpu).unwrap();
    QTensor::quantize(&weights, format).unwrap()
}

/// A matrix of one tensor, for one thread.
fn matrix(tensor: QTensor) -> Option<Matrix> {
    Matrix::new(&[tensor], &team(1)).unwrap()
}

#[test]
fn halves_become_the_same_number() {
    for (half, single) in [
        (0x3c00, 1.0),
        (0xc000, -2.0),
        (0x0001, 2.0_f32.powi(-24)),
        (0x03ff, 1023.0 * 2.0_f32.powi(-24)),
        (0x7bff, 65504.0),
        (0x8000, -0.0),
        (0x3555, 0.333_251_95),
    ] {
        assert_eq!(half_to_single(half).to_bits(), f32::to_bits(single), "{half:#x}");
    }
    assert!(half_to_single(0x7e00).is_nan() && half_to_single(0x7c00).is_infinite());
}

#[test]
fn scales_round_to_halves() {
    for half in [0x0001, 0x0155, 0x03ff, 0x0400, 0x3555, 0x3c00, 0x7bff] {
        let exact = half_to_single(half);
        let next = half_to_single(half + u16::from(half < 0x7bff));
        assert_eq!(half_of(exact).to_bits(), exact.to_bits(), "{half:#x}");
        assert_eq!(half_of(exact + (next - exact) * 0.4), exact, "{half:#x}");
        if next > exact {
            assert_eq!(half_of(exact + (next - exact) * 0.6), next, "{half:#x}");
            let even = if half % 2 == 0 { exact } else { next };
            assert_eq!(half_of(exact + (next - exact) * 0.5), even, "{half:#x}");
        }
    }
}

#[test]
fn any_number_of_rows_and_threads_gives_what_candle_gives() {
    // Two matrices one below the other, so large that several threads share a single row already.
    let (upper, lower, width) = (1000, 840, 576);
    let tensors = || {
        [
            quantized(upper, width, 1, GgmlDType::Q8_0),
            quantized(lower, width, 2, GgmlDType::Q8_0),
        ]
    };
    let matrices = [1, 3].map(|threads| (threads, Matrix::new(&tensors(), &team(threads)).unwrap().unwrap()));
    let candle = tensors().map(|tensor| QMatMul::from_qtensor(tensor).unwrap());
    for rows in [1, 2, 3, 4, 5, 8, 23, 300] {
        let input = numbers(rows * width, rows as u32);
        let tensor = Tensor::from_slice(&input, (rows, width), &Device::Cpu).unwrap();
        let outputs = [&candle[0], &candle[1]].map(|product| product.forward(&tensor).unwrap());
        let expected: Vec<f32> = Tensor::cat(&outputs, 1)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1()
            .unwrap();
        for (threads, matrix) in &matrices {
            let actual = matrix.multiply(&input);
            let apart = actual.iter().zip(&expected).map(|(one, other)| (one - other).abs());
            let largest = apart.fold(0.0_f32, f32::max);
            // candle keeps the rows' scales in half precision; sums of 576 products of this size lie near 8.
            assert!(largest < 0.02, "{rows} rows on {threads} threads: {largest}");
        }
    }
}

#[test]
fn both_kernels_agree_at_the_largest_bytes_too() {
    let byte = |number: &f32| (number * 127.0) as i8;
    let mut weights: Vec<i8> = numbers(8 * 96, 5).iter().map(byte).collect();
    let mut values: Vec<i8> = numbers(4 * 96, 6).iter().map(byte).collect();
    weights[..256].fill(-127);
    values[..32].fill(127);
    values[96..128].fill(-127);
    values[200] = 0;
    let magnitudes: Vec<u8> = values.iter().map(|value| value.unsigned_abs()).collect();
    // Halves of both signs, from 2^-14 to just below two.
    let scales: Vec<u16> = (0..3 * 8_u16).map(|index| (index * 2731) & 0xbfff | 0x0400).collect();
    let row_scales = numbers(4 * 3, 8);
    let tile = Tile {
        values: &values,
        magnitudes: &magnitudes,
        scales: &row_scales,
    };
    let (mut one, mut other) = ([0.0; 32], [0.0; 32]);
    kernel::eight::<4>(&weights, &scales, &tile, &mut one);
    portable::eight::<4>(&weights, &scales, &tile, &mut other);
    for (one, other) in one.iter().zip(other) {
        assert!((one - other).abs() <= other.abs() * 1e-5 + 1e-2, "{one} {other}");
    }
}

#[test]
fn a_row_of_the_matrix_is_what_candle_makes_of_it() {
    let packed = quantized(16, 64, 3, GgmlDType::Q8_0);
    let expected: Vec<Vec<f32>> = packed.dequantize(&Device::Cpu).unwrap().to_vec2().unwrap();
    let matrix = matrix(packed).unwrap();
    for (index, expected) in expected.iter().enumerate() {
        let mut row = Vec::new();
        matrix.unpack_row(index, &mut row);
        assert_eq!(&row, expected, "{index}");
    }
}

#[test]
fn other_formats_and_odd_shapes_are_left_to_candle() {
    assert!(matrix(quantized(64, 64, 1, GgmlDType::Q4_0)).is_none());
    assert!(matrix(quantized(63, 64, 1, GgmlDType::Q8_0)).is_none());
    let pair = |format, width| [quantized(8, 64, 1, GgmlDType::Q8_0), quantized(8, width, 2, format)];
    let of = |tensors: &[QTensor]| Matrix::new(tensors, &team(1)).unwrap();
    assert!(of(&pair(GgmlDType::Q8_0, 64)).is_some());
    assert!(of(&pair(GgmlDType::Q4_0, 64)).is_none());
    assert!(of(&pair(GgmlDType::Q8_0, 96)).is_none());
}

#[test]
fn a_weight_without_a_negative_is_left_to_candle() {
    let packed = quantized(8, 64, 1, GgmlDType::Q8_0);
    let with_last_weight = |weight: i8| {
        let mut bytes = packed.data().unwrap().into_owned();
        bytes[15 * BLOCK_BYTES + BLOCK_BYTES - 1] = weight as u8;
        let storage = QStorage::from_data(bytes.into(), &Device::Cpu, GgmlDType::Q8_0).unwrap();
        matrix(QTensor::new(storage, (8, 64)).unwrap())
    };
    assert!(with_last_weight(-127).is_some());
    assert!(with_last_weight(-128).is_none());
}
