//! Running whisper.cpp with a way to stop it: the one module with unsafe code.
//!
//! whisper-rs 0.16 has a safe-looking setter for the abort callback that hands the wrong pointer to its closure, so the
//! raw setter is used with a callback of our own, whose whole state is one atomic flag.

#![expect(unsafe_code, reason = "whisper-rs offers no sound safe way to set an abort callback")]

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use whisper_rs::{FullParams, WhisperError, WhisperState};

use crate::Cancel;

/// Transcribes, and returns early with some error once `cancel` is cancelled.
pub(crate) fn run(
    state: &mut WhisperState,
    mut parameters: FullParams<'_, '_>,
    samples: &[f32],
    cancel: &Cancel,
) -> Result<(), WhisperError> {
    let flag: *const AtomicBool = cancel.flag();
    // SAFETY: whisper.cpp hands the pointer to the callback while `full` runs, and forgets it with the parameters, which
    // `full` consumes. `cancel` is borrowed for longer than that, so the flag outlives every call.
    unsafe {
        parameters.set_abort_callback(Some(is_cancelled));
        parameters.set_abort_callback_user_data(flag.cast_mut().cast());
    }
    state.full(parameters, samples)
}

/// Asked by whisper.cpp between the steps of its work, from any of its threads.
unsafe extern "C" fn is_cancelled(flag: *mut c_void) -> bool {
    debug_assert!(!ptr::eq(flag, ptr::null()));
    // SAFETY: `run` passes a pointer to an `AtomicBool` that lives while whisper.cpp runs, and only shared access to it
    // happens anywhere.
    unsafe { &*flag.cast_const().cast::<AtomicBool>() }.load(Ordering::Relaxed)
}
