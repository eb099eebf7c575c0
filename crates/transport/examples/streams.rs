//! Clients that dictate at once over TLS, in an open loop: how late their answers are, and what the server holds.
//!
//! ```sh
//! cargo run --release -p voiceflow-transport --example streams -- [STREAMS] [SECONDS]
//! ```
//!
//! Every stream has a frame of 100 ms to send every 100 ms, whether or not its last one has been answered; the streams are
//! spread evenly over that time. A latency counts from the time at which the frame was to be sent, so that a stall shows
//! in every frame it holds up. A frame whose answer comes after the next one is due, or never, has missed its deadline.
//! The runtime's timer counts milliseconds and rounds up, which is part of each figure. Server and clients run on one
//! thread each, in this process; the share of the processor is that of both.

// The example needs the operations' server, not their declarations.
#[path = "../benches/operations/house.rs"]
mod house;

use std::time::{Duration, Instant};

use house::{House, Security, echo_text};
use tokio::runtime::Builder;
use tokio::time::{sleep_until, timeout_at};
use voiceflow_kit::PrepareError;
use voiceflow_protocol::{Context, ServerMessage, Start};
use voiceflow_transport::{Client, Endpoint};

const PERIOD: Duration = Duration::from_millis(100);

const FRAME_SAMPLES: usize = 1600;

/// Frames that nobody counts: the first ones pay for what is made once.
const WARM_UP_FRAMES: usize = 5;

/// How long answers may still come after the time of the last frame.
const PATIENCE: Duration = Duration::from_secs(5);

#[expect(clippy::print_stdout, reason = "a program's results are its output")]
fn main() -> Result<(), PrepareError> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |given| given.parse());
    let (streams, seconds) = (number(50)?, number(30)?);
    let frames = seconds * 10 + WARM_UP_FRAMES;

    let house = House::open(Security::Full)?;
    let clients = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let memory_before = resident_kib();
    let connected = clients.block_on(connect_all(&house.endpoint, streams))?;
    let memory_connected = resident_kib();

    let processor_before = processor_time();
    let started = Instant::now();
    let report = clients.block_on(stream_all(connected, frames))?;
    let wall = started.elapsed();
    let processor = processor_time().zip(processor_before).map(|(now, before)| now - before);

    println!(
        "{streams} streams, {seconds} s, {} frames counted",
        report.latencies.len() + report.unanswered
    );
    for (name, share) in [
        ("P50", 0.50),
        ("P95", 0.95),
        ("P99", 0.99),
        ("P99.9", 0.999),
        ("most", 1.0),
    ] {
        println!(
            "{name:>6} {:8.2} ms",
            percentile(&report.latencies, share).as_secs_f64() * 1e3
        );
    }
    println!(
        "missed deadlines {}, of them never answered {}",
        report.missed(),
        report.unanswered
    );
    if let Some(processor) = processor {
        println!(
            "processor {:.1} % of one core, clients included",
            100.0 * processor.as_secs_f64() / wall.as_secs_f64()
        );
    }
    if let [Some(before), Some(connected), Some(after)] = [memory_before, memory_connected, resident_kib()] {
        println!(
            "resident memory {before} KiB before, {connected} KiB connected ({:.1} KiB a connection, both ends), {after} KiB after",
            (connected.saturating_sub(before)) as f64 / streams as f64
        );
    }
    Ok(())
}

async fn connect_all(endpoint: &Endpoint, streams: usize) -> Result<Vec<Client>, PrepareError> {
    let mut clients = Vec::with_capacity(streams);
    for _ in 0..streams {
        let mut client = Client::connect(endpoint).await?;
        let start = Start {
            partials: true,
            ..Start::new(Context::Notes)
        };
        client.start(start).await?;
        clients.push(client);
    }
    Ok(clients)
}

/// What was seen of all streams.
#[derive(Default)]
struct Report {
    /// In ascending order.
    latencies: Vec<Duration>,
    unanswered: usize,
}

impl Report {
    fn missed(&self) -> usize {
        self.unanswered + self.latencies.iter().filter(|&&latency| latency > PERIOD).count()
    }
}

async fn stream_all(clients: Vec<Client>, frames: usize) -> Result<Report, PrepareError> {
    let streams = u32::try_from(clients.len())?;
    let first = tokio::time::Instant::now() + PERIOD;
    let tasks: Vec<_> = (0..)
        .zip(clients)
        .map(|(index, client)| tokio::spawn(stream(client, first + PERIOD * index / streams, frames)))
        .collect();
    let mut report = Report::default();
    for task in tasks {
        let latencies = task.await??;
        report.unanswered += frames - latencies.len();
        report.latencies.extend(latencies.into_iter().skip(WARM_UP_FRAMES));
    }
    report.latencies.sort_unstable();
    Ok(report)
}

/// Sends every frame at its time and notes how late each answer is.
async fn stream(mut client: Client, first: tokio::time::Instant, frames: usize) -> Result<Vec<Duration>, PrepareError> {
    let intended = |frame: usize| first + PERIOD * u32::try_from(frame).unwrap_or(u32::MAX);
    let mut latencies = Vec::with_capacity(frames);
    let mut sent = 0;
    while latencies.len() < frames {
        tokio::select! {
            () = sleep_until(intended(sent)), if sent < frames => {
                client.audio(&[sample_of(sent); FRAME_SAMPLES]).await?;
                sent += 1;
            }
            answer = timeout_at(intended(frames - 1) + PATIENCE, client.next()) => {
                let Ok(answer) = answer else { break };
                check(&answer?, latencies.len())?;
                latencies.push(tokio::time::Instant::now() - intended(latencies.len()));
            }
        }
    }
    Ok(latencies)
}

/// A digit that tells a frame from its neighbours.
fn sample_of(frame: usize) -> i16 {
    (frame % 10) as i16
}

fn check(answer: &ServerMessage, frame: usize) -> Result<(), PrepareError> {
    match answer {
        ServerMessage::Partial(partial) if partial.text == echo_text(sample_of(frame), 2 * FRAME_SAMPLES) => Ok(()),
        _ => Err("the server's text does not echo the audio".into()),
    }
}

/// The nearest rank.
fn percentile(ascending: &[Duration], share: f64) -> Duration {
    let rank = (ascending.len() as f64 * share).ceil() as usize;
    ascending.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Resident memory of this process, where the system tells.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Time that this process has run on a processor, where the system tells: fields 14 and 15, in hundredths of a second.
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(10 * ticks))
}
