//! Products of several columns that ggml computes are exact to single precision, whatever the format of the weights: it
//! has them from `src/sgemm`, whose function the linker took in place of ggml's own. That one rounds what it multiplies
//! Q8_0 by to eight bits, and fails here.

// Not where it is built for an older processor, which `RUSTFLAGS` may do unnoticed: then this fails.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![expect(unsafe_code, reason = "ggml is C, and whisper-rs has no safe way to its graphs")]

use std::ptr;

// The crate that is tested: without it the linker would take ggml's own function.
use voiceflow_asr as _;
use whisper_rs_sys::{
    ggml_build_forward_expand, ggml_context, ggml_fp32_to_fp16_row, ggml_free, ggml_get_data, ggml_get_data_f32,
    ggml_get_type_traits, ggml_graph_compute_with_ctx, ggml_init, ggml_init_params, ggml_mul_mat, ggml_new_graph,
    ggml_new_tensor_2d, ggml_new_tensor_3d, ggml_permute, ggml_quantize_chunk, ggml_row_size,
    ggml_status_GGML_STATUS_SUCCESS, ggml_tensor, ggml_type, ggml_type_GGML_TYPE_F16, ggml_type_GGML_TYPE_F32,
    ggml_type_GGML_TYPE_Q5_1, ggml_type_GGML_TYPE_Q8_0, ggml_view_2d,
};

/// The numbers of a row, several blocks of every format.
const DEPTH: usize = 608;
const ROWS: usize = 70;
/// Products of the same weights.
const BATCH: usize = 2;

/// Numbers from -1 to 1 in steps of 1/1024, which halves hold exactly.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 21) as f32 / 1_024.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// How a product is posed.
#[derive(Clone, Copy, Debug)]
struct Case {
    weights: ggml_type,
    columns: usize,
    threads: i32,
    /// The weights are the middle of longer rows.
    is_view: bool,
    /// Columns of one product lie between those of the other.
    is_permuted: bool,
}

/// A ggml context that is freed at the end.
struct Context(*mut ggml_context);

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by `ggml_init`, and nobody else has it.
        unsafe { ggml_free(self.0) };
    }
}

/// Writes numbers into a tensor of its type and returns what it then holds.
///
/// # Safety
/// The tensor has room for as many numbers, in rows of `row`.
unsafe fn fill(tensor: *mut ggml_tensor, kind: ggml_type, numbers: Vec<f32>, row: usize) -> Vec<f32> {
    let count = numbers.len() as i64;
    // SAFETY: the tensor's memory has the room by the caller's promise; rows are whole blocks.
    unsafe {
        let data = ggml_get_data(tensor);
        if kind == ggml_type_GGML_TYPE_F32 {
            data.cast::<f32>()
                .copy_from_nonoverlapping(numbers.as_ptr(), numbers.len());
            numbers
        } else if kind == ggml_type_GGML_TYPE_F16 {
            ggml_fp32_to_fp16_row(numbers.as_ptr(), data.cast(), count);
            numbers
        } else {
            let rows = count / row as i64;
            ggml_quantize_chunk(kind, numbers.as_ptr(), data, 0, rows, row as i64, ptr::null());
            let mut held = vec![0.0; numbers.len()];
            let widen = (*ggml_get_type_traits(kind)).to_float.expect("a way back");
            widen(data, held.as_mut_ptr(), count);
            held
        }
    }
}

/// Has ggml compute the product and holds it against exact arithmetic.
fn check(case: Case) {
    let Case { weights, columns, .. } = case;
    /// Numbers of a longer row before those that count: a block of every format.
    const BEFORE: usize = 32;
    let row = if case.is_view { BEFORE + DEPTH + BEFORE } else { DEPTH };
    let parameters = ggml_init_params {
        mem_size: 32 << 20,
        mem_buffer: ptr::null_mut(),
        no_alloc: false,
    };
    // SAFETY: ggml's own steps from a context to a computed graph; tensors live as long as the context, and each is
    // read and written within its size.
    let (held, inputs, found) = unsafe {
        let context = Context(ggml_init(parameters));
        assert!(!context.0.is_null());
        let mut left = ggml_new_tensor_2d(context.0, weights, row as i64, ROWS as i64);
        let held = fill(left, weights, numbers(row * ROWS, 1), row);
        if case.is_view {
            let bytes = |count: usize| ggml_row_size(weights, count as i64);
            left = ggml_view_2d(context.0, left, DEPTH as i64, ROWS as i64, bytes(row), bytes(BEFORE));
        }
        let [middle, outer] = if case.is_permuted {
            [BATCH, columns]
        } else {
            [columns, BATCH]
        };
        let mut right = ggml_new_tensor_3d(
            context.0,
            ggml_type_GGML_TYPE_F32,
            DEPTH as i64,
            middle as i64,
            outer as i64,
        );
        let inputs = fill(
            right,
            ggml_type_GGML_TYPE_F32,
            numbers(DEPTH * columns * BATCH, 2),
            DEPTH,
        );
        if case.is_permuted {
            right = ggml_permute(context.0, right, 0, 2, 1, 3);
        }
        let product = ggml_mul_mat(context.0, left, right);
        let graph = ggml_new_graph(context.0);
        ggml_build_forward_expand(graph, product);
        let status = ggml_graph_compute_with_ctx(context.0, graph, case.threads);
        assert_eq!(status, ggml_status_GGML_STATUS_SUCCESS);
        let found = std::slice::from_raw_parts(ggml_get_data_f32(product), ROWS * columns * BATCH).to_vec();
        (held, inputs, found)
    };
    for (index, found) in found.into_iter().enumerate() {
        let (at, column, batch) = (index % ROWS, index / ROWS % columns, index / ROWS / columns);
        let start = at * row + if case.is_view { BEFORE } else { 0 };
        let line = if case.is_permuted {
            column * BATCH + batch
        } else {
            batch * columns + column
        };
        let (mut exact, mut size) = (0.0_f64, 0.0_f64);
        for (one, other) in held[start..][..DEPTH].iter().zip(&inputs[line * DEPTH..][..DEPTH]) {
            let product = f64::from(*one) * f64::from(*other);
            exact += product;
            size += product.abs();
        }
        let bound = f64::from(f32::EPSILON) * DEPTH as f64 * size;
        assert!(
            (f64::from(found) - exact).abs() <= bound,
            "{case:?}, row {at}, column {column}, product {batch}: {found} for {exact}"
        );
    }
}

#[test]
fn ggml_multiplies_weights_of_every_format_to_single_precision() {
    for weights in [
        ggml_type_GGML_TYPE_F32,
        ggml_type_GGML_TYPE_F16,
        ggml_type_GGML_TYPE_Q8_0,
        ggml_type_GGML_TYPE_Q5_1,
    ] {
        for columns in [2, 13, 100] {
            for threads in [1, 3] {
                for is_view in [false, true] {
                    check(Case {
                        weights,
                        columns,
                        threads,
                        is_view,
                        is_permuted: false,
                    });
                }
            }
        }
    }
}

#[test]
fn inputs_that_do_not_lie_in_one_piece_come_as_halves() {
    for columns in [2, 13] {
        for threads in [1, 3] {
            check(Case {
                weights: ggml_type_GGML_TYPE_F16,
                columns,
                threads,
                is_view: true,
                is_permuted: true,
            });
        }
    }
}
