//! The server's end of a WebSocket: any bytes after the upgrade.
//!
//! The first byte says in what pieces the rest arrives and how long a message may be, so that short inputs reach the
//! limits.

use std::io::{self, Read, Write};

use tungstenite::Message;
use voiceflow_transport::{Gate, Limits, PATH, blocking};

/// What arrives, piece by piece, and how much was sent back.
struct Peer<'a> {
    request: &'a [u8],
    rest: &'a [u8],
    piece: usize,
}

impl Read for Peer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.request.is_empty() {
            return self.request.read(buffer);
        }
        let length = self.rest.len().min(buffer.len()).min(self.piece);
        let (now, later) = self.rest.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.rest = later;
        Ok(length)
    }
}

impl Write for Peer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// No message is longer than allowed, each is echoed without harm, and reading ends.
pub(crate) fn run(data: &[u8]) {
    let Some((&shape, rest)) = data.split_first() else {
        return;
    };
    let limits = Limits {
        message_bytes_max: [0, 125, 1024, 64 * 1024][usize::from(shape & 3)],
        ..Limits::default()
    };
    let request = format!(
        "GET {PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let peer = Peer {
        request: request.as_bytes(),
        rest,
        piece: usize::from(shape >> 2) + 1,
    };
    let (mut websocket, ()) =
        blocking::accept(peer, &Gate::default(), &limits, |_| Ok(())).expect("the request is well formed");
    let mut messages = 0;
    while let Ok(message) = websocket.read() {
        messages += 1;
        // A frame takes six bytes at least, of which one message is made at most.
        assert!(messages <= data.len() / 6);
        if let Message::Text(_) | Message::Binary(_) = &message {
            assert!(message.len() <= limits.message_bytes_max);
            if websocket.can_write() {
                websocket.write(message).expect("the peer takes everything");
            }
        }
    }
    // A connection that failed stays failed.
    let _ = websocket.read();
    let _ = websocket.close(None);
}
