//! What lies between the products with weights: on the processor our own, elsewhere candle's.
//!
//! candle's operations on the processor hand each of these small tensors out to a pool of threads, and wait for the
//! slowest of them; its `matmul` reads `/proc/cpuinfo` on every call to learn how many there are, and packs the keys anew.
//! Norm, gate and rotation are computed by one thread here, and attention by the [`Team`] where there is enough of it. What
//! is added is candle's, which divides 65,536 numbers and more, a hundred rows, among a pool of its own.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, D, Layout, Result, Shape, Tensor};

use super::Team;

use crate::exponential::exponential;

#[cfg(test)]
mod tests;

/// Root mean square normalisation of each row, times `weight`.
pub(super) fn normalise(input: &Tensor, weight: &Tensor, epsilon: f32) -> Result<Tensor> {
    if input.device().is_cpu() {
        input.contiguous()?.apply_op2_no_bwd(weight, &Normalise { epsilon })
    } else {
        candle_nn::ops::rms_norm(&input.contiguous()?, weight, epsilon)
    }
}

/// Of each row the sigmoid linear unit of the first half, the gate, times the other half.
pub(super) fn gate(gate_and_up: &Tensor) -> Result<Tensor> {
    if gate_and_up.device().is_cpu() {
        gate_and_up.apply_op1_no_bwd(&Gate)
    } else {
        let halves = gate_and_up.chunk(2, D::Minus1)?;
        candle_nn::ops::silu(&halves[0].contiguous()?)? * &halves[1]
    }
}

/// Turns neighbouring pairs of `values`, of shape (heads, rows, head width), by the angles of their rows.
pub(super) fn turn(values: &Tensor, cosines: &Tensor, sines: &Tensor) -> Result<Tensor> {
    if values.device().is_cpu() {
        values.apply_op3_no_bwd(cosines, sines, &Turn)
    } else {
        candle_nn::rotary_emb::rope_i(&values.unsqueeze(0)?, cosines, sines)?.squeeze(0)
    }
}

/// What each query sees, of shape (rows, query heads times head width). Queries are of shape (query heads, rows, head
/// width), keys (key heads, head width, tokens), values (key heads, tokens, head width). `mask` holds for every row and token
/// what is added to their score: zero where the row sees the token, else minus infinity. Several query heads share one of
/// keys.
pub(super) fn attend(
    query: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    mask: &Arc<Vec<f32>>,
    team: &Arc<Team>,
) -> Result<Tensor> {
    if query.device().is_cpu() {
        let (mask, team) = (Arc::clone(mask), Arc::clone(team));
        query.apply_op3_no_bwd(keys, values, &Attention { mask, team })
    } else {
        attend_by_candle(query, keys, values, mask)
    }
}

fn attend_by_candle(query: &Tensor, keys: &Tensor, values: &Tensor, mask: &[f32]) -> Result<Tensor> {
    let (heads, rows, width) = query.dims3()?;
    let (key_heads, _, length) = keys.dims3()?;
    let scaled = (query * (1.0 / (width as f64).sqrt()))?;
    let grouped = scaled.reshape((key_heads, heads / key_heads * rows, width))?;
    let scores = grouped.matmul(&keys.contiguous()?)?.reshape((heads, rows, length))?;
    let mask = Tensor::from_slice(mask, (rows, length), query.device())?;
    let shares = candle_nn::ops::softmax_last_dim(&scores.broadcast_add(&mask)?)?;
    let seen = shares
        .reshape((key_heads, heads / key_heads * rows, length))?
        .matmul(values)?;
    seen.reshape((heads, rows, width))?
        .transpose(0, 1)?
        .contiguous()?
        .reshape((rows, heads * width))
}

struct Normalise {
    epsilon: f32,
}

impl CustomOp2 for Normalise {
    fn name(&self) -> &'static str {
        "normalise-rows"
    }

    fn cpu_fwd(
        &self,
        input: &CpuStorage,
        input_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (input, weight) = (slice(input, input_layout)?, slice(weight, weight_layout)?);
        let mut output = Vec::with_capacity(input.len());
        for row in input.chunks_exact(weight.len()) {
            let mean = row.iter().map(|value| value * value).sum::<f32>() / row.len() as f32;
            let inverse = 1.0 / (mean + self.epsilon).sqrt();
            output.extend(row.iter().zip(weight).map(|(value, weight)| value * inverse * weight));
        }
        Ok((CpuStorage::F32(output), input_layout.shape().clone()))
    }
}

struct Gate;

impl CustomOp1 for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        let inner = width / 2;
        let mut output = Vec::with_capacity(rows * inner);
        for row in slice(storage, layout)?.chunks_exact(2 * inner) {
            let (gate, up) = row.split_at(inner);
            output.extend(gate.iter().zip(up).map(|(&gate, &up)| {
                // The exponential wants a number that is not positive: of the two forms of the sigmoid the one for the sign.
                let power = exponential(-gate.abs());
                let share = if gate >= 0.0 { 1.0 } else { power } / (1.0 + power);
                gate * share * up
            }));
        }
        Ok((CpuStorage::F32(output), Shape::from((rows, inner))))
    }
}

struct Turn;

impl CustomOp3 for Turn {
    fn name(&self) -> &'static str {
        "turn-pairs"
    }

    fn cpu_fwd(
        &self,
        values: &CpuStorage,
        values_layout: &Layout,
        cosines: &CpuStorage,
        cosines_layout: &Layout,
        sines: &CpuStorage,
        sines_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (cosines, sines) = (slice(cosines, cosines_layout)?, slice(sines, sines_layout)?);
        let mut output = slice(values, values_layout)?.to_vec();
        let pairs = values_layout.shape().dim(D::Minus1)? / 2;
        for head in output.chunks_exact_mut(2 * cosines.len()) {
            for ((row, cosines), sines) in head
                .chunks_exact_mut(2 * pairs)
                .zip(cosines.chunks_exact(pairs))
                .zip(sines.chunks_exact(pairs))
            {
                for ((pair, cosine), sine) in row.chunks_exact_mut(2).zip(cosines).zip(sines) {
                    (pair[0], pair[1]) = (pair[0] * cosine - pair[1] * sine, pair[0] * sine + pair[1] * cosine);
                }
            }
        }
        Ok((CpuStorage::F32(output), values_layout.shape().clone()))
    }
}

struct Attention {
    mask: Arc<Vec<f32>>,
    team: Arc<Team>,
}

/// Scores that one thread works on, at least, so that waking another for them is worth it: with heads of 64 a million
/// products.
const SCORES_PER_THREAD_MIN: usize = 8192;

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        queries: &CpuStorage,
        queries_layout: &Layout,
        keys: &CpuStorage,
        keys_layout: &Layout,
        values: &CpuStorage,
        values_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (heads, rows, width) = queries_layout.shape().dims3()?;
        let (key_heads, _, length) = keys_layout.shape().dims3()?;
        let queries = slice(queries, queries_layout)?;
        let (keys, values) = (Lines::new(keys, keys_layout)?, Lines::new(values, values_layout)?);
        let scale = 1.0 / (width as f32).sqrt();
        let mut output = vec![0.0; rows * heads * width];
        let members = (rows * heads * length / SCORES_PER_THREAD_MIN).max(1);
        self.team.fill(&mut output, width, members, |first, seen| {
            let mut shares = vec![0.0; length];
            for (index, seen) in (first..).zip(seen.chunks_exact_mut(width)) {
                let (row, head) = (index / heads, index % heads);
                let mask = &self.mask[row * length..(row + 1) * length];
                let visible = mask
                    .iter()
                    .rposition(|&hidden| hidden == 0.0)
                    .map_or(0, |last| last + 1);
                let shares = &mut shares[..visible];
                let key_head = head / (heads / key_heads);
                let query = &queries[(head * rows + row) * width..][..width];
                mix(query, keys.of(key_head), keys.line, shares);
                for (share, hidden) in shares.iter_mut().zip(mask) {
                    *share = share.mul_add(scale, *hidden);
                }
                make_shares(shares);
                mix(shares, values.of(key_head), values.line, seen);
            }
        });
        Ok((CpuStorage::F32(output), Shape::from((rows, heads * width))))
    }
}

/// Keys or values in the memory, which has room behind the tokens that are there: heads, and their lines, lie apart.
struct Lines<'a> {
    numbers: &'a [f32],
    /// Numbers from the beginning of a head to that of the next.
    head: usize,
    /// The same for the lines of a head.
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(storage: &'a CpuStorage, layout: &Layout) -> Result<Self> {
        let [head, line, 1] = *layout.stride() else {
            candle_core::bail!("the numbers of a line must lie together: {layout:?}")
        };
        let numbers = &storage.as_slice::<f32>()?[layout.start_offset()..];
        Ok(Self { numbers, head, line })
    }

    /// The head's numbers, and what lies behind them.
    fn of(&self, index: usize) -> &'a [f32] {
        &self.numbers[index * self.head..]
    }
}

fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => candle_core::bail!("the tensor is not contiguous: {layout:?}"),
    }
}

/// Scores become shares that sum to one. What is hidden keeps a share of 10^-35 at most, which no sum notices.
fn make_shares(scores: &mut [f32]) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for score in scores.iter_mut() {
        *score = exponential(*score - largest);
    }
    let inverse = 1.0 / scores.iter().sum::<f32>();
    for share in scores {
        *share *= inverse;
    }
}

/// Adds up lines of numbers, which begin `apart` from each other, times their shares.
fn mix(shares: &[f32], lines: &[f32], apart: usize, mixed: &mut [f32]) {
    // The widest strips keep the adding busy with eight registers of AVX2; what is left of a line takes narrower ones.
    let mut done = 0;
    done += strips::<64>(shares, lines, apart, mixed);
    done += strips::<32>(shares, &lines[done..], apart, &mut mixed[done..]);
    done += strips::<16>(shares, &lines[done..], apart, &mut mixed[done..]);
    done += strips::<8>(shares, &lines[done..], apart, &mut mixed[done..]);
    strips::<1>(shares, &lines[done..], apart, &mut mixed[done..]);
}

/// Does so for as many strips of `WIDTH` numbers as there are, and answers how many numbers these are.
fn strips<const WIDTH: usize>(shares: &[f32], lines: &[f32], apart: usize, mixed: &mut [f32]) -> usize {
    let (strips, _) = mixed.as_chunks_mut::<WIDTH>();
    for (index, strip) in strips.iter_mut().enumerate() {
        let mut sums = [0.0_f32; WIDTH];
        for (share, line) in shares.iter().zip(lines[index * WIDTH..].chunks(apart)) {
            for (sum, number) in sums.iter_mut().zip(&line[..WIDTH]) {
                *sum = share.mul_add(*number, *sum);
            }
        }
        *strip = sums;
    }
    strips.len() * WIDTH
}
