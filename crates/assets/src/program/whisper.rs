//! A CTranslate2 Whisper model written as a whisper.cpp GGML file, without changing one bit of a weight.
//!
//! Both formats hold the same tensors. CTranslate2 fuses the rows of query, key and value (with a bias of zeros for the
//! key, which Whisper does not have) and calls everything by other names; the rows are split again and the zeros
//! dropped. The order of the tensors is that of OpenAI's checkpoints, so the outcome is the published file itself:
//! for tiny.en and base its SHA-1 is the one in whisper.cpp's `models/README.md`.

use std::io::{self, Write};

use crate::bytes::FormatError;
use crate::ctranslate2::{Model, Tensor};
use crate::mel;

/// The first four bytes: `ggml` as one number.
const MAGIC: i32 = 0x6767_6d6c;

/// The file type that says "matrices are float16".
const FILE_TYPE_F16: i32 = 1;

/// More layers than any Whisper model has; a larger count is a damaged file.
const LAYERS_MAX: usize = 64;

/// The tensor codes of GGML.
const CODE_F32: i32 = 0;
const CODE_F16: i32 = 1;

/// One tensor as it will be written.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    name: String,
    tensor: Tensor<'a>,
    precision: Precision,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Precision {
    F32,
    F16,
}

/// Why a model could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConversionError {
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes the model.
///
/// # Errors
/// When a tensor is missing or has the wrong shape or type, or writing fails.
pub(crate) fn convert(model: &Model<'_>, tokens: &[Vec<u8>], output: &mut impl Write) -> Result<(), ConversionError> {
    write_header(model, output)?;
    write_mel_filters(output)?;
    write_tokens(tokens, output)?;
    for entry in entries(model)? {
        write_entry(&entry, output)?;
    }
    Ok(())
}

fn write_header(model: &Model<'_>, output: &mut impl Write) -> Result<(), ConversionError> {
    let encoder = dimensions(model, "encoder/position_encodings/encodings")?;
    let decoder = dimensions(model, "decoder/position_encodings/encodings")?;
    let vocabulary = dimensions(model, "decoder/embeddings/weight")?;
    write_number(MAGIC, output)?;
    for value in [
        vocabulary.rows,
        encoder.rows,
        encoder.columns,
        model.positive_number("encoder/num_heads")?,
        layer_count(model, "encoder")?,
        decoder.rows,
        decoder.columns,
        model.positive_number("decoder/num_heads")?,
        layer_count(model, "decoder")?,
        mel::BANDS,
    ] {
        write_count(value, output)?;
    }
    Ok(write_number(FILE_TYPE_F16, output)?)
}

fn write_mel_filters(output: &mut impl Write) -> Result<(), ConversionError> {
    write_count(mel::BANDS, output)?;
    write_count(mel::BINS, output)?;
    for weight in mel::filters() {
        output.write_all(&weight.to_le_bytes())?;
    }
    Ok(())
}

fn write_tokens(tokens: &[Vec<u8>], output: &mut impl Write) -> Result<(), ConversionError> {
    write_count(tokens.len(), output)?;
    for token in tokens {
        write_count(token.len(), output)?;
        output.write_all(token)?;
    }
    Ok(())
}

fn write_entry(entry: &Entry<'_>, output: &mut impl Write) -> Result<(), ConversionError> {
    write_count(entry.tensor.shape.len(), output)?;
    write_count(entry.name.len(), output)?;
    write_number(
        if entry.precision == Precision::F32 {
            CODE_F32
        } else {
            CODE_F16
        },
        output,
    )?;
    for &length in entry.tensor.shape.iter().rev() {
        write_count(length, output)?;
    }
    output.write_all(entry.name.as_bytes())?;
    match entry.precision {
        Precision::F32 => output.write_all(&entry.tensor.to_f32_bytes()?)?,
        Precision::F16 => output.write_all(entry.tensor.as_f16_bytes()?)?,
    }
    Ok(())
}

fn write_count(count: usize, output: &mut impl Write) -> Result<(), ConversionError> {
    let number = i32::try_from(count).map_err(|_| problem(format!("a count of {count} does not fit GGML")))?;
    Ok(write_number(number, output)?)
}

fn write_number(number: i32, output: &mut impl Write) -> io::Result<()> {
    output.write_all(&number.to_le_bytes())
}

struct Dimensions {
    rows: usize,
    columns: usize,
}

fn dimensions(model: &Model<'_>, name: &str) -> Result<Dimensions, FormatError> {
    match model.tensor(name)?.shape[..] {
        [rows, columns] => Ok(Dimensions { rows, columns }),
        ref shape => Err(problem(format!("`{name}` has shape {shape:?}, not two dimensions"))),
    }
}

fn layer_count(model: &Model<'_>, side: &str) -> Result<usize, FormatError> {
    let count = (0..LAYERS_MAX)
        .take_while(|layer| model.contains(&format!("{side}/layer_{layer}/ffn/layer_norm/gamma")))
        .count();
    if (1..LAYERS_MAX).contains(&count) {
        Ok(count)
    } else {
        Err(problem(format!("its {side} has {count} layers")))
    }
}

/// All tensors in the order of OpenAI's checkpoints: both positional embeddings, then the decoder, then the encoder,
/// and inside a block the feed-forward part before the attention.
pub(crate) fn entries<'a>(model: &Model<'a>) -> Result<Vec<Entry<'a>>, FormatError> {
    let mut list = EntryList {
        model,
        entries: Vec::new(),
    };
    list.positions("decoder")?;
    list.positions("encoder")?;
    let embeddings = model.tensor("decoder/embeddings/weight")?.clone();
    list.matrix("decoder.token_embedding.weight".into(), embeddings);
    for layer in 0..layer_count(model, "decoder")? {
        list.block("decoder", layer)?;
        list.cross_attention(layer)?;
    }
    list.norm("decoder/layer_norm", "decoder.ln")?;
    list.convolution("conv1")?;
    list.convolution("conv2")?;
    for layer in 0..layer_count(model, "encoder")? {
        list.block("encoder", layer)?;
    }
    list.norm("encoder/layer_norm", "encoder.ln_post")?;
    Ok(list.entries)
}

struct EntryList<'model, 'a> {
    model: &'model Model<'a>,
    entries: Vec<Entry<'a>>,
}

impl<'a> EntryList<'_, 'a> {
    fn tensor(&self, name: &str) -> Result<Tensor<'a>, FormatError> {
        self.model.tensor(name).cloned()
    }

    fn matrix(&mut self, name: String, tensor: Tensor<'a>) {
        self.entries.push(Entry {
            name,
            tensor,
            precision: Precision::F16,
        });
    }

    fn vector(&mut self, name: String, tensor: Tensor<'a>) {
        self.entries.push(Entry {
            name,
            tensor,
            precision: Precision::F32,
        });
    }

    fn positions(&mut self, side: &str) -> Result<(), FormatError> {
        let positions = self.tensor(&format!("{side}/position_encodings/encodings"))?;
        self.vector(format!("{side}.positional_embedding"), positions);
        Ok(())
    }

    /// whisper.cpp adds a convolution's bias to a matrix, so it is stored as a column.
    fn convolution(&mut self, name: &str) -> Result<(), FormatError> {
        let weight = self.tensor(&format!("encoder/{name}/weight"))?;
        let mut bias = self.tensor(&format!("encoder/{name}/bias"))?;
        bias.shape.push(1);
        self.matrix(format!("encoder.{name}.weight"), weight);
        self.vector(format!("encoder.{name}.bias"), bias);
        Ok(())
    }

    /// What blocks of both sides have: feed-forward, its norm, self-attention, its norm.
    fn block(&mut self, side: &str, layer: usize) -> Result<(), FormatError> {
        let (from, to) = (format!("{side}/layer_{layer}"), format!("{side}.blocks.{layer}"));
        self.norm(&format!("{from}/ffn/layer_norm"), &format!("{to}.mlp_ln"))?;
        self.linear(&format!("{from}/ffn/linear_0"), &format!("{to}.mlp.0"))?;
        self.linear(&format!("{from}/ffn/linear_1"), &format!("{to}.mlp.2"))?;
        self.norm(&format!("{from}/self_attention/layer_norm"), &format!("{to}.attn_ln"))?;
        let fused = format!("{from}/self_attention/linear_0");
        let weights = self.tensor(&format!("{fused}/weight"))?.split_rows(3)?;
        let biases = self.tensor(&format!("{fused}/bias"))?.split_rows(3)?;
        self.attention(
            &format!("{to}.attn"),
            weights,
            biases,
            &format!("{from}/self_attention/linear_1"),
        )
    }

    fn cross_attention(&mut self, layer: usize) -> Result<(), FormatError> {
        let (from, to) = (
            format!("decoder/layer_{layer}/attention"),
            format!("decoder.blocks.{layer}"),
        );
        self.norm(&format!("{from}/layer_norm"), &format!("{to}.cross_attn_ln"))?;
        let mut weights = vec![self.tensor(&format!("{from}/linear_0/weight"))?];
        weights.extend(self.tensor(&format!("{from}/linear_1/weight"))?.split_rows(2)?);
        let mut biases = vec![self.tensor(&format!("{from}/linear_0/bias"))?];
        biases.extend(self.tensor(&format!("{from}/linear_1/bias"))?.split_rows(2)?);
        self.attention(
            &format!("{to}.cross_attn"),
            weights,
            biases,
            &format!("{from}/linear_2"),
        )
    }

    /// Query, key, value and output; `weights` and `biases` hold the first three in this order.
    fn attention(
        &mut self,
        to: &str,
        weights: Vec<Tensor<'a>>,
        biases: Vec<Tensor<'a>>,
        output: &str,
    ) -> Result<(), FormatError> {
        for ((part, weight), bias) in ["query", "key", "value"].into_iter().zip(weights).zip(biases) {
            self.matrix(format!("{to}.{part}.weight"), weight);
            if part != "key" {
                self.vector(format!("{to}.{part}.bias"), bias);
            } else if !bias.is_all_zero() {
                return Err(problem(format!("`{to}` has a key bias, which GGML has no place for")));
            }
        }
        self.linear(output, &format!("{to}.out"))
    }

    fn linear(&mut self, from: &str, to: &str) -> Result<(), FormatError> {
        let (weight, bias) = (
            self.tensor(&format!("{from}/weight"))?,
            self.tensor(&format!("{from}/bias"))?,
        );
        self.matrix(format!("{to}.weight"), weight);
        self.vector(format!("{to}.bias"), bias);
        Ok(())
    }

    fn norm(&mut self, from: &str, to: &str) -> Result<(), FormatError> {
        let (gamma, beta) = (
            self.tensor(&format!("{from}/gamma"))?,
            self.tensor(&format!("{from}/beta"))?,
        );
        self.vector(format!("{to}.weight"), gamma);
        self.vector(format!("{to}.bias"), beta);
        Ok(())
    }
}

fn problem(problem: String) -> FormatError {
    FormatError {
        file: "the CTranslate2 model",
        offset: 0,
        problem,
    }
}

#[cfg(test)]
#[path = "whisper_tests.rs"]
mod tests;
