//! Products with a matrix of weights in Q8_0, for several rows at once.
//!
//! candle 0.11.1 multiplies Q8_0 on AVX2 one row by one output at a time, and sums across a register's lanes at the end of
//! each. Here the weights of eight outputs lie side by side, so that every lane is an output of its own, and what is loaded
//! serves four rows. The arithmetic is candle's: the rows are rounded to eight bits in blocks of 32, products are summed as
//! integers within a block and as `f32` across blocks.
//!
//! Other formats, and devices other than the processor, are candle's business.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{CpuStorage, CustomOp1, Layout, Shape};

use super::Team;

#[cfg(all(
    target_arch = "x86_64",
    target_feature = "avx2",
    target_feature = "fma",
    target_feature = "f16c"
))]
mod avx2;
#[cfg(any(
    test,
    not(all(
        target_arch = "x86_64",
        target_feature = "avx2",
        target_feature = "fma",
        target_feature = "f16c"
    ))
))]
mod portable;
#[cfg(test)]
mod tests;

#[cfg(all(
    target_arch = "x86_64",
    target_feature = "avx2",
    target_feature = "fma",
    target_feature = "f16c"
))]
use avx2 as kernel;
#[cfg(not(all(
    target_arch = "x86_64",
    target_feature = "avx2",
    target_feature = "fma",
    target_feature = "f16c"
)))]
use portable as kernel;

/// Weights that share a scale, as the format defines it.
const BLOCK: usize = 32;
/// Bytes of a block in a file: the scale in half precision, then the weights.
const BLOCK_BYTES: usize = 2 + BLOCK;
/// Outputs whose weights lie side by side: the lanes of a register of AVX2.
const LANES: usize = 8;
/// The one weight that has no negative in eight bits, which the kernel would need. ggml and candle write none: the
/// largest of a block becomes 127.
const NO_NEGATIVE: u8 = 0x80;
/// Weights of one output that lie together: what an instruction sums into a lane.
const STEP: usize = 4;
/// Rows that share what is loaded. Two registers of sums for each, with the rest, fit the sixteen of AVX2.
const TILE: usize = 4;
/// Weights that one thread goes through at least, once for every [`TILE`] rows: at the 7 to 10 GB/s that one thread reads
/// from memory here (`anchor/memread/1t`) they take 26 to 37 µs, which is worth waking a thread for.
const WEIGHTS_PER_THREAD_MIN: usize = 1 << 18;

/// A matrix of `outputs` rows of `width` weights.
#[derive(Debug)]
pub(crate) struct Matrix {
    width: usize,
    outputs: usize,
    /// By group of eight outputs, block, step within the block, output, place within the step.
    weights: Vec<i8>,
    /// By group, block, output; in half precision, as in the file: one row is read at the speed of the memory.
    scales: Vec<u16>,
    team: Arc<Team>,
}

/// What multiplies the matrix, rounded to eight bits.
struct Rows {
    count: usize,
    values: Vec<i8>,
    /// Without their signs.
    magnitudes: Vec<u8>,
    /// One for each block.
    scales: Vec<f32>,
}

/// A few of them.
struct Tile<'a> {
    values: &'a [i8],
    magnitudes: &'a [u8],
    scales: &'a [f32],
}

impl Matrix {
    /// Takes the weights over, the outputs of the tensors one after the other; or none where their widths differ, or one has
    /// another format, no groups of eight outputs, or a weight of -128.
    ///
    /// # Errors
    /// Fails where candle cannot give the weights out.
    pub(crate) fn new(tensors: &[QTensor], team: &Arc<Team>) -> candle_core::Result<Option<Self>> {
        let width = tensors.first().and_then(|first| first.shape().dims().last()).copied();
        let weights: usize = tensors.iter().map(|tensor| tensor.shape().elem_count()).sum();
        let mut matrix = Self {
            width: width.unwrap_or(0),
            outputs: 0,
            weights: Vec::with_capacity(weights),
            scales: Vec::with_capacity(weights / BLOCK),
            team: Arc::clone(team),
        };
        for tensor in tensors {
            if !matrix.take(tensor)? {
                return Ok(None);
            }
        }
        Ok(Some(matrix))
    }

    /// Takes one more tensor's weights over, or answers that it cannot.
    fn take(&mut self, tensor: &QTensor) -> candle_core::Result<bool> {
        let (outputs, width) = tensor.shape().dims2()?;
        if tensor.dtype() != GgmlDType::Q8_0 || width != self.width || width % BLOCK != 0 || outputs % LANES != 0 {
            return Ok(false);
        }
        let bytes = tensor.data()?;
        let blocks = width / BLOCK;
        let (weights_before, scales_before) = (self.weights.len(), self.scales.len());
        self.weights.resize(weights_before + outputs * width, 0);
        self.scales.resize(scales_before + outputs * blocks, 0);
        let (weights, scales) = (&mut self.weights[weights_before..], &mut self.scales[scales_before..]);
        for (index, bytes) in bytes.chunks_exact(BLOCK_BYTES).take(outputs * blocks).enumerate() {
            let (output, block) = (index / blocks, index % blocks);
            let place = output / LANES * blocks + block;
            let lane = output % LANES;
            if bytes[2..].contains(&NO_NEGATIVE) {
                return Ok(false);
            }
            scales[place * LANES + lane] = u16::from_le_bytes([bytes[0], bytes[1]]);
            for (step, four) in bytes[2..].chunks_exact(STEP).enumerate() {
                let start = place * BLOCK * LANES + (step * LANES + lane) * STEP;
                for (weight, &byte) in weights[start..start + STEP].iter_mut().zip(four) {
                    *weight = byte as i8;
                }
            }
        }
        self.outputs += outputs;
        Ok(true)
    }

    /// Row `index` of the matrix as numbers, appended to `values`.
    pub(crate) fn unpack_row(&self, index: usize, values: &mut Vec<f32>) {
        let (group, lane) = (index / LANES, index % LANES);
        let blocks = self.width / BLOCK;
        for place in group * blocks..(group + 1) * blocks {
            let scale = half_to_single(self.scales[place * LANES + lane]);
            let weights = &self.weights[place * BLOCK * LANES..(place + 1) * BLOCK * LANES];
            for step in weights.chunks_exact(STEP * LANES) {
                let four = &step[lane * STEP..(lane + 1) * STEP];
                values.extend(four.iter().map(|&weight| f32::from(weight) * scale));
            }
        }
    }

    /// Number of weights in a row.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Multiplies rows of `width` values; the answer holds `outputs` values for each.
    pub(crate) fn multiply(&self, input: &[f32]) -> Vec<f32> {
        let rows = Rows::new(input, self.width);
        let mut groups = vec![0.0; self.outputs * rows.count];
        let members = self.weights.len() * rows.count.div_ceil(TILE) / WEIGHTS_PER_THREAD_MIN;
        self.team
            .fill(&mut groups, LANES * rows.count, members.max(1), |first, part| {
                self.multiply_groups(first, &rows, part);
            });
        by_row(groups, rows.count, self.outputs)
    }

    /// Fills `groups`, eight values for each row of each group of outputs from `first` on.
    fn multiply_groups(&self, first: usize, rows: &Rows, groups: &mut [f32]) {
        let blocks = self.width / BLOCK;
        for (offset, sums) in groups.chunks_exact_mut(LANES * rows.count).enumerate() {
            let group = first + offset;
            let weights = &self.weights[group * LANES * self.width..(group + 1) * LANES * self.width];
            let scales = &self.scales[group * LANES * blocks..(group + 1) * LANES * blocks];
            for (tile, sums) in sums.chunks_mut(TILE * LANES).enumerate() {
                let count = sums.len() / LANES;
                let tile = rows.tile(tile * TILE, count, self.width);
                match count {
                    4 => kernel::eight::<4>(weights, scales, &tile, sums),
                    3 => kernel::eight::<3>(weights, scales, &tile, sums),
                    2 => kernel::eight::<2>(weights, scales, &tile, sums),
                    _ => kernel::eight::<1>(weights, scales, &tile, sums),
                }
            }
        }
    }
}

impl CustomOp1 for Matrix {
    fn name(&self) -> &'static str {
        "q8-rows"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("the rows are not contiguous: {layout:?}")
        };
        let mut dims = layout.dims().to_vec();
        if dims.pop() != Some(self.width) {
            candle_core::bail!("rows of {:?} do not fit a width of {}", layout.shape(), self.width)
        }
        dims.push(self.outputs);
        let output = self.multiply(&storage.as_slice::<f32>()?[start..end]);
        Ok((CpuStorage::F32(output), Shape::from(dims)))
    }
}

impl Rows {
    fn new(input: &[f32], width: usize) -> Self {
        let mut values = Vec::with_capacity(input.len());
        let mut scales = Vec::with_capacity(input.len() / BLOCK);
        for block in input.chunks_exact(BLOCK) {
            let largest = block.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let scale = largest / 127.0;
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            // candle keeps this scale in half precision. So do we, that both give the same.
            scales.push(half_of(scale));
            values.extend(block.iter().map(|value| (value * inverse).round_ties_even() as i8));
        }
        Self {
            count: input.len() / width,
            magnitudes: values.iter().map(|value: &i8| value.unsigned_abs()).collect(),
            values,
            scales,
        }
    }

    fn tile(&self, start: usize, count: usize, width: usize) -> Tile<'_> {
        let values = start * width..(start + count) * width;
        let blocks = width / BLOCK;
        Tile {
            values: &self.values[values.clone()],
            magnitudes: &self.magnitudes[values],
            scales: &self.scales[start * blocks..(start + count) * blocks],
        }
    }
}

/// Eight values for each row of each group become all values of each row.
fn by_row(groups: Vec<f32>, rows: usize, outputs: usize) -> Vec<f32> {
    if rows == 1 {
        return groups;
    }
    // Some groups at a time, so that each row is written in long runs and what is read stays in the nearest cache.
    const STRIP: usize = 32;
    let mut ordered = vec![0.0; groups.len()];
    for (strip, groups) in groups.chunks(STRIP * LANES * rows).enumerate() {
        for row in 0..rows {
            let start = row * outputs + strip * STRIP * LANES;
            let values = groups
                .chunks_exact(LANES * rows)
                .map(|group| &group[row * LANES..(row + 1) * LANES]);
            for (eight, values) in ordered[start..].chunks_exact_mut(LANES).zip(values) {
                eight.copy_from_slice(values);
            }
        }
    }
    ordered
}

/// The nearest number of IEEE 754 half precision; of two equally near the even one. Nothing here comes near the largest.
fn half_of(single: f32) -> f32 {
    const SMALLEST_NORMAL: f32 = 6.103_515_6e-5;
    const STEPS_BELOW: f32 = 16_777_216.0;
    if single < SMALLEST_NORMAL {
        return (single * STEPS_BELOW).round_ties_even() / STEPS_BELOW;
    }
    let bits = single.to_bits();
    let even = bits >> 13 & 1;
    f32::from_bits((bits + 0xfff + even) & !0x1fff)
}

/// IEEE 754 half precision to single; exact.
fn half_to_single(half: u16) -> f32 {
    let sign = u32::from(half >> 15) << 31;
    let exponent = u32::from(half >> 10) & 0x1f;
    let fraction = u32::from(half) & 0x3ff;
    match exponent {
        0 => f32::from_bits(sign | 0x3380_0000) * fraction as f32,
        0x1f => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}
