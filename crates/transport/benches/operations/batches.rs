//! Sixty-four partial texts to one client over loopback, with a flush after each, after sixteen, or after the last.
//!
//! A flush is a system call and, with Nagle's algorithm off, a packet. Messages that wait for it gather in the write
//! buffer, which empties itself whenever it is full.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tungstenite::{Message, WebSocket};
use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq};
use voiceflow_protocol::{Partial, ServerMessage, encode_server};
use voiceflow_transport::{Gate, Limits, blocking};

use super::memory::{read_head, upgrade_request};

/// Messages of one call.
pub(super) const MESSAGES: usize = 64;

/// Nothing takes that long over loopback: what is not there by then never comes.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn flush_each() -> Result<Prepared, PrepareError> {
    batches_of(1)
}

pub(super) fn flush_16() -> Result<Prepared, PrepareError> {
    batches_of(16)
}

pub(super) fn flush_64() -> Result<Prepared, PrepareError> {
    batches_of(MESSAGES)
}

fn batches_of(batch: usize) -> Result<Prepared, PrepareError> {
    let texts = (0..MESSAGES as u32).map(partial).collect::<Result<Vec<_>, _>>()?;
    let inputs = texts.concat();
    // Final text frames whose length stands in the first two bytes: all are shorter than 126 bytes.
    let framed = |text: &String| [&[0x81, text.len() as u8][..], text.as_bytes()].concat();
    let expected: Vec<u8> = texts.iter().flat_map(framed).collect();
    Ok(Prepared::with_input(
        Line::open(expected.len())?,
        move |_| texts.iter().map(|text| Message::text(text.clone())).collect::<Vec<_>>(),
        move |line, messages| line.write(messages, batch),
        move |line, written| {
            written.as_ref().map_err(|error| WrongAnswer::new(error.to_string()))?;
            let arrived = line.last_arrival()?;
            check_eq("what arrived is what was written", &(arrived == expected), &true)
        },
    )
    .inputs(inputs))
}

/// The text so far as a recogniser sends it: about ten words.
fn partial(sequence: u32) -> Result<String, PrepareError> {
    let text = format!("and so we moved the meeting to {} o'clock", sequence % 12);
    Ok(encode_server(&ServerMessage::Partial(Partial { sequence, text }))?)
}

/// The server's end of a connection, and a thread that reads at the other.
struct Line {
    websocket: WebSocket<TcpStream>,
    /// What arrived of each call.
    arrivals: Receiver<Vec<u8>>,
    /// Calls whose arrival has not been looked at.
    outstanding: usize,
    _reader: JoinHandle<()>,
}

impl Line {
    fn open(wire_bytes: usize) -> Result<Self, PrepareError> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        let (stream, _) = listener.accept()?;
        // As the server does with every connection.
        stream.set_nodelay(true)?;
        client.write_all(&upgrade_request("token"))?;
        let (websocket, ()) = blocking::accept(stream, &Gate::default(), &Limits::default(), |_| Ok(()))?;
        read_head(&mut client)?;
        let (arrived, arrivals) = channel();
        let reader = thread::spawn(move || {
            let mut wire = vec![0; wire_bytes];
            while client.read_exact(&mut wire).is_ok() && arrived.send(wire.clone()).is_ok() {}
        });
        Ok(Self {
            websocket,
            arrivals,
            outstanding: 0,
            _reader: reader,
        })
    }

    /// What arrived of the last call, once it has.
    fn last_arrival(&mut self) -> Result<Vec<u8>, WrongAnswer> {
        let mut last = Vec::new();
        for _ in 0..std::mem::take(&mut self.outstanding) {
            last = self
                .arrivals
                .recv_timeout(ARRIVAL_TIMEOUT)
                .map_err(|_| WrongAnswer::new("not everything that was written arrived"))?;
        }
        Ok(last)
    }

    fn write(&mut self, messages: Vec<Message>, batch: usize) -> Result<(), Box<tungstenite::Error>> {
        self.outstanding += 1;
        for (index, message) in messages.into_iter().enumerate() {
            self.websocket.write(message)?;
            if (index + 1).is_multiple_of(batch) {
                self.websocket.flush()?;
            }
        }
        Ok(())
    }
}
