//! Transcribes WAV files: `cargo run --release -p voiceflow-asr --example transcribe -- MODEL.bin FILE.wav...`
//!
//! `--audio-ctx full|fit:MARGIN|N`, `--threads N` and `--device cpu|cuda` before the model change the settings. CUDA needs
//! a build with `--features cuda`, which starts only where NVIDIA's driver is installed.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use voiceflow_asr::{AudioContext, Cancel, Device, Model, ModelOptions, RecognizerOptions, audio};

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = RecognizerOptions::default();
    let mut model_options = ModelOptions::default();
    let mut arguments = env::args().skip(1).peekable();
    while let Some(flag) = arguments.next_if(|argument| argument.starts_with("--")) {
        let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--audio-ctx" => options.audio_ctx = audio_context(&value)?,
            "--threads" => options.threads = value.parse()?,
            "--device" => model_options = on(&value)?,
            _ => return Err(format!("unknown flag {flag}").into()),
        }
    }
    let model = arguments
        .next()
        .ok_or("usage: transcribe [--audio-ctx CTX] [--threads N] [--device DEVICE] MODEL.bin FILE.wav...")?;
    let model = Model::load(Path::new(&model), &model_options)?;
    writeln!(io::stdout(), "running on {}", model.back_end())?;
    let mut recognizer = model.recognizer(&options)?;
    for file in arguments {
        let recording = audio::read_wav(Path::new(&file))?;
        let started = Instant::now();
        let transcription = recognizer.transcribe(&recording.samples, &Cancel::new())?;
        writeln!(
            io::stdout(),
            "{file}: {:.2} s of audio in {:.0} ms, audio_ctx {}, {} fallbacks{}\n  {}",
            transcription.audio_seconds,
            started.elapsed().as_secs_f64() * 1e3,
            transcription.audio_ctx,
            transcription.fallbacks,
            if transcription.looped { ", looped" } else { "" },
            transcription.text
        )?;
    }
    Ok(())
}

fn audio_context(text: &str) -> Result<AudioContext, Box<dyn Error>> {
    Ok(match text.strip_prefix("fit:") {
        Some(margin) => AudioContext::Fit {
            margin: margin.parse()?,
        },
        None if text == "full" => AudioContext::Full,
        None => AudioContext::Fixed(text.parse()?),
    })
}

fn on(device: &str) -> Result<ModelOptions, Box<dyn Error>> {
    let device = match device {
        "cpu" => Device::Cpu,
        "cuda" => Device::Cuda,
        _ => return Err(format!("unknown device {device}; there are cpu and cuda").into()),
    };
    Ok(ModelOptions {
        device,
        flash_attention: device == Device::Cuda,
    })
}
