//! What is asked over real sockets, each worker with a connection of its own: the transport alone, a request without its
//! models, and the whole pipeline.

use std::sync::Arc;
use std::thread::available_parallelism;

use voiceflow_benches::closed_loop::{Call, Counting, Workload};
use voiceflow_benches::{Desk, Error, Kept, Level, Service, Station, Studio, Take, dictate, endpoint, runtime};
use voiceflow_protocol::{AudioFrame, Context, ErrorCode, ErrorMessage, Final, ServerMessage, Start};
use voiceflow_service::server::Server;
use voiceflow_transport::{Exposure, Handler, Limits, Partials, ServerOptions, Session, Unauthorized, bind, serve};

/// Samples in a frame of 100 ms.
const FRAME_SAMPLES: usize = 1600;

fn threads() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// 100 ms of audio answered by a short text, over loopback in the clear.
pub(crate) fn transport() -> Result<Box<dyn Workload>, Error> {
    let runtime = runtime(threads())?;
    let options = ServerOptions {
        limits: Limits {
            connections_max: 4096,
            ..Limits::default()
        },
        ..ServerOptions::default()
    };
    let listener = runtime.block_on(bind(([127, 0, 0, 1], 0).into(), Exposure::Loopback))?;
    let endpoint = endpoint(listener.local_addr()?, None, None)?;
    let service = Service::start(runtime, endpoint, |stopped| {
        serve(listener, options, Arc::new(Echo), stopped.wait())
    });
    Ok(Box::new(Transport(service)))
}

struct Transport(Service);

impl Workload for Transport {
    fn workers(&mut self, count: usize) -> Result<Vec<Call>, Error> {
        (0..count)
            .map(|worker| {
                let mut client = self.0.connect()?;
                client.start(Start {
                    partials: true,
                    ..Start::new(Context::Notes)
                })?;
                let sample = i16::try_from(worker)?;
                let call: Call = Box::new(move || {
                    client.audio(&[sample; FRAME_SAMPLES])?;
                    match client.next()? {
                        ServerMessage::Partial(partial) if partial.text == sample.to_string() => Ok(None),
                        _ => Err("the answer is another worker's".into()),
                    }
                });
                Ok(call)
            })
            .collect()
    }
}

/// Answers each frame with its last sample.
struct Echo;

struct Echoing(Partials);

impl Handler for Echo {
    type Identity = ();
    type Session = Echoing;

    fn authenticate(&self, _: Option<&str>) -> Result<(), Unauthorized> {
        Ok(())
    }

    fn start(&self, (): &(), _: Start, partials: Partials) -> Result<Echoing, ErrorMessage> {
        Ok(Echoing(partials))
    }
}

impl Session for Echoing {
    fn audio(&mut self, frame: AudioFrame<'_>) -> Result<(), ErrorMessage> {
        let text = frame.samples().last().unwrap_or_default().to_string();
        if self.0.send(text) {
            return Ok(());
        }
        Err(ErrorMessage::new(ErrorCode::Internal, "no room for an answer"))
    }

    async fn finish(self) -> Result<Final, ErrorMessage> {
        Err(ErrorMessage::new(ErrorCode::Invalid, "an echo has no end"))
    }
}

/// All of a request but its models, with everything security does.
pub(crate) fn request() -> Result<Box<dyn Workload>, Error> {
    Ok(Box::new(Requests::new(Level::Full, threads())))
}

/// On connections that stay open. Every step has a fresh store.
pub(crate) struct Requests {
    level: Level,
    threads: usize,
    desk: Option<Desk>,
}

impl Requests {
    pub(crate) fn new(level: Level, threads: usize) -> Self {
        Self {
            level,
            threads,
            desk: None,
        }
    }
}

impl Workload for Requests {
    fn workers(&mut self, count: usize) -> Result<Vec<Call>, Error> {
        let desk = self.desk.insert(Desk::open_on(self.level, self.threads)?);
        (0..count)
            .map(|_| {
                let mut client = desk.connect()?;
                let (_, pcm) = desk.next_take()?;
                let call: Call = Box::new(move || {
                    let answer = dictate(&mut client, &pcm)?;
                    Kept::check_answer(pcm.len(), &answer)?;
                    Ok(None)
                });
                Ok(call)
            })
            .collect()
    }
}

/// Short recordings through the service as it is set up by default, encrypted and with tokens, answers not remembered.
pub(crate) fn pipeline() -> Result<Box<dyn Workload>, Error> {
    let studio = Studio::open("speech_recognition.queue_length = 256")?;
    Ok(Box::new(Pipeline {
        studio: Arc::new(studio),
        service: None,
    }))
}

struct Pipeline {
    studio: Arc<Studio>,
    /// Of the step that is running: what still waits at its end is cut off with it.
    service: Option<Service>,
}

impl Workload for Pipeline {
    fn workers(&mut self, count: usize) -> Result<Vec<Call>, Error> {
        let runtime = runtime(1)?;
        let server = runtime.block_on(Server::bind(self.studio.config(), Arc::clone(self.studio.pipeline())))?;
        let endpoint = endpoint(server.address(), None, Some(self.studio.token()))?;
        let service = Service::start(runtime, endpoint, |stopped| server.run(stopped.wait()));
        let takes = self.studio.takes().to_vec();
        let calls = (0..count).map(|worker| -> Result<Call, Error> {
            let mut client = service.connect()?;
            let takes = takes
                .iter()
                .map(|take| Ok((take.clone(), take.pcm()?)))
                .collect::<Result<Vec<(Take, Vec<i16>)>, Error>>()?;
            let studio = Arc::clone(&self.studio);
            let mut at = worker;
            Ok(Box::new(move || {
                at = (at + 1) % takes.len();
                let (take, pcm) = &takes[at];
                let answer = dictate(&mut client, pcm)?;
                studio.check(take, answer.transcript_id, &answer.raw_text, &answer.text)?;
                Ok(None)
            }))
        });
        let calls = calls.collect::<Result<Vec<_>, _>>()?;
        self.service = Some(service);
        Ok(calls)
    }

    fn counting(&self) -> Counting {
        Counting::Ends
    }

    fn cut_off(&mut self) {
        if let Some(service) = &mut self.service {
            service.cut_off();
        }
    }
}
