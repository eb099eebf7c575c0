//! Whole pipelines on the real models, ready to be measured: what the operations in `operations/` and the programs in
//! `impact/` and `scale/` have in common.
//!
//! Everything measured here crosses subsystems; what one subsystem does alone is measured in its own crate.

pub mod clocks;
pub mod closed_loop;
mod desk;
mod level;
mod line;
mod remote;
mod studio;

use voiceflow_protocol::Final;
use voiceflow_transport::blocking::Client;

pub use desk::{Desk, Kept};
pub use level::{Level, block_order};
pub use line::{Service, Stopped, dictate, endpoint, runtime};
pub use remote::Remote;
pub use studio::{Studio, Take, folder_on_disk};

/// Why something to measure could not be made.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A server with a client that dictates to it.
pub trait Station {
    /// The next recording, as it travels: 16-bit samples.
    ///
    /// # Errors
    /// If the file cannot be read.
    fn next_take(&mut self) -> Result<(Take, Vec<i16>), Error>;

    /// From the first message to the final answer, on the connection that is open.
    ///
    /// # Errors
    /// Whatever failed on the way, an answer that is an error included.
    fn dictate(&mut self, pcm: &[i16]) -> Result<Final, Error>;

    /// Whether the answer to `samples` of a take is right and the store holds it.
    ///
    /// # Errors
    /// Says what is wrong without repeating what was said.
    fn check(&self, take: &Take, samples: usize, answer: &Final) -> Result<(), Error>;

    /// One more connection, with a full handshake where there is TLS.
    ///
    /// # Errors
    /// Whatever keeps the client from connecting.
    fn connect(&self) -> Result<Client, Error>;

    /// What the digest of the inputs is made from.
    fn inputs(&self) -> String;
}

/// What a line begins with that is meant for the program that started this one: one JSON value.
pub const LINE_PREFIX: &str = "@sample ";

/// Tells the program that started this one something; whatever else a library prints is no such line.
///
/// # Errors
/// If nobody is there any more.
pub fn say(value: &serde_json::Value) -> Result<(), Error> {
    use std::io::Write as _;
    let mut output = std::io::stdout().lock();
    writeln!(output, "{LINE_PREFIX}{value}")?;
    Ok(output.flush()?)
}
