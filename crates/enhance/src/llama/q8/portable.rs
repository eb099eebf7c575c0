//! Sums of products without any instruction set in mind.

use super::{BLOCK, LANES, STEP, Tile, half_to_single};

/// As the one for AVX2.
pub(super) fn eight<const ROWS: usize>(weights: &[i8], scales: &[u16], tile: &Tile<'_>, sums: &mut [f32]) {
    let blocks = scales.len() / LANES;
    for (row, sums) in sums.chunks_exact_mut(LANES).enumerate().take(ROWS) {
        sums.fill(0.0);
        for block in 0..blocks {
            let start = (row * blocks + block) * BLOCK;
            let values = &tile.values[start..start + BLOCK];
            let weights = &weights[block * BLOCK * LANES..(block + 1) * BLOCK * LANES];
            let mut whole = [0_i32; LANES];
            for (values, weights) in values.chunks_exact(STEP).zip(weights.chunks_exact(STEP * LANES)) {
                for (whole, weights) in whole.iter_mut().zip(weights.chunks_exact(STEP)) {
                    let products = values.iter().zip(weights);
                    *whole += products
                        .map(|(&one, &other)| i32::from(one) * i32::from(other))
                        .sum::<i32>();
                }
            }
            let scales = &scales[block * LANES..(block + 1) * LANES];
            for ((sum, whole), &scale) in sums.iter_mut().zip(whole).zip(scales) {
                *sum += whole as f32 * (half_to_single(scale) * tile.scales[row * blocks + block]);
            }
        }
    }
}
