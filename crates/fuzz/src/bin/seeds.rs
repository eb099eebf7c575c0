//! Writes the seeds of every target's corpus: small, valid inputs of each kind, from which the fuzzer takes off.
//!
//! `cargo run --release --bin seeds` in this folder. The files are named `seed-…`; what fuzzing has found lies beside them.

use std::path::{Path, PathBuf};

// With the coverage pass on, as `run.sh` has it, everything here wants libFuzzer's hooks.
use libfuzzer_sys as _;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};
use voiceflow_protocol::{
    ClientMessage, Context, ErrorCode, ErrorMessage, Final, Partial, ServerMessage, Start, TextSource, encode_client,
    encode_server,
};

type Seeds = Vec<(&'static str, Vec<u8>)>;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (target, seeds) in [
        ("handshake", handshakes()),
        ("frames", frames()),
        ("messages", messages()),
        ("wav", wavs()),
        ("ggml", vec![("tiny", ggml())]),
        ("gguf", vec![("one-layer", gguf())]),
        ("tokens", tokens()),
        ("settings", settings(root)?),
        ("records", records(root)?),
    ] {
        let folder: PathBuf = root.join("corpus").join(target);
        std::fs::create_dir_all(&folder)?;
        for (name, seed) in seeds {
            std::fs::write(folder.join(format!("seed-{name}")), seed)?;
        }
    }
    Ok(())
}

fn handshakes() -> Seeds {
    let request = |path: &str, headers: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8765\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        )
        .into_bytes()
    };
    let path = voiceflow_transport::PATH;
    vec![
        ("program", request(path, "Authorization: Bearer right\r\n")),
        (
            "browser",
            request(
                path,
                "Origin: https://app.example\r\nSec-WebSocket-Protocol: voiceflow.v1, bearer.right\r\n",
            ),
        ),
        ("other-origin", request(path, "Origin: https://other.example\r\n")),
        ("no-token", request(path, "")),
        ("query", request(&format!("{path}?token=right"), "")),
        ("other-path", request("/", "Authorization: Bearer right\r\n")),
    ]
}

/// Pieces of 64 bytes, messages of 64 KiB.
const SHAPE: u8 = 0xff;

fn frames() -> Seeds {
    let data = |kind, is_final, payload: &[u8]| frame(OpCode::Data(kind), is_final, payload);
    let control = |kind, payload: &[u8]| frame(OpCode::Control(kind), true, payload);
    let wire = |frames: &[Vec<u8>]| [&[SHAPE][..], &frames.concat()].concat();
    vec![
        ("text", wire(&[data(Data::Text, true, "grüße".as_bytes())])),
        ("binary", wire(&[data(Data::Binary, true, &[1; 126])])),
        (
            "fragments",
            wire(&[
                data(Data::Text, false, b"one "),
                control(Control::Ping, b"between"),
                data(Data::Continue, true, b"two"),
            ]),
        ),
        ("close", wire(&[control(Control::Close, &[0x03, 0xe8, b'o', b'k'])])),
        ("long", wire(&[long_header()])),
    ]
}

fn frame(opcode: OpCode, is_final: bool, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader {
        is_final,
        opcode,
        mask: Some([0x37, 0xfa, 0x21, 0x3d]),
        ..FrameHeader::default()
    };
    let mut wire = Vec::new();
    let frame = Frame::from_payload(header, payload.to_vec().into());
    frame.format(&mut wire).expect("vectors can be written to");
    wire
}

fn long_header() -> Vec<u8> {
    let mut wire = vec![0x82, 0xff];
    wire.extend(65_536_u64.to_be_bytes());
    wire.extend([1, 2, 3, 4, 5, 6]);
    wire
}

fn messages() -> Seeds {
    let client = |message: &ClientMessage| encode_client(message).expect("it is short").into_bytes();
    let server = |message: &ServerMessage| encode_server(message).expect("it is short").into_bytes();
    let start = Start {
        language: Some("en".to_owned()),
        device: Some("desk \"microphone\"".to_owned()),
        partials: true,
        ..Start::new(Context::Email)
    };
    let last = Final {
        transcript_id: 7,
        text: "A tidy text.".to_owned(),
        raw_text: "a um tidy text".to_owned(),
        source: TextSource::Model,
        audio_ms: 2000,
        recognition_ms: 200,
        enhancement_ms: 300,
    };
    let partial = Partial {
        sequence: 3,
        text: "a um".to_owned(),
    };
    vec![
        ("start", client(&ClientMessage::Start(start))),
        ("end", client(&ClientMessage::End)),
        ("partial", server(&ServerMessage::Partial(partial))),
        ("final", server(&ServerMessage::Final(last))),
        (
            "error",
            server(&ErrorMessage::new(ErrorCode::TooLarge, "too long").into()),
        ),
        (
            "history",
            br#"{"limit":5,"before_unix_ms":1700000000000,"context":"code"}"#.to_vec(),
        ),
        ("search", br#"{"query":"meeting","limit":20}"#.to_vec()),
    ]
}

fn wavs() -> Seeds {
    let wav = |channels, sample_rate, bits_per_sample, sample_format| {
        let spec = hound::WavSpec {
            channels,
            sample_rate,
            bits_per_sample,
            sample_format,
        };
        let mut file = std::io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut file, spec).expect("the header can be written");
        for at in 0..64 {
            match sample_format {
                hound::SampleFormat::Float => writer.write_sample((at as f32).sin()),
                hound::SampleFormat::Int => writer.write_sample(at - 32),
            }
            .expect("a sample can be written");
        }
        writer.finalize().expect("the header can be completed");
        file.into_inner()
    };
    use hound::SampleFormat::{Float, Int};
    vec![
        ("16bit-mono", wav(1, 16_000, 16, Int)),
        ("24bit-stereo", wav(2, 48_000, 24, Int)),
        ("8bit-telephone", wav(1, 8_000, 8, Int)),
        ("float", wav(1, 44_100, 32, Float)),
    ]
}

/// The eleven numbers at the head of tiny.en.
fn ggml() -> Vec<u8> {
    let numbers: [u32; 11] = [0x6767_6d6c, 51_864, 1_500, 384, 6, 4, 448, 384, 6, 4, 80];
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// A Llama model of one layer, eight values wide, with all shapes right and no data behind them.
fn gguf() -> Vec<u8> {
    const WIDTH: u64 = 8;
    const INNER: u64 = 16;
    const TOKENS: u64 = 4;
    const U32: u32 = 4;
    const STRING: u32 = 8;
    const ARRAY: u32 = 9;
    let numbers = [
        ("llama.block_count", 1),
        ("llama.embedding_length", WIDTH as u32),
        ("llama.attention.head_count", 2),
        ("llama.attention.head_count_kv", 1),
        ("llama.rope.dimension_count", 4),
        ("llama.feed_forward_length", INNER as u32),
    ];
    let tensors: [(&str, &[u64]); 11] = [
        ("token_embd.weight", &[WIDTH, TOKENS]),
        ("output_norm.weight", &[WIDTH]),
        ("blk.0.attn_norm.weight", &[WIDTH]),
        ("blk.0.attn_q.weight", &[WIDTH, WIDTH]),
        ("blk.0.attn_k.weight", &[WIDTH, WIDTH / 2]),
        ("blk.0.attn_v.weight", &[WIDTH, WIDTH / 2]),
        ("blk.0.attn_output.weight", &[WIDTH, WIDTH]),
        ("blk.0.ffn_norm.weight", &[WIDTH]),
        ("blk.0.ffn_gate.weight", &[WIDTH, INNER]),
        ("blk.0.ffn_up.weight", &[WIDTH, INNER]),
        ("blk.0.ffn_down.weight", &[INNER, WIDTH]),
    ];
    let string = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let mut file = b"GGUF".to_vec();
    file.extend(3_u32.to_le_bytes());
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend((numbers.len() as u64 + 2).to_le_bytes());
    file.extend(string("general.architecture"));
    file.extend(STRING.to_le_bytes());
    file.extend(string("llama"));
    for (key, number) in numbers {
        file.extend(string(key));
        file.extend(U32.to_le_bytes());
        file.extend(u32::to_le_bytes(number));
    }
    file.extend(string("tokenizer.ggml.tokens"));
    file.extend(ARRAY.to_le_bytes());
    file.extend(STRING.to_le_bytes());
    file.extend(TOKENS.to_le_bytes());
    for token in ["<s>", "</s>", "a", "b"] {
        file.extend(string(token));
    }
    for (name, dimensions) in tensors {
        file.extend(string(name));
        file.extend((dimensions.len() as u32).to_le_bytes());
        for dimension in dimensions {
            file.extend(dimension.to_le_bytes());
        }
        // 32-bit floats, at the beginning of the data.
        file.extend(0_u32.to_le_bytes());
        file.extend(0_u64.to_le_bytes());
    }
    file
}

fn tokens() -> Seeds {
    let signed = |header: &str, claims: &str| [&[1][..], header.as_bytes(), &[0], claims.as_bytes()].concat();
    // Good from 1970 to 2100.
    let claims = r#"{"sub":"anna","iss":"voiceflow","aud":"dictation","nbf":0,"exp":4102444800}"#;
    // As an issuer here writes it.
    let own = r#"{"typ":"JWT","alg":"HS256"}"#;
    vec![
        ("signed", signed(r#"{"alg":"HS256","typ":"JWT"}"#, claims)),
        ("own", signed(own, claims)),
        ("own-expired", signed(own, &claims.replace("4102444800", "1"))),
        ("own-escaped", signed(own, &claims.replace("anna", "\\u0061nna"))),
        (
            "own-raw",
            b"\0eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA".to_vec(),
        ),
        ("critical", signed(r#"{"alg":"HS256","crit":["x"],"x":1}"#, claims)),
        ("none", signed(r#"{"alg":"none"}"#, claims)),
        (
            "expired",
            signed(r#"{"alg":"HS256"}"#, &claims.replace("4102444800", "1")),
        ),
        (
            "audiences",
            signed(
                r#"{"alg":"HS256"}"#,
                &claims.replace("\"dictation\"", "[\"a\",\"dictation\"]"),
            ),
        ),
        ("raw", b"\0eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA".to_vec()),
    ]
}

fn settings(root: &Path) -> std::io::Result<Seeds> {
    let example = std::fs::read(root.join("../service/voiceflow.example.toml"))?;
    let short = b"[server]\nlisten = \"127.0.0.1:8765\"\nidle_timeout = \"30s\"\n".to_vec();
    Ok(vec![("example", example), ("short", short)])
}

/// The smallest records that are committed, of each instrument, and a catalogue.
fn records(root: &Path) -> std::io::Result<Seeds> {
    let catalogue = std::fs::read(root.join("../kit/benches/catalogue.json"))?;
    let host = root.join("../../baselines/linux-x86_64-amd-epyc-2core/transport/mask");
    Ok(vec![
        ("instructions", std::fs::read(host.join("64kib.instructions.json"))?),
        ("allocations", std::fs::read(host.join("64kib.allocations.json"))?),
        ("catalogue", catalogue),
        (
            "batch",
            br#"{"batch":{"warm":1,"calls":8,"plant_percent":0.0}}"#.to_vec(),
        ),
    ])
}
