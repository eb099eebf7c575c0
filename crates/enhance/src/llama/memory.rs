//! Keys and values of what was read.

use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor};

/// Room for keys and values grows by this many tokens at a time: a sentence with its alternatives fits.
const ROOM: usize = 128;

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
    /// For each layer keys and values, each of shape (key heads, room, head width).
    pub(super) layers: Arc<Vec<(Tensor, Tensor)>>,
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

    /// Makes room for `length` tokens in tensors that nobody else holds.
    pub(super) fn reserve(&mut self, length: usize, sizes: Sizes, device: &Device) -> Result<()> {
        if self.room >= length && Arc::get_mut(&mut self.layers).is_some() {
            return Ok(());
        }
        let room = length.next_multiple_of(ROOM) + ROOM;
        let grown = |old: Option<&Tensor>| -> Result<Tensor> {
            let new = Tensor::zeros((sizes.heads, room, sizes.width), DType::F32, device)?;
            if let Some(old) = old.filter(|_| self.length > 0) {
                new.slice_set(&old.narrow(1, 0, self.length)?.contiguous()?, 1, 0)?;
            }
            Ok(new)
        };
        let layers = (0..sizes.layers).map(|layer| {
            let old = self.layers.get(layer);
            Ok((grown(old.map(|(keys, _)| keys))?, grown(old.map(|(_, values)| values))?))
        });
        self.layers = Arc::new(layers.collect::<Result<_>>()?);
        self.room = room;
        Ok(())
    }
}
