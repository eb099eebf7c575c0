//! What the caller of [`serve`](crate::serve) provides.

use std::future::Future;

use tokio::sync::mpsc::{self, Receiver, Sender};
use voiceflow_protocol::{AudioFrame, ErrorMessage, Final, Partial, Start};

use crate::ConnectionEnd;

/// Partials that may wait between a session and its connection. A newer one replaces an older one anyway, so a short
/// queue loses nothing of value.
const PARTIALS_WAITING_MAX: usize = 8;

/// The token, or its absence, does not open the door. It does not say why: the client learns that from whoever issued
/// the token, an attacker learns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unauthorized;

/// Decides who may connect and opens sessions.
pub trait Handler: Send + Sync + 'static {
    /// Who a connection belongs to.
    type Identity: Send + Sync + 'static;
    /// One utterance from start to answer.
    type Session: Session;

    /// Checks the token of an upgrade request. Runs inside the upgrade, so it must be quick and must not block.
    ///
    /// # Errors
    /// [`Unauthorized`] is answered with status 401.
    fn authenticate(&self, token: Option<&str>) -> Result<Self::Identity, Unauthorized>;

    /// Opens a session. `start` is well formed, not validated.
    ///
    /// # Errors
    /// The message is sent to the client, then the connection is closed.
    fn start(&self, identity: &Self::Identity, start: Start, partials: Partials)
    -> Result<Self::Session, ErrorMessage>;

    /// Told once for each connection how it ended.
    fn ended(&self, end: &ConnectionEnd) {
        let _ = end;
    }
}

/// One utterance. The order of calls is given by the types: any number of frames, then the end. Dropping a session, or
/// the future of its answer, means that the client is gone or has broken the rules: stop working on it.
pub trait Session: Send + 'static {
    /// Takes the next piece of audio. Must not block: the connection reads nothing meanwhile.
    ///
    /// # Errors
    /// The message is sent to the client, then the connection is closed.
    fn audio(&mut self, frame: AudioFrame<'_>) -> Result<(), ErrorMessage>;

    /// All audio is there: makes the answer.
    ///
    /// # Errors
    /// The message is sent to the client, then the connection is closed.
    fn finish(self) -> impl Future<Output = Result<Final, ErrorMessage>> + Send;
}

/// Sends the text so far to the client of a session.
#[derive(Debug)]
pub struct Partials {
    sender: Sender<Partial>,
    sequence: u32,
}

impl Partials {
    pub(crate) fn channel() -> (Self, Receiver<Partial>) {
        let (sender, receiver) = mpsc::channel(PARTIALS_WAITING_MAX);
        (Self { sender, sequence: 0 }, receiver)
    }

    /// Queues `text` and says whether there was room. A partial without room is lost, and its number with it, so that
    /// the client can see the gap. Never blocks.
    pub fn send(&mut self, text: String) -> bool {
        let partial = Partial {
            sequence: self.sequence,
            text,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.sender.try_send(partial).is_ok()
    }

    /// Whether the client is gone and nobody will read another partial.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}
