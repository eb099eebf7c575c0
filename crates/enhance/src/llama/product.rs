//! Matrices of weights with the way they are multiplied: our own for Q8_0 on the processor, candle's for the rest.

use std::sync::Arc;

use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{D, Device, Module, Result, Tensor};

use super::{Team, q8};

/// One or several matrices of equal width, one below the other, with the way they are multiplied: what multiplies them is
/// rounded once, and one call answers for all.
pub(super) enum Product {
    Packed(q8::Matrix),
    Candle(Vec<QMatMul>),
}

impl Product {
    pub(super) fn new(tensors: Vec<QTensor>, device: &Device, team: &Arc<Team>) -> Result<Self> {
        if device.is_cpu()
            && let Some(matrix) = q8::Matrix::new(&tensors, team)?
        {
            return Ok(Self::Packed(matrix));
        }
        let products = tensors.into_iter().map(QMatMul::from_qtensor);
        Ok(Self::Candle(products.collect::<Result<_>>()?))
    }

    pub(super) fn forward(&self, input: &Tensor) -> Result<Tensor> {
        match self {
            Self::Packed(matrix) => input.contiguous()?.apply_op1_no_bwd(matrix),
            Self::Candle(products) => {
                let outputs = products.iter().map(|product| product.forward(input));
                Tensor::cat(&outputs.collect::<Result<Vec<_>>>()?, D::Minus1)
            }
        }
    }

    /// Rows of the first matrix, as an embedding takes them.
    pub(super) fn rows(&self, ids: &[u32], device: &Device) -> Result<Tensor> {
        match self {
            Self::Packed(matrix) => {
                let mut values = Vec::with_capacity(ids.len() * matrix.width());
                for &id in ids {
                    matrix.unpack_row(id as usize, &mut values);
                }
                Tensor::from_vec(values, (ids.len(), matrix.width()), device)
            }
            Self::Candle(products) => products[0].embedding(&Tensor::from_slice(ids, ids.len(), device)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use candle_core::quantized::GgmlDType;

    use super::*;
    use crate::llama::numbers::numbers;

    fn tensors(format: GgmlDType) -> Vec<QTensor> {
        let tensor = |(outputs, seed): (usize, u32)| {
            let weights = Tensor::from_vec(numbers(outputs * 64, seed), (outputs, 64), &Device::Cpu).unwrap();
            QTensor::quantize(&weights, format).unwrap()
        };
        [(8, 1), (24, 2)].map(tensor).into()
    }

    #[test]
    fn matrices_one_below_the_other_give_the_outputs_of_each() {
        let team = Arc::new(Team::new(NonZeroUsize::MIN).unwrap());
        let input = Tensor::from_vec(numbers(3 * 64, 3), (3, 64), &Device::Cpu).unwrap();
        for format in [GgmlDType::Q4_0, GgmlDType::Q8_0] {
            let product = Product::new(tensors(format), &Device::Cpu, &team).unwrap();
            assert_eq!(matches!(product, Product::Packed(_)), format == GgmlDType::Q8_0);
            let each = tensors(format)
                .into_iter()
                .map(|tensor| QMatMul::from_qtensor(tensor).unwrap().forward(&input).unwrap());
            let expected: Vec<Vec<f32>> = Tensor::cat(&each.collect::<Vec<_>>(), 1).unwrap().to_vec2().unwrap();
            let outputs: Vec<Vec<f32>> = product.forward(&input).unwrap().to_vec2().unwrap();
            for (one, other) in outputs.iter().flatten().zip(expected.iter().flatten()) {
                assert!((one - other).abs() < 2e-3, "{format:?}: {one} {other}");
            }
            let row: Vec<Vec<f32>> = product.rows(&[5], &Device::Cpu).unwrap().to_vec2().unwrap();
            let first = &tensors(format)[0];
            let expected: Vec<Vec<f32>> = first.dequantize(&Device::Cpu).unwrap().to_vec2().unwrap();
            assert_eq!(row[0], expected[5], "{format:?}");
        }
    }
}
