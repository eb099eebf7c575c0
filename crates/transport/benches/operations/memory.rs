//! A byte stream in memory: what is read comes from given packets in turn, what is written is kept until asked for.

use std::io::{self, Read, Write};

use voiceflow_transport::{Limits, PATH, blocking};

/// Serves its packets over and over; a read never crosses the end of one, as if each came in its own segment.
pub(super) struct Memory {
    packets: Vec<Vec<u8>>,
    packet: usize,
    position: usize,
    pub(super) written: Vec<u8>,
}

impl Memory {
    pub(super) fn new(packets: Vec<Vec<u8>>, written_capacity: usize) -> Self {
        Self {
            packets,
            packet: 0,
            position: 0,
            written: Vec::with_capacity(written_capacity),
        }
    }

    /// Lets one more packet arrive after those given.
    pub(super) fn arrive(&mut self, packet: Vec<u8>) {
        self.packets.push(packet);
    }
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let packet = &self.packets[self.packet];
        let rest = &packet[self.position..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.position += length;
        if self.position == packet.len() {
            self.packet = (self.packet + 1) % self.packets.len();
            self.position = 0;
        }
        Ok(length)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An upgrade request as our own client writes it, with the key of RFC 6455 §1.3.
pub(super) fn upgrade_request(token: &str) -> Vec<u8> {
    request_with(&format!("Authorization: Bearer {token}\r\n"))
}

/// The same from a client that shows no token.
pub(super) fn upgrade_request_without_token() -> Vec<u8> {
    request_with("")
}

fn request_with(authorization: &str) -> Vec<u8> {
    format!(
        "GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1:8765\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: voiceflow.v1\r\n{authorization}\r\n"
    )
    .into_bytes()
}

/// The server's end of a WebSocket on which `packets` arrive after the upgrade, again and again.
pub(super) fn server_websocket(packets: Vec<Vec<u8>>) -> tungstenite::WebSocket<Memory> {
    let request = Memory::new(vec![upgrade_request("token")], 64 * 1024);
    let gate = voiceflow_transport::Gate::default();
    let admit = |_: Option<&str>| Ok(());
    let (mut websocket, ()) =
        blocking::accept(request, &gate, &Limits::default(), admit).expect("the request is well formed");
    let stream = websocket.get_mut();
    stream.packets = packets;
    stream.written.clear();
    websocket
}

/// Reads the answer to an upgrade request up to its empty line, byte by byte, so that nothing after it is taken.
pub(super) fn read_head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}
