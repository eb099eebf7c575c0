//! How an [`Enhancer`](crate::Enhancer) is set up.

use std::num::NonZeroUsize;
use std::time::Duration;

use voiceflow_protocol::Context;

/// What the model may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Decoding {
    /// The dictated words alone: it chooses their capitals and the marks between them. Right for small models.
    #[default]
    Constrained,
    /// Anything, token by token, checked against the dictation as it goes. A larger model may tidy more this way, and is
    /// refused where it strays.
    Free,
}

/// Where the model computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The first NVIDIA device. Needs the crate's feature `cuda`.
    Cuda,
}

/// Settings with sound defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnhancerOptions {
    /// Whether the model is used at all. Without it every text is tidied by rules and no model is loaded.
    pub enabled: bool,
    /// How long one call may take, waiting for other calls and for the right to compute included, before the rules' text
    /// is returned. It is looked at before everything the model reads, so a call may exceed it by the time of one reading.
    pub timeout: Duration,
    /// How many answers are remembered; 0 remembers none.
    pub cache_size: u64,
    /// How long an answer is remembered.
    pub cache_ttl: Duration,
    /// Longer dictations, in characters, are tidied by rules alone.
    pub max_input_chars: usize,
    /// Longer dictations, in the model's tokens after the rules, are tidied by rules alone.
    pub max_input_tokens: usize,
    /// Where the model computes.
    pub device: Device,
    /// What the model may write.
    pub decoding: Decoding,
    /// In free decoding, how many tokens, from the likeliest down, are tried at each place until one keeps the text
    /// faithful. With 1 the text is refused at the first departure.
    pub candidates: usize,
    /// On how many threads the processor computes, two by default; those that have no part in a product sleep. Products with
    /// weights in Q8_0 are meant, and attention. candle multiplies other quantised formats, and adds long texts up, on a
    /// pool of its own, whose size `CANDLE_NUM_THREADS` sets for the process; weights in F16 and F32 are rayon's.
    pub threads: NonZeroUsize,
    /// The contexts whose prompts are read while loading. Any other is read on its first use, which takes about a second
    /// and is not held against that call's time limit.
    pub contexts: Vec<Context>,
}

impl Default for EnhancerOptions {
    fn default() -> Self {
        Self {
            enabled: true,
            timeout: Duration::from_secs(2),
            cache_size: 1000,
            cache_ttl: Duration::from_secs(60 * 60),
            max_input_chars: 2000,
            max_input_tokens: 256,
            device: Device::default(),
            decoding: Decoding::default(),
            candidates: 4,
            threads: const { NonZeroUsize::new(2).unwrap() },
            contexts: Context::ALL.to_vec(),
        }
    }
}
