//! Audio on the Rust side of the path.

use std::f32::consts::TAU;

use voiceflow_asr::audio::{Resampler, mix_to_mono, pcm_i16_to_f32, read_wav};
use voiceflow_fixtures::speech;
use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq, digest_parts};

/// A tone, loud but not clipped.
fn tone(frequency_hz: f32, rate_hz: f32, samples: usize) -> Vec<f32> {
    (0..samples)
        .map(|index| 0.5 * (TAU * frequency_hz * index as f32 / rate_hz).sin())
        .collect()
}

/// What decides a [`tone`]: the sine in it need not be the same to the last bit on every machine.
fn tone_inputs(frequency_hz: f32, rate_hz: f32, samples: usize) -> String {
    format!("half of a sine of {frequency_hz} Hz, {samples} samples at {rate_hz} Hz")
}

pub(crate) fn pcm_i16_to_f32_10s() -> Result<Prepared, PrepareError> {
    // Every sixteen-bit value occurs: 160,000 samples step through them all twice.
    let pcm: Vec<i16> = (0..160_000_u32)
        .map(|index| (index.wrapping_mul(40_503) & 0xffff) as u16 as i16)
        .collect();
    let expected: Vec<f64> = pcm.iter().map(|&sample| f64::from(sample) / 32_768.0).collect();
    let inputs = digest_parts(pcm.iter().map(|sample| sample.to_le_bytes()));
    Ok(Prepared::new(
        (pcm, Vec::with_capacity(160_000)),
        |(pcm, samples)| {
            samples.clear();
            pcm_i16_to_f32(pcm, samples);
            samples.len()
        },
        move |(_, samples), &count| {
            check_eq("the number of samples", &count, &expected.len())?;
            let equal = samples
                .iter()
                .zip(&expected)
                .all(|(&found, &expected)| f64::from(found) == expected);
            if equal {
                Ok(())
            } else {
                Err(WrongAnswer::new("a sample has another value"))
            }
        },
    )
    .inputs(inputs))
}

pub(crate) fn mix_stereo_48k_1s() -> Result<Prepared, PrepareError> {
    let left = tone(440.0, 48_000.0, 48_000);
    let stereo: Vec<f32> = left.iter().flat_map(|&sample| [sample, -0.5 * sample]).collect();
    Ok(Prepared::with_input(
        stereo,
        |stereo| stereo.clone(),
        |_, stereo| mix_to_mono(stereo, 2),
        move |_, mono| {
            check_eq("the number of samples", &mono.len(), &left.len())?;
            // The mean of a sample and minus half of it is a quarter of it.
            let close = mono
                .iter()
                .zip(&left)
                .all(|(mono, left)| (mono - left / 4.0).abs() < 1e-6);
            if close {
                Ok(())
            } else {
                Err(WrongAnswer::new("a sample is not the mean of its channels"))
            }
        },
    )
    .inputs(tone_inputs(440.0, 48_000.0, 48_000)))
}

pub(crate) fn resample_48k_to_16k_1s() -> Result<Prepared, PrepareError> {
    let expected = tone(440.0, 16_000.0, 16_000);
    Ok(Prepared::new(
        (Resampler::new(48_000)?, tone(440.0, 48_000.0, 48_000)),
        |(resampler, samples)| resampler.resample(samples),
        move |_, answer| {
            let resampled = answer.as_ref().map_err(WrongAnswer::new)?;
            check_eq("the number of samples", &resampled.len(), &expected.len())?;
            // The tone starts and ends abruptly, so the edges are left out.
            let middle = 500..expected.len() - 500;
            let close = resampled[middle.clone()]
                .iter()
                .zip(&expected[middle])
                .all(|(found, tone)| (found - tone).abs() < 0.01);
            if close {
                Ok(())
            } else {
                Err(WrongAnswer::new("the tone is another one"))
            }
        },
    )
    .inputs(tone_inputs(440.0, 48_000.0, 48_000)))
}

pub(crate) fn read_wav_float_3s() -> Result<Prepared, PrepareError> {
    let clip = speech::clip("en/counting")?;
    let samples = (clip.seconds * 16_000.0).round() as usize;
    let file = std::fs::read(&clip.path)?;
    Ok(Prepared::new(
        clip.path,
        |path| read_wav(path),
        move |_, answer| {
            let audio = answer.as_ref().map_err(|error| WrongAnswer::new(error.to_string()))?;
            check_eq("the number of samples", &audio.samples.len(), &samples)?;
            let loudest = audio
                .samples
                .iter()
                .fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
            if (0.01..=1.0).contains(&loudest) {
                Ok(())
            } else {
                Err(WrongAnswer::new("it is silent or too loud"))
            }
        },
    )
    .inputs(file))
}
