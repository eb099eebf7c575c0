//! Sums of products with AVX2.
//!
//! The instructions are those the whole program is built for.

#![expect(
    unsafe_code,
    reason = "the compiler does not see that every load lies within its slice, which the assertions establish"
)]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_cvtepi32_ps, _mm256_cvtph_ps, _mm256_fmadd_ps,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_set1_ps, _mm256_setzero_ps, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_storeu_ps,
};

use super::{BLOCK, LANES, STEP, Tile};

/// For each of `ROWS` rows the sums of eight outputs, one after the other.
pub(super) fn eight<const ROWS: usize>(weights: &[i8], scales: &[u16], tile: &Tile<'_>, sums: &mut [f32]) {
    let blocks = scales.len() / LANES;
    let width = blocks * BLOCK;
    assert!(scales.len() == blocks * LANES && weights.len() == width * LANES && sums.len() == ROWS * LANES);
    assert!(tile.values.len() == ROWS * width && tile.magnitudes.len() == ROWS * width);
    assert!(tile.scales.len() == ROWS * blocks);
    let (values, magnitudes) = (tile.values.as_ptr(), tile.magnitudes.as_ptr());
    // SAFETY: `block < blocks`, `step < BLOCK / STEP` and `row < ROWS`, so with the lengths asserted above every load and
    // store ends within its slice. None of them asks for alignment.
    unsafe {
        let ones = _mm256_set1_epi16(1);
        let mut totals = [_mm256_setzero_ps(); ROWS];
        for block in 0..blocks {
            let mut whole = [_mm256_setzero_si256(); ROWS];
            for step in 0..BLOCK / STEP {
                let start = (block * BLOCK + step * STEP) * LANES;
                let weight = _mm256_loadu_si256(weights.as_ptr().add(start).cast::<__m256i>());
                for (row, whole) in whole.iter_mut().enumerate() {
                    let at = row * width + block * BLOCK + step * STEP;
                    let value = _mm256_set1_epi32(values.add(at).cast::<i32>().read_unaligned());
                    let magnitude = _mm256_set1_epi32(magnitudes.add(at).cast::<i32>().read_unaligned());
                    // The products of unsigned and signed bytes want the sign on one side only. Both sides lie within
                    // 127 (`Matrix` takes no -128, whose sign cannot be turned), so a pair's sum fits sixteen
                    // bits.
                    let pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(weight, value));
                    *whole = _mm256_add_epi32(*whole, _mm256_madd_epi16(pairs, ones));
                }
            }
            let scale = _mm256_cvtph_ps(_mm_loadu_si128(scales.as_ptr().add(block * LANES).cast::<__m128i>()));
            for (row, (total, whole)) in totals.iter_mut().zip(whole).enumerate() {
                let product = _mm256_mul_ps(scale, _mm256_set1_ps(*tile.scales.get_unchecked(row * blocks + block)));
                *total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole), product, *total);
            }
        }
        for (row, total) in totals.into_iter().enumerate() {
            _mm256_storeu_ps(sums.as_mut_ptr().add(row * LANES), total);
        }
    }
}
