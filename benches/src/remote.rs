//! The same pipeline behind its server, with a client connected to it over a real socket.

use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use voiceflow_asr::audio;
use voiceflow_protocol::{Context, Final, Start};
use voiceflow_service::config::Tls;
use voiceflow_service::server::Server;
use voiceflow_transport::blocking::Client;
use voiceflow_transport::{Endpoint, tls};

use crate::{Error, Studio, Take};

/// Samples in one audio frame: 100 ms, as a microphone sends them.
const FRAME_SAMPLES: usize = 1600;

/// A server in the background and a client with an open connection. Frames are sent as fast as they are taken, so what
/// is measured is the server's work and not the speed of speech.
pub struct Remote {
    studio: Studio,
    client: Option<Client>,
    stop: Option<oneshot::Sender<()>>,
    runtime: Option<Runtime>,
}

impl Remote {
    /// Serves `studio` on a loopback port, in the clear.
    ///
    /// # Errors
    /// Whatever keeps server or client from starting.
    pub fn open(studio: Studio) -> Result<Self, Error> {
        Self::serve(studio, None)
    }

    /// The same under TLS 1.3, with a certificate made for it.
    ///
    /// # Errors
    /// Whatever keeps server or client from starting.
    pub fn open_tls(mut studio: Studio) -> Result<Self, Error> {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
        let certificate = studio.folder().join("certificate.pem");
        let private_key = studio.folder().join("key.pem");
        std::fs::write(&certificate, made.cert.pem())?;
        std::fs::write(&private_key, made.signing_key.serialize_pem())?;
        studio.config_mut().server.tls = Some(Tls {
            certificate,
            private_key,
        });
        let trusted = tls::client_config(made.cert.pem().as_bytes())?;
        Self::serve(studio, Some(trusted))
    }

    fn serve(studio: Studio, trusted: Option<Arc<rustls::ClientConfig>>) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let server = runtime.block_on(Server::bind(studio.config(), Arc::clone(studio.pipeline())))?;
        let scheme = if trusted.is_some() { "wss" } else { "ws" };
        let url = format!("{scheme}://{}", server.address());
        let (stop, stopped) = oneshot::channel::<()>();
        runtime.spawn(server.run(async {
            let _ = stopped.await;
        }));
        let endpoint = Endpoint::new(&url, trusted)?.with_token(studio.token())?;
        let client = Client::connect(&endpoint)?;
        Ok(Self {
            studio,
            client: Some(client),
            stop: Some(stop),
            runtime: Some(runtime),
        })
    }

    /// The pipeline behind the server.
    #[must_use]
    pub fn studio(&self) -> &Studio {
        &self.studio
    }

    /// The next take, read from its file as it travels: 16-bit samples.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn next_take(&mut self) -> Result<(Take, Vec<i16>), Error> {
        let take = self.studio.next_take();
        let samples = audio::read_wav(&take.path)?.samples;
        let pcm = samples
            .iter()
            .map(|sample| (sample * 32_768.0).clamp(-32_768.0, 32_767.0) as i16)
            .collect();
        Ok((take, pcm))
    }

    /// From the first message to the final answer.
    ///
    /// # Errors
    /// Whatever failed on the way, an answer that is an error included.
    pub fn dictate(&mut self, pcm: &[i16]) -> Result<Final, Error> {
        let client = self.client.as_mut().ok_or("the client has left")?;
        client.start(Start::new(Context::Notes))?;
        for frame in pcm.chunks(FRAME_SAMPLES) {
            client.audio(frame)?;
        }
        client.end()?;
        Ok(client.answer()?)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        drop(self.client.take());
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
