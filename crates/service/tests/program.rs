//! The program as a user runs it.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use support::RULES_ONLY;
use voiceflow_asr::wer::word_errors;
use voiceflow_fixtures::speech;

/// The program with a state folder of its own and no variables of the surrounding shell.
fn program(state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voiceflow"));
    command.env("XDG_STATE_HOME", state).current_dir(state);
    for variable in ["VOICEFLOW_KEY", "VOICEFLOW_TOKEN", "RUST_LOG"] {
        command.env_remove(variable);
    }
    command
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_recording_is_transcribed_raw_and_tidy() {
    let _turn = support::turn();
    let state = tempfile::tempdir().unwrap();
    let clip = speech::clip("en/quick_brown_fox").unwrap();
    for arguments in [&["--raw"][..], &["--context", "email"]] {
        let output = run(program(state.path()).arg("transcribe").arg(&clip.path).args(arguments));
        assert!(output.status.success(), "{}", text(&output.stderr));
        let words = text(&output.stdout);
        assert_eq!(word_errors(&clip.transcript, &words).errors, 0, "{words}");
        assert!(!text(&output.stderr).contains("fox"), "the transcript is in the log");
    }
    assert_eq!(
        fs::read_dir(state.path()).unwrap().count(),
        0,
        "transcribing leaves nothing behind"
    );
}

#[test]
fn wrong_settings_end_the_program_with_file_line_and_column() {
    let state = tempfile::tempdir().unwrap();
    fs::write(
        state.path().join("voiceflow.toml"),
        "[database]\nconection_pool_size = 20\n",
    )
    .unwrap();
    let output = run(program(state.path()).arg("serve"));
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(
        error.starts_with("error: voiceflow.toml:2:1: unknown field `conection_pool_size`"),
        "{error}"
    );
    assert!(error.contains("`connection_pool_size`"), "{error}");
}

#[test]
fn a_key_file_is_made_once() {
    let state = tempfile::tempdir().unwrap();
    let key = |_: i32| run(program(state.path()).args(["key", "my.key"]));
    assert!(key(1).status.success());
    let made = fs::read(state.path().join("my.key")).unwrap();
    let again = key(2);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("my.key"));
    assert_eq!(fs::read(state.path().join("my.key")).unwrap(), made);
}

#[test]
fn a_token_needs_a_key() {
    let state = tempfile::tempdir().unwrap();
    let output = run(program(state.path()).args(["token", "--user", "anna"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("voiceflow key"),
        "{}",
        text(&output.stderr)
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_an_error_and_no_panic() {
    let state = tempfile::tempdir().unwrap();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = run(program(state.path())
        .args(["token", "--user", "anna"])
        .env("VOICEFLOW_KEY", "2a".repeat(32))
        .stdout(full));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("cannot write to standard output"),
        "{}",
        text(&output.stderr)
    );
}

#[cfg(unix)]
#[test]
fn a_server_serves_its_own_client_and_stops_when_asked() {
    let _turn = support::turn();
    let state = tempfile::tempdir().unwrap();
    let settings = format!("{RULES_ONLY}server.listen = '127.0.0.1:0'\n");
    fs::write(state.path().join("voiceflow.toml"), settings).unwrap();
    let mut server = Stopper(
        program(state.path())
            .arg("serve")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut log = BufReader::new(server.0.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let listening = log.find(|line| line.starts_with("listening on ")).unwrap();
    let url = listening.split([' ', ';']).nth(2).unwrap();

    let issued = run(program(state.path()).args(["token", "--user", "anna"]));
    assert!(issued.status.success(), "{}", text(&issued.stderr));
    let token = text(&issued.stdout);
    let clip = speech::clip("en/quick_brown_fox").unwrap();
    let client = |token: &str| {
        let mut command = program(state.path());
        run(command
            .env("VOICEFLOW_TOKEN", token)
            .arg("client")
            .arg(&clip.path)
            .args(["--url", url]))
    };
    let answer = client(token.trim());
    assert!(answer.status.success(), "{}", text(&answer.stderr));
    assert_eq!(
        word_errors(&clip.transcript, &text(&answer.stdout)).errors,
        0,
        "{}",
        text(&answer.stdout)
    );
    let refused = client("forged");
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("401"), "{}", text(&refused.stderr));

    let process = server.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &process])
            .status()
            .unwrap()
            .success()
    );
    let rest: Vec<String> = log.collect();
    assert!(server.0.wait().unwrap().success());
    assert_eq!(rest.last().map(String::as_str), Some("stopped"));
    let secrets = ["fox", token.trim(), state.path().to_str().unwrap()];
    for line in &rest {
        assert!(secrets.iter().all(|secret| !line.contains(secret)), "{line}");
    }
}

/// Ends the server also when the test fails.
struct Stopper(Child);

impl Drop for Stopper {
    fn drop(&mut self) {
        // After a successful test it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
