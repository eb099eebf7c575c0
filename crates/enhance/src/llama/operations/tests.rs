//! Against candle's own operations.

use std::num::NonZeroUsize;
use std::sync::Arc;

use candle_core::{Device, Result, Tensor};

use super::{attend, attend_by_candle, gate, normalise, turn};
use crate::llama::Team;
use crate::llama::numbers::numbers;

/// Numbers between -2 and 2.
fn tensor(shape: &[usize], seed: u32) -> Tensor {
    let numbers = numbers(shape.iter().product(), seed);
    let doubled: Vec<f32> = numbers.iter().map(|number| 2.0 * number).collect();
    Tensor::from_vec(doubled, shape, &Device::Cpu).unwrap()
}

fn team(threads: usize) -> Arc<Team> {
    Arc::new(Team::new(NonZeroUsize::new(threads).unwrap()).unwrap())
}

fn assert_near(one: &Tensor, other: &Tensor) {
    assert_eq!(one.dims(), other.dims());
    let numbers = |tensor: &Tensor| -> Vec<f32> { tensor.flatten_all().unwrap().to_vec1().unwrap() };
    for (one, other) in numbers(one).iter().zip(numbers(other)) {
        assert!((one - other).abs() < 1e-3, "{one} {other}");
    }
}

#[test]
fn norm_gate_and_rotation_are_candles() {
    let (input, weight) = (tensor(&[5, 48], 1), tensor(&[48], 2));
    let expected = candle_nn::ops::rms_norm(&input, &weight, 1e-5).unwrap();
    assert_near(&normalise(&input, &weight, 1e-5).unwrap(), &expected);
    let other = tensor(&[5, 48], 3);
    let expected = (candle_nn::ops::silu(&input).unwrap() * &other).unwrap();
    let side_by_side = Tensor::cat(&[&input, &other], 1).unwrap();
    assert_near(&gate(&side_by_side).unwrap(), &expected);
    let (values, angles) = (tensor(&[3, 5, 8], 4), tensor(&[5, 4], 5));
    let (cosines, sines) = (angles.cos().unwrap(), angles.sin().unwrap());
    let expected = candle_nn::rotary_emb::rope_i(&values.unsqueeze(0).unwrap(), &cosines, &sines).unwrap();
    assert_near(&turn(&values, &cosines, &sines).unwrap(), &expected.squeeze(0).unwrap());
}

/// Attention by candle's products, each query head with its own copy of its keys.
fn plainly(query: &Tensor, keys: &Tensor, values: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let group = query.dim(0)? / keys.dim(0)?;
    let copies = |tensor: &Tensor| -> Result<Tensor> {
        let (heads, length, width) = tensor.dims3()?;
        let shape = (heads, group, length, width);
        tensor
            .unsqueeze(1)?
            .broadcast_as(shape)?
            .contiguous()?
            .reshape((heads * group, length, width))
    };
    let scale = 1.0 / (query.dim(2)? as f64).sqrt();
    let scores = (query.matmul(&copies(keys)?.t()?.contiguous()?)? * scale)?.broadcast_add(mask)?;
    let seen = candle_nn::ops::softmax_last_dim(&scores)?.matmul(&copies(values)?)?;
    let (heads, rows, width) = seen.dims3()?;
    seen.transpose(0, 1)?.contiguous()?.reshape((rows, heads * width))
}

#[test]
fn attention_sees_what_the_mask_lets_it_see() {
    // Tokens and values a head that are whole strips of every width and some more, with room behind the tokens.
    for (length, room, width) in [(7, 9, 43), (64, 64, 64), (123, 130, 123)] {
        let query = tensor(&[6, 3, width], 6);
        // What nobody has written must not be read.
        let within = |whole: &[usize], written: Tensor, tokens: usize| {
            let whole = Tensor::full(f32::NAN, whole, &Device::Cpu).unwrap();
            whole.slice_set(&written, tokens, 0).unwrap();
            whole.narrow(tokens, 0, length).unwrap()
        };
        let keys = within(&[2, width, room], tensor(&[2, width, length], 7), 2);
        let values = within(&[2, room, width], tensor(&[2, length, width], 8), 1);
        // The first row does not see the last two tokens, the second misses some in between, the third sees all.
        let hidden = |row: usize, token: usize| match row {
            0 => token + 2 >= length,
            1 => token % 3 == 1,
            _ => false,
        };
        let added = |is_hidden: bool| if is_hidden { f32::NEG_INFINITY } else { 0.0 };
        let mask: Vec<f32> = (0..3 * length)
            .map(|index| added(hidden(index / length, index % length)))
            .collect();
        let mask_tensor = Tensor::from_slice(&mask, (3, length), &Device::Cpu).unwrap();
        let contiguous = |tensor: &Tensor| tensor.contiguous().unwrap();
        let plain_keys = contiguous(&keys.transpose(1, 2).unwrap());
        let expected = plainly(&query, &plain_keys, &contiguous(&values), &mask_tensor).unwrap();
        assert_near(&attend_by_candle(&query, &keys, &values, &mask).unwrap(), &expected);
        let seen = attend(&query, &keys, &values, &Arc::new(mask), &team(1)).unwrap();
        assert_near(&seen, &expected);
    }
}

#[test]
fn a_team_sees_what_one_thread_sees() {
    // Several rows, and a single one that sees so much that its heads are shared.
    for (rows, length) in [(12, 400), (1, 3000)] {
        let query = tensor(&[6, rows, 64], 9);
        let (keys, values) = (tensor(&[2, 64, length], 10), tensor(&[2, length, 64], 11));
        let mask = Arc::new(vec![0.0; rows * length]);
        let seen = |threads| -> Vec<f32> {
            let seen = attend(&query, &keys, &values, &mask, &team(threads)).unwrap();
            seen.flatten_all().unwrap().to_vec1().unwrap()
        };
        assert_eq!(seen(1), seen(3), "{rows} rows");
    }
}
