//! Rows that are read side by side, taken back and read by a clone, against the same tokens read straight.

use std::num::NonZeroUsize;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

use super::numbers::numbers;
use super::{After, Heads, Layer, Memory, Norm, Product, Row, Team, Weights, rotations};
use crate::model::chain;

const VOCABULARY: usize = 96;
const WIDTH: usize = 64;
const INNER: usize = 96;
const HEADS: Heads = Heads {
    queries: 4,
    keys: 2,
    width: 16,
};

/// Scores spread over about twenty. The two ways add in another order, so that a value may fall on the other side of a
/// rounding step.
const TOLERANCE: f32 = 1e-2;

/// A small model of weights that look random.
fn weights() -> Weights {
    let team = Arc::new(Team::new(NonZeroUsize::new(2).unwrap()).unwrap());
    let mut seed = 0;
    let mut tensor = |outputs: usize, width: usize| {
        seed += 1;
        // Of this spread the sums of products keep the spread of what they are made of.
        let spread = (3.0 / width as f32).sqrt();
        let numbers: Vec<f32> = numbers(outputs * width, seed)
            .iter()
            .map(|number| number * spread)
            .collect();
        let tensor = Tensor::from_vec(numbers, (outputs, width), &Device::Cpu).unwrap();
        QTensor::quantize(&tensor, GgmlDType::Q8_0).unwrap()
    };
    let product = |tensors: Vec<QTensor>| Product::new(tensors, &Device::Cpu, &team).unwrap();
    let norm = || Norm {
        weight: Tensor::from_vec(vec![1.0_f32; WIDTH], WIDTH, &Device::Cpu).unwrap(),
        epsilon: 1e-5,
    };
    let keys = HEADS.keys * HEADS.width;
    let layers = (0..3).map(|_| Layer {
        attention_norm: norm(),
        projection: product(vec![tensor(WIDTH, WIDTH), tensor(keys, WIDTH), tensor(keys, WIDTH)]),
        attention_output: product(vec![tensor(WIDTH, WIDTH)]),
        inner_norm: norm(),
        gate_and_up: product(vec![tensor(INNER, WIDTH), tensor(INNER, WIDTH)]),
        down: product(vec![tensor(WIDTH, INNER)]),
    });
    let layers = layers.collect();
    let (cosines, sines) = rotations(HEADS.width, 10_000.0, &Device::Cpu).unwrap();
    Weights {
        layers,
        norm: norm(),
        embedding: product(vec![tensor(VOCABULARY, WIDTH)]).into(),
        output: product(vec![tensor(VOCABULARY, WIDTH)]).into(),
        cosines,
        sines,
        shape: HEADS,
        device: Device::Cpu,
        team: Arc::clone(&team),
    }
}

/// Tokens of a text that looks random.
fn text(length: usize) -> Vec<u32> {
    let numbers = numbers(length, 1000);
    let token = |number: &f32| ((number + 1.0) / 2.0 * VOCABULARY as f32) as u32;
    numbers.iter().map(token).collect()
}

/// A text with what was read of it.
struct Reading<'a> {
    weights: &'a Weights,
    memory: Memory,
    tokens: Vec<u32>,
}

impl Reading<'_> {
    /// Reads rows and holds the scores of each against those of its tokens alone.
    fn check(&mut self, rows: &[Row]) {
        let scores = scores(self.weights, rows, &mut self.memory);
        for (index, scores) in scores.iter().enumerate() {
            let straight = chain(0, &self.path(rows, index));
            let expected = self::scores(self.weights, &straight, &mut Memory::default());
            let expected = &expected[straight.len() - 1];
            let apart = scores.iter().zip(expected).map(|(one, other)| (one - other).abs());
            let largest = apart.fold(0.0_f32, f32::max);
            assert!(
                largest < TOLERANCE,
                "row {index} after {}: {largest}",
                self.tokens.len()
            );
        }
    }

    /// The tokens up to a row.
    fn path(&self, rows: &[Row], index: usize) -> Vec<u32> {
        let mut tokens = match rows[index].after {
            After::Memory(length) => self.tokens[..length].to_vec(),
            After::Row(before) => self.path(rows, before),
        };
        tokens.push(rows[index].token);
        tokens
    }
}

fn scores(weights: &Weights, rows: &[Row], memory: &mut Memory) -> Vec<Vec<f32>> {
    weights.read_each(rows, memory).unwrap().to_vec2().unwrap()
}

#[test]
fn rows_side_by_side_have_the_scores_of_their_own_path() {
    let weights = weights();
    // Around the borders of the memory's blocks, and where the branches lie on both sides of one.
    for length in [2, 127, 128, 129, 250, 256] {
        let tokens = text(length);
        let mut memory = Memory::default();
        weights.read_to_last(&chain(0, &tokens[..1]), &mut memory).unwrap();
        weights.read_to_last(&chain(1, &tokens[1..]), &mut memory).unwrap();
        let kept = memory.clone();
        let mut reading = Reading {
            weights: &weights,
            memory,
            tokens,
        };
        let row = |token: u32, after: After| Row { token, after };
        let branches = [
            row(3, After::Memory(length)),
            row(5, After::Row(0)),
            row(7, After::Memory(length)),
            row(11, After::Row(0)),
            row(13, After::Row(3)),
            row(17, After::Memory(length - 1)),
            row(19, After::Row(5)),
        ];
        reading.check(&branches);

        reading.memory.truncate(length);
        reading.check(&[row(23, After::Memory(length)), row(29, After::Row(0))]);
        reading.memory.truncate(length - 1);
        reading.tokens.truncate(length - 1);
        reading.check(&[row(31, After::Memory(length - 1)), row(37, After::Memory(length - 1))]);

        let mut clone = Reading {
            weights: &weights,
            memory: kept.clone(),
            tokens: text(length),
        };
        clone.check(&branches);
        let mut original = Reading {
            weights: &weights,
            memory: kept,
            tokens: text(length),
        };
        original.check(&[row(41, After::Memory(length))]);
    }
}
