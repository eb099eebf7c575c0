//! Exponentials in bulk, for probabilities.

/// The exponential of a number that is not positive, to about one part in a hundred thousand; nothing below -80.
///
/// A sum over the vocabulary needs 49,152 of them for each row, and the library's function is not vectorised. The power of
/// two is split into the nearest whole number, which becomes the exponent's bits, and a polynomial (Taylor's) for the rest.
/// Adding [`ROUNDER`] rounds to the whole number and leaves it in the lowest bits.
pub(crate) fn exponential(number: f32) -> f32 {
    let power = number.max(-80.0) * std::f32::consts::LOG2_E;
    let rounded = power + ROUNDER;
    let rest = (power - (rounded - ROUNDER)) * std::f32::consts::LN_2;
    let mut polynomial = 1.0 / 120.0;
    for coefficient in [1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        polynomial = rest.mul_add(polynomial, coefficient);
    }
    polynomial * f32::from_bits(rounded.to_bits().wrapping_add(EXPONENT_BIAS) << MANTISSA_BITS)
}

/// One and a half times two to the 23rd: from there on neighbouring numbers are one apart.
const ROUNDER: f32 = 12_582_912.0;
const EXPONENT_BIAS: u32 = 127;
const MANTISSA_BITS: u32 = 23;

#[cfg(test)]
mod tests {
    use super::exponential;

    #[test]
    fn exponentials_are_those_of_the_library() {
        for step in 0..8000 {
            let number = -(step as f32) / 100.0;
            let (actual, expected) = (exponential(number), number.exp());
            assert!((actual / expected - 1.0).abs() < 1e-5, "{number}: {actual} {expected}");
        }
        assert!(exponential(f32::NEG_INFINITY) < 1e-30);
    }
}
