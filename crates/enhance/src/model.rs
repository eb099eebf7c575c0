//! The language model: tokens in, the likeliest next token out.
//!
//! [`LanguageModel`] holds the weights and the tokenizer. A [`Session`] is the model with what it has read so far; a clone
//! of it goes its own way from there, which makes reading a long prompt once and answering many texts after it cheap.

use std::path::Path;

use candle_core::{Device, Tensor};
use candle_transformers::models::quantized_llama::{MAX_SEQ_LEN, ModelWeights};

use crate::vocabulary::Vocabulary;
use crate::{EnhanceError, gguf};

/// Weights and tokenizer of a SmolLM2 model. It does not change after loading.
pub struct LanguageModel {
    weights: ModelWeights,
    vocabulary: Vocabulary,
}

impl LanguageModel {
    /// Loads a GGUF file of the Llama architecture whose tokenizer knows ChatML's turn marks.
    ///
    /// # Errors
    /// `Open`, `Malformed` or `Unsupported`, each naming the file.
    pub fn load(path: &Path) -> Result<Self, EnhanceError> {
        let gguf::ModelFile { content, mut reader } = gguf::open(path)?;
        let vocabulary = Vocabulary::read(&content).map_err(|reason| EnhanceError::Unsupported {
            path: path.to_owned(),
            reason,
        })?;
        let weights = ModelWeights::from_gguf(content, &mut reader, &Device::Cpu)
            .map_err(|error| gguf::malformed(path, error))?;
        Ok(Self { weights, vocabulary })
    }

    /// The model before its first token.
    #[must_use]
    pub fn session(&self) -> Session {
        Session {
            weights: self.weights.clone(),
            length: 0,
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
/// A clone shares weights and the keys and values of what was read; what it reads later does not reach the original,
/// because candle makes a new tensor of old and new keys and never writes into the old one.
#[derive(Clone)]
pub struct Session {
    weights: ModelWeights,
    length: usize,
    vocabulary: usize,
}

impl Session {
    /// The most tokens that a session can read: candle computes rotary positions no further.
    pub const LENGTH_MAX: usize = MAX_SEQ_LEN;

    /// Reads `tokens` (at least one) and answers how likely each token of the vocabulary is to follow.
    ///
    /// # Errors
    /// `Inference` where there is no token, one is not in the vocabulary or the session would grow too long.
    pub fn read(&mut self, tokens: &[u32]) -> Result<Likelihoods, EnhanceError> {
        if tokens.is_empty() || self.length + tokens.len() > Self::LENGTH_MAX {
            let (count, length) = (tokens.len(), self.length);
            return Err(candle_core::Error::msg(format!("cannot read {count} tokens after {length}")).into());
        }
        // candle reads the largest number as "no token" instead of refusing it.
        if let Some(token) = tokens.iter().find(|&&token| token as usize >= self.vocabulary) {
            return Err(candle_core::Error::msg(format!("there is no token {token}")).into());
        }
        let input = Tensor::from_slice(tokens, (1, tokens.len()), &Device::Cpu)?;
        let output = self.weights.forward(&input, self.length)?;
        self.length += tokens.len();
        Ok(Likelihoods(output.flatten_all()?.to_vec1()?))
    }

    /// Number of tokens read so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing was read yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// How likely each token is to be the next, as the model's raw scores; higher is likelier.
#[derive(Clone, Debug)]
pub struct Likelihoods(Vec<f32>);

impl Likelihoods {
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
}
