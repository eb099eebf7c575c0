//! WebSocket sessions as utterances: the transport's handler over a pipeline.
//!
//! Partial texts are not made: a second decode of growing audio would take the very cores that the answer needs. The
//! protocol lets a server leave them out.

use std::sync::Arc;

use voiceflow_asr::audio::pcm_i16_to_f32;
use voiceflow_enhance::Source;
use voiceflow_protocol::limits::SAMPLE_RATE_HZ;
use voiceflow_protocol::{AudioFrame, Context, ErrorCode, ErrorMessage, Final, Start, TextSource};
use voiceflow_transport::{ConnectionEnd, Handler, Partials, Session, Unauthorized};

use crate::guard::{Denied, Identity};
use crate::pipeline::{Dictation, Pipeline, PipelineError, Utterance};

/// Audio for which room is made at the start of a session: most utterances are shorter.
const USUAL_UTTERANCE_SAMPLES: usize = 10 * SAMPLE_RATE_HZ as usize;

/// Takes sessions in.
pub struct Reception {
    pipeline: Arc<Pipeline>,
}

impl Reception {
    /// A reception for `pipeline`.
    #[must_use]
    pub fn new(pipeline: Arc<Pipeline>) -> Self {
        Self { pipeline }
    }
}

impl Handler for Reception {
    type Identity = Identity;
    type Session = Listening;

    fn authenticate(&self, token: Option<&str>) -> Result<Identity, Unauthorized> {
        self.pipeline.guard().authenticate(token).map_err(|denied| {
            tracing::debug!(%denied, "token refused");
            Unauthorized
        })
    }

    fn start(&self, identity: &Identity, start: Start, _: Partials) -> Result<Listening, ErrorMessage> {
        self.pipeline.admit(identity, &start).map_err(|error| explain(&error))?;
        Ok(Listening {
            pipeline: Arc::clone(&self.pipeline),
            user: Arc::clone(&identity.user),
            context: start.context,
            samples: Vec::with_capacity(USUAL_UTTERANCE_SAMPLES),
        })
    }

    fn ended(&self, end: &ConnectionEnd) {
        tracing::info!(?end, "connection ended");
    }
}

/// An utterance while its audio comes in.
pub struct Listening {
    pipeline: Arc<Pipeline>,
    user: Arc<str>,
    context: Context,
    samples: Vec<f32>,
}

impl Session for Listening {
    fn audio(&mut self, frame: AudioFrame<'_>) -> Result<(), ErrorMessage> {
        let length = self.samples.len() + frame.sample_count();
        self.pipeline.check_length(length).map_err(|error| explain(&error))?;
        let pcm: Vec<i16> = frame.samples().collect();
        pcm_i16_to_f32(&pcm, &mut self.samples);
        Ok(())
    }

    /// Dropping this future drops the ticket, which cancels the work.
    async fn finish(self) -> Result<Final, ErrorMessage> {
        let Self {
            pipeline,
            user,
            context,
            samples,
        } = self;
        let ticket = pipeline
            .submit(Utterance { user, context, samples })
            .map_err(|error| explain(&error))?;
        ticket.answer().await.map(last).map_err(|error| explain(&error))
    }
}

fn last(dictation: Dictation) -> Final {
    let whole_ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Final {
        transcript_id: dictation.id.0,
        text: dictation.text,
        raw_text: dictation.raw_text,
        source: match dictation.source {
            Source::Model => TextSource::Model,
            Source::Cache => TextSource::Cache,
            Source::RulesDisabled
            | Source::RulesEmpty
            | Source::RulesTooLong
            | Source::RulesStrayed
            | Source::RulesTimedOut
            | Source::RulesFailed => TextSource::Rules,
        },
        audio_ms: u64::from(dictation.audio_ms),
        recognition_ms: whole_ms(dictation.recognition),
        enhancement_ms: whole_ms(dictation.enhancement),
    }
}

/// What the client is told. The server's own faults go to its log, without their paths, and not to the client.
fn explain(error: &PipelineError) -> ErrorMessage {
    let code = match error {
        PipelineError::Denied(Denied::NoToken | Denied::Token(_)) => ErrorCode::Unauthorized,
        PipelineError::Denied(Denied::RateLimited(_)) => ErrorCode::RateLimited,
        PipelineError::Denied(Denied::Rejected(_)) | PipelineError::NoAudio | PipelineError::Language { .. } => {
            ErrorCode::Invalid
        }
        PipelineError::TooLong { .. } => ErrorCode::TooLarge,
        PipelineError::Overloaded => ErrorCode::Overloaded,
        PipelineError::Cancelled
        | PipelineError::WorkerLost
        | PipelineError::NoThread(_)
        | PipelineError::Model(_)
        | PipelineError::Recognition(_)
        | PipelineError::Enhancement(_)
        | PipelineError::Storage(_)
        | PipelineError::Tokens(_)
        | PipelineError::NoKey => {
            tracing::error!(kind = error.kind(), "an utterance failed");
            return ErrorMessage::new(ErrorCode::Internal, "the server failed; try again");
        }
    };
    ErrorMessage::new(code, error.to_string())
}

impl PipelineError {
    /// A name for logs, where the whole message might hold a path.
    fn kind(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::NoAudio => "no audio",
            Self::TooLong { .. } => "too long",
            Self::Language { .. } => "language",
            Self::Overloaded => "overloaded",
            Self::Cancelled => "cancelled",
            Self::WorkerLost => "worker lost",
            Self::NoThread(_) => "no thread",
            Self::Model(_) => "model",
            Self::Recognition(_) => "recognition",
            Self::Enhancement(_) => "enhancement",
            Self::Storage(_) => "storage",
            Self::Tokens(_) => "tokens",
            Self::NoKey => "no key",
        }
    }
}
