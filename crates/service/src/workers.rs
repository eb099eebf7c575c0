//! Threads that do the computing, and the bounded queue in front of them.
//!
//! Recogniser and language model each compute on all of a few cores, and their threads wait for each other many times in
//! a millisecond, so the two must never run at once: recognisers share the right to compute, and the language model takes
//! it alone. Waiting for it counts against the language model's time limit, which runs from the moment that the
//! transcript is ready.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;
use voiceflow_asr::{AsrError, Cancel, Model, Recognizer, RecognizerOptions};
use voiceflow_enhance::{Enhanced, Enhancer};
use voiceflow_protocol::Context;
use voiceflow_protocol::limits::SAMPLE_RATE_HZ;
use voiceflow_storage::{NewTranscript, Store};

use crate::compute::Compute;
use crate::pipeline::{Dictation, PipelineError, Utterance};

/// One utterance on its way.
struct Job {
    utterance: Utterance,
    submitted: Instant,
    cancel: Cancel,
    reply: oneshot::Sender<Result<Dictation, PipelineError>>,
}

/// The claim to an answer. Dropping it cancels the work.
#[derive(Debug)]
pub struct Ticket {
    answer: oneshot::Receiver<Result<Dictation, PipelineError>>,
    cancel: Cancel,
}

impl Ticket {
    /// Waits for the answer.
    ///
    /// # Errors
    /// [`PipelineError`].
    pub async fn answer(mut self) -> Result<Dictation, PipelineError> {
        (&mut self.answer).await.unwrap_or(Err(PipelineError::WorkerLost))
    }

    /// Waits for the answer, blocking. Not for use on a runtime's thread.
    ///
    /// # Errors
    /// [`PipelineError`].
    pub fn wait(mut self) -> Result<Dictation, PipelineError> {
        // The receiver is taken out and replaced by a closed one, because `self` has a destructor.
        let (_, closed) = oneshot::channel();
        std::mem::replace(&mut self.answer, closed)
            .blocking_recv()
            .unwrap_or(Err(PipelineError::WorkerLost))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// What every worker needs.
pub(crate) struct Shop {
    pub(crate) model: Model,
    pub(crate) recognizer: RecognizerOptions,
    pub(crate) enhancer: Enhancer,
    pub(crate) store: Store,
    /// Shared by recognisers, taken alone by the language model.
    compute: Compute,
}

impl Shop {
    pub(crate) fn new(model: Model, recognizer: RecognizerOptions, enhancer: Enhancer, store: Store) -> Self {
        Self {
            model,
            recognizer,
            enhancer,
            store,
            compute: Compute::default(),
        }
    }
}

/// The workers. Dropping them finishes what is queued.
pub(crate) struct Workers {
    /// None only while dropping.
    queue: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts `count` workers, each with a recogniser of its own, behind a queue of `queue_length`.
    pub(crate) fn start(shop: &Arc<Shop>, count: usize, queue_length: usize) -> Result<Self, PipelineError> {
        let (queue, jobs) = sync_channel(queue_length);
        let jobs = Arc::new(Mutex::new(jobs));
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let recognizer = shop.model.recognizer(&shop.recognizer)?;
            let worker = Worker {
                shop: Arc::clone(shop),
                recognizer,
            };
            let jobs = Arc::clone(&jobs);
            let thread = thread::Builder::new().name(format!("worker-{number}"));
            threads.push(
                thread
                    .spawn(move || worker.run(&jobs))
                    .map_err(PipelineError::NoThread)?,
            );
        }
        Ok(Self {
            queue: Some(queue),
            threads,
        })
    }

    /// Queues an utterance, without waiting.
    pub(crate) fn submit(&self, utterance: Utterance) -> Result<Ticket, PipelineError> {
        let (reply, answer) = oneshot::channel();
        let cancel = Cancel::new();
        let job = Job {
            utterance,
            submitted: Instant::now(),
            cancel: cancel.clone(),
            reply,
        };
        let queue = self.queue.as_ref().ok_or(PipelineError::WorkerLost)?;
        match queue.try_send(job) {
            Ok(()) => Ok(Ticket { answer, cancel }),
            Err(TrySendError::Full(_)) => Err(PipelineError::Overloaded),
            Err(TrySendError::Disconnected(_)) => Err(PipelineError::WorkerLost),
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Closing the queue lets each worker finish what is in it and end.
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A worker catches panics; if its thread panicked all the same, there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

struct Worker {
    shop: Arc<Shop>,
    recognizer: Recognizer,
}

impl Worker {
    fn run(mut self, jobs: &Mutex<Receiver<Job>>) {
        while let Some(job) = next(jobs) {
            let Job {
                utterance,
                submitted,
                cancel,
                reply,
            } = job;
            let work = AssertUnwindSafe(|| self.work(&utterance, submitted, &cancel));
            let answer = catch_unwind(work).unwrap_or_else(|_| {
                tracing::error!("a worker panicked; its recogniser is made anew");
                Err(PipelineError::WorkerLost)
            });
            let recognizer_is_suspect = matches!(answer, Err(PipelineError::WorkerLost));
            // The client may be gone, which is no error here.
            let _ = reply.send(answer);
            if recognizer_is_suspect {
                match self.shop.model.recognizer(&self.shop.recognizer) {
                    Ok(recognizer) => self.recognizer = recognizer,
                    Err(error) => {
                        tracing::error!(%error, "a worker ends: it cannot make another recogniser");
                        return;
                    }
                }
            }
        }
    }

    /// The whole way of one utterance. The client is looked for before each stage.
    fn work(&mut self, utterance: &Utterance, submitted: Instant, cancel: &Cancel) -> Result<Dictation, PipelineError> {
        let raw_text = self.recognize(&utterance.samples, cancel)?;
        let recognition = submitted.elapsed();
        let ready = Instant::now();
        stop_if(cancel)?;
        let shop = &self.shop;
        let Enhanced { text, source, .. } = enhance(&shop.enhancer, &shop.compute, ready, &raw_text, utterance.context);
        let enhancement = ready.elapsed();
        stop_if(cancel)?;
        let audio_ms = audio_ms(utterance.samples.len());
        let id = self.shop.store.insert(&NewTranscript {
            user: &utterance.user,
            created_ms: now_ms(),
            context: utterance.context,
            raw_text: &raw_text,
            enhanced_text: Some(&text),
            audio_ms,
        })?;
        tracing::info!(
            audio_ms,
            ?recognition,
            ?enhancement,
            source = source.as_str(),
            "utterance done"
        );
        Ok(Dictation {
            id,
            raw_text,
            text,
            source,
            audio_ms,
            recognition,
            enhancement,
        })
    }

    fn recognize(&mut self, samples: &[f32], cancel: &Cancel) -> Result<String, PipelineError> {
        stop_if(cancel)?;
        let _shared = self.shop.compute.share();
        let transcription = self
            .recognizer
            .transcribe(samples, cancel)
            .map_err(|error| match error {
                AsrError::Cancelled => PipelineError::Cancelled,
                other => other.into(),
            })?;
        if transcription.fallbacks > 0 {
            tracing::info!(fallbacks = transcription.fallbacks, "recognition was repeated");
        }
        Ok(transcription.text)
    }
}

/// Tidies a transcript that was ready at `ready`. The model computes alone or, where that is not had in time, not at all.
fn enhance(enhancer: &Enhancer, compute: &Compute, ready: Instant, raw_text: &str, context: Context) -> Enhanced {
    enhancer.enhance_since(ready, raw_text, context, |deadline| compute.alone_by(deadline))
}

fn next(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn stop_if(cancel: &Cancel) -> Result<(), PipelineError> {
    if cancel.is_cancelled() {
        Err(PipelineError::Cancelled)
    } else {
        Ok(())
    }
}

fn audio_ms(samples: usize) -> u32 {
    u32::try_from(samples as u64 * 1000 / u64::from(SAMPLE_RATE_HZ)).unwrap_or(u32::MAX)
}

pub(crate) fn now_ms() -> i64 {
    // Before 1970 only if the clock is wrong; such transcripts sort first and are cleaned up first.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use voiceflow_enhance::Source;

    use super::*;
    use crate::config::AiEnhancement;
    use crate::pipeline::enhancer;

    #[test]
    fn a_transcript_that_waits_too_long_for_recognisers_is_tidied_by_rules_and_counted_as_a_timeout() {
        let settings = AiEnhancement {
            timeout: Duration::from_millis(10),
            ..AiEnhancement::default()
        };
        let enhancer = enhancer(&settings, &[]).unwrap();
        let compute = Compute::default();
        let _recognising = compute.share();
        let dictated = "um the lamp hums at night";
        let enhanced = enhance(&enhancer, &compute, Instant::now(), dictated, Context::Notes);
        assert_eq!(enhanced.source, Source::RulesTimedOut);
        assert_eq!(enhanced.text, voiceflow_enhance::rules::tidy(dictated, Context::Notes));
        assert_eq!(enhancer.counters().of(Source::RulesTimedOut), 1);
    }
}
