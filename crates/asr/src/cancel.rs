//! Giving up on a transcription from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A token that, once cancelled, makes the transcription it was handed to return early. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    state: Arc<State>,
}

/// What the two sides tell each other. The flags carry no other data, so no ordering is needed.
#[derive(Debug, Default)]
pub(crate) struct State {
    cancelled: AtomicBool,
    encoder_begun: AtomicBool,
}

impl Cancel {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels, for good.
    pub fn cancel(&self) {
        self.state.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether [`Self::cancel`] was called on this token or a clone.
    pub fn is_cancelled(&self) -> bool {
        self.state.is_cancelled()
    }

    /// Whether a transcription with this token or a clone has come to its encoder, for measuring how long it then takes
    /// to return.
    pub fn encoder_has_begun(&self) -> bool {
        self.state.encoder_begun.load(Ordering::Relaxed)
    }

    /// The flags themselves, for the callbacks of whisper.cpp.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }
}

impl State {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    pub(crate) fn begin_encoder(&self) {
        self.encoder_begun.store(true, Ordering::Relaxed);
    }
}
