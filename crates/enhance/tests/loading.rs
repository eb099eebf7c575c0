//! Files that are no usable model, and settings that need none: one clear error each, never a panic.

use std::fs;
use std::io::Read;
#[cfg(not(feature = "cuda"))]
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use voiceflow_assets::{AssetName, Assets};
use voiceflow_enhance::model::LanguageModel;
use voiceflow_enhance::{Context, Device, EnhanceError, Enhancer, EnhancerOptions, Source};

/// Longer than the header with tokenizer and tensor table (3 MB), far shorter than the weights.
const HEADER_BYTES: u64 = 4 << 20;

fn header() -> Vec<u8> {
    let path = Assets::open().unwrap().path(AssetName::SmolLm2).unwrap();
    let mut bytes = Vec::new();
    fs::File::open(path)
        .unwrap()
        .take(HEADER_BYTES)
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// What loading these bytes ends with.
fn refusal(bytes: &[u8]) -> EnhanceError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    fs::write(&path, bytes).unwrap();
    let error = LanguageModel::load(&path).err().expect("no model can be made of this");
    assert!(error.to_string().contains("model.gguf"), "{error}");
    error
}

/// The header with `from`, which occurs once in it, replaced by as many bytes.
fn with_replaced(from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = header();
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

/// The header with the 32-bit number of this key set.
fn with_number(key: &str, number: u32) -> Vec<u8> {
    let mut bytes = header();
    let key_at = bytes
        .windows(key.len())
        .position(|window| window == key.as_bytes())
        .unwrap();
    // Four bytes of type stand between the key and its value.
    let value_at = key_at + key.len() + 4;
    bytes[value_at..value_at + 4].copy_from_slice(&number.to_le_bytes());
    bytes
}

fn check_unsupported(bytes: &[u8], reason: &str) {
    let error = refusal(bytes);
    assert!(matches!(error, EnhanceError::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains(reason), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let error = LanguageModel::load(Path::new("/nowhere/model.gguf")).err().unwrap();
    assert!(matches!(error, EnhanceError::Open { .. }), "{error}");
    assert!(error.to_string().contains("/nowhere/model.gguf"), "{error}");
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let header = header();
    for length in [0, 3, 4, 23, 24, 100, 4096, 1 << 20, header.len()] {
        let error = refusal(&header[..length]);
        assert!(matches!(error, EnhanceError::Malformed { .. }), "{length}: {error}");
    }
}

#[test]
fn another_kind_of_file_is_refused() {
    for bytes in [&b"ggml of old"[..], &[0xff; 4096], b"{\"model\": \"json\"}"] {
        assert!(matches!(refusal(bytes), EnhanceError::Malformed { .. }));
    }
}

#[test]
fn another_architecture_is_refused_by_name() {
    check_unsupported(
        &with_replaced(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0qwen2"),
        "\"qwen2\"",
    );
}

#[test]
fn a_model_without_its_tokenizer_is_refused() {
    check_unsupported(
        &with_replaced(b"tokenizer.ggml.tokens", b"tokenizer.ggml.tokenz"),
        "no tokenizer",
    );
    check_unsupported(
        &with_replaced(b"tokenizer.ggml.merges", b"tokenizer.ggml.mergez"),
        "merges",
    );
    check_unsupported(
        &with_replaced(b"tokenizer.ggml.model", b"tokenizer.ggml.modle"),
        "tokenizer.ggml.model",
    );
    check_unsupported(&with_replaced(b"<|im_end|>", b"<|im_egg|>"), "<|im_end|>");
}

#[test]
fn sizes_that_cannot_be_are_refused_before_anything_is_allocated() {
    check_unsupported(&with_number("llama.block_count", u32::MAX), "block_count");
    check_unsupported(&with_number("llama.block_count", 100_000), "layers");
    check_unsupported(&with_number("llama.attention.head_count", 0), "head_count");
    check_unsupported(&with_number("llama.attention.head_count_kv", 7), "divide");
    check_unsupported(&with_number("llama.rope.dimension_count", 63), "rotary");
    for (key, number) in [("llama.block_count", 31), ("llama.feed_forward_length", 2048)] {
        let error = refusal(&with_number(key, number));
        assert!(matches!(error, EnhanceError::Malformed { .. }), "{key}: {error}");
        assert!(error.to_string().contains("tensor blk."), "{key}: {error}");
    }
}

#[test]
fn an_alignment_of_zero_is_refused() {
    let key = b"general.alignment";
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend((key.len() as u64).to_le_bytes());
    bytes.extend(key);
    bytes.extend(4_u32.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    assert!(matches!(refusal(&bytes), EnhanceError::Malformed { .. }));
}

#[test]
fn switched_off_it_needs_no_model_and_says_so() {
    let options = EnhancerOptions {
        enabled: false,
        ..EnhancerOptions::default()
    };
    let enhancer = Enhancer::load(&PathBuf::from("/nowhere"), &options).unwrap();
    let enhanced = enhancer.enhance("um what time is it", Context::Chat);
    assert_eq!(
        (enhanced.text.as_str(), enhanced.source),
        ("What time is it?", Source::RulesDisabled)
    );
    assert_eq!(enhancer.counters().of(Source::RulesDisabled), 1);
    assert_eq!(enhancer.counters().calls(), 1);
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_device_that_the_build_does_not_know_is_refused_with_the_way_out() {
    let path = Assets::open().unwrap().path(AssetName::SmolLm2).unwrap();
    let error = LanguageModel::load_on(&path, Device::Cuda, NonZeroUsize::MIN)
        .err()
        .unwrap();
    assert!(matches!(error, EnhanceError::Device { .. }), "{error}");
    assert!(error.to_string().contains("feature `cuda`"), "{error}");
}
