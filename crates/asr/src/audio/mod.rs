//! Audio on its way to the recogniser: from WAV files and wire formats to 16 kHz mono samples, full scale being 1.

mod resample;
mod wav;

pub use resample::{Resampler, mix_to_mono};
pub use wav::{Audio, AudioError, read_wav};

/// The sample rate that Whisper hears.
pub const SAMPLE_RATE_HZ: u32 = 16_000;

/// The loudest sample that is accepted: what a writer makes that forgets to scale 32-bit integers to floats. Squares
/// and sums of much louder ones overflow in the resampler and in the spectrogram.
pub(crate) const LEVEL_MAX: f32 = 2_147_483_648.0;

/// The index of the first sample that is no number, or louder than [`LEVEL_MAX`].
pub(crate) fn first_without_level(samples: &[f32]) -> Option<usize> {
    // A comparison with what is no number is false.
    let levels = -LEVEL_MAX..=LEVEL_MAX;
    samples.iter().position(|sample| !levels.contains(sample))
}

/// Appends 16-bit samples as numbers in -1 to 1, exactly.
pub fn pcm_i16_to_f32(pcm: &[i16], samples: &mut Vec<f32>) {
    // A power of two: the product is exact.
    const SCALE: f32 = 1.0 / 32_768.0;
    samples.extend(pcm.iter().map(|&sample| f32::from(sample) * SCALE));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_have_a_level_up_to_that_of_unscaled_integers() {
        assert_eq!(first_without_level(&[0.0, LEVEL_MAX, -LEVEL_MAX]), None);
        for hostile in [LEVEL_MAX.next_up(), -LEVEL_MAX.next_up(), f32::INFINITY, f32::NAN] {
            assert_eq!(first_without_level(&[0.0, hostile, hostile]), Some(1));
        }
    }

    #[test]
    fn sixteen_bit_samples_keep_their_value() {
        let mut samples = vec![9.0];
        pcm_i16_to_f32(&[0, 1, -1, i16::MAX, i16::MIN], &mut samples);
        assert_eq!(
            samples,
            [9.0, 0.0, 1.0 / 32_768.0, -1.0 / 32_768.0, 32_767.0 / 32_768.0, -1.0]
        );
    }
}
