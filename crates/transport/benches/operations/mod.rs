//! The operations of `transport`, declared once for every instrument.
//!
//! | module | measures |
//! |---|---|
//! | `messages` | the protocol's JSON, without WebSocket |
//! | `frames` | WebSocket frames from and to memory: no socket, no clock, no randomness |
//! | `upgrade` | the handshake in memory; its SHA-1 runs another kernel under valgrind, so it is not counted |
//! | `loopback` | a real server over loopback sockets; client and server share the machine |

use voiceflow_kit::{Operation, Throughput};

mod frames;
mod loopback;
mod memory;
mod messages;
mod upgrade;

voiceflow_kit::operations! {
    counted {
        message_decode_start: Operation::new("transport/message-decode/start",
            "How long does reading a start message from its JSON take?")
            .throughput(Throughput::Elements(1))
            .prepare(messages::decode_start),
        message_encode_final: Operation::new("transport/message-encode/final",
            "How long does writing a final message with 200 words as JSON take?")
            .throughput(Throughput::Elements(1))
            .prepare(messages::encode_final),
        audio_parse_3200b: Operation::new("transport/audio-parse/3200b",
            "How long does checking a 3,200-byte audio frame and reading its samples take?")
            .throughput(Throughput::Bytes(frames::AUDIO_BYTES as u64))
            .prepare(messages::audio_parse_3200b),
        frame_encode_3200b: Operation::new("transport/frame-encode/3200b",
            "How long does the server take to frame and write a 3,200-byte text message to memory?")
            .throughput(Throughput::Bytes(frames::AUDIO_BYTES as u64))
            .prepare(frames::encode_3200b),
        frame_decode_3200b: Operation::new("transport/frame-decode/3200b",
            "How long does the server take to read and unmask a 3,200-byte audio frame from memory?")
            .throughput(Throughput::Bytes(frames::AUDIO_BYTES as u64))
            .prepare(frames::decode_3200b),
        mask_64kib: Operation::new("transport/mask/64kib",
            "How long does masking and writing a 64 KiB client frame to memory take?")
            .throughput(Throughput::Bytes(frames::LONGEST_FRAME_BYTES as u64))
            .prepare(frames::mask_64kib),
        utf8_text_4kib: Operation::new("transport/utf8-text/4kib",
            "How long does the server take to read, unmask and check a 4 KiB text frame with characters of two bytes?")
            .throughput(Throughput::Bytes(frames::TEXT_BYTES as u64))
            .prepare(frames::utf8_text_4kib),
        utf8_binary_4kib: Operation::new("transport/utf8-binary/4kib",
            "How long does the server take to read and unmask the same 4 KiB as binary, which are not checked?")
            .throughput(Throughput::Bytes(frames::TEXT_BYTES as u64))
            .prepare(frames::utf8_binary_4kib),
    }
    timed {
        handshake_mem_plain: Operation::new("transport/handshake/mem-plain",
            "How long does the server's half of an upgrade with a token that is accepted take in memory?")
            .throughput(Throughput::Elements(1))
            .allocations()
            .prepare(upgrade::accepted),
        handshake_mem_reject: Operation::new("transport/handshake/mem-reject",
            "How long does the server's half of an upgrade that is answered with 401 take in memory?")
            .throughput(Throughput::Elements(1))
            .allocations()
            .prepare(upgrade::rejected),
        handshake_tcp: Operation::new("transport/handshake/tcp",
            "How long does a client take to connect and upgrade over loopback?")
            .throughput(Throughput::Elements(1))
            .calls(500).wall().cores(2)
            .prepare(loopback::handshake_tcp),
        handshake_tls13: Operation::new("transport/handshake/tls13",
            "How long does a client take to connect, make a full TLS 1.3 handshake and upgrade over loopback?")
            .throughput(Throughput::Elements(1))
            .calls(500).wall().cores(2)
            .prepare(loopback::handshake_tls13),
        handshake_tls13_resumed: Operation::new("transport/handshake/tls13-resumed",
            "How long does the same take when the client resumes an earlier TLS session?")
            .throughput(Throughput::Elements(1))
            .calls(500).wall().cores(2)
            .prepare(loopback::handshake_tls13_resumed),
        echo_3200b_ws: Operation::new("transport/echo/3200b-ws",
            "How long until 100 ms of audio are answered by a text of as many bytes, over loopback in the clear?")
            .throughput(Throughput::Bytes(2 * frames::AUDIO_BYTES as u64))
            .calls(2000).wall().cores(2)
            .prepare(loopback::echo_3200b_ws),
        echo_3200b_wss: Operation::new("transport/echo/3200b-wss",
            "How long until 100 ms of audio are answered by a text of as many bytes, over loopback and TLS 1.3?")
            .throughput(Throughput::Bytes(2 * frames::AUDIO_BYTES as u64))
            .calls(2000).wall().cores(2)
            .prepare(loopback::echo_3200b_wss),
    }
}
