//! Quantised models: the files among the assets are what ggml makes of the float16 ones, and mishear few words more.

use std::fs;
use std::io::{self, Write};

use voiceflow_asr::quantise::{BlockType, quantise};
use voiceflow_asr::wer::{Normalizer, WordErrors};
use voiceflow_asr::{Cancel, Model, ModelOptions, RecognizerOptions, audio};
use voiceflow_assets::{AssetName, Assets};
use voiceflow_fixtures::speech;

const SETUP: &str = "run `cargo xtask setup`";

/// A quantised model.
struct Quantised {
    name: AssetName,
    block_type: BlockType,
    /// The word errors that it may make more than its float16 sibling on the English clips, which have 83 words.
    more_errors_max: usize,
}

/// Each float16 model with what is made of it. None made more errors; each may make one more where another processor rounds
/// otherwise. Where ggml's own products round inputs to eight bits, tiny.en in q8_0 mishears one phrase more.
const FAMILIES: [(AssetName, [Quantised; 2]); 2] = [
    (
        AssetName::WhisperTinyEn,
        [
            Quantised {
                name: AssetName::WhisperTinyEnQ8,
                block_type: BlockType::Q8_0,
                more_errors_max: if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
                    1
                } else {
                    3
                },
            },
            Quantised {
                name: AssetName::WhisperTinyEnQ5,
                block_type: BlockType::Q5_1,
                more_errors_max: 1,
            },
        ],
    ),
    (
        AssetName::WhisperBase,
        [
            Quantised {
                name: AssetName::WhisperBaseQ8,
                block_type: BlockType::Q8_0,
                more_errors_max: 1,
            },
            Quantised {
                name: AssetName::WhisperBaseQ5,
                block_type: BlockType::Q5_1,
                more_errors_max: 1,
            },
        ],
    ),
];

#[test]
fn the_quantised_assets_are_what_ggml_makes_of_the_float16_ones() {
    let assets = Assets::open().expect("a cache folder");
    let content = |name| fs::read(assets.path(name).expect(SETUP)).expect("readable");
    for (source, made) in FAMILIES {
        let source = content(source);
        for Quantised { name, block_type, .. } in made {
            let mut outcome = Vec::new();
            quantise(&source, block_type, &mut outcome).expect("a float16 model");
            assert!(outcome == content(name), "{name} holds other bytes");
        }
    }
}

#[test]
fn quantised_models_make_few_errors_more_than_their_float16_siblings() {
    let assets = Assets::open().expect("a cache folder");
    let path = |name| assets.path(name).expect(SETUP);
    let normalizer = Normalizer::with_spellings(&path(AssetName::EnglishSpellings)).expect("a table");
    let errors = |name: AssetName| {
        let model = Model::load(&path(name), &ModelOptions::default()).expect("a model");
        let mut recognizer = model.recognizer(&RecognizerOptions::default()).expect("a recogniser");
        let mut sum = WordErrors::default();
        for clip in speech::english().expect(SETUP) {
            let samples = audio::read_wav(&clip.path).expect("a WAV file").samples;
            let found = recognizer.transcribe(&samples, &Cancel::new()).expect("words");
            assert!(!found.looped, "{name} loops on {}: {}", clip.id, found.text);
            sum += normalizer.word_errors(&clip.transcript, &found.text);
        }
        // A closed standard error leaves nowhere to complain.
        let _ = writeln!(
            io::stderr(),
            "{name}: {} errors, word error rate {:.1} %",
            sum.errors,
            100.0 * sum.rate()
        );
        sum.errors
    };
    for (source, made) in FAMILIES {
        let float16 = errors(source);
        for Quantised {
            name, more_errors_max, ..
        } in made
        {
            let quantised = errors(name);
            assert!(
                quantised <= float16 + more_errors_max,
                "{name} makes {quantised} errors, {source} {float16}; {more_errors_max} more at most are right"
            );
        }
    }
}
