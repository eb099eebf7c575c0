//! How much of the encoder's 30 seconds a clip needs.
//!
//! Whisper's encoder always sees 1,500 positions of 20 ms. whisper.cpp can run it on fewer, which makes short clips
//! several times faster, but the models were not trained for it: with too little silence after the last word the
//! decoder starts over. So a fitted window keeps a margin, and what still goes wrong is caught by
//! [`crate::repetition`] and decoded again in a larger one.

use crate::AsrError;

/// The whole encoder window, in positions of 20 ms: 30 s.
pub const AUDIO_CTX_FULL: u32 = 1_500;

/// Positions per second of audio.
const POSITIONS_PER_SECOND: f64 = 50.0;

/// The margin of a fitted window by default, in positions.
///
/// Of the margins tried on the eight English clips (32 apart and less from 192 to 512), the smallest with which tiny.en
/// makes no more errors than with 384; below, one clip of five seconds has three more. In 93 cuts of the clips it
/// changes about as few words as 384 and 448 do (`examples/margins.rs`, METHODOLOGY.md).
pub const DEFAULT_MARGIN: u32 = 352;

/// Windows are whole multiples of this many positions, so that matrices keep a shape that kernels like.
const GRANULE: u32 = 32;

/// How large a window the encoder gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioContext {
    /// Always the whole window.
    Full,
    /// The clip's length and a margin, in positions of 20 ms.
    Fit {
        /// The margin.
        margin: u32,
    },
    /// Always the same number of positions. Audio beyond it is not heard in that window.
    Fixed(u32),
}

impl Default for AudioContext {
    fn default() -> Self {
        Self::Fit { margin: DEFAULT_MARGIN }
    }
}

impl AudioContext {
    pub(crate) fn check(self) -> Result<(), AsrError> {
        match self {
            Self::Fixed(positions) if !(1..=AUDIO_CTX_FULL).contains(&positions) => Err(AsrError::Option {
                name: "audio_ctx",
                problem: format!("{positions} is not in 1 to {AUDIO_CTX_FULL}"),
            }),
            _ => Ok(()),
        }
    }

    /// The windows to try in turn for a clip of this length: the wanted one, then ever larger ones up to the whole.
    pub(crate) fn ladder(self, audio_seconds: f64) -> Vec<u32> {
        let first = match self {
            Self::Full => AUDIO_CTX_FULL,
            Self::Fixed(positions) => positions,
            Self::Fit { margin } => fitted(audio_seconds, margin),
        };
        let mut ladder = vec![first];
        // One step in between: most loops end there, at less than half the price of the whole window.
        let between = first.saturating_mul(2).next_multiple_of(GRANULE);
        if between < AUDIO_CTX_FULL * 3 / 4 {
            ladder.push(between);
        }
        if first < AUDIO_CTX_FULL {
            ladder.push(AUDIO_CTX_FULL);
        }
        ladder
    }
}

fn fitted(audio_seconds: f64, margin: u32) -> u32 {
    // The cast saturates; what is longer than the window gets the whole of it.
    let positions = (audio_seconds * POSITIONS_PER_SECOND).ceil() as u32;
    positions
        .saturating_add(margin)
        .min(AUDIO_CTX_FULL)
        .next_multiple_of(GRANULE)
        .min(AUDIO_CTX_FULL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fitted_window_holds_the_clip_and_its_margin() {
        let ladder = AudioContext::Fit { margin: 100 }.ladder(3.0);
        assert_eq!(ladder, [256, 512, 1_500]);
    }

    #[test]
    fn long_audio_and_the_full_window_have_nothing_larger_to_try() {
        assert_eq!(AudioContext::Full.ladder(1.0), [AUDIO_CTX_FULL]);
        for seconds in [30.0, 3_600.0, f64::MAX] {
            assert_eq!(AudioContext::Fit { margin: u32::MAX }.ladder(seconds), [AUDIO_CTX_FULL]);
        }
    }

    #[test]
    fn every_ladder_rises_to_the_full_window() {
        for first in 1..=AUDIO_CTX_FULL {
            let ladder = AudioContext::Fixed(first).ladder(1.0);
            assert!(ladder.is_sorted_by(|low, high| low < high) && ladder.last() == Some(&AUDIO_CTX_FULL));
        }
    }

    #[test]
    fn a_fixed_window_outside_the_encoder_is_refused() {
        assert!(AudioContext::Fixed(0).check().is_err());
        assert!(AudioContext::Fixed(1_501).check().is_err());
        assert!(AudioContext::Fixed(1_500).check().is_ok());
    }
}
