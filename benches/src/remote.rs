//! The whole pipeline behind its server, with a client connected to it over a real socket.

use std::sync::Arc;

use voiceflow_protocol::Final;
use voiceflow_service::config::Tls;
use voiceflow_service::server::Server;
use voiceflow_transport::blocking::Client;

use crate::line::{Certificate, Line, Service, endpoint, runtime};
use crate::{Error, Level, Station, Studio, Take};

/// A server in the background and a client with an open connection.
pub struct Remote {
    // Hangs up before the pipeline goes.
    line: Line,
    studio: Studio,
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
        let made = Certificate::new()?;
        let certificate = studio.folder().join("certificate.pem");
        let private_key = studio.folder().join("key.pem");
        std::fs::write(&certificate, &made.chain_pem)?;
        std::fs::write(&private_key, &made.private_key_pem)?;
        studio.config_mut().server.tls = Some(Tls {
            certificate,
            private_key,
        });
        Self::serve(studio, Some(&made))
    }

    /// A pipeline with this much security and no more, behind its server.
    ///
    /// # Errors
    /// As [`Studio::open_at`], and whatever keeps server or client from starting.
    pub fn open_at(level: Level) -> Result<Self, Error> {
        let studio = Studio::open_at(level, "")?;
        if level.has_tls() {
            Self::open_tls(studio)
        } else {
            Self::open(studio)
        }
    }

    fn serve(studio: Studio, certificate: Option<&Certificate>) -> Result<Self, Error> {
        let runtime = runtime(1)?;
        let server = runtime.block_on(Server::bind(studio.config(), Arc::clone(studio.pipeline())))?;
        let trusted = certificate.map(Certificate::trusted).transpose()?;
        let token = studio.config().security.authentication.then(|| studio.token());
        let endpoint = endpoint(server.address(), trusted, token)?;
        let service = Service::start(runtime, endpoint, |stopped| server.run(stopped.wait()));
        Ok(Self {
            line: Line::open(service)?,
            studio,
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
        let pcm = take.pcm()?;
        Ok((take, pcm))
    }

    /// From the first message to the final answer.
    ///
    /// # Errors
    /// Whatever failed on the way, an answer that is an error included.
    pub fn dictate(&mut self, pcm: &[i16]) -> Result<Final, Error> {
        self.line.dictate(pcm)
    }
}

impl Station for Remote {
    fn next_take(&mut self) -> Result<(Take, Vec<i16>), Error> {
        Self::next_take(self)
    }

    fn dictate(&mut self, pcm: &[i16]) -> Result<Final, Error> {
        Self::dictate(self, pcm)
    }

    fn check(&self, take: &Take, _: usize, answer: &Final) -> Result<(), Error> {
        self.studio
            .check(take, answer.transcript_id, &answer.raw_text, &answer.text)
    }

    fn connect(&self) -> Result<Client, Error> {
        self.line.service().connect()
    }

    fn inputs(&self) -> String {
        self.studio.inputs()
    }
}
