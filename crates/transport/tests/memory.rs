//! What connections hold in memory: little when they are silent, no more than their limits when they are hostile, and
//! nothing once they are gone.
//!
//! dhat counts every block of Rust's heap. The clients here are bare sockets, which have none, so what is counted is the
//! server's. The system's socket buffers are not counted; `Limits` does not govern them.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use support::{Behaviour, Server, TOKEN};
use tokio::runtime::{Builder, Runtime};
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};
use voiceflow_protocol::limits::AUDIO_FRAME_BYTES_MAX;
use voiceflow_transport::{ConnectionEnd, Limits, PATH, ServerOptions};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// The counts are the whole process's, so one test counts at a time.
static TURN: Mutex<()> = Mutex::new(());

const KIB: usize = 1024;

/// Heap of a silent connection: a read buffer of 4 KiB, the WebSocket and its task. In one future with its handshake it
/// is 25 KiB.
const IDLE_BYTES_MAX: usize = 16 * KIB;

/// What may stay behind when all connections are gone: queues and tables that have grown once.
const LEFT_BYTES_MAX: usize = 64 * KIB;

/// A counted server; each test's own.
struct Counted {
    server: Server,
    runtime: Runtime,
    _profiler: dhat::Profiler,
    _turn: MutexGuard<'static, ()>,
}

impl Counted {
    fn start(behaviour: Behaviour) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let profiler = dhat::Profiler::builder().testing().build();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let server = runtime.block_on(Server::start(behaviour, ServerOptions::default()));
        let mut counted = Self {
            server,
            runtime,
            _profiler: profiler,
            _turn: turn,
        };
        // The first connection pays for what is made once.
        let first = counted.connect();
        drop(first);
        counted.wait_for_ends(1, &ConnectionEnd::Lost);
        counted
    }

    /// An upgraded connection that has no heap on the client's side.
    fn connect(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.server.address).expect("the server listens");
        let request = format!(
            "GET {PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Authorization: Bearer {TOKEN}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("the server reads");
        let mut head = [0; 4];
        let mut byte = [0];
        while head != *b"\r\n\r\n" {
            stream.read_exact(&mut byte).expect("the server answers");
            head.rotate_left(1);
            head[3] = byte[0];
        }
        stream
    }

    /// Bytes held beyond those of before, once the tasks that have ended are gone: a connection's end is told by the task
    /// itself, so the last ones may still be there. Whoever is served next comes after them.
    fn left_after(&mut self, before: usize) -> usize {
        for _ in 0..2 {
            drop(self.connect());
            self.wait_for_ends(1, &ConnectionEnd::Lost);
        }
        held().saturating_sub(before)
    }

    fn wait_for_ends(&mut self, connections: usize, expected: &ConnectionEnd) {
        for _ in 0..connections {
            let end = self.runtime.block_on(self.server.ended());
            assert_eq!(end, *expected);
        }
    }
}

fn held() -> usize {
    dhat::HeapStats::get().curr_bytes
}

/// The most that was ever held, since the profiler began.
fn peak() -> usize {
    dhat::HeapStats::get().max_bytes
}

fn frame(opcode: OpCode, is_final: bool, payload: Vec<u8>) -> Vec<u8> {
    let header = FrameHeader {
        is_final,
        opcode,
        mask: Some([1, 2, 3, 4]),
        ..FrameHeader::default()
    };
    let mut wire = Vec::new();
    Frame::from_payload(header, payload.into())
        .format(&mut wire)
        .expect("vectors can be written to");
    wire
}

fn text(text: &str) -> Vec<u8> {
    frame(OpCode::Data(Data::Text), true, text.as_bytes().to_vec())
}

const START: &str = r#"{"type":"start","version":1,"context":"email","sample_rate_hz":16000}"#;

#[test]
fn silent_connections_hold_little_and_leave_nothing() {
    const CONNECTIONS: usize = 200;
    let mut counted = Counted::start(Behaviour::Count);
    let before = held();
    let connections: Vec<_> = (0..CONNECTIONS).map(|_| counted.connect()).collect();
    let each = (held() - before) / CONNECTIONS;
    assert!(each <= IDLE_BYTES_MAX, "each holds {each} bytes");
    drop(connections);
    counted.wait_for_ends(CONNECTIONS, &ConnectionEnd::Lost);
    let left = counted.left_after(before);
    assert!(left <= LEFT_BYTES_MAX, "{left} bytes are left behind");
}

#[test]
fn clients_that_never_read_hold_no_more_than_their_backlog() {
    const CONNECTIONS: usize = 8;
    let mut counted = Counted::start(Behaviour::Flood);
    // The backlog, the message that does not fit any more, and those that wait to be sent, each twice while it is encoded.
    let each_max = Limits::default().backlog_bytes_max + 16 * 2 * 64 * KIB;
    let mut left = Vec::new();
    for _ in 0..3 {
        let before = held();
        let connections: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let mut stream = counted.connect();
                stream.write_all(&text(START)).expect("the server reads");
                stream
            })
            .collect();
        counted.wait_for_ends(CONNECTIONS, &ConnectionEnd::SlowReader);
        drop(connections);
        let most = peak() - before;
        assert!(
            most <= CONNECTIONS * each_max,
            "{CONNECTIONS} connections held {most} bytes"
        );
        left.push(counted.left_after(before));
    }
    assert!(left.iter().all(|&left| left <= LEFT_BYTES_MAX), "left behind: {left:?}");
}

#[test]
fn a_frame_that_is_announced_and_not_sent_holds_no_more_than_the_longest() {
    const CONNECTIONS: usize = 50;
    let counted = Counted::start(Behaviour::Count);
    let beginning = &frame(OpCode::Data(Data::Binary), true, vec![0; AUDIO_FRAME_BYTES_MAX])[..20];
    let before = held();
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let mut stream = counted.connect();
            stream.write_all(beginning).expect("the server reads");
            stream
        })
        .collect();
    // Room for a frame is made when its head is read: only then is there something to bound.
    let start = Instant::now();
    while held() - before < CONNECTIONS * AUDIO_FRAME_BYTES_MAX {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "no room is made for what is announced"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    let most = peak() - before;
    let each_max = IDLE_BYTES_MAX + AUDIO_FRAME_BYTES_MAX;
    assert!(
        most <= CONNECTIONS * each_max,
        "{CONNECTIONS} connections held {most} bytes"
    );
    drop(connections);
}

#[test]
fn an_announcement_beyond_the_limit_reserves_nothing() {
    const CONNECTIONS: usize = 50;
    let mut counted = Counted::start(Behaviour::Count);
    let before = held();
    for _ in 0..CONNECTIONS {
        let mut stream = counted.connect();
        let mut header = vec![0x82, 0xff];
        header.extend((1_u64 << 62).to_be_bytes());
        header.extend([1, 2, 3, 4]);
        stream.write_all(&header).expect("the server reads");
        let mut last_words = [0; 512];
        while stream.read(&mut last_words).expect("the server says why") > 0 {}
    }
    counted.wait_for_ends(
        CONNECTIONS,
        &ConnectionEnd::Failed(voiceflow_protocol::ErrorCode::TooLarge),
    );
    let most = peak() - before;
    assert!(most <= 4 * IDLE_BYTES_MAX, "one connection at a time held {most} bytes");
}

#[test]
fn a_message_of_endless_fragments_holds_no_more_than_the_longest() {
    let mut counted = Counted::start(Behaviour::Count);
    let before = held();
    let mut stream = counted.connect();
    stream
        .write_all(&frame(OpCode::Data(Data::Binary), false, vec![0; KIB]))
        .expect("the server reads");
    let fragment = frame(OpCode::Data(Data::Continue), false, vec![0; KIB]);
    // The server stops reading at the fragment that is one too many.
    while stream.write_all(&fragment).is_ok() {}
    counted.wait_for_ends(1, &ConnectionEnd::Failed(voiceflow_protocol::ErrorCode::TooLarge));
    let most = peak() - before;
    let each_max = IDLE_BYTES_MAX + 3 * AUDIO_FRAME_BYTES_MAX;
    assert!(most <= each_max, "it held {most} bytes");
}
