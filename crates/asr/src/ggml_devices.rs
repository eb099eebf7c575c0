//! The devices that ggml was built for and finds: this module's unsafe code and nothing else of it.

#![expect(unsafe_code, reason = "whisper-rs has no safe way to ggml's list of devices")]

use std::ffi::{CStr, c_char};
use std::ptr;

use whisper_rs::whisper_rs_sys::{
    ggml_backend_dev_count, ggml_backend_dev_description, ggml_backend_dev_get, ggml_backend_dev_init,
    ggml_backend_dev_name, ggml_backend_dev_t, ggml_backend_free,
};

/// One of ggml's devices.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its name and description, such as `CUDA0 (NVIDIA H200)`.
    pub(crate) name: String,
    /// Whether it could be started.
    pub(crate) starts: bool,
}

/// The first device whose name starts so: ggml names devices by their kind and number.
pub(crate) fn first_of(kind: &str) -> Option<Found> {
    // SAFETY: no arguments; the list is made at the first call and stays as it is.
    let count = unsafe { ggml_backend_dev_count() };
    (0..count).find_map(|index| {
        // SAFETY: an index below the count gives a device that lives as long as the process.
        let device = unsafe { ggml_backend_dev_get(index) };
        // SAFETY: the same device, twice.
        let (name, description) = unsafe {
            (
                text(ggml_backend_dev_name(device)),
                text(ggml_backend_dev_description(device)),
            )
        };
        name.starts_with(kind).then(|| Found {
            name: format!("{name} ({description})"),
            starts: starts(device),
        })
    })
}

fn starts(device: ggml_backend_dev_t) -> bool {
    // SAFETY: the device is one of ggml's list; no parameters are given, which stands for the default ones.
    let back_end = unsafe { ggml_backend_dev_init(device, ptr::null()) };
    if back_end.is_null() {
        return false;
    }
    // SAFETY: it was just made, and nobody else has it.
    unsafe { ggml_backend_free(back_end) };
    true
}

/// A copy of one of ggml's constant texts.
///
/// # Safety
/// `text` is null or points to a text that ends in a NUL.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: promised by the caller.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ggml_lists_the_processor_and_no_device_of_another_name() {
        assert!(first_of("CPU").is_some_and(|found| found.starts && found.name.starts_with("CPU (")));
        assert_eq!(first_of("no such kind"), None);
    }
}
