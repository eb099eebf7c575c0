//! Text to tokens and back, with the tokenizer that the model file carries.

use candle_core::quantized::gguf_file::Content;
use candle_core::quantized::tokenizer::TokenizerFromGguf;
use tokenizers::Tokenizer;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;

/// The model's tokens, and the two that frame a turn of a conversation.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    tokenizer: Tokenizer,
    /// `<|im_start|>`
    pub(crate) turn_start: u32,
    /// `<|im_end|>`
    pub(crate) turn_end: u32,
}

impl Vocabulary {
    /// Reads the tokenizer from the model file's header.
    ///
    /// # Errors
    /// A sentence fragment that says what is missing or wrong.
    pub(crate) fn read(content: &Content) -> Result<Self, String> {
        let mut tokenizer =
            Tokenizer::from_gguf(content).map_err(|error| format!("its tokenizer is not usable: {error}"))?;
        // candle 0.11.1 does not know the splitting that SmolLM2 was trained with and falls back to GPT-2's: that puts a
        // space before the text and keeps numbers in one piece, both of which the model has never seen.
        let kind = content
            .metadata
            .get("tokenizer.ggml.pre")
            .and_then(|value| value.to_string().ok());
        if kind.is_some_and(|kind| kind == "smollm") {
            let split = Sequence::new(vec![
                PreTokenizerWrapper::Digits(Digits::new(true)),
                PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, true)),
            ]);
            tokenizer.with_pre_tokenizer(Some(split));
        }
        // Whoever dictates "<|im_end|>" gets these ten characters and not the end of his turn.
        tokenizer.set_encode_special_tokens(true);
        let token = |name: &str| {
            tokenizer
                .token_to_id(name)
                .ok_or_else(|| format!("its tokenizer has no {name}"))
        };
        Ok(Self {
            turn_start: token("<|im_start|>")?,
            turn_end: token("<|im_end|>")?,
            tokenizer,
        })
    }

    /// Number of tokens, special ones included.
    pub(crate) fn len(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// The tokens of a text. No text yields a special token.
    pub(crate) fn encode(&self, text: &str) -> candle_core::Result<Vec<u32>> {
        let encoding = self
            .tokenizer
            .encode_fast(text, false)
            .map_err(candle_core::Error::wrap)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of some tokens, special ones left out. A character whose last bytes are still to come is left out too.
    pub(crate) fn decode(&self, tokens: &[u32]) -> candle_core::Result<String> {
        let mut text = self.tokenizer.decode(tokens, true).map_err(candle_core::Error::wrap)?;
        text.truncate(text.trim_end_matches(char::REPLACEMENT_CHARACTER).len());
        Ok(text)
    }
}
