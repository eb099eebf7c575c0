//! A matrix of weights with the way it is multiplied: our own for Q8_0 on the processor, candle's for the rest.

use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{Device, Module, Result, Tensor};

use super::q8;
use crate::options;

/// A matrix of weights with the way it is multiplied.
pub(super) enum Product {
    Packed(q8::Matrix),
    Candle(QMatMul),
}

impl Product {
    pub(super) fn new(tensor: QTensor, device: &Device) -> Result<Self> {
        if device.is_cpu()
            && let Some(matrix) = q8::Matrix::new(&tensor, options::threads())?
        {
            return Ok(Self::Packed(matrix));
        }
        Ok(Self::Candle(QMatMul::from_qtensor(tensor)?))
    }

    pub(super) fn forward(&self, input: &Tensor) -> Result<Tensor> {
        match self {
            Self::Packed(matrix) => input.contiguous()?.apply_op1_no_bwd(matrix),
            Self::Candle(product) => product.forward(input),
        }
    }

    /// Rows of the matrix, as an embedding takes them.
    pub(super) fn rows(&self, ids: &[u32], device: &Device) -> Result<Tensor> {
        match self {
            Self::Packed(matrix) => {
                let mut values = Vec::with_capacity(ids.len() * matrix.width());
                for &id in ids {
                    matrix.unpack_row(id as usize, &mut values);
                }
                Tensor::from_vec(values, (ids.len(), matrix.width()), device)
            }
            Self::Candle(product) => product.embedding(&Tensor::from_slice(ids, ids.len(), device)?),
        }
    }
}
