//! Header and tensor shapes of a Llama model in GGUF: any bytes as the file.

use super::file::with_file;
use super::open_gguf;

/// Most layers, and the largest size of a tensor in any direction, that a model may have.
const LAYERS_MAX: u32 = 256;
const SIZE_MAX: usize = 1 << 20;

/// Whatever the file says, the answer is one error or a model of bounded sizes.
pub(crate) fn run(data: &[u8]) {
    with_file("gguf", data, |path| {
        let Ok(model) = open_gguf(path) else { return };
        let layers = model.content.metadata["llama.block_count"]
            .to_u32()
            .expect("the number was read before");
        assert!((1..=LAYERS_MAX).contains(&layers));
        let is_bounded = |name: &str| {
            let tensor = &model.content.tensor_infos[name];
            tensor.shape.dims().iter().all(|size| (1..=SIZE_MAX).contains(size))
        };
        assert!(is_bounded("token_embd.weight") && is_bounded("output_norm.weight"));
        for layer in 0..layers {
            for part in [
                "attn_norm",
                "attn_q",
                "attn_k",
                "attn_v",
                "attn_output",
                "ffn_norm",
                "ffn_gate",
                "ffn_up",
                "ffn_down",
            ] {
                assert!(is_bounded(&format!("blk.{layer}.{part}.weight")));
            }
        }
    });
}
