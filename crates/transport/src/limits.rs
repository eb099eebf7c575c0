//! What one connection, and all of them together, may cost the server.

use std::time::Duration;

use tungstenite::protocol::WebSocketConfig;
use voiceflow_protocol::limits::{AUDIO_FRAME_BYTES_MAX, SERVER_TEXT_BYTES_MAX};

/// Bytes of each direction's buffer. The library's 128 KiB are allocated for every connection at once: 4 KiB hold a
/// usual audio frame and let 10,000 idle connections fit in 80 MB instead of 2.6 GB.
const BUFFER_BYTES: usize = 4 * 1024;

/// Limits of a server; the default suits loopback and a local network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections past their handshake. The next one is answered with 503.
    pub connections_max: usize,
    /// Connections in their handshake. Further ones wait in the system's accept queue.
    pub handshakes_max: usize,
    /// Time for TLS and upgrade together, so that a client that trickles its request holds a place only briefly.
    pub handshake_timeout: Duration,
    /// Longest silence of a client that has something to send.
    pub idle_timeout: Duration,
    /// Longest time from the end of the audio to the answer.
    pub answer_timeout: Duration,
    /// Time to say goodbye: sending the last words and waiting for the peer to hang up.
    pub close_timeout: Duration,
    /// Time for answers in the making when the server shuts down.
    pub drain_timeout: Duration,
    /// Bytes of one message or frame from a client.
    pub message_bytes_max: usize,
    /// Bytes waiting for a client that does not read; beyond them it is cut off. At least one longest server message.
    pub backlog_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 256,
            handshakes_max: 64,
            handshake_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(120),
            close_timeout: Duration::from_secs(2),
            drain_timeout: Duration::from_secs(30),
            message_bytes_max: AUDIO_FRAME_BYTES_MAX,
            backlog_bytes_max: 2 * SERVER_TEXT_BYTES_MAX,
        }
    }
}

impl Limits {
    /// The WebSocket library's settings for a server under these limits.
    pub(crate) fn server_config(&self) -> WebSocketConfig {
        config(self.message_bytes_max, self.backlog_bytes_max)
    }
}

/// The WebSocket library's settings for a client: it takes what a server may send and queues one audio frame or two.
pub(crate) fn client_config() -> WebSocketConfig {
    config(SERVER_TEXT_BYTES_MAX, 2 * AUDIO_FRAME_BYTES_MAX)
}

fn config(message_bytes_max: usize, backlog_bytes_max: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(message_bytes_max))
        .max_frame_size(Some(message_bytes_max))
        // The library panics unless the cap is larger than the buffer.
        .max_write_buffer_size(backlog_bytes_max.max(2 * BUFFER_BYTES))
}
