//! What a store and its readers share: the pool, and the turn to write.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use crate::connection::Opener;
use crate::error::{Place, StorageError};
use crate::indexes;
use crate::pool::{Pool, Pooled};
use crate::turn::Turns;

pub(crate) struct Shared {
    pool: Arc<Pool>,
    opener: Arc<Opener>,
    /// Writers of this process queue here. SQLite's own queue is polling with sleeps of up to 100 ms.
    turns: Turns,
}

impl Shared {
    /// `first` is open already and becomes the pool's first connection.
    pub(crate) fn new(opener: Arc<Opener>, first: Connection) -> Result<Self, StorageError> {
        Ok(Self {
            pool: Arc::new(Pool::new(&opener, first)?),
            opener,
            turns: Turns::default(),
        })
    }

    /// A connection for reads, waiting for one if all are in use.
    pub(crate) fn reader(&self) -> Result<Pooled, StorageError> {
        self.pool.get()
    }

    /// A connection outside the pool.
    pub(crate) fn open(&self) -> Result<Connection, StorageError> {
        self.opener.open()
    }

    /// For another file, with the same key and in the same way.
    pub(crate) fn opener_at(&self, path: &Path) -> Opener {
        self.opener.at(path)
    }

    /// Runs `work` on a connection, when the turn to write comes. It is the connection used last: whoever reads next
    /// gets it too, and its page cache is the one that the commit leaves in order.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StorageError> {
        // The turn before the connection, so that waiting writers keep none from readers. Searches wait for the turn with
        // a connection in hand, so whoever has it must not wait for one of theirs.
        let _turn = self.turns.take();
        let connection = self.pool.get_to_write()?;
        work(&connection).map_err(|error| self.place().error(&error))
    }

    /// Takes one batch of waiting rows into the indexes; whether there may be more.
    pub(crate) fn index_batch(&self) -> Result<bool, StorageError> {
        self.write(indexes::index_batch)
    }

    /// Brings the indexes up to date with what is committed now, on a connection that the caller has already.
    pub(crate) fn index_waiting_on(&self, connection: &Connection) -> Result<(), StorageError> {
        // Batch by batch, each with a turn of its own, so that other writers come in between.
        loop {
            let _turn = self.turns.take();
            if !indexes::index_batch(connection).map_err(|error| self.place().error(&error))? {
                return Ok(());
            }
        }
    }

    /// Drops the cached pages of all connections not in use.
    pub(crate) fn release_memory(&self) -> Result<(), StorageError> {
        let idle: Vec<Pooled> = std::iter::from_fn(|| self.pool.idle()).collect();
        idle.iter()
            .try_for_each(|connection| connection.release_memory())
            .map_err(|error| self.place().error(&error))
    }

    pub(crate) fn place(&self) -> &Place {
        self.opener.place()
    }
}
