//! Several recognisers at once, and giving up on one.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use voiceflow_asr::{AsrError, Cancel, Recognizer, Transcription};
use voiceflow_assets::AssetName;
use voiceflow_fixtures::speech::{self, Clip};
use voiceflow_kit::{PrepareError, Prepared, WrongAnswer};

use super::models::{Case, bytes, check_words, normalizer, samples, succeeded};

type Answer = Result<Transcription, AsrError>;

/// Utterances that wait at once. Four, so that two workers have two each.
const UTTERANCES: usize = 4;

/// Workers that take utterances from one queue, as the service has them.
struct Workers {
    /// Closing it ends them.
    queue: Option<Sender<usize>>,
    answers: Receiver<(usize, Answer)>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // One that panicked has answered nothing, which the check tells.
            let _ = thread.join();
        }
    }
}

impl Workers {
    fn start(count: usize, case: Case, audio: &Arc<Vec<f32>>) -> Result<Self, PrepareError> {
        let model = case.load()?;
        let (queue, utterances) = channel();
        let utterances = Arc::new(Mutex::new(utterances));
        let (reply, answers) = channel();
        let mut threads = Vec::with_capacity(count);
        for _ in 0..count {
            let recognizer = model.recognizer(&case.options())?;
            let (utterances, reply, audio) = (Arc::clone(&utterances), reply.clone(), Arc::clone(audio));
            threads.push(thread::spawn(move || work(recognizer, &utterances, &audio, &reply)));
        }
        Ok(Self {
            queue: Some(queue),
            answers,
            threads,
        })
    }

    fn transcribe_all(&self) -> Vec<(usize, Answer)> {
        for number in 0..UTTERANCES {
            // A worker that is gone leaves answers out.
            let _ = self.queue.as_ref().map(|queue| queue.send(number));
        }
        self.answers.iter().take(UTTERANCES).collect()
    }
}

fn work(
    mut recognizer: Recognizer,
    utterances: &Mutex<Receiver<usize>>,
    audio: &[f32],
    reply: &Sender<(usize, Answer)>,
) {
    loop {
        let next = utterances.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(number) = next else { return };
        if reply
            .send((number, recognizer.transcribe(audio, &Cancel::new())))
            .is_err()
        {
            return;
        }
    }
}

/// So many workers, each with so many threads, and a queue of four utterances of 3.3 s.
pub(crate) fn workers(count: usize, threads: usize) -> Result<Prepared, PrepareError> {
    let clip: Clip = speech::clip("librivox/0930")?;
    let audio = Arc::new(samples(&clip)?);
    let normalizer = normalizer()?;
    let workers = Workers::start(count, Case::of(AssetName::WhisperTinyEn).threads(threads), &audio)?;
    Ok(Prepared::new(
        workers,
        |workers| workers.transcribe_all(),
        move |_, answers| {
            let mut numbers: Vec<usize> = answers.iter().map(|(number, _)| *number).collect();
            numbers.sort_unstable();
            if !numbers.into_iter().eq(0..UTTERANCES) {
                return Err(WrongAnswer::new("not every utterance was answered once"));
            }
            answers
                .iter()
                .try_for_each(|(_, answer)| check_words(&normalizer, &clip, succeeded(answer)?, 0))
        },
    )
    .inputs(bytes(&audio)))
}

/// A transcription under way: the token that ends it, and what it answers.
struct UnderWay {
    cancel: Cancel,
    thread: thread::JoinHandle<Answer>,
}

impl UnderWay {
    /// Waits until the encoder has begun, or until there is nothing left to wait for, which the check tells.
    fn wait_for_encoder(&self) {
        while !self.cancel.encoder_has_begun() && !self.thread.is_finished() {
            thread::sleep(POLL);
        }
    }
}

/// How often the encoder is looked for. Its whole window takes some hundred milliseconds, so it is near its beginning
/// when it is found.
const POLL: Duration = Duration::from_millis(1);

/// From the cancelling of a transcription at the beginning of the encoder to its return. whisper.cpp asks for it at the
/// encoder's end.
pub(crate) fn cancel() -> Result<Prepared, PrepareError> {
    let recognizer = Arc::new(Mutex::new(Case::of(AssetName::WhisperTinyEn).recognizer()?));
    // Two windows, so that a cancelling that comes late by any accident still finds work to stop.
    let clip = samples(&speech::clip("librivox/0870")?)?;
    let audio: Arc<Vec<f32>> = Arc::new(clip.iter().copied().cycle().take(60 * 16_000).collect());
    let inputs = bytes(&audio);
    Ok(Prepared::with_input(
        (recognizer, audio),
        |(recognizer, audio)| {
            let cancel = Cancel::new();
            let (token, recognizer, audio) = (cancel.clone(), Arc::clone(recognizer), Arc::clone(audio));
            let thread = thread::spawn(move || {
                let mut recognizer = recognizer.lock().unwrap_or_else(PoisonError::into_inner);
                recognizer.transcribe(&audio, &token)
            });
            let under_way = UnderWay { cancel, thread };
            under_way.wait_for_encoder();
            under_way
        },
        |_, under_way| {
            under_way.cancel.cancel();
            under_way.thread.join()
        },
        |_, answer| match answer {
            Ok(Err(AsrError::Cancelled)) => Ok(()),
            _ => Err(WrongAnswer::new("it was not cancelled")),
        },
    )
    .inputs(inputs))
}
