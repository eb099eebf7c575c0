use std::ffi::c_int;

use whisper_rs_sys::{
    ggml_quantize_chunk, ggml_row_size, ggml_type_GGML_TYPE_Q5_1, ggml_type_GGML_TYPE_Q6_K, ggml_type_GGML_TYPE_Q8_0,
};

use super::*;

/// Numbers between -1 and 1 that look like chance.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// The half cut towards zero, for numbers that are normal as one; and what it stands for.
fn half(number: f32) -> (u16, f32) {
    let bits = number.to_bits();
    let exponent = (bits >> 23 & 0xff) as i32 - 127 + 15;
    if exponent <= 0 {
        return (0, 0.0);
    }
    let half = (bits >> 16 & 0x8000) | (exponent as u32) << 10 | bits >> 13 & 0x3ff;
    (half as u16, f32::from_bits(bits & !0x1fff))
}

/// A matrix in some format, and the numbers that it stands for.
struct Matrix {
    /// Its bytes, aligned as numbers of single precision are.
    words: Vec<u32>,
    numbers: Vec<f32>,
    type_number: c_int,
    row_bytes: usize,
}

fn aligned(bytes: &[u8]) -> Vec<u32> {
    let word = |four: &[u8]| {
        let mut whole = [0; 4];
        whole[..four.len()].copy_from_slice(four);
        u32::from_ne_bytes(whole)
    };
    bytes.chunks(4).map(word).collect()
}

fn matrix(rows: usize, depth: usize, type_number: ggml_type, seed: u32) -> Matrix {
    let exact = numbers(rows * depth, seed);
    let (bytes, numbers) = if type_number == ggml_type_GGML_TYPE_F32 {
        (exact.iter().flat_map(|number| number.to_ne_bytes()).collect(), exact)
    } else if type_number == ggml_type_GGML_TYPE_F16 {
        let halves: Vec<(u16, f32)> = exact.into_iter().map(half).collect();
        let bytes = halves.iter().flat_map(|(half, _)| half.to_ne_bytes()).collect();
        (bytes, halves.into_iter().map(|(_, number)| number).collect())
    } else {
        // SAFETY: arithmetic on the type's constants.
        let row_bytes = unsafe { ggml_row_size(type_number, depth as i64) };
        let mut bytes = vec![0_u8; rows * row_bytes];
        let mut numbers = vec![0.0_f32; rows * depth];
        // SAFETY: rows of whole blocks, and room for all that comes out of them; the types take no importance matrix.
        unsafe {
            let to = bytes.as_mut_ptr().cast();
            ggml_quantize_chunk(
                type_number,
                exact.as_ptr(),
                to,
                0,
                rows as i64,
                depth as i64,
                std::ptr::null(),
            );
            let widen = (*ggml_get_type_traits(type_number)).to_float.expect("a way back");
            widen(bytes.as_ptr().cast(), numbers.as_mut_ptr(), (rows * depth) as i64);
        }
        (bytes, numbers)
    };
    Matrix {
        row_bytes: bytes.len() / rows,
        words: aligned(&bytes),
        numbers,
        type_number: type_number as c_int,
    }
}

/// The product by all jobs of so many workers, with a stretch between the columns that must stay as it is.
fn multiplied(weights: &Matrix, inputs: &Matrix, [rows, columns, depth]: [usize; 3], workers: usize) -> Vec<f32> {
    const BETWEEN: usize = 3;
    let untouched = f32::from_bits(0x7fc0_1234);
    let mut result = vec![untouched; columns * (rows + BETWEEN)];
    let product = Product {
        rows,
        columns,
        depth,
        weights: weights.words.as_ptr().cast(),
        weights_stride: weights.row_bytes,
        format: Format::of(weights.type_number).expect("a format"),
        inputs: inputs.words.as_ptr().cast(),
        inputs_stride: depth,
        inputs_type: InputType::of(inputs.type_number).expect("a type"),
        result: result.as_mut_ptr(),
        result_stride: rows + BETWEEN,
    };
    let jobs = product.jobs(workers);
    for job in 0..jobs.count() {
        // SAFETY: the matrices have these sizes, and the jobs come one after another.
        unsafe { product.compute(jobs.rows(job), jobs.columns(job)) };
    }
    let mut lines = Vec::new();
    for line in result.chunks(rows + BETWEEN) {
        lines.extend_from_slice(&line[..rows]);
        assert!(
            line[rows..]
                .iter()
                .all(|number| number.to_bits() == untouched.to_bits())
        );
    }
    lines
}

fn check(types: [ggml_type; 2], sizes: [usize; 3], workers: usize) {
    let [rows, columns, depth] = sizes;
    let weights = matrix(rows, depth, types[0], 1);
    let inputs = matrix(columns, depth, types[1], 2);
    let found = multiplied(&weights, &inputs, sizes, workers);
    for column in 0..columns {
        for row in 0..rows {
            let pairs = weights.numbers[row * depth..][..depth]
                .iter()
                .zip(&inputs.numbers[column * depth..][..depth]);
            let (mut exact, mut size) = (0.0_f64, 0.0_f64);
            for (one, other) in pairs {
                let product = f64::from(*one) * f64::from(*other);
                exact += product;
                size += product.abs();
            }
            let found = f64::from(found[column * rows + row]);
            // Each of the sums rounds by at most half a unit of the sum of all sizes.
            let bound = f64::from(f32::EPSILON) * depth as f64 * size;
            assert!(
                (found - exact).abs() <= bound,
                "types {types:?}, sizes {sizes:?}, workers {workers}, row {row}, column {column}: {found} for {exact}"
            );
        }
    }
}

#[test]
fn products_of_every_type_are_those_of_exact_arithmetic() {
    let formats = [
        ggml_type_GGML_TYPE_F32,
        ggml_type_GGML_TYPE_F16,
        ggml_type_GGML_TYPE_Q8_0,
        ggml_type_GGML_TYPE_Q5_1,
        ggml_type_GGML_TYPE_Q6_K,
    ];
    for weights in formats {
        for inputs in [ggml_type_GGML_TYPE_F32, ggml_type_GGML_TYPE_F16] {
            // One stretch of the depth, two, and two of which one is longer than the other by a block.
            for depth in [256, 1_024, 768] {
                check([weights, inputs], [40, 13, depth], 2);
            }
        }
    }
}

#[test]
fn sizes_that_are_no_multiples_of_anything_lose_no_row_and_no_column() {
    let half = [ggml_type_GGML_TYPE_F16; 2];
    for rows in [1, 7, 15, 16, 17, 63, 64, 65, 130] {
        for columns in [2, 3, 5, 6, 7, 47, 48, 49, 100] {
            for workers in [1, 2, 5] {
                check(half, [rows, columns, 11], workers);
            }
        }
    }
    for depth in [1, 7, 8, 9, 511, 512, 513, 1_021] {
        check(half, [17, 7, depth], 2);
    }
}

#[test]
fn a_type_that_cannot_be_widened_is_left_to_ggml() {
    // Integers of 32 bits: no weights.
    const I32: c_int = 26;
    assert!(Format::of(I32).is_none() && InputType::of(I32).is_none() && InputType::of(-1).is_none());
}
