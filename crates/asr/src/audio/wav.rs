//! Reading WAV files.

use std::io;
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavReader, WavSpec};

use super::resample::{Resampler, mix_to_mono};
use super::{LEVEL_MAX, SAMPLE_RATE_HZ, first_without_level};

/// The longest file that is read. Longer ones are cut by whoever records them.
const SECONDS_MAX: u32 = 4 * 3_600;

/// More channels than any recorder has.
const CHANNELS_MAX: u16 = 32;

/// The sample rates between telephone and studio equipment.
const RATES_HZ: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// Audio as the recogniser wants it.
#[derive(Clone, Debug, PartialEq)]
pub struct Audio {
    /// 16 kHz mono, -1 to 1 unless a float file goes beyond its full scale.
    pub samples: Vec<f32>,
    /// The sample rate of the file, before resampling.
    pub source_rate_hz: u32,
    /// The channels of the file, before mixing.
    pub source_channels: u16,
}

impl Audio {
    /// The length.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(SAMPLE_RATE_HZ)
    }
}

/// Why a file cannot be read as audio.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// The file cannot be opened or read.
    #[error("cannot read {path}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It is no WAV file, or a damaged one.
    #[error("{path} is not a sound WAV file: {problem}", path = path.display())]
    NotWav {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// It is a WAV file of a kind that is not read.
    #[error(
        "{path} has {problem}; PCM of 8, 16, 24 or 32 bits and float of 32 bits are read",
        path = path.display()
    )]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it has.
        problem: String,
    },
    /// A sample is no number, or louder than any recording.
    #[error("sample {index} of {path} is not a number within ±{LEVEL_MAX}", path = path.display())]
    NoLevel {
        /// The file.
        path: PathBuf,
        /// Its index among the samples of all channels.
        index: usize,
    },
}

/// Reads a WAV file of any usual rate, width and number of channels.
///
/// # Errors
/// Names the file, and what is wrong with it.
pub fn read_wav(path: &Path) -> Result<Audio, AudioError> {
    let reader = WavReader::open(path).map_err(|error| refuse(path, error))?;
    let spec = reader.spec();
    check_spec(path, spec, reader.duration())?;
    let interleaved = read_samples(path, reader)?;
    if let Some(index) = first_without_level(&interleaved) {
        return Err(AudioError::NoLevel {
            path: path.to_owned(),
            index,
        });
    }
    let mono = mix_to_mono(interleaved, usize::from(spec.channels));
    let samples = if spec.sample_rate == SAMPLE_RATE_HZ {
        mono
    } else {
        let resampled = Resampler::new(spec.sample_rate).and_then(|mut resampler| resampler.resample(&mono));
        resampled.map_err(|problem| AudioError::Unsupported {
            path: path.to_owned(),
            problem,
        })?
    };
    Ok(Audio {
        samples,
        source_rate_hz: spec.sample_rate,
        source_channels: spec.channels,
    })
}

fn refuse(path: &Path, error: hound::Error) -> AudioError {
    let path = path.to_owned();
    match error {
        // hound tells a file that is cut short by this kind; it is the file's fault, not the system's.
        hound::Error::IoError(source) if source.kind() == io::ErrorKind::Other => AudioError::NotWav {
            path,
            problem: source.to_string(),
        },
        hound::Error::IoError(source) if source.kind() == io::ErrorKind::UnexpectedEof => AudioError::NotWav {
            path,
            problem: "it ends too early".into(),
        },
        hound::Error::IoError(source) => AudioError::Read { path, source },
        hound::Error::Unsupported => AudioError::Unsupported {
            path,
            problem: "an encoding other than PCM or float".into(),
        },
        other => AudioError::NotWav {
            path,
            problem: other.to_string(),
        },
    }
}

fn check_spec(path: &Path, spec: WavSpec, frames: u32) -> Result<(), AudioError> {
    let problem = if spec.channels == 0 || spec.channels > CHANNELS_MAX {
        format!("{} channels", spec.channels)
    } else if !RATES_HZ.contains(&spec.sample_rate) {
        format!("a sample rate of {} Hz", spec.sample_rate)
    } else if frames / spec.sample_rate > SECONDS_MAX {
        format!("{} s of audio, more than {SECONDS_MAX}", frames / spec.sample_rate)
    } else {
        return Ok(());
    };
    Err(AudioError::Unsupported {
        path: path.to_owned(),
        problem,
    })
}

/// The samples of all channels in turn. Memory grows with what is really in the file, whatever its header announces.
fn read_samples<R: io::Read>(path: &Path, reader: WavReader<R>) -> Result<Vec<f32>, AudioError> {
    let spec = reader.spec();
    let samples: Result<Vec<f32>, hound::Error> = match (spec.sample_format, spec.bits_per_sample) {
        (SampleFormat::Float, 32) => reader.into_samples::<f32>().collect(),
        (SampleFormat::Int, bits @ (8 | 16 | 24 | 32)) => {
            // Exact up to 25 bits; 32-bit samples are rounded to the nearest f32.
            let scale = 1.0 / f64::from(1_u32 << (bits - 1));
            reader
                .into_samples::<i32>()
                .map(|sample| Ok((f64::from(sample?) * scale) as f32))
                .collect()
        }
        (format, bits) => {
            let kind = if format == SampleFormat::Float { "float" } else { "PCM" };
            return Err(AudioError::Unsupported {
                path: path.to_owned(),
                problem: format!("{kind} samples of {bits} bits"),
            });
        }
    };
    samples.map_err(|error| refuse(path, error))
}
