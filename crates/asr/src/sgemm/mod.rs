//! The matrix products of whisper.cpp, in single precision.
//!
//! ggml, built with `GGML_LLAMAFILE`, offers a product to the function `llamafile_sgemm` before it computes it itself.
//! Its own, tinyBLAS, widens both sides from halves in the innermost loop, takes weights of eight bits only with inputs
//! rounded to eight bits, and does not take Q5_1. This module defines the function in its place. Here weights of any
//! format are widened once for a whole block of columns and laid side by side, so that the innermost loop only
//! multiplies ([`kernel`]), and inputs keep the precision that ggml hands them over in. METHODOLOGY.md has what that
//! gains, in time and in words heard right.
//!
//! The linker resolves the name here because this crate stands before whisper.cpp's library, whose object of that name
//! is then never taken; `tests/products.rs` fails if that ends.
//!
//! What this leaves to ggml: products of a single column, which is how words are decoded one after another; block
//! formats with inputs that do not lie in one piece, which whisper.cpp has none of; weights that ggml keeps repacked.
//! Whatever is not built for Linux on x86-64 with AVX2, FMA and F16C has tinyBLAS.

#![expect(
    unsafe_code,
    reason = "ggml is C: it hands out pointers, and takes a function by its symbol"
)]

mod kernel;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::ops::Range;

use whisper_rs_sys::{
    ggml_get_type_traits, ggml_to_float_t, ggml_type, ggml_type_GGML_TYPE_F16, ggml_type_GGML_TYPE_F32,
    ggml_type_GGML_TYPE_Q8_0,
};

use kernel::{LANES, PANEL_ROWS, TILE_COLUMNS};

/// Rows of weights that are widened together. Each column that is loaded serves all of them.
const BLOCK_ROWS: usize = 4 * PANEL_ROWS;
/// Columns that stay in the second-level cache while the block's rows pass by.
const BLOCK_COLUMNS: usize = 8 * TILE_COLUMNS;
/// Weights of a row that are widened at a time: with them a panel fills the first-level cache. Whole blocks of every
/// format.
const BLOCK_DEPTH: usize = 512;
/// tinyBLAS leaves a single column to ggml, and so does this.
const COLUMNS_MIN: usize = 2;
/// A thread that the system interrupts leaves the rest of its jobs to the others, if there are several.
const JOBS_PER_THREAD: usize = 4;

/// What ggml tells each of the threads that compute a product together: `ggml_compute_params`, of which no public
/// header speaks.
#[repr(C)]
struct Worker {
    index: c_int,
    workers: c_int,
    _work_bytes: usize,
    _work: *mut c_void,
    team: *mut c_void,
}

unsafe extern "C" {
    /// Waits for all workers.
    fn ggml_barrier(team: *mut c_void);
    /// Sets the team's counter.
    fn ggml_threadpool_chunk_set(team: *mut c_void, value: c_int);
    /// Adds to the team's counter and returns what it was.
    fn ggml_threadpool_chunk_add(team: *mut c_void, value: c_int) -> c_int;
}

/// `result[j][i] = Σ weights[i][l] · inputs[j][l]` for all i below `rows`, j below `columns` and l below `depth`.
/// Called by all workers at once; false, from all of them and with nothing done, leaves the product to ggml.
///
/// # Safety
/// As ggml calls it: `weights`, `inputs` and `result` point to that many rows of that many numbers in the given types,
/// `stride` blocks apart and aligned for them; `result` overlaps neither of the others, and nobody else writes any of
/// them meanwhile. `worker` belongs to a team whose workers all make this call.
#[unsafe(no_mangle)]
unsafe extern "C" fn llamafile_sgemm(
    worker: *const Worker,
    rows: i64,
    columns: i64,
    depth: i64,
    weights: *const c_void,
    weights_stride: i64,
    inputs: *const c_void,
    inputs_stride: i64,
    result: *mut c_void,
    result_stride: i64,
    weights_type: c_int,
    inputs_type: c_int,
    result_type: c_int,
) -> bool {
    let (Ok(rows), Ok(columns), Ok(blocks)) = (usize::try_from(rows), usize::try_from(columns), usize::try_from(depth))
    else {
        return false;
    };
    let (Some(format), Some(inputs_type)) = (Format::of(weights_type), InputType::of(inputs_type)) else {
        return false;
    };
    if columns < COLUMNS_MIN || blocks == 0 || result_type as ggml_type != ggml_type_GGML_TYPE_F32 {
        return false;
    }
    let product = Product {
        rows,
        columns,
        depth: blocks * format.block_weights,
        weights: weights.cast(),
        weights_stride: weights_stride as usize * format.block_bytes,
        format,
        inputs: inputs.cast(),
        inputs_stride: inputs_stride as usize,
        inputs_type,
        result: result.cast(),
        result_stride: result_stride as usize,
    };
    // SAFETY: ggml's pointer to what it tells this thread, for the time of the call.
    let worker = unsafe { &*worker };
    let jobs = product.jobs(worker.workers as usize);
    // SAFETY: the team is ggml's own, and all its workers come here: what decides above is the same for all of them.
    // The first barrier keeps a worker from counting before the counter is set, the second from setting it for the next
    // product while another still counts.
    unsafe {
        if worker.index == 0 {
            ggml_threadpool_chunk_set(worker.team, worker.workers);
        }
        ggml_barrier(worker.team);
        let mut job = worker.index as usize;
        while job < jobs.count() {
            product.compute(jobs.rows(job), jobs.columns(job));
            job = ggml_threadpool_chunk_add(worker.team, 1) as usize;
        }
        ggml_barrier(worker.team);
    }
    true
}

/// How weights are stored.
#[derive(Clone, Copy)]
struct Format {
    widen: Widen,
    /// The weights of a block, one where they stand for themselves.
    block_weights: usize,
    block_bytes: usize,
}

#[derive(Clone, Copy)]
enum Widen {
    Single,
    Half,
    Q8,
    /// ggml's function for the format.
    Blocks(unsafe extern "C" fn(*const c_void, *mut f32, i64)),
}

impl Format {
    /// The format of ggml's number, if it can be widened.
    fn of(number: c_int) -> Option<Self> {
        let number = ggml_type::try_from(number).ok()?;
        // SAFETY: a look into a constant table; ggml ends the process at an index beyond it.
        let traits = unsafe { &*ggml_get_type_traits(number) };
        let widen = match number {
            #[expect(non_upper_case_globals, reason = "ggml's name")]
            ggml_type_GGML_TYPE_F32 => Widen::Single,
            #[expect(non_upper_case_globals, reason = "ggml's name")]
            ggml_type_GGML_TYPE_F16 => Widen::Half,
            #[expect(non_upper_case_globals, reason = "ggml's name")]
            ggml_type_GGML_TYPE_Q8_0 => Widen::Q8,
            _ => Widen::Blocks((traits.to_float as ggml_to_float_t)?),
        };
        let block_weights = usize::try_from(traits.blck_size).ok()?;
        // A block is never cut in two.
        (block_weights > 0 && BLOCK_DEPTH.is_multiple_of(block_weights)).then_some(Self {
            widen,
            block_weights,
            block_bytes: traits.type_size,
        })
    }
}

#[derive(Clone, Copy)]
enum InputType {
    Single,
    Half,
}

impl InputType {
    fn of(number: c_int) -> Option<Self> {
        match ggml_type::try_from(number).ok()? {
            #[expect(non_upper_case_globals, reason = "ggml's name")]
            ggml_type_GGML_TYPE_F32 => Some(Self::Single),
            #[expect(non_upper_case_globals, reason = "ggml's name")]
            ggml_type_GGML_TYPE_F16 => Some(Self::Half),
            _ => None,
        }
    }
}

/// A product as ggml describes it. Strides are in bytes for the weights, in numbers for the rest.
struct Product {
    rows: usize,
    columns: usize,
    depth: usize,
    weights: *const u8,
    weights_stride: usize,
    format: Format,
    inputs: *const u8,
    inputs_stride: usize,
    inputs_type: InputType,
    result: *mut f32,
    result_stride: usize,
}

/// How a product is divided: into blocks of rows, and each of them into stretches of columns.
struct Jobs {
    all_rows: usize,
    all_columns: usize,
    columns: usize,
}

impl Jobs {
    fn count(&self) -> usize {
        self.all_rows.div_ceil(BLOCK_ROWS) * self.all_columns.div_ceil(self.columns)
    }

    fn rows(&self, job: usize) -> Range<usize> {
        let start = job % self.all_rows.div_ceil(BLOCK_ROWS) * BLOCK_ROWS;
        start..(start + BLOCK_ROWS).min(self.all_rows)
    }

    fn columns(&self, job: usize) -> Range<usize> {
        let start = job / self.all_rows.div_ceil(BLOCK_ROWS) * self.columns;
        start..(start + self.columns).min(self.all_columns)
    }
}

/// What a thread keeps from product to product: 240 KiB, for as long as it lives. OpenMP keeps its threads.
struct Scratch {
    /// Half a panel's rows, widened.
    lines: Vec<f32>,
    panels: Vec<f32>,
    /// Columns that were halves.
    inputs: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        lines: vec![0.0; LANES * BLOCK_DEPTH],
        panels: vec![0.0; BLOCK_ROWS * BLOCK_DEPTH],
        inputs: vec![0.0; BLOCK_COLUMNS * BLOCK_DEPTH],
    });
}

impl Product {
    fn jobs(&self, workers: usize) -> Jobs {
        let row_blocks = self.rows.div_ceil(BLOCK_ROWS);
        // One thread has nobody to leave anything to.
        let wanted = if workers > 1 { workers * JOBS_PER_THREAD } else { 1 };
        let stretches = wanted.div_ceil(row_blocks.max(1));
        Jobs {
            all_rows: self.rows,
            all_columns: self.columns,
            columns: self.columns.div_ceil(stretches).next_multiple_of(TILE_COLUMNS),
        }
    }

    /// Computes a part of the result.
    ///
    /// # Safety
    /// The pointers hold what [`llamafile_sgemm`] asks for, the ranges lie within the product, and nobody else writes
    /// this part of the result.
    unsafe fn compute(&self, rows: Range<usize>, columns: Range<usize>) {
        SCRATCH.with_borrow_mut(|scratch| {
            for depth in self.depths() {
                for (first, panel) in rows
                    .clone()
                    .step_by(PANEL_ROWS)
                    .zip(scratch.panels.chunks_mut(PANEL_ROWS * BLOCK_DEPTH))
                {
                    let rows = first..(first + PANEL_ROWS).min(rows.end);
                    // SAFETY: rows and depth lie within the weights.
                    unsafe { self.pack(rows, depth.clone(), &mut scratch.lines, panel) };
                }
                for first in columns.clone().step_by(BLOCK_COLUMNS) {
                    let columns = first..(first + BLOCK_COLUMNS).min(columns.end);
                    // SAFETY: columns and depth lie within the inputs, the rest is the caller's promise.
                    unsafe {
                        self.compute_block(
                            rows.clone(),
                            columns,
                            depth.clone(),
                            &scratch.panels,
                            &mut scratch.inputs,
                        )
                    };
                }
            }
        });
    }

    /// The depth in equal parts of whole blocks, none longer than [`BLOCK_DEPTH`].
    fn depths(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let depth = self.depth;
        let parts = depth.div_ceil(BLOCK_DEPTH).max(1);
        let part = depth
            .div_ceil(parts)
            .next_multiple_of(self.format.block_weights.max(LANES));
        (0..depth)
            .step_by(part)
            .map(move |start| start..(start + part).min(depth))
    }

    /// Widens the weights of up to [`PANEL_ROWS`] rows into a panel, with zeros for rows that there are not.
    ///
    /// # Safety
    /// Rows and depth lie within the weights, the depth at whole blocks.
    unsafe fn pack(&self, rows: Range<usize>, depth: Range<usize>, lines: &mut [f32], panel: &mut [f32]) {
        for half in 0..2 {
            for (index, line) in lines.chunks_mut(BLOCK_DEPTH).enumerate() {
                let line = &mut line[..depth.len()];
                let row = rows.start + half * LANES + index;
                if row >= rows.end {
                    line.fill(0.0);
                    continue;
                }
                let offset =
                    row * self.weights_stride + depth.start / self.format.block_weights * self.format.block_bytes;
                // SAFETY: within the row's bytes, of which this many numbers are left.
                unsafe {
                    let from = self.weights.add(offset);
                    match self.format.widen {
                        Widen::Single => from.cast::<f32>().copy_to_nonoverlapping(line.as_mut_ptr(), line.len()),
                        Widen::Half => kernel::widen(from.cast(), line),
                        Widen::Q8 => kernel::widen_q8(from, line),
                        Widen::Blocks(widen) => widen(from.cast(), line.as_mut_ptr(), line.len() as i64),
                    }
                }
            }
            kernel::interleave(lines, BLOCK_DEPTH, depth.len(), &mut panel[half * LANES..]);
        }
    }

    /// Multiplies the packed rows by some columns, and adds to the result what the depth before gave.
    ///
    /// # Safety
    /// As for [`Self::compute`]; the panels hold these rows in this depth.
    unsafe fn compute_block(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        depth: Range<usize>,
        panels: &[f32],
        widened: &mut [f32],
    ) {
        // SAFETY: the columns lie within the inputs, whose type says how many bytes a number has.
        let (inputs, inputs_stride) = unsafe {
            match self.inputs_type {
                InputType::Single => {
                    let first = self
                        .inputs
                        .cast::<f32>()
                        .add(columns.start * self.inputs_stride + depth.start);
                    (first, self.inputs_stride)
                }
                InputType::Half => {
                    for (column, line) in columns.clone().zip(widened.chunks_mut(BLOCK_DEPTH)) {
                        let from = self.inputs.cast::<u16>().add(column * self.inputs_stride + depth.start);
                        kernel::widen(from, &mut line[..depth.len()]);
                    }
                    (widened.as_ptr(), BLOCK_DEPTH)
                }
            }
        };
        // Tiles of about one width: a narrow one has few sums, which wait for each other.
        let tile_columns = columns.len().div_ceil(columns.len().div_ceil(TILE_COLUMNS).max(1));
        for (first, panel) in rows
            .clone()
            .step_by(PANEL_ROWS)
            .zip(panels.chunks(PANEL_ROWS * BLOCK_DEPTH))
        {
            for column in columns.clone().step_by(tile_columns) {
                let tile = kernel::Tile {
                    rows: PANEL_ROWS.min(rows.end - first),
                    columns: tile_columns.min(columns.end - column),
                    depth: depth.len(),
                    adds: depth.start > 0,
                };
                // SAFETY: the tile lies within columns and rows that the caller may read and write.
                unsafe {
                    let inputs = inputs.add((column - columns.start) * inputs_stride);
                    let result = self.result.add(column * self.result_stride + first);
                    tile.compute(panel, inputs, inputs_stride, result, self.result_stride);
                }
            }
        }
    }
}
