//! Reading a model file that may be anything: every size is checked before candle builds a model from it.
//!
//! candle checks lengths against the file, but it divides by head counts, allocates by layer counts and multiplies shapes
//! as they come. Here the hyperparameters are bounded and every tensor's shape is held against them, so that a hostile file
//! ends in one error. Hashes are the business of whoever fetched the file.

use std::fs::File;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use candle_core::quantized::gguf_file::{Content, Value};

use crate::EnhanceError;

#[cfg(test)]
mod corpus;

/// An opened model file whose header and tensor shapes are those of a Llama model.
pub(crate) struct ModelFile {
    pub(crate) content: Content,
    pub(crate) reader: BufReader<File>,
}

/// Opens and checks a model file.
///
/// # Errors
/// `Open`, `Malformed` or `Unsupported`, each naming the file.
pub(crate) fn open(path: &Path) -> Result<ModelFile, EnhanceError> {
    let file = File::open(path).map_err(|source| EnhanceError::Open {
        path: path.to_owned(),
        source,
    })?;
    let mut reader = BufReader::new(file);
    // A header that declares an alignment of zero makes candle 0.11.1 divide by it.
    let content = catch_unwind(AssertUnwindSafe(|| Content::read(&mut reader)))
        .map_err(|_| malformed(path, "its header is not valid"))?
        .map_err(|error| malformed(path, error))?;
    let shape = Shape::read(&content).map_err(|reason| EnhanceError::Unsupported {
        path: path.to_owned(),
        reason,
    })?;
    shape
        .check_tensors(&content)
        .map_err(|reason| malformed(path, reason))?;
    Ok(ModelFile { content, reader })
}

/// The error for a file whose content is wrong.
pub(crate) fn malformed(path: &Path, reason: impl ToString) -> EnhanceError {
    EnhanceError::Malformed {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// The sizes from which every tensor's shape follows.
struct Shape {
    layers: usize,
    width: usize,
    key_width: usize,
    inner_width: usize,
    vocabulary: usize,
}

/// No size in a model of this kind comes near it; products of two still fit 64 bits many times over.
const SIZE_MAX: usize = 1 << 20;
/// SmolLM2-135M has 30 layers; the largest Llama models have 126.
const LAYERS_MAX: usize = 256;

impl Shape {
    fn read(content: &Content) -> Result<Self, String> {
        let architecture = content
            .metadata
            .get("general.architecture")
            .and_then(|value| value.to_string().ok());
        match architecture.map(String::as_str) {
            Some("llama") => {}
            Some(other) => return Err(format!("its architecture is {other:?}, not \"llama\"")),
            None => return Err("it names no architecture".to_owned()),
        }
        if number(content, "llama.expert_count").is_ok_and(|experts| experts > 1) {
            return Err("it is a mixture of experts".to_owned());
        }
        let layers = number(content, "llama.block_count")?;
        if layers > LAYERS_MAX {
            return Err(format!("it declares {layers} layers, more than {LAYERS_MAX}"));
        }
        let width = number(content, "llama.embedding_length")?;
        let heads = number(content, "llama.attention.head_count")?;
        let key_heads = number(content, "llama.attention.head_count_kv")?;
        if !width.is_multiple_of(heads) || !heads.is_multiple_of(key_heads) {
            return Err(format!(
                "{width} values do not divide among {heads} heads and {key_heads} key heads"
            ));
        }
        let head_width = width / heads;
        if number(content, "llama.rope.dimension_count")? != head_width || !head_width.is_multiple_of(2) {
            return Err("its rotary width is not that of a head".to_owned());
        }
        Ok(Self {
            layers,
            width,
            key_width: head_width * key_heads,
            inner_width: number(content, "llama.feed_forward_length")?,
            vocabulary: vocabulary(content)?,
        })
    }

    fn check_tensors(&self, content: &Content) -> Result<(), String> {
        let (width, key_width, inner) = (self.width, self.key_width, self.inner_width);
        expect_shape(content, "token_embd.weight", &[self.vocabulary, width])?;
        expect_shape(content, "output_norm.weight", &[width])?;
        if content.tensor_infos.contains_key("output.weight") {
            expect_shape(content, "output.weight", &[self.vocabulary, width])?;
        }
        for layer in 0..self.layers {
            for (name, shape) in [
                ("attn_norm", &[width][..]),
                ("attn_q", &[width, width]),
                ("attn_k", &[key_width, width]),
                ("attn_v", &[key_width, width]),
                ("attn_output", &[width, width]),
                ("ffn_norm", &[width]),
                ("ffn_gate", &[inner, width]),
                ("ffn_up", &[inner, width]),
                ("ffn_down", &[width, inner]),
            ] {
                expect_shape(content, &format!("blk.{layer}.{name}.weight"), shape)?;
            }
        }
        Ok(())
    }
}

fn expect_shape(content: &Content, name: &str, expected: &[usize]) -> Result<(), String> {
    match content.tensor_infos.get(name) {
        None => Err(format!("tensor {name} is missing")),
        Some(tensor) if tensor.shape.dims() != expected => Err(format!(
            "tensor {name} has shape {:?} instead of {expected:?}",
            tensor.shape.dims()
        )),
        Some(_) => Ok(()),
    }
}

fn number(content: &Content, key: &str) -> Result<usize, String> {
    let value = content
        .metadata
        .get(key)
        .ok_or_else(|| format!("its {key} is missing"))?;
    let number = value.to_u32().map_err(|_| format!("its {key} is no 32-bit number"))? as usize;
    if (1..=SIZE_MAX).contains(&number) {
        Ok(number)
    } else {
        Err(format!("its {key} is {number}"))
    }
}

fn vocabulary(content: &Content) -> Result<usize, String> {
    match content.metadata.get("tokenizer.ggml.tokens") {
        Some(Value::Array(tokens)) if (1..=SIZE_MAX).contains(&tokens.len()) => Ok(tokens.len()),
        Some(_) => Err("its list of tokens has no usable length".to_owned()),
        None => Err("it carries no tokenizer".to_owned()),
    }
}
