//! The innermost loops, in AVX2: weights laid side by side, and a tile of the result kept in registers.

use std::arch::x86_64::{
    __m256, _mm_cvtph_ps, _mm_cvtsi32_si128, _mm_loadl_epi64, _mm_loadu_si128, _mm256_add_ps, _mm256_broadcast_ss,
    _mm256_broadcastss_ps, _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps, _mm256_cvtph_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_mul_ps, _mm256_permute2f128_ps, _mm256_setzero_ps, _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_unpackhi_ps,
    _mm256_unpacklo_ps,
};
use std::array;

/// The lanes of a register.
pub(super) const LANES: usize = 8;
/// Rows of weights side by side in a panel: two registers, so that a loaded input serves both.
pub(super) const PANEL_ROWS: usize = 2 * LANES;
/// With six columns of two registers, twelve sums are under way: enough to hide what a sum takes, and with the weights
/// and an input just below the sixteen registers that there are.
pub(super) const TILE_COLUMNS: usize = 6;

/// Turns halves into single precision.
///
/// # Safety
/// `from` points to as many halves as `to` has room for.
pub(super) unsafe fn widen(from: *const u16, to: &mut [f32]) {
    let (whole, rest) = to.as_chunks_mut::<LANES>();
    for (index, eight) in whole.iter_mut().enumerate() {
        // SAFETY: eight halves and room for eight numbers, by the caller's promise; this is built for F16C.
        unsafe {
            let halves = _mm_loadu_si128(from.add(index * LANES).cast());
            _mm256_storeu_ps(eight.as_mut_ptr(), _mm256_cvtph_ps(halves));
        }
    }
    if !rest.is_empty() {
        let mut halves = [0_u16; LANES];
        let mut eight = [0.0; LANES];
        // SAFETY: as many halves as are left, into room for eight.
        unsafe {
            from.add(whole.len() * LANES)
                .copy_to_nonoverlapping(halves.as_mut_ptr(), rest.len());
            _mm256_storeu_ps(
                eight.as_mut_ptr(),
                _mm256_cvtph_ps(_mm_loadu_si128(halves.as_ptr().cast())),
            );
        }
        rest.copy_from_slice(&eight[..rest.len()]);
    }
}

/// The weights of a block in Q8_0, and its bytes: the scale in half precision, then the weights.
const Q8_BLOCK: usize = 32;
const Q8_BLOCK_BYTES: usize = 2 + Q8_BLOCK;

/// Turns whole blocks of Q8_0 into single precision. ggml's own code, which serves the other formats of blocks, takes one
/// weight at a time; a prompt's products have few columns to share what that costs.
///
/// # Safety
/// `from` points to as many blocks as `to` has room for.
pub(super) unsafe fn widen_q8(from: *const u8, to: &mut [f32]) {
    let (blocks, _) = to.as_chunks_mut::<Q8_BLOCK>();
    for (index, block) in blocks.iter_mut().enumerate() {
        // SAFETY: a whole block and room for its weights, by the caller's promise; this is built for AVX2 and F16C.
        unsafe {
            let from = from.add(index * Q8_BLOCK_BYTES);
            let scale = _mm256_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(
                from.cast::<u16>().read_unaligned(),
            ))));
            for (part, eight) in block.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                let weights = _mm256_cvtepi8_epi32(_mm_loadl_epi64(from.add(2 + part * LANES).cast()));
                _mm256_storeu_ps(eight.as_mut_ptr(), _mm256_mul_ps(_mm256_cvtepi32_ps(weights), scale));
            }
        }
    }
}

/// Lays eight rows, `stride` apart, side by side: number `l` of row `i` comes to `l * PANEL_ROWS + i`. Up to seven
/// numbers behind `depth` come along.
///
/// # Panics
/// When the rows or the panel are shorter than that.
pub(super) fn interleave(rows: &[f32], stride: usize, depth: usize, panel: &mut [f32]) {
    let padded = depth.next_multiple_of(LANES);
    assert!(
        padded <= stride
            && rows.len() >= LANES * stride
            && (depth == 0 || panel.len() >= (padded - 1) * PANEL_ROWS + LANES)
    );
    for start in (0..depth).step_by(LANES) {
        // SAFETY: loads end at `padded` of each row and stores at the same of the panel, which the assertion bounds.
        unsafe {
            let square = array::from_fn(|row| _mm256_loadu_ps(rows.as_ptr().add(row * stride + start)));
            for (index, line) in transposed(square).into_iter().enumerate() {
                _mm256_storeu_ps(panel.as_mut_ptr().add((start + index) * PANEL_ROWS), line);
            }
        }
    }
}

fn transposed(rows: [__m256; LANES]) -> [__m256; LANES] {
    /// The first two lanes of each half of both, and the last two.
    const FIRST: i32 = 0b01_00_01_00;
    const LAST: i32 = 0b11_10_11_10;
    /// The lower halves of both, and the upper.
    const LOWER: i32 = 0x20;
    const UPPER: i32 = 0x31;
    // SAFETY: this is built for AVX.
    unsafe {
        let pairs: [[__m256; 2]; 4] = array::from_fn(|pair| {
            let (one, other) = (rows[2 * pair], rows[2 * pair + 1]);
            [_mm256_unpacklo_ps(one, other), _mm256_unpackhi_ps(one, other)]
        });
        let fours: [[__m256; 4]; 2] = array::from_fn(|four| {
            let [one, other] = [pairs[2 * four], pairs[2 * four + 1]];
            [
                _mm256_shuffle_ps::<FIRST>(one[0], other[0]),
                _mm256_shuffle_ps::<LAST>(one[0], other[0]),
                _mm256_shuffle_ps::<FIRST>(one[1], other[1]),
                _mm256_shuffle_ps::<LAST>(one[1], other[1]),
            ]
        });
        array::from_fn(|line| {
            let (one, other) = (fours[0][line % 4], fours[1][line % 4]);
            if line < 4 {
                _mm256_permute2f128_ps::<LOWER>(one, other)
            } else {
                _mm256_permute2f128_ps::<UPPER>(one, other)
            }
        })
    }
}

/// A part of a product that registers hold.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// At most [`PANEL_ROWS`].
    pub(super) rows: usize,
    /// One to [`TILE_COLUMNS`].
    pub(super) columns: usize,
    pub(super) depth: usize,
    /// Whether the sums are added to the result or replace it.
    pub(super) adds: bool,
}

impl Tile {
    /// Multiplies a panel by some columns.
    ///
    /// # Safety
    /// `inputs` points to the columns, each of `depth` numbers, and `result` to as many of `rows` that nobody else
    /// uses.
    ///
    /// # Panics
    /// When the panel is shorter than `depth`.
    pub(super) unsafe fn compute(
        self,
        panel: &[f32],
        inputs: *const f32,
        inputs_stride: usize,
        result: *mut f32,
        result_stride: usize,
    ) {
        let panel = &panel[..self.depth * PANEL_ROWS];
        // SAFETY: each arm has the number of columns of the tile.
        unsafe {
            match self.columns {
                1 => self.columns::<1>(panel, inputs, inputs_stride, result, result_stride),
                2 => self.columns::<2>(panel, inputs, inputs_stride, result, result_stride),
                3 => self.columns::<3>(panel, inputs, inputs_stride, result, result_stride),
                4 => self.columns::<4>(panel, inputs, inputs_stride, result, result_stride),
                5 => self.columns::<5>(panel, inputs, inputs_stride, result, result_stride),
                TILE_COLUMNS => self.columns::<TILE_COLUMNS>(panel, inputs, inputs_stride, result, result_stride),
                other => unreachable!("a tile has 1 to {TILE_COLUMNS} columns, not {other}"),
            }
        }
    }

    /// # Safety
    /// As for [`Self::compute`], and the tile has this many columns.
    unsafe fn columns<const COLUMNS: usize>(
        self,
        panel: &[f32],
        inputs: *const f32,
        inputs_stride: usize,
        result: *mut f32,
        result_stride: usize,
    ) {
        // SAFETY: weights come from the panel, inputs and results from where the caller promises them; this is built
        // for AVX2 and FMA.
        unsafe {
            let mut sums = [[_mm256_setzero_ps(); 2]; COLUMNS];
            for (index, weights) in panel.chunks_exact(PANEL_ROWS).enumerate() {
                let first = _mm256_loadu_ps(weights.as_ptr());
                let second = _mm256_loadu_ps(weights.as_ptr().add(LANES));
                for (column, sums) in sums.iter_mut().enumerate() {
                    let input = _mm256_broadcast_ss(&*inputs.add(column * inputs_stride + index));
                    sums[0] = _mm256_fmadd_ps(first, input, sums[0]);
                    sums[1] = _mm256_fmadd_ps(second, input, sums[1]);
                }
            }
            for (column, sums) in sums.into_iter().enumerate() {
                let to = result.add(column * result_stride);
                if self.rows == PANEL_ROWS {
                    for (half, sum) in sums.into_iter().enumerate() {
                        let to = to.add(half * LANES);
                        let sum = if self.adds {
                            _mm256_add_ps(sum, _mm256_loadu_ps(to))
                        } else {
                            sum
                        };
                        _mm256_storeu_ps(to, sum);
                    }
                } else {
                    let mut line = [0.0; PANEL_ROWS];
                    _mm256_storeu_ps(line.as_mut_ptr(), sums[0]);
                    _mm256_storeu_ps(line.as_mut_ptr().add(LANES), sums[1]);
                    for (row, sum) in line[..self.rows].iter().enumerate() {
                        let before = if self.adds { *to.add(row) } else { 0.0 };
                        *to.add(row) = before + sum;
                    }
                }
            }
        }
    }
}
