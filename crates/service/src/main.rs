//! The `voiceflow` program: arguments in, text or an exit code out. What it does is in the library.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong arguments.

#![expect(clippy::print_stderr, reason = "a program prints")]

use std::env;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use voiceflow_asr::{Cancel, audio};
use voiceflow_protocol::limits::SAMPLE_RATE_HZ;
use voiceflow_protocol::{Context, Start};
use voiceflow_service::config::Config;
use voiceflow_service::keys::{self, KEY_VARIABLE, Keys};
use voiceflow_service::pipeline::{self, Pipeline};
use voiceflow_service::server::Server;
use voiceflow_transport::{Endpoint, blocking, tls};

/// The settings file that is read if none is named and it exists.
const DEFAULT_SETTINGS: &str = "voiceflow.toml";

/// Environment variable with the client's token: arguments can be read by every user of a machine.
const TOKEN_VARIABLE: &str = "VOICEFLOW_TOKEN";

/// Samples that the client sends in one frame: 100 ms.
const FRAME_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 10;

#[derive(Parser)]
#[command(name = "voiceflow", version, about = "Turns speech into tidy, stored text")]
struct Cli {
    #[command(flatten)]
    settings: SettingsFile,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct SettingsFile {
    /// Settings file [default: voiceflow.toml if it exists, else built-in defaults]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve dictations over WebSocket until Ctrl-C
    Serve,
    /// Print the tidy text of a recording
    Transcribe(Transcribe),
    /// Print a token for a user of this server
    Token(Token),
    /// Make a key file
    Key(Key),
    /// Send a recording to a server and print its answer; the token comes from VOICEFLOW_TOKEN
    Client(Client),
}

#[derive(Args)]
struct Transcribe {
    /// WAV file of any sample rate
    file: PathBuf,
    /// Print the recogniser's own words
    #[arg(long)]
    raw: bool,
    /// What the text is for: email, chat, code, notes or meeting
    #[arg(long, default_value_t)]
    context: Context,
}

#[derive(Args)]
struct Token {
    /// Name of the user
    #[arg(long)]
    user: String,
    /// Hours for which the token is good
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=24 * 366))]
    hours: u64,
}

#[derive(Args)]
struct Key {
    /// File to make; an existing one is never overwritten
    file: PathBuf,
}

#[derive(Args)]
struct Client {
    /// WAV file of any sample rate
    file: PathBuf,
    /// Server, as ws://host:port or wss://host:port
    #[arg(long, default_value = "ws://127.0.0.1:8765")]
    url: String,
    /// PEM file with the certificates to trust, for wss
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// What the text is for: email, chat, code, notes or meeting
    #[arg(long, default_value_t)]
    context: Context,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let settings = || load_settings(cli.settings.config.as_deref());
    match cli.command {
        Command::Serve => serve(&settings()?),
        Command::Transcribe(arguments) => transcribe(&settings()?, &arguments),
        Command::Token(arguments) => token(&settings()?, &arguments),
        Command::Key(arguments) => Ok(keys::create(&arguments.file)?),
        Command::Client(arguments) => client(&arguments),
    }
}

/// Logs go to standard error; `RUST_LOG` chooses what. Records of the `log` crate are not collected, whatever it says:
/// the WebSocket library writes whole messages there, and messages are transcripts.
fn start_log() {
    let chosen = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,whisper_rs=warn"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(chosen)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .finish();
    // It fails only if there is a log already, and nothing in this program makes another.
    let _ = tracing::subscriber::set_global_default(log);
}

/// The settings, with the places in the user's state folder filled in where they name none.
fn load_settings(named: Option<&Path>) -> anyhow::Result<Config> {
    let mut config = match named {
        Some(file) => Config::load(file)?,
        None if Path::new(DEFAULT_SETTINGS).exists() => Config::load(Path::new(DEFAULT_SETTINGS))?,
        None => Config::default(),
    };
    if config.database.path.is_none() {
        config.database.path = Some(state_folder()?.join("voiceflow.db"));
    }
    if config.security.key_file.is_none() {
        config.security.key_file = Some(state_folder()?.join("master.key"));
    }
    Ok(config)
}

fn state_folder() -> anyhow::Result<PathBuf> {
    let set = |variable| {
        env::var_os(variable)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
    let base =
        base.ok_or_else(|| anyhow!("no state folder: set XDG_STATE_HOME, HOME, or the paths in the settings"))?;
    Ok(base.join("voiceflow"))
}

fn serve(config: &Config) -> anyhow::Result<()> {
    let keys = needed_keys(config)?;
    if let Some(folder) = config.database.path.as_deref().and_then(Path::parent) {
        fs::create_dir_all(folder).context("cannot make the database's folder")?;
    }
    eprintln!("loading models");
    let pipeline = Arc::new(Pipeline::open(config, keys.as_ref())?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::bind(config, pipeline).await?;
        let scheme = if config.server.tls.is_some() { "wss" } else { "ws" };
        eprintln!("listening on {scheme}://{}; stop with Ctrl-C", server.address());
        server.run(stop_signal()).await;
        eprintln!("stopped");
        Ok(())
    })
}

/// The keys if anything needs them. A first start makes the file; a database without its key is not a first start.
fn needed_keys(config: &Config) -> anyhow::Result<Option<Keys>> {
    if !config.security.authentication && !*config.database.encryption.get_ref() {
        return Ok(None);
    }
    let file = key_file(config)?;
    let is_first_start = !config.database.path.as_deref().is_some_and(Path::exists);
    let keys = if is_first_start {
        Keys::load_or_create(file)
    } else {
        Keys::load(file)
    };
    Ok(Some(keys.with_context(|| {
        format!("no key: set {KEY_VARIABLE}, security.key_file, or run `voiceflow key`")
    })?))
}

fn key_file(config: &Config) -> anyhow::Result<&Path> {
    config
        .security
        .key_file
        .as_deref()
        .ok_or_else(|| anyhow!("no key file is named"))
}

/// Resolves on Ctrl-C or, where there is one, on a request to terminate.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a way to hear the signal the system's own reaction ends the process.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn transcribe(config: &Config, arguments: &Transcribe) -> anyhow::Result<()> {
    let audio = audio::read_wav(&arguments.file)?;
    let speech = &config.speech_recognition;
    let model = pipeline::speech_model(speech)?;
    let mut recognizer = model.recognizer(&pipeline::recognizer_options(speech))?;
    let raw = recognizer.transcribe(&audio.samples, &Cancel::new())?.text;
    if arguments.raw {
        print_line(&raw)
    } else {
        let enhancer = pipeline::enhancer(&config.ai_enhancement, &[arguments.context])?;
        print_line(&enhancer.enhance(&raw, arguments.context).text)
    }
}

fn token(config: &Config, arguments: &Token) -> anyhow::Result<()> {
    let keys = Keys::load(key_file(config)?).context("no key yet: start the server once, or run `voiceflow key`")?;
    let lifetime = Duration::from_secs(arguments.hours * 60 * 60);
    print_line(&keys.issuer()?.issue(&arguments.user, lifetime)?)
}

fn client(arguments: &Client) -> anyhow::Result<()> {
    let samples = pcm(&audio::read_wav(&arguments.file)?.samples);
    if samples.is_empty() {
        bail!("{} holds no audio", arguments.file.display());
    }
    let mut connection = blocking::Client::connect(&endpoint(arguments)?)?;
    connection.start(Start::new(arguments.context))?;
    for frame in samples.chunks(FRAME_SAMPLES) {
        connection.audio(frame)?;
    }
    connection.end()?;
    print_line(&connection.answer()?.text)?;
    // The answer is there; that the server hung up first is no failure.
    let _ = connection.close();
    Ok(())
}

/// Writes to standard output. Whoever closed it gets an error, not the panic of `println!`.
fn print_line(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{text}").context("cannot write to standard output")
}

fn endpoint(arguments: &Client) -> anyhow::Result<Endpoint> {
    let trust = match &arguments.trust {
        Some(file) => {
            let pem = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            Some(tls::client_config(&pem)?)
        }
        None => None,
    };
    let endpoint = Endpoint::new(&arguments.url, trust)?;
    Ok(match env::var(TOKEN_VARIABLE) {
        Ok(token) => endpoint.with_token(&token)?,
        Err(_) => endpoint,
    })
}

/// Samples as they travel; what is beyond full scale is clipped.
fn pcm(samples: &[f32]) -> Vec<i16> {
    let scaled = samples.iter().map(|sample| (sample * 32_768.0).round());
    scaled
        .map(|sample| sample.clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16)
        .collect()
}
