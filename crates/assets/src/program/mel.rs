//! The mel filter bank that Whisper's models were trained with, and that every GGML file carries.
//!
//! Slaney's mel scale as in librosa's `filters.mel`: linear below 1 kHz, logarithmic above, triangles of equal area.
//! Which arithmetic is single and which double decides the last bits: the triangles are computed in f64 and stored as
//! f32, and that f32 is scaled in f64 and stored again. So computed, the bank equals openai/whisper's `mel_filters.npz`
//! bit for bit; a test holds its digest.

/// The number of mel bands.
pub(crate) const BANDS: usize = 80;

/// The number of frequency bins: half a transform of 400 samples, and the zero frequency.
pub(crate) const BINS: usize = 201;

const SAMPLE_RATE_HZ: f64 = 16_000.0;
const TRANSFORM_SAMPLES: f64 = 400.0;

/// Below this frequency the scale is linear.
const LINEAR_MAX_HZ: f64 = 1_000.0;
/// Hertz per mel in the linear part.
const LINEAR_STEP_HZ: f64 = 200.0 / 3.0;
/// The mel of [`LINEAR_MAX_HZ`].
const LINEAR_MAX_MEL: f64 = 15.0;

/// The filters, band after band.
pub(crate) fn filters() -> Vec<f32> {
    let edges_hz = band_edges_hz();
    let mut filters = Vec::with_capacity(BANDS * BINS);
    for band in 0..BANDS {
        let (low, centre, high) = (edges_hz[band], edges_hz[band + 1], edges_hz[band + 2]);
        let area_norm = 2.0 / (high - low);
        for bin in 0..BINS {
            let frequency_hz = bin as f64 * (SAMPLE_RATE_HZ / TRANSFORM_SAMPLES);
            let rising = (frequency_hz - low) / (centre - low);
            let falling = (high - frequency_hz) / (high - centre);
            let triangle = rising.min(falling).max(0.0) as f32;
            filters.push((f64::from(triangle) * area_norm) as f32);
        }
    }
    filters
}

/// The edges of the bands, equally spaced on the mel scale from zero to half the sample rate.
fn band_edges_hz() -> Vec<f64> {
    // The logarithmic part has 27 steps from 1 kHz to 6.4 kHz.
    let log_step = f64::ln(6.4) / 27.0;
    let highest_mel = LINEAR_MAX_MEL + f64::ln(SAMPLE_RATE_HZ / 2.0 / LINEAR_MAX_HZ) / log_step;
    let last_edge = BANDS + 1;
    (0..=last_edge)
        .map(|edge| {
            let mel = highest_mel * edge as f64 / last_edge as f64;
            if mel < LINEAR_MAX_MEL {
                LINEAR_STEP_HZ * mel
            } else {
                LINEAR_MAX_HZ * f64::exp(log_step * (mel - LINEAR_MAX_MEL))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use voiceflow_assets::Digest;

    #[test]
    fn the_bank_equals_openais_bit_for_bit() {
        let bytes: Vec<u8> = filters().iter().flat_map(|value| value.to_le_bytes()).collect();
        let expected = "85818f156f7e189453901a515e4726d270d307f976e161cf9403e8caab405498";
        assert_eq!(Digest::of(&bytes).as_str(), expected);
    }

    #[test]
    fn every_band_has_weight_and_none_is_negative() {
        let filters = filters();
        assert_eq!(filters.len(), BANDS * BINS);
        for band in filters.chunks_exact(BINS) {
            assert!(band.iter().all(|&weight| weight >= 0.0) && band.iter().any(|&weight| weight > 0.0));
        }
    }
}
