//! Audio on its way to the recogniser: from WAV files and wire formats to 16 kHz mono samples in -1 to 1.

mod resample;
mod wav;

pub use resample::{Resampler, mix_to_mono};
pub use wav::{Audio, AudioError, read_wav};

/// The sample rate that Whisper hears.
pub const SAMPLE_RATE_HZ: u32 = 16_000;

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
    fn sixteen_bit_samples_keep_their_value() {
        let mut samples = vec![9.0];
        pcm_i16_to_f32(&[0, 1, -1, i16::MAX, i16::MIN], &mut samples);
        assert_eq!(
            samples,
            [9.0, 0.0, 1.0 / 32_768.0, -1.0 / 32_768.0, 32_767.0 / 32_768.0, -1.0]
        );
    }
}
