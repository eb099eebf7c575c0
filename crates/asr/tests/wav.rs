//! WAV files of every kind, and what is refused.

use std::f32::consts::TAU;
use std::fs;
use std::path::PathBuf;

use hound::{SampleFormat, WavSpec, WavWriter};
use proptest::prelude::*;
use tempfile::TempDir;
use voiceflow_asr::audio::{Audio, AudioError, read_wav};

fn spec(channels: u16, sample_rate: u32, bits_per_sample: u16, sample_format: SampleFormat) -> WavSpec {
    WavSpec {
        channels,
        sample_rate,
        bits_per_sample,
        sample_format,
    }
}

/// Half a second of a tone of 440 Hz at half volume, on every channel.
fn write_tone(folder: &TempDir, spec: WavSpec) -> PathBuf {
    let path = folder.path().join("tone.wav");
    let mut writer = WavWriter::create(&path, spec).expect("a file");
    let full = (1_u64 << (spec.bits_per_sample - 1)) as f32;
    for index in 0..spec.sample_rate / 2 {
        let sample = 0.5 * (TAU * 440.0 * index as f32 / spec.sample_rate as f32).sin();
        for _ in 0..spec.channels {
            match spec.sample_format {
                SampleFormat::Float => writer.write_sample(sample).expect("a sample"),
                SampleFormat::Int => writer.write_sample((sample * full) as i32).expect("a sample"),
            }
        }
    }
    writer.finalize().expect("a whole file");
    path
}

fn assert_tone(audio: &Audio, tolerance: f32) {
    assert_eq!(audio.samples.len(), 8_000);
    // The tone starts and ends abruptly, so the edges are left out.
    for (index, sample) in audio.samples.iter().enumerate().skip(400).take(7_200) {
        let expected = 0.5 * (TAU * 440.0 * index as f32 / 16_000.0).sin();
        assert!(
            (sample - expected).abs() < tolerance,
            "sample {index} is {sample}, not {expected}"
        );
    }
}

#[test]
fn all_widths_give_the_same_tone() {
    for (bits, format, tolerance) in [
        (8, SampleFormat::Int, 0.02),
        (16, SampleFormat::Int, 1e-4),
        (24, SampleFormat::Int, 1e-5),
        (32, SampleFormat::Int, 1e-5),
        (32, SampleFormat::Float, 1e-5),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let audio = read_wav(&write_tone(&folder, spec(1, 16_000, bits, format))).expect("sound");
        assert_tone(&audio, tolerance);
    }
}

#[test]
fn all_rates_and_channels_give_the_same_tone() {
    // Resampling may shift the tone by less than one sample of 62 µs, because the resampler trims its delay to whole
    // samples; a whole one would change this tone by 0.087.
    for (channels, rate, tolerance) in [
        (1, 8_000, 0.08),
        (2, 16_000, 0.001),
        (1, 22_050, 0.08),
        (2, 44_100, 0.08),
        (6, 48_000, 0.08),
        (1, 96_000, 0.08),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let audio = read_wav(&write_tone(&folder, spec(channels, rate, 16, SampleFormat::Int))).expect("sound");
        assert_eq!((audio.source_channels, audio.source_rate_hz), (channels, rate));
        assert_tone(&audio, tolerance);
    }
}

#[test]
fn what_whisper_cannot_hear_is_cut_rather_than_folded_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("high.wav");
    let mut writer = WavWriter::create(&path, spec(1, 48_000, 32, SampleFormat::Float)).expect("a file");
    for index in 0..48_000 {
        writer
            .write_sample(0.5 * (TAU * 12_000.0 * index as f32 / 48_000.0).sin())
            .expect("a sample");
    }
    writer.finalize().expect("a whole file");
    let audio = read_wav(&path).expect("sound");
    let loudest = audio.samples[1_000..15_000]
        .iter()
        .fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
    assert!(loudest < 1e-3, "{loudest}");
}

#[test]
fn samples_that_no_recording_has_are_refused_with_their_index() {
    // The last is finite, and its square is not.
    for hostile in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1e38] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("nan.wav");
        let mut writer = WavWriter::create(&path, spec(1, 16_000, 32, SampleFormat::Float)).expect("a file");
        writer.write_sample(0.5_f32).expect("a sample");
        writer.write_sample(hostile).expect("a sample");
        writer.finalize().expect("a whole file");
        assert!(matches!(read_wav(&path), Err(AudioError::NoLevel { index: 1, .. })));
    }
}

#[test]
fn unscaled_integers_are_resampled_to_finite_samples() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("loud.wav");
    let mut writer = WavWriter::create(&path, spec(2, 44_100, 32, SampleFormat::Float)).expect("a file");
    for index in 0..8_820 {
        let sample = if index % 100 < 50 {
            2_147_483_648.0
        } else {
            -2_147_483_648.0
        };
        writer.write_sample(sample as f32).expect("a sample");
    }
    writer.finalize().expect("a whole file");
    let audio = read_wav(&path).expect("sound");
    assert_eq!(audio.samples.len(), 1_600);
    assert!(audio.samples.iter().all(|sample| sample.is_finite()));
}

#[test]
fn other_files_and_encodings_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("other.wav");
    assert!(matches!(read_wav(&path), Err(AudioError::Read { .. })));
    fs::write(&path, b"ID3 no wave").expect("a file");
    assert!(matches!(read_wav(&path), Err(AudioError::NotWav { .. })));
    let odd_rate = write_tone(&folder, spec(1, 1_000, 16, SampleFormat::Int));
    let message = read_wav(&odd_rate).expect_err("refused").to_string();
    assert!(message.contains("1000 Hz"), "{message}");
}

#[test]
fn a_file_cut_short_is_refused_and_not_read_as_less() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write_tone(&folder, spec(1, 16_000, 16, SampleFormat::Int));
    let content = fs::read(&path).expect("there");
    for length in [10, 30, 44, 45, 1_000, content.len() - 1] {
        fs::write(&path, &content[..length]).expect("a file");
        assert!(
            matches!(read_wav(&path), Err(AudioError::NotWav { .. })),
            "cut to {length} bytes"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_header_is_read_or_refused_without_a_panic(position in 0_usize..60, value: u8) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = write_tone(&folder, spec(2, 8_000, 16, SampleFormat::Int));
        let mut content = fs::read(&path).expect("there");
        content[position] = value;
        fs::write(&path, content).expect("a file");
        let _ = read_wav(&path);
    }
}
