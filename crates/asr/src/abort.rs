//! Running whisper.cpp with a way to stop it.
//!
//! whisper-rs 0.16 has a safe-looking setter for the abort callback that hands the wrong pointer to its closure, and
//! none for the encoder's, so the raw setters are used with callbacks of our own, whose whole state is two atomic flags.

#![expect(unsafe_code, reason = "whisper-rs offers no sound safe way to set these callbacks")]

use std::ffi::c_void;
use std::ptr;

use whisper_rs::{FullParams, WhisperError, WhisperState, WhisperSysContext, WhisperSysState};

use crate::Cancel;
use crate::cancel::State;

/// Transcribes, and returns early once `cancel` is cancelled: with some error, or with success and no more words.
pub(crate) fn run(
    state: &mut WhisperState,
    mut parameters: FullParams<'_, '_>,
    samples: &[f32],
    cancel: &Cancel,
) -> Result<(), WhisperError> {
    let flags = ptr::from_ref(cancel.state()).cast_mut().cast::<c_void>();
    // SAFETY: whisper.cpp hands the pointer to the callbacks while `full` runs, and forgets it with the parameters,
    // which `full` consumes. `cancel` is borrowed for longer than that, so the flags outlive every call.
    unsafe {
        parameters.set_start_encoder_callback(Some(may_encode));
        parameters.set_start_encoder_callback_user_data(flags);
        parameters.set_abort_callback(Some(is_cancelled));
        parameters.set_abort_callback_user_data(flags);
    }
    state.full(parameters, samples)
}

/// Asked by whisper.cpp before it encodes a window. The spectrogram, which is computed before that, cannot be stopped.
unsafe extern "C" fn may_encode(_: *mut WhisperSysContext, _: *mut WhisperSysState, flags: *mut c_void) -> bool {
    // SAFETY: whisper.cpp passes the pointer on that `run` gave it.
    let flags = unsafe { flags_at(flags) };
    if flags.is_cancelled() {
        return false;
    }
    flags.begin_encoder();
    true
}

/// Asked by whisper.cpp after it has encoded a window and after each token: nothing is stopped in the middle.
unsafe extern "C" fn is_cancelled(flags: *mut c_void) -> bool {
    // SAFETY: as above.
    unsafe { flags_at(flags) }.is_cancelled()
}

/// # Safety
/// The pointer is the one that [`run`] makes, and its call has not returned.
unsafe fn flags_at<'a>(flags: *mut c_void) -> &'a State {
    debug_assert!(!flags.is_null());
    // SAFETY: it points to a `State` that lives while whisper.cpp runs, and only shared access to it happens anywhere.
    unsafe { &*flags.cast_const().cast::<State>() }
}
