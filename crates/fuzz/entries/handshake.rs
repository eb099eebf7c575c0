//! The server's half of an upgrade: any bytes as the request.

use std::io::{self, Read, Write};

use tungstenite::Error;
use voiceflow_transport::{Gate, Limits, Refusal, TOKEN_BYTES_MAX, blocking};

const TOKEN: &str = "right";

/// A request, and what was answered.
struct Peer<'a> {
    request: &'a [u8],
    answer: Vec<u8>,
}

impl Read for Peer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.request.read(buffer)
    }
}

impl Write for Peer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.answer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Nobody gets in without the token, and whoever is refused gets one of the statuses that there are.
pub(crate) fn run(data: &[u8]) {
    let mut peer = Peer {
        request: data,
        answer: Vec::new(),
    };
    let gate = Gate {
        origins: vec!["https://app.example".to_owned()],
    };
    let admit = |token: Option<&str>| {
        assert!(token.is_none_or(|token| token.len() <= TOKEN_BYTES_MAX));
        if token == Some(TOKEN) {
            Ok(())
        } else {
            Err(Refusal::Token)
        }
    };
    match blocking::accept(&mut peer, &gate, &Limits::default(), admit) {
        Ok((websocket, ())) => {
            drop(websocket);
            assert!(data.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()));
            assert!(peer.answer.starts_with(b"HTTP/1.1 101 "));
        }
        Err(error) => {
            if let Error::Http(response) = *error {
                assert!([400, 401, 403, 404, 503].contains(&response.status().as_u16()));
                assert!(peer.answer.starts_with(b"HTTP/1.1 4") || peer.answer.starts_with(b"HTTP/1.1 5"));
            }
        }
    }
}
