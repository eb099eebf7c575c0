//! What a call answers and what is counted about all of them.

use std::sync::atomic::{AtomicU64, Ordering};

/// A tidied text and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enhanced {
    /// The tidied text. It loses and invents no content word, whatever its source.
    pub text: String,
    /// Who wrote it, and why not the model where it was not the model.
    pub source: Source,
    /// Tokens of the dictation that the model read in this call, each once; in free decoding with those that frame its
    /// turn. The prompt before them was read once for all calls.
    pub prompt_tokens: usize,
    /// Tokens that the model wrote in this call, kept or not; in constrained decoding all that it read, alternatives and
    /// what was read anew included.
    pub tokens: usize,
}

/// Who wrote a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The language model; its text passed the faithfulness check.
    Model,
    /// An earlier call with the same words in the same context.
    Cache,
    /// The rules, because enhancement is off.
    RulesDisabled,
    /// The rules, because nothing was left to tidy after them.
    RulesEmpty,
    /// The rules, because the dictation is longer than the model may read.
    RulesTooLong,
    /// The rules, because the model lost or invented words.
    RulesStrayed,
    /// The rules, because time ran out.
    RulesTimedOut,
    /// The rules, because the model failed.
    RulesFailed,
}

impl Source {
    /// Every source, in declaration order.
    pub const ALL: [Self; 8] = [
        Self::Model,
        Self::Cache,
        Self::RulesDisabled,
        Self::RulesEmpty,
        Self::RulesTooLong,
        Self::RulesStrayed,
        Self::RulesTimedOut,
        Self::RulesFailed,
    ];

    /// A name for logs and counters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Cache => "cache",
            Self::RulesDisabled => "rules-disabled",
            Self::RulesEmpty => "rules-empty",
            Self::RulesTooLong => "rules-too-long",
            Self::RulesStrayed => "rules-strayed",
            Self::RulesTimedOut => "rules-timed-out",
            Self::RulesFailed => "rules-failed",
        }
    }

    /// Whether the same call will always end this way. Time and failures may not repeat.
    pub(crate) const fn is_deterministic(self) -> bool {
        !matches!(self, Self::RulesTimedOut | Self::RulesFailed)
    }
}

/// How many calls ended in each way since the enhancer was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    counts: [u64; Source::ALL.len()],
}

impl Counters {
    /// Calls that ended with this source.
    #[must_use]
    pub const fn of(&self, source: Source) -> u64 {
        self.counts[source as usize]
    }

    /// All calls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Counters that several threads raise. Each is exact; a snapshot taken during calls may lie between two of them.
#[derive(Debug, Default)]
pub(crate) struct LiveCounters {
    counts: [AtomicU64; Source::ALL.len()],
}

impl LiveCounters {
    pub(crate) fn count(&self, source: Source) {
        self.counts[source as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Counters {
        Counters {
            counts: std::array::from_fn(|index| self.counts[index].load(Ordering::Relaxed)),
        }
    }
}
