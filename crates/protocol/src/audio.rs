//! Audio frames: 16-bit little-endian mono PCM at 16 kHz, one WebSocket binary frame each, without any header.

use crate::limits::{AUDIO_FRAME_BYTES_MAX, BYTES_PER_SAMPLE, SAMPLE_RATE_HZ};

/// A checked view of one binary frame: not empty, whole samples, no longer than [`AUDIO_FRAME_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioFrame<'a> {
    bytes: &'a [u8],
}

/// Why a binary frame is no audio frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AudioFrameError {
    /// No sample at all: a client could send such frames without end at no cost to itself.
    #[error("audio frame is empty")]
    Empty,
    /// Half a sample at the end.
    #[error("audio frame has {length_bytes} bytes, which is no whole number of 16-bit samples")]
    HalfSample {
        /// Bytes received.
        length_bytes: usize,
    },
    /// More than one frame may hold.
    #[error("audio frame has {length_bytes} bytes, the limit is {AUDIO_FRAME_BYTES_MAX}")]
    TooLong {
        /// Bytes received.
        length_bytes: usize,
    },
}

impl<'a> AudioFrame<'a> {
    /// Checks the bytes of a binary frame and borrows them.
    ///
    /// # Errors
    /// [`AudioFrameError`] says which of the three conditions failed.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, AudioFrameError> {
        let length_bytes = bytes.len();
        if length_bytes > AUDIO_FRAME_BYTES_MAX {
            return Err(AudioFrameError::TooLong { length_bytes });
        }
        if length_bytes == 0 {
            return Err(AudioFrameError::Empty);
        }
        if !length_bytes.is_multiple_of(BYTES_PER_SAMPLE) {
            return Err(AudioFrameError::HalfSample { length_bytes });
        }
        Ok(Self { bytes })
    }

    /// The frame as it was on the wire.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Samples in the frame, at least one.
    #[must_use]
    pub const fn sample_count(self) -> usize {
        self.bytes.len() / BYTES_PER_SAMPLE
    }

    /// Length of the audio in seconds.
    #[must_use]
    pub fn seconds(self) -> f64 {
        // A frame holds at most 32,768 samples, which f64 represents exactly.
        self.sample_count() as f64 / f64::from(SAMPLE_RATE_HZ)
    }

    /// The samples in order.
    pub fn samples(self) -> impl ExactSizeIterator<Item = i16> + 'a {
        self.bytes
            .chunks_exact(BYTES_PER_SAMPLE)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
    }
}

/// The bytes of an audio frame holding `samples`.
///
/// # Errors
/// The same conditions as [`AudioFrame::parse`]: no samples, or more than fit one frame.
pub fn encode_samples(samples: &[i16]) -> Result<Vec<u8>, AudioFrameError> {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    AudioFrame::parse(&bytes)?;
    Ok(bytes)
}
