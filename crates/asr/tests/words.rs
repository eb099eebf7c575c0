//! The words are right: tiny.en with the settings for latency against faster-whisper with the same weights.
//!
//! faster-whisper's figure was measured with its version 1.2.1 (CTranslate2 4.8.5) on the CTranslate2 model that our
//! GGML file is made of, over the same recordings:
//!
//! ```text
//! WhisperModel(folder, device="cpu", compute_type="float32")
//! model.transcribe(file, language="en", beam_size=1, temperature=0, condition_on_previous_text=False)
//! ```
//!
//! Its texts are kept here and counted by the same normaliser and alignment as ours.

use voiceflow_asr::wer::{Normalizer, WordErrors};
use voiceflow_asr::{Cancel, Model, ModelOptions, RecognizerOptions, audio};
use voiceflow_assets::{AssetName, Assets};
use voiceflow_fixtures::speech;

const FASTER_WHISPER: [(&str, &str); 8] = [
    ("en/counting", "1-2-345-678910."),
    ("en/hello_world", "Hello world."),
    ("en/quick_brown_fox", "The quick brown fox jumps over the lazy dog."),
    (
        "librivox/0870",
        "And Mr. John Dashwood had then leisure to consider how much there might be prudently in his power to do for them.",
    ),
    ("librivox/0880", "He was not an old-sposed young man."),
    (
        "librivox/0890",
        "Unless to be rather cold-hearted and rather selfish is to be ill-disposed.",
    ),
    (
        "librivox/0920",
        "Had he married a more amiable woman, he might have been made still more respectable than he was.",
    ),
    ("librivox/0930", "He might even have been made amiable himself."),
];

#[test]
fn tiny_en_makes_at_most_one_word_error_more_than_faster_whisper() {
    let assets = Assets::open().expect("a cache folder");
    let path = |name| assets.path(name).expect("run `cargo xtask setup`");
    let normalizer = Normalizer::with_spellings(&path(AssetName::EnglishSpellings)).expect("a table");
    let model = Model::load(&path(AssetName::WhisperTinyEn), &ModelOptions::default()).expect("a model");
    let mut recognizer = model.recognizer(&RecognizerOptions::default()).expect("a recogniser");

    let (mut ours, mut theirs, mut texts) = (WordErrors::default(), WordErrors::default(), Vec::new());
    let clips = speech::english().expect("run `cargo xtask setup`");
    assert_eq!(clips.len(), FASTER_WHISPER.len());
    for (clip, (id, their_text)) in clips.iter().zip(FASTER_WHISPER) {
        assert_eq!(clip.id, id);
        let recording = audio::read_wav(&clip.path).expect("a WAV file");
        let found = recognizer
            .transcribe(&recording.samples, &Cancel::new())
            .expect("words");
        ours += normalizer.word_errors(&clip.transcript, &found.text);
        theirs += normalizer.word_errors(&clip.transcript, their_text);
        texts.push(format!("{id}: {}", found.text));
    }
    assert!(
        ours.errors <= theirs.errors + 1,
        "{} errors against {}: {texts:#?}",
        ours.errors,
        theirs.errors
    );
}
