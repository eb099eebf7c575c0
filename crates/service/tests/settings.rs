//! What the settings file may say, and where its mistakes are shown.

use std::path::Path;
use std::time::Duration;

use voiceflow_asr::AudioContext;
use voiceflow_protocol::Context;
use voiceflow_service::config::{Config, ConfigError, SpeechModel};

/// The keys of VoiceFlow's production template.
const TEMPLATE: &str = r#"
[speech_recognition]
model = "base"
device = "cpu"
compute_type = "float16"

[security]
encryption = true
authentication = true
input_validation = true

[database]
connection_pool_size = 20
encryption = true
cleanup_interval = 3600

[ai_enhancement]
enabled = true
timeout = 2.5
cache_size = 1000
cache_ttl = "1h"
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/voiceflow/voiceflow.toml"))
}

#[test]
fn the_production_template_is_understood() {
    let config = parse(TEMPLATE).unwrap();
    assert_eq!(config.speech_recognition.model, SpeechModel::Base);
    assert_eq!(config.database.connection_pool_size, 20);
    assert_eq!(config.database.cleanup_interval, Duration::from_secs(3600));
    assert_eq!(config.ai_enhancement.timeout, Duration::from_millis(2500));
    assert_eq!(config.ai_enhancement.cache_ttl, Duration::from_secs(3600));
}

/// The tests are built without CUDA, so what is shown is that nothing falls back on the processor silently.
#[test]
#[cfg(not(feature = "cuda"))]
fn cuda_without_cuda_in_the_program_is_an_error_that_says_what_to_do() {
    let config = parse("speech_recognition.device = 'cuda'").unwrap();
    let error = voiceflow_service::pipeline::speech_model(&config.speech_recognition)
        .err()
        .expect("no CUDA here")
        .to_string();
    assert!(
        error.contains("built without CUDA") && error.contains("feature `cuda`"),
        "{error}"
    );
}

#[test]
fn the_audio_window_is_fitted_full_or_a_number() {
    let window = |value: &str| {
        let config = parse(&format!("speech_recognition.audio_ctx = {value}")).unwrap();
        voiceflow_service::pipeline::recognizer_options(&config.speech_recognition).audio_ctx
    };
    assert_eq!(window("'fit'"), AudioContext::default());
    assert_eq!(window("'full'"), AudioContext::Full);
    assert_eq!(window("512"), AudioContext::Fixed(512));
}

#[test]
fn prompts_are_read_at_the_start_for_the_contexts_that_are_named() {
    let contexts = |text: &str| parse(text).unwrap().ai_enhancement.contexts;
    assert_eq!(contexts(""), Context::ALL);
    assert_eq!(contexts("ai_enhancement.contexts = ['notes']"), [Context::Notes]);
    assert!(contexts("ai_enhancement.contexts = []").is_empty());
    check(
        "[ai_enhancement]\ncontexts = ['letter']",
        "2:13",
        &["`letter`", "`email`"],
    );
}

#[test]
fn every_key_has_a_default() {
    assert_eq!(parse("").unwrap(), Config::default());
}

#[test]
fn paths_are_taken_from_the_files_folder() {
    let config = parse("speech_recognition.model = 'my.bin'\ndatabase.path = '/var/v.db'").unwrap();
    assert_eq!(
        config.speech_recognition.model,
        SpeechModel::File("/etc/voiceflow/my.bin".into())
    );
    assert_eq!(config.database.path.as_deref(), Some(Path::new("/var/v.db")));
}

/// Checks that `text` is refused at `place` with a message that holds every one of `parts`.
fn check(text: &str, place: &str, parts: &[&str]) {
    let message = parse(text).expect_err(text).to_string();
    assert!(
        message.starts_with(&format!("/etc/voiceflow/voiceflow.toml:{place}: ")),
        "{message}"
    );
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in: {message}");
    }
    assert!(!message.contains('\n'), "{message}");
}

#[test]
fn unknown_keys_are_refused_with_the_known_ones() {
    check(
        "[speech_recognition]\ndevice = 'cpu'\nmodell = 'base'\n",
        "3:1",
        &["`modell`", "`model`", "`device`", "`compute_type`"],
    );
    check("[databse]\n", "1:2", &["`databse`", "`database`", "`ai_enhancement`"]);
    check(
        "server.tls.cert = 'x'",
        "1:12",
        &["`cert`", "`certificate`", "`private_key`"],
    );
}

#[test]
fn bad_values_are_refused_where_they_stand() {
    let number = &["whole number from 1 to 1000"];
    check("[database]\nconnection_pool_size = 0\n", "2:24", number);
    check("[database]\nconnection_pool_size = 1_001\n", "2:24", number);
    check("[database]\nconnection_pool_size = -1\n", "2:24", number);
    check(
        "[database]\nconnection_pool_size = '20'\n",
        "2:24",
        &["string", "expected i64"],
    );
    check(
        "[ai_enhancement]\ntimeout = '2 seconds'",
        "2:11",
        &["2 seconds", "\"500ms\""],
    );
    check("[ai_enhancement]\ntimeout = 3600", "2:11", &["from 10ms to 60s"]);
    check("[ai_enhancement]\nthreads = 0", "2:11", &["from 1 to 64"]);
    check("[ai_enhancement]\ntimeout = nan", "2:11", &["finite"]);
    check(
        "[speech_recognition]\ndevice = 'tpu'",
        "2:10",
        &["`tpu`", "`cpu`", "`cuda`"],
    );
    check(
        "[speech_recognition]\ncompute_type = 'int3'",
        "2:16",
        &["`int3`", "`float16`", "`q8_0`"],
    );
    let window = &["\"fit\", \"full\", or a whole number from 1 to 1500"];
    check("[speech_recognition]\naudio_ctx = 1501", "2:13", window);
    check("[speech_recognition]\naudio_ctx = 'wide'", "2:13", window);
    check("[server]\nlisten = 'localhost'", "2:10", &["socket address"]);
    check("[security]\nencryption = 'yes'", "2:14", &["expected a boolean"]);
}

#[test]
fn broken_toml_is_refused_where_it_breaks() {
    check("[database\nencryption = true", "1:10", &[]);
    check(
        "[database]\nencryption = true\nencryption = false\n",
        "3:1",
        &["duplicate key"],
    );
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    check("[database]\nencryption = false\n", "2:14", &["security.encryption"]);
    check(
        "[server]\nlisten = '0.0.0.0:8765'\n",
        "2:10",
        &["[server.tls]", "127.0.0.1"],
    );
    assert!(parse("security.encryption = false\ndatabase.encryption = false\nserver.listen = '0.0.0.0:1'").is_ok());
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Path::new("/nonexistent/voiceflow.toml")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the settings /nonexistent/voiceflow.toml"
    );
}

#[test]
fn the_example_shows_every_default() {
    assert_eq!(
        parse(include_str!("../voiceflow.example.toml")).unwrap(),
        Config::default()
    );
}
