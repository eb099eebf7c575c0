//! The Llama architecture over quantised weights, for reading in batches.
//!
//! candle's own forward pass answers for the last token only and offers no way back. This one answers for every token
//! that is asked for, lets several continuations of one text be read side by side, and takes back what was read. It runs
//! on candle's tensors; the products on the processor with Q8_0 weights are [`q8`]'s, which a [`Team`] of threads shares.
//! Sampling, text and sessions are [`crate::model`]'s.

use std::io::{Read, Seek};
use std::sync::Arc;

use candle_core::quantized::gguf_file::Content;
use candle_core::{Device, Result, Tensor};

mod memory;
#[cfg(test)]
mod numbers;
mod operations;
mod product;
mod q8;
mod team;
#[cfg(test)]
mod tests;

pub(crate) use memory::Memory;
use memory::Sizes;
use product::Product;
pub(crate) use team::Team;

/// The most tokens that can be read one after the other: rotary positions are computed this far.
pub(crate) const LENGTH_MAX: usize = 4096;

/// A model's weights, read only.
pub(crate) struct Weights {
    embedding: Arc<Product>,
    layers: Vec<Layer>,
    norm: Norm,
    output: Arc<Product>,
    cosines: Tensor,
    sines: Tensor,
    shape: Heads,
    device: Device,
    team: Arc<Team>,
}

/// How the values of a token divide among heads.
#[derive(Clone, Copy)]
struct Heads {
    queries: usize,
    keys: usize,
    width: usize,
}

struct Layer {
    attention_norm: Norm,
    /// Queries, keys and values, in this order.
    projection: Product,
    attention_output: Product,
    inner_norm: Norm,
    /// The gate, and what it lets through.
    gate_and_up: Product,
    down: Product,
}

/// A token to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) token: u32,
    pub(crate) after: After,
}

/// What a token stands after, and therefore sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// The first so many tokens of the memory.
    Memory(usize),
    /// An earlier row of the same batch, with all that that one sees.
    Row(usize),
}

impl Weights {
    /// Reads the weights of a file whose shapes were checked. The team shares what is computed on the processor.
    pub(crate) fn read<R: Read + Seek>(
        content: &Content,
        reader: &mut R,
        device: &Device,
        team: &Arc<Team>,
    ) -> Result<Self> {
        let number = |key: &str| match content.metadata.get(key) {
            Some(value) => Ok(value.to_u32()? as usize),
            None => candle_core::bail!("its {key} is missing"),
        };
        let single = |key: &str| content.metadata.get(key).map(|value| value.to_f32()).transpose();
        let queries = number("llama.attention.head_count")?;
        let shape = Heads {
            queries,
            keys: number("llama.attention.head_count_kv")?,
            width: number("llama.embedding_length")? / queries,
        };
        let epsilon = single("llama.attention.layer_norm_rms_epsilon")?.unwrap_or(1e-5);
        let (cosines, sines) = rotations(shape.width, single("llama.rope.freq_base")?.unwrap_or(10_000.0), device)?;
        let mut tensors = Tensors {
            content,
            reader,
            device,
            team,
            epsilon,
        };
        let embedding = Arc::new(tensors.product(&["token_embd"])?);
        let output = if content.tensor_infos.contains_key("output.weight") {
            Arc::new(tensors.product(&["output"])?)
        } else {
            Arc::clone(&embedding)
        };
        let layers = (0..number("llama.block_count")?).map(|layer| tensors.layer(layer));
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
            norm: tensors.norm("output_norm")?,
            embedding,
            output,
            cosines,
            sines,
            shape,
            device: device.clone(),
            team: Arc::clone(team),
        })
    }

    /// Reads rows, at least one, which the memory takes in at its end in their order. The answer has scores of every token
    /// of the vocabulary to come next, for the last row alone.
    ///
    /// Every row's `after` must lie before it. Rows that stand side by side do not see each other.
    pub(crate) fn read_to_last(&self, rows: &[Row], memory: &mut Memory) -> Result<Tensor> {
        self.team.run(|| {
            let hidden = self.hidden(rows, memory)?;
            self.scores(&hidden.narrow(0, rows.len() - 1, 1)?)
        })
    }

    /// As [`Weights::read_to_last`], with scores for every row.
    pub(crate) fn read_each(&self, rows: &[Row], memory: &mut Memory) -> Result<Tensor> {
        self.team.run(|| {
            let hidden = self.hidden(rows, memory)?;
            self.scores(&hidden)
        })
    }

    /// Reads rows; the answer has one row of hidden values for each.
    fn hidden(&self, rows: &[Row], memory: &mut Memory) -> Result<Tensor> {
        let depths = depths(rows);
        let start = memory.length;
        memory.reserve(start + rows.len(), self.sizes(), &self.device)?;
        let ids: Vec<u32> = rows.iter().map(|row| row.token).collect();
        let mut hidden = self.embedding.rows(&ids, &self.device)?;
        let positions = Tensor::from_slice(&depths, rows.len(), &self.device)?;
        let rotation = Rotation {
            cosines: self.cosines.index_select(&positions, 0)?,
            sines: self.sines.index_select(&positions, 0)?,
        };
        let mask = Arc::new(mask(rows, start));
        for (index, layer) in self.layers.iter().enumerate() {
            let normed = layer.attention_norm.forward(&hidden)?;
            let (query, key, value) = layer.project(&normed, self.shape, &rotation)?;
            let (keys, values) = memory.extend(index, &key, &value)?;
            let seen = operations::attend(&query, &keys, &values, &mask, &self.team)?;
            hidden = (hidden + layer.attention_output.forward(&seen)?)?;
            let normed = layer.inner_norm.forward(&hidden)?;
            let gated = operations::gate(&layer.gate_and_up.forward(&normed)?)?;
            hidden = (hidden + layer.down.forward(&gated)?)?;
        }
        memory.length += rows.len();
        Ok(hidden)
    }

    fn sizes(&self) -> Sizes {
        Sizes {
            layers: self.layers.len(),
            heads: self.shape.keys,
            width: self.shape.width,
        }
    }

    /// Scores for rows of hidden values.
    fn scores(&self, hidden: &Tensor) -> Result<Tensor> {
        self.output.forward(&self.norm.forward(hidden)?)
    }
}

impl Layer {
    /// Queries, keys and values, each of shape (heads, rows, head width).
    fn project(&self, input: &Tensor, shape: Heads, rotation: &Rotation) -> Result<(Tensor, Tensor, Tensor)> {
        let turned = shape.queries + shape.keys;
        let projected = self
            .projection
            .forward(input)?
            .reshape((input.dim(0)?, turned + shape.keys, shape.width))?
            .transpose(0, 1)?
            .contiguous()?;
        let value = projected.narrow(0, turned, shape.keys)?;
        let turned = rotation.turn(&projected.narrow(0, 0, turned)?)?;
        let query = turned.narrow(0, 0, shape.queries)?;
        Ok((query, turned.narrow(0, shape.queries, shape.keys)?, value))
    }
}

/// Cosines and sines for the positions of the rows.
struct Rotation {
    cosines: Tensor,
    sines: Tensor,
}

impl Rotation {
    fn turn(&self, values: &Tensor) -> Result<Tensor> {
        operations::turn(values, &self.cosines, &self.sines)
    }
}

/// Of shape (positions, half the head width): rotary embedding over neighbouring pairs, as GGUF files of Llama have it.
fn rotations(width: usize, base: f32, device: &Device) -> Result<(Tensor, Tensor)> {
    let rates: Vec<f32> = (0..width)
        .step_by(2)
        .map(|index| 1.0 / base.powf(index as f32 / width as f32))
        .collect();
    let angles: Vec<f32> = (0..LENGTH_MAX)
        .flat_map(|position| rates.iter().map(move |rate| position as f32 * rate))
        .collect();
    let angles = Tensor::from_vec(angles, (LENGTH_MAX, width / 2), device)?;
    Ok((angles.cos()?, angles.sin()?))
}

/// How many tokens each row sees before itself: its position.
fn depths(rows: &[Row]) -> Vec<u32> {
    let mut depths: Vec<u32> = Vec::with_capacity(rows.len());
    for row in rows {
        depths.push(match row.after {
            After::Memory(length) => length as u32,
            After::Row(index) => depths[index] + 1,
        });
    }
    depths
}

/// For every row and token zero where the row sees the token and minus infinity where it does not.
fn mask(rows: &[Row], start: usize) -> Vec<f32> {
    let length = start + rows.len();
    let mut mask: Vec<f32> = Vec::with_capacity(rows.len() * length);
    for (index, row) in rows.iter().enumerate() {
        match row.after {
            After::Memory(seen) => {
                mask.extend(std::iter::repeat_n(0.0, seen));
                mask.extend(std::iter::repeat_n(f32::NEG_INFINITY, length - seen));
            }
            After::Row(before) => mask.extend_from_within(before * length..(before + 1) * length),
        }
        mask[index * length + start + index] = 0.0;
    }
    mask
}

/// Root mean square normalisation.
struct Norm {
    weight: Tensor,
    epsilon: f32,
}

impl Norm {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        operations::normalise(input, &self.weight, self.epsilon)
    }
}

/// Where the tensors come from.
struct Tensors<'a, R> {
    content: &'a Content,
    reader: &'a mut R,
    device: &'a Device,
    team: &'a Arc<Team>,
    epsilon: f32,
}

impl<R: Read + Seek> Tensors<'_, R> {
    /// The product with matrices one below the other.
    fn product(&mut self, names: &[&str]) -> Result<Product> {
        let tensors = names
            .iter()
            .map(|name| self.content.tensor(self.reader, &format!("{name}.weight"), self.device))
            .collect::<Result<_>>()?;
        Product::new(tensors, self.device, self.team)
    }

    fn norm(&mut self, name: &str) -> Result<Norm> {
        let tensor = self
            .content
            .tensor(self.reader, &format!("{name}.weight"), self.device)?;
        Ok(Norm {
            weight: tensor.dequantize(self.device)?,
            epsilon: self.epsilon,
        })
    }

    fn layer(&mut self, index: usize) -> Result<Layer> {
        let name = |part: &str| format!("blk.{index}.{part}");
        Ok(Layer {
            attention_norm: self.norm(&name("attn_norm"))?,
            projection: self.product(&[&name("attn_q"), &name("attn_k"), &name("attn_v")])?,
            attention_output: self.product(&[&name("attn_output")])?,
            inner_norm: self.norm(&name("ffn_norm"))?,
            gate_and_up: self.product(&[&name("ffn_gate"), &name("ffn_up")])?,
            down: self.product(&[&name("ffn_down")])?,
        })
    }
}
