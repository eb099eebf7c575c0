//! How an [`Enhancer`](crate::Enhancer) is set up.

use std::time::Duration;

use voiceflow_protocol::Context;

/// Settings with sound defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnhancerOptions {
    /// Whether the model is used at all. Without it every text is tidied by rules and no model is loaded.
    pub enabled: bool,
    /// How long one call may take, waiting for other calls and for the right to compute included, before the rules' text
    /// is returned. It is looked at before every token, so a call may exceed it by the time of one reading of its input.
    pub timeout: Duration,
    /// How many answers are remembered; 0 remembers none.
    pub cache_size: u64,
    /// How long an answer is remembered.
    pub cache_ttl: Duration,
    /// Longer dictations, in characters, are tidied by rules alone.
    pub max_input_chars: usize,
    /// Longer dictations, in the model's tokens after the rules, are tidied by rules alone.
    pub max_input_tokens: usize,
    /// How many tokens, from the likeliest down, are tried at each place until one keeps the text faithful. With 1 the
    /// model writes freely and its text is refused at the first departure.
    pub candidates: usize,
    /// The number of threads the caller relies on; none takes what candle takes. candle makes one pool for the process
    /// from `CANDLE_NUM_THREADS`, so this is checked and cannot be changed here.
    pub threads: Option<usize>,
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
            candidates: 4,
            threads: None,
            contexts: Context::ALL.to_vec(),
        }
    }
}

/// The number of threads on which candle multiplies: one pool for the whole process, sized on first use.
#[must_use]
pub fn threads() -> usize {
    let asked = std::env::var("CANDLE_NUM_THREADS")
        .ok()
        .and_then(|number| number.parse().ok());
    asked
        .filter(|&number| number > 0)
        .unwrap_or_else(candle_core::utils::get_num_threads)
}
