//! Mixing channels and changing the sample rate.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use super::SAMPLE_RATE_HZ;

/// Frames per step. The transform's length follows from the ratio; this only bounds how much is worked on at once.
const CHUNK_FRAMES: usize = 1_024;

/// Changes one sample rate to 16 kHz, by transforming, cutting what does not fit below 8 kHz, and transforming back.
pub struct Resampler {
    fft: Fft<f32>,
}

impl Resampler {
    /// Prepares for a sample rate.
    ///
    /// # Errors
    /// When the rate makes no sense.
    pub fn new(source_rate_hz: u32) -> Result<Self, String> {
        let fft = Fft::new(
            source_rate_hz as usize,
            SAMPLE_RATE_HZ as usize,
            CHUNK_FRAMES,
            1,
            FixedSync::Input,
        )
        .map_err(|error| format!("a sample rate of {source_rate_hz} Hz, which cannot be resampled: {error}"))?;
        Ok(Self { fft })
    }

    /// Resamples a whole mono clip; its start stays where it was. Earlier clips leave no trace.
    ///
    /// # Errors
    /// When the resampler fails, which sound input does not make it do.
    pub fn resample(&mut self, samples: &[f32]) -> Result<Vec<f32>, String> {
        if samples.is_empty() {
            return Ok(Vec::new());
        }
        let input = InterleavedSlice::new(samples, 1, samples.len()).map_err(|error| error.to_string())?;
        let output = self
            .fft
            .process_all(&input, samples.len(), None)
            .map_err(|error| error.to_string())?;
        Ok(output.take_data())
    }
}

/// Averages the channels of interleaved samples. A last frame that is not whole is dropped.
pub fn mix_to_mono(interleaved: Vec<f32>, channels: usize) -> Vec<f32> {
    if channels <= 1 {
        return interleaved;
    }
    let share = 1.0 / channels as f32;
    // Each channel is scaled before it is added, so that the loudest samples cannot overflow.
    interleaved
        .chunks_exact(channels)
        .map(|frame| frame.iter().map(|sample| sample * share).sum())
        .collect()
}
