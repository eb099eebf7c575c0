//! What a store and its readers share: the pool, and the turn to write.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use crate::connection::Opener;
use crate::error::{Place, StorageError};
use crate::indexes;
use crate::pool::{Pool, Pooled};

pub(crate) struct Shared {
    pool: Arc<Pool>,
    opener: Arc<Opener>,
    /// Writers of this process queue here. SQLite's own queue is polling with sleeps of up to 100 ms.
    writer: Mutex<()>,
}

impl Shared {
    /// `first` is open already and becomes the pool's first connection.
    pub(crate) fn new(opener: Arc<Opener>, first: Connection) -> Result<Self, StorageError> {
        Ok(Self {
            pool: Arc::new(Pool::new(&opener, first)?),
            opener,
            writer: Mutex::new(()),
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

    /// Opens another file with the same key and in the same way.
    pub(crate) fn open_other(&self, path: &Path) -> Result<Connection, StorageError> {
        self.opener.at(path).open()
    }

    /// Runs `work` on a connection, when the turn to write comes. It is the connection used last: whoever reads next
    /// gets it too, and its page cache is the one that the commit leaves in order.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StorageError> {
        // The turn before the connection, so that waiting writers keep none from readers.
        let _turn = self.turn();
        let connection = self.pool.get()?;
        work(&connection).map_err(|error| self.place().error(&error))
    }

    /// Brings the indexes up to date with what is committed now.
    pub(crate) fn index_waiting(&self) -> Result<(), StorageError> {
        // Batch by batch, so that other writers come in between.
        while self.write(indexes::index_batch)? {}
        Ok(())
    }

    /// The same on a connection that the caller has already.
    pub(crate) fn index_waiting_on(&self, connection: &Connection) -> Result<(), StorageError> {
        loop {
            let _turn = self.turn();
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

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
