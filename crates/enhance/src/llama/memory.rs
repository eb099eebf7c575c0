//! Keys and values of what was read.

use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor};

/// Room for keys and values grows by this many tokens at a time: a sentence with its alternatives fits.
const ROOM: usize = 128;

/// The dimension that counts tokens, of keys and of values.
const KEY_TOKENS: usize = 2;
const VALUE_TOKENS: usize = 1;

/// What one token's keys, or values, take.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) width: usize,
}

/// Keys and values of the tokens read so far. A clone shares them until either writes.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    /// For each layer keys, of shape (key heads, head width, room), and values, of shape (key heads, room, head width): both
    /// as a query goes through them, which wants numbers of many tokens side by side of the one and of one token of the
    /// other.
    layers: Arc<Vec<(Tensor, Tensor)>>,
    room: usize,
    pub(super) length: usize,
}

impl Memory {
    /// Number of tokens.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Forgets all but the first `length` tokens.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Takes in keys and values of `rows` tokens behind the last for a layer, each of shape (key heads, rows, head width),
    /// and answers with those of all tokens. There must be room.
    pub(super) fn extend(&self, layer: usize, key: &Tensor, value: &Tensor) -> Result<(Tensor, Tensor)> {
        let (keys, values) = &self.layers[layer];
        keys.slice_set(&key.transpose(1, 2)?.contiguous()?, KEY_TOKENS, self.length)?;
        values.slice_set(value, VALUE_TOKENS, self.length)?;
        let length = self.length + key.dim(1)?;
        Ok((
            keys.narrow(KEY_TOKENS, 0, length)?,
            values.narrow(VALUE_TOKENS, 0, length)?,
        ))
    }

    /// Makes room for `length` tokens in tensors that nobody else holds.
    pub(super) fn reserve(&mut self, length: usize, sizes: Sizes, device: &Device) -> Result<()> {
        if self.room >= length && Arc::get_mut(&mut self.layers).is_some() {
            return Ok(());
        }
        let room = length.next_multiple_of(ROOM) + ROOM;
        let grown = |old: Option<&Tensor>, tokens: usize, shape: (usize, usize, usize)| -> Result<Tensor> {
            let new = Tensor::zeros(shape, DType::F32, device)?;
            if let Some(old) = old.filter(|_| self.length > 0) {
                new.slice_set(&old.narrow(tokens, 0, self.length)?.contiguous()?, tokens, 0)?;
            }
            Ok(new)
        };
        let Sizes { heads, width, .. } = sizes;
        let layers = (0..sizes.layers).map(|layer| {
            let old = self.layers.get(layer);
            Ok((
                grown(old.map(|(keys, _)| keys), KEY_TOKENS, (heads, width, room))?,
                grown(old.map(|(_, values)| values), VALUE_TOKENS, (heads, room, width))?,
            ))
        });
        self.layers = Arc::new(layers.collect::<Result<_>>()?);
        self.room = room;
        Ok(())
    }
}
