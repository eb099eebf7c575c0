//! The server: listens, serves sessions from a pipeline, cleans the store up, and stops in good order.

use std::fs;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};
use voiceflow_transport::tls::{self, TlsError};
use voiceflow_transport::{BindError, Exposure, Gate, Limits, ServerOptions, bind, serve};

use crate::config::{Config, Database, Server as Settings};
use crate::pipeline::Pipeline;
use crate::reception::Reception;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A certificate or key file cannot be read.
    #[error("cannot read {}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Certificate and key are of no use.
    #[error("server.tls cannot be used")]
    Tls(#[from] TlsError),
    /// The system does not say on which address it listens.
    #[error("cannot tell the address listened on")]
    Address(#[source] io::Error),
}

/// A server that listens already and does not serve yet: clients may connect and will wait.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    options: ServerOptions,
    pipeline: Arc<Pipeline>,
    database: Database,
}

impl Server {
    /// Listens as `config` says.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn bind(config: &Config, pipeline: Arc<Pipeline>) -> Result<Self, ServerError> {
        let options = options(&config.server)?;
        // The settings refuse an address beyond loopback that is neither under TLS nor expressly unencrypted.
        let listener = bind(*config.server.listen.get_ref(), Exposure::Network).await?;
        let address = listener.local_addr().map_err(ServerError::Address)?;
        Ok(Self {
            listener,
            address,
            options,
            pipeline,
            database: config.database.clone(),
        })
    }

    /// Where the server listens, with the port that the system chose if the settings say 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` resolves and what is in the making is done.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            listener,
            options,
            pipeline,
            database,
            ..
        } = self;
        let cleaner = tokio::spawn(clean_up(Arc::clone(&pipeline), database));
        serve(listener, options, Arc::new(Reception::new(pipeline)), shutdown).await;
        cleaner.abort();
        // Cancelled or panicked, both are its end; a clean-up under way on a blocking thread runs to its own end.
        let _ = cleaner.await;
    }
}

fn options(settings: &Settings) -> Result<ServerOptions, ServerError> {
    let read = |file: &PathBuf| {
        fs::read(file).map_err(|source| ServerError::Read {
            file: file.clone(),
            source,
        })
    };
    let tls = match &settings.tls {
        Some(files) => Some(tls::server_config(
            &read(&files.certificate)?,
            &read(&files.private_key)?,
        )?),
        None => None,
    };
    let limits = Limits {
        connections_max: settings.connections_max,
        handshake_timeout: settings.handshake_timeout,
        idle_timeout: settings.idle_timeout,
        answer_timeout: settings.answer_timeout,
        drain_timeout: settings.drain_timeout,
        ..Limits::default()
    };
    Ok(ServerOptions {
        gate: Gate {
            origins: settings.origins.clone(),
        },
        limits,
        tls,
    })
}

/// Deletes old transcripts at the start and then at every interval, for as long as it is polled.
async fn clean_up(pipeline: Arc<Pipeline>, settings: Database) {
    let mut ticks = interval(settings.cleanup_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let pipeline = Arc::clone(&pipeline);
        let retention: Duration = settings.retention;
        match tokio::task::spawn_blocking(move || pipeline.delete_older_than(retention)).await {
            Ok(Ok(deleted)) => tracing::info!(deleted, "clean-up done"),
            Ok(Err(_)) | Err(_) => tracing::error!("clean-up failed; it will be tried again"),
        }
    }
}
