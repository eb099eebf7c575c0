//! The operations of `transport`, declared once for every instrument.
//!
//! | module | measures |
//! |---|---|
//! | `messages` | the protocol's JSON, without WebSocket |
//! | `frames` | WebSocket frames from and to memory: no socket, no clock, no randomness |
//! | `masks` | masking at a given distance from a word boundary |
//! | `upgrade` | the handshake in memory; its SHA-1 runs another kernel under valgrind, so it is not counted |
//! | `idle` | what open and silent connections hold, in memory |
//! | `loopback` | a real server over loopback sockets; client and server share the machine |
//! | `batches` | many messages with few flushes, over loopback |
//! | `streams` | fifty clients at once over TLS |
//! | `hostile` | peers that break the limits |

use voiceflow_kit::{Operation, Throughput};

mod batches;
mod frames;
mod hostile;
mod house;
mod idle;
mod loopback;
mod masks;
mod memory;
mod messages;
mod streams;
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
        frame_encode_20b: Operation::new("transport/frame-encode/20b",
            "How long does the server take to frame and write a 20-byte text message to memory?")
            .throughput(Throughput::Bytes(frames::SHORT_BYTES as u64))
            .prepare(frames::encode_20b),
        frame_encode_3200b: Operation::new("transport/frame-encode/3200b",
            "How long does the server take to frame and write a 3,200-byte text message to memory?")
            .throughput(Throughput::Bytes(frames::AUDIO_BYTES as u64))
            .prepare(frames::encode_3200b),
        frame_encode_64kib: Operation::new("transport/frame-encode/64kib",
            "How long does the server take to frame and write a 64 KiB text message to memory?")
            .throughput(Throughput::Bytes(frames::LONGEST_FRAME_BYTES as u64))
            .prepare(frames::encode_64kib),
        frame_decode_20b: Operation::new("transport/frame-decode/20b",
            "How long does the server take to read and unmask a 20-byte binary frame from memory?")
            .throughput(Throughput::Bytes(frames::SHORT_BYTES as u64))
            .prepare(frames::decode_20b),
        frame_decode_3200b: Operation::new("transport/frame-decode/3200b",
            "How long does the server take to read and unmask a 3,200-byte audio frame from memory?")
            .throughput(Throughput::Bytes(frames::AUDIO_BYTES as u64))
            .prepare(frames::decode_3200b),
        frame_decode_64kib: Operation::new("transport/frame-decode/64kib",
            "How long does the server take to read and unmask the longest audio frame, 64 KiB, from memory?")
            .throughput(Throughput::Bytes(frames::LONGEST_FRAME_BYTES as u64))
            .prepare(frames::decode_64kib),
        mask_64kib: Operation::new("transport/mask/64kib",
            "How long does masking and writing a 64 KiB client frame to memory take?")
            .throughput(Throughput::Bytes(frames::LONGEST_FRAME_BYTES as u64))
            .prepare(frames::mask_64kib),
        mask_125b_aligned: Operation::new("transport/mask/125b-aligned",
            "How long does masking and writing 125 bytes that begin at a word boundary take?")
            .throughput(Throughput::Bytes(masks::SHORT_PAYLOAD_BYTES as u64))
            .prepare(masks::aligned_125b),
        mask_4kib_aligned: Operation::new("transport/mask/4kib-aligned",
            "How long does masking and writing 4 KiB that begin at a word boundary take?")
            .throughput(Throughput::Bytes(frames::TEXT_BYTES as u64))
            .prepare(masks::aligned_4kib),
        mask_4kib_offset_1: Operation::new("transport/mask/4kib-offset-1",
            "How long does the same take one byte after a word boundary?")
            .throughput(Throughput::Bytes(frames::TEXT_BYTES as u64))
            .prepare(masks::offset_1_4kib),
        mask_4kib_offset_2: Operation::new("transport/mask/4kib-offset-2",
            "How long does the same take two bytes after a word boundary?")
            .throughput(Throughput::Bytes(frames::TEXT_BYTES as u64))
            .prepare(masks::offset_2_4kib),
        mask_4kib_offset_3: Operation::new("transport/mask/4kib-offset-3",
            "How long does the same take three bytes after a word boundary?")
            .throughput(Throughput::Bytes(frames::TEXT_BYTES as u64))
            .prepare(masks::offset_3_4kib),
        mask_64kib_aligned: Operation::new("transport/mask/64kib-aligned",
            "How long does masking and writing 64 KiB that begin at a word boundary take?")
            .throughput(Throughput::Bytes(frames::LONGEST_FRAME_BYTES as u64))
            .prepare(masks::aligned_64kib),
        mask_64kib_offset_1: Operation::new("transport/mask/64kib-offset-1",
            "How long does the same take one byte after a word boundary?")
            .throughput(Throughput::Bytes(frames::LONGEST_FRAME_BYTES as u64))
            .prepare(masks::offset_1_64kib),
        utf8_text_4kib: Operation::new("transport/utf8-text/4kib",
            "How long does the server take to read, unmask and check a 4 KiB text frame with characters of two bytes?")
            .throughput(Throughput::Bytes(frames::TEXT_BYTES as u64))
            .prepare(frames::utf8_text_4kib),
        utf8_ascii_4kib: Operation::new("transport/utf8-ascii/4kib",
            "How long does the server take to read, unmask and check a 4 KiB text frame of ASCII alone?")
            .throughput(Throughput::Bytes(frames::TEXT_BYTES as u64))
            .prepare(frames::utf8_ascii_4kib),
        utf8_binary_4kib: Operation::new("transport/utf8-binary/4kib",
            "How long does the server take to read and unmask the same 4 KiB as binary, which are not checked?")
            .throughput(Throughput::Bytes(frames::TEXT_BYTES as u64))
            .prepare(frames::utf8_binary_4kib),
    }
    timed {
        handshake_mem_open: Operation::new("transport/handshake/mem-open",
            "How long does the server's half of an upgrade take in memory when nobody asks for a token?")
            .throughput(Throughput::Elements(1))
            .allocations()
            .prepare(upgrade::open_door),
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
        echo_20b_ws: Operation::new("transport/echo/20b-ws",
            "How long until 20 bytes of audio are answered by a text of as many bytes, over loopback in the clear?")
            .throughput(Throughput::Bytes(2 * frames::SHORT_BYTES as u64))
            .calls(2000).wall().cores(2)
            .prepare(loopback::echo_20b_ws),
        echo_3200b_ws: Operation::new("transport/echo/3200b-ws",
            "How long until 100 ms of audio are answered by a text of as many bytes, over loopback in the clear?")
            .throughput(Throughput::Bytes(2 * frames::AUDIO_BYTES as u64))
            .calls(2000).wall().cores(2)
            .prepare(loopback::echo_3200b_ws),
        echo_20b_wss: Operation::new("transport/echo/20b-wss",
            "How long until 20 bytes of audio are answered by a text of as many bytes, over loopback and TLS 1.3?")
            .throughput(Throughput::Bytes(2 * frames::SHORT_BYTES as u64))
            .calls(2000).wall().cores(2)
            .prepare(loopback::echo_20b_wss),
        echo_3200b_wss: Operation::new("transport/echo/3200b-wss",
            "How long until 100 ms of audio are answered by a text of as many bytes, over loopback and TLS 1.3?")
            .throughput(Throughput::Bytes(2 * frames::AUDIO_BYTES as u64))
            .calls(2000).wall().cores(2)
            .prepare(loopback::echo_3200b_wss),
        echo_64kib_ws: Operation::new("transport/echo/64kib-ws",
            "How long until the longest frame of audio, 64 KiB, is answered by a text of as many bytes, over loopback in the clear?")
            .throughput(Throughput::Bytes(2 * frames::LONGEST_FRAME_BYTES as u64))
            .calls(500).wall().cores(2)
            .prepare(loopback::echo_64kib_ws),
        echo_64kib_wss: Operation::new("transport/echo/64kib-wss",
            "How long until the longest frame of audio, 64 KiB, is answered by a text of as many bytes, over loopback and TLS 1.3?")
            .throughput(Throughput::Bytes(2 * frames::LONGEST_FRAME_BYTES as u64))
            .calls(500).wall().cores(2)
            .prepare(loopback::echo_64kib_wss),
        write_batch_1: Operation::new("transport/write-batch/1",
            "How long does writing 64 partial texts to a socket take with a flush after each?")
            .throughput(Throughput::Elements(batches::MESSAGES as u64))
            .wall().cores(2)
            .prepare(batches::flush_each),
        write_batch_16: Operation::new("transport/write-batch/16",
            "How long does the same take with a flush after every sixteenth?")
            .throughput(Throughput::Elements(batches::MESSAGES as u64))
            .wall().cores(2)
            .prepare(batches::flush_16),
        write_batch_64: Operation::new("transport/write-batch/64",
            "How long does the same take with one flush after the last?")
            .throughput(Throughput::Elements(batches::MESSAGES as u64))
            .wall().cores(2)
            .prepare(batches::flush_64),
        stream_50_clients_wss: Operation::new("transport/stream/50-clients-wss",
            "How long until the last of fifty clients has its answer when each sends 100 ms of audio at once, every 100 ms over TLS?")
            .throughput(Throughput::Elements(streams::CLIENTS as u64))
            .calls(100).wall().cores(2)
            .prepare(streams::fifty_clients_wss),
        idle_memory_50_ws: Operation::new("transport/idle-memory/50-ws",
            "How much heap do fifty connections in memory hold when they are silent?")
            .throughput(Throughput::Elements(idle::CONNECTIONS as u64))
            .allocations()
            .prepare(idle::fifty_ws),
        idle_memory_50_wss: Operation::new("transport/idle-memory/50-wss",
            "How much heap do the server's halves of as many over TLS 1.3 hold?")
            .throughput(Throughput::Elements(idle::CONNECTIONS as u64))
            .calls(100).allocations()
            .prepare(idle::fifty_wss),
        limits_oversize_frame: Operation::new("transport/limits/oversize-frame",
            "How long until a client that announces one byte more than it may send is told so and hung up on?")
            .throughput(Throughput::Elements(1))
            .calls(500).wall().cores(2)
            .prepare(hostile::oversize_frame),
        limits_slow_handshake: Operation::new("transport/limits/slow-handshake",
            "How long until a client that sends its request a byte at a time is cut off, where 50 ms are allowed?")
            .throughput(Throughput::Elements(1))
            .calls(20).wall().cores(2)
            .prepare(hostile::slow_handshake),
        limits_no_reader: Operation::new("transport/limits/no-reader",
            "How long until a client that talks and never reads is cut off?")
            .throughput(Throughput::Elements(1))
            .calls(100).wall().cores(2)
            .prepare(hostile::no_reader),
    }
}
