//! Where a model runs: on the processor, or on a graphics processor through CUDA.
//!
//! whisper.cpp falls back on the processor, saying so in its log only, when it finds no device. Whoever asks for CUDA here
//! gets CUDA or an error.
//!
//! A program with the feature `cuda` is linked to the libraries of the CUDA toolkit and to the driver's `libcuda`, and
//! does not start where one of them is missing, whatever device its models are to run on.

use std::fmt;

use crate::ggml_devices;

/// Where a model is to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The first CUDA device. Needs a build with the feature `cuda`.
    Cuda,
}

/// What a model runs on, as it was found: `cpu`, or a device's name and description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackEnd(String);

impl fmt::Display for BackEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// Why a device cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The program has no CUDA code.
    #[error("this program was built without CUDA; build it with the feature `cuda`, or run on the processor")]
    NotBuilt,
    /// The CUDA libraries are there, and find no device that the driver can use.
    #[error("no CUDA device; see what `nvidia-smi` finds, or run on the processor")]
    NoDevice,
    /// The device is there and does not start.
    #[error("the CUDA device {name} cannot be used; see what `nvidia-smi` says of it, or run on the processor")]
    Unusable {
        /// Its name and description.
        name: String,
    },
}

impl Device {
    /// Looks whether models can run there.
    ///
    /// # Errors
    /// When they cannot; the processor is always there.
    pub fn back_end(self) -> Result<BackEnd, DeviceError> {
        match self {
            Self::Cpu => Ok(BackEnd("cpu".to_owned())),
            Self::Cuda if !cfg!(feature = "cuda") => Err(DeviceError::NotBuilt),
            Self::Cuda => {
                let device = ggml_devices::first_of("CUDA").ok_or(DeviceError::NoDevice)?;
                if device.starts {
                    Ok(BackEnd(device.name))
                } else {
                    Err(DeviceError::Unusable { name: device.name })
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_always_there() {
        assert_eq!(Device::Cpu.back_end().map(|found| found.to_string()), Ok("cpu".into()));
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_build_without_cuda_says_what_to_do() {
        let error = Device::Cuda.back_end().expect_err("there is no CUDA code").to_string();
        assert!(error.contains("feature `cuda`"), "{error}");
    }
}
