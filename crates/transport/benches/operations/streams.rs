//! Fifty clients over TLS, each with a frame of audio every 100 ms.
//!
//! A call is one period: when it begins every client is told to send its frame, all at once, which is the worst phase they
//! can have to each other; it ends when the last of them has its answer. So a sample is the worst of fifty latencies,
//! counted from the word to send, and a sample of 100 ms or more is a missed deadline. How late the word comes against the
//! schedule is not in it. Between two calls the machine rests until the next period begins. Nothing runs outside the
//! calls, so that one side of a comparison leaves the other alone. `examples/streams.rs` spreads the clients over the
//! period, counts from the intended times and prints every frame's latency.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq, digest_parts};
use voiceflow_protocol::{Context, ServerMessage, Start};
use voiceflow_transport::{Client, ClientError, Endpoint};

use super::frames::AUDIO_BYTES;
use super::house::{House, Security, echo_text};

/// Clients at once.
pub(super) const CLIENTS: usize = 50;

/// What a client's microphone takes for one frame.
const PERIOD: Duration = Duration::from_millis(100);

/// Different frames of audio in turn.
const FRAMES: i16 = 10;

pub(super) fn fifty_clients_wss() -> Result<Prepared, PrepareError> {
    let inputs = digest_parts((0..FRAMES).flat_map(frame).map(i16::to_le_bytes));
    Ok(Prepared::with_input(
        Choir::assemble()?,
        Choir::wait_for_the_next_period,
        |choir, sample| choir.sing(sample),
        |_, answered| check_eq("the right answers", &answered.as_ref().map(|()| CLIENTS), &Ok(CLIENTS)),
    )
    .inputs(inputs))
}

/// The clients, waiting for the next period.
struct Choir {
    period: watch::Sender<i16>,
    answers: Receiver<Result<(), WrongAnswer>>,
    next: Instant,
    sample: i16,
    // The clients end before the server does.
    _clients: Runtime,
    _house: House,
}

impl Choir {
    fn assemble() -> Result<Self, PrepareError> {
        let house = House::open(Security::Full)?;
        // One thread for all clients, one for the server: two cores.
        let clients = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (period, watching) = watch::channel(0);
        let (answered, answers) = channel();
        let (ready, is_ready) = channel();
        for _ in 0..CLIENTS {
            let (endpoint, watching) = (house.endpoint.clone(), watching.clone());
            let (ready, answered) = (ready.clone(), answered.clone());
            clients.spawn(async move {
                match connect(&endpoint).await {
                    Ok(client) => {
                        let _ = ready.send(Ok(()));
                        answer_periods(client, watching, answered).await;
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            });
        }
        drop(ready);
        for _ in 0..CLIENTS {
            is_ready.recv()??;
        }
        Ok(Self {
            period,
            answers,
            next: Instant::now(),
            sample: 0,
            _clients: clients,
            _house: house,
        })
    }

    /// Returns when the next period begins or a moment later, with what to send then.
    fn wait_for_the_next_period(&mut self) -> i16 {
        std::thread::sleep(self.next.saturating_duration_since(Instant::now()));
        // After a missed deadline, or a pause between two batches of a comparison, the schedule begins anew.
        self.next = (self.next + PERIOD).max(Instant::now());
        self.sample = (self.sample + 1) % FRAMES;
        self.sample
    }

    fn sing(&mut self, sample: i16) -> Result<(), WrongAnswer> {
        self.period
            .send(sample)
            .map_err(|_| WrongAnswer::new("all clients are gone"))?;
        for _ in 0..CLIENTS {
            self.answers
                .recv()
                .map_err(|_| WrongAnswer::new("a client is gone"))??;
        }
        Ok(())
    }
}

async fn connect(endpoint: &Endpoint) -> Result<Client, ClientError> {
    let mut client = Client::connect(endpoint).await?;
    let start = Start {
        partials: true,
        ..Start::new(Context::Notes)
    };
    client.start(start).await?;
    Ok(client)
}

async fn answer_periods(
    mut client: Client,
    mut period: watch::Receiver<i16>,
    answered: Sender<Result<(), WrongAnswer>>,
) {
    while period.changed().await.is_ok() {
        let sample = *period.borrow_and_update();
        let answer = exchange(&mut client, sample).await;
        let is_over = answer.is_err();
        if answered.send(answer).is_err() || is_over {
            break;
        }
    }
}

async fn exchange(client: &mut Client, sample: i16) -> Result<(), WrongAnswer> {
    let wrong = |error: ClientError| WrongAnswer::new(error.to_string());
    client.audio(&frame(sample)).await.map_err(wrong)?;
    match client.next().await.map_err(wrong)? {
        ServerMessage::Partial(partial) if partial.text == echo_text(sample, AUDIO_BYTES) => Ok(()),
        _ => Err(WrongAnswer::new("the text does not echo the audio")),
    }
}

fn frame(sample: i16) -> [i16; AUDIO_BYTES / 2] {
    [sample; AUDIO_BYTES / 2]
}
