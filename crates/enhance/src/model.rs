//! The language model: tokens in, the likeliest next token out.
//!
//! [`LanguageModel`] holds the weights and the tokenizer. A [`Session`] is the model with what it has read so far; a clone
//! of it goes its own way from there, which makes reading a long prompt once and answering many texts after it cheap.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use crate::exponential::exponential;
use crate::llama::{self, After, Memory, Row, Team, Weights};
use crate::vocabulary::Vocabulary;
use crate::{Device, EnhanceError, gguf};

/// Weights and tokenizer of a SmolLM2 model. It does not change after loading.
pub struct LanguageModel {
    weights: Arc<Weights>,
    vocabulary: Vocabulary,
}

impl LanguageModel {
    /// Loads a GGUF file of the Llama architecture whose tokenizer knows ChatML's turn marks, for one thread of the
    /// processor.
    ///
    /// # Errors
    /// `Open`, `Malformed` or `Unsupported`, each naming the file.
    pub fn load(path: &Path) -> Result<Self, EnhanceError> {
        Self::load_on(path, Device::Cpu, NonZeroUsize::MIN)
    }

    /// As [`LanguageModel::load`], on a device, and for so many threads as
    /// [`EnhancerOptions::threads`](crate::EnhancerOptions::threads) says.
    ///
    /// # Errors
    /// Also `Device` where that is not to be had, and `Threads` where the system gives none.
    pub fn load_on(path: &Path, device: Device, threads: NonZeroUsize) -> Result<Self, EnhanceError> {
        let device = match device {
            Device::Cpu => candle_core::Device::Cpu,
            Device::Cuda => candle_core::Device::new_cuda(0).map_err(|error| EnhanceError::Device {
                reason: error.to_string(),
            })?,
        };
        let gguf::ModelFile { content, mut reader } = gguf::open(path)?;
        let vocabulary = Vocabulary::read(&content).map_err(|reason| EnhanceError::Unsupported {
            path: path.to_owned(),
            reason,
        })?;
        let threads = if device.is_cpu() { threads } else { NonZeroUsize::MIN };
        let team = Team::new(threads).map_err(|error| EnhanceError::Threads {
            reason: error.to_string(),
        })?;
        let team = Arc::new(team);
        let weights =
            Weights::read(&content, &mut reader, &device, &team).map_err(|error| gguf::malformed(path, error))?;
        Ok(Self {
            weights: Arc::new(weights),
            vocabulary,
        })
    }

    /// The model before its first token.
    #[must_use]
    pub fn session(&self) -> Session {
        Session {
            weights: Arc::clone(&self.weights),
            memory: Memory::default(),
            vocabulary: self.vocabulary.len(),
        }
    }

    /// The tokens of a text. The names of special tokens in it are plain text.
    ///
    /// # Errors
    /// Fails where the tokenizer does.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, EnhanceError> {
        Ok(self.vocabulary.encode(text)?)
    }

    /// The text of some tokens, without special ones and without an unfinished last character.
    ///
    /// # Errors
    /// Fails where the tokenizer does.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, EnhanceError> {
        Ok(self.vocabulary.decode(tokens)?)
    }

    /// The token that opens a turn of the conversation.
    #[must_use]
    pub fn turn_start(&self) -> u32 {
        self.vocabulary.turn_start
    }

    /// The token that closes a turn of the conversation.
    #[must_use]
    pub fn turn_end(&self) -> u32 {
        self.vocabulary.turn_end
    }
}

/// The model with the tokens it has read.
///
/// A clone shares weights and the keys and values of what was read; whichever of the two reads on first makes its own copy
/// of the latter.
#[derive(Clone)]
pub struct Session {
    weights: Arc<Weights>,
    memory: Memory,
    vocabulary: usize,
}

impl Session {
    /// The most tokens that a session can read: rotary positions are computed no further.
    pub const LENGTH_MAX: usize = llama::LENGTH_MAX;

    /// Reads `tokens` (at least one) and answers how likely each token of the vocabulary is to follow.
    ///
    /// # Errors
    /// `Inference` where there is no token, one is not in the vocabulary or the session would grow too long.
    pub fn read(&mut self, tokens: &[u32]) -> Result<Likelihoods, EnhanceError> {
        let rows = chain(self.len(), tokens);
        self.check(&rows)?;
        let scores = self.weights.read_to_last(&rows, &mut self.memory)?;
        Ok(Likelihoods(scores.flatten_all()?.to_vec1()?))
    }

    /// Reads `tokens` (at least one) at once and answers for each how likely each token of the vocabulary is to follow.
    ///
    /// # Errors
    /// As [`Session::read`].
    pub fn read_each(&mut self, tokens: &[u32]) -> Result<Vec<Likelihoods>, EnhanceError> {
        self.read_branches(&chain(self.len(), tokens))
    }

    /// Forgets all but the first `length` tokens.
    pub fn truncate(&mut self, length: usize) {
        self.memory.truncate(length);
    }

    /// Number of tokens read so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Whether nothing was read yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads rows that may stand side by side, and answers for each. They stay in the session until it is truncated.
    pub(crate) fn read_branches(&mut self, rows: &[Row]) -> Result<Vec<Likelihoods>, EnhanceError> {
        self.check(rows)?;
        let scores = self.weights.read_each(rows, &mut self.memory)?;
        let scores: Vec<f32> = scores.flatten_all()?.to_vec1()?;
        let width = scores.len() / rows.len();
        Ok(scores
            .chunks_exact(width)
            .map(|row| Likelihoods(row.to_vec()))
            .collect())
    }

    /// Refuses what cannot be read.
    fn check(&self, rows: &[Row]) -> Result<(), EnhanceError> {
        if rows.is_empty() || self.len() + rows.len() > Self::LENGTH_MAX {
            let (count, length) = (rows.len(), self.len());
            return Err(candle_core::Error::msg(format!("cannot read {count} tokens after {length}")).into());
        }
        if let Some(row) = rows.iter().find(|row| row.token as usize >= self.vocabulary) {
            return Err(candle_core::Error::msg(format!("there is no token {}", row.token)).into());
        }
        Ok(())
    }
}

/// Tokens one after the other, behind the first `length` of a session.
pub(crate) fn chain(length: usize, tokens: &[u32]) -> Vec<Row> {
    let after = |index: usize| index.checked_sub(1).map_or(After::Memory(length), After::Row);
    let rows = tokens.iter().enumerate().map(|(index, &token)| Row {
        token,
        after: after(index),
    });
    rows.collect()
}

/// How likely each token is to be the next, as the model's raw scores; higher is likelier.
#[derive(Clone, Debug)]
pub struct Likelihoods(Vec<f32>);

impl Likelihoods {
    /// Likelihoods with these raw scores, one for each token of the vocabulary.
    #[must_use]
    pub fn new(scores: Vec<f32>) -> Self {
        Self(scores)
    }

    /// The likeliest token; of equals the one with the smaller number, so that the answer is always the same.
    #[must_use]
    pub fn likeliest(&self) -> u32 {
        let mut best = 0;
        for (token, score) in self.0.iter().enumerate() {
            if *score > self.0[best] {
                best = token;
            }
        }
        best as u32
    }

    /// Takes the likeliest token out, so that the next call answers the next likeliest.
    pub fn take_likeliest(&mut self) -> u32 {
        let token = self.likeliest();
        if let Some(score) = self.0.get_mut(token as usize) {
            *score = f32::NEG_INFINITY;
        }
        token
    }

    /// The natural logarithm of the sum of all exponentials: a token's score less this is the logarithm of its
    /// probability.
    #[must_use]
    pub fn normalizer(&self) -> f32 {
        let largest = self.0.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // Lanes of their own, so that the compiler may add eight at once.
        let mut sums = [0.0_f32; 8];
        for scores in self.0.chunks(8) {
            for (sum, score) in sums.iter_mut().zip(scores) {
                *sum += exponential(score - largest);
            }
        }
        largest + sums.iter().sum::<f32>().ln()
    }

    /// The token's raw score.
    #[must_use]
    pub fn score(&self, token: u32) -> f32 {
        self.0[token as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::Likelihoods;

    #[test]
    fn probabilities_sum_to_one() {
        let scores: Vec<f32> = (0..1001_u16).map(|index| f32::from(index % 37) - 300.0).collect();
        let likelihoods = Likelihoods(scores.clone());
        let normalizer = likelihoods.normalizer();
        let sum: f32 = scores.iter().map(|score| (score - normalizer).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-3, "{sum}");
    }
}
