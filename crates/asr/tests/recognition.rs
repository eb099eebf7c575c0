//! Recognition on real speech: windows, loops, cancelling, long audio, several workers.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use voiceflow_asr::wer::Normalizer;
use voiceflow_asr::{
    AsrError, AudioContext, Cancel, Model, ModelOptions, Prompt, RecognizerOptions, Segment, Transcription, audio,
};
use voiceflow_assets::{AssetName, Assets};
use voiceflow_fixtures::speech::{self, Clip};

const SETUP: &str = "run `cargo xtask setup`";

/// A model that nobody else is using: recognisers with two threads each slow each other down on two cores when tests
/// run side by side, and bring them to a standstill where whisper.cpp has no OpenMP, because its own threads spin while
/// they wait.
struct Alone {
    model: Model,
    _turn: MutexGuard<'static, ()>,
}

impl Deref for Alone {
    type Target = Model;

    fn deref(&self) -> &Model {
        &self.model
    }
}

fn model(name: AssetName) -> Alone {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed has left nothing behind that could harm the next.
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Assets::open().and_then(|assets| assets.path(name)).expect(SETUP);
    Alone {
        model: Model::load(&path, &ModelOptions::default()).expect("a model"),
        _turn: turn,
    }
}

fn samples(id: &str) -> (Clip, Vec<f32>) {
    let clip = speech::clip(id).expect(SETUP);
    let audio = audio::read_wav(&clip.path).expect("a WAV file");
    (clip, audio.samples)
}

fn transcribe(model: &Model, options: &RecognizerOptions, samples: &[f32]) -> Transcription {
    model
        .recognizer(options)
        .expect("a recogniser")
        .transcribe(samples, &Cancel::new())
        .expect("words")
}

fn errors(clip: &Clip, transcription: &Transcription) -> usize {
    Normalizer::new()
        .word_errors(&clip.transcript, &transcription.text)
        .errors
}

#[test]
fn a_loop_from_a_small_window_is_caught_and_decoded_again() {
    let model = model(AssetName::WhisperTinyEn);
    let (_, samples) = samples("en/counting");
    let options = RecognizerOptions {
        audio_ctx: AudioContext::Fixed(320),
        prompt: Prompt::None,
        ..RecognizerOptions::default()
    };
    let found = transcribe(&model, &options, &samples);
    assert!(
        found.fallbacks >= 1 && !found.looped && found.audio_ctx > 320,
        "{found:?}"
    );
    let digits: String = found.text.chars().filter(char::is_ascii_digit).collect();
    assert_eq!(digits, "12345678910", "{found:?}");
}

#[test]
fn a_count_comes_out_in_words_whatever_the_window() {
    let model = model(AssetName::WhisperTinyEn);
    let (clip, samples) = samples("en/counting");
    for audio_ctx in [
        RecognizerOptions::default().audio_ctx,
        AudioContext::Fixed(320),
        AudioContext::Full,
    ] {
        let found = transcribe(
            &model,
            &RecognizerOptions {
                audio_ctx,
                ..RecognizerOptions::default()
            },
            &samples,
        );
        assert_eq!(errors(&clip, &found), 0, "{found:?}");
    }
}

#[test]
fn segments_lie_in_the_audio_and_hold_the_text() {
    let model = model(AssetName::WhisperTinyEn);
    let (clip, samples) = samples("librivox/0870");
    let found = transcribe(&model, &RecognizerOptions::default(), &samples);
    let joined: String = found.segments.iter().map(|segment| segment.text.as_str()).collect();
    assert_eq!(joined.trim(), found.text);
    assert!((found.audio_seconds - clip.seconds).abs() < 1e-9);
    for segment in &found.segments {
        assert!(
            0.0 <= segment.start_seconds && segment.start_seconds <= segment.end_seconds,
            "{found:?}"
        );
        assert!(segment.end_seconds <= clip.seconds, "{found:?}");
    }
}

#[test]
fn audio_of_several_windows_is_heard_to_its_end() {
    let model = model(AssetName::WhisperTinyEn);
    let mut long = Vec::new();
    let mut words = String::new();
    for id in [
        "librivox/0870",
        "librivox/0890",
        "librivox/0920",
        "librivox/0930",
        "librivox/0880",
    ]
    .repeat(2)
    {
        let (clip, samples) = samples(id);
        long.extend(samples);
        long.extend(vec![0.0; 8_000]);
        words = format!("{words} {}", clip.transcript);
    }
    assert!(long.len() > 45 * 16_000);
    let found = transcribe(&model, &RecognizerOptions::default(), &long);
    let errors = Normalizer::new().word_errors(&words, &found.text);
    assert!(errors.rate() < 0.15, "{errors:?}: {}", found.text);
    assert!(
        found.segments.len() > 3
            && found
                .segments
                .is_sorted_by(|one, other| one.start_seconds <= other.start_seconds)
    );
}

#[test]
fn nothing_passes_from_one_utterance_to_the_next() {
    let model = model(AssetName::WhisperTinyEn);
    let mut recognizer = model.recognizer(&RecognizerOptions::default()).expect("a recogniser");
    let ((_, one), (_, other)) = (samples("en/hello_world"), samples("librivox/0930"));
    let first = recognizer.transcribe(&one, &Cancel::new()).expect("words");
    recognizer.transcribe(&other, &Cancel::new()).expect("words");
    assert_eq!(recognizer.transcribe(&one, &Cancel::new()).expect("words"), first);
}

#[test]
fn workers_share_a_model_and_hear_the_same() {
    let model = model(AssetName::WhisperTinyEn);
    let (clip, samples) = samples("librivox/0930");
    let options = RecognizerOptions {
        threads: 1,
        ..RecognizerOptions::default()
    };
    let alone = transcribe(&model, &options, &samples);
    assert_eq!(errors(&clip, &alone), 0, "{alone:?}");
    thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| transcribe(&model, &options, &samples)))
            .collect();
        for worker in workers {
            assert_eq!(worker.join().expect("no panic"), alone);
        }
    });
}

#[test]
fn a_cancelled_transcription_returns_without_words() {
    let model = model(AssetName::WhisperTinyEn);
    let mut recognizer = model.recognizer(&RecognizerOptions::default()).expect("a recogniser");
    let (clip, samples) = samples("librivox/0930");
    let cancel = Cancel::new();
    cancel.cancel();
    assert!(matches!(
        recognizer.transcribe(&samples, &cancel),
        Err(AsrError::Cancelled)
    ));
    assert!(!cancel.encoder_has_begun());
    // The recogniser is as good as before.
    let token = Cancel::new();
    let found = recognizer.transcribe(&samples, &token).expect("words");
    assert_eq!(errors(&clip, &found), 0);
    assert!(token.encoder_has_begun());
}

#[test]
fn cancelling_from_another_thread_ends_a_long_transcription_early() {
    let model = model(AssetName::WhisperTinyEn);
    let mut recognizer = model.recognizer(&RecognizerOptions::default()).expect("a recogniser");
    let (_, clip) = samples("librivox/0870");
    // Ten minutes of speech take far longer than cancelling does, on any machine.
    let long = clip.repeat(85);
    let cancel = Cancel::new();
    let outcome = thread::scope(|scope| {
        let worker = scope.spawn(|| recognizer.transcribe(&long, &cancel));
        cancel.cancel();
        worker.join().expect("no panic")
    });
    assert!(matches!(outcome, Err(AsrError::Cancelled)));
}

#[test]
fn silence_has_no_words_and_what_is_heard_in_short_audio_lies_within_it() {
    let model = model(AssetName::WhisperTinyEn);
    assert_eq!(
        transcribe(&model, &RecognizerOptions::default(), &[]),
        Transcription::default()
    );
    for length in [1, 800, 48_000] {
        let found = transcribe(&model, &RecognizerOptions::default(), &vec![0.0; length]);
        let silence = Transcription {
            audio_seconds: length as f64 / 16_000.0,
            ..Transcription::default()
        };
        assert_eq!(found, silence);
    }
    for length in [1, 800, 8_000] {
        let found = transcribe(&model, &RecognizerOptions::default(), &vec![0.01; length]);
        let within = |segment: &Segment| segment.end_seconds <= length as f64 / 16_000.0;
        assert!(found.audio_ctx > 0 && found.segments.iter().all(within), "{found:?}");
    }
}

#[test]
fn samples_that_no_recording_has_are_refused_with_their_index() {
    let model = model(AssetName::WhisperTinyEn);
    let mut recognizer = model.recognizer(&RecognizerOptions::default()).expect("a recogniser");
    // The last is finite, and its square is not.
    for hostile in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1e38] {
        let outcome = recognizer.transcribe(&[0.0, hostile], &Cancel::new());
        assert!(matches!(outcome, Err(AsrError::NoLevel { index: 1 })));
    }
}

#[test]
fn options_that_make_no_sense_are_refused_by_name() {
    let model = model(AssetName::WhisperTinyEn);
    let refused = |options: RecognizerOptions| match model.recognizer(&options) {
        Err(AsrError::Option { name, .. }) => name,
        _ => "accepted",
    };
    let default = RecognizerOptions::default;
    assert_eq!(
        refused(RecognizerOptions {
            threads: 0,
            ..default()
        }),
        "threads"
    );
    assert_eq!(
        refused(RecognizerOptions {
            audio_ctx: AudioContext::Fixed(1_501),
            ..default()
        }),
        "audio_ctx"
    );
    assert_eq!(
        refused(RecognizerOptions {
            language: Some("klingon".into()),
            ..default()
        }),
        "language"
    );
    assert_eq!(
        refused(RecognizerOptions {
            language: Some("fr".into()),
            ..default()
        }),
        "language"
    );
    assert_eq!(refused(default()), "accepted");
}

#[test]
fn files_that_are_no_models_are_refused_before_whisper_cpp_sees_them() {
    let wav = speech::clip("en/counting").expect(SETUP).path;
    assert!(matches!(
        Model::load(&wav, &ModelOptions::default()),
        Err(AsrError::NotAModel { .. })
    ));
    let nothing = "/nowhere/model.bin".as_ref();
    assert!(matches!(
        Model::load(nothing, &ModelOptions::default()),
        Err(AsrError::ModelUnreadable { .. })
    ));
}

#[test]
fn base_hears_english_and_other_languages() {
    let model = model(AssetName::WhisperBase);
    assert!(model.is_multilingual());
    for id in [
        "librivox/0930",
        "en/quick_brown_fox",
        "fr/bonjour_monde",
        "it/ciao_mondo",
        "pt/contagem",
    ] {
        let (clip, samples) = samples(id);
        let options = RecognizerOptions {
            language: Some(clip.language.clone()),
            ..RecognizerOptions::default()
        };
        let found = transcribe(&model, &options, &samples);
        assert_eq!(errors(&clip, &found), 0, "{id}: {found:?}");
    }
}

#[test]
fn base_tells_the_language_when_none_is_given() {
    let model = model(AssetName::WhisperBase);
    let options = RecognizerOptions {
        language: None,
        ..RecognizerOptions::default()
    };
    for id in ["en/quick_brown_fox", "pt/contagem"] {
        let (clip, samples) = samples(id);
        let found = transcribe(&model, &options, &samples);
        assert_eq!(errors(&clip, &found), 0, "{id}: {found:?}");
    }
}
