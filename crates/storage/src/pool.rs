//! Many connections to one file.
//!
//! r2d2 keeps them; the manager here opens them. Connections are opened when first needed and kept: each has a page
//! cache of decrypted pages, which is what makes reads fast. Nothing is asked of a connection when it is handed out: a
//! local file has no link that could have dropped meanwhile.

use std::sync::{Arc, Mutex, PoisonError};

use r2d2::{ManageConnection, NopErrorHandler, PooledConnection};
use rusqlite::Connection;

use crate::connection::{self, whole_ms};
use crate::error::{Place, StorageError};
use crate::options::StoreOptions;

/// A connection on loan; it goes back when dropped.
pub(crate) type Pooled = PooledConnection<Manager>;

pub(crate) struct Pool {
    pool: r2d2::Pool<Manager>,
    last_error: LastError,
    place: Arc<Place>,
}

/// r2d2 turns errors into text; this keeps the last one as it was.
type LastError = Arc<Mutex<Option<StorageError>>>;

pub(crate) struct Manager {
    options: StoreOptions,
    place: Arc<Place>,
    last_error: LastError,
}

impl Pool {
    /// Opens no connection yet.
    pub(crate) fn new(options: &StoreOptions, place: &Arc<Place>) -> Result<Self, StorageError> {
        if options.pool_size == 0 {
            return Err(StorageError::Setting {
                setting: "pool_size",
                minimum: 1,
            });
        }
        if options.busy_timeout.is_zero() {
            return Err(StorageError::Setting {
                setting: "busy_timeout in milliseconds",
                minimum: 1,
            });
        }
        let last_error = LastError::default();
        let manager = Manager {
            options: options.clone(),
            place: Arc::clone(place),
            last_error: Arc::clone(&last_error),
        };
        let pool = r2d2::Pool::builder()
            .max_size(options.pool_size)
            .min_idle(Some(0))
            .max_lifetime(None)
            .idle_timeout(None)
            .test_on_check_out(false)
            .connection_timeout(options.busy_timeout)
            .error_handler(Box::new(NopErrorHandler))
            .build_unchecked(manager);
        Ok(Self {
            pool,
            last_error,
            place: Arc::clone(place),
        })
    }

    /// A connection, waiting for one if all are in use.
    pub(crate) fn get(&self) -> Result<Pooled, StorageError> {
        self.pool.get().map_err(|_| {
            let opening = self.last_error.lock().unwrap_or_else(PoisonError::into_inner).take();
            opening.unwrap_or_else(|| StorageError::PoolBusy {
                size: self.pool.max_size(),
                waited_ms: whole_ms(self.pool.connection_timeout()),
            })
        })
    }

    /// A connection that nobody uses now, if there is one.
    pub(crate) fn idle(&self) -> Option<Pooled> {
        self.pool.try_get()
    }

    pub(crate) fn place(&self) -> &Arc<Place> {
        &self.place
    }
}

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = StorageError;

    fn connect(&self) -> Result<Connection, StorageError> {
        let opened = connection::open(&self.options, &self.place);
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = opened.as_ref().err().cloned();
        opened
    }

    fn is_valid(&self, connection: &mut Connection) -> Result<(), StorageError> {
        connection
            .query_row("SELECT 1", [], |_| Ok(()))
            .map_err(|error| self.place.error(&error))
    }

    /// A connection in the middle of a transaction would hold its lock for ever: SQLite rolls back when it is closed.
    fn has_broken(&self, connection: &mut Connection) -> bool {
        !connection.is_autocommit()
    }
}
