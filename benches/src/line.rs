//! Running servers and clients connected to them over real sockets, whatever it is that serves.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::{ClientConfig, ServerConfig};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use voiceflow_protocol::{Context, Final, Start};
use voiceflow_transport::blocking::Client;
use voiceflow_transport::{Endpoint, tls};

use crate::Error;

/// The longest wait for a server's threads; they have a row to write at most.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// Samples in one audio frame: 100 ms, as a microphone sends them.
const FRAME_SAMPLES: usize = 1600;

/// A server that runs until this goes.
pub struct Service {
    endpoint: Endpoint,
    stop: Option<oneshot::Sender<()>>,
    runtime: Option<Runtime>,
}

/// Resolves when a service is to stop.
pub struct Stopped(oneshot::Receiver<()>);

impl Stopped {
    /// Waits for it.
    pub async fn wait(self) {
        // An error means that whoever could say it is gone, which says it too.
        let _ = self.0.await;
    }
}

impl Service {
    /// Starts what `serve` makes on a runtime.
    pub fn start<S>(runtime: Runtime, endpoint: Endpoint, serve: impl FnOnce(Stopped) -> S) -> Self
    where
        S: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        runtime.spawn(serve(Stopped(stopped)));
        Self {
            endpoint,
            stop: Some(stop),
            runtime: Some(runtime),
        }
    }

    /// A connection to it, with a full handshake where there is TLS.
    ///
    /// # Errors
    /// Whatever keeps the client from connecting.
    pub fn connect(&self) -> Result<Client, Error> {
        Ok(Client::connect(&self.endpoint)?)
    }

    /// Ends it at once, whatever it is answering, and waits until its threads have let go of what they share: a
    /// database that is closed while the process ends crashes in OpenSSL, which has been cleaned up by then.
    pub fn cut_off(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(ENDS_WITHIN);
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.cut_off();
    }
}

/// Where a server listens, under TLS where a client's settings for it are given, and the token to show, where one is
/// needed.
///
/// # Errors
/// If the token is none that can be sent.
pub fn endpoint(
    address: SocketAddr,
    trusted: Option<Arc<ClientConfig>>,
    token: Option<&str>,
) -> Result<Endpoint, Error> {
    let scheme = if trusted.is_some() { "wss" } else { "ws" };
    let endpoint = Endpoint::new(&format!("{scheme}://{address}"), trusted)?;
    Ok(match token {
        Some(token) => endpoint.with_token(token)?,
        None => endpoint,
    })
}

/// A running server and a client that is connected to it.
pub(crate) struct Line {
    // Hangs up before the server is told to stop.
    client: Client,
    service: Service,
}

impl Line {
    pub(crate) fn open(service: Service) -> Result<Self, Error> {
        Ok(Self {
            client: service.connect()?,
            service,
        })
    }

    pub(crate) fn service(&self) -> &Service {
        &self.service
    }

    pub(crate) fn dictate(&mut self, pcm: &[i16]) -> Result<Final, Error> {
        dictate(&mut self.client, pcm)
    }
}

/// From the first message to the final answer. Frames are sent as fast as they are taken: what is measured is the
/// server's work and not the speed of speech.
///
/// # Errors
/// Whatever failed on the way, an answer that is an error included.
pub fn dictate(client: &mut Client, pcm: &[i16]) -> Result<Final, Error> {
    client.start(Start::new(Context::Notes))?;
    for frame in pcm.chunks(FRAME_SAMPLES) {
        client.audio(frame)?;
    }
    client.end()?;
    Ok(client.answer()?)
}

/// A runtime for a server.
///
/// # Errors
/// If the system has no threads left.
pub fn runtime(threads: usize) -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
}

/// A certificate for this machine's loopback address, made for one run.
pub(crate) struct Certificate {
    pub(crate) chain_pem: String,
    pub(crate) private_key_pem: String,
}

impl Certificate {
    pub(crate) fn new() -> Result<Self, Error> {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
        Ok(Self {
            chain_pem: made.cert.pem(),
            private_key_pem: made.signing_key.serialize_pem(),
        })
    }

    /// The settings of a server that shows it.
    pub(crate) fn server(&self) -> Result<Arc<ServerConfig>, Error> {
        Ok(tls::server_config(
            self.chain_pem.as_bytes(),
            self.private_key_pem.as_bytes(),
        )?)
    }

    /// The settings of a client that trusts it. It resumes no session, so each of its handshakes is a full one.
    pub(crate) fn trusted(&self) -> Result<Arc<ClientConfig>, Error> {
        let mut client = (*tls::client_config(self.chain_pem.as_bytes())?).clone();
        client.resumption = Resumption::disabled();
        Ok(Arc::new(client))
    }
}
